/* Replies that clients wait for. A reply takes its entry away; one that does not come in reply_ms is answered with UNKNOWN. */
#ifndef GALKA_FRONTEND_PENDING_H
#define GALKA_FRONTEND_PENDING_H

#include "frontend/internal.h"

/* False without memory. */
bool pendings_init(struct pendings *pendings, uint32_t count_max, const uint64_t seed[2]);
void pendings_finish(struct pendings *pendings);

/* A reply to that request is due from now on (again, if it was already). False when a limit is reached. */
bool pending_add(struct frontend *frontend, struct connection *connection, const struct wire_frame *frame);

/* How many replies to a `write` are due in that room; with another room's now and then, if their hashes are the same. */
uint32_t pending_writes(const struct frontend *frontend, const struct id *room);

/* The request was not sent after all. */
void pending_remove(struct frontend *frontend, uint64_t connection, const struct id *request);

/* Its reply came. Late or unknown ones are fine. Returns when the request was sent first; 0: nobody knows. */
uint64_t pending_answered(struct frontend *frontend, uint64_t connection, const struct id *request);

/* Answers those whose time has passed. */
void pending_run(struct frontend *frontend);
uint64_t pending_next_ms(const struct frontend *frontend);

#endif
