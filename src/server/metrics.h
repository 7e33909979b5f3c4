/*
 * What galkad counts: one table (metrics.def) and, for each role, the numbers. They are written by one thread, the role's own, by
 * plain loads and stores, and may be read by any: each number is whole, though not all are of one moment.
 */
#ifndef GALKA_SERVER_METRICS_H
#define GALKA_SERVER_METRICS_H

#include <stdatomic.h>

#include "base/assert.h"
#include "server/page.h"

#define METRICS_PARTITIONS_MAX 1024 /* of a topic; the lag of others is not shown */
#define METRICS_BUCKETS        16   /* of a histogram at most, the one without bound not counted */

/* Who counts what; a role has a set of these. */
enum metrics_group {
        METRICS_PROCESS = 1,
        METRICS_ROLE = 2,
        METRICS_BUS = 4,
        METRICS_STORE = 8,
        METRICS_PRESENCE = 16,
        METRICS_WORKER = 32,
        METRICS_MAIL = 64,
        METRICS_FRONTEND = 128
};

enum metric {
#define METRIC(id, type, group, name, labels, help) METRIC_##id,
#include "server/metrics.def"
        METRIC_COUNT
};

enum histogram {
#define HISTOGRAM(id, unit, group, name, help) HISTOGRAM_##id,
#include "server/metrics.def"
        HISTOGRAM_COUNT
};

struct histogram_numbers {
        _Atomic uint64_t buckets[METRICS_BUCKETS + 1]; /* each for itself, not summed up */
        _Atomic uint64_t sum;
};

struct metrics {
        const char *role; /* its name; NULL: the process itself */
        unsigned index;
        unsigned groups; /* set of enum metrics_group */
        _Atomic uint64_t numbers[METRIC_COUNT];
        struct histogram_numbers histograms[HISTOGRAM_COUNT];
        _Atomic uint64_t lags[METRICS_PARTITIONS_MAX]; /* one more than the lag; 0: not known, or not read here */
};

/* ---- the writing thread's ---- */

static inline uint64_t metrics_get(const struct metrics *metrics, enum metric metric)
{
        return atomic_load_explicit(&metrics->numbers[metric], memory_order_relaxed);
}

static inline void metrics_set(struct metrics *metrics, enum metric metric, uint64_t number)
{
        atomic_store_explicit(&metrics->numbers[metric], number, memory_order_relaxed);
}

static inline void metrics_add(struct metrics *metrics, enum metric metric, uint64_t number)
{
        metrics_set(metrics, metric, metrics_get(metrics, metric) + number);
}

void metrics_observe(struct metrics *metrics, enum histogram histogram, uint64_t amount);

/* known false: it is not read any more, or not known. */
void metrics_set_lag(struct metrics *metrics, uint32_t partition, bool known, uint64_t records);

/* ---- any thread's ---- */

/* The numbers of all roles, in the text format of Prometheus. */
void metrics_print(const struct metrics *const *roles, size_t count, struct page *page);

/* The tables, as a page for people. */
void metrics_print_table(struct page *page);

#endif
