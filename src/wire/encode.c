/*
 * The one encoder. It writes backwards, last field first, so that the length of a part is known when it is written and nothing is
 * moved or measured twice.
 */
#include "wire/descriptor.h"

#include "base/assert.h"

/* The part of [start, at) is still free. start > at is never reached: `full` stays set once something did not fit. */
struct writer {
        uint8_t *start, *at;
        bool full;
};

static uint8_t *reserve(struct writer *writer, size_t size)
{
        if (writer->full || (size_t)(writer->at - writer->start) < size) {
                writer->full = true;
                return NULL;
        }
        return writer->at -= size;
}

static void put_bytes(struct writer *writer, const void *bytes, size_t size)
{
        uint8_t *place = size ? reserve(writer, size) : NULL;

        if (place)
                memcpy(place, bytes, size);
}

static void put_varint(struct writer *writer, uint64_t value)
{
        uint8_t bytes[10];
        size_t size = 0;

        do {
                bytes[size++] = (uint8_t)(value & 0x7f) | (value > 0x7f ? 0x80 : 0);
                value >>= 7;
        } while (value);
        put_bytes(writer, bytes, size);
}

static void put_fixed64(struct writer *writer, uint64_t value)
{
        uint8_t bytes[8];

        for (int i = 0; i < 8; i++)
                bytes[i] = (uint8_t)(value >> (8 * i));
        put_bytes(writer, bytes, sizeof(bytes));
}

static void put_key(struct writer *writer, const struct wire_field *field, uint8_t type)
{
        put_varint(writer, (uint64_t)field->tag << 3 | type);
}

static void put_slice(struct writer *writer, const struct wire_field *field, const void *data, size_t size)
{
        put_bytes(writer, data, size);
        put_varint(writer, size);
        put_key(writer, field, WIRE_LENGTH_TYPE);
}

static void put_structure(struct writer *writer, const struct wire_structure *structure, const void *message);

static void put_part(struct writer *writer, const struct wire_field *field, const void *part)
{
        const uint8_t *end = writer->at;

        put_structure(writer, field->part, part);
        put_varint(writer, (uint64_t)(end - writer->at));
        put_key(writer, field, WIRE_LENGTH_TYPE);
}

static void put_list(struct writer *writer, const struct wire_field *field, const struct wire_list *list)
{
        check(list->count <= field->limit);
        if (!list->items) {
                put_bytes(writer, list->raw.data, list->raw.size);
                return;
        }
        for (uint32_t i = list->count; i > 0; i--)
                put_part(writer, field, (const uint8_t *)list->items + (size_t)(i - 1) * field->part->size);
}

static void put_number(struct writer *writer, const struct wire_field *field, uint64_t value, bool has)
{
        check(value <= field->limit);
        if (!has && value == 0)
                return;
        if (field->kind == WIRE_U64) {
                put_varint(writer, value);
                put_key(writer, field, WIRE_VARINT_TYPE);
        } else {
                put_fixed64(writer, value);
                put_key(writer, field, WIRE_FIXED64_TYPE);
        }
}

static bool is_zero(const uint8_t *bytes, size_t size)
{
        while (size > 0 && bytes[size - 1] == 0)
                size--;
        return size == 0;
}

static void put_field(struct writer *writer, const struct wire_field *field, const void *message, bool has)
{
        const void *place = (const uint8_t *)message + field->offset;
        const struct slice *bytes = place;

        switch ((enum wire_kind)field->kind) {
        case WIRE_U64:
        case WIRE_FIX64:
                put_number(writer, field, *(const uint64_t *)place, has);
                break;
        case WIRE_ID:
                if (has || !id_is_zero(place))
                        put_slice(writer, field, place, sizeof(struct id));
                break;
        case WIRE_BYTES:
        case WIRE_TEXT:
                check(bytes->size <= field->limit);
                if (has || bytes->size)
                        put_slice(writer, field, bytes->data, bytes->size);
                break;
        case WIRE_ONE:
                if (has || !is_zero(place, field->part->size))
                        put_part(writer, field, place);
                break;
        case WIRE_LIST:
                put_list(writer, field, place);
                break;
        }
}

static void put_structure(struct writer *writer, const struct wire_structure *structure, const void *message)
{
        uint32_t has = *(const uint32_t *)message;

        for (uint16_t i = structure->field_count; i > 0; i--)
                put_field(writer, &structure->fields[i - 1], message, has >> (i - 1) & 1);
}

uint8_t *wire_encode(const struct wire_structure *structure, const void *message, uint8_t *start, uint8_t *end)
{
        struct writer writer = {.start = start, .at = end};

        put_structure(&writer, structure, message);
        return writer.full ? NULL : writer.at;
}
