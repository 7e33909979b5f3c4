/*
 * The store's contract among many: several threads with handles of their own write to the same rooms and read at once, for TSan, for
 * lost wake-ups and for locks; what they queue may go as one commit; a handle that goes early touches nothing any more.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/assert.h"
#include "base/memory.h"
#include "contract/store_driver.h"
#include "contract/store_talker.h"
#include "driver/random/system.h"
#include "rules/room.h"

#define WRITES 400 /* of one thread */

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

static const struct store_driver *driver;

struct stage {
        struct counting_clock clock;
        void *world;
};

static int stage_new(void **state)
{
        static struct stage stage;

        stage = (struct stage){.clock.clock.wall_ms = counting_wall_ms};
        stage.world = driver->world_new(&stage.clock.clock, random_system());
        *state = &stage;
        return 0;
}

static int stage_free(void **state)
{
        struct stage *stage = *state;

        driver->world_free(stage->world);
        return 0;
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

        talker_open(&talker, driver->open(part->stage->world), part->user);
        pthread_barrier_wait(&ready);
        for (; sent < OUT_MAX; sent++) {
                peers[sent] = sent % THREADS + 1;
                talker_plan(&talker, sent, room_personal(talker.user, peers[sent]), sent);
                talker_submit(&talker, sent);
        }
        for (; done < WRITES; done++) {
                size_t place = talker_await(&talker);
                const struct store_result *result = &talker.results[place];

                check(place < OUT_MAX && result->status == ERR_OK && !result->repeat);
                check(id_equal(&result->write.row.request, &talker.ops[place].request));
                check(result->write.row.seq > last[peers[place]]);
                last[peers[place]] = result->write.row.seq;
                if (sent == WRITES)
                        continue;
                peers[place] = sent % THREADS + 1;
                talker_plan(&talker, place, room_personal(talker.user, peers[place]), sent++);
                talker_submit(&talker, place);
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

        talker_open(&talker, driver->open(part->stage->world), part->user);
        question.changes.room = room_personal(part->user, part->user % THREADS + 1);
        question.changes.rows_max = 20;
        pthread_barrier_wait(&ready);
        for (int i = 0; i < 300; i++) {
                struct store_answer answer = talker_ask(&talker, &question);

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

        talker_open(&talker, driver->open(stage->world), 1);
        talker_make_users(&talker);
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
        if (driver->groups) /* a commit a write would be as many as there are writes */
                assert_true(transactions < THREADS * WRITES / 2);
        talker_open(&talker, driver->open(stage->world), 1);
        talker_check(&talker, THREADS * WRITES);
        driver->world_reopen(stage->world);
        talker_open(&talker, driver->open(stage->world), 1);
        talker_check(&talker, THREADS * WRITES);
}

/* A handle that goes while its work is queued or being done touches nothing of its owner's afterwards. */
static void test_handles_that_go_early(void **state)
{
        struct stage *stage = *state;
        struct talker talker;

        for (int round = 0; round < 50; round++) {
                struct talker *gone = memory_new(sizeof(*gone));

                talker_open(&talker, driver->open(stage->world), 1);
                if (round == 0)
                        talker_make_users(&talker);
                assert_non_null(gone);
                talker_open(gone, driver->open(stage->world), 1 + (uint64_t)round % 2);
                gone->ids = (uint64_t)round * 1000;
                for (size_t i = 0; i < OUT_MAX; i++) {
                        talker_plan(gone, i, room_personal(1, 2), i);
                        talker_submit(gone, i);
                }
                talker_close(gone);
                memory_free(gone);
                talker.ids = (uint64_t)round * 1000 + 500;
                talker_plan(&talker, 0, room_personal(1, 2), 0);
                talker_submit(&talker, 0);
                assert_int_equal(talker_await(&talker), 0);
                assert_int_equal(talker.results[0].status, ERR_OK);
                talker_close(&talker);
        }
        talker_open(&talker, driver->open(stage->world), 1);
        talker_check(&talker, 50);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, stage_new, stage_free)

int main(void)
{
        static const struct CMUnitTest tests[] = {
                TEST(test_many_at_once),
                TEST(test_handles_that_go_early),
        };
        int failed = 0;

        for (driver = store_drivers(); driver->name; driver++) {
                char text[128];

                snprintf(text, sizeof(text), "%s, many at once", driver->name);
                if (driver->threaded)
                        failed += _cmocka_run_group_tests(text, tests, countof(tests), NULL, NULL);
        }
        return failed;
}
