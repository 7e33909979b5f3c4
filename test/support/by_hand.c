/* See by_hand.h. */
#include "support/by_hand.h"

#include <string.h>

#include "base/assert.h"

static uint64_t hand_monotonic_us(struct clock *clock)
{
        return container_of(clock, struct hand_clock, clock)->us;
}

static uint64_t hand_wall_ms(struct clock *clock)
{
        const struct hand_clock *hand = container_of(clock, struct hand_clock, clock);

        return hand->wall_ms + hand->us / 1000;
}

void hand_clock_init(struct hand_clock *clock, uint64_t wall_ms)
{
        *clock = (struct hand_clock){.clock = {.monotonic_us = hand_monotonic_us, .wall_ms = hand_wall_ms},
                                     .wall_ms = wall_ms};
}

void hand_clock_advance_ms(struct hand_clock *clock, uint64_t ms)
{
        clock->us += ms * 1000;
}

static uint64_t hand_next(struct hand_random *random)
{
        uint64_t value = random->state += 0x9e3779b97f4a7c15ULL;

        value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9ULL;
        value = (value ^ value >> 27) * 0x94d049bb133111ebULL;
        return value ^ value >> 31;
}

static void hand_fill(struct random *random, void *bytes, size_t size)
{
        struct hand_random *hand = container_of(random, struct hand_random, random);
        uint8_t *at = bytes;

        while (size) {
                uint64_t value = hand_next(hand);
                size_t part = min_of(size, sizeof(value));

                memcpy(at, &value, part);
                at += part;
                size -= part;
        }
}

void hand_random_init(struct hand_random *random, uint64_t seed)
{
        *random = (struct hand_random){.random = {.fill = hand_fill}, .state = seed};
}
