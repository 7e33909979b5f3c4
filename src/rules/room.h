/*
 * Rooms by their ids (PROTOCOL, "Rooms").
 *
 * A group's id is the UUIDv7 of the request that created it (variant bits 10). A personal room's id is the two 63-bit user ids in
 * order, with the variant bits 11, which no UUID of a group may have:
 *
 *      bit 0..62    the smaller user id
 *      bit 64, 65   1 1 (the variant bits of byte 8)
 *      the rest     the larger user id: its top bit goes to bit 63, its other 62 bits to bits 66..127
 *
 * A self room is the personal room of a user with himself.
 */
#ifndef GALKA_RULES_ROOM_H
#define GALKA_RULES_ROOM_H

#include "base/id.h"

enum room_kind { ROOM_NONE, ROOM_GROUP, ROOM_PERSONAL, ROOM_SELF };

/* What kind of id that is; ROOM_NONE for one that no room can have. */
enum room_kind room_kind_of(const struct id *room);

/* The room of two users, or of one with himself. Ids must be 1 … 2^63 − 1. */
struct id room_personal(uint64_t a, uint64_t b);

/* The users of a personal or self room (lower ≤ higher). False for any other id. */
bool room_personal_users(const struct id *room, uint64_t *lower, uint64_t *higher);

/* The other user of a personal room; the user himself in his self room; 0 if he is not in it. */
uint64_t room_peer(const struct id *room, uint64_t user);

#endif
