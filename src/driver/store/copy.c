/* See copy.h. */
#include "driver/store/copy.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "driver/store/database.h"
#include "driver/store/schema.h"

#define STEP_PAGES 1024   /* copied at once */
#define PAUSE_NS   500000 /* after that: the disk is the writer's, too */
#define TRIES_MAX  200    /* in which a lock is not given */

/* In one snapshot with what is copied: nothing ends the transaction until the copy is done. */
static int look(struct database *from, struct store_copy *copy)
{
        int code = sqlite3_exec(from->handle, "BEGIN", NULL, NULL, NULL);
        uint64_t application = 0, version = 0;

        if (code == SQLITE_OK)
                code = schema_read(from, &application, &version, &copy->era);
        copy->schema = (unsigned)version;
        if (code == SQLITE_OK && application != SCHEMA_APPLICATION)
                code = SQLITE_NOTADB;
        return code;
}

static int copy_pages(sqlite3_backup *backup)
{
        const struct timespec pause = {.tv_nsec = PAUSE_NS};
        unsigned tries = 0;
        int code;

        do {
                code = sqlite3_backup_step(backup, STEP_PAGES);
                if (code != SQLITE_DONE)
                        nanosleep(&pause, NULL);
        } while (code == SQLITE_OK || ((code == SQLITE_BUSY || code == SQLITE_LOCKED) && ++tries < TRIES_MAX));
        return code == SQLITE_DONE ? SQLITE_OK : code;
}

/* The copy is not synced: whoever asked for it reads it, and removes it. */
static int copy_to(struct database *from, const char *path, struct store_copy *copy)
{
        struct database to = {0};
        sqlite3_backup *backup;
        int code = database_open(&to, path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);

        if (code == SQLITE_OK)
                code = sqlite3_exec(to.handle, "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF", NULL, NULL, NULL);
        backup = code == SQLITE_OK ? sqlite3_backup_init(to.handle, "main", from->handle, "main") : NULL;
        if (backup) {
                code = copy_pages(backup);
                copy->pages = (uint64_t)sqlite3_backup_pagecount(backup);
                sqlite3_backup_finish(backup);
        } else if (code == SQLITE_OK) {
                code = sqlite3_errcode(to.handle);
        }
        database_close(&to);
        return code;
}

/* to NULL: it is only looked at. */
static enum error open_and(const char *folder, const char *to, struct store_copy *copy, char *text)
{
        char path[4200];
        struct database from = {0};
        int code;

        memset(copy, 0, sizeof(*copy));
        snprintf(path, sizeof(path), "%.4000s/galka.db", folder);
        if (access(path, F_OK) != 0) {
                snprintf(text, STORE_ERROR_SIZE, "there is no database in %.300s: %s (see --data)", folder, strerror(errno));
                return ERR_CONFIG;
        }
        /* To read what is in the WAL its index must be written, so it is not opened for reading alone. */
        code = database_open(&from, path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
        if (code == SQLITE_OK)
                code = sqlite3_busy_timeout(from.handle, DATABASE_BUSY_MS);
        if (code == SQLITE_OK)
                code = look(&from, copy);
        if (code == SQLITE_OK && to)
                code = copy_to(&from, to, copy);
        database_close(&from);
        if (code == SQLITE_OK)
                return ERR_OK;
        if (code == SQLITE_NOTADB)
                snprintf(text, STORE_ERROR_SIZE, "%.300s is not a database of Galka's", path);
        else
                snprintf(text, STORE_ERROR_SIZE, "cannot %s %.300s: %s", to ? "copy" : "read", path, sqlite3_errstr(code));
        return code == SQLITE_NOTADB ? ERR_CONFIG : code == SQLITE_CORRUPT ? ERR_CORRUPT : ERR_SYSTEM;
}

enum error store_sqlite_copy(const char *folder, const char *to, struct store_copy *copy, char text[static STORE_ERROR_SIZE])
{
        return open_and(folder, to, copy, text);
}

enum error store_sqlite_look(const char *folder, struct store_copy *found, char text[static STORE_ERROR_SIZE])
{
        return open_and(folder, NULL, found, text);
}
