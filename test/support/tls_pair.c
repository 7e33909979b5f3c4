/* See tls_pair.h. */
#include "support/tls_pair.h"

#include <stdio.h>

#include "base/assert.h"
#include "support/tls_files.h"

#define TURNS 12

static uint64_t monotonic_us(struct clock *clock)
{
        return container_of(clock, struct tls_pair, clock)->now_us;
}

static uint64_t wall_ms(struct clock *clock)
{
        (void)clock;
        return 1700000000000;
}

static const char *path_of(const char *name, const char *ending)
{
        char whole[128];

        snprintf(whole, sizeof(whole), "%s.%s", name, ending);
        return tls_path(whole);
}

void tls_pair_start(struct tls_pair *pair, const char *certificate, const char *ca, size_t pipe_size,
                    const struct loop_tls_options *given)
{
        struct loop_tls_options options = given ? *given : (struct loop_tls_options){0};
        struct net_address bound;
        char why[TLS_WHY_SIZE];
        int listener;

        *pair = (struct tls_pair){.clock = {monotonic_us, wall_ms}, .now_us = 5000000};
        pair->server.pair = pair->client.pair = pair;
        pair->world = fake_world_new(pipe_size);
        check(pair->world);
        check(tls_server_new(path_of(certificate, "pem"), path_of(certificate, "key"), &pair->server_context, why) ==
              ERR_OK);
        check(tls_client_new(path_of(ca, "pem"), &pair->client_context, why) == ERR_OK);
        options.server = pair->server_context;
        options.client = pair->client_context;
        options.clock = &pair->clock;
        pair->server.raw = fake_world_net(pair->world, 1);
        pair->client.raw = fake_world_net(pair->world, 2);
        check(pair->server.raw && pair->client.raw);
        check(loop_tls_new(pair->server.raw, &options, &pair->server.net) == ERR_OK);
        check(loop_tls_new(pair->client.raw, &options, &pair->client.net) == ERR_OK);
        check(pair->server.net->ops->listen(pair->server.net, "10.0.0.1", 0, false, 1, &listener, &bound) == ERR_OK);
        pair->port = bound.port;
}

void tls_pair_stop(struct tls_pair *pair)
{
        pair->server.net->ops->free(&pair->server.net);
        pair->client.net->ops->free(&pair->client.net);
        fake_world_free(&pair->world);
        tls_context_free(&pair->server_context);
        tls_context_free(&pair->client_context);
}

static void poll_end(struct pair_end *end)
{
        struct net_event events[PAIR_EVENTS];
        size_t count = end->net->ops->poll(end->net, events, PAIR_EVENTS, 0);

        for (size_t i = 0; i < count; i++) {
                if (events[i].kind == NET_EVENT_ACCEPTED) {
                        end->socket = events[i].socket;
                        end->open = true;
                        end->net->ops->set_tag(end->net, end->socket, PAIR_SERVER_TAG);
                } else if (events[i].tag == PAIR_SERVER_TAG || events[i].tag == PAIR_CLIENT_TAG) {
                        end->readable += events[i].kind == NET_EVENT_READABLE;
                        end->writable += events[i].kind == NET_EVENT_WRITABLE;
                }
        }
}

void tls_pair_turn(struct tls_pair *pair)
{
        for (int i = 0; i < TURNS; i++) {
                poll_end(&pair->client);
                poll_end(&pair->server);
        }
}

void tls_pair_connect(struct tls_pair *pair)
{
        struct net *net = pair->client.net;

        pair->server.open = false;
        check(net->ops->connect(net, "10.0.0.1", pair->port, PAIR_CLIENT_TAG, &pair->client.socket) == ERR_OK);
        pair->client.open = true;
        tls_pair_turn(pair);
        check(pair->server.open);
        pair->client.readable = pair->client.writable = pair->server.readable = pair->server.writable = 0;
}

void tls_pair_secure(struct tls_pair *pair, const char *name)
{
        struct net *server = pair->server.net, *client = pair->client.net;

        check(server->ops->secure(server, pair->server.socket, PAIR_SERVER_TAG, (struct slice){0}, NULL) == ERR_OK);
        check(client->ops->secure(client, pair->client.socket, PAIR_CLIENT_TAG, (struct slice){0}, name) == ERR_OK);
}

void tls_pair_close(struct pair_end *end)
{
        if (end->open)
                end->net->ops->close(end->net, end->socket);
        end->open = false;
}

enum error tls_pair_say(struct pair_end *end, const char *text)
{
        struct slice part = slice_text(text);
        size_t written;
        enum error error = end->net->ops->write(end->net, end->socket, &part, 1, &written);

        check(error || written == part.size);
        return error;
}

enum error tls_pair_get(struct pair_end *end, char text[static TLS_PAIR_TEXT])
{
        size_t got;
        enum error error = end->net->ops->read(end->net, end->socket, text, TLS_PAIR_TEXT - 1, &got);

        text[got] = '\0';
        return error;
}

void tls_pair_expect(struct pair_end *end, const char *text)
{
        char got[TLS_PAIR_TEXT];

        tls_pair_turn(end->pair);
        check(tls_pair_get(end, got) == ERR_OK);
        check(strcmp(got, text) == 0);
}

void tls_pair_expect_closed(struct pair_end *end)
{
        char got[TLS_PAIR_TEXT];

        tls_pair_turn(end->pair);
        check(end->readable > 0);
        check(tls_pair_get(end, got) == ERR_CLOSED);
}

void tls_pair_talk(struct tls_pair *pair)
{
        char got[TLS_PAIR_TEXT];

        tls_pair_turn(pair);
        check(tls_pair_say(&pair->client, "hello") == ERR_OK);
        tls_pair_expect(&pair->server, "hello");
        check(tls_pair_say(&pair->server, "back") == ERR_OK);
        tls_pair_expect(&pair->client, "back");
        check(tls_pair_get(&pair->client, got) == ERR_AGAIN);
        check(tls_pair_get(&pair->server, got) == ERR_AGAIN);
}
