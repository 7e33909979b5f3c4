/* Operations on accounts and devices: sign-up, confirm, sign-in, guesses, renewal, sign-out, import. Those of who has an account
 * already are in plan_settings.c. */
#include "base/assert.h"
#include "crypto/crypto.h"
#include "driver/store/common.h"
#include "driver/store/postgres/world.h"

/* ---- what several operations need ---- */

/* A repeat outside rooms: fills status and returns true. */
bool plan_repeat(const struct world_request *request, const struct store_op *op, struct store_result *result)
{
        if (!request->line.found)
                return false;
        result->repeat = true;
        result->status = memcmp(request->digest, op->digest, STORE_HASH_SIZE) == 0 ? ERR_OK : ERR_REUSED_ID;
        return true;
}

void plan_note_request(struct world *world, struct world_request *request, const struct store_op *op, uint64_t user,
                       uint64_t device)
{
        memcpy(request->digest, op->digest, STORE_HASH_SIZE);
        request->user = user;
        request->device = device;
        request->line.found = request->line.made = true;
        world->prune = true;
}

uint64_t plan_holder(struct world *world, enum line_kind kind, struct slice folded)
{
        const struct world_name *name = world_find(world, kind, folded);

        return name && name->line.found ? name->user : 0;
}

void plan_take_name(struct world *world, enum line_kind kind, struct slice folded, uint64_t user)
{
        struct world_name *name = world_name(world, kind, folded);

        if (name) {
                name->line.found = true;
                name->user = user;
        }
}

void plan_leave_name(struct world *world, enum line_kind kind, struct slice folded)
{
        struct world_name *name = world_find(world, kind, folded);

        if (name)
                name->line.found = false;
}

void plan_add_device(struct world *world, uint64_t user, uint64_t device, struct slice name, const uint8_t *secret_hash)
{
        struct world_device *line = world_device(world, user, device);
        struct world_user *owner = world_user(world, user);

        if (!line || !owner)
                return;
        line->name = name;
        line->secret_hash = slice_of(secret_hash, STORE_HASH_SIZE);
        line->line.found = line->line.made = true;
        owner->devices_live++;
}

static void add_user(struct world *world, const struct world_user *new)
{
        struct world_user *user = world_user(world, new->user);

        if (!user)
                return;
        user->person = new->person;
        user->password_hash = new->password_hash;
        user->name_folded = new->name_folded;
        user->email = new->email;
        user->email_folded = new->email_folded;
        user->line.found = user->line.made = true;
        plan_take_name(world, LINE_NAME, new->name_folded, new->user);
        plan_take_name(world, LINE_EMAIL, new->email_folded, new->user);
}

void plan_signed_in(struct world *world, uint64_t user, uint64_t device, struct store_result *result)
{
        const struct world_user *line = world_user(world, user);
        struct store_person *person = &result->signed_in.person;

        result->signed_in.device = device;
        if (!line || !line->line.found) {
                result->status = ERR_NO_USER;
                return;
        }
        *person = line->person;
        if (!arena_copy(world->results, line->person.user_name, &person->user_name) ||
            !arena_copy(world->results, line->person.display_name, &person->display_name))
                world->failed = true;
}

/* ---- sign-up and its code ---- */

struct world_pending *plan_add_pending(struct world *world, const struct store_op *op, enum purpose purpose)
{
        struct world_pending *pending = world_pending(world, &op->request);

        if (!pending)
                return NULL;
        pending->purpose = purpose;
        pending->line.found = pending->line.made = true;
        return pending;
}

static void add_sign_up(struct world *world, const struct store_op *op, bool known)
{
        struct world_pending *pending = plan_add_pending(world, op, PURPOSE_SIGN_UP);

        if (!pending)
                return;
        pending->email = op->sign_up.email;
        pending->email_folded = op->sign_up.email_folded;
        pending->user_name = op->sign_up.user_name;
        pending->name_folded = op->sign_up.name_folded;
        pending->display_name = op->sign_up.display_name;
        pending->password_hash = slice_text(op->sign_up.password_hash);
        pending->code_hash = slice_of(op->sign_up.code_hash, STORE_HASH_SIZE);
        pending->invite_hash = op->sign_up.invite_hash;
        pending->valid_until_ms = world->now_ms + op->sign_up.valid_ms;
        pending->known = known;
}

/* Can it be used (now)? */
static enum error judge_invite(const struct world *world, struct slice hash, bool now)
{
        const struct world_invite *invite = world_find(world, LINE_INVITE, hash);

        return invite && invite->line.found && invite->uses < invite->uses_max &&
                               (!now || invite->valid_until_ms >= world->now_ms)
                       ? ERR_OK
                       : ERR_NO_INVITE;
}

static void use_invite(struct world *world, struct slice hash)
{
        struct world_invite *invite = world_find(world, LINE_INVITE, hash);

        if (!invite)
                return;
        invite->uses++;
        invite->line.changed = true;
}

/* Noted apart from what waits for its code: the repeat is known also when that is done, expired or pushed out. `user` of the note
 * says whether the address was known. */
static void sign_up(struct world *world, const struct store_op *op, struct world_request *request,
                    struct store_result *result)
{
        if (plan_repeat(request, op, result)) {
                result->sign_up.known = !result->status && request->user;
                return;
        }
        result->status = plan_admit(world, op);
        if (!result->status && !names_fit(op->sign_up.user_name, op->sign_up.display_name, op->sign_up.email))
                result->status = ERR_BAD_FIELD;
        if (!result->status)
                result->status = plan_judge_guesses(world, op->guesses_of, op->guesses_from, result);
        if (!result->status && op->sign_up.invite_hash.size) {
                result->status = judge_invite(world, op->sign_up.invite_hash, true);
                if (result->status) /* one that is not good is a guess */
                        plan_count_guesses(world, 0, op->guesses_from);
        }
        /* Asked whether the address is known or not, so that the answer does not tell. */
        if (!result->status && plan_holder(world, LINE_NAME, op->sign_up.name_folded))
                result->status = ERR_NAME_TAKEN;
        if (result->status)
                return;
        result->sign_up.known = plan_holder(world, LINE_EMAIL, op->sign_up.email_folded) != 0;
        add_sign_up(world, op, result->sign_up.known);
        plan_count_guesses(world, op->guesses_of, op->guesses_from);
        plan_note_request(world, request, op, result->sign_up.known, 0);
}

/* A code that nobody's account waits for is never right, and counts like any other. */
static bool may_be_right(const struct store_op *op, const struct world_pending *pending)
{
        if (pending->purpose == PURPOSE_RESET)
                return pending->holder != 0;
        return !pending->known && (pending->purpose == PURPOSE_SIGN_UP || pending->holder == op->user);
}

enum error plan_judge_code(struct world *world, const struct store_op *op, struct world_pending *pending,
                           struct store_result *result)
{
        enum error error = plan_judge_guesses(world, op->guesses_of, op->guesses_from, result);

        if (error)
                return error;
        if (!pending->line.found || pending->dropped || pending->purpose != purpose_of(op->kind) ||
            pending->valid_until_ms < world->now_ms || !slice_equal(pending->email_folded, op->confirm.email_folded)) {
                plan_count_guesses(world, op->guesses_of, op->guesses_from);
                return ERR_BAD_CODE;
        }
        if (pending->guesses >= STORE_GUESSES_MAX)
                return ERR_GUESSED;
        if (may_be_right(op, pending) && pending->code_hash.size == STORE_HASH_SIZE &&
            crypto_equal(pending->code_hash.data, op->confirm.code_hash, STORE_HASH_SIZE))
                return ERR_OK;
        pending->guesses++;
        pending->line.changed = true;
        plan_count_guesses(world, op->guesses_of, op->guesses_from);
        return ERR_BAD_CODE;
}

static void confirm(struct world *world, const struct store_op *op, struct world_request *request,
                    struct store_result *result)
{
        struct world_pending *pending = world_pending(world, &op->confirm.sign_up);
        uint64_t user = op->confirm.new_user, device = op->confirm.new_device;
        struct world_user new = {.user = user};

        if (plan_repeat(request, op, result)) {
                if (!result->status)
                        plan_signed_in(world, request->user, request->device, result);
                return;
        }
        if (!pending)
                return;
        result->status = plan_admit(world, op);
        if (!result->status)
                result->status = plan_judge_code(world, op, pending, result);
        if (!result->status && plan_holder(world, LINE_EMAIL, pending->email_folded))
                result->status = ERR_BAD_CODE;
        if (!result->status && plan_holder(world, LINE_NAME, pending->name_folded))
                result->status = ERR_NAME_TAKEN;
        if (!result->status && pending->invite_hash.size)
                result->status = judge_invite(world, pending->invite_hash, false);
        if (result->status)
                return;
        new.person = (struct store_person){user, pending->user_name, pending->display_name, 1};
        new.name_folded = pending->name_folded;
        new.email = pending->email;
        new.email_folded = pending->email_folded;
        new.password_hash = pending->password_hash;
        add_user(world, &new);
        plan_add_device(world, user, device, op->confirm.device_name, op->confirm.secret_hash);
        plan_note_request(world, request, op, user, device);
        pending->dropped = true;
        if (pending->invite_hash.size)
                use_invite(world, pending->invite_hash);
        plan_signed_in(world, user, device, result);
}

/* ---- guesses ---- */

static uint64_t wait_of(struct world *world, uint64_t who)
{
        const struct world_guesses *guesses = who ? world_guesses(world, who) : NULL;

        return guesses && !guesses->dropped && guesses->until_ms > world->now_ms ? guesses->until_ms - world->now_ms : 0;
}

enum error plan_judge_guesses(struct world *world, uint64_t account, uint64_t from, struct store_result *result)
{
        result->retry_after_ms = max_of(wait_of(world, account), wait_of(world, from));
        return result->retry_after_ms ? ERR_GUESSED : ERR_OK;
}

static void count_one(struct world *world, uint64_t who, uint64_t (*pause_ms)(uint64_t count))
{
        struct world_guesses *guesses = world_guesses(world, who);

        if (!guesses)
                return;
        /* What was taken away, or is so old that it may be taken away any time, does not count. */
        if (guesses->dropped || guesses_are_old(guesses->until_ms, world->now_ms))
                guesses->count = 0;
        guesses->dropped = false;
        guesses->count++;
        guesses->until_ms = world->now_ms + pause_ms(guesses->count);
        guesses->line.changed = true;
}

void plan_count_guesses(struct world *world, uint64_t account, uint64_t from)
{
        world->prune = true;
        if (account)
                count_one(world, account, guess_pause_ms);
        if (from)
                count_one(world, from, guess_pause_from_ms);
}

void plan_drop_guesses(struct world *world, uint64_t account)
{
        struct world_guesses *guesses = account ? world_guesses(world, account) : NULL;

        if (guesses)
                guesses->dropped = true;
}

/* ---- sign-in ---- */

static void sign_in(struct world *world, const struct store_op *op, struct world_request *request,
                    struct store_result *result)
{
        const struct world_user *user = world_user(world, op->user);

        if (plan_repeat(request, op, result)) {
                if (!result->status)
                        plan_signed_in(world, request->user, request->device, result);
                return;
        }
        if (!user)
                return;
        result->status = plan_admit(world, op);
        /* Asked before hashing too; but of many sign-ins at once only as many may be right as may be wrong. */
        if (!result->status)
                result->status = plan_judge_guesses(world, op->user, op->guesses_from, result);
        if (!result->status && (!user->line.found || !*op->sign_in.password_hash ||
                                !slice_equal(user->password_hash, slice_text(op->sign_in.password_hash))))
                result->status = ERR_BAD_LOGIN;
        if (!result->status && user->devices_live >= STORE_DEVICES_MAX)
                result->status = ERR_DEVICE_LIMIT;
        if (result->status)
                return;
        plan_add_device(world, op->user, op->sign_in.new_device, op->sign_in.device_name, op->sign_in.secret_hash);
        plan_drop_guesses(world, op->user);
        plan_note_request(world, request, op, op->user, op->sign_in.new_device);
        plan_signed_in(world, op->user, op->sign_in.new_device, result);
}

static void guess(struct world *world, const struct store_op *op, struct store_result *result)
{
        plan_count_guesses(world, op->user, op->guesses_from);
        result->status = ERR_BAD_LOGIN;
}

static void renew(struct world *world, const struct store_op *op, struct store_result *result)
{
        struct world_device *device = world_device(world, op->user, op->device);

        result->status = ERR_BAD_LOGIN;
        if (!device || !device->line.found || device->secret_hash.size != STORE_HASH_SIZE ||
            !crypto_equal(device->secret_hash.data, op->sign_in.secret_hash, STORE_HASH_SIZE))
                return;
        result->status = device->revoked_ms ? ERR_REVOKED : plan_admit(world, op);
        if (result->status)
                return;
        device->seen = true;
        plan_signed_in(world, op->user, op->device, result);
}

static void last_seen(struct world *world, const struct store_op *op, struct store_result *result)
{
        struct world_user *user = world_user(world, op->user);

        result->status = plan_admit(world, op);
        if (!result->status && user && user->line.found)
                user->seen = true;
}

/* What was written down a short while ago stays: so a device costs one write an hour, however often it is heard of. */
static void seen(struct world *world, const struct store_op *op, struct store_result *result)
{
        struct world_device *device = world_device(world, op->user, op->device);

        last_seen(world, op, result);
        if (!result->status && device && device->seen_ms + STORE_SEEN_MS <= world->now_ms) {
                device->seen = true;
                device->seen_ms = world->now_ms;
        }
}

/* ---- sign-out ---- */

static void revoke(struct world *world, struct world_user *user, struct world_device *device)
{
        if (!device->line.found || device->revoked_ms)
                return;
        device->revoked_ms = world->now_ms;
        device->revoke = true;
        user->devices_live -= min_of(user->devices_live, (uint64_t)1);
}

void plan_revoke_devices(struct world *world, struct world_user *user, uint64_t kept)
{
        world_each(world, LINE_DEVICE, struct world_device, device) if (device->user == user->user && device->device != kept)
                revoke(world, user, device);
        user->devices_live = kept ? 1 : 0;
        user->revoke_all = true;
        user->kept = kept;
}

static void sign_out(struct world *world, const struct store_op *op, struct world_request *request,
                     struct store_result *result)
{
        struct world_user *user = world_user(world, op->user);
        struct world_device *device = op->sign_out.device ? world_device(world, op->user, op->sign_out.device) : NULL;

        if (plan_repeat(request, op, result) || !user)
                return;
        result->status = plan_admit(world, op);
        if (!result->status && device && (!device->line.found || device->revoked_ms))
                result->status = ERR_BAD_FIELD;
        if (result->status || world->failed)
                return;
        if (device)
                revoke(world, user, device);
        else
                plan_revoke_devices(world, user, op->sign_out.others ? op->device : 0);
        plan_note_request(world, request, op, op->user, op->sign_out.device);
}

/* ---- an operator's ---- */

static void import(struct world *world, const struct store_op *op, struct store_result *result)
{
        const struct world_user new = {
                .user = op->import.new_user,
                .person = {op->import.new_user, op->import.user_name, op->import.display_name, 1},
                .name_folded = op->import.name_folded,
                .email = op->import.email,
                .email_folded = op->import.email_folded,
                .password_hash = slice_text(op->import.password_hash),
        };

        if (!names_fit(op->import.user_name, op->import.display_name, op->import.email)) {
                result->status = ERR_BAD_FIELD;
                return;
        }
        if (plan_holder(world, LINE_NAME, new.name_folded) || plan_holder(world, LINE_EMAIL, new.email_folded)) {
                result->status = ERR_NAME_TAKEN;
                return;
        }
        add_user(world, &new);
        if (op->import.new_device)
                plan_add_device(world, new.user, op->import.new_device, op->import.device_name, op->import.secret_hash);
        plan_signed_in(world, new.user, op->import.new_device, result);
}

void plan_account(struct world *world, const struct store_op *op, struct store_result *result)
{
        struct world_request *request = world_request_of(world, op);

        if (world->failed)
                return;
        switch (op->kind) {
        case STORE_SIGN_UP:
                sign_up(world, op, request, result);
                break;
        case STORE_CONFIRM:
                confirm(world, op, request, result);
                break;
        case STORE_SIGN_IN:
                sign_in(world, op, request, result);
                break;
        case STORE_GUESS:
                guess(world, op, result);
                break;
        case STORE_RENEW:
                renew(world, op, result);
                break;
        case STORE_SIGN_OUT:
                sign_out(world, op, request, result);
                break;
        case STORE_IMPORT:
                import(world, op, result);
                break;
        case STORE_SEEN:
                seen(world, op, result);
                break;
        case STORE_LAST_SEEN:
                last_seen(world, op, result);
                break;
        case STORE_DELETE:
        case STORE_RESET:
        case STORE_RESET_CONFIRM:
        case STORE_PASSWORD:
        case STORE_PROFILE:
        case STORE_EMAIL:
        case STORE_EMAIL_CONFIRM:
        case STORE_INVITE:
        case STORE_ACCESS:
                plan_settings(world, op, request, result);
                break;
        case STORE_WRITE:
        case STORE_MARK:
        case STORE_LEAVE:
        case STORE_LEAVING:
        case STORE_BLOCK:
        case STORE_RECEIPTS:
        case STORE_RECEIPTS_DONE:
                unreachable();
        }
}
