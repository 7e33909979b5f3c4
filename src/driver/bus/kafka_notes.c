/* Notes in the metadata of commits; see kafka_notes.h. */
#include "driver/bus/kafka_notes.h"

#include "base/assert.h"
#include "base/memory.h"
#include "driver/bus/kafka_inside.h"

struct kafka_notes {
        struct notes notes;
        struct kafka_consumer *consumer;
        struct notes *local;
        enum { NOTE_IDLE, NOTE_LOCAL, NOTE_COMMIT, NOTE_REFUSED } state;
        struct noted noted;
        uint64_t tag;
};

static struct kafka_notes *notes_of(struct notes *notes)
{
        return container_of(notes, struct kafka_notes, notes);
}

static void kafka_notes_free(struct notes **notes_p)
{
        struct kafka_notes *notes = *notes_p ? notes_of(*notes_p) : NULL;

        if (!notes)
                return;
        *notes_p = NULL;
        if (notes->local)
                notes->local->ops->free(&notes->local);
        memory_free(notes);
}

/* What it waits for comes with the bus's events, so the bus's descriptor speaks for it. */
static int kafka_notes_fd(struct notes *notes)
{
        (void)notes;
        return -1;
}

static void kafka_notes_enter(struct notes *notes)
{
        struct notes *local = notes_of(notes)->local;

        if (local)
                local->ops->enter(local);
}

static enum notes_care kafka_notes_care(struct notes *notes)
{
        const struct kafka_consumer *consumer = notes_of(notes)->consumer;
        struct notes *local = notes_of(notes)->local;
        enum notes_care care = local ? local->ops->care(local) : NOTES_CARELESS;

        for (uint32_t i = 0; i < consumer->count; i++) {
                const struct kafka_held *held = &consumer->held[i];

                if (held->state == KAFKA_NOT_HELD || held->found == KAFKA_UNKNOWN)
                        continue;
                care = max_of(care, held->found_count < NOTES_CRASHES_MAX ? NOTES_SINGLY : NOTES_KNOWN);
        }
        return care;
}

/* How often it was noted by workers that then vanished. */
static unsigned found_of(const struct kafka_consumer *consumer, const struct noted *record)
{
        const struct kafka_held *held;

        if (record->partition < 0 || (uint32_t)record->partition >= consumer->count)
                return 0;
        held = &consumer->held[record->partition];
        return held->found == (int64_t)record->offset ? held->found_count : 0;
}

static unsigned kafka_notes_crashes(struct notes *notes, const struct noted *record)
{
        struct notes *local = notes_of(notes)->local;
        unsigned known = local ? local->ops->crashes(local, record) : 0;

        return max_of(known, found_of(notes_of(notes)->consumer, record));
}

static enum error send_note(struct kafka_notes *notes)
{
        return kafka_commit(notes->consumer, notes->noted.partition, (int64_t)notes->noted.offset,
                            found_of(notes->consumer, &notes->noted) + 1, notes->tag);
}

static enum error kafka_notes_note(struct notes *base, const struct noted *record, uint64_t tag)
{
        struct kafka_notes *notes = notes_of(base);
        enum error error;

        check(record->topic == notes->consumer->topic);
        if (notes->state != NOTE_IDLE)
                return ERR_FULL;
        notes->noted = *record;
        notes->tag = tag;
        error = notes->local ? notes->local->ops->note(notes->local, record, tag) : send_note(notes);
        if (!error)
                notes->state = notes->local ? NOTE_LOCAL : NOTE_COMMIT;
        return error;
}

static void kafka_notes_lend(struct notes *notes)
{
        struct notes *local = notes_of(notes)->local;

        if (local) /* in Kafka a vanished worker is blamed for it anyhow */
                local->ops->lend(local);
}

static void kafka_notes_done(struct notes *notes)
{
        struct notes *local = notes_of(notes)->local;

        if (local) /* in Kafka it stands until the next commit of the partition */
                local->ops->done(local);
}

static size_t kafka_notes_poll(struct notes *base, struct completion *completions, size_t max)
{
        struct kafka_notes *notes = notes_of(base);
        struct kafka_consumer *consumer = notes->consumer;
        struct completion local;

        if (max == 0)
                return 0;
        if (notes->state == NOTE_LOCAL && notes->local->ops->poll(notes->local, &local, 1) == 1)
                notes->state = local.outcome == OUTCOME_OK && send_note(notes) == ERR_OK ? NOTE_COMMIT : NOTE_REFUSED;
        if (notes->state == NOTE_REFUSED)
                completions[0] = (struct completion){.tag = notes->tag, .outcome = OUTCOME_FAILED};
        else if (notes->state == NOTE_COMMIT && consumer->note_done)
                completions[0] = consumer->note;
        else
                return 0;
        consumer->note_done = false;
        notes->state = NOTE_IDLE;
        return 1;
}

enum error bus_kafka_notes_new(struct bus *bus, enum bus_topic topic, struct notes *local, struct notes **notes_p)
{
        static const struct notes_ops ops = {.free = kafka_notes_free,
                                             .fd = kafka_notes_fd,
                                             .enter = kafka_notes_enter,
                                             .care = kafka_notes_care,
                                             .crashes = kafka_notes_crashes,
                                             .note = kafka_notes_note,
                                             .lend = kafka_notes_lend,
                                             .done = kafka_notes_done,
                                             .poll = kafka_notes_poll};
        struct kafka_notes *notes = memory_new(sizeof(*notes));

        *notes_p = NULL;
        if (!notes)
                return ERR_NO_MEMORY;
        *notes = (struct kafka_notes){.notes.ops = &ops, .consumer = kafka_consumer_of(bus, topic), .local = local};
        check(notes->consumer); /* bus_kafka_open was told that the handle reads it */
        *notes_p = &notes->notes;
        return ERR_OK;
}
