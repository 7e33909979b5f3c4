/*
 * Notes in a file, with real crashes: a child takes the part of the server, crashes by its own hand, and the next one looks at what it
 * left. Who is blamed, who takes care, for how long; and that nobody is who was only killed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// clang-format off
#include <cmocka.h>
// clang-format on

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/assert.h"
#include "driver/notes/file.h"
#include "support/by_hand.h"

static char folder[64], path[96], text[NOTES_ERROR_SIZE];
static struct hand_clock hand;
static const struct noted bad = {.topic = BUS_SESSION, .id.bytes = {1, 2, 3}};
static const struct noted good = {.topic = BUS_SESSION, .id.bytes = {4, 5, 6}};

/* A server: all its notes. */
struct server {
        struct notes_file *file;
        struct notes *session, *query, *frontend;
};

static int set_up(void **state)
{
        (void)state;
        snprintf(folder, sizeof(folder), "/tmp/galka-notes-XXXXXX");
        assert_non_null(mkdtemp(folder));
        snprintf(path, sizeof(path), "%s/notes", folder);
        hand_clock_init(&hand, UINT64_C(1700000000000));
        return 0;
}

static int tear_down(void **state)
{
        (void)state;
        unlink(path);
        return rmdir(folder);
}

static struct server start(void)
{
        const struct notes_file_options options = {.folder = folder, .clock = &hand.clock};
        struct server server;

        check(notes_file_new(&options, &server.file, text) == ERR_OK);
        check(notes_file_open(server.file, BUS_SESSION, &server.session) == ERR_OK);
        check(notes_file_open(server.file, BUS_QUERY, &server.query) == ERR_OK);
        check(notes_file_open(server.file, BUS_FRONTENDS, &server.frontend) == ERR_OK);
        return server;
}

static void stop(struct server *server)
{
        server->session->ops->free(&server->session);
        server->query->ops->free(&server->query);
        server->frontend->ops->free(&server->frontend);
        notes_file_free(&server->file);
}

static enum notes_care care_of(struct notes *notes)
{
        return notes->ops->care(notes);
}

static unsigned crashes_of(struct notes *notes, const struct noted *record)
{
        return notes->ops->crashes(notes, record);
}

static void note(struct notes *notes, const struct noted *record)
{
        struct completion completion;

        check(notes->ops->note(notes, record, 7) == ERR_OK);
        check(notes->ops->note(notes, record, 8) == ERR_FULL);
        check(notes->ops->poll(notes, &completion, 1) == 1 && completion.tag == 7 && completion.outcome == OUTCOME_OK);
        check(notes->ops->poll(notes, &completion, 1) == 0);
}

/* Without a core, and without what the test's frame does at signals. */
static void die_plainly(void)
{
        static const int signals[] = {SIGABRT, SIGILL, SIGSEGV, SIGBUS, SIGFPE, SIGTRAP};
        const struct rlimit no_cores = {0, 0};

        setrlimit(RLIMIT_CORE, &no_cores);
        for (size_t i = 0; i < countof(signals); i++)
                signal(signals[i], SIG_DFL);
}

/* ---- ways to end, each in a child that has noted `bad` for session ---- */

static void *abort_here(void *context)
{
        (void)context;
        abort();
}

static void crash_in_session(struct server *server)
{
        server->session->ops->enter(server->session);
        abort();
}

/* A fault of the processor, as a bad address would be. */
static void trap_in_session(struct server *server)
{
        server->session->ops->enter(server->session);
        __builtin_trap();
}

static void crash_in_query(struct server *server)
{
        server->query->ops->enter(server->query);
        abort();
}

static void crash_in_frontend(struct server *server)
{
        server->frontend->ops->enter(server->frontend);
        abort();
}

/* The thread of a store, say: nobody's. */
static void crash_beside(struct server *server)
{
        pthread_t thread;

        server->session->ops->enter(server->session);
        if (pthread_create(&thread, NULL, abort_here, NULL) == 0)
                pthread_join(thread, NULL);
}

static void crash_elsewhere(struct server *server)
{
        server->session->ops->lend(server->session);
        crash_beside(server);
}

/* What was lent before is another record. */
static void crash_beside_the_next(struct server *server)
{
        server->session->ops->lend(server->session);
        server->session->ops->done(server->session);
        note(server->session, &good);
        crash_beside(server);
}

static void be_killed(struct server *server)
{
        server->session->ops->enter(server->session);
        kill(getpid(), SIGKILL);
}

/* Somebody sends it from outside. */
static void be_aborted(struct server *server)
{
        server->session->ops->enter(server->session);
        kill(getpid(), SIGABRT);
}

static void finish_first(struct server *server)
{
        server->session->ops->done(server->session);
        crash_in_session(server);
}

static void end_cleanly(struct server *server)
{
        stop(server);
        _exit(0);
}

/* A server lives and dies. It must die by that signal; 0: end. */
static void live_and_die(void (*die)(struct server *server), int by)
{
        pid_t child = fork();
        int status;

        assert_true(child >= 0);
        if (child == 0) {
                struct server server;

                die_plainly();
                server = start();
                note(server.session, &bad);
                die(&server);
                _exit(99);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        if (by == 0)
                assert_int_equal(status, 0);
        else
                assert_true(WIFSIGNALED(status) && WTERMSIG(status) == by);
}

/* The next server: what it does about session, query, and the bad record. */
static void expect(enum notes_care session, enum notes_care query, unsigned crashes)
{
        struct server server = start();

        assert_int_equal(care_of(server.session), session);
        assert_int_equal(care_of(server.query), query);
        assert_int_equal(care_of(server.frontend), crashes ? NOTES_KNOWN : NOTES_CARELESS);
        assert_int_equal(crashes_of(server.session, &bad), crashes);
        assert_int_equal(crashes_of(server.session, &good), 0);
        stop(&server);
}

static void test_a_new_one_is_careless(void **state)
{
        (void)state;
        expect(NOTES_CARELESS, NOTES_CARELESS, 0);
        live_and_die(end_cleanly, 0);
        expect(NOTES_CARELESS, NOTES_CARELESS, 0);
}

/* The worker whose thread it was takes care, and what it had noted is known from then on. */
static void test_the_crashed_worker_is_blamed(void **state)
{
        (void)state;
        live_and_die(crash_in_session, SIGABRT);
        expect(NOTES_SINGLY, NOTES_KNOWN, NOTES_CRASHES_MAX);
        /* After a clean end nothing is taken singly, but what is known is known. */
        expect(NOTES_KNOWN, NOTES_KNOWN, NOTES_CRASHES_MAX);
}

static void test_a_fault_is_a_crash_too(void **state)
{
        (void)state;
        live_and_die(trap_in_session, SIGILL);
        expect(NOTES_SINGLY, NOTES_KNOWN, NOTES_CRASHES_MAX);
}

static void test_what_was_done_with_is_not_blamed(void **state)
{
        (void)state;
        live_and_die(finish_first, SIGABRT);
        expect(NOTES_SINGLY, NOTES_CARELESS, 0);
}

static void test_another_workers_crash_is_not_its_records(void **state)
{
        (void)state;
        live_and_die(crash_in_query, SIGABRT);
        expect(NOTES_CARELESS, NOTES_SINGLY, 0);
}

static void test_a_frontends_crash_is_no_records(void **state)
{
        (void)state;
        live_and_die(crash_in_frontend, SIGABRT);
        expect(NOTES_CARELESS, NOTES_CARELESS, 0);
}

/* Whose record it was nobody can say: all take care, and twice is proof. */
static void test_nobodys_crash_is_half_a_proof(void **state)
{
        (void)state;
        live_and_die(crash_elsewhere, SIGABRT);
        expect(NOTES_SINGLY, NOTES_SINGLY, 1);
        live_and_die(crash_elsewhere, SIGABRT);
        expect(NOTES_SINGLY, NOTES_SINGLY, NOTES_CRASHES_MAX);
}

/* A record that no other thread had is none of those that brought it down. */
static void test_what_was_not_lent_is_not_blamed(void **state)
{
        (void)state;
        live_and_die(crash_beside, SIGABRT);
        expect(NOTES_SINGLY, NOTES_SINGLY, 0);
        live_and_die(crash_beside_the_next, SIGABRT);
        expect(NOTES_SINGLY, NOTES_SINGLY, 0);
}

static void test_who_is_killed_did_not_crash(void **state)
{
        (void)state;
        live_and_die(be_killed, SIGKILL);
        expect(NOTES_CARELESS, NOTES_CARELESS, 0);
        live_and_die(be_aborted, SIGABRT);
        expect(NOTES_CARELESS, NOTES_CARELESS, 0);
}

static void test_care_ends(void **state)
{
        struct server server;

        (void)state;
        live_and_die(crash_in_session, SIGABRT);
        server = start();
        hand_clock_advance_ms(&hand, NOTES_SINGLY_MS - 1);
        assert_int_equal(care_of(server.session), NOTES_SINGLY);
        hand_clock_advance_ms(&hand, 1);
        assert_int_equal(care_of(server.session), NOTES_KNOWN);
        hand_clock_advance_ms(&hand, NOTES_FORGET_MS - NOTES_SINGLY_MS);
        assert_int_equal(care_of(server.session), NOTES_CARELESS);
        stop(&server);
        expect(NOTES_CARELESS, NOTES_CARELESS, 0);
}

static void test_a_second_crash_makes_more_careful(void **state)
{
        struct server server;

        (void)state;
        live_and_die(finish_first, SIGABRT);
        live_and_die(finish_first, SIGABRT);
        server = start();
        hand_clock_advance_ms(&hand, NOTES_SINGLY_AGAIN_MS - 1);
        assert_int_equal(care_of(server.session), NOTES_SINGLY);
        stop(&server);
        hand_clock_advance_ms(&hand, NOTES_FORGET_MS + 1);
        live_and_die(finish_first, SIGABRT);
        server = start();
        hand_clock_advance_ms(&hand, NOTES_SINGLY_MS);
        assert_int_equal(care_of(server.session), NOTES_CARELESS);
        stop(&server);
}

/* More bad records than it can know: the oldest go. */
static void test_what_is_known_has_a_limit(void **state)
{
        struct noted record = bad;
        struct server server;

        (void)state;
        for (int i = 0; i <= NOTES_RECORDS_MAX; i++) {
                pid_t child = fork();

                assert_true(child >= 0);
                if (child == 0) {
                        die_plainly();
                        server = start();
                        record.id.bytes[15] = (uint8_t)(i + 1);
                        note(server.session, &record);
                        crash_in_session(&server);
                }
                assert_int_equal(waitpid(child, NULL, 0), child);
                hand_clock_advance_ms(&hand, 1);
        }
        server = start();
        record.id.bytes[15] = 1;
        assert_int_equal(crashes_of(server.session, &record), 0);
        for (int i = 1; i <= NOTES_RECORDS_MAX; i++) {
                record.id.bytes[15] = (uint8_t)(i + 1);
                assert_int_equal(crashes_of(server.session, &record), NOTES_CRASHES_MAX);
        }
        stop(&server);
}

/* Whatever power loss or a hand left there: it starts, and blames nobody it should not. */
static void test_any_content_starts(void **state)
{
        static uint8_t bytes[4096];
        struct hand_random random;

        (void)state;
        for (uint64_t seed = 0; seed < 20; seed++) {
                FILE *file = fopen(path, "we");
                struct server server;

                assert_non_null(file);
                hand_random_init(&random, seed);
                random.random.fill(&random.random, bytes, sizeof(bytes));
                if (seed % 2)
                        memcpy(bytes, "GkNotes2", 8);
                assert_int_equal(fwrite(bytes, 1, seed % 3 ? sizeof(bytes) : 100, file), seed % 3 ? sizeof(bytes) : 100);
                assert_int_equal(fclose(file), 0);
                server = start();
                assert_int_equal(crashes_of(server.session, &bad), 0);
                stop(&server);
        }
}

static void test_no_place(void **state)
{
        const struct notes_file_options options = {.folder = "/proc/galka", .clock = &hand.clock};
        struct notes_file *file;

        (void)state;
        assert_int_equal(notes_file_new(&options, &file, text), ERR_SYSTEM);
        assert_null(file);
        assert_non_null(strstr(text, "/proc/galka/notes"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(test_a_new_one_is_careless),
                TEST(test_the_crashed_worker_is_blamed),
                TEST(test_a_fault_is_a_crash_too),
                TEST(test_what_was_done_with_is_not_blamed),
                TEST(test_another_workers_crash_is_not_its_records),
                TEST(test_a_frontends_crash_is_no_records),
                TEST(test_nobodys_crash_is_half_a_proof),
                TEST(test_what_was_not_lent_is_not_blamed),
                TEST(test_who_is_killed_did_not_crash),
                TEST(test_care_ends),
                TEST(test_a_second_crash_makes_more_careful),
                TEST(test_what_is_known_has_a_limit),
                TEST(test_any_content_starts),
                TEST(test_no_place),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
