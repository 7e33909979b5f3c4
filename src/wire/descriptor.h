/*
 * Descriptors: what the decoder, the encoder and the printer know of each structure of messages.def. Constant
 * tables made by the preprocessor; nobody frees or changes them.
 */
#ifndef GALKA_WIRE_DESCRIPTOR_H
#define GALKA_WIRE_DESCRIPTOR_H

#include "wire/wire.h"

/* Kinds of fields, see messages.def. Each line: kind, wire type of protobuf, its name in .proto (NULL: the
 * part's). */
#define WIRE_KINDS(X)                                                                                                       \
        X(U64, WIRE_VARINT, "uint64")                                                                                       \
        X(FIX64, WIRE_FIXED64, "fixed64")                                                                                   \
        X(ID, WIRE_LENGTH, "bytes")                                                                                         \
        X(BYTES, WIRE_LENGTH, "bytes")                                                                                      \
        X(TEXT, WIRE_LENGTH, "string")                                                                                      \
        X(ONE, WIRE_LENGTH, NULL)                                                                                           \
        X(LIST, WIRE_LENGTH, NULL)

enum wire_kind {
#define X(kind, type, text) WIRE_KIND_##kind,
        WIRE_KINDS(X)
#undef X
};

/* Wire types of protobuf. Groups (3 and 4) are refused. */
enum wire_type { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_LENGTH = 2, WIRE_FIXED32 = 5 };

struct wire_field {
        const char *name;
        const struct wire_structure *part; /* ONE, LIST; else NULL */
        uint64_t limit;                    /* largest value, most bytes, or most elements */
        uint16_t offset;                   /* in the structure */
        uint8_t tag;                       /* protobuf's field number: 1 … 255 */
        uint8_t kind;                      /* enum wire_kind */
};

/* A part or a message. The structure begins with `uint32_t has`; a field's bit in it is the field's index. */
struct wire_structure {
        const char *name;
        const struct wire_field *fields;
        uint16_t size; /* of struct wire_<name> */
        uint8_t field_count;
};

/* How deep structures lie in structures at most: joined, its rooms, their rows. Proven by a test; bounds the
 * recursion. */
#define WIRE_DEPTH_MAX 4

/* Room for any part. */
union wire_any_part {
#define WIRE_ANY(name) struct wire_##name name;
        WIRE_PARTS(WIRE_ANY)
};

/* Room for any message or part. */
union wire_any {
#define WIRE_ANY_M(name, ...) struct wire_##name name;
        WIRE_PARTS(WIRE_ANY)
        WIRE_MESSAGES(WIRE_ANY_M)
#undef WIRE_ANY
#undef WIRE_ANY_M
};

/* The i-th part of messages.def, or NULL past the last. */
const struct wire_structure *wire_part_at(size_t index);

/* A part or message by its name, or NULL. */
const struct wire_structure *wire_structure_by_name(struct slice name);

/* The field with that tag, or NULL. */
const struct wire_field *wire_field_by_tag(const struct wire_structure *structure, uint32_t tag);

static inline uint32_t wire_field_bit(const struct wire_structure *structure, const struct wire_field *field)
{
        return (uint32_t)1 << (field - structure->fields);
}

#endif
