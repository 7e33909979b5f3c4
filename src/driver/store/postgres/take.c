/* What a transaction reads, result by result. */
#include "base/assert.h"
#include "driver/store/postgres/read.h"
#include "driver/store/postgres/world.h"

static void take_room(struct world *world, const PGresult *result, int row)
{
        struct id id = value_id(result, row, 0);
        struct world_room *room = world_room(world, &id);

        if (!room)
                return;
        room->line_there = true;
        room->kind = (uint8_t)value_number(result, row, 1);
        room->head = room->head_before = value_number(result, row, 2);
        room->n = room->n_before = value_number(result, row, 3);
        room->time_ms = value_number(result, row, 4);
        room->members_version = value_number(result, row, 5);
        room->line.found = room->members_version > 0;
        if (room->line.found && !lowest_get(value_bytes(result, row, 6), &room->lowest))
                room->lowest = (struct store_lowest){0}; /* `galkad check` tells; the next mark mends it */
        room->title = world_copy(world, value_bytes(result, row, 7));
        room->link = world_copy(world, value_bytes(result, row, 8));
}

static void take_member(struct world *world, const PGresult *result, int row)
{
        struct id id = value_id(result, row, 0);
        struct world_room *room = world_room(world, &id);
        struct world_member *member = room ? world_member_add(world, room) : NULL;
        uint64_t left;

        if (!member)
                return;
        *member = (struct world_member){0};
        if (PQnfields(result) == 2)
                member->member.user = value_number(result, row, 1);
        else
                member->member = read_member_columns(result, row, 1, &left);
        member->read_own_before = member->member.read_own;
}

static void take_refusal(struct world *world, const PGresult *result, int row)
{
        struct id request = value_id(result, row, 0), room = value_id(result, row, 2);
        struct world_refusal *refusal = world_refusal(world, &request, value_number(result, row, 1), &room);
        struct slice digest = value_bytes(result, row, 3);

        if (!refusal)
                return;
        refusal->line.found = true;
        if (digest.size == STORE_HASH_SIZE)
                memcpy(refusal->digest, digest.data, STORE_HASH_SIZE);
        refusal->status = (enum error)value_number(result, row, 4);
}

static void take_former(struct world *world, const PGresult *result, int row)
{
        struct id room = value_id(result, row, 0);
        struct world_former *former = world_former(world, &room, value_number(result, row, 1));

        if (!former)
                return;
        former->line.found = true;
        former->removed = value_number(result, row, 2) != former->user;
}

static void take_count(struct world *world, const PGresult *result, int row)
{
        size_t place = value_number(result, row, 0);
        struct world_count *count;
        struct world_member *member;
        struct world_room *room;

        check(place < world->count && world->ops[place].kind == STORE_MARK);
        count = &world->counts[place];
        *count = (struct world_count){.counted = true,
                                      .upto = world->upto[place],
                                      .way = (enum world_way)value_number(result, row, 1),
                                      .own_since = value_number(result, row, 2),
                                      .n = value_number(result, row, 3),
                                      .own = value_number(result, row, 4)};
        room = world_room(world, &world->ops[place].mark.room);
        member = room ? world_member(room, world->ops[place].user) : NULL;
        if (!member || member->counted)
                return;
        member->counted = true;
        member->member.own_sends += count->own_since;
        member->own_before = member->member.own_sends;
}

/* A repeat: its row goes into the result as it is, so its text is copied where results live. */
static void take_repeat(struct world *world, const PGresult *result, int row)
{
        struct id room = value_id(result, row, 0), request = value_id(result, row, 8);
        struct slice digest = value_bytes(result, row, 1);
        struct world_message *message = world_message(world, &request, value_number(result, row, 6), &room);

        if (!message)
                return;
        message->line.found = true;
        if (digest.size == STORE_HASH_SIZE)
                memcpy(message->digest, digest.data, STORE_HASH_SIZE);
        if (!read_row_columns(result, row, 2, world->results, &message->row))
                world->failed = true;
}

static void take_target(struct world *world, const PGresult *result, int row)
{
        struct id room = value_id(result, row, 0);
        struct world_target *target = world_target(world, &room, value_number(result, row, 1));

        if (!target)
                return;
        target->line.found = true;
        if (!read_row_columns(result, row, 1, world->results, &target->row))
                world->failed = true;
}

static void take_pins(struct world *world, const PGresult *result, int row)
{
        struct id id = value_id(result, row, 0);
        struct world_room *room = world_room(world, &id);

        if (room)
                room->pins = value_number(result, row, 1);
}

static void take_device(struct world *world, const PGresult *result, int row)
{
        struct world_device *device = world_device(world, value_number(result, row, 0), value_number(result, row, 1));

        if (!device)
                return;
        device->line.found = true;
        device->revoked_ms = value_number(result, row, 2);
        device->secret_hash = world_copy(world, value_bytes(result, row, 3));
        device->seen_ms = value_number(result, row, 4);
}

static void take_user(struct world *world, const PGresult *result, int row)
{
        struct world_user *user = world_user(world, value_number(result, row, 0));

        if (!user)
                return;
        user->line.found = true;
        user->person = (struct store_person){.user = user->user,
                                             .user_name = world_copy(world, value_bytes(result, row, 1)),
                                             .display_name = world_copy(world, value_bytes(result, row, 2)),
                                             .version = value_number(result, row, 3)};
        user->password_hash = world_copy(world, value_bytes(result, row, 4));
        user->name_folded = user->name_before = world_copy(world, value_bytes(result, row, 5));
        user->display_before = user->person.display_name;
        user->email = world_copy(world, value_bytes(result, row, 6));
        user->email_folded = world_copy(world, value_bytes(result, row, 7));
        user->receipts = value_number(result, row, 8);
        user->receipts_done = value_number(result, row, 9);
}

static void take_request(struct world *world, const PGresult *result, int row)
{
        struct id id = value_id(result, row, 0);
        struct slice digest = value_bytes(result, row, 2);
        struct world_request *request = world_request(world, &id, value_bytes(result, row, 1));

        if (!request)
                return;
        request->line.found = true;
        if (digest.size == STORE_HASH_SIZE)
                memcpy(request->digest, digest.data, STORE_HASH_SIZE);
        request->user = value_number(result, row, 3);
        request->device = value_number(result, row, 4);
        request->number = value_number(result, row, 5);
}

static void take_pending(struct world *world, const PGresult *result, int row)
{
        struct id id = value_id(result, row, 0);
        struct world_pending *pending = world_pending(world, &id);

        if (!pending)
                return;
        pending->line.found = true;
        pending->email_folded = world_copy(world, value_bytes(result, row, 1));
        pending->code_hash = world_copy(world, value_bytes(result, row, 2));
        pending->valid_until_ms = value_number(result, row, 3);
        pending->guesses = value_number(result, row, 4);
        pending->known = value_number(result, row, 5);
        pending->email = world_copy(world, value_bytes(result, row, 6));
        pending->user_name = world_copy(world, value_bytes(result, row, 7));
        pending->name_folded = world_copy(world, value_bytes(result, row, 8));
        pending->display_name = world_copy(world, value_bytes(result, row, 9));
        pending->password_hash = world_copy(world, value_bytes(result, row, 10));
        pending->purpose = (enum purpose)value_number(result, row, 11);
        pending->holder = value_number(result, row, 12);
        pending->invite_hash = world_copy(world, value_bytes(result, row, 13));
}

static void take_invite(struct world *world, const PGresult *result, int row)
{
        struct world_invite *invite = world_invite(world, value_bytes(result, row, 0));

        if (!invite)
                return;
        invite->line.found = true;
        invite->creator = value_number(result, row, 1);
        invite->uses_max = value_number(result, row, 2);
        invite->uses = value_number(result, row, 3);
        invite->valid_until_ms = value_number(result, row, 4);
}

static void take_guesses(struct world *world, const PGresult *result, int row)
{
        struct world_guesses *guesses = world_guesses(world, value_number(result, row, 0));

        if (!guesses)
                return;
        guesses->line.found = true;
        guesses->count = value_number(result, row, 1);
        guesses->until_ms = value_number(result, row, 2);
}

static void take_devices_live(struct world *world, const PGresult *result, int row)
{
        struct world_user *user = world_user(world, value_number(result, row, 0));

        if (user)
                user->devices_live = value_number(result, row, 1);
}

static void take_name(struct world *world, const PGresult *result, int row)
{
        struct world_name *name = world_name(world, LINE_NAME, value_bytes(result, row, 0));

        if (name) {
                name->line.found = true;
                name->user = value_number(result, row, 1);
        }
}

static void take_email(struct world *world, const PGresult *result, int row)
{
        struct world_name *email = world_name(world, LINE_EMAIL, value_bytes(result, row, 0));

        if (email) {
                email->line.found = true;
                email->user = value_number(result, row, 1);
        }
}

static void take_now(struct world *world, const PGresult *result, int row)
{
        world->now_ms = value_number(result, row, 0);
}

typedef void take_function(struct world *world, const PGresult *result, int row);

static take_function *const functions[SQL_COUNT] = {
        [SQL_ROOMS_LOCK] = take_room,
        [SQL_MEMBERS_ALL] = take_member,
        [SQL_MEMBERS_SOME] = take_member,
        [SQL_FORMER] = take_former,
        [SQL_REFUSALS] = take_refusal,
        [SQL_BLOCKS] = take_block,
        [SQL_BLOCK_COUNTS] = take_block_count,
        [SQL_MARKS_COUNT] = take_count,
        [SQL_REPEATS] = take_repeat,
        [SQL_DEVICES] = take_device,
        [SQL_DEVICE_COUNTS] = take_devices_live,
        [SQL_USERS] = take_user,
        [SQL_USERS_OF_REQUESTS] = take_user,
        [SQL_REQUESTS] = take_request,
        [SQL_PENDING_LOCK] = take_pending,
        [SQL_PENDING_USERS] = take_user,
        [SQL_INVITES_LOCK] = take_invite,
        [SQL_PENDING_INVITES_LOCK] = take_invite,
        [SQL_INVITES_OF] = take_invite,
        [SQL_PENDING_NAMES] = take_name,
        [SQL_PENDING_EMAILS] = take_email,
        [SQL_NAMES] = take_name,
        [SQL_TARGETS] = take_target,
        [SQL_PINS] = take_pins,
        [SQL_EMAILS] = take_email,
        [SQL_GUESSES_LOCK] = take_guesses,
        [SQL_NOW] = take_now,
};

void world_take(struct world *world, enum sql sql, const PGresult *result)
{
        int rows = PQntuples(result);

        for (int row = 0; functions[sql] && row < rows; row++)
                functions[sql](world, result, row);
}
