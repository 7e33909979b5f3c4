/*
 * Where a server is, as people write it: [tls://|plain://]HOST[:PORT], where HOST is a name, an IPv4 address or [an IPv6 address].
 * Without a word in front it is TLS, except to this machine itself, whose bytes nobody else sees.
 */
#ifndef GALKA_TERMINAL_ADDRESS_H
#define GALKA_TERMINAL_ADDRESS_H

#include <stdint.h>

#include "base/error.h"

#define ADDRESS_PORT      4255 /* without one */
#define ADDRESS_HOST_SIZE 254  /* the longest name that DNS knows, and its end */

struct address {
        char host[ADDRESS_HOST_SIZE];
        uint16_t port;
        bool tls;
};

/* CONFIG: it is none. */
must_use enum error address_parse(const char *text, struct address *address);

#endif
