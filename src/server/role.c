/*
 * A role's thread: it makes what belongs to the thread (net, worker or frontend), turns until it is told to stop, drains, and
 * frees everything. Errors at the start are left in role->error.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/memory.h"
#include "loop/loop.h"
#include "loop/tls.h"
#include "server/meter.h"
#include "server/server.h"

#define WAIT_MS_MAX 500 /* a thread looks at its stop flag at least so often */
#define DRAIN_MS_MAX                                                                                                        \
        5000 /* a worker that cannot commit is left then: what it had taken comes again, or is asked for again */
#define EVENTS_A_TURN 16
#define STEPS_A_TURN  256 /* of a worker under load: then it looks up */
#define ADDRESS_SIZE  64
#define PATIENCE_MS   4   /* a mark may wait so long for a message to share its commit */
#define PACE_MS       6   /* between batches, where each costs engines of their own some requests */
#define COMMIT_MS     100 /* between commits of offsets to Kafka: what a crash repeats */

/* TSan believes in one table of descriptors a process: equal numbers in two tables are races to it. */
#ifndef __has_feature
#define __has_feature(feature) 0
#endif
#if defined(__SANITIZE_THREAD__) || __has_feature(thread_sanitizer)
#define UNDER_TSAN true
#else
#define UNDER_TSAN false
#endif

static const struct service *service_of(enum role_kind kind)
{
        switch (kind) {
        case ROLE_AUTH:
                return &service_auth;
        case ROLE_SESSION:
                return &service_session;
        case ROLE_QUERY:
                return &service_query;
        case ROLE_NOTIFY:
                return &service_notify;
        case ROLE_FRONTEND:
                break;
        }
        unreachable();
}

static void watch_seams(struct role *role, struct net *net)
{
        const int fds[] = {
                role->wake,
                role->bus->ops->fd(role->bus),
                role->store ? role->store->ops->fd(role->store) : -1,
                role->presence ? role->presence->ops->fd(role->presence) : -1,
                role->password ? role->password->ops->fd(role->password) : -1,
                role->mail ? role->mail->ops->fd(role->mail) : -1,
                role->notes ? role->notes->ops->fd(role->notes) : -1,
        };

        for (size_t i = 0; i < countof(fds); i++)
                if (net->ops->watch(net, fds[i], i) != ERR_OK)
                        snprintf(role->error, sizeof(role->error), "cannot wait for a descriptor: %s",
                                 error_text(ERR_SYSTEM));
}

static int bounded_wait(int wait_ms)
{
        return wait_ms < 0 || wait_ms > WAIT_MS_MAX ? WAIT_MS_MAX : wait_ms;
}

/* A wake-up that was seen must not wake again. */
static void clear_wake(struct role *role)
{
        uint64_t count;
        ssize_t got = read(role->wake, &count, sizeof(count));

        (void)got; /* nothing there: seen before */
}

/* ---- counting ---- */

enum error role_meter(struct role *role)
{
        struct clock *clock = &role->server->clock;
        struct metrics *metrics = memory_new(sizeof(*metrics));
        enum error error;

        if (!metrics)
                return ERR_NO_MEMORY;
        metrics->role = role_needs[role->kind].name;
        metrics->index = role->index;
        metrics->groups = METRICS_ROLE | (role->kind == ROLE_FRONTEND ? METRICS_FRONTEND : METRICS_WORKER);
        role->metrics = metrics;
        error = meter_bus(&role->bus, metrics, clock);
        if (!error && role->store)
                error = meter_store(&role->store, metrics, clock);
        if (!error && role->presence)
                error = meter_presence(&role->presence, role->kind != ROLE_FRONTEND, metrics, clock);
        if (!error && role->mail)
                error = meter_mail(&role->mail, metrics);
        return error;
}

/* What the worker tells once a batch. */
struct worker_meter {
        struct worker_watch watch;
        struct metrics *metrics;
};

static void note_batch(struct worker_watch *watch, size_t records, uint64_t ms)
{
        struct metrics *metrics = container_of(watch, struct worker_meter, watch)->metrics;

        metrics_observe(metrics, HISTOGRAM_WORKER_BATCH, records);
        metrics_observe(metrics, HISTOGRAM_WORKER_TIME, ms * 1000);
}

/* A copy each turn. */
static void count_worker(struct role *role, const struct worker *worker)
{
        struct worker_counts counts;

        if (!role->metrics)
                return;
        counts = worker_counts(worker);
        metrics_add(role->metrics, METRIC_ROLE_TURNS, 1);
        metrics_set(role->metrics, METRIC_ROLE_READY, atomic_load_explicit(&role->ready, memory_order_relaxed));
        metrics_set(role->metrics, METRIC_WORKER_RECORDS, counts.records);
        metrics_set(role->metrics, METRIC_WORKER_BATCHES, counts.batches);
        metrics_set(role->metrics, METRIC_WORKER_FLIGHT, counts.in_flight);
        metrics_set(role->metrics, METRIC_WORKER_RETRIES, counts.retries);
        metrics_set(role->metrics, METRIC_WORKER_LATE, counts.late);
        metrics_set(role->metrics, METRIC_WORKER_POISON, counts.poison);
}

/* What the frontend tells once an answer. */
struct frontend_meter {
        struct frontend_watch watch;
        struct metrics *metrics;
};

static void note_reply(struct frontend_watch *watch, uint64_t waited_us)
{
        metrics_observe(container_of(watch, struct frontend_meter, watch)->metrics, HISTOGRAM_REPLY_TIME, waited_us);
}

static void count_tls(struct role *role, struct net *net)
{
        struct loop_tls_counts counts = loop_tls_counts(net);

        metrics_set(role->metrics, METRIC_TLS_OK, counts.done);
        metrics_set(role->metrics, METRIC_TLS_FAILED, counts.failed);
        metrics_set(role->metrics, METRIC_TLS_REFUSED, counts.refused);
        metrics_set(role->metrics, METRIC_TLS_UNDER_WAY, counts.under_way);
        metrics_set(role->metrics, METRIC_TLS_HELD, net->held);
        metrics_set(role->metrics, METRIC_TLS_EXPIRES, tls_server_expires_ms(role->server->tls) / 1000);
}

static void count_frontend(struct role *role, const struct frontend *frontend, struct net *net)
{
        struct frontend_counts counts;

        if (!role->metrics)
                return;
        counts = frontend_counts(frontend);
        metrics_add(role->metrics, METRIC_ROLE_TURNS, 1);
        metrics_set(role->metrics, METRIC_ROLE_READY, frontend_serves(frontend));
        metrics_set(role->metrics, METRIC_CONNECTIONS, counts.connections);
        metrics_set(role->metrics, METRIC_CONNECTIONS_READY, counts.ready);
        metrics_set(role->metrics, METRIC_CONNECTIONS_MAX, role->server->connections);
        metrics_set(role->metrics, METRIC_ACCEPTED, counts.accepted);
        metrics_set(role->metrics, METRIC_TURNED_AWAY, counts.refused);
        metrics_set(role->metrics, METRIC_CLOSED, counts.closed);
        metrics_set(role->metrics, METRIC_SLOW_CLOSED, counts.slow_closed);
        metrics_set(role->metrics, METRIC_IDLE_CLOSED, counts.idle_closed);
        metrics_set(role->metrics, METRIC_FRAMES_IN, counts.frames_in);
        metrics_set(role->metrics, METRIC_FRAMES_OUT, counts.frames_out);
        metrics_set(role->metrics, METRIC_BYTES_IN, counts.bytes_in);
        metrics_set(role->metrics, METRIC_BYTES_OUT, counts.bytes_out);
        metrics_set(role->metrics, METRIC_RATE_LIMITED, counts.rate_limited);
        metrics_set(role->metrics, METRIC_REPLIES_LATE, counts.deadline_passed);
        metrics_set(role->metrics, METRIC_REPLIES_WAITING, counts.replies_waiting);
        metrics_set(role->metrics, METRIC_POSTS_UNKNOWN, counts.posts_unknown);
        metrics_set(role->metrics, METRIC_PARTIAL_BYTES, counts.partial_bytes);
        metrics_set(role->metrics, METRIC_QUEUED_BYTES, counts.queued_bytes);
        metrics_set(role->metrics, METRIC_PLAIN_REFUSED, counts.plain_refused);
        metrics_set(role->metrics, METRIC_HTTP_REQUESTS, counts.requests);
        metrics_set(role->metrics, METRIC_UPGRADED, counts.upgraded);
        if (role->server->tls)
                count_tls(role, net);
}

/* ---- workers ---- */

static void run_worker(struct role *role, struct worker *worker, struct net *net)
{
        struct net_event events[EVENTS_A_TURN];
        struct clock *clock = &role->server->clock;
        uint64_t end_ms = UINT64_MAX;

        while (clock_monotonic_ms(clock) < end_ms) {
                int steps = 0;

                while (steps < STEPS_A_TURN && worker_step(worker))
                        steps++;
                count_worker(role, worker);
                keyring_take(&role->server->keyring, &role->keys_version, &role->keys);
                if (atomic_load(&role->stop)) {
                        if (end_ms == UINT64_MAX)
                                end_ms = clock_monotonic_ms(clock) + DRAIN_MS_MAX;
                        clear_wake(role);
                        if (worker_drain(worker))
                                break;
                }
                net->ops->poll(net, events, countof(events),
                               steps < STEPS_A_TURN ? bounded_wait(worker_wait_ms(worker)) : 0);
        }
}

/* Without a word, those who were invited; on a server that is tried out, anybody. */
static enum registration registration_of(const struct options *options)
{
        const char *word = options->registration;

        if (strcmp(word, "closed") == 0)
                return REGISTRATION_CLOSED;
        if (strcmp(word, "open") == 0 || (!*word && options->dev))
                return REGISTRATION_OPEN;
        return REGISTRATION_INVITE;
}

static void worker_thread(struct role *role)
{
        struct server *server = role->server;
        struct worker_meter meter = {.watch.batch_done = note_batch, .metrics = role->metrics};
        const struct worker_seams seams = {
                .bus = role->bus,
                .store = role->store,
                .presence = role->presence,
                .password = role->password,
                .mail = role->mail,
                .notes = role->notes,
                .clock = &server->clock,
                .random = server->random,
                .events = &server->log.sink,
                .keys = &role->keys,
                .watch = role->metrics ? &meter.watch : NULL,
                .registration = registration_of(server->options),
                .member_invites = server->options->member_invites,
                .patience_ms = PATIENCE_MS,
                .pace_ms = *server->options->kafka ? PACE_MS : 0,
                .commit_ms = *server->options->kafka ? COMMIT_MS : 0,
        };
        struct worker *worker = NULL;
        struct net *net = NULL;
        enum error error = loop_net_new(&server->log.sink, &net);

        if (!error)
                error = worker_new(service_of(role->kind), &seams, server->options->batch, &worker);
        if (error) {
                snprintf(role->error, sizeof(role->error), "a worker cannot start: %s", error_text(error));
        } else {
                watch_seams(role, net);
                atomic_store(&role->ready, true);
                run_worker(role, worker, net);
        }
        worker_free(&worker);
        if (net)
                net->ops->free(&net);
}

/* ---- frontends ---- */

static struct frontend_options frontend_options_of(const struct role *role)
{
        const struct options *options = role->server->options;
        struct frontend_options all = {
                .index = role->index,
                .connections_max = role->server->connections,
                .ping_ms = (uint32_t)options->ping_ms,
                .reply_ms = (uint32_t)options->reply_ms,
                .sign_in_ms = (uint32_t)options->sign_in_ms,
                .address_connections = (uint32_t)options->address_connections,
                .connection_frames = (uint32_t)options->connection_frames,
                .user_frames = (uint32_t)options->user_frames,
                .tls = role->server->tls,
                .tls_only = options->tls_only,
                .origins = options->origins,
                .claim_wait_ms = role->server->claim_wait_ms,
        };

        check(proxy_trust_parse(options->proxy_from, &all.proxies) == ERR_OK); /* options_read looked at it */
        return all;
}

/* Sockets that share a port share it with those of any other process of this user: two servers would take each other's clients.
 * One that does not share is refused if there is any. */
static enum error probe(struct net *net, const char *address, uint16_t port)
{
        struct net_address bound;
        int socket;
        enum error error = net->ops->listen(net, address, port, false, 0, &socket, &bound);

        if (!error)
                net->ops->close(net, socket);
        return error;
}

/* Listens on every address of the comma-separated list. Ports: the given one, or the one the first picked. */
static enum error listen_all(struct role *role, struct net *net, struct frontend *frontend)
{
        const char *at = role->server->options->listen;
        bool shared = role->server->frontends > 1;
        uint16_t port = role->listen_port;
        enum error error = ERR_OK;

        while (!error && *at) {
                size_t size = strcspn(at, ",");
                struct net_address bound;
                char address[ADDRESS_SIZE];

                snprintf(address, sizeof(address), "%.*s", (int)min_of(size, sizeof(address) - 1), at);
                if (shared && role->index == 0 && port)
                        error = probe(net, address, port);
                if (!error)
                        error = frontend_listen(frontend, address, port, shared, &bound);
                if (error)
                        snprintf(role->error, sizeof(role->error), "cannot listen on %s port %u: %s", address, port,
                                 error == ERR_CONFIG ? "not an address" : strerror(errno));
                else
                        port = bound.port;
                at += size + (at[size] == ',');
        }
        if (!error)
                atomic_store(&role->port, port);
        return error;
}

static void run_frontend(struct role *role, struct frontend *frontend, struct net *net)
{
        bool draining = false;

        web_show(role->server->web, &role->web_version, frontend);
        while (frontend_turn(frontend, bounded_wait(frontend_wait_ms(frontend)))) {
                count_frontend(role, frontend, net);
                keyring_take(&role->server->keyring, &role->keys_version, &role->keys);
                web_show(role->server->web, &role->web_version, frontend);
                if (frontend_serves(frontend) && !atomic_load_explicit(&role->ready, memory_order_relaxed))
                        atomic_store(&role->ready, true);
                if (!draining && atomic_load(&role->stop)) {
                        frontend_drain(frontend, (uint32_t)role->server->options->drain_ms);
                        draining = true;
                }
        }
        if (!atomic_load(&role->ready) && !draining)
                snprintf(role->error, sizeof(role->error),
                         "frontend %u runs already: give this one another --index, or stop that one first", role->index);
}

/* With TLS in front, if there is a certificate. */
static enum error new_net(struct server *server, struct net **net)
{
        const struct loop_tls_options tls = {.server = server->tls, .clock = &server->clock, .events = &server->log.sink};
        struct net *plain = NULL;
        enum error error = loop_net_new(&server->log.sink, &plain);

        if (!error && server->tls) {
                error = loop_tls_new(plain, &tls, net);
                if (error)
                        plain->ops->free(&plain);
        } else {
                *net = plain;
        }
        return error;
}

static void frontend_thread(struct role *role)
{
        struct server *server = role->server;
        const struct frontend_options options = frontend_options_of(role);
        struct frontend_meter meter = {.watch.replied = note_reply, .metrics = role->metrics};
        struct frontend_seams seams = {
                .bus = role->bus,
                .presence = role->presence,
                .clock = &server->clock,
                .random = server->random,
                .events = &server->log.sink,
                .keys = &role->keys,
                .watch = role->metrics ? &meter.watch : NULL,
        };
        struct frontend *frontend = NULL;
        enum error error = ERR_OK;

        role->notes->ops->enter(role->notes);
        /* Descriptors are limited by table here, so each of several frontends has its own. */
        if (server->frontends > 1 && !UNDER_TSAN)
                error = loop_own_descriptors();
        if (!error)
                error = new_net(server, &seams.net);
        if (!error)
                error = frontend_new(&options, &seams, &frontend);
        if (error)
                snprintf(role->error, sizeof(role->error), "a frontend cannot start: %s", error_text(error));
        else if (listen_all(role, seams.net, frontend) == ERR_OK)
                run_frontend(role, frontend, seams.net);
        frontend_free(&frontend);
        if (seams.net)
                seams.net->ops->free(&seams.net);
}

static void *role_thread(void *context)
{
        struct role *role = context;

        keyring_take(&role->server->keyring, &role->keys_version, &role->keys);
        if (role->kind == ROLE_FRONTEND)
                frontend_thread(role);
        else
                worker_thread(role);
        atomic_store(&role->ended, true);
        return NULL;
}

enum error role_start(struct role *role)
{
        role->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (role->wake < 0)
                return ERR_SYSTEM;
        if (pthread_create(&role->thread, NULL, role_thread, role) == 0)
                return ERR_OK;
        close(role->wake);
        return ERR_SYSTEM;
}

void role_stop(struct role *role)
{
        uint64_t one = 1;

        atomic_store(&role->stop, true);
        if (write(role->wake, &one, sizeof(one)) != sizeof(one))
                return; /* it looks at its flag within WAIT_MS_MAX anyway */
}

void role_join(struct role *role)
{
        pthread_join(role->thread, NULL);
        close(role->wake);
        role_finish(role);
}

void role_finish(struct role *role)
{
        if (role->notes) /* may stand on the bus */
                role->notes->ops->free(&role->notes);
        if (role->bus)
                role->bus->ops->free(&role->bus);
        if (role->store)
                role->store->ops->free(&role->store);
        if (role->presence)
                role->presence->ops->free(&role->presence);
        if (role->password)
                role->password->ops->free(&role->password);
        if (role->mail)
                role->mail->ops->free(&role->mail);
}
