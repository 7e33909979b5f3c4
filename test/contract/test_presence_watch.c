/* The contract of seam/presence.h: who watches whom, and what is said of who comes and goes. */
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

static const struct id room_x = {"room x"}, room_y = {"room y"};

static struct presence_result watch(struct stage *stage, struct presence_entry entry, const uint64_t *users, size_t count,
                                    const struct id *room)
{
        struct presence_request request = {.kind = PRESENCE_WATCH, .entry = entry, .users = users, .user_count = count};
        struct presence_result result;

        if (room)
                request.room = *room;
        submit(stage, stage->worker, &request, 1, &result);
        assert_false(result.full);
        return result;
}

static struct presence_result gone(struct stage *stage, uint64_t user)
{
        return one(stage, stage->worker, PRESENCE_GONE, (struct presence_entry){.user = user});
}

static struct presence_result opened(struct stage *stage, const struct id *room)
{
        struct presence_request request = {.kind = PRESENCE_OPEN, .room = *room};
        struct presence_result result;

        submit(stage, stage->worker, &request, 1, &result);
        return result;
}

static void leave(struct stage *stage, uint64_t user, uint64_t connection, const struct id *epoch)
{
        one(stage, stage->frontend, PRESENCE_REMOVE, entry_of(user, connection, epoch));
}

static bool is_told(const struct presence_result *result, uint64_t user, uint64_t connection, const struct id *epoch)
{
        for (size_t i = 0; i < result->watcher_count; i++) {
                const struct presence_entry *entry = &result->watchers[i];

                if (entry->connection != connection || !id_equal(&entry->epoch, epoch))
                        continue;
                return entry->user == user && entry->device == connection + 1000 &&
                       entry->frontend == (id_equal(epoch, &epoch_a) ? 1 : 2);
        }
        return false;
}

static void test_a_watch_says_who_is_online(void **state)
{
        static const uint64_t users[] = {6, 7, 8, INT64_MAX};
        struct stage *stage = *state;
        struct presence_result first, second;

        set(stage, 5, 50, &epoch_a);
        set(stage, 7, 70, &epoch_b);
        set(stage, INT64_MAX, 71, &epoch_b);
        first = watch(stage, entry_of(5, 50, &epoch_a), users, 4, NULL);
        assert_int_equal(first.online, 1 << 1 | 1 << 3);
        leave(stage, 7, 70, &epoch_b); /* it was not said yet that he is gone */
        second = watch(stage, entry_of(5, 50, &epoch_a), users, 4, NULL);
        assert_int_equal(second.online, 1 << 1 | 1 << 3);
        assert_true(second.stamp > first.stamp);
        assert_true(gone(stage, 7).gone);
        assert_int_equal(watch(stage, entry_of(5, 50, &epoch_a), users, 4, NULL).online, 1 << 3);
        assert_int_equal(watch(stage, entry_of(5, 50, &epoch_a), NULL, 0, NULL).online, 0);
}

static void test_who_watches_is_told_who_comes_and_goes(void **state)
{
        static const uint64_t users[] = {6};
        struct stage *stage = *state;
        struct presence_result came, left;
        uint64_t stamp;

        set(stage, 5, 50, &epoch_a);
        set(stage, 4, 40, &epoch_b);
        stamp = watch(stage, entry_of(5, 50, &epoch_a), users, 1, NULL).stamp;
        watch(stage, entry_of(4, 40, &epoch_b), users, 1, NULL);
        came = set(stage, 6, 60, &epoch_b);
        assert_int_equal(came.watcher_count, 2);
        assert_true(is_told(&came, 5, 50, &epoch_a) && is_told(&came, 4, 40, &epoch_b));
        assert_true(came.stamp > stamp);
        assert_int_equal(set(stage, 6, 60, &epoch_b).watcher_count, 0); /* he is there */
        assert_int_equal(set(stage, 6, 61, &epoch_a).watcher_count, 0);
        leave(stage, 6, 60, &epoch_b);
        assert_false(gone(stage, 6).gone); /* still there, by the other */
        leave(stage, 6, 61, &epoch_a);
        left = gone(stage, 6);
        assert_true(left.gone && left.stamp > came.stamp);
        assert_int_equal(left.watcher_count, 2);
        assert_true(is_told(&left, 5, 50, &epoch_a) && is_told(&left, 4, 40, &epoch_b));
}

static void test_a_reconnect_says_nothing(void **state)
{
        static const uint64_t users[] = {6};
        struct stage *stage = *state;

        set(stage, 5, 50, &epoch_a);
        watch(stage, entry_of(5, 50, &epoch_a), users, 1, NULL);
        assert_int_equal(set(stage, 6, 60, &epoch_b).watcher_count, 1);
        leave(stage, 6, 60, &epoch_b);
        assert_int_equal(set(stage, 6, 61, &epoch_a).watcher_count, 0);
        assert_false(gone(stage, 6).gone);
        leave(stage, 6, 61, &epoch_a);
        assert_true(gone(stage, 6).gone);
        assert_int_equal(set(stage, 6, 62, &epoch_a).watcher_count, 1);
}

static void test_who_lingers_too_long_is_taken_for_gone(void **state)
{
        static const uint64_t users[] = {6};
        struct stage *stage = *state;

        set(stage, 5, 50, &epoch_a);
        set(stage, 6, 60, &epoch_b);
        leave(stage, 6, 60, &epoch_b);
        for (uint64_t passed = 0; passed < PRESENCE_LINGER_MS; passed += PRESENCE_LEASE_MS / 2) {
                advance_ms(stage, PRESENCE_LEASE_MS / 2);
                beat(stage, &epoch_a);
        }
        assert_int_equal(watch(stage, entry_of(5, 50, &epoch_a), users, 1, NULL).online, 0);
}

static void test_a_watch_ends(void **state)
{
        static const uint64_t users[] = {6, 7}, other[] = {7};
        struct stage *stage = *state;
        struct presence_result result;

        for (uint64_t connection = 50; connection < 54; connection++) {
                const struct id *epoch = connection == 51 ? &epoch_b : &epoch_a;

                set(stage, 5, connection, epoch);
                watch(stage, entry_of(5, connection, epoch), users, 2, &room_x);
        }
        leave(stage, 5, 50, &epoch_a);                                       /* with its connection */
        one(stage, stage->frontend, PRESENCE_END, entry_of(0, 0, &epoch_b)); /* with its frontend */
        watch(stage, entry_of(5, 52, &epoch_a), other, 1, &room_y);          /* by another */
        result = opened(stage, &room_x);
        assert_int_equal(result.watcher_count, 1);
        assert_true(is_told(&result, 5, 53, &epoch_a));
        result = opened(stage, &room_y);
        assert_int_equal(result.watcher_count, 1);
        assert_true(is_told(&result, 5, 52, &epoch_a));
        result = set(stage, 6, 60, &epoch_a);
        assert_int_equal(result.watcher_count, 1);
        assert_true(is_told(&result, 5, 53, &epoch_a));
        for (uint64_t passed = 0; passed < PRESENCE_WATCH_MS; passed += PRESENCE_LEASE_MS / 2) {
                advance_ms(stage, PRESENCE_LEASE_MS / 2);
                beat(stage, &epoch_a);
                if (passed == PRESENCE_WATCH_MS / 2)
                        watch(stage, entry_of(5, 52, &epoch_a), other, 1, &room_y);
        }
        assert_int_equal(opened(stage, &room_x).watcher_count, 0); /* with its time */
        assert_int_equal(opened(stage, &room_y).watcher_count, 1);
        assert_int_equal(set(stage, 7, 70, &epoch_a).watcher_count, 1);
}

static void test_as_many_as_may_watch_and_be_watched(void **state)
{
        uint64_t users[PRESENCE_WATCHED_MAX];
        struct stage *stage = *state;

        for (uint64_t i = 0; i < PRESENCE_WATCHED_MAX; i++)
                users[i] = INT64_MAX - i;
        set(stage, users[PRESENCE_WATCHED_MAX - 1], 1, &epoch_a);
        for (uint64_t i = 0; i < PRESENCE_WATCHERS_MAX + 10; i++) {
                set(stage, 100 + i, 100 + i, &epoch_a);
                assert_int_equal(watch(stage, entry_of(100 + i, 100 + i, &epoch_a), users, countof(users), &room_x).online,
                                 UINT64_C(1) << (PRESENCE_WATCHED_MAX - 1));
        }
        assert_int_equal(opened(stage, &room_x).watcher_count, PRESENCE_WATCHERS_MAX);
        assert_int_equal(set(stage, users[0], 2, &epoch_a).watcher_count, PRESENCE_WATCHERS_MAX);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                TEST(test_a_watch_says_who_is_online),
                TEST(test_who_watches_is_told_who_comes_and_goes),
                TEST(test_a_reconnect_says_nothing),
                TEST(test_who_lingers_too_long_is_taken_for_gone),
                TEST(test_a_watch_ends),
                TEST(test_as_many_as_may_watch_and_be_watched),
        };

        return stage_run(tests, countof(tests));
}
