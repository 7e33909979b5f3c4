/* Segments and cursors; see chain.h. */
#include "driver/bus/chain.h"

#include "base/assert.h"
#include "base/memory.h"

struct record_head {
        uint32_t key_size, value_size;
};

static uint32_t record_size(size_t key_size, size_t value_size)
{
        return (uint32_t)((sizeof(struct record_head) + key_size + value_size + 7) & ~(size_t)7);
}

static struct record_head record_head(const struct segment *segment, uint32_t at)
{
        struct record_head head;

        memcpy(&head, segment->bytes + at, sizeof(head));
        return head;
}

/* ---- segments ---- */

static struct segment *segment_take(struct segment_pool *pool, uint32_t size)
{
        struct segment *segment = pool->free;

        if (size <= SEGMENT_SIZE && segment) {
                pool->free = segment->next;
                pool->count--;
        } else {
                size = max_of(size, (uint32_t)SEGMENT_SIZE);
                segment = memory_new(sizeof(*segment) + size);
                if (!segment)
                        return NULL;
                segment->size = size;
        }
        segment->next = NULL;
        segment->used = segment->pins = segment->loose = 0;
        return segment;
}

static void segment_give(struct segment_pool *pool, struct segment *segment)
{
        check(segment->pins == 0);
        if (segment->size != SEGMENT_SIZE || pool->count == SEGMENT_POOL_MAX) {
                memory_free(segment);
                return;
        }
        segment->next = pool->free;
        pool->free = segment;
        pool->count++;
}

void segment_pool_finish(struct segment_pool *pool)
{
        while (pool->free) {
                struct segment *segment = pool->free;

                pool->free = segment->next;
                memory_free(segment);
        }
        pool->count = 0;
}

void segment_pin(struct segment *segment)
{
        segment->pins++;
}

void segment_unpin(struct segment_pool *pool, struct segment *segment)
{
        check(segment->pins > 0);
        segment->pins--;
        if (segment->pins == 0 && segment->loose)
                segment_give(pool, segment);
}

/* ---- the chain ---- */

void chain_init(struct chain *chain, struct segment_pool *pool)
{
        *chain = (struct chain){.pool = pool};
}

static void chain_drop_head(struct chain *chain)
{
        struct segment *segment = chain->head;

        chain->head = segment->next;
        if (!chain->head)
                chain->tail = NULL;
        segment->loose = 1;
        if (segment->pins == 0)
                segment_give(chain->pool, segment);
}

void chain_finish(struct chain *chain)
{
        while (chain->head)
                chain_drop_head(chain);
}

enum error chain_append(struct chain *chain, struct slice key, struct slice value)
{
        uint32_t size = record_size(key.size, value.size);
        struct record_head head = {(uint32_t)key.size, (uint32_t)value.size};
        struct segment *tail = chain->tail;
        uint8_t *at;

        if (!tail || tail->size - tail->used < size) {
                struct segment *segment = segment_take(chain->pool, size);

                if (!segment)
                        return ERR_NO_MEMORY;
                segment->first = chain->end;
                if (tail)
                        tail->next = segment;
                else
                        chain->head = segment;
                chain->tail = tail = segment;
        }
        at = tail->bytes + tail->used;
        memcpy(at, &head, sizeof(head));
        if (key.size)
                memcpy(at + sizeof(head), key.data, key.size);
        if (value.size)
                memcpy(at + sizeof(head) + key.size, value.data, value.size);
        tail->used += size;
        chain->end++;
        chain->bytes += size;
        return ERR_OK;
}

void chain_seek(const struct chain *chain, struct cursor *cursor, uint64_t offset)
{
        struct segment *segment = chain->head;

        check(offset <= chain->end);
        *cursor = (struct cursor){.offset = offset};
        if (!segment || offset < segment->first)
                return; /* an empty chain; chain_settle finds the segment once there is one */
        while (segment->next && segment->next->first <= offset)
                segment = segment->next;
        cursor->segment = segment;
        cursor->segment_first = segment->first;
        for (uint64_t i = segment->first; i < offset; i++) {
                struct record_head head = record_head(segment, cursor->at);

                cursor->at += record_size(head.key_size, head.value_size);
        }
}

/* Brings the cursor to the segment that holds its record. False at the end. */
static bool chain_settle(const struct chain *chain, struct cursor *cursor)
{
        if (cursor->offset == chain->end)
                return false;
        check(cursor->offset < chain->end);
        /* No segment yet, or it may be gone since: all its records were read, so it could be trimmed. */
        if (!cursor->segment || cursor->segment_first < chain->head->first)
                chain_seek(chain, cursor, cursor->offset);
        check(cursor->segment);
        if (cursor->at == cursor->segment->used) {
                cursor->segment = cursor->segment->next;
                check(cursor->segment);
                cursor->segment_first = cursor->segment->first;
                cursor->at = 0;
        }
        return true;
}

struct segment *chain_read(const struct chain *chain, struct cursor *cursor, struct slice *key, struct slice *value)
{
        struct record_head head;
        const uint8_t *bytes;

        check(cursor->offset >= chain_first(chain));
        if (!chain_settle(chain, cursor))
                return NULL;
        head = record_head(cursor->segment, cursor->at);
        bytes = cursor->segment->bytes + cursor->at + sizeof(head);
        *key = slice_of(bytes, head.key_size);
        *value = slice_of(bytes + head.key_size, head.value_size);
        cursor->at += record_size(head.key_size, head.value_size);
        cursor->offset++;
        return cursor->segment;
}

void chain_trim(struct chain *chain, uint64_t offset)
{
        struct cursor *low = &chain->low;

        if (offset >= chain->end) {
                while (chain->head)
                        chain_drop_head(chain);
                *low = (struct cursor){.offset = chain->end};
                chain->bytes = 0;
                return;
        }
        while (low->offset < offset) {
                struct slice key = {0}, value = {0};
                const struct segment *segment = chain_read(chain, low, &key, &value);

                check(segment);
                chain->bytes -= record_size(key.size, value.size);
        }
        if (chain_settle(chain, low))
                while (chain->head != low->segment)
                        chain_drop_head(chain);
}
