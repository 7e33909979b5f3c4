/*
 * What a worker writes down beside the bus, to find the record that crashes it (L10). Plain calls, quick ones. After a crash records
 * are taken singly, each noted before anything is done for it; one that was begun and never ended, twice, is poison.
 *
 * Embedded: a small file by request id. Over Kafka: the metadata of a commit.
 */
#ifndef GALKA_SEAM_NOTES_H
#define GALKA_SEAM_NOTES_H

#include "base/error.h"
#include "base/id.h"

#define NOTES_MAX 64 /* remembered; beyond, the oldest go */

struct notes;

struct notes_ops {
        /* The run ends in order. NULLs the pointer. */
        void (*free)(struct notes **notes);

        /* Did the last run end without `free`? */
        bool (*crashed)(struct notes *notes);

        /* Work on a record begins. Returns how often it was begun in earlier runs that it did not survive. */
        unsigned (*begin)(struct notes *notes, const struct id *request);

        /* It is done, and forgotten. */
        void (*end)(struct notes *notes, const struct id *request);
};

struct notes {
        const struct notes_ops *ops;
};

#endif
