/*
 * Gathers what one connection writes to its WAL. SQLite writes a frame's header and its page by a call each; a commit of six pages is
 * twelve calls, and then a sync. Here they are copied to a buffer, and go to the file as one write before the sync, or before
 * anything else looks at the file by this connection. Other connections look at frames only once the index of the WAL names them,
 * which is after the sync (synchronous = FULL).
 *
 *      journal_gather → … → the connection is closed → journal_finish
 */
#ifndef GALKA_DRIVER_STORE_JOURNAL_H
#define GALKA_DRIVER_STORE_JOURNAL_H

#include <sqlite3.h>

#include "base/slice.h"

#define JOURNAL_GATHERED_MAX                                                                                                \
        65536 /* bytes; beyond it they are written before. SQLite on Unix writes less than 128 KiB at once */

struct journal {
        const sqlite3_io_methods *plain;
        sqlite3_io_methods gathering;
        uint8_t *bytes;
        size_t used;
        sqlite3_int64 at; /* where in the file they belong */
};

/* From now on; the connection has read from its database, so that its WAL is open. Without memory for the buffer, without a
 * WAL, or on a file system of SQLite's that does not promise POWERSAFE_OVERWRITE, all goes on as before. */
void journal_gather(struct journal *journal, sqlite3 *handle);

/* After the connection was closed; also of one that never gathered. */
void journal_finish(struct journal *journal);

#endif
