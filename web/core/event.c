/* What the core wants done, and what happened: each event as an object with its kind and what that kind has (core.h). */
#include "base/assert.h"
#include "glue.h"
#include "rules/mention.h"
#include "rules/row.h"
#include "rules/setting.h"

static void number(struct json *out, const char *key, uint64_t value)
{
        json_key(out, key);
        json_number(out, value);
}

static void id(struct json *out, const char *key, const struct id *value)
{
        json_key(out, key);
        json_id(out, value);
}

static void user(struct json *out, uint64_t value)
{
        json_key(out, "user");
        json_user(out, value);
}

static void flag(struct json *out, const char *key, bool value)
{
        json_key(out, key);
        json_bool(out, value);
}

static void error_of(struct json *out, const struct core_event *event)
{
        if (!event->error)
                return;
        json_key(out, "error");
        json_error(out, event->error);
}

/* Where bytes lie in this module's memory. */
static void place(struct json *out, struct slice bytes)
{
        json_open(out, '[');
        json_number(out, (uintptr_t)bytes.data);
        json_number(out, bytes.size);
        json_close(out, ']');
}

static void keep(struct json *out, const struct core_event *event)
{
        number(out, "number", event->number);
        json_key(out, "changes");
        json_open(out, '[');
        for (size_t i = 0; i < event->change_count; i++) {
                const struct core_change *change = &event->changes[i];

                json_open(out, '{');
                json_key(out, "key");
                place(out, change->key);
                json_key(out, change->drop ? "end" : "value");
                place(out, change->drop ? change->end : change->value);
                json_close(out, '}');
        }
        json_close(out, ']');
}

static void want(struct json *out, const struct core_event *event)
{
        number(out, "number", event->number);
        json_key(out, "key");
        place(out, event->key);
        json_key(out, "end");
        place(out, event->end);
        number(out, "limit", event->limit);
        flag(out, "backwards", event->backwards);
}

static void people(struct json *out, const struct core_event *event)
{
        struct wire_iterator iterator;
        struct wire_person person;

        json_key(out, "people");
        json_open(out, '[');
        WIRE_LIST_START(&iterator, people, people, &event->list);
        while (wire_list_next(&iterator, &person))
                json_person(out, &person);
        json_close(out, ']');
}

static void devices(struct json *out, const struct core_event *event)
{
        struct wire_iterator iterator;
        struct wire_device device;

        json_key(out, "devices");
        json_open(out, '[');
        WIRE_LIST_START(&iterator, device_list, devices, &event->list);
        while (wire_list_next(&iterator, &device)) {
                json_open(out, '{');
                json_key(out, "device");
                json_user(out, device.device);
                json_key(out, "name");
                json_text(out, device.name);
                number(out, "created", device.created_ms);
                number(out, "seen", device.seen_ms);
                json_close(out, '}');
        }
        json_close(out, ']');
}

static void rows(struct json *out, const struct core_event *event)
{
        struct wire_iterator iterator;
        struct wire_row row;

        id(out, "room", &event->room);
        number(out, "seq", event->seq);
        flag(out, "more", event->more);
        json_key(out, "rows");
        json_open(out, '[');
        if (event->kind == CORE_EVENT_WINDOW)
                WIRE_LIST_START(&iterator, window, rows, &event->list);
        else
                WIRE_LIST_START(&iterator, pin_page, rows, &event->list);
        while (wire_list_next(&iterator, &row))
                json_row(out, &row);
        json_close(out, ']');
}

static void reactors(struct json *out, const struct core_event *event)
{
        struct wire_iterator iterator;
        struct wire_reactor reactor;

        json_key(out, "reactors");
        json_open(out, '[');
        WIRE_LIST_START(&iterator, reactor_list, people, &event->list);
        while (wire_list_next(&iterator, &reactor)) {
                json_open(out, '{');
                json_key(out, "user");
                json_user(out, reactor.user);
                json_key(out, "emoji");
                json_text(out, reactor.emoji);
                json_close(out, '}');
        }
        json_close(out, ']');
}

static void member(struct json *out, const struct wire_member *member)
{
        json_open(out, '{');
        json_key(out, "person");
        json_person(out, &member->person);
        json_key(out, "role");
        json_role(out, member->role);
        number(out, "joinedSeq", member->joined_seq);
        number(out, "delivered", member->delivered);
        number(out, "shown", member->shown);
        number(out, "countedFrom", member->counted_from);
        json_close(out, '}');
}

static void members(struct json *out, const struct core_event *event)
{
        struct wire_iterator iterator;
        struct wire_member one;

        number(out, "head", event->seq);
        flag(out, "more", event->more);
        json_key(out, "link");
        json_hex(out, event->bytes);
        json_key(out, "members");
        json_open(out, '[');
        WIRE_LIST_START(&iterator, member_page, members, &event->list);
        while (wire_list_next(&iterator, &one))
                member(out, &one);
        json_close(out, ']');
}

static void found(struct json *out, const struct core_event *event)
{
        struct wire_iterator iterator;
        struct wire_hit hit;

        flag(out, "more", event->more);
        json_key(out, "hits");
        json_open(out, '[');
        WIRE_LIST_START(&iterator, found, hits, &event->list);
        while (wire_list_next(&iterator, &hit)) {
                json_open(out, '{');
                id(out, "room", &hit.room);
                json_key(out, "row");
                json_row(out, &hit.row);
                json_close(out, '}');
        }
        json_close(out, ']');
        if (!event->more)
                return;
        json_key(out, "place");
        json_open(out, '{');
        id(out, "room", &event->place.room);
        number(out, "seq", event->place.seq);
        number(out, "time", event->place.time_ms);
        json_close(out, '}');
}

static void message(struct json *out, const struct core_event *event)
{
        const char *state = event->state == CORE_MESSAGE_QUEUED   ? "queued"
                            : event->state == CORE_MESSAGE_FAILED ? "failed"
                                                                  : "sent";

        id(out, "room", &event->room);
        json_key(out, "state");
        json_text(out, slice_text(state));
        number(out, "seq", event->seq);
}

static void setting(struct json *out, const struct glue *glue, const struct core_event *event)
{
        enum room_setting which;
        struct core_setting now;
        struct id room;

        if (event->key.size == 0)
                return;
        (void)core_setting(glue->core, event->key, &now);
        json_key(out, "key");
        json_text(out, event->key);
        json_key(out, "value");
        json_text(out, now.value);
        flag(out, "waits", now.waits);
        if (setting_key_read(event->key, &which, &room))
                id(out, "room", &room);
}

/* Is the user mentioned by another? */
static bool mentions(const struct glue *glue, const struct wire_row *row)
{
        return row->kind == ROW_TEXT && row->sender != core_user(glue->core) &&
               mention_has(row->text, core_profile(glue->core).user_name);
}

static const char *const names[] = {
        [CORE_EVENT_NONE] = "none",         [CORE_EVENT_CONNECT] = "connect", [CORE_EVENT_CLOSE] = "close",
        [CORE_EVENT_SEND] = "send",         [CORE_EVENT_KEEP] = "keep",       [CORE_EVENT_WANT] = "want",
        [CORE_EVENT_PHASE] = "phase",       [CORE_EVENT_SIGN] = "sign",       [CORE_EVENT_ROOM] = "room",
        [CORE_EVENT_ROW] = "row",           [CORE_EVENT_MESSAGE] = "message", [CORE_EVENT_TICKS] = "room",
        [CORE_EVENT_HISTORY] = "history",   [CORE_EVENT_PEOPLE] = "people",   [CORE_EVENT_DEVICES] = "devices",
        [CORE_EVENT_WINDOW] = "window",     [CORE_EVENT_PINS] = "pins",       [CORE_EVENT_MEMBERS] = "members",
        [CORE_EVENT_FOUND] = "found",       [CORE_EVENT_INVITED] = "invited", [CORE_EVENT_FAILED] = "failed",
        [CORE_EVENT_BLOCKS] = "blocks",     [CORE_EVENT_NAMES] = "names",     [CORE_EVENT_STATUS] = "status",
        [CORE_EVENT_SETTING] = "setting",   [CORE_EVENT_TYPING] = "typing",   [CORE_EVENT_FORGOTTEN] = "forgotten",
        [CORE_EVENT_REACTORS] = "reactors",
};

/* What an answer to a question brings. */
static void answer(struct json *out, const struct core_event *event)
{
        id(out, "id", &event->id);
        switch (event->kind) {
        case CORE_EVENT_PEOPLE:
                people(out, event);
                break;
        case CORE_EVENT_DEVICES:
                devices(out, event);
                break;
        case CORE_EVENT_WINDOW:
        case CORE_EVENT_PINS:
                rows(out, event);
                break;
        case CORE_EVENT_REACTORS:
                reactors(out, event);
                break;
        case CORE_EVENT_MEMBERS:
                members(out, event);
                break;
        case CORE_EVENT_FOUND:
                found(out, event);
                break;
        case CORE_EVENT_INVITED:
                json_key(out, "token");
                if (slice_is_text(event->bytes))
                        json_text(out, event->bytes);
                else
                        json_null(out);
                break;
        default:
                break;
        }
}

/* What the host is to do, or what happened. */
static void news(struct json *out, const struct glue *glue, const struct core_event *event)
{
        switch (event->kind) {
        case CORE_EVENT_NONE:
                number(out, "deadline", core_deadline_ms(glue->core));
                break;
        case CORE_EVENT_SEND:
                json_key(out, "bytes");
                place(out, event->bytes);
                break;
        case CORE_EVENT_KEEP:
                keep(out, event);
                break;
        case CORE_EVENT_WANT:
                want(out, event);
                break;
        case CORE_EVENT_SIGN:
                number(out, "wait", event->number);
                break;
        case CORE_EVENT_ROOM:
        case CORE_EVENT_TICKS:
                id(out, "room", &event->room);
                break;
        case CORE_EVENT_ROW:
                id(out, "room", &event->room);
                json_key(out, "row");
                json_row(out, &event->row);
                flag(out, "mentions", mentions(glue, &event->row));
                break;
        case CORE_EVENT_MESSAGE:
                id(out, "id", &event->id);
                message(out, event);
                break;
        case CORE_EVENT_HISTORY:
                id(out, "room", &event->room);
                number(out, "seq", event->seq);
                break;
        case CORE_EVENT_STATUS:
                user(out, event->number);
                break;
        case CORE_EVENT_SETTING:
                setting(out, glue, event);
                break;
        case CORE_EVENT_TYPING:
                id(out, "room", &event->room);
                break;
        default:
                answer(out, event);
                break;
        }
}

void json_event(struct json *out, const struct glue *glue, const struct core_event *event)
{
        json_open(out, '{');
        json_key(out, "kind");
        json_text(out, slice_text(names[event->kind]));
        news(out, glue, event);
        error_of(out, event);
        json_close(out, '}');
}
