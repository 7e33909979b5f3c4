/* A clock and randomness that a test holds in its hand: time stands still until it is moved, and a seed tells all bytes. */
#ifndef GALKA_TEST_BY_HAND_H
#define GALKA_TEST_BY_HAND_H

#include "seam/clock.h"
#include "seam/random.h"

struct hand_clock {
        struct clock clock;
        uint64_t us;      /* monotonic */
        uint64_t wall_ms; /* of the moment us = 0 */
};

struct hand_random {
        struct random random;
        uint64_t state;
};

void hand_clock_init(struct hand_clock *clock, uint64_t wall_ms);
void hand_clock_advance_ms(struct hand_clock *clock, uint64_t ms);

/* Not fit for keys: splitmix64 (Steele, Lea, Flood 2014). */
void hand_random_init(struct hand_random *random, uint64_t seed);

#endif
