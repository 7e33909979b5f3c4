/* See table.h. */
#include "driver/presence/table.h"

#include "base/assert.h"
#include "base/map.h"
#include "base/memory.h"

#define BUCKETS_MIN 64

_Static_assert(sizeof(struct presence_slot) == 32, "an entry is 32 bytes");

static struct presence_slot *slot_at(const struct presence_table *table, uint32_t number)
{
        check(number != PRESENCE_NONE && number < table->slot_end);
        return &table->slabs[number / PRESENCE_SLAB_ENTRIES][number % PRESENCE_SLAB_ENTRIES];
}

static uint32_t *bucket_at(const struct presence_table *table, uint32_t number)
{
        return &table->buckets[number / PRESENCE_SLAB_ENTRIES][number % PRESENCE_SLAB_ENTRIES];
}

/* Linear hashing: buckets below bucket_count - half were split already and use one more bit of the hash. */
static uint32_t bucket_number(const struct presence_table *table, uint64_t user)
{
        uint32_t hash = hash_u64(user);
        uint32_t mask = (2u << (31 - __builtin_clz(table->bucket_count))) - 1;
        uint32_t number = hash & mask;

        return number < table->bucket_count ? number : hash & (mask >> 1);
}

void presence_table_init(struct presence_table *table, uint32_t entries_max)
{
        memset(table, 0, sizeof(*table));
        table->entries_max =
                entries_max ? min_of(entries_max, (uint32_t)PRESENCE_ENTRIES_MAX - 1) : PRESENCE_ENTRIES_MAX - 1;
        table->slot_end = 1;
}

void presence_table_finish(struct presence_table *table)
{
        for (size_t i = 0; i < PRESENCE_SLABS_MAX; i++) {
                memory_free(table->slabs[i]);
                memory_free(table->buckets[i]);
        }
        memset(table, 0, sizeof(*table));
}

/* ---- epochs ---- */

static bool epoch_alive(const struct presence_epoch *epoch)
{
        return epoch->state == EPOCH_NAMED || epoch->state == EPOCH_BEATING;
}

static uint16_t epoch_number(const struct presence_table *table, const struct presence_epoch *epoch)
{
        return (uint16_t)(epoch - table->epochs);
}

void presence_epoch_kill(struct presence_table *table, struct presence_epoch *epoch)
{
        check(epoch_alive(epoch));
        epoch->state = epoch->entries ? EPOCH_DEAD : EPOCH_FREE;
        table->sweep_dead += epoch->entries;
}

void presence_table_expire(struct presence_table *table, uint64_t now_ms)
{
        for (uint16_t i = 0; i < table->epoch_end; i++)
                if (epoch_alive(&table->epochs[i]) && now_ms >= table->epochs[i].until_ms)
                        presence_epoch_kill(table, &table->epochs[i]);
}

struct presence_epoch *presence_epoch_find(struct presence_table *table, const struct id *id)
{
        for (uint16_t i = 0; i < table->epoch_end; i++)
                if (epoch_alive(&table->epochs[i]) && id_equal(&table->epochs[i].id, id))
                        return &table->epochs[i];
        return NULL;
}

struct presence_epoch *presence_epoch_make(struct presence_table *table, const struct id *id, uint16_t frontend,
                                           uint64_t now_ms)
{
        struct presence_epoch *epoch = presence_epoch_find(table, id);
        uint16_t i = 0;

        if (epoch)
                return epoch;
        while (i < table->epoch_end && table->epochs[i].state != EPOCH_FREE)
                i++;
        if (i == PRESENCE_EPOCHS_MAX)
                return NULL;
        table->epoch_end = max_of(table->epoch_end, (uint16_t)(i + 1));
        epoch = &table->epochs[i];
        *epoch = (struct presence_epoch){
                .id = *id, .frontend = frontend, .state = EPOCH_NAMED, .until_ms = now_ms + PRESENCE_LEASE_MS};
        return epoch;
}

/* ---- growing ---- */

/* One more bucket: the entries of the bucket it splits are shared out, in their order. */
static void bucket_split(struct presence_table *table)
{
        uint32_t number = table->bucket_count;
        uint32_t half = 1u << (31 - __builtin_clz(number));
        uint32_t *from = bucket_at(table, number - half), *to = bucket_at(table, number);
        uint32_t slot = *from;

        table->bucket_count++;
        *from = *to = PRESENCE_NONE;
        while (slot != PRESENCE_NONE) {
                struct presence_slot *entry = slot_at(table, slot);
                uint32_t next = entry->next;
                uint32_t **end = bucket_number(table, entry->user) == number ? &to : &from;

                **end = slot;
                entry->next = PRESENCE_NONE;
                *end = &entry->next;
                slot = next;
        }
}

/* Room for one more entry. Too few buckets only make it slower, so their failure is none once there are any. */
static enum error table_reserve(struct presence_table *table)
{
        uint32_t slab = table->slot_end / PRESENCE_SLAB_ENTRIES;

        if (table->count >= table->entries_max)
                return ERR_FULL;
        if (table->free == PRESENCE_NONE && !table->slabs[slab]) {
                table->slabs[slab] = memory_new(sizeof(struct presence_slot) * PRESENCE_SLAB_ENTRIES);
                if (!table->slabs[slab])
                        return ERR_NO_MEMORY;
        }
        slab = table->bucket_count / PRESENCE_SLAB_ENTRIES;
        if (slab < PRESENCE_SLABS_MAX && !table->buckets[slab])
                table->buckets[slab] = memory_new(sizeof(uint32_t) * PRESENCE_SLAB_ENTRIES);
        if (table->bucket_count == 0) {
                if (!table->buckets[0])
                        return ERR_NO_MEMORY;
                table->bucket_count = BUCKETS_MIN;
        } else if (table->count >= table->bucket_count && slab < PRESENCE_SLABS_MAX && table->buckets[slab]) {
                bucket_split(table);
        }
        return ERR_OK;
}

static uint32_t slot_take(struct presence_table *table)
{
        uint32_t number = table->free;

        if (number == PRESENCE_NONE)
                return table->slot_end++;
        table->free = slot_at(table, number)->next;
        return number;
}

/* ---- entries ---- */

/* Takes the entry that *link names out of its chain. */
static void slot_drop(struct presence_table *table, uint32_t *link)
{
        uint32_t number = *link;
        struct presence_slot *slot = slot_at(table, number);
        struct presence_epoch *epoch = &table->epochs[slot->epoch];

        check(epoch->entries > 0 && table->count > 0);
        epoch->entries--;
        table->count--;
        if (epoch->state == EPOCH_DEAD) {
                table->sweep_dead--;
                if (epoch->entries == 0)
                        epoch->state = EPOCH_FREE;
        }
        *link = slot->next;
        *slot = (struct presence_slot){.next = table->free};
        table->free = number;
}

static struct presence_entry entry_of(const struct presence_table *table, const struct presence_slot *slot)
{
        const struct presence_epoch *epoch = &table->epochs[slot->epoch];

        return (struct presence_entry){.user = slot->user,
                                       .connection = slot->connection,
                                       .device = slot->device,
                                       .epoch = epoch->id,
                                       .frontend = epoch->frontend};
}

/* The link to the user's entry with that epoch and connection, or NULL. */
static uint32_t *link_find(const struct presence_table *table, uint64_t user, uint16_t epoch, uint64_t connection)
{
        uint32_t *link;

        if (table->bucket_count == 0)
                return NULL;
        link = bucket_at(table, bucket_number(table, user));
        while (*link != PRESENCE_NONE) {
                struct presence_slot *slot = slot_at(table, *link);

                if (slot->user == user && slot->epoch == epoch && slot->connection == connection)
                        return link;
                link = &slot->next;
        }
        return NULL;
}

/* Drops the user's dead entries, and the oldest living one if there is no room for one more. */
static bool make_room(struct presence_table *table, uint64_t user, struct presence_entry *replaced)
{
        uint32_t *link = bucket_at(table, bucket_number(table, user)), *oldest = NULL;
        size_t count = 0;

        while (*link != PRESENCE_NONE) {
                struct presence_slot *slot = slot_at(table, *link);

                if (slot->user == user && !epoch_alive(&table->epochs[slot->epoch])) {
                        slot_drop(table, link);
                        continue;
                }
                if (slot->user == user) {
                        oldest = link;
                        count++;
                }
                link = &slot->next;
        }
        if (count < PRESENCE_CONNECTIONS_MAX)
                return false;
        *replaced = entry_of(table, slot_at(table, *oldest));
        slot_drop(table, oldest);
        return true;
}

static void push_note(struct presence_table *table, const struct presence_entry *in, const struct presence_entry *out)
{
        table->pushes[table->push_next] = (struct presence_push){.in = *in, .out = *out};
        table->push_next = (table->push_next + 1) % PRESENCE_PUSHES_MAX;
        table->push_count = min_of(table->push_count + 1, (uint32_t)PRESENCE_PUSHES_MAX);
}

/* Whom the entry pushed out when it came in. False: nobody that is known and still out. */
static bool push_find(struct presence_table *table, const struct presence_entry *in, struct presence_entry *out)
{
        for (uint32_t i = 0; i < table->push_count; i++) {
                const struct presence_push *push = &table->pushes[i];
                struct presence_epoch *epoch;

                if (push->in.user != in->user || push->in.connection != in->connection ||
                    !id_equal(&push->in.epoch, &in->epoch))
                        continue;
                epoch = presence_epoch_find(table, &push->out.epoch);
                if (!epoch || link_find(table, in->user, epoch_number(table, epoch), push->out.connection))
                        continue;
                *out = push->out;
                return true;
        }
        return false;
}

enum error presence_table_set(struct presence_table *table, const struct presence_entry *entry, struct presence_epoch *epoch,
                              struct presence_entry *replaced, bool *was_replaced)
{
        uint32_t *link = link_find(table, entry->user, epoch_number(table, epoch), entry->connection);
        uint32_t number;
        enum error error;

        check(entry->user != 0 && epoch_alive(epoch));
        *was_replaced = false;
        if (link) {
                slot_at(table, *link)->device = entry->device;
                *was_replaced = push_find(table, entry, replaced);
                return ERR_OK;
        }
        error = table_reserve(table);
        if (error)
                return error;
        *was_replaced = make_room(table, entry->user, replaced);
        if (*was_replaced)
                push_note(table, entry, replaced);
        number = slot_take(table);
        link = bucket_at(table, bucket_number(table, entry->user));
        *slot_at(table, number) = (struct presence_slot){.user = entry->user,
                                                         .connection = entry->connection,
                                                         .device = entry->device,
                                                         .next = *link,
                                                         .epoch = epoch_number(table, epoch)};
        *link = number;
        epoch->entries++;
        table->count++;
        return ERR_OK;
}

bool presence_table_remove(struct presence_table *table, uint64_t user, const struct presence_epoch *epoch,
                           uint64_t connection)
{
        uint32_t *link = link_find(table, user, epoch_number(table, epoch), connection);

        if (link)
                slot_drop(table, link);
        return link != NULL;
}

size_t presence_table_get(const struct presence_table *table, uint64_t user,
                          struct presence_entry entries[static PRESENCE_CONNECTIONS_MAX])
{
        uint32_t number;
        size_t count = 0;

        if (table->bucket_count == 0)
                return 0;
        number = *bucket_at(table, bucket_number(table, user));
        while (number != PRESENCE_NONE) {
                const struct presence_slot *slot = slot_at(table, number);

                if (slot->user == user && epoch_alive(&table->epochs[slot->epoch])) {
                        check(count < PRESENCE_CONNECTIONS_MAX);
                        entries[count++] = entry_of(table, slot);
                }
                number = slot->next;
        }
        return count;
}

void presence_table_sweep(struct presence_table *table)
{
        for (int i = 0; i < PRESENCE_SWEEP_MAX && table->sweep_dead > 0; i++) {
                struct presence_slot *slot;

                table->sweep_at = table->sweep_at + 1 < table->slot_end ? table->sweep_at + 1 : 1;
                slot = slot_at(table, table->sweep_at);
                if (slot->user && table->epochs[slot->epoch].state == EPOCH_DEAD)
                        slot_drop(table, link_find(table, slot->user, slot->epoch, slot->connection));
        }
}

static void *copy_of(const void *bytes, size_t size)
{
        void *copy = memory_new(size);

        if (copy)
                memcpy(copy, bytes, size);
        return copy;
}

enum error presence_table_copy(struct presence_table *to, const struct presence_table *from)
{
        *to = *from;
        memset(to->slabs, 0, sizeof(to->slabs));
        memset(to->buckets, 0, sizeof(to->buckets));
        for (size_t i = 0; i < PRESENCE_SLABS_MAX; i++) {
                if (from->slabs[i])
                        to->slabs[i] = copy_of(from->slabs[i], sizeof(struct presence_slot) * PRESENCE_SLAB_ENTRIES);
                if (from->buckets[i])
                        to->buckets[i] = copy_of(from->buckets[i], sizeof(uint32_t) * PRESENCE_SLAB_ENTRIES);
                if ((from->slabs[i] && !to->slabs[i]) || (from->buckets[i] && !to->buckets[i])) {
                        presence_table_finish(to);
                        return ERR_NO_MEMORY;
                }
        }
        return ERR_OK;
}

void presence_table_clear(struct presence_table *table)
{
        for (uint32_t i = 0; i < table->bucket_count; i++)
                *bucket_at(table, i) = PRESENCE_NONE;
        for (uint32_t i = 1; i < table->slot_end; i++)
                *slot_at(table, i) = (struct presence_slot){0};
        memset(table->epochs, 0, sizeof(table->epochs));
        table->slot_end = 1;
        table->free = PRESENCE_NONE;
        table->count = table->sweep_at = table->sweep_dead = 0;
        table->epoch_end = 0;
        table->push_next = table->push_count = 0;
}

size_t presence_table_bytes(const struct presence_table *table)
{
        size_t bytes = sizeof(*table);

        for (size_t i = 0; i < PRESENCE_SLABS_MAX; i++) {
                bytes += table->slabs[i] ? sizeof(struct presence_slot) * PRESENCE_SLAB_ENTRIES : 0;
                bytes += table->buckets[i] ? sizeof(uint32_t) * PRESENCE_SLAB_ENTRIES : 0;
        }
        return bytes;
}
