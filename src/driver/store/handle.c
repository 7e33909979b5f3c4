/* A handle of the store: submits, answers its own questions, polls. */
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/memory.h"
#include "driver/store/reader.h"
#include "driver/store/sqlite_inside.h"

static struct handle *handle_of(struct store *store)
{
        return container_of(store, struct handle, store);
}

static void wake_self(struct handle *handle)
{
        uint64_t one = 1;

        if (handle->fd >= 0 && write(handle->fd, &one, sizeof(one)) != sizeof(one))
                return; /* its counter is full: it is readable already */
}

static struct job *free_job(struct handle *handle)
{
        for (size_t i = 0; i < STORE_JOBS_MAX; i++)
                if (handle->jobs[i].state == JOB_FREE)
                        return &handle->jobs[i];
        return NULL;
}

static enum error handle_apply(struct store *store, const struct store_op *ops, size_t count, struct store_result *results,
                               struct arena *arena, uint64_t tag)
{
        struct handle *handle = handle_of(store);
        struct store_sqlite *sqlite = handle->sqlite;
        struct job *job;

        check(count > 0 && count <= STORE_OPS_MAX);
        sqlite_lock(sqlite);
        job = free_job(handle);
        if (job) {
                *job = (struct job){.handle = handle,
                                    .state = JOB_QUEUED,
                                    .write = {ops, count, results, arena},
                                    .completion = {.tag = tag}};
                handle->in_writer++;
                list_append(&sqlite->queue, &job->node);
                if (sqlite->options.threaded)
                        pthread_cond_signal(&sqlite->queued);
        }
        sqlite_unlock(sqlite);
        return job ? ERR_OK : ERR_FULL;
}

static enum error handle_ask(struct store *store, const struct store_question *questions, size_t count,
                             struct store_answer *answers, struct arena *arena, uint64_t tag)
{
        struct handle *handle = handle_of(store);
        struct job *job;

        check(count > 0 && count <= STORE_QUESTIONS_MAX);
        sqlite_lock(handle->sqlite);
        job = free_job(handle);
        if (job)
                *job = (struct job){.handle = handle,
                                    .state = JOB_QUEUED,
                                    .questions = questions,
                                    .question_count = count,
                                    .answers = answers,
                                    .arena = arena,
                                    .completion = {.tag = tag}};
        sqlite_unlock(handle->sqlite);
        if (!job)
                return ERR_FULL;
        list_append(&handle->questions, &job->node);
        wake_self(handle);
        return ERR_OK;
}

/* The connection to read on: the writer's own when inline, else one of this thread. NULL if it cannot be opened now. */
static struct database *reading_connection(struct handle *handle)
{
        struct store_sqlite *sqlite = handle->sqlite;

        if (!sqlite->options.threaded)
                return &sqlite->writer.database;
        if (!handle->reader_open) {
                int code = database_open(&handle->reader, sqlite->path, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX,
                                         sqlite->options.vfs);

                if (code == SQLITE_OK)
                        code = sqlite3_busy_timeout(handle->reader.handle, DATABASE_BUSY_MS);
                handle->reader_open = code == SQLITE_OK;
                if (code != SQLITE_OK)
                        database_close(&handle->reader);
        }
        return handle->reader_open ? &handle->reader : NULL;
}

static void answer(struct handle *handle, struct job *job)
{
        struct store_sqlite *sqlite = handle->sqlite;
        struct database *database = reading_connection(handle);
        uint64_t now_ms = sqlite->options.clock->wall_ms(sqlite->options.clock);

        job->completion.outcome = database ? OUTCOME_OK : OUTCOME_FAILED;
        for (size_t i = 0; i < job->question_count && job->completion.outcome == OUTCOME_OK; i++)
                if (!reader_ask(database, &job->questions[i], &sqlite->era, now_ms, &job->answers[i], job->arena))
                        job->completion.outcome = OUTCOME_FAILED;
        if (job->completion.outcome == OUTCOME_FAILED)
                event_note(sqlite->options.events, EVENT_ERROR, "store.question_failed", NULL,
                           {"questions", NULL, job->question_count});
}

static size_t handle_poll(struct store *store, struct completion *completions, size_t max)
{
        struct handle *handle = handle_of(store);
        struct store_sqlite *sqlite = handle->sqlite;
        struct list_node *node;
        uint64_t wakes;
        size_t count = 0;

        if (handle->fd >= 0 && read(handle->fd, &wakes, sizeof(wakes)) < 0)
                wakes = 0;
        while (count < max && (node = list_pop(&handle->questions))) {
                struct job *job = container_of(node, struct job, node);

                answer(handle, job);
                completions[count++] = job->completion;
                sqlite_lock(sqlite);
                job->state = JOB_FREE;
                sqlite_unlock(sqlite);
        }
        sqlite_lock(sqlite);
        if (!sqlite->options.threaded)
                sqlite_commit_queued(sqlite);
        while (count < max && (node = list_pop(&handle->done))) {
                struct job *job = container_of(node, struct job, node);

                completions[count++] = job->completion;
                job->state = JOB_FREE;
        }
        if (!list_empty(&handle->done) || !list_empty(&handle->questions))
                wake_self(handle);
        sqlite_unlock(sqlite);
        return count;
}

static int handle_fd(struct store *store)
{
        return handle_of(store)->fd;
}

/* What is queued and not begun is taken back; what is being written is waited for. */
static void forget_jobs(struct handle *handle)
{
        struct store_sqlite *sqlite = handle->sqlite;

        sqlite_lock(sqlite);
        list_each(&sqlite->queue, job, struct job, node) {
                if (job->handle == handle) {
                        list_remove(&job->node);
                        handle->in_writer--;
                }
        }
        while (handle->in_writer > 0 && sqlite->options.threaded)
                pthread_cond_wait(&sqlite->idle, &sqlite->lock);
        sqlite->handle_count--;
        sqlite_unlock(sqlite);
}

static void handle_free(struct store **store)
{
        struct handle *handle = *store ? handle_of(*store) : NULL;

        if (!handle)
                return;
        *store = NULL;
        forget_jobs(handle);
        if (handle->reader_open)
                database_close(&handle->reader);
        if (handle->fd >= 0)
                close(handle->fd);
        memory_free(handle);
}

static const struct store_ops handle_ops = {handle_free, handle_fd, handle_apply, handle_ask, handle_poll};

enum error store_sqlite_open(struct store_sqlite *sqlite, struct store **store)
{
        struct handle *handle = memory_new(sizeof(*handle));

        *store = NULL;
        if (!handle)
                return ERR_NO_MEMORY;
        handle->store.ops = &handle_ops;
        handle->sqlite = sqlite;
        list_init(&handle->questions);
        list_init(&handle->done);
        handle->fd = sqlite->options.threaded ? eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) : -1;
        if (sqlite->options.threaded && handle->fd < 0) {
                memory_free(handle);
                return ERR_SYSTEM;
        }
        sqlite_lock(sqlite);
        sqlite->handle_count++;
        sqlite_unlock(sqlite);
        *store = &handle->store;
        return ERR_OK;
}
