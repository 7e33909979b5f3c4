/* See frontend_host.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/memory.h"
#include "loop/loop.h"
#include "loop/tls.h"
#include "support/frontend_host.h"
#include "support/web_client.h"

#define SOCKETS_MS 2 /* a turn waits for what is on its way between real sockets */

static uint64_t host_monotonic_us(struct clock *clock)
{
        return container_of(clock, struct host_clock, clock)->now_us;
}

static uint64_t host_wall_ms(struct clock *clock)
{
        return container_of(clock, struct host_clock, clock)->wall_ms;
}

/* xorshift64 (Marsaglia 2003): the same numbers in every run. */
static void host_fill(struct random *random, void *bytes, size_t size)
{
        struct host_random *self = container_of(random, struct host_random, random);

        for (size_t i = 0; i < size; i++) {
                self->state ^= self->state << 13;
                self->state ^= self->state >> 7;
                self->state ^= self->state << 17;
                ((uint8_t *)bytes)[i] = (uint8_t)(self->state >> 32);
        }
}

void host_start_seams(struct host *host)
{
        struct bus_embedded_options bus = {.mode = BUS_EMBEDDED_INLINE, .log.partitions = {[BUS_FRONTENDS] = 2}};
        struct presence_memory_options presence = {.mode = PRESENCE_MEMORY_INLINE, .clock = &host->clock.clock};

        *host = (struct host){
                .clock = {.clock = {host_monotonic_us, host_wall_ms}, .now_us = 5000000, .wall_ms = 1700000000000},
                .random = {.random = {host_fill}, .state = 88172645463325252},
        };
        memset(host->keys.current, 7, sizeof(host->keys.current));
        memset(host->keys.previous, 6, sizeof(host->keys.previous));
        host->keys.has_previous = true;
        host->world = fake_world_new(HOST_PIPE);
        assert_non_null(host->world);
        host->net = fake_world_net(host->world, 1);
        host->client_net = fake_world_net(host->world, 2);
        host->raw = host->net;
        host->raw_client = host->client_net;
        assert_non_null(host->net);
        assert_non_null(host->client_net);
        assert_int_equal(bus_embedded_new(&bus, &host->embedded), ERR_OK);
        assert_int_equal(bus_embedded_open(host->embedded, &host->bus), ERR_OK);
        assert_int_equal(bus_embedded_open(host->embedded, &host->worker_bus), ERR_OK);
        for (enum bus_topic topic = BUS_AUTHENTICATION; topic <= BUS_CALL; topic++)
                assert_int_equal(host->worker_bus->ops->subscribe(host->worker_bus, topic), ERR_OK);
        assert_int_equal(presence_memory_new(&presence, &host->memory), ERR_OK);
        assert_int_equal(presence_memory_open(host->memory, &host->presence), ERR_OK);
        assert_int_equal(presence_memory_open(host->memory, &host->observer), ERR_OK);
}

struct frontend_seams host_seams(struct host *host)
{
        return (struct frontend_seams){
                .net = host->net,
                .bus = host->bus,
                .presence = host->presence,
                .clock = &host->clock.clock,
                .random = &host->random.random,
                .events = &host->events,
                .keys = &host->keys,
        };
}

static const char *machine(const struct host *host)
{
        return host->sockets ? "127.0.0.1" : "10.0.0.1";
}

static void serve(struct host *host, const struct frontend_options *options)
{
        struct net_address bound;
        struct frontend_seams seams = host_seams(host);

        assert_int_equal(frontend_new(options, &seams, &host->frontend), ERR_OK);
        assert_int_equal(frontend_listen(host->frontend, machine(host), 0, false, &bound), ERR_OK);
        host->port = bound.port;
        for (int i = 0; i < 10 && !frontend_serves(host->frontend); i++)
                assert_true(frontend_turn(host->frontend, 0));
        assert_true(frontend_serves(host->frontend));
}

void host_start(struct host *host, const struct frontend_options *options)
{
        host_start_seams(host);
        serve(host, options);
}

static void serve_tls(struct host *host, const struct frontend_options *options, struct tls_context *server,
                      struct tls_context *client)
{
        struct frontend_options all = *options;
        struct loop_tls_options tls = {.server = server, .client = client, .clock = &host->clock.clock};

        assert_int_equal(loop_tls_new(host->net, &tls, &host->tls_net), ERR_OK);
        assert_int_equal(loop_tls_new(host->client_net, &tls, &host->tls_client_net), ERR_OK);
        host->net = host->tls_net;
        host->client_net = host->tls_client_net;
        all.tls = true;
        serve(host, &all);
}

void host_start_tls(struct host *host, const struct frontend_options *options, struct tls_context *server,
                    struct tls_context *client)
{
        host_start_seams(host);
        serve_tls(host, options, server, client);
}

void host_start_sockets(struct host *host, const struct frontend_options *options, struct tls_context *server,
                        struct tls_context *client)
{
        host_start_seams(host);
        host->sockets = true;
        assert_int_equal(loop_net_new(&host->events, &host->net), ERR_OK);
        assert_int_equal(loop_net_new(&host->events, &host->client_net), ERR_OK);
        host->raw = host->net;
        if (server)
                serve_tls(host, options, server, client);
        else
                serve(host, options);
}

void host_stop(struct host *host)
{
        if (host->presence)
                host->presence->ops->free(&host->presence);
        frontend_free(&host->frontend);
        host->observer->ops->free(&host->observer);
        if (host->bus)
                host->bus->ops->free(&host->bus);
        host->worker_bus->ops->free(&host->worker_bus);
        bus_embedded_free(&host->embedded);
        presence_memory_free(&host->memory);
        if (host->tls_net)
                host->tls_net->ops->free(&host->tls_net);
        if (host->tls_client_net)
                host->tls_client_net->ops->free(&host->tls_client_net);
        if (host->sockets && host->raw == host->net) {
                host->net->ops->free(&host->net);
                host->client_net->ops->free(&host->client_net);
        }
        fake_world_free(&host->world);
}

/* Handshakes of clients go on by themselves, and real sockets learn that they are connected. */
static void turn_clients(struct host *host)
{
        struct net_event events[16];

        if (host->tls_client_net || host->sockets)
                (void)host->client_net->ops->poll(host->client_net, events, countof(events), 0);
}

bool host_turn(struct host *host)
{
        bool goes_on = true;

        for (int i = 0; i < 4 && goes_on; i++) {
                turn_clients(host);
                goes_on = frontend_turn(host->frontend, host->sockets ? SOCKETS_MS : 0);
        }
        return goes_on;
}

bool host_pass(struct host *host, uint64_t ms)
{
        bool goes_on = true;

        while (ms > 0 && goes_on) {
                uint64_t step = min_of(ms, 100);

                host->clock.now_us += step * 1000;
                host->clock.wall_ms += step;
                ms -= step;
                goes_on = host_turn(host);
        }
        return goes_on;
}

static bool take(struct host *host, struct wire_envelope *envelope, struct wire_frame *frame, struct bus_record *record)
{
        while (host->worker_bus->ops->poll(host->worker_bus, host->taken, 1) == 1) {
                if (host->taken[0].kind != BUS_EVENT_RECORD)
                        continue;
                assert_int_equal(wire_record_parse(host->taken[0].record.value, WIRE_CODE_envelope, envelope), ERR_OK);
                assert_int_equal(wire_frame_parse(envelope->frame, frame), ERR_OK);
                if (record)
                        *record = host->taken[0].record;
                return true;
        }
        return false;
}

struct wire_envelope host_take(struct host *host, struct wire_frame *frame, struct bus_record *record)
{
        struct wire_envelope envelope;

        host_turn(host);
        assert_true(take(host, &envelope, frame, record));
        return envelope;
}

void host_take_nothing(struct host *host)
{
        struct wire_envelope envelope;
        struct wire_frame frame;

        host_turn(host);
        assert_false(take(host, &envelope, &frame, NULL));
}

void host_publish_only(struct host *host, uint8_t code, const void *message)
{
        static uint8_t bytes[WIRE_DOWN_SIZE_MAX + 4096];
        struct bus_message record = {
                .topic = BUS_FRONTENDS,
                .partition = 0,
                .value = wire_record_build(code, message, bytes, bytes + sizeof(bytes)),
        };

        assert_true(record.value.size > 0);
        assert_int_equal(host->worker_bus->ops->publish(host->worker_bus, &record), ERR_OK);
        assert_int_equal(host->worker_bus->ops->flush(host->worker_bus, 0), ERR_OK);
}

void host_publish(struct host *host, uint8_t code, const void *message)
{
        host_publish_only(host, code, message);
        host_turn(host);
}

void host_post(struct host *host, const struct wire_envelope *to, const struct id *request, uint8_t code,
               const void *message, enum wire_effect effect)
{
        static uint8_t bytes[WIRE_DOWN_SIZE_MAX];
        struct wire_frame frame = {.code = code};
        uint8_t connection[8];
        struct wire_post post = {
                .epoch = to->epoch,
                .connections = slice_of(connection, sizeof(connection)),
                .effect = effect,
                .user = to->user,
                .device = to->device,
        };

        be64_put(connection, to->connection);
        if (request)
                post.request = frame.request = *request;
        post.frame = wire_frame_build(&frame, message, bytes, bytes + sizeof(bytes));
        assert_true(post.frame.size > 0);
        host_publish(host, WIRE_CODE_post, &post);
}

void host_show(struct host *host, const struct frontend_file *files, size_t count)
{
        struct site *site;

        assert_int_equal(frontend_site_new(files, count, &site), ERR_OK);
        frontend_show(host->frontend, &site);
        assert_null(site);
}

size_t host_presence(struct host *host, uint64_t user)
{
        static const struct arena_source source = {memory_new, memory_free};
        struct presence_request request = {.kind = PRESENCE_GET, .entry.user = user};
        struct presence_result result = {0};
        struct completion completion;
        struct arena arena;

        arena_init(&arena, &source, 1024, 65536);
        assert_int_equal(host->observer->ops->submit(host->observer, &request, 1, &result, &arena, 1), ERR_OK);
        assert_int_equal(host->observer->ops->poll(host->observer, &completion, 1), 1);
        assert_int_equal(completion.outcome, OUTCOME_OK);
        arena_finish(&arena);
        return result.count;
}

/* ---- clients ---- */

void client_open(struct host *host, struct client *client)
{
        *client = (struct client){.host = host, .input = memory_new(CLIENT_INPUT)};
        assert_non_null(client->input);
        assert_int_equal(host->client_net->ops->connect(host->client_net, machine(host), host->port, 1, &client->socket),
                         ERR_OK);
        host_turn(host);
        if (getenv("GALKA_TEST_FRAMED"))
                web_upgrade(client);
}

void client_secure(struct client *client, const char *name)
{
        struct net *net = client->host->client_net;

        assert_int_equal(net->ops->secure(net, client->socket, 1, (struct slice){0}, name), ERR_OK);
        for (int i = 0; i < 3; i++)
                host_turn(client->host);
}

void client_close(struct client *client)
{
        if (!client->closed)
                client->host->client_net->ops->close(client->host->client_net, client->socket);
        memory_free(client->input);
        memory_free(client->raw);
        client->input = client->raw = NULL;
}

size_t client_send_bytes(struct client *client, const void *bytes, size_t size)
{
        struct net *net = client->host->client_net;
        struct slice part = slice_of(bytes, size);
        size_t written;

        if (client->closed)
                return 0;
        if (client->framed)
                return web_send(client, 0x82, bytes, size);
        return net->ops->write(net, client->socket, &part, 1, &written) == ERR_OK ? written : 0;
}

size_t client_build(struct client *client, uint8_t code, const void *message, uint8_t *bytes, size_t room,
                    struct id *request)
{
        struct wire_frame frame = {.code = code, .user = be64_get(client->token), .device = client->device};
        struct slice built;

        memcpy(frame.mac, client->token + 8, sizeof(frame.mac));
        be64_put(frame.request.bytes, ++client->requests);
        be64_put(frame.request.bytes + 8, client->user ^ (uint64_t)client->socket << 32);
        frame.room.bytes[0] = 1;
        built = wire_frame_build(&frame, message, bytes, bytes + room);
        assert_true(built.size > 0);
        memmove(bytes, built.data, built.size);
        if (request)
                *request = frame.request;
        return built.size;
}

struct id client_send(struct client *client, uint8_t code, const void *message)
{
        static uint8_t bytes[WIRE_UP_SIZE_MAX];
        struct id request;
        size_t size = client_build(client, code, message, bytes, sizeof(bytes), &request);

        assert_int_equal(client_send_bytes(client, bytes, size), size);
        return request;
}

/* One read, to where frames are expected. */
static enum error read_some(struct client *client)
{
        struct net *net = client->host->client_net;
        uint8_t *bytes = client->framed ? client->raw + client->raw_used : client->input + client->used;
        size_t room = CLIENT_INPUT - (client->framed ? client->raw_used : client->used), got = 0;
        enum error error = net->ops->read(net, client->socket, bytes, room, &got);

        if (error == ERR_CLOSED) {
                client->closed = true;
                net->ops->close(net, client->socket);
        }
        if (client->framed) {
                client->raw_used += got;
                web_unframe(client);
        } else {
                client->used += got;
        }
        return error;
}

void client_receive(struct client *client)
{
        host_turn(client->host);
        while (!client->closed && client->used < CLIENT_INPUT && read_some(client) == ERR_OK)
                host_turn(client->host);
        if (client->closed)
                host_turn(client->host);
}

struct wire_frame client_expect(struct client *client, uint8_t code, void *message)
{
        static uint8_t bytes[WIRE_DOWN_SIZE_MAX];
        struct wire_frame frame;
        enum error error;
        size_t size;

        client_receive(client);
        size = wire_frame_size(slice_of(client->input, client->used), sizeof(bytes), &error);
        assert_int_equal(error, ERR_OK);
        assert_in_range(size, 5, client->used);
        memcpy(bytes, client->input, size);
        client->used -= size;
        memmove(client->input, client->input + size, client->used);
        assert_int_equal(wire_frame_parse(slice_of(bytes + 4, size - 4), &frame), ERR_OK);
        assert_int_equal(frame.code, code);
        if (message)
                assert_int_equal(wire_decode(frame.message->structure, frame.body, message, NULL), ERR_OK);
        return frame;
}

void client_expect_nothing(struct client *client)
{
        client_receive(client);
        assert_int_equal(client->used, 0);
        assert_false(client->closed);
}

struct id client_expect_error(struct client *client, enum error error)
{
        struct wire_error message;
        struct wire_frame frame = client_expect(client, WIRE_CODE_error, &message);

        assert_int_equal(message.code, error);
        return frame.request;
}

void client_expect_bye(struct client *client, enum error error)
{
        struct wire_bye message;

        (void)client_expect(client, WIRE_CODE_bye, &message);
        assert_int_equal(message.code, error);
        client_receive(client);
        assert_int_equal(client->used, 0);
        assert_true(client->closed);
}

uint8_t client_read_to_the_end(struct client *client, struct wire_bye *bye)
{
        uint8_t code = 0;

        while (!client->closed || client->used > 0) {
                struct wire_frame frame;
                enum error error;
                size_t size;

                host_turn(client->host);
                if (!client->closed)
                        (void)read_some(client);
                size = wire_frame_size(slice_of(client->input, client->used), WIRE_DOWN_SIZE_MAX, &error);
                assert_int_equal(error, ERR_OK);
                if (size == 0 || size > client->used) {
                        assert_false(client->closed && client->used > 0);
                        continue;
                }
                assert_int_equal(wire_frame_parse(slice_of(client->input + 4, size - 4), &frame), ERR_OK);
                code = frame.code;
                if (code == WIRE_CODE_bye)
                        assert_int_equal(wire_decode(WIRE_STRUCTURE(bye), frame.body, bye, NULL), ERR_OK);
                client->used -= size;
                memmove(client->input, client->input + size, client->used);
        }
        return code;
}

struct wire_envelope client_place(struct client *client)
{
        struct wire_rooms rooms = {.limit = 1};
        struct wire_envelope place;
        struct wire_frame frame;

        (void)client_send(client, WIRE_CODE_rooms, &rooms);
        place = host_take(client->host, &frame, NULL);
        host_post(client->host, &place, &frame.request, WIRE_CODE_room_page, &(struct wire_room_page){0}, WIRE_EFFECT_NONE);
        (void)client_expect(client, WIRE_CODE_room_page, NULL);
        return place;
}

void client_hello(struct client *client)
{
        struct wire_hello hello = {.version_min = 1, .version_max = 1, .client = SLICE_LITERAL("test")};

        (void)client_send(client, WIRE_CODE_hello, &hello);
        (void)client_expect(client, WIRE_CODE_welcome, NULL);
}

void client_join(struct client *client, uint64_t user, uint64_t device)
{
        struct host *host = client->host;
        struct wire_join join = {0};
        struct wire_joined joined = {.time_ms = 1};
        struct wire_envelope envelope;
        struct wire_frame frame = {0};

        client->user = user;
        client->device = device;
        token_mint(&host->keys, user, device, client->token);
        client_hello(client);
        (void)client_send(client, WIRE_CODE_join, &join);
        do /* the frontend itself says who is gone, and now and then something else */
                envelope = host_take(host, &frame, NULL);
        while (frame.code == WIRE_CODE_gone || frame.code == WIRE_CODE_sweep);
        assert_int_equal(frame.code, WIRE_CODE_join);
        host_post(host, &envelope, &frame.request, WIRE_CODE_joined, &joined, WIRE_EFFECT_JOINED);
        (void)client_expect(client, WIRE_CODE_joined, NULL);
}
