/*
 * An intrusive hash map: chains through nodes that live in the elements. The caller hashes and compares; the bucket
 * array comes from memory the map's owner gives (memory_new in servers, an arena in the core).
 *
 * Lookup:  for (struct map_node *n = map_first(&map, hash); n; n = map_next(n, hash)) if (mine(n)) …
 */
#ifndef GALKA_BASE_MAP_H
#define GALKA_BASE_MAP_H

#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

struct map_node {
        struct map_node *next;
        uint32_t hash;
};

struct map {
        struct map_node **buckets;
        uint32_t bucket_count; /* a power of two */
        uint32_t count;
};

/* Takes `buckets`, an array of bucket_count (a power of two) pointers that the caller owns and frees. */
void map_init(struct map *map, struct map_node **buckets, uint32_t bucket_count);

/* True when the map would be faster with more buckets: then the owner may call map_rehash with a larger array. */
bool map_is_crowded(const struct map *map);

/* Moves all nodes into the new array and returns the old one for its owner to free. */
struct map_node **map_rehash(struct map *map, struct map_node **buckets, uint32_t bucket_count);

struct map_node *map_first(const struct map *map, uint32_t hash);
struct map_node *map_next(const struct map_node *node, uint32_t hash);
void map_insert(struct map *map, struct map_node *node, uint32_t hash);

/* The node must be in the map. */
void map_remove(struct map *map, struct map_node *node);

/* Walks all nodes in no order: NULL starts, NULL ends. The map must not change meanwhile. */
struct map_node *map_walk(const struct map *map, const struct map_node *last);

/* Hashes for keys that no attacker chooses without a bound on their number. */
uint32_t hash_u64(uint64_t key);
uint32_t hash_bytes(struct slice bytes);

#endif
