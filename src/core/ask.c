/* Questions and their answers on the way to the screen. */
#include "core/ask.h"

#include "core/state.h"
#include "rules/limits.h"
#include "rules/room.h"

#define FIND_MAX    50
#define DEVICES_MAX 100

void asks_init(struct asks *asks)
{
        *asks = (struct asks){0};
        list_init(&asks->answers);
}

void asks_release(struct core *core)
{
        struct answer *shown = core->asks.shown;

        core->asks.shown = NULL;
        if (shown)
                recycler_give(&core->memory, shown, sizeof(*shown) + shown->size);
}

/* ---- asking ---- */

static enum error ask(struct core *core, enum wire_code code, struct room *room, const void *message, struct id *id)
{
        struct request *request;

        if (core->link.state != LINK_READY || account_ends(core))
                return ERR_AGAIN;
        if (core->requests.asks + core->asks.answer_count >= ASKS_MAX)
                return ERR_FULL;
        request = request_send(core, code, NULL, room, message);
        if (!request)
                return ERR_FULL;
        *id = request->id;
        core_step(core);
        return ERR_OK;
}

enum error core_find(struct core *core, struct slice name, struct id *request, struct core_time time)
{
        struct wire_find find = {.name = name, .limit = FIND_MAX};

        core_set_time(core, time);
        if (name.size == 0 || name.size > 128 || !slice_is_text(name))
                return ERR_BAD_FIELD;
        return ask(core, WIRE_CODE_find, NULL, &find, request);
}

enum error core_devices(struct core *core, struct id *request, struct core_time time)
{
        struct wire_devices devices = {.limit = DEVICES_MAX};

        core_set_time(core, time);
        return ask(core, WIRE_CODE_devices, NULL, &devices, request);
}

enum error core_members(struct core *core, const struct id *id, uint64_t after, struct id *request, struct core_time time)
{
        struct wire_members members = {.after = after, .limit = MEMBERS_MAX};
        struct room *room = room_find(core, id);

        core_set_time(core, time);
        return room ? ask(core, WIRE_CODE_members, room, &members, request) : ERR_NOT_FOUND;
}

enum error core_around(struct core *core, const struct id *id, uint64_t seq, uint64_t time_ms, uint32_t rows_max,
                       struct id *request, struct core_time time)
{
        struct wire_around around = {.seq = seq, .time_ms = time_ms, .limit = min_of(rows_max, CHANGES_MAX)};
        struct room *room = room_find(core, id);

        core_set_time(core, time);
        if (rows_max == 0 || (seq == 0 && time_ms == 0))
                return ERR_BAD_FIELD;
        return room ? ask(core, WIRE_CODE_around, room, &around, request) : ERR_NOT_FOUND;
}

enum error core_pins(struct core *core, const struct id *id, uint64_t before, uint32_t rows_max, struct id *request,
                     struct core_time time)
{
        struct wire_pins pins = {.before = before, .limit = min_of(rows_max, PINS_MAX)};
        struct room *room = room_find(core, id);

        core_set_time(core, time);
        if (rows_max == 0)
                return ERR_BAD_FIELD;
        return room ? ask(core, WIRE_CODE_pins, room, &pins, request) : ERR_NOT_FOUND;
}

enum error core_reactors(struct core *core, const struct id *id, uint64_t seq, struct id *request, struct core_time time)
{
        struct wire_reactors reactors = {.seq = seq};
        struct room *room = room_find(core, id);

        core_set_time(core, time);
        if (seq == 0 || seq > INT64_MAX)
                return ERR_BAD_FIELD;
        return room ? ask(core, WIRE_CODE_reactors, room, &reactors, request) : ERR_NOT_FOUND;
}

enum error core_search(struct core *core, struct slice text, const struct id *room, const struct wire_place *before,
                       uint32_t rows_max, struct id *request, struct core_time time)
{
        struct wire_search search = {.text = text, .limit = min_of(rows_max, SEARCH_HITS_MAX)};

        core_set_time(core, time);
        if (text.size == 0 || text.size > SEARCH_TEXT_MAX || !slice_is_text(text) || rows_max == 0)
                return text.size > SEARCH_TEXT_MAX ? ERR_TOO_LARGE : ERR_BAD_FIELD;
        if (room)
                search.room = *room;
        if (before) {
                search.before = *before;
                search.has = WIRE_HAS(search, before);
        }
        return ask(core, WIRE_CODE_search, NULL, &search, request);
}

enum error core_invite(struct core *core, uint64_t uses, uint64_t valid_ms, struct id *request, struct core_time time)
{
        struct wire_invite invite = {.uses = uses, .valid_ms = valid_ms};

        core_set_time(core, time);
        if (uses == 0 || uses > INVITE_USES_MAX || valid_ms < INVITE_VALID_MIN || valid_ms > INVITE_VALID_MAX)
                return ERR_BAD_FIELD;
        return ask(core, WIRE_CODE_invite, NULL, &invite, request);
}

/* ---- answers ---- */

static bool keep_answer(struct core *core, const struct request *request, enum core_event_kind kind, enum error error,
                        struct slice body)
{
        struct answer *answer = recycler_take(&core->memory, sizeof(*answer) + body.size);

        if (!answer)
                return false;
        answer->id = request->id;
        if (request->room)
                answer->room = request->room->id;
        answer->kind = kind;
        answer->error = error;
        answer->size = (uint32_t)body.size;
        if (body.size)
                memcpy(answer->body, body.data, body.size);
        list_append(&core->asks.answers, &answer->node);
        core->asks.answer_count++;
        return true;
}

/* Who is listed is named later, too. */
static bool take_members(struct core *core, const struct wire_member_page *page)
{
        struct wire_iterator iterator;
        struct wire_member member;

        wire_list_start(&iterator, WIRE_STRUCTURE(member_page), 1, &page->members);
        while (wire_list_next(&iterator, &member))
                if (member.person.user != core->account.user && !people_take(core, &member.person, false))
                        return false;
        return true;
}

bool ask_answered(struct core *core, struct request *request, const struct wire_frame *frame, const void *message)
{
        enum core_event_kind kind = CORE_EVENT_PEOPLE;

        if (frame->code == WIRE_CODE_member_page && !take_members(core, message))
                return false;
        if (frame->code == WIRE_CODE_device_list)
                kind = CORE_EVENT_DEVICES;
        else if (frame->code == WIRE_CODE_window)
                kind = CORE_EVENT_WINDOW;
        else if (frame->code == WIRE_CODE_pin_page)
                kind = CORE_EVENT_PINS;
        else if (frame->code == WIRE_CODE_reactor_list)
                kind = CORE_EVENT_REACTORS;
        else if (frame->code == WIRE_CODE_member_page)
                kind = CORE_EVENT_MEMBERS;
        else if (frame->code == WIRE_CODE_found)
                kind = CORE_EVENT_FOUND;
        else if (frame->code == WIRE_CODE_invited)
                kind = CORE_EVENT_INVITED;
        return keep_answer(core, request, kind, ERR_OK, frame->body);
}

void ask_failed(struct core *core, struct request *request, enum error error, uint64_t retry_after_ms)
{
        (void)retry_after_ms;
        /* Without memory even for this the host waits in vain; it has its own patience. */
        (void)!keep_answer(core, request, CORE_EVENT_FAILED, error, (struct slice){0});
}

bool asks_poll(struct core *core, struct core_event *event)
{
        struct list_node *node = list_pop(&core->asks.answers);
        struct answer *answer;
        struct slice body;
        union {
                struct wire_people people;
                struct wire_device_list devices;
                struct wire_window window;
                struct wire_pin_page pins;
                struct wire_reactor_list reactors;
                struct wire_member_page members;
                struct wire_found found;
                struct wire_invited invited;
        } message;

        if (!node)
                return false;
        answer = container_of(node, struct answer, node);
        core->asks.answer_count--;
        core->asks.shown = answer;
        event->kind = answer->kind;
        event->id = answer->id;
        event->room = answer->room;
        event->error = answer->error;
        body = slice_of(answer->body, answer->size);
        if (answer->kind == CORE_EVENT_PEOPLE) {
                check(wire_decode(WIRE_STRUCTURE(people), body, &message, NULL) == ERR_OK);
                event->list = message.people.people;
        } else if (answer->kind == CORE_EVENT_DEVICES) {
                check(wire_decode(WIRE_STRUCTURE(device_list), body, &message, NULL) == ERR_OK);
                event->list = message.devices.devices;
        } else if (answer->kind == CORE_EVENT_WINDOW) {
                check(wire_decode(WIRE_STRUCTURE(window), body, &message, NULL) == ERR_OK);
                event->list = message.window.rows;
                event->seq = message.window.head;
        } else if (answer->kind == CORE_EVENT_PINS) {
                check(wire_decode(WIRE_STRUCTURE(pin_page), body, &message, NULL) == ERR_OK);
                event->list = message.pins.rows;
                event->seq = message.pins.head;
                event->more = message.pins.more != 0;
        } else if (answer->kind == CORE_EVENT_REACTORS) {
                check(wire_decode(WIRE_STRUCTURE(reactor_list), body, &message, NULL) == ERR_OK);
                event->list = message.reactors.people;
        } else if (answer->kind == CORE_EVENT_MEMBERS) {
                check(wire_decode(WIRE_STRUCTURE(member_page), body, &message, NULL) == ERR_OK);
                event->list = message.members.members;
                event->seq = message.members.head;
                event->more = message.members.more != 0;
                event->bytes = message.members.link;
        } else if (answer->kind == CORE_EVENT_FOUND) {
                check(wire_decode(WIRE_STRUCTURE(found), body, &message, NULL) == ERR_OK);
                event->list = message.found.hits;
                event->more = message.found.more != 0;
                event->place = message.found.next;
        } else if (answer->kind == CORE_EVENT_INVITED) {
                check(wire_decode(WIRE_STRUCTURE(invited), body, &message, NULL) == ERR_OK);
                event->bytes = message.invited.token;
        }
        return true;
}
