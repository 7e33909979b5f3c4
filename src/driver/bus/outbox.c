/* See outbox.h. A message is its head, its key, its value, padded to 8 bytes. */
#include "driver/bus/outbox.h"

#include "base/assert.h"
#include "base/memory.h"

#define OUTBOX_SIZE_MIN 16384

struct outbox_head {
        uint32_t value_size;
        int32_t partition;
        uint32_t key_size;
        uint32_t topic;
};

static size_t padded(size_t size)
{
        return (size + 7) & ~(size_t)7;
}

void outbox_init(struct outbox *outbox, size_t size_max)
{
        check(size_max > 0);
        *outbox = (struct outbox){.size_max = size_max};
}

void outbox_finish(struct outbox *outbox)
{
        memory_free(outbox->bytes);
        *outbox = (struct outbox){0};
}

static enum error outbox_grow(struct outbox *outbox, size_t need)
{
        size_t size = max_of(outbox->size * 2, (size_t)OUTBOX_SIZE_MIN);
        uint8_t *bytes;

        while (size < need)
                size *= 2;
        bytes = memory_resize(outbox->bytes, size);
        if (!bytes)
                return ERR_NO_MEMORY;
        outbox->bytes = bytes;
        outbox->size = size;
        return ERR_OK;
}

enum error outbox_put(struct outbox *outbox, const struct bus_message *message, int32_t partition)
{
        struct outbox_head head = {.value_size = (uint32_t)message->value.size,
                                   .partition = partition,
                                   .key_size = (uint32_t)message->key.size,
                                   .topic = message->topic};
        size_t need = outbox->used + sizeof(head) + padded(message->key.size + message->value.size);
        uint8_t *at;

        if (need > outbox->size_max)
                return ERR_FULL;
        if (need > outbox->size) {
                enum error error = outbox_grow(outbox, need);

                if (error)
                        return error;
        }
        at = outbox->bytes + outbox->used;
        memcpy(at, &head, sizeof(head));
        if (message->key.size)
                memcpy(at + sizeof(head), message->key.data, message->key.size);
        if (message->value.size)
                memcpy(at + sizeof(head) + message->key.size, message->value.data, message->value.size);
        outbox->used = need;
        return ERR_OK;
}

bool outbox_next(const struct outbox *outbox, size_t *at, struct bus_message *message)
{
        struct outbox_head head;
        const uint8_t *bytes;

        if (*at == outbox->used)
                return false;
        check(*at < outbox->used);
        memcpy(&head, outbox->bytes + *at, sizeof(head));
        bytes = outbox->bytes + *at + sizeof(head);
        *message = (struct bus_message){.topic = head.topic,
                                        .partition = head.partition,
                                        .key = slice_of(bytes, head.key_size),
                                        .value = slice_of(bytes + head.key_size, head.value_size)};
        *at += sizeof(head) + padded(head.key_size + head.value_size);
        return true;
}

void outbox_clear(struct outbox *outbox)
{
        outbox->used = 0;
}
