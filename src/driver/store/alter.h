/* What an operation that alters a row, or replies to one, means, as every store driver judges it. */
#ifndef GALKA_DRIVER_STORE_ALTER_H
#define GALKA_DRIVER_STORE_ALTER_H

#include "driver/store/marks.h"

#define ALTER_PRINCIPAL_SIZE 24

/* Alterations make no row that would tell a repeat: they are remembered among the requests, by sender and room. */
struct slice alter_principal(const struct store_op *op, uint8_t bytes[static ALTER_PRINCIPAL_SIZE]);

/* May the sender, a present member, do that to the row, or reply to it? row NULL: there is none. author: who wrote it, if he is
 * present. pins: how many rows of the room are pinned; asked of who pins one. OK, NO_ROW (none that the sender's stay covers, or a
 * tombstone), NOT_ALLOWED, ALREADY, ROOM_FULL (of reactions, of pins). */
must_use enum error alter_check(const struct store_op *op, const struct member *sender, const struct store_row *row,
                                const struct member *author, uint64_t pins);

/* The row as operation `number`, which was checked, leaves it. False: no memory. */
must_use bool alter_row(const struct store_op *op, uint64_t number, uint64_t time_ms, struct store_row *row,
                        struct arena *arena);

#endif
