/*
 * What the frontend tells presence: that its epoch lives (a beat), whom it no longer holds (removed in batches), and after a
 * suspected loss (L5) everybody again; then, once that is acknowledged, its clients are told to Join again, spread over time. Who
 * does not is closed in the end: what was lost may be the revoke of that very device (L7), and only Join asks whether it lives.
 * Rounds, for that: each is told and waited for. Who is told while others are waited for belongs to the next round, so that a
 * second loss just before the end of the first one's time does not close everybody at once.
 * One submission is under way at a time; what fails is tried again.
 */
#ifndef GALKA_FRONTEND_UPKEEP_H
#define GALKA_FRONTEND_UPKEEP_H

#include "frontend/internal.h"

#define UPKEEP_RETRY_MS       1000
#define UPKEEP_END_MS         1000 /* the last word to presence may take so long */
#define UPKEEP_REJOINS_A_TURN 256  /* clients told in one turn */
#define UPKEEP_REJOIN_EACH_MS 1    /* Joins are spread so that one comes in so long */
#define UPKEEP_REJOIN_MIN_MS  1000
#define UPKEEP_REJOIN_MAX_MS  600000
#define UPKEEP_OVERDUE_MS     300000 /* beyond the time it was given to: who has not joined again by then is closed */

void upkeep_init(struct upkeep *upkeep);
void upkeep_finish(struct upkeep *upkeep);

/* The partition is ours: beats begin. */
void upkeep_begin(struct frontend *frontend);

/* Presence may have an entry that leads nowhere. */
void upkeep_remove(struct frontend *frontend, const struct id *epoch, uint64_t user, uint64_t connection);

/* Deliveries may have been lost (L5). */
void upkeep_suspect_loss(struct frontend *frontend, const char *why);

/* Polls presence, submits what is next, tells clients to Join again. */
void upkeep_run(struct frontend *frontend);

/* The last submission: the epoch ends. True once it was answered, or has taken too long. */
bool upkeep_end(struct frontend *frontend);

uint64_t upkeep_next_ms(const struct frontend *frontend);

#endif
