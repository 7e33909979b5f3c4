/*
 * The decoder: bytes of a body into a struct wire_<name>, by its descriptor. It allocates nothing: text and
 * lists point into the body. An element of a list is decoded here into a scratch structure and forgotten,
 * only to see that it is good; whoever walks the list decodes it again. Recursion is as deep as structures
 * lie in each other (WIRE_DEPTH_MAX), not as the input says.
 */
#include "base/assert.h"
#include "wire/descriptor.h"
#include "wire/scan.h"

struct decoding {
        const char *fault; /* the field at fault, innermost */
        unsigned depth;
};

static enum error decode_body(struct decoding *decoding, const struct wire_structure *structure, struct slice body,
                              void *message);

static const uint8_t type_of_kind[] = {
#define X(kind, type, text) [WIRE_KIND_##kind] = type,
        WIRE_KINDS(X)
#undef X
};

static enum error decode_number(const struct wire_field *field, const struct wire_scanned *scanned, uint64_t *number)
{
        if (scanned->number > field->limit)
                return ERR_BAD_FIELD;
        *number = scanned->number;
        return ERR_OK;
}

static enum error decode_id(const struct wire_scanned *scanned, struct id *id)
{
        if (scanned->bytes.size != sizeof(id->bytes))
                return ERR_BAD_FIELD;
        memcpy(id->bytes, scanned->bytes.data, sizeof(id->bytes));
        return ERR_OK;
}

static enum error decode_bytes(const struct wire_field *field, const struct wire_scanned *scanned, struct slice *bytes)
{
        if (scanned->bytes.size > field->limit)
                return ERR_BAD_FIELD;
        if (field->kind == WIRE_KIND_TEXT && !slice_is_text(scanned->bytes))
                return ERR_BAD_FIELD;
        *bytes = scanned->bytes;
        return ERR_OK;
}

/* Checks one more element, and makes the list reach to its end. */
static enum error decode_element(struct decoding *decoding, const struct wire_field *field,
                                 const struct wire_scanned *scanned, struct wire_list *list)
{
        union wire_any_part scratch;

        check(field->part->size <= sizeof(scratch));
        if (list->count >= field->limit)
                return ERR_BAD_FIELD;
        if (list->count == 0)
                list->raw.data = scanned->whole.data;
        list->raw.size = (size_t)(scanned->whole.data + scanned->whole.size - list->raw.data);
        list->count++;
        return decode_body(decoding, field->part, scanned->bytes, &scratch);
}

static enum error decode_field(struct decoding *decoding, const struct wire_field *field, const struct wire_scanned *scanned,
                               void *at)
{
        check(field->kind < countof(type_of_kind));
        if (scanned->type != type_of_kind[field->kind])
                return ERR_BAD_FRAME;
        switch ((enum wire_kind)field->kind) {
        case WIRE_KIND_U64:
        case WIRE_KIND_FIX64:
                return decode_number(field, scanned, at);
        case WIRE_KIND_ID:
                return decode_id(scanned, at);
        case WIRE_KIND_BYTES:
        case WIRE_KIND_TEXT:
                return decode_bytes(field, scanned, at);
        case WIRE_KIND_ONE:
                return decode_body(decoding, field->part, scanned->bytes, at);
        case WIRE_KIND_LIST:
                return decode_element(decoding, field, scanned, at);
        }
        unreachable();
}

/* Fields usually come in the order of their tags: it lies at the last one or behind it. */
static const struct wire_field *find_field(const struct wire_structure *structure, uint32_t tag,
                                           const struct wire_field *last)
{
        const struct wire_field *end = structure->fields + structure->field_count;

        for (const struct wire_field *field = last ? last : structure->fields; field < end && field->tag <= tag; field++)
                if (field->tag == tag)
                        return field;
        return wire_field_by_tag(structure, tag);
}

static enum error decode_body(struct decoding *decoding, const struct wire_structure *structure, struct slice body,
                              void *message)
{
        const struct wire_field *last = NULL;
        uint32_t *has = message;
        enum error error = ERR_OK;

        check(decoding->depth < WIRE_DEPTH_MAX);
        decoding->depth++;
        memset(message, 0, structure->size);
        while (body.size > 0 && error == ERR_OK) {
                struct wire_scanned scanned;
                bool whole = wire_scan(&body, &scanned);
                const struct wire_field *field = scanned.tag ? find_field(structure, scanned.tag, last) : NULL;

                if (!whole)
                        error = ERR_BAD_FRAME;
                else if (field)
                        error = decode_field(decoding, field, &scanned, (uint8_t *)message + field->offset);
                last = field ? field : last;
                if (error == ERR_OK && field)
                        *has |= wire_field_bit(structure, field);
                if (error != ERR_OK && field && !decoding->fault)
                        decoding->fault = field->name;
        }
        decoding->depth--;
        return error;
}

enum error wire_decode(const struct wire_structure *structure, struct slice body, void *message, const char **field)
{
        struct decoding decoding = {0};
        enum error error = decode_body(&decoding, structure, body, message);

        check(decoding.depth == 0);
        if (field)
                *field = decoding.fault;
        return error;
}
