/* What save.c and save_account.c share: whose changes are written, and to which trip of which connection. */
#ifndef GALKA_DRIVER_STORE_POSTGRES_SAVE_H
#define GALKA_DRIVER_STORE_POSTGRES_SAVE_H

#include "driver/store/postgres/world.h"

struct saving {
        struct world *world;
        struct connection *connection;
        struct sent *sent;
};

static inline struct parameters parameters_of(struct saving *saving)
{
        return parameters_in(saving->world->arena);
}

static inline void write(struct saving *saving, enum sql sql, const struct parameters *parameters)
{
        saving->world->failed |= parameters->failed;
        if (!saving->world->failed)
                world_queue(saving->connection, saving->sent, sql, parameters);
}

#endif
