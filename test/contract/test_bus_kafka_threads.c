/*
 * The bus over Kafka among threads, for TSan: handles of one cluster, each on a thread of its own as the roles have them, beside
 * librdkafka's threads, on its mock. Two producers, two workers of one group that answer to a frontend's partition and commit, and
 * the frontend that waits for every answer.
 */
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/assert.h"
#include "contract/kafka_world.h"

#define RECORDS    500 /* of one producer */
#define PRODUCERS  2
#define WORKERS    2
#define BATCH      50
#define PARTITIONS 4
#define WAIT_MS    20000

struct shared {
        struct kafka_world *world;
        atomic_bool stopping;
        atomic_size_t commits;
};

struct producer {
        struct shared *shared;
        uint64_t first;
};

static void sleep_on(struct bus *bus)
{
        struct pollfd waiting = {.fd = bus->ops->fd(bus), .events = POLLIN};

        check(poll(&waiting, 1, WAIT_MS) == 1);
}

static void publish(struct bus *bus, enum bus_topic topic, int32_t partition, uint64_t number)
{
        uint8_t value[8], key = (uint8_t)(number % 16);

        be64_put(value, number);
        check(bus->ops->publish(bus, &(struct bus_message){.topic = topic,
                                                           .partition = partition,
                                                           .key = slice_of(&key, 1),
                                                           .value = slice_of(value, sizeof(value))}) == ERR_OK);
}

static void *produce(void *argument)
{
        struct producer *producer = argument;
        struct bus *bus = kafka_world_open(producer->shared->world, BUS_TOPIC_COUNT);
        struct bus_event event;

        for (uint64_t done = 0; done < RECORDS; done += BATCH) {
                for (uint64_t i = 0; i < BATCH; i++)
                        publish(bus, BUS_SESSION, BUS_PARTITION_BYKEY, producer->first + done + i);
                check(bus->ops->flush(bus, 1) == ERR_OK);
                while (bus->ops->poll(bus, &event, 1) == 0)
                        sleep_on(bus);
                check(event.kind == BUS_EVENT_FLUSHED && event.completion.outcome == OUTCOME_OK);
        }
        bus->ops->free(&bus);
        return NULL;
}

/* Answers each record with its number, and commits what is answered. */
static void *work(void *argument)
{
        struct shared *shared = argument;
        struct bus *bus = kafka_world_open(shared->world, BUS_SESSION);
        struct bus_event events[64];

        check(bus->ops->subscribe(bus, BUS_SESSION) == ERR_OK);
        while (!atomic_load(&shared->stopping)) {
                uint64_t next[PARTITIONS] = {0};
                size_t count = bus->ops->poll(bus, events, countof(events));

                for (size_t i = 0; i < count; i++) {
                        if (events[i].kind == BUS_EVENT_COMMITTED)
                                atomic_fetch_add(&shared->commits, 1);
                        if (events[i].kind != BUS_EVENT_RECORD)
                                continue;
                        publish(bus, BUS_FRONTENDS, 0, be64_get(events[i].record.value.data));
                        next[events[i].record.partition] = events[i].record.offset + 1;
                }
                check(bus->ops->flush(bus, 0) == ERR_OK);
                for (int32_t i = 0; i < PARTITIONS; i++)
                        if (next[i])
                                check(bus->ops->commit(bus, BUS_SESSION, i, next[i], 1) == ERR_OK);
                if (!count)
                        sleep_on(bus);
        }
        bus->ops->free(&bus);
        return NULL;
}

/* The frontend, on the test's own thread: until every number has come. Repeats are lawful. */
static void collect(struct bus *bus)
{
        static bool answered[PRODUCERS * RECORDS];
        struct bus_event events[64];
        size_t all = 0;

        while (all < countof(answered)) {
                size_t count = bus->ops->poll(bus, events, countof(events));

                for (size_t i = 0; i < count; i++) {
                        if (events[i].kind != BUS_EVENT_RECORD)
                                continue;
                        uint64_t number = be64_get(events[i].record.value.data);

                        check(number < countof(answered));
                        all += !answered[number];
                        answered[number] = true;
                }
                if (!count)
                        sleep_on(bus);
        }
}

static void every_record_is_answered(void **state)
{
        static struct shared shared;
        struct producer producers[PRODUCERS];
        pthread_t producing[PRODUCERS], working[WORKERS];
        struct bus_event event;
        struct bus *bus;

        (void)state;
        shared.world = kafka_world_mock(1, PARTITIONS);
        bus = kafka_world_open(shared.world, BUS_FRONTENDS);
        assert_int_equal(bus->ops->assign(bus, BUS_FRONTENDS, 0), ERR_OK);
        while (bus->ops->poll(bus, &event, 1) == 0)
                sleep_on(bus);
        assert_int_equal(event.kind, BUS_EVENT_ASSIGNED);
        for (size_t i = 0; i < WORKERS; i++)
                check(pthread_create(&working[i], NULL, work, &shared) == 0);
        for (size_t i = 0; i < PRODUCERS; i++) {
                producers[i] = (struct producer){&shared, i * RECORDS};
                check(pthread_create(&producing[i], NULL, produce, &producers[i]) == 0);
        }
        collect(bus);
        for (size_t i = 0; i < PRODUCERS; i++)
                pthread_join(producing[i], NULL);
        atomic_store(&shared.stopping, true);
        for (size_t i = 0; i < WORKERS; i++)
                pthread_join(working[i], NULL);
        assert_int_not_equal(atomic_load(&shared.commits), 0);
        bus->ops->free(&bus);
        kafka_world_free(shared.world);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {cmocka_unit_test(every_record_is_answered)};

        return cmocka_run_group_tests_name("bus, Kafka, among threads", tests, NULL, NULL);
}
