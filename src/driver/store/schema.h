/* The schema: made in an empty file, recognised in an old one, refused in a newer or foreign one. */
#ifndef GALKA_DRIVER_STORE_SCHEMA_H
#define GALKA_DRIVER_STORE_SCHEMA_H

#include "base/error.h"
#include "driver/store/database.h"
#include "seam/random.h"

#define SCHEMA_VERSION     14
#define SCHEMA_SEARCH      6          /* from this one on there is an index of words */
#define SCHEMA_APPLICATION 0x47614c6b /* "GaLk": application_id of the file */

/* exclusive: the only connection there will be, on a VFS without shared memory (simulator). On refusal text says why. Errors:
 * CONFIG (newer or foreign), CORRUPT, SYSTEM. */
must_use enum error schema_open(struct database *database, struct random *random, bool exclusive, struct id *era, char *text,
                                size_t text_size);

/* What a file says of itself, without changing anything. Returns SQLite's code. */
int schema_read(struct database *database, uint64_t *application, uint64_t *version, struct id *era);

/* Another era than before, at random, on disk when it returns OK. On failure *era is as it was: SYSTEM. */
must_use enum error schema_renew_era(struct database *database, struct random *random, struct id *era);

#endif
