/* Blocks: as write_block.c of SQLite. What a room knows of them was read after its line was locked (L2). */
#include "base/assert.h"
#include "driver/store/postgres/save.h"
#include "rules/limits.h"
#include "rules/room.h"

/* ---- what is asked ---- */

void want_blocks(struct world *world, const struct store_op *op)
{
        struct world_room *room;
        struct id personal;

        if (!write_between(op, &personal))
                return;
        room = world_room(world, &personal);
        if (!room)
                return;
        room->asks_blocks = true;
        /* Where it is not the room that is written to, its line is there only to be locked. */
        room->may_be_new |= !id_equal(&personal, &op->write.room);
}

void want_block(struct world *world, const struct store_op *op)
{
        struct world_user *user = world_user(world, op->user);
        struct world_room *room;
        struct id personal;

        world_device(world, op->user, op->device);
        if (user)
                user->lock = user->count_blocks = true;
        if (!block_is_lawful(op))
                return;
        personal = room_personal(op->user, op->block.peer);
        room = world_room(world, &personal);
        world_user(world, op->block.peer);
        if (room)
                room->asks_blocks = room->may_be_new = true;
}

/* ---- what was read ---- */

static bool is_lower(const struct world_room *room, uint64_t user)
{
        uint64_t lower, higher;

        check(room_personal_users(&room->id, &lower, &higher));
        return user == lower;
}

void take_block(struct world *world, const PGresult *result, int row)
{
        struct id id = value_id(result, row, 0);
        struct world_room *room = world_room(world, &id);
        bool lower;

        if (!room)
                return;
        lower = is_lower(room, value_number(result, row, 1));
        room->blocks[lower] = room->blocks_before[lower] = true;
}

void take_block_count(struct world *world, const PGresult *result, int row)
{
        struct world_user *user = world_user(world, value_number(result, row, 0));

        if (user)
                user->blocks = value_number(result, row, 1);
}

/* ---- what happens ---- */

enum error plan_forbidden(struct world *world, const struct store_op *op)
{
        const struct world_room *room;
        struct id personal;

        if (!write_between(op, &personal))
                return ERR_OK;
        room = world_room(world, &personal);
        if (!room)
                return ERR_OK;
        if (!room->line_there) { /* what is not locked is not known */
                world->wants_rooms = true;
                return ERR_NO_ROOM;
        }
        return room->blocks[0] || room->blocks[1] ? ERR_NO_USER : ERR_OK;
}

void plan_block(struct world *world, const struct store_op *op, struct store_result *result)
{
        struct world_request *request = world_request_of(world, op);
        struct world_user *user = world_user(world, op->user), *peer;
        struct world_room *room;
        struct id personal;
        bool *block;

        if (!request || !user)
                return;
        if (plan_repeat(request, op, result)) {
                result->block.head = request->user;
                return;
        }
        result->status = plan_admit(world, op);
        if (!result->status && !block_is_lawful(op))
                result->status = ERR_BAD_FIELD;
        if (result->status)
                return;
        personal = room_personal(op->user, op->block.peer);
        room = world_room(world, &personal);
        peer = world_user(world, op->block.peer);
        if (!room || !peer)
                return;
        check(room->line_there);
        block = &room->blocks[is_lower(room, op->user)];
        if (!peer->line.found)
                result->status = ERR_NO_USER;
        else if (op->block.on && !*block && user->blocks >= BLOCKS_MAX)
                result->status = ERR_BLOCK_LIMIT;
        if (result->status)
                return;
        user->blocks = user->blocks + op->block.on - *block;
        *block = op->block.on;
        result->block.head = room->head;
        plan_note_request(world, request, op, room->head, op->device); /* what was answered, where others keep a user */
}

/* ---- what is written ---- */

static bool is_moved(const struct world_room *room, bool lower, bool on)
{
        return room->blocks[lower] == on && room->blocks_before[lower] != on;
}

static void change_blocks(struct saving *saving, bool on)
{
        struct parameters parameters = parameters_of(saving);
        struct column users, peers, rooms = {0};
        size_t count = 0;

        world_each(saving->world, LINE_ROOM, struct world_room, room) count +=
                (size_t)is_moved(room, false, on) + is_moved(room, true, on);
        if (count == 0)
                return;
        users = add_numbers(&parameters, count);
        peers = add_numbers(&parameters, count);
        if (on)
                rooms = add_ids(&parameters, count);
        world_each(saving->world, LINE_ROOM, struct world_room, room) for (int lower = 0; lower < 2; lower++)
        {
                uint64_t ids[2];

                if (!is_moved(room, lower, on))
                        continue;
                check(room_personal_users(&room->id, &ids[0], &ids[1]));
                array_number(&users, ids[!lower]);
                array_number(&peers, ids[lower]);
                if (on)
                        array_id(&rooms, &room->id);
        }
        if (on)
                add_number(&parameters, saving->world->now_ms);
        write(saving, on ? SQL_BLOCKS_NEW : SQL_BLOCKS_DROP, &parameters);
}

static void drop_all_of_gone(struct saving *saving)
{
        struct parameters parameters = parameters_of(saving);
        struct column users;
        size_t count = 0;

        world_each(saving->world, LINE_USER, struct world_user, user) count += user->gone;
        if (count == 0)
                return;
        users = add_numbers(&parameters, count);
        world_each(saving->world, LINE_USER, struct world_user, user) if (user->gone) array_number(&users, user->user);
        write(saving, SQL_BLOCKS_GONE, &parameters);
}

void save_blocks(struct world *world, struct connection *connection, struct sent *sent)
{
        struct saving saving = {world, connection, sent};

        change_blocks(&saving, true);
        change_blocks(&saving, false);
        drop_all_of_gone(&saving);
}
