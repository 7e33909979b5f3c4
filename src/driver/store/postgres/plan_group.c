/* What operations on a group do beside their row: members, roles, title, link. */
#include "base/assert.h"
#include "driver/store/group.h"
#include "driver/store/postgres/world.h"
#include "rules/limits.h"
#include "rules/room.h"

/* ---- rights ---- */

static size_t owners_of(const struct world_room *room)
{
        size_t owners = 0;

        world_each_present(room, member) owners += member->member.role == ROLE_OWNER;
        return owners;
}

static enum error admit_newcomer(struct world *world, const struct world_room *room, const struct store_op *op)
{
        const struct world_user *user = world_user(world, op->write.subject);
        const struct world_former *former = world_former(world, &room->id, op->write.subject);

        if (!user || !user->line.found || is_gone(user->person.user_name) || plan_forbidden(world, op) != ERR_OK)
                return ERR_NO_USER;
        if (world_member_count(room) >= GROUP_MEMBERS_MAX)
                return ERR_ROOM_FULL;
        /* Who was removed comes back when he is invited, not by the link. */
        return op->write.subject == op->user && former && former->removed ? ERR_NOT_ALLOWED : ERR_OK;
}

static uint64_t heir_of(const struct world_room *room, uint64_t leaver)
{
        const struct member *heir = NULL;

        world_each_present(room, member) if (member->member.user != leaver) heir = group_heir(heir, &member->member);
        return heir ? heir->user : 0;
}

enum error plan_group_admit(struct world *world, struct world_room *room, const struct store_op *op, uint64_t *heir)
{
        const struct world_member *sender = world_member(room, op->user);
        const struct world_member *subject = op->write.subject ? world_member(room, op->write.subject) : NULL;
        bool right = op->write.link.size && slice_equal(op->write.link, room->link);
        struct deed deed;
        enum error error;

        *heir = 0;
        if (op->write.row_kind == ROW_TEXT) /* of who writes, it may be that nothing else was read */
                return sender ? ERR_OK : ERR_NO_ROOM;
        deed = group_deed(op, sender ? &sender->member : NULL, subject ? &subject->member : NULL, right, owners_of(room));
        error = role_check(&deed);
        if (!error && deed.kind == ROW_JOINED)
                error = admit_newcomer(world, room, op);
        if (!error && deed.kind == ROW_LEFT && deed.subject == ROLE_OWNER && deed.only_owner)
                *heir = heir_of(room, op->write.subject);
        return error;
}

/* ---- refusals ---- */

bool plan_find_refusal(struct world *world, const struct store_op *op, struct store_result *result)
{
        const struct world_refusal *refusal;

        if (!group_may_have_refusal(op))
                return false;
        refusal = world_refusal(world, &op->request, op->user, &op->write.room);
        if (!refusal || !refusal->line.found)
                return false;
        result->status = memcmp(refusal->digest, op->digest, STORE_HASH_SIZE) == 0 ? refusal->status : ERR_REUSED_ID;
        result->repeat = true;
        return true;
}

void plan_keep_refusal(struct world *world, const struct store_op *op, enum error status)
{
        struct world_refusal *refusal;

        if (!group_keeps_refusal(op, status))
                return;
        refusal = world_refusal(world, &op->request, op->user, &op->write.room);
        if (!refusal)
                return;
        refusal->line.found = refusal->line.made = true;
        memcpy(refusal->digest, op->digest, STORE_HASH_SIZE);
        refusal->status = status;
}

/* ---- changes ---- */

enum error plan_group_make(struct world *world, const struct store_op *op, struct world_room *room)
{
        struct member owner = group_member(op->user, ROLE_OWNER, 1, 0, 0);

        if (!id_equal(&op->write.room, &op->request))
                return ERR_NO_ROOM;
        if (plan_without_receipts(world, op->user))
                owner.counted_from = STORE_UNCOUNTED;
        room->kind = (uint8_t)room_kind_of(&room->id);
        room->members_version = group_next_version(0, world->now_ms);
        room->title = world_copy(world, op->write.text);
        world_join(world, room, &owner);
        if (world->failed)
                return ERR_OK;
        room->lowest = world_lowest(room);
        room->lowest.version = 1;
        room->line.found = room->line.made = room->remade = room->regrouped = true;
        return ERR_OK;
}

/* Sends of a stay that this transaction made too are not in the database yet, from which those of the stay before are added. */
static uint64_t own_sends_before(const struct world_room *room, uint64_t user)
{
        uint64_t own = 0;

        for (uint32_t i = 0; i < room->member_count; i++)
                if (room->members[i].member.user == user && room->members[i].made)
                        own = room->members[i].member.own_sends;
        return own;
}

static void join(struct world *world, struct world_room *room, const struct store_row *row)
{
        struct member stay = group_member(row->subject, ROLE_MEMBER, row->seq, row->n, own_sends_before(room, row->subject));

        if (plan_without_receipts(world, row->subject))
                stay.counted_from = STORE_UNCOUNTED;
        world_join(world, room, &stay);
}

static void set_role(struct world_member *member, enum role role)
{
        member->member.role = (uint8_t)role;
        member->new_role = true;
}

static void leave(struct world *world, struct world_room *room, const struct store_row *row)
{
        struct world_member *member = world_member(room, row->subject);
        struct world_former *former = world_former(world, &room->id, row->subject);
        struct world_member *heir;

        if (!former)
                return;
        member->left_seq = row->seq;
        member->left_n = row->n;
        member->left_ms = row->time_ms;
        member->left_title = room->title;
        former->line.found = true;
        former->removed = row->sender != row->subject;
        heir = row->heir ? world_member(room, row->heir) : NULL;
        if (heir)
                set_role(heir, ROLE_OWNER);
        if (world_member_count(room) == 0) /* nobody is left to let anybody in */
                room->link = slice_of(NULL, 0);
}

void plan_group_change(struct world *world, struct world_room *room, const struct store_op *op, const struct store_row *row)
{
        switch ((enum row_kind)row->kind) {
        case ROW_TEXT:
        case ROW_CREATED:
        case ROW_DELETED:
        case ROW_EDITED:
        case ROW_REACTED:
        case ROW_PINNED:
        case ROW_SETTING:
                return;
        case ROW_JOINED:
                join(world, room, row);
                break;
        case ROW_LEFT:
                leave(world, room, row);
                break;
        case ROW_TITLE:
                room->title = world_copy(world, op->write.text);
                break;
        case ROW_ROLE:
                set_role(world_member(room, row->subject), (enum role)row->role);
                return;
        case ROW_LINK:
                room->link = world_copy(world, op->write.link);
                break;
        }
        room->regrouped = true;
        if (!group_moves_members(row->kind))
                return;
        room->members_version = group_next_version(room->members_version, world->now_ms);
        room->remade = true;
}
