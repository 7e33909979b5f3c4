/*
 * Presence: who is connected where, and who watches whom. It may lie: it may forget anything at any time, and it may name connections that are
 * gone. Entries of an epoch without a heartbeat for PRESENCE_LEASE_MS are ignored and removed.
 */
#ifndef GALKA_SEAM_PRESENCE_H
#define GALKA_SEAM_PRESENCE_H

#include "base/arena.h"
#include "base/error.h"
#include "base/id.h"
#include "seam/outcome.h"

#define PRESENCE_CONNECTIONS_MAX 16    /* of one user; one more replaces the oldest */
#define PRESENCE_LEASE_MS        30000 /* an epoch without a heartbeat for so long is dead */
#define PRESENCE_BEAT_MS         5000
#define PRESENCE_WATCHED_MAX     50     /* users that one connection watches */
#define PRESENCE_WATCHERS_MAX    1024   /* of one user or room, that are told of: any of them, if there are more */
#define PRESENCE_WATCH_MS        300000 /* a watch that is not renewed ends after so long */
#define PRESENCE_GONE_MS         30000  /* who is connected nowhere for so long is said to be gone */
#define PRESENCE_LINGER_MS       60000  /* for so long after his last connection it is remembered that nobody said so yet */

struct presence_entry {
        uint64_t user;
        uint64_t connection;
        uint64_t device;
        struct id epoch;
        uint16_t frontend;
};

enum presence_kind {
        PRESENCE_SET, /* entry. Result: replaced, if a 17th pushed the oldest out (see below); if he came: watchers, stamp */
        PRESENCE_REMOVE,    /* entry (user, epoch, connection); removing what is not there is fine */
        PRESENCE_GET,       /* user. Result: entries */
        PRESENCE_BEAT,      /* entry (epoch, frontend): the epoch lives. Result: lost (then cleared), forgot */
        PRESENCE_MARK_LOST, /* entry (epoch): deliveries to it were given up (L5) */
        PRESENCE_END,       /* entry (epoch): the frontend ends; all its entries go */
        PRESENCE_WATCH, /* entry, users, user_count, room: what this connection watches, in place of what it did. Result: online, stamp,
                             * full */
        PRESENCE_OPEN, /* room. Result: watchers: who has it open */
        PRESENCE_GONE  /* user. Result: if he is connected nowhere: gone, and watchers, stamp */
};

/*
 * Coming and going. Somebody comes with his first connection, and is gone when that was said of him (GONE). In between he counts as
 * online, though he may be connected nowhere for a moment: who comes back then did not come, and nothing is said of him. A connection's
 * watch ends with its entry (REMOVE), with its epoch, or with its time. Stamps order what is said: a later SET, WATCH or GONE has a
 * higher one, until presence loses data (L5).
 */

/*
 * The result of a SET may be lost, and then nobody would tell the connection that was pushed out that it is deaf. So a SET of an
 * entry that is there says again whom it pushed out when it came in, as long as presence remembers (for the latest of all users)
 * and that one has not come back: whoever is not sure of a SET repeats it.
 */
struct presence_request {
        enum presence_kind kind;
        struct presence_entry entry; /* the fields named beside the kind */
        bool refresh;                /* SET: republished after a suspected loss */
        const uint64_t *users;       /* WATCH: at most PRESENCE_WATCHED_MAX */
        size_t user_count;
        struct id room; /* WATCH (zero: none), OPEN */
};

struct presence_result {
        struct presence_entry *entries; /* GET: in the arena; SET: the replaced one, else NULL */
        size_t count;
        bool lost;   /* BEAT: somebody marked this epoch as lost */
        bool forgot; /* BEAT: presence did not know this epoch (any but its first beat): it lost data (L5) */
        bool full;   /* WATCH: there are too many watches; this connection has none now */
        bool gone;
        struct presence_entry *watchers; /* in the arena */
        size_t watcher_count;
        uint64_t online; /* WATCH: a bit for each of the users, in their order */
        uint64_t stamp;
};

struct presence;

struct presence_ops {
        void (*free)(struct presence **presence);
        int (*fd)(struct presence *presence);

        /* All requests in order, as one batch. results[i] belongs to requests[i]; lists are taken from the arena. */
        enum error (*submit)(struct presence *presence, const struct presence_request *requests, size_t count,
                             struct presence_result *results, struct arena *arena, uint64_t tag);

        size_t (*poll)(struct presence *presence, struct completion *completions, size_t max);
};

struct presence {
        const struct presence_ops *ops;
};

#endif
