/* See redis_reply.h. */
#include "driver/presence/redis_reply.h"

#include <hiredis/read.h>

#include "base/assert.h"
#include "base/memory.h"

#define ARENA_CHUNK 16384

static const struct arena_source heap_source = {.take = memory_new, .give = memory_free};

/* ---- hiredis builds its replies with these; NULL ends the stream with an error ---- */

static struct redis_reply *reply_new(const redisReadTask *task, enum redis_kind kind)
{
        struct redis_reader *reader = task->privdata;
        struct redis_reply *reply = arena_new(&reader->arena, struct redis_reply);

        if (!reply)
                return NULL;
        reply->kind = kind;
        if (task->parent) {
                struct redis_reply *list = task->parent->obj;

                check(list->kind == REDIS_LIST && task->idx >= 0 && (size_t)task->idx < list->count);
                list->items[task->idx] = reply;
        }
        return reply;
}

static void *make_text(const redisReadTask *task, char *text, size_t size)
{
        struct redis_reader *reader = task->privdata;
        struct redis_reply *reply = reply_new(task, task->type == REDIS_REPLY_ERROR ? REDIS_ERROR : REDIS_TEXT);

        if (!reply || !arena_copy(&reader->arena, slice_of(text, size), &reply->text))
                return NULL;
        return reply;
}

static void *make_list(const redisReadTask *task, int count)
{
        struct redis_reader *reader = task->privdata;
        struct redis_reply *reply;

        if (count < 0 || (size_t)count > REDIS_REPLY_MAX / sizeof(*reply->items))
                return NULL;
        reply = reply_new(task, REDIS_LIST);
        if (!reply)
                return NULL;
        reply->items = arena_array(&reader->arena, struct redis_reply *, (size_t)count + 1);
        reply->count = (size_t)count;
        return reply->items ? reply : NULL;
}

static void *make_integer(const redisReadTask *task, long long value)
{
        struct redis_reply *reply = reply_new(task, REDIS_INTEGER);

        if (reply)
                reply->integer = value;
        return reply;
}

static void *make_nothing(const redisReadTask *task)
{
        return reply_new(task, REDIS_NOTHING);
}

static redisReplyObjectFunctions makers = {
        .createString = make_text, .createArray = make_list, .createInteger = make_integer, .createNil = make_nothing};

/* ---- the reader ---- */

enum error redis_reader_init(struct redis_reader *reader)
{
        *reader = (struct redis_reader){.reader = redisReaderCreateWithFunctions(&makers)};
        if (!reader->reader)
                return ERR_NO_MEMORY;
        reader->reader->privdata = reader;
        arena_init(&reader->arena, &heap_source, ARENA_CHUNK, REDIS_REPLY_MAX);
        return ERR_OK;
}

void redis_reader_finish(struct redis_reader *reader)
{
        if (!reader->reader)
                return;
        redisReaderFree(reader->reader);
        reader->reader = NULL;
        arena_finish(&reader->arena);
}

enum error redis_reader_feed(struct redis_reader *reader, struct slice bytes)
{
        check(bytes.size <= REDIS_FEED_MAX);
        if (bytes.size == 0)
                return ERR_OK;
        return redisReaderFeed(reader->reader, (const char *)bytes.data, bytes.size) == REDIS_OK ? ERR_OK : ERR_NO_MEMORY;
}

enum error redis_reader_next(struct redis_reader *reader, const struct redis_reply **reply)
{
        void *made = NULL;

        *reply = NULL;
        if (reader->taken)
                arena_reset(&reader->arena);
        reader->taken = false;
        if (redisReaderGetReply(reader->reader, &made) != REDIS_OK)
                return ERR_CORRUPT;
        if (!made && reader->reader->len - reader->reader->pos > REDIS_REPLY_MAX)
                return ERR_CORRUPT;
        reader->taken = made != NULL;
        *reply = made;
        return ERR_OK;
}
