/* Chained hashing; hash_u64 is the finaliser of MurmurHash3, hash_bytes FNV-1a (public domain both). */
#include "base/map.h"

#include "base/assert.h"

void map_init(struct map *map, struct map_node **buckets, uint32_t bucket_count)
{
        check(bucket_count > 0 && (bucket_count & (bucket_count - 1)) == 0);
        memset(buckets, 0, sizeof(*buckets) * bucket_count);
        *map = (struct map){.buckets = buckets, .bucket_count = bucket_count};
}

bool map_is_crowded(const struct map *map)
{
        return map->count > map->bucket_count;
}

static struct map_node **bucket_of(const struct map *map, uint32_t hash)
{
        return &map->buckets[hash & (map->bucket_count - 1)];
}

struct map_node **map_rehash(struct map *map, struct map_node **buckets, uint32_t bucket_count)
{
        struct map old = *map;

        map_init(map, buckets, bucket_count);
        for (uint32_t i = 0; i < old.bucket_count; i++) {
                while (old.buckets[i]) {
                        struct map_node *node = old.buckets[i];

                        old.buckets[i] = node->next;
                        map_insert(map, node, node->hash);
                }
        }
        return old.buckets;
}

static struct map_node *matching(struct map_node *node, uint32_t hash)
{
        while (node && node->hash != hash)
                node = node->next;
        return node;
}

struct map_node *map_first(const struct map *map, uint32_t hash)
{
        return matching(*bucket_of(map, hash), hash);
}

struct map_node *map_next(const struct map_node *node, uint32_t hash)
{
        return matching(node->next, hash);
}

void map_insert(struct map *map, struct map_node *node, uint32_t hash)
{
        struct map_node **bucket = bucket_of(map, hash);

        node->hash = hash;
        node->next = *bucket;
        *bucket = node;
        map->count++;
}

void map_remove(struct map *map, struct map_node *node)
{
        struct map_node **link = bucket_of(map, node->hash);

        while (*link != node) {
                check(*link);
                link = &(*link)->next;
        }
        *link = node->next;
        node->next = NULL;
        map->count--;
}

struct map_node *map_walk(const struct map *map, const struct map_node *last)
{
        uint32_t i = 0;

        if (last) {
                if (last->next)
                        return last->next;
                i = (last->hash & (map->bucket_count - 1)) + 1;
        }
        for (; i < map->bucket_count; i++)
                if (map->buckets[i])
                        return map->buckets[i];
        return NULL;
}

uint32_t hash_u64(uint64_t key)
{
        key ^= key >> 33;
        key *= 0xff51afd7ed558ccdULL;
        key ^= key >> 33;
        key *= 0xc4ceb9fe1a85ec53ULL;
        key ^= key >> 33;
        return (uint32_t)key;
}

uint32_t hash_bytes(struct slice bytes)
{
        uint64_t hash = 0xcbf29ce484222325ULL;

        for (size_t i = 0; i < bytes.size; i++)
                hash = (hash ^ bytes.data[i]) * 0x100000001b3ULL;
        return hash_u64(hash);
}
