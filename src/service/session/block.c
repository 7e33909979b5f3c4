/* block: from here on the sender blocks somebody, or no longer. His other connections are told. */
#include "crypto/crypto.h"
#include "service/session/session.h"

static void digest_of(const struct wire_block *body, uint8_t digest[static STORE_HASH_SIZE])
{
        uint8_t numbers[9];
        const struct slice parts[] = {SLICE_LITERAL("block"), slice_of(numbers, sizeof(numbers))};

        be64_put(numbers, body->user);
        numbers[8] = (uint8_t)body->on;
        crypto_digest(parts, countof(parts), digest);
}

void block_plan(struct batch *batch, struct item *item)
{
        struct wire_block *body = batch_decode(batch, item, sizeof(*body));
        struct store_op *op;

        if (!body)
                return;
        if (body->user == 0 || body->user == item->envelope.user) {
                batch_refuse(batch, item, ERR_BAD_FIELD, "user", 0);
                return;
        }
        item->body = body;
        op = batch_apply(batch, item, STORE_BLOCK, 1);
        if (!op)
                return;
        digest_of(body, op->digest);
        op->block.peer = body->user;
        op->block.on = body->on != 0;
}

void block_stored(struct batch *batch, struct item *item)
{
        const struct wire_block *body = item->body;
        const struct store_result *result = item->results;
        struct wire_blocked blocked = {.user = body->user, .on = body->on, .head = result->block.head};

        if (result->status != ERR_OK) {
                batch_refuse(batch, item, result->status, NULL, result->retry_after_ms);
                return;
        }
        batch_deliver(batch, item, WIRE_CODE_blocked, &(struct id){0}, &blocked, &item->envelope.user, 1);
        batch_reply(batch, item, WIRE_CODE_blocked, &blocked, WIRE_EFFECT_NONE);
}
