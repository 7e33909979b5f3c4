/* Bad and slow input: wrong lengths, half frames, floods, silence, too many connections. A clear error or a bounded close each time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/memory.h"
#include "frontend/ending.h"
#include "support/frontend_host.h"

static struct host host;
static struct client alice;

static void begin(struct frontend_options options)
{
        host_start(&host, &options);
        client_open(&host, &alice);
}

static void end(void)
{
        client_close(&alice);
        host_turn(&host);
        assert_int_equal(frontend_counts(host.frontend).partial_bytes, 0);
        host_stop(&host);
}

static size_t build_write(struct client *client, size_t text_size, uint8_t *bytes, size_t room)
{
        static uint8_t text[16384];
        struct wire_operation operations[16];
        struct wire_write write = {.operations = {.items = operations}};

        memset(text, 'a', sizeof(text));
        while (text_size > 0) {
                size_t part = text_size < sizeof(text) ? text_size : sizeof(text);

                operations[write.operations.count++] =
                        (struct wire_operation){.id.bytes = {1}, .kind = 1, .text = slice_of(text, part)};
                text_size -= part;
        }
        return client_build(client, WIRE_CODE_write, &write, bytes, room, NULL);
}

static void expect_refused(const uint8_t *bytes, size_t size, enum error error)
{
        (void)client_send_bytes(&alice, bytes, size);
        (void)client_expect_error(&alice, error);
        client_expect_bye(&alice, error);
        assert_int_equal(frontend_counts(host.frontend).connections, 0);
}

static void test_a_length_of_zero(void **state)
{
        (void)state;
        begin((struct frontend_options){0});
        expect_refused((const uint8_t[]){0, 0, 0, 0}, 4, ERR_BAD_FRAME);
        end();
}

static void test_a_frame_of_a_megabyte(void **state)
{
        uint8_t *bytes = memory_new(1 << 20);

        (void)state;
        assert_non_null(bytes);
        begin((struct frontend_options){0});
        client_join(&alice, 42, 7);
        be32_put(bytes, (1 << 20) - 4);
        expect_refused(bytes, 1 << 20, ERR_TOO_LARGE);
        end();
        memory_free(bytes);
}

static void test_large_frames_only_after_join(void **state)
{
        uint8_t bytes[WIRE_UP_SIZE_MAX];
        struct wire_frame frame;
        size_t size;

        (void)state;
        begin((struct frontend_options){0});
        client_join(&alice, 42, 7);
        size = build_write(&alice, 60000, bytes, sizeof(bytes));
        assert_int_equal(client_send_bytes(&alice, bytes, size), size);
        (void)host_take(&host, &frame, NULL);
        assert_in_range(frame.body.size, 60000, WIRE_UP_SIZE_MAX);
        client_close(&alice);
        client_open(&host, &alice);
        client_hello(&alice);
        expect_refused(bytes, size, ERR_TOO_LARGE);
        end();
}

static void test_frames_cut_at_every_byte(void **state)
{
        uint8_t bytes[1024];
        struct wire_frame frame;
        size_t size;

        (void)state;
        begin((struct frontend_options){.connection_frames = 10000, .user_frames = 10000});
        client_join(&alice, 42, 7);
        size = build_write(&alice, 100, bytes, 512);
        size += build_write(&alice, 100, bytes + size, 512);
        for (size_t cut = 1; cut < size; cut++) {
                assert_int_equal(client_send_bytes(&alice, bytes, cut), cut);
                host_turn(&host);
                assert_int_equal(client_send_bytes(&alice, bytes + cut, size - cut), size - cut);
                (void)host_take(&host, &frame, NULL);
                assert_int_equal(frame.code, WIRE_CODE_write);
                (void)host_take(&host, &frame, NULL);
                assert_int_equal(frame.code, WIRE_CODE_write);
                host_take_nothing(&host);
                assert_int_equal(frontend_counts(host.frontend).partial_bytes, 0);
        }
        end();
}

static void test_a_large_frame_byte_by_byte(void **state)
{
        uint8_t bytes[WIRE_UP_SIZE_MAX];
        struct wire_frame frame;
        size_t size;

        (void)state;
        begin((struct frontend_options){0});
        client_join(&alice, 42, 7);
        size = build_write(&alice, 20000, bytes, sizeof(bytes));
        fake_net_set_read_max(host.net, 97);
        assert_int_equal(client_send_bytes(&alice, bytes, size), size);
        for (int i = 0; i < 50; i++)
                host_turn(&host);
        (void)host_take(&host, &frame, NULL);
        assert_int_equal(frame.code, WIRE_CODE_write);
        end();
}

static void test_half_a_frame_has_a_deadline(void **state)
{
        static const uint8_t half[] = {0, 0, 0, 50, WIRE_CODE_ping};

        (void)state;
        begin((struct frontend_options){.frame_ms = 2000});
        client_join(&alice, 42, 7);
        assert_int_equal(client_send_bytes(&alice, half, sizeof(half)), sizeof(half));
        host_pass(&host, 1500);
        /* One byte more does not start the deadline anew. */
        assert_int_equal(client_send_bytes(&alice, half, 1), 1);
        client_expect_nothing(&alice);
        assert_true(frontend_counts(host.frontend).partial_bytes > 0);
        host_pass(&host, 700);
        client_expect_bye(&alice, ERR_IDLE);
        end();
}

static void test_partial_frames_have_a_budget(void **state)
{
        static const uint8_t half[] = {0, 0, 0, 50, WIRE_CODE_ping};
        struct client bob;

        (void)state;
        begin((struct frontend_options){.partial_bytes_max = 200});
        client_open(&host, &bob);
        assert_int_equal(client_send_bytes(&alice, half, sizeof(half)), sizeof(half));
        host_turn(&host);
        assert_int_equal(client_send_bytes(&bob, half, sizeof(half)), sizeof(half));
        client_expect_bye(&bob, ERR_BUSY);
        client_expect_nothing(&alice);
        client_close(&bob);
        end();
}

static void test_silence_before_sign_in(void **state)
{
        (void)state;
        begin((struct frontend_options){.sign_in_ms = 3000});
        host_pass(&host, 2900);
        client_expect_nothing(&alice);
        host_pass(&host, 200);
        client_expect_bye(&alice, ERR_IDLE);
        assert_int_equal(frontend_counts(host.frontend).idle_closed, 1);
        end();
}

static void test_a_sign_in_request_buys_time_but_pings_do_not(void **state)
{
        struct wire_sign_in sign_in = {.login = SLICE_LITERAL("alice")};
        struct wire_ping ping = {.echo = 1};

        (void)state;
        begin((struct frontend_options){.sign_in_ms = 3000, .reply_ms = 60000});
        client_hello(&alice);
        host_pass(&host, 2000);
        (void)client_send(&alice, WIRE_CODE_sign_in, &sign_in);
        host_pass(&host, 2000);
        client_expect_nothing(&alice);
        (void)client_send(&alice, WIRE_CODE_ping, &ping);
        (void)client_expect(&alice, WIRE_CODE_pong, NULL);
        host_pass(&host, 1200);
        client_expect_bye(&alice, ERR_IDLE);
        end();
}

static void test_two_silent_intervals(void **state)
{
        struct wire_ping ping = {.echo = 1};

        (void)state;
        begin((struct frontend_options){.ping_ms = 1000});
        client_join(&alice, 42, 7);
        for (int i = 0; i < 4; i++) {
                host_pass(&host, 1900);
                (void)client_send(&alice, WIRE_CODE_ping, &ping);
                (void)client_expect(&alice, WIRE_CODE_pong, NULL);
        }
        host_pass(&host, 2200);
        client_expect_bye(&alice, ERR_IDLE);
        assert_int_equal(host_presence(&host, 42), 0);
        end();
}

static void test_ten_thousand_silent_connections(void **state)
{
        enum { MANY = 10000 };
        struct net *net = NULL;
        int *sockets = memory_new(MANY * sizeof(int));

        (void)state;
        assert_non_null(sockets);
        begin((struct frontend_options){.sign_in_ms = 3000, .address_connections = 1000000});
        net = host.client_net;
        for (int i = 0; i < MANY; i++) {
                assert_int_equal(net->ops->connect(net, "10.0.0.1", host.port, 1, &sockets[i]), ERR_OK);
                if (i % 64 == 63)
                        assert_true(frontend_turn(host.frontend, 0));
        }
        for (int i = 0; i < 10; i++)
                host_turn(&host);
        assert_int_equal(frontend_counts(host.frontend).connections, MANY + 1);
        host_pass(&host, 4000);
        for (int i = 0; i < 20; i++)
                host_turn(&host);
        assert_int_equal(frontend_counts(host.frontend).idle_closed, MANY + 1);
        host_pass(&host, ENDED_MS); /* nor do they end the connection */
        for (int i = 0; i < 20; i++)
                host_turn(&host);
        assert_int_equal(frontend_counts(host.frontend).connections, 0);
        for (int i = 0; i < MANY; i++)
                net->ops->close(net, sockets[i]);
        memory_free(sockets);
        end();
}

static void test_a_flood_is_refused_and_then_not_read(void **state)
{
        struct wire_ping ping = {.echo = 1};
        uint8_t bytes[64];
        unsigned pongs = 0, refused = 0;
        size_t size;

        (void)state;
        begin((struct frontend_options){.connection_frames = 10});
        client_hello(&alice);
        size = client_build(&alice, WIRE_CODE_ping, &ping, bytes, sizeof(bytes), NULL);
        for (int i = 0; i < 60; i++)
                assert_int_equal(client_send_bytes(&alice, bytes, size), size);
        host_turn(&host);
        while (pongs < 19) {
                (void)client_expect(&alice, WIRE_CODE_pong, NULL);
                pongs++;
        }
        for (; refused < 41; refused++)
                (void)client_expect_error(&alice, ERR_RATE);
        /* Deep in debt: for a second it is not even read, then there is an answer again. */
        assert_int_equal(client_send_bytes(&alice, bytes, size), size);
        host_pass(&host, 900);
        client_expect_nothing(&alice);
        host_pass(&host, 200);
        (void)client_expect_error(&alice, ERR_RATE);
        host_pass(&host, 4000);
        assert_int_equal(client_send_bytes(&alice, bytes, size), size);
        (void)client_expect(&alice, WIRE_CODE_pong, NULL);
        assert_int_equal(frontend_counts(host.frontend).rate_limited, 42);
        end();
}

static void test_users_and_addresses_have_rates_of_their_own(void **state)
{
        struct wire_ping ping = {.echo = 1};
        struct client bob;

        (void)state;
        begin((struct frontend_options){.user_frames = 2, .address_frames = 100});
        client_open(&host, &bob);
        client_join(&alice, 42, 7);
        client_join(&bob, 42, 8);
        for (int i = 0; i < 4; i++) {
                (void)client_send(i % 2 ? &alice : &bob, WIRE_CODE_ping, &ping);
                (void)client_expect(i % 2 ? &alice : &bob, WIRE_CODE_pong, NULL);
        }
        (void)client_send(&bob, WIRE_CODE_ping, &ping);
        (void)client_expect_error(&bob, ERR_RATE);
        (void)client_send(&alice, WIRE_CODE_ping, &ping);
        (void)client_expect_error(&alice, ERR_RATE);
        host_pass(&host, 500);
        (void)client_send(&alice, WIRE_CODE_ping, &ping);
        (void)client_expect(&alice, WIRE_CODE_pong, NULL);
        client_close(&bob);
        end();
        begin((struct frontend_options){.address_frames = 2});
        client_open(&host, &bob);
        client_hello(&alice);
        client_hello(&bob);
        for (int i = 0; i < 2; i++) {
                (void)client_send(&bob, WIRE_CODE_ping, &ping);
                (void)client_expect(&bob, WIRE_CODE_pong, NULL);
        }
        (void)client_send(&alice, WIRE_CODE_ping, &ping);
        (void)client_expect_error(&alice, ERR_RATE);
        client_close(&bob);
        end();
}

static void test_too_many_connections(void **state)
{
        struct client others[3];

        (void)state;
        begin((struct frontend_options){.address_connections = 2});
        for (int i = 0; i < 3; i++)
                client_open(&host, &others[i]);
        client_expect_nothing(&others[0]);
        client_expect_bye(&others[1], ERR_BUSY);
        client_expect_bye(&others[2], ERR_BUSY);
        /* A place that becomes free is used again. */
        client_close(&others[0]);
        client_close(&others[1]);
        host_turn(&host);
        client_open(&host, &others[0]);
        client_expect_nothing(&others[0]);
        client_close(&others[0]);
        client_close(&others[2]);
        end();
        begin((struct frontend_options){.connections_max = 1});
        client_open(&host, &others[0]);
        client_expect_bye(&others[0], ERR_BUSY);
        client_hello(&alice);
        client_close(&others[0]);
        end();
}

static void test_replies_waited_for_have_a_limit(void **state)
{
        struct wire_mark mark = {.read = 1};
        struct wire_frame frame;

        (void)state;
        begin((struct frontend_options){.pending_max = 2});
        client_join(&alice, 42, 7);
        for (int i = 0; i < 2; i++) {
                (void)client_send(&alice, WIRE_CODE_mark, &mark);
                (void)host_take(&host, &frame, NULL);
        }
        (void)client_send(&alice, WIRE_CODE_mark, &mark);
        (void)client_expect_error(&alice, ERR_BUSY);
        host_take_nothing(&host);
        end();
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_length_of_zero),
                cmocka_unit_test(test_a_frame_of_a_megabyte),
                cmocka_unit_test(test_large_frames_only_after_join),
                cmocka_unit_test(test_frames_cut_at_every_byte),
                cmocka_unit_test(test_a_large_frame_byte_by_byte),
                cmocka_unit_test(test_half_a_frame_has_a_deadline),
                cmocka_unit_test(test_partial_frames_have_a_budget),
                cmocka_unit_test(test_silence_before_sign_in),
                cmocka_unit_test(test_a_sign_in_request_buys_time_but_pings_do_not),
                cmocka_unit_test(test_two_silent_intervals),
                cmocka_unit_test(test_ten_thousand_silent_connections),
                cmocka_unit_test(test_a_flood_is_refused_and_then_not_read),
                cmocka_unit_test(test_users_and_addresses_have_rates_of_their_own),
                cmocka_unit_test(test_too_many_connections),
                cmocka_unit_test(test_replies_waited_for_have_a_limit),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
