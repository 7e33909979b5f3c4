/* The store as a whole: opening, the lock on the folder, the writer thread and its group commits. */
#include "driver/store/sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/memory.h"
#include "driver/store/schema.h"
#include "driver/store/sqlite_inside.h"

#define JOBS_TAKEN_MAX   64 /* of one commit */
#define CHECKPOINT_PAGES 4000

void sqlite_lock(struct store_sqlite *sqlite)
{
        if (sqlite->options.threaded)
                pthread_mutex_lock(&sqlite->lock);
}

void sqlite_unlock(struct store_sqlite *sqlite)
{
        if (sqlite->options.threaded)
                pthread_mutex_unlock(&sqlite->lock);
}

/* Two servers on one folder would each believe to be the one writer. */
enum error store_sqlite_lock(const char *folder, int *fd, char text[static STORE_ERROR_SIZE])
{
        char path[4200];

        snprintf(path, sizeof(path), "%.4000s/lock", folder);
        *fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (*fd < 0) {
                snprintf(text, STORE_ERROR_SIZE, "cannot write %.300s: %s", path, strerror(errno));
                return ERR_SYSTEM;
        }
        if (flock(*fd, LOCK_EX | LOCK_NB) == 0)
                return ERR_OK;
        snprintf(text, STORE_ERROR_SIZE, "another galkad uses the folder %.300s", folder);
        close(*fd);
        *fd = -1;
        return ERR_LOCKED;
}

/* The file is its owner's alone, wherever the folder lies; SQLite gives -wal and -shm the mode of the database. */
static enum error make_private(const struct store_sqlite *sqlite, char *text)
{
        int fd = open(sqlite->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

        if (fd >= 0) {
                close(fd);
                return ERR_OK;
        }
        snprintf(text, STORE_ERROR_SIZE, "cannot write %.300s: %s", sqlite->path, strerror(errno));
        return ERR_SYSTEM;
}

static int on_wal(void *context, sqlite3 *database, const char *name, int pages)
{
        struct store_sqlite *sqlite = context;

        (void)name;
        sqlite->writer.wal_pages = pages;
        /* Inline there is nobody else to do it, and no reader in its way. */
        if (!sqlite->options.threaded && pages > CHECKPOINT_PAGES)
                sqlite3_wal_checkpoint_v2(database, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
        return SQLITE_OK;
}

static enum error open_writer(struct store_sqlite *sqlite, char *text)
{
        struct writer *writer = &sqlite->writer;
        int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
        int code = database_open(&writer->database, sqlite->path, flags, sqlite->options.vfs);
        enum error error;

        if (code != SQLITE_OK) {
                snprintf(text, STORE_ERROR_SIZE, "cannot open %.300s: %s", sqlite->path, sqlite3_errstr(code));
                return ERR_SYSTEM;
        }
        error = schema_open(&writer->database, sqlite->options.random, !sqlite->options.threaded && sqlite->options.vfs,
                            &sqlite->era, text, STORE_ERROR_SIZE);
        if (!error) {
                sqlite3_wal_hook(writer->database.handle, on_wal, sqlite);
                sqlite3_busy_timeout(writer->database.handle, DATABASE_BUSY_MS);
                journal_gather(&sqlite->journal, writer->database.handle);
                error = room_cache_init(&writer->rooms);
        }
        return error;
}

/* ---- group commit ---- */

static size_t take_jobs(struct store_sqlite *sqlite, struct job *taken[JOBS_TAKEN_MAX])
{
        size_t count = 0, operations = 0;
        struct list_node *node;

        while (count < JOBS_TAKEN_MAX && (node = list_first(&sqlite->queue))) {
                struct job *job = container_of(node, struct job, node);

                if (operations + job->write.count > STORE_COMMIT_OPS_MAX)
                        break;
                operations += job->write.count;
                list_remove(node);
                taken[count++] = job;
        }
        return count;
}

static void complete(struct job *job, enum outcome outcome)
{
        struct handle *handle = job->handle;
        uint64_t one = 1;

        job->completion.outcome = outcome;
        job->state = JOB_DONE;
        handle->in_writer--;
        /* The first one wakes; poll takes all that is there. */
        if (list_empty(&handle->done) && handle->fd >= 0 && write(handle->fd, &one, sizeof(one)) != sizeof(one))
                check(errno == EAGAIN);
        list_append(&handle->done, &job->node);
}

bool sqlite_commit_queued(struct store_sqlite *sqlite)
{
        struct job *taken[JOBS_TAKEN_MAX];
        struct write_job writes[JOBS_TAKEN_MAX];
        size_t count = take_jobs(sqlite, taken);
        enum outcome outcome;

        if (count == 0)
                return false;
        for (size_t i = 0; i < count; i++)
                writes[i] = taken[i]->write;
        sqlite_unlock(sqlite);
        outcome = writer_apply(&sqlite->writer, writes, count);
        sqlite_lock(sqlite);
        for (size_t i = 0; i < count; i++)
                complete(taken[i], outcome);
        return true;
}

static void *writer_thread(void *context)
{
        struct store_sqlite *sqlite = context;

        sqlite_lock(sqlite);
        while (!sqlite->stop) {
                if (!sqlite_commit_queued(sqlite)) {
                        pthread_cond_wait(&sqlite->queued, &sqlite->lock);
                        continue;
                }
                pthread_cond_broadcast(&sqlite->idle);
                sqlite_unlock(sqlite);
                checkpoint_rest(&sqlite->checkpoint, sqlite->writer.database.handle, sqlite->writer.wal_pages);
                sqlite_lock(sqlite);
        }
        sqlite_unlock(sqlite);
        return NULL;
}

/* ---- life ---- */

enum error store_sqlite_new(const struct store_sqlite_options *options, struct store_sqlite **sqlite_p,
                            char text[static STORE_ERROR_SIZE])
{
        struct store_sqlite *sqlite = memory_new(sizeof(*sqlite));
        enum error error = ERR_OK;

        *sqlite_p = NULL;
        text[0] = '\0';
        if (!sqlite)
                return ERR_NO_MEMORY;
        sqlite->options = *options;
        sqlite->lock_fd = -1;
        sqlite->writer.clock = options->clock;
        sqlite->writer.events = options->events;
        list_init(&sqlite->queue);
        checkpoint_init(&sqlite->checkpoint);
        pthread_mutex_init(&sqlite->lock, NULL);
        pthread_cond_init(&sqlite->queued, NULL);
        pthread_cond_init(&sqlite->idle, NULL);
        snprintf(sqlite->path, sizeof(sqlite->path), options->vfs ? "%.4000s" : "%.4000s/galka.db", options->folder);
        check(!options->beside || !options->threaded);
        if (!options->vfs && !options->beside)
                error = store_sqlite_lock(options->folder, &sqlite->lock_fd, text);
        if (!error && !options->vfs)
                error = make_private(sqlite, text);
        if (!error)
                error = open_writer(sqlite, text);
        if (!error && options->threaded) {
                error = checkpoint_start(&sqlite->checkpoint, sqlite->path, options->vfs, options->wal_pages_max);
                if (error)
                        snprintf(text, STORE_ERROR_SIZE, "cannot start the thread of checkpoints");
        }
        if (!error && options->threaded) {
                sqlite->thread_runs = pthread_create(&sqlite->thread, NULL, writer_thread, sqlite) == 0;
                error = sqlite->thread_runs ? ERR_OK : ERR_SYSTEM;
        }
        if (error)
                store_sqlite_free(&sqlite);
        *sqlite_p = sqlite;
        return error;
}

void store_sqlite_free(struct store_sqlite **sqlite_p)
{
        struct store_sqlite *sqlite = *sqlite_p;

        if (!sqlite)
                return;
        *sqlite_p = NULL;
        check(sqlite->handle_count == 0);
        if (sqlite->thread_runs) {
                sqlite_lock(sqlite);
                sqlite->stop = true;
                pthread_cond_signal(&sqlite->queued);
                sqlite_unlock(sqlite);
                pthread_join(sqlite->thread, NULL);
        }
        checkpoint_finish(&sqlite->checkpoint);
        writer_finish(&sqlite->writer);
        journal_finish(&sqlite->journal);
        if (sqlite->lock_fd >= 0)
                close(sqlite->lock_fd);
        pthread_cond_destroy(&sqlite->idle);
        pthread_cond_destroy(&sqlite->queued);
        pthread_mutex_destroy(&sqlite->lock);
        memory_free(sqlite);
}

struct id store_sqlite_era(const struct store_sqlite *sqlite)
{
        return sqlite->era;
}

enum error store_sqlite_renew_era(struct store_sqlite *sqlite)
{
        check(!sqlite->options.threaded);
        return schema_renew_era(&sqlite->writer.database, sqlite->options.random, &sqlite->era);
}
