/*
 * Who must be heard of, and by when. Each connection is on one list by its state, ordered by `since_ms`, so a turn looks only at
 * the heads:
 *      newcomers  HELLO, SIGNED_OUT, JOINING: since accept or the last sign-in request; HTTP, ANSWERED: since a request, or since
 *                 some of an answer was written; closed after sign_in_ms
 *      heard      READY: since bytes came; closed after two silent ping intervals
 *      closing    CLOSING: since the last word was queued; closed after ENDING_MS
 *      ended      ENDED: since the end was written; closed after ENDED_MS
 * A LEAVING connection is on none: its replies' deadlines end it.
 */
#ifndef GALKA_FRONTEND_LIVENESS_H
#define GALKA_FRONTEND_LIVENESS_H

#include "frontend/internal.h"

/* A place moves only when it is older than this part of an interval, so that a busy connection costs nothing here. */
#define LIVENESS_PRECISION 16
#define LIVENESS_ENDS_MAX  512 /* of each list in one turn */

/* The state changed, or patience begins anew. */
void liveness_wait(struct frontend *frontend, struct connection *connection);

/* Bytes came. */
void liveness_heard(struct frontend *frontend, struct connection *connection);

void liveness_run(struct frontend *frontend);

/* When liveness_run has something to do; UINT64_MAX: never. */
uint64_t liveness_next_ms(const struct frontend *frontend);

#endif
