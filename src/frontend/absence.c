/* See absence.h. All wait equally long, so a ring is in order. */
#include "frontend/absence.h"

#include "base/memory.h"

#define RETRY_MS 200 /* the bus takes nothing now */

void absence_finish(struct absences *absences)
{
        memory_free(absences->ring);
        *absences = (struct absences){0};
}

void absence_note(struct frontend *frontend, uint64_t user)
{
        struct absences *absences = &frontend->absences;

        check(user != 0);
        if (connection_of_user(&frontend->connections, user, NULL))
                return;
        if (!absences->ring)
                absences->ring = memory_new(sizeof(*absences->ring) * ABSENCE_MAX);
        if (!absences->ring)
                return;
        if (absences->count == ABSENCE_MAX) {
                absences->first = (absences->first + 1) % ABSENCE_MAX;
                absences->count--;
        }
        absences->ring[(absences->first + absences->count++) % ABSENCE_MAX] =
                (struct absence){.user = user, .due_ms = frontend->now_ms + PRESENCE_GONE_MS};
}

static bool publish(struct frontend *frontend, uint64_t user)
{
        const struct wire_gone gone = {.user = user};
        struct id request;

        /* By the key of his Joins: they are served in one order. */
        if (!frontend_publish_frame(frontend, BUS_QUERY, WIRE_CODE_gone, user, &gone, &request))
                return false;
        frontend->counts.away++;
        if (event_wanted(frontend->seams.events, EVENT_DEBUG))
                event_note(frontend->seams.events, EVENT_DEBUG, "frontend.away", &request, {"user", NULL, user});
        return true;
}

void absence_run(struct frontend *frontend)
{
        struct absences *absences = &frontend->absences;

        if (frontend->now_ms < absences->retry_ms)
                return;
        for (int i = 0; i < ABSENCE_A_TURN && absences->count > 0; i++) {
                const struct absence *absence = &absences->ring[absences->first];

                if (frontend->now_ms < absence->due_ms)
                        break;
                if (!connection_of_user(&frontend->connections, absence->user, NULL) && !publish(frontend, absence->user)) {
                        absences->retry_ms = frontend->now_ms + RETRY_MS;
                        break;
                }
                absences->first = (absences->first + 1) % ABSENCE_MAX;
                absences->count--;
        }
        if (absences->count == 0)
                absences->first = 0;
}

uint64_t absence_next_ms(const struct frontend *frontend)
{
        const struct absences *absences = &frontend->absences;

        return absences->count ? max_of(absences->ring[absences->first].due_ms, absences->retry_ms) : UINT64_MAX;
}
