/*
 * 16-byte identifiers: request ids and group room ids (UUIDv7, RFC 9562), personal room ids, eras, epochs.
 * Ordered as bytes, so that a UUIDv7 orders by its time.
 */
#ifndef GALKA_BASE_ID_H
#define GALKA_BASE_ID_H

#include "base/slice.h"

struct id {
        uint8_t bytes[16];
};

#define ID_TEXT_SIZE 37 /* 36 characters and NUL */

static inline int id_compare(const struct id *a, const struct id *b)
{
        return memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

static inline bool id_equal(const struct id *a, const struct id *b)
{
        return id_compare(a, b) == 0;
}

static inline bool id_is_zero(const struct id *id)
{
        static const struct id zero;

        return id_equal(id, &zero);
}

/* A UUIDv7 from a time in milliseconds since 1970 and 10 random bytes. */
struct id id_uuid7(uint64_t time_ms, const uint8_t random[10]);

/* The milliseconds in a UUIDv7; any other id gives a meaningless number. */
uint64_t id_uuid7_time_ms(const struct id *id);

/* Writes the id as 8-4-4-4-12 lower-case hex with NUL. */
void id_format(const struct id *id, char text[static ID_TEXT_SIZE]);

/* Reads the 36-character form. False if it is anything else; *id is then unchanged. */
bool id_parse(struct slice text, struct id *id);

#endif
