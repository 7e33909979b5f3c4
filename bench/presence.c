/*
 * presence: the driver on Redis beside what Redis itself can do. One handle asks for the connections of 100 users a batch, which is what
 * a worker does; the limit is the same number of plain GETs, pipelined by hiredis over one connection to the same server in the same
 * run. The driver asks by a script, which also looks who is alive.
 *
 * Needs a server that may be filled with keys: ENGINES_REDIS_PORT, which tools/engines sets.
 */
#include <hiredis/hiredis.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/memory.h"
#include "driver/presence/redis.h"
#include "loop/loop.h"
#include "workload.h"

#define USERS     10000
#define BATCH     100
#define DEPTH_MAX 4
#define ROUNDS    5   /* of everything, in turns; the medians are reported */
#define SECONDS   0.7 /* of one measurement */
#define WAIT_MS   5000

static const struct arena_source heap_source = {memory_new, memory_free};

struct slot {
        struct presence_request requests[BATCH];
        struct presence_result results[BATCH];
        struct arena arena;
};

struct trial {
        struct clock clock;
        struct presence_redis *redis;
        struct presence *presence;
        struct slot slots[DEPTH_MAX];
        uint64_t user; /* the next */
        uint64_t found;
};

static double now_s(struct trial *trial)
{
        return (double)trial->clock.monotonic_us(&trial->clock) / 1e6;
}

static bool submit(struct trial *trial, enum presence_kind kind, size_t number)
{
        struct slot *slot = &trial->slots[number];

        arena_reset(&slot->arena);
        for (size_t i = 0; i < BATCH; i++) {
                uint64_t user = 1 + trial->user++ * 7919 % USERS;

                slot->requests[i] = (struct presence_request){
                        .kind = kind, .entry = {.user = user, .connection = user, .epoch = {"an epoch"}, .frontend = 1}};
        }
        return trial->presence->ops->submit(trial->presence, slot->requests, BATCH, slot->results, &slot->arena, number) ==
               ERR_OK;
}

/* False: it failed. */
static bool await(struct trial *trial, size_t *number)
{
        struct presence *presence = trial->presence;
        struct completion completion;

        while (presence->ops->poll(presence, &completion, 1) == 0)
                if (poll(&(struct pollfd){.fd = presence->ops->fd(presence), .events = POLLIN}, 1, WAIT_MS) != 1)
                        return false;
        *number = completion.tag;
        for (size_t i = 0; i < BATCH; i++)
                trial->found += trial->slots[*number].results[i].count;
        return completion.outcome == OUTCOME_OK;
}

/* Requests a second with so many batches under way; 0: it failed. */
static double measure(struct trial *trial, enum presence_kind kind, size_t depth)
{
        double start = now_s(trial), seconds;
        uint64_t requests = 0;
        size_t number;
        bool good = true;

        for (size_t i = 0; i < depth && good; i++)
                good = submit(trial, kind, i);
        do {
                good = good && await(trial, &number) && submit(trial, kind, number);
                requests += BATCH;
                seconds = now_s(trial) - start;
        } while (good && seconds < SECONDS);
        for (size_t i = 0; i < depth && good; i++)
                good = await(trial, &number);
        return good ? (double)requests / seconds : 0;
}

/* The same by hiredis alone. */
static double measure_raw(struct trial *trial, uint16_t port, const char *format, size_t depth)
{
        redisContext *context = redisConnect("127.0.0.1", port);
        double start = now_s(trial), seconds;
        uint64_t requests = 0;
        bool good = context && !context->err;

        do {
                void *reply = NULL;

                for (size_t i = 0; i < BATCH * depth && good; i++)
                        good = redisAppendCommand(context, format, (unsigned long)(1 + trial->user++ * 7919 % USERS)) ==
                               REDIS_OK;
                for (size_t i = 0; i < BATCH * depth && good; i++) {
                        good = redisGetReply(context, &reply) == REDIS_OK;
                        freeReplyObject(reply);
                }
                requests += BATCH * depth;
                seconds = now_s(trial) - start;
        } while (good && seconds < SECONDS);
        if (context)
                redisFree(context);
        return good ? (double)requests / seconds : 0;
}

static bool begin(struct trial *trial, uint16_t port)
{
        struct presence_redis_options options = {.host = "127.0.0.1", .port = port, .clock = &trial->clock};
        char text[REDIS_ERROR_SIZE];
        size_t number;

        loop_clock_init(&trial->clock);
        for (size_t i = 0; i < DEPTH_MAX; i++)
                arena_init(&trial->slots[i].arena, &heap_source, 65536, 1 << 20);
        if (presence_redis_new(&options, &trial->redis, text) != ERR_OK) {
                fprintf(stderr, "presence: %s\n", text);
                return false;
        }
        if (presence_redis_open(trial->redis, &trial->presence) != ERR_OK)
                return false;
        for (size_t i = 0; i < USERS / BATCH; i++)
                if (!submit(trial, PRESENCE_SET, 0) || !await(trial, &number))
                        return false;
        return true;
}

static void finish(struct trial *trial)
{
        if (trial->presence)
                trial->presence->ops->free(&trial->presence);
        presence_redis_free(&trial->redis);
        for (size_t i = 0; i < DEPTH_MAX; i++)
                arena_finish(&trial->slots[i].arena);
}

static int compare(const void *a, const void *b)
{
        double x = *(const double *)a, y = *(const double *)b;

        return (x > y) - (x < y);
}

/* The driver by one kind of request, and what it is compared with. */
static const struct pair {
        const char *name, *raw, *text;
        enum presence_kind kind;
        size_t depth;
} pairs[] = {
        {"presence.gets_per_second", "GET galka:u:%lu", "batches of 100, one by one; beside 100 GETs pipelined",
         PRESENCE_GET, 1},
        {"presence.gets_per_second_deep", "GET galka:u:%lu", "4 batches under way; beside 400 GETs", PRESENCE_GET,
         DEPTH_MAX},
        {"presence.sets_per_second", "SET galka:raw:%lu 012345678901234567890123456789012345678901",
         "entries that are there; beside SETs", PRESENCE_SET, 1},
};

static bool measure_pair(struct trial *trial, uint16_t port, const struct pair *pair, struct report *report)
{
        double ours[ROUNDS], raw[ROUNDS];

        for (size_t round = 0; round < ROUNDS; round++) {
                ours[round] = measure(trial, pair->kind, pair->depth);
                raw[round] = measure_raw(trial, port, pair->raw, pair->depth);
                if (ours[round] <= 0 || raw[round] <= 0)
                        return false;
        }
        qsort(ours, ROUNDS, sizeof(ours[0]), compare);
        qsort(raw, ROUNDS, sizeof(raw[0]), compare);
        report_add(report, pair->name, ours[ROUNDS / 2], "requests/s", raw[ROUNDS / 2], pair->text);
        return true;
}

bool workload_presence(const struct workload_options *options, struct report *report)
{
        const char *text = getenv("ENGINES_REDIS_PORT");
        uint16_t port = (uint16_t)(text ? strtoul(text, NULL, 10) : 0);
        static struct trial trial;
        bool good;

        (void)options;
        if (port == 0) {
                fprintf(stderr, "presence: no Redis: tools/engines run redis -- ...\n");
                return false;
        }
        good = begin(&trial, port);
        for (size_t i = 0; i < countof(pairs) && good; i++)
                good = measure_pair(&trial, port, &pairs[i], report);
        good = good && trial.found > 0;
        finish(&trial);
        return good;
}
