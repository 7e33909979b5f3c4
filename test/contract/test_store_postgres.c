/*
 * The store on PostgreSQL when something fails between two who both live, or one of them does not: the connection is cut after every
 * so many bytes of a transaction, before its COMMIT and after it; sessions are ended, the server is killed, stopped for a while,
 * comes back. Whatever happens: OK is never said of what was not done and FAILED never of what was, what is uncertain is right when
 * it is repeated, and everything goes on by itself. And what is refused at the start.
 */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <libpq-fe.h>

#include "base/assert.h"
#include "base/memory.h"
#include "contract/store_driver.h"
#include "driver/random/system.h"
#include "driver/store/postgres/inside.h"
#include "driver/store/postgres/transaction.h"
#include "rules/room.h"
#include "rules/row.h"
#include "support/by_hand.h"
#include "support/relay.h"

#define START_MS  UINT64_C(1750000000000)
#define STEP_OPS  3
#define LINE_SIZE 256

static const struct arena_source heap_source = {memory_new, memory_free};

struct stage {
        struct hand_clock clock;
        struct store_postgres_options options;
        struct store_postgres *postgres;
        struct store *store;
        struct relay *relay; /* the store goes through it, if there is one */
        struct arena arena;
        uint64_t ids;
        char uri[LINE_SIZE], texts[STEP_OPS][16];
        struct store_op ops[STEP_OPS + 1];
        struct store_result results[STORE_OPS_MAX];
        uint64_t acknowledged; /* texts that the store said it has */
};

/* ---- life ---- */

static void open_store(struct stage *stage)
{
        char text[STORE_ERROR_SIZE];

        if (store_postgres_new(&stage->options, &stage->postgres, text) != ERR_OK) {
                print_error("%s\n", text);
                fail();
        }
        assert_int_equal(store_postgres_open(stage->postgres, &stage->store), ERR_OK);
}

static void close_store(struct stage *stage)
{
        stage->store->ops->free(&stage->store);
        store_postgres_free(&stage->postgres);
}

/* Waits for one completion. */
static enum outcome await(struct stage *stage, int wait_ms)
{
        struct completion completion;

        while (stage->store->ops->poll(stage->store, &completion, 1) == 0) {
                struct pollfd waiting = {.fd = stage->store->ops->fd(stage->store), .events = POLLIN};

                assert_int_equal(poll(&waiting, 1, wait_ms), 1); /* somebody is always told in the end */
        }
        return completion.outcome;
}

static enum outcome apply(struct stage *stage, const struct store_op *ops, size_t count)
{
        arena_reset(&stage->arena);
        assert_int_equal(stage->store->ops->apply(stage->store, ops, count, stage->results, &stage->arena, 1), ERR_OK);
        return await(stage, 2 * STORE_POSTGRES_ANSWER_MS);
}

static enum outcome ask(struct stage *stage, const struct store_question *question, struct store_answer *answer)
{
        assert_int_equal(stage->store->ops->ask(stage->store, question, 1, answer, &stage->arena, 2), ERR_OK);
        return await(stage, 2 * STORE_POSTGRES_ANSWER_MS);
}

static void import_op(struct store_op *op, const char *name, uint64_t user)
{
        *op = (struct store_op){.kind = STORE_IMPORT};
        op->import.user_name = op->import.name_folded = op->import.email = op->import.email_folded = slice_text(name);
        op->import.display_name = op->import.device_name = slice_text(name);
        op->import.password_hash = "";
        op->import.new_user = user;
        op->import.new_device = 1;
}

static int stage_new(void **state)
{
        struct stage *stage = memory_new(sizeof(*stage));
        struct store_op ops[2];

        assert_non_null(stage);
        hand_clock_init(&stage->clock, START_MS);
        arena_init(&stage->arena, &heap_source, 1 << 16, 64 << 20);
        stage->options = postgres_options(&stage->clock.clock, random_system(), true);
        open_store(stage);
        import_op(&ops[0], "anna", 1);
        import_op(&ops[1], "boris", 2);
        assert_int_equal(apply(stage, ops, 2), OUTCOME_OK);
        *state = stage;
        return 0;
}

static int stage_free(void **state)
{
        struct stage *stage = *state;
        struct store_answer answer;

        assert_int_equal(ask(stage, &(struct store_question){.kind = STORE_ASK_CHECK}, &answer), OUTCOME_OK);
        if (answer.check.faults)
                print_error("%.*s\n", (int)answer.check.first_fault.size, (const char *)answer.check.first_fault.data);
        assert_int_equal(answer.check.faults, 0);
        assert_int_equal(answer.check.rows, stage->acknowledged); /* each once */
        close_store(stage);
        relay_free(&stage->relay);
        arena_finish(&stage->arena);
        memory_free(stage);
        return 0;
}

/* ---- what is tried ---- */

static struct id next_id(struct stage *stage)
{
        uint8_t random[10] = {0};

        be64_put(random + 2, ++stage->ids);
        return id_uuid7(START_MS, random);
}

/* New texts of both in their room, and a mark. */
static void plan(struct stage *stage)
{
        for (size_t i = 0; i <= STEP_OPS; i++) {
                struct store_op *op = &stage->ops[i];

                *op = (struct store_op){.kind = STORE_WRITE, .request = next_id(stage), .user = 1 + i % 2, .device = 1};
                if (i == STEP_OPS) {
                        op->kind = STORE_MARK;
                        op->mark.room = room_personal(1, 2);
                        op->mark.delivered = op->mark.read = op->mark.shown = UINT64_MAX;
                        continue;
                }
                snprintf(stage->texts[i], sizeof(stage->texts[i]), "%llu", (unsigned long long)stage->ids);
                op->write.room = room_personal(1, 2);
                op->write.row_kind = ROW_TEXT;
                op->write.text = slice_text(stage->texts[i]);
        }
}

/* What was submitted came to `first`: it is submitted until it is done, and must then be there once, with its first answer. */
static void settle(struct stage *stage, enum outcome first)
{
        enum outcome outcome = first;
        bool maybe_done = first != OUTCOME_FAILED;
        uint64_t seqs[STEP_OPS];

        for (size_t i = 0; i < STEP_OPS; i++)
                seqs[i] = stage->results[i].write.row.seq;
        for (int tries = 0; tries < 20; tries++) {
                outcome = apply(stage, stage->ops, STEP_OPS + 1);
                if (outcome == OUTCOME_OK)
                        break;
                maybe_done |= outcome == OUTCOME_UNCERTAIN;
        }
        assert_int_equal(outcome, OUTCOME_OK);
        for (size_t i = 0; i < STEP_OPS; i++) {
                assert_int_equal(stage->results[i].status, ERR_OK);
                if (!maybe_done)
                        assert_false(stage->results[i].repeat);
                if (first != OUTCOME_OK)
                        continue;
                assert_true(stage->results[i].repeat);
                assert_int_equal(stage->results[i].write.row.seq, seqs[i]);
        }
        stage->acknowledged += STEP_OPS;
}

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

#define TEST(name) cmocka_unit_test_setup_teardown(name, stage_new, stage_free)

int main(void)
{
        static const struct CMUnitTest tests[] = {
                TEST(test_a_cut_at_any_byte),
                TEST(test_a_lost_commit_is_uncertain),
                TEST(test_a_lost_question_fails),
                TEST(test_sessions_are_ended),
                TEST(test_the_server_is_killed),
                TEST(test_the_server_stands_still),
                TEST(test_a_lock_that_is_not_given_up),
                TEST(test_the_culprit_is_found),
                TEST(test_memory_runs_out),
                TEST(test_the_databases_clock),
                TEST(test_a_new_era_is_seen_by_all),
                TEST(test_what_is_refused_at_the_start),
                TEST(test_migrating),
        };

        return cmocka_run_group_tests_name("store, PostgreSQL, when something fails", tests, NULL, NULL);
}
