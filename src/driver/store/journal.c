/* See journal.h. The table of functions of the file object is replaced, as checkpoint.c does it with the database's. */
#include "driver/store/journal.h"

#include "base/assert.h"
#include "base/memory.h"

static struct journal *journal_of(sqlite3_file *file)
{
        return container_of(file->pMethods, struct journal, gathering);
}

/* What could not be written is forgotten: SQLite takes the transaction back, and writes the same place again. */
static int flush(struct journal *journal, sqlite3_file *file)
{
        int code = SQLITE_OK;

        if (journal->used > 0)
                code = journal->plain->xWrite(file, journal->bytes, (int)journal->used, journal->at);
        journal->used = 0;
        return code;
}

static int gather_write(sqlite3_file *file, const void *bytes, int size, sqlite3_int64 at)
{
        struct journal *journal = journal_of(file);
        bool goes_on = journal->used > 0 && at == journal->at + (sqlite3_int64)journal->used;
        int code = SQLITE_OK;

        if (!goes_on || journal->used + (size_t)size > JOURNAL_GATHERED_MAX)
                code = flush(journal, file);
        if (code != SQLITE_OK)
                return code;
        if (size > JOURNAL_GATHERED_MAX)
                return journal->plain->xWrite(file, bytes, size, at);
        if (journal->used == 0)
                journal->at = at;
        memcpy(journal->bytes + journal->used, bytes, (size_t)size);
        journal->used += (size_t)size;
        return SQLITE_OK;
}

static int flush_and_read(sqlite3_file *file, void *bytes, int size, sqlite3_int64 at)
{
        struct journal *journal = journal_of(file);
        int code = flush(journal, file);

        return code == SQLITE_OK ? journal->plain->xRead(file, bytes, size, at) : code;
}

static int flush_and_truncate(sqlite3_file *file, sqlite3_int64 size)
{
        struct journal *journal = journal_of(file);
        int code = flush(journal, file);

        return code == SQLITE_OK ? journal->plain->xTruncate(file, size) : code;
}

static int flush_and_sync(sqlite3_file *file, int flags)
{
        struct journal *journal = journal_of(file);
        int code = flush(journal, file);

        return code == SQLITE_OK ? journal->plain->xSync(file, flags) : code;
}

static int flush_and_measure(sqlite3_file *file, sqlite3_int64 *size)
{
        struct journal *journal = journal_of(file);
        int code = flush(journal, file);

        return code == SQLITE_OK ? journal->plain->xFileSize(file, size) : code;
}

void journal_gather(struct journal *journal, sqlite3 *handle)
{
        sqlite3_file *file = NULL;

        if (sqlite3_file_control(handle, "main", SQLITE_FCNTL_JOURNAL_POINTER, &file) != SQLITE_OK || !file ||
            !file->pMethods)
                return;
        journal->bytes = memory_new(JOURNAL_GATHERED_MAX);
        if (!journal->bytes)
                return;
        journal->plain = file->pMethods;
        journal->gathering = *file->pMethods;
        journal->gathering.xWrite = gather_write;
        journal->gathering.xRead = flush_and_read;
        journal->gathering.xTruncate = flush_and_truncate;
        journal->gathering.xSync = flush_and_sync;
        journal->gathering.xFileSize = flush_and_measure;
        file->pMethods = &journal->gathering;
}

void journal_finish(struct journal *journal)
{
        memory_free(journal->bytes);
        *journal = (struct journal){0};
}
