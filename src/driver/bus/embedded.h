/*
 * The bus inside one process: handles (struct bus) over one shared log. Volatile: it ends with the process,
 * and clients retry.
 *
 * Two ways to run the same code:
 *   threaded  a handle belongs to a thread; the log is under one lock; each handle has an eventfd. A handle
 * whose poll came back with less than it had room for is asleep; a writer wakes only those asleep that have
 * something, once a flush. inline    one thread in all, no lock, fd -1: the simulator and unit tests.
 *
 * Life cycle: bus_embedded_new → bus_embedded_open for each handle → handles freed by their `free` (or
 * crashed) → bus_embedded_free.
 */
#ifndef GALKA_DRIVER_BUS_EMBEDDED_H
#define GALKA_DRIVER_BUS_EMBEDDED_H

#include "driver/bus/log.h"

#define BUS_OUTBOX_BYTES    (4 * 1024 * 1024) /* published and not flushed, of one handle */
#define BUS_COMPLETIONS_MAX 256               /* of one handle, not polled; beyond: FULL */

enum bus_embedded_mode { BUS_EMBEDDED_THREADED, BUS_EMBEDDED_INLINE };

struct bus_embedded_options {
        enum bus_embedded_mode mode;
        struct bus_log_options log;
        size_t outbox_bytes_max; /* 0: BUS_OUTBOX_BYTES; at least BUS_VALUE_SIZE_MAX + 1 KiB */
};

struct bus_embedded;

/* NO_MEMORY, CONFIG. */
must_use enum error bus_embedded_new(const struct bus_embedded_options *options, struct bus_embedded **embedded);

/* All handles must be gone. */
void bus_embedded_free(struct bus_embedded **embedded);

/* A handle, from any thread; it then belongs to the thread that uses it. NO_MEMORY, SYSTEM (no descriptor).
 */
must_use enum error bus_embedded_open(struct bus_embedded *embedded, struct bus **bus);

/* ---- for tests and the simulator ---- */

/* The handle's thread dies: what it had not flushed is lost, its groups do not know. Returns the id to expel.
 */
uint64_t bus_embedded_crash(struct bus **bus);

/* The handle's id in its groups, and what a group does to a member that is silent for too long: see
 * bus_log_expel. */
uint64_t bus_embedded_member(const struct bus *bus);
void bus_embedded_expel(struct bus_embedded *embedded, uint64_t member);

/* The log itself. In threaded mode only while no other thread uses the bus. */
struct bus_log *bus_embedded_log(struct bus_embedded *embedded);

#endif
