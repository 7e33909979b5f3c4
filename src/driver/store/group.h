/* What an operation on a group's members means, as every store driver judges and counts it. */
#ifndef GALKA_DRIVER_STORE_GROUP_H
#define GALKA_DRIVER_STORE_GROUP_H

#include "driver/store/marks.h"
#include "rules/role.h"

/* Does that row change who is in the room? */
bool group_moves_members(unsigned row_kind);

/* What the operation does, for role_check. sender, subject: present members or NULL; with_link: the right link was given; owners: how
 * many there are now. */
struct deed group_deed(const struct store_op *op, const struct member *sender, const struct member *subject, bool with_link,
                       size_t owners);

/* A member whose stay begins with operation `seq` of a room whose ordinal is n. He counts for what is written after it, and what was
 * before it lowers nobody's ticks. own: his sends in earlier stays. */
struct member group_member(uint64_t user, enum role role, uint64_t seq, uint64_t n, uint64_t own);

/* Who of the two is the heir of a last owner: the higher role, then the older stay, then the lower id. Either may be NULL. */
const struct member *group_heir(const struct member *a, const struct member *b);

/* The next version of a room's members. It rises with the clock, too, so that what a lost era used is not used again. */
uint64_t group_next_version(uint64_t version, uint64_t now_ms);

/* A refusal by what a group was like just then: by a repeat of the operation it may be another by now, and so it is kept (L1). Pins
 * are counted in every room. */
bool group_keeps_refusal(const struct store_op *op, enum error status);
bool group_may_have_refusal(const struct store_op *op);

/* Whom a repeat of that operation is delivered to: those present whose stay began not after it. */
bool group_sees(const struct member *member, uint64_t number);

#endif
