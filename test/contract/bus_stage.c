/* See bus_stage.h. */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/assert.h"
#include "base/memory.h"
#include "contract/bus_stage.h"

#define SETTLE_TRIES 20
#define TESTS_MAX    64

const struct bus_driver *driver;

/* The one that is played now. */
static struct stage *playing;

static uint64_t now_ms(void)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void see(struct seen *seen, const struct bus_event *event)
{
        const struct bus_record *record = &event->record;

        switch (event->kind) {
        case BUS_EVENT_RECORD:
                assert_true(seen->count < NUMBERS_MAX);
                assert_true(record->value.size >= 8);
                seen->numbers[seen->count] = be64_get(record->value.data);
                seen->partitions[seen->count] = record->partition;
                seen->offsets[seen->count++] = record->offset;
                seen->next[record->partition] = record->offset + 1;
                break;
        case BUS_EVENT_ASSIGNED:
                seen->assigned[record->partition]++;
                seen->start[record->partition] = record->offset;
                break;
        case BUS_EVENT_LEAVING:
                seen->leaving++;
                break;
        case BUS_EVENT_REVOKED:
                seen->revoked[record->partition]++;
                break;
        case BUS_EVENT_LOST:
                seen->lost++;
                break;
        case BUS_EVENT_FLUSHED:
                seen->flushed++;
                seen->last = event->completion;
                break;
        case BUS_EVENT_COMMITTED:
                seen->committed++;
                seen->last = event->completion;
                break;
        }
}

/* Polls once. Returns false when there was nothing. */
bool look(struct bus *bus, struct seen *seen)
{
        struct bus_event events[37]; /* an odd number, so that batches end anywhere */
        size_t count = bus->ops->poll(bus, events, countof(events));

        for (size_t i = 0; i < count; i++)
                see(seen, &events[i]);
        return count > 0;
}

bool readable(struct bus *bus, int wait_ms)
{
        struct pollfd waiting = {.fd = bus->ops->fd(bus), .events = POLLIN};

        return poll(&waiting, 1, wait_ms) == 1;
}

void await_readable(struct bus *bus)
{
        assert_true(driver->has_fd && readable(bus, driver->wait_ms));
}

/* A driver may be readable now and then for its own sake. */
void settle(struct bus *bus, struct seen *seen)
{
        for (int i = 0; i < SETTLE_TRIES; i++) {
                while (look(bus, seen))
                        ;
                if (!driver->has_fd || !readable(bus, 0))
                        return;
        }
        fail_msg("readable, and nothing comes");
}

/* Polls until *counter is at least `wanted`. */
void await(struct bus *bus, struct seen *seen, const unsigned *counter, unsigned wanted)
{
        uint64_t end_ms = now_ms() + (uint64_t)driver->wait_ms;

        for (;;) {
                while (look(bus, seen))
                        ;
                if (*counter >= wanted)
                        return;
                await_readable(bus);
                assert_true(now_ms() < end_ms);
        }
}

void await_records(struct bus *bus, struct seen *seen, size_t wanted)
{
        uint64_t end_ms = now_ms() + (uint64_t)driver->wait_ms;

        for (;;) {
                while (look(bus, seen))
                        ;
                if (seen->count >= wanted)
                        return;
                await_readable(bus);
                assert_true(now_ms() < end_ms);
        }
}

struct seen *seen_new(void)
{
        struct seen *seen = memory_new(sizeof(*seen));

        assert_non_null(seen);
        return seen;
}

enum error publish_to(struct bus *bus, enum bus_topic topic, int32_t partition, uint64_t key, uint64_t number)
{
        uint8_t key_bytes[8], value[8];

        be64_put(key_bytes, key);
        be64_put(value, number);
        return bus->ops->publish(bus, &(struct bus_message){.topic = topic,
                                                            .partition = partition,
                                                            .key = slice_of(key_bytes, 8),
                                                            .value = slice_of(value, 8)});
}

void publish(struct bus *bus, uint64_t key, uint64_t number)
{
        assert_int_equal(publish_to(bus, BUS_SESSION, BUS_PARTITION_BYKEY, key, number), ERR_OK);
}

/* Flushes and waits for the answer, which must be OK. */
void flush(struct bus *bus)
{
        struct seen *seen = seen_new();

        assert_int_equal(bus->ops->flush(bus, 77), ERR_OK);
        await(bus, seen, &seen->flushed, 1);
        assert_int_equal(seen->last.tag, 77);
        assert_int_equal(seen->last.outcome, OUTCOME_OK);
        memory_free(seen);
}

enum outcome commit(struct bus *bus, struct seen *seen, int32_t partition, uint64_t next)
{
        unsigned before = seen->committed;

        assert_int_equal(bus->ops->commit(bus, BUS_SESSION, partition, next, 5), ERR_OK);
        await(bus, seen, &seen->committed, before + 1);
        assert_int_equal(seen->last.tag, 5);
        return seen->last.outcome;
}

void commit_all(struct bus *bus, struct seen *seen)
{
        for (int32_t i = 0; i < BUS_TEST_PARTITIONS; i++)
                if (seen->next[i])
                        assert_int_equal(commit(bus, seen, i, seen->next[i]), OUTCOME_OK);
}

int stage_new(void **state)
{
        struct stage *stage = memory_new(sizeof(*stage));

        if (!stage)
                return -1;
        stage->world = driver->world_new();
        stage->producer = driver->open(stage->world);
        stage->alice = driver->open(stage->world);
        stage->bob = driver->open(stage->world);
        stage->alice_saw = seen_new();
        stage->bob_saw = seen_new();
        *state = playing = stage;
        return 0;
}

int stage_free(void **state)
{
        struct stage *stage = *state;
        struct bus *handles[] = {stage->producer, stage->alice, stage->bob};

        for (size_t i = 0; i < countof(handles); i++)
                if (handles[i])
                        handles[i]->ops->free(&handles[i]);
        driver->world_free(stage->world);
        memory_free(stage->alice_saw);
        memory_free(stage->bob_saw);
        memory_free(stage);
        return 0;
}

/* ---- running ---- */

/* Every parts-th test. */
static int play_part(const char *name, const struct CMUnitTest *tests, size_t count, size_t part, size_t parts)
{
        struct CMUnitTest own[TESTS_MAX];
        size_t owned = 0;

        check(count <= TESTS_MAX);
        for (size_t i = part; i < count; i += parts)
                own[owned++] = tests[i];
        return _cmocka_run_group_tests(name, own, owned, NULL, NULL);
}

int play_all(const char *name, const struct CMUnitTest *tests, size_t count)
{
        size_t parts = driver->parts ? (size_t)driver->parts : 1;
        int failed = 0, status;

        if (driver->available && !driver->available())
                return 0;
        if (parts == 1)
                return play_part(name, tests, count, 0, 1);
        fflush(NULL);
        for (size_t part = 0; part < parts; part++) {
                pid_t child = fork();

                check(child >= 0);
                if (child == 0)
                        exit(play_part(name, tests, count, part, parts) ? 1 : 0);
        }
        while (wait(&status) > 0)
                failed += status != 0;
        return failed;
}

/* ---- groups ---- */

static unsigned holds(const struct seen *seen)
{
        unsigned held = 0;

        for (int i = 0; i < BUS_TEST_PARTITIONS; i++)
                held += seen->assigned[i] > seen->revoked[i];
        return held;
}

/* Where a rebalance takes all its members, the others have to poll too, as their threads would. */
void subscribe(struct bus *bus, struct seen *seen, unsigned partitions)
{
        struct bus *other = bus == playing->alice ? playing->bob : playing->alice;
        struct seen *other_saw = bus == playing->alice ? playing->bob_saw : playing->alice_saw;
        uint64_t end_ms = now_ms() + (uint64_t)driver->wait_ms;

        assert_int_equal(bus->ops->subscribe(bus, BUS_SESSION), ERR_OK);
        while (holds(seen) != partitions) {
                bool moved = look(bus, seen);

                moved = (other && look(other, other_saw)) || moved;
                if (!moved) {
                        assert_true(driver->has_fd);
                        readable(bus, 10);
                }
                assert_true(now_ms() < end_ms);
        }
}

bool saw_all(const struct seen *seen, uint64_t count)
{
        static uint8_t times[NUMBERS_MAX];

        memset(times, 0, sizeof(times));
        for (size_t i = 0; i < seen->count; i++)
                times[seen->numbers[i]] = 1;
        return memchr(times, 0, count) == NULL;
}

/* Every number below `count` was seen by one of the two, and the number of repeats is right. */
void assert_all_seen(const struct stage *stage, uint64_t count, size_t repeats)
{
        static uint8_t times[NUMBERS_MAX];
        const struct seen *both[] = {stage->alice_saw, stage->bob_saw};
        size_t sum = 0;

        memset(times, 0, sizeof(times));
        for (size_t who = 0; who < 2; who++) {
                for (size_t i = 0; i < both[who]->count; i++)
                        times[both[who]->numbers[i]]++;
                sum += both[who]->count;
        }
        for (uint64_t number = 0; number < count; number++)
                assert_true(times[number] > 0);
        assert_int_equal(sum, count + repeats);
}
