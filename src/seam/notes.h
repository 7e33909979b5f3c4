/*
 * Notes of what a worker takes after a crash (L10): its records one by one, each noted where the next process finds it, so that a
 * record that brings workers down is known when it comes again, and goes to the dead letters instead.
 *
 *   enter → (care → crashes … note → poll … lend … done)
 *
 * One struct notes is one worker's, on its thread. A driver says what a crash is and how long care lasts; the worker acts on it.
 * Where records come again from the bus itself (Kafka), a driver goes by partition and offset and keeps its notes in the metadata
 * of commits; where clients send them again (embedded), by `id`, which is made of what a client repeats.
 */
#ifndef GALKA_SEAM_NOTES_H
#define GALKA_SEAM_NOTES_H

#include "base/id.h"
#include "seam/bus.h"
#include "seam/outcome.h"

#define NOTES_CRASHES_MAX 2 /* a record that so many crashes are put down to is not tried again */

/* A record, by its place and by its content. */
struct noted {
        enum bus_topic topic;
        int32_t partition;
        uint64_t offset;
        struct id id;
};

enum notes_care {
        NOTES_CARELESS, /* nothing crashed lately: records are taken in batches, nothing is noted */
        NOTES_KNOWN,    /* the same, but some records are known not to be tried again: each is looked up */
        NOTES_SINGLY    /* this worker crashed lately: looked up, taken one by one, noted first */
};

struct notes;

struct notes_ops {
        /* Ends without a crash. NULLs the pointer. */
        void (*free)(struct notes **notes);

        /* Readable when poll has something; -1: what is noted completes at once. */
        int (*fd)(struct notes *notes);

        /* The calling thread is the worker's from now on. */
        void (*enter)(struct notes *notes);

        enum notes_care (*care)(struct notes *notes);

        /* How many crashes are put down to this record. */
        unsigned (*crashes)(struct notes *notes, const struct noted *record);

        /* The record is taken next: one completion will carry tag, OK when the note outlives this process. At most one record at a
         * time. FULL, FAILED. */
        enum error (*note)(struct notes *notes, const struct noted *record, uint64_t tag);

        /* What was noted goes into the hands of another thread, until done: before that only the worker's own crashes can be its. */
        void (*lend)(struct notes *notes);

        /* What was noted is done with. */
        void (*done)(struct notes *notes);

        size_t (*poll)(struct notes *notes, struct completion *completions, size_t max);
};

/* Drivers embed this first. */
struct notes {
        const struct notes_ops *ops;
};

#endif
