/* What the user does. Each takes what its function in core.h takes, in that order; who asks a question gets its id. */
#include "base/assert.h"
#include "glue.h"
#include "rules/limits.h"
#include "rules/setting.h"

#define SECRET_SIZE 32
#define WATCHED_MAX 64

/* Arguments are taken into variables first: C does not say in which order a call's arguments come about. */
#define VERB(name) static enum error verb_##name(struct glue *glue, struct args *args, struct json *out)

/* Ends a verb whose arguments must be right: what the core said, and nothing else. */
#define DO(call)                                                                                                            \
        (void)out;                                                                                                          \
        return args->bad ? ERR_BAD_FIELD : (call)

static enum error give_id(struct json *out, enum error error, const struct id *id)
{
        if (!error)
                json_id(out, id);
        return error;
}

/* ---- the account ---- */

VERB(sign_up)
{
        struct slice email = args_bytes(args), user_name = args_bytes(args), display_name = args_bytes(args);
        struct slice password = args_bytes(args), invite = args_bytes(args);

        DO(core_sign_up(glue->core, email, user_name, display_name, password, invite, glue->time));
}

static struct slice secret_of(struct args *args)
{
        struct slice secret = args_bytes(args);

        args->bad |= secret.size != SECRET_SIZE;
        return secret;
}

VERB(confirm)
{
        struct slice code = args_bytes(args), secret = secret_of(args), device = args_bytes(args);

        DO(core_confirm(glue->core, code, secret.data, device, glue->time));
}

VERB(sign_in)
{
        struct slice login = args_bytes(args), password = args_bytes(args), secret = secret_of(args);
        struct slice device = args_bytes(args);

        DO(core_sign_in(glue->core, login, password, secret.data, device, glue->time));
}

VERB(reset)
{
        struct slice email = args_bytes(args);

        DO(core_reset(glue->core, email, glue->time));
}

VERB(reset_confirm)
{
        struct slice code = args_bytes(args), password = args_bytes(args), secret = secret_of(args);
        struct slice device = args_bytes(args);

        DO(core_reset_confirm(glue->core, code, password, secret.data, device, glue->time));
}

VERB(cancel)
{
        DO(core_cancel(glue->core, glue->time));
}

VERB(start_over)
{
        DO(core_start_over(glue->core, glue->time));
}

VERB(set_password)
{
        struct slice password = args_bytes(args), next = args_bytes(args);
        uint64_t others = args_number(args);

        DO(core_set_password(glue->core, password, next, others != 0, glue->time));
}

VERB(set_profile)
{
        struct slice user_name = args_bytes(args), display_name = args_bytes(args);

        DO(core_set_profile(glue->core, user_name, display_name, glue->time));
}

VERB(set_email)
{
        struct slice email = args_bytes(args), password = args_bytes(args);

        DO(core_set_email(glue->core, email, password, glue->time));
}

VERB(confirm_email)
{
        struct slice code = args_bytes(args);

        DO(core_confirm_email(glue->core, code, glue->time));
}

VERB(block)
{
        uint64_t user = args_user(args), on = args_number(args);

        DO(core_block(glue->core, user, on != 0, glue->time));
}

VERB(delete_account)
{
        struct slice password = args_bytes(args);

        DO(core_delete_account(glue->core, password, glue->time));
}

VERB(sign_out)
{
        uint64_t device = args_user(args);

        DO(core_sign_out(glue->core, device, glue->time));
}

VERB(sign_out_others)
{
        DO(core_sign_out_others(glue->core, glue->time));
}

/* ---- writing ---- */

VERB(write)
{
        uint8_t link[16];
        struct id room = args_id(args), id = {0};
        struct wire_operation operation = args_operation(args, link);

        if (args->bad)
                return ERR_BAD_FIELD;
        return give_id(out, core_write(glue->core, &room, &operation, &id, glue->time), &id);
}

VERB(create_group)
{
        struct slice title = args_bytes(args);
        struct id room;

        if (args->bad)
                return ERR_BAD_FIELD;
        return give_id(out, core_create_group(glue->core, title, &room, glue->time), &room);
}

VERB(set)
{
        struct slice key = args_bytes(args), value = args_bytes(args);

        DO(core_set(glue->core, key, value, glue->time));
}

static bool setting_named(struct slice name, enum room_setting *setting)
{
        static const char *const names[] = {
                [SETTING_MUTE] = "mute", [SETTING_ARCHIVE] = "archive", [SETTING_PIN] = "pin", [SETTING_DRAFT] = "draft"};

        for (size_t i = 0; i < countof(names); i++) {
                *setting = (enum room_setting)i;
                if (slice_equal(slice_text(names[i]), name))
                        return true;
        }
        return false;
}

VERB(set_room)
{
        struct id room = args_id(args);
        struct slice name = args_bytes(args), value = args_bytes(args);
        enum room_setting setting;

        args->bad |= !setting_named(name, &setting);
        DO(core_set_room(glue->core, &room, setting, value, glue->time));
}

VERB(retry)
{
        struct id room = args_id(args), id = args_id(args);

        DO(core_retry(glue->core, &room, &id, glue->time));
}

VERB(discard)
{
        struct id room = args_id(args), id = args_id(args);

        DO(core_discard(glue->core, &room, &id, glue->time));
}

/* ---- reading, and what is on the screen ---- */

VERB(read)
{
        struct id room = args_id(args);
        uint64_t seq = args_number(args);

        (void)out;
        if (args->bad)
                return ERR_BAD_FIELD;
        core_read(glue->core, &room, seq, glue->time);
        return ERR_OK;
}

VERB(typing)
{
        struct id room = args_id(args);

        (void)out;
        if (args->bad)
                return ERR_BAD_FIELD;
        core_typing(glue->core, &room, glue->time);
        return ERR_OK;
}

/* the open room, or nothing; users */
VERB(watch)
{
        bool open = !args_no_id(args);
        struct id room = open ? args_id(args) : (struct id){0};
        uint64_t users[WATCHED_MAX];
        size_t count = 0;

        while (args_left(args) && count < countof(users))
                users[count++] = args_user(args);
        DO(core_watch(glue->core, users, count, open ? &room : NULL, glue->time));
}

VERB(history)
{
        struct id room = args_id(args);
        uint64_t seq = args_number(args), rows = args_number(args);

        DO(core_history(glue->core, &room, seq, (uint32_t)min_of(rows, UINT64_C(10000)), glue->time));
}

VERB(around)
{
        struct id room = args_id(args), id;
        uint64_t seq = args_number(args), time_ms = args_number(args), rows = args_number(args);

        if (args->bad)
                return ERR_BAD_FIELD;
        rows = min_of(rows, UINT64_C(10000));
        return give_id(out, core_around(glue->core, &room, seq, time_ms, (uint32_t)rows, &id, glue->time), &id);
}

VERB(pins)
{
        struct id room = args_id(args), id;
        uint64_t before = args_number(args);

        if (args->bad)
                return ERR_BAD_FIELD;
        return give_id(out, core_pins(glue->core, &room, before, PINS_MAX, &id, glue->time), &id);
}

VERB(reactors)
{
        struct id room = args_id(args), id;
        uint64_t seq = args_number(args);

        if (args->bad)
                return ERR_BAD_FIELD;
        return give_id(out, core_reactors(glue->core, &room, seq, &id, glue->time), &id);
}

VERB(members)
{
        struct id room = args_id(args), id;
        uint64_t after = args_user(args);

        if (args->bad)
                return ERR_BAD_FIELD;
        return give_id(out, core_members(glue->core, &room, after, &id, glue->time), &id);
}

VERB(find)
{
        struct slice name = args_bytes(args);
        struct id id;

        if (args->bad)
                return ERR_BAD_FIELD;
        return give_id(out, core_find(glue->core, name, &id, glue->time), &id);
}

/* text, room or nothing, and, of a place to go on from, room, number, time */
VERB(search)
{
        struct slice text = args_bytes(args);
        bool all = args_no_id(args), on;
        struct id room = all ? (struct id){0} : args_id(args), id;
        struct wire_place place = {0};

        on = args_left(args);
        if (on) {
                place.room = args_id(args);
                place.seq = args_number(args);
                place.time_ms = args_number(args);
        }
        if (args->bad)
                return ERR_BAD_FIELD;
        place.has = WIRE_HAS(place, room) | WIRE_HAS(place, seq) | WIRE_HAS(place, time_ms);
        return give_id(
                out, core_search(glue->core, text, all ? NULL : &room, on ? &place : NULL, SEARCH_HITS_MAX, &id, glue->time),
                &id);
}

VERB(devices)
{
        struct id id;

        (void)args;
        return give_id(out, core_devices(glue->core, &id, glue->time), &id);
}

VERB(invite)
{
        uint64_t uses = args_number(args), valid_ms = args_number(args);
        struct id id;

        if (args->bad)
                return ERR_BAD_FIELD;
        return give_id(out, core_invite(glue->core, uses, valid_ms, &id, glue->time), &id);
}

#define LINE(name)                                                                                                          \
        {                                                                                                                   \
#name, verb_##name, false                                                                                   \
        }

const struct verb verbs_user[] = {
        LINE(sign_up),        LINE(confirm),       LINE(sign_in),
        LINE(reset),          LINE(reset_confirm), LINE(cancel),
        LINE(start_over),     LINE(set_password),  LINE(set_profile),
        LINE(set_email),      LINE(confirm_email), LINE(block),
        LINE(delete_account), LINE(sign_out),      LINE(sign_out_others),
        LINE(write),          LINE(create_group),  LINE(set),
        LINE(set_room),       LINE(retry),         LINE(discard),
        LINE(read),           LINE(typing),        LINE(watch),
        LINE(history),        LINE(around),        LINE(pins),
        LINE(reactors),       LINE(members),       LINE(find),
        LINE(search),         LINE(devices),       LINE(invite),
        {NULL, NULL, false},
};
