/*
 * Messages made from the descriptor tables, for tests of whatever carries them: empty, with every field at zero, at one, at
 * its limit, or random. What a sample points to lives until sample_free.
 */
#ifndef GALKA_TEST_SUPPORT_WIRE_SAMPLE_H
#define GALKA_TEST_SUPPORT_WIRE_SAMPLE_H

#include "wire/descriptor.h"

#define SAMPLE_SIZE_MAX 3000000 /* bytes of the largest encoding of a sample: room_page, every list at its limit */

enum sample_kind {
        SAMPLE_ZERO,   /* every field present, with its zero value; lists of one empty element */
        SAMPLE_ONE,    /* numbers 1, one byte, one element */
        SAMPLE_LIMIT,  /* the largest values; elements of lists inside lists: SAMPLE_ONE, else nothing would hold them */
        SAMPLE_RANDOM, /* each field absent or of any lawful size, small ones more often */
        SAMPLE_KINDS
};

/* Memory of samples, and where random ones come from. Zeroed is a good start; seed: any number. */
struct sample {
        void *blocks; /* a chain */
        uint64_t seed;
};

/* Fills *message, a struct wire_<name> of that structure. */
void sample_fill(struct sample *sample, const struct wire_structure *structure, enum sample_kind kind, void *message);

/* Fills one field only, by its index; the others are absent. */
void sample_fill_field(struct sample *sample, const struct wire_structure *structure, size_t index, enum sample_kind kind,
                       void *message);

/* True if both say the same: what is present, every value, every element. Lists may be decoded or given as items. */
bool sample_equal(const struct wire_structure *structure, const void *a, const void *b);

/* The index-th structure: parts first, then messages; NULL past the last. */
const struct wire_structure *sample_structure_at(size_t index);

/* Zeroed memory that lives until sample_free. */
void *sample_take(struct sample *sample, size_t size);

uint64_t sample_random(struct sample *sample);

void sample_free(struct sample *sample);

#endif
