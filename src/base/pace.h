/*
 * How long to let an engine rest between requests: twice as long as its last ones took, at most so long. So a quick engine, or an idle
 * machine, adds little to a message's way; a busy one gets fewer and larger requests, which is what it needs.
 *
 *      pace_init → (pace_took after each request … pace_ms before the next)
 */
#ifndef GALKA_BASE_PACE_H
#define GALKA_BASE_PACE_H

#include <stdint.h>

#define PACE_SMOOTHING 8  /* of so many requests, about */
#define PACE_RESTS     2  /* for each millisecond of work */
#define PACE_SCALE     64 /* counted within a millisecond */

struct pace {
        uint32_t max_ms;
        uint64_t took; /* smoothed, ms · PACE_SCALE */
};

/* Until more is known the engine is taken for a busy one. */
static inline struct pace pace_init(uint32_t max_ms)
{
        return (struct pace){.max_ms = max_ms, .took = (uint64_t)max_ms * PACE_SCALE / PACE_RESTS};
}

/* What took longer than a rest may be counts as that: one bad moment is forgotten as soon as any. */
static inline void pace_took(struct pace *pace, uint64_t ms)
{
        pace->took -= pace->took / PACE_SMOOTHING;
        pace->took += (ms < pace->max_ms ? ms : pace->max_ms) * PACE_SCALE / PACE_SMOOTHING;
}

static inline uint32_t pace_ms(const struct pace *pace)
{
        uint64_t ms = pace->took * PACE_RESTS / PACE_SCALE;

        return ms < pace->max_ms ? (uint32_t)ms : pace->max_ms;
}

#endif
