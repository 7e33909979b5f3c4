/*
 * One client's connection and the table of all. A connection lives in a slot of the table; its id is the
 * slot's number and, above it, how often the slot was used, so no id is ever used twice in an epoch and
 * finding one costs no search. A slot's memory stays where it is: whoever holds a pointer across calls that
 * may end the connection compares the id before going on.
 *
 *      connection_open → connection_move … → connection_close     (all through the one who owns the table,
 * the frontend)
 *
 * An idle connection costs one struct connection and its place in the index of users. What it needs while
 * bytes are on their way (struct traffic) is taken when they come and given back when they are gone.
 */
#ifndef GALKA_FRONTEND_CONNECTION_H
#define GALKA_FRONTEND_CONNECTION_H

#include "base/list.h"
#include "base/map.h"
#include "frontend/block.h"
#include "frontend/limit.h"
#include "wire/wire.h"

/* Each line: state, text, the states it may move to. FREE: the slot is nobody's. PROXY: a balancer has not yet said whom it speaks
 * for. HTTP: it began with HTTP, which may end in WebSocket, and so in HELLO. LEAVING: told nothing more, waits for replies. ANSWERED:
 * its last answer of HTTP is on its way. CLOSING: the last word is on its way. ENDED: it is written, and so is the end; the client is to
 * end it too. */
#define CONNECTION_STATES(X)                                                                                                \
        X(FREE, "free", TO(PROXY) | TO(HELLO))                                                                              \
        X(PROXY, "proxy", TO(HELLO) | TO(CLOSING) | TO(FREE))                                                               \
        X(HTTP, "http", TO(HELLO) | TO(ANSWERED) | TO(FREE))                                                                \
        X(HELLO, "hello", TO(HTTP) | TO(SIGNED_OUT) | TO(CLOSING) | TO(FREE))                                               \
        X(SIGNED_OUT, "signed out", TO(JOINING) | TO(LEAVING) | TO(CLOSING) | TO(FREE))                                     \
        X(JOINING, "joining", TO(READY) | TO(SIGNED_OUT) | TO(LEAVING) | TO(CLOSING) | TO(FREE))                            \
        X(READY, "ready", TO(LEAVING) | TO(CLOSING) | TO(FREE))                                                             \
        X(LEAVING, "leaving", TO(CLOSING) | TO(FREE))                                                                       \
        X(ANSWERED, "answered", TO(ENDED) | TO(FREE))                                                                       \
        X(CLOSING, "closing", TO(ENDED) | TO(FREE))                                                                         \
        X(ENDED, "ended", TO(FREE))

enum connection_state {
#define X(state, text, to) CONNECTION_##state,
        CONNECTION_STATES(X)
#undef X
                CONNECTION_STATE_COUNT
};

/* A payload's place in a connection's queue, or that of several which lie next to each other. */
struct send {
        struct send *next;
        struct piece piece;
};

struct send_queue {
        struct send *first, **end;
};

/* The rest of a body that is too long to be queued at once (output.h). */
struct download {
        struct block *body;
        uint32_t from;
};

/* What a connection needs only while it sends, receives half a frame, or is paused. */
struct traffic {
        struct connection *connection;
        struct list_node dirty;   /* frontend.dirty: written in this turn; frontend.patient, frontend.gathering: later */
        struct list_node blocked; /* a list of frontend.waiting: the socket takes nothing */
        bool blocked_secured;     /* while blocked: it is counted in frontend.waiting.http_secured */
        struct list_node paused;  /* frontend.paused: not read for a while, longest first */
        struct list_node partial_since; /* frontend.partials: half a frame is here, oldest first */
        struct block *partial;
        uint64_t partial_ms, paused_ms; /* when that began */
        struct send_queue out;          /* on their way */
        struct send_queue held;         /* deliveries that wait behind the Join reply */
        struct send *patient;           /* the latest in `out` that a later one may replace; NULL: none */
        uint64_t patient_ms;            /* on frontend.patient: until then; on frontend.gathering: not 0 */
        uint32_t out_offset;            /* bytes of out.first that are written */
        uint32_t queued_bytes;          /* of both queues */
        uint32_t held_losses;           /* upkeep.losses when the latest of `held` came */
        struct websocket *websocket;    /* what of WebSocket is half here or half written; NULL: nothing */
        struct download *download;      /* what follows `out`; NULL: nothing */
};

struct connection {
        struct map_node by_user; /* connections.by_user while user is not 0 */
        struct list_node waits;  /* a list of liveness.h by state, or connections.free */
        uint64_t id;
        uint64_t user, device; /* bound at Join; user 0: none yet. While it is set, presence may have an entry */
        uint8_t mac[WIRE_TOKEN_SIZE - 8];
        uint64_t bucket_us; /* rate of this connection: limit.h */
        struct traffic *traffic;
        struct limit_entry *address; /* NULL: not limited */
        int32_t socket;
        uint32_t since_ms;     /* what `waits` is ordered by: milliseconds since the frontend's start, wrapping */
        uint16_t pending;      /* replies waited for */
        uint8_t state;         /* enum connection_state */
        uint8_t old_key : 1;   /* the token was made with the key before */
        uint8_t to_rejoin : 2; /* it was told to join again, and has not: in which round (upkeep.h); 0: it was not told */
        uint8_t secured : 1;   /* its bytes are TLS */
        uint8_t own : 1;       /* it comes from this machine */
        uint8_t framed : 1;    /* its frames travel in messages of WebSocket */
        uint32_t typed_ms;     /* its last `typing` that was relayed, as since_ms; 0: none */
};

_Static_assert(sizeof(struct connection) <= 128, "this is kept of every idle connection");

struct connections {
        struct connection **slabs;
        uint32_t slab_count, count_max;
        uint32_t fresh; /* slots from here on were never used */
        struct list free;
        struct map by_user;
        uint32_t count;
};

/* False without memory. */
bool connections_init(struct connections *table, uint32_t count_max);
void connections_finish(struct connections *table);

/* A connection in its first state, HELLO or PROXY. NULL at count_max or without memory. */
struct connection *connection_open(struct connections *table, int socket, enum connection_state state);

/* Frees the slot; its id names nobody from now on. */
void connection_free(struct connections *table, struct connection *connection);

/* Asserts that the table of states allows it. */
void connection_move(struct connection *connection, enum connection_state to);
const char *connection_state_text(enum connection_state state);

/* NULL if there is no such connection (any more). */
struct connection *connection_find(const struct connections *table, uint64_t id);

/* The connection in a slot, NULL if it is free; slots go from 0 to table->fresh. */
struct connection *connection_at(const struct connections *table, uint32_t slot);

/* Binds the connection to a user and a device (replacing an earlier binding), or with user 0 to nobody. */
void connection_bind(struct connections *table, struct connection *connection, uint64_t user, uint64_t device,
                     const uint8_t *mac);

/* Walks the connections bound to a user: NULL starts, NULL ends. None may be bound, unbound or closed on the way. */
struct connection *connection_of_user(const struct connections *table, uint64_t user, const struct connection *last);

#endif
