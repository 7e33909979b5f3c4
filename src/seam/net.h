/*
 * Sockets and waiting. One struct net belongs to one thread; nothing blocks but poll.
 *
 * A socket is a small number. Its owner attaches a tag, which events carry. After close() no event with that tag comes.
 * Readiness is level-triggered for reading; write readiness comes only while it is wanted.
 */
#ifndef GALKA_SEAM_NET_H
#define GALKA_SEAM_NET_H

#include "base/error.h"
#include "base/slice.h"

/* IPv6, or IPv4 mapped into it (::ffff:a.b.c.d). */
struct net_address {
        uint8_t ip[16];
        uint16_t port;
};

enum net_event_kind {
        NET_EVENT_ACCEPTED, /* tag: the listener's; socket: the new one; peer */
        NET_EVENT_READABLE, /* bytes, or the end, or an error: read tells */
        NET_EVENT_WRITABLE, /* also: a connect that ended, either way: write tells */
        NET_EVENT_WATCHED   /* a watched descriptor (of a seam) is readable */
};

struct net_event {
        enum net_event_kind kind;
        int socket;
        uint64_t tag;
        struct net_address peer;
};

struct net;

struct net_ops {
        void (*free)(struct net **net);

        /* Binds and listens; with `shared`, several threads may listen on the same port. address "127.0.0.1", "::1", "0.0.0.0";
         * port 0 picks one. *bound tells. Errors: SYSTEM (port taken, no right), CONFIG (not an address). */
        enum error (*listen)(struct net *net, const char *address, uint16_t port, bool shared, uint64_t tag, int *socket,
                             struct net_address *bound);

        /* Starts connecting; WRITABLE comes when it is decided. host may be a name (resolving may block: terminal only). Closing
         * such a socket aborts the connection: what the other end has not got by then, or has not read, it never will. */
        enum error (*connect)(struct net *net, const char *host, uint16_t port, uint64_t tag, int *socket);

        void (*set_tag)(struct net *net, int socket, uint64_t tag);

        /* OK: *got > 0. AGAIN: nothing now. CLOSED: end or error; on an accepted socket that was aborted, at once, whatever was
         * sent before (L8: its sender has given that up, and counts on its not being done long after). */
        enum error (*read)(struct net *net, int socket, void *bytes, size_t size, size_t *got);

        /* OK: *written may be less than all. AGAIN: nothing taken now. CLOSED. A part that was begun must be written to its end before
         * anything else is; one that was not may be dropped. */
        enum error (*write)(struct net *net, int socket, const struct slice *parts, size_t count, size_t *written);

        /* Nothing more is written: behind what was, the peer reads the end. Reading goes on; so one learns that the peer has read it, and
         * what it still sends does not make a reset of the end (close with bytes unread, or on their way, does). OK, or CLOSED: only
         * close is left. */
        enum error (*end_writing)(struct net *net, int socket);

        void (*want_write)(struct net *net, int socket, bool wanted);

        /* No more READABLE while false (back-pressure). */
        void (*want_read)(struct net *net, int socket, bool wanted);

        void (*close)(struct net *net, int socket);

        /* From now on the socket's bytes are TLS, and read and write see what is inside; until the handshake is done they say AGAIN.
         * `taken` was read off it already. name NULL: it was accepted, and we have the certificate; else it was connected, and its
         * peer must prove that name. A handshake that fails, or takes too long: READABLE, and read says CLOSED. tag: as set_tag.
         * Of what was wanted before, only reading is wanted still.
         * Errors: CONFIG (no certificate, or not a name), FULL (too many handshakes), NO_MEMORY; then it is only good for close.
         * NULL: this net has no TLS. */
        enum error (*secure)(struct net *net, int socket, uint64_t tag, struct slice taken, const char *name);

        /* Events for a descriptor of another seam. -1 is ignored. */
        enum error (*watch)(struct net *net, int fd, uint64_t tag);

        /* Waits up to timeout_ms (0: not at all; -1: for ever). */
        size_t (*poll)(struct net *net, struct net_event *events, size_t max, int timeout_ms);
};

struct net {
        const struct net_ops *ops;
        size_t held; /* bytes that wait in the net itself, behind write, until sockets take them: of all sockets */
};

#endif
