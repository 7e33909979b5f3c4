/* The door from HTTP to WebSocket: who may pass, what is answered, and what comes with the question. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>

#include "base/assert.h"
#include "base/memory.h"
#include "frontend/upgrade.h"
#include "support/web_stage.h"

static struct host host;
static struct client alice;

static void begin(struct frontend_options options)
{
        web_stage_start(&host, &options, &alice);
}

static void end(void)
{
        client_close(&alice);
        host_turn(&host);
        assert_int_equal(frontend_counts(host.frontend).connections, 0);
        assert_int_equal(frontend_counts(host.frontend).queued_bytes, 0);
        host_stop(&host);
}

struct wrong {
        const char *text;
        unsigned status;
};

#define UPGRADE(version, origin, key)                                                                                       \
        "GET /ws HTTP/1.1\r\nHost: galka.test:4255\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"                        \
        "Sec-WebSocket-Version: " version "\r\n" origin "Sec-WebSocket-Key: " key "\r\n\r\n"

static void test_only_pages_of_ours_may_open_a_websocket(void **state)
{
        static const struct wrong tries[] = {
                {UPGRADE("13", "", WEB_KEY), 101},
                {UPGRADE("13", "Origin: http://galka.test:4255\r\n", WEB_KEY), 101},
                {UPGRADE("13", "Origin: HTTPS://Galka.Test:4255\r\n", WEB_KEY), 101},
                {UPGRADE("13", "Origin: https://friend.test\r\n", WEB_KEY), 101},
                {UPGRADE("13", "Origin: https://other.test\r\n", WEB_KEY), 403},
                {UPGRADE("13", "Origin: https://galka.test\r\n", WEB_KEY), 403}, /* another port */
                {UPGRADE("13", "Origin: https://galka.test:4255.other.test\r\n", WEB_KEY), 403},
                {UPGRADE("13", "Origin: null\r\n", WEB_KEY), 403},
                {UPGRADE("13", "Origin: \r\n", WEB_KEY), 403},
                {UPGRADE("13", "Origin: http://galka.test:4255\r\nOrigin: http://galka.test:4255\r\n", WEB_KEY), 400},
                {UPGRADE("8", "", WEB_KEY), 426},
                {UPGRADE("13", "", "short"), 400},
                {UPGRADE("13", "", "dGhlIHNhbXBsZSBub25jZXM="), 400}, /* 17 bytes */
                {UPGRADE("13", "", "dGhlIHNhbXBsZSBub25j!!=="), 400},
                {WEB_GET("/ws"), 426},
                {"HEAD /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", 426},
                {"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n", 426},
                {"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", 200},
        };

        (void)state;
        for (size_t i = 0; i < countof(tries); i++) {
                struct web_answer answer;

                begin((struct frontend_options){.origins = "https://friend.test,https://second.test"});
                web_ask(&alice, tries[i].text);
                web_answer(&alice, tries[i].status == 101 || tries[i].text[0] == 'H', &answer);
                assert_int_equal(answer.status, tries[i].status);
                if (answer.status == 426)
                        assert_string_equal(web_field(&answer, "Sec-WebSocket-Version"), "13");
                end();
        }
        assert_true(upgrade_origins_valid(""));
        assert_true(upgrade_origins_valid("https://a.example, http://127.0.0.1:80"));
        assert_false(upgrade_origins_valid("a.example"));
        assert_false(upgrade_origins_valid("https://a.example/"));
        assert_false(upgrade_origins_valid("https://"));
}

static void test_what_follows_the_upgrade_is_a_message(void **state)
{
        struct wire_hello hello = {.version_min = 1, .version_max = 1};
        uint8_t bytes[512], frame[128];
        size_t size;

        (void)state;
        begin((struct frontend_options){0});
        size = (size_t)snprintf((char *)bytes, sizeof(bytes), "%s", UPGRADE("13", "", WEB_KEY));
        bytes[size++] = 0x82;
        bytes[size++] = (uint8_t)(0x80 | client_build(&alice, WIRE_CODE_hello, &hello, frame, sizeof(frame), NULL));
        memset(bytes + size, 0, 4);
        memcpy(bytes + size + 4, frame, bytes[size - 1] & 0x7f);
        size += 4 + (bytes[size - 1] & 0x7f);
        assert_int_equal(client_send_bytes(&alice, bytes, size), size);
        client_receive(&alice);
        alice.raw = memory_new(CLIENT_INPUT);
        alice.raw_used = alice.used - (size_t)((uint8_t *)memmem(alice.input, alice.used, "\r\n\r\n", 4) + 4 - alice.input);
        memcpy(alice.raw, alice.input + alice.used - alice.raw_used, alice.raw_used);
        alice.used = 0;
        alice.framed = true;
        web_unframe(&alice);
        (void)client_expect(&alice, WIRE_CODE_welcome, NULL);
        end();
}

static void test_an_upgrade_does_not_come_with_another_request(void **state)
{
        struct web_answer answer;

        (void)state;
        begin((struct frontend_options){0});
        web_ask(&alice, WEB_GET("/") UPGRADE("13", "", WEB_KEY));
        web_answer(&alice, false, &answer);
        assert_int_equal(answer.status, 200);
        web_answer(&alice, false, &answer);
        assert_int_equal(answer.status, 503);
        web_expect_closed(&alice);
        end();
}

/* Nonsense that came with the request for the upgrade: the close comes behind the upgrade's answer. */
static void test_an_upgrade_is_answered_whatever_comes_with_it(void **state)
{
        struct web_answer answer;

        (void)state;
        begin((struct frontend_options){0});
        web_ask(&alice, UPGRADE("13", "", WEB_KEY) "nonsense");
        web_answer(&alice, true, &answer);
        assert_int_equal(answer.status, 101);
        assert_int_equal(alice.used, 4);
        assert_memory_equal(alice.input, "\x88\x02\x03\xea", 4);
        alice.used = 0;
        web_expect_closed(&alice);
        end();
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_only_pages_of_ours_may_open_a_websocket),
                cmocka_unit_test(test_what_follows_the_upgrade_is_a_message),
                cmocka_unit_test(test_an_upgrade_does_not_come_with_another_request),
                cmocka_unit_test(test_an_upgrade_is_answered_whatever_comes_with_it),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
