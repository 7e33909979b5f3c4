/* Clients that speak WebSocket: all that others do, in messages; and what belongs to messages alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/memory.h"
#include "frontend/internal.h"
#include "frontend/websocket.h"
#include "support/web_client.h"

#define ALICE 100
#define BOB   200

enum { TEXT = 0x81, BINARY = 0x82, BEGUN = 0x02, GOES_ON = 0x00, ENDS = 0x80, CLOSE = 0x88, PING = 0x89, PONG = 0x8a };

static struct host host;
static struct client alice, bob; /* Bob speaks in frames without messages */
static struct wire_envelope places[2];

static void begin(struct frontend_options options)
{
        host_start(&host, &options);
        client_open(&host, &alice);
        web_upgrade(&alice);
}

static void join_both(void)
{
        client_join(&alice, ALICE, 1);
        places[0] = client_place(&alice);
        client_open(&host, &bob);
        client_join(&bob, BOB, 2);
        places[1] = client_place(&bob);
}

static void end(void)
{
        struct frontend_counts counts;

        client_close(&alice);
        if (bob.input)
                client_close(&bob);
        host_turn(&host);
        counts = frontend_counts(host.frontend);
        assert_int_equal(counts.connections, 0);
        assert_int_equal(counts.partial_bytes, 0);
        assert_int_equal(counts.queued_bytes, 0);
        assert_int_equal(host.frontend->websockets.count, 0);
        assert_int_equal(host.frontend->traffics.count, 0);
        host_stop(&host);
}

/* One delivery to both, in one record. */
static void deliver_only(size_t text_size, uint64_t number)
{
        static uint8_t bytes[WIRE_DOWN_SIZE_MAX], text[16384];
        struct wire_delivery delivery = {.number = number, .row = {.seq = 1, .text = slice_of(text, text_size)}};
        struct wire_frame frame = {.code = WIRE_CODE_delivery};
        uint8_t connections[16];
        struct wire_post post = {.epoch = places[0].epoch, .connections = slice_of(connections, sizeof(connections))};

        memset(text, 'x', sizeof(text));
        be64_put(connections, places[0].connection);
        be64_put(connections + 8, places[1].connection);
        post.frame = wire_frame_build(&frame, &delivery, bytes, bytes + sizeof(bytes));
        host_publish_only(&host, WIRE_CODE_post, &post);
}

static void deliver(size_t text_size, uint64_t number)
{
        deliver_only(text_size, number);
        host_turn(&host);
}

static void test_both_read_the_same_delivery(void **state)
{
        static const size_t sizes[] = {0, 100, 130, 16000};
        struct wire_delivery delivery;

        (void)state;
        begin((struct frontend_options){0});
        join_both();
        for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
                deliver(sizes[i], i + 1);
                (void)client_expect(&alice, WIRE_CODE_delivery, &delivery);
                assert_int_equal(delivery.row.text.size, sizes[i]);
                (void)client_expect(&bob, WIRE_CODE_delivery, &delivery);
                assert_int_equal(delivery.row.text.size, sizes[i]);
        }
        assert_int_equal(frontend_counts(host.frontend).upgraded, 1);
        end();
}

static void test_what_is_written_together_is_one_message(void **state)
{
        unsigned before;

        (void)state;
        begin((struct frontend_options){0});
        join_both();
        before = alice.messages;
        for (uint64_t i = 1; i <= 10; i++)
                deliver_only(50, i);
        host_turn(&host);
        for (int i = 0; i < 10; i++)
                (void)client_expect(&alice, WIRE_CODE_delivery, NULL);
        assert_int_equal(alice.messages, before + 1);
        for (int i = 0; i < 10; i++)
                (void)client_expect(&bob, WIRE_CODE_delivery, NULL);
        end();
}

static void test_frames_may_be_cut_anyhow(void **state)
{
        static const size_t steps[] = {1, 2, 3, 7, 50, 0};
        uint8_t bytes[512];

        (void)state;
        begin((struct frontend_options){.connection_frames = 10000});
        client_join(&alice, ALICE, 1);
        for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
                struct wire_ping ping = {.echo = 77 + i};
                struct wire_pong pong;
                size_t size = client_build(&alice, WIRE_CODE_ping, &ping, bytes, sizeof(bytes), NULL), cut = 1 + i;

                fake_net_set_read_max(host.raw, steps[i]);
                (void)web_send(&alice, BEGUN, bytes, cut);
                (void)web_send(&alice, PING, "between", 7);
                (void)web_send(&alice, GOES_ON, NULL, 0);
                (void)web_send(&alice, GOES_ON | ENDS, bytes + cut, size - cut);
                for (int turn = 0; turn < 100; turn++)
                        host_turn(&host);
                (void)client_expect(&alice, WIRE_CODE_pong, &pong);
                assert_int_equal(pong.echo, 77 + i);
                assert_int_equal(alice.pongs, i + 1);
                assert_int_equal(alice.pong_size, 7);
                assert_memory_equal(alice.pong, "between", 7);
        }
        fake_net_set_read_max(host.raw, 0);
        end();
}

static void test_many_frames_may_share_a_message(void **state)
{
        uint8_t bytes[2048];
        size_t size = 0;
        struct wire_pong pong;

        (void)state;
        begin((struct frontend_options){.connection_frames = 10000});
        client_join(&alice, ALICE, 1);
        for (uint64_t i = 0; i < 20; i++) {
                struct wire_ping ping = {.echo = i};

                size += client_build(&alice, WIRE_CODE_ping, &ping, bytes + size, sizeof(bytes) - size, NULL);
        }
        (void)web_send(&alice, BINARY, bytes, size);
        for (uint64_t i = 0; i < 20; i++) {
                (void)client_expect(&alice, WIRE_CODE_pong, &pong);
                assert_int_equal(pong.echo, i);
        }
        end();
}

static void test_an_idle_one_costs_nothing_more(void **state)
{
        (void)state;
        begin((struct frontend_options){0});
        client_join(&alice, ALICE, 1);
        client_expect_nothing(&alice);
        assert_int_equal(host.frontend->traffics.count, 0);
        assert_int_equal(host.frontend->websockets.count, 0);
        end();
}

static void test_pings_are_answered_at_a_frames_rate(void **state)
{
        (void)state;
        begin((struct frontend_options){.connection_frames = 10});
        for (int i = 0; i < 60; i++)
                (void)web_send(&alice, PING, "x", 1);
        host_turn(&host);
        client_expect_nothing(&alice);
        assert_in_range(alice.pongs, 15, 25);
        host_pass(&host, 2000); /* for a while she was not read */
        end();
}

static void test_frames_that_carry_nothing_count_too(void **state)
{
        static const uint8_t kinds[] = {BINARY, PONG};

        (void)state;
        for (size_t kind = 0; kind < countof(kinds); kind++) {
                begin((struct frontend_options){.connection_frames = 10});
                for (int i = 0; i < 60; i++)
                        (void)web_send(&alice, kinds[kind], "", 0);
                host_turn(&host);
                assert_false(list_empty(&host.frontend->paused)); /* not read for a while */
                host_pass(&host, 3000);
                assert_true(list_empty(&host.frontend->paused));
                (void)web_send(&alice, PING, "x", 1);
                host_turn(&host);
                client_expect_nothing(&alice);
                assert_int_equal(alice.pongs, 1);
                end();
        }
}

static void test_a_close_is_answered_with_its_code(void **state)
{
        (void)state;
        begin((struct frontend_options){0});
        client_join(&alice, ALICE, 1);
        assert_int_equal(host_presence(&host, ALICE), 0); /* the test's workers set none */
        (void)web_send(&alice, CLOSE,
                       "\x03\xe8"
                       "bye",
                       5);
        client_receive(&alice);
        assert_int_equal(alice.closed_with, 1000);
        assert_true(alice.closed);
        assert_int_equal(alice.used, 0);
        assert_int_equal(frontend_counts(host.frontend).ready, 0);
        end();
}

static void test_what_breaks_the_rules_closes_with_a_code(void **state)
{
        static uint8_t large[70000];
        static const struct {
                uint8_t first;
                size_t size;
                uint16_t code;
        } wrongs[] = {
                {TEXT, 5, 1003}, {BINARY, sizeof(large), 1009}, {GOES_ON | ENDS, 5, 1002}, {0xc2, 5, 1002}, {0x83, 5, 1002}};

        (void)state;
        for (size_t i = 0; i < sizeof(wrongs) / sizeof(*wrongs); i++) {
                begin((struct frontend_options){0});
                client_join(&alice, ALICE, 1);
                (void)web_send(&alice, wrongs[i].first, large, wrongs[i].size);
                client_receive(&alice);
                assert_int_equal(alice.closed_with, wrongs[i].code);
                assert_true(alice.closed);
                end();
        }
}

static void test_a_frame_that_is_not_masked_closes(void **state)
{
        struct net *net;
        struct slice part = SLICE_LITERAL("\x82\x03"
                                          "abc");
        size_t written;

        (void)state;
        begin((struct frontend_options){0});
        net = host.client_net;
        assert_int_equal(net->ops->write(net, alice.socket, &part, 1, &written), ERR_OK);
        client_receive(&alice);
        assert_int_equal(alice.closed_with, 1002);
        end();
}

static void test_a_bye_comes_before_the_close(void **state)
{
        struct wire_bye bye;

        (void)state;
        begin((struct frontend_options){.sign_in_ms = 1000});
        host_pass(&host, 1200);
        assert_int_equal(client_read_to_the_end(&alice, &bye), WIRE_CODE_bye);
        assert_int_equal(bye.code, ERR_IDLE);
        assert_int_equal(alice.closed_with, 1000);
        end();
        begin((struct frontend_options){0});
        client_join(&alice, ALICE, 1);
        frontend_drain(host.frontend, 0);
        assert_int_equal(client_read_to_the_end(&alice, &bye), WIRE_CODE_bye);
        assert_int_equal(bye.code, ERR_DRAINING);
        assert_int_equal(alice.closed_with, 1001);
        end();
}

static void test_a_bad_frame_in_a_message_is_told_as_to_others(void **state)
{
        (void)state;
        begin((struct frontend_options){0});
        (void)web_send(&alice, BINARY, "\xff\xff\xff\xff", 4);
        (void)client_expect_error(&alice, ERR_TOO_LARGE);
        client_expect_bye(&alice, ERR_TOO_LARGE);
        assert_int_equal(alice.closed_with, 1000);
        end();
}

/* Alice reads some, then none: what she got is whole frames of whole messages, then the bye, then the close. */
static void test_a_slow_reader_is_told_in_whole_messages(void **state)
{
        (void)state;
        for (size_t text = 900; text < 9000; text += 777) {
                struct wire_bye bye;

                begin((struct frontend_options){.queue_bytes_max = 30000});
                join_both();
                for (uint64_t i = 1; i <= 200; i++) {
                        deliver(text, i);
                        (void)client_expect(&bob, WIRE_CODE_delivery, NULL);
                }
                assert_int_equal(frontend_counts(host.frontend).slow_closed, 1);
                assert_int_equal(client_read_to_the_end(&alice, &bye), WIRE_CODE_bye);
                assert_int_equal(bye.code, ERR_RESYNC);
                assert_int_equal(alice.closed_with, 1000);
                assert_int_equal(alice.raw_used, 0);
                end();
        }
}

/* The socket takes what it takes: a message goes on where it was cut, and pongs come between two of them. */
static void test_a_message_that_is_written_in_parts_is_whole(void **state)
{
        (void)state;
        begin((struct frontend_options){.connection_frames = 10000});
        join_both();
        for (uint64_t i = 1; i <= 90; i++) { /* more than her pipe takes */
                deliver_only(1000, i);
                if (i % 10 == 0) {
                        host_turn(&host);
                        (void)web_send(&alice, PING, "here?", 5);
                }
        }
        host_turn(&host);
        assert_true(frontend_counts(host.frontend).queued_bytes > 0);
        for (uint64_t i = 1; i <= 90; i++) {
                struct wire_delivery delivery;

                (void)client_expect(&alice, WIRE_CODE_delivery, &delivery);
                assert_int_equal(delivery.number, i);
        }
        assert_int_equal(alice.pongs, 9);
        for (uint64_t i = 1; i <= 90; i++)
                (void)client_expect(&bob, WIRE_CODE_delivery, NULL);
        assert_int_equal(frontend_counts(host.frontend).queued_bytes, 0);
        end();
}

/* Whatever allocation fails, the others go on, and nothing is left behind. */
static void test_without_memory_only_that_one_ends(void **state)
{
        (void)state;
        for (unsigned long nth = 1; nth < 12; nth++) {
                uint8_t bytes[64] = {0};

                begin((struct frontend_options){0});
                join_both();
                (void)web_send(&alice, BEGUN, bytes, 2);
                (void)web_send(&alice, PING, bytes, 60);
                deliver_only(200, 1);
                (void)memory_fail_at(nth);
                host_turn(&host);
                (void)memory_fail_at(0);
                client_receive(&alice);
                client_receive(&bob);
                assert_false(bob.closed && alice.closed);
                end();
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_both_read_the_same_delivery),
                cmocka_unit_test(test_what_is_written_together_is_one_message),
                cmocka_unit_test(test_frames_may_be_cut_anyhow),
                cmocka_unit_test(test_many_frames_may_share_a_message),
                cmocka_unit_test(test_an_idle_one_costs_nothing_more),
                cmocka_unit_test(test_pings_are_answered_at_a_frames_rate),
                cmocka_unit_test(test_frames_that_carry_nothing_count_too),
                cmocka_unit_test(test_a_close_is_answered_with_its_code),
                cmocka_unit_test(test_what_breaks_the_rules_closes_with_a_code),
                cmocka_unit_test(test_a_frame_that_is_not_masked_closes),
                cmocka_unit_test(test_a_bye_comes_before_the_close),
                cmocka_unit_test(test_a_bad_frame_in_a_message_is_told_as_to_others),
                cmocka_unit_test(test_a_slow_reader_is_told_in_whole_messages),
                cmocka_unit_test(test_a_message_that_is_written_in_parts_is_whole),
                cmocka_unit_test(test_without_memory_only_that_one_ends),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
