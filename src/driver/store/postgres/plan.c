/* Operations one after the other, in their order (L3), and what they have in common. */
#include "base/assert.h"
#include "driver/store/postgres/world.h"

enum error plan_admit(struct world *world, const struct store_op *op)
{
        if (op_needs_device(op)) { /* L7 */
                const struct world_device *device = world_device(world, op->user, op->device);

                if (!device || !device->line.found || device->revoked_ms)
                        return ERR_REVOKED;
        }
        /* L8: now_ms is of the moment when all locks were held, at this very try. */
        return op->not_after_ms && world->now_ms > op->not_after_ms ? ERR_LATE : ERR_OK;
}

void plan_operations(struct world *world)
{
        for (size_t i = 0; i < world->count && !world->failed; i++) {
                const struct store_op *op = &world->ops[i];
                struct store_result *result = &world->results_at[i];

                *result = (struct store_result){0};
                switch (op->kind) {
                case STORE_WRITE:
                        plan_write(world, op, result);
                        break;
                case STORE_MARK:
                        plan_mark(world, op, result, i);
                        break;
                case STORE_LEAVE:
                        plan_leave(world, op, result);
                        break;
                case STORE_LEAVING:
                        plan_leaving(world, op, result);
                        break;
                case STORE_RECEIPTS:
                        plan_receipts(world, op, result);
                        break;
                case STORE_RECEIPTS_DONE:
                        plan_receipts_done(world, op, result);
                        break;
                case STORE_BLOCK:
                        plan_block(world, op, result);
                        break;
                default:
                        plan_account(world, op, result);
                        break;
                }
        }
}
