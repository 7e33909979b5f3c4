/*
 * One connection to the database, never waiting for it. Work goes in trips: statements are queued, then sent together with one Sync;
 * their results come one by one to the user of the connection, then how the trip ended.
 *
 *      down ─▶ connecting ─▶ preparing ─▶ ready ⇄ busy        any ─▶ down, tried again after a pause that doubles
 *
 *      connection_init → connection_work from each poll → … → connection_finish
 *
 * Through a pooler that gives another server to every transaction (pgbouncer in transaction mode) neither prepared statements nor
 * settings of a session hold. It is recognised by its answering under another process number than it gave, and statements then go
 * with their text each time, which costs the database planning them anew.
 */
#ifndef GALKA_DRIVER_STORE_POSTGRES_CONNECTION_H
#define GALKA_DRIVER_STORE_POSTGRES_CONNECTION_H

#include "driver/store/postgres.h"
#include "driver/store/postgres/sql.h"

#define CONNECT_MS     4000 /* from nothing to ready */
#define PAUSE_MS_MIN   50   /* before a lost connection is tried again; doubles */
#define PAUSE_MS_MAX   2000
#define STATEMENTS_MAX 1024 /* of one trip */

/* Limits of a session, kept by the database: whoever was stopped or cut off while he held locks gives them up. Below
 * STORE_POSTGRES_ANSWER_MS, so that nothing is still being done for one who no longer waits. */
#define SESSION_STATEMENT_MS 3000
#define SESSION_IDLE_MS      3000 /* within a transaction */

enum trip_end {
        TRIP_DONE,
        TRIP_REFUSED, /* a statement failed, those after it were passed over; the connection goes on */
        TRIP_LOST     /* the connection is gone, or is no good any more */
};

#define SQLSTATE_SIZE 6

struct trip_result {
        enum trip_end end;
        char sqlstate[SQLSTATE_SIZE]; /* REFUSED: of the statement that failed; LOST: if the database said one, else "" */
        size_t statement;             /* REFUSED, LOST: how many were answered before */
        bool warned; /* something was said beside the answers: a COMMIT that may not be as durable as promised */
};

struct connection;

struct connection_user {
        void (*on_result)(void *owner, size_t statement, const PGresult *result);
        void (*on_end)(void *owner, const struct trip_result *result);
};

enum connection_state { CONNECTION_DOWN, CONNECTION_CONNECTING, CONNECTION_PREPARING, CONNECTION_READY, CONNECTION_BUSY };

struct connection {
        const struct store_postgres_options *options;
        const char *role; /* for the log: "writer", "reader" */
        int epoll;
        const struct connection_user *user;
        void *owner;
        enum connection_state state;
        PGconn *pg;
        int watched;    /* the descriptor in epoll; -1: none */
        bool wants_out; /* as it is watched */
        bool pooled, prepared;
        bool failed_send; /* the trip could not be sent whole: its end is told by the next connection_work, never by connection_send */
        uint64_t due_us; /* down: when to try again. Else: when to give up; 0: never */
        uint64_t pause_ms;
        size_t queued, answered; /* statements of this trip */
        struct trip_result trip;
        bool event; /* the descriptor said that there is something to do: set by whoever waits on it */
        bool noted; /* that it cannot be reached: once until it can */
};

/* Nothing is done yet. epoll is the caller's, and so is user. */
void connection_init(struct connection *connection, const struct store_postgres_options *options, const char *role,
                     int epoll, const struct connection_user *user, void *owner);
void connection_finish(struct connection *connection);

/* Does what can be done now: connects, sends, takes answers. Calls user, which may queue the next trip. */
void connection_work(struct connection *connection, uint64_t now_us);

/* Ends it, with the trip that is being put together or is out; then TRIP_LOST is not told. Tried again after a pause. */
void connection_abandon(struct connection *connection, const char *why);

/* When connection_work is to be called at the latest; 0: only when the descriptor says so. */
static inline uint64_t connection_due(const struct connection *connection)
{
        return connection->due_us;
}

static inline bool connection_ready(const struct connection *connection)
{
        return connection->state == CONNECTION_READY;
}

/* Adds a statement to the trip that is being put together. NULL: no parameters. Ready only. */
void connection_queue(struct connection *connection, enum sql sql, const struct parameters *parameters);

/* Sends it. Its end comes by due_us in any case. */
void connection_send(struct connection *connection, uint64_t due_us);

/* What is set in each session that is ours alone, one after the other; NULL after the last. */
const char *connection_setting(size_t place);

/* What libpq is told to connect with. Ends with NULLs. */
#define CONNECT_WORDS 12
struct connect_words {
        const char *names[CONNECT_WORDS], *values[CONNECT_WORDS];
};
struct connect_words connect_words(const struct store_postgres_options *options);

/* The first line of what libpq says, without its "error:" and its line end. */
void connection_reason(const PGconn *pg, char *text, size_t size);

#endif
