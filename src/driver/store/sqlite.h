/*
 * The store on SQLite: one writer, as many readers as handles.
 *
 *   threaded  one writer thread takes all that its handles have queued as one commit (group commit); each handle answers its own
 *             questions on its own thread, in poll, on a read-only connection.
 *   inline    no thread and one connection: poll does the work. The simulator and tools.
 *
 *      store_sqlite_new → store_sqlite_open for each handle → handles freed by their `free` → store_sqlite_free
 */
#ifndef GALKA_DRIVER_STORE_SQLITE_H
#define GALKA_DRIVER_STORE_SQLITE_H

#include "base/event.h"
#include "driver/store/common.h"
#include "seam/clock.h"
#include "seam/random.h"
#include "seam/store.h"

#define STORE_COMMIT_OPS_MAX 4096 /* operations of one commit */

struct store_sqlite_options {
        const char *folder; /* holds galka.db and a lock; on another VFS: the path of the database itself */
        const char *vfs;    /* NULL: the file system */
        bool threaded;
        bool beside; /* a server may be running: its folder is not taken. For lines that no writer holds in memory: neither of
                            * rooms, members, devices. Inline only */
        int wal_pages_max; /* threaded: the bound of the journal (checkpoint.h); 0: WAL_PAGES_MAX */
        struct clock *clock;
        struct random *random;
        struct event_sink *events;
};

struct store_sqlite;

/* Errors, with one line in text: LOCKED (another process has the folder), CONFIG, CORRUPT, SYSTEM, NO_MEMORY. */
must_use enum error store_sqlite_new(const struct store_sqlite_options *options, struct store_sqlite **sqlite,
                                     char text[static STORE_ERROR_SIZE]);

/* All handles must be gone. */
void store_sqlite_free(struct store_sqlite **sqlite);

/* A handle, for one thread. NO_MEMORY, SYSTEM. */
must_use enum error store_sqlite_open(struct store_sqlite *sqlite, struct store **store);

/* The lock that keeps two servers out of one folder: held while *fd is open. LOCKED, SYSTEM. */
must_use enum error store_sqlite_lock(const char *folder, int *fd, char text[static STORE_ERROR_SIZE]);

struct id store_sqlite_era(const struct store_sqlite *sqlite);

/* Gives the store a new era (L9): an older copy of it was put back. Inline only, and before anything was asked. SYSTEM. */
must_use enum error store_sqlite_renew_era(struct store_sqlite *sqlite);

#endif
