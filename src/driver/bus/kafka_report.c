/* What librdkafka has to say, as events of ours; see kafka_inside.h. Its lines hold addresses and errors, never records or secrets. */
#include <time.h>

#include "driver/bus/kafka_inside.h"

#define REPORT_MS 1000

uint64_t kafka_now_ms(void)
{
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

rd_kafka_resp_err_t kafka_metadata(rd_kafka_t *client, unsigned wait_ms)
{
        const struct rd_kafka_metadata *metadata = NULL;
        rd_kafka_resp_err_t error = rd_kafka_metadata(client, 0, NULL, &metadata, (int)wait_ms);

        if (metadata)
                rd_kafka_metadata_destroy(metadata);
        return error;
}

/* While brokers are away the same errors come again and again, from every connection. */
static bool too_many(struct kafka_report *report)
{
        uint64_t now_ms = kafka_now_ms();

        if (now_ms < report->next_ms) {
                report->left_out++;
                return true;
        }
        report->next_ms = now_ms + REPORT_MS;
        return false;
}

static enum event_level level_of(int syslog_level)
{
        if (syslog_level <= 3)
                return EVENT_WARNING; /* what librdkafka calls an error is, for us, a connection that it will try again */
        return syslog_level <= 6 ? EVENT_INFO : EVENT_DEBUG;
}

static void report_log(struct kafka_report *report, rd_kafka_event_t *event)
{
        const char *facility, *line;
        int level;

        if (rd_kafka_event_log(event, &facility, &line, &level) != 0 || !event_wanted(report->events, level_of(level)) ||
            too_many(report))
                return;
        event_note(report->events, level_of(level), "bus.kafka_log", NULL, {"facility", facility, 0}, {"line", line, 0},
                   {"left_out", NULL, report->left_out});
        report->left_out = 0;
}

void kafka_report(struct kafka_report *report, rd_kafka_event_t *event)
{
        const char *line;

        if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_LOG) {
                report_log(report, event);
                return;
        }
        if (rd_kafka_event_type(event) != RD_KAFKA_EVENT_ERROR || too_many(report))
                return;
        line = rd_kafka_event_error_string(event);
        event_note(report->events, EVENT_WARNING, "bus.kafka_error", NULL,
                   {"error", rd_kafka_err2name(rd_kafka_event_error(event)), 0}, {"line", line ? line : "", 0},
                   {"left_out", NULL, report->left_out});
        report->left_out = 0;
}
