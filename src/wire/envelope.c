/* The one-byte envelope of the envelope. */
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
        const struct wire_message *properties = record.size ? wire_message_by_code(record.data[0]) : NULL;

        return properties && properties->direction == WIRE_BUS ? record.data[0] : WIRE_CODE_none;
}

enum error wire_record_parse(struct slice record, void *message)
{
        uint8_t code = wire_record_code(record);

        if (!code)
                return ERR_BAD_FRAME;
        return wire_decode(wire_message_by_code(code)->structure, slice_of(record.data + 1, record.size - 1), message, NULL);
}
