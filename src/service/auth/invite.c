/*
 * invite: a member's invitation. Its token is derived from the request, so that a repeat is given the same one; the store keeps the
 * token's hash alone, which is no way back to 128 bits.
 */
#include "rules/invite.h"
#include "rules/limits.h"
#include "service/auth/auth.h"

static void token_of(const struct batch *batch, const struct item *item, char text[static INVITE_TEXT_SIZE])
{
        uint8_t digest[STORE_HASH_SIZE], user[8];
        const struct slice parts[] = {SLICE_LITERAL("invitation"), slice_of(user, sizeof(user)),
                                      slice_of(item->frame.request.bytes, sizeof(item->frame.request.bytes))};

        be64_put(user, item->envelope.user);
        auth_digest(batch, parts, countof(parts), digest);
        invite_write(digest, text);
}

void invite_plan(struct batch *batch, struct item *item)
{
        struct wire_invite *invite = batch_decode(batch, item, sizeof(*invite));
        char token[INVITE_TEXT_SIZE];
        struct store_op *op;
        uint8_t numbers[16];

        if (!invite)
                return;
        if (!batch_seams(batch)->member_invites) {
                batch_refuse(batch, item, ERR_NOT_ALLOWED, NULL, 0);
                return;
        }
        if (!(invite->has & WIRE_HAS(invite, uses)))
                invite->uses = 1;
        if (!(invite->has & WIRE_HAS(invite, valid_ms)))
                invite->valid_ms = INVITE_VALID_MS;
        if (!auth_require(batch, item, invite->uses > 0, "uses") ||
            !auth_require(batch, item, invite->valid_ms >= INVITE_VALID_MIN, "valid_ms"))
                return;
        item->body = invite;
        op = batch_apply(batch, item, STORE_INVITE, 1);
        if (!op)
                return;
        token_of(batch, item, token);
        crypto_sha256(slice_text(token), op->invite.hash);
        op->invite.uses = invite->uses;
        op->invite.valid_ms = invite->valid_ms;
        be64_put(numbers, invite->uses);
        be64_put(numbers + 8, invite->valid_ms);
        auth_digest(batch, (const struct slice[]){SLICE_LITERAL("invite"), slice_of(numbers, sizeof(numbers))}, 2,
                    op->digest);
}

void invite_stored(struct batch *batch, struct item *item)
{
        const struct wire_invite *invite = item->body;
        const struct store_result *result = item->results;
        char token[INVITE_TEXT_SIZE];
        struct wire_invited reply;

        if (result->status != ERR_OK) {
                batch_refuse(batch, item, result->status, NULL, result->retry_after_ms);
                return;
        }
        token_of(batch, item, token);
        reply = (struct wire_invited){.token = slice_text(token), .uses = invite->uses, .valid_ms = invite->valid_ms};
        batch_reply(batch, item, WIRE_CODE_invited, &reply, WIRE_EFFECT_NONE);
}
