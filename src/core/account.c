/* Sign-up, confirmation, sign-in, renewal, sign-out, reset; what is changed of an account. */
#include "core/account.h"

#include "core/state.h"

#define RETRY_FIRST_MS 1000

bool account_is_zero(const uint8_t *bytes, size_t size)
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

/* Asked by who is signed in: over a link that is. */
static bool is_of_signed_in(const struct account_request *request)
{
        return wire_message_by_code(request->code)->who == WIRE_SIGNED_IN;
}

bool account_ends(const struct core *core)
{
        return core->link.state == LINK_READY && core->account.request &&
               core->account.request->code == WIRE_CODE_delete_account;
}

bool account_comes_first(const struct core *core)
{
        return core->account.request && !is_of_signed_in(core->account.request);
}

/* ---- the request ---- */

static void request_free(struct core *core)
{
        struct account_request *request = core->account.request;

        if (!request)
                return;
        core->account.request = NULL;
        memset(request->body, 0, request->size); /* passwords */
        recycler_give(&core->memory, request, sizeof(*request) + request->size);
}

static void tell(struct core *core, enum error error, uint64_t wait_ms)
{
        core->account.sign_due = true;
        core->account.sign_error = (uint8_t)error;
        core->account.sign_wait_ms = wait_ms;
        core->account.sign_head = 0;
}

void account_renew(struct core *core)
{
        struct account *account = &core->account;
        struct wire_renew message = {.user = account->user,
                                     .device = account->device,
                                     .device_secret = slice_of(account->secret, sizeof(account->secret))};

        if (account->request && account->request->code == WIRE_CODE_renew)
                return;
        if (account_is_zero(account->secret, sizeof(account->secret))) {
                account_revoked(core); /* nothing to prove ourselves with */
                return;
        }
        if (account->request && account->request->code != WIRE_CODE_sign_out)
                tell(core, ERR_AGAIN, 0);
        request_free(core); /* what was asked over a link that is not signed in any more */
        if (account_ask(core, WIRE_CODE_renew, &message) != ERR_OK)
                link_close(core, 0);
}

/* ---- sending, and what comes of it ---- */

union account_message {
        struct wire_sign_up sign_up;
        struct wire_confirm confirm;
        struct wire_sign_in sign_in;
        struct wire_renew renew;
        struct wire_sign_out sign_out;
        struct wire_reset reset;
        struct wire_reset_confirm reset_confirm;
        struct wire_set_password set_password;
        struct wire_set_profile set_profile;
        struct wire_set_email set_email;
        struct wire_confirm_email confirm_email;
        struct wire_delete_account delete_account;
        struct wire_block block;
};

static void request_read(const struct account_request *request, union account_message *message)
{
        const struct wire_structure *structure = wire_message_by_code(request->code)->structure;
        struct slice body = slice_of(request->body + request->body_at, request->size - request->body_at);

        check(wire_decode(structure, body, message, NULL) == ERR_OK);
}

static bool may_send(const struct core *core, const struct account_request *request)
{
        return core->link.state == (is_of_signed_in(request) ? LINK_READY : LINK_WELCOME) &&
               (!account_ends(core) || core->requests.count == 0);
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
        if (account->request->code == WIRE_CODE_reset_confirm)
                memcpy(account->secret, message.reset_confirm.device_secret.data, sizeof(account->secret));
        if (!renewed)
                account->sign_up = (struct id){0};
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
        struct account_request *request = core->account.request;
        enum account_state state = ACCOUNT_WAITS_FOR_CODE;
        union account_message message;
        struct slice email;

        request_read(request, &message);
        if (request->code == WIRE_CODE_sign_up) {
                email = message.sign_up.email;
        } else if (request->code == WIRE_CODE_reset) {
                email = message.reset.email;
                state = ACCOUNT_WAITS_FOR_RESET;
        } else {
                email = message.set_email.email;
                state = ACCOUNT_SIGNED_IN;
        }
        if (!take_email(core, email))
                return false;
        core->account.sign_up = request->id;
        if (!account_keep(core, state, true))
                return false;
        request_free(core);
        return true;
}

/* What was asked for counts, not what the answer says of whom. */
static bool was_blocked(struct core *core, const struct wire_blocked *answer)
{
        union account_message asked;

        request_read(core->account.request, &asked);
        request_free(core);
        tell(core, ERR_OK, 0);
        core->account.sign_head = answer->head;
        return blocks_moved(core, asked.block.user, asked.block.on != 0);
}

static bool profile_was_set(struct core *core, const struct wire_profile_set *answer)
{
        if (answer->profile.user != core->account.user || !account_take_person(core, &answer->profile) ||
            !account_keep(core, ACCOUNT_SIGNED_IN, true))
                return false;
        request_free(core);
        return true;
}

/* Everything stored here goes; `error` is what is told of it. False: no memory. */
static bool leave(struct core *core, enum error error)
{
        struct account *account = &core->account;

        request_free(core);
        link_close(core, 0);
        if (!core_forget(core, false, error))
                return false; /* the next link hears the same */
        recycler_give_copy(&core->memory, &account->email);
        recycler_give_copy(&core->memory, &account->person.user_name);
        recycler_give_copy(&core->memory, &account->person.display_name);
        *account = (struct account){.state = ACCOUNT_NONE};
        if (error == ERR_OK)
                tell(core, ERR_OK, 0);
        return true;
}

/* ---- not any more ---- */

/* The link of who is signed in is for more than that, so it stands, and an answer finds nobody (answered_late). A renewal is nobody's
 * wish but the core's. */
enum error core_cancel(struct core *core, struct core_time time)
{
        struct account *account = &core->account;

        if (core->loader.state != LOADER_DONE)
                return ERR_NOT_NOW;
        core_set_time(core, time);
        if (account->state == ACCOUNT_SIGNED_IN) {
                if (account->request && is_of_signed_in(account->request))
                        request_free(core);
                return ERR_OK;
        }
        request_free(core);
        if (core->link.state != LINK_DOWN)
                link_close(core, 0); /* its answer would be nobody's */
        core_step(core);
        return ERR_OK;
}

enum error core_start_over(struct core *core, struct core_time time)
{
        struct account *account = &core->account;
        enum error error = account->state == ACCOUNT_SIGNED_IN ? ERR_NOT_NOW : core_cancel(core, time);

        if (error)
                return error;
        recycler_give_copy(&core->memory, &account->email);
        account->sign_up = (struct id){0};
        if (!account_keep(core, ACCOUNT_NONE, false))
                return ERR_NO_MEMORY;
        core_step(core);
        return ERR_OK;
}

/* Signed out is who signs out this device, or all. */
static bool ends_account(const struct core *core, const struct account_request *request)
{
        union account_message asked;

        if (request->code != WIRE_CODE_sign_out)
                return false;
        request_read(request, &asked);
        return !asked.sign_out.others && (asked.sign_out.device == 0 || asked.sign_out.device == core->account.device);
}

static bool was_done(struct core *core)
{
        if (core->account.request->code == WIRE_CODE_delete_account || ends_account(core, core->account.request)) {
                leave(core, ERR_OK);
                return true;
        }
        if (core->account.request->code == WIRE_CODE_confirm_email)
                core->account.sign_up = (struct id){0};
        request_free(core);
        tell(core, ERR_OK, 0);
        return account_keep(core, ACCOUNT_SIGNED_IN, false);
}

/* To what was taken back. Nothing is told of it; but what it says of who one is, and of whom one blocks, is so. */
static bool answered_late(struct core *core, const struct wire_frame *frame, const void *message)
{
        const struct wire_profile_set *set = message;

        if (frame->code == WIRE_CODE_blocked)
                blocks_changed(core);
        if (frame->code != WIRE_CODE_profile_set || core->account.state != ACCOUNT_SIGNED_IN ||
            set->profile.user != core->account.user)
                return true;
        return account_take_person(core, &set->profile) && account_keep(core, ACCOUNT_SIGNED_IN, false);
}

bool account_answered(struct core *core, struct request *request, const struct wire_frame *frame, const void *message)
{
        struct account_request *mine = core->account.request;

        if (!mine || !id_equal(&mine->id, &request->id))
                return answered_late(core, frame, message);
        mine->in_flight = false;
        if (frame->code == WIRE_CODE_signed_in)
                return signed_in(core, message);
        if (frame->code == WIRE_CODE_code_sent)
                return code_was_sent(core);
        if (frame->code == WIRE_CODE_profile_set)
                return profile_was_set(core, message);
        if (frame->code == WIRE_CODE_blocked)
                return was_blocked(core, message);
        check(frame->code == WIRE_CODE_done);
        return was_done(core);
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

                if ((out && (renewal || mine->code == WIRE_CODE_sign_out)) ||
                    (error == ERR_REVOKED && is_of_signed_in(mine))) {
                        account_revoked(core);
                        return;
                }
                if (!renewal) {
                        request_free(core);
                        tell(core, error, retry_after_ms);
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
        const struct account *account = &core->account;

        if (account->state == ACCOUNT_SIGNED_IN)
                leave(core, account->request && ends_account(core, account->request) ? ERR_OK : ERR_REVOKED);
}
