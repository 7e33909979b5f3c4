/*
 * The contract of seam/bus.h, tried on every driver in bus_driver.c. Where a driver may take its time (a network, a
 * rebalance), tests wait for what must come, and count what must not come twice.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/assert.h"
#include "base/memory.h"
#include "contract/bus_stage.h"

/* ---- order and keys ---- */

static void test_order_in_a_partition(void **state)
{
        struct stage *stage = *state;

        subscribe(stage->alice, stage->alice_saw, BUS_TEST_PARTITIONS);
        for (uint64_t i = 0; i < 1000; i++) {
                publish(stage->producer, 42, i);
                if (i % 90 == 89)
                        flush(stage->producer);
        }
        flush(stage->producer);
        await_records(stage->alice, stage->alice_saw, 1000);
        for (size_t i = 0; i < 1000; i++) {
                assert_int_equal(stage->alice_saw->numbers[i], i);
                assert_int_equal(stage->alice_saw->offsets[i], i);
                assert_int_equal(stage->alice_saw->partitions[i], stage->alice_saw->partitions[0]);
        }
}

static void test_keys_spread_and_stay(void **state)
{
        struct stage *stage = *state;
        int32_t home[256];
        unsigned used[BUS_TEST_PARTITIONS] = {0};

        assert_int_equal(stage->alice->ops->partitions(stage->alice, BUS_SESSION), BUS_TEST_PARTITIONS);
        subscribe(stage->alice, stage->alice_saw, BUS_TEST_PARTITIONS);
        for (uint64_t i = 0; i < 512; i++)
                publish(stage->producer, i % 256, i);
        flush(stage->producer);
        await_records(stage->alice, stage->alice_saw, 512);
        for (size_t i = 0; i < 256; i++)
                home[i] = -1;
        for (size_t i = 0; i < 512; i++) {
                uint64_t key = stage->alice_saw->numbers[i] % 256;
                int32_t partition = stage->alice_saw->partitions[i];

                assert_true(home[key] == -1 || home[key] == partition);
                home[key] = partition;
                used[partition]++;
        }
        for (int i = 0; i < BUS_TEST_PARTITIONS; i++)
                assert_in_range(used[i], 512 / BUS_TEST_PARTITIONS / 2, 512 * 2 / BUS_TEST_PARTITIONS);
}

static void test_keys_and_values_arrive_whole(void **state)
{
        struct stage *stage = *state;
        uint8_t key[BUS_KEY_SIZE_MAX + 1], *value = memory_new(BUS_VALUE_SIZE_MAX + 1);
        struct bus_message message = {.topic = BUS_SESSION, .partition = BUS_PARTITION_BYKEY};
        struct bus_event event = {.kind = BUS_EVENT_ASSIGNED};

        assert_non_null(value);
        subscribe(stage->alice, stage->alice_saw, BUS_TEST_PARTITIONS);
        memset(key, 'k', sizeof(key));
        for (size_t i = 0; i < BUS_VALUE_SIZE_MAX; i++)
                value[i] = (uint8_t)(i * 7);
        message.key = slice_of(key, sizeof(key));
        assert_int_equal(stage->producer->ops->publish(stage->producer, &message), ERR_TOO_LARGE);
        message.key.size--;
        message.value = slice_of(value, BUS_VALUE_SIZE_MAX + 1);
        assert_int_equal(stage->producer->ops->publish(stage->producer, &message), ERR_TOO_LARGE);
        message.value.size--;
        assert_int_equal(stage->producer->ops->publish(stage->producer, &message), ERR_OK);
        flush(stage->producer);
        while (event.kind != BUS_EVENT_RECORD)
                if (!stage->alice->ops->poll(stage->alice, &event, 1))
                        await_readable(stage->alice);
        assert_true(slice_equal(event.record.key, message.key));
        assert_true(slice_equal(event.record.value, message.value));
        memory_free(value);
}

static void test_no_such_partition(void **state)
{
        struct stage *stage = *state;

        assert_int_equal(publish_to(stage->producer, BUS_FRONTENDS, BUS_TEST_PARTITIONS, 0, 0), ERR_NOT_FOUND);
        assert_int_equal(publish_to(stage->producer, BUS_FRONTENDS, BUS_PARTITION_BYKEY, 0, 0), ERR_NOT_FOUND);
        assert_int_equal(stage->alice->ops->assign(stage->alice, BUS_FRONTENDS, BUS_TEST_PARTITIONS), ERR_NOT_FOUND);
        assert_int_equal(stage->alice->ops->seek(stage->alice, BUS_SESSION, 0, 0), ERR_NOT_FOUND);
}

/* ---- groups ---- */

static void test_a_group_shares_the_work(void **state)
{
        struct stage *stage = *state;

        subscribe(stage->alice, stage->alice_saw, BUS_TEST_PARTITIONS);
        subscribe(stage->bob, stage->bob_saw, BUS_TEST_PARTITIONS / 2);
        while (look(stage->alice, stage->alice_saw))
                ;
        for (uint64_t i = 0; i < 600; i++)
                publish(stage->producer, i, i);
        flush(stage->producer);
        while (stage->alice_saw->count + stage->bob_saw->count < 600) {
                bool moved = look(stage->alice, stage->alice_saw);

                moved = look(stage->bob, stage->bob_saw) || moved;
                if (!moved)
                        await_readable(stage->alice_saw->count < stage->bob_saw->count ? stage->alice : stage->bob);
        }
        assert_all_seen(stage, 600, 0);
        assert_true(stage->alice_saw->count > 0 && stage->bob_saw->count > 0);
}

static void test_who_leaves_is_followed(void **state)
{
        struct stage *stage = *state;

        subscribe(stage->alice, stage->alice_saw, BUS_TEST_PARTITIONS);
        for (uint64_t i = 0; i < 300; i++)
                publish(stage->producer, i, i);
        flush(stage->producer);
        await_records(stage->alice, stage->alice_saw, 300);
        commit_all(stage->alice, stage->alice_saw);
        stage->alice->ops->free(&stage->alice);
        assert_null(stage->alice);

        subscribe(stage->bob, stage->bob_saw, BUS_TEST_PARTITIONS);
        for (uint64_t i = 300; i < 400; i++)
                publish(stage->producer, i, i);
        flush(stage->producer);
        await_records(stage->bob, stage->bob_saw, 100);
        assert_all_seen(stage, 400, 0);
        for (int i = 0; i < BUS_TEST_PARTITIONS; i++)
                assert_int_equal(stage->bob_saw->start[i], stage->alice_saw->next[i]);
}

static void test_uncommitted_is_repeated_after_a_crash(void **state)
{
        struct stage *stage = *state;
        uint64_t half;
        int32_t home;

        if (!driver->crash)
                skip();
        subscribe(stage->alice, stage->alice_saw, BUS_TEST_PARTITIONS);
        for (uint64_t i = 0; i < 100; i++)
                publish(stage->producer, 1, i);
        flush(stage->producer);
        await_records(stage->alice, stage->alice_saw, 100);
        home = stage->alice_saw->partitions[0];
        half = stage->alice_saw->offsets[59] + 1;
        assert_int_equal(commit(stage->alice, stage->alice_saw, home, half), OUTCOME_OK);

        assert_int_equal(stage->bob->ops->subscribe(stage->bob, BUS_SESSION), ERR_OK);
        driver->expel(stage->world, driver->crash(stage->world, &stage->alice));
        await_records(stage->bob, stage->bob_saw, 40);
        assert_int_equal(stage->bob_saw->numbers[0], 60);
        assert_int_equal(stage->bob_saw->start[home], half);
        assert_all_seen(stage, 100, 40);
}

static void test_a_silent_member_holds_its_partitions_until_expelled(void **state)
{
        struct stage *stage = *state;
        uint64_t member;

        if (!driver->crash)
                skip();
        subscribe(stage->alice, stage->alice_saw, BUS_TEST_PARTITIONS);
        subscribe(stage->bob, stage->bob_saw, BUS_TEST_PARTITIONS / 2);
        member = driver->crash(stage->world, &stage->alice);
        for (uint64_t i = 0; i < 200; i++)
                publish(stage->producer, i, i);
        flush(stage->producer);
        await_records(stage->bob, stage->bob_saw, 1);
        assert_in_range(stage->bob_saw->count, 1, 199);
        driver->expel(stage->world, member);
        while (!saw_all(stage->bob_saw, 200))
                await_records(stage->bob, stage->bob_saw, stage->bob_saw->count + 1);
        if (driver->bounded) /* in Kafka a rebalance takes all partitions, and gives them back as they were committed */
                assert_all_seen(stage, 200, 0);
}

static void test_commits_of_the_revoked_are_refused(void **state)
{
        struct stage *stage = *state;
        int32_t home;

        subscribe(stage->alice, stage->alice_saw, BUS_TEST_PARTITIONS);
        for (uint64_t i = 0; i < 50; i++)
                publish(stage->producer, i, i);
        flush(stage->producer);
        await_records(stage->alice, stage->alice_saw, 50);
        subscribe(stage->bob, stage->bob_saw, BUS_TEST_PARTITIONS / 2);
        for (home = 0; home < BUS_TEST_PARTITIONS && !stage->bob_saw->assigned[home]; home++)
                ;
        assert_int_equal(commit(stage->alice, stage->alice_saw, home, stage->alice_saw->next[home]), OUTCOME_FAILED);
        assert_int_equal(stage->alice_saw->revoked[home], 1);
        while (stage->bob_saw->next[home] < stage->alice_saw->next[home])
                await_records(stage->bob, stage->bob_saw, stage->bob_saw->count + 1);
        assert_true(stage->bob_saw->next[home] == stage->alice_saw->next[home]);
}

/* Who is told that he is about to lose his partitions may commit what he did, and the next one goes on there. */
static void test_who_is_leaving_may_commit(void **state)
{
        struct stage *stage = *state;
        struct bus_event event;

        if (!driver->tells_leavers)
                skip();
        subscribe(stage->alice, stage->alice_saw, BUS_TEST_PARTITIONS);
        for (uint64_t i = 0; i < 50; i++)
                publish(stage->producer, i, i);
        flush(stage->producer);
        await_records(stage->alice, stage->alice_saw, 50);
        settle(stage->alice, stage->alice_saw);
        assert_int_equal(stage->bob->ops->subscribe(stage->bob, BUS_SESSION), ERR_OK);
        do {
                look(stage->bob, stage->bob_saw);
                readable(stage->alice, 10);
                event = (struct bus_event){.kind = BUS_EVENT_RECORD};
                assert_true(stage->alice->ops->poll(stage->alice, &event, 1) == 0 || event.kind == BUS_EVENT_LEAVING);
        } while (event.kind != BUS_EVENT_LEAVING);
        assert_int_equal(event.record.topic, BUS_SESSION);
        for (int32_t i = 0; i < BUS_TEST_PARTITIONS; i++)
                if (stage->alice_saw->next[i])
                        assert_int_equal(
                                stage->alice->ops->commit(stage->alice, BUS_SESSION, i, stage->alice_saw->next[i], 5),
                                ERR_OK);
        subscribe(stage->bob, stage->bob_saw, BUS_TEST_PARTITIONS / 2);
        for (int32_t i = 0; i < BUS_TEST_PARTITIONS; i++) {
                assert_int_equal(stage->alice_saw->revoked[i], 1);
                if (stage->bob_saw->assigned[i])
                        assert_true(stage->bob_saw->start[i] == stage->alice_saw->next[i]);
                else
                        assert_true(stage->alice_saw->start[i] == stage->alice_saw->next[i]);
        }
        assert_int_equal(stage->alice_saw->count + stage->bob_saw->count, 50);
}

static void test_the_expelled_join_again(void **state)
{
        struct stage *stage = *state;

        if (!driver->member)
                skip();
        subscribe(stage->alice, stage->alice_saw, BUS_TEST_PARTITIONS);
        driver->expel(stage->world, driver->member(stage->world, stage->alice));
        for (int32_t i = 0; i < BUS_TEST_PARTITIONS; i++) {
                await(stage->alice, stage->alice_saw, &stage->alice_saw->assigned[i], 2);
                assert_int_equal(stage->alice_saw->revoked[i], 1);
        }
        publish(stage->producer, 1, 0);
        flush(stage->producer);
        await_records(stage->alice, stage->alice_saw, 1);
}

/* ---- positions ---- */

static void test_pause_holds_records_only(void **state)
{
        struct stage *stage = *state;

        subscribe(stage->alice, stage->alice_saw, BUS_TEST_PARTITIONS);
        stage->alice->ops->pause(stage->alice, true);
        publish(stage->alice, 1, 0);
        assert_int_equal(stage->alice->ops->flush(stage->alice, 9), ERR_OK);
        await(stage->alice, stage->alice_saw, &stage->alice_saw->flushed, 1);
        settle(stage->alice, stage->alice_saw);
        assert_int_equal(stage->alice_saw->count, 0);
        stage->alice->ops->pause(stage->alice, false);
        await_records(stage->alice, stage->alice_saw, 1);
}

static void test_seek_reads_again(void **state)
{
        struct stage *stage = *state;
        int32_t home;

        subscribe(stage->alice, stage->alice_saw, BUS_TEST_PARTITIONS);
        for (uint64_t i = 0; i < 40; i++)
                publish(stage->producer, 3, i);
        flush(stage->producer);
        await_records(stage->alice, stage->alice_saw, 40);
        home = stage->alice_saw->partitions[0];
        assert_int_equal(commit(stage->alice, stage->alice_saw, home, 10), OUTCOME_OK);
        assert_int_equal(stage->alice->ops->seek(stage->alice, BUS_SESSION, home, 25), ERR_OK);
        await_records(stage->alice, stage->alice_saw, 55);
        for (size_t i = 0; i < 15; i++)
                assert_int_equal(stage->alice_saw->numbers[40 + i], 25 + i);
        assert_int_equal(stage->alice_saw->lost, 0);
}

static void test_lag_counts_what_is_still_to_come(void **state)
{
        struct stage *stage = *state;
        struct bus *alice = stage->alice;
        struct bus_event event;
        uint64_t records = 99;

        subscribe(alice, stage->alice_saw, BUS_TEST_PARTITIONS);
        assert_int_equal(stage->bob->ops->lag(stage->bob, BUS_SESSION, 0, &records), ERR_NOT_FOUND);
        assert_int_equal(alice->ops->lag(alice, BUS_SESSION, BUS_TEST_PARTITIONS, &records), ERR_NOT_FOUND);
        for (uint64_t i = 0; i < 5; i++)
                publish(stage->producer, 3, i);
        flush(stage->producer);
        for (int taken = 0; taken < 2;)
                taken += (int)alice->ops->poll(alice, &event, 1);
        for (int waited = 0; records != 3 && waited < driver->wait_ms; waited += 10) {
                enum error error = alice->ops->lag(alice, BUS_SESSION, event.record.partition, &records);

                assert_true(error == ERR_OK || error == ERR_AGAIN);
                usleep(records == 3 ? 0 : 10000);
        }
        assert_int_equal(records, 3);
        await_records(alice, stage->alice_saw, 3);
        assert_int_equal(alice->ops->lag(alice, BUS_SESSION, event.record.partition, &records), ERR_OK);
        assert_int_equal(records, 0);
}

static void test_commit_past_the_end_fails(void **state)
{
        struct stage *stage = *state;

        if (!driver->bounded) /* Kafka takes any number */
                skip();
        subscribe(stage->alice, stage->alice_saw, BUS_TEST_PARTITIONS);
        assert_int_equal(commit(stage->alice, stage->alice_saw, 0, 1), OUTCOME_FAILED);
        assert_int_equal(commit(stage->alice, stage->alice_saw, 0, 0), OUTCOME_OK);
}

static void test_assign_reads_from_the_end(void **state)
{
        struct stage *stage = *state;

        for (uint64_t i = 0; i < 10; i++)
                assert_int_equal(publish_to(stage->producer, BUS_FRONTENDS, 2, 0, i), ERR_OK);
        flush(stage->producer);
        assert_int_equal(stage->alice->ops->assign(stage->alice, BUS_FRONTENDS, 2), ERR_OK);
        assert_int_equal(stage->bob->ops->assign(stage->bob, BUS_FRONTENDS, 2), ERR_OK);
        await(stage->alice, stage->alice_saw, &stage->alice_saw->assigned[2], 1);
        await(stage->bob, stage->bob_saw, &stage->bob_saw->assigned[2], 1);
        assert_int_equal(stage->alice_saw->start[2], 10);
        for (uint64_t i = 10; i < 20; i++) {
                assert_int_equal(publish_to(stage->producer, BUS_FRONTENDS, 2, 0, i), ERR_OK);
                assert_int_equal(publish_to(stage->producer, BUS_FRONTENDS, 1, 0, i), ERR_OK);
        }
        flush(stage->producer);
        await_records(stage->alice, stage->alice_saw, 10);
        await_records(stage->bob, stage->bob_saw, 10);
        assert_int_equal(stage->alice_saw->count, 10);
        assert_int_equal(stage->bob_saw->count, 10);
        assert_int_equal(stage->alice_saw->numbers[0], 10);
        assert_int_equal(stage->alice_saw->numbers[9], 19);
}

/* ---- limits ---- */

static void test_a_full_partition_says_so(void **state)
{
        struct stage *stage = *state;
        enum error error = ERR_OK;
        uint64_t taken = 0;

        if (!driver->bounded) /* a broker elsewhere has its own bounds */
                skip();
        subscribe(stage->alice, stage->alice_saw, BUS_TEST_PARTITIONS);
        /* Nothing is read: NUMBERS_MAX must not be reached by what fits. */
        while (!error) {
                uint8_t value[4096] = {0};
                struct bus_message message = {
                        .topic = BUS_SESSION, .partition = BUS_PARTITION_BYKEY, .value = slice_of(value, sizeof(value))};

                error = stage->producer->ops->publish(stage->producer, &message);
                taken += !error;
                flush(stage->producer);
                assert_true(taken < 2 * BUS_TEST_BYTES_MAX / sizeof(value));
        }
        assert_int_equal(error, ERR_FULL);
        assert_in_range(taken, BUS_TEST_BYTES_MAX / 4096 - 8, BUS_TEST_BYTES_MAX / 4096 + 1);

        /* What is committed makes room again. */
        for (int32_t i = 0; i < BUS_TEST_PARTITIONS; i++)
                if (commit(stage->alice, stage->alice_saw, i, taken / 2) == OUTCOME_OK)
                        break;
        publish(stage->producer, 0, 1);
        flush(stage->producer);
}

static void test_a_slow_frontend_learns_of_its_loss(void **state)
{
        struct stage *stage = *state;
        static const uint64_t count = 3 * BUS_TEST_BYTES_MAX / 24;
        struct seen *saw = stage->alice_saw;
        struct bus_event events[64];
        uint64_t next = 0, records = 0;
        size_t got;

        if (!driver->bounded) /* the same by other means: test_bus_kafka.c */
                skip();
        assert_int_equal(stage->alice->ops->assign(stage->alice, BUS_FRONTENDS, 0), ERR_OK);
        await(stage->alice, saw, &saw->assigned[0], 1);
        for (uint64_t i = 0; i < count; i++) {
                assert_int_equal(publish_to(stage->producer, BUS_FRONTENDS, 0, 0, i), ERR_OK);
                if (i % 1000 == 999)
                        flush(stage->producer);
        }
        flush(stage->producer);
        while ((got = stage->alice->ops->poll(stage->alice, events, countof(events))) > 0) {
                for (size_t i = 0; i < got; i++) {
                        if (events[i].kind == BUS_EVENT_LOST) {
                                assert_int_equal(records, 0);
                                saw->lost++;
                                continue;
                        }
                        assert_int_equal(events[i].kind, BUS_EVENT_RECORD);
                        assert_true(records == 0 || be64_get(events[i].record.value.data) == next);
                        next = be64_get(events[i].record.value.data) + 1;
                        records++;
                }
        }
        assert_int_equal(saw->lost, 1);
        assert_int_equal(next, count);
        assert_in_range(records, 1, count - 1);
}

/* ---- completions, memory, descriptors ---- */

static void test_flushes_are_answered_in_order(void **state)
{
        struct stage *stage = *state;
        struct seen *saw = stage->alice_saw;

        publish(stage->alice, 1, 1);
        assert_int_equal(stage->alice->ops->flush(stage->alice, 0), ERR_OK);
        while (look(stage->alice, saw))
                ;
        assert_int_equal(saw->flushed, 0);
        for (uint64_t tag = 1; tag <= 3; tag++) {
                publish(stage->alice, 1, tag);
                assert_int_equal(stage->alice->ops->flush(stage->alice, tag), ERR_OK);
        }
        for (uint64_t tag = 1; tag <= 3;) {
                struct bus_event event;

                if (!stage->alice->ops->poll(stage->alice, &event, 1)) {
                        await_readable(stage->alice);
                        continue;
                }
                assert_int_equal(event.kind, BUS_EVENT_FLUSHED);
                assert_int_equal(event.completion.tag, tag);
                assert_int_equal(event.completion.outcome, OUTCOME_OK);
                tag++;
        }
}

static void test_records_stay_until_the_next_poll(void **state)
{
        struct stage *stage = *state;
        struct bus_event events[64];
        size_t count = 0;
        int32_t home;

        subscribe(stage->alice, stage->alice_saw, BUS_TEST_PARTITIONS);
        for (uint64_t i = 0; i < countof(events); i++)
                publish(stage->producer, 5, i);
        flush(stage->producer);
        while (count == 0)
                count = stage->alice->ops->poll(stage->alice, events, countof(events));
        home = events[0].record.partition;
        assert_int_equal(stage->alice->ops->commit(stage->alice, BUS_SESSION, home, events[count - 1].record.offset + 1, 1),
                         ERR_OK);
        /* All of it may be forgotten now, and its memory used again. */
        for (uint64_t i = 0; i < 2000; i++)
                publish(stage->producer, 5, 1000000 + i);
        flush(stage->producer);
        for (size_t i = 0; i < count; i++)
                assert_int_equal(be64_get(events[i].record.value.data), i);
}

static void test_the_descriptor_tells(void **state)
{
        struct stage *stage = *state;
        struct bus_event event;

        if (!driver->has_fd) {
                assert_int_equal(stage->alice->ops->fd(stage->alice), -1);
                return;
        }
        subscribe(stage->alice, stage->alice_saw, BUS_TEST_PARTITIONS);
        settle(stage->alice, stage->alice_saw);
        for (uint64_t i = 0; i < 3; i++)
                publish(stage->producer, 5, i);
        flush(stage->producer);
        for (int left = 3; left > 0;) {
                await_readable(stage->alice);
                left -= (int)stage->alice->ops->poll(stage->alice, &event, 1);
        }
        assert_int_equal(stage->alice->ops->poll(stage->alice, &event, 1), 0);
        settle(stage->alice, stage->alice_saw);
        assert_int_equal(stage->alice->ops->flush(stage->alice, 4), ERR_OK);
        assert_true(readable(stage->alice, 0));
        await(stage->alice, stage->alice_saw, &stage->alice_saw->flushed, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, stage_new, stage_free)

int main(void)
{
        static const struct CMUnitTest tests[] = {
                TEST(test_order_in_a_partition),
                TEST(test_keys_spread_and_stay),
                TEST(test_keys_and_values_arrive_whole),
                TEST(test_no_such_partition),
                TEST(test_a_group_shares_the_work),
                TEST(test_who_leaves_is_followed),
                TEST(test_uncommitted_is_repeated_after_a_crash),
                TEST(test_a_silent_member_holds_its_partitions_until_expelled),
                TEST(test_commits_of_the_revoked_are_refused),
                TEST(test_who_is_leaving_may_commit),
                TEST(test_the_expelled_join_again),
                TEST(test_pause_holds_records_only),
                TEST(test_seek_reads_again),
                TEST(test_lag_counts_what_is_still_to_come),
                TEST(test_commit_past_the_end_fails),
                TEST(test_assign_reads_from_the_end),
                TEST(test_a_full_partition_says_so),
                TEST(test_a_slow_frontend_learns_of_its_loss),
                TEST(test_flushes_are_answered_in_order),
                TEST(test_records_stay_until_the_next_poll),
                TEST(test_the_descriptor_tells),
        };
        int failed = 0;

        for (size_t i = 0; i < bus_driver_count; i++) {
                driver = &bus_drivers[i];
                failed += play_all(driver->name, tests, countof(tests));
        }
        return failed;
}
