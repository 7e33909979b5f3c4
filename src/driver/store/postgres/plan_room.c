/* Operations on rooms' logs: messages and marks. See store.h for what each means. */
#include "base/assert.h"
#include "driver/store/common.h"
#include "driver/store/group.h"
#include "driver/store/postgres/world.h"
#include "rules/room.h"
#include "rules/row.h"

/* Present members whose stay began not after operation `seq`. */
static void give_those(struct world *world, const struct world_room *room, uint64_t seq, struct store_result *result)
{
        uint64_t *users;

        if (!room->whole && !room->line.made) {
                world->wants_members = true;
                return;
        }
        users = arena_array(world->results, uint64_t, room->member_count + 1);
        if (!users) {
                world->failed = true;
                return;
        }
        result->members.users = users;
        result->members.count = 0;
        world_each_present(room, member) if (member->member.joined_seq <= seq) users[result->members.count++] =
                member->member.user;
}

void plan_give_members(struct world *world, const struct world_room *room, uint64_t known, struct store_result *result)
{
        result->members = (struct store_members){.version = room->members_version, .count = world_member_count(room)};
        if (known == room->members_version)
                return;
        give_those(world, room, STORE_NONE, result);
}

void plan_give_uncounted(struct world *world, const struct world_room *room, struct store_result *result)
{
        uint64_t *users;
        size_t count = 0;

        check(room->whole || room->line.made);
        world_each_present(room, member) count += !member_counts(&member->member);
        if (count == 0)
                return;
        users = arena_array(world->results, uint64_t, count);
        if (!users) {
                world->failed = true;
                return;
        }
        result->members.uncounted = users;
        world_each_present(room, member) if (!member_counts(&member->member)) users[result->members.uncounted_count++] =
                member->member.user;
}

void plan_give_old_members(struct world *world, const struct world_room *room, uint64_t known, struct store_result *result)
{
        bool all = true;

        if (room->kind == ROOM_GROUP && !room->whole && !room->line.made) {
                world->wants_members = true;
                return;
        }
        if (room->kind == ROOM_GROUP)
                world_each_present(room, member) all &= group_sees(&member->member, result->write.number);
        if (all) {
                plan_give_members(world, room, known, result);
                return;
        }
        result->members = (struct store_members){0};
        give_those(world, room, result->write.number, result);
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
        if (!same) {
                plan_give_members(world, room, op->write.members_known, result);
                return true;
        }
        result->write.row = message->row;
        result->write.number = message->row.seq;
        plan_give_old_members(world, room, op->write.members_known, result);
        /* Told again: that it moved may have been lost with the first answer. */
        result->write.lowest = room->lowest;
        result->write.lowest_moved = group_moves_members(message->row.kind);
        if (result->write.lowest_moved && !world->wants_members)
                plan_give_uncounted(world, room, result);
        return true;
}

struct store_lowest world_lowest(const struct world_room *room)
{
        struct store_lowest lowest = lowest_of_none();

        world_each_present(room, member) lowest_add(&lowest, &member->member);
        return lowest;
}

bool world_lower(struct world_room *room)
{
        struct store_lowest lowest = world_lowest(room);

        if (lowest_equal(&lowest, &room->lowest))
                return false;
        world_lower_anew(room);
        return true;
}

void world_lower_anew(struct world_room *room)
{
        struct store_lowest lowest = world_lowest(room);

        lowest.version = room->lowest.version + 1;
        room->lowest = lowest;
        room->remade = true;
}

/* Personal and self rooms come into being with the first write of one of their users. */
static enum error make_room(struct world *world, const struct store_op *op, struct world_room *room)
{
        uint64_t peer = room_peer(&op->write.room, op->user);
        const struct world_user *user;

        if (peer == 0 && op->write.row_kind != ROW_CREATED)
                return ERR_NO_ROOM;
        if (!room->may_be_new || !room->line_there) {
                world->wants_rooms = true;
                return ERR_NO_ROOM;
        }
        if (op->write.row_kind == ROW_CREATED)
                return plan_group_make(world, op, room);
        user = world_user(world, peer);
        if (!user || !user->line.found)
                return ERR_NO_USER;
        room->kind = (uint8_t)room_kind_of(&room->id);
        room->members_version = 1;
        /* In order, as members are read later. */
        for (int i = 0; i < (peer == op->user ? 1 : 2); i++) {
                struct member member = {.joined_seq = 1, .role = ROLE_MEMBER};

                member.user = i == 0 ? min_of(op->user, peer) : max_of(op->user, peer);
                if (plan_without_receipts(world, member.user))
                        member.counted_from = STORE_UNCOUNTED;
                world_join(world, room, &member);
        }
        if (world->failed)
                return ERR_OK;
        room->lowest = world_lowest(room);
        room->lowest.version = 1;
        room->line.found = room->line.made = room->remade = true;
        return ERR_OK;
}

/* heir: see plan_group_admit. */
static void append(struct world *world, struct world_room *room, const struct store_op *op, uint64_t heir,
                   struct world_message *message, struct store_result *result)
{
        bool counts = row_countable(op->write.row_kind);

        message->row = (struct store_row){
                .seq = room->head + 1,
                .changed = room->head + 1,
                .n = room->n + (counts ? 1 : 0),
                .time_ms = row_time_ms(op->write.row_kind, world->now_ms, room->time_ms),
                .sender = op->user,
                .kind = op->write.row_kind,
                .role = op->write.role,
                .subject = op->write.subject,
                .heir = heir,
                .reply_to = op->write.target,
                .request = op->request,
        };
        if (!arena_copy(world->results, op->write.text, &message->row.text) ||
            !arena_copy(world->results, op->write.origin, &message->row.origin)) {
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
        if (counts)
                world_member(room, op->user)->member.own_sends++;
        plan_group_change(world, room, op, &message->row);
        plan_heeds(world, op);
        result->status = ERR_OK;
        result->write.room_kind = room->kind;
        result->write.number = message->row.seq;
        result->write.row = message->row;
        result->write.lowest_moved = group_moves_members(message->row.kind) && world_lower(room);
        result->write.lowest = room->lowest;
        plan_give_members(world, room, op->write.members_known, result);
        if (result->write.lowest_moved)
                plan_give_uncounted(world, room, result);
}

static void plan_operation(struct world *world, const struct store_op *op, struct store_result *result)
{
        struct world_room *room = world_room(world, &op->write.room);
        struct world_message *message = world_message(world, &op->request, op->user, &op->write.room);
        bool fresh = room && !room->line.found;
        uint64_t heir = 0;

        if (!room || !message || (room->line.found && give_repeat(world, op, room, message, result)) ||
            plan_find_refusal(world, op, result))
                return;
        if (row_alters(op->write.row_kind, op->write.target)) {
                plan_alteration(world, room, op, result);
                return;
        }
        result->status = plan_admit(world, op);
        if (!result->status)
                result->status = content_check(op);
        if (!result->status && room_kind_of(&room->id) == ROOM_PERSONAL)
                result->status = plan_forbidden(world, op);
        if (!result->status && !room->line.found)
                result->status = op->write.target ? ERR_NO_ROW : make_room(world, op, room);
        if (!result->status && !world->failed && !fresh)
                result->status = plan_group_admit(world, room, op, &heir);
        if (!result->status && !world->failed && op->write.target)
                result->status = plan_target_check(world, room, op);
        if (!result->status && !world->failed)
                append(world, room, op, heir, message, result);
        else if (room->line.found || room_kind_of(&room->id) == ROOM_PERSONAL)
                plan_keep_refusal(world, op, result->status);
}

void plan_write(struct world *world, const struct store_op *op, struct store_result *result)
{
        const struct world_user *user = op_switches_receipts(op) ? world_user(world, op->user) : NULL;

        plan_operation(world, op, result);
        if (user && result->status == ERR_OK)
                result->write.receipts_due = user->receipts != user->receipts_done;
}

/* The ordinal and the member's own sends at row `read`, which was written before this transaction: as they were counted. */
static void count_before(struct world *world, const struct world_room *room, struct member *member,
                         const struct world_member *as_read, uint64_t read, size_t place)
{
        const struct world_count *count = &world->counts[place];

        if (!count->counted || count->upto != read) {
                world->upto[place] = read;
                world->wants_counts = true;
                return;
        }
        member->read_n = count->way == WAY_NEAR ? room->n_before - count->n : count->n;
        if (count->way == WAY_NEAR)
                member->read_own = as_read->own_before - count->own;
        else if (count->way == WAY_FROM_STORED)
                member->read_own = as_read->own_before - count->own_since - count->own;
        else
                member->read_own = as_read->read_own_before + count->own;
}

/* The same at one of the rows of this transaction, or at the head that it found. */
static void count_here(const struct world_room *room, struct member *member, const struct world_member *as_read,
                       uint64_t read)
{
        member->read_n = room->n_before;
        member->read_own = as_read->own_before;
        for (const struct world_message *row = room->first; row && row->row.seq <= read; row = row->next) {
                member->read_n = row->row.n;
                /* What he sent in an earlier stay was counted with that one. */
                if (as_read->made && row->row.seq < member->joined_seq)
                        continue;
                member->read_own += row->row.sender == member->user && row_countable(row->row.kind);
        }
}

static void raise_marks(struct world *world, struct world_room *room, struct world_member *found, const struct store_op *op,
                        struct store_result *result, size_t place)
{
        struct member *member = &found->member;
        uint64_t read = member->read;

        check(found->counted);
        result->mark.marks_moved = marks_raise(member, op, room->head);
        if (!result->mark.marks_moved)
                return;
        found->changed = true;
        if (member->read > read && member->read >= room->head_before)
                count_here(room, member, found, member->read);
        else if (member->read > read)
                count_before(world, room, member, found, member->read, place);
        result->mark.lowest_moved = world_lower(room);
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
        plan_give_members(world, room, op->mark.members_known, result);
        plan_give_uncounted(world, room, result);
}
