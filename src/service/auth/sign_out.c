/*
 * sign_out: revokes a device, or all of the user's. After it is committed every frontend is told (L7), on its own partition, so
 * that it reaches also those that presence does not know of. The reply goes first: the revoke may close its connection.
 */
#include "service/auth/auth.h"

void sign_out_plan(struct batch *batch, struct item *item)
{
        struct wire_sign_out *sign_out = batch_decode(batch, item, sizeof(*sign_out));
        struct store_op *op = sign_out ? batch_apply(batch, item, STORE_SIGN_OUT, 1) : NULL;
        uint8_t device[8];

        if (!op)
                return;
        item->body = sign_out;
        op->sign_out.device = sign_out->device;
        be64_put(device, sign_out->device);
        auth_digest(batch, (const struct slice[]){SLICE_LITERAL("sign_out"), slice_of(device, sizeof(device))}, 2,
                    op->digest);
}

void sign_out_stored(struct batch *batch, struct item *item)
{
        const struct wire_sign_out *sign_out = item->body;
        const struct store_result *result = item->results;
        const struct worker_seams *seams = batch_seams(batch);
        uint32_t partitions = seams->bus->ops->partitions(seams->bus, BUS_FRONTENDS);
        struct wire_done done = {.time_ms = seams->clock->wall_ms(seams->clock)};
        struct wire_revoke revoke = {.user = item->envelope.user, .device = sign_out->device};

        if (result->status != ERR_OK) {
                batch_refuse(batch, item, result->status, NULL, result->retry_after_ms);
                return;
        }
        batch_reply(batch, item, WIRE_CODE_done, &done, WIRE_EFFECT_NONE);
        for (uint32_t i = 0; i < partitions; i++)
                batch_publish(batch, item, BUS_FRONTENDS, (int32_t)i, (struct slice){0}, WIRE_CODE_revoke, &revoke);
}
