/* How a connection ends: over real sockets, plain and TLS, the client reads why, and then the end and no reset, whatever it sends
 * meanwhile; and nobody is waited for without an end. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <sys/socket.h>

#include "base/assert.h"
#include "base/memory.h"
#include "frontend/ending.h"
#include "loop/tls.h"
#include "support/frontend_host.h"
#include "support/tls_files.h"

#define NAME   "galka.test"
#define WAITS  1000 /* of host_turn, a few milliseconds each */
#define CHUNKS 60
#define CHUNK  16384

static struct host host;
static struct client alice;
static struct tls_context *server, *believer;

static uint32_t connections(void)
{
        return frontend_counts(host.frontend).connections;
}

static void begin(bool secure)
{
        host_start_sockets(&host, &(struct frontend_options){.connections_max = 1}, secure ? server : NULL, believer);
        client_open(&host, &alice);
        if (secure)
                client_secure(&alice, NAME);
}

static void end(void)
{
        for (int i = 0; i < WAITS && connections() > 0; i++)
                host_turn(&host);
        assert_int_equal(connections(), 0);
        host_stop(&host);
}

/* Waits for what the server says, and takes it. Fails if the connection was reset. False: that was the end. */
static bool hears(struct client *client)
{
        struct net *net = client->host->client_net;
        size_t got = 0;

        for (int i = 0; i < WAITS; i++) {
                uint8_t byte;
                ssize_t peeked;
                enum error error = ERR_OK;

                host_turn(client->host);
                peeked = recv(client->socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
                if (peeked < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
                        continue;
                if (peeked < 0)
                        fail_msg("instead of the end: %s", strerrordesc_np(errno));
                error = net->ops->read(net, client->socket, client->input + client->used, CLIENT_INPUT - client->used, &got);
                client->used += got;
                if (error != ERR_AGAIN)
                        return error == ERR_OK;
        }
        fail_msg("nothing came");
        return false;
}

/* Reads up to the end: the last frame is bye, with that reason. */
static void reads_bye(struct client *client, enum error reason)
{
        const struct wire_structure *structure = WIRE_STRUCTURE(bye);
        struct wire_frame frame = {0};
        struct wire_bye bye = {0};
        size_t at = 0;

        while (hears(client))
                ;
        while (at < client->used) {
                enum error error;
                size_t size = wire_frame_size(slice_of(client->input + at, client->used - at), WIRE_DOWN_SIZE_MAX, &error);

                assert_in_range(size, 5, client->used - at);
                assert_int_equal(wire_frame_parse(slice_of(client->input + at + 4, size - 4), &frame), ERR_OK);
                at += size;
        }
        assert_int_equal(frame.code, WIRE_CODE_bye);
        assert_int_equal(wire_decode(structure, frame.body, &bye, NULL), ERR_OK);
        assert_int_equal(bye.code, reason);
}

/* The length of a frame that is far too large, and then the frame, all the time. */
static void sends_on(struct client *client)
{
        static const uint8_t length[4] = {0x7f}, zeros[CHUNK];

        assert_int_equal(client_send_bytes(client, length, sizeof(length)), sizeof(length));
        for (int i = 0; i < CHUNKS; i++) {
                assert_true(client_send_bytes(client, zeros, sizeof(zeros)) > 0);
                host_turn(client->host);
        }
}

static void tells(bool secure)
{
        begin(secure);
        client_hello(&alice);
        sends_on(&alice);
        assert_int_equal(connections(), 1);
        reads_bye(&alice, ERR_TOO_LARGE);
        assert_int_equal(connections(), 1);
        client_close(&alice);
        end(); /* at its end, whatever the clock says */
}

static void test_who_goes_on_sending_reads_why_it_ended(void **state)
{
        (void)state;
        tells(false);
}

static void test_so_in_tls(void **state)
{
        (void)state;
        tells(true);
}

/* He said hello before anybody looked. */
static void test_who_finds_no_place_reads_so(void **state)
{
        struct wire_hello hello = {.version_min = 1, .version_max = 1};
        struct client late = {.host = &host, .input = memory_new(CLIENT_INPUT)};
        struct net *net;

        (void)state;
        begin(false);
        client_hello(&alice);
        net = host.client_net;
        assert_non_null(late.input);
        assert_int_equal(net->ops->connect(net, "127.0.0.1", host.port, 1, &late.socket), ERR_OK);
        (void)client_send(&late, WIRE_CODE_hello, &hello);
        reads_bye(&late, ERR_BUSY);
        client_close(&late);
        client_close(&alice);
        end();
}

static void does_not_end(bool secure)
{
        begin(secure);
        client_hello(&alice);
        sends_on(&alice);
        reads_bye(&alice, ERR_TOO_LARGE);
        for (uint64_t passed = 0; passed < ENDED_MS - 100; passed += 100) {
                assert_int_equal(connections(), 1); /* its place is taken */
                assert_int_equal(client_send_bytes(&alice, "x", 1),
                                 secure ? 0 : 1); /* in TLS the end counts for both ways */
                host_pass(&host, 100);
        }
        assert_int_equal(connections(), 1);
        host_pass(&host, 100);
        assert_int_equal(connections(), 0);
        client_close(&alice);
        end();
}

static void test_who_never_ends_is_let_go_in_time(void **state)
{
        (void)state;
        does_not_end(false);
        does_not_end(true);
}

/* Of what still comes no more is read in a turn than anybody else may say. */
static void test_a_flood_is_forgotten_a_part_a_turn(void **state)
{
        static const uint8_t zeros[HOST_PIPE];
        static const uint8_t length[4] = {0x7f};

        (void)state;
        host_start(&host, &(struct frontend_options){0});
        client_open(&host, &alice);
        client_hello(&alice);
        assert_int_equal(client_send_bytes(&alice, length, sizeof(length)), sizeof(length));
        host_turn(&host);
        fake_net_set_read_max(host.net, 1000);
        assert_int_equal(client_send_bytes(&alice, zeros, sizeof(zeros)), sizeof(zeros));
        for (int i = 0; i < 10; i++) {
                assert_true(frontend_turn(host.frontend, 0));
                assert_int_equal(client_send_bytes(&alice, zeros, sizeof(zeros)), ENDING_DISCARDS_MAX * 1000);
        }
        fake_net_set_read_max(host.net, 0);
        (void)client_expect_error(&alice, ERR_TOO_LARGE);
        client_expect_bye(&alice, ERR_TOO_LARGE);
        client_close(&alice);
        end();
}

static void test_a_drain_does_not_wait_for_who_never_ends(void **state)
{
        bool goes_on = true;
        uint64_t passed = 0;

        (void)state;
        begin(false);
        client_hello(&alice);
        frontend_drain(host.frontend, 0);
        for (; goes_on; passed += 100)
                goes_on = host_pass(&host, 100);
        assert_in_range(passed, ENDED_MS, ENDED_MS + 500);
        reads_bye(&alice, ERR_DRAINING);
        client_close(&alice);
        end();
}

/* An answer, a delivery, a revocation, and the deadline of a request that is not answered. */
static void test_what_comes_for_who_has_ended_is_for_nobody(void **state)
{
        static const uint8_t length[4] = {0x7f};
        struct wire_delivery delivery = {.number = 1, .row = {.seq = 1, .text = SLICE_LITERAL("late")}};
        struct wire_marked marked = {0};
        struct wire_mark mark = {.read = 1};
        struct wire_envelope first, second;
        struct wire_frame frame;
        struct id request;

        (void)state;
        host_start(&host, &(struct frontend_options){0});
        client_open(&host, &alice);
        client_join(&alice, 42, 7);
        (void)client_send(&alice, WIRE_CODE_mark, &mark);
        first = host_take(&host, &frame, NULL);
        request = frame.request;
        (void)client_send(&alice, WIRE_CODE_mark, &mark);
        second = host_take(&host, &frame, NULL);
        host_pass(&host, 4500);
        assert_int_equal(client_send_bytes(&alice, length, sizeof(length)), sizeof(length));
        host_turn(&host);
        host_post(&host, &first, &request, WIRE_CODE_marked, &marked, WIRE_EFFECT_NONE);
        host_post(&host, &second, NULL, WIRE_CODE_delivery, &delivery, WIRE_EFFECT_NONE);
        host_post(&host, &second, NULL, WIRE_CODE_delivery, &delivery, WIRE_EFFECT_CLOSE);
        host_pass(&host, 1000);
        assert_int_equal(connections(), 1);
        assert_int_equal(frontend_counts(host.frontend).replies_waiting, 0);
        (void)client_expect_error(&alice, ERR_TOO_LARGE);
        client_expect_bye(&alice, ERR_TOO_LARGE);
        client_close(&alice);
        end();
}

static int setup(void **state)
{
        char why[TLS_WHY_SIZE];

        (void)state;
        tls_folder_new();
        tls_make("self", &(struct tls_wish){.names = "DNS:" NAME});
        return tls_server_new(tls_path("self.pem"), tls_path("self.key"), &server, why) ||
               tls_client_new(tls_path("self.pem"), &believer, why);
}

static int teardown(void **state)
{
        (void)state;
        tls_context_free(&server);
        tls_context_free(&believer);
        tls_folder_remove();
        return 0;
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_who_goes_on_sending_reads_why_it_ended),
                cmocka_unit_test(test_so_in_tls),
                cmocka_unit_test(test_who_finds_no_place_reads_so),
                cmocka_unit_test(test_who_never_ends_is_let_go_in_time),
                cmocka_unit_test(test_a_flood_is_forgotten_a_part_a_turn),
                cmocka_unit_test(test_what_comes_for_who_has_ended_is_for_nobody),
                cmocka_unit_test(test_a_drain_does_not_wait_for_who_never_ends),
        };

        return cmocka_run_group_tests(tests, setup, teardown);
}
