/*
 * What presence keeps in Redis, and the one script that works on it. A submitted batch is one or more calls of the script, each atomic
 * and of at most REDIS_CHUNK_MAX requests, so that nobody else waits for long.
 *
 *   PREFIX u:USER       the user's connections, the newest first: entries of REDIS_ENTRY_SIZE bytes in one string
 *   PREFIX p:USER       who pushed whom out, the newest first: (who came: 32 bytes, entry that went); expires
 *   PREFIX e:EPOCH      a living epoch, a hash: g its generation, n its beats, l if deliveries to it were lost; expires with its lease
 *   PREFIX x:EPOCH      the users with entries of this epoch, a set: so that they can be swept when it is dead
 *   PREFIX epochs       the epochs with such a set
 *   PREFIX generation   the last generation given out
 *   PREFIX c:CONNECTION what a connection (epoch and id: 24 bytes) watches: its entry, its user, a room or zeros, users; expires with the watch
 *   PREFIX w:USER       the connections that watch a user, a set; expires with the last of them
 *   PREFIX v:ROOM       those that have a room open, the same
 *   PREFIX g:USER       it was not said yet that he is gone; expires
 *   PREFIX stamp        the last stamp given out
 *
 * An entry is epoch (16 bytes), generation (8 digits), connection (8), device (8), frontend (2). It is alive while its epoch has that
 * generation: an epoch that dies and comes back gets another, and its old entries stay dead. Beats sweep what dead epochs left. Time
 * is Redis's own, the only clock that all share.
 *
 * Nothing here is split over a Redis Cluster: a batch touches many users, and they must lie on one primary.
 */
#ifndef GALKA_DRIVER_PRESENCE_REDIS_SCRIPT_H
#define GALKA_DRIVER_PRESENCE_REDIS_SCRIPT_H

#include "driver/presence/redis_out.h"
#include "driver/presence/redis_reply.h"
#include "seam/presence.h"

#define REDIS_CHUNK_MAX    128 /* requests of one call */
#define REDIS_ENTRY_SIZE   42
#define REDIS_USER_SIZE    20 /* of a user's digits, followed by blanks, where they have a fixed place */
#define REDIS_WATCHER_SIZE (REDIS_ENTRY_SIZE + REDIS_USER_SIZE)
#define REDIS_TOLD_MAX     8000  /* watchers that one call tells of, of all its requests */
#define REDIS_PUSHES_MAX   8     /* of one user, that are remembered */
#define REDIS_PUSHES_MS    60000 /* for so long */
#define REDIS_SWEEP_USERS  1000  /* of dead epochs, swept in one beat */
#define REDIS_SWEEP_EPOCHS 64    /* looked at in one beat */
#define REDIS_PREFIX_MAX   64
#define REDIS_SHA_SIZE     40
#define REDIS_ID_SIZE      40 /* of a replication id */

/* A request on its way is its kind, epoch, connection, device, frontend and the user in decimal digits, at most. */
#define REDIS_REQUEST_MAX (1 + 16 + 8 + 8 + 2 + 20)
/* One that watches is its entry, its user, a room and users. A call is as large as its requests may be without such; those count by size. */
#define REDIS_WATCH_MAX   (1 + 16 + 8 + 8 + 2 + REDIS_USER_SIZE + 16 + PRESENCE_WATCHED_MAX * REDIS_USER_SIZE)
#define REDIS_CHUNK_BYTES (REDIS_CHUNK_MAX * (REDIS_REQUEST_MAX + REDIS_OUT_TEXT_SIZE))
#define REDIS_CALL_MAX    (REDIS_CHUNK_BYTES + REDIS_PREFIX_MAX + 256)

_Static_assert(REDIS_CALL_MAX < REDIS_OUT_SIZE, "a call fits the buffer");
_Static_assert(REDIS_TOLD_MAX *REDIS_WATCHER_SIZE < REDIS_REPLY_MAX / 2, "an answer fits");

/* What was seen at the last beat of the epoch that a handle beats for. */
struct redis_beaten {
        struct id epoch; /* zero: none yet */
        uint64_t count;
        char replication
                [REDIS_ID_SIZE]; /* changes when another copy of the data takes over, and at each start of the server */
};

/* The answer cannot be trusted to have been heard: the next beat says `forgot`. */
void redis_beaten_doubt(struct redis_beaten *beaten);

struct slice redis_script_source(void);

/* How many of these requests, at least one, go into one call. */
size_t redis_script_fits(const struct presence_request *requests, size_t count);

/* Calls the script, known by its hash, for these requests: REDIS_CALL_MAX bytes at most. */
void redis_script_call(struct redis_out *out, struct slice sha, struct slice prefix, const struct presence_request *requests,
                       size_t count);

/* Reads the script's answer. CORRUPT: no such thing; NO_MEMORY: the arena is full. Some results may be there already. */
must_use enum error redis_script_read(const struct redis_reply *reply, const struct presence_request *requests, size_t count,
                                      struct presence_result *results, struct arena *arena, struct redis_beaten *beaten);

/* True if the request changes what is kept. */
bool redis_writes(enum presence_kind kind);

#endif
