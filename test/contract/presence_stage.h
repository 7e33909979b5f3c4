/* A world of presence on each driver, for its contract: a worker's handle and a frontend's. Needs cmocka's headers before it. */
#ifndef GALKA_TEST_CONTRACT_PRESENCE_STAGE_H
#define GALKA_TEST_CONTRACT_PRESENCE_STAGE_H

#include "seam/presence.h"
#include "support/by_hand.h"

#define WAIT_MS 5000

/* A world is one server of presence; its time is the test's. What a driver cannot do is NULL. */
struct presence_driver {
        const char *name;
        bool has_fd;
        bool is_bounded; /* FULL is said when it knows too many */
        size_t submits_max;
        void *(*world_new)(struct clock *clock);
        void (*world_free)(void *world);
        struct presence *(*open)(void *world);
        void (*forget)(void *world, size_t newest);
        void (*advance)(uint64_t ms); /* its time, if it is not the clock's */
};

/* The one that is tried now. */
extern const struct presence_driver *driver;

extern const struct id epoch_a, epoch_b;

struct stage {
        void *world;
        struct hand_clock clock;
        struct presence *frontend, *worker;
        struct arena arena;
};

/* cmocka's set-up and tear-down. */
int stage_new(void **state);
int stage_free(void **state);

/* The next completion. */
struct completion await(struct presence *presence);

/* One batch, which must succeed; one request. */
void submit(struct stage *stage, struct presence *presence, const struct presence_request *requests, size_t count,
            struct presence_result *results);
struct presence_result one(struct stage *stage, struct presence *presence, enum presence_kind kind,
                           struct presence_entry entry);

/* Device: connection + 1000; frontend: 1 of epoch_a, else 2. */
struct presence_entry entry_of(uint64_t user, uint64_t connection, const struct id *epoch);

/* By the worker's handle, the last by the frontend's. */
struct presence_result set(struct stage *stage, uint64_t user, uint64_t connection, const struct id *epoch);
struct presence_result get(struct stage *stage, uint64_t user);
struct presence_result beat(struct stage *stage, const struct id *epoch);

/* Time passes, for whatever tells it here. */
void advance_ms(struct stage *stage, uint64_t ms);

#define TEST(name) cmocka_unit_test_setup_teardown(name, stage_new, stage_free)

/* Tries all tests on all drivers. Returns main's answer. */
int stage_run(const struct CMUnitTest *tests, size_t count);

#endif
