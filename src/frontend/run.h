/*
 * Runs: deliveries of a room to many that the bus brought together. They are copied into one block behind each other, so that whoever
 * gets them all has one place in his queue for them, and one part of a write.
 *
 * A run's block is as large as what was polled for it, and not kept longer than the records of one poll are taken: whoever is slow holds
 * hardly more memory with it than he is counted for.
 *
 *      runs_expect → runs_copy … → runs_end, with each poll of the bus
 */
#ifndef GALKA_FRONTEND_RUN_H
#define GALKA_FRONTEND_RUN_H

#include "frontend/internal.h"

#define RUN_CONNECTIONS_MIN 32    /* of a post: for fewer it is not worth the look */
#define RUN_SIZE_MAX        16000 /* bytes of one block */

/* What comes, before the first of it is taken. */
void runs_expect(struct frontend *frontend, const struct bus_event *events, size_t count);

/* A copy of a post's frame, one reference: in its run if it has one. Its block is NULL without memory. */
struct piece runs_copy(struct frontend *frontend, const struct wire_post *post);

void runs_end(struct frontend *frontend);

#endif
