/* What is asked of the server about the account; account.c sends it, and takes what comes of it. */
#include "core/account.h"

#include "core/state.h"
#include "rules/limits.h"
#include "rules/name.h"

#define REQUEST_BODY_MAX 1536 /* the largest: sign_up, 254 + 32 + 128 + 256 + 16 + 64 bytes and their tags */
#define CODE_MAX         16   /* bytes, as in messages.def */
#define DEVICE_NAME_MAX  128
#define INVITE_MAX       64

enum error account_ask(struct core *core, enum wire_code code, const void *message)
{
        const struct wire_structure *structure = wire_message_by_code((uint8_t)code)->structure;
        struct account_request *request;
        uint8_t *at;

        check(!core->account.request);
        request = recycler_take(&core->memory, sizeof(*request) + REQUEST_BODY_MAX);
        if (!request)
                return ERR_NO_MEMORY;
        request->size = REQUEST_BODY_MAX;
        at = wire_encode(structure, message, request->body, request->body + request->size);
        check(at);
        request->body_at = (uint32_t)(at - request->body);
        request->code = (uint8_t)code;
        request->id = core_new_id(core);
        core->account.request = request;
        if (core->link.state == LINK_DOWN && core->account.state != ACCOUNT_SIGNED_IN)
                core->link.retry_ms = core->now_ms; /* somebody waits for it */
        return ERR_OK;
}

static bool is_text(struct slice text, size_t max)
{
        return text.size > 0 && text.size <= max && slice_is_text(text);
}

static bool is_email(struct slice email)
{
        return is_text(email, EMAIL_MAX) && name_is_email(email);
}

static bool is_display_name(struct slice name)
{
        return is_text(name, DISPLAY_NAME_MAX) && name_is_display_name(name);
}

static bool is_password(struct slice password)
{
        return password.size > 0 && password.size <= PASSWORD_MAX;
}

static bool is_new_password(struct slice password)
{
        return password.size >= PASSWORD_MIN && password.size <= PASSWORD_MAX;
}

static bool is_device(const uint8_t secret[DEVICE_SECRET_SIZE], struct slice name)
{
        return is_text(name, DEVICE_NAME_MAX) && !account_is_zero(secret, DEVICE_SECRET_SIZE);
}

static enum error may_ask(const struct core *core)
{
        if (core->loader.state != LOADER_DONE)
                return ERR_AGAIN;
        if (core->account.state == ACCOUNT_SIGNED_IN)
                return ERR_NOT_NOW;
        return core->account.request ? ERR_FULL : ERR_OK;
}

enum error core_sign_up(struct core *core, struct slice email, struct slice user_name, struct slice display_name,
                        struct slice password, struct slice invite, struct core_time time)
{
        struct wire_sign_up message = {.email = email,
                                       .user_name = user_name,
                                       .display_name = display_name,
                                       .password = password,
                                       .language = core->language,
                                       .invite = invite};
        enum error error = may_ask(core);

        if (error)
                return error;
        if (!is_email(email) || !name_is_user_name(user_name) || !is_display_name(display_name) ||
            !is_new_password(password) || (invite.size && !is_text(invite, INVITE_MAX)))
                return ERR_BAD_FIELD;
        core_set_time(core, time);
        error = account_ask(core, WIRE_CODE_sign_up, &message);
        core_step(core);
        return error;
}

enum error core_confirm(struct core *core, struct slice code, const uint8_t device_secret[32], struct slice device_name,
                        struct core_time time)
{
        struct wire_confirm message = {.email = core->account.email,
                                       .code = code,
                                       .device_secret = slice_of(device_secret, DEVICE_SECRET_SIZE),
                                       .device_name = device_name,
                                       .sign_up = core->account.sign_up};
        enum error error = may_ask(core);

        if (error)
                return error;
        if (core->account.state != ACCOUNT_WAITS_FOR_CODE)
                return ERR_NOT_NOW;
        if (!is_text(code, CODE_MAX) || !is_device(device_secret, device_name))
                return ERR_BAD_FIELD;
        core_set_time(core, time);
        error = account_ask(core, WIRE_CODE_confirm, &message);
        core_step(core);
        return error;
}

enum error core_sign_in(struct core *core, struct slice login, struct slice password, const uint8_t device_secret[32],
                        struct slice device_name, struct core_time time)
{
        struct wire_sign_in message = {.login = login,
                                       .password = password,
                                       .device_secret = slice_of(device_secret, DEVICE_SECRET_SIZE),
                                       .device_name = device_name};
        enum error error = may_ask(core);

        if (error)
                return error;
        if (!is_text(login, EMAIL_MAX) || !is_password(password) || !is_device(device_secret, device_name))
                return ERR_BAD_FIELD;
        core_set_time(core, time);
        error = account_ask(core, WIRE_CODE_sign_in, &message);
        core_step(core);
        return error;
}

enum error core_adopt(struct core *core, uint64_t user, uint64_t device, const uint8_t token[40], struct core_time time)
{
        struct account *account = &core->account;
        enum error error = may_ask(core);

        if (error)
                return error;
        if (user == 0 || user > INT64_MAX || device == 0 || device > INT64_MAX || be64_get(token) != user)
                return ERR_BAD_FIELD;
        core_set_time(core, time);
        account->user = user;
        account->device = device;
        memcpy(account->token, token, sizeof(account->token));
        memset(account->secret, 0, sizeof(account->secret));
        account->person = (struct wire_person){.user = user};
        if (!account_keep(core, ACCOUNT_SIGNED_IN, false)) {
                account->user = 0;
                return ERR_NO_MEMORY;
        }
        core_step(core);
        return ERR_OK;
}

enum error core_reset(struct core *core, struct slice email, struct core_time time)
{
        struct wire_reset message = {.email = email, .language = core->language};
        enum error error = may_ask(core);

        if (error)
                return error;
        if (!is_email(email))
                return ERR_BAD_FIELD;
        core_set_time(core, time);
        error = account_ask(core, WIRE_CODE_reset, &message);
        core_step(core);
        return error;
}

enum error core_reset_confirm(struct core *core, struct slice code, struct slice password, const uint8_t device_secret[32],
                              struct slice device_name, struct core_time time)
{
        struct wire_reset_confirm message = {.email = core->account.email,
                                             .code = code,
                                             .device_secret = slice_of(device_secret, DEVICE_SECRET_SIZE),
                                             .device_name = device_name,
                                             .reset = core->account.sign_up,
                                             .password = password};
        enum error error = may_ask(core);

        if (error)
                return error;
        if (core->account.state != ACCOUNT_WAITS_FOR_RESET)
                return ERR_NOT_NOW;
        if (!is_text(code, CODE_MAX) || !is_new_password(password) || !is_device(device_secret, device_name))
                return ERR_BAD_FIELD;
        core_set_time(core, time);
        error = account_ask(core, WIRE_CODE_reset_confirm, &message);
        core_step(core);
        return error;
}

/* ---- what is asked by who is signed in ---- */

static enum error ask_signed_in(struct core *core, enum wire_code code, const void *message, bool good,
                                struct core_time time)
{
        enum error error;

        if (core->account.state != ACCOUNT_SIGNED_IN)
                return ERR_NOT_NOW;
        if (!good)
                return ERR_BAD_FIELD;
        if (core->account.request)
                return ERR_FULL;
        core_set_time(core, time);
        error = account_ask(core, code, message);
        core_step(core);
        return error;
}

enum error core_sign_out(struct core *core, uint64_t device, struct core_time time)
{
        struct wire_sign_out message = {.device = device, .has = WIRE_HAS(sign_out, device)};

        return ask_signed_in(core, WIRE_CODE_sign_out, &message, device <= INT64_MAX, time);
}

enum error core_sign_out_others(struct core *core, struct core_time time)
{
        struct wire_sign_out message = {.others = 1};

        return ask_signed_in(core, WIRE_CODE_sign_out, &message, true, time);
}

enum error core_set_password(struct core *core, struct slice password, struct slice new_password, bool others,
                             struct core_time time)
{
        struct wire_set_password message = {.password = password, .new_password = new_password, .others = others};

        return ask_signed_in(core, WIRE_CODE_set_password, &message, is_password(password) && is_new_password(new_password),
                             time);
}

enum error core_set_profile(struct core *core, struct slice user_name, struct slice display_name, struct core_time time)
{
        struct wire_set_profile message = {.user_name = user_name, .display_name = display_name};
        bool good = user_name.size || display_name.size;

        good = good && (!user_name.size || name_is_user_name(user_name));
        good = good && (!display_name.size || is_display_name(display_name));
        return ask_signed_in(core, WIRE_CODE_set_profile, &message, good, time);
}

enum error core_set_email(struct core *core, struct slice email, struct slice password, struct core_time time)
{
        struct wire_set_email message = {.email = email, .password = password, .language = core->language};

        return ask_signed_in(core, WIRE_CODE_set_email, &message, is_email(email) && is_password(password), time);
}

enum error core_confirm_email(struct core *core, struct slice code, struct core_time time)
{
        const struct account *account = &core->account;
        struct wire_confirm_email message = {.email = account->email, .code = code, .set_email = account->sign_up};

        if (account->state == ACCOUNT_SIGNED_IN && (id_is_zero(&account->sign_up) || account->email.size == 0))
                return ERR_NOT_NOW;
        return ask_signed_in(core, WIRE_CODE_confirm_email, &message, is_text(code, CODE_MAX), time);
}

enum error core_block(struct core *core, uint64_t user, bool on, struct core_time time)
{
        struct wire_block message = {.user = user, .on = on};

        return ask_signed_in(core, WIRE_CODE_block, &message, user > 0 && user <= INT64_MAX && user != core->account.user,
                             time);
}

enum error core_delete_account(struct core *core, struct slice password, struct core_time time)
{
        struct wire_delete_account message = {.password = password};

        return ask_signed_in(core, WIRE_CODE_delete_account, &message, is_password(password), time);
}
