/*
 * Whom the user blocks: a list in the storage, so that what they wrote in groups is hidden without a link too. Join says whether there
 * is anybody; the list is then asked for by pages, and again when another device changed it.
 */
#ifndef GALKA_CORE_BLOCKS_H
#define GALKA_CORE_BLOCKS_H

#include "base/slice.h"
#include "core/core.h"
#include "rules/limits.h"

struct request;

struct user_list {
        uint64_t *users; /* ascending */
        uint32_t count, size;
};

struct blocks {
        struct user_list now, coming; /* coming: pages of the list that is being asked for */
        bool due, asked, again;       /* again: what is being asked for may be old */
        bool news;                    /* the list is another */
        uint8_t tries;
        uint64_t retry_ms; /* not before */
};

/* The record in the storage. */
void blocks_restore(struct core *core, struct slice value);
void blocks_forget(struct core *core);

/* Join was answered: so many are blocked. False: no memory. */
bool blocks_joined(struct core *core, uint64_t count);
void blocks_closed(struct core *core);

/* The server did what this device asked for. False: no memory. */
bool blocks_moved(struct core *core, uint64_t user, bool on);

/* Another device did. */
void blocks_changed(struct core *core);

bool blocks_answered(struct core *core, struct request *request, const struct wire_frame *frame, const void *message);
void blocks_failed(struct core *core, struct request *request, enum error error, uint64_t retry_after_ms);

void blocks_step(struct core *core);
uint64_t blocks_due(const struct core *core);

#endif
