/* Things of the core as types.ts calls them. */
#include "base/assert.h"
#include "glue.h"
#include "rules/role.h"
#include "rules/room.h"
#include "rules/row.h"
#include "rules/setting.h"

#define NAME_MAX 32

static void put_text(struct json *out, const char *key, struct slice text)
{
        json_key(out, key);
        json_text(out, text);
}

static void put_number(struct json *out, const char *key, uint64_t number)
{
        json_key(out, key);
        json_number(out, number);
}

static void put_user(struct json *out, const char *key, uint64_t user)
{
        json_key(out, key);
        json_user(out, user);
}

static void put_bool(struct json *out, const char *key, bool value)
{
        json_key(out, key);
        json_bool(out, value);
}

static void put_name(struct json *out, const char *key, const char *name, const char *otherwise)
{
        put_text(out, key, slice_text(name ? name : otherwise));
}

void json_error(struct json *out, enum error error)
{
        const char *name = error_name((unsigned)error);
        char lower[NAME_MAX];
        size_t size = min_of(strlen(name), sizeof(lower));

        for (size_t i = 0; i < size; i++)
                lower[i] = (char)(name[i] >= 'A' && name[i] <= 'Z' ? name[i] + ('a' - 'A') : name[i]);
        json_text(out, slice_of(lower, size));
}

void json_role(struct json *out, uint64_t role)
{
        const char *name = role_text((unsigned)role);

        json_text(out, slice_text(name ? name : "none"));
}

const char *phase_name(enum core_phase phase)
{
        static const char *const names[] = {
                [CORE_LOADING] = "loading",
                [CORE_SIGNED_OUT] = "signed-out",
                [CORE_WAITS_FOR_CODE] = "waits-for-code",
                [CORE_WAITS_FOR_RESET] = "waits-for-reset",
                [CORE_OFFLINE] = "offline",
                [CORE_JOINING] = "joining",
                [CORE_READY] = "ready",
                [CORE_SYNCED] = "synced",
        };

        return names[phase];
}

static void put_role(struct json *out, uint64_t role)
{
        json_key(out, "role");
        json_role(out, role);
}

void json_person(struct json *out, const struct wire_person *person)
{
        json_open(out, '{');
        put_user(out, "user", person->user);
        put_text(out, "userName", person->user_name);
        put_text(out, "displayName", person->display_name);
        json_close(out, '}');
}

static void reactions(struct json *out, const struct wire_row *row)
{
        struct wire_iterator iterator;
        struct wire_reaction reaction;

        json_key(out, "reactions");
        json_open(out, '[');
        WIRE_LIST_START(&iterator, row, reactions, &row->reactions);
        while (wire_list_next(&iterator, &reaction)) {
                json_open(out, '{');
                put_text(out, "emoji", reaction.emoji);
                put_number(out, "people", reaction.people);
                json_close(out, '}');
        }
        json_close(out, ']');
}

void json_row(struct json *out, const struct wire_row *row)
{
        json_open(out, '{');
        put_number(out, "seq", row->seq);
        put_number(out, "changed", row->changed);
        put_number(out, "time", row->time_ms);
        put_user(out, "sender", row->sender);
        put_name(out, "kind", row_kind_text((unsigned)row->kind), "unknown");
        json_key(out, "request");
        json_id(out, &row->request);
        put_text(out, "text", row->text);
        if (row->subject)
                put_user(out, "subject", row->subject);
        if (row->role)
                put_role(out, row->role);
        if (row->heir)
                put_user(out, "heir", row->heir);
        if (row->reply_to)
                put_number(out, "replyTo", row->reply_to);
        if (row->edited_ms)
                put_number(out, "editedMs", row->edited_ms);
        reactions(out, row);
        if (row->reacted.size)
                put_text(out, "reacted", row->reacted);
        if (row->origin.size)
                put_text(out, "origin", row->origin);
        if (row->pinned)
                put_number(out, "pinned", row->pinned);
        json_close(out, '}');
}

void json_operation(struct json *out, const struct wire_operation *operation)
{
        json_open(out, '{');
        put_name(out, "kind", row_kind_text((unsigned)operation->kind), "unknown");
        if (operation->text.size)
                put_text(out, "text", operation->text);
        if (operation->subject)
                put_user(out, "subject", operation->subject);
        if (operation->role)
                put_role(out, operation->role);
        if (operation->link.size) {
                json_key(out, "link");
                json_hex(out, operation->link);
        }
        if (operation->target)
                put_number(out, "target", operation->target);
        if (operation->origin.size)
                put_text(out, "origin", operation->origin);
        if (operation->off)
                put_bool(out, "off", true);
        json_close(out, '}');
}

static const char *room_kind_name(enum room_kind kind)
{
        return kind == ROOM_GROUP ? "group" : kind == ROOM_SELF ? "self" : "personal";
}

void json_room(struct json *out, const struct core_room_info *info, uint64_t me)
{
        struct core_ticks ticks = core_ticks(info, me);

        json_key(out, "room");
        json_id(out, &info->room);
        put_text(out, "kind", slice_text(room_kind_name(info->kind)));
        put_bool(out, "left", info->left);
        put_number(out, "head", info->head);
        put_number(out, "holeTop", info->hole_top);
        put_number(out, "unread", info->unread);
        put_number(out, "lastTime", info->last_time_ms);
        json_key(out, "marks");
        json_open(out, '{');
        put_number(out, "delivered", info->marks.delivered);
        put_number(out, "read", info->marks.read);
        put_number(out, "shown", info->marks.shown);
        json_close(out, '}');
        json_key(out, "ticks");
        json_open(out, '{');
        put_number(out, "from", ticks.from);
        put_number(out, "delivered", ticks.delivered);
        put_number(out, "read", ticks.read);
        json_close(out, '}');
        if (info->peer.user) {
                json_key(out, "peer");
                json_person(out, &info->peer);
        }
        put_text(out, "title", info->title);
        put_role(out, info->role);
        put_number(out, "members", info->members);
        put_number(out, "queued", info->queued);
        put_bool(out, "bare", core_room_is_bare(info));
}
