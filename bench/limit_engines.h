/* What the engines themselves give on this machine, without Galka around them, measured in the same run. */
#ifndef GALKA_BENCH_LIMIT_ENGINES_H
#define GALKA_BENCH_LIMIT_ENGINES_H

/* Records of 200 bytes there and back through a topic of its own with one partition, acks=all, idempotent, a second; 0 on failure,
 * which is said. */
double limit_kafka(const char *brokers, double seconds);

/* One connection inserting a line of 100 bytes: commits a second with one line each, and lines a second in statements of 100. Both 0
 * on failure, which is said. */
struct limit_postgres {
        double commits, lines;
};
struct limit_postgres limit_postgres(const char *conninfo, double seconds);

#endif
