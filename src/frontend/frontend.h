/*
 * A frontend: one thread, one loop, many connections. It splits bytes into frames, limits rates, binds
 * tokens, wraps frames in envelopes and publishes them; it copies each delivery once into a counted payload
 * and flushes each socket once a turn. Nothing on it blocks. It knows no store.
 *
 *      frontend_new → (claims its partition, L6) → frontend_listen → frontend_turn … → frontend_drain →
 * frontend_free
 */
#ifndef GALKA_FRONTEND_FRONTEND_H
#define GALKA_FRONTEND_FRONTEND_H

#include "base/event.h"
#include "crypto/token.h"
#include "frontend/proxy.h"
#include "seam/bus.h"
#include "seam/clock.h"
#include "seam/net.h"
#include "seam/presence.h"
#include "seam/random.h"

/* Every number that a run may want to be another; zero means the default beside it. */
struct frontend_options {
        uint16_t index;               /* of this frontend: its partition of FRONTENDS */
        uint32_t connections_max;     /* 100,000 */
        uint32_t ping_ms;             /* PING_MS: what Welcome says; closed after two silent ones */
        uint32_t reply_ms;            /* REPLY_MS */
        uint32_t frame_ms;            /* 10,000: from a frame's first byte to its last */
        uint32_t sign_in_ms;          /* 30,000: from accept or the last sign-in request to Join */
        uint32_t connection_frames;   /* 50 a second, burst of 100: of one connection */
        uint32_t user_frames;         /* 100 a second, burst of 200: of one user here */
        uint32_t address_frames;      /* 2,000 a second of one address (loopback: unlimited) */
        uint32_t address_connections; /* 1,000 of one address (loopback: unlimited) */
        uint32_t partial_bytes_max;   /* 64 MiB: all partial frames of this loop */
        uint32_t queue_bytes_max;     /* 1 MiB: queued to one connection; then RESYNC */
        uint32_t send_bytes_max;      /* 256 MiB: queued to all; then the slowest go */
        uint32_t pending_max;         /* 100,000 replies waited for */
        const char *
                origins; /* whose pages may open a WebSocket besides our own (upgrade.h); NULL: nobody's. Stays the caller's */
        struct proxy_trust proxies; /* whose PROXY headers are believed, and demanded: balancers */
        bool tls;                   /* the net has a certificate: who begins with TLS is secured */
        bool tls_only;              /* and who does not is refused, unless he comes from this machine */
        uint32_t claim_wait_ms;     /* 0, as the embedded log needs; 2,000 on a bus of several machines (L6) */
        bool trusts_clock;          /* reserved: wall clock known good */
};

/* Whoever wants to know how long clients wait. Called on the frontend's thread. */
struct frontend_watch {
        void (*replied)(struct frontend_watch *watch, uint64_t waited_us);
};

struct frontend_seams {
        struct net *net;
        struct bus *bus;
        struct presence *presence;
        struct clock *clock;
        struct random *random;
        struct event_sink *events;
        const struct token_keys *keys;
        struct frontend_watch *watch; /* may be NULL */
};

/* Counters since the start. */
struct frontend_counts {
        uint64_t accepted, closed, connections, ready;
        uint64_t frames_in, frames_out, bytes_in, bytes_out;
        uint64_t refused, rate_limited, slow_closed, idle_closed, deadline_passed, posts_unknown;
        uint64_t partial_bytes, queued_bytes, replies_waiting;
        uint64_t away;                   /* users of whom it was said that they have been away for a while */
        uint64_t requests, upgraded;     /* of HTTP; connections that went on with WebSocket */
        uint64_t secured, plain_refused; /* connections that began with TLS; that did not, and should have */
};

struct frontend;

must_use enum error frontend_new(const struct frontend_options *options, const struct frontend_seams *seams,
                                 struct frontend **frontend);
void frontend_free(struct frontend **frontend);

/* Accepts connections there once the partition is ours. *bound may be NULL. Errors as net.listen. */
must_use enum error frontend_listen(struct frontend *frontend, const char *address, uint16_t port, bool shared,
                                    struct net_address *bound);

/* A file of the web app. */
struct frontend_file {
        const char *path; /* as it is asked for: "/index.html". NAME.br and NAME.gz are NAME's, compressed */
        struct slice bytes;
};

/* Copies of those files, looked through and hashed, for one frontend. It takes its time (16 MiB: some 50 ms), and may be made on any
 * thread. NO_MEMORY. */
struct site;
must_use enum error frontend_site_new(const struct frontend_file *files, size_t count, struct site **site);
void frontend_site_free(struct site **site);

/* Gives those files to whoever asks by HTTP from now on, instead of what it had; *site is taken. Nothing is copied here. */
void frontend_show(struct frontend *frontend, struct site **site);

/* One turn of the loop: waits up to wait_ms for something, handles it, flushes. Returns false when the
 * frontend has ended (another holder of its partition, or drained). */
bool frontend_turn(struct frontend *frontend, int wait_ms);

/* Milliseconds until the next timer (0: now). */
int frontend_wait_ms(const struct frontend *frontend);

/* True once the partition is claimed and clients are served. */
bool frontend_serves(const struct frontend *frontend);

/* SIGTERM: no new connections; says bye with DRAINING to clients, spread over within_ms, waits for replies;
 * frontend_turn returns false when done. */
void frontend_drain(struct frontend *frontend, uint32_t within_ms);

struct frontend_counts frontend_counts(const struct frontend *frontend);
struct id frontend_epoch(const struct frontend *frontend);

#endif
