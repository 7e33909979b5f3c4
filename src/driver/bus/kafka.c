/*
 * Handles; see kafka.h. A handle's descriptor is an epoll set of an eventfd, which librdkafka's queues write to when something comes
 * into an empty one, and a timer, since that is not all there is: questions that are to be asked again, and wake-ups that it forgets.
 *
 * poll looks first and clears the eventfd only when it found everything empty, and then looks again: so what comes in between is
 * seen, and a busy handle makes no system calls.
 */
#include "driver/bus/kafka.h"

#include <stdio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/memory.h"
#include "driver/bus/kafka_inside.h"

struct handle {
        struct bus bus;
        struct bus_kafka *kafka;
        int fd, wake, timer;
        uint64_t timer_ms;
        struct kafka_report report;
        struct kafka_producer producer;
        struct kafka_consumer *consumers[BUS_TOPIC_COUNT];
        bool paused;
        rd_kafka_message_t *messages[KAFKA_RECORDS_MAX]; /* whose records the last poll handed out */
        size_t message_count;
};

static struct handle *handle_of(const struct bus *bus)
{
        return container_of(bus, struct handle, bus);
}

/* ---- the descriptor ---- */

static void wake(struct handle *handle)
{
        uint64_t one = 1;
        ssize_t written = write(handle->wake, &one, sizeof(one));

        (void)written;
}

/* Sets the timer anew, which makes it unreadable: to when held records go, or the next sweep. It must not be due before timer_ms: until
 * then nobody touches it, and a descriptor that stays readable makes its owner turn without rest. */
static bool set_timer(struct handle *handle)
{
        uint64_t now_ms = kafka_now_ms(), due_ms = kafka_lanes_due_ms(&handle->producer.lanes), ms = KAFKA_SWEEP_MS;
        struct itimerspec timer = {0};

        if (due_ms > now_ms)
                ms = min_of(ms, due_ms - now_ms);
        timer.it_value.tv_nsec = (long)ms * 1000000L;
        handle->timer_ms = now_ms + ms;
        return timerfd_settime(handle->timer, 0, &timer, NULL) == 0;
}

/* Held records may be due sooner than the timer is. */
static void look_at_lanes(struct handle *handle)
{
        uint64_t due_ms = kafka_lanes_due_ms(&handle->producer.lanes);

        if (due_ms > kafka_now_ms() && due_ms < handle->timer_ms)
                check(set_timer(handle));
}

static void clear(struct handle *handle)
{
        uint64_t count;
        ssize_t got = read(handle->wake, &count, sizeof(count));

        if (kafka_now_ms() >= handle->timer_ms)
                check(set_timer(handle));
        (void)got; /* nothing there: it was not readable */
}

static bool has(const struct handle *handle)
{
        if (kafka_producer_has(&handle->producer))
                return true;
        for (int i = 0; i < BUS_TOPIC_COUNT; i++)
                if (handle->consumers[i] && kafka_consumer_has(handle->consumers[i]))
                        return true;
        return false;
}

static int handle_fd(struct bus *bus)
{
        return handle_of(bus)->fd;
}

static bool watch(struct handle *handle, int fd)
{
        struct epoll_event event = {.events = EPOLLIN};

        return fd >= 0 && epoll_ctl(handle->fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

static enum error descriptors_open(struct handle *handle)
{
        handle->fd = epoll_create1(EPOLL_CLOEXEC);
        handle->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        handle->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
        if (handle->fd < 0 || handle->timer < 0 || !set_timer(handle))
                return ERR_SYSTEM;
        return watch(handle, handle->wake) && watch(handle, handle->timer) ? ERR_OK : ERR_SYSTEM;
}

/* ---- publishing ---- */

static uint32_t handle_partitions(struct bus *bus, enum bus_topic topic)
{
        return handle_of(bus)->kafka->partitions[topic];
}

static enum error handle_publish(struct bus *bus, const struct bus_message *message)
{
        return kafka_publish(&handle_of(bus)->producer, message);
}

static enum error handle_flush(struct bus *bus, uint64_t tag)
{
        struct handle *handle = handle_of(bus);
        enum error error = kafka_flush(&handle->producer, tag);

        look_at_lanes(handle);
        return error;
}

/* ---- reading ---- */

static enum error consumer_open(struct handle *handle, enum bus_topic topic, char *text)
{
        struct kafka_consumer *consumer;
        enum error error;

        if (handle->consumers[topic])
                return ERR_OK;
        consumer = memory_new(sizeof(*consumer));
        if (!consumer)
                return ERR_NO_MEMORY;
        error = kafka_consumer_init(consumer, handle->kafka, topic, handle->wake, &handle->report, text);
        if (error) {
                kafka_consumer_finish(consumer, false);
                memory_free(consumer);
                return error;
        }
        handle->consumers[topic] = consumer;
        kafka_consumer_pause(consumer, handle->paused);
        return ERR_OK;
}

static enum error handle_subscribe(struct bus *bus, enum bus_topic topic)
{
        struct handle *handle = handle_of(bus);
        char text[BUS_KAFKA_ERROR_SIZE];
        enum error error = consumer_open(handle, topic, text);

        return error ? error : kafka_consumer_subscribe(handle->consumers[topic]);
}

static enum error handle_assign(struct bus *bus, enum bus_topic topic, int32_t partition)
{
        struct handle *handle = handle_of(bus);
        char text[BUS_KAFKA_ERROR_SIZE];
        enum error error;

        if (partition < 0 || (uint32_t)partition >= handle->kafka->partitions[topic])
                return ERR_NOT_FOUND;
        error = consumer_open(handle, topic, text);
        return error ? error : kafka_consumer_assign(handle->consumers[topic], partition);
}

static enum error handle_commit(struct bus *bus, enum bus_topic topic, int32_t partition, uint64_t next, uint64_t tag)
{
        struct handle *handle = handle_of(bus);
        struct kafka_consumer *consumer = handle->consumers[topic];
        enum error error = consumer ? kafka_commit(consumer, partition, (int64_t)next, 0, tag) : ERR_NOT_FOUND;

        if (!error)
                wake(handle);
        return error;
}

static void handle_pause(struct bus *bus, bool paused)
{
        struct handle *handle = handle_of(bus);

        if (handle->paused == paused)
                return;
        handle->paused = paused;
        for (int i = 0; i < BUS_TOPIC_COUNT; i++)
                if (handle->consumers[i])
                        kafka_consumer_pause(handle->consumers[i], paused);
}

static enum error handle_seek(struct bus *bus, enum bus_topic topic, int32_t partition, uint64_t offset)
{
        struct handle *handle = handle_of(bus);
        enum error error =
                handle->consumers[topic] ? kafka_consumer_seek(handle->consumers[topic], partition, offset) : ERR_NOT_FOUND;

        if (!error)
                wake(handle);
        return error;
}

static enum error handle_lag(struct bus *bus, enum bus_topic topic, int32_t partition, uint64_t *records)
{
        struct kafka_consumer *consumer = handle_of(bus)->consumers[topic];

        return consumer ? kafka_consumer_lag(consumer, partition, records) : ERR_NOT_FOUND;
}

/* ---- poll ---- */

static void release(struct handle *handle)
{
        while (handle->message_count)
                rd_kafka_message_destroy(handle->messages[--handle->message_count]);
}

static size_t take_records(struct handle *handle, struct kafka_consumer *consumer, struct bus_event *events, size_t max)
{
        size_t room = min_of(max, KAFKA_RECORDS_MAX - handle->message_count), count;

        count = kafka_consumer_records(consumer, events, handle->messages + handle->message_count, room);
        handle->message_count += count;
        return count;
}

/* All there is now, up to max. */
static size_t look(struct handle *handle, struct bus_event *events, size_t max)
{
        size_t count, before;

        kafka_producer_serve(&handle->producer);
        count = kafka_producer_poll(&handle->producer, events, max);
        for (int i = 0; i < BUS_TOPIC_COUNT; i++) {
                struct kafka_consumer *consumer = handle->consumers[i];

                if (!consumer)
                        continue;
                kafka_consumer_serve(consumer);
                do { /* news come before the records that they are about */
                        before = count;
                        count += kafka_consumer_poll(consumer, events + count, max - count);
                        if (!handle->paused)
                                count += take_records(handle, consumer, events + count, max - count);
                } while (count > before && count < max && handle->message_count < KAFKA_RECORDS_MAX);
        }
        return count;
}

static size_t handle_poll(struct bus *bus, struct bus_event *events, size_t max)
{
        struct handle *handle = handle_of(bus);
        size_t count;

        release(handle);
        for (int i = 0; i < BUS_TOPIC_COUNT; i++)
                if (handle->consumers[i])
                        kafka_group_give_back(handle->consumers[i]);
        count = look(handle, events, max);
        if (count < max && handle->message_count < KAFKA_RECORDS_MAX) {
                clear(handle);
                count += look(handle, events + count, max - count);
        }
        look_at_lanes(handle);
        /* Full: there may be more, and what was there before the descriptor was cleared does not write to it again. */
        if (count == max || handle->message_count == KAFKA_RECORDS_MAX || has(handle))
                wake(handle);
        return count;
}

/* ---- life ---- */

static void handle_finish(struct handle *handle, bool well)
{
        release(handle);
        for (int i = 0; i < BUS_TOPIC_COUNT; i++) {
                if (!handle->consumers[i])
                        continue;
                kafka_consumer_finish(handle->consumers[i], well);
                memory_free(handle->consumers[i]);
        }
        kafka_producer_finish(&handle->producer, well ? KAFKA_GOODBYE_MS : 0);
        if (handle->wake >= 0)
                close(handle->wake);
        if (handle->timer >= 0)
                close(handle->timer);
        if (handle->fd >= 0)
                close(handle->fd);
        atomic_fetch_sub(&handle->kafka->handles, 1);
        memory_free(handle);
}

static void handle_free(struct bus **bus)
{
        struct handle *handle = *bus ? handle_of(*bus) : NULL;

        *bus = NULL;
        if (handle)
                handle_finish(handle, true);
}

void bus_kafka_crash(struct bus **bus)
{
        struct handle *handle = handle_of(*bus);

        *bus = NULL;
        handle_finish(handle, false);
}

static const struct bus_ops handle_ops = {
        .free = handle_free,
        .fd = handle_fd,
        .partitions = handle_partitions,
        .publish = handle_publish,
        .flush = handle_flush,
        .subscribe = handle_subscribe,
        .assign = handle_assign,
        .poll = handle_poll,
        .commit = handle_commit,
        .pause = handle_pause,
        .seek = handle_seek,
        .lag = handle_lag,
};

enum error bus_kafka_open(struct bus_kafka *kafka, enum bus_topic reads, struct bus **bus,
                          char text[static BUS_KAFKA_ERROR_SIZE])
{
        struct handle *handle = memory_new(sizeof(*handle));
        enum error error;

        *bus = NULL;
        text[0] = '\0';
        if (!handle)
                return ERR_NO_MEMORY;
        *handle = (struct handle){.bus.ops = &handle_ops,
                                  .kafka = kafka,
                                  .fd = -1,
                                  .wake = -1,
                                  .timer = -1,
                                  .report.events = kafka->options.events};
        atomic_fetch_add(&kafka->handles, 1);
        error = descriptors_open(handle);
        if (!error)
                error = kafka_producer_init(&handle->producer, kafka, handle->wake, &handle->report, text);
        if (!error && reads != BUS_TOPIC_COUNT)
                error = consumer_open(handle, reads, text);
        if (!error && reads != BUS_TOPIC_COUNT && reads != BUS_FRONTENDS)
                error = kafka_start_place(kafka, handle->consumers[reads]->client, reads, text);
        if (error) {
                if (!text[0])
                        snprintf(text, BUS_KAFKA_ERROR_SIZE, "Kafka: %s", error_text(error));
                handle_finish(handle, false);
                return error;
        }
        *bus = &handle->bus;
        return ERR_OK;
}

struct kafka_consumer *kafka_consumer_of(struct bus *bus, enum bus_topic topic)
{
        check(bus->ops == &handle_ops);
        return handle_of(bus)->consumers[topic];
}

enum error bus_kafka_new(const struct bus_kafka_options *options, struct bus_kafka **kafka_p,
                         char text[static BUS_KAFKA_ERROR_SIZE])
{
        struct bus_kafka *kafka = memory_new(sizeof(*kafka));
        enum error error;

        *kafka_p = NULL;
        text[0] = '\0';
        if (!kafka)
                return ERR_NO_MEMORY;
        error = kafka_options_take(kafka, options, text);
        if (!error)
                error = kafka_start_check(kafka, text);
        if (error) {
                bus_kafka_free(&kafka);
                return error;
        }
        *kafka_p = kafka;
        return ERR_OK;
}

void bus_kafka_free(struct bus_kafka **kafka_p)
{
        struct bus_kafka *kafka = *kafka_p;

        if (!kafka)
                return;
        *kafka_p = NULL;
        check(atomic_load(&kafka->handles) == 0);
        memory_free(kafka);
}
