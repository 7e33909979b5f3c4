/* Level filter in front of the sink. */
#include "base/event.h"

void event_emit(struct event_sink *sink, const struct event *event)
{
        if (event_wanted(sink, event->level))
                sink->write(sink, event);
}
