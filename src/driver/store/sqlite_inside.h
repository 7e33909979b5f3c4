/* What the two files of the SQLite driver share: the whole (sqlite.c) and its handles (handle.c). */
#ifndef GALKA_DRIVER_STORE_SQLITE_INSIDE_H
#define GALKA_DRIVER_STORE_SQLITE_INSIDE_H

#include <pthread.h>

#include "base/list.h"
#include "driver/store/checkpoint.h"
#include "driver/store/journal.h"
#include "driver/store/sqlite.h"
#include "driver/store/writer.h"

struct handle;

enum job_state { JOB_FREE, JOB_QUEUED, JOB_DONE };

/* One submitted apply or ask. */
struct job {
        struct list_node node; /* in the writer's queue, the handle's questions, or its done list */
        struct handle *handle;
        enum job_state state;
        struct write_job write; /* an apply */
        const struct store_question *questions;
        struct store_answer *answers;
        size_t question_count; /* 0: an apply */
        struct arena *arena;
        struct completion completion;
};

struct handle {
        struct store store;
        struct store_sqlite *sqlite;
        struct database reader; /* threaded: opened at the first question */
        bool reader_open;
        int fd; /* eventfd; -1 inline */
        struct job jobs[STORE_JOBS_MAX];
        struct list questions; /* to be answered in poll */
        struct list done;      /* applied; under the lock when threaded */
        unsigned in_writer;    /* applies not done; under the lock when threaded */
};

struct store_sqlite {
        struct writer writer;
        struct journal journal;       /* the writer's */
        struct checkpoint checkpoint; /* threaded */
        struct store_sqlite_options options;
        struct id era;
        char path[4200];
        int lock_fd;
        unsigned handle_count;
        /* Threaded: all below is under the lock. Inline: plain. */
        pthread_mutex_t lock;
        pthread_cond_t queued, idle;
        pthread_t thread;
        bool thread_runs, stop;
        struct list queue;
};

void sqlite_lock(struct store_sqlite *sqlite);
void sqlite_unlock(struct store_sqlite *sqlite);

/* Takes what is queued, up to STORE_COMMIT_OPS_MAX operations, applies it as one transaction, completes it. Called with the lock
 * held, which it gives up meanwhile. False if nothing was queued. */
bool sqlite_commit_queued(struct store_sqlite *sqlite);

#endif
