/*
 * Where Redis is: an address, the path of a Unix socket, or a name with several addresses, which may change when another server takes
 * over. Looking up a name blocks, so it is done once at the start, and later on a thread of its own when somebody asks.
 *
 * All functions but new and free may be called from any thread.
 */
#ifndef GALKA_DRIVER_PRESENCE_REDIS_RESOLVE_H
#define GALKA_DRIVER_PRESENCE_REDIS_RESOLVE_H

#include "driver/presence/redis_link.h"

#define REDIS_ADDRESSES_MAX 8   /* of one name; more are not tried */
#define REDIS_HOST_MAX      255 /* characters */

struct redis_resolver;

/* CONFIG: no address and no path that fits; NOT_FOUND: nobody has this name; NO_MEMORY, SYSTEM (no thread). */
must_use enum error redis_resolver_new(const char *host, uint16_t port, struct redis_resolver **resolver,
                                       char why[static REDIS_WHY_SIZE]);

/* Waits for the look-up that is under way, if any. */
void redis_resolver_free(struct redis_resolver **resolver);

/* The address for the n-th attempt: they take turns. */
struct redis_address redis_resolver_get(struct redis_resolver *resolver, unsigned attempt);

/* The addresses known do not lead there any more: looks again, meanwhile. */
void redis_resolver_refresh(struct redis_resolver *resolver);

#endif
