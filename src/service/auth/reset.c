/*
 * reset and reset_confirm: back in with a code that was mailed. Whoever asks gets the same answer, and somebody a letter, whether the
 * address has an account or not; the code is not stored, it is derived. A new password signs all other devices out: whoever resets it
 * may do so because another has it. They are told after it is committed (L7).
 */
#include "rules/limits.h"
#include "rules/name.h"
#include "service/auth/auth.h"

/* Kept between the hooks. */
struct reset {
        struct wire_reset body;
        char code[AUTH_CODE_SIZE];
};

void reset_plan(struct batch *batch, struct item *item)
{
        struct reset *reset = batch_decode(batch, item, sizeof(*reset));
        struct store_op *op;

        if (!reset || !auth_require(batch, item, name_is_email(reset->body.email), "email"))
                return;
        item->body = reset;
        op = batch_apply(batch, item, STORE_RESET, 1);
        if (!op)
                return;
        op->code.email = reset->body.email;
        op->code.email_folded = batch_fold(batch, reset->body.email);
        op->code.valid_ms = CODE_VALID_MS;
        auth_code(batch, &item->frame.request, op->code.email_folded, reset->code);
        auth_code_hash(&item->frame.request, slice_text(reset->code), op->code.code_hash);
        auth_count_letters(batch, item, op, op->code.email_folded);
        auth_digest(batch, (const struct slice[]){SLICE_LITERAL("reset"), reset->body.email, reset->body.language}, 3,
                    op->digest);
}

void reset_stored(struct batch *batch, struct item *item)
{
        const struct reset *reset = item->body;
        const struct store_result *result = item->results;
        struct wire_code_sent reply = {.valid_ms = CODE_VALID_MS};
        bool known = result->sign_up.known;

        if (result->status != ERR_OK) {
                batch_refuse(batch, item, result->status, NULL, result->retry_after_ms);
                return;
        }
        auth_letter(batch, item, known ? WIRE_MAIL_RESET : WIRE_MAIL_RESET_UNKNOWN, reset->body.email, reset->body.language,
                    known ? slice_text(reset->code) : (struct slice){0});
        batch_reply(batch, item, WIRE_CODE_code_sent, &reply, WIRE_EFFECT_NONE);
}

/* The password is hashed whether the code is right or not. */
void reset_confirm_plan(struct batch *batch, struct item *item)
{
        struct wire_reset_confirm *confirm = batch_decode(batch, item, sizeof(*confirm));
        struct password_job *job;

        if (!confirm || !auth_require(batch, item, name_is_email(confirm->email), "email") ||
            !auth_require(batch, item, confirm->code.size > 0, "code") ||
            !auth_require(batch, item, !id_is_zero(&confirm->reset), "reset") ||
            !auth_require(batch, item, confirm->password.size >= PASSWORD_MIN, "password") ||
            !auth_require_device(batch, item, confirm->device_secret, confirm->device_name))
                return;
        item->body = confirm;
        job = batch_password(batch, item, PASSWORD_HASH);
        if (job)
                job->password = confirm->password;
}

void reset_confirm_hashed(struct batch *batch, struct item *item)
{
        const struct wire_reset_confirm *confirm = item->body;
        struct store_op *op = batch_apply(batch, item, STORE_RESET_CONFIRM, 1);

        if (!op)
                return;
        crypto_sha256(confirm->device_secret, op->confirm.secret_hash);
        auth_code_hash(&confirm->reset, confirm->code, op->confirm.code_hash);
        op->confirm.sign_up = confirm->reset;
        op->confirm.email_folded = batch_fold(batch, confirm->email);
        op->confirm.device_name = confirm->device_name;
        op->confirm.new_device = random_id63(batch_seams(batch)->random);
        op->confirm.password_hash = item->job->hash;
        auth_count_codes(batch, item, op, op->confirm.email_folded);
        auth_digest(batch,
                    (const struct slice[]){SLICE_LITERAL("reset_confirm"), confirm->email, confirm->code, confirm->password,
                                           auth_hash(op->confirm.secret_hash), confirm->device_name,
                                           slice_of(confirm->reset.bytes, sizeof(confirm->reset.bytes))},
                    7, op->digest);
}

void reset_confirm_stored(struct batch *batch, struct item *item)
{
        const struct store_result *result = item->results;

        auth_signed_in(batch, item);
        if (result->status == ERR_OK)
                auth_revoke(batch, item, result->signed_in.person.user, 0, result->signed_in.device);
}
