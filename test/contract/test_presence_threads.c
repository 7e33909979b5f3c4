/* Presence among threads, for TSan: each thread has a handle, sets, gets and removes its own users, and looks at everybody's. */
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/assert.h"
#include "base/memory.h"
#include "driver/presence/memory.h"
#include "driver/presence/redis.h"
#include "loop/loop.h"
#include "support/by_hand.h"
#include "support/redis_server.h"

#define THREADS      3
#define USERS        300 /* of one thread */
#define ROUNDS       10
#define ROUNDS_REDIS 2
#define WAIT_MS      5000

static const struct arena_source heap_source = {memory_new, memory_free};

struct actor {
        enum error (*open)(void *world, struct presence **presence);
        void *world;
        uint64_t number;
        int rounds;
};

static struct presence_result ask(struct presence *presence, struct arena *arena, enum presence_kind kind,
                                  const struct presence_entry *entry)
{
        struct presence_request request = {.kind = kind, .entry = *entry};
        struct presence_result result;
        struct completion completion;

        arena_reset(arena);
        check(presence->ops->submit(presence, &request, 1, &result, arena, 1) == ERR_OK);
        while (presence->ops->poll(presence, &completion, 1) == 0)
                check(poll(&(struct pollfd){.fd = presence->ops->fd(presence), .events = POLLIN}, 1, WAIT_MS) == 1);
        check(completion.outcome == OUTCOME_OK);
        return result;
}

static void *act(void *argument)
{
        const struct actor *actor = argument;
        struct presence_entry entry = {.connection = 1, .device = 1, .frontend = (uint16_t)actor->number};
        struct presence *presence;
        struct arena arena;

        arena_init(&arena, &heap_source, 4096, 65536);
        be64_put(entry.epoch.bytes, actor->number + 1);
        check(actor->open(actor->world, &presence) == ERR_OK);
        for (int round = 0; round < actor->rounds; round++) {
                for (uint64_t i = 0; i < USERS; i++) {
                        struct presence_entry other = {.user = 1 + (actor->number * USERS + i * 7) % (THREADS * USERS)};

                        entry.user = 1 + actor->number * USERS + i;
                        ask(presence, &arena, PRESENCE_SET, &entry);
                        check(ask(presence, &arena, PRESENCE_GET, &entry).count == 1);
                        check(ask(presence, &arena, PRESENCE_GET, &other).count <= 1);
                        if (i % 2)
                                ask(presence, &arena, PRESENCE_REMOVE, &entry);
                }
                check(!ask(presence, &arena, PRESENCE_BEAT, &entry).forgot);
        }
        ask(presence, &arena, PRESENCE_END, &entry);
        for (uint64_t i = 0; i < USERS; i++) {
                entry.user = 1 + actor->number * USERS + i;
                check(ask(presence, &arena, PRESENCE_GET, &entry).count == 0);
        }
        presence->ops->free(&presence);
        arena_finish(&arena);
        return NULL;
}

static void act_all(struct actor actor)
{
        struct actor actors[THREADS];
        pthread_t threads[THREADS];

        for (size_t i = 0; i < THREADS; i++) {
                actors[i] = actor;
                actors[i].number = i;
                assert_int_equal(pthread_create(&threads[i], NULL, act, &actors[i]), 0);
        }
        for (size_t i = 0; i < THREADS; i++)
                pthread_join(threads[i], NULL);
}

static enum error open_memory(void *world, struct presence **presence)
{
        return presence_memory_open(world, presence);
}

static void test_memory_among_threads(void **state)
{
        struct hand_clock clock;
        struct presence_memory_options options = {.mode = PRESENCE_MEMORY_THREADED, .clock = &clock.clock};
        struct presence_memory *memory;

        (void)state;
        hand_clock_init(&clock, 0);
        assert_int_equal(presence_memory_new(&options, &memory), ERR_OK);
        act_all((struct actor){.open = open_memory, .world = memory, .rounds = ROUNDS});
        presence_memory_free(&memory);
}

static enum error open_redis(void *world, struct presence **presence)
{
        return presence_redis_open(world, presence);
}

static void test_redis_among_threads(void **state)
{
        struct redis_server server;
        struct clock clock;
        struct presence_redis_options options = {.host = "localhost", .clock = &clock};
        struct presence_redis *redis;
        char text[REDIS_ERROR_SIZE];

        (void)state;
        loop_clock_init(&clock);
        redis_server_init(&server);
        redis_server_start(&server, NULL);
        options.port = server.port;
        assert_int_equal(presence_redis_new(&options, &redis, text), ERR_OK);
        act_all((struct actor){.open = open_redis, .world = redis, .rounds = ROUNDS_REDIS});
        presence_redis_free(&redis);
        redis_server_finish(&server);
}

/* The goal for a whole connection is 512 bytes, presence included. */
static void test_bytes_per_user(void **state)
{
        enum { USERS_MANY = 50000, BYTES_MAX = 48 };
        struct hand_clock clock;
        struct presence_memory_options options = {.mode = PRESENCE_MEMORY_THREADED, .clock = &clock.clock};
        struct hand_random random;
        struct presence_memory *memory;
        struct presence *presence;
        struct presence_memory_size empty, size;
        struct arena arena;

        (void)state;
        hand_clock_init(&clock, 0);
        hand_random_init(&random, 1);
        arena_init(&arena, &heap_source, 4096, 65536);
        assert_int_equal(presence_memory_new(&options, &memory), ERR_OK);
        assert_int_equal(presence_memory_open(memory, &presence), ERR_OK);
        empty = presence_memory_size(memory);
        for (uint64_t i = 0; i < USERS_MANY; i++) {
                struct presence_entry entry = {.user = random_id63(&random.random), .connection = i, .frontend = 1};

                ask(presence, &arena, PRESENCE_SET, &entry);
        }
        size = presence_memory_size(memory);
        assert_int_equal(size.entries, USERS_MANY);
        assert_in_range((size.bytes - empty.bytes) / USERS_MANY, 32, BYTES_MAX);
        presence->ops->free(&presence);
        presence_memory_free(&memory);
        arena_finish(&arena);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {cmocka_unit_test(test_memory_among_threads),
                                                  cmocka_unit_test(test_redis_among_threads),
                                                  cmocka_unit_test(test_bytes_per_user)};

        return cmocka_run_group_tests_name("presence, among threads", tests, NULL, NULL);
}
