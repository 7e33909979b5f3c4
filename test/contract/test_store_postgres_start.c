/* The store on PostgreSQL: operations that it cannot keep, memory that runs out, whose clock counts, what is refused at the start, and
 * how its schema comes into being. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include <cmocka.h>

#include "base/assert.h"
#include "base/memory.h"
#include "contract/postgres_stage.h"
#include "contract/store_driver.h"

static const struct arena_source heap_source = {memory_new, memory_free};

/* ---- operations that cannot be stored ---- */

/* A text that is none is refused alone; what is before and after it in the batch is done, in its order. */
static void test_the_culprit_is_found(void **state)
{
        static const size_t culprits[][2] = {{0, 0}, {7, 7}, {3, 4}, {0, 7}, {5, 5}};
        struct stage *stage = *state;

        for (size_t round = 0; round < countof(culprits); round++) {
                struct store_op ops[8];
                uint64_t seq = stage->acknowledged;

                for (size_t i = 0; i < countof(ops); i++) {
                        plan(stage);
                        ops[i] = stage->ops[0];
                        ops[i].write.text = SLICE_LITERAL("text");
                        if (i == culprits[round][0] || i == culprits[round][1])
                                ops[i].write.text = slice_of("no\0text", 7);
                }
                assert_int_equal(apply(stage, ops, countof(ops)), OUTCOME_OK);
                for (size_t i = 0; i < countof(ops); i++) {
                        if (i == culprits[round][0] || i == culprits[round][1]) {
                                assert_int_equal(stage->results[i].status, ERR_BAD_FIELD);
                                continue;
                        }
                        assert_int_equal(stage->results[i].status, ERR_OK);
                        assert_int_equal(stage->results[i].write.row.seq, ++seq);
                }
                stage->acknowledged = seq;
        }
        assert_true(store_postgres_transaction(stage->store)->halvings >= countof(culprits));
}

/* ---- memory ---- */

/* The n-th allocation of a new handle's first work fails, for n = 1, 2, … until none fails any more. */
static void test_memory_runs_out(void **state)
{
        struct store_question question = {.kind = STORE_ASK_JOIN, .user = 1, .device = 1, .bytes_max = 100000};
        struct stage *stage = *state;
        struct store_answer answer;
        unsigned failed = 0;

        question.join.rooms_max = question.join.rows_max = 10;
        arena_finish(&stage->arena);
        arena_init(&stage->arena, &heap_source, 16, 64 << 20); /* so small that nearly all that is taken is an allocation */
        for (unsigned long nth = 1, made = nth; made >= nth; nth++) {
                enum outcome outcome, asked;

                plan(stage);
                close_store(stage);
                open_store(stage);
                memory_fail_at(nth);
                outcome = apply(stage, stage->ops, STEP_OPS + 1);
                asked = ask(stage, &question, &answer);
                made = memory_fail_at(0);
                failed += outcome == OUTCOME_FAILED || asked == OUTCOME_FAILED;
                assert_int_not_equal(outcome, OUTCOME_UNCERTAIN);
                settle(stage, outcome);
                assert_true(nth < 1000);
        }
        print_message("failed for want of memory: %u\n", failed);
        assert_true(failed > 5);
}

/* ---- time, era ---- */

static void test_the_databases_clock(void **state)
{
        struct stage *stage = *state;
        uint64_t wall_ms = (uint64_t)time(NULL) * 1000;

        close_store(stage);
        stage->options.wall = NULL;
        open_store(stage);
        plan(stage);
        stage->ops[0].not_after_ms = wall_ms - 5000;
        stage->ops[1].not_after_ms = wall_ms + 60000;
        assert_int_equal(apply(stage, stage->ops, STEP_OPS + 1), OUTCOME_OK);
        assert_int_equal(stage->results[0].status, ERR_LATE);
        assert_int_equal(stage->results[1].status, ERR_OK);
        assert_true(stage->results[1].write.row.time_ms + 5000 > wall_ms);
        assert_true(stage->results[1].write.row.time_ms < wall_ms + 5000);
        stage->acknowledged += STEP_OPS - 1;
}

static void test_a_new_era_is_seen_by_all(void **state)
{
        struct stage *stage = *state;
        struct store_question question = {.kind = STORE_ASK_DEVICE, .user = 1, .device = 1};
        struct store_postgres *other;
        struct id before = store_postgres_era(stage->postgres), after;
        struct store_answer answer;
        char text[STORE_ERROR_SIZE];

        assert_int_equal(ask(stage, &question, &answer), OUTCOME_OK);
        assert_true(id_equal(&answer.era, &before));
        assert_int_equal(store_postgres_new(&stage->options, &other, text), ERR_OK);
        assert_int_equal(store_postgres_renew_era(other), ERR_OK);
        after = store_postgres_era(other);
        store_postgres_free(&other);
        assert_false(id_equal(&before, &after));
        assert_int_equal(ask(stage, &question, &answer), OUTCOME_OK);
        assert_true(id_equal(&answer.era, &after));
}

/* ---- the start ---- */

static void note_line(void *owner, const char *line)
{
        snprintf(owner, LINE_SIZE, "%s", line);
}

/* It says that, in one line, and makes nothing. */
static void assert_refused(struct stage *stage, const char *more, enum error error, const char *said)
{
        struct store_postgres_options options = stage->options;
        char uri[2 * LINE_SIZE], text[STORE_ERROR_SIZE];
        struct store_postgres *postgres;

        snprintf(uri, sizeof(uri), "%s %s", stage->options.uri, more);
        options.uri = uri;
        assert_int_equal(store_postgres_new(&options, &postgres, text), error);
        assert_null(postgres);
        if (!strstr(text, said))
                print_error("%s\n  does not say: %s\n", text, said);
        assert_non_null(strstr(text, said));
        assert_null(strchr(text, '\n'));
}

static void test_what_is_refused_at_the_start(void **state)
{
        struct stage *stage = *state;

        assert_refused(stage, "port=1", ERR_SYSTEM, "cannot connect");
        assert_refused(stage, "dbname=nothing", ERR_SYSTEM, "database \"nothing\" does not exist");
        assert_refused(stage, "user=nobody", ERR_SYSTEM, "nobody");
        assert_refused(stage, "sslmode=verify-full", ERR_SYSTEM, "cannot connect");
        assert_refused(stage, "options='-c default_transaction_read_only=on'", ERR_CONFIG, "it only reads");
        assert_refused(stage, "options='-c synchronous_commit=off'", ERR_CONFIG, "synchronous_commit is off");
        assert_refused(stage, "options='-c search_path=elsewhere'", ERR_CONFIG, "run galkad migrate");
        postgres_run("INSERT INTO galka_schema(version) VALUES(99)");
        assert_refused(stage, "", ERR_CONFIG, "a newer galkad (schema 99");
        postgres_run("DELETE FROM galka_schema WHERE version = 99");
}

static void test_migrating(void **state)
{
        struct stage *stage = *state;
        struct store_postgres_options options = stage->options;
        char uri[2 * LINE_SIZE], text[STORE_ERROR_SIZE], line[LINE_SIZE] = "";
        struct store_postgres *postgres;

        postgres_run("DROP SCHEMA IF EXISTS other CASCADE; CREATE SCHEMA other");
        snprintf(uri, sizeof(uri), "%s options='-c search_path=other'", stage->options.uri);
        options.uri = uri;
        for (int i = 0; i < 2; i++) { /* the first would do it, and has not */
                assert_int_equal(store_postgres_migrate(&options, true, note_line, line, text), ERR_OK);
                assert_non_null(strstr(line, "would be applied"));
                assert_int_equal(store_postgres_new(&options, &postgres, text), ERR_CONFIG);
        }
        assert_int_equal(store_postgres_migrate(&options, false, note_line, line, text), ERR_OK);
        assert_non_null(strstr(line, "is applied"));
        assert_int_equal(store_postgres_migrate(&options, false, note_line, line, text), ERR_OK);
        assert_non_null(strstr(line, "nothing is to be done"));
        assert_int_equal(store_postgres_new(&options, &postgres, text), ERR_OK);
        store_postgres_free(&postgres);
        /* What was written before there was a search is found by it: more than one portion of rows. */
        postgres_run(
                "ALTER TABLE other.users DROP COLUMN seen_ms, DROP COLUMN hides, DROP COLUMN receipts, DROP COLUMN "
                "receipts_done; DROP TABLE other.leaving, other.blocks; "
                "DROP TABLE "
                "other.search; ALTER TABLE "
                "other.messages DROP COLUMN reactions, DROP "
                "COLUMN origin, DROP COLUMN pinned;"
                " DELETE FROM other.galka_schema WHERE version >= 6;"
                " INSERT INTO other.users VALUES(7, '-deleted-', 'gone', 'Deleted account', '', 'gone', '', 2, 0);"
                " INSERT INTO other.messages(room, seq, changed, n, time_ms, sender, request, counts, kind, digest, text)"
                " SELECT '00000000-0000-0000-c000-000000000001', g, g, g, 1, 1, gen_random_uuid(), true,"
                " CASE WHEN g = 5 THEN 8 ELSE 1 END, 'd', 'Wild geese, ' || g FROM generate_series(1, 2500) g");
        assert_int_equal(store_postgres_migrate(&options, false, note_line, line, text), ERR_OK);
        postgres_run("DO $$ BEGIN ASSERT (SELECT count(*) FROM other.search WHERE word = 'gees') = 2499;"
                     " ASSERT (SELECT min(seq) FROM other.search WHERE word = '2500') = 2500;"
                     " ASSERT NOT EXISTS(SELECT 1 FROM other.search WHERE seq = 5);"
                     " ASSERT (SELECT user_id FROM other.leaving) = 7; END $$");
        postgres_run("INSERT INTO other.galka_schema(version) VALUES(99)");
        assert_int_equal(store_postgres_migrate(&options, false, note_line, line, text), ERR_CONFIG);
        assert_non_null(strstr(text, "newer galkad"));
        /* One that cannot be applied leaves nothing behind. */
        postgres_run("DROP SCHEMA other CASCADE; CREATE SCHEMA other; CREATE TABLE other.guesses(a INT8)");
        assert_int_equal(store_postgres_migrate(&options, false, note_line, line, text), ERR_SYSTEM);
        assert_non_null(strstr(text, "nothing of it was: relation \"guesses\" already exists"));
        postgres_run("DROP TABLE other.guesses");
        assert_int_equal(store_postgres_migrate(&options, false, note_line, line, text), ERR_OK);
        postgres_run("DROP SCHEMA other CASCADE");
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                STAGE_TEST(test_the_culprit_is_found),         STAGE_TEST(test_memory_runs_out),
                STAGE_TEST(test_the_databases_clock),          STAGE_TEST(test_a_new_era_is_seen_by_all),
                STAGE_TEST(test_what_is_refused_at_the_start), STAGE_TEST(test_migrating),
        };

        return cmocka_run_group_tests_name("store, PostgreSQL, at the start", tests, NULL, NULL);
}
