/*
 * Batches: what the host is to keep, in one atomic step each, and what follows once it is kept. A batch owns the bytes of its
 * changes, so a row lives nowhere else: the ROW event that follows is decoded from there.
 *
 *      OPEN (collects) → SEALED (rooms' records added) → OFFERED (KEEP was polled) → KEPT (its events are polled) → freed
 *
 * Only the last batch of the list is OPEN; rooms that changed are on the dirty list and get their record when it is sealed. So
 * a room's head and holes are in the same batch as the rows they speak of, or in a later one, never in an earlier one.
 */
#ifndef GALKA_CORE_BATCH_H
#define GALKA_CORE_BATCH_H

#include "base/list.h"
#include "core/core.h"

#define BATCHES_OFFERED_MAX 8
#define BATCH_ITEMS_MAX     2048              /* beyond it the next frame or action begins another batch */
#define BATCH_BYTES_MAX     ((size_t)4194304) /* in all batches; beyond it the link is closed until the host has caught up */

/* What follows from an item once it is kept. */
enum effect {
        EFFECT_NONE,
        EFFECT_ROW,      /* a row may be shown */
        EFFECT_ROOM,     /* a room's head and delivered are those of the record */
        EFFECT_QUEUED,   /* an outbox entry may be sent */
        EFFECT_SENT,     /* an outbox entry is done */
        EFFECT_FAILED,   /* an outbox entry is known to have failed */
        EFFECT_SETTING,  /* a setting is another now */
        EFFECT_ACCOUNT,  /* the account is in the state of the record */
        EFFECT_FORGOTTEN /* everything stored was dropped */
};

struct batch_item {
        struct list_node node;
        struct core_change change;
        struct id room, id;
        uint64_t number;    /* ROW, SENT: seq; ROOM: head; ACCOUNT: state; SETTING: of the operation that did it */
        uint64_t delivered; /* ROOM */
        uint32_t size;      /* of this block */
        uint32_t key_size, value_max;
        uint8_t effect, error;
        bool quiet; /* no event */
        bool sign;  /* ACCOUNT: a request of the user is answered by it */
        uint8_t bytes[];
};

enum batch_state { BATCH_OPEN, BATCH_SEALED, BATCH_OFFERED, BATCH_KEPT };

struct batch {
        struct list_node node;
        struct list items;
        uint64_t number;
        struct core_change *changes; /* while OFFERED */
        uint32_t count;
        enum batch_state state;
};

struct batches {
        struct list list;
        uint64_t last, kept; /* numbers */
        size_t bytes;
        struct batch_item *shown; /* its slices are in the host's hands until the next poll */
        uint64_t retry_ms;        /* there was no memory to offer one: not before */
        uint32_t offered;
};

void batches_init(struct batches *batches);

/* Before a frame or an action of the user: if the open batch is full, what follows goes into another one. Not in between, for
 * rows and the head that covers them are kept in one step. */
void batch_cut(struct core *core);

/* A change that keeps: the value is to be written at the end of [batch_value, batch_value_end), then batch_add or batch_insert.
 * NULL: no memory; then nothing is changed. */
struct batch_item *batch_item_new(struct core *core, enum effect effect, struct slice key, size_t value_max);
uint8_t *batch_value(struct batch_item *item);
uint8_t *batch_value_end(struct batch_item *item);
void batch_item_free(struct core *core, struct batch_item *item);

/* value: where it begins in the item; NULL makes it a drop of this one key. */
void batch_add(struct core *core, struct batch_item *item, uint8_t *value);

/* For rows that arrive newest first: batch_place before the first, then each one is put right there. False: no memory. A zeroed
 * place is the end. */
struct batch_place {
        struct batch *batch;
        struct list_node *after;
};

bool batch_place(struct core *core, struct batch_place *place);
void batch_insert(struct core *core, struct batch_item *item, uint8_t *value, struct batch_place *place);

/* Takes back the rows behind that place: what was to cover them did not come to be. */
void batch_undo_rows(struct core *core, const struct batch_place *place);

/* Drops [key, end). False: no memory. */
bool batch_drop(struct core *core, enum effect effect, enum error error, struct slice key, struct slice end);

/* The number whose being kept means that all up to now is kept. */
uint64_t batch_barrier(struct core *core);

/* True if an entry of the outbox is in a batch that is not kept yet. */
bool batch_has_entry(const struct core *core, const struct id *room, const struct id *id);

/* What was forgotten has no effects any more: rows and rooms (of one room, or NULL: of all); the outbox too if `entries`. */
void batch_forget(struct core *core, const struct id *room, bool entries);

/* The host kept a batch: internal effects at once, events at the next polls. */
void batch_kept(struct core *core, uint64_t number);

/* The slices of the last event are not needed any more. */
void batch_release(struct core *core);

/* When polling may bring a batch that it did not bring now. */
uint64_t batch_due(const struct core *core);

/* Next event of a kept batch, or the next KEEP. False: neither. */
bool batch_poll(struct core *core, struct core_event *event);

#endif
