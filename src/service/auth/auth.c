/* The service of accounts: sign-up with a code by mail, sign-in, devices, sign-out; what an account is, invitations. */
#include "service/auth/auth.h"

#include "rules/limits.h"
#include "rules/name.h"

#include <stdio.h>

void auth_digest(const struct batch *batch, const struct slice *parts, size_t count, uint8_t digest[static STORE_HASH_SIZE])
{
        uint8_t plain[CRYPTO_HASH_SIZE];

        crypto_digest(parts, count, plain);
        crypto_hmac(batch_seams(batch)->keys->lasting, slice_of(plain, sizeof(plain)), digest);
}

void auth_code(const struct batch *batch, const struct id *sign_up, struct slice email_folded,
               char code[static AUTH_CODE_SIZE])
{
        static const char purpose[] = "code";
        uint8_t bytes[sizeof(purpose) - 1 + sizeof(sign_up->bytes) + 254];
        uint8_t mac[CRYPTO_HASH_SIZE];
        size_t size = sizeof(purpose) - 1;
        unsigned modulus = 1;

        check(email_folded.size <= 254);
        memcpy(bytes, purpose, size);
        memcpy(bytes + size, sign_up->bytes, sizeof(sign_up->bytes));
        size += sizeof(sign_up->bytes);
        memcpy(bytes + size, email_folded.data, email_folded.size);
        crypto_hmac(batch_seams(batch)->keys->lasting, slice_of(bytes, size + email_folded.size), mac);
        for (int i = 0; i < CODE_DIGITS; i++)
                modulus *= 10;
        snprintf(code, AUTH_CODE_SIZE, "%0*u", CODE_DIGITS, (unsigned)(be64_get(mac) % modulus));
}

void auth_code_hash(const struct id *sign_up, struct slice code, uint8_t hash[static STORE_HASH_SIZE])
{
        const struct slice parts[] = {slice_of(sign_up->bytes, sizeof(sign_up->bytes)), code};

        crypto_digest(parts, countof(parts), hash);
}

bool auth_require(struct batch *batch, struct item *item, bool holds, const char *field)
{
        if (!holds && item->state == ITEM_LIVE)
                batch_refuse(batch, item, ERR_BAD_FIELD, field, 0);
        return holds;
}

bool auth_require_device(struct batch *batch, struct item *item, struct slice secret, struct slice name)
{
        return auth_require(batch, item, secret.size == AUTH_SECRET_SIZE, "device_secret") &&
               auth_require(batch, item, name.size == 0 || name_is_display_name(name), "device_name");
}

uint64_t auth_guesses(const struct batch *batch, const char *what, struct slice of)
{
        uint8_t digest[STORE_HASH_SIZE];
        const struct slice parts[] = {slice_text(what), of};

        if (of.size == 0)
                return 0;
        auth_digest(batch, parts, countof(parts), digest);
        return be64_get(digest) >> 1 | 1;
}

void auth_count_codes(const struct batch *batch, const struct item *item, struct store_op *op, struct slice email_folded)
{
        op->guesses_of = auth_guesses(batch, "codes", email_folded);
        op->guesses_from = auth_guesses(batch, "guesses from", item->envelope.address);
}

void auth_count_letters(const struct batch *batch, const struct item *item, struct store_op *op, struct slice email_folded)
{
        op->guesses_of = auth_guesses(batch, "letters", email_folded);
        op->guesses_from = auth_guesses(batch, "letters from", item->envelope.address);
}

void auth_letter(struct batch *batch, struct item *item, enum wire_mail_kind kind, struct slice to, struct slice language,
                 struct slice code)
{
        struct clock *clock = batch_seams(batch)->clock;
        const struct wire_mail mail = {.kind = kind,
                                       .to = to,
                                       .language = language,
                                       .code = code,
                                       .request = item->frame.request,
                                       .not_after_ms = clock->wall_ms(clock) + CODE_VALID_MS};

        batch_publish(batch, item, BUS_NOTIFY, BUS_PARTITION_BYKEY,
                      slice_of(item->frame.request.bytes, sizeof(item->frame.request.bytes)), WIRE_CODE_mail, &mail);
}

void auth_revoke(struct batch *batch, struct item *item, uint64_t user, uint64_t device, uint64_t except)
{
        struct bus *bus = batch_seams(batch)->bus;
        uint32_t partitions = bus->ops->partitions(bus, BUS_FRONTENDS);
        const struct wire_revoke revoke = {.user = user, .device = device, .except = except};

        for (uint32_t i = 0; i < partitions; i++)
                batch_publish(batch, item, BUS_FRONTENDS, (int32_t)i, (struct slice){0}, WIRE_CODE_revoke, &revoke);
}

void auth_signed_in(struct batch *batch, struct item *item)
{
        const struct store_result *result = item->results;
        struct wire_signed_in reply;
        uint8_t token[TOKEN_SIZE];

        if (result->status != ERR_OK) {
                batch_refuse(batch, item, result->status, NULL, result->retry_after_ms);
                return;
        }
        token_mint(batch_seams(batch)->keys, result->signed_in.person.user, result->signed_in.device, token);
        reply = (struct wire_signed_in){.device = result->signed_in.device,
                                        .token = slice_of(token, sizeof(token)),
                                        .profile = shape_person(&result->signed_in.person)};
        batch_reply(batch, item, WIRE_CODE_signed_in, &reply, WIRE_EFFECT_NONE);
}

static const struct handler handlers[] = {
        {.code = WIRE_CODE_sign_up,
         .hooks = {[HOOK_PLAN] = sign_up_plan, [HOOK_HASHED] = sign_up_hashed, [HOOK_STORED] = sign_up_stored}},
        {.code = WIRE_CODE_confirm, .hooks = {[HOOK_PLAN] = confirm_plan, [HOOK_STORED] = auth_signed_in}},
        {.code = WIRE_CODE_sign_in, .hooks = {sign_in_plan, sign_in_asked, sign_in_hashed, sign_in_stored}},
        {.code = WIRE_CODE_renew, .hooks = {[HOOK_PLAN] = renew_plan, [HOOK_STORED] = auth_signed_in}},
        {.code = WIRE_CODE_sign_out, .hooks = {[HOOK_PLAN] = sign_out_plan, [HOOK_STORED] = sign_out_stored}},
        {.code = WIRE_CODE_reset, .hooks = {[HOOK_PLAN] = reset_plan, [HOOK_STORED] = reset_stored}},
        {.code = WIRE_CODE_reset_confirm,
         .hooks = {[HOOK_PLAN] = reset_confirm_plan,
                   [HOOK_HASHED] = reset_confirm_hashed,
                   [HOOK_STORED] = reset_confirm_stored}},
        {.code = WIRE_CODE_set_password,
         .hooks = {set_password_plan, set_password_asked, set_password_hashed, set_password_stored}},
        {.code = WIRE_CODE_set_profile, .hooks = {[HOOK_PLAN] = set_profile_plan, [HOOK_STORED] = set_profile_stored}},
        {.code = WIRE_CODE_set_email, .hooks = {set_email_plan, set_email_asked, set_email_hashed, set_email_stored}},
        {.code = WIRE_CODE_confirm_email, .hooks = {[HOOK_PLAN] = confirm_email_plan, [HOOK_STORED] = confirm_email_stored}},
        {.code = WIRE_CODE_delete_account,
         .hooks = {delete_account_plan, delete_account_asked, delete_account_hashed, delete_account_stored}},
        {.code = WIRE_CODE_seen, .patient = true, .hooks = {[HOOK_PLAN] = seen_plan}},
        {.code = WIRE_CODE_last_seen, .patient = true, .hooks = {[HOOK_PLAN] = last_seen_plan}},
        {.code = WIRE_CODE_invite, .hooks = {[HOOK_PLAN] = invite_plan, [HOOK_STORED] = invite_stored}},
};

/* Few records a batch: hashing takes some 50 to 100 ms each, and all of a batch wait for the last. */
const struct service service_auth = {
        .name = "auth",
        .topic = BUS_AUTHENTICATION,
        .wire_topic = WIRE_TOPIC_AUTHENTICATION,
        .record = WIRE_CODE_envelope,
        .records_max = 8,
        .ops_per_record = 1,
        .handlers = handlers,
        .handler_count = countof(handlers),
};
