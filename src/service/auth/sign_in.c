/*
 * confirm, sign_in and renew: three ways to a token. A confirm proves the address with the code of its letter, a sign_in the
 * password, a renew the secret of a device. For a name that nobody has, sign_in goes the same way through hashing and store.
 */
#include "rules/limits.h"
#include "rules/name.h"
#include "service/auth/auth.h"

/* ---- confirm ---- */

void confirm_plan(struct batch *batch, struct item *item)
{
        struct wire_confirm *confirm = batch_decode(batch, item, sizeof(*confirm));
        struct store_op *op;

        if (!confirm || !auth_require(batch, item, name_is_email(confirm->email), "email") ||
            !auth_require(batch, item, confirm->code.size > 0, "code") ||
            !auth_require(batch, item, !id_is_zero(&confirm->sign_up), "sign_up") ||
            !auth_require_device(batch, item, confirm->device_secret, confirm->device_name))
                return;
        op = batch_apply(batch, item, STORE_CONFIRM, 1);
        if (!op)
                return;
        crypto_sha256(confirm->device_secret, op->confirm.secret_hash);
        auth_code_hash(&confirm->sign_up, confirm->code, op->confirm.code_hash);
        op->confirm.sign_up = confirm->sign_up;
        op->confirm.email_folded = batch_fold(batch, confirm->email);
        auth_count_codes(batch, item, op, op->confirm.email_folded);
        op->confirm.device_name = confirm->device_name;
        op->confirm.new_user = random_id63(batch_seams(batch)->random);
        op->confirm.new_device = random_id63(batch_seams(batch)->random);
        auth_digest(batch,
                    (const struct slice[]){SLICE_LITERAL("confirm"), confirm->email, confirm->code,
                                           auth_hash(op->confirm.secret_hash), confirm->device_name,
                                           slice_of(confirm->sign_up.bytes, sizeof(confirm->sign_up.bytes))},
                    6, op->digest);
}

/* ---- sign_in ---- */

/* Kept between the hooks. */
struct sign_in {
        struct wire_sign_in body;
        uint64_t user;             /* whose name or address it is; 0: nobody's */
        uint64_t nobody;           /* under which guesses at a name that nobody has are counted */
        const char *password_hash; /* his; "" for nobody's */
};

void sign_in_plan(struct batch *batch, struct item *item)
{
        struct sign_in *sign_in = batch_decode(batch, item, sizeof(*sign_in));
        struct store_question *question;

        if (!sign_in || !auth_require(batch, item, sign_in->body.login.size > 0, "login") ||
            !auth_require(batch, item, sign_in->body.password.size > 0, "password") ||
            !auth_require_device(batch, item, sign_in->body.device_secret, sign_in->body.device_name))
                return;
        item->body = sign_in;
        question = batch_ask_early(batch, item, STORE_ASK_LOGIN);
        if (!question)
                return;
        question->login.folded = batch_fold(batch, sign_in->body.login);
        sign_in->nobody = auth_guesses(batch, "nobody", question->login.folded);
        question->login.nobody = sign_in->nobody;
        question->login.guesses_from = auth_guesses(batch, "guesses from", item->envelope.address);
}

void sign_in_asked(struct batch *batch, struct item *item)
{
        struct sign_in *sign_in = item->body;
        const struct store_answer *answer = item->early_answer;
        struct password_job *job;
        size_t size;

        check(answer);
        if (answer->status != ERR_OK || answer->login.wait_ms > 0) {
                batch_refuse(batch, item, answer->status ? answer->status : ERR_GUESSED, NULL, answer->login.wait_ms);
                return;
        }
        sign_in->user = answer->login.user;
        sign_in->password_hash = answer->login.user && answer->login.password_hash ? answer->login.password_hash : "";
        job = batch_password(batch, item, PASSWORD_VERIFY);
        if (!job)
                return;
        size = strlen(sign_in->password_hash) + 1;
        check(size <= sizeof(job->hash));
        memcpy(job->hash, sign_in->password_hash, size);
        job->password = sign_in->body.password;
}

void sign_in_hashed(struct batch *batch, struct item *item)
{
        struct sign_in *sign_in = item->body;
        const struct wire_sign_in *body = &sign_in->body;
        bool right = item->job->matches && sign_in->user != 0;
        struct store_op *op = batch_apply(batch, item, right ? STORE_SIGN_IN : STORE_GUESS, 1);

        if (!op)
                return;
        op->user = sign_in->user ? sign_in->user : sign_in->nobody;
        op->guesses_from = auth_guesses(batch, "guesses from", item->envelope.address);
        crypto_sha256(body->device_secret, op->sign_in.secret_hash);
        op->sign_in.device_name = body->device_name;
        op->sign_in.new_device = random_id63(batch_seams(batch)->random);
        op->sign_in.password_hash = sign_in->password_hash;
        auth_digest(batch,
                    (const struct slice[]){SLICE_LITERAL("sign_in"), body->login, body->password,
                                           auth_hash(op->sign_in.secret_hash), body->device_name},
                    5, op->digest);
}

void sign_in_stored(struct batch *batch, struct item *item)
{
        const struct store_result *result = item->results;

        if (item->ops->kind == STORE_SIGN_IN)
                auth_signed_in(batch, item);
        else if (result->status == ERR_OK)
                batch_refuse(batch, item, ERR_BAD_LOGIN, NULL, 0);
        else
                batch_refuse(batch, item, result->status, NULL, result->retry_after_ms);
}

/* ---- renew ---- */

void renew_plan(struct batch *batch, struct item *item)
{
        struct wire_renew *renew = batch_decode(batch, item, sizeof(*renew));
        struct store_op *op;
        uint8_t ids[16];

        if (!renew || !auth_require(batch, item, renew->user != 0, "user") ||
            !auth_require(batch, item, renew->device != 0, "device") ||
            !auth_require_device(batch, item, renew->device_secret, (struct slice){0}))
                return;
        op = batch_apply(batch, item, STORE_RENEW, 1);
        if (!op)
                return;
        op->user = renew->user;
        op->device = renew->device;
        crypto_sha256(renew->device_secret, op->sign_in.secret_hash);
        be64_put(ids, renew->user);
        be64_put(ids + 8, renew->device);
        auth_digest(batch,
                    (const struct slice[]){SLICE_LITERAL("renew"), slice_of(ids, sizeof(ids)),
                                           auth_hash(op->sign_in.secret_hash)},
                    3, op->digest);
}
