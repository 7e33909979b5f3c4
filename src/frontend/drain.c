/* See drain.h. */
#include "frontend/drain.h"

#include "frontend/ending.h"
#include "frontend/listen.h"
#include "frontend/upkeep.h"

static void begin(struct frontend *frontend, uint32_t within_ms)
{
        listen_close(frontend);
        frontend->drain = (struct drain){
                .on = true,
                .from_ms = frontend->now_ms,
                .within_ms = within_ms,
                .slots = frontend->connections.fresh,
        };
}

void frontend_drain(struct frontend *frontend, uint32_t within_ms)
{
        if (frontend->drain.on)
                return;
        frontend->now_ms = clock_monotonic_ms(frontend->seams.clock);
        begin(frontend, within_ms);
        event_note(frontend->seams.events, EVENT_INFO, "frontend.draining", NULL,
                   {"connections", NULL, frontend->connections.count}, {"within_ms", NULL, within_ms});
}

void drain_at_once(struct frontend *frontend)
{
        if (!frontend->drain.on)
                begin(frontend, 0);
        for (uint32_t slot = 0; slot < frontend->connections.fresh; slot++) {
                struct connection *connection = connection_at(&frontend->connections, slot);

                if (connection)
                        connection_end(frontend, connection, ERR_DRAINING, FRONTEND_RETRY_MS);
        }
        frontend->drain.cursor = frontend->drain.slots;
}

/* Up to which slot clients are told by now. */
static uint32_t target(const struct frontend *frontend)
{
        const struct drain *drain = &frontend->drain;
        uint64_t passed_ms = frontend->now_ms - drain->from_ms;

        if (passed_ms >= drain->within_ms)
                return drain->slots;
        return (uint32_t)(drain->slots * passed_ms / drain->within_ms);
}

static uint64_t last_ms(const struct frontend *frontend)
{
        return frontend->drain.from_ms + frontend->drain.within_ms + frontend->options.reply_ms + ENDING_MS + DRAIN_EXTRA_MS;
}

bool drain_run(struct frontend *frontend)
{
        struct drain *drain = &frontend->drain;
        bool cut_off = frontend->now_ms >= last_ms(frontend);

        check(drain->on);
        for (int told = 0; drain->cursor < target(frontend) && told < DRAIN_TOLD_MAX; drain->cursor++) {
                struct connection *connection = connection_at(&frontend->connections, drain->cursor);

                if (!connection)
                        continue;
                connection_leave(frontend, connection);
                told++;
        }
        for (uint32_t slot = 0; cut_off && slot < frontend->connections.fresh; slot++) {
                struct connection *connection = connection_at(&frontend->connections, slot);

                if (connection)
                        connection_drop(frontend, connection);
        }
        return frontend->connections.count == 0 && upkeep_end(frontend);
}

uint64_t drain_next_ms(const struct frontend *frontend)
{
        const struct drain *drain = &frontend->drain;

        if (!drain->on)
                return UINT64_MAX;
        if (frontend->connections.count == 0)
                return frontend->upkeep.end_ms ? upkeep_next_ms(frontend) : frontend->now_ms;
        if (drain->cursor < target(frontend))
                return frontend->now_ms;
        if (drain->cursor == drain->slots)
                return last_ms(frontend);
        /* When the next slot's turn comes. */
        return drain->from_ms + ((uint64_t)(drain->cursor + 1) * drain->within_ms + drain->slots - 1) / drain->slots;
}
