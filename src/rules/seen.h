/* When somebody was there last, as coarsely as it is kept and told. */
#ifndef GALKA_RULES_SEEN_H
#define GALKA_RULES_SEEN_H

#include <stdint.h>

#define SEEN_COARSE_MS 300000

/* The five minutes that this is in: their beginning. Finer it is never known, not even to the store. */
static inline uint64_t seen_coarse(uint64_t time_ms)
{
        return time_ms - time_ms % SEEN_COARSE_MS;
}

#endif
