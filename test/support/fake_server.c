/* One function a code; the table is at the end. */
#include "support/fake_server_inside.h"

#include "base/assert.h"
#include "base/memory.h"
#include "rules/room.h"
#include "rules/row.h"

static uint8_t out[WIRE_DOWN_SIZE_MAX];
static uint8_t in[WIRE_UP_SIZE_MAX];

void fake_server_init(struct fake_server *server)
{
        *server = (struct fake_server){.page_rows = 40, .rows_max = 200, .rooms_max = 200};
        memset(server->era.bytes, 0xe1, sizeof(server->era.bytes));
        server->rooms = memory_new(sizeof(*server->rooms) * FAKE_ROOMS_MAX);
        check(server->rooms);
        server->welcome = (struct wire_welcome){.version = 1,
                                                .ping_ms = 60000,
                                                .reply_ms = 5000,
                                                .margin_ms = 2000,
                                                .frame_up_max = WIRE_UP_SIZE_MAX,
                                                .frame_down_max = WIRE_DOWN_SIZE_MAX,
                                                .operations_max = 16};
}

static void forget_rooms(struct fake_server *server)
{
        for (size_t i = 0; i < server->room_count; i++)
                memory_free(server->rooms[i].rows);
        memset(server->rooms, 0, sizeof(*server->rooms) * FAKE_ROOMS_MAX);
        server->room_count = 0;
}

void fake_server_finish(struct fake_server *server)
{
        forget_rooms(server);
        memory_free(server->rooms);
        for (size_t i = 0; i < server->client_count; i++)
                core_host_finish(server->clients[i].host);
}

void fake_server_restore_nothing(struct fake_server *server)
{
        forget_rooms(server);
        server->era.bytes[0]++;
}

void fake_server_token(const struct fake_server *server, uint64_t user, uint64_t device, uint8_t token[40])
{
        be64_put(token, user);
        memset(token + 8, (int)(device * 7 + server->token_salt), 32);
}

enum error fake_server_add(struct fake_server *server, struct core_host *host, uint64_t user, uint64_t device)
{
        struct fake_client *client = &server->clients[server->client_count++];
        enum error error = ERR_OK;
        uint8_t token[40];

        check(server->client_count <= FAKE_CLIENTS_MAX);
        *client = (struct fake_client){.host = host, .user = user, .device = device};
        core_host_start(host);
        if (user) {
                fake_server_token(server, user, device, token);
                error = core_adopt(host->core, user, device, token, host->time);
                core_host_settle(host);
        }
        return error;
}

/* ---- frames ---- */

void fake_server_send(struct fake_server *server, struct core_host *host, enum wire_code code, const struct id *request,
                      const struct id *room, const void *message)
{
        struct wire_frame frame = {.code = (uint8_t)code};
        struct slice bytes;

        if (request)
                frame.request = *request;
        if (room)
                frame.room = *room;
        bytes = wire_frame_build(&frame, message, out, out + sizeof(out));
        check(bytes.size);
        for (size_t at = 0, step; at < bytes.size; at += step) {
                step = server->split && server->split < bytes.size - at ? server->split : bytes.size - at;
                core_host_receive(host, slice_of(bytes.data + at, step));
        }
}

void fake_server_error(struct fake_server *server, struct core_host *host, const struct id *request, enum error error,
                       uint64_t retry_after_ms)
{
        struct wire_error message = {.code = error, .retry_after_ms = retry_after_ms, .text = slice_text(error_text(error))};

        fake_server_send(server, host, WIRE_CODE_error, request, NULL, &message);
}

bool fake_server_take(struct core_host *host, struct fake_frame *frame)
{
        enum error error = ERR_OK;
        size_t size = wire_frame_size(slice_of(host->up, host->up_size), sizeof(in), &error);

        check(!error);
        if (size == 0 || size > host->up_size)
                return false;
        memcpy(in, host->up, size);
        host->up_size -= size;
        memmove(host->up, host->up + size, host->up_size);
        check(wire_frame_parse(slice_of(in + WIRE_LENGTH_SIZE, size - WIRE_LENGTH_SIZE), &frame->head) == ERR_OK);
        check(frame->head.message && frame->head.message->direction == WIRE_UP);
        check(wire_decode(frame->head.message->structure, frame->head.body, &frame->hello, NULL) == ERR_OK);
        return true;
}

/* ---- rooms ---- */

struct fake_room *fake_server_room(struct fake_server *server, const struct id *id)
{
        struct fake_room *room;

        for (size_t i = 0; i < server->room_count; i++)
                if (id_equal(&server->rooms[i].id, id))
                        return &server->rooms[i];
        check(server->room_count < FAKE_ROOMS_MAX);
        room = &server->rooms[server->room_count++];
        room->id = *id;
        check(room_personal_users(id, &room->users[0], &room->users[1]));
        room->rows = memory_new(sizeof(*room->rows) * FAKE_ROWS_MAX);
        check(room->rows);
        return room;
}

static bool has(const struct fake_room *room, uint64_t user)
{
        return room->users[0] == user || room->users[1] == user;
}

static struct wire_marks marks_of(const struct fake_room *room, uint64_t user)
{
        struct wire_marks marks = room->marks[room->users[1] == user];

        marks.head = room->head;
        marks.unread = 0;
        for (uint64_t seq = marks.read + 1; seq <= room->head; seq++)
                marks.unread += room->rows[seq - 1].row.sender != user;
        return marks;
}

static struct wire_lowest lowest_of(const struct fake_room *room)
{
        struct wire_lowest lowest = {.version = room->version + 1};
        const struct wire_marks *a = &room->marks[0], *b = &room->marks[1];
        bool alone = room->users[0] == room->users[1];

        lowest.delivered_first = alone || a->delivered <= b->delivered ? a->delivered : b->delivered;
        lowest.delivered_user = alone || a->delivered <= b->delivered ? room->users[0] : room->users[1];
        lowest.delivered_second = a->delivered <= b->delivered ? b->delivered : a->delivered;
        lowest.shown_first = alone || a->shown <= b->shown ? a->shown : b->shown;
        lowest.shown_user = alone || a->shown <= b->shown ? room->users[0] : room->users[1];
        lowest.shown_second = a->shown <= b->shown ? b->shown : a->shown;
        lowest.counted_user = room->users[0];
        lowest.has = (1u << WIRE_BIT_COUNT_lowest) - 1;
        if (alone)
                lowest.has &= ~(WIRE_HAS(lowest, delivered_second) | WIRE_HAS(lowest, shown_second) |
                                WIRE_HAS(lowest, counted_second));
        if (alone)
                lowest.delivered_second = lowest.shown_second = 0;
        return lowest;
}

void fake_server_deliver(struct fake_server *server, struct core_host *host, const struct fake_room *room, uint64_t number)
{
        struct wire_delivery delivery = {.number = number, .row = room->rows[number - 1].row};

        delivery.has = WIRE_HAS(delivery, row);
        fake_server_send(server, host, WIRE_CODE_delivery, NULL, &room->id, &delivery);
}

static void deliver_to_others(struct fake_server *server, const struct core_host *but, const struct fake_room *room,
                              uint64_t number)
{
        for (size_t i = 0; i < server->client_count && !server->silent; i++) {
                struct fake_client *client = &server->clients[i];

                if (client->ready && client->host->linked && client->host != but && has(room, client->user))
                        fake_server_deliver(server, client->host, room, number);
        }
}

static uint64_t append(struct fake_server *server, struct fake_room *room, uint64_t user, const struct id *request,
                       uint64_t kind, struct slice text)
{
        struct fake_row *row = &room->rows[room->head++];

        check(room->head <= FAKE_ROWS_MAX && text.size < HOST_TEXT_MAX);
        memcpy(row->text, text.data, text.size);
        room->last_time_ms = max_of(room->last_time_ms, UINT64_C(1700000000000)) + 1 + (uint64_t)(room - server->rooms);
        row->row = (struct wire_row){.seq = room->head,
                                     .changed = room->head,
                                     .n = room->head,
                                     .time_ms = room->last_time_ms,
                                     .sender = user,
                                     .kind = kind,
                                     .request = *request,
                                     .text = slice_of(row->text, text.size)};
        return room->head;
}

uint64_t fake_server_say(struct fake_server *server, const struct id *id, uint64_t user, const char *text, bool quietly)
{
        struct fake_room *room = fake_server_room(server, id);
        struct id request = {{0}};
        uint64_t number;

        be64_put(request.bytes, user);
        be64_put(request.bytes + 8, room->head);
        number = append(server, room, user, &request, ROW_TEXT, slice_text(text));
        if (!quietly)
                deliver_to_others(server, NULL, room, number);
        return number;
}

/* ---- reading ---- */

struct wire_person fake_server_person(uint64_t user)
{
        struct wire_person person = {.user = user, .version = 1};

        person.user_name = user == 1 ? SLICE_LITERAL("alice") : SLICE_LITERAL("bob");
        person.display_name = user == 1 ? SLICE_LITERAL("Alice") : SLICE_LITERAL("Bob");
        return person;
}

/* State of a room for a user with its newest rows; rows: at least rows_max. */
static struct wire_room_state state_of(const struct fake_room *room, uint64_t user, struct wire_row *rows, uint32_t rows_max)
{
        struct wire_room_state state = {.room = room->id,
                                        .kind = room_kind_of(&room->id),
                                        .head = room->head,
                                        .marks = marks_of(room, user),
                                        .lowest = lowest_of(room),
                                        .last_time_ms = room->last_time_ms};

        state.rows.count = (uint32_t)min_of(room->head, (uint64_t)rows_max);
        for (uint32_t i = 0; i < state.rows.count; i++)
                rows[i] = room->rows[room->head - 1 - i].row;
        state.rows.items = rows;
        state.rows_after = room->head - state.rows.count;
        if (state.kind == ROOM_PERSONAL)
                state.peer = fake_server_person(room_peer(&room->id, user));
        state.has = WIRE_HAS(room_state, marks) | WIRE_HAS(room_state, lowest);
        if (state.peer.user)
                state.has |= WIRE_HAS(room_state, peer);
        return state;
}

static void on_join(struct fake_server *server, struct fake_client *client, struct fake_frame *frame)
{
        static struct wire_row rows[10][40];
        struct wire_room_state states[10];
        struct wire_joined joined = {
                .era = server->era, .profile = fake_server_person(client->user), .blocks = server->block_count};
        const struct fake_room *chosen[10];
        uint8_t token[40];

        fake_server_token(server, client->user, client->device, token);
        if (frame->head.user != client->user || frame->head.device != client->device ||
            memcmp(frame->head.mac, token + 8, 32) != 0) {
                fake_server_error(server, client->host, &frame->head.request, ERR_BAD_TOKEN, 0);
                return;
        }
        joined.has = WIRE_HAS(joined, profile);
        for (uint32_t n = 0; n < 11; n++) {
                const struct fake_room *best = NULL;

                for (size_t i = 0; i < server->room_count; i++) {
                        const struct fake_room *room = &server->rooms[i];
                        bool taken = room->head == 0 || !has(room, client->user);

                        for (uint32_t k = 0; k < joined.rooms.count; k++)
                                taken |= chosen[k] == room;
                        if (!taken && (!best || room->last_time_ms > best->last_time_ms))
                                best = room;
                }
                if (!best)
                        break;
                if (n == 10) {
                        joined.more = 1;
                        break;
                }
                chosen[n] = best;
                states[n] = state_of(best, client->user, rows[n], server->page_rows);
                joined.rooms.count++;
        }
        joined.rooms.items = states;
        client->ready = true;
        fake_server_send(server, client->host, WIRE_CODE_joined, &frame->head.request, NULL, &joined);
}

static bool is_left_out(const struct fake_frame *frame, const struct fake_room *room)
{
        struct wire_iterator iterator;
        struct wire_cursor cursor;

        wire_list_start(&iterator, WIRE_STRUCTURE(rooms), 3, &frame->rooms.cursors);
        while (wire_list_next(&iterator, &cursor))
                if (id_equal(&cursor.room, &room->id) && cursor.head == room->head && cursor.lowest == room->version + 1)
                        return true;
        return false;
}

static void on_rooms(struct fake_server *server, struct fake_client *client, struct fake_frame *frame)
{
        static struct wire_room_state states[500];
        static struct wire_row rows[500];
        struct wire_room_page page = {0};
        struct id after = frame->rooms.after;
        uint32_t limit = (uint32_t)min_of(frame->rooms.limit, (uint64_t)server->rooms_max);

        for (;;) {
                const struct fake_room *next = NULL;

                for (size_t i = 0; i < server->room_count; i++) {
                        const struct fake_room *room = &server->rooms[i];

                        if (room->head && has(room, client->user) && id_compare(&room->id, &after) > 0 &&
                            (!next || id_compare(&room->id, &next->id) < 0))
                                next = room;
                }
                if (!next || (!id_is_zero(&frame->rooms.until) && id_compare(&next->id, &frame->rooms.until) > 0))
                        break;
                after = next->id;
                if (is_left_out(frame, next))
                        continue;
                states[page.rooms.count] = state_of(next, client->user, &rows[page.rooms.count], 1);
                if (++page.rooms.count == limit) {
                        page.through = after;
                        break;
                }
        }
        page.rooms.items = states;
        fake_server_send(server, client->host, WIRE_CODE_room_page, &frame->head.request, NULL, &page);
}

static void on_changes(struct fake_server *server, struct fake_client *client, struct fake_frame *frame)
{
        static struct wire_row rows[200];
        const struct fake_room *room = fake_server_room(server, &frame->head.room);
        struct wire_change_page page = {
                .head = room->head, .marks = marks_of(room, client->user), .lowest = lowest_of(room)};
        uint64_t before = frame->changes.before ? frame->changes.before : room->head + 1;
        uint32_t limit = (uint32_t)min_of(frame->changes.limit, (uint64_t)server->rows_max);

        for (uint64_t seq = min_of(before - 1, room->head); seq > frame->changes.after; seq--) {
                if (page.rows.count == limit) {
                        page.more = 1;
                        break;
                }
                rows[page.rows.count++] = room->rows[seq - 1].row;
        }
        page.rows.items = rows;
        page.has = WIRE_HAS(change_page, marks) | WIRE_HAS(change_page, lowest);
        fake_server_send(server, client->host, WIRE_CODE_change_page, &frame->head.request, &room->id, &page);
}

static void on_around(struct fake_server *server, struct fake_client *client, struct fake_frame *frame)
{
        const struct fake_room *room = fake_server_room(server, &frame->head.room);
        struct wire_row row = room->rows[frame->around.seq - 1].row;
        struct wire_window window = {.head = room->head, .rows = {.items = &row, .count = 1}};

        fake_server_send(server, client->host, WIRE_CODE_window, &frame->head.request, &room->id, &window);
}

/* Those of the newest rows. */
static void on_pins(struct fake_server *server, struct fake_client *client, struct fake_frame *frame)
{
        const struct fake_room *room = fake_server_room(server, &frame->head.room);
        struct wire_row rows[PINS_MAX];
        struct wire_pin_page page = {.head = room->head, .rows = {.items = rows}};

        for (uint64_t seq = room->head; seq > 0 && page.rows.count < frame->pins.limit; seq--)
                if (room->rows[seq - 1].row.pinned)
                        rows[page.rows.count++] = room->rows[seq - 1].row;
        fake_server_send(server, client->host, WIRE_CODE_pin_page, &frame->head.request, &room->id, &page);
}

/* Everybody has a heart for everything. */
static void on_reactors(struct fake_server *server, struct fake_client *client, struct fake_frame *frame)
{
        struct wire_reactor heart = {.user = client->user, .emoji = SLICE_LITERAL("❤️")};
        struct wire_reactor_list list = {.people = {.items = &heart, .count = 1}};

        fake_server_send(server, client->host, WIRE_CODE_reactor_list, &frame->head.request, &frame->head.room, &list);
}

/* The newest row of the room that is named. */
static void on_search(struct fake_server *server, struct fake_client *client, struct fake_frame *frame)
{
        const struct fake_room *room = fake_server_room(server, &frame->search.room);
        struct wire_hit hit = {.has = WIRE_HAS(hit, row), .room = room->id, .row = room->rows[room->head - 1].row};
        struct wire_found found = {.has = WIRE_HAS(found, next),
                                   .hits = {.items = &hit, .count = 1},
                                   .more = 1,
                                   .next = {.room = room->id, .seq = room->head}};

        fake_server_send(server, client->host, WIRE_CODE_found, &frame->head.request, NULL, &found);
}

static void on_members(struct fake_server *server, struct fake_client *client, struct fake_frame *frame)
{
        struct wire_member members[] = {{.person = fake_server_person(1), .shown = 1}, {.person = fake_server_person(2)}};
        struct wire_member_page page = {.members = {.items = members, .count = 2}, .head = 1, .more = 1};

        fake_server_send(server, client->host, WIRE_CODE_member_page, &frame->head.request, &frame->head.room, &page);
}

/* ---- writing ---- */

static uint64_t find_repeat(const struct fake_room *room, uint64_t user, const struct id *request)
{
        for (uint64_t seq = 1; seq <= room->head; seq++)
                if (room->rows[seq - 1].row.sender == user && id_equal(&room->rows[seq - 1].row.request, request))
                        return seq;
        return 0;
}

static void on_write(struct fake_server *server, struct fake_client *client, struct fake_frame *frame, bool answer)
{
        struct fake_room *room = fake_server_room(server, &frame->head.room);
        struct wire_outcome outcomes[16];
        struct wire_written written = {.outcomes = {.items = outcomes}};
        struct wire_iterator iterator;
        struct wire_operation operation;
        bool stopped = false;

        wire_list_start(&iterator, WIRE_STRUCTURE(write), 1, &frame->write.operations);
        while (wire_list_next(&iterator, &operation)) {
                struct wire_outcome *outcome = &outcomes[written.outcomes.count++];
                uint64_t seq = find_repeat(room, client->user, &operation.id);

                *outcome = (struct wire_outcome){.id = operation.id, .status = server->write_status};
                if (stopped || (server->write_status && !seq)) {
                        outcome->retry_after_ms = server->write_retry_ms;
                        outcome->status = stopped ? ERR_BUSY : server->write_status;
                        stopped |= error_class((unsigned)outcome->status) != ERROR_CLASS_REFUSED;
                        continue;
                }
                server->repeats += seq != 0;
                if (!seq)
                        seq = append(server, room, client->user, &operation.id, operation.kind, operation.text);
                *outcome = (struct wire_outcome){
                        .id = operation.id, .seq = seq, .n = seq, .time_ms = room->rows[seq - 1].row.time_ms};
                deliver_to_others(server, client->host, room, seq);
        }
        if (answer)
                fake_server_send(server, client->host, WIRE_CODE_written, &frame->head.request, &room->id, &written);
}

static void on_mark(struct fake_server *server, struct fake_client *client, struct fake_frame *frame)
{
        struct fake_room *room = fake_server_room(server, &frame->head.room);
        struct wire_marks *mine = &room->marks[room->users[1] == client->user];
        struct wire_marked marked = {.has = WIRE_HAS(marked, marks) | WIRE_HAS(marked, lowest)};
        struct wire_marks_moved moved = {.has = WIRE_HAS(marks_moved, lowest)};

        check(frame->mark.delivered >= frame->mark.read && frame->mark.read >= frame->mark.shown);
        check(frame->mark.delivered <= room->head);
        mine->delivered = max_of(mine->delivered, frame->mark.delivered);
        mine->read = max_of(mine->read, frame->mark.read);
        mine->shown = max_of(mine->shown, frame->mark.shown);
        room->version++;
        marked.marks = marks_of(room, client->user);
        marked.lowest = moved.lowest = lowest_of(room);
        fake_server_send(server, client->host, WIRE_CODE_marked, &frame->head.request, &room->id, &marked);
        for (size_t i = 0; i < server->client_count && !server->silent; i++) {
                struct fake_client *other = &server->clients[i];

                moved.has = WIRE_HAS(marks_moved, lowest);
                moved.marks = marks_of(room, other->user);
                if (other->user == client->user)
                        moved.has |= WIRE_HAS(marks_moved, marks);
                if (other != client && other->ready && other->host->linked && has(room, other->user))
                        fake_server_send(server, other->host, WIRE_CODE_marks_moved, NULL, &room->id, &moved);
        }
}

/* ---- serving ---- */

static void on_hello(struct fake_server *server, struct fake_client *client, struct fake_frame *frame)
{
        (void)frame;
        client->ready = false;
        fake_server_send(server, client->host, WIRE_CODE_welcome, NULL, NULL, &server->welcome);
}

static void on_ping(struct fake_server *server, struct fake_client *client, struct fake_frame *frame)
{
        struct wire_pong pong = {.echo = frame->ping.echo};

        fake_server_send(server, client->host, WIRE_CODE_pong, NULL, NULL, &pong);
}

static void on_write_answered(struct fake_server *server, struct fake_client *client, struct fake_frame *frame)
{
        on_write(server, client, frame, true);
}

static void (*const handlers[256])(struct fake_server *, struct fake_client *, struct fake_frame *) = {
        [WIRE_CODE_hello] = on_hello,
        [WIRE_CODE_ping] = on_ping,
        [WIRE_CODE_join] = on_join,
        [WIRE_CODE_rooms] = on_rooms,
        [WIRE_CODE_changes] = on_changes,
        [WIRE_CODE_around] = on_around,
        [WIRE_CODE_pins] = on_pins,
        [WIRE_CODE_reactors] = on_reactors,
        [WIRE_CODE_search] = on_search,
        [WIRE_CODE_find] = fake_server_on_find,
        [WIRE_CODE_profiles] = fake_server_on_profiles,
        [WIRE_CODE_members] = on_members,
        [WIRE_CODE_devices] = fake_server_on_devices,
        [WIRE_CODE_mark] = on_mark,
        [WIRE_CODE_watch] = fake_server_on_watch,
        [WIRE_CODE_typing] = fake_server_on_typing,
        [WIRE_CODE_sign_up] = fake_server_on_sign_up,
        [WIRE_CODE_confirm] = fake_server_on_confirm,
        [WIRE_CODE_sign_in] = fake_server_on_sign_in,
        [WIRE_CODE_renew] = fake_server_on_renew,
        [WIRE_CODE_sign_out] = fake_server_on_sign_out,
        [WIRE_CODE_write] = on_write_answered,
        [WIRE_CODE_reset] = fake_server_on_settings,
        [WIRE_CODE_reset_confirm] = fake_server_on_settings,
        [WIRE_CODE_set_password] = fake_server_on_settings,
        [WIRE_CODE_set_profile] = fake_server_on_settings,
        [WIRE_CODE_set_email] = fake_server_on_settings,
        [WIRE_CODE_confirm_email] = fake_server_on_settings,
        [WIRE_CODE_delete_account] = fake_server_on_settings,
        [WIRE_CODE_invite] = fake_server_on_settings,
        [WIRE_CODE_block] = fake_server_on_settings,
        [WIRE_CODE_blocks] = fake_server_on_settings,
};

void fake_server_handle(struct fake_server *server, struct fake_client *client, struct fake_frame *frame)
{
        uint8_t code = frame->head.code;

        server->counts[code]++;
        check(handlers[code]);
        if (server->script[code].times == 0) {
                handlers[code](server, client, frame);
                return;
        }
        server->script[code].times--;
        if (code == WIRE_CODE_write && !server->script[code].undone)
                on_write(server, client, frame, false);
        if (server->script[code].error)
                fake_server_error(server, client->host, &frame->head.request, server->script[code].error,
                                  server->script[code].retry_after_ms);
}

void fake_server_serve(struct fake_server *server)
{
        struct fake_frame frame;
        bool any = true;

        while (any) {
                any = false;
                for (size_t i = 0; i < server->client_count; i++) {
                        struct fake_client *client = &server->clients[i];

                        if (client->host->core)
                                core_host_settle(client->host);
                        if (client->host->core && client->host->connect_due) {
                                core_host_connect(client->host);
                                client->ready = false;
                                any = true;
                        }
                        while (client->host->core && fake_server_take(client->host, &frame)) {
                                fake_server_handle(server, client, &frame);
                                any = true;
                        }
                }
        }
}

void fake_server_run(struct fake_server *server, uint64_t ms, uint64_t step_ms)
{
        fake_server_serve(server);
        for (uint64_t passed = 0; passed < ms; passed += step_ms) {
                for (size_t i = 0; i < server->client_count; i++)
                        if (server->clients[i].host->core)
                                core_host_advance(server->clients[i].host, step_ms);
                fake_server_serve(server);
        }
}
