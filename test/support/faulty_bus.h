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

/* The log of a partition loses its last `records`, and goes on from there: LOST is told, and what comes from now on has lower offsets. */
void faulty_bus_cut(struct bus *bus, enum bus_topic topic, int32_t partition, uint64_t next, uint64_t records);

/* Deaf, it hears of its own flushes and commits alone, and so learns nothing of the partitions that it lost: a process that was stopped
 * for too long, and goes on in the middle of its work. */
void faulty_bus_deafen(struct bus *bus, bool deaf);

/* Frees the decorator alone and returns what it decorated (to be crashed). */
struct bus *faulty_bus_drop(struct bus **bus);

#endif
