/* What stories of the store on PostgreSQL are told with: Anna and Boris, texts and a mark of theirs in their room, and what must be
 * true of them in the end. Needs cmocka's headers before it. */
#ifndef GALKA_TEST_CONTRACT_POSTGRES_STAGE_H
#define GALKA_TEST_CONTRACT_POSTGRES_STAGE_H

#include "driver/store/postgres/inside.h"
#include "driver/store/postgres/transaction.h"
#include "support/by_hand.h"
#include "support/relay.h"

#define START_MS  UINT64_C(1750000000000)
#define STEP_OPS  3
#define LINE_SIZE 256

struct stage {
        struct hand_clock clock;
        struct store_postgres_options options;
        struct store_postgres *postgres;
        struct store *store;
        struct relay *relay; /* the store goes through it, if there is one */
        struct arena arena;
        uint64_t ids;
        char uri[LINE_SIZE], texts[STEP_OPS][16];
        struct store_op ops[STEP_OPS + 1];
        struct store_result results[STORE_OPS_MAX];
        uint64_t acknowledged; /* texts that the store said it has */
};

/* cmocka's set-up and tear-down. Tear-down asks the store to check itself, and whether each text is there once. */
int stage_new(void **state);
int stage_free(void **state);

void open_store(struct stage *stage);
void close_store(struct stage *stage);

/* Waits for one completion; somebody is always told in the end. */
enum outcome await(struct stage *stage, int wait_ms);
enum outcome apply(struct stage *stage, const struct store_op *ops, size_t count);
enum outcome ask(struct stage *stage, const struct store_question *question, struct store_answer *answer);

/* New texts of both in their room, and a mark. */
void plan(struct stage *stage);

/* What was submitted came to `first`: it is submitted until it is done, and must then be there once, with its first answer. */
void settle(struct stage *stage, enum outcome first);

#define STAGE_TEST(name) cmocka_unit_test_setup_teardown(name, stage_new, stage_free)

#endif
