/* What the stateful targets read their input as: a script of bytes. At its end there are only zeros. */
#ifndef GALKA_TEST_FUZZ_SCRIPT_H
#define GALKA_TEST_FUZZ_SCRIPT_H

#include "base/assert.h"
#include "base/slice.h"

struct script {
        const uint8_t *at, *end;
};

static inline bool script_ended(const struct script *script)
{
        return script->at == script->end;
}

static inline uint8_t script_next(struct script *script)
{
        return script->at < script->end ? *script->at++ : 0;
}

/* Up to `most` bytes of the script, their number chosen by one byte. */
static inline struct slice script_bytes(struct script *script, size_t most)
{
        size_t size = script_next(script);
        struct slice bytes;

        size = min_of(size, most);
        size = min_of(size, (size_t)(script->end - script->at));
        bytes = slice_of(script->at, size);
        script->at += size;
        return bytes;
}

/* A number: small ones cost one byte, and the edges of 64 bits are as near. */
static inline uint64_t script_number(struct script *script)
{
        static const uint64_t edges[] = {UINT64_MAX,
                                         UINT64_MAX - 1,
                                         (uint64_t)INT64_MAX,
                                         (uint64_t)INT64_MAX + 1,
                                         UINT32_MAX,
                                         UINT16_MAX,
                                         UINT64_C(1) << 32,
                                         1000,
                                         65536,
                                         10000,
                                         4096,
                                         200,
                                         1700000000000u,
                                         3600000,
                                         60000,
                                         500};
        uint8_t byte = script_next(script);

        return byte < 240 ? byte : edges[byte - 240];
}

static inline uint64_t script_number_to(struct script *script, uint64_t most)
{
        uint64_t number = script_number(script);

        return min_of(number, most);
}

#endif
