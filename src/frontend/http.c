/* See http.h. */
#include "frontend/http.h"

#include <ctype.h>
#include <stdio.h>
#include <time.h>

#include "frontend/ending.h"
#include "frontend/input.h"
#include "frontend/liveness.h"
#include "frontend/output.h"
#include "frontend/request.h"
#include "frontend/route.h"
#include "frontend/upgrade.h"
#include "frontend/websocket.h"

#define REPLY_MAX 2048 /* bytes of an answer's head, and of one without a file */
#define DATE_SIZE 32

#define INVITE_PATH      "/i/"
#define INVITE_PATH_SIZE (sizeof(INVITE_PATH) - 1)
#define INVITE_TOKEN_MAX 64

/* Status, what it is called, what a person reads of it. */
#define STATUSES(X)                                                                                                         \
        X(200, "OK", "")                                                                                                    \
        X(302, "Found", "The web app takes the invitation.")                                                                \
        X(304, "Not Modified", "")                                                                                          \
        X(400, "Bad Request", "That is no request of HTTP/1.1.")                                                            \
        X(403, "Forbidden", "A page of another origin may not connect here.")                                               \
        X(404, "Not Found", "There is nothing by that name.")                                                               \
        X(405, "Method Not Allowed", "Only GET and HEAD.")                                                                  \
        X(408, "Request Timeout", "The request took too long.")                                                             \
        X(413, "Content Too Large", "Requests have no content here.")                                                       \
        X(414, "URI Too Long", "The address is too long.")                                                                  \
        X(426, "Upgrade Required", "WebSocket is spoken here, version 13.")                                                 \
        X(429, "Too Many Requests", "Too many requests: slow down.")                                                        \
        X(431, "Request Header Fields Too Large", "The header is too large.")                                               \
        X(503, "Service Unavailable", "Busy: try again shortly.")                                                           \
        X(505, "HTTP Version Not Supported", "Only HTTP/1.1.")

/* Of every answer. A page may load, and connect to, what came from here and nothing else. */
#define SECURITY                                                                                                            \
        "Content-Security-Policy: default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; "             \
        "img-src 'self' data: blob:; media-src 'self' blob:; font-src 'self'; connect-src 'self'; manifest-src 'self'; "    \
        "worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n"                                \
        "X-Content-Type-Options: nosniff\r\n"                                                                               \
        "Referrer-Policy: no-referrer\r\n"                                                                                  \
        "Cross-Origin-Opener-Policy: same-origin\r\n"                                                                       \
        "Cross-Origin-Resource-Policy: same-origin\r\n"                                                                     \
        "Permissions-Policy: camera=(self), microphone=(self), geolocation=(self), payment=(), usb=(), serial=(), "         \
        "midi=()\r\n"

#define SECURED "Strict-Transport-Security: max-age=31536000\r\n"

struct reply {
        uint16_t status;
        const struct site_file *file; /* NULL: a few words */
        enum site_coding coding;
        const char *more;   /* fields, each with its end of line, or "" */
        bool head_only;     /* HEAD, or 304 */
        bool closes, first; /* the connection; it asked by HTTP/1.0 */
        const char *words;  /* instead of those of STATUSES */
};

struct status {
        uint16_t number;
        const char *name, *words;
};

static const struct status *status_of(uint16_t number)
{
        static const struct status statuses[] = {
#define X(number, name, words) {number, name, words},
                STATUSES(X)
#undef X
        };

        for (size_t i = 0; i < countof(statuses); i++)
                if (statuses[i].number == number)
                        return &statuses[i];
        unreachable();
}

static void date(const struct frontend *frontend, char text[static DATE_SIZE])
{
        time_t seconds = (time_t)(frontend->wall_ms / 1000);
        struct tm tm;

        check(gmtime_r(&seconds, &tm) && strftime(text, DATE_SIZE, "%a, %d %b %Y %H:%M:%S GMT", &tm) > 0);
}

/* The fields that say what the body is; nothing is said of one that a client has. */
static int describe(char *text, size_t room, const struct reply *reply, const char *words)
{
        const struct site_file *file = reply->file;
        const char *coding = file ? site_coding_name(reply->coding) : NULL;
        bool has_it = reply->status == 304;
        int used = 0;

        if (!file)
                return snprintf(
                        text, room,
                        "Content-Type: text/plain; charset=utf-8\r\nContent-Length: %zu\r\nCache-Control: no-store\r\n",
                        strlen(words) + 1);
        if (!has_it)
                used = snprintf(text, room, "Content-Type: %s\r\nContent-Length: %u\r\n%s%s%s", file->type,
                                file->as[reply->coding].body->size, coding ? "Content-Encoding: " : "", coding ? coding : "",
                                coding ? "\r\n" : "");
        return used + snprintf(text + used, room - (size_t)used,
                               "ETag: %s\r\nVary: Accept-Encoding\r\nCache-Control: %s\r\n", file->as[reply->coding].etag,
                               file->immutable ? "public, max-age=31536000, immutable" : "no-cache");
}

static struct block *build(struct frontend *frontend, const struct connection *connection, const struct reply *reply)
{
        const struct status *status = status_of(reply->status);
        const char *words = reply->words ? reply->words : status->words;
        char text[REPLY_MAX], when[DATE_SIZE];
        int used;

        date(frontend, when);
        used = snprintf(text, sizeof(text), "HTTP/1.1 %u %s\r\nDate: %s\r\n%s%s", status->number, status->name, when,
                        reply->closes  ? "Connection: close\r\n"
                        : reply->first ? "Connection: keep-alive\r\n"
                                       : "",
                        reply->more);
        used += describe(text + used, sizeof(text) - (size_t)used, reply, words);
        used += snprintf(text + used, sizeof(text) - (size_t)used, "%s%s\r\n", connection->secured ? SECURED : "", SECURITY);
        if (!reply->file && !reply->head_only)
                used += snprintf(text + used, sizeof(text) - (size_t)used, "%s\n", words);
        check(used > 0 && (size_t)used < sizeof(text));
        return block_copy(&frontend->blocks, slice_of(text, (size_t)used));
}

static void move_on(struct frontend *frontend, struct connection *connection, bool closes)
{
        if (closes) {
                connection_move(connection, CONNECTION_ANSWERED);
                input_forget(frontend, connection);
                frontend->seams.net->ops->want_read(frontend->seams.net, connection->socket,
                                                    true); /* it was off while busy */
        }
        liveness_wait(frontend, connection);
}

static void say(struct frontend *frontend, struct connection *connection, const struct reply *reply)
{
        struct block *head = build(frontend, connection, reply);
        uint64_t id = connection->id;

        if (!head) {
                connection_drop(frontend, connection);
                return;
        }
        head->account = BLOCK_OF_HTTP;
        output_queue(frontend, connection, piece_of(head));
        block_drop(&frontend->blocks, head);
        if (connection->id == id && reply->file && !reply->head_only)
                output_queue_long(frontend, connection, reply->file->as[reply->coding].body);
        if (connection->id == id)
                move_on(frontend, connection, reply->closes);
}

/* Nothing that follows can be understood, or is wanted. request: as far as it was, or NULL. */
static void refuse(struct frontend *frontend, struct connection *connection, const struct request *request, uint16_t status)
{
        const struct reply reply = {
                .status = status,
                .closes = true,
                .head_only = request && request->method == REQUEST_HEAD,
                .more = status == 405                    ? "Allow: GET, HEAD\r\n"
                        : status == 429 || status == 503 ? "Retry-After: 1\r\n"
                                                         : "",
        };

        frontend->counts.refused++;
        say(frontend, connection, &reply);
}

/* ---- what is asked ---- */

static void open_websocket(struct frontend *frontend, struct connection *connection, const char *accept)
{
        char text[256];
        int size = snprintf(text, sizeof(text),
                            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                            "Sec-WebSocket-Accept: %s\r\n\r\n",
                            accept);
        struct block *block = block_copy(&frontend->blocks, slice_of(text, (size_t)size));
        uint64_t id = connection->id;

        if (!block) {
                connection_drop(frontend, connection);
                return;
        }
        block->bare = true; /* the messages begin behind it */
        output_queue(frontend, connection, piece_of(block));
        block_drop(&frontend->blocks, block);
        if (connection->id != id)
                return;
        frontend->counts.upgraded++;
        connection->framed = true;
        connection_move(connection, CONNECTION_HELLO);
        liveness_wait(frontend, connection);
}

static void upgrade(struct frontend *frontend, struct connection *connection, const struct request *request)
{
        char accept[UPGRADE_ACCEPT_SIZE];
        uint16_t status = upgrade_answer(request, frontend->options.origins, connection->secured, accept);
        const struct reply needs = {
                .status = 426,
                .closes = true,
                .head_only = request->method == REQUEST_HEAD,
                .more = "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n",
        };

        if (status == 101 && !output_empty(connection))
                refuse(frontend, connection, request, 503); /* before it was asked, another answer was not even read */
        else if (status == 101)
                open_websocket(frontend, connection, accept);
        else if (status == 426)
                say(frontend, connection, &needs);
        else
                refuse(frontend, connection, request, status);
}

static void give(struct frontend *frontend, struct connection *connection, const struct request *request,
                 const struct site_file *file, bool more)
{
        struct reply reply = {.file = file, .more = "", .first = request->first};
        uint32_t queued = connection->traffic ? connection->traffic->queued_bytes : 0;

        reply.coding = site_choose(file, request->encodings);
        reply.status = site_matches(request->etags, file->as[reply.coding].etag) ? 304 : 200;
        reply.head_only = reply.status == 304 || request->method == REQUEST_HEAD;
        if (!reply.head_only)
                queued += file->as[reply.coding].body->size;
        /* What came behind a long answer's request would have to be kept until that is written; the client asks again. */
        reply.closes = !request->keeps_alive || (more && queued > HTTP_QUEUED_MAX);
        say(frontend, connection, &reply);
}

static void refuse_plain(struct frontend *frontend, struct connection *connection, const struct request *request)
{
        const struct reply reply = {
                .status = 426,
                .closes = true,
                .head_only = request->method == REQUEST_HEAD,
                .more = "Upgrade: TLS/1.2, HTTP/1.1\r\n",
                .words = "This server speaks TLS only: the address begins with https://.",
        };

        frontend->counts.plain_refused++;
        say(frontend, connection, &reply);
}

/* The token of a path that is an invitation, as `galkad invite` prints it: /i/TOKEN. Empty: it is none. */
static struct slice invitation(struct slice path)
{
        struct slice token = {0};

        if (path.size <= INVITE_PATH_SIZE || path.size > INVITE_PATH_SIZE + INVITE_TOKEN_MAX ||
            memcmp(path.data, INVITE_PATH, INVITE_PATH_SIZE) != 0)
                return token;
        token = slice_of(path.data + INVITE_PATH_SIZE, path.size - INVITE_PATH_SIZE);
        for (size_t i = 0; i < token.size; i++)
                if (!isalnum(token.data[i]))
                        return (struct slice){0};
        return token;
}

/* The app reads what stands behind the #, which no server is told and no log has. */
static void lead_to_app(struct frontend *frontend, struct connection *connection, const struct request *request,
                        struct slice token, bool closes)
{
        char location[sizeof("Location: /#invite=\r\n") + INVITE_TOKEN_MAX];
        const struct reply reply = {.status = 302,
                                    .more = location,
                                    .first = request->first,
                                    .closes = closes,
                                    .head_only = request->method == REQUEST_HEAD};

        snprintf(location, sizeof(location), "Location: /#invite=%.*s\r\n", (int)token.size, (const char *)token.data);
        say(frontend, connection, &reply);
}

/* more: of the next request some is here already. */
static void answer(struct frontend *frontend, struct connection *connection, const struct request *request, bool more)
{
        uint32_t queued = connection->traffic ? connection->traffic->queued_bytes : 0;
        bool closes = !request->keeps_alive || (more && queued > HTTP_QUEUED_MAX);
        struct slice token = invitation(request->path);
        const struct reply missing = {
                .status = 404,
                .more = "",
                .first = request->first,
                .closes = closes,
                .head_only = request->method == REQUEST_HEAD,
                .words = frontend->site.count ? NULL : "This server has no web app (galkad --web).",
        };
        const struct site_file *file;

        frontend->counts.requests++;
        if (route_charge(frontend, connection) > 0)
                refuse(frontend, connection, request, 429);
        else if (frontend->options.tls_only && !connection->secured && !connection->own)
                refuse_plain(frontend, connection, request);
        else if (slice_equal(request->path, SLICE_LITERAL(UPGRADE_PATH)))
                upgrade(frontend, connection, request);
        else if ((file = site_find(&frontend->site, request->path)))
                give(frontend, connection, request, file, more);
        else if (token.size > 0 && frontend->site.count > 0)
                lead_to_app(frontend, connection, request, token, closes);
        else
                say(frontend, connection, &missing);
}

/* ---- what comes ---- */

void http_take(struct frontend *frontend, struct connection *connection, uint8_t *bytes, size_t size)
{
        uint64_t id = connection->id;

        while (size > 0 && connection->id == id && connection->state == CONNECTION_HTTP) {
                struct request request;
                size_t head = 0;
                enum request_state state = request_parse(slice_of(bytes, size), &request, &head);

                if (state == REQUEST_MORE) {
                        input_keep(frontend, connection, slice_of(bytes, size));
                        return;
                }
                if (state == REQUEST_BAD) {
                        refuse(frontend, connection, &request, request.status);
                        return;
                }
                input_forget(frontend, connection);
                answer(frontend, connection, &request, size > head);
                bytes += head;
                size -= head;
        }
        if (size > 0 && input_hears(connection, id))
                websocket_take(frontend, connection, bytes, size);
}

static bool is_busy(const struct connection *connection)
{
        const struct traffic *traffic = connection->traffic;

        return traffic && (traffic->download || traffic->queued_bytes > HTTP_QUEUED_MAX);
}

/* What is here of a request goes in front of what comes. */
void http_readable(struct frontend *frontend, struct connection *connection)
{
        struct block *partial = connection->traffic ? connection->traffic->partial : NULL;
        size_t kept = partial ? partial->size : 0, got;

        if (is_busy(connection)) {
                frontend->seams.net->ops->want_read(frontend->seams.net, connection->socket, false);
                return;
        }
        check(kept < REQUEST_HEAD_MAX);
        if (!input_take(frontend, connection, frontend->input + kept, FRONTEND_INPUT_SIZE - kept, &got))
                return;
        if (partial)
                memcpy(frontend->input, partial->bytes, kept);
        http_take(frontend, connection, frontend->input, kept + got);
}

void http_written(struct frontend *frontend, struct connection *connection)
{
        const struct traffic *traffic = connection->traffic;

        liveness_wait(frontend, connection);
        if (connection->state == CONNECTION_HTTP && !is_busy(connection) && !(traffic && list_linked(&traffic->paused)))
                frontend->seams.net->ops->want_read(frontend->seams.net, connection->socket, true);
}

/* ---- the end ---- */

static bool owes_answer(const struct connection *connection)
{
        return !output_empty(connection) || (connection->traffic && connection->traffic->download);
}

/* Its end is there to be read all the time: that is not wanted again until all is written. Who is gone altogether makes a write fail. */
void http_peer_ended(struct frontend *frontend, struct connection *connection)
{
        if (!owes_answer(connection)) {
                connection_drop(frontend, connection);
                return;
        }
        if (connection->state == CONNECTION_HTTP)
                move_on(frontend, connection, true);
        frontend->seams.net->ops->want_read(frontend->seams.net, connection->socket, false);
}

void http_end(struct frontend *frontend, struct connection *connection, enum error error)
{
        bool half = connection->traffic && connection->traffic->partial;
        bool busy = owes_answer(connection);

        check(connection->state == CONNECTION_HTTP || connection->state == CONNECTION_ANSWERED);
        if (busy && error == ERR_DRAINING) {
                if (connection->state == CONNECTION_HTTP)
                        move_on(frontend, connection, true);
        } else if (busy || connection->state == CONNECTION_ANSWERED) {
                connection_drop(frontend, connection);
        } else if (half || error == ERR_BUSY) {
                refuse(frontend, connection, NULL, error == ERR_IDLE ? 408 : 503);
        } else {
                move_on(frontend, connection, true);
                connection_written(frontend, connection);
        }
}
