/* A whole frame's way: to the frontend itself, to a topic, or back as an error. Only the header is looked at; bodies of relayed codes are
 * never decoded here. */
#ifndef GALKA_FRONTEND_ROUTE_H
#define GALKA_FRONTEND_ROUTE_H

#include "frontend/internal.h"

/* bytes: code, header, body; the token's secret part is wiped in place. The connection may be gone when it returns. */
void route_frame(struct frontend *frontend, struct connection *connection, uint8_t *bytes, size_t size);

/* One frame of this connection, its user and its address. Returns 0, or in how many milliseconds there is room for one. */
uint32_t route_charge(struct frontend *frontend, struct connection *connection);

#endif
