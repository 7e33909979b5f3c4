/* The service of accounts: sign-up with a code by mail, sign-in, devices, sign-out. */
#include "service/auth/auth.h"

#include "rules/limits.h"

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
