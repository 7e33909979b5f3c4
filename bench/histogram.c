/* Buckets: a power of two, divided into HISTOGRAM_STEPS equal steps. */
#include "histogram.h"

static uint32_t bucket_of(uint64_t us)
{
        uint32_t doubles;

        if (us < HISTOGRAM_STEPS)
                return (uint32_t)us;
        doubles = 63 - (uint32_t)__builtin_clzll(us) - 4; /* 32..63 → 1 */
        if (doubles >= HISTOGRAM_DOUBLES)
                return HISTOGRAM_DOUBLES * HISTOGRAM_STEPS - 1;
        return doubles * HISTOGRAM_STEPS + (uint32_t)((us >> (doubles - 1)) - HISTOGRAM_STEPS);
}

static uint64_t top_of(uint32_t bucket)
{
        uint32_t doubles = bucket / HISTOGRAM_STEPS;

        if (doubles == 0)
                return bucket;
        return (uint64_t)(bucket % HISTOGRAM_STEPS + HISTOGRAM_STEPS + 1) << (doubles - 1);
}

void histogram_add(struct histogram *histogram, uint64_t us)
{
        histogram->counts[bucket_of(us)]++;
        histogram->count++;
}

uint64_t histogram_quantile(const struct histogram *histogram, double share)
{
        uint64_t wanted = (uint64_t)((double)histogram->count * share);
        uint64_t seen = 0;

        for (uint32_t i = 0; i < HISTOGRAM_DOUBLES * HISTOGRAM_STEPS; i++) {
                seen += histogram->counts[i];
                if (seen > wanted || (seen == histogram->count && seen > 0))
                        return top_of(i);
        }
        return 0;
}
