/* What a transaction asks first, in one trip: locks in their order, then everything that its operations may need. */
#include <stdlib.h>

#include "base/assert.h"
#include "driver/store/postgres/world.h"
#include "rules/room.h"

void world_queue(struct connection *connection, struct sent *sent, enum sql sql, const struct parameters *parameters)
{
        check(sent->count < countof(sent->list));
        sent->list[sent->count++] = sql;
        connection_queue(connection, sql, parameters);
}

struct loading {
        struct world *world;
        struct connection *connection;
        struct sent *sent;
};

/* With what was given to it: unless memory ran out. */
static void ask(struct loading *loading, enum sql sql, const struct parameters *parameters)
{
        loading->world->failed |= parameters->failed;
        if (!loading->world->failed)
                world_queue(loading->connection, loading->sent, sql, parameters);
}

static struct parameters parameters_of(struct loading *loading)
{
        return parameters_in(loading->world->arena);
}

/* ---- rooms ---- */

static size_t room_count(const struct world *world, bool may_be_new)
{
        size_t count = 0;

        world_each(world, LINE_ROOM, struct world_room, room) count += !may_be_new || room->may_be_new;
        return count;
}

static void lock_rooms(struct loading *loading)
{
        struct world *world = loading->world;
        struct parameters parameters = parameters_of(loading);
        size_t new = room_count(world, true);
        struct column ids, kinds;

        if (new) {
                ids = add_ids(&parameters, new);
                kinds = add_numbers(&parameters, new);
                world_each(world, LINE_ROOM, struct world_room, room)
                {
                        if (!room->may_be_new)
                                continue;
                        array_id(&ids, &room->id);
                        array_number(&kinds, room_kind_of(&room->id));
                }
                ask(loading, SQL_ROOMS_NEW, &parameters);
        }
        parameters = parameters_of(loading);
        ids = add_ids(&parameters, room_count(world, false));
        world_each(world, LINE_ROOM, struct world_room, room) array_id(&ids, &room->id);
        ask(loading, SQL_ROOMS_LOCK, &parameters);
}

/* Of a room whose members the callers know, only those who write. If it turns out that they know others, plan says so. */
static void ask_members(struct loading *loading)
{
        struct world *world = loading->world;
        struct parameters all = parameters_of(loading), some = parameters_of(loading);
        size_t whole = 0, writers = 0;
        struct column rooms, users;

        world_each(world, LINE_ROOM, struct world_room, room)
        {
                room->whole = world->all_members || room->asks_all || !room->known;
                whole += room->whole;
        }
        if (whole) {
                rooms = add_ids(&all, whole);
                world_each(world, LINE_ROOM, struct world_room, room) if (room->whole) array_id(&rooms, &room->id);
                ask(loading, SQL_MEMBERS_ALL, &all);
        }
        world_each(world, LINE_WRITER, struct world_writer, writer) writers += !writer->room->whole;
        if (!writers)
                return;
        rooms = add_ids(&some, writers);
        users = add_numbers(&some, writers);
        world_each(world, LINE_WRITER, struct world_writer, writer)
        {
                if (writer->room->whole)
                        continue;
                array_id(&rooms, &writer->room->id);
                array_number(&users, writer->user);
        }
        ask(loading, SQL_MEMBERS_SOME, &some);
}

/* After the locks, and as a statement of its own: one that waits for a lock sees what there was before it waited. */
static void ask_blocks(struct loading *loading)
{
        struct parameters parameters = parameters_of(loading), counts = parameters_of(loading);
        size_t rooms = 0, users = 0;
        struct column ids, numbers;

        world_each(loading->world, LINE_ROOM, struct world_room, room) rooms += room->asks_blocks;
        world_each(loading->world, LINE_USER, struct world_user, user) users += user->count_blocks;
        if (rooms) {
                ids = add_ids(&parameters, rooms);
                world_each(loading->world, LINE_ROOM, struct world_room, room) if (room->asks_blocks)
                        array_id(&ids, &room->id);
                ask(loading, SQL_BLOCKS, &parameters);
        }
        if (!users)
                return;
        numbers = add_numbers(&counts, users);
        world_each(loading->world, LINE_USER, struct world_user, user) if (user->count_blocks)
                array_number(&numbers, user->user);
        ask(loading, SQL_BLOCK_COUNTS, &counts);
}

static void ask_former(struct loading *loading)
{
        struct parameters parameters = parameters_of(loading);
        size_t count = loading->world->kind_count[LINE_FORMER];
        struct column rooms, users;

        if (count == 0)
                return;
        rooms = add_ids(&parameters, count);
        users = add_numbers(&parameters, count);
        world_each(loading->world, LINE_FORMER, struct world_former, former)
        {
                array_id(&rooms, &former->room->id);
                array_number(&users, former->user);
        }
        ask(loading, SQL_FORMER, &parameters);
}

static void ask_refusals(struct loading *loading)
{
        struct parameters parameters = parameters_of(loading);
        size_t count = loading->world->kind_count[LINE_REFUSAL];
        struct column requests, users, rooms;

        if (count == 0)
                return;
        requests = add_ids(&parameters, count);
        users = add_numbers(&parameters, count);
        rooms = add_ids(&parameters, count);
        world_each(loading->world, LINE_REFUSAL, struct world_refusal, refusal)
        {
                array_id(&requests, &refusal->request);
                array_number(&users, refusal->user);
                array_id(&rooms, &refusal->room->id);
        }
        ask(loading, SQL_REFUSALS, &parameters);
}

static void ask_counts(struct loading *loading)
{
        struct world *world = loading->world;
        struct parameters parameters = parameters_of(loading);
        struct column places, rooms, users, uptos;
        size_t count = 0;

        for (size_t i = 0; i < world->count; i++)
                count += world->ops[i].kind == STORE_MARK;
        if (count == 0)
                return;
        places = add_numbers(&parameters, count);
        rooms = add_ids(&parameters, count);
        users = add_numbers(&parameters, count);
        uptos = add_numbers(&parameters, count);
        for (size_t i = 0; i < world->count; i++) {
                if (world->ops[i].kind != STORE_MARK)
                        continue;
                array_number(&places, i);
                array_id(&rooms, &world->ops[i].mark.room);
                array_number(&users, world->ops[i].user);
                array_number(&uptos, world->upto[i]);
        }
        ask(loading, SQL_MARKS_COUNT, &parameters);
}

static void ask_repeats(struct loading *loading)
{
        struct world *world = loading->world;
        struct parameters parameters = parameters_of(loading);
        size_t count = world->kind_count[LINE_MESSAGE];
        struct column requests, senders, rooms;

        if (count == 0)
                return;
        requests = add_ids(&parameters, count);
        senders = add_numbers(&parameters, count);
        rooms = add_ids(&parameters, count);
        world_each(world, LINE_MESSAGE, struct world_message, message)
        {
                array_id(&requests, &message->row.request);
                array_number(&senders, message->row.sender);
                array_bytes(&rooms, slice_of(message->line.key.data + 24, 16));
        }
        ask(loading, SQL_REPEATS, &parameters);
}

static void ask_pins(struct loading *loading)
{
        struct parameters parameters = parameters_of(loading);
        struct column rooms;
        size_t count = 0;

        world_each(loading->world, LINE_ROOM, struct world_room, room) count += room->asks_pins;
        if (count == 0)
                return;
        rooms = add_ids(&parameters, count);
        world_each(loading->world, LINE_ROOM, struct world_room, room) if (room->asks_pins) array_id(&rooms, &room->id);
        ask(loading, SQL_PINS, &parameters);
}

static void ask_targets(struct loading *loading)
{
        struct parameters parameters = parameters_of(loading);
        size_t count = loading->world->kind_count[LINE_TARGET];
        struct column rooms, seqs;

        if (count == 0)
                return;
        rooms = add_ids(&parameters, count);
        seqs = add_numbers(&parameters, count);
        world_each(loading->world, LINE_TARGET, struct world_target, target)
        {
                array_id(&rooms, &target->room->id);
                array_number(&seqs, target->row.seq);
        }
        ask(loading, SQL_TARGETS, &parameters);
}

/* ---- accounts ---- */

static void lock_users(struct loading *loading)
{
        struct parameters parameters = parameters_of(loading), counts = parameters_of(loading);
        struct column users, counted;
        size_t count = 0;

        world_each(loading->world, LINE_USER, struct world_user, user) count += user->lock;
        if (count == 0)
                return;
        users = add_numbers(&parameters, count);
        counted = add_numbers(&counts, count);
        world_each(loading->world, LINE_USER, struct world_user, user)
        {
                if (!user->lock)
                        continue;
                array_number(&users, user->user);
                array_number(&counted, user->user);
        }
        ask(loading, SQL_USERS_LOCK, &parameters);
        ask(loading, SQL_DEVICE_COUNTS, &counts);
}

static void lock_guesses(struct loading *loading)
{
        struct parameters new = parameters_of(loading), parameters = parameters_of(loading);
        size_t count = loading->world->kind_count[LINE_GUESSES], inserted = 0;
        struct column users;

        if (count == 0)
                return;
        world_each(loading->world, LINE_GUESSES, struct world_guesses, guesses) inserted += guesses->insert;
        if (inserted) {
                users = add_numbers(&new, inserted);
                world_each(loading->world, LINE_GUESSES, struct world_guesses, guesses) if (guesses->insert)
                        array_number(&users, guesses->user);
                ask(loading, SQL_GUESSES_NEW, &new);
        }
        users = add_numbers(&parameters, count);
        world_each(loading->world, LINE_GUESSES, struct world_guesses, guesses) array_number(&users, guesses->user);
        ask(loading, SQL_GUESSES_LOCK, &parameters);
}

/* A statement that wants nothing but the requests of what waits for a code. */
static void ask_pending(struct loading *loading, enum sql sql)
{
        struct parameters parameters = parameters_of(loading);
        size_t count = loading->world->kind_count[LINE_PENDING];
        struct column requests;

        if (count == 0)
                return;
        requests = add_ids(&parameters, count);
        world_each(loading->world, LINE_PENDING, struct world_pending, pending) array_id(&requests, &pending->request);
        ask(loading, sql, &parameters);
}

static void lock_invites(struct loading *loading)
{
        struct parameters parameters = parameters_of(loading);
        size_t count = loading->world->kind_count[LINE_INVITE];
        struct column hashes;

        if (count) {
                hashes = add_column(&parameters, COLUMN_BYTES, count, STORE_HASH_SIZE * count);
                world_each(loading->world, LINE_INVITE, struct world_invite, invite) array_bytes(&hashes, invite->line.key);
                ask(loading, SQL_INVITES_LOCK, &parameters);
        }
        ask_pending(loading, SQL_PENDING_INVITES_LOCK);
}

static void list_invites(struct loading *loading)
{
        struct parameters parameters = parameters_of(loading);
        struct column users;
        size_t count = 0;

        world_each(loading->world, LINE_USER, struct world_user, user) count += user->list_invites;
        if (count == 0)
                return;
        users = add_numbers(&parameters, count);
        world_each(loading->world, LINE_USER, struct world_user, user) if (user->list_invites)
                array_number(&users, user->user);
        ask(loading, SQL_INVITES_OF, &parameters);
}

static void ask_devices(struct loading *loading)
{
        struct parameters parameters = parameters_of(loading);
        size_t count = loading->world->kind_count[LINE_DEVICE];
        struct column users, devices;

        if (count == 0)
                return;
        users = add_numbers(&parameters, count);
        devices = add_numbers(&parameters, count);
        world_each(loading->world, LINE_DEVICE, struct world_device, device)
        {
                array_number(&users, device->user);
                array_number(&devices, device->device);
        }
        ask(loading, SQL_DEVICES, &parameters);
}

static void ask_requests(struct loading *loading)
{
        static const enum sql asked[] = {SQL_REQUESTS, SQL_USERS_OF_REQUESTS};
        size_t count = loading->world->kind_count[LINE_REQUEST], bytes = 0;

        world_each(loading->world, LINE_REQUEST, struct world_request, request) bytes += request->principal.size;
        for (size_t i = 0; i < countof(asked) && count > 0; i++) {
                struct parameters parameters = parameters_of(loading);
                struct column requests = add_ids(&parameters, count);
                struct column principals = add_column(&parameters, COLUMN_BYTES, count, bytes);

                world_each(loading->world, LINE_REQUEST, struct world_request, request)
                {
                        array_id(&requests, &request->request);
                        array_bytes(&principals, request->principal);
                }
                ask(loading, asked[i], &parameters);
        }
}

static void ask_users(struct loading *loading)
{
        struct parameters parameters = parameters_of(loading);
        size_t count = loading->world->kind_count[LINE_USER];
        struct column users;

        if (count == 0)
                return;
        users = add_numbers(&parameters, count);
        world_each(loading->world, LINE_USER, struct world_user, user) array_number(&users, user->user);
        ask(loading, SQL_USERS, &parameters);
}

static void ask_names(struct loading *loading, enum line_kind kind, enum sql sql)
{
        struct parameters parameters = parameters_of(loading);
        size_t count = loading->world->kind_count[kind], bytes = 0;
        struct column names;

        if (count == 0)
                return;
        world_each(loading->world, kind, struct world_name, name) bytes += name->line.key.size;
        names = add_column(&parameters, COLUMN_BYTES, count, bytes);
        world_each(loading->world, kind, struct world_name, name) array_bytes(&names, name->line.key);
        ask(loading, sql, &parameters);
}

static void lock_leaving(struct loading *loading)
{
        struct parameters parameters = parameters_of(loading);
        size_t count = loading->world->kind_count[LINE_LEAVING];
        struct column users;

        if (count == 0)
                return;
        users = add_numbers(&parameters, count);
        world_each(loading->world, LINE_LEAVING, struct world_leaving, leaving) array_number(&users, leaving->user);
        ask(loading, SQL_LEAVING_LOCK, &parameters);
}

bool load_queue(struct world *world, struct connection *connection, struct sent *sent)
{
        struct loading loading = {world, connection, sent};
        bool rooms = world->kind_count[LINE_ROOM] > 0;

        if (world->failed)
                return false;
        if (rooms)
                lock_rooms(&loading);
        lock_users(&loading);
        ask_pending(&loading, SQL_PENDING_USERS_LOCK);
        lock_guesses(&loading);
        ask_pending(&loading, SQL_PENDING_LOCK);
        lock_invites(&loading);
        lock_leaving(&loading);
        ask_pending(&loading, SQL_PENDING_NAMES);
        ask_pending(&loading, SQL_PENDING_EMAILS);
        if (rooms)
                ask_members(&loading);
        ask_blocks(&loading);
        ask_former(&loading);
        ask_refusals(&loading);
        ask_counts(&loading);
        ask_repeats(&loading);
        ask_targets(&loading);
        ask_pins(&loading);
        ask_devices(&loading);
        ask_requests(&loading);
        ask_users(&loading);
        ask_pending(&loading, SQL_PENDING_USERS);
        list_invites(&loading);
        ask_names(&loading, LINE_NAME, SQL_NAMES);
        ask_names(&loading, LINE_EMAIL, SQL_EMAILS);
        return !world->failed;
}
