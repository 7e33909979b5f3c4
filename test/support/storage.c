/* See storage.h. */
#include "support/storage.h"

#include "base/assert.h"
#include "base/memory.h"

static void *must(void *block)
{
        check(block);
        return block;
}

struct slice storage_key(const struct storage_record *record)
{
        return slice_of(record->bytes, record->key_size);
}

struct slice storage_value(const struct storage_record *record)
{
        return slice_of(record->bytes + record->key_size, record->value_size);
}

struct storage_record storage_record_new(struct slice key, struct slice value)
{
        struct storage_record record = {must(memory_new(key.size + value.size + 1)), (uint32_t)key.size,
                                        (uint32_t)value.size};

        memcpy(record.bytes, key.data, key.size);
        if (value.size)
                memcpy(record.bytes + key.size, value.data, value.size);
        return record;
}

void storage_record_free(struct storage_record *record)
{
        memory_free(record->bytes);
        *record = (struct storage_record){0};
}

void storage_finish(struct storage *storage)
{
        for (size_t i = 0; i < storage->count; i++)
                storage_record_free(&storage->records[i]);
        memory_free(storage->records);
        *storage = (struct storage){0};
}

size_t storage_from(const struct storage *storage, struct slice key)
{
        size_t low = 0, high = storage->count;

        while (low < high) {
                size_t middle = (low + high) / 2;

                if (slice_compare(storage_key(&storage->records[middle]), key) < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

const struct storage_record *storage_find(const struct storage *storage, struct slice key)
{
        size_t at = storage_from(storage, key);

        if (at < storage->count && slice_equal(storage_key(&storage->records[at]), key))
                return &storage->records[at];
        return NULL;
}

void storage_put(struct storage *storage, struct slice key, struct slice value)
{
        size_t at = storage_from(storage, key);

        if (at < storage->count && slice_equal(storage_key(&storage->records[at]), key)) {
                storage_record_free(&storage->records[at]);
        } else {
                if (storage->count == storage->room) {
                        storage->room = storage->room ? storage->room * 2 : 64;
                        storage->records = must(memory_resize(storage->records, sizeof(*storage->records) * storage->room));
                }
                memmove(storage->records + at + 1, storage->records + at, sizeof(*storage->records) * (storage->count - at));
                storage->count++;
        }
        storage->records[at] = storage_record_new(key, value);
}

void storage_drop(struct storage *storage, struct slice key, struct slice end)
{
        size_t from = storage_from(storage, key), to = storage_from(storage, end);

        for (size_t i = from; i < to; i++)
                storage_record_free(&storage->records[i]);
        if (to > from) {
                memmove(storage->records + from, storage->records + to, sizeof(*storage->records) * (storage->count - to));
                storage->count -= to - from;
        }
}

void storage_give(const struct storage *storage, struct core *core, const struct core_event *want, struct core_time time)
{
        uint8_t key[CORE_KEY_SIZE_MAX], end[CORE_KEY_SIZE_MAX];
        uint64_t number = want->number;
        uint32_t given = 0, limit = want->limit;
        bool backwards = want->backwards;
        size_t from, to;

        /* The event's slices live until the next call of the core, and giving calls it. */
        check(want->key.size <= sizeof(key) && want->end.size <= sizeof(end));
        memcpy(key, want->key.data, want->key.size);
        memcpy(end, want->end.data, want->end.size);
        from = storage_from(storage, slice_of(key, want->key.size));
        to = storage_from(storage, slice_of(end, want->end.size));
        for (size_t i = from; i < to && given < limit; i++, given++) {
                const struct storage_record *record = &storage->records[backwards ? to - 1 - (i - from) : i];

                core_given(core, number, storage_key(record), storage_value(record), time);
        }
        core_given_end(core, number, time);
}
