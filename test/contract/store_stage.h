/*
 * What the store's contract is told with: a world with Anna, Boris and Clara, each with one device, and calls that submit one thing
 * and wait for its answer. Needs cmocka's headers before it.
 */
#ifndef GALKA_TEST_CONTRACT_STORE_STAGE_H
#define GALKA_TEST_CONTRACT_STORE_STAGE_H

#include "contract/store_driver.h"
#include "support/by_hand.h"

#define STAGE_START_MS UINT64_C(1750000000000)
#define STAGE_WAIT_MS  20000

/* The driver that is tried now. */
extern const struct store_driver *driver;

struct account {
        uint64_t user, device;
        const char *user_name;
};

struct stage {
        struct hand_clock clock;
        struct hand_random random;
        struct arena arena;
        void *world;
        struct store *store;
        uint64_t ids; /* given out */
        struct account anna, boris, clara;
};

/* cmocka's set-up and tear-down. Tear-down asks the store to check itself. */
int stage_new(void **state);
int stage_free(void **state);

/* Tries all tests on all drivers. Returns main's answer. */
int stage_run(const char *name, const struct CMUnitTest *tests, size_t count);

#define STAGE_TEST(name)       cmocka_unit_test_setup_teardown(name, stage_new, stage_free)
#define STAGE_RUN(name, tests) stage_run(name, tests, countof(tests))

/* Closes everything and opens it again. */
void stage_reopen(struct stage *stage);

/* The same; before that the one number that a SELECT gives which any driver's tables understand. */
uint64_t stage_look(struct stage *stage, const char *sql);

/* A UUIDv7 of now, different each time. */
struct id stage_id(struct stage *stage);

/* ---- applying ---- */

/* Waits for the one completion of `tag`; returns its outcome. */
enum outcome stage_await(struct store *store, uint64_t tag);

/* All of them in one transaction, which must succeed. */
void apply(struct stage *stage, const struct store_op *ops, size_t count, struct store_result *results);
struct store_result apply_one(struct stage *stage, const struct store_op *op);

/* Makes a user with one device. */
struct account account_new(struct stage *stage, const char *user_name, const char *display_name);

struct store_op write_op(struct stage *stage, const struct account *sender, struct id room, const char *text);
struct store_op mark_op(struct stage *stage, const struct account *member, struct id room, uint64_t delivered, uint64_t read,
                        uint64_t shown);
struct store_op sign_out_op(struct stage *stage, const struct account *sender, uint64_t device);

/* Writes a text; it must succeed. Returns its number. */
uint64_t say(struct stage *stage, const struct account *sender, struct id room, const char *text);
struct store_result mark(struct stage *stage, const struct account *member, struct id room, uint64_t delivered,
                         uint64_t read, uint64_t shown);

/* ---- asking ---- */

struct store_answer ask(struct stage *stage, const struct store_question *question);
struct store_question question_of(enum store_question_kind kind, const struct account *asker);

/* The newest rows of a room. */
struct store_answer rows_of(struct stage *stage, const struct account *asker, struct id room);

/* "text text …", newest first. In static memory. */
const char *texts_of(const struct store_row *rows, size_t count);

void assert_slice(struct slice slice, const char *text);

#endif
