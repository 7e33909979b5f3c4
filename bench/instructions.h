/*
 * Instructions that the roles a message goes through execute in user space, counted by valgrind's callgrind, under which
 * tools/cluster --callgrind has started them. Unlike processor time they are much the same on any machine, busy or not.
 *
 *      instructions_begin → instructions_take …
 */
#ifndef GALKA_BENCH_INSTRUCTIONS_H
#define GALKA_BENCH_INSTRUCTIONS_H

#include "base/error.h"
#include "cluster.h"

enum instructions_role { INSTRUCTIONS_FRONTEND, INSTRUCTIONS_SESSION };
#define INSTRUCTIONS_ROLES (INSTRUCTIONS_SESSION + 1)

struct instructions {
        const struct cluster *cluster;
        unsigned taken;
        double last[CLUSTER_PROCESSES_MAX]; /* when each process was asked last; seconds of the monotonic clock */
};

/* Of all processes of a role since they were asked before, and how long that is. */
struct instructions_count {
        double instructions[INSTRUCTIONS_ROLES], seconds[INSTRUCTIONS_ROLES];
};

/* Lets counting begin; from here on the roles are some fifty times slower. False, having said why, if they cannot count. */
must_use bool instructions_begin(struct instructions *instructions, const struct cluster *cluster);

/* What was executed since the last call, or the beginning. Takes some tenths of a second, in which roles stand still one by one. False,
 * having said why, if a process was not counted. */
must_use bool instructions_take(struct instructions *instructions, struct instructions_count *count);

/* A row a role: what it executed for one message beyond what it would have executed idly in the same time. False, having said why, if
 * that is nothing. */
must_use bool instructions_report(struct report *report, const struct instructions_count *idle,
                                  const struct instructions_count *busy, uint64_t messages, double marks);

#endif
