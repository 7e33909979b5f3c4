/* See redis_stage.h. */
#include "redis_stage.h"

#include <poll.h>
#include <stdio.h>

#include "base/assert.h"
#include "base/memory.h"
#include "loop/loop.h"

const struct id redis_epoch = {"epoch of a front"};

static const struct arena_source heap_source = {memory_new, memory_free};

uint64_t redis_stage_now_ms(struct redis_stage *stage)
{
        return clock_monotonic_ms(&stage->clock);
}

static void note(struct event_sink *sink, const struct event *event)
{
        struct redis_stage *stage = container_of(sink, struct redis_stage, events);
        size_t size = strlen(stage->log);

        snprintf(stage->log + size, sizeof(stage->log) - size, "%s ", event->name);
}

int redis_stage_new(void **state)
{
        struct redis_stage *stage = memory_new(sizeof(*stage));
        struct presence_redis_options options = {0};
        char text[REDIS_ERROR_SIZE];

        check(stage);
        loop_clock_init(&stage->clock);
        stage->events.write = note;
        redis_server_init(&stage->server);
        redis_server_start(&stage->server, NULL);
        options.host = "127.0.0.1";
        options.port = stage->server.port;
        options.clock = &stage->clock;
        options.events = &stage->events;
        check(presence_redis_new(&options, &stage->redis, text) == ERR_OK);
        arena_init(&stage->arena, &heap_source, 65536, 64 << 20);
        stage->presence = redis_stage_open(stage);
        *state = stage;
        return 0;
}

int redis_stage_free(void **state)
{
        struct redis_stage *stage = *state;

        stage->presence->ops->free(&stage->presence);
        presence_redis_free(&stage->redis);
        redis_server_finish(&stage->server);
        arena_finish(&stage->arena);
        memory_free(stage);
        return 0;
}

struct presence *redis_stage_open(struct redis_stage *stage)
{
        struct presence *presence;

        check(presence_redis_open(stage->redis, &presence) == ERR_OK);
        check(redis_count(stage, presence, 1) == 0);
        return presence;
}

struct completion redis_await(struct presence *presence)
{
        struct completion completion;

        while (presence->ops->poll(presence, &completion, 1) == 0) {
                struct pollfd waiting = {.fd = presence->ops->fd(presence), .events = POLLIN};

                check(poll(&waiting, 1, STAGE_WAIT_MS) == 1);
        }
        return completion;
}

enum outcome redis_submit_all(struct redis_stage *stage, struct presence *presence, const struct presence_request *requests,
                              size_t count, struct presence_result *results)
{
        struct completion completion;

        check(presence->ops->submit(presence, requests, count, results, &stage->arena, count + 1) == ERR_OK);
        completion = redis_await(presence);
        check(completion.tag == count + 1);
        return completion.outcome;
}

enum outcome redis_do(struct redis_stage *stage, struct presence *presence, enum presence_kind kind, uint64_t user,
                      uint64_t connection, struct presence_result *result)
{
        struct presence_request request = {
                .kind = kind,
                .entry = {.user = user, .connection = connection, .device = 7, .epoch = redis_epoch, .frontend = 3}};

        return redis_submit_all(stage, presence, &request, 1, result);
}

uint64_t redis_do_until_ok(struct redis_stage *stage, struct presence *presence, enum presence_kind kind, uint64_t user,
                           uint64_t connection, struct presence_result *result)
{
        uint64_t since_ms = redis_stage_now_ms(stage);

        while (redis_do(stage, presence, kind, user, connection, result) != OUTCOME_OK) {
                check(redis_stage_now_ms(stage) < since_ms + STAGE_WAIT_MS);
                (void)poll(NULL, 0, 5);
        }
        return redis_stage_now_ms(stage) - since_ms;
}

size_t redis_count(struct redis_stage *stage, struct presence *presence, uint64_t user)
{
        struct presence_result result;

        check(redis_do(stage, presence, PRESENCE_GET, user, 0, &result) == OUTCOME_OK);
        return result.count;
}
