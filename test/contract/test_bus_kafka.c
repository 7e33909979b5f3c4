/*
 * What only a bus over a network can meet, on librdkafka's mock cluster: brokers that are gone, that answer late, that refuse; groups
 * whose coordinator moves; positions that are not there any more; a buffer that is full. The contract itself is in test_bus.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/assert.h"
#include "base/memory.h"
#include "contract/bus_stage.h"
#include "contract/kafka_world.h"

#define PRODUCE       0 /* Kafka's numbers of requests */
#define OFFSET_COMMIT 8
#define ALL_BROKERS   (-1)
#define PUBLISH_MS    1500
#define LATE_MS       4000
#define DOWN_MS       12000

static struct kafka_world *world_of(struct stage *stage)
{
        return stage->world;
}

static rd_kafka_mock_cluster_t *mock_of(struct stage *stage)
{
        return world_of(stage)->mock;
}

static void topic_name(struct stage *stage, enum bus_topic topic, char name[static 128])
{
        snprintf(name, 128, "%s%s", world_of(stage)->prefix, bus_topic_name(topic));
}

static uint64_t now_ms(void)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Polls for so long. */
static void spend(struct bus *bus, struct seen *seen, uint64_t ms)
{
        uint64_t end_ms = now_ms() + ms;

        while (now_ms() < end_ms) {
                while (look(bus, seen))
                        ;
                readable(bus, 20);
        }
}

static enum outcome flush_outcome(struct bus *bus)
{
        struct seen *seen = seen_new();
        enum outcome outcome;

        assert_int_equal(bus->ops->flush(bus, 78), ERR_OK);
        await(bus, seen, &seen->flushed, 1);
        outcome = seen->last.outcome;
        memory_free(seen);
        return outcome;
}

/* Publishes until it is acknowledged; how many tries that took. */
static unsigned publish_again(struct bus *bus, uint64_t number)
{
        unsigned tries = 0;

        do {
                tries++;
                publish(bus, 1, number);
        } while (flush_outcome(bus) != OUTCOME_OK && tries < 20);
        return tries;
}

/* ---- brokers ---- */

static void test_who_is_gone_took_nothing(void **state)
{
        struct stage *stage = *state;
        uint64_t start_ms;

        rd_kafka_mock_broker_set_down(mock_of(stage), ALL_BROKERS);
        usleep(100000); /* else it may be under way already */
        publish(stage->producer, 1, 0);
        start_ms = now_ms();
        assert_int_equal(flush_outcome(stage->producer), OUTCOME_FAILED);
        assert_in_range(now_ms() - start_ms, 0, PUBLISH_MS + 1500);
        rd_kafka_mock_broker_set_up(mock_of(stage), ALL_BROKERS);
        assert_in_range(publish_again(stage->producer, 1), 1, 4);
        assert_int_equal(stage->alice->ops->subscribe(stage->alice, BUS_SESSION), ERR_OK);
        await_records(stage->alice, stage->alice_saw, 1);
        assert_int_equal(stage->alice_saw->numbers[0], 1);
}

/* It was written, and the answer is late. Whoever repeats it may be read twice, and must be read once. */
static void test_who_answers_late_may_have_taken_it(void **state)
{
        struct stage *stage = *state;

        char topic[128];

        topic_name(stage, BUS_FRONTENDS, topic);
        rd_kafka_mock_partition_set_leader(mock_of(stage), topic, 0, 1);
        assert_int_equal(stage->alice->ops->assign(stage->alice, BUS_FRONTENDS, 0), ERR_OK);
        await(stage->alice, stage->alice_saw, &stage->alice_saw->assigned[0], 1);
        kafka_world_answer_late(world_of(stage), 1, PRODUCE, LATE_MS);
        assert_int_equal(publish_to(stage->producer, BUS_FRONTENDS, 0, 0, 0), ERR_OK);
        assert_int_equal(flush_outcome(stage->producer), OUTCOME_UNCERTAIN);
        assert_int_equal(publish_to(stage->producer, BUS_FRONTENDS, 0, 0, 1), ERR_OK);
        assert_int_equal(flush_outcome(stage->producer), OUTCOME_OK);
        await_records(stage->alice, stage->alice_saw, 2);
        assert_int_equal(stage->alice_saw->numbers[0], 0);
        assert_int_equal(stage->alice_saw->numbers[1], 1);
}

/*
 * One connection breaks with a request under way: the same request goes again, and nothing is there twice. Only one: behind one that
 * broke, the mock broker, which knows no sequence numbers, takes the next all the same.
 */
static void test_a_broken_connection_is_not_seen(void **state)
{
        struct stage *stage = *state;

        subscribe(stage->alice, stage->alice_saw, BUS_TEST_PARTITIONS);
        for (uint64_t i = 0; i < 300; i++) {
                if (i % 100 == 50)
                        rd_kafka_mock_push_request_errors(mock_of(stage), PRODUCE, 1, RD_KAFKA_RESP_ERR__TRANSPORT);
                publish(stage->producer, 1, i);
                if (i % 10 == 9 || i % 100 == 50)
                        assert_int_equal(flush_outcome(stage->producer), OUTCOME_OK);
        }
        await_records(stage->alice, stage->alice_saw, 300);
        spend(stage->alice, stage->alice_saw, 200);
        assert_int_equal(stage->alice_saw->count, 300);
        for (uint64_t i = 0; i < 300; i++)
                assert_int_equal(stage->alice_saw->numbers[i], i);
}

static void test_what_is_refused_failed(void **state)
{
        struct stage *stage = *state;

        assert_int_equal(publish_again(stage->producer, 0), 1);
        rd_kafka_mock_push_request_errors(mock_of(stage), PRODUCE, 1, RD_KAFKA_RESP_ERR_INVALID_RECORD);
        publish(stage->producer, 1, 0);
        assert_int_equal(flush_outcome(stage->producer), OUTCOME_FAILED);
        assert_int_equal(publish_again(stage->producer, 1), 1);
}

/* One of two partitions refuses: nobody may say that nothing was done. */
static void test_half_a_flush_is_uncertain(void **state)
{
        struct stage *stage = *state;

        assert_int_equal(publish_to(stage->producer, BUS_FRONTENDS, 0, 0, 0), ERR_OK);
        assert_int_equal(flush_outcome(stage->producer), OUTCOME_OK);
        rd_kafka_mock_push_request_errors(mock_of(stage), PRODUCE, 2, RD_KAFKA_RESP_ERR_INVALID_RECORD,
                                          RD_KAFKA_RESP_ERR_NO_ERROR);
        assert_int_equal(publish_to(stage->producer, BUS_FRONTENDS, 0, 0, 1), ERR_OK);
        usleep(50000); /* two requests, not one */
        assert_int_equal(publish_to(stage->producer, BUS_FRONTENDS, 1, 0, 2), ERR_OK);
        assert_int_equal(flush_outcome(stage->producer), OUTCOME_UNCERTAIN);
        /* And the next flush has nothing of it. */
        assert_int_equal(publish_to(stage->producer, BUS_FRONTENDS, 1, 0, 3), ERR_OK);
        assert_int_equal(flush_outcome(stage->producer), OUTCOME_OK);
}

/*
 * A broker that lost the end of its log has not the record before: an idempotent producer whose only request under way is refused so
 * cannot know what is there, and librdkafka takes no more with it.
 */
static void out_of_step(struct stage *stage)
{
        rd_kafka_mock_push_request_errors(mock_of(stage), PRODUCE, 1, RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER);
}

static void test_a_producer_out_of_step_is_replaced(void **state)
{
        struct stage *stage = *state;
        struct seen *saw = stage->alice_saw;
        unsigned before = kafka_world_replaced();

        for (unsigned round = 0; round < 3; round++) { /* the one that came in its place, too */
                uint64_t number = 3 * (uint64_t)round;

                publish(stage->producer, 1, number);
                assert_int_equal(flush_outcome(stage->producer), OUTCOME_OK);
                out_of_step(stage);
                publish(stage->producer, 1, number + 1);
                assert_int_equal(flush_outcome(stage->producer), OUTCOME_UNCERTAIN);
                assert_int_equal(kafka_world_replaced() - before, round + 1);
                publish(stage->producer, 1, number + 2);
                assert_int_equal(flush_outcome(stage->producer), OUTCOME_OK);
        }
        assert_int_equal(stage->alice->ops->subscribe(stage->alice, BUS_SESSION), ERR_OK);
        await_records(stage->alice, saw, 6);
        spend(stage->alice, saw, 200);
        assert_int_equal(saw->count, 6); /* those in doubt were not written */
        for (uint64_t i = 0; i < 6; i++)
                assert_int_equal(saw->numbers[i], i / 2 * 3 + i % 2 * 2);
}

/* Each flush that was under way behind it is answered, in its order, and by what became of its record. */
static void test_what_was_under_way_with_it_is_told(void **state)
{
        struct stage *stage = *state;
        struct seen *saw = stage->alice_saw;
        unsigned before = kafka_world_replaced();
        enum outcome outcomes[5];
        bool there[countof(outcomes)] = {false};

        publish(stage->producer, 1, 99);
        assert_int_equal(flush_outcome(stage->producer), OUTCOME_OK);
        rd_kafka_mock_broker_set_rtt(mock_of(stage), ALL_BROKERS, 500); /* time to publish all before it is known */
        out_of_step(stage);
        for (uint64_t i = 0; i < countof(outcomes); i++) {
                publish(stage->producer, 1, i);
                assert_int_equal(stage->producer->ops->flush(stage->producer, i + 1), ERR_OK);
                usleep(10000); /* the first is a request, the others wait for it */
        }
        for (unsigned i = 0; i < countof(outcomes); i++) {
                struct bus_event event;

                while (stage->producer->ops->poll(stage->producer, &event, 1) == 0)
                        await_readable(stage->producer);
                assert_int_equal(event.completion.tag, i + 1);
                outcomes[i] = event.completion.outcome;
        }
        rd_kafka_mock_broker_set_rtt(mock_of(stage), ALL_BROKERS, 0);
        assert_int_equal(kafka_world_replaced() - before, 1);
        assert_int_equal(outcomes[0], OUTCOME_UNCERTAIN);
        publish(stage->producer, 1, countof(outcomes));
        assert_int_equal(flush_outcome(stage->producer), OUTCOME_OK);
        assert_int_equal(stage->alice->ops->subscribe(stage->alice, BUS_SESSION), ERR_OK);
        while (saw->count == 0 || saw->numbers[saw->count - 1] != countof(outcomes))
                await_records(stage->alice, saw, saw->count + 1);
        for (size_t i = 0; i < saw->count; i++)
                if (saw->numbers[i] < countof(outcomes))
                        there[saw->numbers[i]] = true;
        for (unsigned i = 0; i < countof(outcomes); i++)
                if (outcomes[i] != OUTCOME_UNCERTAIN)
                        assert_int_equal(there[i], outcomes[i] == OUTCOME_OK);
}

/* Many flushes under way at once, answered in their order, after two round trips: what is published during the first waits for it and goes
 * together. */
static void test_flushes_do_not_wait_for_each_other(void **state)
{
        struct stage *stage = *state;
        struct seen *seen = seen_new();
        uint64_t start_ms = now_ms();

        rd_kafka_mock_broker_set_rtt(mock_of(stage), ALL_BROKERS, 100);
        for (uint64_t i = 0; i < 200; i++) {
                publish(stage->producer, i, i);
                assert_int_equal(stage->producer->ops->flush(stage->producer, i + 1), ERR_OK);
        }
        assert_in_range(now_ms() - start_ms, 0, 90);
        await(stage->producer, seen, &seen->flushed, 200);
        rd_kafka_mock_broker_set_rtt(mock_of(stage), ALL_BROKERS, 0);
        assert_int_equal(seen->last.tag, 200);
        assert_in_range(now_ms() - start_ms, 100, 2000);
        memory_free(seen);
}

/* A broker that takes long to answer, and one who publishes meanwhile: librdkafka must have nothing that it would like to send and may
 * not, or it looks for the moment without rest. */
static void test_nothing_spins_while_a_broker_is_slow(void **state)
{
        struct stage *stage = *state;
        struct seen *seen = seen_new();
        uint64_t records = 0, end_ms = now_ms() + 1000;
        clock_t used;

        rd_kafka_mock_broker_set_rtt(mock_of(stage), ALL_BROKERS, 200);
        used = clock(); /* of all threads */
        while (now_ms() < end_ms) {
                publish(stage->producer, records % 2, records);
                assert_int_equal(stage->producer->ops->flush(stage->producer, ++records), ERR_OK);
                usleep(5000);
                look(stage->producer, seen);
        }
        used = clock() - used;
        rd_kafka_mock_broker_set_rtt(mock_of(stage), ALL_BROKERS, 0);
        await(stage->producer, seen, &seen->flushed, records);
        assert_in_range(used, 0, CLOCKS_PER_SEC / 2);
        memory_free(seen);
}

/* The first record after a pause waits for nothing. Of what comes steadily a request goes every 6 ms (KAFKA_PACE_MS): the
 * answers come in as many bunches. */
static void test_requests_are_paced(void **state)
{
        struct stage *stage = *state;
        struct seen *seen = seen_new();
        uint64_t start_ms, records = 0, bunches = 0;

        publish(stage->producer, 0, ++records);
        assert_int_equal(stage->producer->ops->flush(stage->producer, records), ERR_OK);
        await(stage->producer, seen, &seen->flushed, records);
        for (start_ms = now_ms(); now_ms() < start_ms + 80;) {
                size_t before = seen->flushed;

                publish(stage->producer, 0, ++records);
                assert_int_equal(stage->producer->ops->flush(stage->producer, records), ERR_OK);
                usleep(500);
                look(stage->producer, seen);
                bunches += seen->flushed > before;
        }
        await(stage->producer, seen, &seen->flushed, records);
        assert_in_range(bunches, 1, 16);
        memory_free(seen);
}

static void test_flushes_have_a_limit(void **state)
{
        struct stage *stage = *state;
        enum error error = ERR_OK;
        struct seen *seen = seen_new();
        unsigned taken = 0;

        while (!error && taken < 10000) {
                error = stage->producer->ops->flush(stage->producer, taken + 1);
                taken += !error;
        }
        assert_int_equal(error, ERR_FULL);
        assert_int_equal(stage->producer->ops->flush(stage->producer, 0), ERR_OK);
        await(stage->producer, seen, &seen->flushed, taken);
        assert_int_equal(stage->producer->ops->flush(stage->producer, 1), ERR_OK);
        memory_free(seen);
}

static void test_the_buffer_has_a_limit(void **state)
{
        struct stage *stage = *state;
        uint8_t value[4096] = {0};
        struct bus_message message = {
                .topic = BUS_SESSION, .partition = BUS_PARTITION_BYKEY, .value = slice_of(value, sizeof(value))};
        enum error error = ERR_OK;
        size_t taken = 0;

        rd_kafka_mock_broker_set_down(mock_of(stage), ALL_BROKERS);
        usleep(100000);
        while (!error && taken < 10000) {
                error = stage->producer->ops->publish(stage->producer, &message);
                taken += !error;
        }
        assert_int_equal(error, ERR_FULL);
        assert_in_range(taken * sizeof(value), 900 * 1024, 1100 * 1024);
        assert_int_equal(flush_outcome(stage->producer), OUTCOME_FAILED);
        /* Given up is room again. */
        assert_int_equal(stage->producer->ops->publish(stage->producer, &message), ERR_OK);
        rd_kafka_mock_broker_set_up(mock_of(stage), ALL_BROKERS);
        publish_again(stage->producer, 1);
}

/* All brokers are away for longer than sessions and requests last; everything goes on by itself. */
static void test_an_outage_passes(void **state)
{
        struct stage *stage = *state;
        struct seen *saw = stage->alice_saw;
        uint64_t lag, up_ms;

        subscribe(stage->alice, saw, BUS_TEST_PARTITIONS);
        publish_again(stage->producer, 0);
        await_records(stage->alice, saw, 1);
        commit_all(stage->alice, saw);
        rd_kafka_mock_broker_set_down(mock_of(stage), ALL_BROKERS);
        publish(stage->producer, 1, 1);
        assert_int_not_equal(flush_outcome(stage->producer), OUTCOME_OK);
        spend(stage->alice, saw, DOWN_MS);
        assert_int_equal(stage->alice->ops->lag(stage->alice, BUS_SESSION, 0, &lag), ERR_CLOSED);
        rd_kafka_mock_broker_set_up(mock_of(stage), ALL_BROKERS);
        up_ms = now_ms();
        publish_again(stage->producer, 2);
        while (saw->numbers[saw->count - 1] != 2)
                await_records(stage->alice, saw, saw->count + 1);
        assert_in_range(now_ms() - up_ms, 0, 10000);
        while (stage->alice->ops->lag(stage->alice, BUS_SESSION, 0, &lag) == ERR_CLOSED && now_ms() - up_ms < 15000)
                spend(stage->alice, saw, 100);
        assert_int_not_equal(stage->alice->ops->lag(stage->alice, BUS_SESSION, 0, &lag), ERR_CLOSED);
        assert_int_equal(saw->lost, 0);
}

/* ---- groups ---- */

static void test_the_coordinator_moves(void **state)
{
        struct stage *stage = *state;
        struct seen *saw = stage->alice_saw;
        unsigned tries = 0;
        char group[128];

        topic_name(stage, BUS_SESSION, group);
        rd_kafka_mock_coordinator_set(mock_of(stage), "group", group, 1);
        subscribe(stage->alice, saw, BUS_TEST_PARTITIONS);
        publish_again(stage->producer, 0);
        await_records(stage->alice, saw, 1);
        rd_kafka_mock_coordinator_set(mock_of(stage), "group", group, 2);
        while (commit(stage->alice, saw, saw->partitions[0], saw->next[saw->partitions[0]]) != OUTCOME_OK && tries++ < 50)
                spend(stage->alice, saw, 200);
        assert_in_range(tries, 0, 49);
        publish_again(stage->producer, 1);
        while (saw->numbers[saw->count - 1] != 1)
                await_records(stage->alice, saw, saw->count + 1);
}

static void test_commits_are_told_rightly(void **state)
{
        struct stage *stage = *state;
        struct seen *saw = stage->alice_saw;
        int32_t home;

        subscribe(stage->alice, saw, BUS_TEST_PARTITIONS);
        for (uint64_t i = 0; i < 10; i++)
                publish(stage->producer, 1, i);
        flush(stage->producer);
        await_records(stage->alice, saw, 10);
        home = saw->partitions[0];
        rd_kafka_mock_push_request_errors(mock_of(stage), OFFSET_COMMIT, 1, RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS);
        assert_int_equal(commit(stage->alice, saw, home, 3), OUTCOME_FAILED);
        assert_int_equal(commit(stage->alice, saw, home, 5), OUTCOME_OK);
        assert_int_equal(commit(stage->alice, saw, home, 2), OUTCOME_OK); /* lower ones change nothing */
        stage->alice->ops->free(&stage->alice);
        subscribe(stage->bob, stage->bob_saw, BUS_TEST_PARTITIONS);
        assert_int_equal(stage->bob_saw->start[home], 5);
}

/* Commits that come while one is under way go together with the next, and each is answered. */
static void test_many_commits_are_answered(void **state)
{
        struct stage *stage = *state;
        struct seen *saw = stage->alice_saw;
        unsigned taken = 0;
        int32_t home;

        subscribe(stage->alice, saw, BUS_TEST_PARTITIONS);
        for (uint64_t i = 0; i < 400; i++)
                publish(stage->producer, 1, i);
        flush(stage->producer);
        await_records(stage->alice, saw, 400);
        home = saw->partitions[0];
        rd_kafka_mock_broker_set_rtt(mock_of(stage), ALL_BROKERS, 50);
        while (taken < 400 && stage->alice->ops->commit(stage->alice, BUS_SESSION, home, taken + 1, taken + 1) == ERR_OK)
                taken++;
        assert_in_range(taken, 200, 256); /* a limit */
        await(stage->alice, saw, &saw->committed, taken);
        rd_kafka_mock_broker_set_rtt(mock_of(stage), ALL_BROKERS, 0);
        assert_int_equal(commit(stage->alice, saw, home, 400), OUTCOME_OK);
        stage->alice->ops->free(&stage->alice);
        subscribe(stage->bob, stage->bob_saw, BUS_TEST_PARTITIONS);
        assert_int_equal(stage->bob_saw->start[home], 400);
}

/* ---- positions that are gone (L5) ---- */

static void test_a_lost_position_is_told(void **state)
{
        struct stage *stage = *state;
        struct seen *saw = stage->alice_saw;
        int32_t home;

        subscribe(stage->alice, saw, BUS_TEST_PARTITIONS);
        for (uint64_t i = 0; i < 10; i++)
                publish(stage->producer, 1, i);
        flush(stage->producer);
        await_records(stage->alice, saw, 10);
        home = saw->partitions[0];
        assert_int_equal(stage->alice->ops->seek(stage->alice, BUS_SESSION, home, 5000), ERR_OK);
        await_records(stage->alice, saw, 20); /* the oldest there is, again */
        assert_int_equal(saw->lost, 1);
        assert_int_equal(saw->offsets[10], 0);
        assert_int_equal(saw->assigned[home], 1);
        publish(stage->producer, 1, 10);
        flush(stage->producer);
        await_records(stage->alice, saw, 21);
}

static void test_what_was_committed_is_not_there(void **state)
{
        struct stage *stage = *state;
        int32_t home;

        subscribe(stage->alice, stage->alice_saw, BUS_TEST_PARTITIONS);
        for (uint64_t i = 0; i < 10; i++)
                publish(stage->producer, 1, i);
        flush(stage->producer);
        await_records(stage->alice, stage->alice_saw, 10);
        home = stage->alice_saw->partitions[0];
        assert_int_equal(commit(stage->alice, stage->alice_saw, home, 700), OUTCOME_OK); /* as if records had got lost */
        stage->alice->ops->free(&stage->alice);
        subscribe(stage->bob, stage->bob_saw, BUS_TEST_PARTITIONS);
        await_records(stage->bob, stage->bob_saw, 10);
        assert_int_equal(stage->bob_saw->lost, 1);
        assert_int_equal(stage->bob_saw->numbers[0], 0);
}

/* A frontend goes on from the end, and reads what is published after it was told. */
static void test_a_frontend_that_lost_its_place(void **state)
{
        struct stage *stage = *state;
        struct seen *saw = stage->alice_saw;

        assert_int_equal(stage->alice->ops->assign(stage->alice, BUS_FRONTENDS, 1), ERR_OK);
        await(stage->alice, saw, &saw->assigned[1], 1);
        for (uint64_t i = 0; i < 10; i++)
                assert_int_equal(publish_to(stage->producer, BUS_FRONTENDS, 1, 0, i), ERR_OK);
        flush(stage->producer);
        await_records(stage->alice, saw, 10);
        assert_int_equal(stage->alice->ops->seek(stage->alice, BUS_FRONTENDS, 1, 5000), ERR_OK);
        await(stage->alice, saw, &saw->lost, 1);
        assert_int_equal(publish_to(stage->producer, BUS_FRONTENDS, 1, 0, 10), ERR_OK);
        flush(stage->producer);
        await_records(stage->alice, saw, 11);
        assert_int_equal(saw->numbers[10], 10);
        assert_int_equal(saw->lost, 1);
}

/* What the contract tells of the embedded log's bound: a reader that is too slow for what is kept (the mock keeps 5 MiB). */
static void test_a_slow_reader_learns_of_its_loss(void **state)
{
        struct stage *stage = *state;
        struct seen *saw = stage->alice_saw;
        uint8_t value[65536] = {0};
        unsigned jumps = 0;

        assert_int_equal(stage->alice->ops->assign(stage->alice, BUS_FRONTENDS, 0), ERR_OK);
        await(stage->alice, saw, &saw->assigned[0], 1);
        stage->alice->ops->pause(stage->alice, true);
        for (uint64_t i = 0; i < 600; i++) { /* more than is read ahead and kept, taken together */
                be64_put(value, i);
                assert_int_equal(stage->producer->ops->publish(
                                         stage->producer, &(struct bus_message){.topic = BUS_FRONTENDS,
                                                                                .value = slice_of(value, sizeof(value))}),
                                 ERR_OK);
                if (i % 4 == 3)
                        flush(stage->producer);
        }
        stage->alice->ops->pause(stage->alice, false);
        await(stage->alice, saw, &saw->lost, 1);
        for (uint64_t i = 600; saw->count == 0 || saw->numbers[saw->count - 1] < 600; i++) {
                assert_int_equal(publish_to(stage->producer, BUS_FRONTENDS, 0, 0, i), ERR_OK);
                flush(stage->producer);
                spend(stage->alice, saw, 100); /* it may have to learn of a second loss first */
                assert_true(i < 700);
        }
        for (size_t i = 1; i < saw->count; i++)
                jumps += saw->numbers[i] != saw->numbers[i - 1] + 1;
        assert_in_range(jumps, saw->numbers[0] == 0, saw->lost); /* no gap that was not told */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, stage_new, stage_free)

int main(void)
{
        static const struct CMUnitTest tests[] = {
                TEST(test_who_is_gone_took_nothing),
                TEST(test_who_answers_late_may_have_taken_it),
                TEST(test_a_broken_connection_is_not_seen),
                TEST(test_what_is_refused_failed),
                TEST(test_half_a_flush_is_uncertain),
                TEST(test_a_producer_out_of_step_is_replaced),
                TEST(test_what_was_under_way_with_it_is_told),
                TEST(test_flushes_do_not_wait_for_each_other),
                TEST(test_nothing_spins_while_a_broker_is_slow),
                TEST(test_requests_are_paced),
                TEST(test_flushes_have_a_limit),
                TEST(test_the_coordinator_moves),
                TEST(test_commits_are_told_rightly),
                TEST(test_many_commits_are_answered),
                TEST(test_a_lost_position_is_told),
                TEST(test_what_was_committed_is_not_there),
                TEST(test_a_frontend_that_lost_its_place),
                TEST(test_a_slow_reader_learns_of_its_loss),
                TEST(test_an_outage_passes),
        };
        static const struct CMUnitTest small[] = {TEST(test_the_buffer_has_a_limit)};
        int failed;

        driver = &bus_drivers[0]; /* the mock: a real broker cannot be told to fail */
        if (driver->available && !driver->available())
                return 0;
        kafka_world_options.publish_ms = PUBLISH_MS;
        failed = play_all("bus, Kafka, bad days", tests, countof(tests));
        kafka_world_options.buffer_bytes_max = 1024 * 1024;
        return failed + play_all("bus, Kafka, a small buffer", small, countof(small));
}
