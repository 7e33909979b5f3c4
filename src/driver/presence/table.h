/*
 * The table behind presence in memory: entries of 32 bytes in slabs, chained in buckets by user. It grows by a slab and by a
 * bucket at a time (linear hashing, Litwin 1980), so no growth doubles anything. An epoch is 26 bytes that every entry would
 * repeat, so entries hold its 2-byte number in a small table.
 *
 * One user's entries lie in one bucket, the newest first. Not for more than one thread. The clock is an argument.
 * Life cycle: presence_table_init → … → presence_table_finish.
 */
#ifndef GALKA_DRIVER_PRESENCE_TABLE_H
#define GALKA_DRIVER_PRESENCE_TABLE_H

#include "seam/presence.h"

#define PRESENCE_EPOCHS_MAX   256     /* alive or with entries still to be swept */
#define PRESENCE_ENTRIES_MAX  4194304 /* connections in all */
#define PRESENCE_SLAB_ENTRIES 1024
#define PRESENCE_SLABS_MAX    (PRESENCE_ENTRIES_MAX / PRESENCE_SLAB_ENTRIES)
#define PRESENCE_SWEEP_MAX    256 /* entries looked at in one presence_table_sweep */
#define PRESENCE_PUSHES_MAX   64  /* the latest of all users that are remembered */
#define PRESENCE_NONE         0   /* number of no entry */

enum epoch_state {
        EPOCH_FREE,
        EPOCH_NAMED,   /* known from entries or marks, or forgotten: it has not beaten here */
        EPOCH_BEATING, /* has beaten */
        EPOCH_DEAD     /* its entries are ignored and swept; then it is free */
};

struct presence_epoch {
        struct id id;
        uint64_t until_ms; /* the end of its lease */
        uint32_t entries;
        uint16_t frontend;
        uint8_t state; /* enum epoch_state */
        bool lost;     /* marked, and its frontend not yet told */
};

struct presence_slot {
        uint64_t user; /* 0: free */
        uint64_t connection, device;
        uint32_t next; /* in its bucket, or in the list of free slots */
        uint16_t epoch;
        uint16_t unused;
};

/* Who pushed whom out. */
struct presence_push {
        struct presence_entry in, out;
};

struct presence_table {
        struct presence_slot *slabs[PRESENCE_SLABS_MAX];
        uint32_t *buckets[PRESENCE_SLABS_MAX]; /* heads of chains, by slabs as well */
        uint32_t slot_end;                     /* slots ever used; number 0 is none */
        uint32_t free;                         /* list of free slots */
        uint32_t count;                        /* entries */
        uint32_t bucket_count;
        uint32_t entries_max;
        uint32_t sweep_at, sweep_dead; /* where the sweep is; entries of dead epochs */
        struct presence_epoch epochs[PRESENCE_EPOCHS_MAX];
        uint16_t epoch_end;                               /* epochs ever used */
        struct presence_push pushes[PRESENCE_PUSHES_MAX]; /* a ring */
        uint32_t push_next, push_count;
};

/* entries_max 0: PRESENCE_ENTRIES_MAX. */
void presence_table_init(struct presence_table *table, uint32_t entries_max);
void presence_table_finish(struct presence_table *table);

/* ---- epochs ---- */

/* Epochs whose lease has ended die. */
void presence_table_expire(struct presence_table *table, uint64_t now_ms);

/* One that is alive, or NULL. */
struct presence_epoch *presence_epoch_find(struct presence_table *table, const struct id *id);

/* Finds it or makes it, NAMED with a lease from now. NULL: PRESENCE_EPOCHS_MAX. */
struct presence_epoch *presence_epoch_make(struct presence_table *table, const struct id *id, uint16_t frontend,
                                           uint64_t now_ms);

void presence_epoch_kill(struct presence_table *table, struct presence_epoch *epoch);

/* Frees some of the entries of dead epochs; call it now and then. */
void presence_table_sweep(struct presence_table *table);

/* ---- entries ---- */

/* FULL: entries_max; NO_MEMORY. A user's entry beyond PRESENCE_CONNECTIONS_MAX pushes his oldest out: *was_replaced is then
 * true, and *replaced is that one. An entry that is there already only takes the new device, and names again whom it pushed out. */
must_use enum error presence_table_set(struct presence_table *table, const struct presence_entry *entry,
                                       struct presence_epoch *epoch, struct presence_entry *replaced, bool *was_replaced);

/* False if it was not there. */
bool presence_table_remove(struct presence_table *table, uint64_t user, const struct presence_epoch *epoch,
                           uint64_t connection);

/* The user's entries of living epochs, the newest first; returns how many. */
size_t presence_table_get(const struct presence_table *table, uint64_t user,
                          struct presence_entry entries[static PRESENCE_CONNECTIONS_MAX]);

/* Forgets all entries and epochs, and keeps the memory. */
void presence_table_clear(struct presence_table *table);

/* All of `from`, in memory of its own. NO_MEMORY: `to` is empty then. `to` must be finished or never initialised. */
must_use enum error presence_table_copy(struct presence_table *to, const struct presence_table *from);

/* Memory of slabs and buckets. */
size_t presence_table_bytes(const struct presence_table *table);

#endif
