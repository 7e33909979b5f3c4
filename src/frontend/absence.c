/* See absence.h. All wait equally long, so a ring is in order. */
#include "frontend/absence.h"

#include "base/memory.h"
#include "wire/envelope.h"

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
        struct wire_frame frame = {.code = WIRE_CODE_gone};
        struct wire_envelope envelope = {.frontend = frontend->options.index,
                                         .epoch = frontend->epoch,
                                         .not_after_ms = frontend->wall_ms + frontend->options.reply_ms};
        struct bus_message message = {.topic = BUS_QUERY, .partition = BUS_PARTITION_BYKEY};
        uint8_t bytes[128], random[10], key[8];
        struct slice built;

        frontend->seams.random->fill(frontend->seams.random, random, sizeof(random));
        frame.request = id_uuid7(frontend->wall_ms, random);
        built = wire_frame_build(&frame, &gone, bytes, bytes + sizeof(bytes));
        check(built.size > WIRE_LENGTH_SIZE);
        envelope.frame = slice_of(built.data + WIRE_LENGTH_SIZE, built.size - WIRE_LENGTH_SIZE);
        be64_put(key, user); /* as his Joins: they are served in one order */
        message.key = slice_of(key, sizeof(key));
        message.value = wire_record_build(WIRE_CODE_envelope, &envelope, frontend->scratch,
                                          frontend->scratch + sizeof(frontend->scratch));
        check(message.value.size > 0);
        if (frontend->seams.bus->ops->publish(frontend->seams.bus, &message) != ERR_OK)
                return false;
        frontend->published = true;
        frontend->counts.away++;
        if (event_wanted(frontend->seams.events, EVENT_DEBUG))
                event_note(frontend->seams.events, EVENT_DEBUG, "frontend.away", &frame.request, {"user", NULL, user});
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
