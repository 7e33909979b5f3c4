/*
 * Those whose account is deleted, and who leave the groups that they are in by that: rogues do it, at any time and under any fault. At rest
 * none of them is in a group, none has a text in the room that was his alone, and none is on the store's list any more; the rows by which
 * they left are judged as any (check_rights.c).
 */
#ifndef GALKA_TEST_SIM_LEAVING_H
#define GALKA_TEST_SIM_LEAVING_H

#include "sim/check.h"

/* True if he is one who deletes his account, and did something towards it: makes a group, brings somebody, or asks for that. */
bool leaving_acts(struct sim *sim, struct rogue *rogue);

/* A row of nobody's making: is it one by which somebody left whose account is deleted, or may be? Then the message of which it is from
 * now on; NULL: it is not. */
struct message *leaving_row(struct sim *sim, const struct id *room, unsigned kind, const struct id *request, uint64_t sender,
                            uint64_t subject);

#endif
