/*
 * An ordered storage of keys and values in memory, as a client core's host keeps one on a disk: a sorted array, for tests are small.
 * Zeroed memory is an empty storage; storage_finish frees it.
 */
#ifndef GALKA_TEST_SUPPORT_STORAGE_H
#define GALKA_TEST_SUPPORT_STORAGE_H

#include "core/core.h"

struct storage_record {
        uint8_t *bytes; /* key, then value */
        uint32_t key_size, value_size;
};

struct storage {
        struct storage_record *records;
        size_t count, room;
};

void storage_finish(struct storage *storage);

struct slice storage_key(const struct storage_record *record);
struct slice storage_value(const struct storage_record *record);

/* A record on its own: storage_record_free frees it. */
struct storage_record storage_record_new(struct slice key, struct slice value);
void storage_record_free(struct storage_record *record);

void storage_put(struct storage *storage, struct slice key, struct slice value);

/* Drops keys in [key, end). */
void storage_drop(struct storage *storage, struct slice key, struct slice end);

/* Index of the first record with a key ≥ key; storage->count if there is none. */
size_t storage_from(const struct storage *storage, struct slice key);

/* NULL if there is none. */
const struct storage_record *storage_find(const struct storage *storage, struct slice key);

/* Answers a CORE_EVENT_WANT. */
void storage_give(const struct storage *storage, struct core *core, const struct core_event *want, struct core_time time);

#endif
