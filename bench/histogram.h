/* A histogram of microseconds: exact to 1/32, from 1 µs to about an hour. */
#ifndef GALKA_BENCH_HISTOGRAM_H
#define GALKA_BENCH_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_STEPS   32
#define HISTOGRAM_DOUBLES 32

struct histogram {
        uint64_t counts[HISTOGRAM_DOUBLES * HISTOGRAM_STEPS];
        uint64_t count;
};

void histogram_add(struct histogram *histogram, uint64_t us);

/* The value below which `share` (0..1) of all lie, in microseconds; 0 if there is none. */
uint64_t histogram_quantile(const struct histogram *histogram, double share);

#endif
