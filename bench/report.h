/* The rows of a benchmark: printed as a table, written as build/bench.json. */
#ifndef GALKA_BENCH_REPORT_H
#define GALKA_BENCH_REPORT_H

#include <stdbool.h>

#define REPORT_ROWS_MAX 64

struct report_row {
        char name[64], unit[32], limit_of[96];
        double value, limit, ratio;
};

struct report {
        struct report_row rows[REPORT_ROWS_MAX];
        unsigned count;
        const char *prefix; /* of every name; NULL: none */
};

/* One figure beside the machine's own limit for the same thing in the same run; ratio = value / limit. limit 0: none. */
void report_add(struct report *report, const char *name, double value, const char *unit, double limit, const char *limit_of);

void report_print(const struct report *report);

/* Rows of the same name in the file are replaced, others stay. False if it cannot be written. */
bool report_write(const struct report *report, const char *path);

#endif
