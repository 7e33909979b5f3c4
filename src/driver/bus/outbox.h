/*
 * What one handle has published and not yet flushed: messages one after the other in one block that grows up
 * to a limit and is used again. The handle owns it. The partition is chosen when the message is put in,
 * outside the log's lock.
 */
#ifndef GALKA_DRIVER_BUS_OUTBOX_H
#define GALKA_DRIVER_BUS_OUTBOX_H

#include "seam/bus.h"

struct outbox {
        uint8_t *bytes;
        size_t used, size, size_max;
};

void outbox_init(struct outbox *outbox, size_t size_max);
void outbox_finish(struct outbox *outbox);

/* FULL: the limit is reached. NO_MEMORY. */
must_use enum error outbox_put(struct outbox *outbox, const struct bus_message *message, int32_t partition);

/* Walks the messages in order: *at is 0 for the first. False at the end. The slices point into the outbox. */
bool outbox_next(const struct outbox *outbox, size_t *at, struct bus_message *message);

void outbox_clear(struct outbox *outbox);

#endif
