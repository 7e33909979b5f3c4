/*
 * The PROXY protocol, version 2: what a balancer says first on a connection that it hands on, so that limits see the real address.
 * It is believed from trusted addresses only, and those must say it. Bytes in, facts out.
 *
 * Followed: https://www.haproxy.org/download/2.6/doc/proxy-protocol.txt, section 2.2. Its additions (TLV) are passed over; the text
 * form of version 1 is refused.
 */
#ifndef GALKA_FRONTEND_PROXY_H
#define GALKA_FRONTEND_PROXY_H

#include "base/error.h"
#include "seam/net.h"

#define PROXY_HEAD_SIZE  16   /* of a header, before what its length counts */
#define PROXY_SIZE_MAX   1024 /* of a whole header */
#define PROXY_BLOCKS_MAX 16   /* blocks of trusted addresses */

struct proxy_trust {
        struct {
                uint8_t ip[16];
                uint8_t bits; /* so many first bits of ip count */
        } blocks[PROXY_BLOCKS_MAX];
        uint32_t count;
};

/* Addresses and blocks, parted by commas: "10.0.0.0/8,fd00::/8,192.0.2.7"; an empty text trusts nobody. CONFIG: text tells the one
 * that is none, FULL: there are more than PROXY_BLOCKS_MAX. */
must_use enum error proxy_trust_parse(const char *text, struct proxy_trust *trust);
bool proxy_trusts(const struct proxy_trust *trust, const struct net_address *peer);

/* The size of the header at the front of bytes; 0: more must come to tell. BAD_FRAME: it is none (known with its first wrong byte);
 * TOO_LARGE. */
size_t proxy_header_size(struct slice bytes, enum error *error);

/* A whole header. *known false: the balancer speaks for itself (its health check), or does not know for whom; otherwise *client is
 * he. BAD_FRAME. */
must_use enum error proxy_header_parse(struct slice header, struct net_address *client, bool *known);

#endif
