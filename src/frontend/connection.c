/* See connection.h. */
#include "frontend/connection.h"

#include "base/memory.h"

#define SLAB_CONNECTIONS 256 /* of one slab; 32 KiB */
#define BUCKETS_AT_FIRST 256

bool connections_init(struct connections *table, uint32_t count_max)
{
        uint32_t slab_count = (count_max + SLAB_CONNECTIONS - 1) / SLAB_CONNECTIONS;
        struct map_node **buckets = memory_new(BUCKETS_AT_FIRST * sizeof(struct map_node *));

        check(count_max > 0);
        *table = (struct connections){.slab_count = slab_count, .count_max = count_max};
        table->slabs = memory_new(slab_count * sizeof(struct connection *));
        if (!table->slabs || !buckets) {
                memory_free(table->slabs);
                memory_free(buckets);
                *table = (struct connections){0};
                return false;
        }
        list_init(&table->free);
        map_init(&table->by_user, buckets, BUCKETS_AT_FIRST);
        return true;
}

void connections_finish(struct connections *table)
{
        for (uint32_t i = 0; i < table->slab_count; i++)
                memory_free(table->slabs[i]);
        memory_free(table->slabs);
        memory_free(table->by_user.buckets);
        *table = (struct connections){0};
}

static struct connection *slot_at(const struct connections *table, uint32_t slot)
{
        check(slot < table->fresh);
        return &table->slabs[slot / SLAB_CONNECTIONS][slot % SLAB_CONNECTIONS];
}

static struct connection *fresh_slot(struct connections *table)
{
        struct connection **slab = &table->slabs[table->fresh / SLAB_CONNECTIONS];
        struct connection *connection;

        check(table->fresh < table->count_max);
        if (!*slab)
                *slab = memory_new(SLAB_CONNECTIONS * sizeof(**slab));
        if (!*slab)
                return NULL;
        connection = *slab + table->fresh % SLAB_CONNECTIONS;
        connection->id = (uint64_t)1 << 32 | table->fresh++;
        return connection;
}

struct connection *connection_open(struct connections *table, int socket, enum connection_state state)
{
        struct list_node *node = list_pop(&table->free);
        struct connection *connection = NULL;

        if (node)
                connection = container_of(node, struct connection, waits);
        else if (table->fresh < table->count_max)
                connection = fresh_slot(table);
        if (!connection)
                return NULL;
        *connection = (struct connection){.id = connection->id, .socket = socket};
        connection_move(connection, state);
        table->count++;
        return connection;
}

void connection_free(struct connections *table, struct connection *connection)
{
        check(!connection->traffic && !connection->address && connection->user == 0);
        connection_move(connection, CONNECTION_FREE);
        list_remove(&connection->waits);
        connection->id += (uint64_t)1 << 32;
        table->count--;
        /* A slot that was used 2^32 times is retired: its ids are used up. */
        if (connection->id >> 32)
                list_prepend(&table->free, &connection->waits);
}

void connection_move(struct connection *connection, enum connection_state to)
{
#define TO(state)          (1u << CONNECTION_##state)
#define X(state, text, to) [CONNECTION_##state] = (to),
        static const uint16_t lawful[] = {CONNECTION_STATES(X)};
#undef X
#undef TO

        check(lawful[connection->state] & 1u << to);
        connection->state = (uint8_t)to;
}

const char *connection_state_text(enum connection_state state)
{
#define X(state, text, to) [CONNECTION_##state] = text,
        static const char *const texts[] = {CONNECTION_STATES(X)};
#undef X

        check(state < CONNECTION_STATE_COUNT);
        return texts[state];
}

struct connection *connection_at(const struct connections *table, uint32_t slot)
{
        struct connection *connection = slot_at(table, slot);

        return connection->state == CONNECTION_FREE ? NULL : connection;
}

struct connection *connection_find(const struct connections *table, uint64_t id)
{
        uint32_t slot = (uint32_t)id;
        struct connection *connection;

        if (slot >= table->fresh)
                return NULL;
        connection = connection_at(table, slot);
        return connection && connection->id == id ? connection : NULL;
}

static void make_room(struct map *map)
{
        uint32_t count = map->bucket_count * 2;
        struct map_node **buckets;

        if (!map_is_crowded(map))
                return;
        buckets = memory_new(count * sizeof(struct map_node *));
        if (buckets)
                memory_free(map_rehash(map, buckets, count));
}

void connection_bind(struct connections *table, struct connection *connection, uint64_t user, uint64_t device,
                     const uint8_t *mac)
{
        check(user == 0 || mac);
        if (connection->user && connection->user != user)
                map_remove(&table->by_user, &connection->by_user);
        if (user && connection->user != user) {
                map_insert(&table->by_user, &connection->by_user, hash_u64(user));
                make_room(&table->by_user);
        }
        connection->user = user;
        connection->device = device;
        if (mac)
                memcpy(connection->mac, mac, sizeof(connection->mac));
}

struct connection *connection_of_user(const struct connections *table, uint64_t user, const struct connection *last)
{
        uint32_t hash = hash_u64(user);
        struct map_node *node = last ? map_next(&last->by_user, hash) : map_first(&table->by_user, hash);

        for (; node; node = map_next(node, hash)) {
                struct connection *connection = container_of(node, struct connection, by_user);

                if (connection->user == user)
                        return connection;
        }
        return NULL;
}
