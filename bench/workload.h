/* The workloads of `make bench WORKLOAD=name`: each starts a server of its own, measures, and adds its rows to the report. */
#ifndef GALKA_BENCH_WORKLOAD_H
#define GALKA_BENCH_WORKLOAD_H

#include "process.h"
#include "report.h"

struct workload_options {
        const char *galkad;   /* the program */
        const char *folder;   /* a folder on a real disk */
        unsigned connections; /* 0: the workload's own number */
        const char *
                part; /* NULL: all of the workload; pairs: few, latency, many; room: one, sixteen, slow; of a cluster under callgrind: instructions */
        unsigned seconds; /* of the part latency of pairs; 0: the workload's own number */
        bool cluster;     /* pairs: on the cluster that tools/cluster started, not on a server of its own */
};

struct workload {
        const char *name, *help;
        bool (*run)(const struct workload_options *options, struct report *report);
};

/* False, having said why on standard error, if it could not be measured. */
bool workload_idle(const struct workload_options *options, struct report *report);
bool workload_million(const struct workload_options *options, struct report *report);
bool workload_pairs(const struct workload_options *options, struct report *report);
bool workload_presence(const struct workload_options *options, struct report *report);
bool workload_room(const struct workload_options *options, struct report *report);
bool workload_schema(const struct workload_options *options, struct report *report);
bool workload_store(const struct workload_options *options, struct report *report);

#endif
