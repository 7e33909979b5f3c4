/*
 * The latest deliveries of a room, as whoever read them first decoded them. A room's members all get the same bytes, in the same order: so
 * each next delivery of a member is the next of these, byte for byte, and only what is not is looked at more closely. A member keeps
 * the place of what he reads next.
 */
#ifndef GALKA_BENCH_COPIES_H
#define GALKA_BENCH_COPIES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

#define COPIES_MAX    64
#define COPY_SIZE_MAX 1024 /* larger ones are decoded by everybody */

struct copy {
        uint64_t message, number; /* the ledger's; the room's */
        size_t size;
        uint8_t bytes[COPY_SIZE_MAX];
};

/* Zeroed at first. */
struct copies {
        struct copy latest[COPIES_MAX];
        uint64_t count; /* so far; place p is latest[p % COPIES_MAX] */
};

/* The copy at this place, if these are its bytes; else NULL. */
const struct copy *copies_match(const struct copies *copies, uint64_t place, struct slice frame);

/* One that was decoded: is kept if it is the first, else compared with the first. *place: of what follows it; as it was if it is too large,
 * or was there too long ago. False: it is the same message in other bytes. */
bool copies_note(struct copies *copies, uint64_t message, uint64_t number, struct slice frame, uint64_t *place);

#endif
