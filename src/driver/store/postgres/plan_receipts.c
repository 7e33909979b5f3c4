/* Who counts in a room: as write_receipts of SQLite. Of whom that is asked, the line is locked: so no switch of his goes by. */
#include "driver/store/postgres/world.h"

bool plan_without_receipts(struct world *world, uint64_t user)
{
        const struct world_user *found = world_user(world, user);

        return found && found->receipts % 2;
}

void plan_receipts(struct world *world, const struct store_op *op, struct store_result *result)
{
        struct world_room *room = world_room(world, &op->receipts.room);
        struct world_member *member = room && room->line.found ? world_member(room, op->user) : NULL;

        result->status = member ? ERR_OK : ERR_NO_ROOM;
        if (!member)
                return;
        if (member_switch(&member->member, plan_without_receipts(world, op->user), room->head)) {
                member->switched = true;
                world_lower_anew(room);
        }
        result->mark.lowest = room->lowest;
        result->mark.lowest_moved = true;
        plan_give_members(world, room, op->receipts.members_known, result);
        plan_give_uncounted(world, room, result);
}

void plan_receipts_done(struct world *world, const struct store_op *op, struct store_result *result)
{
        struct world_user *user = world_user(world, op->user);

        result->status = ERR_OK;
        if (!user || !user->line.found || user->receipts != op->receipts.change)
                return;
        user->receipts_done = user->receipts;
        user->receipts_set = true;
}
