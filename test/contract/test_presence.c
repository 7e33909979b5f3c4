/* The contract of seam/presence.h: who is connected where. */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// clang-format off
#include <cmocka.h>
// clang-format on

#include "base/assert.h"
#include "base/memory.h"
#include "contract/presence_stage.h"
#include "driver/presence/memory.h"
#include "driver/presence/redis.h"

static bool is_there(const struct presence_result *result, uint64_t connection, const struct id *epoch)
{
        for (size_t i = 0; i < result->count; i++)
                if (result->entries[i].connection == connection && id_equal(&result->entries[i].epoch, epoch))
                        return true;
        return false;
}

/* ---- entries ---- */

static void test_set_get_remove(void **state)
{
        struct stage *stage = *state;
        struct presence_result result;

        set(stage, 5, 50, &epoch_a);
        set(stage, 5, 51, &epoch_b);
        set(stage, 6, 60, &epoch_a);
        result = get(stage, 5);
        assert_int_equal(result.count, 2);
        assert_true(is_there(&result, 50, &epoch_a) && is_there(&result, 51, &epoch_b));
        for (size_t i = 0; i < 2; i++) {
                assert_int_equal(result.entries[i].user, 5);
                assert_int_equal(result.entries[i].device, result.entries[i].connection + 1000);
                assert_int_equal(result.entries[i].frontend, result.entries[i].connection == 50 ? 1 : 2);
        }
        one(stage, stage->worker, PRESENCE_REMOVE, entry_of(5, 50, &epoch_b)); /* not there: another epoch's number */
        one(stage, stage->worker, PRESENCE_REMOVE, entry_of(5, 50, &epoch_a));
        one(stage, stage->worker, PRESENCE_REMOVE, entry_of(5, 50, &epoch_a));
        result = get(stage, 5);
        assert_int_equal(result.count, 1);
        assert_true(is_there(&result, 51, &epoch_b));
        assert_int_equal(get(stage, 6).count, 1);
        assert_int_equal(get(stage, 7).count, 0);
}

static void test_the_same_entry_twice_is_one(void **state)
{
        struct stage *stage = *state;
        struct presence_entry entry = entry_of(5, 50, &epoch_a);
        struct presence_result result;

        set(stage, 5, 50, &epoch_a);
        entry.device = 77;
        one(stage, stage->worker, PRESENCE_SET, entry);
        result = get(stage, 5);
        assert_int_equal(result.count, 1);
        assert_int_equal(result.entries[0].device, 77);
}

static void test_the_seventeenth_replaces_the_oldest(void **state)
{
        struct stage *stage = *state;
        struct presence_result result;

        for (uint64_t i = 0; i < PRESENCE_CONNECTIONS_MAX; i++) {
                result = set(stage, 5, 100 + i, &epoch_a);
                assert_int_equal(result.count, 0);
        }
        result = set(stage, 5, 200, &epoch_b);
        assert_int_equal(result.count, 1);
        assert_int_equal(result.entries[0].connection, 100);
        assert_true(id_equal(&result.entries[0].epoch, &epoch_a));
        result = set(stage, 5, 201, &epoch_b);
        assert_int_equal(result.entries[0].connection, 101);
        result = get(stage, 5);
        assert_int_equal(result.count, PRESENCE_CONNECTIONS_MAX);
        assert_true(is_there(&result, 200, &epoch_b) && is_there(&result, 102, &epoch_a));
}

/* The answer to a SET may be lost: repeated, it says the same, until the one that was pushed out is back or gone for good. */
static void test_a_repeated_set_names_whom_it_replaced(void **state)
{
        struct stage *stage = *state;
        struct presence_result result;

        beat(stage, &epoch_b);
        for (uint64_t i = 0; i < PRESENCE_CONNECTIONS_MAX; i++)
                set(stage, 5, 100 + i, i == 0 ? &epoch_a : &epoch_b);
        set(stage, 6, 100, &epoch_b); /* another user's has nothing to do with it */
        for (int i = 0; i < 3; i++) {
                result = set(stage, 5, 200, &epoch_b);
                assert_int_equal(result.count, 1);
                assert_int_equal(result.entries[0].connection, 100);
                assert_int_equal(result.entries[0].frontend, 1);
                assert_true(id_equal(&result.entries[0].epoch, &epoch_a));
        }
        assert_int_equal(get(stage, 5).count, PRESENCE_CONNECTIONS_MAX);
        assert_int_equal(set(stage, 5, 115, &epoch_b).count, 0); /* these replaced nobody */
        assert_int_equal(set(stage, 6, 100, &epoch_b).count, 0);
        set(stage, 5, 201, &epoch_b);
        assert_int_equal(set(stage, 5, 200, &epoch_b).entries[0].connection, 100);
        assert_int_equal(set(stage, 5, 201, &epoch_b).entries[0].connection, 101);
        one(stage, stage->worker, PRESENCE_REMOVE, entry_of(5, 115, &epoch_b));
        set(stage, 5, 100, &epoch_a); /* he joined again: now it would close who is listening */
        assert_int_equal(set(stage, 5, 200, &epoch_b).count, 0);
        assert_int_equal(set(stage, 5, 201, &epoch_b).count, 1);
        one(stage, stage->worker, PRESENCE_REMOVE, entry_of(5, 100, &epoch_a));
        one(stage, stage->frontend, PRESENCE_END, entry_of(0, 0, &epoch_a));
        assert_int_equal(set(stage, 5, 200, &epoch_b).count, 0); /* his frontend is gone, and he with it */
}

static void test_a_batch_is_done_in_order(void **state)
{
        struct stage *stage = *state;
        struct presence_request requests[] = {
                {.kind = PRESENCE_GET, .entry = {.user = 5}}, {.kind = PRESENCE_SET, .entry = entry_of(5, 1, &epoch_a)},
                {.kind = PRESENCE_GET, .entry = {.user = 5}}, {.kind = PRESENCE_REMOVE, .entry = entry_of(5, 1, &epoch_a)},
                {.kind = PRESENCE_GET, .entry = {.user = 5}},
        };
        struct presence_result results[countof(requests)];

        submit(stage, stage->worker, requests, countof(requests), results);
        assert_int_equal(results[0].count, 0);
        assert_int_equal(results[2].count, 1);
        assert_int_equal(results[4].count, 0);
        submit(stage, stage->worker, NULL, 0, NULL);
}

/* Enough that every table grows, and shrinks again. */
static void test_many_users(void **state)
{
        enum { USERS = 9000, STEP = 100 };
        struct stage *stage = *state;
        static struct presence_request requests[STEP];
        static struct presence_result results[STEP];

        for (int round = 0; round < 4; round++) {
                for (uint64_t user = 1; user <= USERS; user += STEP) {
                        for (uint64_t i = 0; i < STEP; i++) {
                                static const enum presence_kind kinds[] = {PRESENCE_SET, PRESENCE_GET, PRESENCE_REMOVE,
                                                                           PRESENCE_GET};

                                requests[i] = (struct presence_request){.kind = kinds[round],
                                                                        .entry = entry_of(user + i, user + i, &epoch_a)};
                        }
                        submit(stage, stage->worker, requests, STEP, results);
                        for (uint64_t i = 0; i < STEP; i++) {
                                assert_int_equal(results[i].count, round == 1);
                                if (round == 1)
                                        assert_int_equal(results[i].entries[0].connection, user + i);
                        }
                        arena_reset(&stage->arena);
                }
        }
}

/* ---- epochs ---- */

static void test_a_silent_epoch_is_ignored(void **state)
{
        struct stage *stage = *state;

        beat(stage, &epoch_a);
        set(stage, 5, 50, &epoch_a);
        for (int i = 0; i < 10; i++) {
                advance_ms(stage, PRESENCE_BEAT_MS);
                assert_false(beat(stage, &epoch_a).forgot);
        }
        assert_int_equal(get(stage, 5).count, 1);
        advance_ms(stage, PRESENCE_LEASE_MS + 1);
        assert_int_equal(get(stage, 5).count, 0);
        /* It was only stopped: it learns that its entries are gone, and they do not come back by themselves. */
        assert_true(beat(stage, &epoch_a).forgot);
        assert_int_equal(get(stage, 5).count, 0);
        set(stage, 5, 50, &epoch_a);
        assert_int_equal(get(stage, 5).count, 1);
        assert_false(beat(stage, &epoch_a).forgot);
}

static void test_entries_wait_for_the_first_beat(void **state)
{
        struct stage *stage = *state;

        set(stage, 5, 50, &epoch_a);
        assert_int_equal(get(stage, 5).count, 1);
        assert_false(beat(stage, &epoch_a).forgot);
        assert_int_equal(get(stage, 5).count, 1);
}

/* An entry set after the epoch was forgotten must not hide from its frontend that the others are gone. */
static void test_a_forgotten_epoch_is_told_in_spite_of_new_entries(void **state)
{
        struct stage *stage = *state;

        beat(stage, &epoch_a);
        set(stage, 5, 50, &epoch_a);
        advance_ms(stage, PRESENCE_LEASE_MS + 1);
        set(stage, 6, 60, &epoch_a);
        assert_true(beat(stage, &epoch_a).forgot);
        assert_false(beat(stage, &epoch_a).forgot);
}

static void test_lost_is_told_once(void **state)
{
        struct stage *stage = *state;

        beat(stage, &epoch_a);
        beat(stage, &epoch_b);
        one(stage, stage->worker, PRESENCE_MARK_LOST, entry_of(0, 0, &epoch_a));
        assert_false(beat(stage, &epoch_b).lost);
        assert_true(beat(stage, &epoch_a).lost);
        assert_false(beat(stage, &epoch_a).lost);
}

static void test_the_end_of_an_epoch(void **state)
{
        struct stage *stage = *state;

        beat(stage, &epoch_a);
        for (uint64_t user = 1; user <= 1000; user++)
                set(stage, user, user, user % 2 ? &epoch_a : &epoch_b);
        one(stage, stage->frontend, PRESENCE_END, entry_of(0, 0, &epoch_a));
        one(stage, stage->frontend, PRESENCE_END, entry_of(0, 0, &epoch_a));
        for (uint64_t user = 1; user <= 1000; user++)
                assert_int_equal(get(stage, user).count, user % 2 ? 0 : 1);
}

static void test_many_epochs_one_after_the_other(void **state)
{
        struct stage *stage = *state;

        for (uint64_t i = 0; i < 2000; i++) {
                struct id epoch = {{0}};

                be64_put(epoch.bytes, i + 1);
                beat(stage, &epoch);
                set(stage, 5, i, &epoch);
                assert_int_equal(get(stage, 5).count, 1);
                one(stage, stage->frontend, PRESENCE_END, entry_of(0, 0, &epoch));
        }
}

/* ---- limits and loss ---- */

static void test_full_is_said_before_anything_is_done(void **state)
{
        struct stage *stage = *state;
        struct presence_request request = {.kind = PRESENCE_SET};
        struct presence_result result;
        uint64_t user = 1;
        enum error error = ERR_OK;

        if (!driver->is_bounded)
                skip();
        for (; user <= 20001; user++) {
                request.entry = entry_of(user, 1, &epoch_a);
                error = stage->worker->ops->submit(stage->worker, &request, 1, &result, &stage->arena, 1);
                if (error)
                        break;
                await(stage->worker);
        }
        assert_int_equal(error, ERR_FULL);
        assert_int_equal(get(stage, user).count, 0);
        one(stage, stage->worker, PRESENCE_REMOVE, entry_of(1, 1, &epoch_a));
        set(stage, user, 1, &epoch_a);
}

static void test_too_many_submits(void **state)
{
        struct stage *stage = *state;
        size_t taken = 0;

        while (stage->worker->ops->submit(stage->worker, NULL, 0, NULL, &stage->arena, taken + 1) == ERR_OK)
                taken++;
        assert_int_equal(taken, driver->submits_max);
        for (size_t i = 0; i < taken; i++)
                assert_int_equal(await(stage->worker).tag, i + 1);
}

static void test_forgetting_the_newest(void **state)
{
        struct stage *stage = *state;

        if (!driver->forget)
                skip();
        beat(stage, &epoch_a);
        for (uint64_t user = 1; user <= 10; user++)
                set(stage, user, user, &epoch_a);
        driver->forget(stage->world, 3);
        for (uint64_t user = 1; user <= 10; user++)
                assert_int_equal(get(stage, user).count, user <= 7);
        assert_true(beat(stage, &epoch_a).forgot);
        assert_false(beat(stage, &epoch_a).forgot);
        driver->forget(stage->world, PRESENCE_FORGET_ALL);
        assert_int_equal(get(stage, 1).count, 0);
        assert_true(beat(stage, &epoch_a).forgot);
        set(stage, 1, 1, &epoch_a);
        assert_int_equal(get(stage, 1).count, 1);
}

static void test_the_descriptor_tells(void **state)
{
        struct stage *stage = *state;
        struct pollfd waiting = {.fd = stage->worker->ops->fd(stage->worker), .events = POLLIN};

        assert_int_equal(waiting.fd >= 0, driver->has_fd);
        if (!driver->has_fd)
                return;
        assert_int_equal(poll(&waiting, 1, 0), 0);
        for (uint64_t tag = 1; tag <= 2; tag++)
                assert_int_equal(stage->worker->ops->submit(stage->worker, NULL, 0, NULL, &stage->arena, tag), ERR_OK);
        for (int left = 2; left > 0; left--) {
                assert_int_equal(poll(&waiting, 1, WAIT_MS), 1);
                await(stage->worker);
        }
        assert_int_equal(poll(&waiting, 1, 0), 0);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                TEST(test_set_get_remove),
                TEST(test_the_same_entry_twice_is_one),
                TEST(test_the_seventeenth_replaces_the_oldest),
                TEST(test_a_repeated_set_names_whom_it_replaced),
                TEST(test_a_batch_is_done_in_order),
                TEST(test_many_users),
                TEST(test_a_silent_epoch_is_ignored),
                TEST(test_entries_wait_for_the_first_beat),
                TEST(test_a_forgotten_epoch_is_told_in_spite_of_new_entries),
                TEST(test_lost_is_told_once),
                TEST(test_the_end_of_an_epoch),
                TEST(test_many_epochs_one_after_the_other),
                TEST(test_full_is_said_before_anything_is_done),
                TEST(test_too_many_submits),
                TEST(test_forgetting_the_newest),
                TEST(test_the_descriptor_tells),
        };

        return stage_run(tests, countof(tests));
}
