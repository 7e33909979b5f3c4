/* Plain waiting calls on one connection, for what is done before anything runs or beside it: migration, dump and restoration. */
#ifndef GALKA_DRIVER_STORE_POSTGRES_PLAIN_H
#define GALKA_DRIVER_STORE_POSTGRES_PLAIN_H

#include <libpq-fe.h>

#include "driver/store/postgres.h"

/* Connects. *pg is to be finished in any case, unless NULL. SYSTEM, NO_MEMORY; text says why. */
must_use enum error plain_connect(const struct store_postgres_options *options, PGconn **pg, char *text);

/* A statement without an answer. */
bool plain_run(PGconn *pg, const char *sql);

/* A statement with an id as its parameter, that changes one line. */
bool plain_run_with_id(PGconn *pg, const char *sql, const struct id *id);

/* The first value of the first line, in memory of the result, which is to be cleared. NULL: none. */
const char *plain_ask(PGconn *pg, const char *sql, PGresult **result);

/* "what: why", why being what libpq says. SYSTEM. */
must_use enum error plain_refuse(PGconn *pg, char *text, const char *what);

/* Whatever is wrong with the server is said before anything is begun. */
must_use enum error schema_server_check(PGconn *pg, const struct store_postgres_options *options, char *text);

/* Which version the schema has; 0: none. And which this galkad knows. */
must_use enum error schema_version_read(PGconn *pg, unsigned *version, char *text);
unsigned schema_version_known(void);
must_use enum error schema_refuse_newer(unsigned version, char *text);

must_use enum error schema_era_read(PGconn *pg, struct id *era, char *text);

/* The table of versions, and one version's statements, within the caller's transaction. */
bool schema_begin(PGconn *pg);
/* Fills the index of words from all texts there are, within the caller's transaction, some rows at a time. */
bool schema_index_all(PGconn *pg);
bool schema_step(PGconn *pg, const struct store_postgres_options *options, unsigned version);

#endif
