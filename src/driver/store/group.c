/* See group.h. */
#include "driver/store/group.h"

#include "base/assert.h"
#include "rules/room.h"

bool group_moves_members(unsigned row_kind)
{
        return row_kind == ROW_CREATED || row_kind == ROW_JOINED || row_kind == ROW_LEFT;
}

static enum role role_of(const struct member *member)
{
        return member ? (enum role)member->role : ROLE_NONE;
}

struct deed group_deed(const struct store_op *op, const struct member *sender, const struct member *subject, bool with_link,
                       size_t owners)
{
        return (struct deed){.kind = op->write.row_kind,
                             .sender = role_of(sender),
                             .self = op->write.subject == op->user,
                             .subject = role_of(subject),
                             .role = (enum role)op->write.role,
                             .with_link = with_link,
                             .only_owner = owners == 1};
}

struct member group_member(uint64_t user, enum role role, uint64_t seq, uint64_t n, uint64_t own)
{
        check(seq > 0);
        return (struct member){.user = user,
                               .role = (uint8_t)role,
                               .joined_seq = seq,
                               .delivered = seq - 1,
                               .read = seq - 1,
                               .shown = seq - 1,
                               .counted_from = seq,
                               .read_n = n,
                               .read_own = own,
                               .own_sends = own,
                               .own_as_of = seq};
}

const struct member *group_heir(const struct member *a, const struct member *b)
{
        if (!a || !b)
                return a ? a : b;
        if (a->role != b->role)
                return a->role > b->role ? a : b;
        if (a->joined_seq != b->joined_seq)
                return a->joined_seq < b->joined_seq ? a : b;
        return a->user < b->user ? a : b;
}

uint64_t group_next_version(uint64_t version, uint64_t now_ms)
{
        return max_of(version + 1, now_ms);
}

bool group_keeps_refusal(const struct store_op *op, enum error status)
{
        enum room_kind kind = room_kind_of(&op->write.room);

        if (op->kind == STORE_LEAVE)
                return false;
        switch (status) {
        case ERR_NO_USER: /* of a personal room: a block, which may be gone when the same record comes again */
                return group_may_have_refusal(op);
        case ERR_NOT_ALLOWED:
        case ERR_NO_ROOM:
        case ERR_ALREADY:
        case ERR_ROOM_FULL:
                return kind == ROOM_GROUP || op->write.row_kind == ROW_PINNED;
        default:
                return false;
        }
}

bool group_may_have_refusal(const struct store_op *op)
{
        enum room_kind kind = room_kind_of(&op->write.room);

        if (op->kind == STORE_LEAVE) /* he is in it, or never will be again */
                return false;
        return kind == ROOM_GROUP || kind == ROOM_PERSONAL || op->write.row_kind == ROW_PINNED;
}

bool group_sees(const struct member *member, uint64_t number)
{
        return member->joined_seq <= number;
}
