/*
 * What deserves a line in the log is an event, handed to a sink that the program's main passes in. Events carry a name,
 * a level, a request id where there is one, and up to a few fields; never message text, never a secret.
 */
#ifndef GALKA_BASE_EVENT_H
#define GALKA_BASE_EVENT_H

#include "base/id.h"

enum event_level { EVENT_DEBUG, EVENT_INFO, EVENT_WARNING, EVENT_ERROR };

struct event_field {
        const char *name; /* a plain word */
        const char *text; /* NULL: `number` is meant */
        uint64_t number;
};

struct event {
        enum event_level level;
        const char *name;         /* "frontend.slow_reader": room.noun */
        const struct id *request; /* NULL if none */
        const struct event_field *fields;
        size_t field_count;
};

/* Must not block for long and must not call back. NULL write: events are dropped. */
struct event_sink {
        void (*write)(struct event_sink *sink, const struct event *event);
        enum event_level level_min;
};

void event_emit(struct event_sink *sink, const struct event *event);

/* Ask first where making an event costs something, or on a hot path. */
static inline bool event_wanted(const struct event_sink *sink, enum event_level level)
{
        return sink && sink->write && level >= sink->level_min;
}

/* event_note(sink, EVENT_INFO, "bus.full", request, {"topic", "session"}, {"size", NULL, 12}) */
#define event_note(sink_, level_, name_, request_, ...)                                                                     \
        event_emit(sink_, &(struct event){.level = level_,                                                                  \
                                          .name = name_,                                                                    \
                                          .request = request_,                                                              \
                                          .fields = (const struct event_field[]){__VA_ARGS__},                              \
                                          .field_count = sizeof((const struct event_field[]){__VA_ARGS__}) /                \
                                                         sizeof(struct event_field)})

#endif
