/* Requests on their way through a meter: which tag left when. What finds no place is not timed. One thread's. */
#ifndef GALKA_SERVER_FLIGHTS_H
#define GALKA_SERVER_FLIGHTS_H

#include "seam/outcome.h"
#include "server/metrics.h"

#define FLIGHTS_MAX 64

struct flights {
        struct {
                uint64_t tag, since_us;
                enum histogram histogram;
        } out[FLIGHTS_MAX];
        size_t count;
};

void flights_leave(struct flights *flights, uint64_t tag, uint64_t now_us, enum histogram histogram);

/* It came back: its time is observed. False: it was not timed. */
bool flights_return(struct flights *flights, uint64_t tag, uint64_t now_us, struct metrics *metrics,
                    enum histogram *histogram);

/* Since when the oldest is out; UINT64_MAX: none is. */
uint64_t flights_oldest_us(const struct flights *flights);

#endif
