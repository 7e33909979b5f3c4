/* Lines and their keys; see world.h. */
#include "driver/store/postgres/world.h"

#include "base/assert.h"
#include "driver/store/alter.h"
#include "driver/store/common.h"
#include "driver/store/group.h"
#include "rules/room.h"
#include "rules/row.h"
#include "rules/setting.h"

void world_begin(struct world *world)
{
        struct map_node **array;
        uint32_t buckets = 64;

        while (buckets < 4 * world->count)
                buckets *= 2;
        world->map = (struct map){0};
        memset(world->first, 0, sizeof(world->first));
        memset(world->kind_count, 0, sizeof(world->kind_count));
        for (int kind = 0; kind < LINE_KIND_COUNT; kind++)
                world->tail[kind] = &world->first[kind];
        world->prune = world->failed = world->wants_rooms = false;
        world->wants_members = world->wants_counts = false;
        arena_reset(world->arena);
        array = arena_array(world->arena, struct map_node *, buckets);
        world->counts = arena_array(world->arena, struct world_count, world->count);
        world->failed = !array || !world->counts;
        if (!world->failed)
                map_init(&world->map, array, buckets);
}

/* ---- keys ---- */

struct slice world_key(struct world *world, const struct slice *parts, size_t count)
{
        size_t size = 0;
        uint8_t *bytes, *at;

        for (size_t i = 0; i < count; i++)
                size += parts[i].size;
        at = bytes = arena_take(world->arena, size);
        for (size_t i = 0; bytes && i < count; i++) {
                if (parts[i].size)
                        memcpy(at, parts[i].data, parts[i].size);
                at += parts[i].size;
        }
        world->failed |= !bytes;
        return slice_of(bytes, bytes ? size : 0);
}

struct slice key_of_number(struct world *world, uint64_t a)
{
        uint8_t bytes[8];
        struct slice part = slice_of(bytes, sizeof(bytes));

        be64_put(bytes, a);
        return world_key(world, &part, 1);
}

struct slice key_of_numbers(struct world *world, uint64_t a, uint64_t b)
{
        uint8_t bytes[16];
        struct slice part = slice_of(bytes, sizeof(bytes));

        be64_put(bytes, a);
        be64_put(bytes + 8, b);
        return world_key(world, &part, 1);
}

struct slice world_copy(struct world *world, struct slice bytes)
{
        struct slice copy;

        if (!arena_copy(world->arena, bytes, &copy))
                world->failed = true;
        return copy;
}

/* ---- lines ---- */

static uint32_t hash_of(enum line_kind kind, struct slice key)
{
        return hash_bytes(key) + (uint32_t)kind;
}

void *world_find(const struct world *world, enum line_kind kind, struct slice key)
{
        uint32_t hash = hash_of(kind, key);

        if (!world->map.buckets)
                return NULL;
        for (struct map_node *node = map_first(&world->map, hash); node; node = map_next(node, hash)) {
                struct line *line = container_of(node, struct line, node);

                if (line->kind == kind && slice_equal(line->key, key))
                        return line;
        }
        return NULL;
}

void *world_line(struct world *world, enum line_kind kind, struct slice key, size_t size)
{
        struct line *line = world_find(world, kind, key);

        if (line || world->failed)
                return line;
        line = arena_take(world->arena, size);
        if (!line) {
                world->failed = true;
                return NULL;
        }
        line->kind = kind;
        line->key = key;
        map_insert(&world->map, &line->node, hash_of(kind, key));
        *world->tail[kind] = line;
        world->tail[kind] = &line->next;
        world->kind_count[kind]++;
        return line;
}

static struct slice bytes_of(const struct id *id)
{
        return slice_of(id->bytes, sizeof(id->bytes));
}

struct world_room *world_room(struct world *world, const struct id *id)
{
        struct world_room *room = world_find(world, LINE_ROOM, bytes_of(id));

        if (room)
                return room;
        room = world_line(world, LINE_ROOM, world_copy(world, bytes_of(id)), sizeof(*room));
        if (room)
                room->id = *id;
        return room;
}

static struct slice key_of_request(struct world *world, const struct id *request, uint64_t user, const struct id *room)
{
        uint8_t number[8];
        const struct slice parts[] = {bytes_of(request), slice_of(number, sizeof(number)), bytes_of(room)};

        be64_put(number, user);
        return world_key(world, parts, countof(parts));
}

struct world_refusal *world_refusal(struct world *world, const struct id *request, uint64_t user, const struct id *room)
{
        struct world_refusal *refusal =
                world_line(world, LINE_REFUSAL, key_of_request(world, request, user, room), sizeof(*refusal));

        if (refusal) {
                refusal->request = *request;
                refusal->user = user;
                refusal->room = world_room(world, room);
        }
        return refusal;
}

struct world_message *world_message(struct world *world, const struct id *request, uint64_t sender, const struct id *room)
{
        struct world_message *message =
                world_line(world, LINE_MESSAGE, key_of_request(world, request, sender, room), sizeof(*message));

        if (message) {
                message->row.request = *request;
                message->row.sender = sender;
        }
        return message;
}

struct world_target *world_target(struct world *world, const struct id *room, uint64_t seq)
{
        const struct slice parts[] = {bytes_of(room), key_of_number(world, seq)};
        struct slice key = world_key(world, parts, countof(parts));
        struct world_target *target = world_line(world, LINE_TARGET, key, sizeof(*target));

        if (target) {
                target->room = world_room(world, room);
                target->row.seq = seq;
        }
        return target;
}

struct world_device *world_device(struct world *world, uint64_t user, uint64_t device)
{
        struct world_device *line = world_line(world, LINE_DEVICE, key_of_numbers(world, user, device), sizeof(*line));

        if (line) {
                line->user = user;
                line->device = device;
        }
        return line;
}

struct world_user *world_user(struct world *world, uint64_t user)
{
        struct world_user *line = world_line(world, LINE_USER, key_of_number(world, user), sizeof(*line));

        if (line)
                line->user = user;
        return line;
}

struct world_name *world_name(struct world *world, enum line_kind kind, struct slice folded)
{
        return world_line(world, kind, world_copy(world, folded), sizeof(struct world_name));
}

struct world_pending *world_pending(struct world *world, const struct id *request)
{
        struct world_pending *line = world_line(world, LINE_PENDING, world_copy(world, bytes_of(request)), sizeof(*line));

        if (line)
                line->request = *request;
        return line;
}

struct world_request *world_request(struct world *world, const struct id *request, struct slice principal)
{
        const struct slice parts[] = {bytes_of(request), principal};
        struct slice key = world_key(world, parts, countof(parts));
        struct world_request *line = world_line(world, LINE_REQUEST, key, sizeof(*line));

        if (line && !world->failed) {
                line->request = *request;
                line->principal = slice_of(line->line.key.data + sizeof(request->bytes), principal.size);
        }
        return line;
}

struct world_guesses *world_guesses(struct world *world, uint64_t user)
{
        struct world_guesses *line = world_line(world, LINE_GUESSES, key_of_number(world, user), sizeof(*line));

        if (line)
                line->user = user;
        return line;
}

struct world_former *world_former(struct world *world, const struct id *room, uint64_t user)
{
        const struct slice parts[] = {bytes_of(room), key_of_number(world, user)};
        struct slice key = world_key(world, parts, countof(parts));
        struct world_former *line = world_line(world, LINE_FORMER, key, sizeof(*line));

        if (line) {
                line->room = world_room(world, room);
                line->user = user;
        }
        return line;
}

struct world_invite *world_invite(struct world *world, struct slice hash)
{
        return world_line(world, LINE_INVITE, world_copy(world, hash), sizeof(struct world_invite));
}

struct world_leaving *world_leaving(struct world *world, uint64_t user)
{
        struct world_leaving *line = world_line(world, LINE_LEAVING, key_of_number(world, user), sizeof(*line));

        if (line)
                line->user = user;
        return line;
}

struct world_member *world_member(struct world_room *room, uint64_t user)
{
        world_each_present(room, member) if (member->member.user == user) return member;
        return NULL;
}

uint32_t world_member_count(const struct world_room *room)
{
        uint32_t count = 0;

        world_each_present(room, member) count++;
        return count;
}

struct world_member *world_member_add(struct world *world, struct world_room *room)
{
        if (room->member_count == room->members_allocated) {
                uint32_t allocated = 2 * room->members_allocated + 2;
                struct world_member *members = arena_array(world->arena, struct world_member, allocated);

                if (!members) {
                        world->failed = true;
                        return NULL;
                }
                if (room->member_count)
                        memcpy(members, room->members, sizeof(*members) * room->member_count);
                room->members = members;
                room->members_allocated = allocated;
        }
        return &room->members[room->member_count++];
}

void world_join(struct world *world, struct world_room *room, const struct member *stay)
{
        struct world_member *member = world_member_add(world, room);

        if (member)
                *member = (struct world_member){.member = *stay,
                                                .own_before = stay->own_sends,
                                                .read_own_before = stay->own_sends,
                                                .counted = true,
                                                .made = true};
}

/* ---- what operations may need ---- */

struct world_request *world_request_of(struct world *world, const struct store_op *op)
{
        uint8_t bytes[ALTER_PRINCIPAL_SIZE];

        switch (op->kind) {
        case STORE_WRITE:
                return row_alters(op->write.row_kind, op->write.target)
                               ? world_request(world, &op->request, alter_principal(op, bytes))
                               : NULL;
        case STORE_SIGN_UP: /* all who have no account yet are one principal */
                return world_request(world, &op->request, PRINCIPAL_SIGN_UP);
        case STORE_RESET:
                return world_request(world, &op->request, PRINCIPAL_RESET);
        case STORE_CONFIRM:
        case STORE_RESET_CONFIRM:
                return world_request(world, &op->request, bytes_of(&op->confirm.sign_up));
        case STORE_SIGN_IN:
        case STORE_SIGN_OUT:
        case STORE_PASSWORD:
        case STORE_PROFILE:
        case STORE_EMAIL:
        case STORE_EMAIL_CONFIRM:
        case STORE_DELETE:
        case STORE_INVITE:
        case STORE_BLOCK:
                return world_request(world, &op->request, user_principal(op->user, bytes));
        default:
                return NULL;
        }
}

static void lock_user(struct world *world, uint64_t id)
{
        struct world_user *user = world_user(world, id);

        if (user)
                user->lock = true;
}

/* Rights are judged by everybody's roles. Who comes to a group is locked: once he is deleted, he comes to none;
 * and he counts there or not, as he says at that moment. */
static void want_group(struct world *world, const struct store_op *op, struct world_room *room)
{
        room->asks_all = true;
        room->may_be_new |= op->write.row_kind == ROW_CREATED;
        if (op->write.row_kind == ROW_CREATED)
                lock_user(world, op->user);
        if (op->write.row_kind != ROW_JOINED || op->write.subject == 0)
                return;
        lock_user(world, op->write.subject);
        world_former(world, &op->write.room, op->write.subject);
}

static void want_heeding(struct world *world, const struct store_op *op)
{
        bool on;

        if (op->write.row_kind == ROW_SETTING &&
            (setting_hides(op->write.text, &on) || setting_receipts(op->write.text, &on)))
                lock_user(world, op->user);
}

static void want_write(struct world *world, const struct store_op *op, bool first_of_room)
{
        struct world_room *room = world_room(world, &op->write.room);
        uint64_t peer = room_peer(&op->write.room, op->user);
        const struct slice parts[] = {bytes_of(&op->write.room), key_of_number(world, op->user)};
        struct world_writer *writer;

        if (!room)
                return;
        if (first_of_room)
                room->known = op->write.members_known;
        else if (room->known != op->write.members_known)
                room->known = 0;
        /* Who knows the members knows that there is a room: mostly. If not, plan says so. */
        if (peer && (world->insert_rooms || op->write.members_known == 0)) {
                room->may_be_new = true;
                lock_user(world, op->user);
                lock_user(world, peer);
        }
        writer = world_line(world, LINE_WRITER, world_key(world, parts, countof(parts)), sizeof(*writer));
        if (writer) {
                writer->room = room;
                writer->user = op->user;
        }
        if (op->write.row_kind != ROW_TEXT)
                want_group(world, op, room);
        if (op->write.target && op->write.target <= INT64_MAX) {
                room->asks_all = true;
                room->asks_pins |= op->write.row_kind == ROW_PINNED && !op->write.off;
                world_target(world, &op->write.room, op->write.target);
        }
        world_message(world, &op->request, op->user, &op->write.room);
        want_blocks(world, op);
        want_heeding(world, op);
        if (group_may_have_refusal(op))
                world_refusal(world, &op->request, op->user, &op->write.room);
        if (op->kind == STORE_LEAVE)
                world_user(world, op->user);
        else
                world_device(world, op->user, op->device);
}

static void want_sign_in(struct world *world, const struct store_op *op)
{
        struct world_user *user = world_user(world, op->user);

        if (user)
                user->lock = user->count_devices = true;
        world_guesses(world, op->user);
}

static void want_sign_out(struct world *world, const struct store_op *op)
{
        lock_user(world, op->user);
        world_device(world, op->user, op->device);
        if (op->sign_out.device)
                world_device(world, op->user, op->sign_out.device);
}

/* Lines of counted guesses; those that may be counted up are made if they are not there. */
static void want_guesses(struct world *world, uint64_t who, bool insert)
{
        struct world_guesses *guesses = who ? world_guesses(world, who) : NULL;

        if (guesses)
                guesses->insert |= insert;
}

static void want_user(struct world *world, const struct store_op *op)
{
        lock_user(world, op->user);
        world_device(world, op->user, op->device);
}

static void want_settings(struct world *world, const struct store_op *op)
{
        struct world_user *user;

        want_user(world, op);
        switch (op->kind) {
        case STORE_PROFILE:
                if (op->profile.user_name.size)
                        world_name(world, LINE_NAME, op->profile.name_folded);
                break;
        case STORE_EMAIL:
                world_name(world, LINE_EMAIL, op->code.email_folded);
                want_guesses(world, op->user, true);
                break;
        case STORE_EMAIL_CONFIRM:
                world_pending(world, &op->confirm.sign_up);
                break;
        case STORE_PASSWORD:
        case STORE_DELETE:
                want_guesses(world, op->user, true);
                break;
        case STORE_ACCESS:
                want_guesses(world, op->user, false);
                break;
        case STORE_INVITE:
                user = world_user(world, op->user);
                if (user)
                        user->list_invites = op->user != 0;
                break;
        default:
                unreachable();
        }
}

static void want_seen(struct world *world, const struct store_op *op)
{
        if (op->kind == STORE_SEEN)
                world_device(world, op->user, op->device);
        lock_user(world, op->user);
}

static void want_mark(struct world *world, const struct store_op *op, size_t place)
{
        struct world_room *room = world_room(world, &op->mark.room);

        if (room)
                room->asks_all = true;
        if (!world->upto[place])
                world->upto[place] = min_of(op->mark.read, (uint64_t)INT64_MAX);
        world_device(world, op->user, op->device);
}

static void want_receipts(struct world *world, const struct store_op *op)
{
        struct world_room *room = op->kind == STORE_RECEIPTS ? world_room(world, &op->receipts.room) : NULL;

        if (room)
                room->asks_all = true;
        lock_user(world, op->user);
}

void world_want(struct world *world, const struct store_op *op, size_t place)
{
        world_request_of(world, op);
        want_guesses(world, op->guesses_of, op->kind != STORE_SIGN_IN);
        want_guesses(world, op->guesses_from, op->kind != STORE_SIGN_IN);
        switch (op->kind) {
        case STORE_WRITE:
        case STORE_LEAVE:
                want_write(world, op, !world_find(world, LINE_ROOM, bytes_of(&op->write.room)));
                break;
        case STORE_MARK:
                want_mark(world, op, place);
                break;
        case STORE_RECEIPTS:
        case STORE_RECEIPTS_DONE:
                want_receipts(world, op);
                break;
        case STORE_SIGN_UP:
                world_name(world, LINE_NAME, op->sign_up.name_folded);
                world_name(world, LINE_EMAIL, op->sign_up.email_folded);
                if (op->sign_up.invite_hash.size)
                        world_invite(world, op->sign_up.invite_hash);
                break;
        case STORE_RESET:
                world_name(world, LINE_EMAIL, op->code.email_folded);
                break;
        case STORE_CONFIRM:
        case STORE_RESET_CONFIRM:
                world_pending(world, &op->confirm.sign_up);
                break;
        case STORE_SIGN_IN:
                want_sign_in(world, op);
                break;
        case STORE_GUESS:
                want_guesses(world, op->user, true);
                break;
        case STORE_SEEN:
        case STORE_LAST_SEEN:
                want_seen(world, op);
                break;
        case STORE_PASSWORD:
        case STORE_PROFILE:
        case STORE_EMAIL:
        case STORE_EMAIL_CONFIRM:
        case STORE_DELETE:
        case STORE_INVITE:
        case STORE_ACCESS:
                want_settings(world, op);
                break;
        case STORE_BLOCK:
                want_block(world, op);
                break;
        case STORE_LEAVING:
                world_leaving(world, op->user);
                break;
        case STORE_RENEW:
                world_device(world, op->user, op->device);
                world_user(world, op->user);
                break;
        case STORE_SIGN_OUT:
                want_sign_out(world, op);
                break;
        case STORE_IMPORT:
                world_name(world, LINE_NAME, op->import.name_folded);
                world_name(world, LINE_EMAIL, op->import.email_folded);
                break;
        }
}
