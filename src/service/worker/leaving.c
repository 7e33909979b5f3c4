/* See leaving.h. */
#include "service/worker/leaving.h"

void leaving_go_on(struct batch *batch, struct item *item, uint64_t user, const struct id *after, const struct id *era)
{
        struct clock *clock = batch_seams(batch)->clock;
        const struct wire_leaving leaving = {.user = user, .after = *after, .era = *era};
        const struct wire_envelope envelope = {.frontend = item->envelope.frontend,
                                               .epoch = item->envelope.epoch,
                                               .not_after_ms = clock->wall_ms(clock) + LEAVING_VALID_MS};

        batch_publish_frame(batch, item, BUS_SESSION, WIRE_CODE_leaving, user, &leaving, envelope);
}
