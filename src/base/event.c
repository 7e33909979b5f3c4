/* Level filter in front of the sink. */
#include "base/event.h"

void event_emit(struct event_sink *sink, const struct event *event)
{
        if (sink && sink->write && event->level >= sink->level_min)
                sink->write(sink, event);
}
