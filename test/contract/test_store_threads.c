/*
 * The store among threads, for TSan and for lost wake-ups: several threads with handles of their own write and read at once; what
 * they queue goes as one commit; a process that is killed has lost nothing that was acknowledged; the journal stays bounded.
 */
#include <poll.h>
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
#include "base/memory.h"
#include "driver/store/sqlite_inside.h"
#include "rules/room.h"
#include "rules/row.h"
#include "support/by_hand.h"

#define THREADS  4
#define OUT_MAX  8   /* applies that a thread has out at once */
#define WRITES   400 /* of one thread */
#define WAIT_MS  20000
#define START_MS UINT64_C(1750000000000)

static const struct arena_source heap_source = {memory_new, memory_free};

/* A clock that counts the writer's transactions: it looks at the clock once in each of them, if no operation has a deadline. */
struct counting_clock {
        struct clock clock;
        unsigned long looks;
};

static uint64_t counting_wall_ms(struct clock *clock)
{
        struct counting_clock *counting = container_of(clock, struct counting_clock, clock);

        return START_MS + __atomic_add_fetch(&counting->looks, 1, __ATOMIC_RELAXED);
}

struct stage {
        char folder[64];
        struct counting_clock clock;
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

        stage = (struct stage){.folder = "/tmp/galka-threads-XXXXXX", .clock.clock.wall_ms = counting_wall_ms};
        assert_non_null(mkdtemp(stage.folder));
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

/* ---- one thread's handle ---- */

struct talker {
        struct store *store;
        struct arena arena;
        uint64_t user, ids;
        struct store_op ops[OUT_MAX];
        struct store_result results[OUT_MAX];
        char texts[OUT_MAX][32];
};

static void talker_open(struct talker *talker, struct store_sqlite *sqlite, uint64_t user)
{
        *talker = (struct talker){.user = user};
        arena_init(&talker->arena, &heap_source, 1 << 16, 64 << 20);
        check(store_sqlite_open(sqlite, &talker->store) == ERR_OK);
}

static void talker_close(struct talker *talker)
{
        talker->store->ops->free(&talker->store);
        arena_finish(&talker->arena);
}

static uint64_t await(struct talker *talker)
{
        struct completion completion;

        while (talker->store->ops->poll(talker->store, &completion, 1) == 0) {
                struct pollfd waiting = {.fd = talker->store->ops->fd(talker->store), .events = POLLIN};

                check(poll(&waiting, 1, WAIT_MS) == 1); /* a wake-up that never comes ends the test */
        }
        check(completion.outcome == OUTCOME_OK);
        return completion.tag;
}

static void plan_text(struct talker *talker, size_t place, struct id room, uint64_t number)
{
        struct store_op *op = &talker->ops[place];
        uint8_t random[10] = {0};

        be64_put(random + 2, ++talker->ids << 8 | talker->user);
        snprintf(talker->texts[place], sizeof(talker->texts[0]), "%llu", (unsigned long long)number);
        *op = (struct store_op){
                .kind = STORE_WRITE, .request = id_uuid7(START_MS, random), .user = talker->user, .device = 1};
        op->write.room = room;
        op->write.row_kind = ROW_TEXT;
        op->write.text = slice_text(talker->texts[place]);
        op->write.members_known = 1;
}

static void submit(struct talker *talker, size_t place)
{
        check(talker->store->ops->apply(talker->store, &talker->ops[place], 1, &talker->results[place], &talker->arena,
                                        place) == ERR_OK);
}

static struct store_answer ask(struct talker *talker, const struct store_question *question)
{
        struct store_answer answer;

        check(talker->store->ops->ask(talker->store, question, 1, &answer, &talker->arena, 99) == ERR_OK);
        check(await(talker) == 99);
        return answer;
}

/* Users 1 … THREADS, each with device 1. */
static void make_users(struct talker *talker)
{
        static const char *const names[] = {"anna", "boris", "clara", "dora"};

        for (size_t i = 0; i < THREADS; i++) {
                struct store_op *op = &talker->ops[0];

                *op = (struct store_op){.kind = STORE_IMPORT};
                op->import.user_name = op->import.name_folded = op->import.email = op->import.email_folded =
                        op->import.display_name = op->import.device_name = slice_text(names[i]);
                op->import.password_hash = "";
                op->import.new_user = i + 1;
                op->import.new_device = 1;
                submit(talker, 0);
                check(await(talker) == 0 && talker->results[0].status == ERR_OK);
        }
}

static void assert_whole(struct stage *stage, uint64_t rows)
{
        struct talker talker;
        struct store_answer answer;

        talker_open(&talker, stage->sqlite, 1);
        answer = ask(&talker, &(struct store_question){.kind = STORE_ASK_CHECK});
        if (answer.check.faults)
                print_error("%.*s\n", (int)answer.check.first_fault.size, (const char *)answer.check.first_fault.data);
        assert_int_equal(answer.check.faults, 0);
        assert_true(answer.check.rows >= rows);
        talker_close(&talker);
}

/* ---- all at once ---- */

static pthread_barrier_t ready;

struct part {
        struct stage *stage;
        uint64_t user;
        bool reads;
};

/* Keeps OUT_MAX writes out, to the rooms with all others in turn. Every answer must be its own. */
static void *talk(void *argument)
{
        struct part *part = argument;
        struct talker talker;
        uint64_t last[THREADS + 1] = {0};
        size_t sent = 0, done = 0, peers[OUT_MAX];

        talker_open(&talker, part->stage->sqlite, part->user);
        pthread_barrier_wait(&ready);
        for (; sent < OUT_MAX; sent++) {
                peers[sent] = sent % THREADS + 1;
                plan_text(&talker, sent, room_personal(talker.user, peers[sent]), sent);
                submit(&talker, sent);
        }
        for (; done < WRITES; done++) {
                size_t place = await(&talker);
                const struct store_result *result = &talker.results[place];

                check(place < OUT_MAX && result->status == ERR_OK && !result->repeat);
                check(id_equal(&result->write.row.request, &talker.ops[place].request));
                check(result->write.row.seq > last[peers[place]]);
                last[peers[place]] = result->write.row.seq;
                if (sent == WRITES)
                        continue;
                peers[place] = sent % THREADS + 1;
                plan_text(&talker, place, room_personal(talker.user, peers[place]), sent++);
                submit(&talker, place);
        }
        talker_close(&talker);
        return NULL;
}

/* What is read is a snapshot: the head of an answer is the number of its newest row. */
static void *look(void *argument)
{
        struct part *part = argument;
        struct talker talker;
        struct store_question question = {.kind = STORE_ASK_CHANGES, .user = part->user, .device = 1, .bytes_max = 100000};
        uint64_t head = 0;

        talker_open(&talker, part->stage->sqlite, part->user);
        question.changes.room = room_personal(part->user, part->user % THREADS + 1);
        question.changes.rows_max = 20;
        pthread_barrier_wait(&ready);
        for (int i = 0; i < 300; i++) {
                struct store_answer answer = ask(&talker, &question);

                if (answer.status == ERR_NO_ROOM)
                        continue;
                check(answer.status == ERR_OK && answer.rows.row_count > 0);
                check(answer.rows.head >= head && answer.rows.rows[0].seq == answer.rows.head);
                for (size_t row = 1; row < answer.rows.row_count; row++)
                        check(answer.rows.rows[row].seq + 1 == answer.rows.rows[row - 1].seq);
                head = answer.rows.head;
                arena_reset(&talker.arena);
        }
        talker_close(&talker);
        return NULL;
}

static void test_many_at_once(void **state)
{
        struct stage *stage = *state;
        pthread_t threads[2 * THREADS];
        struct part parts[2 * THREADS];
        struct talker talker;
        unsigned long before, transactions;

        stage_open(stage);
        talker_open(&talker, stage->sqlite, 1);
        make_users(&talker);
        talker_close(&talker);
        before = stage->clock.looks;
        pthread_barrier_init(&ready, NULL, countof(threads));
        for (size_t i = 0; i < countof(threads); i++) {
                parts[i] = (struct part){stage, i % THREADS + 1, i >= THREADS};
                assert_int_equal(pthread_create(&threads[i], NULL, parts[i].reads ? look : talk, &parts[i]), 0);
        }
        for (size_t i = 0; i < countof(threads); i++)
                pthread_join(threads[i], NULL);
        pthread_barrier_destroy(&ready);
        /* Each question looks at the clock once too. */
        transactions = stage->clock.looks - before - THREADS * 300;
        print_message("%d writes in %lu transactions\n", THREADS * WRITES, transactions);
        assert_true(transactions >= THREADS * WRITES / (THREADS * OUT_MAX));
        assert_true(transactions < THREADS * WRITES / 2); /* a commit a write would be as many as there are writes */
        assert_whole(stage, THREADS * WRITES);
        store_sqlite_free(&stage->sqlite);
        stage_open(stage);
        assert_whole(stage, THREADS * WRITES);
}

/* A handle that goes while its work is queued or being done touches nothing of its owner's afterwards. */
static void test_handles_that_go_early(void **state)
{
        struct stage *stage = *state;

        stage_open(stage);
        for (int round = 0; round < 50; round++) {
                struct talker talker, *gone = memory_new(sizeof(*gone));

                talker_open(&talker, stage->sqlite, 1);
                if (round == 0)
                        make_users(&talker);
                assert_non_null(gone);
                talker_open(gone, stage->sqlite, 1 + (uint64_t)round % 2);
                gone->ids = (uint64_t)round * 1000;
                for (size_t i = 0; i < OUT_MAX; i++) {
                        plan_text(gone, i, room_personal(1, 2), i);
                        submit(gone, i);
                }
                talker_close(gone);
                memory_free(gone);
                talker.ids = (uint64_t)round * 1000 + 500;
                plan_text(&talker, 0, room_personal(1, 2), 0);
                submit(&talker, 0);
                assert_int_equal(await(&talker), 0);
                assert_int_equal(talker.results[0].status, ERR_OK);
                talker_close(&talker);
        }
        assert_whole(stage, 50);
}

/* ---- a process that is killed ---- */

#define KILLS 8

/* Writes for ever and tells of every acknowledged number. */
static void write_until_killed(struct stage *stage, int pipe_end, uint64_t ids)
{
        struct talker talker;

        stage_open(stage);
        talker_open(&talker, stage->sqlite, 1);
        talker.ids = ids;
        for (size_t i = 0; i < OUT_MAX; i++) {
                plan_text(&talker, i, room_personal(1, 2), talker.ids);
                submit(&talker, i);
        }
        for (;;) {
                size_t place = await(&talker);
                uint64_t seq = talker.results[place].write.row.seq;

                check(talker.results[place].status == ERR_OK);
                if (write(pipe_end, &seq, sizeof(seq)) != sizeof(seq))
                        _exit(1);
                plan_text(&talker, place, room_personal(1, 2), talker.ids);
                submit(&talker, place);
        }
}

static void test_a_killed_process_loses_nothing_acknowledged(void **state)
{
        struct stage *stage = *state;
        uint64_t acknowledged = 0;
        struct talker talker;

        stage_open(stage);
        talker_open(&talker, stage->sqlite, 1);
        make_users(&talker);
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
                talker_open(&talker, stage->sqlite, 2);
                question.changes.room = room_personal(1, 2);
                question.changes.rows_max = 1;
                answer = ask(&talker, &question);
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
        talker_open(&talker, stage->sqlite, 1);
        make_users(&talker);
        assert_int_equal(pthread_create(&reader, NULL, read_on, &reading), 0);
        for (int i = 0; i < 1500; i++) { /* some 6000 pages and more */
                plan_text(&talker, 0, room_personal(1, 2), 0);
                talker.ops[0].write.text = slice_of(text, sizeof(text));
                submit(&talker, 0);
                assert_int_equal(await(&talker), 0);
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
                TEST(test_many_at_once),
                TEST(test_handles_that_go_early),
                TEST(test_a_killed_process_loses_nothing_acknowledged),
                TEST(test_the_journal_stays_bounded),
        };

        return cmocka_run_group_tests_name("store, SQLite, threads", tests, NULL, NULL);
}
