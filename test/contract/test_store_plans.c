/*
 * Every statement on PostgreSQL goes by an index: the plans of statements.def, as the database makes them in a session of the store,
 * search no table and no whole index. And they are the same whether a table is empty or full when they are made: they are made once
 * a session, and kept.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/assert.h"
#include "contract/store_driver.h"
#include "driver/random/system.h"
#include "driver/store/postgres/connection.h"

#define PLAN_SIZE 8192

static char empty_plans[SQL_COUNT][PLAN_SIZE], full_plans[SQL_COUNT][PLAN_SIZE];

/* A few rooms with long logs, many with short ones; as much of everything else. */
static const char *const filling[] = {
        "INSERT INTO users SELECT g, 'n' || g, ('n' || g)::BYTEA, 'n', 'e', ('e' || g)::BYTEA, 'h', 1, 1"
        " FROM generate_series(1, 4000) g",
        "INSERT INTO words SELECT ('w' || g)::BYTEA, g FROM generate_series(1, 4000) g",
        "INSERT INTO devices SELECT g, 1, 'd', 's', 1, 1, NULL FROM generate_series(1, 4000) g",
        "INSERT INTO rooms SELECT ('00000000-0000-0000-c000-' || lpad(g::TEXT, 12, '0'))::UUID, 2, 10, 10, 1, 1, ''"
        " FROM generate_series(1, 4000) g",
        "INSERT INTO members SELECT r.id, g, 1, NULL, 0, 0, 0, 0, 0, 0, 0, 0 FROM rooms r, generate_series(1, 2) g",
        "INSERT INTO user_rooms SELECT g, r.id FROM rooms r, generate_series(1, 2) g",
        "INSERT INTO messages SELECT r.id, g, g + g % 7 / 6, g, 1, 1, gen_random_uuid(), true, 1, 'd', 't'"
        " FROM rooms r, generate_series(1, 10) g",
        "INSERT INTO pending SELECT gen_random_uuid(), 'e', ('e' || g)::BYTEA, 'n', 'n', 'n', 'h', 'c', g, 0, false"
        " FROM generate_series(1, 4000) g",
        "INSERT INTO requests SELECT gen_random_uuid(), 'p', 'd', g, 1, g FROM generate_series(1, 4000) g",
        "INSERT INTO guesses SELECT g, 1, g FROM generate_series(1, 4000) g",
        "INSERT INTO invites SELECT ('i' || g)::BYTEA, g, 1, 0, g, g FROM generate_series(1, 4000) g",
        "INSERT INTO refusals SELECT gen_random_uuid(), g, gen_random_uuid(), 'd', 10, g FROM generate_series(1, 4000) g",
        "INSERT INTO search SELECT r.id, ('w' || g % 3)::BYTEA, g FROM rooms r, generate_series(1, 10) g",
        "INSERT INTO blocks SELECT g, g + 1, ('00000000-0000-0000-c000-' || lpad(g::TEXT, 12, '0'))::UUID, 1"
        " FROM generate_series(1, 4000) g",
        "ANALYZE blocks, search, users, words, devices, rooms, members, user_rooms, messages, pending, requests, guesses, "
        "invites, "
        "refusals",
};

/* What may search, and why. */
static const struct allowed {
        enum sql sql;
        const char *reason;
} allowed[] = {
        {SQL_CHECK_COUNTS, "galkad check walks everything on purpose"},
        {SQL_CHECK_LOG, "the same"},
        {SQL_CHECK_HEADS, "the same"},
        {SQL_CHECK_MEMBERS, "the same"},
        {SQL_CHECK_GROUPS, "the same"},
        {SQL_CHECK_LOWEST, "the same"},
};

static bool may_search(enum sql sql)
{
        for (size_t i = 0; i < countof(allowed); i++)
                if (allowed[i].sql == sql)
                        return true;
        return false;
}

static bool has_plan(const char *text)
{
        static const char *const words[] = {"SELECT", "INSERT", "UPDATE", "DELETE"};

        for (size_t i = 0; i < countof(words); i++)
                if (strncmp(text, words[i], strlen(words[i])) == 0)
                        return true;
        return false;
}

static void must(PGconn *pg, const char *sql)
{
        PGresult *result = PQexec(pg, sql);

        if (PQresultStatus(result) != PGRES_COMMAND_OK && PQresultStatus(result) != PGRES_TUPLES_OK)
                fail_msg("%.200s\n  %s", sql, PQerrorMessage(pg));
        PQclear(result);
}

static void explain(PGconn *pg, enum sql sql, char *plan)
{
        static char text[16384];
        PGresult *result;
        int parameters;

        snprintf(text, sizeof(text), "PREPARE q AS %s", sql_text(sql));
        must(pg, text);
        result = PQdescribePrepared(pg, "q");
        parameters = PQnparams(result);
        PQclear(result);
        strcpy(text, "EXPLAIN (COSTS OFF) EXECUTE q");
        for (int i = 0; i < parameters; i++)
                strcat(text, i ? ", NULL" : "(NULL");
        strcat(text, parameters ? ")" : "");
        result = PQexec(pg, text);
        assert_int_equal(PQresultStatus(result), PGRES_TUPLES_OK);
        plan[0] = '\0';
        for (int row = 0; row < PQntuples(result); row++) {
                assert_true(strlen(plan) + strlen(PQgetvalue(result, row, 0)) + 2 < PLAN_SIZE);
                strcat(strcat(plan, PQgetvalue(result, row, 0)), "\n");
        }
        PQclear(result);
        must(pg, "DEALLOCATE q");
}

static void explain_all(const char *uri, char plans[SQL_COUNT][PLAN_SIZE])
{
        PGconn *pg = PQconnectdb(uri);

        for (size_t i = 0; connection_setting(i); i++)
                must(pg, connection_setting(i));
        for (int sql = 0; sql < SQL_COUNT; sql++)
                if (has_plan(sql_text((enum sql)sql)))
                        explain(pg, (enum sql)sql, plans[sql]);
        PQfinish(pg);
}

/* A table that is read through, or an index without a place to begin and to end. */
static bool searches(enum sql sql, const char *plan)
{
        if ((sql == SQL_PINS || sql == SQL_ASK_PINS) && !strstr(plan, "messages_pinned"))
                return true;
        if (strstr(plan, "Seq Scan") || strstr(plan, "Hash Join") || strstr(plan, "Merge Join") || strstr(plan, "Bitmap"))
                return true;
        for (const char *scan = plan; (scan = strstr(scan, " using ")); scan++) {
                const char *next = strstr(scan, "->"), *condition = strstr(scan, "Index Cond");

                if (!condition || (next && next < condition))
                        return true;
        }
        return false;
}

static void test_every_statement_has_its_index(void **state)
{
        struct store_postgres_options options = postgres_options(NULL, random_system(), true);
        unsigned wrong = 0, plans = 0;

        (void)state;
        explain_all(options.uri, empty_plans);
        for (size_t i = 0; i < countof(filling); i++)
                postgres_run(filling[i]);
        explain_all(options.uri, full_plans);
        for (int sql = 0; sql < SQL_COUNT; sql++) {
                bool costly = searches((enum sql)sql, full_plans[sql]) || searches((enum sql)sql, empty_plans[sql]);
                bool changes = strcmp(empty_plans[sql], full_plans[sql]) != 0;

                plans += has_plan(sql_text((enum sql)sql));
                if (may_search((enum sql)sql)) {
                        assert_true(costly); /* what is no longer needed is not allowed */
                        continue;
                }
                if (costly || changes)
                        print_error("%s %s:\n", sql_name((enum sql)sql), costly ? "searches" : "changes");
                if (costly || changes)
                        fputs(empty_plans[sql], stderr);
                if (changes)
                        fputs(full_plans[sql], stderr);
                wrong += costly || changes;
        }
        print_message("%u plans\n", plans);
        assert_true(plans > 50);
        assert_int_equal(wrong, 0);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_every_statement_has_its_index),
        };

        return cmocka_run_group_tests_name("store, PostgreSQL, query plans", tests, NULL, NULL);
}
