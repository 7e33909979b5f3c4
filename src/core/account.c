/* Sign-up, confirmation, sign-in, renewal, sign-out. */
#include "core/account.h"

#include "core/state.h"
#include "rules/limits.h"
#include "rules/name.h"

#define REQUEST_BODY_MAX 1536 /* the largest: sign_up, 254 + 32 + 128 + 256 + 16 bytes and their tags */
#define RETRY_FIRST_MS   1000

static bool is_zero(const uint8_t *bytes, size_t size)
{
        uint8_t any = 0;

        for (size_t i = 0; i < size; i++)
                any |= bytes[i];
        return any == 0;
}

/* ---- the record ---- */

bool account_take_person(struct core *core, const struct wire_person *person)
{
        struct account *account = &core->account;
        struct slice user_name, display_name;

        if (!recycler_copy(&core->memory, person->user_name, &user_name))
                return false;
        if (!recycler_copy(&core->memory, person->display_name, &display_name)) {
                recycler_give_copy(&core->memory, &user_name);
                return false;
        }
        recycler_give_copy(&core->memory, &account->person.user_name);
        recycler_give_copy(&core->memory, &account->person.display_name);
        account->person = *person;
        account->person.user_name = user_name;
        account->person.display_name = display_name;
        return true;
}

static bool take_email(struct core *core, struct slice email)
{
        struct slice copy;

        if (!recycler_copy(&core->memory, email, &copy))
                return false;
        recycler_give_copy(&core->memory, &core->account.email);
        core->account.email = copy;
        return true;
}

bool account_restore(struct core *core, const struct record_profile *profile)
{
        struct account *account = &core->account;

        if (!take_email(core, profile->email) || !account_take_person(core, &profile->person))
                return false;
        account->state = profile->state;
        account->user = profile->user;
        account->device = profile->device;
        memcpy(account->token, profile->token, sizeof(account->token));
        memcpy(account->secret, profile->secret, sizeof(account->secret));
        account->era = profile->era;
        account->sign_up = profile->sign_up;
        return true;
}

bool account_keep(struct core *core, enum account_state state, bool sign)
{
        struct account *account = &core->account;
        struct record_profile profile = {.state = state,
                                         .user = account->user,
                                         .device = account->device,
                                         .era = account->era,
                                         .sign_up = account->sign_up,
                                         .email = account->email,
                                         .person = account->person};
        uint8_t key[CORE_KEY_SIZE_MAX];
        struct batch_item *item;
        uint8_t *value;

        item = batch_item_new(core, EFFECT_ACCOUNT, slice_of(key, record_key_profile(key)),
                              RECORD_PROFILE_EXTRA + account->email.size + account->person.user_name.size +
                                      account->person.display_name.size);
        if (!item)
                return false;
        memcpy(profile.token, account->token, sizeof(profile.token));
        memcpy(profile.secret, account->secret, sizeof(profile.secret));
        value = record_profile_encode(&profile, batch_value(item), batch_value_end(item));
        check(value);
        item->number = state;
        item->sign = sign;
        batch_add(core, item, value);
        return true;
}

void account_was_kept(struct core *core, const struct batch_item *item)
{
        /* After a sign-out an older record may still be on its way through the host; the drop behind it removes it. */
        if (core->account.user == 0 && item->number == ACCOUNT_SIGNED_IN)
                return;
        core->account.state = (enum account_state)item->number;
}

bool account_take_token(struct core *core, struct slice token)
{
        check(token.size == 0 || token.size == WIRE_TOKEN_SIZE);
        if (token.size)
                memcpy(core->account.token, token.data, token.size);
        return account_keep(core, ACCOUNT_SIGNED_IN, false);
}

bool account_comes_first(const struct core *core)
{
        return core->account.request && core->account.request->code != WIRE_CODE_sign_out;
}

/* ---- asking ---- */

static void request_free(struct core *core)
{
        struct account_request *request = core->account.request;

        if (!request)
                return;
        core->account.request = NULL;
        memset(request->body, 0, request->size); /* passwords */
        recycler_give(&core->memory, request, sizeof(*request) + request->size);
}

static enum error ask(struct core *core, enum wire_code code, const void *message)
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

static enum error may_ask(const struct core *core)
{
        if (core->loader.state != LOADER_DONE)
                return ERR_AGAIN;
        if (core->account.state == ACCOUNT_SIGNED_IN)
                return ERR_NOT_NOW;
        return core->account.request ? ERR_FULL : ERR_OK;
}

enum error core_sign_up(struct core *core, struct slice email, struct slice user_name, struct slice display_name,
                        struct slice password, struct core_time time)
{
        struct wire_sign_up message = {.email = email,
                                       .user_name = user_name,
                                       .display_name = display_name,
                                       .password = password,
                                       .language = core->language};
        enum error error = may_ask(core);

        if (error)
                return error;
        if (!is_text(email, EMAIL_MAX) || !name_is_email(email) || !name_is_user_name(user_name) ||
            !is_text(display_name, DISPLAY_NAME_MAX) || !name_is_display_name(display_name) ||
            password.size < PASSWORD_MIN || password.size > 256)
                return ERR_BAD_FIELD;
        core_set_time(core, time);
        error = ask(core, WIRE_CODE_sign_up, &message);
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
        if (!is_text(code, 16) || !is_text(device_name, 128) || is_zero(device_secret, DEVICE_SECRET_SIZE))
                return ERR_BAD_FIELD;
        core_set_time(core, time);
        error = ask(core, WIRE_CODE_confirm, &message);
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
        if (!is_text(login, EMAIL_MAX) || password.size == 0 || password.size > 256 || !is_text(device_name, 128) ||
            is_zero(device_secret, DEVICE_SECRET_SIZE))
                return ERR_BAD_FIELD;
        core_set_time(core, time);
        error = ask(core, WIRE_CODE_sign_in, &message);
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

enum error core_sign_out(struct core *core, uint64_t device, struct core_time time)
{
        struct wire_sign_out message = {.device = device, .has = WIRE_HAS(sign_out, device)};
        enum error error;

        if (core->account.state != ACCOUNT_SIGNED_IN)
                return ERR_NOT_NOW;
        if (device > INT64_MAX)
                return ERR_BAD_FIELD;
        if (core->account.request)
                return ERR_FULL;
        core_set_time(core, time);
        error = ask(core, WIRE_CODE_sign_out, &message);
        core_step(core);
        return error;
}

void account_renew(struct core *core)
{
        struct account *account = &core->account;
        struct wire_renew message = {.user = account->user,
                                     .device = account->device,
                                     .device_secret = slice_of(account->secret, sizeof(account->secret))};

        if (account->request && account->request->code == WIRE_CODE_renew)
                return;
        if (is_zero(account->secret, sizeof(account->secret))) {
                account_revoked(core); /* nothing to prove ourselves with */
                return;
        }
        request_free(core); /* a sign-out that cannot be said any more */
        if (ask(core, WIRE_CODE_renew, &message) != ERR_OK)
                link_close(core, 0);
}

/* ---- sending, and what comes of it ---- */

union account_message {
        struct wire_sign_up sign_up;
        struct wire_confirm confirm;
        struct wire_sign_in sign_in;
        struct wire_renew renew;
        struct wire_sign_out sign_out;
};

static void request_read(const struct account_request *request, union account_message *message)
{
        const struct wire_structure *structure = wire_message_by_code(request->code)->structure;
        struct slice body = slice_of(request->body + request->body_at, request->size - request->body_at);

        check(wire_decode(structure, body, message, NULL) == ERR_OK);
}

/* Sign-out needs a link that is signed in; the others one that is not. */
static bool may_send(const struct core *core, const struct account_request *request)
{
        if (request->code == WIRE_CODE_sign_out)
                return core->link.state == LINK_READY;
        return core->link.state == LINK_WELCOME;
}

void account_step(struct core *core)
{
        struct account_request *request = core->account.request;
        union account_message message;

        if (request && !request->in_flight && request->retry_ms <= core->now_ms && may_send(core, request)) {
                request_read(request, &message);
                if (request_send(core, request->code, &request->id, NULL, &message))
                        request->in_flight = true;
                else
                        link_close(core, 0);
        }
}

uint64_t account_due(const struct core *core)
{
        const struct account_request *request = core->account.request;

        if (!request || request->in_flight || !may_send(core, request))
                return UINT64_MAX;
        return request->retry_ms;
}

static bool signed_in(struct core *core, const struct wire_signed_in *answer)
{
        struct account *account = &core->account;
        union account_message message;
        bool renewed = account->request->code == WIRE_CODE_renew;

        if (answer->device == 0 || answer->token.size != WIRE_TOKEN_SIZE || answer->profile.user == 0 ||
            be64_get(answer->token.data) != answer->profile.user)
                return false;
        if (renewed && (answer->profile.user != account->user || answer->device != account->device))
                return false;
        if (!account_take_person(core, &answer->profile))
                return false;
        request_read(account->request, &message);
        if (account->request->code == WIRE_CODE_confirm)
                memcpy(account->secret, message.confirm.device_secret.data, sizeof(account->secret));
        if (account->request->code == WIRE_CODE_sign_in)
                memcpy(account->secret, message.sign_in.device_secret.data, sizeof(account->secret));
        account->user = answer->profile.user;
        account->device = answer->device;
        memcpy(account->token, answer->token.data, sizeof(account->token));
        if (!account_keep(core, ACCOUNT_SIGNED_IN, !renewed))
                return false;
        request_free(core);
        return true;
}

static bool code_was_sent(struct core *core)
{
        union account_message message;

        request_read(core->account.request, &message);
        if (!take_email(core, message.sign_up.email))
                return false;
        core->account.sign_up = core->account.request->id;
        if (!account_keep(core, ACCOUNT_WAITS_FOR_CODE, true))
                return false;
        request_free(core);
        return true;
}

static void tell(struct core *core, enum error error)
{
        core->account.sign_due = true;
        core->account.sign_error = (uint8_t)error;
}

bool account_answered(struct core *core, struct request *request, const struct wire_frame *frame, const void *message)
{
        struct account_request *mine = core->account.request;
        union account_message asked;

        if (!mine || !id_equal(&mine->id, &request->id))
                return true;
        mine->in_flight = false;
        if (frame->code == WIRE_CODE_signed_in)
                return signed_in(core, message);
        if (frame->code == WIRE_CODE_code_sent)
                return code_was_sent(core);
        check(frame->code == WIRE_CODE_done);
        request_read(mine, &asked);
        if (asked.sign_out.device == 0 || asked.sign_out.device == core->account.device) {
                account_revoked(core);
        } else {
                request_free(core);
                tell(core, ERR_OK);
        }
        return true;
}

void account_failed(struct core *core, struct request *request, enum error error, uint64_t retry_after_ms)
{
        struct account_request *mine = core->account.request;
        enum error_class class = error_class((unsigned)error);

        if (!mine || !id_equal(&mine->id, &request->id))
                return;
        mine->in_flight = false;
        if (error == ERR_CLOSED)
                return;
        if (class == ERROR_CLASS_REFUSED && error != ERR_LATE && error != ERR_NOT_NOW) {
                bool renewal = mine->code == WIRE_CODE_renew;
                bool out = error == ERR_REVOKED || error == ERR_BAD_TOKEN || (renewal && error == ERR_BAD_LOGIN);

                if (out && (renewal || mine->code == WIRE_CODE_sign_out)) {
                        account_revoked(core);
                        return;
                }
                if (!renewal) {
                        request_free(core);
                        tell(core, error);
                        return;
                }
                /* It does not say that this device is out: what is stored, the outbox too, is not thrown away for that. */
        }
        mine->retry_ms =
                core->now_ms + max_of(retry_after_ms, core_pause_ms(core, mine->tries, RETRY_FIRST_MS, CORE_RETRY_MAX_MS));
        mine->tries = (uint8_t)min_of(mine->tries + 1, 30);
}

void account_revoked(struct core *core)
{
        struct account *account = &core->account;
        bool asked = account->request && account->request->code == WIRE_CODE_sign_out;

        if (account->state != ACCOUNT_SIGNED_IN)
                return;
        request_free(core);
        link_close(core, 0);
        if (!core_forget(core, false, asked ? ERR_OK : ERR_REVOKED))
                return; /* the next link hears the same */
        recycler_give_copy(&core->memory, &account->email);
        recycler_give_copy(&core->memory, &account->person.user_name);
        recycler_give_copy(&core->memory, &account->person.display_name);
        *account = (struct account){.state = ACCOUNT_NONE};
        if (asked)
                tell(core, ERR_OK);
}
