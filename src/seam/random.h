/* Randomness. A plain call that does not fail: a driver that cannot deliver aborts the process. */
#ifndef GALKA_SEAM_RANDOM_H
#define GALKA_SEAM_RANDOM_H

#include <stddef.h>
#include <stdint.h>

struct random {
        /* Fills with bytes fit for keys. */
        void (*fill)(struct random *random, void *bytes, size_t size);
};

static inline uint64_t random_u64(struct random *random)
{
        uint64_t value;

        random->fill(random, &value, sizeof(value));
        return value;
}

/* A user or device id: 63 random bits, never 0. */
static inline uint64_t random_id63(struct random *random)
{
        uint64_t value;

        do
                value = random_u64(random) >> 1;
        while (value == 0);
        return value;
}

#endif
