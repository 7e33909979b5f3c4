/* Taking connections in. Listeners are open from frontend_listen on, but accept only while the frontend serves. */
#ifndef GALKA_FRONTEND_LISTEN_H
#define GALKA_FRONTEND_LISTEN_H

#include "frontend/internal.h"

void listen_accepted(struct frontend *frontend, int socket, const struct net_address *peer);

/* The frontend serves from now on. */
void listen_resume(struct frontend *frontend);

/* No new connections any more. */
void listen_close(struct frontend *frontend);

#endif
