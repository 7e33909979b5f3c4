/* The log: events as logfmt or JSON lines on standard error, one write a line, so that threads do not mix. */
#ifndef GALKA_SERVER_LOG_H
#define GALKA_SERVER_LOG_H

#include "base/event.h"
#include "seam/clock.h"

struct log {
        struct event_sink sink; /* hand &log.sink to whoever emits */
        struct clock *clock;
        bool json;
        int fd;
};

/* level: "debug", "info", "warning", "error"; format: "logfmt", "json" (checked by options). */
void log_init(struct log *log, struct clock *clock, const char *format, const char *level, int fd);

#endif
