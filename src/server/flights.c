/* See flights.h. */
#include "server/flights.h"

void flights_leave(struct flights *flights, uint64_t tag, uint64_t now_us, enum histogram histogram)
{
        if (flights->count == FLIGHTS_MAX)
                return;
        flights->out[flights->count].tag = tag;
        flights->out[flights->count].since_us = now_us;
        flights->out[flights->count].histogram = histogram;
        flights->count++;
}

bool flights_return(struct flights *flights, uint64_t tag, uint64_t now_us, struct metrics *metrics,
                    enum histogram *histogram)
{
        for (size_t i = 0; i < flights->count; i++) {
                if (flights->out[i].tag != tag)
                        continue;
                *histogram = flights->out[i].histogram;
                metrics_observe(metrics, *histogram, now_us - flights->out[i].since_us);
                flights->out[i] = flights->out[--flights->count];
                return true;
        }
        return false;
}

uint64_t flights_oldest_us(const struct flights *flights)
{
        uint64_t oldest = UINT64_MAX;

        for (size_t i = 0; i < flights->count; i++)
                oldest = min_of(oldest, flights->out[i].since_us);
        return oldest;
}
