/* Behind a balancer that speaks the PROXY protocol: whom limits see, and what is no header. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/assert.h"
#include "frontend/proxy.h"
#include "support/frontend_host.h"

#define SIGNATURE   0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a
#define HEADER_SIZE 28

static struct host host;
static struct client alice, bob;

/* Clients of the host come from its own small network. */
static void begin(struct frontend_options options, const char *trusted)
{
        assert_int_equal(proxy_trust_parse(trusted, &options.proxies), ERR_OK);
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

/* The header that a balancer sends for 203.0.113.last. */
static void build(uint8_t last, uint8_t header[static HEADER_SIZE])
{
        const uint8_t bytes[HEADER_SIZE] = {SIGNATURE, 0x21, 0x11, 0, 12,   203,  0,    113, last,
                                            10,        0,    0,    1, 0x30, 0x39, 0x10, 0x9f};

        memcpy(header, bytes, HEADER_SIZE);
}

static void say(struct client *client, uint8_t last)
{
        uint8_t header[HEADER_SIZE];

        build(last, header);
        assert_int_equal(client_send_bytes(client, header, sizeof(header)), sizeof(header));
}

static void test_a_header_comes_first(void **state)
{
        uint8_t bytes[256];
        size_t size;

        (void)state;
        begin((struct frontend_options){0}, "10.0.0.0/8");
        build(7, bytes);
        size = HEADER_SIZE + client_build(&alice, WIRE_CODE_hello, &(struct wire_hello){.version_min = 1, .version_max = 1},
                                          bytes + HEADER_SIZE, sizeof(bytes) - HEADER_SIZE, NULL);
        assert_int_equal(client_send_bytes(&alice, bytes, size), size);
        (void)client_expect(&alice, WIRE_CODE_welcome, NULL);
        client_close(&alice);
        client_open(&host, &alice);
        for (size_t i = 0; i < size; i++) {
                assert_int_equal(client_send_bytes(&alice, bytes + i, 1), 1);
                host_turn(&host);
        }
        (void)client_expect(&alice, WIRE_CODE_welcome, NULL);
        assert_int_equal(frontend_counts(host.frontend).frames_in, 2);
        end();
}

static void test_limits_see_the_real_address(void **state)
{
        struct wire_ping ping = {.echo = 1};
        struct client carol;

        (void)state;
        begin((struct frontend_options){.address_connections = 2, .address_frames = 2}, "10.0.0.0/8");
        client_open(&host, &bob);
        client_open(&host, &carol);
        say(&alice, 7);
        say(&bob, 7);
        client_hello(&alice);
        client_hello(&bob);
        /* The third of one address is one too many, whatever the balancer's own address is; another address has its own. */
        say(&carol, 7);
        client_expect_bye(&carol, ERR_BUSY);
        client_close(&carol);
        client_open(&host, &carol);
        say(&carol, 8);
        client_hello(&carol);
        /* Alice and Bob have used up two of four frames. */
        (void)client_send(&alice, WIRE_CODE_ping, &ping);
        (void)client_expect(&alice, WIRE_CODE_pong, NULL);
        (void)client_send(&bob, WIRE_CODE_ping, &ping);
        (void)client_expect(&bob, WIRE_CODE_pong, NULL);
        (void)client_send(&bob, WIRE_CODE_ping, &ping);
        (void)client_expect_error(&bob, ERR_RATE);
        (void)client_send(&carol, WIRE_CODE_ping, &ping);
        (void)client_expect(&carol, WIRE_CODE_pong, NULL);
        client_close(&carol);
        client_close(&bob);
        end();
}

static void test_a_place_is_free_again_after_its_client(void **state)
{
        (void)state;
        begin((struct frontend_options){.address_connections = 1}, "10.0.0.0/8");
        for (int i = 0; i < 3; i++) {
                say(&alice, 7);
                client_hello(&alice);
                client_close(&alice);
                host_turn(&host);
                client_open(&host, &alice);
        }
        end();
}

static void test_the_balancer_may_speak_for_itself(void **state)
{
        const uint8_t local[] = {SIGNATURE, 0x20, 0x00, 0, 0};
        const uint8_t unknown[] = {SIGNATURE, 0x21, 0x00, 0, 3, 1, 2, 3};

        (void)state;
        begin((struct frontend_options){.address_connections = 1}, "10.0.0.0/8");
        client_open(&host, &bob);
        assert_int_equal(client_send_bytes(&alice, local, sizeof(local)), sizeof(local));
        assert_int_equal(client_send_bytes(&bob, unknown, sizeof(unknown)), sizeof(unknown));
        client_hello(&alice);
        client_hello(&bob);
        client_close(&bob);
        end();
}

static void expect_no_header(const void *bytes, size_t size, enum error error)
{
        begin((struct frontend_options){0}, "10.0.0.0/8");
        (void)client_send_bytes(&alice, bytes, size);
        (void)client_expect_error(&alice, error);
        client_expect_bye(&alice, error);
        end();
}

static void test_what_is_no_header_is_refused(void **state)
{
        static const char text[] = "PROXY TCP4 203.0.113.7 10.0.0.1 12345 4255\r\n";
        const uint8_t frame[] = {0, 0, 0, 5}, version[] = {SIGNATURE, 0x31, 0x11, 0, 0},
                      order[] = {SIGNATURE, 0x22, 0x11, 0, 0};
        const uint8_t family[] = {SIGNATURE, 0x21, 0x41, 0, 0}, transport[] = {SIGNATURE, 0x21, 0x13, 0, 0};
        const uint8_t brief[] = {SIGNATURE, 0x21, 0x11, 0, 11, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
        const uint8_t brief6[] = {SIGNATURE, 0x21, 0x21, 0, 12, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
        const uint8_t large[] = {SIGNATURE, 0x21, 0x11, 0x04, 0x00};

        (void)state;
        expect_no_header(text, strlen(text), ERR_BAD_FRAME);
        expect_no_header(frame, sizeof(frame), ERR_BAD_FRAME);
        expect_no_header(version, sizeof(version), ERR_BAD_FRAME);
        expect_no_header(order, sizeof(order), ERR_BAD_FRAME);
        expect_no_header(family, sizeof(family), ERR_BAD_FRAME);
        expect_no_header(transport, sizeof(transport), ERR_BAD_FRAME);
        expect_no_header(brief, sizeof(brief), ERR_BAD_FRAME);
        expect_no_header(brief6, sizeof(brief6), ERR_BAD_FRAME);
        expect_no_header(large, sizeof(large), ERR_TOO_LARGE);
}

static void test_nobody_else_is_believed(void **state)
{
        (void)state;
        begin((struct frontend_options){0}, "192.0.2.0/24");
        say(&alice, 7);
        (void)client_expect_error(&alice, ERR_TOO_LARGE);
        client_expect_bye(&alice, ERR_TOO_LARGE);
        client_close(&alice);
        client_open(&host, &alice);
        client_hello(&alice);
        end();
}

static void test_a_header_must_come_in_time(void **state)
{
        const uint8_t half[] = {SIGNATURE, 0x21};

        (void)state;
        begin((struct frontend_options){.sign_in_ms = 3000, .frame_ms = 1000}, "10.0.0.0/8");
        client_open(&host, &bob);
        assert_int_equal(client_send_bytes(&bob, half, sizeof(half)), sizeof(half));
        host_pass(&host, 1500);
        client_expect_bye(&bob, ERR_IDLE);
        client_expect_nothing(&alice);
        host_pass(&host, 2000);
        client_expect_bye(&alice, ERR_IDLE);
        client_close(&bob);
        end();
}

static void test_who_waits_to_be_told_of_is_told_to_leave(void **state)
{
        (void)state;
        begin((struct frontend_options){0}, "10.0.0.0/8");
        host_turn(&host);
        frontend_drain(host.frontend, 0);
        client_expect_bye(&alice, ERR_DRAINING);
        client_close(&alice);
        host_stop(&host);
}

static struct net_address address_of(const char *text)
{
        struct proxy_trust one;
        struct net_address address = {0};

        assert_int_equal(proxy_trust_parse(text, &one), ERR_OK);
        memcpy(address.ip, one.blocks[0].ip, sizeof(address.ip));
        return address;
}

static bool trusts(const char *blocks, const char *peer)
{
        struct net_address address = address_of(peer);
        struct proxy_trust trust;

        assert_int_equal(proxy_trust_parse(blocks, &trust), ERR_OK);
        return proxy_trusts(&trust, &address);
}

static void test_blocks_of_addresses(void **state)
{
        (void)state;
        assert_false(trusts("", "10.0.0.1"));
        assert_true(trusts("10.0.0.1", "10.0.0.1"));
        assert_false(trusts("10.0.0.1", "10.0.0.2"));
        assert_true(trusts("192.0.2.1,10.16.0.0/12", "10.31.255.255"));
        assert_false(trusts("192.0.2.1,10.16.0.0/12", "10.32.0.0"));
        assert_true(trusts("0.0.0.0/0", "203.0.113.9"));
        assert_false(trusts("0.0.0.0/0", "2001:db8::1"));
        assert_true(trusts("2001:db8::/33", "2001:db8:7fff::1"));
        assert_false(trusts("2001:db8::/33", "2001:db8:8000::1"));
        assert_true(trusts("::1", "::1"));
        assert_true(trusts("::/0", "203.0.113.9"));
}

static void test_blocks_that_are_none(void **state)
{
        static const char *const wrong[] = {
                "x",           "10.0.0.0/33",
                "10.0.0.0/",   "10.0.0.0/-1",
                "10.0.0.0/8x", "10.0.0",
                "::/129",      ",10.0.0.1",
                "10.0.0.1,",   "10.0.0.1,,::1",
                " 10.0.0.1",   "10.0.0.1/ 8",
                "example.org", "1111111111111111111111111111111111111111111111111111111111111111111"};
        struct proxy_trust trust;

        (void)state;
        for (size_t i = 0; i < countof(wrong); i++)
                assert_int_equal(proxy_trust_parse(wrong[i], &trust), ERR_CONFIG);
        assert_int_equal(proxy_trust_parse("::1,::1,::1,::1,::1,::1,::1,::1,::1,::1,::1,::1,::1,::1,::1,::1,::1", &trust),
                         ERR_FULL);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_header_comes_first),
                cmocka_unit_test(test_limits_see_the_real_address),
                cmocka_unit_test(test_a_place_is_free_again_after_its_client),
                cmocka_unit_test(test_the_balancer_may_speak_for_itself),
                cmocka_unit_test(test_what_is_no_header_is_refused),
                cmocka_unit_test(test_nobody_else_is_believed),
                cmocka_unit_test(test_a_header_must_come_in_time),
                cmocka_unit_test(test_who_waits_to_be_told_of_is_told_to_leave),
                cmocka_unit_test(test_blocks_of_addresses),
                cmocka_unit_test(test_blocks_that_are_none),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
