/* See sweep.h. */
#include "frontend/sweep.h"

/* The first one comes a while after the partition is held: what was under way then may be done yet. */
void sweep_run(struct frontend *frontend)
{
        const struct wire_sweep sweep = {0};
        struct id request;

        if (!frontend_serves(frontend))
                return;
        if (frontend->sweep_ms == 0)
                frontend->sweep_ms = frontend->now_ms + SWEEP_EVERY_MS;
        if (frontend->now_ms < frontend->sweep_ms)
                return;
        frontend->sweep_ms = frontend->now_ms + SWEEP_EVERY_MS;
        /* If the bus takes nothing now, there will be another one. */
        (void)frontend_publish_frame(frontend, BUS_SESSION, WIRE_CODE_sweep, 0, &sweep, &request);
}

uint64_t sweep_next_ms(const struct frontend *frontend)
{
        return frontend_serves(frontend) && frontend->sweep_ms ? frontend->sweep_ms : UINT64_MAX;
}
