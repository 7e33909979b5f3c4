/*
 * What a user changes of his account: password, names, address; and its end. What others could take it away with (password, address) wants the
 * password again. It is verified before the store looks whether the request was done before (L1): the store judges.
 */
#include "rules/limits.h"
#include "rules/name.h"
#include "service/auth/auth.h"
#include "service/worker/leaving.h"

static void answer_done(struct batch *batch, struct item *item)
{
        struct clock *clock = batch_seams(batch)->clock;
        struct wire_done done = {.time_ms = clock->wall_ms(clock)};

        batch_reply(batch, item, WIRE_CODE_done, &done, WIRE_EFFECT_NONE);
}

/* False, and the item is answered, if the store refused. */
static bool was_done(struct batch *batch, struct item *item)
{
        const struct store_result *result = item->results;

        if (result->status != ERR_OK)
                batch_refuse(batch, item, result->status, NULL, result->retry_after_ms);
        return result->status == ERR_OK;
}

/* Verifies it against what the store has; "" for a device that is signed out, of which the store says more. */
static void verify(const struct item *item, struct slice password, struct password_job *job)
{
        const struct store_answer *answer = item->early_answer;
        const char *hash = answer->status == ERR_OK && answer->login.password_hash ? answer->login.password_hash : "";
        size_t size = strlen(hash) + 1;

        check(size <= sizeof(job->hash));
        job->kind = PASSWORD_VERIFY;
        job->password = password;
        memcpy(job->hash, hash, size);
}

/* The hash that was verified; "": it was not right. */
static const char *verified(const struct item *item)
{
        return item->job->matches ? item->early_answer->login.password_hash : "";
}

/* ---- password ---- */

void set_password_plan(struct batch *batch, struct item *item)
{
        struct wire_set_password *body = batch_decode(batch, item, sizeof(*body));

        if (!body || !auth_require(batch, item, body->password.size > 0, "password") ||
            !auth_require(batch, item, body->new_password.size >= PASSWORD_MIN, "new_password"))
                return;
        item->body = body;
        batch_ask_early(batch, item, STORE_ASK_PASSWORD);
}

void set_password_asked(struct batch *batch, struct item *item)
{
        const struct wire_set_password *body = item->body;
        struct password_job *jobs = batch_passwords(batch, item, 2);

        if (!jobs)
                return;
        verify(item, body->password, &jobs[0]);
        jobs[1].kind = PASSWORD_HASH;
        jobs[1].password = body->new_password;
}

void set_password_hashed(struct batch *batch, struct item *item)
{
        const struct wire_set_password *body = item->body;
        struct store_op *op = batch_apply(batch, item, STORE_PASSWORD, 1);
        uint8_t others = (uint8_t)body->others;

        if (!op)
                return;
        op->password.password_hash = verified(item);
        op->password.new_hash = item->job[1].hash;
        op->password.others = body->others;
        auth_digest(batch,
                    (const struct slice[]){SLICE_LITERAL("set_password"), body->password, body->new_password,
                                           slice_of(&others, 1)},
                    4, op->digest);
}

void set_password_stored(struct batch *batch, struct item *item)
{
        const struct wire_set_password *body = item->body;

        if (!was_done(batch, item))
                return;
        answer_done(batch, item);
        if (body->others)
                auth_revoke(batch, item, item->envelope.user, 0, item->envelope.device);
}

/* ---- names ---- */

void set_profile_plan(struct batch *batch, struct item *item)
{
        struct wire_set_profile *body = batch_decode(batch, item, sizeof(*body));
        struct store_op *op;

        if (!body || !auth_require(batch, item, body->user_name.size || body->display_name.size, "user_name") ||
            !auth_require(batch, item, !body->user_name.size || name_is_user_name(body->user_name), "user_name") ||
            !auth_require(batch, item, !body->display_name.size || name_is_display_name(body->display_name), "display_name"))
                return;
        op = batch_apply(batch, item, STORE_PROFILE, 1);
        if (!op)
                return;
        op->profile.user_name = body->user_name;
        op->profile.name_folded = batch_fold(batch, body->user_name);
        op->profile.display_name = body->display_name;
        auth_digest(batch, (const struct slice[]){SLICE_LITERAL("set_profile"), body->user_name, body->display_name}, 3,
                    op->digest);
}

void set_profile_stored(struct batch *batch, struct item *item)
{
        struct wire_profile_set reply;

        if (!was_done(batch, item))
                return;
        reply = (struct wire_profile_set){.profile = shape_person(&item->results->signed_in.person)};
        batch_reply(batch, item, WIRE_CODE_profile_set, &reply, WIRE_EFFECT_NONE);
}

/* ---- address ---- */

/* Kept between the hooks. */
struct set_email {
        struct wire_set_email body;
        char code[AUTH_CODE_SIZE];
};

void set_email_plan(struct batch *batch, struct item *item)
{
        struct set_email *set = batch_decode(batch, item, sizeof(*set));

        if (!set || !auth_require(batch, item, name_is_email(set->body.email), "email") ||
            !auth_require(batch, item, set->body.password.size > 0, "password"))
                return;
        item->body = set;
        batch_ask_early(batch, item, STORE_ASK_PASSWORD);
}

void set_email_asked(struct batch *batch, struct item *item)
{
        const struct set_email *set = item->body;
        struct password_job *job = batch_password(batch, item, PASSWORD_VERIFY);

        if (job)
                verify(item, set->body.password, job);
}

void set_email_hashed(struct batch *batch, struct item *item)
{
        struct set_email *set = item->body;
        struct store_op *op = batch_apply(batch, item, STORE_EMAIL, 1);

        if (!op)
                return;
        op->code.email = set->body.email;
        op->code.email_folded = batch_fold(batch, set->body.email);
        op->code.valid_ms = CODE_VALID_MS;
        op->code.password_hash = verified(item);
        auth_code(batch, &item->frame.request, op->code.email_folded, set->code);
        auth_code_hash(&item->frame.request, slice_text(set->code), op->code.code_hash);
        auth_count_letters(batch, item, op, op->code.email_folded);
        auth_digest(
                batch,
                (const struct slice[]){SLICE_LITERAL("set_email"), set->body.email, set->body.password, set->body.language},
                4, op->digest);
}

/* The address that he has hears of it at once: when the code is right, it is late for whoever did not ask. */
void set_email_stored(struct batch *batch, struct item *item)
{
        const struct set_email *set = item->body;
        const struct store_result *result = item->results;
        struct wire_code_sent reply = {.valid_ms = CODE_VALID_MS};
        bool known = result->sign_up.known;

        if (!was_done(batch, item))
                return;
        auth_letter(batch, item, known ? WIRE_MAIL_EMAIL_TAKEN : WIRE_MAIL_EMAIL, set->body.email, set->body.language,
                    known ? (struct slice){0} : slice_text(set->code));
        if (name_is_email(result->sign_up.email))
                auth_letter(batch, item, WIRE_MAIL_EMAIL_NOTICE, result->sign_up.email, set->body.language,
                            (struct slice){0});
        batch_reply(batch, item, WIRE_CODE_code_sent, &reply, WIRE_EFFECT_NONE);
}

void confirm_email_plan(struct batch *batch, struct item *item)
{
        struct wire_confirm_email *body = batch_decode(batch, item, sizeof(*body));
        struct store_op *op;

        if (!body || !auth_require(batch, item, name_is_email(body->email), "email") ||
            !auth_require(batch, item, body->code.size > 0, "code") ||
            !auth_require(batch, item, !id_is_zero(&body->set_email), "set_email"))
                return;
        op = batch_apply(batch, item, STORE_EMAIL_CONFIRM, 1);
        if (!op)
                return;
        op->confirm.sign_up = body->set_email;
        op->confirm.email_folded = batch_fold(batch, body->email);
        auth_code_hash(&body->set_email, body->code, op->confirm.code_hash);
        auth_count_codes(batch, item, op, op->confirm.email_folded);
        auth_digest(batch,
                    (const struct slice[]){SLICE_LITERAL("confirm_email"), body->email, body->code,
                                           slice_of(body->set_email.bytes, sizeof(body->set_email.bytes))},
                    4, op->digest);
}

void confirm_email_stored(struct batch *batch, struct item *item)
{
        if (was_done(batch, item))
                answer_done(batch, item);
}

/* ---- the end ---- */

void delete_account_plan(struct batch *batch, struct item *item)
{
        struct wire_delete_account *body = batch_decode(batch, item, sizeof(*body));

        if (!body || !auth_require(batch, item, body->password.size > 0, "password"))
                return;
        item->body = body;
        batch_ask_early(batch, item, STORE_ASK_PASSWORD);
}

void delete_account_asked(struct batch *batch, struct item *item)
{
        const struct wire_delete_account *body = item->body;
        struct password_job *job = batch_password(batch, item, PASSWORD_VERIFY);

        if (job)
                verify(item, body->password, job);
}

/* What the rows by which he leaves his groups have for an id: nobody can have taken it before, and it is in order as any other. */
static struct id id_of_leaving(const struct batch *batch, const struct id *request)
{
        const struct slice parts[] = {SLICE_LITERAL("leaving"), slice_of(request->bytes, sizeof(request->bytes))};
        uint8_t digest[STORE_HASH_SIZE];

        auth_digest(batch, parts, countof(parts), digest);
        return id_uuid7(id_uuid7_time_ms(request), digest);
}

void delete_account_hashed(struct batch *batch, struct item *item)
{
        const struct wire_delete_account *body = item->body;
        struct store_op *op = batch_apply(batch, item, STORE_DELETE, 1);

        if (!op)
                return;
        op->password.password_hash = verified(item);
        op->password.leaving = id_of_leaving(batch, &item->frame.request);
        auth_digest(batch, (const struct slice[]){SLICE_LITERAL("delete_account"), body->password}, 2, op->digest);
}

/* The reply goes first: the revoke closes its connection. */
void delete_account_stored(struct batch *batch, struct item *item)
{
        if (!was_done(batch, item))
                return;
        answer_done(batch, item);
        auth_revoke(batch, item, item->envelope.user, 0, 0);
        leaving_go_on(batch, item, item->envelope.user, &(struct id){0}, &(struct id){0});
}

/* ---- that a device was used, that a user has gone ---- */

/* Told by the service that answers Join, which writes nothing. Nobody waits for an answer. */
void seen_plan(struct batch *batch, struct item *item)
{
        if (batch_decode(batch, item, sizeof(struct wire_seen)))
                batch_apply(batch, item, STORE_SEEN, 1);
}

/* Told by the service that asks presence who is gone. */
void last_seen_plan(struct batch *batch, struct item *item)
{
        const struct wire_last_seen *seen = batch_decode(batch, item, sizeof(*seen));
        struct store_op *op = seen && seen->user ? batch_apply(batch, item, STORE_LAST_SEEN, 1) : NULL;

        if (op)
                op->user = seen->user;
        else if (seen)
                batch_refuse(batch, item, ERR_BAD_FIELD, "user", 0);
}
