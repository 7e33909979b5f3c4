/* Every statement has its index: the query plans of statements.def, read by SQLite itself, hold no full scan and no sort. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/assert.h"
#include "driver/store/sqlite_inside.h"
#include "support/by_hand.h"

/* What may scan or sort, and why. */
static const struct allowed {
        enum statement statement;
        const char *detail, *reason;
} allowed[] = {
        {STATEMENT_CHECK_ROOMS, "SCAN rooms", "galkad check walks everything on purpose"},
        {STATEMENT_SEARCH_TEXTS, "SCAN messages", "the step of the schema that makes the index reads every text once"},
        {STATEMENT_ASK_SEARCH, "SCAN search VIRTUAL TABLE INDEX 192:M1><",
         "FTS5 says SCAN of everything: M1 is by its words, >< from one rowid to another, in its order"},
        {STATEMENT_ASK_FIND, "USE TEMP B-TREE FOR DISTINCT", "at most LIMIT users, and those with several such words"},
        {STATEMENT_ASK_DEVICES, "USE TEMP B-TREE FOR ORDER BY", "at most STORE_DEVICES_MAX live devices of one user"},
};

static bool met[countof(allowed)];

/* Where another index would do, too, and be slow. */
static const struct wanted {
        enum statement statement;
        const char *index;
} wanted[] = {{STATEMENT_ASK_PINS, "messages_pinned"}, {STATEMENT_PIN_COUNT, "messages_pinned"}};

static bool goes_by_its_own(enum statement statement, const char *details)
{
        for (size_t i = 0; i < countof(wanted); i++)
                if (wanted[i].statement == statement && !strstr(details, wanted[i].index))
                        return false;
        return true;
}

static bool may(enum statement statement, const char *detail)
{
        for (size_t i = 0; i < countof(allowed); i++)
                if (allowed[i].statement == statement && strcmp(allowed[i].detail, detail) == 0)
                        return met[i] = true;
        return false;
}

static bool is_costly(const char *detail)
{
        /* The list of a subquery in IN (…) is as long as its own plan lets it be. */
        return strncmp(detail, "SCAN ", 5) == 0 || strncmp(detail, "USE TEMP B-TREE", 15) == 0 ||
               strstr(detail, "AUTOMATIC") != NULL;
}

static unsigned look_at(struct database *database, enum statement which)
{
        char text[2048], details[2048] = "";
        sqlite3_stmt *statement;
        unsigned costly = 0;

        snprintf(text, sizeof(text), "EXPLAIN QUERY PLAN %s", database_statement_text(which));
        assert_int_equal(sqlite3_prepare_v2(database->handle, text, -1, &statement, NULL), SQLITE_OK);
        while (sqlite3_step(statement) == SQLITE_ROW) {
                const char *detail = (const char *)sqlite3_column_text(statement, 3);

                snprintf(details + strlen(details), sizeof(details) - strlen(details), "%s\n", detail);
                if (!is_costly(detail) || may(which, detail))
                        continue;
                print_error("%s\n  %s\n", database_statement_text(which), detail);
                costly++;
        }
        sqlite3_finalize(statement);
        if (!goes_by_its_own(which, details)) {
                print_error("%s\n  %s\n", database_statement_text(which), details);
                costly++;
        }
        return costly;
}

static void test_every_statement_has_its_index(void **state)
{
        static const char *const names[] = {"galka.db", "galka.db-wal", "galka.db-shm", "lock"};
        char folder[] = "/tmp/galka-plans-XXXXXX", text[STORE_ERROR_SIZE], path[128];
        struct store_sqlite_options options = {.folder = folder};
        struct store_sqlite *sqlite;
        struct hand_random random;
        struct hand_clock clock;
        unsigned costly = 0;

        (void)state;
        hand_random_init(&random, 1);
        hand_clock_init(&clock, 1);
        options.random = &random.random;
        options.clock = &clock.clock;
        assert_non_null(mkdtemp(folder));
        assert_int_equal(store_sqlite_new(&options, &sqlite, text), ERR_OK);
        for (int i = 0; i < STATEMENT_COUNT; i++)
                costly += look_at(&sqlite->writer.database, (enum statement)i);
        store_sqlite_free(&sqlite);
        for (size_t i = 0; i < countof(names); i++) {
                snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
                unlink(path);
        }
        assert_int_equal(rmdir(folder), 0);
        assert_int_equal(costly, 0);
        for (size_t i = 0; i < countof(allowed); i++)
                assert_true(met[i]); /* what is no longer needed is not allowed */
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_every_statement_has_its_index),
        };

        return cmocka_run_group_tests_name("store, query plans", tests, NULL, NULL);
}
