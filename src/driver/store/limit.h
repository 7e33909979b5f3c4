/* What a store gives on this machine, without a server around it: for the benchmarks to stand beside. */
#ifndef GALKA_DRIVER_STORE_LIMIT_H
#define GALKA_DRIVER_STORE_LIMIT_H

#include "seam/store.h"

#define STORE_LANES_MAX 8

/* Batches of `batch` operations, one in flight on each store, to `rooms` personal rooms in turn. Every `marks_every`-th operation marks
 * the room's head for its other member instead of writing; 0: none. The store must be empty. */
struct store_load {
        struct store *stores[STORE_LANES_MAX];
        size_t store_count, rooms, batch, marks_every;
        double seconds;
        bool again; /* its users and rooms are there already, from an earlier run */
};

/* Operations a second, each acknowledged as durable. 0 on failure. */
double store_load_rate(const struct store_load *load);

/* Messages a second on SQLite, durable as in the server. A database is made in `folder` and removed. 0 on failure. */
double store_append_limit(const char *folder, size_t rooms, size_t batch, double seconds);

#endif
