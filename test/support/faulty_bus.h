/*
 * A bus that fails, delays, makes uncertain, doubles or loses flushes and commits by a plan. The fault of a flush is chosen with the
 * first message published for it, so that what is lost never reaches the decorated bus, and FULL is still said by it.
 */
#ifndef GALKA_TEST_FAULTY_BUS_H
#define GALKA_TEST_FAULTY_BUS_H

#include "seam/bus.h"
#include "support/fault.h"

/* Owns `inner` if OK. The plan stays the caller's. NO_MEMORY. */
must_use enum error faulty_bus_new(struct bus *inner, struct fault_plan *plan, struct bus **bus);

struct bus *faulty_bus_inner(struct bus *bus);

/* Frees the decorator alone and returns what it decorated (to be crashed). */
struct bus *faulty_bus_drop(struct bus **bus);

#endif
