/* Turns the core's events into reads, writes and transactions; see host.h. */
#include "terminal/host.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/memory.h"
#include "crypto/random.h"
#include "loop/loop.h"
#include "loop/tls.h"

#define TAG_SOCKET       1
#define TAG_WATCHED      2
#define READ_SIZE        32768
#define READS_A_TURN     16
#define EVENTS_A_TURN    16
#define OUTBOX_LOOK_MS   250
#define FAILURES_MAX     2 /* connects, then the server counts as not reachable */
#define ARENA_CHUNK_SIZE 65536
#define ARENA_SIZE_MAX   (256u << 20)

static const struct arena_source heap_source = {memory_new, memory_free};

/* A net that can speak TLS, if the address asks for it. */
static enum error open_net(struct host *host)
{
        char ca[FILE_SETTING_SIZE], why[TLS_WHY_SIZE];
        bool has_ca = file_get_setting(host->file, "ca", ca) && *ca;
        struct loop_tls_options tls = {.clock = &host->clock};
        struct net *plain = NULL;
        enum error error = loop_net_new(NULL, &plain);

        host->net = plain;
        if (error || !host->address.tls)
                return error;
        error = tls_client_new(has_ca ? ca : NULL, &host->trust, why);
        tls.client = host->trust;
        return error ? error : loop_tls_new(plain, &tls, &host->net);
}

enum error host_new(struct file *file, const char *server, bool leads, struct host **host_p)
{
        struct host *host = memory_new(sizeof(*host));
        uint8_t seed[32];
        enum error error;

        *host_p = NULL;
        if (!host)
                return ERR_NO_MEMORY;
        host->file = file;
        host->leads = leads;
        host->socket = -1;
        loop_clock_init(&host->clock);
        arena_init(&host->arena, &heap_source, ARENA_CHUNK_SIZE, ARENA_SIZE_MAX);
        error = address_parse(server, &host->address);
        if (!error)
                error = open_net(host);
        if (error)
                goto fail;
        crypto_random(seed, sizeof(seed));
        host->core = core_new(&host->arena, NULL, seed, SLICE_LITERAL("galka terminal 0.1"), SLICE_LITERAL("en"));
        if (!host->core) {
                error = ERR_NO_MEMORY;
                goto fail;
        }
        *host_p = host;
        return ERR_OK;
fail:
        host_free(&host);
        return error;
}

void host_free(struct host **host_p)
{
        struct host *host = *host_p;

        if (!host)
                return;
        *host_p = NULL;
        if (host->net && host->socket >= 0)
                host->net->ops->close(host->net, host->socket);
        if (host->net)
                host->net->ops->free(&host->net);
        tls_context_free(&host->trust);
        arena_finish(&host->arena);
        memory_free(host);
}

void host_set_listener(struct host *host, void (*on_event)(void *context, const struct core_event *event), void *context)
{
        host->on_event = on_event;
        host->context = context;
}

struct core_time host_time(struct host *host)
{
        return (struct core_time){clock_monotonic_ms(&host->clock), host->clock.wall_ms(&host->clock)};
}

static void disconnect(struct host *host, bool tell_core)
{
        if (host->socket >= 0)
                host->net->ops->close(host->net, host->socket);
        host->socket = -1;
        host->connecting = host->securing = false;
        if (tell_core)
                core_disconnected(host->core, host_time(host));
}

static void connect_now(struct host *host)
{
        enum error error;

        disconnect(host, false);
        error = host->net->ops->connect(host->net, host->address.host, host->address.port, TAG_SOCKET, &host->socket);
        if (error) {
                host->socket = -1;
                host->failures++;
                snprintf(host->problem, sizeof(host->problem), "cannot reach %.80s:%u", host->address.host,
                         host->address.port);
                core_disconnected(host->core, host_time(host));
                return;
        }
        host->connecting = true;
        host->net->ops->want_write(host->net, host->socket, true);
}

static void send_bytes(struct host *host, struct slice bytes)
{
        size_t written = 0;
        enum error error = ERR_CLOSED;

        if (host->socket >= 0 && !host->connecting)
                error = host->net->ops->write(host->net, host->socket, &bytes, 1, &written);
        if (error == ERR_CLOSED) {
                core_sent(host->core, 0);
                disconnect(host, true);
                return;
        }
        core_sent(host->core, error ? 0 : written);
        if (error || written < bytes.size)
                host->net->ops->want_write(host->net, host->socket, true);
}

struct giving {
        struct host *host;
        uint64_t want;
};

static void give(void *context, struct slice key, struct slice value)
{
        struct giving *giving = context;

        core_given(giving->host->core, giving->want, key, value, host_time(giving->host));
}

static void answer_want(struct host *host, const struct core_event *event)
{
        struct giving giving = {host, event->number};
        uint8_t key[CORE_KEY_SIZE_MAX], end[CORE_KEY_SIZE_MAX];

        /* The event's slices live until the next call of the core, and giving calls it. */
        check(event->key.size <= sizeof(key) && event->end.size <= sizeof(end));
        if (event->key.size)
                memcpy(key, event->key.data, event->key.size);
        if (event->end.size)
                memcpy(end, event->end.data, event->end.size);
        if (file_range(host->file, slice_of(key, event->key.size), slice_of(end, event->end.size), event->limit,
                       event->backwards, give, &giving) != ERR_OK)
                host->storage_failed = true;
        core_given_end(host->core, giving.want, host_time(host));
}

static void keep(struct host *host, const struct core_event *event)
{
        uint64_t batch = event->number;

        if (!host->leads)
                return;
        if (file_apply(host->file, event->changes, event->change_count) != ERR_OK) {
                host->storage_failed = true;
                return;
        }
        core_kept(host->core, batch, host_time(host));
}

/* It was the server who wanted no link, and it said why. */
static void note_refusal(struct host *host)
{
        enum error error = core_refused(host->core);

        if (error)
                snprintf(host->problem, sizeof(host->problem), "the server refuses: %s", error_text(error));
}

void host_settle(struct host *host)
{
        struct core_event event;

        while (!host->storage_failed && core_poll(host->core, &event) != CORE_EVENT_NONE) {
                switch (event.kind) {
                case CORE_EVENT_CONNECT:
                        connect_now(host);
                        break;
                case CORE_EVENT_CLOSE:
                        note_refusal(host);
                        disconnect(host, false);
                        break;
                case CORE_EVENT_SEND:
                        send_bytes(host, event.bytes);
                        break;
                case CORE_EVENT_KEEP:
                        keep(host, &event);
                        break;
                case CORE_EVENT_WANT:
                        answer_want(host, &event);
                        break;
                default:
                        if (host->on_event)
                                host->on_event(host->context, &event);
                        break;
                }
        }
}

enum error host_start(struct host *host)
{
        core_online(host->core, host->leads, host_time(host));
        core_start(host->core, host_time(host));
        host_settle(host);
        if (host->storage_failed)
                return ERR_SYSTEM;
        check(core_phase(host->core) != CORE_LOADING);
        return ERR_OK;
}

static void read_socket(struct host *host)
{
        uint8_t bytes[READ_SIZE];

        for (int i = 0; i < READS_A_TURN && host->socket >= 0; i++) {
                size_t got = 0;
                enum error error = host->net->ops->read(host->net, host->socket, bytes, sizeof(bytes), &got);

                if (error == ERR_AGAIN)
                        return;
                if (error) {
                        snprintf(host->problem, sizeof(host->problem), "the server closed the connection");
                        disconnect(host, true);
                        return;
                }
                core_receive(host->core, slice_of(bytes, got), host_time(host));
                host_settle(host);
        }
}

static bool is_closed(struct host *host)
{
        const struct slice nothing = {0};
        size_t written;

        return host->net->ops->write(host->net, host->socket, &nothing, 1, &written) == ERR_CLOSED;
}

/* The way to the server ends before it began. */
static void connect_failed(struct host *host, const char *why)
{
        host->failures++;
        if (why)
                snprintf(host->problem, sizeof(host->problem), "%s", why);
        else
                snprintf(host->problem, sizeof(host->problem), "no server answers at %.80s:%u", host->address.host,
                         host->address.port);
        disconnect(host, true);
}

/* A step on the way: the socket is connected, then TLS is. */
static void go_on_connecting(struct host *host)
{
        if (is_closed(host)) {
                connect_failed(host, host->securing ? loop_tls_why(host->net) : NULL);
                return;
        }
        if (host->address.tls && !host->securing) {
                host->securing = true; /* WRITABLE comes again once it is done */
                if (host->net->ops->secure(host->net, host->socket, TAG_SOCKET, (struct slice){0}, host->address.host) !=
                    ERR_OK)
                        connect_failed(host, "no TLS with that name");
                else
                        host->net->ops->want_write(host->net, host->socket, true);
                return;
        }
        host->connecting = host->securing = false;
        host->problem[0] = '\0';
        host->failures = 0;
        host->net->ops->want_write(host->net, host->socket, false);
        core_connected(host->core, host_time(host));
}

static void socket_writable(struct host *host)
{
        if (host->connecting) {
                go_on_connecting(host);
                return;
        }
        host->net->ops->want_write(host->net, host->socket, false);
        core_writable(host->core);
}

static int wait_time(struct host *host, int wait_ms)
{
        uint64_t now = clock_monotonic_ms(&host->clock);
        uint64_t deadline = min_of(core_deadline_ms(host->core), host->outbox_look_ms);
        uint64_t wait = deadline > now ? deadline - now : 0;

        return wait_ms < 0 || wait < (uint64_t)wait_ms ? (int)wait : wait_ms;
}

/* Other processes write into the outbox; SQLite tells that the file changed. */
static void look_at_outbox(struct host *host)
{
        uint64_t now = clock_monotonic_ms(&host->clock);

        if (now < host->outbox_look_ms)
                return;
        host->outbox_look_ms = now + OUTBOX_LOOK_MS;
        if (file_changed(host->file))
                core_outbox_changed(host->core, host_time(host));
}

void host_hurry(struct host *host)
{
        if (!host->leads || host->socket >= 0)
                return;
        core_online(host->core, false, host_time(host));
        core_online(host->core, true, host_time(host));
        host_settle(host);
}

enum error host_watch(struct host *host, int fd)
{
        return host->net->ops->watch(host->net, fd, TAG_WATCHED);
}

bool host_turn(struct host *host, int wait_ms)
{
        struct net_event events[EVENTS_A_TURN];
        bool woken = false;
        size_t count;

        host_settle(host);
        count = host->net->ops->poll(host->net, events, countof(events), wait_time(host, wait_ms));
        for (size_t i = 0; i < count; i++) {
                if (events[i].kind == NET_EVENT_WATCHED)
                        woken = true;
                else if (host->socket >= 0 && events[i].kind == NET_EVENT_WRITABLE)
                        socket_writable(host);
                else if (host->socket >= 0 && events[i].kind == NET_EVENT_READABLE && !host->connecting)
                        read_socket(host);
                else if (host->securing && events[i].kind == NET_EVENT_READABLE && is_closed(host))
                        connect_failed(host, loop_tls_why(host->net));
        }
        if (core_deadline_ms(host->core) <= clock_monotonic_ms(&host->clock))
                core_tick(host->core, host_time(host));
        look_at_outbox(host);
        host_settle(host);
        return woken;
}

static bool wait_for(struct host *host, bool (*done)(void *context), void *context, int wait_ms, unsigned failures_max)
{
        uint64_t end = clock_monotonic_ms(&host->clock) + (uint64_t)(wait_ms < 0 ? 0 : wait_ms);

        host_settle(host);
        while (!done(context)) {
                uint64_t now = clock_monotonic_ms(&host->clock);

                if (host->storage_failed || host->failures >= failures_max || (wait_ms >= 0 && now >= end))
                        return false;
                host_turn(host, wait_ms < 0 ? -1 : (int)(end - now));
        }
        return true;
}

bool host_wait(struct host *host, bool (*done)(void *context), void *context, int wait_ms)
{
        return wait_for(host, done, context, wait_ms, UINT_MAX);
}

bool host_wait_reachable(struct host *host, bool (*done)(void *context), void *context, int wait_ms)
{
        return wait_for(host, done, context, wait_ms, FAILURES_MAX);
}
