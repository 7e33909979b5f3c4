/* The frame around a body: length, code, the header fields that the code has. */
#include "wire/wire.h"

#include "base/assert.h"

/* Size of the header fields that a code has, without length and code. */
static size_t header_size(uint8_t header)
{
        return (header & WIRE_HAS_REQUEST ? 16u : 0u) + (header & WIRE_HAS_TOKEN ? WIRE_TOKEN_SIZE : 0u) +
               (header & WIRE_HAS_DEVICE ? 8u : 0u) + (header & WIRE_HAS_ROOM ? 16u : 0u);
}

enum error wire_frame_parse(struct slice bytes, struct wire_frame *frame)
{
        const uint8_t *at = bytes.data;
        uint8_t header;

        *frame = (struct wire_frame){0};
        if (bytes.size == 0)
                return ERR_BAD_FRAME;
        frame->code = *at++;
        frame->message = wire_message_by_code(frame->code);
        header = frame->message ? frame->message->header : 0;
        if (bytes.size - 1 < header_size(header))
                return ERR_BAD_FRAME;
        if (header & WIRE_HAS_REQUEST) {
                memcpy(frame->request.bytes, at, 16);
                at += 16;
        }
        if (header & WIRE_HAS_TOKEN) {
                frame->user = be64_get(at);
                memcpy(frame->mac, at + 8, sizeof(frame->mac));
                at += WIRE_TOKEN_SIZE;
        }
        if (header & WIRE_HAS_DEVICE) {
                frame->device = be64_get(at);
                at += 8;
        }
        if (header & WIRE_HAS_ROOM) {
                memcpy(frame->room.bytes, at, 16);
                at += 16;
        }
        frame->body = slice_of(at, bytes.size - (size_t)(at - bytes.data));
        return ERR_OK;
}

struct slice wire_frame_build(const struct wire_frame *frame, const void *message, uint8_t *start, uint8_t *end)
{
        const struct wire_message *properties = wire_message_by_code(frame->code);
        size_t size = WIRE_LENGTH_SIZE + 1 + header_size(properties->header);
        uint8_t *body = wire_encode(properties->structure, message, start, end);
        uint8_t *at;

        if (!body || (size_t)(body - start) < size)
                return (struct slice){0};
        at = body - size;
        be32_put(at, (uint32_t)(end - at) - WIRE_LENGTH_SIZE);
        at[WIRE_LENGTH_SIZE] = frame->code;
        size = WIRE_LENGTH_SIZE + 1;
        if (properties->header & WIRE_HAS_REQUEST) {
                memcpy(at + size, frame->request.bytes, 16);
                size += 16;
        }
        if (properties->header & WIRE_HAS_TOKEN) {
                be64_put(at + size, frame->user);
                memcpy(at + size + 8, frame->mac, sizeof(frame->mac));
                size += WIRE_TOKEN_SIZE;
        }
        if (properties->header & WIRE_HAS_DEVICE) {
                be64_put(at + size, frame->device);
                size += 8;
        }
        if (properties->header & WIRE_HAS_ROOM)
                memcpy(at + size, frame->room.bytes, 16);
        return slice_of(at, (size_t)(end - at));
}

size_t wire_frame_size(struct slice bytes, size_t size_max, enum error *error)
{
        uint32_t length;

        *error = ERR_OK;
        if (bytes.size < WIRE_LENGTH_SIZE)
                return 0;
        length = be32_get(bytes.data);
        if (length == 0)
                *error = ERR_BAD_FRAME;
        else if (length > size_max - WIRE_LENGTH_SIZE)
                *error = ERR_TOO_LARGE;
        return *error ? 0 : WIRE_LENGTH_SIZE + (size_t)length;
}
