/* Operations on rooms' logs: messages and marks. See store.h for what each means. */
#include "base/assert.h"
#include "driver/store/common.h"
#include "driver/store/postgres/world.h"
#include "rules/room.h"
#include "rules/row.h"

static void give_members(struct world *world, const struct world_room *room, uint64_t known, struct store_result *result)
{
        uint64_t *users;

        result->members = (struct store_members){.version = room->members_version, .count = room->member_count};
        if (known == room->members_version)
                return;
        if (!room->whole && !room->line.made) {
                world->wants_members = true;
                return;
        }
        users = arena_array(world->results, uint64_t, room->member_count);
        if (!users) {
                world->failed = true;
                return;
        }
        for (uint32_t i = 0; i < room->member_count; i++)
                users[i] = room->members[i].member.user;
        result->members.users = users;
}

/* L1: was it done before, or just now? Then the first answer, whatever the rights are now. */
static bool give_repeat(struct world *world, const struct store_op *op, const struct world_room *room,
                        const struct world_message *message, struct store_result *result)
{
        bool same;

        if (!message->line.found)
                return false;
        same = memcmp(message->digest, op->digest, STORE_HASH_SIZE) == 0;
        result->status = same ? ERR_OK : ERR_REUSED_ID;
        result->repeat = true;
        result->write.room_kind = room->kind;
        if (same)
                result->write.row = message->row;
        give_members(world, room, op->write.members_known, result);
        return true;
}

static struct store_lowest lowest_in(const struct world_room *room)
{
        struct store_lowest lowest = lowest_of_none();

        for (uint32_t i = 0; i < room->member_count; i++)
                lowest_add(&lowest, &room->members[i].member);
        return lowest;
}

static void add_member(struct world *world, struct world_room *room, uint64_t user)
{
        struct world_member *member = world_member_add(world, room);

        if (member)
                *member = (struct world_member){.member = {.user = user, .joined_seq = 1}, .counted = true, .made = true};
}

/* Personal and self rooms come into being with the first write of one of their users. */
static enum error make_room(struct world *world, const struct store_op *op, struct world_room *room)
{
        uint64_t peer = room_peer(&op->write.room, op->user);
        const struct world_user *user;

        if (peer == 0)
                return ERR_NO_ROOM;
        if (!room->may_be_new || !room->line_there) {
                world->wants_rooms = true;
                return ERR_NO_ROOM;
        }
        user = world_user(world, peer);
        if (!user || !user->line.found)
                return ERR_NO_USER;
        room->kind = (uint8_t)room_kind_of(&room->id);
        room->members_version = 1;
        /* In order, as members are read later. */
        add_member(world, room, min_of(op->user, peer));
        if (peer != op->user)
                add_member(world, room, max_of(op->user, peer));
        room->lowest = lowest_in(room);
        room->lowest.version = 1;
        room->line.found = room->line.made = room->remade = true;
        return ERR_OK;
}

static void append(struct world *world, struct world_room *room, struct world_member *member, const struct store_op *op,
                   struct world_message *message, struct store_result *result)
{
        bool counts = row_countable(op->write.row_kind);

        message->row = (struct store_row){
                .seq = room->head + 1,
                .changed = room->head + 1,
                .n = room->n + (counts ? 1 : 0),
                .time_ms = max_of(world->now_ms, room->time_ms), /* time in a room never goes back */
                .sender = op->user,
                .kind = op->write.row_kind,
                .request = op->request,
        };
        if (!arena_copy(world->results, op->write.text, &message->row.text)) {
                world->failed = true;
                return;
        }
        memcpy(message->digest, op->digest, STORE_HASH_SIZE);
        message->line.found = message->line.made = true;
        message->room = room;
        if (room->last)
                room->last->next = message;
        else
                room->first = message;
        room->last = message;
        room->head = message->row.seq;
        room->n = message->row.n;
        room->time_ms = message->row.time_ms;
        member->member.own_sends += counts ? 1 : 0;
        result->status = ERR_OK;
        result->write.room_kind = room->kind;
        result->write.row = message->row;
        give_members(world, room, op->write.members_known, result);
}

void plan_write(struct world *world, const struct store_op *op, struct store_result *result)
{
        struct world_room *room = world_room(world, &op->write.room);
        struct world_message *message = world_message(world, &op->request, op->user, &op->write.room);
        struct world_member *member;

        if (!room || !message || (room->line.found && give_repeat(world, op, room, message, result)))
                return;
        result->status = plan_admit(world, op);
        if (!result->status)
                result->status = content_check(op);
        if (!result->status && !room->line.found)
                result->status = make_room(world, op, room);
        if (result->status || world->failed)
                return;
        member = world_member(room, op->user);
        if (!member) {
                result->status = ERR_NO_ROOM;
                return;
        }
        append(world, room, member, op, message, result);
}

/* The ordinal and the member's own sends at row `read`, which was written before this transaction: as they were counted. */
static void count_before(struct world *world, struct member *member, const struct world_member *as_read, uint64_t read,
                         size_t place)
{
        const struct world_count *count = &world->counts[place];

        if (!count->counted || count->upto != read) {
                world->upto[place] = read;
                world->wants_counts = true;
                return;
        }
        member->read_n = count->n;
        member->read_own = count->from_head ? as_read->own_before - count->own : as_read->read_own_before + count->own;
}

/* The same at one of the rows of this transaction, or at the head that it found. */
static void count_here(const struct world_room *room, struct member *member, const struct world_member *as_read,
                       uint64_t read)
{
        member->read_n = room->n_before;
        member->read_own = as_read->own_before;
        for (const struct world_message *row = room->first; row && row->row.seq <= read; row = row->next) {
                member->read_n = row->row.n;
                member->read_own += row->row.sender == member->user && row_countable(row->row.kind);
        }
}

static void raise_marks(struct world *world, struct world_room *room, struct world_member *found, const struct store_op *op,
                        struct store_result *result, size_t place)
{
        struct member *member = &found->member;
        uint64_t read = member->read;
        struct store_lowest lowest;

        check(found->counted);
        result->mark.marks_moved = marks_raise(member, op, room->head);
        if (!result->mark.marks_moved)
                return;
        found->changed = true;
        if (member->read > read && member->read >= room->head_before)
                count_here(room, member, found, member->read);
        else if (member->read > read)
                count_before(world, member, found, member->read, place);
        lowest = lowest_in(room);
        result->mark.lowest_moved = !lowest_equal(&lowest, &room->lowest);
        if (!result->mark.lowest_moved)
                return;
        lowest.version = room->lowest.version + 1;
        room->lowest = lowest;
        room->remade = true;
}

/* No id tells that a mark was done before: so who is too late, or signed out since, is refused, and learns what is there. */
void plan_mark(struct world *world, const struct store_op *op, struct store_result *result, size_t place)
{
        struct world_room *room = world_room(world, &op->mark.room);
        struct world_member *found = room && room->line.found ? world_member(room, op->user) : NULL;

        result->status = plan_admit(world, op);
        if (!result->status && !found)
                result->status = ERR_NO_ROOM;
        if (!found || world->failed)
                return;
        if (!result->status)
                raise_marks(world, room, found, op, result, place);
        result->mark.marks = member_marks(&found->member, room->n, room->head);
        result->mark.lowest = room->lowest;
        give_members(world, room, op->mark.members_known, result);
}
