/* Those who ask by HTTP and then do not do what browsers do: they drip, they end, they read nothing. What it costs others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>

#include "base/assert.h"
#include "frontend/output.h"
#include "support/web_client.h"

#define LONG_SIZE 300000
#define ASK(path) "GET " path " HTTP/1.1\r\nHost: galka.test\r\n\r\n"

static struct host host;
static struct client alice, bob;
static uint8_t large[LONG_SIZE];

static const struct frontend_file files[] = {
        {"/index.html", SLICE_LITERAL("<!doctype html>\n")},
        {"/assets/app-1a2b3c.js", SLICE_LITERAL("let it;")},
        {"/assets/long-4d5e6f.wasm", {large, LONG_SIZE}},
};

static void begin(struct frontend_options options)
{
        for (size_t i = 0; i < LONG_SIZE; i++)
                large[i] = (uint8_t)(i % 251);
        host_start(&host, &options);
        assert_int_equal(frontend_show(host.frontend, files, countof(files)), ERR_OK);
        client_open(&host, &alice);
}

static void end(void)
{
        struct frontend_counts counts;

        client_close(&alice);
        if (bob.input)
                client_close(&bob);
        host_pass(&host, 3000);
        counts = frontend_counts(host.frontend);
        assert_int_equal(counts.connections, 0);
        assert_int_equal(counts.partial_bytes, 0);
        assert_int_equal(counts.queued_bytes, 0);
        assert_int_equal(host.frontend->traffics.count, 0);
        assert_int_equal(host.frontend->downloads.count, 0);
        host_stop(&host);
}

static void expect_body(const struct web_answer *answer, const char *text)
{
        assert_int_equal(answer->size, strlen(text));
        assert_memory_equal(answer->body, text, answer->size);
}

static void expect_closed(void)
{
        client_receive(&alice);
        assert_int_equal(alice.used, 0);
        assert_true(alice.closed);
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
        expect_body(&answer, "let it;");
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
                ASK("/assets/long-4d5e6f.wasm"),
                "GET /assets/long-4d5e6f.wasm HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
                "GET /assets/long-4d5e6f.wasm HTTP/1.0\r\n\r\n",
                ASK("/assets/long-4d5e6f.wasm") "GET / HT", /* and half of another one */
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
                assert_int_equal(answer.size, LONG_SIZE);
                assert_memory_equal(answer.body, large, LONG_SIZE);
                expect_closed();
                host_turn(&host);
                assert_int_equal(frontend_counts(host.frontend).connections, 0);
                end();
        }
}

static void test_who_ends_his_side_and_reads_nothing_is_not_waited_for(void **state)
{
        (void)state;
        begin((struct frontend_options){.sign_in_ms = 1000});
        web_ask(&alice, ASK("/assets/long-4d5e6f.wasm"));
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

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_dripped_head_is_not_waited_for_behind_a_younger_one),
                cmocka_unit_test(test_a_dripped_head_is_answered_when_it_is_whole),
                cmocka_unit_test(test_who_ends_his_side_gets_the_whole_answer),
                cmocka_unit_test(test_who_ends_his_side_and_reads_nothing_is_not_waited_for),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
