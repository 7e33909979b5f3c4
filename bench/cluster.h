/*
 * The cluster under test, which tools/cluster started for this program: its addresses, and the processor time of each of its
 * processes, put together by what they are.
 */
#ifndef GALKA_BENCH_CLUSTER_H
#define GALKA_BENCH_CLUSTER_H

#include <stdbool.h>
#include <stdint.h>

#include "report.h"

#define CLUSTER_ADDRESSES_MAX 16
#define CLUSTER_PROCESSES_MAX 64

enum cluster_part {
        CLUSTER_GENERATOR, /* this program itself */
        CLUSTER_FRONTENDS,
        CLUSTER_SESSION,
        CLUSTER_OTHER_WORKERS,
        CLUSTER_KAFKA,
        CLUSTER_POSTGRES,
        CLUSTER_REDIS,
};
#define CLUSTER_PARTS (CLUSTER_REDIS + 1)

struct cluster {
        const char *config, *kafka, *postgres; /* as galkad, librdkafka and libpq take them */
        const char *callgrind;                 /* the folder where callgrind writes; NULL: roles do not run under it */
        const char *addresses[CLUSTER_ADDRESSES_MAX + 1];
        uint16_t port;
        struct {
                int pid;
                enum cluster_part part;
        } processes[CLUSTER_PROCESSES_MAX];
        unsigned process_count;
};

/* Reads what tools/cluster run left in the environment. False, having said why, where it did not. */
bool cluster_init(struct cluster *cluster);

/* What is left over from what was written before is done now: what autovacuum would do beside the next part; PostgreSQL's pages go to the
 * disk (after its checkpoint it uses files of its log again instead of making new ones, as one that has run for long), and everybody's
 * files. False, having said why. */
bool cluster_settle(const struct cluster *cluster);

/* Seconds of each part so far, user and system. */
struct cluster_cpu {
        double seconds[CLUSTER_PARTS];
};
struct cluster_cpu cluster_cpu_now(const struct cluster *cluster);

/* What was used between two of them, all but the generator's. */
double cluster_cpu_of_servers(const struct cluster_cpu *from, const struct cluster_cpu *to);

/* A row a part: microseconds a message, and beside them the share of all. `suffix` ends the names, `what` says of what. */
void cluster_report_cpu(struct report *report, const struct cluster_cpu *from, const struct cluster_cpu *to,
                        uint64_t messages, const char *suffix, const char *what);

#endif
