/* What tests of presence in Redis stand on: a server of their own, one handle, its log. */
#ifndef GALKA_TEST_CONTRACT_REDIS_STAGE_H
#define GALKA_TEST_CONTRACT_REDIS_STAGE_H

#include "base/arena.h"
#include "driver/presence/redis.h"
#include "support/redis_server.h"

#define STAGE_WAIT_MS 10000

struct redis_stage {
        struct redis_server server;
        struct clock clock;
        struct event_sink events;
        char log[4096]; /* names of events, each with a blank */
        struct presence_redis *redis;
        struct presence *presence;
        struct arena arena;
};

extern const struct id redis_epoch;

/* The server runs, and the handle has been heard. cmocka's setup and teardown; the clock and the sink are there before. */
int redis_stage_new(void **state);
int redis_stage_free(void **state);

/* Another handle. */
struct presence *redis_stage_open(struct redis_stage *stage);

struct completion redis_await(struct presence *presence);

/* Submits and waits. */
enum outcome redis_submit_all(struct redis_stage *stage, struct presence *presence, const struct presence_request *requests,
                              size_t count, struct presence_result *results);
enum outcome redis_do(struct redis_stage *stage, struct presence *presence, enum presence_kind kind, uint64_t user,
                      uint64_t connection, struct presence_result *result);

/* The same again and again until it is OK, which must be within STAGE_WAIT_MS. How long it took. */
uint64_t redis_do_until_ok(struct redis_stage *stage, struct presence *presence, enum presence_kind kind, uint64_t user,
                           uint64_t connection, struct presence_result *result);

/* How many connections of the user are known. */
size_t redis_count(struct redis_stage *stage, struct presence *presence, uint64_t user);

uint64_t redis_stage_now_ms(struct redis_stage *stage);

#endif
