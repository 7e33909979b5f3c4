/* Statements by name over SQLite's C interface. */
#include "driver/store/database.h"

#include "base/assert.h"
#include "base/memory.h"

#define SCRATCH_CHUNK 65536
#define SCRATCH_MAX   (1u << 20)

static const char *const texts[STATEMENT_COUNT] = {
#define S(name, text) [STATEMENT_##name] = text,
#include "driver/store/statements.def"
#undef S
};

const char *database_statement_text(enum statement statement)
{
        return texts[statement];
}

int database_open(struct database *database, const char *path, int flags, const char *vfs)
{
        static const struct arena_source source = {memory_new, memory_free};

        *database = (struct database){0};
        arena_init(&database->scratch, &source, SCRATCH_CHUNK, SCRATCH_MAX);
        return sqlite3_open_v2(path, &database->handle, flags, vfs);
}

void database_close(struct database *database)
{
        for (int i = 0; i < STATEMENT_COUNT; i++)
                sqlite3_finalize(database->statements[i]);
        sqlite3_close(database->handle);
        lexicon_finish(&database->lexicon);
        arena_finish(&database->scratch);
        *database = (struct database){0};
}

sqlite3_stmt *database_use(struct database *database, enum statement statement)
{
        sqlite3_stmt **place = &database->statements[statement];

        if (!database_good(database))
                return NULL;
        if (!*place)
                database->code =
                        sqlite3_prepare_v3(database->handle, texts[statement], -1, SQLITE_PREPARE_PERSISTENT, place, NULL);
        return database_good(database) ? *place : NULL;
}

bool database_row(struct database *database, sqlite3_stmt *statement)
{
        int code;

        if (!statement)
                return false;
        code = sqlite3_step(statement);
        if (code == SQLITE_ROW)
                return true;
        sqlite3_reset(statement);
        if (code != SQLITE_DONE)
                database->code = code;
        return false;
}

bool database_run(struct database *database, sqlite3_stmt *statement)
{
        while (database_row(database, statement))
                ;
        return database_good(database);
}

void database_end(sqlite3_stmt *statement)
{
        if (statement)
                sqlite3_reset(statement);
}

void bind_number(sqlite3_stmt *statement, int place, uint64_t value)
{
        check(value <= INT64_MAX);
        if (statement)
                sqlite3_bind_int64(statement, place, (sqlite3_int64)value);
}

void bind_signed(sqlite3_stmt *statement, int place, int64_t value)
{
        if (statement)
                sqlite3_bind_int64(statement, place, value);
}

void bind_bytes(sqlite3_stmt *statement, int place, struct slice bytes)
{
        if (statement)
                sqlite3_bind_blob64(statement, place, bytes.size ? (const void *)bytes.data : "", bytes.size, SQLITE_STATIC);
}

void bind_text(sqlite3_stmt *statement, int place, struct slice text)
{
        if (statement)
                sqlite3_bind_text64(statement, place, text.size ? (const char *)text.data : "", text.size, SQLITE_STATIC,
                                    SQLITE_UTF8);
}

void bind_id(sqlite3_stmt *statement, int place, const struct id *id)
{
        bind_bytes(statement, place, slice_of(id->bytes, sizeof(id->bytes)));
}

uint64_t column_number(sqlite3_stmt *statement, int column)
{
        return (uint64_t)sqlite3_column_int64(statement, column);
}

struct slice column_bytes(sqlite3_stmt *statement, int column)
{
        const void *bytes = sqlite3_column_blob(statement, column);

        return slice_of(bytes, (size_t)sqlite3_column_bytes(statement, column));
}

struct id column_id(sqlite3_stmt *statement, int column)
{
        struct slice bytes = column_bytes(statement, column);
        struct id id = {0};

        if (bytes.size == sizeof(id.bytes))
                memcpy(id.bytes, bytes.data, sizeof(id.bytes));
        return id;
}

struct slice column_copy(struct database *database, sqlite3_stmt *statement, int column, struct arena *arena)
{
        struct slice copy;

        if (!arena_copy(arena, column_bytes(statement, column), &copy))
                database->code = SQLITE_NOMEM;
        return copy;
}

bool database_has_pair(struct database *database, enum statement which, uint64_t first, uint64_t second)
{
        sqlite3_stmt *statement = database_use(database, which);
        bool found;

        bind_number(statement, 1, first);
        bind_number(statement, 2, second);
        found = database_row(database, statement);
        database_end(statement);
        return found;
}
