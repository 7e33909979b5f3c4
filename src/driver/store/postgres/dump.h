/*
 * The database as text, a CSV file a table, and back: what galkad backup saves and galkad restore puts back. A dump is one snapshot,
 * beside workers that go on; putting it back is one transaction: all of it, or nothing.
 */
#ifndef GALKA_DRIVER_STORE_POSTGRES_DUMP_H
#define GALKA_DRIVER_STORE_POSTGRES_DUMP_H

#include <sys/types.h>

#include "driver/store/copy.h"
#include "driver/store/postgres.h"

#define DUMP_NAME_SIZE 64 /* of a file: the table's, and ".csv" */

/* Who takes the files. */
struct dump_sink {
        void *owner;
        void (*begin)(void *owner, const char *name);
        void (*add)(void *owner, struct slice bytes);
        void (*end)(void *owner);
};

/* Who has them. open: false if there is no such file; read: bytes of the one opened last, 0 at its end, -1 with errno. */
struct dump_source {
        void *owner;
        bool (*open)(void *owner, const char *name);
        ssize_t (*read)(void *owner, void *bytes, size_t size);
};

/* All tables of the schema. Errors, with one line in text: CONFIG (no schema, a newer one), SYSTEM, NO_MEMORY. */
must_use enum error store_postgres_dump(const struct store_postgres_options *options, const struct dump_sink *sink,
                                        struct store_copy *copy, char text[static STORE_ERROR_SIZE]);

/* Puts a dump of schema `version` back, migrates it forward and gives it a new era (L9). The database must have no users, or all that
 * galkad has there is replaced. Errors, with one line in text: CONFIG (a newer dump, users there), SYSTEM, NO_MEMORY; nothing is
 * changed then. */
must_use enum error store_postgres_restore(const struct store_postgres_options *options, const struct dump_source *source,
                                           unsigned version, bool replace, struct id *era,
                                           char text[static STORE_ERROR_SIZE]);

#endif
