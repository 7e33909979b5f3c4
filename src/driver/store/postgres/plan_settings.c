/* Operations on what an account is: reset and change of its password, names, address; its end; invitations. */
#include "base/assert.h"
#include "driver/store/postgres/world.h"
#include "rules/limits.h"
#include "rules/row.h"
#include "rules/setting.h"

/* ---- a code that is asked for ---- */

static void add_code(struct world *world, const struct store_op *op, enum purpose purpose, uint64_t holder, bool known)
{
        struct world_pending *pending = plan_add_pending(world, op, purpose);

        if (!pending)
                return;
        pending->email = op->code.email;
        pending->email_folded = op->code.email_folded;
        pending->code_hash = slice_of(op->code.code_hash, STORE_HASH_SIZE);
        pending->valid_until_ms = world->now_ms + op->code.valid_ms;
        pending->holder = holder;
        pending->known = known;
}

/* Whether anybody has that address or not, a line is written and noted: only the letter tells. */
static void reset(struct world *world, const struct store_op *op, struct world_request *request, struct store_result *result)
{
        uint64_t user = plan_holder(world, LINE_EMAIL, op->code.email_folded);

        if (plan_repeat(request, op, result)) {
                result->sign_up.known = !result->status && request->user;
                return;
        }
        result->status = plan_admit(world, op);
        if (!result->status && op->code.email.size > EMAIL_MAX)
                result->status = ERR_BAD_FIELD;
        if (!result->status)
                result->status = plan_judge_guesses(world, op->guesses_of, op->guesses_from, result);
        if (result->status)
                return;
        result->sign_up.known = user != 0;
        add_code(world, op, PURPOSE_RESET, user, false);
        plan_note_request(world, request, op, user, 0);
        plan_count_guesses(world, op->guesses_of, op->guesses_from);
}

static void reset_confirm(struct world *world, const struct store_op *op, struct world_request *request,
                          struct store_result *result)
{
        struct world_pending *pending = world_pending(world, &op->confirm.sign_up);
        uint64_t device = op->confirm.new_device;
        struct world_user *user;

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
        /* The address may be somebody else's by now, or nobody's. */
        if (!result->status && plan_holder(world, LINE_EMAIL, pending->email_folded) != pending->holder)
                result->status = ERR_BAD_CODE;
        user = result->status ? NULL : world_user(world, pending->holder);
        if (user && is_switched_off(user->password_hash))
                result->status = ERR_BAD_CODE;
        if (!user || result->status)
                return;
        user->password_hash = slice_text(op->confirm.password_hash);
        user->line.changed = true;
        plan_revoke_devices(world, user, 0);
        plan_add_device(world, user->user, device, op->confirm.device_name, op->confirm.secret_hash);
        plan_drop_guesses(world, user->user);
        plan_drop_guesses(world, op->guesses_of);
        plan_note_request(world, request, op, user->user, device);
        pending->dropped = true;
        plan_signed_in(world, user->user, device, result);
}

/* ---- what the user changes himself ---- */

/* Was his password right? "": it was not. */
static enum error judge_password(struct world *world, const struct world_user *user, const char *verified,
                                 struct store_result *result)
{
        enum error error = plan_judge_guesses(world, user->user, 0, result);

        if (error)
                return error;
        if (*verified && slice_equal(user->password_hash, slice_text(verified)))
                return ERR_OK;
        plan_count_guesses(world, user->user, 0);
        return ERR_BAD_LOGIN;
}

static void password(struct world *world, const struct store_op *op, struct world_user *user, struct store_result *result)
{
        result->status = judge_password(world, user, op->password.password_hash, result);
        if (result->status)
                return;
        user->password_hash = slice_text(op->password.new_hash);
        user->line.changed = true;
        if (op->password.others)
                plan_revoke_devices(world, user, op->device);
        plan_drop_guesses(world, op->user);
}

static void profile(struct world *world, const struct store_op *op, struct world_user *user, struct store_result *result)
{
        uint64_t holder = op->profile.user_name.size ? plan_holder(world, LINE_NAME, op->profile.name_folded) : 0;

        if (!names_fit(op->profile.user_name, op->profile.display_name, (struct slice){0}))
                result->status = ERR_BAD_FIELD;
        else if (holder && holder != op->user)
                result->status = ERR_NAME_TAKEN;
        if (result->status)
                return;
        if (op->profile.user_name.size) {
                plan_leave_name(world, LINE_NAME, user->name_folded);
                plan_take_name(world, LINE_NAME, op->profile.name_folded, op->user);
                user->person.user_name = op->profile.user_name;
                user->name_folded = op->profile.name_folded;
        }
        if (op->profile.display_name.size)
                user->person.display_name = op->profile.display_name;
        user->person.version++;
        user->renamed = user->line.changed = true;
        plan_signed_in(world, op->user, op->device, result);
}

/* ---- another address ---- */

static void give_email(struct world *world, const struct world_user *user, struct store_result *result)
{
        if (!arena_copy(world->results, user->email, &result->sign_up.email))
                world->failed = true;
}

static void email(struct world *world, const struct store_op *op, struct world_user *user, struct store_result *result)
{
        bool known = plan_holder(world, LINE_EMAIL, op->code.email_folded) != 0;

        if (op->code.email.size > EMAIL_MAX)
                result->status = ERR_BAD_FIELD;
        if (!result->status)
                result->status = judge_password(world, user, op->code.password_hash, result);
        if (!result->status)
                result->status = plan_judge_guesses(world, op->guesses_of, op->guesses_from, result);
        if (result->status)
                return;
        result->sign_up.known = known;
        give_email(world, user, result);
        add_code(world, op, PURPOSE_EMAIL, op->user, known);
        plan_count_guesses(world, op->guesses_of, op->guesses_from);
}

static void email_confirm(struct world *world, const struct store_op *op, struct world_user *user,
                          struct store_result *result)
{
        struct world_pending *pending = world_pending(world, &op->confirm.sign_up);

        if (!pending)
                return;
        result->status = plan_judge_code(world, op, pending, result);
        if (!result->status && plan_holder(world, LINE_EMAIL, pending->email_folded))
                result->status = ERR_BAD_CODE;
        if (result->status)
                return;
        plan_leave_name(world, LINE_EMAIL, user->email_folded);
        plan_take_name(world, LINE_EMAIL, pending->email_folded, op->user);
        user->email = pending->email;
        user->email_folded = pending->email_folded;
        user->line.changed = true;
        plan_drop_guesses(world, op->guesses_of);
        pending->dropped = true;
}

/* ---- what the server keeps to ---- */

void plan_heeds(struct world *world, const struct store_op *op)
{
        struct world_user *user;
        bool hides, off;

        if (op->write.row_kind != ROW_SETTING)
                return;
        user = world_user(world, op->user);
        if (!user)
                return;
        if (setting_hides(op->write.text, &hides)) {
                user->hides = hides;
                user->hides_set = true;
        }
        if (setting_receipts(op->write.text, &off) && user->receipts % 2 != off) {
                user->receipts++;
                user->receipts_set = true;
        }
}

/* ---- the end of an account ---- */

/* A tombstone stays: rooms, rows and marks name the user. */
static void delete (struct world *world, const struct store_op *op, struct world_user *user, struct store_result *result)
{
        uint8_t bytes[NOBODYS_NAME_SIZE];
        struct world_leaving *leaving;

        check(!id_is_zero(&op->password.leaving));
        result->status = judge_password(world, user, op->password.password_hash, result);
        if (result->status)
                return;
        plan_leave_name(world, LINE_NAME, user->name_folded);
        plan_leave_name(world, LINE_EMAIL, user->email_folded);
        user->person.user_name = GONE_USER_NAME;
        user->person.display_name = GONE_DISPLAY_NAME;
        user->name_folded = user->email_folded = world_copy(world, nobodys_name(user->user, bytes));
        user->email = user->password_hash = (struct slice){0};
        user->person.version++;
        user->renamed = user->gone = user->seen = user->line.changed = true;
        world_each(world, LINE_INVITE, struct world_invite, invite) if (invite->creator == user->user) invite->line.found =
                false;
        plan_drop_guesses(world, op->user);
        plan_revoke_devices(world, user, 0);
        leaving = world_leaving(world, user->user);
        if (!leaving)
                return;
        leaving->request = op->password.leaving;
        leaving->line.made = true;
}

/* ---- invitations ---- */

static void invite(struct world *world, const struct store_op *op, struct store_result *result)
{
        struct world_invite *new;
        size_t open = 0;

        world_each(world, LINE_INVITE, struct world_invite, invite) open +=
                invite->line.found && invite->creator == op->user && invite->uses < invite->uses_max &&
                invite->valid_until_ms >= world->now_ms;
        if (op->user && open >= STORE_INVITES_MAX) {
                result->status = ERR_INVITE_LIMIT;
                return;
        }
        new = world_invite(world, slice_of(op->invite.hash, STORE_HASH_SIZE));
        if (!new)
                return;
        new->creator = op->user;
        new->uses_max = op->invite.uses;
        new->valid_until_ms = world->now_ms + op->invite.valid_ms;
        new->line.found = new->line.made = true;
}

/* ---- an operator's ---- */

static void access(struct world *world, const struct store_op *op, struct world_user *user, struct store_result *result)
{
        result->status = user->line.found ? ERR_OK : ERR_NO_USER;
        if (result->status)
                return;
        if (!access_hash(op, user->password_hash, world->arena, &user->password_hash)) {
                world->failed = true;
                return;
        }
        user->line.changed = true;
        plan_drop_guesses(world, user->user);
        if (op->access.access != STORE_ACCESS_ON)
                plan_revoke_devices(world, user, 0);
}

/* What was answered before, told again as things are now. */
static void tell_again(struct world *world, const struct store_op *op, const struct world_request *request,
                       const struct world_user *user, struct store_result *result)
{
        if (op->kind == STORE_EMAIL) {
                result->sign_up.known = !result->status && request->user != 0;
                give_email(world, user, result);
        } else if (op->kind == STORE_PROFILE && !result->status) {
                plan_signed_in(world, op->user, op->device, result);
        }
}

static void change(struct world *world, const struct store_op *op, struct world_user *user, struct store_result *result)
{
        switch (op->kind) {
        case STORE_PASSWORD:
                password(world, op, user, result);
                break;
        case STORE_PROFILE:
                profile(world, op, user, result);
                break;
        case STORE_EMAIL:
                email(world, op, user, result);
                break;
        case STORE_EMAIL_CONFIRM:
                email_confirm(world, op, user, result);
                break;
        case STORE_DELETE:
                delete (world, op, user, result);
                break;
        case STORE_INVITE:
                invite(world, op, result);
                break;
        default:
                unreachable();
        }
}

void plan_settings(struct world *world, const struct store_op *op, struct world_request *request,
                   struct store_result *result)
{
        struct world_user *user;

        if (op->kind == STORE_RESET) {
                reset(world, op, request, result);
                return;
        }
        if (op->kind == STORE_RESET_CONFIRM) {
                reset_confirm(world, op, request, result);
                return;
        }
        user = world_user(world, op->user);
        if (!user)
                return;
        if (op->kind == STORE_ACCESS) {
                access(world, op, user, result);
                return;
        }
        if (plan_repeat(request, op, result)) {
                tell_again(world, op, request, user, result);
                return;
        }
        result->status = plan_admit(world, op);
        if (!result->status && op->kind != STORE_INVITE && !user->line.found)
                result->status = ERR_NO_USER;
        if (!result->status)
                change(world, op, user, result);
        if (!result->status)
                plan_note_request(world, request, op, op->kind == STORE_EMAIL ? result->sign_up.known : op->user,
                                  op->device);
}
