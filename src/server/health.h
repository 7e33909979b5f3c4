/*
 * The health listener: a small HTTP server for people and machines that watch this process. GET and HEAD of the pages below, one
 * request a connection. It knows nobody but the one who writes its pages.
 *
 *   /livez     the process does its work; else it is to be restarted
 *   /readyz    so do all that it depends on: one line each
 *   /metrics   numbers, in the text format of Prometheus
 *
 *      health_new → health_listen → health_turn … → health_free
 */
#ifndef GALKA_SERVER_HEALTH_H
#define GALKA_SERVER_HEALTH_H

#include "base/error.h"
#include "seam/clock.h"
#include "seam/net.h"
#include "server/page.h"

#define HEALTH_CONNECTIONS_MAX 16
#define HEALTH_CONNECTION_MS   5000 /* from accept to the last byte of the answer */

enum health_page { HEALTH_LIVE, HEALTH_READY, HEALTH_METRICS, HEALTH_PAGE_COUNT };

/* Writes a page and returns whether all is well (200, else 503). */
struct health_author {
        bool (*write)(void *owner, enum health_page kind, struct page *page);
        void *owner;
};

struct health;

/* net and clock stay the caller's. NO_MEMORY. */
must_use enum error health_new(struct net *net, struct clock *clock, const struct health_author *author,
                               struct health **health);
void health_free(struct health **health);

/* Errors as net.listen. */
must_use enum error health_listen(struct health *health, const char *address, uint16_t port, struct net_address *bound);

/* Waits up to wait_ms for something and handles it. */
void health_turn(struct health *health, int wait_ms);

/* Requests that were answered. */
uint64_t health_requests(const struct health *health);

#endif
