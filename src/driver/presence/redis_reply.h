/*
 * Reads what a Redis server sends: hiredis's reader cuts the stream into replies, which are built here, in an arena with a limit, so
 * that a server that speaks nonsense costs no more memory than one that does not.
 *
 * Life cycle: redis_reader_init → (feed → next until there is none)… → redis_reader_finish; a new stream needs a new reader.
 */
#ifndef GALKA_DRIVER_PRESENCE_REDIS_REPLY_H
#define GALKA_DRIVER_PRESENCE_REDIS_REPLY_H

#include "base/arena.h"
#include "base/error.h"

#define REDIS_FEED_MAX  16384   /* bytes of one redis_reader_feed */
#define REDIS_REPLY_MAX 1048576 /* of one reply: not yet understood, and built */

enum redis_kind { REDIS_TEXT, REDIS_ERROR, REDIS_INTEGER, REDIS_NOTHING, REDIS_LIST };

struct redis_reply {
        enum redis_kind kind;
        struct slice text; /* TEXT, ERROR */
        int64_t integer;
        struct redis_reply **items; /* LIST; none is NULL once the reply is whole */
        size_t count;
};

/* True if an error's text begins so: with its code. */
static inline bool redis_says(struct slice text, const char *code)
{
        return text.size >= strlen(code) && memcmp(text.data, code, strlen(code)) == 0;
}

struct redis_reader {
        struct redisReader *reader; /* hiredis's */
        struct arena arena;
        bool taken; /* the reply in the arena was given out */
};

/* NO_MEMORY. */
must_use enum error redis_reader_init(struct redis_reader *reader);
void redis_reader_finish(struct redis_reader *reader);

/* NO_MEMORY. */
must_use enum error redis_reader_feed(struct redis_reader *reader, struct slice bytes);

/* The next whole reply, valid until the reader is used again; NULL: more bytes are needed. CORRUPT: this is not RESP, or too large. */
must_use enum error redis_reader_next(struct redis_reader *reader, const struct redis_reply **reply);

#endif
