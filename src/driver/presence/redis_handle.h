/* One handle of presence in Redis, for redis.c, redis_handle.c, redis_connect.c and redis_greeting.c only. */
#ifndef GALKA_DRIVER_PRESENCE_REDIS_HANDLE_H
#define GALKA_DRIVER_PRESENCE_REDIS_HANDLE_H

#include "driver/presence/redis.h"
#include "driver/presence/redis_link.h"
#include "driver/presence/redis_resolve.h"
#include "driver/presence/redis_script.h"

#define REDIS_CHUNKS_MAX 16  /* calls of the script that wait for their answers, of one handle */
#define REDIS_TEXT_MAX   512 /* of a user, a password, a file's path */
#define REDIS_VERSION    7   /* the oldest major version that is good enough */

/* What all handles share; nothing of it changes but in the resolver, which has a lock. */
struct presence_redis {
        struct presence_redis_options options; /* its texts are copies */
        struct redis_resolver *resolver;
        struct redis_tls tls;
        struct slice prefix;
        char place[REDIS_HOST_MAX + 16]; /* for people */
        _Atomic uint32_t handles;
};

/* Each line: state, what it waits for. */
#define REDIS_STATES(X)                                                                                                     \
        X(IDLE, "its first use")                                                                                            \
        X(PAUSED, "the end of a pause")                                                                                     \
        X(CONNECTING, "a connection")                                                                                       \
        X(GREETING, "answers to the greeting")                                                                              \
        X(UP, "work")

enum redis_state {
#define X(name, text) REDIS_##name,
        REDIS_STATES(X)
#undef X
};

struct redis_submission {
        const struct presence_request *requests;
        struct presence_result *results;
        struct arena *arena;
        uint64_t tag;
        size_t count, sent, answered; /* requests */
        unsigned calls;               /* of the script, not answered */
        bool writes;                  /* it may change what is kept */
        bool did;                     /* a call with a change was answered */
        bool ended;                   /* it has its outcome, but for calls that are still to be answered */
        enum outcome outcome;
};

/* What was sent and not answered: a call of the script, or its loading (no submission). */
struct redis_call {
        struct redis_submission *submission;
        size_t first, count; /* requests */
        uint64_t begin;      /* where it begins in the stream */
        uint64_t sent_ms;
};

struct redis_handle {
        struct presence presence;
        struct presence_redis *redis;
        int epoll, timer;  /* epoll holds the timer and the socket: it is the seam's descriptor */
        uint64_t timer_ms; /* what the timer is set to; UINT64_MAX: it is not */
        uint32_t interest; /* what epoll watches the socket for */
        enum redis_state state;
        bool down;         /* the last attempt to connect failed: nothing is worth waiting for */
        bool proven;       /* this connection has answered a call */
        bool refused;      /* the last call was: one line in the log is enough */
        bool wrong;        /* what `why` says can only be mended by hand */
        uint64_t heard_ms; /* the last answer */
        uint64_t until_ms; /* PAUSED, CONNECTING, GREETING: the end */
        uint32_t pause_ms; /* the next one */
        unsigned attempt;  /* of connecting */
        unsigned greeted;  /* answers to the greeting */
        char sha[REDIS_SHA_SIZE];
        char why[REDIS_WHY_SIZE]; /* the last failure */
        struct redis_link link;
        struct redis_reader reader;
        struct redis_out out;
        struct redis_beaten beaten;

        /* Rings. Submissions [first, unsent) are sent or ended, [unsent, next) wait. */
        struct redis_submission submissions[REDIS_SUBMITS_MAX];
        uint64_t first, unsent, next;
        struct redis_call calls[REDIS_CHUNKS_MAX];
        uint64_t call_first, call_next;
};

/* ---- redis_handle.c: submissions ---- */

struct redis_submission *redis_submission_at(struct redis_handle *handle, uint64_t number);

/* Writes calls for what waits, as far as there is room. */
void redis_submissions_send(struct redis_handle *handle);

/* The answer to the oldest call. False: it makes no sense, or this server is none to work with; why says it. */
bool redis_call_answered(struct redis_handle *handle, const struct redis_reply *reply);

/* Notes that the server is none. False. */
bool redis_nonsense(struct redis_handle *handle);

/* The connection is gone: what was sent has its outcome; what was not waits on. */
void redis_calls_lost(struct redis_handle *handle);

/* Nothing waits on. */
void redis_submissions_fail(struct redis_handle *handle);

/* ---- redis_connect.c: the connection ---- */

uint64_t redis_now_ms(const struct redis_handle *handle);

/* Moves everything that can move now. */
void redis_connection_run(struct redis_handle *handle);

/* Sends what is written. */
void redis_connection_flush(struct redis_handle *handle);

/* The descriptor will be readable from then on (0: at once), or earlier. */
void redis_wake_at(struct redis_handle *handle, uint64_t at_ms);

/* When something has to be looked after; UINT64_MAX: never. */
uint64_t redis_connection_next_ms(const struct redis_handle *handle);

void redis_connection_close(struct redis_handle *handle);

/* ---- redis_greeting.c ---- */

void redis_greeting_write(struct redis_handle *handle);

enum redis_verdict { REDIS_MORE, REDIS_GREETED, REDIS_UNFIT };

/* UNFIT: why says why, and wrong whether it is for a person to mend. */
enum redis_verdict redis_greeting_answered(struct redis_handle *handle, const struct redis_reply *reply);

/* Notes in why what the server itself says, as it comes, but printable. */
void redis_quote(struct redis_handle *handle, const char *before, struct slice text);

/* Loads the script; the answer is the last one of the greeting, and may be asked for again later. */
void redis_load_write(struct redis_handle *handle);
bool redis_load_answered(struct redis_handle *handle, const struct redis_reply *reply);

#endif
