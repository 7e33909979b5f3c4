/*
 * Who blocks whom, as people were told: rule 7. While a block is acknowledged and nobody has asked to end it, nothing is written between
 * the two, and neither brings the other into a group. The answer's head says exactly from which operation on.
 */
#ifndef GALKA_TEST_SIM_BLOCKING_H
#define GALKA_TEST_SIM_BLOCKING_H

#include "base/error.h"
#include "sim/client.h"

/* UNKNOWN: asked for, and nobody was told what came of it. */
enum block_state { BLOCK_NEVER, BLOCK_ASKED, BLOCK_ON, BLOCK_OFF, BLOCK_UNKNOWN };

struct block_pair {
        enum block_state state, before; /* before it was asked for */
        uint64_t since_us, head;
};

/* [who blocks][whom], by the places of users. */
struct blocking {
        struct block_pair pairs[USERS_MAX][USERS_MAX];
};

struct message;
struct wire_row;

/* He blocks somebody, or no longer. */
void client_blocks(struct sim *sim, struct sim_client *client);

/* That one, as he is told. False: not now. */
bool blocking_asks(struct sim *sim, struct sim_client *client, const struct user *peer, bool on);

/* And is answered; or never will be. */
void blocking_answered(struct sim *sim, struct sim_client *client, enum error error, uint64_t head);
void blocking_lost(struct sim *sim, struct sim_client *client);

/* The store went back. */
void blocking_restored(struct sim *sim);

/* A message was acknowledged; a row was shown; a message was refused: could it be? */
void blocking_acked(struct sim *sim, const struct message *message);
void blocking_shown(struct sim *sim, const struct message *message, const struct wire_row *row);
bool blocking_may_refuse(const struct sim *sim, const struct message *message, unsigned error);

/* Is a block between the two for certain? */
bool blocking_between(const struct sim *sim, uint64_t one, uint64_t other);

#endif
