/*
 * Frames: length, code, the header fields that the code has, body (PROTOCOL, "Frame"). One table of header
 * fields, in the order they have in a frame, serves taking apart and building.
 */
#include "base/assert.h"
#include "wire/wire.h"

/* Flag, size, how it is read from `at`, how it is written there. */
#define HEADER_FIELDS(X)                                                                                                    \
        X(WIRE_HAS_REQUEST, 16, memcpy(frame->request.bytes, at, 16), memcpy(at, frame->request.bytes, 16))                 \
        X(WIRE_HAS_TOKEN, WIRE_TOKEN_SIZE, token_get(frame, at), token_put(frame, at))                                      \
        X(WIRE_HAS_DEVICE, 8, frame->device = be64_get(at), be64_put(at, frame->device))                                    \
        X(WIRE_HAS_ROOM, 16, memcpy(frame->room.bytes, at, 16), memcpy(at, frame->room.bytes, 16))

static void token_get(struct wire_frame *frame, const uint8_t *at)
{
        frame->user = be64_get(at);
        memcpy(frame->mac, at + 8, sizeof(frame->mac));
}

static void token_put(const struct wire_frame *frame, uint8_t *at)
{
        be64_put(at, frame->user);
        memcpy(at + 8, frame->mac, sizeof(frame->mac));
}

size_t wire_header_size(uint8_t header)
{
        size_t size = 0;

#define X(flag, bytes, get, put) size += header & (flag) ? (bytes) : 0;
        HEADER_FIELDS(X)
#undef X
        return size;
}

enum error wire_frame_parse(struct slice after_length, struct wire_frame *frame)
{
        const uint8_t *at;
        size_t header_size;

        memset(frame, 0, sizeof(*frame));
        if (after_length.size == 0)
                return ERR_BAD_FRAME;
        frame->code = after_length.data[0];
        frame->message = wire_message_by_code(frame->code);
        header_size = frame->message ? wire_header_size(frame->message->header) : 0;
        if (after_length.size - 1 < header_size)
                return ERR_BAD_FRAME;
        at = after_length.data + 1;
        frame->body = slice_of(at + header_size, after_length.size - 1 - header_size);
        if (!frame->message)
                return ERR_OK;
#define X(flag, bytes, get, put)                                                                                            \
        if (frame->message->header & (flag)) {                                                                              \
                get;                                                                                                        \
                at += (bytes);                                                                                              \
        }
        HEADER_FIELDS(X)
#undef X
        check(at == frame->body.data);
        return ERR_OK;
}

struct slice wire_frame_build(const struct wire_frame *frame, const void *message, uint8_t *start, uint8_t *end)
{
        const struct wire_message *properties = wire_message_by_code(frame->code);
        uint8_t *body, *at, *begin;
        size_t room;

        check(properties);
        check(start <= end);
        room = WIRE_LENGTH_SIZE + 1 + wire_header_size(properties->header);
        body = wire_encode(properties->structure, message, start, end);
        if (!body || (size_t)(body - start) < room)
                return (struct slice){0};
        begin = body - room;
        check((size_t)(end - begin) - WIRE_LENGTH_SIZE <= UINT32_MAX);
        be32_put(begin, (uint32_t)(end - begin - WIRE_LENGTH_SIZE));
        begin[WIRE_LENGTH_SIZE] = frame->code;
        at = begin + WIRE_LENGTH_SIZE + 1;
#define X(flag, bytes, get, put)                                                                                            \
        if (properties->header & (flag)) {                                                                                  \
                put;                                                                                                        \
                at += (bytes);                                                                                              \
        }
        HEADER_FIELDS(X)
#undef X
        check(at == body);
        return slice_of(begin, (size_t)(end - begin));
}

size_t wire_frame_size(struct slice bytes, size_t size_max, enum error *error)
{
        uint32_t length;

        check(size_max > WIRE_LENGTH_SIZE);
        *error = ERR_OK;
        if (bytes.size < WIRE_LENGTH_SIZE)
                return 0;
        length = be32_get(bytes.data);
        if (length == 0)
                *error = ERR_BAD_FRAME;
        else if (length > size_max - WIRE_LENGTH_SIZE)
                *error = ERR_TOO_LARGE;
        return *error == ERR_OK ? (size_t)length + WIRE_LENGTH_SIZE : 0;
}
