/* What `pairs` measured (pairs.c), and the rows that it makes of it, beside what the machine or the engines give by themselves. */
#ifndef GALKA_BENCH_PAIRS_REPORT_H
#define GALKA_BENCH_PAIRS_REPORT_H

#include "cluster.h"
#include "histogram.h"
#include "report.h"

#define PAIRS_USERS         400
#define PAIRS_FEW_PARTNERS  2  /* each writes to the next two and gets from two: 800 rooms */
#define PAIRS_MANY_PARTNERS 50 /* 20,000 rooms */

struct pairs_measured {
        double messages_per_second, delivered_per_second, marks_per_second, ack_p50_ms, ack_p99_ms;
        double server_cpu_us; /* of one message */
        uint64_t messages;
        struct cluster_cpu cpu[2]; /* before and after, of a cluster */
};

struct pairs_latency {
        double p50_ms, p99_ms, p999_ms, late_p99_ms, marks_per_second, syncs_per_second, server_cpu_us;
        uint64_t messages;
        struct histogram syncs;
        struct cluster_cpu cpu[2];
};

/* folder: where the server's disk is, to measure it; NULL: of a cluster. */
void pairs_report_few(struct report *report, const struct pairs_measured *few, const char *folder);
void pairs_report_many(struct report *report, const struct pairs_measured *many, const char *folder);
void pairs_report_latency(struct report *report, const struct pairs_latency *latency);

/* Where a cluster's processor time went, and what its engines give by themselves. */
void pairs_report_cluster(struct report *report, const struct cluster *cluster, const struct pairs_measured *few,
                          const struct pairs_latency *latency);

#endif
