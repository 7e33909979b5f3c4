/* The orderly end: clients are told bye spread over time, each once its replies are there; then presence hears the last word. */
#ifndef GALKA_FRONTEND_DRAIN_H
#define GALKA_FRONTEND_DRAIN_H

#include "frontend/internal.h"

#define DRAIN_TOLD_MAX 1024 /* clients told in one turn */
#define DRAIN_EXTRA_MS 2000 /* beyond all deadlines; then those that are left are cut off */

/* Returns true when nothing is left to do. */
bool drain_run(struct frontend *frontend);
uint64_t drain_next_ms(const struct frontend *frontend);

/* The partition is another's: clients are told at once. */
void drain_at_once(struct frontend *frontend);

#endif
