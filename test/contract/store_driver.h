/*
 * The store drivers that the contract is tried on. A world is one database, whatever that is for the driver; a world that is closed
 * and opened again holds what it held.
 */
#ifndef GALKA_TEST_CONTRACT_STORE_DRIVER_H
#define GALKA_TEST_CONTRACT_STORE_DRIVER_H

#include "seam/clock.h"
#include "seam/random.h"
#include "seam/store.h"

struct store_driver {
        const char *name;
        bool groups;   /* what several handles submit may go as one transaction */
        bool threaded; /* handles may be used by several threads at once, and have a descriptor */
        void *(*world_new)(struct clock *clock, struct random *random); /* empty */
        void (*world_free)(void *world);                                /* its data too */
        struct store *(*open)(void *world);
        /* All handles are gone: everything in memory is forgotten. */
        void (*world_reopen)(void *world);
        /* The same, and before that the one number that a SELECT gives. */
        uint64_t (*world_look)(void *world, const char *sql);
        const char *words; /* how many rows the index has by the word "badger" */
};

/* Those to be tried in this run, up to a NULL name: SQLite's; or, where tools/engines says in the environment how to reach one,
 * PostgreSQL's. */
const struct store_driver *store_drivers(void);

/* On a PostgreSQL whose database is the test's own (ENGINES_POSTGRES): at READ COMMITTED, as in production; at SERIALIZABLE, where
 * transactions are told to try again; and through a pooler that gives each transaction another session (ENGINES_PGBOUNCER). */
extern const struct store_driver postgres_drivers[];

/* The options of a world of those; the address as in ENGINES_POSTGRES. Its tables are made, and empty, if `empty`. */
struct store_postgres_options;
struct store_postgres_options postgres_options(struct clock *wall, struct random *random, bool empty);

/* Runs SQL on that database, by the owner of everything in it. */
void postgres_run(const char *sql);

#endif
