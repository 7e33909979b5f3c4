/* The Kafka driver on a cluster that goes away and comes back, and on one that is still: on librdkafka's mock, in seconds. */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "base/assert.h"
#include "contract/kafka_world.h"

#define BROKER  1
#define WAIT_MS 10000

#define OFFSET_FETCH 9  /* Kafka's number of that request */
#define LATE_ANSWERS 10 /* more than are asked for while brokers come and go */
#define LATE_MS      3000
#define ASK_MS       900 /* a little less than the driver waits for an answer */

static struct kafka_world *world;
static struct bus *bus;

static uint64_t now_ms(void)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Waits on the descriptor, then polls all there is. Returns how many events came. */
static size_t turn(int wait_ms)
{
        struct pollfd fd = {.fd = bus->ops->fd(bus), .events = POLLIN};
        struct bus_event events[16];
        size_t count = 0, got;

        poll(&fd, 1, wait_ms);
        do {
                got = bus->ops->poll(bus, events, countof(events));
                count += got;
        } while (got > 0);
        return count;
}

static int begin(void **state)
{
        (void)state;
        world = kafka_world_mock(1, 4);
        bus = kafka_world_open(world, BUS_TOPIC_COUNT); /* the mock cannot be asked who is in a group */
        assert_int_equal(bus->ops->subscribe(bus, BUS_SESSION), ERR_OK);
        for (uint64_t end = now_ms() + WAIT_MS, seen = 0; seen < 4; seen += turn(100))
                assert_true(now_ms() < end);
        return 0;
}

static int end(void **state)
{
        (void)state;
        bus->ops->free(&bus);
        kafka_world_free(world);
        return 0;
}

static enum error lag(int32_t partition)
{
        uint64_t records;

        return bus->ops->lag(bus, BUS_SESSION, partition, &records);
}

static void await(bool closed)
{
        for (uint64_t end_ms = now_ms() + WAIT_MS; (lag(0) == ERR_CLOSED) != closed;) {
                assert_true(now_ms() < end_ms);
                turn(100);
        }
}

static void test_it_is_known_that_no_broker_answers(void **state)
{
        (void)state;
        await(false);
        assert_int_equal(rd_kafka_mock_broker_set_down(world->mock, BROKER), RD_KAFKA_RESP_ERR_NO_ERROR);
        await(true);
        /* Whatever the partition. */
        assert_int_equal(lag(77), ERR_CLOSED);
        assert_int_equal(rd_kafka_mock_broker_set_up(world->mock, BROKER), RD_KAFKA_RESP_ERR_NO_ERROR);
        await(false);
}

/* Ten looks a second are its own, some more are librdkafka's; a descriptor that stays readable would be thousands. */
static void test_a_still_bus_lets_its_owner_sleep(void **state)
{
        unsigned turns = 0;

        (void)state;
        for (uint64_t end_ms = now_ms() + 2000; now_ms() < end_ms; turns++)
                turn(500);
        assert_in_range(turns, 5, 100);
}

/*
 * A member that was just given its partitions asks what is committed of them; the answer is late, and the broker goes while the question
 * is out, again and again: it asks until it is told. (Of such a question without waiting, librdkafka 2.0.2 fails an assertion.)
 */
static void test_a_question_that_is_out_when_brokers_go(void **state)
{
        uint64_t begin_ms;
        size_t assigned = 0;

        (void)state;
        bus->ops->free(&bus);
        for (int i = 0; i < LATE_ANSWERS; i++)
                assert_int_equal(rd_kafka_mock_broker_push_request_error_rtts(world->mock, BROKER, OFFSET_FETCH, 1,
                                                                              RD_KAFKA_RESP_ERR_NO_ERROR, LATE_MS),
                                 RD_KAFKA_RESP_ERR_NO_ERROR);
        bus = kafka_world_open(world, BUS_TOPIC_COUNT);
        assert_int_equal(bus->ops->subscribe(bus, BUS_SESSION), ERR_OK);
        do { /* a turn that asks takes as long as the asking waits */
                begin_ms = now_ms();
                assigned += turn(10);
        } while (now_ms() - begin_ms < ASK_MS);
        for (int i = 0; i < 3; i++) {
                assert_int_equal(rd_kafka_mock_broker_set_down(world->mock, BROKER), RD_KAFKA_RESP_ERR_NO_ERROR);
                for (uint64_t end_ms = now_ms() + LATE_MS; now_ms() < end_ms;)
                        assigned += turn(100);
                assert_int_equal(rd_kafka_mock_broker_set_up(world->mock, BROKER), RD_KAFKA_RESP_ERR_NO_ERROR);
                for (uint64_t end_ms = now_ms() + ASK_MS + LATE_MS / 2; now_ms() < end_ms;)
                        assigned += turn(100);
        }
        assert_int_equal(assigned, 0);
        for (uint64_t end_ms = now_ms() + 3 * WAIT_MS; assigned < 4; assigned += turn(100))
                assert_true(now_ms() < end_ms);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
        static const struct CMUnitTest tests[] = {
                TEST(test_it_is_known_that_no_broker_answers),
                TEST(test_a_still_bus_lets_its_owner_sleep),
                TEST(test_a_question_that_is_out_when_brokers_go),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
