/*
 * The monitor: the health listener on a thread of its own, and the pages it shows, made of the metrics of the process's roles. It reads
 * numbers and touches nothing else.
 *
 *      monitor_new (listens, on --health) → monitor_start, once the roles are there → monitor_free, before they go
 */
#ifndef GALKA_SERVER_MONITOR_H
#define GALKA_SERVER_MONITOR_H

#include "server/server.h"

#define MONITOR_STALL_MS 10000 /* a role whose loop has not turned for so long does not live */

struct monitor;

/* Listens; what comes waits until monitor_start. CONFIG, SYSTEM, NO_MEMORY: text says what is wrong. */
must_use enum error monitor_new(struct server *server, struct monitor **monitor, char text[static SERVER_ERROR_SIZE]);

/* The roles stay where they are until monitor_free. SYSTEM. */
must_use enum error monitor_start(struct monitor *monitor, const struct role *roles, size_t count);

/* From now on it is not ready, whatever its roles say. */
void monitor_drain(struct monitor *monitor);

/* Where it listens. */
void monitor_print_address(const struct monitor *monitor);

void monitor_free(struct monitor **monitor);

#endif
