/*
 * A store that fails, delays or makes uncertain what it is given, by a plan: FAULT_UNCERTAIN is a COMMIT that went through and
 * whose answer was lost, FAULT_LOSE one that did not; FAULT_SPLIT and FAULT_PART are what drivers do whose transactions come into
 * conflict with others: they halve. A question is never uncertain: both are FAILED there.
 */
#ifndef GALKA_TEST_FAULTY_STORE_H
#define GALKA_TEST_FAULTY_STORE_H

#include "seam/store.h"
#include "support/fault.h"

/* Owns `inner` if OK. The plan stays the caller's. NO_MEMORY. */
must_use enum error faulty_store_new(struct store *inner, struct fault_plan *plan, struct store **store);

#endif
