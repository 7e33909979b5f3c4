/*
 * What goes to clients. A payload is queued by reference on each connection it is for; connections with something to write are on
 * frontend.dirty and are written once at the end of the turn, all their payloads in one call.
 *
 * What may wait (a room's lowest marks) goes with the next that may not, or after OUTPUT_PATIENCE_MS; until it is written a later one
 * of its code and room takes its place: so a thousand marks do not make a thousand writes to each of a thousand members.
 *
 * A reader that is too slow is cut off with RESYNC, at queue_bytes_max of its own, or ends at send_bytes_max of all (budget.h).
 */
#ifndef GALKA_FRONTEND_OUTPUT_H
#define GALKA_FRONTEND_OUTPUT_H

#include "frontend/internal.h"

#define OUTPUT_PATIENCE_MS 100
#define OUTPUT_GATHER_MS   2
#define OUTPUT_SLICE       65536
#define OUTPUT_GATHER_MIN  128 /* connections that a delivery is for: writing to fewer takes no longer than the wait */

/* Takes its own reference; what lies behind that which was queued last is written with it as one. May end the connection (slow reader, no memory). */
void output_queue(struct frontend *frontend, struct connection *connection, struct piece piece);

/* A body that may be long, behind what is queued: OUTPUT_SLICE of it at a time, so that a slow reader of it does not count for all of it.
 * Nothing may be queued behind it until it is written. */
void output_queue_long(struct frontend *frontend, struct connection *connection, struct block *body);

/* Whether a delivery to many in that room had better wait for others: more is being written to it by way of this frontend. Then it is
 * queued so; it goes as soon as nothing is, or after OUTPUT_GATHER_MS. One room at a time. */
bool output_gathers(struct frontend *frontend, const struct id *room);
void output_queue_gathered(struct frontend *frontend, struct connection *connection, struct piece piece);

/* The same, of a frame with a room that may wait and be replaced. */
void output_queue_patient(struct frontend *frontend, struct connection *connection, struct piece piece);

/* Queues behind the Join reply that is still to come. As output_queue. */
void output_hold(struct frontend *frontend, struct connection *connection, struct piece piece);

/* The Join reply is queued: what was held follows it, or is forgotten (Join was refused). */
void output_release(struct frontend *frontend, struct connection *connection);
void output_forget_held(struct frontend *frontend, struct connection *connection);

/* Forgets what is queued, but for the rest of a payload that is half written: frames stay whole. */
void output_discard(struct frontend *frontend, struct connection *connection);

/* The socket takes bytes again. */
void output_writable(struct frontend *frontend, struct connection *connection);

/* Once a turn: writes what is queued and does not wait, of that many connections at most. True: there are others. */
bool output_flush(struct frontend *frontend, uint32_t connections_max);

/* When it wants to be called for what waits, as now_ms; UINT64_MAX: nothing does. */
uint64_t output_next_ms(const struct frontend *frontend);

/* Whether two frames are of the same code and room. */
bool output_same_topic(struct slice a, struct slice b);

bool output_empty(const struct connection *connection);

/* The connection's traffic, made if need be; NULL without memory. Given back by traffic_tidy once there is none. */
struct traffic *traffic_of(struct frontend *frontend, struct connection *connection);
void traffic_tidy(struct frontend *frontend, struct connection *connection);

/* Drops all of it: the connection ends. */
void traffic_free(struct frontend *frontend, struct connection *connection);

#endif
