/* Operations on accounts and devices: sign-up, confirm, sign-in, guesses, renewal, sign-out, import. */
#include "base/assert.h"
#include "crypto/crypto.h"
#include "driver/store/common.h"
#include "driver/store/postgres/world.h"

/* ---- what several operations need ---- */

/* A repeat outside rooms: fills status and returns true. */
static bool give_repeat(const struct world_request *request, const struct store_op *op, struct store_result *result)
{
        if (!request->line.found)
                return false;
        result->repeat = true;
        result->status = memcmp(request->digest, op->digest, STORE_HASH_SIZE) == 0 ? ERR_OK : ERR_REUSED_ID;
        return true;
}

static void note_request(struct world *world, struct world_request *request, const struct store_op *op, uint64_t user,
                         uint64_t device)
{
        memcpy(request->digest, op->digest, STORE_HASH_SIZE);
        request->user = user;
        request->device = device;
        request->line.found = request->line.made = true;
        world->prune = true;
}

static bool has(struct world *world, enum line_kind kind, struct slice folded)
{
        const struct world_name *name = world_find(world, kind, folded);

        return name && name->line.found;
}

static void take_name(struct world *world, enum line_kind kind, struct slice folded)
{
        struct world_name *name = world_name(world, kind, folded);

        if (name)
                name->line.found = true;
}

static void add_device(struct world *world, uint64_t user, uint64_t device, struct slice name, const uint8_t *secret_hash)
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
        take_name(world, LINE_NAME, new->name_folded);
        take_name(world, LINE_EMAIL, new->email_folded);
}

static void give_signed_in(struct world *world, uint64_t user, uint64_t device, struct store_result *result)
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

static void add_pending(struct world *world, const struct store_op *op, bool known)
{
        struct world_pending *pending = world_pending(world, &op->request);

        if (!pending)
                return;
        pending->email = op->sign_up.email;
        pending->email_folded = op->sign_up.email_folded;
        pending->user_name = op->sign_up.user_name;
        pending->name_folded = op->sign_up.name_folded;
        pending->display_name = op->sign_up.display_name;
        pending->password_hash = slice_text(op->sign_up.password_hash);
        pending->code_hash = slice_of(op->sign_up.code_hash, STORE_HASH_SIZE);
        pending->valid_until_ms = world->now_ms + op->sign_up.valid_ms;
        pending->known = known;
        pending->line.found = pending->line.made = true;
}

/* Noted apart from what waits for its code: the repeat is known also when that is done, expired or pushed out. `user` of the note
 * says whether the address was known. */
static void sign_up(struct world *world, const struct store_op *op, struct world_request *request,
                    struct store_result *result)
{
        if (give_repeat(request, op, result)) {
                result->sign_up.known = !result->status && request->user;
                return;
        }
        result->status = plan_admit(world, op);
        if (!result->status && !names_fit(op->sign_up.user_name, op->sign_up.display_name, op->sign_up.email))
                result->status = ERR_BAD_FIELD;
        /* Asked whether the address is known or not, so that the answer does not tell. */
        if (!result->status && has(world, LINE_NAME, op->sign_up.name_folded))
                result->status = ERR_NAME_TAKEN;
        if (result->status)
                return;
        result->sign_up.known = has(world, LINE_EMAIL, op->sign_up.email_folded);
        add_pending(world, op, result->sign_up.known);
        note_request(world, request, op, result->sign_up.known, 0);
}

static enum error judge_code(const struct world *world, const struct store_op *op, struct world_pending *pending)
{
        if (!pending->line.found || pending->dropped || pending->valid_until_ms < world->now_ms ||
            !slice_equal(pending->email_folded, op->confirm.email_folded))
                return ERR_BAD_CODE;
        if (pending->guesses >= STORE_GUESSES_MAX)
                return ERR_GUESSED;
        if (!pending->known && pending->code_hash.size == STORE_HASH_SIZE &&
            crypto_equal(pending->code_hash.data, op->confirm.code_hash, STORE_HASH_SIZE))
                return ERR_OK;
        pending->guesses++;
        pending->line.changed = true;
        return ERR_BAD_CODE;
}

static void confirm(struct world *world, const struct store_op *op, struct world_request *request,
                    struct store_result *result)
{
        struct world_pending *pending = world_pending(world, &op->confirm.sign_up);
        uint64_t user = op->confirm.new_user, device = op->confirm.new_device;
        struct world_user new = {.user = user};

        if (give_repeat(request, op, result)) {
                if (!result->status)
                        give_signed_in(world, request->user, request->device, result);
                return;
        }
        if (!pending)
                return;
        result->status = plan_admit(world, op);
        if (!result->status)
                result->status = judge_code(world, op, pending);
        if (!result->status && has(world, LINE_EMAIL, pending->email_folded))
                result->status = ERR_BAD_CODE;
        if (!result->status && has(world, LINE_NAME, pending->name_folded))
                result->status = ERR_NAME_TAKEN;
        if (result->status)
                return;
        new.person = (struct store_person){user, pending->user_name, pending->display_name, 1};
        new.name_folded = pending->name_folded;
        new.email = pending->email;
        new.email_folded = pending->email_folded;
        new.password_hash = pending->password_hash;
        add_user(world, &new);
        add_device(world, user, device, op->confirm.device_name, op->confirm.secret_hash);
        note_request(world, request, op, user, device);
        pending->dropped = true;
        give_signed_in(world, user, device, result);
}

/* ---- sign-in ---- */

static void sign_in(struct world *world, const struct store_op *op, struct world_request *request,
                    struct store_result *result)
{
        const struct world_user *user = world_user(world, op->user);
        struct world_guesses *guesses = world_guesses(world, op->user);

        if (give_repeat(request, op, result)) {
                if (!result->status)
                        give_signed_in(world, request->user, request->device, result);
                return;
        }
        if (!user || !guesses)
                return;
        result->status = plan_admit(world, op);
        /* Asked before hashing too; but of many sign-ins at once only as many may be right as may be wrong. */
        if (!result->status && !guesses->dropped && guesses->until_ms > world->now_ms) {
                result->retry_after_ms = guesses->until_ms - world->now_ms;
                result->status = ERR_GUESSED;
        }
        if (!result->status && (!user->line.found || !*op->sign_in.password_hash ||
                                !slice_equal(user->password_hash, slice_text(op->sign_in.password_hash))))
                result->status = ERR_BAD_LOGIN;
        if (!result->status && user->devices_live >= STORE_DEVICES_MAX)
                result->status = ERR_DEVICE_LIMIT;
        if (result->status)
                return;
        add_device(world, op->user, op->sign_in.new_device, op->sign_in.device_name, op->sign_in.secret_hash);
        guesses->dropped = true;
        note_request(world, request, op, op->user, op->sign_in.new_device);
        give_signed_in(world, op->user, op->sign_in.new_device, result);
}

static void guess(struct world *world, const struct store_op *op, struct store_result *result)
{
        struct world_guesses *guesses = world_guesses(world, op->user);

        result->status = ERR_BAD_LOGIN;
        if (!guesses)
                return;
        world->prune = true;
        /* What a sign-in took away, or is so old that it may be taken away any time, does not count. */
        if (guesses->dropped || (guesses->until_ms && guesses->until_ms + GUESS_FORGET_MS < world->now_ms))
                guesses->count = 0;
        guesses->dropped = false;
        guesses->count++;
        guesses->until_ms = world->now_ms + guess_pause_ms(guesses->count);
        guesses->line.changed = true;
}

static void renew(struct world *world, const struct store_op *op, struct store_result *result)
{
        struct world_device *device = world_device(world, op->user, op->device);

        result->status = ERR_BAD_LOGIN;
        if (!device || !device->line.found || device->secret_hash.size != STORE_HASH_SIZE ||
            !crypto_equal(device->secret_hash.data, op->sign_in.secret_hash, STORE_HASH_SIZE))
                return;
        result->status = device->revoked_ms ? ERR_REVOKED : ERR_OK;
        if (result->status)
                return;
        device->seen = true;
        give_signed_in(world, op->user, op->device, result);
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

static void revoke_all(struct world *world, struct world_user *user)
{
        world_each(world, LINE_DEVICE, struct world_device, device) if (device->user == user->user)
                revoke(world, user, device);
        user->devices_live = 0;
        user->revoke_all = true;
}

static void sign_out(struct world *world, const struct store_op *op, struct world_request *request,
                     struct store_result *result)
{
        struct world_user *user = world_user(world, op->user);
        struct world_device *device = op->sign_out.device ? world_device(world, op->user, op->sign_out.device) : NULL;

        if (give_repeat(request, op, result) || !user)
                return;
        result->status = plan_admit(world, op);
        if (!result->status && device && (!device->line.found || device->revoked_ms))
                result->status = ERR_BAD_FIELD;
        if (result->status || world->failed)
                return;
        if (device)
                revoke(world, user, device);
        else
                revoke_all(world, user);
        note_request(world, request, op, op->user, op->sign_out.device);
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
        if (has(world, LINE_NAME, new.name_folded) || has(world, LINE_EMAIL, new.email_folded)) {
                result->status = ERR_NAME_TAKEN;
                return;
        }
        add_user(world, &new);
        add_device(world, new.user, op->import.new_device, op->import.device_name, op->import.secret_hash);
        give_signed_in(world, new.user, op->import.new_device, result);
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
        case STORE_WRITE:
        case STORE_MARK:
                unreachable();
        }
}
