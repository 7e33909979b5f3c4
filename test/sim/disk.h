/*
 * The disk under SQLite: a VFS in memory that lies as disks do. What was written and not synced survives a crash in part: each
 * write is kept whole, kept in some of its sectors (torn), or lost, as the seed has it. Single writes and syncs fail on demand,
 * and so may all from some moment on, until the machine is started again.
 *
 * SQLite finds a VFS by name, so there is one disk a process; disk_start gives it to a run. It is the default VFS too, so that
 * SQLite's own randomness and clock are the run's.
 *
 *      disk_start → (store on disk_vfs_name) … disk_crash, disk_save, disk_restore … → disk_finish
 */
#ifndef GALKA_TEST_SIM_DISK_H
#define GALKA_TEST_SIM_DISK_H

#include <stdbool.h>

#include "seam/clock.h"
#include "seam/random.h"

#define DISK_VFS      "galka-sim"
#define DISK_DATABASE "/galka.db"
#define DISK_SECTOR   512

enum disk_trouble {
        DISK_WELL,
        DISK_FAIL_WRITE, /* the next write fails, then it is well again */
        DISK_FAIL_SYNC,  /* the next sync fails */
        DISK_FULL,       /* the next write finds no room */
        DISK_CONFLICT, /* the nth look from within a transaction that writes ends and undoes it: so do databases with several writers */
        DISK_DIE /* from the nth write or sync on everything fails, until disk_crash */
};

/* Empties the disk. Both are asked until disk_finish. */
void disk_start(struct random *random, struct clock *clock);
void disk_finish(void);

/* nth: of DISK_CONFLICT and DISK_DIE, counted from now (1: the next). */
void disk_trouble(enum disk_trouble trouble, unsigned nth);

/* True once DISK_DIE has come about; disk_die makes it so at once. */
bool disk_is_dead(void);
void disk_die(void);

/* Everything open must be closed. What was not synced is torn or lost by `random`; then the disk is well. Returns how many
 * writes had not been synced. */
unsigned disk_crash(struct random *random);

/* An image of what a crash could not take, as a backup would hold it, and back to it. */
void disk_save(void);
bool disk_restore(void);

#endif
