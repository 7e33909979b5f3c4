/*
 * The bus over Kafka; see bus_driver.h. A world is librdkafka's mock cluster, or, under tools/engines, fresh topics on its brokers.
 */
#include <librdkafka/rdkafka.h>
// clang-format off
#include <librdkafka/rdkafka_mock.h>
// clang-format on

#include "base/assert.h"
#include "contract/bus_driver.h"
#include "contract/kafka_world.h"

#define HEARTBEAT 12 /* Kafka's number of that request */

static struct bus *kafka_open(void *world)
{
        return kafka_world_open(world, BUS_TOPIC_COUNT);
}

static void kafka_free(void *world)
{
        kafka_world_free(world);
}

static void *mock_new(void)
{
        return kafka_world_mock(3, BUS_TEST_PARTITIONS);
}

static void *real_new(void)
{
        return kafka_world_real(BUS_TEST_PARTITIONS);
}

static uint64_t kafka_crash(void *world, struct bus **bus)
{
        (void)world;
        bus_kafka_crash(bus);
        return 0;
}

/* The tests have one member where they ask. */
static uint64_t mock_member(void *world, const struct bus *bus)
{
        (void)world;
        (void)bus;
        return 1;
}

/* A member that crashed is missed by and by, when its session ends. */
static void kafka_expel(void *world, uint64_t member)
{
        const struct kafka_world *kafka = world;

        if (member)
                rd_kafka_mock_push_request_errors(kafka->mock, HEARTBEAT, 1, RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID);
}

static bool real_available(void)
{
        return kafka_world_broker() != NULL;
}

#define KAFKA                                                                                                               \
        .has_fd = true, .bounded = false, .wait_ms = 30000, .world_free = kafka_free, .open = kafka_open,                   \
        .crash = kafka_crash, .expel = kafka_expel

static bool mock_available(void)
{
        return !real_available();
}

/* A mock takes 3 s for a group to begin, and no commits while it reassembles; nobody can expel a living member of a real one. */
const struct bus_driver bus_drivers[] = {
        {.name = "bus, Kafka, mock cluster",
         .parts = 4,
         .available = mock_available,
         .world_new = mock_new,
         .member = mock_member,
         KAFKA},
        {.name = "bus, Kafka, real broker",
         .available = real_available,
         .world_new = real_new,
         .tells_leavers = true,
         KAFKA},
};

const size_t bus_driver_count = countof(bus_drivers);
