/* Making sockets: addresses, listening, connecting. Knows nothing of epoll. */
#ifndef GALKA_LOOP_SOCKETS_H
#define GALKA_LOOP_SOCKETS_H

#include <sys/socket.h>

#include "seam/net.h"

/* A non-blocking listener, close-on-exec; the sockets it accepts have TCP_NODELAY. Errors: CONFIG (not an
 * address), SYSTEM. */
must_use enum error socket_listen(const char *address, uint16_t port, bool shared, int *fd, struct net_address *bound);

/* A non-blocking socket on its way to host. Names are resolved here, which may block. Errors: CONFIG (no such
 * host), SYSTEM. */
must_use enum error socket_connect(const char *host, uint16_t port, int *fd);

/* IPv4 is mapped into IPv6. Any other family gives all zeros. */
struct net_address socket_address(const struct sockaddr_storage *from);

#endif
