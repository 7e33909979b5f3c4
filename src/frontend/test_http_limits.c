/* Those who ask by HTTP and then do not do what browsers do: they drip, they end, they read nothing. What it costs others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>

#include "base/assert.h"
#include "frontend/internal.h"
#include "loop/tls.h"
#include "support/tls_files.h"
#include "support/web_stage.h"

static struct host host;
static struct client alice, bob;

static void begin(struct frontend_options options)
{
        web_stage_start(&host, &options, &alice);
}

static void end(void)
{
        web_stage_stop(&host, &alice, &bob);
}

/* Who dripped his first byte before another began is refused first, however lately he dripped the last one. */
static void test_a_dripped_head_is_not_waited_for_behind_a_younger_one(void **state)
{
        struct web_answer answer;

        (void)state;
        begin((struct frontend_options){.frame_ms = 2000});
        client_open(&host, &bob);
        web_ask(&alice, "GET /");
        host_pass(&host, 1000);
        web_ask(&bob, "GET /");
        for (int i = 0; i < 11; i++) {
                (void)client_send_bytes(&alice, "a", 1);
                host_pass(&host, 100);
        }
        web_answer(&alice, false, &answer);
        assert_int_equal(answer.status, 408);
        client_expect_nothing(&bob);
        host_pass(&host, 1000);
        web_answer(&bob, false, &answer);
        assert_int_equal(answer.status, 408);
        end();
}

static void test_a_dripped_head_is_answered_when_it_is_whole(void **state)
{
        static const char ask[] =
                "GET /assets/app-1a2b3c.js?" /* more than one block of it has room for */
                "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                " HTTP/1.1\r\nHost: x\r\n\r\n";
        struct web_answer answer;

        (void)state;
        begin((struct frontend_options){0});
        for (size_t i = 0; i < sizeof(ask) - 1; i++) {
                assert_int_equal(client_send_bytes(&alice, ask + i, 1), 1);
                host_turn(&host);
        }
        web_answer(&alice, false, &answer);
        web_expect_body(&answer, "let it;");
        assert_int_equal(frontend_counts(host.frontend).partial_bytes, 0);
        end();
}

static void end_asking(void)
{
        assert_int_equal(host.client_net->ops->end_writing(host.client_net, alice.socket), ERR_OK);
        host_turn(&host);
}

static void test_who_ends_his_side_gets_the_whole_answer(void **state)
{
        static const char *const asks[] = {
                WEB_GET("/assets/long-4d5e6f.wasm"),
                "GET /assets/long-4d5e6f.wasm HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
                "GET /assets/long-4d5e6f.wasm HTTP/1.0\r\n\r\n",
                WEB_GET("/assets/long-4d5e6f.wasm") "GET / HT", /* and half of another one */
        };
        struct web_answer answer;

        (void)state;
        for (size_t i = 0; i < countof(asks); i++) {
                begin((struct frontend_options){0});
                web_ask(&alice, asks[i]);
                host_turn(&host);
                end_asking();
                web_answer(&alice, false, &answer);
                assert_int_equal(answer.status, 200);
                assert_int_equal(answer.size, WEB_LONG_SIZE);
                assert_memory_equal(answer.body, web_long, WEB_LONG_SIZE);
                web_expect_closed(&alice);
                host_turn(&host);
                assert_int_equal(frontend_counts(host.frontend).connections, 0);
                end();
        }
}

static void test_who_ends_his_side_and_reads_nothing_is_not_waited_for(void **state)
{
        (void)state;
        begin((struct frontend_options){.sign_in_ms = 1000});
        web_ask(&alice, WEB_GET("/assets/long-4d5e6f.wasm"));
        host_turn(&host);
        end_asking();
        host_pass(&host, 900);
        assert_int_equal(frontend_counts(host.frontend).connections, 1);
        host_pass(&host, 200);
        assert_int_equal(frontend_counts(host.frontend).connections, 0);
        end();
        begin((struct frontend_options){0}); /* who asked nothing, or half of it, is owed nothing */
        web_ask(&alice, "GET / HT");
        end_asking();
        assert_int_equal(frontend_counts(host.frontend).connections, 0);
        end();
}

/* ---- what it costs others ---- */

#define CROWD_MAX 12

static struct client crowd[CROWD_MAX], talker;

/* So many come; over TLS, if the host has it. */
static void crowd_comes(int count, bool secure)
{
        for (int i = 0; i < count; i++) {
                client_open(&host, &crowd[i]);
                if (secure)
                        client_secure(&crowd[i], "galka.test");
        }
}

/* They ask for that and read nothing. */
static void crowd_asks(int count, const char *text)
{
        for (int i = 0; i < count; i++)
                if (client_send_bytes(&crowd[i], text, strlen(text)) > 0)
                        host_turn(&host);
}

static void crowd_goes(int count)
{
        for (int i = 0; i < count; i++)
                client_close(&crowd[i]);
}

/* A chat client that takes nothing for now, before all of them: so much more waits for it than its pipe holds. */
static void talker_waits(size_t bytes)
{
        static uint8_t frame_bytes[WIRE_DOWN_SIZE_MAX], text[15000];
        struct wire_delivery delivery = {.number = 1, .row = {.seq = 1, .text = slice_of(text, sizeof(text))}};
        struct wire_frame frame = {.code = WIRE_CODE_delivery};
        static struct wire_envelope place;
        struct wire_post post;
        uint8_t connection[8];

        if (!talker.input) {
                client_open(&host, &talker);
                client_join(&talker, 100, 1);
                place = client_place(&talker);
        }
        be64_put(connection, place.connection);
        memset(text, 'a', sizeof(text));
        post = (struct wire_post){.epoch = place.epoch, .connections = slice_of(connection, sizeof(connection))};
        post.frame = wire_frame_build(&frame, &delivery, frame_bytes, frame_bytes + sizeof(frame_bytes));
        while (frontend_counts(host.frontend).queued_bytes < bytes)
                host_publish(&host, WIRE_CODE_post, &post);
}

static void end_all(int count)
{
        assert_int_equal(frontend_counts(host.frontend).ready, 1); /* the talker was not pushed out */
        crowd_goes(count);
        client_close(&talker);
        end();
}

static void test_files_that_wait_cost_no_room(void **state)
{
        (void)state;
        begin((struct frontend_options){.send_bytes_max = 200000});
        talker_waits(100000);
        crowd_comes(CROWD_MAX, false);
        crowd_asks(CROWD_MAX, WEB_GET("/assets/long-4d5e6f.wasm"));
        assert_int_equal(frontend_counts(host.frontend).slow_closed, 0);
        assert_in_range(frontend_counts(host.frontend).queued_bytes, 100000, 100000 + 16000 + CROWD_MAX * 2048);
        end_all(CROWD_MAX);
}

/* Heads of answers are copies: without end they push out each other. */
static void test_answers_that_wait_do_not_push_out_who_talks(void **state)
{
        char asks[2000] = "";
        size_t used = 0;

        (void)state;
        for (int i = 0; i < 50; i++)
                used += (size_t)snprintf(asks + used, sizeof(asks) - used, "HEAD / HTTP/1.1\r\nHost: x\r\n\r\n");
        begin((struct frontend_options){.send_bytes_max = 300000, .connection_frames = 10000, .address_frames = 100000});
        talker_waits(100000);
        crowd_comes(CROWD_MAX, false);
        for (int i = 0; i < 3; i++)
                crowd_asks(CROWD_MAX, asks);
        assert_in_range(frontend_counts(host.frontend).slow_closed, 1, CROWD_MAX);
        assert_true(frontend_counts(host.frontend).queued_bytes <= 300000);
        end_all(CROWD_MAX);
}

/* Each takes some bytes, so that of a record some are left. */
static void read_parts(int count)
{
        struct net *net = host.client_net;
        uint8_t bytes[100];
        size_t got;

        fake_net_set_read_max(host.raw_client, 3000);
        for (int i = 0; i < count; i++) {
                (void)net->ops->read(net, crowd[i].socket, bytes, sizeof(bytes), &got);
                host_turn(&host);
        }
}

/* So does what TLS holds of an answer: a record each. */
static void test_nor_do_answers_over_tls(void **state)
{
        struct tls_context *server, *believer;
        char why[TLS_WHY_SIZE];

        (void)state;
        tls_folder_new();
        tls_make("self", &(struct tls_wish){.names = "DNS:galka.test"});
        assert_int_equal(tls_server_new(tls_path("self.pem"), tls_path("self.key"), &server, why), ERR_OK);
        assert_int_equal(tls_client_new(tls_path("self.pem"), &believer, why), ERR_OK);
        host_start_tls(&host, &(struct frontend_options){.send_bytes_max = 200000}, server, believer);
        host_show(&host, web_files, WEB_FILES);
        client_open(&host, &alice);
        talker_waits(100000);
        crowd_comes(CROWD_MAX, true);
        crowd_asks(CROWD_MAX, WEB_GET("/assets/long-4d5e6f.wasm"));
        read_parts(CROWD_MAX);
        talker_waits(frontend_counts(host.frontend).queued_bytes + 1);
        assert_in_range(frontend_counts(host.frontend).slow_closed, 1, CROWD_MAX);
        end_all(CROWD_MAX);
        tls_context_free(&server);
        tls_context_free(&believer);
        tls_folder_remove();
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_dripped_head_is_not_waited_for_behind_a_younger_one),
                cmocka_unit_test(test_a_dripped_head_is_answered_when_it_is_whole),
                cmocka_unit_test(test_who_ends_his_side_gets_the_whole_answer),
                cmocka_unit_test(test_who_ends_his_side_and_reads_nothing_is_not_waited_for),
                cmocka_unit_test(test_files_that_wait_cost_no_room),
                cmocka_unit_test(test_answers_that_wait_do_not_push_out_who_talks),
                cmocka_unit_test(test_nor_do_answers_over_tls),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
