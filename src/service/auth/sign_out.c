/*
 * sign_out: revokes a device, or all of the user's. After it is committed every frontend is told (L7), on its own partition, so
 * that it reaches also those that presence does not know of. The reply goes first: the revoke may close its connection.
 */
#include "service/auth/auth.h"

void sign_out_plan(struct batch *batch, struct item *item)
{
        struct wire_sign_out *sign_out = batch_decode(batch, item, sizeof(*sign_out));
        struct store_op *op;
        uint8_t device[8], others;

        if (!sign_out || !auth_require(batch, item, !sign_out->others || !sign_out->device, "others"))
                return;
        op = batch_apply(batch, item, STORE_SIGN_OUT, 1);
        if (!op)
                return;
        item->body = sign_out;
        op->sign_out.device = sign_out->device;
        op->sign_out.others = sign_out->others;
        be64_put(device, sign_out->device);
        others = (uint8_t)sign_out->others;
        auth_digest(batch,
                    (const struct slice[]){SLICE_LITERAL("sign_out"), slice_of(device, sizeof(device)),
                                           slice_of(&others, others)},
                    3, op->digest);
}

void sign_out_stored(struct batch *batch, struct item *item)
{
        const struct wire_sign_out *sign_out = item->body;
        const struct store_result *result = item->results;
        struct clock *clock = batch_seams(batch)->clock;
        struct wire_done done = {.time_ms = clock->wall_ms(clock)};

        if (result->status != ERR_OK) {
                batch_refuse(batch, item, result->status, NULL, result->retry_after_ms);
                return;
        }
        batch_reply(batch, item, WIRE_CODE_done, &done, WIRE_EFFECT_NONE);
        auth_revoke(batch, item, item->envelope.user, sign_out->device, sign_out->others ? item->envelope.device : 0);
}
