/*
 * What a submitted request came to. Every caller handles all three. The laws of the asynchronous seams (bus, store,
 * presence, mail, password):
 *   - submit, then poll: a completion never comes before submit returns; each seam offers a file descriptor that becomes
 *     readable when poll has something (-1 in the simulator, which simply polls), be it only a connection to look after: who waits
 *     for the descriptor polls whenever it is readable, also when nothing of his is under way;
 *   - submit returns OK (exactly one completion with that tag will come), FULL (nothing was taken: a named limit is
 *     reached), or another error (nothing was taken);
 *   - memory handed to submit stays untouched and valid until its completion was polled, or the seam was freed;
 *   - one seam object belongs to one thread.
 */
#ifndef GALKA_SEAM_OUTCOME_H
#define GALKA_SEAM_OUTCOME_H

#include <stdint.h>

enum outcome {
        OUTCOME_OK,
        OUTCOME_FAILED,   /* nothing was done */
        OUTCOME_UNCERTAIN /* it may have been done, it may be done later */
};

struct completion {
        uint64_t tag; /* as given to submit */
        enum outcome outcome;
};

#endif
