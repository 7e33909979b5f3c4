/* Time of the machine it runs on. Both reads are answered in user space by the kernel's vDSO. */
#include <time.h>

#include "base/assert.h"
#include "loop/loop.h"

static struct timespec read_clock(clockid_t id)
{
        struct timespec time;

        check(clock_gettime(id, &time) == 0);
        return time;
}

static uint64_t monotonic_us(struct clock *clock)
{
        struct timespec time = read_clock(CLOCK_MONOTONIC);

        (void)clock;
        return (uint64_t)time.tv_sec * 1000000 + (uint64_t)time.tv_nsec / 1000;
}

static uint64_t wall_ms(struct clock *clock)
{
        struct timespec time = read_clock(CLOCK_REALTIME);

        (void)clock;
        return (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000;
}

void loop_clock_init(struct clock *clock)
{
        check(clock);
        *clock = (struct clock){.monotonic_us = monotonic_us, .wall_ms = wall_ms};
}
