/*
 * Notes in a small file of the data folder, for a server that is one process (seam/notes.h). The file is mapped: what is written
 * there outlives the process, by whatever it ends, at the price of a store to memory. Power loss may spoil it, and need not do
 * more: nothing is blamed then.
 *
 * A crash is a fatal signal that a thread brought on itself (a failed assertion, a bad address). The handler writes down whose
 * thread it was, then lets the signal do its work, so that core dumps and sanitizers see it as ever. A process that was killed from
 * outside, or lost its power, did not crash: nobody is blamed for an unlucky moment, and the next one starts as ever.
 *
 *   whose thread                 blamed for what was noted        taken singly after it
 *   a worker's                   2 crashes: the one before, in    by that worker
 *                                a batch, and this one
 *   nobody's (store, hashing)    1 crash each that had been lent  by every worker
 *                                to one, so twice is proof
 *   a frontend's                 nothing                          by none
 *
 *      notes_file_new → notes_file_open for each role → handles freed by their `free` → notes_file_free: a clean end
 */
#ifndef GALKA_DRIVER_NOTES_FILE_H
#define GALKA_DRIVER_NOTES_FILE_H

#include "base/event.h"
#include "seam/clock.h"
#include "seam/notes.h"

#define NOTES_ERROR_SIZE      512
#define NOTES_SINGLY_MS       60000 /* how long records are taken singly after a crash; clients wait as long to connect again */
#define NOTES_SINGLY_AGAIN_MS 300000  /* after further ones within NOTES_FORGET_MS */
#define NOTES_FORGET_MS       3600000 /* then a record may be tried again, and a crash is the first one */
#define NOTES_RECORDS_MAX     64      /* known; one more takes the place of the oldest */

struct notes_file;

struct notes_file_options {
        const char *folder; /* the file is FOLDER/notes */
        struct clock *clock;
        struct event_sink *events;
};

/* Reads what the last process left, and watches for crashes from then on: one at a time in a process. SYSTEM, NO_MEMORY; text says
 * what is wrong. */
must_use enum error notes_file_new(const struct notes_file_options *options, struct notes_file **file,
                                   char text[static NOTES_ERROR_SIZE]);

/* All handles must be gone. */
void notes_file_free(struct notes_file **file);

/* The handle of one topic's worker; of BUS_FRONTENDS, for frontends: their crashes are nobody's record's. NO_MEMORY. */
must_use enum error notes_file_open(struct notes_file *file, enum bus_topic topic, struct notes **notes);

#endif
