/* Counts over many seeds: faults by class, and pairs of a message code and a fault class that met. Plain numbers, so that two processes' tallies add up. */
#ifndef GALKA_TEST_SIM_TALLY_H
#define GALKA_TEST_SIM_TALLY_H

#include "sim/fault.h"

struct tally {
        uint64_t seeds, short_seeds, violations, acked, refused, faults, simulated_us;
        uint64_t by_class[FAULT_CLASS_COUNT];
        uint64_t pairs[256][FAULT_CLASS_COUNT];
        uint64_t hash;
};

void tally_add(struct tally *to, const struct tally *from);

/* Pairs of a message code and a fault class: those that met, all there are. unsent: codes that met none. */
struct tally_met {
        unsigned pairs, possible, unsent;
};

/* Prints the table of faults by class and of what met them, and what is missing. */
struct tally_met tally_print(const struct tally *tally);

#endif
