/*
 * The outbox: own messages that are not answered yet. An entry is kept in the storage before it is sent and dropped from
 * there in the batch that keeps its row, so neither a crash nor a lost link loses it, and a repeat has the same id.
 *
 *      KEEPING → QUEUED → FLYING → ANSWERED → gone (its row is kept)
 *                  ↑________|  busy, unknown, no answer
 *                  |        └→ FAILED → (retry: a new entry; discard: gone)
 *
 * One write frame a room is under way, with entries from the front of its list; rooms go in parallel. An entry that is not
 * final blocks those behind it, so one sender's order holds through every retry.
 *
 * A refusal is final only if no earlier attempt can still take effect (law L8): the attempt that was refused must have been
 * sent after every earlier unanswered one was past its deadline on the server, which is at most reply_ms after the
 * moment we stopped waiting for it, and margin_ms for clocks. Until then the refused entry waits, and is then tried once more.
 */
#ifndef GALKA_CORE_OUTBOX_H
#define GALKA_CORE_OUTBOX_H

#include "base/list.h"
#include "core/batch.h"
#include "core/record.h"
#include "rules/limits.h"

#define OUTBOX_WRITES_MAX 16 /* write frames under way, of all rooms */

enum entry_state { ENTRY_KEEPING, ENTRY_QUEUED, ENTRY_FLYING, ENTRY_ANSWERED, ENTRY_FAILED, ENTRY_RETRYING };

struct room;
struct request;

struct entry {
        struct list_node node;
        struct id id;
        enum entry_state state;
        bool quiet;                      /* a setting: settings.c's affair, of which the host hears nothing */
        bool here;                       /* else only the storage has it */
        struct wire_operation operation; /* its text is ours, its link is below */
        uint8_t link[LINK_SIZE];
        uint64_t wall_ms;  /* when it was written */
        uint64_t sent_ms;  /* the attempt under way */
        uint64_t doubt_ms; /* when we stopped waiting for the last unanswered attempt; 0: there was none */
        uint64_t wait_ms;  /* not before (a refusal that is not final) */
        uint8_t error;     /* FAILED: why */
};

struct outbox {
        uint32_t count;
        uint32_t bytes; /* of texts in memory */
        bool more;      /* the storage has entries that are not here */
};

/* From the storage: a new entry, or the operation of one we have. */
void outbox_restore(struct core *core, const struct record_entry *record);

/* An entry that was wanted is not in the storage any more. */
void outbox_lost(struct core *core, const struct id *room, const struct id *id);

void outbox_was_kept(struct core *core, const struct batch_item *item);

/* Everything of a room is forgotten. */
void outbox_forget(struct core *core, struct room *room);

/* What was answered and waits behind a gap goes again: the gap's other side was forgotten, or the link lost. */
void outbox_unanswered(struct room *room);

/* Another era begins: numbers of rows are of a past that may not be the server's any more, so what names one fails: as
 * UNKNOWN if an attempt may have been done in the past that both have. */
void outbox_fail_targets(struct core *core);

/* A row came, by whatever way: if it is one of ours and its entry is here, the entry is done. False: no memory. */
bool outbox_row_arrived(struct core *core, struct room *room, const struct wire_row *row);

/* The row that an answered entry makes; its text is the entry's. False: no such entry, or one that the sender cannot fill in
 * himself. */
bool outbox_make_row(struct core *core, struct room *room, const struct id *id, uint64_t seq, uint64_t time_ms, uint64_t n,
                     struct wire_row *row);

/* The entry is done with that number: dropped with the open batch, then SENT. False: no memory. */
bool outbox_done(struct core *core, struct room *room, const struct id *id, uint64_t seq);

/* write.c: a room's part of the step. True if there is still something to come. */
bool write_room_step(struct core *core, struct room *room);
uint64_t write_room_due(const struct core *core, const struct room *room);

/* request NULL: a late answer that nobody waits for any more. */
bool write_answered(struct core *core, struct request *request, const struct wire_frame *frame, const void *message);
void write_failed(struct core *core, struct request *request, enum error error, uint64_t retry_after_ms);

struct entry *outbox_find(struct room *room, const struct id *id);

/* As core_write does, without a step. id zero: a new one is made. */
must_use enum error outbox_queue(struct core *core, const struct id *room, const struct wire_operation *operation,
                                 struct id *id);

/* A quiet entry is done with, or an entry that is only in the storage: dropped with the open batch. False: no memory. */
bool outbox_drop_quiet(struct core *core, struct room *room, struct entry *entry);
bool outbox_drop_record(struct core *core, struct room *room, const struct id *id);

/* The entry is refused for good. */
void outbox_fail(struct core *core, struct room *room, struct entry *entry, enum error error);

#endif
