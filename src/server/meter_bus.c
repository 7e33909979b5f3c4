/* The meter of the bus; see meter.h. */
#include "server/meter.h"

#include "base/memory.h"
#include "server/flights.h"

struct bus_meter {
        struct bus bus;
        struct bus *inner;
        struct metrics *metrics;
        struct clock *clock;
        struct flights flights;
        uint64_t look_us;
        enum bus_topic topic; /* what the role reads, */
        uint32_t partitions;  /* how many there are of it, */
        bool *reads;          /* and which of them are its own */
};

static struct bus_meter *meter_of(struct bus *bus)
{
        return container_of(bus, struct bus_meter, bus);
}

static uint64_t now_us(struct bus_meter *meter)
{
        return meter->clock->monotonic_us(meter->clock);
}

/* ---- what the role asks for ---- */

static enum error bus_meter_publish(struct bus *bus, const struct bus_message *message)
{
        struct bus_meter *meter = meter_of(bus);
        enum error error = meter->inner->ops->publish(meter->inner, message);

        metrics_add(meter->metrics,
                    error == ERR_OK     ? METRIC_BUS_PUBLISHED
                    : error == ERR_FULL ? METRIC_BUS_FULL
                                        : METRIC_BUS_REFUSED,
                    1);
        if (!error)
                metrics_add(meter->metrics, METRIC_BUS_PUBLISHED_BYTES, message->key.size + message->value.size);
        return error;
}

static void leave(struct bus_meter *meter, uint64_t tag, enum histogram histogram)
{
        flights_leave(&meter->flights, tag, now_us(meter), histogram);
        metrics_set(meter->metrics, METRIC_BUS_WAITING, meter->flights.count);
}

static enum error bus_meter_flush(struct bus *bus, uint64_t tag)
{
        struct bus_meter *meter = meter_of(bus);
        enum error error = meter->inner->ops->flush(meter->inner, tag);

        if (!error && tag)
                leave(meter, tag, HISTOGRAM_BUS_FLUSH);
        return error;
}

static enum error bus_meter_commit(struct bus *bus, enum bus_topic topic, int32_t partition, uint64_t next, uint64_t tag)
{
        struct bus_meter *meter = meter_of(bus);
        enum error error = meter->inner->ops->commit(meter->inner, topic, partition, next, tag);

        if (!error)
                leave(meter, tag, HISTOGRAM_BUS_COMMIT);
        return error;
}

/* A role reads one topic; another one would find no place here, and is not looked at. */
static void note_topic(struct bus_meter *meter, enum bus_topic topic)
{
        if (meter->reads)
                return;
        meter->topic = topic;
        meter->partitions = meter->inner->ops->partitions(meter->inner, topic);
        meter->reads = memory_new(meter->partitions);
}

static enum error bus_meter_subscribe(struct bus *bus, enum bus_topic topic)
{
        note_topic(meter_of(bus), topic);
        return meter_of(bus)->inner->ops->subscribe(meter_of(bus)->inner, topic);
}

static enum error bus_meter_assign(struct bus *bus, enum bus_topic topic, int32_t partition)
{
        note_topic(meter_of(bus), topic);
        return meter_of(bus)->inner->ops->assign(meter_of(bus)->inner, topic, partition);
}

/* ---- what comes back ---- */

static void note_reads(struct bus_meter *meter, const struct bus_record *place, bool reads)
{
        uint32_t count = 0;

        metrics_add(meter->metrics, reads ? METRIC_BUS_ASSIGNED : METRIC_BUS_REVOKED, 1);
        if (!meter->reads || place->topic != meter->topic || (uint32_t)place->partition >= meter->partitions)
                return;
        meter->reads[place->partition] = reads;
        metrics_set_lag(meter->metrics, (uint32_t)place->partition, false, 0);
        for (uint32_t i = 0; i < meter->partitions; i++)
                count += meter->reads[i];
        metrics_set(meter->metrics, METRIC_BUS_PARTITIONS, count);
}

static void note_completion(struct bus_meter *meter, const struct bus_event *event)
{
        enum metric first = event->kind == BUS_EVENT_FLUSHED ? METRIC_BUS_FLUSHED_OK : METRIC_BUS_COMMITTED_OK;
        enum histogram histogram;

        _Static_assert(METRIC_BUS_FLUSHED_OK + OUTCOME_UNCERTAIN == METRIC_BUS_FLUSHED_UNCERTAIN,
                       "in the order of outcomes");
        _Static_assert(METRIC_BUS_COMMITTED_OK + OUTCOME_UNCERTAIN == METRIC_BUS_COMMITTED_UNCERTAIN,
                       "in the order of outcomes");
        metrics_add(meter->metrics, (enum metric)(first + event->completion.outcome), 1);
        (void)flights_return(&meter->flights, event->completion.tag, now_us(meter), meter->metrics, &histogram);
        metrics_set(meter->metrics, METRIC_BUS_WAITING, meter->flights.count);
}

static void note_event(struct bus_meter *meter, const struct bus_event *event)
{
        switch (event->kind) {
        case BUS_EVENT_RECORD:
                metrics_add(meter->metrics, METRIC_BUS_RECORDS, 1);
                metrics_add(meter->metrics, METRIC_BUS_RECORD_BYTES, event->record.key.size + event->record.value.size);
                break;
        case BUS_EVENT_FLUSHED:
        case BUS_EVENT_COMMITTED:
                note_completion(meter, event);
                break;
        case BUS_EVENT_LEAVING:
                break;
        case BUS_EVENT_ASSIGNED:
        case BUS_EVENT_REVOKED:
                note_reads(meter, &event->record, event->kind == BUS_EVENT_ASSIGNED);
                break;
        case BUS_EVENT_LOST:
                metrics_add(meter->metrics, METRIC_BUS_LOST, 1);
                break;
        }
}

/* How far behind the role is, and whether the bus answers. */
static void look(struct bus_meter *meter)
{
        struct bus *inner = meter->inner;
        enum error error = ERR_OK;
        uint64_t records;

        for (uint32_t i = 0; meter->reads && i < meter->partitions && error != ERR_CLOSED; i++) {
                if (!meter->reads[i])
                        continue;
                error = inner->ops->lag(inner, meter->topic, (int32_t)i, &records);
                metrics_set_lag(meter->metrics, i, error == ERR_OK, records);
        }
        /* Who has no partition asks for one all the same: only whether there is an answer counts. */
        if (error == ERR_OK)
                error = inner->ops->lag(inner, meter->topic, 0, &records);
        metrics_set(meter->metrics, METRIC_BUS_UP, error != ERR_CLOSED);
}

static size_t bus_meter_poll(struct bus *bus, struct bus_event *events, size_t max)
{
        struct bus_meter *meter = meter_of(bus);
        size_t count = meter->inner->ops->poll(meter->inner, events, max);
        uint64_t now;

        for (size_t i = 0; i < count; i++)
                note_event(meter, &events[i]);
        now = now_us(meter);
        if (now >= meter->look_us) {
                meter->look_us = now + METER_LOOK_MS * 1000;
                look(meter);
        }
        return count;
}

/* ---- handed on as they are ---- */

static int bus_meter_fd(struct bus *bus)
{
        return meter_of(bus)->inner->ops->fd(meter_of(bus)->inner);
}

static uint32_t bus_meter_partitions(struct bus *bus, enum bus_topic topic)
{
        return meter_of(bus)->inner->ops->partitions(meter_of(bus)->inner, topic);
}

static void bus_meter_pause(struct bus *bus, bool paused)
{
        meter_of(bus)->inner->ops->pause(meter_of(bus)->inner, paused);
}

static enum error bus_meter_seek(struct bus *bus, enum bus_topic topic, int32_t partition, uint64_t offset)
{
        return meter_of(bus)->inner->ops->seek(meter_of(bus)->inner, topic, partition, offset);
}

static enum error bus_meter_lag(struct bus *bus, enum bus_topic topic, int32_t partition, uint64_t *records)
{
        return meter_of(bus)->inner->ops->lag(meter_of(bus)->inner, topic, partition, records);
}

static void bus_meter_free(struct bus **bus)
{
        struct bus_meter *meter;

        if (!*bus)
                return;
        meter = meter_of(*bus);
        *bus = NULL;
        meter->inner->ops->free(&meter->inner);
        memory_free(meter->reads);
        memory_free(meter);
}

enum error meter_bus(struct bus **bus, struct metrics *metrics, struct clock *clock)
{
        static const struct bus_ops ops = {
                .free = bus_meter_free,
                .fd = bus_meter_fd,
                .partitions = bus_meter_partitions,
                .publish = bus_meter_publish,
                .flush = bus_meter_flush,
                .subscribe = bus_meter_subscribe,
                .assign = bus_meter_assign,
                .poll = bus_meter_poll,
                .commit = bus_meter_commit,
                .pause = bus_meter_pause,
                .seek = bus_meter_seek,
                .lag = bus_meter_lag,
        };
        struct bus_meter *meter = memory_new(sizeof(*meter));

        if (!meter)
                return ERR_NO_MEMORY;
        meter->bus.ops = &ops;
        meter->inner = *bus;
        meter->metrics = metrics;
        meter->clock = clock;
        metrics->groups |= METRICS_BUS;
        *bus = &meter->bus;
        return ERR_OK;
}
