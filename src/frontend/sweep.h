/*
 * Now and then each frontend asks for work that nobody does (`sweep`): what was begun by a record that is gone, with a worker or with
 * the bus. Frontends have a clock and a bus, and as long as there is anybody to serve there is one of them.
 */
#ifndef GALKA_FRONTEND_SWEEP_H
#define GALKA_FRONTEND_SWEEP_H

#include "frontend/internal.h"

#define SWEEP_EVERY_MS 30000

void sweep_run(struct frontend *frontend);
uint64_t sweep_next_ms(const struct frontend *frontend);

#endif
