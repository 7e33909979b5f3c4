/* A frontend behind TLS: who is secured, who is refused, and that limits hold for both alike. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/assert.h"
#include "loop/tls.h"
#include "support/frontend_host.h"
#include "support/tls_files.h"
#include "support/web_client.h"

#define NAME  "galka.test"
#define ALICE 100
#define BOB   200
#define HANDS 20 /* frames that a handshake counts for (listen.c) */

static struct host host;
static struct client alice, bob;
static struct tls_context *server, *believer;

static void begin(struct frontend_options options, const char *proxies)
{
        assert_int_equal(proxy_trust_parse(proxies, &options.proxies), ERR_OK);
        host_start_tls(&host, &options, server, believer);
        client_open(&host, &alice);
}

static void end(void)
{
        client_close(&alice);
        host_turn(&host);
        assert_int_equal(frontend_counts(host.frontend).partial_bytes, 0);
        assert_int_equal(frontend_counts(host.frontend).connections, 0);
        assert_int_equal(host.net->held, 0);
        host_stop(&host);
}

/* What a balancer says first, for a client at a.0.0.1. */
static void say_for(struct client *client, uint8_t a)
{
        const uint8_t header[] = {0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a, 0x21, 0x11,
                                  0,    12,   a,    0,    0,    1,    10,   0,    0,    1,    0x30, 0x39, 0x10, 0x9f};

        assert_int_equal(client_send_bytes(client, header, sizeof(header)), sizeof(header));
}

static void test_both_talk_on_one_port(void **state)
{
        (void)state;
        begin((struct frontend_options){0}, "");
        client_secure(&alice, NAME);
        client_join(&alice, ALICE, 1);
        client_open(&host, &bob);
        client_join(&bob, BOB, 2);
        assert_int_equal(frontend_counts(host.frontend).ready, 2);
        assert_int_equal(frontend_counts(host.frontend).secured, 1);
        client_close(&bob);
        end();
}

static void test_a_balancer_speaks_before_tls(void **state)
{
        (void)state;
        for (size_t step = 0; step < 40; step += step < 2 ? 1 : 9) {
                begin((struct frontend_options){.address_connections = 1}, "10.0.0.0/8");
                fake_net_set_read_max(host.raw, step);
                say_for(&alice, 203);
                client_secure(&alice, NAME);
                for (int i = 0; i < 500; i++)
                        host_turn(&host);
                fake_net_set_read_max(host.raw, 0);
                client_join(&alice, ALICE, 1);
                /* Limits see whom the balancer speaks for. */
                client_open(&host, &bob);
                say_for(&bob, 203);
                client_expect_bye(&bob, ERR_BUSY);
                client_close(&bob);
                end();
        }
}

static void test_plain_is_refused_where_only_tls_is_wanted(void **state)
{
        struct wire_hello hello = {.version_min = 1, .version_max = 1};

        (void)state;
        begin((struct frontend_options){.tls_only = true}, "");
        client_send(&alice, WIRE_CODE_hello, &hello);
        (void)client_expect_error(&alice, ERR_NEEDS_TLS);
        client_expect_bye(&alice, ERR_NEEDS_TLS);
        assert_int_equal(frontend_counts(host.frontend).plain_refused, 1);
        client_open(&host, &bob);
        client_secure(&bob, NAME);
        client_hello(&bob);
        client_close(&bob);
        end();
        /* Not from the machine itself, nor for whom a balancer of it speaks. */
        begin((struct frontend_options){.tls_only = true}, "10.0.0.0/8");
        say_for(&alice, 127);
        client_hello(&alice);
        client_open(&host, &bob);
        say_for(&bob, 203);
        client_send(&bob, WIRE_CODE_hello, &hello);
        (void)client_expect_error(&bob, ERR_NEEDS_TLS);
        client_close(&bob);
        end();
}

#define PAGE "GET / HTTP/1.1\r\nHost: galka.test\r\n\r\n"

/* A browser: its page, and the frames in its messages, within TLS; without, it is told to come so. */
static void test_a_browser_is_secured_too(void **state)
{
        static const struct frontend_file page = {"/index.html", SLICE_LITERAL("page")};
        struct web_answer answer;

        (void)state;
        begin((struct frontend_options){.tls_only = true}, "");
        host_show(&host, &page, 1);
        web_ask(&alice, PAGE);
        web_answer(&alice, false, &answer);
        assert_int_equal(answer.status, 426);
        assert_int_equal(frontend_counts(host.frontend).plain_refused, 1);
        client_open(&host, &bob);
        client_secure(&bob, NAME);
        web_ask(&bob, PAGE);
        web_answer(&bob, false, &answer);
        assert_int_equal(answer.status, 200);
        assert_true(web_has_field(&answer, "Strict-Transport-Security"));
        web_upgrade(&bob);
        client_join(&bob, BOB, 2);
        client_close(&bob);
        end();
}

static void test_tls_within_tls_is_none(void **state)
{
        const uint8_t record[] = {0x16, 3, 1, 0, 5, 1, 2, 3, 4, 5};

        (void)state;
        begin((struct frontend_options){0}, "");
        client_secure(&alice, NAME);
        assert_int_equal(client_send_bytes(&alice, record, sizeof(record)), sizeof(record));
        (void)client_expect_error(&alice, ERR_TOO_LARGE);
        client_expect_bye(&alice, ERR_TOO_LARGE);
        assert_int_equal(frontend_counts(host.frontend).secured, 1);
        end();
}

static void test_a_frontend_without_a_certificate_takes_it_for_a_frame(void **state)
{
        const uint8_t record[] = {0x16, 3, 1, 0, 5, 1, 2, 3, 4, 5};

        (void)state;
        host_start(&host, &(struct frontend_options){0});
        client_open(&host, &alice);
        assert_int_equal(client_send_bytes(&alice, record, sizeof(record)), sizeof(record));
        (void)client_expect_error(&alice, ERR_TOO_LARGE);
        client_close(&alice);
        host_stop(&host);
}

static void test_handshakes_of_an_address_have_a_rate(void **state)
{
        (void)state;
        begin((struct frontend_options){.address_frames = HANDS}, "");
        for (int i = 0; i < 2; i++) {
                client_secure(&alice, NAME);
                client_hello(&alice);
                client_close(&alice);
                /* The frame of the greeting counts too. */
                host_pass(&host, 100);
                client_open(&host, &alice);
        }
        client_secure(&alice, NAME);
        assert_int_equal(frontend_counts(host.frontend).connections, 0);
        assert_int_equal(frontend_counts(host.frontend).rate_limited, 1);
        client_close(&alice);
        host_pass(&host, 2000);
        client_open(&host, &alice);
        client_secure(&alice, NAME);
        client_hello(&alice);
        end();
}

static void test_who_begins_and_says_nothing_is_closed(void **state)
{
        const uint8_t record[] = {0x16, 3, 1, 2, 0, 1};

        (void)state;
        begin((struct frontend_options){0}, "");
        assert_int_equal(client_send_bytes(&alice, record, sizeof(record)), sizeof(record));
        host_pass(&host, 9900);
        assert_int_equal(frontend_counts(host.frontend).connections, 1);
        host_pass(&host, 200);
        assert_int_equal(frontend_counts(host.frontend).connections, 0);
        end();
}

/* Whom somebody who reads nothing makes wait: nobody, and his bytes are bounded. */
static void test_a_slow_reader_is_cut_off(void **state)
{
        struct wire_ping ping = {.echo = 1};
        size_t most = 0;

        (void)state;
        begin((struct frontend_options){.queue_bytes_max = 4000, .connection_frames = 1000000, .address_frames = 1000000},
              "");
        client_secure(&alice, NAME);
        client_hello(&alice);
        for (int i = 0; i < 20000 && frontend_counts(host.frontend).slow_closed == 0; i++) {
                uint8_t bytes[64];
                size_t size = client_build(&alice, WIRE_CODE_ping, &ping, bytes, sizeof(bytes), NULL);

                (void)client_send_bytes(&alice, bytes, size);
                host_turn(&host);
                most = max_of(most, host.net->held + frontend_counts(host.frontend).queued_bytes);
        }
        assert_int_equal(frontend_counts(host.frontend).slow_closed, 1);
        assert_true(most > 0 && most < 4000 + 17000);
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
                cmocka_unit_test(test_both_talk_on_one_port),
                cmocka_unit_test(test_a_balancer_speaks_before_tls),
                cmocka_unit_test(test_plain_is_refused_where_only_tls_is_wanted),
                cmocka_unit_test(test_a_browser_is_secured_too),
                cmocka_unit_test(test_tls_within_tls_is_none),
                cmocka_unit_test(test_a_frontend_without_a_certificate_takes_it_for_a_frame),
                cmocka_unit_test(test_handshakes_of_an_address_have_a_rate),
                cmocka_unit_test(test_who_begins_and_says_nothing_is_closed),
                cmocka_unit_test(test_a_slow_reader_is_cut_off),
        };

        return cmocka_run_group_tests(tests, setup, teardown);
}
