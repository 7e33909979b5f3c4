/* A hash map of rooms, and a list of them by last use. Two users, which is most rooms, fit into the entry itself. */
#include "service/session/members.h"

#include "base/list.h"
#include "base/map.h"
#include "base/memory.h"

#define USERS_INLINE 2

struct entry {
        struct map_node node;
        struct list_node line;
        struct list_node large; /* members.large, while `outside` is there */
        struct id room;
        uint64_t version;
        uint32_t count;
        uint64_t inside[USERS_INLINE];
        uint64_t *outside; /* NULL while they fit inside */
};

struct members {
        struct map map;
        struct map_node **buckets;
        struct list by_use; /* the least recently used first */
        struct list large;  /* the same, of those with users outside of the entry */
        size_t outside;     /* users of those */
        struct entry *entries;
        uint32_t used, rooms_max;
};

enum error members_new(uint32_t rooms_max, struct members **members_p)
{
        struct members *members = memory_new(sizeof(*members));
        uint32_t bucket_count = 1;

        check(rooms_max > 0 && rooms_max <= MEMBERS_ROOMS_MAX);
        *members_p = members;
        if (!members)
                return ERR_NO_MEMORY;
        while (bucket_count < rooms_max)
                bucket_count *= 2;
        list_init(&members->by_use);
        list_init(&members->large);
        members->rooms_max = rooms_max;
        members->entries = memory_new(sizeof(*members->entries) * rooms_max);
        members->buckets = memory_new(sizeof(*members->buckets) * bucket_count);
        if (!members->entries || !members->buckets) {
                members_free(members_p);
                return ERR_NO_MEMORY;
        }
        map_init(&members->map, members->buckets, bucket_count);
        return ERR_OK;
}

void members_free(struct members **members_p)
{
        struct members *members = *members_p;

        if (!members)
                return;
        *members_p = NULL;
        check(members->entries || members->used == 0);
        for (uint32_t i = 0; i < members->used; i++)
                memory_free(members->entries[i].outside);
        memory_free(members->entries);
        memory_free(members->buckets);
        memory_free(members);
}

static uint32_t hash_of(const struct id *room)
{
        return hash_u64(be64_get(room->bytes) ^ (uint64_t)hash_u64(be64_get(room->bytes + 8)) << 32);
}

static struct entry *entry_of(const struct members *members, const struct id *room)
{
        uint32_t hash = hash_of(room);

        for (struct map_node *node = map_first(&members->map, hash); node; node = map_next(node, hash)) {
                struct entry *entry = container_of(node, struct entry, node);

                if (id_equal(&entry->room, room))
                        return entry;
        }
        return NULL;
}

static void use(struct members *members, struct entry *entry)
{
        list_remove(&entry->line);
        list_append(&members->by_use, &entry->line);
        if (!entry->outside)
                return;
        list_remove(&entry->large);
        list_append(&members->large, &entry->large);
}

/* Its members are not known any more. */
static void forget(struct members *members, struct entry *entry)
{
        entry->version = 0;
        if (!entry->outside)
                return;
        check(members->outside >= entry->count);
        members->outside -= entry->count;
        list_remove(&entry->large);
        memory_free(entry->outside);
        entry->outside = NULL;
}

uint64_t members_find(struct members *members, const struct id *room, const uint64_t **users, size_t *count)
{
        struct entry *entry = entry_of(members, room);

        *users = NULL;
        *count = 0;
        if (!entry || entry->version == 0)
                return 0;
        use(members, entry);
        *users = entry->outside ? entry->outside : entry->inside;
        *count = entry->count;
        return entry->version;
}

/* A new entry, or the least recently used one. */
static struct entry *entry_new(struct members *members, const struct id *room)
{
        struct entry *entry;

        if (members->used < members->rooms_max) {
                entry = &members->entries[members->used++];
        } else {
                entry = container_of(list_first(&members->by_use), struct entry, line);
                map_remove(&members->map, &entry->node);
        }
        forget(members, entry);
        entry->room = *room;
        map_insert(&members->map, &entry->node, hash_of(room));
        use(members, entry);
        return entry;
}

/* Makes room for so many, at the cost of rooms that were not used for long. False: no memory. */
static bool take_outside(struct members *members, struct entry *entry, size_t count)
{
        while (members->outside + count > MEMBERS_USERS_MAX)
                forget(members, container_of(list_first(&members->large), struct entry, large));
        entry->outside = memory_new(sizeof(*entry->outside) * count);
        if (!entry->outside)
                return false;
        members->outside += count;
        list_append(&members->large, &entry->large);
        return true;
}

void members_keep(struct members *members, const struct id *room, uint64_t version, const uint64_t *users, size_t count)
{
        struct entry *entry = entry_of(members, room);

        if (count > GROUP_MEMBERS_MAX || version == 0 || (entry && entry->version >= version))
                return;
        if (!entry)
                entry = entry_new(members, room);
        forget(members, entry);
        if (count > USERS_INLINE && !take_outside(members, entry, count))
                return;
        memcpy(entry->outside ? entry->outside : entry->inside, users, sizeof(*users) * count);
        entry->count = (uint32_t)count;
        entry->version = version;
}
