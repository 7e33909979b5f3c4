/*
 * The one decoder. It walks a body once, checks every field against its descriptor, and stores values, or slices of the body, into
 * the structure. Lists are checked element by element while their span is noted, so walking them later cannot fail.
 */
#include "wire/descriptor.h"

#include "base/assert.h"

#define VARINT_SIZE_MAX 10

/* Takes a varint off the front. False: cut short, or longer than 64 bits. */
static bool take_varint(struct slice *rest, uint64_t *value)
{
        uint64_t result = 0;

        for (size_t i = 0; i < rest->size && i < VARINT_SIZE_MAX; i++) {
                uint8_t byte = rest->data[i];

                if (i == VARINT_SIZE_MAX - 1 && byte > 1)
                        return false;
                result |= (uint64_t)(byte & 0x7f) << (7 * i);
                if (byte < 0x80) {
                        *value = result;
                        *rest = slice_of(rest->data + i + 1, rest->size - i - 1);
                        return true;
                }
        }
        return false;
}

static bool take_bytes(struct slice *rest, uint64_t size, struct slice *bytes)
{
        if (size > rest->size)
                return false;
        *bytes = slice_of(rest->data, (size_t)size);
        *rest = slice_of(rest->data + size, rest->size - (size_t)size);
        return true;
}

/* A field as it stands in the bytes, before anything is known about it. */
struct raw_field {
        uint64_t tag;
        uint8_t type;
        uint64_t number;    /* VARINT, FIXED64 */
        struct slice bytes; /* LENGTH */
};

static uint64_t little_endian64(const uint8_t *at)
{
        uint64_t value = 0;

        for (int i = 7; i >= 0; i--)
                value = value << 8 | at[i];
        return value;
}

static bool take_field(struct slice *rest, struct raw_field *field)
{
        uint64_t key, size;
        struct slice fixed;

        if (!take_varint(rest, &key) || key >> 3 == 0 || key >> 32 != 0)
                return false;
        field->tag = key >> 3;
        field->type = key & 7;
        switch (field->type) {
        case WIRE_VARINT_TYPE:
                return take_varint(rest, &field->number);
        case WIRE_FIXED64_TYPE:
                if (!take_bytes(rest, 8, &fixed))
                        return false;
                field->number = little_endian64(fixed.data);
                return true;
        case WIRE_LENGTH_TYPE:
                return take_varint(rest, &size) && take_bytes(rest, size, &field->bytes);
        case WIRE_FIXED32_TYPE:
                return take_bytes(rest, 4, &fixed);
        default:
                return false; /* groups, which nobody sends any more */
        }
}

static uint8_t type_of(uint8_t kind)
{
        switch (kind) {
        case WIRE_U64:
                return WIRE_VARINT_TYPE;
        case WIRE_FIX64:
                return WIRE_FIXED64_TYPE;
        default:
                return WIRE_LENGTH_TYPE;
        }
}

static enum error decode(const struct wire_structure *structure, struct slice body, void *message, const char **field,
                         unsigned depth);

/* Room for one element of any part, to check list elements in. */
union any_part {
#define MEMBER(name) struct wire_##name name;
        WIRE_PARTS(MEMBER)
#undef MEMBER
};

static enum error store_list(const struct wire_field *field, const struct raw_field *raw, const uint8_t *start,
                             const uint8_t *end, struct wire_list *list, const char **fault, unsigned depth)
{
        union any_part element;

        if (list->count == 0)
                list->raw.data = start;
        list->raw.size = (size_t)(end - list->raw.data);
        if (++list->count > field->limit)
                return ERR_BAD_FIELD;
        return decode(field->part, raw->bytes, &element, fault, depth + 1);
}

/* start, end: the whole field in the body, key included. */
static enum error store_field(const struct wire_field *field, const struct raw_field *raw, const uint8_t *start,
                              const uint8_t *end, void *message, const char **fault, unsigned depth)
{
        void *place = (uint8_t *)message + field->offset;

        *fault = field->name;
        if (raw->type != type_of(field->kind))
                return ERR_BAD_FIELD;
        switch ((enum wire_kind)field->kind) {
        case WIRE_U64:
        case WIRE_FIX64:
                if (raw->number > field->limit)
                        return ERR_BAD_FIELD;
                *(uint64_t *)place = raw->number;
                return ERR_OK;
        case WIRE_ID:
                if (raw->bytes.size != sizeof(struct id))
                        return ERR_BAD_FIELD;
                memcpy(place, raw->bytes.data, sizeof(struct id));
                return ERR_OK;
        case WIRE_BYTES:
        case WIRE_TEXT:
                if (raw->bytes.size > field->limit || (field->kind == WIRE_TEXT && !slice_is_text(raw->bytes)))
                        return ERR_BAD_FIELD;
                *(struct slice *)place = raw->bytes;
                return ERR_OK;
        case WIRE_ONE:
                return decode(field->part, raw->bytes, place, fault, depth + 1);
        case WIRE_LIST:
                return store_list(field, raw, start, end, place, fault, depth);
        }
        unreachable();
}

static const struct wire_field *find_field(const struct wire_structure *structure, uint64_t tag)
{
        /* Tags are dense: the field usually stands where its tag says. */
        if (tag - 1 < structure->field_count && structure->fields[tag - 1].tag == tag)
                return &structure->fields[tag - 1];
        for (uint16_t i = 0; i < structure->field_count; i++)
                if (structure->fields[i].tag == tag)
                        return &structure->fields[i];
        return NULL;
}

static enum error decode(const struct wire_structure *structure, struct slice body, void *message, const char **field,
                         unsigned depth)
{
        uint32_t *has = message;

        memset(message, 0, structure->size);
        if (depth > WIRE_DEPTH_MAX)
                return ERR_BAD_FRAME;
        while (body.size > 0) {
                const uint8_t *start = body.data;
                const struct wire_field *known;
                struct raw_field raw = {0};
                enum error error;

                *field = NULL;
                if (!take_field(&body, &raw))
                        return ERR_BAD_FRAME;
                known = find_field(structure, raw.tag);
                if (!known)
                        continue;
                error = store_field(known, &raw, start, body.data, message, field, depth);
                if (error)
                        return error;
                *has |= (uint32_t)1 << (known - structure->fields);
        }
        *field = NULL;
        return ERR_OK;
}

enum error wire_decode(const struct wire_structure *structure, struct slice body, void *message, const char **field)
{
        const char *ignored;

        return decode(structure, body, message, field ? field : &ignored, 0);
}

void wire_list_start(struct wire_iterator *iterator, const struct wire_structure *structure, uint32_t tag,
                     const struct wire_list *list)
{
        const struct wire_field *field = find_field(structure, tag);

        check(field && field->kind == WIRE_LIST);
        *iterator = (struct wire_iterator){.rest = list->raw, .field_tag = tag, .part = field->part};
}

bool wire_list_next(struct wire_iterator *iterator, void *element)
{
        while (iterator->rest.size > 0) {
                struct raw_field raw = {0};
                const char *field;
                bool good = take_field(&iterator->rest, &raw);

                check(good); /* the list was checked when it was decoded */
                if (raw.tag != iterator->field_tag)
                        continue;
                good = decode(iterator->part, raw.bytes, element, &field, 1) == ERR_OK;
                check(good);
                return true;
        }
        return false;
}
