/* The database as a whole: is it one that we can use, its schema, its era. Plain waiting calls, made before anything runs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/memory.h"
#include "driver/store/postgres/connection.h"
#include "driver/store/postgres/inside.h"
#include "driver/store/postgres/plain.h"

#define SCHEMA_VERSION 14
#define SCHEMA_SEARCH  6 /* from this one on there is an index of words */
#define SERVER_MIN     130000
#define REASON_SIZE    300

static const struct {
        unsigned version;
        const char *text;
} schema[] = {
#define V(version, text) {version, text},
#include "driver/store/postgres/schema.def"
#undef V
};

const char *schema_statement(size_t place, unsigned *version)
{
        if (place >= countof(schema))
                return NULL;
        *version = schema[place].version;
        return schema[place].text;
}

/* ---- one waiting connection ---- */

/* What libpq would print. */
static void hear_nothing(void *context, const char *message)
{
        (void)context;
        (void)message;
}

enum error plain_connect(const struct store_postgres_options *options, PGconn **pg, char *text)
{
        struct connect_words words = connect_words(options);
        char reason[REASON_SIZE];

        *pg = PQconnectdbParams(words.names, words.values, 1);
        if (!*pg)
                return ERR_NO_MEMORY;
        PQsetNoticeProcessor(*pg, hear_nothing, NULL);
        if (PQstatus(*pg) == CONNECTION_OK)
                return ERR_OK;
        connection_reason(*pg, reason, sizeof(reason));
        snprintf(text, STORE_ERROR_SIZE, "cannot connect to the database: %s", reason);
        return ERR_SYSTEM;
}

const char *plain_ask(PGconn *pg, const char *sql, PGresult **result)
{
        *result = PQexec(pg, sql);
        if (PQresultStatus(*result) != PGRES_TUPLES_OK || PQntuples(*result) == 0 || PQgetisnull(*result, 0, 0))
                return NULL;
        return PQgetvalue(*result, 0, 0);
}

static bool says(PGconn *pg, const char *sql, const char *value)
{
        PGresult *result;
        const char *answer = plain_ask(pg, sql, &result);
        bool same = answer && strcmp(answer, value) == 0;

        PQclear(result);
        return same;
}

enum error plain_refuse(PGconn *pg, char *text, const char *what)
{
        char reason[REASON_SIZE];

        connection_reason(pg, reason, sizeof(reason));
        snprintf(text, STORE_ERROR_SIZE, "%s: %s", what, reason);
        return ERR_SYSTEM;
}

enum error schema_version_read(PGconn *pg, unsigned *version, char *text)
{
        PGresult *result;
        const char *answer = plain_ask(pg, "SELECT max(version) FROM galka_schema", &result);
        const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
        bool known = answer || PQresultStatus(result) == PGRES_TUPLES_OK || (state && strcmp(state, "42P01") == 0);

        *version = answer ? (unsigned)strtoul(answer, NULL, 10) : 0;
        PQclear(result);
        return known ? ERR_OK : plain_refuse(pg, text, "the version of the schema cannot be read");
}

enum error schema_refuse_newer(unsigned version, char *text)
{
        snprintf(text, STORE_ERROR_SIZE,
                 "the database was made by a newer galkad (schema %u, this one knows %d): run that one", version,
                 SCHEMA_VERSION);
        return ERR_CONFIG;
}

enum error schema_era_read(PGconn *pg, struct id *era, char *text)
{
        PGresult *result;
        const char *answer = plain_ask(pg, "SELECT value FROM meta WHERE name = 'era'", &result);
        bool good = answer && id_parse(slice_text(answer), era);

        PQclear(result);
        if (good)
                return ERR_OK;
        snprintf(text, STORE_ERROR_SIZE, "the database has no era: it was made or changed by something else");
        return ERR_CORRUPT;
}

enum error schema_server_check(PGconn *pg, const struct store_postgres_options *options, char *text)
{
        const char *encoding = PQparameterStatus(pg, "server_encoding");
        const char *wrong = NULL;

        if (PQserverVersion(pg) < SERVER_MIN)
                wrong = "its server is older than PostgreSQL 13";
        else if (encoding && strcmp(encoding, "UTF8") != 0)
                wrong = "its encoding is not UTF8: create it WITH ENCODING 'UTF8'";
        else if (!says(pg, "SHOW transaction_read_only", "off"))
                wrong = "it only reads (a standby?): name the primary, or say target_session_attrs=read-write";
        else if (says(pg, "SHOW synchronous_commit", "off"))
                wrong = "synchronous_commit is off there: what is acknowledged could be lost; set it to on";
        if (wrong) {
                snprintf(text, STORE_ERROR_SIZE, "the database cannot be used: %s", wrong);
                return ERR_CONFIG;
        }
        if (says(pg, "SHOW fsync", "off"))
                event_note(options->events, EVENT_WARNING, "store.fsync_is_off", NULL,
                           {"effect", "a crash loses messages", 0});
        return ERR_OK;
}

static enum error check_schema(PGconn *pg, char *text)
{
        unsigned version;
        enum error error = schema_version_read(pg, &version, text);

        if (error || version == SCHEMA_VERSION)
                return error;
        if (version > SCHEMA_VERSION)
                return schema_refuse_newer(version, text);
        if (version == 0)
                snprintf(text, STORE_ERROR_SIZE, "the database has no schema: run galkad migrate");
        else
                snprintf(text, STORE_ERROR_SIZE, "the database has schema %u, this galkad needs %d: run galkad migrate",
                         version, SCHEMA_VERSION);
        return ERR_CONFIG;
}

/* ---- the whole ---- */

enum error store_postgres_uri_check(const char *uri, bool *holds_password)
{
        char *why = NULL;
        PQconninfoOption *words = PQconninfoParse(uri, &why);
        bool readable = !why;

        *holds_password = false;
        PQfreemem(why);
        if (!words)
                return readable ? ERR_NO_MEMORY : ERR_CONFIG;
        for (const PQconninfoOption *word = words; word->keyword; word++)
                *holds_password |=
                        word->val && (strcmp(word->keyword, "password") == 0 || strcmp(word->keyword, "sslpassword") == 0);
        PQconninfoFree(words);
        return ERR_OK;
}

static char *copy_text(const char *text)
{
        char *copy = memory_new(strlen(text) + 1);

        if (copy)
                memcpy(copy, text, strlen(text) + 1);
        return copy;
}

static enum error look(struct store_postgres *postgres, char *text)
{
        PGconn *pg = NULL;
        enum error error = plain_connect(&postgres->options, &pg, text);

        if (!error)
                error = schema_server_check(pg, &postgres->options, text);
        if (!error)
                error = check_schema(pg, text);
        if (!error)
                error = schema_era_read(pg, &postgres->era, text);
        if (pg)
                PQfinish(pg);
        return error;
}

enum error store_postgres_new(const struct store_postgres_options *options, struct store_postgres **postgres_p,
                              char text[static STORE_ERROR_SIZE])
{
        struct store_postgres *postgres = memory_new(sizeof(*postgres));
        enum error error = ERR_OK;

        *postgres_p = NULL;
        text[0] = '\0';
        if (!postgres)
                return ERR_NO_MEMORY;
        postgres->options = *options;
        postgres->options.uri = postgres->uri = copy_text(options->uri);
        if (options->password)
                postgres->options.password = postgres->password = copy_text(options->password);
        if (!postgres->uri || (options->password && !postgres->password))
                error = ERR_NO_MEMORY;
        if (!error)
                error = look(postgres, text);
        if (error)
                store_postgres_free(&postgres);
        *postgres_p = postgres;
        return error;
}

void store_postgres_free(struct store_postgres **postgres_p)
{
        struct store_postgres *postgres = *postgres_p;

        if (!postgres)
                return;
        *postgres_p = NULL;
        check(__atomic_load_n(&postgres->handles, __ATOMIC_ACQUIRE) == 0);
        if (postgres->password)
                explicit_bzero(postgres->password, strlen(postgres->password));
        memory_free(postgres->uri);
        memory_free(postgres->password);
        memory_free(postgres);
}

void postgres_handle_comes(struct store_postgres *postgres)
{
        __atomic_add_fetch(&postgres->handles, 1, __ATOMIC_ACQ_REL);
}

void postgres_handle_gone(struct store_postgres *postgres)
{
        __atomic_sub_fetch(&postgres->handles, 1, __ATOMIC_ACQ_REL);
}

struct id store_postgres_era(const struct store_postgres *postgres)
{
        return postgres->era;
}

enum error store_postgres_clock(const struct store_postgres_options *options, uint64_t *wall_ms,
                                char text[static STORE_ERROR_SIZE])
{
        PGconn *pg = NULL;
        PGresult *result = NULL;
        enum error error = plain_connect(options, &pg, text);
        const char *answer =
                error ? NULL : plain_ask(pg, "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::INT8", &result);

        if (!error && !answer)
                error = plain_refuse(pg, text, "the database does not tell the time");
        *wall_ms = answer ? strtoull(answer, NULL, 10) : 0;
        PQclear(result);
        if (pg)
                PQfinish(pg);
        return error;
}

/* ---- changing it ---- */

bool plain_run(PGconn *pg, const char *sql)
{
        PGresult *result = PQexec(pg, sql);
        bool good = PQresultStatus(result) == PGRES_COMMAND_OK;

        PQclear(result);
        return good;
}

bool plain_run_with_id(PGconn *pg, const char *sql, const struct id *id)
{
        char text[ID_TEXT_SIZE];
        const char *const values[] = {text};
        PGresult *result;
        bool good;

        id_format(id, text);
        result = PQexecParams(pg, sql, 1, NULL, values, NULL, NULL, 0);
        good = PQresultStatus(result) == PGRES_COMMAND_OK && strcmp(PQcmdTuples(result), "1") == 0;
        PQclear(result);
        return good;
}

enum error store_postgres_renew_era(struct store_postgres *postgres)
{
        struct random *random = postgres->options.random;
        char text[STORE_ERROR_SIZE];
        PGconn *pg = NULL;
        struct id era;
        enum error error = plain_connect(&postgres->options, &pg, text);

        random->fill(random, era.bytes, sizeof(era.bytes));
        if (!error && !plain_run_with_id(pg, "UPDATE meta SET value = $1::UUID WHERE name = 'era'", &era))
                error = ERR_SYSTEM;
        if (!error)
                postgres->era = era;
        if (pg)
                PQfinish(pg);
        return error;
}

bool schema_step(PGconn *pg, const struct store_postgres_options *options, unsigned version)
{
        char text[128];
        struct id era;
        bool good;

        snprintf(text, sizeof(text), "INSERT INTO galka_schema(version) VALUES(%u)", version);
        good = plain_run(pg, text);
        for (size_t i = 0; good && i < countof(schema); i++)
                good = schema[i].version != version || plain_run(pg, schema[i].text);
        options->random->fill(options->random, era.bytes, sizeof(era.bytes));
        if (good && version == SCHEMA_SEARCH)
                good = schema_index_all(pg);
        if (good && version == 1)
                good = plain_run_with_id(pg, "INSERT INTO meta(name, value) VALUES('era', $1::UUID)", &era);
        return good;
}

/* One version's statements in one transaction. Its line is inserted first: so a second one that migrates at the same time waits,
 * and then fails instead of doing it again. */
static bool migrate_step(PGconn *pg, const struct store_postgres_options *options, unsigned version)
{
        return plain_run(pg, "BEGIN") && schema_step(pg, options, version) && plain_run(pg, "COMMIT");
}

bool schema_begin(PGconn *pg)
{
        return plain_run(pg, "CREATE TABLE IF NOT EXISTS galka_schema(version INT8 PRIMARY KEY,"
                             " applied TIMESTAMPTZ NOT NULL DEFAULT now())");
}

unsigned schema_version_known(void)
{
        return SCHEMA_VERSION;
}

static enum error migrate(PGconn *pg, const struct store_postgres_options *options, bool dry_run,
                          void (*report)(void *owner, const char *line), void *owner, char *text)
{
        unsigned version;
        char line[128];
        enum error error = schema_version_read(pg, &version, text);

        if (!error && version > SCHEMA_VERSION)
                error = schema_refuse_newer(version, text);
        if (error)
                return error;
        if (version == SCHEMA_VERSION) {
                snprintf(line, sizeof(line), "The schema has version %d: nothing is to be done.", SCHEMA_VERSION);
                report(owner, line);
                return ERR_OK;
        }
        if (!dry_run && !schema_begin(pg))
                return plain_refuse(pg, text, "the schema cannot be made");
        while (version < SCHEMA_VERSION) {
                version++;
                if (!dry_run && !migrate_step(pg, options, version)) {
                        snprintf(line, sizeof(line), "schema %u could not be applied, and nothing of it was", version);
                        return plain_refuse(pg, text, line);
                }
                snprintf(line, sizeof(line), dry_run ? "Schema %u would be applied." : "Schema %u is applied.", version);
                report(owner, line);
        }
        return ERR_OK;
}

enum error store_postgres_migrate(const struct store_postgres_options *options, bool dry_run,
                                  void (*report)(void *owner, const char *line), void *owner,
                                  char text[static STORE_ERROR_SIZE])
{
        PGconn *pg = NULL;
        enum error error;

        text[0] = '\0';
        error = plain_connect(options, &pg, text);
        if (!error)
                error = schema_server_check(pg, options, text);
        if (!error)
                error = migrate(pg, options, dry_run, report, owner, text);
        if (pg)
                PQfinish(pg);
        return error;
}
