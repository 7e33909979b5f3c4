/* Descriptors of structures and their fields: what the decoder, the encoder and the printers walk. Made from messages.def. */
#ifndef GALKA_WIRE_DESCRIPTOR_H
#define GALKA_WIRE_DESCRIPTOR_H

#include "wire/wire.h"

#define WIRE_TAG_MAX   15 /* so that every key fits one byte */
#define WIRE_DEPTH_MAX 4  /* of structures inside structures */

enum wire_kind { WIRE_U64, WIRE_FIX64, WIRE_ID, WIRE_BYTES, WIRE_TEXT, WIRE_ONE, WIRE_LIST };

struct wire_field {
        const char *name;
        uint8_t tag, kind;
        uint16_t offset; /* in the structure */
        uint64_t limit;
        const struct wire_structure *part; /* ONE, LIST */
};

struct wire_structure {
        const char *name;
        uint16_t size; /* of the C structure; `has` is its first member */
        uint16_t field_count;
        const struct wire_field *fields;
};

/* Wire types of protobuf. */
enum wire_type { WIRE_VARINT_TYPE = 0, WIRE_FIXED64_TYPE = 1, WIRE_LENGTH_TYPE = 2, WIRE_FIXED32_TYPE = 5 };

#endif
