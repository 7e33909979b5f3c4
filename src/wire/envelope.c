/* Records of the bus: see envelope.h. */
#include "wire/envelope.h"

#include "base/assert.h"

struct slice wire_record_build(uint8_t code, const void *message, uint8_t *start, uint8_t *end)
{
        const struct wire_message *properties = wire_message_by_code(code);
        uint8_t *at;

        check(properties && properties->direction == WIRE_BUS);
        at = wire_encode(properties->structure, message, start, end);
        if (!at || at == start)
                return (struct slice){0};
        *--at = code;
        return slice_of(at, (size_t)(end - at));
}

uint8_t wire_record_code(struct slice record)
{
        const struct wire_message *properties = record.size > 0 ? wire_message_by_code(record.data[0]) : NULL;

        return properties && properties->direction == WIRE_BUS ? properties->code : WIRE_CODE_none;
}

enum error wire_record_parse(struct slice record, uint8_t code, void *message)
{
        const struct wire_message *properties = wire_message_by_code(code);
        enum error error;

        check(properties && properties->direction == WIRE_BUS);
        if (wire_record_code(record) != code)
                return ERR_BAD_FRAME;
        error = wire_decode(properties->structure, slice_of(record.data + 1, record.size - 1), message, NULL);
        if (error == ERR_OK && code == WIRE_CODE_post &&
            ((const struct wire_post *)message)->connections.size % WIRE_CONNECTION_SIZE != 0)
                return ERR_BAD_FIELD;
        return error;
}

void wire_frame_hide_mac(uint8_t *frame, size_t size)
{
        const struct wire_message *properties;
        size_t at = 1 + 8; /* code, user id */

        check(size > 0);
        properties = wire_message_by_code(frame[0]);
        if (!properties || !(properties->header & WIRE_HAS_TOKEN))
                return;
        if (properties->header & WIRE_HAS_REQUEST)
                at += 16;
        check(size >= at + WIRE_TOKEN_SIZE - 8);
        memset(frame + at, 0, WIRE_TOKEN_SIZE - 8);
}
