/* The tables are those that schema.def makes; which columns a table had stands in the first line of its file. See dump.h. */
#include "driver/store/postgres/dump.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/memory.h"
#include "driver/store/postgres/inside.h"
#include "driver/store/postgres/plain.h"

#define CHUNK         65536
#define HEADER_MAX    4096
#define SQL_SIZE      (HEADER_MAX + 256)
#define LOCK_TIME_OUT "SET LOCAL lock_timeout = '5s'"

/* The next table that the schema makes, from statement *place on. False: no more. */
static bool table_next(size_t *place, char name[static DUMP_NAME_SIZE])
{
        static const char words[] = "CREATE TABLE ";
        unsigned version;
        const char *text;

        while ((text = schema_statement(*place, &version))) {
                (*place)++;
                if (strncmp(text, words, sizeof(words) - 1) != 0)
                        continue;
                text += sizeof(words) - 1;
                snprintf(name, DUMP_NAME_SIZE, "%.*s", (int)strcspn(text, "( "), text);
                return true;
        }
        return false;
}

/* ---- out ---- */

/* The columns of a table, with commas between them; those that the database computes are not among them. "": there is no such table. */
static bool read_columns(PGconn *pg, const char *table, char columns[static HEADER_MAX])
{
        char sql[512];
        PGresult *result;
        const char *answer;
        bool good;

        snprintf(sql, sizeof(sql),
                 "SELECT string_agg(column_name, ',' ORDER BY ordinal_position) FROM information_schema.columns"
                 " WHERE table_schema = current_schema() AND table_name = '%s' AND is_generated = 'NEVER'",
                 table);
        answer = plain_ask(pg, sql, &result);
        good = PQresultStatus(result) == PGRES_TUPLES_OK;
        snprintf(columns, HEADER_MAX, "%s", answer ? answer : "");
        PQclear(result);
        return good;
}

/* What a COPY gives, to the sink. */
static bool take_copy(PGconn *pg, const struct dump_sink *sink)
{
        char *bytes = NULL;
        PGresult *result;
        int got;
        bool good;

        while ((got = PQgetCopyData(pg, &bytes, 0)) > 0) {
                sink->add(sink->owner, slice_of(bytes, (size_t)got));
                PQfreemem(bytes);
        }
        good = got == -1;
        while ((result = PQgetResult(pg))) {
                good = good && PQresultStatus(result) == PGRES_COMMAND_OK;
                PQclear(result);
        }
        return good;
}

static bool dump_table(PGconn *pg, const struct dump_sink *sink, const char *table)
{
        char columns[HEADER_MAX], sql[SQL_SIZE], name[DUMP_NAME_SIZE + 8];
        PGresult *result;
        bool good = read_columns(pg, table, columns);

        if (!good || !*columns)
                return good;
        snprintf(sql, sizeof(sql), "COPY %s(%s) TO STDOUT WITH (FORMAT csv, HEADER)", table, columns);
        result = PQexec(pg, sql);
        good = PQresultStatus(result) == PGRES_COPY_OUT;
        PQclear(result);
        if (!good)
                return false;
        snprintf(name, sizeof(name), "%s.csv", table);
        sink->begin(sink->owner, name);
        good = take_copy(pg, sink);
        sink->end(sink->owner);
        return good;
}

static enum error dump_all(PGconn *pg, const struct dump_sink *sink, struct store_copy *copy, char *text)
{
        char table[DUMP_NAME_SIZE];
        size_t place = 0;
        enum error error;

        if (!plain_run(pg, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"))
                return plain_refuse(pg, text, "the database cannot be saved");
        error = schema_version_read(pg, &copy->schema, text);
        if (!error && copy->schema == 0) {
                snprintf(text, STORE_ERROR_SIZE, "the database has no schema: there is nothing to save");
                return ERR_CONFIG;
        }
        if (!error && copy->schema > schema_version_known())
                error = schema_refuse_newer(copy->schema, text);
        if (!error)
                error = schema_era_read(pg, &copy->era, text);
        while (!error && table_next(&place, table))
                if (!dump_table(pg, sink, table))
                        error = plain_refuse(pg, text, "a table cannot be saved");
        return error;
}

enum error store_postgres_dump(const struct store_postgres_options *options, const struct dump_sink *sink,
                               struct store_copy *copy, char text[static STORE_ERROR_SIZE])
{
        PGconn *pg = NULL;
        enum error error;

        memset(copy, 0, sizeof(*copy));
        text[0] = '\0';
        error = plain_connect(options, &pg, text);
        if (!error)
                error = dump_all(pg, sink, copy, text);
        if (pg)
                PQfinish(pg);
        return error;
}

/* ---- back ---- */

/* Names with commas between them, and nothing that would be another statement. */
static bool is_header(const char *text)
{
        return *text && text[strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_,")] == '\0';
}

static bool end_copy(PGconn *pg, bool good)
{
        PGresult *result;

        if (PQputCopyEnd(pg, good ? NULL : "the backup cannot be read") != 1)
                good = false;
        while ((result = PQgetResult(pg))) {
                good = good && PQresultStatus(result) == PGRES_COMMAND_OK;
                PQclear(result);
        }
        return good;
}

/* The bytes are in the buffer, `got` of them already. */
static bool give_copy(PGconn *pg, const struct dump_source *source, char *bytes, ssize_t got)
{
        bool good = true;

        while (good && got > 0) {
                good = PQputCopyData(pg, bytes, (int)got) == 1;
                got = source->read(source->owner, bytes, CHUNK);
        }
        return end_copy(pg, good && got == 0);
}

static enum error restore_table(PGconn *pg, const struct dump_source *source, const char *table, char *bytes, char *text)
{
        char columns[HEADER_MAX], sql[SQL_SIZE], what[DUMP_NAME_SIZE + 64];
        ssize_t got = source->read(source->owner, bytes, CHUNK);
        const char *end = got > 0 ? memchr(bytes, '\n', (size_t)got) : NULL;
        PGresult *result;
        bool good = end && end - bytes < HEADER_MAX;

        if (good)
                snprintf(columns, sizeof(columns), "%.*s", (int)(end - bytes), bytes);
        if (!good || !is_header(columns)) {
                snprintf(text, STORE_ERROR_SIZE, "%s.csv of the backup does not begin with names of columns", table);
                return ERR_CONFIG;
        }
        snprintf(sql, sizeof(sql), "COPY %s(%s) FROM STDIN WITH (FORMAT csv, HEADER)", table, columns);
        result = PQexec(pg, sql);
        good = PQresultStatus(result) == PGRES_COPY_IN;
        PQclear(result);
        if (good && give_copy(pg, source, bytes, got))
                return ERR_OK;
        snprintf(what, sizeof(what), "%s.csv of the backup was not taken, and nothing is changed", table);
        return plain_refuse(pg, text, what);
}

static enum error restore_tables(PGconn *pg, const struct dump_source *source, char *text)
{
        char table[DUMP_NAME_SIZE], name[DUMP_NAME_SIZE + 8];
        char *bytes = memory_new(CHUNK);
        enum error error = bytes ? ERR_OK : ERR_NO_MEMORY;
        size_t place = 0;

        while (!error && table_next(&place, table)) {
                snprintf(name, sizeof(name), "%s.csv", table);
                if (source->open(source->owner, name))
                        error = restore_table(pg, source, table, bytes, text);
        }
        memory_free(bytes);
        return error;
}

/* What galkad has there goes, if it may. */
static enum error make_room(PGconn *pg, bool replace, char *text)
{
        char table[DUMP_NAME_SIZE], sql[DUMP_NAME_SIZE + 32];
        PGresult *result;
        unsigned version;
        size_t place = 0;
        enum error error = schema_version_read(pg, &version, text);
        bool holds_users;

        if (error)
                return error;
        /* The question may have failed for want of a table, which ends a transaction; it begins only now. */
        if (!plain_run(pg, "BEGIN") || !plain_run(pg, LOCK_TIME_OUT))
                return plain_refuse(pg, text, "the database cannot be changed");
        if (version == 0)
                return ERR_OK;
        holds_users = plain_ask(pg, "SELECT 1 FROM users LIMIT 1", &result) != NULL;
        PQclear(result);
        if (holds_users && !replace) {
                snprintf(text, STORE_ERROR_SIZE,
                         "there are users in the database already: --replace puts the backup in their place");
                return ERR_CONFIG;
        }
        while (table_next(&place, table)) {
                snprintf(sql, sizeof(sql), "DROP TABLE IF EXISTS %s", table);
                if (!plain_run(pg, sql))
                        return plain_refuse(pg, text, "what is in the database cannot be removed (does galkad run on it?)");
        }
        if (!plain_run(pg, "DROP TABLE galka_schema"))
                return plain_refuse(pg, text, "what is in the database cannot be removed");
        return ERR_OK;
}

static enum error steps(PGconn *pg, const struct store_postgres_options *options, unsigned from, unsigned to, char *text)
{
        for (unsigned version = from; version <= to; version++)
                if (!schema_step(pg, options, version))
                        return plain_refuse(pg, text, "the schema could not be made, and nothing is changed");
        return ERR_OK;
}

static enum error restore_all(PGconn *pg, const struct store_postgres_options *options, const struct dump_source *source,
                              unsigned version, bool replace, struct id *era, char *text)
{
        enum error error = version > schema_version_known() ? schema_refuse_newer(version, text)
                                                            : schema_server_check(pg, options, text);

        if (!error)
                error = make_room(pg, replace, text);
        if (!error && !schema_begin(pg))
                error = plain_refuse(pg, text, "the schema cannot be made");
        if (!error)
                error = steps(pg, options, 1, version, text);
        if (!error && !plain_run(pg, "DELETE FROM meta")) /* the backup has its own */
                error = plain_refuse(pg, text, "the schema cannot be made");
        if (!error)
                error = restore_tables(pg, source, text);
        if (!error)
                error = steps(pg, options, version + 1, schema_version_known(), text);
        options->random->fill(options->random, era->bytes, sizeof(era->bytes));
        if (!error && !plain_run_with_id(pg, "UPDATE meta SET value = $1::UUID WHERE name = 'era'", era))
                error = plain_refuse(pg, text, "the backup has no era, and nothing is changed");
        if (!error && !plain_run(pg, "COMMIT"))
                error = plain_refuse(pg, text, "the database did not take the backup");
        return error;
}

enum error store_postgres_restore(const struct store_postgres_options *options, const struct dump_source *source,
                                  unsigned version, bool replace, struct id *era, char text[static STORE_ERROR_SIZE])
{
        PGconn *pg = NULL;
        enum error error;

        text[0] = '\0';
        error = plain_connect(options, &pg, text);
        if (!error)
                error = restore_all(pg, options, source, version, replace, era, text);
        if (!error)
                plain_run(pg, "ANALYZE"); /* or its plans are bad until it does so by itself */
        if (pg)
                PQfinish(pg);
        return error;
}
