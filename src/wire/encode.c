/*
 * The encoder: a struct wire_<name> into bytes, by its descriptor, from the last field to the first and from
 * the end of the buffer towards its start: so the length of a part is known when its turn comes, and nothing
 * is measured or moved.
 */
#include "base/assert.h"
#include "wire/descriptor.h"
#include "wire/scan.h"

struct writer {
        uint8_t *start, *at; /* written: from `at` on */
        bool full;
};

static void encode_body(struct writer *writer, const struct wire_structure *structure, const void *message);

/* Room for `size` bytes before what is written, or NULL; once full, it stays full. */
static uint8_t *writer_take(struct writer *writer, size_t size)
{
        if (writer->full || (size_t)(writer->at - writer->start) < size) {
                writer->full = true;
                return NULL;
        }
        writer->at -= size;
        return writer->at;
}

static void put_bytes(struct writer *writer, struct slice bytes)
{
        uint8_t *to = writer_take(writer, bytes.size);

        if (to && bytes.size > 0)
                memcpy(to, bytes.data, bytes.size);
}

static void put_varint(struct writer *writer, uint64_t number)
{
        uint8_t bytes[WIRE_VARINT_SIZE_MAX];
        size_t size = 0;

        for (; number >= 0x80; number >>= 7)
                bytes[size++] = (uint8_t)(number | 0x80);
        bytes[size++] = (uint8_t)number;
        put_bytes(writer, slice_of(bytes, size));
}

static void put_fixed64(struct writer *writer, uint64_t number)
{
        uint8_t bytes[8];

        for (size_t i = 0; i < sizeof(bytes); i++)
                bytes[i] = (uint8_t)(number >> (8 * i));
        put_bytes(writer, slice_of(bytes, sizeof(bytes)));
}

static void put_key(struct writer *writer, const struct wire_field *field, enum wire_type type)
{
        put_varint(writer, (uint64_t)field->tag << 3 | type);
}

static void encode_number(struct writer *writer, const struct wire_field *field, bool wanted, uint64_t number)
{
        check(number <= field->limit);
        if (!wanted && number == 0)
                return;
        if (field->kind == WIRE_KIND_U64) {
                put_varint(writer, number);
                put_key(writer, field, WIRE_VARINT);
        } else {
                put_fixed64(writer, number);
                put_key(writer, field, WIRE_FIXED64);
        }
}

static void encode_bytes(struct writer *writer, const struct wire_field *field, bool wanted, struct slice bytes)
{
        check(bytes.size <= field->limit);
        if (!wanted && bytes.size == 0)
                return;
        put_bytes(writer, bytes);
        put_varint(writer, bytes.size);
        put_key(writer, field, WIRE_LENGTH);
}

static void encode_part(struct writer *writer, const struct wire_field *field, bool wanted, const void *part)
{
        const uint8_t *end = writer->at;

        encode_body(writer, field->part, part);
        if (!wanted && writer->at == end)
                return;
        put_varint(writer, (uint64_t)(end - writer->at));
        put_key(writer, field, WIRE_LENGTH);
}

/* Copies a decoded list: the elements only, not what may lie between them. */
static void encode_raw(struct writer *writer, const struct wire_field *field, const struct wire_list *list)
{
        struct slice rest = list->raw;
        struct wire_scanned scanned;
        size_t size = 0;
        uint8_t *to;

        while (rest.size > 0)
                if (!wire_scan(&rest, &scanned))
                        unreachable();
                else if (scanned.tag == field->tag)
                        size += scanned.whole.size;
        to = writer_take(writer, size);
        for (rest = list->raw; to && rest.size > 0;) {
                if (!wire_scan(&rest, &scanned))
                        unreachable();
                if (scanned.tag != field->tag)
                        continue;
                memcpy(to, scanned.whole.data, scanned.whole.size);
                to += scanned.whole.size;
        }
}

static void encode_list(struct writer *writer, const struct wire_field *field, const struct wire_list *list)
{
        check(list->count <= field->limit);
        if (!list->items) {
                encode_raw(writer, field, list);
                return;
        }
        for (uint32_t i = list->count; i-- > 0;)
                encode_part(writer, field, true, (const uint8_t *)list->items + (size_t)i * field->part->size);
}

static void encode_field(struct writer *writer, const struct wire_field *field, bool wanted, const void *at)
{
        const struct id *id = at;

        switch ((enum wire_kind)field->kind) {
        case WIRE_KIND_U64:
        case WIRE_KIND_FIX64:
                encode_number(writer, field, wanted, *(const uint64_t *)at);
                return;
        case WIRE_KIND_ID:
                if (wanted || !id_is_zero(id))
                        encode_bytes(writer, field, true, slice_of(id->bytes, sizeof(id->bytes)));
                return;
        case WIRE_KIND_BYTES:
        case WIRE_KIND_TEXT:
                encode_bytes(writer, field, wanted, *(const struct slice *)at);
                return;
        case WIRE_KIND_ONE:
                encode_part(writer, field, wanted, at);
                return;
        case WIRE_KIND_LIST:
                encode_list(writer, field, at);
                return;
        }
        unreachable();
}

static void encode_body(struct writer *writer, const struct wire_structure *structure, const void *message)
{
        const uint32_t *has = message;

        check(structure->field_count <= 32);
        for (size_t i = structure->field_count; i-- > 0 && !writer->full;)
                encode_field(writer, &structure->fields[i], *has >> i & 1,
                             (const uint8_t *)message + structure->fields[i].offset);
}

uint8_t *wire_encode(const struct wire_structure *structure, const void *message, uint8_t *start, uint8_t *end)
{
        struct writer writer = {.start = start, .at = end};

        check(start <= end);
        encode_body(&writer, structure, message);
        return writer.full ? NULL : writer.at;
}
