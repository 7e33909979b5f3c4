/*
 * The embedded bus among threads, for TSan and for lost wake-ups: two producers that meet FULL, two workers of one group that sleep
 * on their descriptors, commit, and answer to a frontend's partition, and the frontend that waits for every answer. On a busy machine the
 * frontend may fall so far behind that the oldest answers go; it is told, and from then on waits for the workers instead.
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
#include "driver/bus/embedded.h"

#define RECORDS   6000 /* of one producer */
#define PRODUCERS 2
#define BATCH     50
#define WAIT_MS   20000

struct shared {
        struct bus_embedded *embedded;
        pthread_barrier_t ready;
        atomic_uchar answered[PRODUCERS * RECORDS]; /* by the workers */
        atomic_size_t answered_count;
};

struct producer {
        struct shared *shared;
        uint64_t first;
};

/* Sleeps until poll may bring something; a wake-up that never comes ends the test. */
static void sleep_on(struct bus *bus)
{
        struct pollfd waiting = {.fd = bus->ops->fd(bus), .events = POLLIN};

        check(poll(&waiting, 1, WAIT_MS) == 1);
}

static struct bus *open_bus(struct shared *shared)
{
        struct bus *bus;

        check(bus_embedded_open(shared->embedded, &bus) == ERR_OK);
        return bus;
}

/* Flushes until it is answered OK; everything published since the last flush goes again if it was not. */
static bool flushed(struct bus *bus)
{
        struct bus_event event;

        check(bus->ops->flush(bus, 1) == ERR_OK);
        while (bus->ops->poll(bus, &event, 1) == 0)
                sleep_on(bus);
        check(event.kind == BUS_EVENT_FLUSHED && event.completion.tag == 1);
        return event.completion.outcome == OUTCOME_OK;
}

static void *produce(void *argument)
{
        struct producer *producer = argument;
        struct bus *bus = open_bus(producer->shared);
        uint64_t done = 0;

        pthread_barrier_wait(&producer->shared->ready);
        while (done < RECORDS) {
                uint64_t at = done;

                for (; at < RECORDS && at < done + BATCH; at++) {
                        uint8_t value[8], key = (uint8_t)(at % 16);

                        be64_put(value, producer->first + at);
                        if (bus->ops->publish(bus, &(struct bus_message){.topic = BUS_SESSION,
                                                                         .partition = BUS_PARTITION_BYKEY,
                                                                         .key = slice_of(&key, 1),
                                                                         .value = slice_of(value, 8)}))
                                break;
                }
                if (flushed(bus))
                        done = at;
                if (at < RECORDS && at < done + BATCH)
                        poll(NULL, 0, 1); /* it was FULL: the workers need a moment */
        }
        bus->ops->free(&bus);
        return NULL;
}

/* Answers each record with its number; ends when the frontend says so on another partition. */
static void *work(void *argument)
{
        struct shared *shared = argument;
        struct bus *bus = open_bus(shared);
        uint64_t next[BUS_PARTITIONS_DEFAULT] = {0};
        struct bus_event events[64];
        bool stopping = false;

        check(bus->ops->subscribe(bus, BUS_SESSION) == ERR_OK);
        check(bus->ops->assign(bus, BUS_FRONTENDS, 1) == ERR_OK);
        pthread_barrier_wait(&shared->ready);
        while (!stopping) {
                size_t count = bus->ops->poll(bus, events, countof(events));

                for (size_t i = 0; i < count; i++) {
                        const struct bus_record *record = &events[i].record;

                        if (events[i].kind == BUS_EVENT_ASSIGNED && record->topic == BUS_SESSION)
                                next[record->partition] = record->offset;
                        if (events[i].kind != BUS_EVENT_RECORD)
                                continue;
                        if (record->topic == BUS_FRONTENDS) {
                                stopping = true;
                                continue;
                        }
                        check(record->offset == next[record->partition]++);
                        check(bus->ops->publish(
                                      bus, &(struct bus_message){.topic = BUS_FRONTENDS, .value = record->value}) == ERR_OK);
                }
                check(bus->ops->flush(bus, 0) == ERR_OK);
                for (size_t i = 0; i < count; i++) {
                        if (events[i].kind != BUS_EVENT_RECORD || events[i].record.topic != BUS_SESSION)
                                continue;
                        if (!atomic_exchange(&shared->answered[be64_get(events[i].record.value.data)], 1))
                                atomic_fetch_add(&shared->answered_count, 1);
                        check(bus->ops->commit(bus, BUS_SESSION, events[i].record.partition, events[i].record.offset + 1,
                                               2) == ERR_OK);
                }
                if (!count && !stopping)
                        sleep_on(bus);
        }
        bus->ops->free(&bus);
        return NULL;
}

/* The frontend, on the test's own thread. Returns how many of the numbers were answered, as far as one can tell; repeats are lawful. */
static size_t collect(struct shared *shared, struct bus *bus)
{
        static uint8_t answered[PRODUCERS * RECORDS];
        struct bus_event events[64];
        size_t all = 0;
        bool lost = false;

        while (all < countof(answered)) {
                size_t count = bus->ops->poll(bus, events, countof(events));

                for (size_t i = 0; i < count; i++) {
                        uint64_t number;

                        lost = lost || events[i].kind == BUS_EVENT_LOST;
                        if (events[i].kind != BUS_EVENT_RECORD)
                                continue;
                        number = be64_get(events[i].record.value.data);
                        check(number < countof(answered));
                        all += !answered[number];
                        answered[number] = 1;
                }
                if (count)
                        continue;
                if (!lost)
                        sleep_on(bus);
                else if (atomic_load(&shared->answered_count) == countof(answered))
                        return countof(answered);
                else
                        poll(NULL, 0, 1);
        }
        return all;
}

static void test_threads(void **state)
{
        /* Partitions small enough that producers meet FULL, if they are ahead. */
        struct bus_embedded_options options = {.mode = BUS_EMBEDDED_THREADED, .log.partition_bytes_max = 16384};
        static struct shared shared;
        struct producer producers[PRODUCERS];
        pthread_t threads[PRODUCERS + 2];
        struct bus *bus;

        (void)state;
        assert_int_equal(bus_embedded_new(&options, &shared.embedded), ERR_OK);
        pthread_barrier_init(&shared.ready, NULL, PRODUCERS + 3);
        bus = open_bus(&shared);
        assert_int_equal(bus->ops->assign(bus, BUS_FRONTENDS, 0), ERR_OK);
        for (size_t i = 0; i < PRODUCERS; i++) {
                producers[i] = (struct producer){&shared, i * RECORDS};
                assert_int_equal(pthread_create(&threads[i], NULL, produce, &producers[i]), 0);
        }
        for (size_t i = 0; i < 2; i++)
                assert_int_equal(pthread_create(&threads[PRODUCERS + i], NULL, work, &shared), 0);
        pthread_barrier_wait(&shared.ready);

        assert_int_equal(collect(&shared, bus), PRODUCERS * RECORDS);
        assert_int_equal(bus->ops->publish(bus, &(struct bus_message){.topic = BUS_FRONTENDS, .partition = 1}), ERR_OK);
        assert_int_equal(bus->ops->flush(bus, 0), ERR_OK);
        for (size_t i = 0; i < countof(threads); i++)
                pthread_join(threads[i], NULL);
        bus->ops->free(&bus);
        bus_embedded_free(&shared.embedded);
        pthread_barrier_destroy(&shared.ready);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {cmocka_unit_test(test_threads)};

        return cmocka_run_group_tests_name("bus, embedded, among threads", tests, NULL, NULL);
}
