/* One field of a protobuf body at a time, whatever it means. Private to wire/. */
#ifndef GALKA_WIRE_SCAN_H
#define GALKA_WIRE_SCAN_H

#include "wire/descriptor.h"

#define WIRE_VARINT_SIZE_MAX 10
#define WIRE_TAG_MAX         0x1fffffff /* protobuf's largest field number */

struct wire_scanned {
        uint32_t tag; /* 0 while not even the tag could be read */
        enum wire_type type;
        uint64_t number;    /* VARINT, FIXED64, FIXED32 */
        struct slice bytes; /* LENGTH */
        struct slice whole; /* the field with its tag */
};

/* Takes the first field off *rest, which must not be empty. False when the bytes are no field: cut off, a
 * number longer than ten bytes or than 64 bits, tag 0, a group or an unknown wire type. */
bool wire_scan(struct slice *rest, struct wire_scanned *scanned);

#endif
