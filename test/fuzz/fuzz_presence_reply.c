/*
 * What a Redis server may say, in any shape: the same replies come of it however the stream is cut, no more memory is taken than one
 * reply may, and of each reply the greeting and every kind of request make something that is whole or nothing.
 *
 * Input: one byte that says how many requests, one for each that says its kind, then the stream.
 */
#include "base/assert.h"
#include "base/memory.h"
#include "driver/presence/redis_handle.h"
#include "fuzz.h"

#define REQUESTS_MAX 16
#define CUT_SIZE_MAX 512
#define RESULTS_SIZE 65536
#define GREETINGS    5 /* answers */

static const struct arena_source heap_source = {.take = memory_new, .give = memory_free};

struct seen {
        uint64_t digest;
        size_t replies;
        bool corrupt;
};

static struct presence_request requests[REQUESTS_MAX];
static size_t request_count;

static void mix(struct seen *seen, uint64_t value)
{
        seen->digest = (seen->digest ^ value) * 0x100000001b3;
}

static void greet(struct seen *seen, const struct redis_reply *reply)
{
        static struct presence_redis redis;
        static struct redis_handle handle;

        handle = (struct redis_handle){.redis = &redis, .greeted = (unsigned)(seen->replies % GREETINGS)};
        mix(seen, redis_greeting_answered(&handle, reply));
        check(memchr(handle.why, 0, sizeof(handle.why)));
        for (const char *at = handle.why; *at; at++)
                check(*at >= ' ' && *at <= '~');
}

static void interpret(struct seen *seen, const struct redis_reply *reply)
{
        struct presence_result results[REQUESTS_MAX] = {0};
        struct redis_beaten beaten = {.epoch = requests[0].entry.epoch, .count = 3};
        struct arena arena;
        enum error error;

        arena_init(&arena, &heap_source, 4096, RESULTS_SIZE);
        error = redis_script_read(reply, requests, request_count, results, &arena, &beaten);
        check(error == ERR_OK || error == ERR_CORRUPT || error == ERR_NO_MEMORY);
        mix(seen, error);
        for (size_t i = 0; i < request_count; i++) {
                enum presence_kind kind = requests[i].kind;
                size_t max = kind == PRESENCE_GET ? PRESENCE_CONNECTIONS_MAX : kind == PRESENCE_SET ? 1 : 0;

                check(results[i].count <= max && (results[i].count > 0) == (results[i].entries != NULL));
                check(results[i].watcher_count <= PRESENCE_WATCHERS_MAX &&
                      (results[i].online >> requests[i].user_count) == 0);
                for (size_t e = 0; e < results[i].watcher_count; e++)
                        mix(seen, results[i].watchers[e].user);
                mix(seen, results[i].online ^ results[i].stamp << 8 ^ results[i].gone);
                check(kind == PRESENCE_BEAT || (!results[i].lost && !results[i].forgot));
                for (size_t e = 0; e < results[i].count; e++) {
                        check(results[i].entries[e].user == requests[i].entry.user);
                        mix(seen, results[i].entries[e].connection);
                }
                mix(seen, (uint64_t)results[i].lost << 1 | results[i].forgot);
        }
        arena_finish(&arena);
}

static void walk(struct seen *seen, const struct redis_reply *reply)
{
        check(reply && reply->kind <= REDIS_LIST);
        mix(seen, reply->kind);
        for (size_t i = 0; i < reply->text.size; i++)
                mix(seen, reply->text.data[i]);
        mix(seen, (uint64_t)reply->integer);
        for (size_t i = 0; i < reply->count; i++)
                walk(seen, reply->items[i]);
}

static void read_piece(struct seen *seen, struct redis_reader *reader, const uint8_t *bytes, size_t size)
{
        const struct redis_reply *reply;

        while (!seen->corrupt && size > 0) {
                size_t piece = size < REDIS_FEED_MAX ? size : REDIS_FEED_MAX;

                check(redis_reader_feed(reader, slice_of(bytes, piece)) == ERR_OK);
                bytes += piece;
                size -= piece;
                do {
                        seen->corrupt = redis_reader_next(reader, &reply) != ERR_OK;
                        check(reader->arena.total <= REDIS_REPLY_MAX);
                        if (seen->corrupt || !reply)
                                break;
                        walk(seen, reply);
                        greet(seen, reply);
                        interpret(seen, reply);
                        seen->replies++;
                } while (true);
        }
}

/* In pieces of this size, the first of that. */
static struct seen read_all(const uint8_t *bytes, size_t size, size_t first, size_t piece)
{
        struct seen seen = {0};
        struct redis_reader reader;

        check(redis_reader_init(&reader) == ERR_OK);
        read_piece(&seen, &reader, bytes, first);
        for (size_t at = first; at < size; at += piece)
                read_piece(&seen, &reader, bytes + at, size - at < piece ? size - at : piece);
        redis_reader_finish(&reader);
        return seen;
}

static void check_same(const struct seen *a, const struct seen *b)
{
        check(a->digest == b->digest && a->replies == b->replies && a->corrupt == b->corrupt);
}

static const uint64_t users[] = {5, 6, INT64_MAX};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct seen whole, other;

        if (size == 0)
                return 0;
        request_count = data[0] % REQUESTS_MAX + 1u;
        if (size < 1 + request_count)
                return 0;
        for (size_t i = 0; i < request_count; i++)
                requests[i] = (struct presence_request){.kind = data[1 + i] % (PRESENCE_GONE + 1u),
                                                        .entry = {.user = 1 + i, .epoch = {"an epoch"}},
                                                        .users = users};
        for (size_t i = 0; i < request_count; i++)
                requests[i].user_count = requests[i].kind == PRESENCE_WATCH ? countof(users) : 0;
        data += 1 + request_count;
        size -= 1 + request_count;
        whole = read_all(data, size, 0, size + 1);
        other = read_all(data, size, 0, 1);
        check_same(&whole, &other);
        for (size_t cut = 1; cut < size && size <= CUT_SIZE_MAX; cut += 1 + size / 32) {
                other = read_all(data, size, cut, size);
                check_same(&whole, &other);
        }
        return 0;
}
