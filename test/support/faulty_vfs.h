/*
 * SQLite's own VFS under a decorator that fails the n-th call: reads, writes (of which half is done), syncs, truncations, openings
 * and growing the shared memory. One a process.
 */
#ifndef GALKA_TEST_FAULTY_VFS_H
#define GALKA_TEST_FAULTY_VFS_H

#define FAULTY_VFS "galka-faulty"

enum { VFS_READ = 1, VFS_WRITE = 2, VFS_SYNC = 4, VFS_TRUNCATE = 8, VFS_OPEN = 16, VFS_SHM = 32, VFS_ALL = 63 };

/* Once a process. */
void faulty_vfs_install(void);

/* The n-th call of those kinds from now (1: the next) fails with that code, and `more` calls after it. nth 0: none does. */
void faulty_vfs_fail(unsigned kinds, unsigned long nth, unsigned long more, int code);

/* How many calls have failed since. */
unsigned long faulty_vfs_failed(void);

#endif
