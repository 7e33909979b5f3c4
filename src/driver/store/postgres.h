/*
 * The store on PostgreSQL (libpq, pipeline mode) and what speaks its language. No thread: a handle has one connection that writes
 * and a few that read, all non-blocking; poll moves them, and the handle's descriptor becomes readable when there is something to
 * move. Any number of processes may use one database (laws L1, L2, L8).
 *
 *      store_postgres_new → store_postgres_open for each handle → handles freed by their `free` → store_postgres_free
 *
 * While the database is out, what was submitted completes as FAILED (or UNCERTAIN, if its COMMIT was on its way) within
 * STORE_POSTGRES_ANSWER_MS, and connections are tried again with growing pauses.
 */
#ifndef GALKA_DRIVER_STORE_POSTGRES_H
#define GALKA_DRIVER_STORE_POSTGRES_H

#include "base/event.h"
#include "driver/store/common.h"
#include "seam/clock.h"
#include "seam/random.h"
#include "seam/store.h"

#define STORE_POSTGRES_ANSWER_MS   4000 /* from submitting to the completion, when nobody answers */
#define STORE_POSTGRES_READERS     2    /* connections of a handle that read, if it is not said */
#define STORE_POSTGRES_READERS_MAX 8

struct store_postgres_options {
        /* As libpq understands it: "postgresql://galka@db.example.org/galka?sslmode=verify-full", "host=… dbname=…". No password
         * belongs in it if others can read it (an argument of a process). */
        const char *uri;
        const char *password; /* NULL: as libpq finds one: passfile in the URI, PGPASSFILE, ~/.pgpass, PGPASSWORD */
        unsigned readers;     /* 0: STORE_POSTGRES_READERS */
        bool serializable;    /* transactions at SERIALIZABLE: for tests. Production is READ COMMITTED and locks (L2) */
        struct clock *clock;  /* its monotonic part: time-outs and pauses */
        struct clock *wall; /* whose wall_ms dates rows and judges deadlines. NULL: the database's clock, one for all (L8) */
        struct random *random;
        struct event_sink *events;
};

struct store_postgres;

/* Can libpq read it, and is there a password in it, in whatever way it may be said? CONFIG: it cannot. NO_MEMORY. */
must_use enum error store_postgres_uri_check(const char *uri, bool *holds_password);

/* Connects once and looks whether everything is as it should be. Errors, with one line in text: CONFIG (not to be used as it is: no
 * schema, an older or newer one, commits that are not durable, too old a server), SYSTEM (cannot be reached, or refuses us),
 * CORRUPT, NO_MEMORY. */
must_use enum error store_postgres_new(const struct store_postgres_options *options, struct store_postgres **postgres,
                                       char text[static STORE_ERROR_SIZE]);

/* All handles must be gone. */
void store_postgres_free(struct store_postgres **postgres);

/* A handle, for one thread. It connects in the background. NO_MEMORY, SYSTEM. */
must_use enum error store_postgres_open(struct store_postgres *postgres, struct store **store);

/* As it was when it was last looked at here; answers carry the one of their snapshot. */
struct id store_postgres_era(const struct store_postgres *postgres);

/* Gives the store a new era (L9): an older copy was put back, or a standby promoted that lacked something. Other processes see it
 * with their next question. SYSTEM. */
must_use enum error store_postgres_renew_era(struct store_postgres *postgres);

/* Brings the schema up to this galkad's version, a transaction a step; never back. `report` hears one line a step, with dry_run of
 * what would be done, and if nothing is to be done. Errors, with one line in text: CONFIG (made by a newer galkad), SYSTEM. */
must_use enum error store_postgres_migrate(const struct store_postgres_options *options, bool dry_run,
                                           void (*report)(void *owner, const char *line), void *owner,
                                           char text[static STORE_ERROR_SIZE]);

/* The time by the database's clock, by which deadlines are judged. SYSTEM, NO_MEMORY; text says why. */
must_use enum error store_postgres_clock(const struct store_postgres_options *options, uint64_t *wall_ms,
                                         char text[static STORE_ERROR_SIZE]);

#endif
