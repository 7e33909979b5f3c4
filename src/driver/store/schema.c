/*
 * Tables (docs/decisions/0002-sqlite-schema.md). A room has a small local number, so that keys are short. Messages lie in the
 * order of their arrival, many to a page, and a narrow index holds each room's log: clustered by room, every message would cost a
 * page of its own in each commit. The head of a room is not stored: it is the last number in its log. The index of requests is led by UUIDv7 ids and so
 * grows at its end. Only rows changed after they were made are in the index by `changed`.
 */
#include "driver/store/schema.h"

#include <stdio.h>

#include "base/assert.h"
#include "driver/store/search_index.h"

/* Version 1. What was released is never edited: a new version is a step more. */
static const char tables[] =
        "CREATE TABLE meta(name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;"
        "CREATE TABLE users(user INTEGER PRIMARY KEY, user_name TEXT NOT NULL, name_folded BLOB NOT NULL UNIQUE,"
        " display_name TEXT NOT NULL, email TEXT NOT NULL, email_folded BLOB NOT NULL UNIQUE, password_hash TEXT NOT NULL,"
        " version INTEGER NOT NULL, created_ms INTEGER NOT NULL);"
        "CREATE TABLE words(word BLOB NOT NULL, user INTEGER NOT NULL, PRIMARY KEY(word, user)) WITHOUT ROWID;"
        "CREATE TABLE devices(user INTEGER NOT NULL, device INTEGER NOT NULL, name TEXT NOT NULL, secret_hash BLOB NOT NULL,"
        " created_ms INTEGER NOT NULL, seen_ms INTEGER NOT NULL, revoked_ms INTEGER, PRIMARY KEY(user, device)) WITHOUT "
        "ROWID;"
        "CREATE TABLE rooms(room INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, kind INTEGER NOT NULL,"
        " members_version INTEGER NOT NULL, lowest BLOB NOT NULL);"
        "CREATE TABLE members(room INTEGER NOT NULL, user INTEGER NOT NULL, joined_seq INTEGER NOT NULL, left_seq INTEGER,"
        " delivered INTEGER NOT NULL, read INTEGER NOT NULL, shown INTEGER NOT NULL, counted_from INTEGER NOT NULL,"
        " read_n INTEGER NOT NULL, read_own INTEGER NOT NULL, own_sends INTEGER NOT NULL, own_as_of INTEGER NOT NULL,"
        " PRIMARY KEY(room, user, joined_seq)) WITHOUT ROWID;"
        "CREATE TABLE user_rooms(user INTEGER NOT NULL, id BLOB NOT NULL, room INTEGER NOT NULL, PRIMARY KEY(user, id))"
        " WITHOUT ROWID;"
        "CREATE TABLE messages(room INTEGER NOT NULL, seq INTEGER NOT NULL, changed INTEGER NOT NULL, n INTEGER NOT NULL,"
        " counts INTEGER NOT NULL, time_ms INTEGER NOT NULL, sender INTEGER NOT NULL, kind INTEGER NOT NULL,"
        " request BLOB NOT NULL, digest BLOB NOT NULL, text TEXT NOT NULL, PRIMARY KEY(room, seq));"
        "CREATE UNIQUE INDEX messages_request ON messages(request, sender, room);"
        "CREATE INDEX messages_changed ON messages(room, changed) WHERE changed <> seq;"
        "CREATE TABLE pending(request BLOB PRIMARY KEY, email TEXT NOT NULL, email_folded BLOB NOT NULL,"
        " user_name TEXT NOT NULL, name_folded BLOB NOT NULL, display_name TEXT NOT NULL, password_hash TEXT NOT NULL,"
        " code_hash BLOB NOT NULL, valid_until_ms INTEGER NOT NULL, guesses INTEGER NOT NULL, known INTEGER NOT NULL)"
        " WITHOUT ROWID;"
        "CREATE INDEX pending_email ON pending(email_folded, valid_until_ms);"
        "CREATE INDEX pending_valid ON pending(valid_until_ms);"
        "CREATE TABLE requests(request BLOB NOT NULL, principal BLOB NOT NULL, digest BLOB NOT NULL, user INTEGER NOT NULL,"
        " device INTEGER NOT NULL, time_ms INTEGER NOT NULL, PRIMARY KEY(request, principal)) WITHOUT ROWID;"
        "CREATE INDEX requests_time ON requests(time_ms);"
        "CREATE TABLE guesses(user INTEGER PRIMARY KEY, count INTEGER NOT NULL, until_ms INTEGER NOT NULL);"
        "CREATE INDEX guesses_until ON guesses(until_ms);";

/* What each version has that the one before it had not. */
static const char *const steps[] = {
        [1] = tables,
        /* Groups. A user's line for a room that he left says how it was then. */
        [2] = "ALTER TABLE rooms ADD COLUMN title TEXT NOT NULL DEFAULT '';"
              "ALTER TABLE rooms ADD COLUMN link BLOB;"
              "ALTER TABLE rooms ADD COLUMN member_count INTEGER NOT NULL DEFAULT 0;"
              "ALTER TABLE members ADD COLUMN role INTEGER NOT NULL DEFAULT 1;"
              "ALTER TABLE user_rooms ADD COLUMN left_seq INTEGER;"
              "ALTER TABLE user_rooms ADD COLUMN left_n INTEGER;"
              "ALTER TABLE user_rooms ADD COLUMN left_ms INTEGER;"
              "ALTER TABLE user_rooms ADD COLUMN left_title TEXT;"
              "ALTER TABLE messages ADD COLUMN subject INTEGER;"
              "ALTER TABLE messages ADD COLUMN role INTEGER;"
              "ALTER TABLE messages ADD COLUMN heir INTEGER",
        /* Rows that are altered: an operation that makes none is remembered with its number. */
        [3] = "ALTER TABLE messages ADD COLUMN reply_to INTEGER;"
              "ALTER TABLE messages ADD COLUMN edited_ms INTEGER;"
              "ALTER TABLE requests ADD COLUMN number INTEGER",
        /* Accounts: what a code is for, and whose; invitations. */
        [4] = "ALTER TABLE pending ADD COLUMN purpose INTEGER NOT NULL DEFAULT 0;"
              "ALTER TABLE pending ADD COLUMN holder INTEGER NOT NULL DEFAULT 0;"
              "ALTER TABLE pending ADD COLUMN invite BLOB NOT NULL DEFAULT x'';"
              "CREATE TABLE invites(hash BLOB PRIMARY KEY, creator INTEGER NOT NULL, uses_max INTEGER NOT NULL,"
              " uses INTEGER NOT NULL, valid_until_ms INTEGER NOT NULL, created_ms INTEGER NOT NULL) WITHOUT ROWID;"
              "CREATE INDEX invites_creator ON invites(creator, valid_until_ms);"
              "CREATE INDEX invites_valid ON invites(valid_until_ms);",
        /* What a repeat in a group is refused as again. */
        [5] = "CREATE TABLE refusals(request BLOB NOT NULL, user INTEGER NOT NULL, room INTEGER NOT NULL, digest BLOB NOT"
              " NULL, status INTEGER NOT NULL, time_ms INTEGER NOT NULL, PRIMARY KEY(request, user, room)) WITHOUT ROWID;"
              "CREATE INDEX refusals_time ON refusals(time_ms)",
        /* Words of texts: a rowid is the room's number and the row's (search_index.h). Text, places and sizes are not kept in it. */
        [SCHEMA_SEARCH] = "CREATE VIRTUAL TABLE search USING fts5(words, content = '', detail = none, columnsize = 0,"
                          " tokenize = 'ascii')",
        /* Reactions to a row, folded; whose text was forwarded. */
        [7] = "ALTER TABLE messages ADD COLUMN reactions BLOB;"
              "ALTER TABLE messages ADD COLUMN origin TEXT",
        /* Pinned rows: by the number of the operation that pinned them. */
        [8] = "ALTER TABLE messages ADD COLUMN pinned INTEGER;"
              "CREATE INDEX messages_pinned ON messages(room, pinned) WHERE pinned IS NOT NULL",
        /* Who blocks whom. A refusal in a personal room stands for room 0: the room may never have been made. */
        [9] = "CREATE TABLE blocks(user INTEGER NOT NULL, peer INTEGER NOT NULL, since_ms INTEGER NOT NULL,"
              " PRIMARY KEY(user, peer)) WITHOUT ROWID",
        /* When somebody was there last, coarsely. */
        [10] = "ALTER TABLE users ADD COLUMN seen_ms INTEGER NOT NULL DEFAULT 0",
        /* Who hides that, and that he is online (rules/setting.h). */
        [11] = "ALTER TABLE users ADD COLUMN hides INTEGER NOT NULL DEFAULT 0",
        /* Who is deleted and has not left all his groups yet (write_leaving.c); request: of his leaves. And who was deleted before. */
        [12] = "CREATE TABLE leaving(user INTEGER PRIMARY KEY, request BLOB NOT NULL, after BLOB NOT NULL,"
               " touched_ms INTEGER NOT NULL);"
               "INSERT INTO leaving SELECT user, randomblob(16), zeroblob(16), 0 FROM users WHERE user_name = '-deleted-'",
        /* How often one switched receipts (odd: they are off), and up to which of these it was done in all rooms. */
        [13] = "ALTER TABLE users ADD COLUMN receipts INTEGER NOT NULL DEFAULT 0;"
               "ALTER TABLE users ADD COLUMN receipts_done INTEGER NOT NULL DEFAULT 0",
        /* What who is deleted wrote to himself goes, too: also that of those who have left all groups already. */
        [14] = "INSERT INTO leaving SELECT user, randomblob(16), zeroblob(16), 0 FROM users WHERE user_name = '-deleted-'"
               " ON CONFLICT DO NOTHING",
};

_Static_assert(countof(steps) == SCHEMA_VERSION + 1, "every version has a step");

static int execute(struct database *database, const char *text)
{
        return sqlite3_exec(database->handle, text, NULL, NULL, NULL);
}

/* One number that a PRAGMA tells; UINT64_MAX if it cannot be read. */
static int pragma(struct database *database, const char *text, uint64_t *value)
{
        sqlite3_stmt *statement = NULL;
        int code = sqlite3_prepare_v2(database->handle, text, -1, &statement, NULL);

        if (code == SQLITE_OK)
                code = sqlite3_step(statement) == SQLITE_ROW ? SQLITE_OK : sqlite3_errcode(database->handle);
        if (code == SQLITE_OK)
                *value = (uint64_t)sqlite3_column_int64(statement, 0);
        sqlite3_finalize(statement);
        return code;
}

static int step_one(struct database *database, uint64_t step)
{
        int code = execute(database, steps[step]);

        if (code != SQLITE_OK || step != SCHEMA_SEARCH)
                return code;
        search_index_all(database);
        code = database->code;
        database->code = SQLITE_OK;
        return code;
}

/* All versions after `version`, in one transaction; an empty file (0) gets an era, too. */
static int step_up(struct database *database, struct random *random, uint64_t version)
{
        sqlite3_stmt *statement = NULL;
        char text[128];
        struct id era;
        int code = execute(database, "BEGIN IMMEDIATE");

        for (uint64_t step = version + 1; step < countof(steps) && code == SQLITE_OK; step++)
                code = step_one(database, step);
        snprintf(text, sizeof(text), "PRAGMA user_version = %d; PRAGMA application_id = %d", SCHEMA_VERSION,
                 SCHEMA_APPLICATION);
        if (code == SQLITE_OK)
                code = execute(database, text);
        if (version > 0)
                return code == SQLITE_OK ? execute(database, "COMMIT") : code;
        random->fill(random, era.bytes, sizeof(era.bytes));
        if (code == SQLITE_OK)
                code = sqlite3_prepare_v2(database->handle, "INSERT INTO meta(name, value) VALUES('era', ?1)", -1,
                                          &statement, NULL);
        if (code == SQLITE_OK) {
                bind_id(statement, 1, &era);
                code = sqlite3_step(statement) == SQLITE_DONE ? SQLITE_OK : sqlite3_errcode(database->handle);
        }
        sqlite3_finalize(statement);
        if (code == SQLITE_OK)
                code = execute(database, "COMMIT");
        return code;
}

static int read_era(struct database *database, struct id *era)
{
        sqlite3_stmt *statement = NULL;
        int code = sqlite3_prepare_v2(database->handle, "SELECT value FROM meta WHERE name = 'era'", -1, &statement, NULL);

        if (code == SQLITE_OK)
                code = sqlite3_step(statement) == SQLITE_ROW ? SQLITE_OK : SQLITE_CORRUPT;
        if (code == SQLITE_OK)
                *era = column_id(statement, 0);
        if (code == SQLITE_OK && id_is_zero(era)) /* not 16 bytes */
                code = SQLITE_CORRUPT;
        sqlite3_finalize(statement);
        return code;
}

/* Durable, and readers do not wait for the writer. A file system without shared memory would quietly keep the old journal. */
static int configure(struct database *database)
{
        sqlite3_stmt *statement = NULL;
        int code = sqlite3_prepare_v2(database->handle, "PRAGMA journal_mode = WAL", -1, &statement, NULL);

        if (code == SQLITE_OK)
                code = sqlite3_step(statement) == SQLITE_ROW ? SQLITE_OK : sqlite3_errcode(database->handle);
        if (code == SQLITE_OK && !slice_equal(column_bytes(statement, 0), SLICE_LITERAL("wal")))
                code = SQLITE_CANTOPEN;
        sqlite3_finalize(statement);
        if (code == SQLITE_OK)
                code = execute(database,
                               "PRAGMA synchronous = FULL; PRAGMA cache_size = -65536; PRAGMA temp_store = MEMORY");
        return code;
}

static enum error refuse(struct database *database, int code, char *text, size_t size)
{
        snprintf(text, size, "the database cannot be opened: %s",
                 database->handle ? sqlite3_errmsg(database->handle) : sqlite3_errstr(code));
        return code == SQLITE_CORRUPT || code == SQLITE_NOTADB ? ERR_CORRUPT : ERR_SYSTEM;
}

enum error schema_open(struct database *database, struct random *random, bool exclusive, struct id *era, char *text,
                       size_t text_size)
{
        uint64_t version = 0, application = 0, rows = 0;
        int code = SQLITE_OK;

        if (exclusive)
                code = execute(database, "PRAGMA locking_mode = EXCLUSIVE");
        if (code == SQLITE_OK)
                code = pragma(database, "PRAGMA user_version", &version);
        if (code == SQLITE_OK)
                code = pragma(database, "PRAGMA application_id", &application);
        if (code == SQLITE_OK)
                code = pragma(database, "SELECT count(*) FROM sqlite_schema", &rows);
        if (code != SQLITE_OK)
                return refuse(database, code, text, text_size);
        if (rows > 0 && application != SCHEMA_APPLICATION) {
                snprintf(text, text_size, "the file is a database, but not one of Galka's");
                return ERR_CONFIG;
        }
        if (version > SCHEMA_VERSION) {
                snprintf(text, text_size,
                         "the database was made by a newer galkad (schema %llu, this one knows %d): run that one",
                         (unsigned long long)version, SCHEMA_VERSION);
                return ERR_CONFIG;
        }
        /* Only now is anything changed: whose file it is was not known before. */
        code = configure(database);
        if (code == SQLITE_OK && version < SCHEMA_VERSION)
                code = step_up(database, random, rows == 0 ? 0 : version);
        if (code != SQLITE_OK)
                return refuse(database, code, text, text_size);
        code = read_era(database, era);
        if (code == SQLITE_OK)
                return ERR_OK;
        if (code != SQLITE_CORRUPT)
                return refuse(database, code, text, text_size);
        snprintf(text, text_size, "the database has no era: it was made or changed by something else");
        return ERR_CORRUPT;
}

int schema_read(struct database *database, uint64_t *application, uint64_t *version, struct id *era)
{
        int code = pragma(database, "PRAGMA application_id", application);

        if (code == SQLITE_OK)
                code = pragma(database, "PRAGMA user_version", version);
        return code == SQLITE_OK ? read_era(database, era) : code;
}

enum error schema_renew_era(struct database *database, struct random *random, struct id *era)
{
        sqlite3_stmt *statement = NULL;
        struct id renewed;
        int code =
                sqlite3_prepare_v2(database->handle, "UPDATE meta SET value = ?1 WHERE name = 'era'", -1, &statement, NULL);

        random->fill(random, renewed.bytes, sizeof(renewed.bytes));
        if (code == SQLITE_OK) {
                bind_id(statement, 1, &renewed);
                code = sqlite3_step(statement) == SQLITE_DONE ? SQLITE_OK : sqlite3_errcode(database->handle);
        }
        sqlite3_finalize(statement);
        if (code != SQLITE_OK || sqlite3_changes(database->handle) != 1)
                return ERR_SYSTEM;
        *era = renewed;
        return ERR_OK;
}
