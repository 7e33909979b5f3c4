/*
 * The store on PostgreSQL when something fails between two who both live, or one of them does not: the connection is cut after every
 * so many bytes of a transaction, before its COMMIT and after it; sessions are ended, the server is killed, stopped for a while,
 * comes back. Whatever happens: OK is never said of what was not done and FAILED never of what was, what is uncertain is right when
 * it is repeated, and everything goes on by itself.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>
#include <libpq-fe.h>

#include "base/assert.h"
#include "base/memory.h"
#include "contract/postgres_stage.h"
#include "contract/store_driver.h"
#include "rules/room.h"

static void go_through_relay(struct stage *stage)
{
        close_store(stage);
        stage->relay = relay_new((uint16_t)atoi(getenv("ENGINES_POSTGRES_PORT")));
        /* TLS would hide the texts that it is cut at. */
        snprintf(stage->uri, sizeof(stage->uri), "%s port=%u sslmode=disable gssencmode=disable", stage->options.uri,
                 relay_port(stage->relay));
        stage->options.uri = stage->uri;
        stage->options.readers = 1;
        open_store(stage);
        plan(stage);
        settle(stage, apply(stage, stage->ops, STEP_OPS + 1));
}

/* ---- cuts ---- */

static void cut_everywhere(struct stage *stage, enum relay_way way, unsigned seen[3])
{
        uint64_t size, step;

        plan(stage);
        relay_bytes(stage->relay, way);
        settle(stage, apply(stage, stage->ops, STEP_OPS + 1));
        size = relay_bytes(stage->relay, way);
        step = size / 40 + 1;
        for (uint64_t bytes = 0; bytes < size; bytes += step) {
                enum outcome outcome;

                plan(stage);
                relay_cut_after(stage->relay, way, bytes);
                outcome = apply(stage, stage->ops, STEP_OPS + 1);
                relay_was_cut(stage->relay);
                seen[outcome]++;
                settle(stage, outcome);
        }
}

static void test_a_cut_at_any_byte(void **state)
{
        struct stage *stage = *state;
        unsigned seen[3] = {0};

        go_through_relay(stage);
        cut_everywhere(stage, RELAY_UP, seen);
        cut_everywhere(stage, RELAY_DOWN, seen);
        print_message("cut: %u done, %u failed, %u uncertain\n", seen[OUTCOME_OK], seen[OUTCOME_FAILED],
                      seen[OUTCOME_UNCERTAIN]);
        assert_true(seen[OUTCOME_FAILED] > 10 && seen[OUTCOME_UNCERTAIN] > 3);
}

static void test_a_lost_commit_is_uncertain(void **state)
{
        struct stage *stage = *state;

        go_through_relay(stage);
        for (int answered = 0; answered < 2; answered++) {
                enum outcome outcome;

                plan(stage);
                relay_cut_at(stage->relay, "COMMIT", answered);
                outcome = apply(stage, stage->ops, STEP_OPS + 1);
                assert_true(relay_was_cut(stage->relay));
                assert_int_equal(outcome, OUTCOME_UNCERTAIN);
                assert_int_equal(apply(stage, stage->ops, STEP_OPS + 1), OUTCOME_OK);
                for (size_t i = 0; i < STEP_OPS; i++)
                        assert_int_equal(stage->results[i].repeat, answered);
                stage->acknowledged += STEP_OPS;
        }
}

static void test_a_lost_question_fails(void **state)
{
        struct stage *stage = *state;
        struct store_question question = {.kind = STORE_ASK_CHANGES, .user = 1, .device = 1, .bytes_max = 100000};
        struct store_answer answer;

        question.changes.room = room_personal(1, 2);
        question.changes.rows_max = 10;
        go_through_relay(stage);
        assert_int_equal(ask(stage, &question, &answer), OUTCOME_OK);
        for (uint64_t bytes = 0; bytes < 700; bytes += 100) {
                relay_cut_after(stage->relay, RELAY_DOWN, bytes);
                assert_int_equal(ask(stage, &question, &answer), OUTCOME_FAILED);
                assert_true(relay_was_cut(stage->relay));
                assert_int_equal(ask(stage, &question, &answer), OUTCOME_OK);
                assert_int_equal(answer.rows.row_count, STEP_OPS);
        }
}

/* ---- the server ---- */

/* Works on for so long, or until it is done. */
static bool work_for(struct stage *stage, uint64_t us, enum outcome *outcome)
{
        struct clock *clock = stage->options.clock;
        uint64_t end_us = clock->monotonic_us(clock) + us;
        struct completion completion;

        while (clock->monotonic_us(clock) < end_us) {
                if (stage->store->ops->poll(stage->store, &completion, 1) == 0)
                        continue;
                *outcome = completion.outcome;
                return true;
        }
        return false;
}

/* Ends the sessions of the store, again and again, a little later in its transaction each time. */
static void test_sessions_are_ended(void **state)
{
        struct stage *stage = *state;
        unsigned seen[3] = {0};
        PGconn *pg = PQconnectdb(stage->options.uri);

        for (uint64_t i = 0; i < 60; i++) {
                enum outcome outcome;
                bool done;

                plan(stage);
                arena_reset(&stage->arena);
                assert_int_equal(
                        stage->store->ops->apply(stage->store, stage->ops, STEP_OPS + 1, stage->results, &stage->arena, 1),
                        ERR_OK);
                done = work_for(stage, i * 100, &outcome);
                PQclear(PQexec(pg,
                               "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'galka'"));
                if (!done)
                        outcome = await(stage, 2 * STORE_POSTGRES_ANSWER_MS);
                seen[outcome]++;
                settle(stage, outcome);
        }
        PQfinish(pg);
        print_message("sessions ended: %u done, %u failed, %u uncertain\n", seen[OUTCOME_OK], seen[OUTCOME_FAILED],
                      seen[OUTCOME_UNCERTAIN]);
        assert_true(seen[OUTCOME_FAILED] + seen[OUTCOME_UNCERTAIN] > 5);
}

static void engines(const char *command)
{
        char line[512];

        snprintf(line, sizeof(line), "%s/tools/engines --dir %s %s postgres", SOURCE_ROOT, getenv("ENGINES_DIR"), command);
        assert_int_equal(system(line), 0);
}

static uint64_t now_ms(const struct stage *stage)
{
        return clock_monotonic_ms(stage->options.clock);
}

/* Killed under load, gone for a while, started again: told in time, nothing acknowledged is lost, goes on by itself. */
static void test_the_server_is_killed(void **state)
{
        struct stage *stage = *state;
        enum outcome outcome;
        uint64_t start_ms;

        for (int i = 0; i < 5; i++) {
                plan(stage);
                settle(stage, apply(stage, stage->ops, STEP_OPS + 1));
        }
        plan(stage);
        assert_int_equal(stage->store->ops->apply(stage->store, stage->ops, STEP_OPS + 1, stage->results, &stage->arena, 1),
                         ERR_OK);
        engines("kill");
        outcome = await(stage, 2 * STORE_POSTGRES_ANSWER_MS);
        start_ms = now_ms(stage);
        if (outcome != OUTCOME_OK)
                assert_int_equal(apply(stage, stage->ops, STEP_OPS + 1), OUTCOME_FAILED);
        assert_true(now_ms(stage) - start_ms < STORE_POSTGRES_ANSWER_MS + 1000);
        engines("start");
        start_ms = now_ms(stage);
        settle(stage, outcome == OUTCOME_OK ? OUTCOME_OK : OUTCOME_UNCERTAIN);
        assert_true(now_ms(stage) - start_ms < 10000);
}

/* It is there, and does not answer. */
static void test_the_server_stands_still(void **state)
{
        struct stage *stage = *state;
        uint64_t start_ms = now_ms(stage);
        enum outcome outcome;

        plan(stage);
        engines("pause");
        outcome = apply(stage, stage->ops, STEP_OPS + 1);
        assert_int_not_equal(outcome, OUTCOME_OK);
        assert_true(now_ms(stage) - start_ms < STORE_POSTGRES_ANSWER_MS + 3000);
        engines("resume");
        settle(stage, outcome);
}

/* Somebody else holds the lock of the room and does not come back: his session is ended by the database, ours by its limit. */
static void test_a_lock_that_is_not_given_up(void **state)
{
        struct stage *stage = *state;
        PGconn *pg = PQconnectdb(stage->options.uri);
        uint64_t start_ms;
        enum outcome outcome;

        plan(stage);
        settle(stage, apply(stage, stage->ops, STEP_OPS + 1));
        PQclear(PQexec(pg, "SET idle_in_transaction_session_timeout = 3000"));
        PQclear(PQexec(pg, "BEGIN; SELECT * FROM rooms FOR UPDATE"));
        start_ms = now_ms(stage);
        plan(stage);
        outcome = apply(stage, stage->ops, STEP_OPS + 1);
        assert_true(now_ms(stage) - start_ms < STORE_POSTGRES_ANSWER_MS + 1000);
        settle(stage, outcome);
        PQfinish(pg);
}

/* ---- COMMIT ---- */

static void run_as_postgres(struct stage *stage, const char *sql)
{
        char uri[2 * LINE_SIZE];
        PGconn *pg;

        snprintf(uri, sizeof(uri), "%s user=postgres", stage->options.uri);
        pg = PQconnectdb(uri);
        PQclear(PQexec(pg, sql));
        PQclear(PQexec(pg, "SELECT pg_reload_conf()"));
        PQfinish(pg);
}

/* COMMIT waits for a standby that is gone: given up in time, and nobody knows. */
static void test_a_standby_that_does_not_answer(void **state)
{
        struct stage *stage = *state;
        enum outcome outcome;

        plan(stage);
        run_as_postgres(stage, "ALTER SYSTEM SET synchronous_standby_names = 'nowhere'");
        usleep(300000); /* until all sessions have heard of it */
        outcome = apply(stage, stage->ops, STEP_OPS + 1);
        run_as_postgres(stage, "ALTER SYSTEM RESET synchronous_standby_names");
        assert_int_equal(outcome, OUTCOME_UNCERTAIN);
        assert_int_equal(apply(stage, stage->ops, STEP_OPS + 1), OUTCOME_OK);
        assert_true(stage->results[0].repeat);
        stage->acknowledged += STEP_OPS;
}

/* A trigger says something at COMMIT, as the database does when it was told not to wait for its standby any longer. */
static void say_at_commit(const char *what)
{
        char sql[LINE_SIZE];

        snprintf(sql, sizeof(sql),
                 "CREATE OR REPLACE FUNCTION say() RETURNS trigger LANGUAGE plpgsql AS"
                 " 'BEGIN RAISE %s; RETURN NULL; END'",
                 what);
        postgres_run(sql);
        postgres_run("CREATE CONSTRAINT TRIGGER say AFTER INSERT ON messages DEFERRABLE INITIALLY DEFERRED"
                     " FOR EACH ROW EXECUTE FUNCTION say()");
}

static void test_what_is_said_at_commit(void **state)
{
        struct stage *stage = *state;

        say_at_commit("WARNING ''it may not be on the standby''");
        plan(stage);
        assert_int_equal(apply(stage, stage->ops, STEP_OPS + 1), OUTCOME_UNCERTAIN);
        postgres_run("DROP TRIGGER say ON messages");
        assert_int_equal(apply(stage, stage->ops, STEP_OPS + 1), OUTCOME_OK);
        assert_true(stage->results[0].repeat);
        stage->acknowledged += STEP_OPS;
        /* An error is an answer: nothing was done, and nothing is uncertain. A conflict is tried again first. */
        say_at_commit("EXCEPTION ''not now'' USING ERRCODE = ''40001''");
        plan(stage);
        assert_int_equal(apply(stage, stage->ops, STEP_OPS + 1), OUTCOME_FAILED);
        assert_true(store_postgres_transaction(stage->store)->conflicts > CONFLICTS_MAX);
        postgres_run("DROP TRIGGER say ON messages");
        settle(stage, OUTCOME_FAILED);
        postgres_run("DROP FUNCTION say()");
}

/* ---- a server that only reads ---- */

static void let_it_only_read(bool only)
{
        char sql[LINE_SIZE];

        snprintf(sql, sizeof(sql),
                 "BEGIN READ WRITE; DO $$BEGIN EXECUTE format('ALTER DATABASE %%I SET default_transaction_read_only = %s',"
                 " current_database()); END$$; COMMIT",
                 only ? "on" : "off");
        postgres_run(sql);
}

/*
 * A standby answers questions, of a state that may be behind what was acknowledged, and for as long as it likes (L4). So where the
 * primary was, and now one is that only reads, nobody is asked until it writes again.
 */
static void test_who_only_reads_is_not_asked(void **state)
{
        const struct store_question question = {.kind = STORE_ASK_DEVICE, .user = 1, .device = 1};
        struct stage *stage = *state;
        struct store_answer answer;
        enum outcome reading = OUTCOME_OK, again = OUTCOME_FAILED;
        PGconn *pg = PQconnectdb(getenv("ENGINES_POSTGRES"));

        assert_int_equal(ask(stage, &question, &answer), OUTCOME_OK);
        let_it_only_read(true);
        PQclear(PQexec(pg, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'galka'"));
        PQfinish(pg);
        for (unsigned i = 0; i <= STORE_POSTGRES_READERS; i++) /* each has a lost connection to find out about */
                reading = ask(stage, &question, &answer);
        let_it_only_read(false);
        for (int tries = 0; tries < 5 && again != OUTCOME_OK; tries++)
                again = ask(stage, &question, &answer);
        assert_int_equal(reading, OUTCOME_FAILED);
        assert_int_equal(again, OUTCOME_OK);
        assert_int_equal(answer.status, ERR_OK);
}

/*
 * Behind a pooler that gives another server to each transaction, what libpq asked of the first one says nothing of the others: the
 * primary is a standby now, and the pooler's connection with us is none the wiser.
 */
static void test_a_standby_behind_a_pooler_is_not_asked(void **state)
{
        const struct store_question question = {.kind = STORE_ASK_DEVICE, .user = 1, .device = 1};
        struct stage *stage = *state;
        struct store_answer answer;
        enum outcome reading, again = OUTCOME_FAILED;

        close_store(stage);
        stage->options.uri = getenv("ENGINES_PGBOUNCER");
        stage->options.readers = 1;
        open_store(stage);
        plan(stage);
        settle(stage, apply(stage, stage->ops, STEP_OPS + 1));
        assert_int_equal(ask(stage, &question, &answer), OUTCOME_OK);
        engines("stop");
        assert_int_equal(system("touch \"$ENGINES_POSTGRES_DATA/standby.signal\""), 0);
        engines("start");
        reading = ask(stage, &question, &answer);
        engines("stop");
        assert_int_equal(system("rm \"$ENGINES_POSTGRES_DATA/standby.signal\""), 0);
        engines("start");
        for (int tries = 0; tries < 5 && again != OUTCOME_OK; tries++)
                again = ask(stage, &question, &answer);
        assert_int_equal(reading, OUTCOME_FAILED);
        assert_int_equal(again, OUTCOME_OK);
}

/* ---- much at once ---- */

#define MANY_MEMBERS "3000"
#define MANY_MARKS   400

/* Each mark asks who of all the members is behind now; the memory that takes must not grow with marks times members. */
static void test_many_marks_in_a_large_group(void **state)
{
        struct stage *stage = *state;
        struct store_op *ops = memory_new(sizeof(*ops) * MANY_MARKS);
        enum outcome outcome;

        assert_non_null(ops);
        for (int i = 0; i < MANY_MARKS / STEP_OPS + 1; i++) {
                plan(stage);
                assert_int_equal(apply(stage, stage->ops, STEP_OPS), OUTCOME_OK); /* without the mark */
                stage->acknowledged += STEP_OPS;
        }
        postgres_run("INSERT INTO members SELECT room, 1000 + more, joined_seq, left_seq, 0, 0, 0, counted_from, 0, 0, 0, "
                     "own_as_of"
                     " FROM members, generate_series(1, " MANY_MEMBERS ") more WHERE user_id = 1");
        for (uint64_t i = 0; i < MANY_MARKS; i++) {
                ops[i] = (struct store_op){.kind = STORE_MARK, .user = 2, .device = 1};
                ops[i].mark.room = room_personal(1, 2);
                ops[i].mark.members_known = 1;
                ops[i].mark.delivered = ops[i].mark.read = ops[i].mark.shown = i + 1;
        }
        outcome = apply(stage, ops, MANY_MARKS);
        postgres_run("DELETE FROM members WHERE user_id >= 1000");
        memory_free(ops);
        assert_int_equal(outcome, OUTCOME_OK);
        assert_true(stage->results[MANY_MARKS - 1].mark.marks_moved);
        assert_int_equal(stage->results[MANY_MARKS - 1].mark.marks.read, MANY_MARKS);
        plan(stage);
        settle(stage, apply(stage, stage->ops, STEP_OPS + 1)); /* the lowest are those of two again */
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                STAGE_TEST(test_a_cut_at_any_byte),           STAGE_TEST(test_a_lost_commit_is_uncertain),
                STAGE_TEST(test_a_lost_question_fails),       STAGE_TEST(test_sessions_are_ended),
                STAGE_TEST(test_the_server_is_killed),        STAGE_TEST(test_the_server_stands_still),
                STAGE_TEST(test_a_lock_that_is_not_given_up), STAGE_TEST(test_a_standby_that_does_not_answer),
                STAGE_TEST(test_what_is_said_at_commit),      STAGE_TEST(test_who_only_reads_is_not_asked),
                STAGE_TEST(test_many_marks_in_a_large_group), STAGE_TEST(test_a_standby_behind_a_pooler_is_not_asked),
        };

        return cmocka_run_group_tests_name("store, PostgreSQL, when something fails", tests, NULL, NULL);
}
