/* See listen.h. */
#include "frontend/listen.h"

#include "frontend/answer.h"
#include "frontend/ending.h"
#include "frontend/liveness.h"

#define TLS_FIRST_BYTE   0x16 /* a record with a handshake; as a frame's length it would be far too large */
#define BUSY_ANSWER      "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n"
#define HANDSHAKE_FRAMES 20 /* of an address's rate: about what a handshake costs */

enum error frontend_listen(struct frontend *frontend, const char *address, uint16_t port, bool shared,
                           struct net_address *bound)
{
        struct net *net = frontend->seams.net;
        struct net_address ignored;
        enum error error;
        int socket;

        if (frontend->listener_count == FRONTEND_LISTENERS_MAX)
                return ERR_FULL;
        error = net->ops->listen(net, address, port, shared, FRONTEND_TAG_LISTENER, &socket, bound ? bound : &ignored);
        if (error)
                return error;
        frontend->listeners[frontend->listener_count++] = socket;
        if (!frontend_serves(frontend))
                net->ops->want_read(net, socket, false);
        return ERR_OK;
}

void listen_resume(struct frontend *frontend)
{
        struct net *net = frontend->seams.net;

        for (uint32_t i = 0; i < frontend->listener_count; i++)
                net->ops->want_read(net, frontend->listeners[i], true);
}

void listen_close(struct frontend *frontend)
{
        struct net *net = frontend->seams.net;

        while (frontend->listener_count > 0)
                net->ops->close(net, frontend->listeners[--frontend->listener_count]);
}

static bool is_letter(uint8_t byte)
{
        return (byte | 0x20) >= 'a' && (byte | 0x20) <= 'z';
}

/* The peer learns why, if its socket takes one small frame at once, or answer, if it has asked by HTTP already; it gets no connection,
 * so nobody waits for its end. What it said already is read, or closing would reset what it is told. */
static void turn_away(struct frontend *frontend, int socket)
{
        struct net *net = frontend->seams.net;
        uint8_t bytes[256];
        struct slice bye = answer_refusal(ERR_BUSY, FRONTEND_RETRY_MS, bytes, bytes + sizeof(bytes));
        size_t written, got = 0;

        check(bye.size > 0);
        if (net->ops->read(net, socket, frontend->input, FRONTEND_INPUT_SIZE, &got) == ERR_OK &&
            is_letter(frontend->input[0]))
                bye = SLICE_LITERAL(BUSY_ANSWER);
        (void)net->ops->write(net, socket, &bye, 1, &written);
        net->ops->close(net, socket);
        frontend->counts.refused++;
}

/* False: the address has too many connections. *entry NULL: it is not limited. */
static bool admit_address(struct frontend *frontend, const struct net_address *peer, struct limit_entry **entry)
{
        uint64_t key[2];

        *entry = NULL;
        if (!limit_address_key(peer, key))
                return true;
        *entry = limiter_entry(&frontend->addresses, key, frontend->now_us);
        return *entry && (*entry)->connections < frontend->options.address_connections;
}

void listen_accepted(struct frontend *frontend, int socket, const struct net_address *peer)
{
        bool proxied = proxy_trusts(&frontend->options.proxies, peer);
        struct connection *connection = NULL;
        struct limit_entry *address = NULL;

        frontend->counts.accepted++;
        if (frontend_serves(frontend) && (proxied || admit_address(frontend, peer, &address)))
                connection = connection_open(&frontend->connections, socket, proxied ? CONNECTION_PROXY : CONNECTION_HELLO);
        if (!connection) {
                turn_away(frontend, socket);
                return;
        }
        if (address)
                limiter_hold(&frontend->addresses, address);
        connection->address = address;
        connection->own = !proxied && !address;
        frontend->seams.net->ops->set_tag(frontend->seams.net, socket, connection->id);
        frontend->counts.connections = frontend->connections.count;
        liveness_wait(frontend, connection);
}

void listen_proxied(struct frontend *frontend, struct connection *connection, struct slice header)
{
        struct net_address client;
        struct limit_entry *address = NULL;
        bool known;

        check(connection->state == CONNECTION_PROXY && !connection->address);
        if (proxy_header_parse(header, &client, &known) != ERR_OK) {
                answer_fatal(frontend, connection, NULL, ERR_BAD_FRAME);
                return;
        }
        if (known && !admit_address(frontend, &client, &address)) {
                frontend->counts.refused++;
                connection_end(frontend, connection, ERR_BUSY, FRONTEND_RETRY_MS);
                return;
        }
        if (address)
                limiter_hold(&frontend->addresses, address);
        connection->address = address;
        connection->own = known && !address;
        connection_move(connection, CONNECTION_HELLO);
}

static bool may_shake_hands(struct frontend *frontend, const struct connection *connection)
{
        struct limit_rate rate = frontend->addresses.rate;

        rate.interval_us *= HANDSHAKE_FRAMES;
        return !connection->address || limit_take(&connection->address->bucket_us, &rate, frontend->now_us) == 0;
}

/* What is refused here hears nothing: it would take it for TLS. */
static void secure(struct frontend *frontend, struct connection *connection, struct slice bytes)
{
        struct net *net = frontend->seams.net;
        bool may = may_shake_hands(frontend, connection);

        frontend->counts.rate_limited += !may;
        if (may && net->ops->secure(net, connection->socket, connection->id, bytes, NULL) == ERR_OK) {
                connection->secured = true;
                frontend->counts.secured++;
                return;
        }
        frontend->counts.refused++;
        connection_drop(frontend, connection);
}

bool listen_first_bytes(struct frontend *frontend, struct connection *connection, struct slice bytes)
{
        check(bytes.size > 0);
        if (connection->state != CONNECTION_HELLO || connection->framed)
                return false;
        if (!connection->secured && frontend->options.tls && bytes.data[0] == TLS_FIRST_BYTE) {
                secure(frontend, connection, bytes);
                return true;
        }
        if (is_letter(bytes.data[0])) { /* of a method; as a frame's length it would be far too large */
                connection_move(connection, CONNECTION_HTTP);
                return false;
        }
        if (!frontend->options.tls_only || connection->own || connection->secured)
                return false;
        frontend->counts.plain_refused++;
        answer_fatal(frontend, connection, NULL, ERR_NEEDS_TLS);
        return true;
}
