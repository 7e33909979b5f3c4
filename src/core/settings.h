/*
 * The user's settings: rows of kind SETTING of his self room, folded into a table by their keys. Of several rows with one key, as two
 * devices may make them, the one that was altered last counts (the highest `changed`). They are kept as records of their own, not as
 * rows, so nobody who reads a log meets them.
 *
 * What the user sets counts here at once and is kept, with or without a link. It is sent when the self room is known without
 * holes: then the row that is to be altered is known, too. Until then a newer value takes the place of an unsent one.
 *
 *      set (kept) → sent (in the outbox) → done with a number → its row is here: as the server has it
 *           ↑__________| refused, since its row is of another era, or gone
 */
#ifndef GALKA_CORE_SETTINGS_H
#define GALKA_CORE_SETTINGS_H

#include "core/batch.h"
#include "core/core.h"
#include "core/record.h"

struct room;
struct entry;

struct setting {
        struct slice key, value; /* ours; as the server has it */
        uint64_t seq, changed;   /* its row; 0: the server has none, as far as is known */
        struct slice wanted;     /* ours: what the user has set, if `set` */
        bool set;                /* and the server's row is not here yet */
        bool sent;               /* `wanted` is in the outbox, or was done */
        struct id entry;         /* the last one in the outbox for it; zero: there was none */
        uint64_t number;         /* of the operation that did it; 0: not done yet */
        bool unkept;             /* there was no memory to keep it: to be tried again */
};

struct settings {
        struct setting **by_key;
        uint32_t count, size;
        uint32_t bytes;    /* of keys and values */
        uint64_t retry_ms; /* not before: there was no room in the outbox, or no memory */
        bool due;          /* some may have to be sent, or kept */
        bool news;         /* all are to be looked at again */
};

/* A row of the self room: into the open batch (at place, or last), if it is the newest of its key. False: no memory. */
bool settings_take_row(struct core *core, const struct room *room, const struct wire_row *row, struct batch_place *place);

/* Has the user switched receipts off? Then it is not told what he has read. */
bool settings_without_receipts(const struct core *core);

/* An entry of the outbox was done with that number. False: no memory. */
bool settings_done(struct core *core, const struct entry *entry, uint64_t number);

/* From the storage. False: no memory, or too many. */
bool settings_restore(struct core *core, struct slice key, struct slice value);

/* An entry that is found in the storage. If it was not put there here, but by another process, that one wants this setting: it is taken,
 * and the entry dropped. False: it is ours, perhaps under way since before a crash, and stays. */
bool settings_absorb(struct core *core, struct room *room, const struct record_entry *record);

/* What the server has is forgotten, of a past that is not its own any more; what is not done stays. */
void settings_forget_rows(struct core *core);

/* All of it. */
void settings_forget(struct core *core);

void settings_step(struct core *core);
uint64_t settings_due(const struct core *core);

#endif
