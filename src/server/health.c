/* See health.h. */
#include "server/health.h"

#include <stdio.h>

#include "base/assert.h"
#include "base/memory.h"
#include "server/http.h"

#define TAG_LISTENER HEALTH_CONNECTIONS_MAX /* below it: the connection's place */
#define EVENTS_MAX   (HEALTH_CONNECTIONS_MAX + 1)
#define HEAD_SIZE    320

/* FREE → READING → WRITING → FREE */
struct connection {
        enum { CONNECTION_FREE, CONNECTION_READING, CONNECTION_WRITING } state;
        int socket;
        uint64_t number; /* they are counted as they come */
        uint64_t end_ms;
        size_t got, sent;
        char head[HEAD_SIZE];
        struct page body;
        struct slice parts[2]; /* head, body */
        uint8_t bytes[HTTP_REQUEST_MAX];
};

struct health {
        struct net *net;
        struct clock *clock;
        struct health_author author;
        int listener; /* -1: none */
        uint64_t requests, accepted;
        struct connection connections[HEALTH_CONNECTIONS_MAX];
};

static const struct status {
        unsigned number;
        const char *text, *more; /* a header line */
} statuses[] = {
        {200, "OK", ""},
        {400, "Bad Request", ""},
        {404, "Not Found", ""},
        {405, "Method Not Allowed", "Allow: GET, HEAD\r\n"},
        {431, "Request Header Fields Too Large", ""},
        {503, "Service Unavailable", ""},
};

static const struct status *find_status(unsigned number)
{
        for (size_t i = 0; i < countof(statuses); i++)
                if (statuses[i].number == number)
                        return &statuses[i];
        unreachable();
}

static void drop(struct health *health, struct connection *connection)
{
        health->net->ops->close(health->net, connection->socket);
        page_finish(&connection->body);
        connection->state = CONNECTION_FREE;
}

/* ---- answering ---- */

static void write_on(struct health *health, struct connection *connection)
{
        struct net *net = health->net;

        for (;;) {
                struct slice parts[2] = {connection->parts[0], connection->parts[1]};
                size_t skipped = min_of(connection->sent, parts[0].size), written;
                enum error error;

                parts[0] = slice_of(parts[0].data + skipped, parts[0].size - skipped);
                if (connection->sent > skipped)
                        parts[1] = slice_of(parts[1].data + (connection->sent - skipped),
                                            parts[1].size - (connection->sent - skipped));
                if (parts[0].size + parts[1].size == 0) {
                        drop(health, connection);
                        return;
                }
                error = parts[0].size == 0   ? net->ops->write(net, connection->socket, parts + 1, 1, &written)
                        : parts[1].size == 0 ? net->ops->write(net, connection->socket, parts, 1, &written)
                                             : net->ops->write(net, connection->socket, parts, 2, &written);
                if (error == ERR_AGAIN) {
                        net->ops->want_write(net, connection->socket, true);
                        return;
                }
                if (error) {
                        drop(health, connection);
                        return;
                }
                connection->sent += written;
        }
}

static unsigned write_page(struct health *health, const struct http_request *request, struct page *page)
{
        static const char *const paths[HEALTH_PAGE_COUNT] = {
                [HEALTH_LIVE] = "/livez", [HEALTH_READY] = "/readyz", [HEALTH_METRICS] = "/metrics"};
        const struct health_author *author = &health->author;

        if (!slice_equal(request->method, SLICE_LITERAL("GET")) && !slice_equal(request->method, SLICE_LITERAL("HEAD")))
                return 405;
        for (int kind = 0; kind < HEALTH_PAGE_COUNT; kind++)
                if (slice_equal(request->path, slice_text(paths[kind])))
                        return author->write(author->owner, (enum health_page)kind, page) ? 200 : 503;
        return 404;
}

static void answer(struct health *health, struct connection *connection, unsigned number, bool with_body)
{
        const struct status *status = find_status(number);
        struct page *body = &connection->body;
        int size;

        if (body->full) /* there is no memory for the page */
                status = find_status(503);
        if (body->full || body->size == 0) {
                page_finish(body);
                page_print(body, "%s\n", status->text);
        }
        size = snprintf(connection->head, sizeof(connection->head),
                        "HTTP/1.1 %u %s\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\nContent-Length: %zu\r\n"
                        "Cache-Control: no-store\r\nConnection: close\r\n%s\r\n",
                        status->number, status->text, body->size, status->more);
        check(size > 0 && (size_t)size < sizeof(connection->head));
        connection->parts[0] = slice_of(connection->head, (size_t)size);
        connection->parts[1] = slice_of(body->bytes, with_body ? body->size : 0);
        connection->state = CONNECTION_WRITING;
        connection->sent = 0;
        health->requests++;
        health->net->ops->want_read(health->net, connection->socket, false);
        write_on(health, connection);
}

static void take_request(struct health *health, struct connection *connection)
{
        struct http_request request;

        switch (http_parse(slice_of(connection->bytes, connection->got), &request)) {
        case HTTP_MORE:
                if (connection->got == sizeof(connection->bytes))
                        answer(health, connection, 431, true);
                break;
        case HTTP_BAD:
                answer(health, connection, 400, true);
                break;
        case HTTP_WHOLE:
                answer(health, connection, write_page(health, &request, &connection->body),
                       !slice_equal(request.method, SLICE_LITERAL("HEAD")));
                break;
        }
}

/* ---- the loop ---- */

static void read_on(struct health *health, struct connection *connection)
{
        size_t got;
        enum error error = health->net->ops->read(health->net, connection->socket, connection->bytes + connection->got,
                                                  sizeof(connection->bytes) - connection->got, &got);

        if (error == ERR_AGAIN)
                return;
        if (error) {
                drop(health, connection);
                return;
        }
        connection->got += got;
        take_request(health, connection);
}

/* A free place, else the one that has been taken longest: whoever asks does so at once, and those who only sit there must not keep
 * him out. */
static size_t find_place(const struct health *health)
{
        size_t oldest = 0;

        for (size_t i = 0; i < HEALTH_CONNECTIONS_MAX; i++) {
                if (health->connections[i].state == CONNECTION_FREE)
                        return i;
                if (health->connections[i].number < health->connections[oldest].number)
                        oldest = i;
        }
        return oldest;
}

static void accept_one(struct health *health, int socket)
{
        size_t place = find_place(health);
        struct connection *connection = &health->connections[place];

        if (connection->state != CONNECTION_FREE)
                drop(health, connection);
        connection->state = CONNECTION_READING;
        connection->socket = socket;
        connection->number = ++health->accepted;
        connection->got = 0;
        connection->end_ms = clock_monotonic_ms(health->clock) + HEALTH_CONNECTION_MS;
        health->net->ops->set_tag(health->net, socket, place);
}

static void take_event(struct health *health, const struct net_event *event)
{
        struct connection *connection;

        if (event->kind == NET_EVENT_ACCEPTED) {
                accept_one(health, event->socket);
                return;
        }
        if (event->tag >= HEALTH_CONNECTIONS_MAX)
                return;
        connection = &health->connections[event->tag];
        if (event->kind == NET_EVENT_READABLE && connection->state == CONNECTION_READING)
                read_on(health, connection);
        else if (event->kind == NET_EVENT_WRITABLE && connection->state == CONNECTION_WRITING)
                write_on(health, connection);
}

void health_turn(struct health *health, int wait_ms)
{
        struct net_event events[EVENTS_MAX];
        size_t count = health->net->ops->poll(health->net, events, countof(events), wait_ms);
        uint64_t now_ms = clock_monotonic_ms(health->clock);

        for (size_t i = 0; i < count; i++)
                take_event(health, &events[i]);
        for (size_t i = 0; i < HEALTH_CONNECTIONS_MAX; i++)
                if (health->connections[i].state != CONNECTION_FREE && now_ms >= health->connections[i].end_ms)
                        drop(health, &health->connections[i]);
}

/* ---- life ---- */

enum error health_new(struct net *net, struct clock *clock, const struct health_author *author, struct health **health)
{
        *health = memory_new(sizeof(**health));
        if (!*health)
                return ERR_NO_MEMORY;
        (*health)->net = net;
        (*health)->clock = clock;
        (*health)->author = *author;
        (*health)->listener = -1;
        return ERR_OK;
}

void health_free(struct health **health_p)
{
        struct health *health = *health_p;

        if (!health)
                return;
        *health_p = NULL;
        for (size_t i = 0; i < HEALTH_CONNECTIONS_MAX; i++)
                if (health->connections[i].state != CONNECTION_FREE)
                        drop(health, &health->connections[i]);
        if (health->listener >= 0)
                health->net->ops->close(health->net, health->listener);
        memory_free(health);
}

enum error health_listen(struct health *health, const char *address, uint16_t port, struct net_address *bound)
{
        check(health->listener < 0);
        return health->net->ops->listen(health->net, address, port, false, TAG_LISTENER, &health->listener, bound);
}

uint64_t health_requests(const struct health *health)
{
        return health->requests;
}
