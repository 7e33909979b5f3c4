/* Browsers ask for the web app: what they get, what they are refused, and that neither can be too much. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>

#include "base/assert.h"
#include "base/memory.h"
#include "frontend/http.h"
#include "frontend/output.h"
#include "frontend/request.h"
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

/* Asks and reads the answer. */
static struct web_answer *get(const char *text)
{
        static struct web_answer answer;

        web_ask(&alice, text);
        web_answer(&alice, strncmp(text, "HEAD", 4) == 0, &answer);
        return &answer;
}

static void test_a_page_comes_with_what_keeps_it_safe(void **state)
{
        static const char *const paths[] = {WEB_GET("/"), WEB_GET("/index.html"), WEB_GET("/?a=b"),
                                            WEB_GET("http://galka.test/")};
        struct web_answer *answer;

        (void)state;
        begin((struct frontend_options){0});
        for (size_t i = 0; i < countof(paths); i++) {
                answer = get(paths[i]);
                assert_int_equal(answer->status, 200);
                web_expect_body(answer, "<!doctype html>\n");
        }
        assert_string_equal(web_field(answer, "Content-Type"), "text/html; charset=utf-8");
        assert_string_equal(web_field(answer, "Cache-Control"), "no-cache");
        assert_string_equal(web_field(answer, "Vary"), "Accept-Encoding");
        assert_string_equal(web_field(answer, "X-Content-Type-Options"), "nosniff");
        assert_string_equal(web_field(answer, "Referrer-Policy"), "no-referrer");
        assert_string_equal(web_field(answer, "Date"), "Tue, 14 Nov 2023 22:13:20 GMT");
        assert_non_null(strstr(web_field(answer, "Content-Security-Policy"), "default-src 'none'; script-src 'self' "));
        assert_null(strstr(web_field(answer, "Content-Security-Policy"), "unsafe-inline"));
        assert_false(web_has_field(answer, "Strict-Transport-Security"));
        answer = get(WEB_GET("/assets/app-1a2b3c.js"));
        web_expect_body(answer, "let it;");
        assert_string_equal(web_field(answer, "Content-Type"), "text/javascript; charset=utf-8");
        assert_string_equal(web_field(answer, "Cache-Control"), "public, max-age=31536000, immutable");
        web_expect_body(get(WEB_GET("/empty.txt")), "");
        assert_int_equal(frontend_counts(host.frontend).requests, 6);
        end();
}

static void test_a_head_is_an_answer_without_a_body(void **state)
{
        struct web_answer *answer;

        (void)state;
        begin((struct frontend_options){0});
        answer = get("HEAD / HTTP/1.1\r\nHost: x\r\n\r\n");
        assert_int_equal(answer->status, 200);
        assert_string_equal(web_field(answer, "Content-Length"), "16");
        answer = get("HEAD /nothing HTTP/1.1\r\nHost: x\r\n\r\n");
        assert_int_equal(answer->status, 404);
        answer = get("HEAD /ws HTTP/1.1\r\nHost: x\r\n\r\n");
        assert_int_equal(answer->status, 426);
        web_expect_closed(&alice);
        end();
}

static void test_an_invitation_leads_to_the_app(void **state)
{
        static const char *const none[] = {"/i/", "/i/a%0d%0aX:%20y", "/i/../x", "/i/a/b", "/i/a\"b", "/ia"};
        char text[256], longest[66];
        struct web_answer *answer;

        (void)state;
        begin((struct frontend_options){0});
        answer = get(WEB_GET("/i/0123456789abcdefghjkmnpqrs"));
        assert_int_equal(answer->status, 302);
        assert_string_equal(web_field(answer, "Location"), "/#invite=0123456789abcdefghjkmnpqrs");
        assert_string_equal(web_field(answer, "Cache-Control"), "no-store");
        for (size_t i = 0; i < countof(none); i++) {
                snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", none[i]);
                assert_int_equal(get(text)->status, 404);
        }
        memset(longest, 'a', sizeof(longest) - 1);
        longest[sizeof(longest) - 1] = '\0';
        snprintf(text, sizeof(text), "GET /i/%s HTTP/1.1\r\nHost: x\r\n\r\n", longest); /* one too many */
        assert_int_equal(get(text)->status, 404);
        snprintf(text, sizeof(text), "GET /i/%s HTTP/1.1\r\nHost: x\r\n\r\n", longest + 1);
        assert_int_equal(get(text)->status, 302);
        end();
}

static void test_compressed_siblings_are_chosen_as_the_client_says(void **state)
{
        static const char *const wanted[][3] = {
                {"br, gzip", "brotli", "br"},
                {"gzip, deflate, br;q=0.1", "brotli", "br"},
                {"BR", "brotli", "br"},
                {"gzip;q=0.8, br;q=0", "gzip", "gzip"},
                {"gzip ; q=1.0, br;q=0.000", "gzip", "gzip"},
                {"br;q=0, gzip;q=0", "<!doctype html>\n", NULL},
                {"deflate, *;q=0", "<!doctype html>\n", NULL},
                {"brotli, gzipped", "<!doctype html>\n", NULL},
                {"", "<!doctype html>\n", NULL},
        };
        char etags[countof(wanted)][64];

        (void)state;
        begin((struct frontend_options){0});
        for (size_t i = 0; i < countof(wanted); i++) {
                char text[256];
                struct web_answer *answer;

                snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: x\r\nAccept-Encoding: %s\r\n\r\n", wanted[i][0]);
                answer = get(text);
                web_expect_body(answer, wanted[i][1]);
                assert_int_equal(web_has_field(answer, "Content-Encoding"), wanted[i][2] != NULL);
                if (wanted[i][2])
                        assert_string_equal(web_field(answer, "Content-Encoding"), wanted[i][2]);
                snprintf(etags[i], sizeof(etags[i]), "%s", web_field(answer, "ETag"));
        }
        assert_string_not_equal(etags[0], etags[3]); /* other bytes, another tag */
        assert_string_equal(etags[5], etags[8]);
        assert_int_equal(get(WEB_GET("/lonely.js"))->status, 404);
        assert_int_equal(get(WEB_GET("/index.html.br"))->status, 404);
        end();
}

static void test_what_a_client_has_is_not_sent_again(void **state)
{
        static const char *const lists[] = {"%s", "W/%s", "\"other\", %s", "*", "\"other\""};
        char etag[64];

        (void)state;
        begin((struct frontend_options){0});
        snprintf(etag, sizeof(etag), "%s", web_field(get(WEB_GET("/")), "ETag"));
        assert_int_equal(strlen(etag), SITE_ETAG_SIZE - 1);
        for (size_t i = 0; i < countof(lists); i++) {
                char list[128], text[256];
                struct web_answer *answer;

                snprintf(list, sizeof(list), lists[i], etag);
                snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: x\r\nIf-None-Match: %s\r\n\r\n", list);
                answer = get(text);
                assert_int_equal(answer->status, i == 4 ? 200 : 304);
                assert_string_equal(web_field(answer, "ETag"), etag);
        }
        client_receive(&alice);
        assert_int_equal(alice.used, 0);
        end();
}

static void test_a_long_file_goes_in_slices(void **state)
{
        struct web_answer *answer;

        (void)state;
        begin((struct frontend_options){0});
        web_ask(&alice, WEB_GET("/assets/long-4d5e6f.wasm"));
        host_turn(&host);
        /* She reads nothing yet: her pipe is full, and hardly more than a slice waits, which is there anyway. */
        assert_in_range(connection_at(&host.frontend->connections, 0)->traffic->queued_bytes, 1, OUTPUT_SLICE + 2048);
        assert_int_equal(frontend_counts(host.frontend).queued_bytes, 0);
        web_ask(&alice, WEB_GET("/"));
        host_turn(&host);
        answer = get(WEB_GET("/empty.txt"));
        assert_int_equal(answer->size, WEB_LONG_SIZE);
        assert_memory_equal(answer->body, web_long, WEB_LONG_SIZE);
        assert_string_equal(web_field(answer, "Content-Type"), "application/wasm");
        web_answer(&alice, false, answer); /* what waited in the socket is answered then */
        web_expect_body(answer, "<!doctype html>\n");
        web_answer(&alice, false, answer);
        web_expect_body(answer, "");
        end();
}

static void test_who_reads_a_long_file_while_it_is_replaced_gets_the_old_one(void **state)
{
        static const struct frontend_file others[] = {{"/index.html", SLICE_LITERAL("new")}};
        struct web_answer *answer;

        (void)state;
        begin((struct frontend_options){0});
        web_ask(&alice, WEB_GET("/assets/long-4d5e6f.wasm"));
        host_turn(&host);
        host_show(&host, others, countof(others));
        answer = get(WEB_GET("/"));
        assert_int_equal(answer->size, WEB_LONG_SIZE);
        assert_memory_equal(answer->body, web_long, WEB_LONG_SIZE);
        web_answer(&alice, false, answer);
        web_expect_body(answer, "new");
        assert_int_equal(get(WEB_GET("/assets/long-4d5e6f.wasm"))->status, 404);
        end();
}

static void test_requests_that_come_together_are_answered_in_order(void **state)
{
        struct web_answer *answer;

        (void)state;
        for (size_t step = 0; step < 40; step += 13) {
                begin((struct frontend_options){0});
                fake_net_set_read_max(host.raw, step);
                web_ask(&alice, WEB_GET("/") WEB_GET("/nothing") WEB_GET("/assets/app-1a2b3c.js"));
                for (int i = 0; i < 30; i++)
                        host_turn(&host);
                answer = get(WEB_GET("/empty.txt"));
                web_expect_body(answer, "<!doctype html>\n");
                web_answer(&alice, false, answer);
                assert_int_equal(answer->status, 404);
                web_answer(&alice, false, answer);
                web_expect_body(answer, "let it;");
                end();
        }
}

static void test_behind_a_long_answer_one_has_to_ask_again(void **state)
{
        struct web_answer *answer;

        (void)state;
        begin((struct frontend_options){0});
        answer = get(WEB_GET("/assets/long-4d5e6f.wasm") WEB_GET("/"));
        assert_string_equal(web_field(answer, "Connection"), "close");
        assert_memory_equal(answer->body, web_long, WEB_LONG_SIZE);
        web_expect_closed(&alice);
        end();
}

static void test_connections_end_as_asked(void **state)
{
        struct web_answer *answer;

        (void)state;
        begin((struct frontend_options){0});
        answer = get("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
        assert_string_equal(web_field(answer, "Connection"), "keep-alive");
        answer = get("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        assert_string_equal(web_field(answer, "Connection"), "close");
        web_expect_closed(&alice);
        end();
        begin((struct frontend_options){0});
        (void)get("GET / HTTP/1.0\r\n\r\n");
        web_expect_closed(&alice);
        end();
}

struct wrong {
        const char *text;
        unsigned status;
};

static void test_what_is_no_request_is_refused_with_its_reason(void **state)
{
        static const struct wrong wrongs[] = {
                {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", 405},
                {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello", 413},
                {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 413},
                {"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n", 413},
                {"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
                {"DELETE / HTTP/1.1\r\nHost: x\r\n\r\n", 405},
                {"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", 405},
                {"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n", 405},
                {"GET / HTTP/1.1\r\n\r\n", 400},
                {"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400},
                {"GET / HTTP/1.1\r\nHost : x\r\n\r\n", 400},
                {"GET / HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n", 400},
                {"GET / HTTP/2.0\r\nHost: x\r\n\r\n", 505},
                {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400},
                {"GET /\x01 HTTP/1.1\r\nHost: x\r\n\r\n", 400},
                {"GET / HTTP/1.1\r\nHost: x\r\nA: \x01\r\n\r\n", 400},
                {"HELO x\r\n", 400},
                {"get / HTTP/1.1\r\nHost: x\r\n\r\n", 400},
        };

        (void)state;
        for (size_t i = 0; i < countof(wrongs); i++) {
                begin((struct frontend_options){0});
                assert_int_equal(get(wrongs[i].text)->status, wrongs[i].status);
                web_expect_closed(&alice);
                end();
        }
}

/* So much of a request that it cannot be whole within a head. */
static void expect_bomb(const char *first, const char *again, size_t size, unsigned status)
{
        static char text[40000];
        size_t used = (size_t)snprintf(text, sizeof(text), "%s", first);

        begin((struct frontend_options){0});
        while (used < size)
                used += (size_t)snprintf(text + used, sizeof(text) - used, "%s", again);
        assert_int_equal(get(text)->status, status);
        assert_int_equal(frontend_counts(host.frontend).partial_bytes, 0);
        web_expect_closed(&alice);
        end();
}

static void test_bombs_are_refused_when_they_are_too_large(void **state)
{
        (void)state;
        expect_bomb("GET /", "a", REQUEST_TARGET_MAX + 10, 414);
        expect_bomb("GET /", "a", 30000, 414);
        expect_bomb("GET / HTTP/1.1\r\nA: ", "b", 30000, 431);
        expect_bomb("GET / HTTP/1.1\r\n", "A: b\r\n", 600, 431); /* too many of them */
}

static void test_a_head_has_a_time_to_be_whole(void **state)
{
        struct web_answer answer;

        (void)state;
        begin((struct frontend_options){.frame_ms = 2000});
        web_ask(&alice, "GET /");
        for (int i = 0; i < 25; i++) { /* a byte now and then */
                (void)client_send_bytes(&alice, "a", 1);
                host_pass(&host, 100);
        }
        web_answer(&alice, false, &answer);
        assert_int_equal(answer.status, 408);
        assert_int_equal(frontend_counts(host.frontend).partial_bytes, 0);
        web_expect_closed(&alice);
        end();
}

static void test_between_requests_one_is_not_waited_for_long(void **state)
{
        (void)state;
        begin((struct frontend_options){.sign_in_ms = 1000});
        for (int i = 0; i < 3; i++) {
                (void)get(WEB_GET("/"));
                host_pass(&host, 700);
                client_expect_nothing(&alice);
        }
        host_pass(&host, 400);
        web_expect_closed(&alice);
        end();
}

static void test_who_reads_slowly_but_reads_gets_all(void **state)
{
        static uint8_t part[20000];
        struct net *net;
        size_t got, all = 0;

        (void)state;
        begin((struct frontend_options){.sign_in_ms = 1000});
        net = host.client_net;
        web_ask(&alice, WEB_GET("/assets/long-4d5e6f.wasm"));
        for (int i = 0; i < 100 && all < WEB_LONG_SIZE; i++) {
                host_pass(&host, 500);
                if (net->ops->read(net, alice.socket, part, sizeof(part), &got) == ERR_OK)
                        all += got;
        }
        assert_true(all >= WEB_LONG_SIZE);
        end();
        begin((struct frontend_options){.sign_in_ms = 1000});
        web_ask(&alice, WEB_GET("/assets/long-4d5e6f.wasm"));
        host_pass(&host, 1500);
        assert_int_equal(frontend_counts(host.frontend).connections, 0); /* who reads nothing does not */
        end();
}

static void test_a_flood_is_refused(void **state)
{
        static char flood[30000];
        struct web_answer answer;
        unsigned answers = 0;

        (void)state;
        begin((struct frontend_options){.connection_frames = 10});
        for (size_t used = 0; used < 20000;)
                used += (size_t)snprintf(flood + used, sizeof(flood) - used, "%s", WEB_GET("/"));
        web_ask(&alice, flood);
        do
                web_answer(&alice, false, &answer);
        while (answer.status == 200 && ++answers < 100);
        assert_int_equal(answer.status, 429);
        assert_in_range(answers, 15, 25);
        web_expect_closed(&alice);
        end();
}

static void test_half_requests_of_all_are_bounded(void **state)
{
        struct web_answer answer;

        (void)state;
        begin((struct frontend_options){.partial_bytes_max = 300});
        client_open(&host, &bob);
        web_ask(&alice,
                "GET "
                "/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
        host_turn(&host);
        web_ask(&bob,
                "GET "
                "/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
        web_answer(&bob, false, &answer);
        assert_int_equal(answer.status, 503);
        assert_true(frontend_counts(host.frontend).partial_bytes <= 300);
        client_expect_nothing(&alice);
        end();
}

static void test_who_asks_one_too_many_is_told(void **state)
{
        struct net *net;
        struct slice ask = SLICE_LITERAL(WEB_GET("/"));
        struct web_answer answer;
        size_t written;

        (void)state;
        begin((struct frontend_options){.connections_max = 1});
        net = host.client_net;
        bob = (struct client){.host = &host, .input = memory_new(CLIENT_INPUT)};
        assert_int_equal(net->ops->connect(net, "10.0.0.1", host.port, 1, &bob.socket), ERR_OK);
        assert_int_equal(net->ops->write(net, bob.socket, &ask, 1, &written), ERR_OK);
        web_answer(&bob, false, &answer);
        assert_int_equal(answer.status, 503);
        client_receive(&bob);
        assert_true(bob.closed);
        end();
}

static void test_a_frontend_that_goes_finishes_its_answers(void **state)
{
        struct web_answer answer;

        (void)state;
        begin((struct frontend_options){0});
        client_open(&host, &bob);
        (void)get(WEB_GET("/"));
        web_ask(&bob, WEB_GET("/assets/long-4d5e6f.wasm"));
        host_turn(&host);
        frontend_drain(host.frontend, 0);
        host_turn(&host);
        web_expect_closed(&alice);
        web_answer(&bob, false, &answer);
        assert_memory_equal(answer.body, web_long, WEB_LONG_SIZE);
        client_receive(&bob);
        assert_true(bob.closed);
        end();
}

/* What takes time is done before, by another thread: connections do not stand still for it. */
static void test_new_files_are_shown_without_being_copied(void **state)
{
        static const struct frontend_file others[] = {{"/index.html", SLICE_LITERAL("new")},
                                                      {"/assets/large.wasm", {web_long, WEB_LONG_SIZE}}};
        struct site *site;

        (void)state;
        begin((struct frontend_options){0});
        assert_int_equal(frontend_site_new(others, countof(others), &site), ERR_OK);
        (void)memory_fail_at(0);
        frontend_show(host.frontend, &site);
        assert_int_equal(memory_fail_at(0), 0);
        assert_null(site);
        web_expect_body(get(WEB_GET("/")), "new");
        end();
}

/* Whatever allocation fails, nothing is left behind, and the next one is served. */
static void test_without_memory_only_that_one_ends(void **state)
{
        (void)state;
        for (unsigned long nth = 1; nth < 12; nth++) {
                struct web_answer answer;

                begin((struct frontend_options){0});
                web_ask(&alice, WEB_GET("/assets/long-4d5e6f.wasm"));
                (void)memory_fail_at(nth);
                host_turn(&host);
                (void)memory_fail_at(0);
                client_receive(&alice);
                client_open(&host, &bob);
                web_ask(&bob, WEB_GET("/"));
                web_answer(&bob, false, &answer);
                assert_int_equal(answer.status, 200);
                end();
        }
        begin((struct frontend_options){0});
        for (unsigned long nth = 1; nth < 20; nth++) {
                struct site *site = NULL;
                enum error error;

                (void)memory_fail_at(nth);
                error = frontend_site_new(web_files, WEB_FILES, &site);
                (void)memory_fail_at(0);
                assert_true(error == (site ? ERR_OK : ERR_NO_MEMORY));
                frontend_site_free(&site);
        }
        end();
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_page_comes_with_what_keeps_it_safe),
                cmocka_unit_test(test_a_head_is_an_answer_without_a_body),
                cmocka_unit_test(test_an_invitation_leads_to_the_app),
                cmocka_unit_test(test_compressed_siblings_are_chosen_as_the_client_says),
                cmocka_unit_test(test_what_a_client_has_is_not_sent_again),
                cmocka_unit_test(test_a_long_file_goes_in_slices),
                cmocka_unit_test(test_who_reads_a_long_file_while_it_is_replaced_gets_the_old_one),
                cmocka_unit_test(test_requests_that_come_together_are_answered_in_order),
                cmocka_unit_test(test_behind_a_long_answer_one_has_to_ask_again),
                cmocka_unit_test(test_connections_end_as_asked),
                cmocka_unit_test(test_what_is_no_request_is_refused_with_its_reason),
                cmocka_unit_test(test_bombs_are_refused_when_they_are_too_large),
                cmocka_unit_test(test_a_head_has_a_time_to_be_whole),
                cmocka_unit_test(test_between_requests_one_is_not_waited_for_long),
                cmocka_unit_test(test_who_reads_slowly_but_reads_gets_all),
                cmocka_unit_test(test_a_flood_is_refused),
                cmocka_unit_test(test_half_requests_of_all_are_bounded),
                cmocka_unit_test(test_who_asks_one_too_many_is_told),
                cmocka_unit_test(test_a_frontend_that_goes_finishes_its_answers),
                cmocka_unit_test(test_new_files_are_shown_without_being_copied),
                cmocka_unit_test(test_without_memory_only_that_one_ends),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
