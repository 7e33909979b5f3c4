/*
 * The n-th allocation fails, for n = 1, 2, …, in a frontend from its start to a client that is served: errors that the header
 * names, no crash, no leak, and afterwards it serves as if nothing had been.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// clang-format off
#include <cmocka.h>
// clang-format on

#include <stdlib.h>

#include "base/assert.h"
#include "base/memory.h"
#include "support/frontend_host.h"
#include "support/memory_loop.h"

#define ALICE 100
#define PHONE 1

/* ---- a frontend, from its start to a client that is served ---- */

static bool armed_turns(struct host *host, int turns)
{
        bool goes_on = true;

        for (int i = 0; i < turns && goes_on; i++) {
                host->clock.now_us += 1000;
                memory_arm();
                goes_on = frontend_turn(host->frontend, 0);
                memory_disarm();
        }
        return goes_on;
}

/* Whatever was asked is answered as a worker would. */
static void answer_all(struct host *host)
{
        struct bus *bus = host->worker_bus;
        struct wire_joined joined = {.time_ms = 1};
        struct bus_event event;

        while (bus->ops->poll(bus, &event, 1) == 1) {
                struct wire_envelope envelope;
                struct wire_frame frame;

                if (event.kind != BUS_EVENT_RECORD)
                        continue;
                assert_int_equal(wire_record_parse(event.record.value, WIRE_CODE_envelope, &envelope), ERR_OK);
                assert_int_equal(wire_frame_parse(envelope.frame, &frame), ERR_OK);
                assert_int_equal(frame.code, WIRE_CODE_join);
                host_post(host, &envelope, &frame.request, WIRE_CODE_joined, &joined, WIRE_EFFECT_JOINED);
        }
}

/* To a frontend that may have closed the connection for want of memory. */
static void send_any(struct client *client, uint8_t code, const void *message)
{
        uint8_t bytes[512];
        size_t size = client_build(client, code, message, bytes, sizeof(bytes), NULL);

        (void)client_send_bytes(client, bytes, size);
}

static void talk(struct host *host)
{
        struct wire_hello hello = {.version_min = 1, .version_max = 1};
        struct wire_join join = {0};
        struct client client = {.host = host, .user = ALICE, .device = PHONE, .input = memory_new(16)};
        struct net *net = host->client_net;

        assert_non_null(client.input);
        token_mint(&host->keys, ALICE, PHONE, client.token);
        assert_int_equal(net->ops->connect(net, "10.0.0.1", host->port, 1, &client.socket), ERR_OK);
        armed_turns(host, 3);
        send_any(&client, WIRE_CODE_hello, &hello);
        armed_turns(host, 3);
        send_any(&client, WIRE_CODE_join, &join);
        armed_turns(host, 3);
        answer_all(host);
        armed_turns(host, 3);
        client_close(&client);
        armed_turns(host, 5);
}

static void frontend_once(bool *failed)
{
        const struct frontend_options options = {.connections_max = 8, .pending_max = 8};
        struct frontend_counts counts;
        struct frontend_seams seams;
        struct net_address bound;
        struct client after;
        struct host host;
        enum error error;

        host_start_seams(&host);
        seams = host_seams(&host);
        memory_arm();
        error = frontend_new(&options, &seams, &host.frontend);
        memory_disarm();
        if (!error) {
                memory_arm();
                error = frontend_listen(host.frontend, "10.0.0.1", 0, false, &bound);
                memory_disarm();
        }
        if (error) {
                memory_lacks(error, failed);
                host_stop(&host);
                return;
        }
        host.port = bound.port;
        armed_turns(&host, 10);
        if (!host_pass(&host, 5000) || !frontend_serves(host.frontend)) {
                *failed = true; /* it could not say that the partition is its own, and ended */
                host_stop(&host);
                return;
        }
        talk(&host);
        host_pass(&host, 30000); /* what was lost meets its deadline */
        counts = frontend_counts(host.frontend);
        assert_int_equal(counts.connections, 0);
        assert_int_equal(counts.queued_bytes + counts.partial_bytes, 0);
        client_open(&host, &after);
        client_join(&after, ALICE + 1, PHONE);
        client_close(&after);
        host_turn(&host);
        host_stop(&host);
}

static void the_frontend(void **state)
{
        (void)state;
        memory_loop(frontend_once, "frontend");
}

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(the_frontend)};

        return cmocka_run_group_tests(tests, NULL, NULL);
}
