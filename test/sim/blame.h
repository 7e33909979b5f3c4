/*
 * What is known of crashes, in the simulator (seam/notes.h): one struct blame is known to all workers, as the metadata of a group's
 * commits would be; each worker has a slot that outlives its processes. A worker that a record brought down takes its next records
 * singly for a while, notes each first, and what brings it down then is known for the rest of the run.
 *
 * Nobody is blamed for a process that is killed from outside.
 */
#ifndef GALKA_TEST_SIM_BLAME_H
#define GALKA_TEST_SIM_BLAME_H

#include "seam/notes.h"

#define BLAME_RECORDS_MAX 16
#define BLAME_SINGLY_US   UINT64_C(10000000)
#define BLAME_DEADLY_TEXT "deadly" /* a message that begins so brings the process down that would write it */
#define BLAME_DEADLY_MAX  2        /* of them in one run */
#define BLAME_AGAIN_MAX   2        /* crashes by what is known already: by workers that had taken it before */

struct sim;

struct blame {
        struct {
                struct id id;
                unsigned crashes;
        } known[BLAME_RECORDS_MAX];
        unsigned known_count;
        struct {
                bool known;
                unsigned crashes; /* since it was known */
        } deadly[BLAME_DEADLY_MAX];
        unsigned said; /* deadly messages, so far */
        unsigned met;  /* the worker that is stepped has just met this one, counted from 1; 0: none */
};

struct blame_slot {
        bool noted;
        struct id id;
        uint64_t singly_us; /* until then; 0: it never crashed */
};

/* The notes of one worker's process, which works on the slot. */
struct notes *blame_open(struct sim *sim, struct blame_slot *slot);

/* The process is gone. crashed: by which deadly message; then what it had noted is to blame. Rule 9: nobody is brought down again
 * and again by what is known. */
void blame_gone(struct sim *sim, struct blame_slot *slot, unsigned crashed);

/* Somebody is about to write this: the number of the deadly message it is, counted from 1, or 0. */
unsigned blame_deadly(struct slice text);

#endif
