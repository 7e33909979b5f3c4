/* See http.h. */
#include "server/http.h"

#define METHOD_MAX 16

/* The line at the front without its end, \r\n or \n. False: its end has not come. *after: where the next one begins. */
static bool take_line(struct slice bytes, struct slice *line, size_t *after)
{
        const uint8_t *end = bytes.size ? memchr(bytes.data, '\n', bytes.size) : NULL;

        if (!end)
                return false;
        *after = (size_t)(end - bytes.data) + 1;
        *line = slice_of(bytes.data, *after - 1);
        if (line->size && line->data[line->size - 1] == '\r')
                line->size--;
        return true;
}

static size_t span_method(struct slice line)
{
        size_t size = 0;

        while (size < line.size && size <= METHOD_MAX && line.data[size] >= 'A' && line.data[size] <= 'Z')
                size++;
        return size;
}

static size_t span_target(struct slice line, size_t from)
{
        size_t at = from;

        while (at < line.size && line.data[at] > ' ' && line.data[at] < 127)
                at++;
        return at - from;
}

/* "GET /path?query HTTP/1.1" */
static bool parse_line(struct slice line, struct http_request *request)
{
        static const char version[] = " HTTP/1.";
        size_t method = span_method(line), from = method + 1, target, rest;
        const uint8_t *query;

        if (method == 0 || method > METHOD_MAX || from >= line.size || line.data[method] != ' ' || line.data[from] != '/')
                return false;
        target = span_target(line, from);
        rest = line.size - from - target;
        if (rest != sizeof(version) || memcmp(line.data + from + target, version, sizeof(version) - 1) != 0 ||
            line.data[line.size - 1] < '0' || line.data[line.size - 1] > '9')
                return false;
        query = memchr(line.data + from, '?', target);
        request->method = slice_of(line.data, method);
        request->path = slice_of(line.data + from, query ? (size_t)(query - line.data) - from : target);
        return true;
}

enum http_state http_parse(struct slice bytes, struct http_request *request)
{
        struct slice line = {0};
        size_t after;

        *request = (struct http_request){0};
        if (bytes.size && (bytes.data[0] < 'A' || bytes.data[0] > 'Z'))
                return HTTP_BAD;
        if (!take_line(bytes, &line, &after))
                return HTTP_MORE;
        if (!parse_line(line, request))
                return HTTP_BAD;
        do {
                bytes = slice_of(bytes.data + after, bytes.size - after);
                if (!take_line(bytes, &line, &after))
                        return HTTP_MORE;
        } while (line.size > 0);
        return HTTP_WHOLE;
}
