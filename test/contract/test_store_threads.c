/*
 * The store on SQLite with its writer thread: a process that is killed has lost nothing that was acknowledged; the journal stays
 * bounded while others read.
 */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/assert.h"
#include "contract/store_talker.h"
#include "driver/store/sqlite_inside.h"
#include "rules/room.h"
#include "support/by_hand.h"

struct stage {
        char folder[64];
        struct hand_clock clock;
        struct hand_random random;
        struct store_sqlite_options options;
        struct store_sqlite *sqlite;
};

static void stage_open(struct stage *stage)
{
        char text[STORE_ERROR_SIZE];

        if (store_sqlite_new(&stage->options, &stage->sqlite, text) == ERR_OK)
                return;
        print_error("%s\n", text);
        fail();
}

static int stage_new(void **state)
{
        static struct stage stage;

        stage = (struct stage){.folder = "/tmp/galka-threads-XXXXXX"};
        assert_non_null(mkdtemp(stage.folder));
        hand_clock_init(&stage.clock, START_MS);
        hand_random_init(&stage.random, 9);
        stage.options = (struct store_sqlite_options){
                .folder = stage.folder, .threaded = true, .clock = &stage.clock.clock, .random = &stage.random.random};
        *state = &stage;
        return 0;
}

static int stage_free(void **state)
{
        static const char *const names[] = {"galka.db", "galka.db-wal", "galka.db-shm", "lock"};
        struct stage *stage = *state;
        char path[128];

        store_sqlite_free(&stage->sqlite);
        for (size_t i = 0; i < countof(names); i++) {
                snprintf(path, sizeof(path), "%s/%s", stage->folder, names[i]);
                unlink(path);
        }
        return rmdir(stage->folder);
}

static struct store *open_handle(struct stage *stage)
{
        struct store *store;

        check(store_sqlite_open(stage->sqlite, &store) == ERR_OK);
        return store;
}

static void assert_whole(struct stage *stage, uint64_t rows)
{
        struct talker talker;

        talker_open(&talker, open_handle(stage), 1);
        talker_check(&talker, rows);
}

/* ---- a process that is killed ---- */

#define KILLS 8

/* Writes for ever and tells of every acknowledged number. */
static void write_until_killed(struct stage *stage, int pipe_end, uint64_t ids)
{
        struct talker talker;

        stage_open(stage);
        talker_open(&talker, open_handle(stage), 1);
        talker.ids = ids;
        for (size_t i = 0; i < OUT_MAX; i++) {
                talker_plan(&talker, i, room_personal(1, 2), talker.ids);
                talker_submit(&talker, i);
        }
        for (;;) {
                size_t place = talker_await(&talker);
                uint64_t seq = talker.results[place].write.row.seq;

                check(talker.results[place].status == ERR_OK);
                if (write(pipe_end, &seq, sizeof(seq)) != sizeof(seq))
                        _exit(1);
                talker_plan(&talker, place, room_personal(1, 2), talker.ids);
                talker_submit(&talker, place);
        }
}

static void test_a_killed_process_loses_nothing_acknowledged(void **state)
{
        struct stage *stage = *state;
        uint64_t acknowledged = 0;
        struct talker talker;

        stage_open(stage);
        talker_open(&talker, open_handle(stage), 1);
        talker_make_users(&talker);
        talker_close(&talker);
        for (uint64_t i = 0; i < KILLS; i++) {
                struct store_question question = {.kind = STORE_ASK_CHANGES, .user = 2, .device = 1, .bytes_max = 1000};
                struct store_answer answer;
                uint64_t seq;
                int ends[2];
                pid_t child;

                store_sqlite_free(&stage->sqlite);
                assert_int_equal(pipe(ends), 0);
                child = fork();
                if (child == 0)
                        write_until_killed(stage, ends[1], i << 32);
                close(ends[1]);
                for (uint64_t read_ = 0; read_ < 20 + i * 37; read_++) {
                        assert_int_equal(read(ends[0], &seq, sizeof(seq)), sizeof(seq));
                        acknowledged = max_of(acknowledged, seq);
                }
                kill(child, SIGKILL);
                while (read(ends[0], &seq, sizeof(seq)) == sizeof(seq))
                        acknowledged = max_of(acknowledged, seq);
                close(ends[0]);
                waitpid(child, NULL, 0);
                stage_open(stage);
                assert_whole(stage, acknowledged);
                talker_open(&talker, open_handle(stage), 2);
                question.changes.room = room_personal(1, 2);
                question.changes.rows_max = 1;
                answer = talker_ask(&talker, &question);
                assert_true(answer.rows.head >= acknowledged);
                talker_close(&talker);
        }
}

/* ---- the journal ---- */

#define WAL_TEST_PAGES 512

struct reading {
        const char *path;
        int stop;
};

/* Two connections, one of which always has a snapshot: so no moment comes when nobody reads. */
static void *read_on(void *argument)
{
        struct reading *reading = argument;
        sqlite3 *handles[2];

        for (int i = 0; i < 2; i++)
                check(sqlite3_open_v2(reading->path, &handles[i], SQLITE_OPEN_READONLY, NULL) == SQLITE_OK);
        for (unsigned turn = 0; !__atomic_load_n(&reading->stop, __ATOMIC_ACQUIRE); turn++) {
                check(sqlite3_exec(handles[turn % 2], "BEGIN; SELECT count(*) FROM rooms", NULL, NULL, NULL) == SQLITE_OK);
                usleep(2000);
                if (turn > 0)
                        check(sqlite3_exec(handles[(turn + 1) % 2], "COMMIT", NULL, NULL, NULL) == SQLITE_OK);
        }
        for (int i = 0; i < 2; i++)
                check(sqlite3_close(handles[i]) == SQLITE_OK);
        return NULL;
}

static void test_the_journal_stays_bounded(void **state)
{
        static char text[15000];
        struct stage *stage = *state;
        char path[128], database[128];
        struct reading reading = {.path = database};
        struct talker talker;
        struct stat info;
        pthread_t reader;
        off_t largest = 0;

        snprintf(database, sizeof(database), "%s/galka.db", stage->folder);
        snprintf(path, sizeof(path), "%s/galka.db-wal", stage->folder);
        memset(text, 'l', sizeof(text));
        stage->options.wal_pages_max = WAL_TEST_PAGES;
        stage_open(stage);
        talker_open(&talker, open_handle(stage), 1);
        talker_make_users(&talker);
        assert_int_equal(pthread_create(&reader, NULL, read_on, &reading), 0);
        for (int i = 0; i < 1500; i++) { /* some 6000 pages and more */
                talker_plan(&talker, 0, room_personal(1, 2), 0);
                talker.ops[0].write.text = slice_of(text, sizeof(text));
                talker_submit(&talker, 0);
                assert_int_equal(talker_await(&talker), 0);
                arena_reset(&talker.arena);
                assert_int_equal(stat(path, &info), 0);
                largest = max_of(largest, info.st_size);
        }
        __atomic_store_n(&reading.stop, 1, __ATOMIC_RELEASE);
        pthread_join(reader, NULL);
        print_message("the journal's largest size: %lld KiB\n", (long long)largest / 1024);
        assert_true(largest > 1 << 20);
        assert_true(largest < 2 * WAL_TEST_PAGES * 4120);
        talker_close(&talker);
        assert_whole(stage, 1500);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, stage_new, stage_free)

int main(void)
{
        static const struct CMUnitTest tests[] = {
                TEST(test_a_killed_process_loses_nothing_acknowledged),
                TEST(test_the_journal_stays_bounded),
        };

        return cmocka_run_group_tests_name("store, SQLite, threads", tests, NULL, NULL);
}
