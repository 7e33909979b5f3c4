/* Keys and values in SQLite (WAL, FULL): a crash leaves the last transaction whole. The lock is flock(2) on a file beside it. */
#include "terminal/file.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/memory.h"

#define BUSY_MS   5000
#define PATH_SIZE 4096

enum statement { PUT, DROP, DROP_TAIL, FORWARD, BACKWARD, GET_SETTING, SET_SETTING, VERSION, STATEMENTS };

static const char *const statement_text[STATEMENTS] = {
        [PUT] = "INSERT INTO records(key, value) VALUES(?1, ?2) ON CONFLICT(key) DO UPDATE SET value = ?2",
        [DROP] = "DELETE FROM records WHERE key >= ?1 AND key < ?2",
        [DROP_TAIL] = "DELETE FROM records WHERE key >= ?1",
        [FORWARD] = "SELECT key, value FROM records WHERE key >= ?1 AND (?2 IS NULL OR key < ?2) ORDER BY key LIMIT ?3",
        [BACKWARD] =
                "SELECT key, value FROM records WHERE key >= ?1 AND (?2 IS NULL OR key < ?2) ORDER BY key DESC LIMIT ?3",
        [GET_SETTING] = "SELECT value FROM settings WHERE name = ?1",
        [SET_SETTING] = "INSERT INTO settings(name, value) VALUES(?1, ?2) ON CONFLICT(name) DO UPDATE SET value = ?2",
        [VERSION] = "PRAGMA data_version",
};

static const char schema[] =
        "PRAGMA journal_mode = WAL;"
        "PRAGMA synchronous = FULL;"
        "CREATE TABLE IF NOT EXISTS records(key BLOB PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;"
        "CREATE TABLE IF NOT EXISTS settings(name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;";

struct file {
        sqlite3 *database;
        sqlite3_stmt *statements[STATEMENTS];
        int lock;
        int64_t version;
};

/* Makes every folder on the way that is missing, for their owner alone. One that is there stays as it is: it may be anything. */
static bool make_folders(const char *folder)
{
        char path[PATH_SIZE];
        size_t size = strlen(folder);

        if (size == 0 || size >= sizeof(path) - 16)
                return false;
        memcpy(path, folder, size + 1);
        for (char *at = path + 1; *at; at++) {
                if (*at != '/')
                        continue;
                *at = '\0';
                if (mkdir(path, 0700) != 0 && errno != EEXIST)
                        return false;
                *at = '/';
        }
        return mkdir(path, 0700) == 0 || errno == EEXIST;
}

static enum error open_database(struct file *file, const char *folder, char *text)
{
        char path[PATH_SIZE];
        mode_t old = umask(0077);
        int code;

        snprintf(path, sizeof(path), "%s/galka.db", folder);
        code = sqlite3_open_v2(path, &file->database, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL);
        if (code == SQLITE_OK) {
                sqlite3_busy_timeout(file->database, BUSY_MS);
                code = sqlite3_exec(file->database, schema, NULL, NULL, NULL);
        }
        umask(old);
        /* One that was there before may have come from a careless copy. */
        if (code == SQLITE_OK && chmod(path, 0600) != 0)
                code = SQLITE_CANTOPEN;
        for (size_t i = 0; i < STATEMENTS && code == SQLITE_OK; i++)
                code = sqlite3_prepare_v3(file->database, statement_text[i], -1, SQLITE_PREPARE_PERSISTENT,
                                          &file->statements[i], NULL);
        if (code == SQLITE_OK)
                return ERR_OK;
        snprintf(text, FILE_ERROR_SIZE, "cannot use %.300s: %s", path,
                 file->database ? sqlite3_errmsg(file->database) : sqlite3_errstr(code));
        return code == SQLITE_NOTADB || code == SQLITE_CORRUPT ? ERR_CORRUPT : ERR_SYSTEM;
}

enum error file_open(const char *folder, struct file **file_p, char text[static FILE_ERROR_SIZE])
{
        struct file *file;
        char path[PATH_SIZE];
        enum error error;

        *file_p = NULL;
        if (!make_folders(folder)) {
                snprintf(text, FILE_ERROR_SIZE, "cannot make the folder %.300s: %s", folder, strerror(errno));
                return ERR_SYSTEM;
        }
        file = memory_new(sizeof(*file));
        if (!file) {
                snprintf(text, FILE_ERROR_SIZE, "%s", error_text(ERR_NO_MEMORY));
                return ERR_NO_MEMORY;
        }
        snprintf(path, sizeof(path), "%s/lock", folder);
        file->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (file->lock < 0) {
                snprintf(text, FILE_ERROR_SIZE, "cannot write %.300s: %s", path, strerror(errno));
                file_close(&file);
                return ERR_SYSTEM;
        }
        error = open_database(file, folder, text);
        if (error)
                file_close(&file);
        else
                file_changed(file);
        *file_p = file;
        return error;
}

void file_close(struct file **file_p)
{
        struct file *file = *file_p;

        if (!file)
                return;
        *file_p = NULL;
        for (size_t i = 0; i < STATEMENTS; i++)
                sqlite3_finalize(file->statements[i]);
        sqlite3_close(file->database);
        if (file->lock >= 0)
                close(file->lock);
        memory_free(file);
}

enum error file_lead(struct file *file)
{
        if (flock(file->lock, LOCK_EX | LOCK_NB) == 0)
                return ERR_OK;
        return errno == EWOULDBLOCK ? ERR_LOCKED : ERR_SYSTEM;
}

static void bind(sqlite3_stmt *statement, int place, struct slice bytes)
{
        sqlite3_bind_blob64(statement, place, bytes.size ? (const void *)bytes.data : "", bytes.size, SQLITE_STATIC);
}

static bool run(sqlite3_stmt *statement)
{
        bool done = sqlite3_step(statement) == SQLITE_DONE;

        sqlite3_reset(statement);
        sqlite3_clear_bindings(statement);
        return done;
}

static bool apply_one(struct file *file, const struct core_change *change)
{
        sqlite3_stmt *statement;

        if (!change->drop)
                statement = file->statements[PUT];
        else
                statement = file->statements[change->end.size ? DROP : DROP_TAIL];
        bind(statement, 1, change->key);
        if (!change->drop)
                bind(statement, 2, change->value);
        else if (change->end.size)
                bind(statement, 2, change->end);
        return run(statement);
}

enum error file_apply(struct file *file, const struct core_change *changes, size_t count)
{
        if (sqlite3_exec(file->database, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK)
                return ERR_SYSTEM;
        for (size_t i = 0; i < count; i++)
                if (!apply_one(file, &changes[i]))
                        goto fail;
        if (sqlite3_exec(file->database, "COMMIT", NULL, NULL, NULL) == SQLITE_OK)
                return ERR_OK;
fail:
        sqlite3_exec(file->database, "ROLLBACK", NULL, NULL, NULL);
        return ERR_SYSTEM;
}

static struct slice column(sqlite3_stmt *statement, int index)
{
        const void *bytes = sqlite3_column_blob(statement, index);

        return slice_of(bytes, (size_t)sqlite3_column_bytes(statement, index));
}

enum error file_range(struct file *file, struct slice key, struct slice end, uint32_t limit, bool backwards,
                      void (*each)(void *context, struct slice key, struct slice value), void *context)
{
        sqlite3_stmt *statement = file->statements[backwards ? BACKWARD : FORWARD];
        int code;

        bind(statement, 1, key);
        if (end.size)
                bind(statement, 2, end);
        sqlite3_bind_int64(statement, 3, limit ? (sqlite3_int64)limit : -1);
        while ((code = sqlite3_step(statement)) == SQLITE_ROW)
                each(context, column(statement, 0), column(statement, 1));
        sqlite3_reset(statement);
        sqlite3_clear_bindings(statement);
        return code == SQLITE_DONE ? ERR_OK : ERR_SYSTEM;
}

bool file_changed(struct file *file)
{
        sqlite3_stmt *statement = file->statements[VERSION];
        int64_t version = file->version;

        if (sqlite3_step(statement) == SQLITE_ROW)
                version = sqlite3_column_int64(statement, 0);
        sqlite3_reset(statement);
        if (version == file->version)
                return false;
        file->version = version;
        return true;
}

bool file_get_setting(struct file *file, const char *name, char value[static FILE_SETTING_SIZE])
{
        sqlite3_stmt *statement = file->statements[GET_SETTING];
        const char *text = NULL;
        bool found;

        sqlite3_bind_text(statement, 1, name, -1, SQLITE_STATIC);
        if (sqlite3_step(statement) == SQLITE_ROW)
                text = (const char *)sqlite3_column_text(statement, 0);
        if (text)
                snprintf(value, FILE_SETTING_SIZE, "%s", text);
        found = text;
        sqlite3_reset(statement);
        sqlite3_clear_bindings(statement);
        return found;
}

enum error file_set_setting(struct file *file, const char *name, const char *value)
{
        sqlite3_stmt *statement = file->statements[SET_SETTING];

        sqlite3_bind_text(statement, 1, name, -1, SQLITE_STATIC);
        sqlite3_bind_text(statement, 2, value, -1, SQLITE_STATIC);
        return run(statement) ? ERR_OK : ERR_SYSTEM;
}
