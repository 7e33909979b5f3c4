/*
 * Keeps the WAL bounded without any commit waiting for it. A checkpoint copies pages from the WAL into the database and syncs both:
 * tens of milliseconds, in which the writer would commit nothing. So a thread with a connection of its own does it beside the writer
 * (PASSIVE: it waits for nobody), and the writer only moves the few pages that came in meanwhile, after which SQLite begins the WAL
 * anew with the next commit.
 *
 *      checkpoint_init → checkpoint_start → checkpoint_rest after each commit → checkpoint_finish
 */
#ifndef GALKA_DRIVER_STORE_CHECKPOINT_H
#define GALKA_DRIVER_STORE_CHECKPOINT_H

#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/error.h"

#define WAL_PAGES_MAX         16384 /* 64 MiB */
#define CHECKPOINT_STEPS      8     /* in that: a part of so many committed since the last one, and the thread begins */
#define CHECKPOINT_PACE_PAGES 32    /* given to the disk at once */
#define CHECKPOINT_LAST_PAGES 64    /* so few the writer moves itself */

struct checkpoint {
        sqlite3 *handle;
        pthread_t thread;
        bool runs;
        int pages_max; /* from half of it the WAL is to begin anew; there the writer sees to it, however much it is */
        const sqlite3_io_methods *plain; /* how the database file is written, */
        sqlite3_io_methods paced;        /* and how by the thread */
        unsigned written;                /* pages */
        atomic_bool hurry;               /* the writer waits for the thread */
        int pages;                       /* in the WAL after the last commit; this and the next two are the writer's own */
        int asked;                       /* pages there were when the thread was last asked */
        int rest_next;                   /* after a rest that readers kept from its end: not again before so many pages */
        pthread_mutex_t lock;
        pthread_cond_t wanted, done;
        bool wants, busy, stop; /* under the lock, as is the next */
        int moved;              /* pages of this WAL that are in the database; 0: not known */
};

void checkpoint_init(struct checkpoint *checkpoint);

/* A thread and a connection of its own on the database; pages_max 0: WAL_PAGES_MAX. SYSTEM. */
must_use enum error checkpoint_start(struct checkpoint *checkpoint, const char *path, const char *vfs, int pages_max);

/* Also one that was not started. */
void checkpoint_finish(struct checkpoint *checkpoint);

/* Called by the writer between transactions, with its own connection and the number of pages in the WAL. */
void checkpoint_rest(struct checkpoint *checkpoint, sqlite3 *writer, int pages);

#endif
