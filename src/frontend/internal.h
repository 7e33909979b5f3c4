/*
 * What the files of this room share: the frontend itself. One thread owns it; each part below belongs to the file named beside it,
 * others go through that file's functions.
 *
 * Nothing is freed while it may be in use further up: a connection that ends gives its slot back, but slots stay where they are.
 */
#ifndef GALKA_FRONTEND_INTERNAL_H
#define GALKA_FRONTEND_INTERNAL_H

#include "frontend/connection.h"
#include "frontend/framing.h"
#include "frontend/frontend.h"
#include "frontend/pool.h"
#include "frontend/site.h"

#define FRONTEND_LISTENERS_MAX    4
#define FRONTEND_INPUT_SIZE       32768 /* read from a socket at once */
#define FRONTEND_NET_EVENTS       512   /* of one turn */
#define FRONTEND_BUS_EVENTS       64    /* of one poll */
#define FRONTEND_BUS_POLLS_MAX    16    /* of one turn; and again while it writes */
#define FRONTEND_WRITES           64    /* connections written to until the bus is asked again */
#define FRONTEND_RETRY_MS         200   /* what a client that met BUSY is told to wait */
#define FRONTEND_PENDING_OF_ONE   1000  /* replies that one connection may wait for */
#define FRONTEND_SCRATCH_SIZE     (WIRE_UP_SIZE_MAX + 512)
#define FRONTEND_QUEUE_PLACES_MAX 4000000 /* payloads queued, counted once for each connection */

/* Defaults of what Welcome says: the numbers of rules/limits.h, which this room may not include; a test compares them. */
#define FRONTEND_VERSION        1
#define FRONTEND_PING_MS        60000
#define FRONTEND_REPLY_MS       5000
#define FRONTEND_MARGIN_MS      2000
#define FRONTEND_OPERATIONS_MAX 16
#define FRONTEND_TYPING_MS      3000

/* Tags of events that are not a connection's; ids of connections are all above 2^32. */
enum frontend_tag { FRONTEND_TAG_BUS = 1, FRONTEND_TAG_PRESENCE, FRONTEND_TAG_LISTENER };

/* claim.h */
enum claim_state { CLAIM_ASSIGNING, CLAIM_CLAIMING, CLAIM_ACCEPTING, CLAIM_HOLDING, CLAIM_GIVEN_UP };

#define CLAIM_ANSWERED_MAX 8

struct claim {
        enum claim_state state;
        bool seen;            /* our claim was read back: later claims are answered */
        uint64_t deadline_ms; /* end of waiting for answers, else when to publish again; HOLDING: until then in doubt */
        struct id answered[CLAIM_ANSWERED_MAX]; /* whom we refused, as read back: their "accepted" counts for nothing */
        uint32_t answered_next;
};

/* upkeep.h */
#define UPKEEP_BATCH        128   /* requests of one submission */
#define UPKEEP_REMOVALS_MAX 65536 /* entries that wait to be removed; beyond it they are left to the lease */

enum upkeep_job { UPKEEP_NONE, UPKEEP_BEAT, UPKEEP_SET, UPKEEP_REMOVE, UPKEEP_END };
enum upkeep_loss { UPKEEP_WHOLE, UPKEEP_REPUBLISHING, UPKEEP_REJOINING };

struct removal {
        struct id epoch;
        uint64_t user, connection;
};

struct upkeep {
        enum upkeep_job job; /* what is submitted */
        enum upkeep_loss loss;
        bool ended, lost_again;
        bool beats;                   /* a beat was answered */
        bool beat_doubt;              /* a beat may have been answered with `lost` or `forgot`, which is told only once */
        uint32_t cursor, cursor_next; /* slots: republishing or rejoining */
        uint32_t count;
        uint32_t told;           /* clients, by this telling */
        uint32_t overdue_cursor; /* slots: closing who was told to join again and did not */
        uint8_t round;           /* 1 or 2: whom overdue_ms is for; who is told meanwhile belongs to the other */
        uint64_t beat_ms, beaten_ms, retry_ms, end_ms;
        uint64_t told_ms;                     /* the last telling began: a Join from before it counts for nothing */
        uint32_t losses;                      /* suspected so far */
        uint64_t overdue_ms, overdue_next_ms; /* who was told in this round is closed; in the next one. 0: nobody was */
        struct removal *removals;             /* a ring */
        uint32_t removal_first, removal_count, removal_size;
        struct arena arena;
        struct presence_request requests[UPKEEP_BATCH];
        struct presence_result results[UPKEEP_BATCH];
};

/* absence.h */
struct absence {
        uint64_t user, due_ms;
};

struct absences {
        struct absence *ring; /* ABSENCE_MAX; NULL until somebody leaves */
        uint32_t first, count;
        uint64_t retry_ms;
};

/* run.h */
#define RUNS_MAX 8

struct run {
        struct slice first;   /* a frame of it: all are of its code and room. It lies in a record that was polled */
        uint32_t size, posts; /* of what was polled */
        struct block *block;  /* NULL until the first is copied, or without memory */
};

struct runs {
        struct run runs[RUNS_MAX];
        uint32_t count;
};

/* pending.h */
#define PENDING_ROOMS 1024

struct pendings {
        struct map map;
        struct list by_deadline; /* all wait equally long: the oldest first */
        struct pool pool;
        uint64_t seed[2];
        uint32_t writes[PENDING_ROOMS]; /* how many of them are of a code `write`, by a hash of its room */
};

/* budget.h */
struct waiting {
        uint64_t bytes[BLOCK_ACCOUNTS];    /* queued, by the account of their blocks */
        struct list blocked, blocked_http; /* sockets that take nothing, longest first: of frames; of answers by HTTP */
        uint32_t http_secured;             /* how many of blocked_http speak TLS */
};

/* output.h */
struct gathering {
        struct list list; /* traffic.dirty: who waits, all for one room */
        struct id room;
        uint64_t until_ms;
};

/* drain.h */
struct drain {
        bool on;
        uint64_t from_ms, within_ms;
        uint32_t cursor, slots; /* slots below the cursor were told */
};

struct frontend {
        struct frontend_options options;
        struct frontend_seams seams;
        struct frontend_counts counts;
        struct id epoch;
        uint64_t now_us, now_ms, wall_ms, start_ms; /* read once a turn */
        bool more, published;                       /* the turn left work behind; records wait for a flush */

        struct connections connections;
        struct list newcomers, heard, closing, ended; /* liveness.h */
        struct list dirty, patient;                   /* output.h */
        struct gathering gathering;
        struct waiting waiting;
        struct list partials, paused; /* input.h */
        struct pool traffics, sends, websockets, downloads;
        struct framing *framing;
        struct site site;
        struct blocks blocks;
        struct runs runs; /* while records are taken */
        struct pendings pendings;
        struct limit_rate connection_rate;
        struct limiter users, addresses;
        struct claim claim;
        struct upkeep upkeep;
        struct absences absences;
        uint64_t sweep_ms; /* sweep.h: the next one */
        struct drain drain;
        int listeners[FRONTEND_LISTENERS_MAX];
        uint32_t listener_count;

        uint8_t input[FRONTEND_INPUT_SIZE];
        uint8_t scratch[FRONTEND_SCRATCH_SIZE];
        struct net_event net_events[FRONTEND_NET_EVENTS];
        struct bus_event bus_events[FRONTEND_BUS_EVENTS];
};

/* Publishes code and body to a partition of FRONTENDS. Used by claim.c and upkeep.c; false: the bus takes nothing now. */
bool frontend_publish(struct frontend *frontend, uint16_t index, uint8_t code, const void *message);

/* Publishes a frame of the frontend's own to a service, by the user's key. *request: its id. False: the bus takes nothing now. */
bool frontend_publish_frame(struct frontend *frontend, enum bus_topic topic, uint8_t code, uint64_t user,
                            const void *message, struct id *request);

#endif
