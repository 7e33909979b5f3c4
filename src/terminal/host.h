/*
 * The core's host in the terminal: socket, clock and storage around one struct core. One thread. Commands set `on_event`, ask
 * the core for something, and call host_turn until they have seen what they wait for.
 *
 *      host_new → host_start → (host_turn …) → host_free
 */
#ifndef GALKA_TERMINAL_HOST_H
#define GALKA_TERMINAL_HOST_H

#include "core/core.h"
#include "seam/clock.h"
#include "seam/net.h"
#include "terminal/address.h"
#include "terminal/file.h"

struct host {
        struct core *core;
        struct file *file;
        struct net *net;
        struct clock clock;
        struct arena arena;
        struct address address;
        struct tls_context *trust; /* whom to believe; NULL: the address is without TLS */
        int socket;                /* -1: none */
        bool leads;
        bool connecting, securing; /* securing: connected, and TLS is on its way */
        unsigned failures;         /* connects that failed since there was a link */
        bool storage_failed;       /* the disk refused a batch: nothing goes on */
        uint64_t outbox_look_ms;
        char problem[512]; /* why there is no link, in words; empty if none is known */
        void (*on_event)(void *context, const struct core_event *event);
        void *context;
};

/* server: as of address.h; the profile's setting "ca" says who may sign its certificate. leads: this process leads the file; otherwise the core only shows what is stored: it never
 * connects, and what it would keep is dropped. The file stays the caller's. CONFIG: not such a server. */
must_use enum error host_new(struct file *file, const char *server, bool leads, struct host **host);
void host_free(struct host **host);

void host_set_listener(struct host *host, void (*on_event)(void *context, const struct core_event *event), void *context);

/* Loads the profile: returns once the phase is not CORE_LOADING. */
must_use enum error host_start(struct host *host);

struct core_time host_time(struct host *host);

/* Somebody is in a hurry: connects now if there is no link, rather than after the pause. */
void host_hurry(struct host *host);

/* Wakes host_turn when fd is readable. */
must_use enum error host_watch(struct host *host, int fd);

/* Waits up to wait_ms (-1: for ever) for something and handles it. Returns true if the watched descriptor is readable. */
bool host_turn(struct host *host, int wait_ms);

/* Handles what the core wants done now; call after calling the core. */
void host_settle(struct host *host);

/* Turns until done(context) or wait_ms have passed (-1: for ever). Returns whether it was done. */
bool host_wait(struct host *host, bool (*done)(void *context), void *context, int wait_ms);

/* The same, but does not go on waiting for a server that cannot be reached: a second connect that fails ends it. */
bool host_wait_reachable(struct host *host, bool (*done)(void *context), void *context, int wait_ms);

#endif
