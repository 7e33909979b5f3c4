/*
 * sign_up: asks for an account. The password is hashed whether the address is known or not, the answer is the same and takes as
 * long; only the letter tells: a code, or "you already have an account". The code is not stored, it is derived.
 */
#include "rules/invite.h"
#include "rules/limits.h"
#include "rules/name.h"
#include "service/auth/auth.h"

/* Kept between the hooks. */
struct sign_up {
        struct wire_sign_up body;
        struct slice email_folded, name_folded;
        char code[AUTH_CODE_SIZE];
        uint8_t invite_hash[STORE_HASH_SIZE];
};

static bool is_valid(struct batch *batch, struct item *item, const struct wire_sign_up *body)
{
        return auth_require(batch, item, name_is_email(body->email), "email") &&
               auth_require(batch, item, name_is_user_name(body->user_name), "user_name") &&
               auth_require(batch, item, name_is_display_name(body->display_name), "display_name") &&
               auth_require(batch, item, body->password.size >= PASSWORD_MIN, "password");
}

/* Does this server take him at all? An open one asks for no invitation, and looks at none. */
static bool is_welcome(struct batch *batch, struct item *item, const struct wire_sign_up *body)
{
        enum registration registration = batch_seams(batch)->registration;
        enum error error = ERR_OK;

        if (registration == REGISTRATION_CLOSED)
                error = ERR_NO_SIGN_UP;
        else if (registration == REGISTRATION_INVITE && invite_token(body->invite).size == 0)
                error = ERR_NO_INVITE;
        if (error)
                batch_refuse(batch, item, error, NULL, 0);
        return !error;
}

void sign_up_plan(struct batch *batch, struct item *item)
{
        struct sign_up *sign_up = batch_decode(batch, item, sizeof(*sign_up));
        struct password_job *job;

        if (!sign_up || !is_valid(batch, item, &sign_up->body) || !is_welcome(batch, item, &sign_up->body))
                return;
        item->body = sign_up;
        sign_up->email_folded = batch_fold(batch, sign_up->body.email);
        sign_up->name_folded = batch_fold(batch, sign_up->body.user_name);
        job = batch_password(batch, item, PASSWORD_HASH);
        if (job)
                job->password = sign_up->body.password;
}

static void digest_of(const struct batch *batch, const struct sign_up *sign_up, uint8_t digest[static STORE_HASH_SIZE])
{
        const struct wire_sign_up *body = &sign_up->body;
        const struct slice parts[] = {SLICE_LITERAL("sign_up"), body->email,    body->user_name, body->display_name,
                                      body->password,           body->language, body->invite};

        auth_digest(batch, parts, countof(parts), digest);
}

void sign_up_hashed(struct batch *batch, struct item *item)
{
        struct sign_up *sign_up = item->body;
        struct store_op *op = batch_apply(batch, item, STORE_SIGN_UP, 1);

        if (!op)
                return;
        digest_of(batch, sign_up, op->digest);
        op->sign_up.email = sign_up->body.email;
        op->sign_up.user_name = sign_up->body.user_name;
        op->sign_up.display_name = sign_up->body.display_name;
        op->sign_up.email_folded = sign_up->email_folded;
        op->sign_up.name_folded = sign_up->name_folded;
        op->sign_up.password_hash = item->job->hash;
        op->sign_up.valid_ms = CODE_VALID_MS;
        if (batch_seams(batch)->registration == REGISTRATION_INVITE) {
                crypto_sha256(batch_fold(batch, invite_token(sign_up->body.invite)), sign_up->invite_hash);
                op->sign_up.invite_hash = auth_hash(sign_up->invite_hash);
        }
        auth_count_letters(batch, item, op, sign_up->email_folded);
        auth_code(batch, &item->frame.request, sign_up->email_folded, sign_up->code);
        auth_code_hash(&item->frame.request, slice_text(sign_up->code), op->sign_up.code_hash);
}

void sign_up_stored(struct batch *batch, struct item *item)
{
        const struct sign_up *sign_up = item->body;
        const struct store_result *result = item->results;
        struct wire_code_sent reply = {.valid_ms = CODE_VALID_MS};
        bool known = result->sign_up.known;

        if (result->status != ERR_OK) {
                batch_refuse(batch, item, result->status, NULL, result->retry_after_ms);
                return;
        }
        auth_letter(batch, item, known ? WIRE_MAIL_KNOWN : WIRE_MAIL_CODE, sign_up->body.email, sign_up->body.language,
                    known ? (struct slice){0} : slice_text(sign_up->code));
        batch_reply(batch, item, WIRE_CODE_code_sent, &reply, WIRE_EFFECT_NONE);
}
