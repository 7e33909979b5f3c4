/* The TLS filter at the end of writing: it is told in TLS and by the socket, behind all that was written, and reading goes on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "support/tls_files.h"
#include "support/tls_pair.h"

#define NAME "galka.test"
#define PIPE 8192

static struct tls_pair pair;

static void begin(void)
{
        tls_pair_start(&pair, "good", "ca", PIPE, NULL);
        tls_pair_connect(&pair);
        tls_pair_secure(&pair, NAME);
        tls_pair_turn(&pair);
}

static void end(void)
{
        tls_pair_close(&pair.client);
        tls_pair_close(&pair.server);
        assert_int_equal(pair.server.net->held, 0);
        tls_pair_stop(&pair);
}

static enum error end_writing(struct pair_end *at)
{
        return at->net->ops->end_writing(at->net, at->socket);
}

/* How many bytes the socket has, which are taken from it. */
static size_t raw_bytes(struct pair_end *at)
{
        uint8_t bytes[PIPE];
        size_t got;

        (void)at->raw->ops->read(at->raw, at->socket, bytes, sizeof(bytes), &got);
        return got;
}

/* Has the other end's socket written its end, and is there nothing before it? */
static bool socket_ended(struct pair_end *at)
{
        uint8_t byte;
        size_t got;

        return at->raw->ops->read(at->raw, at->socket, &byte, 1, &got) == ERR_CLOSED;
}

/* Reads until the end, which must come. Returns how many bytes there were. */
static size_t read_to_the_end(void)
{
        uint8_t bytes[PIPE];
        size_t came = 0, got;
        enum error error;

        do {
                error = pair.client.net->ops->read(pair.client.net, pair.client.socket, bytes, sizeof(bytes), &got);
                came += got;
                tls_pair_turn(&pair);
        } while (error == ERR_OK);
        assert_int_equal(error, ERR_CLOSED);
        return came;
}

static void test_the_end_is_read_behind_the_last_word_and_reading_goes_on(void **state)
{
        (void)state;
        begin();
        tls_pair_talk(&pair);
        assert_int_equal(tls_pair_say(&pair.server, "bye"), ERR_OK);
        assert_int_equal(end_writing(&pair.server), ERR_OK);
        assert_int_equal(tls_pair_say(&pair.client, "one more"), ERR_OK);
        tls_pair_expect(&pair.server, "one more");
        assert_int_equal(tls_pair_say(&pair.client, "and one"), ERR_OK);
        tls_pair_expect(&pair.server, "and one");
        tls_pair_expect(&pair.client, "bye");
        tls_pair_expect_closed(&pair.client);
        assert_true(socket_ended(&pair.client));
        tls_pair_close(&pair.client);
        tls_pair_expect_closed(&pair.server);
        end();
}

/* The socket takes nothing more: the end waits with what is held. */
static void test_the_end_waits_for_what_is_held(void **state)
{
        const struct slice byte = SLICE_LITERAL("x");
        size_t written, sent = 0;
        struct net *net;

        (void)state;
        begin();
        net = pair.server.net;
        while (net->held == 0) {
                assert_int_equal(net->ops->write(net, pair.server.socket, &byte, 1, &written), ERR_OK);
                sent += written;
        }
        assert_int_equal(end_writing(&pair.server), ERR_OK);
        tls_pair_turn(&pair);
        assert_true(net->held > 0);
        assert_int_equal(read_to_the_end(), sent);
        assert_int_equal(net->held, 0);
        assert_true(socket_ended(&pair.client));
        end();
}

/* All was taken but for the end itself. */
static void test_the_end_waits_though_nothing_else_does(void **state)
{
        static const uint8_t zeros[PIPE - 40];
        const struct slice part = slice_of(zeros, sizeof(zeros));
        size_t written;

        (void)state;
        begin();
        tls_pair_talk(&pair);
        assert_int_equal(pair.server.net->ops->write(pair.server.net, pair.server.socket, &part, 1, &written), ERR_OK);
        assert_int_equal(written, part.size);
        assert_int_equal(pair.server.net->held, 0);
        assert_int_equal(end_writing(&pair.server), ERR_OK);
        assert_true(pair.server.net->held > 0);
        assert_int_equal(read_to_the_end(), part.size);
        assert_true(socket_ended(&pair.client));
        end();
}

/* So that nobody takes a connection that was cut off for one that has ended. */
static void test_the_end_is_told_in_tls_too(void **state)
{
        size_t word;

        (void)state;
        begin();
        tls_pair_talk(&pair);
        assert_int_equal(tls_pair_say(&pair.server, "bye"), ERR_OK);
        word = raw_bytes(&pair.client);
        assert_int_equal(end_writing(&pair.server), ERR_OK);
        assert_in_range(raw_bytes(&pair.client), word - 3, word + 3);
        assert_true(socket_ended(&pair.client));
        end();
}

static void test_what_is_over_or_not_begun_has_no_end(void **state)
{
        (void)state;
        tls_pair_start(&pair, "good", "ca", PIPE, NULL);
        tls_pair_connect(&pair);
        assert_int_equal(
                pair.server.net->ops->secure(pair.server.net, pair.server.socket, PAIR_SERVER_TAG, (struct slice){0}, NULL),
                ERR_OK);
        assert_int_equal(end_writing(&pair.server), ERR_CLOSED);
        end();
        begin();
        tls_pair_close(&pair.client);
        tls_pair_expect_closed(&pair.server);
        assert_int_equal(end_writing(&pair.server), ERR_CLOSED);
        end();
        begin(); /* broken while something is held */
        while (pair.server.net->held == 0)
                assert_int_equal(tls_pair_say(&pair.server, "x"), ERR_OK);
        fake_net_break(pair.server.raw, pair.server.socket);
        assert_int_equal(end_writing(&pair.server), ERR_CLOSED);
        end();
}

/* Of a plain socket it is the socket's. */
static void test_a_plain_socket_ends_too(void **state)
{
        (void)state;
        tls_pair_start(&pair, "good", "ca", PIPE, NULL);
        tls_pair_connect(&pair);
        tls_pair_talk(&pair);
        assert_int_equal(tls_pair_say(&pair.server, "bye"), ERR_OK);
        assert_int_equal(end_writing(&pair.server), ERR_OK);
        assert_int_equal(tls_pair_say(&pair.client, "one more"), ERR_OK);
        tls_pair_expect(&pair.server, "one more");
        tls_pair_expect(&pair.client, "bye");
        tls_pair_expect_closed(&pair.client);
        end();
}

static int setup(void **state)
{
        (void)state;
        tls_folder_new();
        tls_make("ca", &(struct tls_wish){.authority = true});
        tls_make("good", &(struct tls_wish){.names = "DNS:" NAME, .signer = "ca"});
        return 0;
}

static int teardown(void **state)
{
        (void)state;
        tls_folder_remove();
        return 0;
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_the_end_is_read_behind_the_last_word_and_reading_goes_on),
                cmocka_unit_test(test_the_end_waits_for_what_is_held),
                cmocka_unit_test(test_the_end_waits_though_nothing_else_does),
                cmocka_unit_test(test_the_end_is_told_in_tls_too),
                cmocka_unit_test(test_what_is_over_or_not_begun_has_no_end),
                cmocka_unit_test(test_a_plain_socket_ends_too),
        };

        return cmocka_run_group_tests(tests, setup, teardown);
}
