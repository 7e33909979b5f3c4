/* The thread, and what the writer decides between commits. */
#include "driver/store/checkpoint.h"

#include "base/assert.h"
#include "driver/store/database.h"

#define RESTART_TRY_MS 20
#define RESTART_TRIES  50

void checkpoint_init(struct checkpoint *checkpoint)
{
        *checkpoint = (struct checkpoint){0};
        pthread_mutex_init(&checkpoint->lock, NULL);
        pthread_cond_init(&checkpoint->wanted, NULL);
        pthread_cond_init(&checkpoint->done, NULL);
}

/* Pages of the WAL that are in the database now; 0 if that is not known. A failure shows at the writer's own turn. */
static int move(sqlite3 *handle)
{
        int pages = 0, moved = 0;

        if (sqlite3_wal_checkpoint_v2(handle, NULL, SQLITE_CHECKPOINT_PASSIVE, &pages, &moved) != SQLITE_OK || moved < 0)
                return 0;
        return moved;
}

/*
 * Pages go to the disk a few at a time. Written all at once they would fill its queue, and the commit that syncs the WAL meanwhile
 * would wait behind hundreds of them; and a thread that copies for milliseconds on end keeps its core from those that have
 * microseconds of work. So every CHECKPOINT_PACE_PAGES the thread waits for what it wrote.
 */
static int write_paced(sqlite3_file *file, const void *bytes, int size, sqlite3_int64 at)
{
        struct checkpoint *checkpoint = container_of(file->pMethods, struct checkpoint, paced);
        int code = checkpoint->plain->xWrite(file, bytes, size, at);

        if (code == SQLITE_OK && !atomic_load_explicit(&checkpoint->hurry, memory_order_relaxed) &&
            ++checkpoint->written % CHECKPOINT_PACE_PAGES == 0)
                code = checkpoint->plain->xSync(file, SQLITE_SYNC_NORMAL | SQLITE_SYNC_DATAONLY);
        return code;
}

/* The connection's database file with another way to write; the WAL, which it only reads, stays as it is. */
static void set_pace(struct checkpoint *checkpoint)
{
        sqlite3_file *file = NULL;

        sqlite3_file_control(checkpoint->handle, "main", SQLITE_FCNTL_FILE_POINTER, &file);
        check(file && file->pMethods);
        checkpoint->plain = file->pMethods;
        checkpoint->paced = *file->pMethods;
        checkpoint->paced.xWrite = write_paced;
        file->pMethods = &checkpoint->paced;
}

static void *run(void *context)
{
        struct checkpoint *checkpoint = context;

        pthread_mutex_lock(&checkpoint->lock);
        while (!checkpoint->stop) {
                int moved;

                if (!checkpoint->wants) {
                        pthread_cond_wait(&checkpoint->wanted, &checkpoint->lock);
                        continue;
                }
                checkpoint->wants = false;
                checkpoint->busy = true;
                pthread_mutex_unlock(&checkpoint->lock);
                moved = move(checkpoint->handle);
                pthread_mutex_lock(&checkpoint->lock);
                checkpoint->busy = false;
                checkpoint->moved = moved;
                pthread_cond_signal(&checkpoint->done);
        }
        pthread_mutex_unlock(&checkpoint->lock);
        return NULL;
}

enum error checkpoint_start(struct checkpoint *checkpoint, const char *path, const char *vfs, int pages_max)
{
        /* A connection that never read does not know yet that there is a WAL, and its checkpoints do nothing. */
        static const char text[] =
                "PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0; SELECT count(*) FROM sqlite_schema";
        int code = sqlite3_open_v2(path, &checkpoint->handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, vfs);

        checkpoint->pages_max = pages_max ? pages_max : WAL_PAGES_MAX;
        if (code == SQLITE_OK)
                code = sqlite3_busy_timeout(checkpoint->handle, DATABASE_BUSY_MS);
        if (code == SQLITE_OK)
                code = sqlite3_exec(checkpoint->handle, text, NULL, NULL, NULL);
        if (code == SQLITE_OK)
                set_pace(checkpoint);
        if (code == SQLITE_OK)
                checkpoint->runs = pthread_create(&checkpoint->thread, NULL, run, checkpoint) == 0;
        return checkpoint->runs ? ERR_OK : ERR_SYSTEM;
}

void checkpoint_finish(struct checkpoint *checkpoint)
{
        if (checkpoint->runs) {
                pthread_mutex_lock(&checkpoint->lock);
                checkpoint->stop = true;
                pthread_cond_signal(&checkpoint->wanted);
                pthread_mutex_unlock(&checkpoint->lock);
                pthread_join(checkpoint->thread, NULL);
        }
        sqlite3_close(checkpoint->handle);
        pthread_cond_destroy(&checkpoint->done);
        pthread_cond_destroy(&checkpoint->wanted);
        pthread_mutex_destroy(&checkpoint->lock);
        *checkpoint = (struct checkpoint){0};
}

/* What the thread is found to have done: -1 while it is at it. */
static int look(struct checkpoint *checkpoint)
{
        int moved;

        pthread_mutex_lock(&checkpoint->lock);
        moved = checkpoint->wants || checkpoint->busy ? -1 : checkpoint->moved;
        pthread_mutex_unlock(&checkpoint->lock);
        return moved;
}

static void ask(struct checkpoint *checkpoint, int pages)
{
        checkpoint->asked = pages;
        pthread_mutex_lock(&checkpoint->lock);
        checkpoint->wants = true;
        checkpoint->moved = 0;
        pthread_cond_signal(&checkpoint->wanted);
        pthread_mutex_unlock(&checkpoint->lock);
}

static void await(struct checkpoint *checkpoint)
{
        atomic_store(&checkpoint->hurry, true);
        pthread_mutex_lock(&checkpoint->lock);
        while (checkpoint->wants || checkpoint->busy)
                pthread_cond_wait(&checkpoint->done, &checkpoint->lock);
        pthread_mutex_unlock(&checkpoint->lock);
        atomic_store(&checkpoint->hurry, false);
}

/*
 * SQLite waits for the readers of older pages, slot by slot, by a look at the slots when it began. Readers that follow each other
 * without a pause take such a slot for the newest pages meanwhile, and it would wait for them until its timeout: so it is given short
 * ones, and looks anew.
 */
static void restart(sqlite3 *writer)
{
        int code = SQLITE_BUSY;

        sqlite3_busy_timeout(writer, RESTART_TRY_MS);
        for (int try = 0; code == SQLITE_BUSY && try < RESTART_TRIES; try++)
                code = sqlite3_wal_checkpoint_v2(writer, NULL, SQLITE_CHECKPOINT_RESTART, NULL, NULL);
        sqlite3_busy_timeout(writer, DATABASE_BUSY_MS);
}

/*
 * Nobody commits meanwhile, so all is moved unless a reader still looks at older pages. The next commit begins the WAL anew if no
 * reader is in it at that moment; at the bound such a moment is waited for, up to a second.
 */
static void rest(struct checkpoint *checkpoint, sqlite3 *writer, int pages)
{
        if (pages >= checkpoint->pages_max)
                restart(writer);
        else
                (void)move(writer);
        checkpoint->rest_next = pages + checkpoint->pages_max / CHECKPOINT_STEPS;
}

void checkpoint_rest(struct checkpoint *checkpoint, sqlite3 *writer, int pages)
{
        bool due, rests;
        int moved;

        check(checkpoint->runs);
        if (pages < checkpoint->pages) /* the WAL began anew */
                checkpoint->asked = checkpoint->rest_next = 0;
        checkpoint->pages = pages;
        rests = pages >= checkpoint->pages_max / 2 && pages >= checkpoint->rest_next;
        due = pages >= checkpoint->asked + checkpoint->pages_max / CHECKPOINT_STEPS;
        if (!rests && !due)
                return;
        moved = look(checkpoint);
        if (moved > pages) /* of the WAL before this one */
                moved = 0;
        if (rests && pages >= checkpoint->pages_max) {
                await(checkpoint);
                rest(checkpoint, writer, pages);
        } else if (rests && moved > 0 && pages - moved <= CHECKPOINT_LAST_PAGES) {
                rest(checkpoint, writer, pages);
        } else if (moved >= 0 && pages > moved) {
                ask(checkpoint, pages);
        }
}
