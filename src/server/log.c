/*
 * One line an event: time, level, name, request id, fields. Values are escaped, so that no event can forge a line. A long value is
 * cut, and a field that finds no room in the line is left out whole: every line can be parsed.
 */
#include "server/log.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"

#define LINE_MAX_SIZE  2048
#define VALUE_MAX_SIZE 1024

static const char *const level_names[] = {"debug", "info", "warning", "error"};

struct line {
        char text[LINE_MAX_SIZE];
        size_t size;
        bool json;
        bool full; /* something found no room */
};

/* Whole or not at all. The last two bytes are for the end of the line. */
static void put_bytes(struct line *line, const char *bytes, size_t size)
{
        if (size > sizeof(line->text) - 2 - line->size) {
                line->full = true;
                return;
        }
        memcpy(line->text + line->size, bytes, size);
        line->size += size;
}

static void put(struct line *line, const char *text)
{
        put_bytes(line, text, strlen(text));
}

/* Length of the character at the front of a text; 0 if it is none. */
static size_t character_size(const char *text)
{
        unsigned char lead = (unsigned char)*text;
        size_t size = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;

        return strnlen(text, size) == size && slice_is_text(slice_of(text, size)) ? size : 0;
}

/* Quoted, with quotes, backslashes and controls (C1 too) escaped as in JSON; logfmt readers understand the same. */
static void put_quoted(struct line *line, const char *text)
{
        size_t start = line->size;

        put(line, "\"");
        while (*text && line->size < start + VALUE_MAX_SIZE) {
                size_t size = character_size(text);
                unsigned char first = (unsigned char)*text, last = size == 2 ? (unsigned char)text[1] : 0;
                char one[8];

                if (size == 0) {
                        put(line, "\\ufffd");
                } else if (first == '"' || first == '\\') {
                        snprintf(one, sizeof(one), "\\%c", first);
                        put(line, one);
                } else if (first < 32 || first == 127 || (first == 0xc2 && last < 0xa0)) {
                        snprintf(one, sizeof(one), "\\u%04x", size == 2 ? last : first);
                        put(line, one);
                } else {
                        put_bytes(line, text, size);
                }
                text += size ? size : 1;
        }
        put(line, "\"");
}

/* text NULL: the number. */
static void put_field(struct line *line, const char *name, const char *text, uint64_t number)
{
        size_t start = line->size;
        char digits[32];

        if (line->size > 1)
                put(line, line->json ? "," : " ");
        if (line->json)
                put_quoted(line, name);
        else
                put(line, name);
        put(line, line->json ? ":" : "=");
        snprintf(digits, sizeof(digits), "%llu", (unsigned long long)number);
        if (text)
                put_quoted(line, text);
        else
                put(line, digits);
        if (line->full)
                line->size = start;
        line->full = false;
}

static void put_time(struct line *line, uint64_t wall_ms)
{
        time_t seconds = (time_t)(wall_ms / 1000);
        struct tm utc;
        char text[40], whole[56];

        if (!gmtime_r(&seconds, &utc) || strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &utc) == 0)
                text[0] = '\0';
        snprintf(whole, sizeof(whole), "%s.%03uZ", text, (unsigned)(wall_ms % 1000));
        put_field(line, "time", whole, 0);
}

static void log_write(struct event_sink *sink, const struct event *event)
{
        struct log *log = container_of(sink, struct log, sink);
        struct line line = {.json = log->json};
        char id[ID_TEXT_SIZE];
        ssize_t written;

        put(&line, log->json ? "{" : "");
        put_time(&line, log->clock->wall_ms(log->clock));
        put_field(&line, "level", level_names[event->level], 0);
        put_field(&line, "event", event->name, 0);
        if (event->request) {
                id_format(event->request, id);
                put_field(&line, "request", id, 0);
        }
        for (size_t i = 0; i < event->field_count; i++)
                put_field(&line, event->fields[i].name, event->fields[i].text, event->fields[i].number);
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
