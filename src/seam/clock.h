/* Time. Plain calls. In the simulator time is an argument of the run; nobody else may ask the system. */
#ifndef GALKA_SEAM_CLOCK_H
#define GALKA_SEAM_CLOCK_H

#include <stdint.h>

struct clock {
        /* Microseconds from an unknown start; never goes back. Intervals and deadlines of one process. */
        uint64_t (*monotonic_us)(struct clock *clock);
        /* Milliseconds since 1970 in UTC; may step. What is stored or compared between machines. */
        uint64_t (*wall_ms)(struct clock *clock);
};

static inline uint64_t clock_monotonic_ms(struct clock *clock)
{
        return clock->monotonic_us(clock) / 1000;
}

#endif
