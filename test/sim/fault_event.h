/*
 * The events of faults.def: a function each, in fault_role.c or fault_engine.c. It returns whether the fault has happened; false: not
 * now, or not yet (then whoever makes it counts it).
 */
#ifndef GALKA_TEST_SIM_FAULT_EVENT_H
#define GALKA_TEST_SIM_FAULT_EVENT_H

#include <stdbool.h>
#include <stdint.h>

struct sim;

#define EVENT(name, text, weight) bool do_##name(struct sim *sim);
#define SEAM(name, text, call, fault, per_mille)
#include "sim/faults.def"
#undef EVENT
#undef SEAM

/* Mostly less than a second, else up to so many. */
uint64_t fault_some_us(struct sim *sim, uint64_t seconds_max);
struct sim_worker *fault_some_worker(struct sim *sim);
struct sim_frontend *fault_some_frontend(struct sim *sim);

/* What events left to be done when there is an occasion. */
void fault_engine_run(struct sim *sim);

#endif
