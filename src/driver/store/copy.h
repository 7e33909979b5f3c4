/*
 * A copy of the database as it is at one moment, while a server goes on writing to it: one snapshot, read page by page beside the
 * writer, which waits for nothing (SQLite's WAL). The WAL grows meanwhile, since it cannot begin anew below a reader.
 */
#ifndef GALKA_DRIVER_STORE_COPY_H
#define GALKA_DRIVER_STORE_COPY_H

#include "base/id.h"
#include "driver/store/common.h"

struct store_copy {
        unsigned schema; /* version */
        struct id era;
        uint64_t pages;
};

/* FOLDER/galka.db, of a running server or not, goes to the empty file at `to`. Errors, with one line in text: CONFIG (not a database
 * of ours), CORRUPT, SYSTEM. */
must_use enum error store_sqlite_copy(const char *folder, const char *to, struct store_copy *copy,
                                      char text[static STORE_ERROR_SIZE]);

/* What FOLDER/galka.db says of itself, of a running server or not; nothing is changed. Errors as above. */
must_use enum error store_sqlite_look(const char *folder, struct store_copy *found, char text[static STORE_ERROR_SIZE]);

#endif
