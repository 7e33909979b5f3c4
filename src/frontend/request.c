/* See request.h. */
#include "frontend/request.h"

#include <llhttp.h>
#include <strings.h>

#include "base/assert.h"

struct parsing {
        llhttp_t parser;
        struct request *request;
        struct slice target, name, value;
        unsigned fields;
        uint16_t status; /* not 0: refused */
};

static struct parsing *self(llhttp_t *parser)
{
        return container_of(parser, struct parsing, parser);
}

static int refuse(struct parsing *parsing, uint16_t status)
{
        parsing->status = status;
        return HPE_USER;
}

/* A span comes whole, for all bytes are there; or in parts that lie next to each other. A value that goes on in another line does not. */
static bool extend(struct slice *slice, const char *at, size_t size)
{
        if (!slice->data)
                *slice = slice_of(at, 0);
        if (slice->data + slice->size != (const uint8_t *)at)
                return false;
        slice->size += size;
        return true;
}

static int on_target(llhttp_t *parser, const char *at, size_t size)
{
        struct parsing *parsing = self(parser);

        if (!extend(&parsing->target, at, size) || parsing->target.size > REQUEST_TARGET_MAX)
                return refuse(parsing, 414);
        return 0;
}

static int on_name(llhttp_t *parser, const char *at, size_t size)
{
        struct parsing *parsing = self(parser);

        if (parsing->value.data) /* of the field before */
                parsing->name = parsing->value = (struct slice){0};
        return extend(&parsing->name, at, size) ? 0 : refuse(parsing, 400);
}

static int on_value(llhttp_t *parser, const char *at, size_t size)
{
        struct parsing *parsing = self(parser);

        return extend(&parsing->value, at, size) ? 0 : refuse(parsing, 400);
}

static bool is_named(struct slice name, const char *text)
{
        return name.size == strlen(text) && strncasecmp((const char *)name.data, text, name.size) == 0;
}

static struct slice trimmed(struct slice value)
{
        while (value.size > 0 && (value.data[value.size - 1] == ' ' || value.data[value.size - 1] == '\t'))
                value.size--;
        return value;
}

enum again { PASSED, BAD };

static bool take(struct slice *field, struct slice value, enum again again)
{
        if (field->data)
                return again == PASSED;
        *field = trimmed(value);
        return true;
}

static int on_field(llhttp_t *parser)
{
        struct parsing *parsing = self(parser);
        bool fine = true;

        if (++parsing->fields > REQUEST_FIELDS_MAX)
                return refuse(parsing, 431);
        if (!parsing->value.data)
                parsing->value = slice_of("", 0);
#define X(field, text, again)                                                                                               \
        if (is_named(parsing->name, text))                                                                                  \
                fine = take(&parsing->request->field, parsing->value, again);
        REQUEST_FIELDS(X)
#undef X
        return fine ? 0 : refuse(parsing, 400);
}

/* No body is read, so one that is announced would be taken for the next request. */
static int on_head(llhttp_t *parser)
{
        bool body = parser->flags & (F_CHUNKED | F_TRANSFER_ENCODING) ||
                    (parser->flags & F_CONTENT_LENGTH && parser->content_length > 0);

        return body ? refuse(self(parser), 413) : 2;
}

/* "/path", or "http://host/path" as to a proxy; without what follows '?'. */
static struct slice path_of(struct slice target)
{
        struct slice path = target;
        const uint8_t *end;

        if (path.size > 0 && path.data[0] != '/') {
                size_t scheme = path.size > 8 && strncasecmp((const char *)path.data, "https://", 8) == 0  ? 8
                                : path.size > 7 && strncasecmp((const char *)path.data, "http://", 7) == 0 ? 7
                                                                                                           : 0;
                end = scheme ? memchr(path.data + scheme, '/', path.size - scheme) : NULL;
                if (!end)
                        return (struct slice){0};
                path = slice_of(end, path.size - (size_t)(end - path.data));
        }
        end = path.size ? memchr(path.data, '?', path.size) : NULL;
        return end ? slice_of(path.data, (size_t)(end - path.data)) : path;
}

/* What llhttp let through and this server does not want. 0: nothing. */
static uint16_t objection(const struct request *request, const llhttp_t *parser)
{
        if (parser->http_major != 1)
                return 505;
        if (request->method == REQUEST_OTHER)
                return 405;
        if (!request->path.data || (!request->first && !request->host.data))
                return 400;
        return 0;
}

static void conclude(struct parsing *parsing)
{
        struct request *request = parsing->request;
        llhttp_t *parser = &parsing->parser;

        request->path = path_of(parsing->target);
        request->method = parser->method == HTTP_GET    ? REQUEST_GET
                          : parser->method == HTTP_HEAD ? REQUEST_HEAD
                                                        : REQUEST_OTHER;
        request->first = parser->http_minor == 0;
        request->keeps_alive =
                request->first ? parser->flags & F_CONNECTION_KEEP_ALIVE : !(parser->flags & F_CONNECTION_CLOSE);
        request->upgrades = parser->flags & F_UPGRADE && parser->flags & F_CONNECTION_UPGRADE;
        request->status = objection(request, parser);
}

enum request_state request_parse(struct slice bytes, struct request *request, size_t *size)
{
        static const llhttp_settings_t settings = {
                .on_url = on_target,
                .on_header_field = on_name,
                .on_header_value = on_value,
                .on_header_value_complete = on_field,
                .on_headers_complete = on_head,
        };
        struct parsing parsing = {.request = request};
        size_t part = bytes.size < REQUEST_HEAD_MAX ? bytes.size : REQUEST_HEAD_MAX;
        enum llhttp_errno error;

        *request = (struct request){0};
        llhttp_init(&parsing.parser, HTTP_REQUEST, &settings);
        error = llhttp_execute(&parsing.parser, (const char *)bytes.data, part);
        if (error == HPE_PAUSED_UPGRADE) {
                *size = (size_t)((const uint8_t *)llhttp_get_error_pos(&parsing.parser) - bytes.data);
                check(*size > 0 && *size <= part);
                conclude(&parsing);
                return request->status ? REQUEST_BAD : REQUEST_WHOLE;
        }
        if (error == HPE_OK && bytes.size < REQUEST_HEAD_MAX)
                return REQUEST_MORE;
        request->status = parsing.status ? parsing.status : error != HPE_OK ? 400 : parsing.name.data ? 431 : 414;
        return REQUEST_BAD;
}

bool request_next_element(struct slice *list, struct slice *element)
{
        while (list->size > 0 && (*list->data == ' ' || *list->data == '\t' || *list->data == ',')) {
                list->data++;
                list->size--;
        }
        *element = *list;
        while (list->size > 0 && *list->data != ',') {
                list->data++;
                list->size--;
        }
        element->size -= list->size;
        while (element->size > 0 && (element->data[element->size - 1] == ' ' || element->data[element->size - 1] == '\t'))
                element->size--;
        return element->size > 0;
}
