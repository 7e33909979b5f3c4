/* See metrics.h. The text format: https://prometheus.io/docs/instrumenting/exposition_formats/ (version 0.0.4). */
#include "server/metrics.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum type { TYPE_COUNTER, TYPE_GAUGE, TYPE_MICROSECONDS };
enum unit { UNIT_SECONDS, UNIT_RECORDS };

static const struct line {
        enum type type;
        unsigned group;
        const char *name, *labels, *help;
} lines[METRIC_COUNT] = {
#define METRIC(id, type, group, name, labels, help) {TYPE_##type, METRICS_##group, name, labels, help},
#include "server/metrics.def"
};

static const struct histogram_line {
        enum unit unit;
        unsigned group;
        const char *name, *help;
} histogram_lines[HISTOGRAM_COUNT] = {
#define HISTOGRAM(id, unit, group, name, help) {UNIT_##unit, METRICS_##group, name, help},
#include "server/metrics.def"
};

static const struct partitioned_line {
        unsigned group;
        const char *name, *help;
} partitioned[] = {
#define PARTITIONED(id, group, name, help) {METRICS_##group, name, help},
#include "server/metrics.def"
};

_Static_assert(countof(partitioned) == 1, "there is one array of lags");

/* Upper bounds of the buckets, ascending; the last one has none. In microseconds, or records. */
static const struct bounds {
        uint64_t bounds[METRICS_BUCKETS];
        size_t count;
} bounds[] = {
        [UNIT_SECONDS] = {{100, 250, 500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 500000, 1000000, 2500000,
                           5000000, 10000000},
                          16},
        [UNIT_RECORDS] = {{1, 2, 4, 8, 16, 32, 64, 128, 200, 300, 400}, 11},
};

static void add(_Atomic uint64_t *number, uint64_t amount)
{
        atomic_store_explicit(number, atomic_load_explicit(number, memory_order_relaxed) + amount, memory_order_relaxed);
}

static uint64_t get(const _Atomic uint64_t *number)
{
        return atomic_load_explicit(number, memory_order_relaxed);
}

void metrics_observe(struct metrics *metrics, enum histogram histogram, uint64_t amount)
{
        struct histogram_numbers *numbers = &metrics->histograms[histogram];
        const struct bounds *unit = &bounds[histogram_lines[histogram].unit];
        size_t bucket = 0;

        while (bucket < unit->count && amount > unit->bounds[bucket])
                bucket++;
        add(&numbers->buckets[bucket], 1);
        add(&numbers->sum, amount);
}

void metrics_set_lag(struct metrics *metrics, uint32_t partition, bool known, uint64_t records)
{
        if (partition < METRICS_PARTITIONS_MAX)
                atomic_store_explicit(&metrics->lags[partition], known ? records + 1 : 0, memory_order_relaxed);
}

/* ---- printing ---- */

/* Name and labels up to the value: its own, those of the role, and one more. */
static void print_name(struct page *page, const struct metrics *role, const char *name, const char *labels, const char *more)
{
        const char *before = "{";

        page_print(page, "%s", name);
        if (role->role) {
                page_print(page, "{role=\"%s\",index=\"%u\"", role->role, role->index);
                before = ",";
        }
        if (*labels) {
                page_print(page, "%s%s", before, labels);
                before = ",";
        }
        if (*more) {
                page_print(page, "%s%s", before, more);
                before = ",";
        }
        page_print(page, *before == ',' ? "} " : " ");
}

static void print_value(struct page *page, bool in_seconds, uint64_t number)
{
        if (in_seconds)
                page_print(page, "%" PRIu64 ".%06" PRIu64 "\n", number / 1000000, number % 1000000);
        else
                page_print(page, "%" PRIu64 "\n", number);
}

static void print_head(struct page *page, const char *name, const char *type, const char *help)
{
        page_print(page, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static bool is_counted(const struct metrics *const *roles, size_t count, unsigned group)
{
        for (size_t i = 0; i < count; i++)
                if (roles[i]->groups & group)
                        return true;
        return false;
}

static void print_line(struct page *page, const struct line *line, size_t index, const struct metrics *const *roles,
                       size_t count)
{
        if (!is_counted(roles, count, line->group))
                return;
        if (index == 0 || strcmp(line->name, line[-1].name) != 0)
                print_head(page, line->name, line->type == TYPE_GAUGE ? "gauge" : "counter", line->help);
        for (size_t i = 0; i < count; i++) {
                if (!(roles[i]->groups & line->group))
                        continue;
                print_name(page, roles[i], line->name, line->labels, "");
                print_value(page, line->type == TYPE_MICROSECONDS, get(&roles[i]->numbers[index]));
        }
}

static void print_histogram(struct page *page, size_t index, const struct metrics *role)
{
        const struct histogram_line *line = &histogram_lines[index];
        const struct histogram_numbers *numbers = &role->histograms[index];
        const struct bounds *unit = &bounds[line->unit];
        bool in_seconds = line->unit == UNIT_SECONDS;
        char name[96], more[48];
        uint64_t total = 0;

        snprintf(name, sizeof(name), "%s_bucket", line->name);
        for (size_t i = 0; i <= unit->count; i++) {
                total += get(&numbers->buckets[i]);
                if (i == unit->count)
                        snprintf(more, sizeof(more), "le=\"+Inf\"");
                else if (in_seconds)
                        snprintf(more, sizeof(more), "le=\"%g\"", (double)unit->bounds[i] / 1e6);
                else
                        snprintf(more, sizeof(more), "le=\"%" PRIu64 "\"", unit->bounds[i]);
                print_name(page, role, name, "", more);
                page_print(page, "%" PRIu64 "\n", total);
        }
        snprintf(name, sizeof(name), "%s_sum", line->name);
        print_name(page, role, name, "", "");
        print_value(page, in_seconds, get(&numbers->sum));
        snprintf(name, sizeof(name), "%s_count", line->name);
        print_name(page, role, name, "", "");
        page_print(page, "%" PRIu64 "\n", total);
}

static void print_lags(struct page *page, const struct metrics *role)
{
        for (unsigned i = 0; i < METRICS_PARTITIONS_MAX; i++) {
                uint64_t lag = get(&role->lags[i]);
                char more[32];

                if (lag == 0)
                        continue;
                snprintf(more, sizeof(more), "partition=\"%u\"", i);
                print_name(page, role, partitioned[0].name, "", more);
                page_print(page, "%" PRIu64 "\n", lag - 1);
        }
}

void metrics_print(const struct metrics *const *roles, size_t count, struct page *page)
{
        for (size_t i = 0; i < countof(lines); i++)
                print_line(page, &lines[i], i, roles, count);
        for (size_t i = 0; i < countof(histogram_lines); i++) {
                if (!is_counted(roles, count, histogram_lines[i].group))
                        continue;
                print_head(page, histogram_lines[i].name, "histogram", histogram_lines[i].help);
                for (size_t n = 0; n < count; n++)
                        if (roles[n]->groups & histogram_lines[i].group)
                                print_histogram(page, i, roles[n]);
        }
        if (is_counted(roles, count, partitioned[0].group))
                print_head(page, partitioned[0].name, "gauge", partitioned[0].help);
        for (size_t i = 0; i < count; i++)
                if (roles[i]->groups & partitioned[0].group)
                        print_lags(page, roles[i]);
}

void metrics_print_table(struct page *page)
{
        static const char *const types[] = {
                [TYPE_COUNTER] = "counter", [TYPE_GAUGE] = "gauge", [TYPE_MICROSECONDS] = "counter"};

        for (size_t i = 0; i < countof(lines); i++) {
                bool first = i == 0 || strcmp(lines[i].name, lines[i - 1].name) != 0;

                page_print(page, "| %s | %s | %s | %s |\n", lines[i].name, types[lines[i].type], lines[i].labels,
                           first ? lines[i].help : "");
        }
        for (size_t i = 0; i < countof(histogram_lines); i++)
                page_print(page, "| %s | histogram | | %s |\n", histogram_lines[i].name, histogram_lines[i].help);
        for (size_t i = 0; i < countof(partitioned); i++)
                page_print(page, "| %s | gauge | partition | %s |\n", partitioned[i].name, partitioned[i].help);
}
