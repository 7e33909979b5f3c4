/* A slice: bytes that somebody else owns. An empty slice may have a NULL pointer. */
#ifndef GALKA_BASE_SLICE_H
#define GALKA_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct slice {
        const uint8_t *data;
        size_t size;
};

#define SLICE_LITERAL(text) ((struct slice){(const uint8_t *)(text), sizeof(text) - 1})

static inline struct slice slice_of(const void *data, size_t size)
{
        return (struct slice){data, size};
}

static inline struct slice slice_text(const char *text)
{
        return (struct slice){(const uint8_t *)text, text ? strlen(text) : 0};
}

static inline bool slice_equal(struct slice a, struct slice b)
{
        return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

/* Bytes in order, the shorter first on a tie: <0, 0, >0. */
static inline int slice_compare(struct slice a, struct slice b)
{
        size_t common = a.size < b.size ? a.size : b.size;
        int order = common ? memcmp(a.data, b.data, common) : 0;

        if (order)
                return order;
        return (a.size > b.size) - (a.size < b.size);
}

/* True if the bytes are well-formed UTF-8 (RFC 3629: no overlong forms, no surrogates) without NUL. */
bool slice_is_text(struct slice text);

/* Network byte order. */
static inline uint32_t be32_get(const uint8_t *at)
{
        return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static inline void be32_put(uint8_t *at, uint32_t value)
{
        at[0] = (uint8_t)(value >> 24);
        at[1] = (uint8_t)(value >> 16);
        at[2] = (uint8_t)(value >> 8);
        at[3] = (uint8_t)value;
}

static inline uint64_t be64_get(const uint8_t *at)
{
        return (uint64_t)be32_get(at) << 32 | be32_get(at + 4);
}

static inline void be64_put(uint8_t *at, uint64_t value)
{
        be32_put(at, (uint32_t)(value >> 32));
        be32_put(at + 4, (uint32_t)value);
}

#endif
