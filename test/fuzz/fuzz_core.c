/*
 * A client core between a server that says anything, a storage that gives anything, a user who does anything and a clock that
 * jumps. The server begins as an honest one (support/fake_server), so that the script gets deep; with its first forged frame it
 * is the script's. Input: steps of one byte (what, and a choice) and what that step needs.
 *
 * What is checked besides not crashing: every frame up is whole and lawful, and none but sign-in goes up without an account; a
 * head never falls unless the rows of that room are dropped; a row is shown only above the highest hole and at or below the head;
 * read never passes delivered, nor what is shown of it that, unless a server that lies has said so; settings are lawful, in order and within their limit; memory stays below a bound that does not depend on the script's length.
 */
#include "base/memory.h"
#include "core/state.h"
#include "forge.h"
#include "fuzz.h"
#include "rules/room.h"
#include "rules/setting.h"
#include "support/fake_server.h"

#define STEPS_MAX   300
#define ASKED       8
#define DEVICE      11
#define OUTPUT_MAX  4096
#define ARENA_BOUND (768 * 1024)

struct play {
        struct core_host host; /* first: the watch finds the play by it */
        struct fake_server server;
        struct script *script;
        bool forged; /* the server is not honest any more, or the storage is not */
        struct asked asked[ASKED];
        unsigned asked_count;
        uint64_t heads[FORGE_ROOMS + 1]; /* highest head seen, by room; the last: any other id, not watched */
        struct id last_sent;
};

static unsigned room_index(const struct id *room)
{
        for (unsigned i = 0; i < FORGE_ROOMS; i++) {
                struct id one = forge_room(i);

                if (id_equal(&one, room))
                        return i;
        }
        return FORGE_ROOMS;
}

/* ---- what must always hold ---- */

static void see_drop(struct play *play, const struct core_change *change)
{
        for (unsigned i = 0; i < FORGE_ROOMS; i++) {
                struct id room = forge_room(i);
                uint8_t key[CORE_KEY_SIZE_MAX];
                struct slice row = slice_of(key, core_key_row(&room, 1, key));

                if (change->drop && slice_compare(change->key, row) <= 0 && slice_compare(row, change->end) < 0)
                        play->heads[i] = 0;
        }
}

static void see_row(struct core_host *host, const struct core_event *event)
{
        struct core_room_info info;

        check(core_room_info(host->core, &event->room, &info) == ERR_OK);
        check(event->row.seq > info.hole_top);
        check(event->row.seq <= event->row.changed && event->row.seq <= info.head);
        check(slice_is_text(event->row.text));
}

static void watch(struct core_host *host, const struct core_event *event)
{
        struct play *play = container_of(host, struct play, host);

        switch (event->kind) {
        case CORE_EVENT_KEEP:
                for (size_t i = 0; i < event->change_count; i++)
                        see_drop(play, &event->changes[i]);
                break;
        case CORE_EVENT_FORGOTTEN:
                memset(play->heads, 0, sizeof(play->heads));
                break;
        case CORE_EVENT_ROW:
                see_row(host, event);
                break;
        case CORE_EVENT_SEND:
                check(event->bytes.size > 0 && event->bytes.size <= OUTPUT_MAX + WIRE_UP_SIZE_MAX);
                break;
        default:
                break;
        }
}

static void look_at_settings(const struct core *core)
{
        struct core_setting setting;
        uint8_t before[SETTING_KEY_MAX];
        size_t before_size = 0;

        for (uint32_t i = 0; core_setting_at(core, i, &setting); i++) {
                check(i < core->limits.settings_max && setting_key_is_lawful(setting.key));
                check(slice_compare(slice_of(before, before_size), setting.key) < 0);
                check(setting.key.size + 1 + setting.value.size <= TEXT_SIZE_MAX && slice_is_text(setting.value));
                memcpy(before, setting.key.data, setting.key.size);
                before_size = setting.key.size;
        }
}

static void look(struct play *play)
{
        struct core *core = play->host.core;
        struct core_room_info info;
        uint64_t last_time_ms = UINT64_MAX;

        for (uint32_t i = 0; core_room_at(core, i, &info); i++) {
                unsigned index = room_index(&info.room);

                check(i < core->limits.rooms_max && info.last_time_ms <= last_time_ms);
                check(info.queued <= core->limits.outbox_max);
                check(index == FORGE_ROOMS || info.head >= play->heads[index]);
                play->heads[index] = info.head;
                last_time_ms = info.last_time_ms;
        }
        look_at_settings(core);
        check(play->host.arena.total <= ARENA_BOUND);
        check(core->link.output_size <= OUTPUT_MAX);
        core_host_clear_events(&play->host);
}

/* ---- the server ---- */

static void remember(struct play *play, const struct fake_frame *frame)
{
        struct asked *asked = &play->asked[play->asked_count++ % ASKED];
        struct wire_iterator iterator;
        struct wire_operation operation;

        *asked = (struct asked){.code = frame->head.code, .request = frame->head.request, .room = frame->head.room};
        if (frame->head.code != WIRE_CODE_write)
                return;
        WIRE_LIST_START(&iterator, write, operations, &frame->write.operations);
        while (wire_list_next(&iterator, &operation) && asked->operation_count < countof(asked->operations))
                asked->operations[asked->operation_count++] = operation.id;
}

/* The honest server's texts are short; those of settings of rooms may not be. */
static bool has_room_for(const struct wire_write *write)
{
        struct wire_iterator iterator;
        struct wire_operation operation;

        WIRE_LIST_START(&iterator, write, operations, &write->operations);
        while (wire_list_next(&iterator, &operation))
                if (operation.text.size >= HOST_TEXT_MAX)
                        return false;
        return true;
}

/* What the honest server knows how to answer. */
static bool is_answerable(const struct fake_frame *frame)
{
        if (frame->head.code == WIRE_CODE_write && !has_room_for(&frame->write))
                return false;
        if (!(frame->head.message->header & WIRE_HAS_ROOM))
                return true;
        return frame->head.code != WIRE_CODE_around && room_peer(&frame->head.room, FORGE_ALICE) != 0;
}

/* Takes and checks what the core sent. An honest server answers it. */
static void take_frames(struct play *play, bool answer)
{
        struct fake_frame frame;

        while (fake_server_take(&play->host, &frame)) {
                if (frame.head.message->header & WIRE_HAS_TOKEN)
                        check(frame.head.user != 0 && frame.head.user <= INT64_MAX);
                if (frame.head.code == WIRE_CODE_mark)
                        check(frame.mark.delivered >= frame.mark.read &&
                              (play->forged || frame.mark.read >= frame.mark.shown));
                remember(play, &frame);
                if (answer && !play->forged && is_answerable(&frame))
                        fake_server_handle(&play->server, &play->server.clients[0], &frame);
        }
}

/* ---- steps: each gets its choice, 4 bits ---- */

static void step_link(struct play *play, unsigned choice)
{
        struct core_host *host = &play->host;

        play->server.split = choice >> 2 ? 1u << (choice >> 2) : 0;
        if (choice & 1)
                core_host_disconnect(host);
        else if (host->connect_due)
                core_host_connect(host);
}

/* An honest server answers all there is; a forged one reads it. */
static void step_serve(struct play *play, unsigned choice)
{
        struct id room = forge_room(choice & 1);
        uint64_t from = (choice & 2) && !(choice & 1) ? FORGE_BOB : FORGE_ALICE;

        if (!play->forged && (choice & 4) && fake_server_room(&play->server, &room)->head < FAKE_ROWS_MAX / 2)
                fake_server_say(&play->server, &room, from, "news", choice & 8);
        if (play->host.connect_due)
                core_host_connect(&play->host);
        for (int i = 0; i < 20 && play->host.up_size; i++)
                take_frames(play, true);
}

static void step_script(struct play *play, unsigned choice)
{
        static const uint8_t codes[] = {WIRE_CODE_write, WIRE_CODE_mark, WIRE_CODE_join, WIRE_CODE_changes};
        uint8_t shape = script_next(play->script);

        play->server.script[codes[choice & 3]].times = 1;
        play->server.script[codes[choice & 3]].error = shape % 60;
        play->server.script[codes[choice & 3]].undone = choice & 4;
        play->server.script[codes[choice & 3]].retry_after_ms = shape;
}

static void step_bytes(struct play *play, unsigned choice)
{
        (void)choice;
        play->forged = true;
        core_host_receive(&play->host, script_bytes(play->script, 255));
}

static void send_down(struct play *play, uint8_t code, const struct asked *asked)
{
        union reply answer = {0};
        struct id zero = {{0}};

        play->forged = true;
        forge(play->script, code, asked, &play->server.era, &answer);
        fake_server_send(&play->server, &play->host, code, asked ? &asked->request : &zero, asked ? &asked->room : &zero,
                         &answer);
}

/* A lawful answer to one of the newest requests: the right code (or Error), any content. */
static void step_answer(struct play *play, unsigned choice)
{
        unsigned back = choice >> 1;
        const struct asked *asked = &play->asked[(play->asked_count - 1 - back) % ASKED];

        if (back >= play->asked_count || back >= ASKED || wire_message_by_code(asked->code)->reply == WIRE_CODE_none)
                return;
        send_down(play, choice & 1 ? WIRE_CODE_error : wire_message_by_code(asked->code)->reply, asked);
}

static void step_unasked(struct play *play, unsigned choice)
{
        static const uint8_t codes[] = {WIRE_CODE_delivery, WIRE_CODE_marks_moved, WIRE_CODE_rejoin, WIRE_CODE_bye};
        struct asked to = {.room = forge_room(choice >> 2 | (script_next(play->script) & 4))};

        send_down(play, codes[choice & 3], &to);
}

/* Any code of the server's with any body, in answer to the newest request or to none. */
static void step_frame(struct play *play, unsigned choice)
{
        const struct wire_message *message = wire_message_by_code(0x80 | script_next(play->script));
        struct asked to = {.room = forge_room(choice)};
        struct wire_frame frame = {.room = to.room};
        struct slice body = script_bytes(play->script, 255), bytes;
        uint8_t buffer[512];
        union reply empty = {0};

        if (!message || message->direction != WIRE_DOWN)
                return;
        play->forged = true;
        frame.code = message->code;
        if (choice & 8 && play->asked_count)
                frame.request = play->asked[(play->asked_count - 1) % ASKED].request;
        bytes = wire_frame_build(&frame, &empty, buffer, buffer + 128);
        memmove(buffer, bytes.data, bytes.size);
        if (body.size)
                memcpy(buffer + bytes.size, body.data, body.size);
        be32_put(buffer, (uint32_t)(bytes.size + body.size - WIRE_LENGTH_SIZE));
        core_host_receive(&play->host, slice_of(buffer, bytes.size + body.size));
}

static void step_time(struct play *play, unsigned choice)
{
        uint64_t ms = (uint64_t)script_next(play->script) << (choice & 7);

        if (choice & 8)
                play->host.time.wall_ms += choice & 1 ? ms * 100000 : (uint64_t)0 - ms * 1000;
        core_host_advance(&play->host, ms);
}

static void step_storage(struct play *play, unsigned choice)
{
        core_host_apply(&play->host, true);
        play->host.keep_by_hand = choice & 1;
        play->host.wants_by_hand = (choice & 6) == 6;
        while (!(choice & 1) && core_host_apply(&play->host, true))
                continue;
}

/* A record that another process put there, or a damaged one; some look like ours. */
static void step_record(struct play *play, unsigned choice)
{
        struct id room = forge_room(choice >> 2), id = {{3, 1, 4, 0, 0, 0, 0x70, 0, 0x80}};
        uint8_t key[CORE_KEY_SIZE_MAX], value[400], *at = value + sizeof(value);
        uint8_t *end = at;
        struct script *script = play->script;
        struct record_room record = {.state = {.room = room, .kind = room_kind_of(&room)}};
        struct record_entry entry = {
                .state = CORE_MESSAGE_QUEUED,
                .operation = {.kind = 1 + (choice >> 4) % 8, .text = forge_text(script), .subject = choice >> 7}};
        struct holes holes = {0};
        struct slice raw;
        size_t size;

        switch (choice & 3) {
        case 0:
                size = record_key_room(&room, key);
                record.state.head = script_number(script);
                record.read = script_number(script);
                record.unread = script_number(script);
                record.state.last_time_ms = script_number(script);
                at = record_room_encode(&record, &holes, value, end);
                break;
        case 1:
                id.bytes[15] = script_next(script);
                size = record_key_entry(&room, &id, key);
                entry.wall_ms = script_number(script);
                entry.state = id.bytes[15] & 64 ? CORE_MESSAGE_FAILED : CORE_MESSAGE_QUEUED;
                at = record_entry_encode(&entry, value, end);
                break;
        default:
                key[0] = "PROMSUBX"[script_next(script) & 7]; /* X: of no kind */
                memcpy(key + 1, room.bytes, sizeof(room.bytes));
                memcpy(key + 17, id.bytes, sizeof(id.bytes));
                size = 1 + script_next(script) % 40u;
                raw = script_bytes(script, sizeof(value));
                at -= raw.size;
                if (raw.size)
                        memcpy(at, raw.data, raw.size);
                break;
        }
        check(at);
        play->forged = true;
        core_host_put(&play->host, slice_of(key, size), slice_of(at, (size_t)(end - at)));
        core_outbox_changed(play->host.core, play->host.time);
}

/* Answers that nobody asked for, or not like that. */
static void step_given(struct play *play, unsigned choice)
{
        uint64_t number = play->host.core->loader.number - (choice & 1);
        struct slice key = script_bytes(play->script, CORE_KEY_SIZE_MAX), value = script_bytes(play->script, 255);

        play->forged = true;
        core_given(play->host.core, number, key, value, play->host.time);
        if (choice & 2)
                core_given_end(play->host.core, number, play->host.time);
        if (choice & 4)
                core_kept(play->host.core, script_number(play->script), play->host.time);
}

/* What is changed of the account. */
static enum error step_settings(struct play *play, unsigned choice)
{
        struct core_host *host = &play->host;
        const uint8_t secret[32] = {1};
        struct slice text = forge_text(play->script), password = SLICE_LITERAL("correct horse");
        struct id request;

        switch (choice & 7) {
        case 0:
                return core_reset(host->core, SLICE_LITERAL("a@b.c"), host->time);
        case 1:
                return core_reset_confirm(host->core, SLICE_LITERAL("123456"), password, secret, text, host->time);
        case 2:
                return core_set_password(host->core, password, password, choice & 8, host->time);
        case 3:
                return core_set_profile(host->core, (struct slice){0}, text, host->time);
        case 4:
                return core_set_email(host->core, SLICE_LITERAL("a@b.c"), password, host->time);
        case 5:
                return core_confirm_email(host->core, SLICE_LITERAL("123456"), host->time);
        case 6:
                return choice & 8 ? core_delete_account(host->core, password, host->time)
                                  : core_sign_out_others(host->core, host->time);
        default:
                return core_invite(host->core, 1, 3600000, &request, host->time);
        }
}

static void step_account(struct play *play, unsigned choice)
{
        struct core_host *host = &play->host;
        const uint8_t secret[32] = {1};
        uint8_t token[40];
        struct slice text = forge_text(play->script);
        enum error error = ERR_OK;

        fake_server_token(&play->server, FORGE_ALICE, DEVICE, token);
        switch (choice & 7) {
        case 0:
                error = core_adopt(host->core, FORGE_ALICE, DEVICE, token, host->time);
                break;
        case 1:
                error = core_sign_up(host->core, SLICE_LITERAL("a@b.c"), SLICE_LITERAL("alice"), text, text, text,
                                     host->time);
                break;
        case 2:
                error = core_confirm(host->core, SLICE_LITERAL("123456"), secret, text, host->time);
                break;
        case 3:
                error = core_sign_in(host->core, text, SLICE_LITERAL("correct horse"), secret, text, host->time);
                break;
        case 4:
                error = core_sign_out(host->core, choice >> 3, host->time);
                break;
        case 5:
                error = step_settings(play, script_next(play->script));
                break;
        default:
                core_online(host->core, choice & 8, host->time);
                break;
        }
        check(error_class(error) != ERROR_CLASS_UNKNOWN);
}

/* What the user sets for all his devices: any key, or one of a room's. */
static enum error step_set(struct play *play, const struct id *room, unsigned shape)
{
        static const char keys[4][3] = {"k0", "k1", "k2", "k "};
        struct core_host *host = &play->host;
        struct slice value = forge_text(play->script);

        if (shape & 16)
                return core_set_room(host->core, room, (shape >> 5) & 3, value, host->time);
        return core_set(host->core, slice_of(keys[(shape >> 5) & 3], 2), value, host->time);
}

static void step_user(struct play *play, unsigned choice)
{
        struct core_host *host = &play->host;
        struct core *core = host->core;
        uint8_t shape = script_next(play->script);
        struct id room = forge_room(shape), request;
        enum error error = ERR_OK;
        uint64_t number = 0;

        switch (choice & 7) {
        case 0:
        case 1:
                error = core_send(core, &room, forge_text(play->script), &play->last_sent, host->time);
                break;
        case 2:
                error = shape & 8 ? step_set(play, &room, shape) : core_retry(core, &room, &play->last_sent, host->time);
                break;
        case 3:
                error = core_discard(core, &room, &play->last_sent, host->time);
                break;
        case 4:
                core_read(core, &room, script_number(play->script), host->time);
                break;
        case 5:
                error = core_history(core, &room, script_number(play->script), 1u + (shape >> 3), host->time);
                break;
        case 6:
                error = (shape & 24) == 24 ? core_search(core, forge_text(play->script), shape & 32 ? &room : NULL, NULL,
                                                         shape >> 5, &request, host->time)
                        : shape & 8        ? core_find(core, forge_text(play->script), &request, host->time)
                                           : core_devices(core, &request, host->time);
                break;
        case 7:
                number = script_number(play->script);
                error = (shape & 192) == 192 ? core_reactors(core, &room, number, &request, host->time)
                        : shape & 128        ? core_pins(core, &room, number, 1u + (shape >> 3), &request, host->time)
                                      : core_around(core, &room, number, script_number(play->script), 1u + (shape >> 3),
                                                    &request, host->time);
                break;
        }
        check(error_class(error) != ERROR_CLASS_UNKNOWN);
}

/* The process ends, perhaps between the storage's doing and the core's hearing of it; a new core starts. */
static void step_crash(struct play *play, unsigned choice)
{
        if (choice & 1)
                core_host_apply(&play->host, false);
        core_host_crash(&play->host);
        play->host.keep_by_hand = play->host.wants_by_hand = false;
        play->host.socket_room = SIZE_MAX;
        memset(play->heads, 0, sizeof(play->heads));
        core_host_start(&play->host);
}

static void step_socket(struct play *play, unsigned choice)
{
        play->host.socket_room = choice & 8 ? SIZE_MAX : (size_t)choice * choice * choice;
        core_writable(play->host.core);
}

static void (*const steps[16])(struct play *play, unsigned choice) = {
        step_link, step_serve,   step_script, step_bytes, step_answer,  step_unasked, step_frame,  step_time,
        step_user, step_storage, step_record, step_given, step_account, step_crash,   step_socket, step_serve,
};

static void play_start(struct play *play, uint8_t shape)
{
        static const struct core_limits limits = {.rooms_max = 6,
                                                  .outbox_max = 12,
                                                  .outbox_bytes_max = 2048,
                                                  .held_max = 8,
                                                  .settings_max = 10,
                                                  .background_rows = 50,
                                                  .output_max = OUTPUT_MAX};

        fake_server_init(&play->server);
        core_host_init(&play->host, shape);
        play->host.limits = limits;
        play->host.watch = watch;
        play->host.chunk_size = 256;
        if (shape & 128) /* memory runs out somewhere */
                play->host.arena_max = 3072u + 64u * (shape & 127u);
        play->server.page_rows = 2;
        play->server.rows_max = 3;
        check(fake_server_add(&play->server, &play->host, shape & 1 ? FORGE_ALICE : 0, DEVICE) == ERR_OK || (shape & 128));
        play->server.clients[0].user = FORGE_ALICE;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static struct play play;
        struct script script = {data, data + size};

        play = (struct play){.script = &script};
        play_start(&play, script_next(&script));
        for (int i = 0; i < STEPS_MAX && !script_ended(&script); i++) {
                uint8_t step = script_next(&script);

                steps[step & 15](&play, step >> 4);
                core_host_settle(&play.host);
                take_frames(&play, false);
                look(&play);
        }
        /* Time alone brings it to rest: nothing is waited for without a bound. */
        core_host_advance(&play.host, 200000);
        take_frames(&play, false);
        look(&play);
        fake_server_finish(&play.server);
        return 0;
}
