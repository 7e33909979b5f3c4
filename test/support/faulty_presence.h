/* A presence that fails, delays or makes uncertain what is submitted, by a plan. Whole submits, as the seam's outcomes are. */
#ifndef GALKA_TEST_FAULTY_PRESENCE_H
#define GALKA_TEST_FAULTY_PRESENCE_H

#include "seam/presence.h"
#include "support/fault.h"

/* Owns `inner` if OK. The plan stays the caller's. NO_MEMORY. */
must_use enum error faulty_presence_new(struct presence *inner, struct fault_plan *plan, struct presence **presence);

#endif
