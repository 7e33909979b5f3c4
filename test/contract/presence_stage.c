/* See presence_stage.h. */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// clang-format off
#include <cmocka.h>
// clang-format on

#include "base/assert.h"
#include "base/memory.h"
#include "contract/presence_stage.h"
#include "driver/presence/memory.h"
#include "driver/presence/redis.h"
#include "loop/loop.h"
#include "support/redis_server.h"

/* ---- drivers ---- */

static void *memory_world(enum presence_memory_mode mode, struct clock *clock)
{
        struct presence_memory_options options = {.mode = mode, .clock = clock, .entries_max = 20000};
        struct presence_memory *memory;

        check(presence_memory_new(&options, &memory) == ERR_OK);
        return memory;
}

static void *threaded_world(struct clock *clock)
{
        return memory_world(PRESENCE_MEMORY_THREADED, clock);
}

static void *inline_world(struct clock *clock)
{
        return memory_world(PRESENCE_MEMORY_INLINE, clock);
}

static void memory_world_free(void *world)
{
        struct presence_memory *memory = world;

        presence_memory_free(&memory);
}

static struct presence *memory_open(void *world)
{
        struct presence *presence;

        check(presence_memory_open(world, &presence) == ERR_OK);
        return presence;
}

static void memory_forget(void *world, size_t newest)
{
        presence_memory_forget(world, newest);
}

/* One server for all worlds, emptied for each. Its time is its own. */
static struct redis_server redis_server;
static struct clock real_clock;

static void *redis_world(struct clock *clock)
{
        struct presence_redis_options options = {.host = redis_server.socket, .clock = &real_clock};
        char text[REDIS_ERROR_SIZE];
        struct presence_redis *redis;

        (void)clock;
        check(redis_server_do(&redis_server, "FLUSHALL") == 0);
        check(presence_redis_new(&options, &redis, text) == ERR_OK);
        return redis;
}

static void redis_world_free(void *world)
{
        struct presence_redis *redis = world;

        presence_redis_free(&redis);
}

/* A handle that has connected: until then its descriptor has much to tell. */
static struct presence *redis_open(void *world)
{
        static const struct arena_source heap = {memory_new, memory_free};
        struct presence_request request = {.kind = PRESENCE_GET, .entry.user = 1};
        struct presence_result result;
        struct completion completion;
        struct presence *presence;
        struct arena arena;

        arena_init(&arena, &heap, 4096, 4096);
        check(presence_redis_open(world, &presence) == ERR_OK);
        check(presence->ops->submit(presence, &request, 1, &result, &arena, 1) == ERR_OK);
        while (presence->ops->poll(presence, &completion, 1) == 0)
                check(poll(&(struct pollfd){.fd = presence->ops->fd(presence), .events = POLLIN}, 1, WAIT_MS) == 1);
        check(completion.outcome == OUTCOME_OK && result.count == 0);
        arena_finish(&arena);
        return presence;
}

static void redis_advance(uint64_t ms)
{
        redis_server_advance_ms(&redis_server, ms);
}

static const struct presence_driver drivers[] = {
        {"presence, memory, threaded", true, true, PRESENCE_SUBMITS_MAX, threaded_world, memory_world_free, memory_open,
         NULL, NULL},
        {"presence, memory, inline", false, true, PRESENCE_SUBMITS_MAX, inline_world, memory_world_free, memory_open,
         memory_forget, NULL},
        {"presence, Redis", true, false, REDIS_SUBMITS_MAX, redis_world, redis_world_free, redis_open, NULL, redis_advance},
};

const struct presence_driver *driver;

/* ---- the stage: a worker and a frontend ---- */

static const struct arena_source heap_source = {memory_new, memory_free};
const struct id epoch_a = {"epoch of front-a"}, epoch_b = {"epoch of front-b"};

int stage_new(void **state)
{
        struct stage *stage = memory_new(sizeof(*stage));

        if (!stage)
                return -1;
        hand_clock_init(&stage->clock, 1700000000000);
        stage->world = driver->world_new(&stage->clock.clock);
        stage->frontend = driver->open(stage->world);
        stage->worker = driver->open(stage->world);
        arena_init(&stage->arena, &heap_source, 65536, 16 << 20);
        *state = stage;
        return 0;
}

int stage_free(void **state)
{
        struct stage *stage = *state;

        stage->frontend->ops->free(&stage->frontend);
        stage->worker->ops->free(&stage->worker);
        driver->world_free(stage->world);
        arena_finish(&stage->arena);
        memory_free(stage);
        return 0;
}

struct completion await(struct presence *presence)
{
        struct completion completion;

        while (presence->ops->poll(presence, &completion, 1) == 0) {
                struct pollfd waiting = {.fd = presence->ops->fd(presence), .events = POLLIN};

                assert_true(driver->has_fd && poll(&waiting, 1, WAIT_MS) == 1);
        }
        return completion;
}

void submit(struct stage *stage, struct presence *presence, const struct presence_request *requests, size_t count,
            struct presence_result *results)
{
        struct completion completion;

        assert_int_equal(presence->ops->submit(presence, requests, count, results, &stage->arena, 7), ERR_OK);
        completion = await(presence);
        assert_int_equal(completion.tag, 7);
        assert_int_equal(completion.outcome, OUTCOME_OK);
}

struct presence_result one(struct stage *stage, struct presence *presence, enum presence_kind kind,
                           struct presence_entry entry)
{
        struct presence_request request = {.kind = kind, .entry = entry};
        struct presence_result result;

        submit(stage, presence, &request, 1, &result);
        return result;
}

struct presence_entry entry_of(uint64_t user, uint64_t connection, const struct id *epoch)
{
        return (struct presence_entry){.user = user,
                                       .connection = connection,
                                       .device = connection + 1000,
                                       .epoch = *epoch,
                                       .frontend = id_equal(epoch, &epoch_a) ? 1 : 2};
}

struct presence_result set(struct stage *stage, uint64_t user, uint64_t connection, const struct id *epoch)
{
        return one(stage, stage->worker, PRESENCE_SET, entry_of(user, connection, epoch));
}

struct presence_result get(struct stage *stage, uint64_t user)
{
        return one(stage, stage->worker, PRESENCE_GET, (struct presence_entry){.user = user});
}

struct presence_result beat(struct stage *stage, const struct id *epoch)
{
        return one(stage, stage->frontend, PRESENCE_BEAT, entry_of(0, 0, epoch));
}

void advance_ms(struct stage *stage, uint64_t ms)
{
        hand_clock_advance_ms(&stage->clock, ms);
        if (driver->advance)
                driver->advance(ms);
}

int stage_run(const struct CMUnitTest *tests, size_t count)
{
        int failed = 0;

        loop_clock_init(&real_clock);
        redis_server_init(&redis_server);
        redis_server_start(&redis_server, NULL);
        for (size_t i = 0; i < countof(drivers); i++) {
                driver = &drivers[i];
                failed += _cmocka_run_group_tests(driver->name, tests, count, NULL, NULL);
        }
        redis_server_finish(&redis_server);
        return failed;
}
