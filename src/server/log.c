/*
 * One line an event: time, level, name, request id, fields. Values are escaped, so that no event can forge a line. A line
 * longer than LINE_MAX_SIZE is cut.
 */
#include "server/log.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"

#define LINE_MAX_SIZE 2048

static const char *const level_names[] = {"debug", "info", "warning", "error"};

struct line {
        char text[LINE_MAX_SIZE];
        size_t size;
        bool json;
};

static void put(struct line *line, const char *text)
{
        while (*text && line->size < LINE_MAX_SIZE - 2)
                line->text[line->size++] = *text++;
}

/* Quoted, with quotes, backslashes and controls escaped as in JSON; logfmt readers understand the same. */
static void put_quoted(struct line *line, const char *text)
{
        put(line, "\"");
        for (; *text; text++) {
                unsigned char byte = (unsigned char)*text;
                char one[8] = {*text};

                if (byte == '"' || byte == '\\')
                        snprintf(one, sizeof(one), "\\%c", byte);
                else if (byte < 32 || byte == 127)
                        snprintf(one, sizeof(one), "\\u%04x", byte);
                put(line, one);
        }
        put(line, "\"");
}

static void put_field(struct line *line, const char *name, const char *text)
{
        if (line->size > 1)
                put(line, line->json ? "," : " ");
        if (line->json)
                put_quoted(line, name);
        else
                put(line, name);
        put(line, line->json ? ":" : "=");
        put_quoted(line, text);
}

static void put_number(struct line *line, const char *name, uint64_t number)
{
        char text[32];

        if (line->size > 1)
                put(line, line->json ? "," : " ");
        if (line->json)
                put_quoted(line, name);
        else
                put(line, name);
        snprintf(text, sizeof(text), "%s%llu", line->json ? ":" : "=", (unsigned long long)number);
        put(line, text);
}

static void put_time(struct line *line, uint64_t wall_ms)
{
        time_t seconds = (time_t)(wall_ms / 1000);
        struct tm utc;
        char text[40], whole[56];

        if (!gmtime_r(&seconds, &utc) || strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &utc) == 0)
                text[0] = '\0';
        snprintf(whole, sizeof(whole), "%s.%03uZ", text, (unsigned)(wall_ms % 1000));
        put_field(line, "time", whole);
}

static void log_write(struct event_sink *sink, const struct event *event)
{
        struct log *log = container_of(sink, struct log, sink);
        struct line line = {.json = log->json};
        char id[ID_TEXT_SIZE];
        ssize_t written;

        put(&line, log->json ? "{" : "");
        put_time(&line, log->clock->wall_ms(log->clock));
        put_field(&line, "level", level_names[event->level]);
        put_field(&line, "event", event->name);
        if (event->request) {
                id_format(event->request, id);
                put_field(&line, "request", id);
        }
        for (size_t i = 0; i < event->field_count; i++) {
                if (event->fields[i].text)
                        put_field(&line, event->fields[i].name, event->fields[i].text);
                else
                        put_number(&line, event->fields[i].name, event->fields[i].number);
        }
        if (line.size > LINE_MAX_SIZE - 2)
                line.size = LINE_MAX_SIZE - 2;
        if (log->json)
                line.text[line.size++] = '}';
        line.text[line.size++] = '\n';
        written = write(log->fd, line.text, line.size);
        (void)written; /* a log that cannot be written has nowhere to say so */
}

void log_init(struct log *log, struct clock *clock, const char *format, const char *level, int fd)
{
        *log = (struct log){.sink = {.write = log_write}, .clock = clock, .json = format[0] == 'j', .fd = fd};
        for (size_t i = 0; i < countof(level_names); i++)
                if (strcmp(level, level_names[i]) == 0)
                        log->sink.level_min = (enum event_level)i;
}
