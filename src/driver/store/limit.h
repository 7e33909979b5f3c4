/* What the schema gives on this machine, without a server around it: for the benchmarks to stand beside. */
#ifndef GALKA_DRIVER_STORE_LIMIT_H
#define GALKA_DRIVER_STORE_LIMIT_H

#include <stddef.h>

/* Rows a second appended in batches of `batch` to `rooms` personal rooms in turn, for about `seconds`, durable as in the server.
 * A database is made in `folder` and removed. 0 on failure. */
double store_append_limit(const char *folder, size_t rooms, size_t batch, double seconds);

#endif
