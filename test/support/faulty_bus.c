/* See faulty_bus.h. */
#include "support/faulty_bus.h"

#include "base/assert.h"
#include "base/memory.h"
#include "driver/bus/embedded.h"
#include "driver/bus/outbox.h"

struct faulty_bus {
        struct bus bus;
        struct bus *inner;
        struct fault_queue queue;
        enum { FLUSH_UNDECIDED, FLUSH_DECIDED } flush;
        enum fault fault;    /* of the flush that is being filled */
        struct outbox again; /* DUPLICATE: the batch once more; LATE: the batch until the next one begins */
        bool late;           /* `again` is late */
        uint64_t cut;        /* records that the log lost: offsets are so much lower than the decorated bus's */
        bool tells_cut;
        struct bus_record lost; /* to be told */
        bool deaf;
        size_t awaited; /* completions of the decorated one */
};

static struct faulty_bus *faulty_of(struct bus *bus)
{
        return container_of(bus, struct faulty_bus, bus);
}

/* Hands on what is kept in `again`. What the decorated bus refuses is lost, as UNCERTAIN and repeats allow. */
static void again_publish(struct faulty_bus *faulty)
{
        struct bus_message message;

        for (size_t at = 0; outbox_next(&faulty->again, &at, &message);)
                if (faulty->inner->ops->publish(faulty->inner, &message))
                        break;
        outbox_clear(&faulty->again);
        faulty->late = false;
}

static void flush_decide(struct faulty_bus *faulty)
{
        if (faulty->flush == FLUSH_DECIDED)
                return;
        faulty->flush = FLUSH_DECIDED;
        if (faulty->late) {
                again_publish(faulty);
                (void)!faulty->inner->ops->flush(faulty->inner, 0);
        }
        faulty->fault = fault_choose(&faulty->queue, FAULT_FLUSH);
}

static enum error faulty_publish(struct bus *bus, const struct bus_message *message)
{
        struct faulty_bus *faulty = faulty_of(bus);
        enum error error = ERR_OK;

        flush_decide(faulty);
        if (fault_hands_on(faulty->fault) || faulty->fault == FAULT_REFUSE)
                error = faulty->inner->ops->publish(faulty->inner, message);
        /* The message keeps its partition as it was given: the decorated bus chooses it. */
        if (!error && (faulty->fault == FAULT_DUPLICATE || faulty->fault == FAULT_LATE))
                error = outbox_put(&faulty->again, message, message->partition);
        return error;
}

static enum error faulty_flush(struct bus *bus, uint64_t tag)
{
        struct faulty_bus *faulty = faulty_of(bus);
        enum fault fault;
        enum error error = ERR_OK;

        flush_decide(faulty);
        fault = faulty->fault;
        if (fault == FAULT_REFUSE) {
                faulty->fault = FAULT_NONE; /* the caller tries again, and is let through */
                return ERR_FULL;
        }
        if (fault == FAULT_DUPLICATE)
                again_publish(faulty);
        if (fault_hands_on(fault))
                error = faulty->inner->ops->flush(faulty->inner, tag);
        if (error)
                return error;
        faulty->late = fault == FAULT_LATE;
        faulty->flush = FLUSH_UNDECIDED;
        faulty->awaited += tag && fault_hands_on(fault);
        if (tag)
                fault_note(&faulty->queue, fault, BUS_EVENT_FLUSHED, tag);
        return ERR_OK;
}

static enum error faulty_commit(struct bus *bus, enum bus_topic topic, int32_t partition, uint64_t next, uint64_t tag)
{
        struct faulty_bus *faulty = faulty_of(bus);
        enum fault fault = fault_choose(&faulty->queue, FAULT_COMMIT);
        enum error error = ERR_OK;

        if (fault == FAULT_REFUSE)
                return ERR_FULL;
        if (fault_hands_on(fault))
                error = faulty->inner->ops->commit(faulty->inner, topic, partition, next + faulty->cut, tag);
        faulty->awaited += !error && fault_hands_on(fault);
        if (!error)
                fault_note(&faulty->queue, fault, BUS_EVENT_COMMITTED, tag);
        return error;
}

static size_t faulty_poll(struct bus *bus, struct bus_event *events, size_t max)
{
        struct faulty_bus *faulty = faulty_of(bus);
        struct completion completion;
        size_t count = 0, got;
        int kind;

        fault_tick(&faulty->queue);
        while (count < max && fault_take(&faulty->queue, &kind, &completion))
                events[count++] = (struct bus_event){.kind = (enum bus_event_kind)kind, .completion = completion};
        if (faulty->tells_cut && count < max) {
                faulty->tells_cut = false;
                events[count++] = (struct bus_event){.kind = BUS_EVENT_LOST, .record = faulty->lost};
        }
        max = faulty->deaf ? count + min_of(faulty->awaited, max - count) : max;
        got = faulty->inner->ops->poll(faulty->inner, events + count, max - count);
        for (size_t i = count, end = count + got; i < end; i++) {
                bool completes = events[i].kind == BUS_EVENT_FLUSHED || events[i].kind == BUS_EVENT_COMMITTED;

                faulty->awaited -= completes;
                if (completes && !fault_pass(&faulty->queue, (int)events[i].kind, &events[i].completion))
                        continue;
                if (events[i].kind == BUS_EVENT_RECORD)
                        events[i].record.offset -= faulty->cut;
                events[count++] = events[i];
        }
        return count;
}

/* ---- handed on as they are ---- */

static int faulty_fd(struct bus *bus)
{
        return faulty_of(bus)->inner->ops->fd(faulty_of(bus)->inner);
}

static uint32_t faulty_partitions(struct bus *bus, enum bus_topic topic)
{
        return faulty_of(bus)->inner->ops->partitions(faulty_of(bus)->inner, topic);
}

static enum error faulty_subscribe(struct bus *bus, enum bus_topic topic)
{
        return faulty_of(bus)->inner->ops->subscribe(faulty_of(bus)->inner, topic);
}

static enum error faulty_assign(struct bus *bus, enum bus_topic topic, int32_t partition)
{
        return faulty_of(bus)->inner->ops->assign(faulty_of(bus)->inner, topic, partition);
}

static void faulty_pause(struct bus *bus, bool paused)
{
        faulty_of(bus)->inner->ops->pause(faulty_of(bus)->inner, paused);
}

static enum error faulty_seek(struct bus *bus, enum bus_topic topic, int32_t partition, uint64_t offset)
{
        return faulty_of(bus)->inner->ops->seek(faulty_of(bus)->inner, topic, partition, offset);
}

static enum error faulty_lag(struct bus *bus, enum bus_topic topic, int32_t partition, uint64_t *records)
{
        return faulty_of(bus)->inner->ops->lag(faulty_of(bus)->inner, topic, partition, records);
}

/* ---- life ---- */

void faulty_bus_cut(struct bus *bus, enum bus_topic topic, int32_t partition, uint64_t next, uint64_t records)
{
        struct faulty_bus *faulty = faulty_of(bus);

        check(next >= records);
        faulty->cut += records;
        faulty->tells_cut = true;
        faulty->lost = (struct bus_record){.topic = topic, .partition = partition, .offset = next - records};
}

struct bus *faulty_bus_inner(struct bus *bus)
{
        return faulty_of(bus)->inner;
}

void faulty_bus_deafen(struct bus *bus, bool deaf)
{
        faulty_of(bus)->deaf = deaf;
}

struct bus *faulty_bus_drop(struct bus **bus)
{
        struct faulty_bus *faulty = faulty_of(*bus);
        struct bus *inner = faulty->inner;

        *bus = NULL;
        outbox_finish(&faulty->again);
        memory_free(faulty);
        return inner;
}

static void faulty_free(struct bus **bus)
{
        struct bus *inner;

        if (!*bus)
                return;
        inner = faulty_bus_drop(bus);
        inner->ops->free(&inner);
}

static const struct bus_ops faulty_ops = {
        .free = faulty_free,
        .fd = faulty_fd,
        .partitions = faulty_partitions,
        .publish = faulty_publish,
        .flush = faulty_flush,
        .subscribe = faulty_subscribe,
        .assign = faulty_assign,
        .poll = faulty_poll,
        .commit = faulty_commit,
        .pause = faulty_pause,
        .seek = faulty_seek,
        .lag = faulty_lag,
};

enum error faulty_bus_new(struct bus *inner, struct fault_plan *plan, struct bus **bus)
{
        struct faulty_bus *faulty = memory_new(sizeof(*faulty));

        if (!faulty)
                return ERR_NO_MEMORY;
        faulty->bus.ops = &faulty_ops;
        faulty->inner = inner;
        faulty->queue.plan = plan;
        outbox_init(&faulty->again, BUS_OUTBOX_BYTES);
        *bus = &faulty->bus;
        return ERR_OK;
}
