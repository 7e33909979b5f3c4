/* What the files of this driver share beside their own headers: the whole, and a look inside for tests. */
#ifndef GALKA_DRIVER_STORE_POSTGRES_INSIDE_H
#define GALKA_DRIVER_STORE_POSTGRES_INSIDE_H

#include "driver/store/postgres.h"

struct store_postgres {
        struct store_postgres_options options; /* its texts are copies */
        char *uri, *password;
        struct id era;
        unsigned handles; /* atomic */
};

void postgres_handle_comes(struct store_postgres *postgres);
void postgres_handle_gone(struct store_postgres *postgres);

/* How a handle's transactions went. */
struct transaction;
const struct transaction *store_postgres_transaction(struct store *store);

/* The statements of the schema in their order, NULL after the last; *version: which it belongs to. */
const char *schema_statement(size_t place, unsigned *version);

#endif
