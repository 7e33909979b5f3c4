/* Operations that alter a row of a room's log: edits, deletions, reactions, pins. As write_alter.c of SQLite. */
#include "base/assert.h"
#include "driver/store/alter.h"
#include "driver/store/common.h"
#include "driver/store/postgres/world.h"

/* Rows that this transaction made are not in the database yet. */
static struct world_target *target_of(struct world *world, struct world_room *room, uint64_t seq)
{
        struct world_target *target = world_target(world, &room->id, seq);

        for (const struct world_message *row = room->first; target && !target->line.found && row; row = row->next) {
                if (row->row.seq != seq)
                        continue;
                target->row = row->row;
                target->line.found = true;
        }
        return target;
}

enum error plan_target_check(struct world *world, struct world_room *room, const struct store_op *op)
{
        const struct world_member *sender = world_member(room, op->user), *author;
        const struct world_target *target = target_of(world, room, op->write.target);
        const struct store_row *row = target && target->line.found ? &target->row : NULL;

        author = row ? world_member(room, row->sender) : NULL;
        return alter_check(op, sender ? &sender->member : NULL, row, author ? &author->member : NULL, room->pins);
}

/* Members whose stay began after the row: they may not see it. */
static void give_outside(struct world *world, const struct world_room *room, struct store_result *result)
{
        uint64_t seq = result->write.row.seq, *users;
        size_t count = 0;

        check(room->whole || room->line.made);
        world_each_present(room, member) count += member->member.joined_seq > seq;
        if (count == 0)
                return;
        users = arena_array(world->results, uint64_t, count);
        if (!users) {
                world->failed = true;
                return;
        }
        result->write.outside = users;
        world_each_present(room, member) if (member->member.joined_seq > seq) users[result->write.outside_count++] =
                member->member.user;
}

/* L1. Whether there is still a row is not asked: rows are never taken away. */
static bool give_repeat(struct world *world, struct world_room *room, const struct store_op *op,
                        const struct world_request *request, struct store_result *result)
{
        const struct world_target *target;

        if (!request->line.found)
                return false;
        result->repeat = true;
        result->write.room_kind = room->kind;
        result->write.number = request->number;
        if (memcmp(request->digest, op->digest, STORE_HASH_SIZE) != 0) {
                result->status = ERR_REUSED_ID;
                plan_give_members(world, room, op->write.members_known, result);
                return true;
        }
        target = target_of(world, room, op->write.target);
        if (!target || !target->line.found) {
                result->status = ERR_NO_ROW;
                return true;
        }
        result->write.row = target->row;
        result->write.lowest = room->lowest;
        plan_give_old_members(world, room, op->write.members_known, result);
        give_outside(world, room, result);
        return true;
}

static void note(struct world *world, const struct store_op *op, struct world_request *request, uint64_t number)
{
        memcpy(request->digest, op->digest, STORE_HASH_SIZE);
        request->user = op->user;
        request->device = op->device;
        request->number = number;
        request->line.found = request->line.made = true;
        world->prune = true;
}

static void alter(struct world *world, struct world_room *room, const struct store_op *op, struct world_request *request,
                  struct store_result *result)
{
        struct world_target *target = target_of(world, room, op->write.target);
        uint64_t number = room->head + 1;

        if (!target->line.changed)
                target->text_before = target->row.text;
        room->pins -= room->asks_pins && target->row.pinned;
        if (!alter_row(op, number, max_of(world->now_ms, room->time_ms), &target->row, world->results)) {
                world->failed = true;
                return;
        }
        room->pins += room->asks_pins && target->row.pinned;
        target->line.changed = true;
        plan_heeds(world, op);
        note(world, op, request, number);
        room->head = number;
        result->write.room_kind = room->kind;
        result->write.number = number;
        result->write.row = target->row;
        result->write.lowest = room->lowest;
        plan_give_members(world, room, op->write.members_known, result);
        give_outside(world, room, result);
}

void plan_alteration(struct world *world, struct world_room *room, const struct store_op *op, struct store_result *result)
{
        struct world_request *request = world_request_of(world, op);

        if (!request || (room->line.found && give_repeat(world, room, op, request, result)))
                return;
        result->status = plan_admit(world, op);
        if (!result->status)
                result->status = content_check(op);
        if (!result->status && room->line.found)
                result->status = plan_forbidden(world, op);
        if (!result->status)
                result->status = room->line.found ? plan_target_check(world, room, op) : ERR_NO_ROOM;
        if (!result->status && !world->failed)
                alter(world, room, op, request, result);
        else if (room->line.found)
                plan_keep_refusal(world, op, result->status);
}
