/*
 * Whose connection ended here: when he has been away for PRESENCE_GONE_MS, and has none here again, `gone` is published, and whoever
 * serves it asks presence whether he is anywhere. So a client that connects again at once is never said to be gone.
 * Who is forgotten here, because too many left or the frontend ends, is missed by those who renew their watch.
 */
#ifndef GALKA_FRONTEND_ABSENCE_H
#define GALKA_FRONTEND_ABSENCE_H

#include "frontend/internal.h"

#define ABSENCE_MAX    65536 /* who left in the last half minute; beyond it the first of them are forgotten */
#define ABSENCE_A_TURN 256   /* published in one turn */

void absence_finish(struct absences *absences);

/* A connection of his is no longer in presence. */
void absence_note(struct frontend *frontend, uint64_t user);

void absence_run(struct frontend *frontend);
uint64_t absence_next_ms(const struct frontend *frontend);

#endif
