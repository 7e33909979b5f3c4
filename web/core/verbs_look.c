/* What the core knows, asked at any time. */
#include "base/assert.h"
#include "glue.h"
#include "rules/setting.h"

#define TYPISTS_MAX 16 /* more than the core tells of */

/* phase, me, refused, invites, nextConnect (wall clock; 0: not known) */
static enum error verb_state(struct glue *glue, struct args *args, struct json *out)
{
        const struct core *core = glue->core;
        struct wire_person me = core_profile(core);
        uint64_t connect = core_connect_ms(core);

        (void)args;
        json_open(out, '{');
        json_key(out, "phase");
        json_text(out, slice_text(phase_name(core_phase(core))));
        if (core_user(core)) {
                me.user = core_user(core);
                json_key(out, "me");
                json_open(out, '{');
                json_key(out, "person");
                json_person(out, &me);
                json_key(out, "device");
                json_user(out, core_device(core));
                json_close(out, '}');
        }
        if (core_refused(core)) {
                json_key(out, "refused");
                json_error(out, core_refused(core));
        }
        json_key(out, "invites");
        json_bool(out, core_may_invite(core));
        json_key(out, "nextConnect");
        json_number(out, connect == UINT64_MAX ? 0 : glue->time.wall_ms + connect - min_of(connect, glue->time.now_ms));
        json_close(out, '}');
        return ERR_OK;
}

static void number(struct json *out, const char *key, uint64_t value)
{
        json_key(out, key);
        json_number(out, value);
}

static void settings(struct json *out, const struct glue *glue, const struct core_room_info *info)
{
        struct room_settings settings = core_room_settings(glue->core, &info->room);

        json_key(out, "settings");
        json_open(out, '{');
        json_key(out, "mutedUntil");
        if (settings.muted_until_ms == SETTING_FOREVER)
                json_endless(out);
        else
                json_number(out, settings.muted_until_ms);
        json_key(out, "muted");
        json_bool(out, room_is_muted(&settings, glue->time.wall_ms));
        json_key(out, "archived");
        json_bool(out, room_is_archived(&settings, info->last_time_ms, glue->time.wall_ms));
        number(out, "pin", settings.pin);
        json_key(out, "draft");
        json_text(out, settings.draft);
        number(out, "draftReplyTo", settings.draft_reply_to);
        json_close(out, '}');
}

static void room(struct json *out, const struct glue *glue, const struct core_room_info *info)
{
        json_open(out, '{');
        json_room(out, info, core_user(glue->core));
        settings(out, glue, info);
        json_close(out, '}');
}

/* room */
static enum error verb_room(struct glue *glue, struct args *args, struct json *out)
{
        struct id id = args_id(args);
        struct core_room_info info;
        enum error error;

        if (args->bad)
                return ERR_BAD_FIELD;
        error = core_room_info(glue->core, &id, &info);
        if (!error)
                room(out, glue, &info);
        return error;
}

/* the first one's place by last activity, how many */
static enum error verb_rooms(struct glue *glue, struct args *args, struct json *out)
{
        uint64_t first = args_number(args), count = args_number(args);
        struct core_room_info info;

        if (args->bad || first > UINT32_MAX)
                return ERR_BAD_FIELD;
        json_open(out, '[');
        for (uint32_t i = (uint32_t)first; i - first < count && core_room_at(glue->core, i, &info); i++)
                room(out, glue, &info);
        json_close(out, ']');
        return ERR_OK;
}

/* All that have a value. */
static enum error verb_settings(struct glue *glue, struct args *args, struct json *out)
{
        struct core_setting setting;

        (void)args;
        json_open(out, '{');
        for (uint32_t i = 0; core_setting_at(glue->core, i, &setting); i++) {
                if (setting.value.size == 0)
                        continue;
                json_key_of(out, setting.key);
                json_text(out, setting.value);
        }
        json_close(out, '}');
        return ERR_OK;
}

static enum error verb_blocks(struct glue *glue, struct args *args, struct json *out)
{
        uint64_t user;

        (void)args;
        json_open(out, '[');
        for (uint32_t i = 0; (user = core_blocked_at(glue->core, i)) != 0; i++)
                json_user(out, user);
        json_close(out, ']');
        return ERR_OK;
}

/* user: online is left out where it is not known */
static enum error verb_status(struct glue *glue, struct args *args, struct json *out)
{
        uint64_t user = args_user(args);
        bool online;

        if (args->bad)
                return ERR_BAD_FIELD;
        json_open(out, '{');
        json_key(out, "user");
        json_user(out, user);
        if (core_status(glue->core, user, &online)) {
                json_key(out, "online");
                json_bool(out, online);
        }
        number(out, "seen", core_seen_ms(glue->core, user));
        json_close(out, '}');
        return ERR_OK;
}

/* room */
static enum error verb_typists(struct glue *glue, struct args *args, struct json *out)
{
        struct id id = args_id(args);
        uint64_t users[TYPISTS_MAX];
        size_t count;

        if (args->bad)
                return ERR_BAD_FIELD;
        count = core_typists(glue->core, &id, users, countof(users));
        json_open(out, '[');
        for (size_t i = 0; i < count; i++)
                json_user(out, users[i]);
        json_close(out, ']');
        return ERR_OK;
}

/* user: null while he is not known */
static enum error verb_person(struct glue *glue, struct args *args, struct json *out)
{
        uint64_t user = args_user(args);
        struct wire_person person;

        if (args->bad || user == 0)
                return ERR_BAD_FIELD;
        if (core_person(glue->core, user, &person))
                json_person(out, &person);
        else
                json_null(out);
        return ERR_OK;
}

const struct verb verbs_look[] = {
        {"state", verb_state, false},       {"room", verb_room, false},     {"rooms", verb_rooms, false},
        {"settings", verb_settings, false}, {"blocks", verb_blocks, false}, {"status", verb_status, false},
        {"typists", verb_typists, false},   {"person", verb_person, false}, {NULL, NULL, false},
};
