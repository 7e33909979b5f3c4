/* Protobuf's encoding of fields: https://protobuf.dev/programming-guides/encoding/ */
#include "wire/scan.h"

#include "base/assert.h"

static void slice_skip(struct slice *rest, size_t size)
{
        check(size <= rest->size);
        rest->data += size;
        rest->size -= size;
}

static bool scan_varint(struct slice *rest, uint64_t *number)
{
        uint64_t value = 0;

        if (rest->size > 0 && rest->data[0] < 0x80) { /* nearly all are */
                *number = rest->data[0];
                slice_skip(rest, 1);
                return true;
        }
        for (size_t i = 0; i < WIRE_VARINT_SIZE_MAX && i < rest->size; i++) {
                uint8_t byte = rest->data[i];

                if (i == WIRE_VARINT_SIZE_MAX - 1 && byte > 1)
                        return false; /* more than 64 bits */
                value |= (uint64_t)(byte & 0x7f) << (7 * i);
                if (byte < 0x80) {
                        *number = value;
                        slice_skip(rest, i + 1);
                        return true;
                }
        }
        return false;
}

static bool scan_fixed(struct slice *rest, size_t size, uint64_t *number)
{
        if (rest->size < size)
                return false;
        *number = 0;
        for (size_t i = size; i-- > 0;)
                *number = *number << 8 | rest->data[i];
        slice_skip(rest, size);
        return true;
}

static bool scan_bytes(struct slice *rest, struct slice *bytes)
{
        uint64_t size;

        if (!scan_varint(rest, &size) || size > rest->size)
                return false;
        *bytes = slice_of(rest->data, (size_t)size);
        slice_skip(rest, (size_t)size);
        return true;
}

static bool scan_value(struct slice *rest, struct wire_scanned *scanned)
{
        switch (scanned->type) {
        case WIRE_VARINT:
                return scan_varint(rest, &scanned->number);
        case WIRE_FIXED64:
                return scan_fixed(rest, 8, &scanned->number);
        case WIRE_LENGTH:
                return scan_bytes(rest, &scanned->bytes);
        case WIRE_FIXED32:
                return scan_fixed(rest, 4, &scanned->number);
        }
        return false; /* a group, or nothing that protobuf has */
}

bool wire_scan(struct slice *rest, struct wire_scanned *scanned)
{
        const uint8_t *begin = rest->data;
        uint64_t key;

        check(rest->size > 0);
        memset(scanned, 0, sizeof(*scanned));
        if (!scan_varint(rest, &key) || key >> 3 == 0 || key >> 3 > WIRE_TAG_MAX)
                return false;
        scanned->tag = (uint32_t)(key >> 3);
        scanned->type = key & 7;
        if (!scan_value(rest, scanned))
                return false;
        scanned->whole = slice_of(begin, (size_t)(rest->data - begin));
        return true;
}
