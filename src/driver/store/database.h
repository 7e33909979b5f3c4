/*
 * One SQLite connection with its prepared statements (statements.def), made when first used. Binding and reading are by small
 * functions; an unexpected answer of SQLite is kept in `code` until database_clear, and everything after it is refused.
 */
#ifndef GALKA_DRIVER_STORE_DATABASE_H
#define GALKA_DRIVER_STORE_DATABASE_H

#include <sqlite3.h>

#include "base/arena.h"
#include "base/id.h"
#include "driver/store/lexicon.h"

#define DATABASE_BUSY_MS 1000 /* how long a connection waits for another's lock */

enum statement {
#define S(name, text) STATEMENT_##name,
#include "driver/store/statements.def"
#undef S
        STATEMENT_COUNT
};

struct database {
        sqlite3 *handle;
        sqlite3_stmt *statements[STATEMENT_COUNT];
        int code; /* SQLITE_OK, or the first unexpected answer */
        struct lexicon lexicon;
        struct arena scratch; /* for the words of one text */
};

const char *database_statement_text(enum statement statement);

/* flags as for sqlite3_open_v2; vfs NULL: the default one. Returns SQLite's code; close in any case. */
int database_open(struct database *database, const char *path, int flags, const char *vfs);
void database_close(struct database *database);

/* A statement ready to bind. NULL after a failure. */
sqlite3_stmt *database_use(struct database *database, enum statement statement);

/* True: there is a row. False: no row (more), or failed (code). Resets when there is no row. */
bool database_row(struct database *database, sqlite3_stmt *statement);

/* Runs to the end. False: failed. */
bool database_run(struct database *database, sqlite3_stmt *statement);

/* Ends a statement of which not all rows were read. */
void database_end(sqlite3_stmt *statement);

/* Does a statement find anything for these two numbers? */
bool database_has_pair(struct database *database, enum statement statement, uint64_t first, uint64_t second);

static inline bool database_good(const struct database *database)
{
        return database->code == SQLITE_OK;
}

void bind_number(sqlite3_stmt *statement, int place, uint64_t value);
void bind_signed(sqlite3_stmt *statement, int place, int64_t value);
void bind_bytes(sqlite3_stmt *statement, int place, struct slice bytes);
void bind_text(sqlite3_stmt *statement, int place, struct slice text);
void bind_id(sqlite3_stmt *statement, int place, const struct id *id);

uint64_t column_number(sqlite3_stmt *statement, int column);
struct slice column_bytes(sqlite3_stmt *statement, int column); /* until the next step */
struct id column_id(sqlite3_stmt *statement, int column);

/* A copy in the arena; sets NOMEM on exhaustion. */
struct slice column_copy(struct database *database, sqlite3_stmt *statement, int column, struct arena *arena);

#endif
