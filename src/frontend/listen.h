/* Taking connections in. Listeners are open from frontend_listen on, but accept only while the frontend serves. */
#ifndef GALKA_FRONTEND_LISTEN_H
#define GALKA_FRONTEND_LISTEN_H

#include "frontend/internal.h"

void listen_accepted(struct frontend *frontend, int socket, const struct net_address *peer);

/* A balancer said whom it speaks for: from now on that address is limited. The connection may be gone when it returns. */
void listen_proxied(struct frontend *frontend, struct connection *connection, struct slice header);

/* The first bytes of a connection tell what it speaks: TLS and HTTP begin with bytes that no frame begins with. True: they were taken,
 * or the connection is ended. */
bool listen_first_bytes(struct frontend *frontend, struct connection *connection, struct slice bytes);

/* The frontend serves from now on. */
void listen_resume(struct frontend *frontend);

/* No new connections any more. */
void listen_close(struct frontend *frontend);

#endif
