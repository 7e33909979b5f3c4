/*
 * The loop: the real world behind seam/net.h and seam/clock.h, over Linux's epoll. One struct net belongs to
 * one thread, has one epoll descriptor and one flat table indexed by descriptor (16 bytes a socket); nothing
 * else is kept of a connection here.
 *
 *      loop_own_descriptors (optional, first thing in a thread) → loop_net_new → … → net->ops->free
 */
#ifndef GALKA_LOOP_LOOP_H
#define GALKA_LOOP_LOOP_H

#include "base/event.h"
#include "seam/clock.h"
#include "seam/net.h"

#define LOOP_ACCEPTS_MAX   64   /* connections taken from one listener in one poll */
#define LOOP_LISTENERS_MAX 8    /* of one net */
#define LOOP_BACKLOG       4096 /* connections that wait in the kernel to be accepted */
#define LOOP_ACCEPT_PAUSE_MS                                                                                                \
        100 /* after accept found no free descriptor, unless a socket is closed before \
                                   */

/* events: told when accepting has to pause; may be NULL. Errors: NO_MEMORY, SYSTEM. */
must_use enum error loop_net_new(struct event_sink *events, struct net **net);

/* Raises this process's limit on descriptors as far as it may. Returns the limit. */
uint64_t loop_raise_descriptors(void);

/* CLOCK_MONOTONIC and CLOCK_REALTIME; plain calls that need no freeing. */
void loop_clock_init(struct clock *clock);

/*
 * Gives the calling thread a descriptor table of its own, so that the limit on descriptors holds for each
 * such thread and not for the process. The new table begins as a copy: what must be seen by both sides
 * (wake-up descriptors, log files) is opened before, sockets after; a descriptor opened before stays open
 * until both sides have closed it. Error: SYSTEM.
 */
must_use enum error loop_own_descriptors(void);

#endif
