/*
 * What goes to clients. A payload is queued by reference on each connection it is for; connections with something to write are on
 * frontend.dirty and are written once at the end of the turn, all their payloads in one call. A reader that is too slow is cut off
 * with RESYNC, at queue_bytes_max of its own or, the slowest first, at send_bytes_max of all.
 */
#ifndef GALKA_FRONTEND_OUTPUT_H
#define GALKA_FRONTEND_OUTPUT_H

#include "frontend/internal.h"

/* Takes its own reference. May end the connection (slow reader, no memory). */
void output_queue(struct frontend *frontend, struct connection *connection, struct block *block);

/* Queues behind the Join reply that is still to come. As output_queue. */
void output_hold(struct frontend *frontend, struct connection *connection, struct block *block);

/* The Join reply is queued: what was held follows it, or is forgotten (Join was refused). */
void output_release(struct frontend *frontend, struct connection *connection);
void output_forget_held(struct frontend *frontend, struct connection *connection);

/* Forgets what is queued, but for the rest of a payload that is half written: frames stay whole. */
void output_discard(struct frontend *frontend, struct connection *connection);

/* The socket takes bytes again. */
void output_writable(struct frontend *frontend, struct connection *connection);

/* Once a turn: writes all that is queued. */
void output_flush(struct frontend *frontend);

bool output_empty(const struct connection *connection);

/* The connection's traffic, made if need be; NULL without memory. Given back by traffic_tidy once there is none. */
struct traffic *traffic_of(struct frontend *frontend, struct connection *connection);
void traffic_tidy(struct frontend *frontend, struct connection *connection);

/* Drops all of it: the connection ends. */
void traffic_free(struct frontend *frontend, struct connection *connection);

#endif
