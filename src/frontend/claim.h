/*
 * L6: whose the partition is. The order of records in the partition decides.
 *
 *      ASSIGNING → CLAIMING (claim published; answers are waited for since it was read back)
 *                → ACCEPTING ("accepted" published) → HOLDING (it was read back with no answer before it)
 *      any → GIVEN_UP: an answer came, or another was accepted
 *
 * The holder, and a claimant whose own claim came before, answer a claim. A holder that reads another's "accepted" gives up, unless its
 * own answer to that claim came before it.
 */
#ifndef GALKA_FRONTEND_CLAIM_H
#define GALKA_FRONTEND_CLAIM_H

#include "frontend/internal.h"

#define CLAIM_REPEAT_MS 2000 /* what is not read back by then is published again */

/* Reading of the partition has begun. */
void claim_assigned(struct frontend *frontend);

/* The position in the partition was lost: what was read so far may lack something. */
void claim_doubt(struct frontend *frontend);

void claim_read(struct frontend *frontend, const struct wire_claim *claim);
void claim_run(struct frontend *frontend);
uint64_t claim_next_ms(const struct frontend *frontend);

#endif
