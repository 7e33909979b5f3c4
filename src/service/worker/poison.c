/*
 * Poison (L10): a record that cannot be read or that no client could have made goes to the dead letters, as facts of its
 * envelope: who, where, which code and request, never the body. What a client filled in wrongly is no poison but refused. What
 * crashed its worker NOTES_CRASHES_MAX times is poison too (phase_note.c, seam/notes.h).
 */
#include "service/worker/state.h"

#include <stdio.h>

#define FACTS_SIZE_MAX 256

/* The frame's header alone: code and the fields that its code has. */
static struct slice header_of(const struct item *item)
{
        size_t size = item->envelope.frame.size;

        if (size && item->frame.message)
                size -= item->frame.body.size;
        return slice_of(item->envelope.frame.data, min_of(size, WIRE_HEADER_SIZE_MAX));
}

void batch_poison(struct batch *batch, struct item *item, enum error error)
{
        const struct service *service = batch->worker->service;
        struct wire_envelope facts = item->envelope;
        char *key = batch_take(batch, BUS_KEY_SIZE_MAX);
        struct bus_message message = {.topic = BUS_DEAD_LETTERS, .partition = BUS_PARTITION_BYKEY};

        check(error != ERR_OK);
        event_note(batch->worker->seams.events, EVENT_ERROR, "worker.poison", &item->frame.request,
                   {"service", service->name}, {"error", error_name(error)}, {"partition", NULL, (uint64_t)item->partition},
                   {"offset", NULL, item->offset.offset});
        item->state = ITEM_REFUSED;
        batch->worker->counts.poison++;
        if (!key)
                return;
        snprintf(key, BUS_KEY_SIZE_MAX, "%s/%d/%llu", bus_topic_name(service->topic), item->partition,
                 (unsigned long long)item->offset.offset);
        message.key = slice_text(key);
        facts.frame = item->frame.message ? header_of(item) : (struct slice){0};
        output_record(batch, item, message, WIRE_CODE_envelope, &facts, FACTS_SIZE_MAX);
        if (!id_is_zero(&item->envelope.epoch) && !id_is_zero(&item->frame.request))
                batch_refuse(batch, item, error, NULL, 0);
}
