/* A frame's way through a frontend: hello, sign-in codes, Join, relaying, replies, and everything that is refused on the way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "rules/limits.h"
#include "support/frontend_host.h"

static struct host host;
static struct client alice;

static int start(void **state)
{
        struct frontend_options options = {0};

        (void)state;
        host_start(&host, &options);
        client_open(&host, &alice);
        return 0;
}

static int stop(void **state)
{
        (void)state;
        client_close(&alice);
        host_stop(&host);
        return 0;
}

static void send_write(struct client *client)
{
        struct wire_operation operation = {.id.bytes = {1}, .kind = 1, .text = SLICE_LITERAL("hello")};
        struct wire_write write = {.operations = {.items = &operation, .count = 1}};

        (void)client_send(client, WIRE_CODE_write, &write);
}

static void test_welcome_says_what_the_rules_say(void **state)
{
        struct wire_hello hello = {.version_min = 1, .version_max = 3};
        struct wire_welcome welcome;

        (void)state;
        (void)client_send(&alice, WIRE_CODE_hello, &hello);
        (void)client_expect(&alice, WIRE_CODE_welcome, &welcome);
        assert_int_equal(welcome.version, PROTOCOL_VERSION);
        assert_int_equal(welcome.ping_ms, PING_MS);
        assert_int_equal(welcome.reply_ms, REPLY_MS);
        assert_int_equal(welcome.margin_ms, CLOCK_MARGIN_MS);
        assert_int_equal(welcome.operations_max, OPERATIONS_MAX);
        assert_int_equal(welcome.time_ms, host.clock.wall_ms);
}

static void test_no_version_in_common(void **state)
{
        struct wire_hello hello = {.version_min = 2, .version_max = 3};

        (void)state;
        (void)client_send(&alice, WIRE_CODE_hello, &hello);
        (void)client_expect_error(&alice, ERR_BAD_VERSION);
        client_expect_bye(&alice, ERR_BAD_VERSION);
}

static void test_the_first_frame_must_be_hello(void **state)
{
        struct wire_ping ping = {.echo = 1};

        (void)state;
        (void)client_send(&alice, WIRE_CODE_ping, &ping);
        (void)client_expect_error(&alice, ERR_BAD_VERSION);
        client_expect_bye(&alice, ERR_BAD_VERSION);
}

static void test_a_hello_that_cannot_be_read(void **state)
{
        static const uint8_t bytes[] = {0, 0, 0, 3, WIRE_CODE_hello, 0x08, 0xff};

        (void)state;
        assert_int_equal(client_send_bytes(&alice, bytes, sizeof(bytes)), sizeof(bytes));
        (void)client_expect_error(&alice, ERR_BAD_FRAME);
        client_expect_bye(&alice, ERR_BAD_FRAME);
}

static void test_sign_in_codes_are_relayed_unread(void **state)
{
        struct wire_sign_in sign_in = {.login = SLICE_LITERAL("alice"), .password = SLICE_LITERAL("secret secret")};
        struct wire_signed_in signed_in = {.device = 5};
        struct wire_envelope envelope;
        struct wire_frame frame, reply;
        struct bus_record record;
        struct id request;

        (void)state;
        client_hello(&alice);
        request = client_send(&alice, WIRE_CODE_sign_in, &sign_in);
        envelope = host_take(&host, &frame, &record);
        assert_int_equal(record.topic, BUS_AUTHENTICATION);
        assert_int_equal(frame.code, WIRE_CODE_sign_in);
        assert_true(id_equal(&frame.request, &request));
        assert_int_equal(envelope.user, 0);
        assert_int_equal(envelope.not_after_ms, host.clock.wall_ms + REPLY_MS);
        host_post(&host, &envelope, &frame.request, WIRE_CODE_signed_in, &signed_in, WIRE_EFFECT_NONE);
        reply = client_expect(&alice, WIRE_CODE_signed_in, NULL);
        assert_true(id_equal(&reply.request, &request));
        /* It was answered: nothing comes at its deadline. */
        host_pass(&host, REPLY_MS + 100);
        client_expect_nothing(&alice);
}

static void test_join_binds_the_token(void **state)
{
        static const uint8_t zeros[32];
        struct wire_envelope envelope;
        struct wire_frame frame;
        struct bus_record record;

        (void)state;
        client_join(&alice, 42, 7);
        assert_int_equal(frontend_counts(host.frontend).ready, 1);
        send_write(&alice);
        envelope = host_take(&host, &frame, &record);
        assert_int_equal(record.topic, BUS_SESSION);
        assert_memory_equal(record.key.data, frame.room.bytes, 16);
        assert_int_equal(envelope.user, 42);
        assert_int_equal(envelope.device, 7);
        assert_int_equal(frame.user, 42);
        /* The secret part of the token stays here. */
        assert_memory_equal(frame.mac, zeros, sizeof(zeros));
}

static void test_a_forged_token_at_join(void **state)
{
        struct wire_join join = {0};

        (void)state;
        client_hello(&alice);
        alice.user = 42;
        alice.device = 7;
        token_mint(&host.keys, 42, 8, alice.token);
        (void)client_send(&alice, WIRE_CODE_join, &join);
        (void)client_expect_error(&alice, ERR_BAD_TOKEN);
        host_take_nothing(&host);
        client_expect_nothing(&alice);
}

static void test_the_key_before_is_good_too(void **state)
{
        struct wire_join join = {0};
        struct token_keys old = {0};
        struct wire_envelope envelope;
        struct wire_frame frame;

        (void)state;
        client_hello(&alice);
        memcpy(old.current, host.keys.previous, sizeof(old.current));
        alice.device = 7;
        token_mint(&old, 42, 7, alice.token);
        (void)client_send(&alice, WIRE_CODE_join, &join);
        envelope = host_take(&host, &frame, NULL);
        assert_int_equal(envelope.old_key, 1);
}

static void test_anothers_token_ends_the_connection(void **state)
{
        (void)state;
        client_join(&alice, 42, 7);
        /* A good token, but not the one that was bound. */
        token_mint(&host.keys, 43, 7, alice.token);
        send_write(&alice);
        (void)client_expect_error(&alice, ERR_BAD_TOKEN);
        client_expect_bye(&alice, ERR_BAD_TOKEN);
        host_take_nothing(&host);
}

static void test_frames_before_join(void **state)
{
        struct wire_find find = {.name = SLICE_LITERAL("bob")};

        (void)state;
        client_hello(&alice);
        token_mint(&host.keys, 42, 7, alice.token);
        send_write(&alice);
        (void)client_expect_error(&alice, ERR_NOT_NOW);
        (void)client_send(&alice, WIRE_CODE_find, &find);
        (void)client_expect_error(&alice, ERR_NOT_NOW);
        host_take_nothing(&host);
}

static void test_sign_in_codes_after_join(void **state)
{
        struct wire_sign_in sign_in = {.login = SLICE_LITERAL("alice")};
        struct wire_hello hello = {.version_min = 1, .version_max = 1};

        (void)state;
        client_join(&alice, 42, 7);
        (void)client_send(&alice, WIRE_CODE_sign_in, &sign_in);
        (void)client_expect_error(&alice, ERR_NOT_NOW);
        (void)client_send(&alice, WIRE_CODE_hello, &hello);
        (void)client_expect_error(&alice, ERR_NOT_NOW);
}

static void test_codes_that_are_no_clients(void **state)
{
        static const uint8_t codes[] = {0x00, 0x7f, WIRE_CODE_welcome, WIRE_CODE_delivery, WIRE_CODE_post, WIRE_CODE_revoke};

        (void)state;
        client_join(&alice, 42, 7);
        for (size_t i = 0; i < sizeof(codes); i++) {
                uint8_t bytes[] = {0, 0, 0, 2, codes[i], 0};

                assert_int_equal(client_send_bytes(&alice, bytes, sizeof(bytes)), sizeof(bytes));
                (void)client_expect_error(&alice, ERR_UNKNOWN_CODE);
        }
        send_write(&alice);
        (void)host_take(&host, &(struct wire_frame){0}, NULL);
}

static void test_a_header_that_is_cut_off(void **state)
{
        static const uint8_t bytes[] = {0, 0, 0, 5, WIRE_CODE_write, 1, 2, 3, 4};

        (void)state;
        client_join(&alice, 42, 7);
        assert_int_equal(client_send_bytes(&alice, bytes, sizeof(bytes)), sizeof(bytes));
        (void)client_expect_error(&alice, ERR_BAD_FRAME);
        client_expect_bye(&alice, ERR_BAD_FRAME);
}

static void test_a_request_needs_an_id(void **state)
{
        uint8_t bytes[4 + 1 + 16] = {[3] = 17, [4] = WIRE_CODE_sign_in};
        struct wire_error error;

        (void)state;
        client_hello(&alice);
        assert_int_equal(client_send_bytes(&alice, bytes, sizeof(bytes)), sizeof(bytes));
        (void)client_expect(&alice, WIRE_CODE_error, &error);
        assert_int_equal(error.code, ERR_BAD_FIELD);
        assert_true(slice_equal(error.field, SLICE_LITERAL("request")));
        host_take_nothing(&host);
}

static void test_pings_are_answered(void **state)
{
        static const uint8_t bad[] = {0, 0, 0, 3, WIRE_CODE_ping, 0x08, 0xff};
        struct wire_ping ping = {.echo = 77};
        struct wire_pong pong;

        (void)state;
        client_hello(&alice);
        (void)client_send(&alice, WIRE_CODE_ping, &ping);
        (void)client_expect(&alice, WIRE_CODE_pong, &pong);
        assert_int_equal(pong.echo, 77);
        assert_int_equal(client_send_bytes(&alice, bad, sizeof(bad)), sizeof(bad));
        (void)client_expect_error(&alice, ERR_BAD_FRAME);
}

static void test_no_reply_in_time_is_unknown(void **state)
{
        struct wire_marked marked = {0};
        struct wire_mark mark = {.read = 1};
        struct wire_envelope envelope;
        struct wire_frame frame;
        struct id request, answered;

        (void)state;
        client_join(&alice, 42, 7);
        request = client_send(&alice, WIRE_CODE_mark, &mark);
        envelope = host_take(&host, &frame, NULL);
        host_pass(&host, REPLY_MS - 100);
        client_expect_nothing(&alice);
        host_pass(&host, 200);
        answered = client_expect_error(&alice, ERR_UNKNOWN);
        assert_true(id_equal(&answered, &request));
        /* A late reply is still forwarded. */
        host_post(&host, &envelope, &request, WIRE_CODE_marked, &marked, WIRE_EFFECT_NONE);
        (void)client_expect(&alice, WIRE_CODE_marked, NULL);
}

static void test_deliveries_wait_behind_the_join_reply(void **state)
{
        struct wire_delivery delivery = {.number = 9};
        struct wire_joined joined = {.time_ms = 1};
        struct wire_join join = {0};
        struct wire_envelope envelope;
        struct wire_frame frame;

        (void)state;
        client_hello(&alice);
        alice.device = 7;
        token_mint(&host.keys, 42, 7, alice.token);
        (void)client_send(&alice, WIRE_CODE_join, &join);
        envelope = host_take(&host, &frame, NULL);
        host_post(&host, &envelope, NULL, WIRE_CODE_delivery, &delivery, WIRE_EFFECT_NONE);
        client_expect_nothing(&alice);
        host_post(&host, &envelope, &frame.request, WIRE_CODE_joined, &joined, WIRE_EFFECT_JOINED);
        (void)client_expect(&alice, WIRE_CODE_joined, NULL);
        (void)client_expect(&alice, WIRE_CODE_delivery, NULL);
        host_post(&host, &envelope, NULL, WIRE_CODE_delivery, &delivery, WIRE_EFFECT_NONE);
        (void)client_expect(&alice, WIRE_CODE_delivery, NULL);
}

static void test_a_refused_join(void **state)
{
        struct wire_delivery delivery = {.number = 9};
        struct wire_joined joined = {.time_ms = 1};
        struct wire_error error = {.code = ERR_BUSY};
        struct wire_join join = {0};
        struct wire_envelope envelope;
        struct wire_frame frame;

        (void)state;
        client_hello(&alice);
        alice.device = 7;
        token_mint(&host.keys, 42, 7, alice.token);
        (void)client_send(&alice, WIRE_CODE_join, &join);
        envelope = host_take(&host, &frame, NULL);
        host_post(&host, &envelope, NULL, WIRE_CODE_delivery, &delivery, WIRE_EFFECT_NONE);
        host_post(&host, &envelope, &frame.request, WIRE_CODE_error, &error, WIRE_EFFECT_REFUSED);
        (void)client_expect_error(&alice, ERR_BUSY);
        /* What was held is forgotten, and a repeat of the record cannot make it ready behind the client's back. */
        host_post(&host, &envelope, &frame.request, WIRE_CODE_joined, &joined, WIRE_EFFECT_JOINED);
        client_expect_nothing(&alice);
        assert_int_equal(frontend_counts(host.frontend).ready, 0);
        /* Another device of hers may sign in on the same connection; the answer for the first does not make it ready. */
        alice.device = 8;
        token_mint(&host.keys, 42, 8, alice.token);
        (void)client_send(&alice, WIRE_CODE_join, &join);
        (void)host_take(&host, &frame, NULL);
        host_post(&host, &envelope, &frame.request, WIRE_CODE_joined, &joined, WIRE_EFFECT_JOINED);
        client_expect_nothing(&alice);
        assert_int_equal(frontend_counts(host.frontend).ready, 0);
}

static void test_a_join_without_answer_can_be_repeated(void **state)
{
        struct wire_joined joined = {.time_ms = 1};
        struct wire_join join = {0};
        struct wire_envelope envelope;
        struct wire_frame frame;

        (void)state;
        client_hello(&alice);
        alice.device = 7;
        token_mint(&host.keys, 42, 7, alice.token);
        (void)client_send(&alice, WIRE_CODE_join, &join);
        (void)host_take(&host, &frame, NULL);
        host_pass(&host, REPLY_MS + 100);
        (void)client_expect_error(&alice, ERR_UNKNOWN);
        (void)client_send(&alice, WIRE_CODE_join, &join);
        envelope = host_take(&host, &frame, NULL);
        host_post(&host, &envelope, &frame.request, WIRE_CODE_joined, &joined, WIRE_EFFECT_JOINED);
        (void)client_expect(&alice, WIRE_CODE_joined, NULL);
        /* And again while ready, as after Rejoin. */
        (void)client_send(&alice, WIRE_CODE_join, &join);
        envelope = host_take(&host, &frame, NULL);
        host_post(&host, &envelope, &frame.request, WIRE_CODE_joined, &joined, WIRE_EFFECT_JOINED);
        (void)client_expect(&alice, WIRE_CODE_joined, NULL);
        assert_int_equal(frontend_counts(host.frontend).ready, 1);
}

static void test_bad_records_change_nothing(void **state)
{
        static const uint8_t values[][4] = {{0},
                                            {WIRE_CODE_post, 0xff, 0xff, 0xff},
                                            {WIRE_CODE_envelope, 1, 2, 3},
                                            {WIRE_CODE_claim, 0xff},
                                            {WIRE_CODE_revoke},
                                            {WIRE_CODE_lost, 0xff}};
        struct wire_post post = {.epoch = frontend_epoch(host.frontend), .frame = SLICE_LITERAL("no frame")};

        (void)state;
        client_join(&alice, 42, 7);
        for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
                struct bus_message record = {.topic = BUS_FRONTENDS, .value = slice_of(values[i], 4)};

                assert_int_equal(host.worker_bus->ops->publish(host.worker_bus, &record), ERR_OK);
                assert_int_equal(host.worker_bus->ops->flush(host.worker_bus, 0), ERR_OK);
        }
        host_publish(&host, WIRE_CODE_post, &post);
        client_expect_nothing(&alice);
}

/* His entry may be in presence still, and what is delivered to him would reach the other one. */
static void test_a_connection_is_never_two_users(void **state)
{
        struct wire_error busy = {.code = ERR_BUSY};
        struct wire_join join = {0};
        struct wire_envelope envelope;
        struct wire_frame frame;

        (void)state;
        client_hello(&alice);
        alice.device = 7;
        token_mint(&host.keys, 42, 7, alice.token);
        (void)client_send(&alice, WIRE_CODE_join, &join);
        envelope = host_take(&host, &frame, NULL);
        host_post(&host, &envelope, &frame.request, WIRE_CODE_error, &busy, WIRE_EFFECT_REFUSED);
        (void)client_expect_error(&alice, ERR_BUSY);
        token_mint(&host.keys, 43, 7, alice.token);
        (void)client_send(&alice, WIRE_CODE_join, &join);
        host_take_nothing(&host);
        (void)client_expect_error(&alice, ERR_BAD_TOKEN);
        client_expect_bye(&alice, ERR_BAD_TOKEN);
}

/* Of a connection at most one in TYPING_MS goes on; the others are as if they had not come, and nobody is told. */
static void test_typing_goes_on_once_in_a_while(void **state)
{
        struct wire_typing typing = {.kind = 1};
        struct wire_frame frame;
        struct client boris;

        (void)state;
        client_join(&alice, 42, 7);
        client_open(&host, &boris);
        client_join(&boris, 43, 8);
        (void)client_send(&alice, WIRE_CODE_typing, &typing);
        (void)host_take(&host, &frame, NULL);
        assert_int_equal(frame.code, WIRE_CODE_typing);
        (void)client_send(&alice, WIRE_CODE_typing, &typing);
        host_take_nothing(&host);
        host_pass(&host, TYPING_MS - 10);
        (void)client_send(&alice, WIRE_CODE_typing, &typing);
        host_take_nothing(&host);
        client_expect_nothing(&alice);
        send_write(&alice); /* of nothing else */
        (void)host_take(&host, &frame, NULL);
        assert_int_equal(frame.code, WIRE_CODE_write);
        (void)client_send(&boris, WIRE_CODE_typing, &typing); /* each for himself */
        (void)host_take(&host, &frame, NULL);
        assert_int_equal(frame.user, 43);
        host_pass(&host, 10); /* what did not go on does not put it off */
        (void)client_send(&alice, WIRE_CODE_typing, &typing);
        (void)host_take(&host, &frame, NULL);
        assert_int_equal(frame.user, 42);
        (void)client_send(&alice, WIRE_CODE_typing, &typing);
        host_take_nothing(&host);
        client_close(&boris);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(test_##name, start, stop)
                T(welcome_says_what_the_rules_say),
                T(no_version_in_common),
                T(the_first_frame_must_be_hello),
                T(a_hello_that_cannot_be_read),
                T(sign_in_codes_are_relayed_unread),
                T(join_binds_the_token),
                T(a_forged_token_at_join),
                T(the_key_before_is_good_too),
                T(anothers_token_ends_the_connection),
                T(frames_before_join),
                T(sign_in_codes_after_join),
                T(codes_that_are_no_clients),
                T(a_header_that_is_cut_off),
                T(a_request_needs_an_id),
                T(pings_are_answered),
                T(no_reply_in_time_is_unknown),
                T(deliveries_wait_behind_the_join_reply),
                T(a_refused_join),
                T(a_connection_is_never_two_users),
                T(a_join_without_answer_can_be_repeated),
                T(bad_records_change_nothing),
                T(typing_goes_on_once_in_a_while),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
