/* The TLS filter on a network in memory: what the bytes go through, what ends a connection, and what none of it may cost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/assert.h"
#include "base/memory.h"
#include "support/tls_files.h"
#include "support/tls_pair.h"

#define NAME      "galka.test"
#define PIPE      65536
#define BIG       (1 << 20)
#define ROUNDS    20000
#define HELLO_MAX 4096

static struct tls_pair pair;

static void begin(size_t pipe_size, const struct loop_tls_options *options)
{
        tls_pair_start(&pair, "good", "ca", pipe_size, options);
        tls_pair_connect(&pair);
}

static void end(void)
{
        tls_pair_close(&pair.client);
        tls_pair_close(&pair.server);
        assert_int_equal(pair.server.net->held, 0);
        assert_int_equal(loop_tls_counts(pair.server.net).in_bytes, 0);
        assert_int_equal(loop_tls_counts(pair.server.net).under_way, 0);
        tls_pair_stop(&pair);
}

/* ---- bytes ---- */

static void test_bytes_go_both_ways(void **state)
{
        char got[TLS_PAIR_TEXT];

        (void)state;
        begin(PIPE, NULL);
        /* What was wanted before is forgotten, but for reading. */
        pair.client.net->ops->want_write(pair.client.net, pair.client.socket, true);
        pair.server.net->ops->want_read(pair.server.net, pair.server.socket, false);
        tls_pair_secure(&pair, NAME);
        assert_int_equal(tls_pair_say(&pair.client, "early"), ERR_AGAIN);
        assert_int_equal(tls_pair_get(&pair.client, got), ERR_AGAIN);
        tls_pair_talk(&pair);
        assert_int_equal(pair.client.writable, 0);
        assert_int_equal(loop_tls_counts(pair.server.net).done, 1);
        assert_string_equal(loop_tls_why(pair.client.net), "");
        /* The end is told. */
        tls_pair_close(&pair.client);
        tls_pair_expect_closed(&pair.server);
        end();
}

static void test_plain_sockets_pass_as_they_are(void **state)
{
        (void)state;
        begin(PIPE, NULL);
        tls_pair_talk(&pair);
        end();
}

/* The frontend has read the first bytes when it learns that they are TLS. */
static void test_what_was_read_before_counts(void **state)
{
        struct net *server, *client;
        uint8_t bytes[HELLO_MAX];
        size_t got;

        (void)state;
        for (size_t taken = 1; taken < 200; taken += 7) {
                begin(PIPE, NULL);
                server = pair.server.net;
                client = pair.client.net;
                assert_int_equal(client->ops->secure(client, pair.client.socket, PAIR_CLIENT_TAG, (struct slice){0}, NAME),
                                 ERR_OK);
                tls_pair_turn(&pair);
                assert_int_equal(server->ops->read(server, pair.server.socket, bytes, taken, &got), ERR_OK);
                assert_int_equal(bytes[0], 0x16);
                assert_int_equal(
                        server->ops->secure(server, pair.server.socket, PAIR_SERVER_TAG, slice_of(bytes, got), NULL),
                        ERR_OK);
                tls_pair_talk(&pair);
                end();
        }
}

static void test_a_byte_at_a_time(void **state)
{
        (void)state;
        begin(PIPE, NULL);
        fake_net_set_read_max(pair.server.raw, 1);
        fake_net_set_read_max(pair.client.raw, 1);
        tls_pair_secure(&pair, NAME);
        for (int i = 0; i < 500; i++)
                tls_pair_turn(&pair);
        assert_int_equal(tls_pair_say(&pair.client, "slowly"), ERR_OK);
        for (int i = 0; i < 100; i++) {
                char got[TLS_PAIR_TEXT];

                tls_pair_turn(&pair);
                if (tls_pair_get(&pair.server, got) == ERR_OK) {
                        assert_string_equal(got, "slowly");
                        end();
                        return;
                }
        }
        fail_msg("nothing came");
}

/* Any cut of a conversation into two reads. */
static void test_split_at_every_byte(void **state)
{
        (void)state;
        for (size_t at = 1; at < 700; at += 3) {
                begin(PIPE, NULL);
                fake_net_set_read_max(pair.server.raw, at);
                tls_pair_secure(&pair, NAME);
                for (int i = 0; i < 60; i++)
                        tls_pair_turn(&pair);
                fake_net_set_read_max(pair.server.raw, 0);
                tls_pair_talk(&pair);
                end();
        }
}

/* Sends all bytes through as the far end reads them in pieces of `step`. */
static void pump(struct pair_end *from, struct pair_end *to, size_t size, size_t step)
{
        uint8_t *bytes = memory_new(size), *got = memory_new(size + step);
        size_t sent = 0, came = 0;

        for (size_t i = 0; i < size; i++)
                bytes[i] = (uint8_t)(i * 31 + i / 251);
        from->net->ops->want_write(from->net, from->socket, true);
        for (int i = 0; i < ROUNDS && came < size; i++) {
                struct slice parts[3] = {slice_of(bytes + sent, (size - sent) / 3),
                                         slice_of(bytes + sent + (size - sent) / 3, 0),
                                         slice_of(bytes + sent + (size - sent) / 3, size - sent - (size - sent) / 3)};
                size_t count = 0;

                if (sent < size) {
                        enum error error = from->net->ops->write(from->net, from->socket, parts, 3, &count);

                        assert_true(error == ERR_OK || error == ERR_AGAIN);
                        sent += count;
                }
                assert_true(from->net->held <= 17000);
                tls_pair_turn(&pair);
                while (to->net->ops->read(to->net, to->socket, got + came, step, &count) == ERR_OK)
                        came += count;
        }
        assert_int_equal(sent, size);
        assert_int_equal(came, size);
        assert_memory_equal(bytes, got, size);
        from->net->ops->want_write(from->net, from->socket, false);
        memory_free(bytes);
        memory_free(got);
}

static void test_much_goes_through_narrow_pipes(void **state)
{
        (void)state;
        for (size_t pipe_size = 3000; pipe_size < 40000; pipe_size += 9001) {
                begin(pipe_size, NULL);
                tls_pair_secure(&pair, NAME);
                tls_pair_turn(&pair);
                pump(&pair.client, &pair.server, BIG, 32768);
                pump(&pair.server, &pair.client, BIG, 1000);
                end();
        }
}

/* Whoever reads little at a time is told of the rest, though the socket has nothing more. */
static void test_what_is_decrypted_is_announced(void **state)
{
        char byte;
        size_t got;

        (void)state;
        begin(PIPE, NULL);
        tls_pair_secure(&pair, NAME);
        tls_pair_turn(&pair);
        assert_int_equal(tls_pair_say(&pair.client, "abc"), ERR_OK);
        assert_int_equal(tls_pair_say(&pair.client, "def"), ERR_OK);
        for (int i = 0; i < 6; i++) {
                pair.server.readable = 0;
                tls_pair_turn(&pair);
                assert_true(pair.server.readable > 0);
                assert_int_equal(pair.server.net->ops->read(pair.server.net, pair.server.socket, &byte, 1, &got), ERR_OK);
                assert_int_equal(byte, "abcdef"[i]);
        }
        pair.server.readable = 0;
        tls_pair_turn(&pair);
        assert_int_equal(pair.server.readable, 0);
        end();
}

static void test_who_does_not_want_to_read_is_left_alone(void **state)
{
        struct net *net;

        (void)state;
        begin(PIPE, NULL);
        net = pair.server.net;
        tls_pair_secure(&pair, NAME);
        tls_pair_turn(&pair);
        net->ops->want_read(net, pair.server.socket, false);
        assert_int_equal(tls_pair_say(&pair.client, "later"), ERR_OK);
        pair.server.readable = 0;
        tls_pair_turn(&pair);
        assert_int_equal(pair.server.readable, 0);
        net->ops->want_read(net, pair.server.socket, true);
        tls_pair_expect(&pair.server, "later");
        end();
}

/* What waits behind a full socket is bounded, counted, and never more than of parts that were begun. */
static void test_a_slow_reader_is_waited_for(void **state)
{
        static uint8_t first[300], second[40000];
        struct slice parts[2] = {slice_of(first, sizeof(first)), slice_of(second, sizeof(second))};
        const struct slice other = SLICE_LITERAL("other");
        uint8_t got[PIPE];
        size_t written, came = 0, count, sent = 0;
        struct net *net;

        (void)state;
        memset(first, 'a', sizeof(first));
        memset(second, 'b', sizeof(second));
        begin(8192, NULL);
        net = pair.server.net;
        tls_pair_secure(&pair, NAME);
        tls_pair_turn(&pair);
        while (net->held == 0) {
                assert_int_equal(net->ops->write(net, pair.server.socket, parts, 1, &written), ERR_OK);
                sent++;
        }
        /* The last part was begun and is not through. */
        assert_int_equal(written, sizeof(first) - 1);
        assert_int_equal(net->ops->write(net, pair.server.socket, parts, 1, &count), ERR_AGAIN);
        assert_int_equal(count, 0);
        assert_true(net->held > 0 && net->held < 400);
        net->ops->want_write(net, pair.server.socket, true);
        pair.server.writable = 0;
        tls_pair_turn(&pair);
        assert_int_equal(pair.server.writable, 0);
        while (pair.client.net->ops->read(pair.client.net, pair.client.socket, got + came, sizeof(got) - came, &count) ==
               ERR_OK)
                came += count;
        tls_pair_turn(&pair);
        assert_true(pair.server.writable > 0);
        /* Its last byte, then something else than was queued behind it. */
        parts[0] = slice_of(first + written, 1);
        parts[1] = other;
        assert_int_equal(net->ops->write(net, pair.server.socket, parts, 2, &written), ERR_OK);
        assert_int_equal(written, 1 + other.size);
        tls_pair_turn(&pair);
        while (pair.client.net->ops->read(pair.client.net, pair.client.socket, got + came, sizeof(got) - came, &count) ==
               ERR_OK)
                came += count;
        assert_int_equal(came, sent * sizeof(first) + other.size);
        for (size_t i = 0; i < sent * sizeof(first); i++)
                assert_int_equal(got[i], 'a');
        assert_memory_equal(got + sent * sizeof(first), other.data, other.size);
        end();
}

/* ---- ends ---- */

/* What the client says first, as bytes. */
static size_t first_flight(uint8_t bytes[static HELLO_MAX])
{
        struct net *client;
        size_t got;

        begin(PIPE, NULL);
        client = pair.client.net;
        assert_int_equal(client->ops->secure(client, pair.client.socket, PAIR_CLIENT_TAG, (struct slice){0}, NAME), ERR_OK);
        tls_pair_turn(&pair);
        assert_int_equal(pair.server.net->ops->read(pair.server.net, pair.server.socket, bytes, HELLO_MAX, &got), ERR_OK);
        end();
        return got;
}

static void say_raw(struct pair_end *at, const uint8_t *bytes, size_t size)
{
        struct slice part = slice_of(bytes, size);
        size_t written;

        assert_int_equal(at->raw->ops->write(at->raw, at->socket, &part, 1, &written), size ? ERR_OK : ERR_AGAIN);
}

static void secure_server(void)
{
        struct net *net = pair.server.net;

        assert_int_equal(net->ops->secure(net, pair.server.socket, PAIR_SERVER_TAG, (struct slice){0}, NULL), ERR_OK);
}

static void test_a_handshake_that_breaks_off_is_closed(void **state)
{
        uint8_t bytes[HELLO_MAX];
        size_t size = first_flight(bytes);

        (void)state;
        for (size_t cut = 0; cut <= size; cut += cut < 16 || cut + 16 > size ? 1 : 13) {
                begin(PIPE, NULL);
                secure_server();
                say_raw(&pair.client, bytes, cut);
                tls_pair_turn(&pair);
                tls_pair_close(&pair.client);
                tls_pair_expect_closed(&pair.server);
                assert_int_equal(loop_tls_counts(pair.server.net).failed, 1);
                end();
        }
}

static void test_a_handshake_has_a_deadline(void **state)
{
        uint8_t bytes[HELLO_MAX];
        size_t size = first_flight(bytes);

        (void)state;
        for (size_t cut = 0; cut <= size; cut += size / 2) {
                begin(PIPE, &(struct loop_tls_options){.handshake_ms = 5000});
                secure_server();
                say_raw(&pair.client, bytes, cut);
                tls_pair_turn(&pair);
                pair.now_us += 4999 * 1000;
                tls_pair_turn(&pair);
                assert_int_equal(pair.server.readable, 0);
                pair.now_us += 1000;
                tls_pair_expect_closed(&pair.server);
                end();
        }
}

static void test_half_a_record_has_a_deadline(void **state)
{
        const uint8_t half[8] = {23, 3, 3, 1, 0};
        char got[TLS_PAIR_TEXT];

        (void)state;
        begin(PIPE, &(struct loop_tls_options){.record_ms = 3000});
        tls_pair_secure(&pair, NAME);
        tls_pair_talk(&pair);
        /* Idle is not half. */
        pair.now_us += 60000 * 1000;
        tls_pair_talk(&pair);
        say_raw(&pair.client, half, sizeof(half));
        tls_pair_turn(&pair);
        assert_int_equal(tls_pair_get(&pair.server, got), ERR_AGAIN);
        assert_true(loop_tls_counts(pair.server.net).in_bytes > 0);
        pair.server.readable = 0;
        pair.now_us += 2999 * 1000;
        tls_pair_turn(&pair);
        assert_int_equal(pair.server.readable, 0);
        pair.now_us += 1000;
        tls_pair_expect_closed(&pair.server);
        end();
}

/* Half records of all connections share a bound; who would go beyond it is closed. */
static void test_half_records_are_bounded(void **state)
{
        static uint8_t half[4000] = {23, 3, 3, 0x30, 0};
        char got[TLS_PAIR_TEXT];

        (void)state;
        begin(PIPE, &(struct loop_tls_options){.in_bytes_max = 2048});
        tls_pair_secure(&pair, NAME);
        tls_pair_talk(&pair);
        say_raw(&pair.client, half, 1000);
        tls_pair_turn(&pair);
        assert_int_equal(tls_pair_get(&pair.server, got), ERR_AGAIN);
        say_raw(&pair.client, half, 3000);
        tls_pair_turn(&pair);
        (void)tls_pair_get(&pair.server, got);
        tls_pair_expect_closed(&pair.server);
        end();
}

static void test_what_is_no_tls_is_closed(void **state)
{
        static const char *const sayings[] = {"GET / HTTP/1.1\r\n\r\n", "\x16\x03\x01\xff\xff rest",
                                              "\x15\x03\x03\x00\x02\x02\x28", "\x16\x02\x00\x00\x05hello",
                                              "\x17\x03\x03\x40\xff short"};
        const size_t sizes[] = {18, 10, 7, 10, 11};

        (void)state;
        for (size_t i = 0; i < countof(sayings); i++) {
                begin(PIPE, NULL);
                secure_server();
                say_raw(&pair.client, (const uint8_t *)sayings[i], sizes[i]);
                if (i == 4) { /* a record of application data that is not whole: waits for its deadline */
                        tls_pair_turn(&pair);
                        pair.now_us += 60000 * 1000;
                }
                tls_pair_expect_closed(&pair.server);
                end();
        }
}

/* One bit of what goes by is another: whoever reads it ends, and hears no wrong byte. */
static void test_a_changed_bit_is_noticed(void **state)
{
        (void)state;
        for (size_t at = 0; at < 30; at++) {
                uint8_t bytes[256];
                char text[TLS_PAIR_TEXT];
                size_t got;

                begin(PIPE, NULL);
                tls_pair_secure(&pair, NAME);
                tls_pair_talk(&pair);
                assert_int_equal(tls_pair_say(&pair.client, "truth"), ERR_OK);
                /* Taken off the wire, changed, and given to a server that is told it was read before. */
                assert_int_equal(pair.server.raw->ops->read(pair.server.raw, pair.server.socket, bytes, sizeof(bytes), &got),
                                 ERR_OK);
                bytes[at % got] ^= 1;
                say_raw(&pair.client, bytes, got);
                tls_pair_turn(&pair);
                if (tls_pair_get(&pair.server, text) == ERR_AGAIN) { /* the length grew: it waits for more */
                        pair.now_us += 60000 * 1000;
                        tls_pair_turn(&pair);
                }
                assert_int_equal(tls_pair_get(&pair.server, text), ERR_CLOSED);
                assert_string_equal(text, "");
                end();
        }
}

static void test_a_broken_connection_ends(void **state)
{
        (void)state;
        begin(PIPE, NULL);
        tls_pair_secure(&pair, NAME);
        tls_pair_talk(&pair);
        fake_net_break(pair.client.raw, pair.client.socket);
        tls_pair_expect_closed(&pair.server);
        assert_int_equal(tls_pair_say(&pair.server, "x"), ERR_CLOSED);
        end();
}

/* ---- bounds ---- */

static void test_handshakes_are_counted(void **state)
{
        struct net *net;
        int first;

        (void)state;
        begin(PIPE, &(struct loop_tls_options){.handshakes_max = 1});
        net = pair.server.net;
        secure_server();
        first = pair.server.socket;
        tls_pair_connect(&pair);
        assert_int_equal(net->ops->secure(net, pair.server.socket, PAIR_SERVER_TAG, (struct slice){0}, NULL), ERR_FULL);
        assert_int_equal(loop_tls_counts(net).refused, 1);
        net->ops->close(net, first);
        tls_pair_secure(&pair, NAME);
        tls_pair_talk(&pair);
        end();
}

static void test_handshakes_leave_room_for_others(void **state)
{
        uint8_t bytes[HELLO_MAX];
        size_t size = first_flight(bytes);
        struct net_event events[8];
        int sockets[5], clients[5];
        size_t came[5] = {0};
        uint8_t answer[HELLO_MAX];
        struct net *net, *client;

        (void)state;
        begin(PIPE, &(struct loop_tls_options){.handshakes_a_poll = 2});
        net = pair.server.net;
        client = pair.client.raw;
        for (int i = 0; i < 5; i++) {
                tls_pair_connect(&pair);
                sockets[i] = pair.server.socket;
                clients[i] = pair.client.socket;
        }
        for (int i = 0; i < 5; i++) {
                pair.server.socket = sockets[i];
                pair.client.socket = clients[i];
                secure_server();
                say_raw(&pair.client, bytes, size);
        }
        /* Each poll answers two; nobody is forgotten. */
        for (size_t answered = 0; answered < countof(sockets);) {
                size_t before = answered;

                (void)net->ops->poll(net, events, countof(events), 0);
                answered = 0;
                for (size_t i = 0; i < countof(sockets); i++) {
                        if (came[i] == 0)
                                (void)client->ops->read(client, clients[i], answer, sizeof(answer), &came[i]);
                        answered += came[i] > 0;
                }
                assert_true(answered > before && answered - before <= 2);
        }
        for (size_t i = 0; i + 1 < countof(sockets); i++)
                net->ops->close(net, sockets[i]);
        end();
}

/* ---- memory ---- */

static void test_every_allocation_may_fail(void **state)
{
        bool went_well = false;

        (void)state;
        for (unsigned long nth = 1; nth < 60 && !went_well; nth++) {
                struct net *server, *client;
                char got[TLS_PAIR_TEXT];

                begin(2048, NULL);
                server = pair.server.net;
                client = pair.client.net;
                memory_fail_at(nth);
                went_well =
                        server->ops->secure(server, pair.server.socket, PAIR_SERVER_TAG, (struct slice){0}, NULL) ==
                                ERR_OK &&
                        client->ops->secure(client, pair.client.socket, PAIR_CLIENT_TAG, (struct slice){0}, NAME) == ERR_OK;
                if (went_well) {
                        fake_net_set_read_max(pair.server.raw, 100);
                        for (int i = 0; i < 10; i++)
                                tls_pair_turn(&pair);
                        went_well = tls_pair_say(&pair.client, "hello") == ERR_OK;
                        tls_pair_turn(&pair);
                        went_well = went_well && tls_pair_get(&pair.server, got) == ERR_OK;
                }
                if (memory_fail_at(0) >= nth)
                        went_well = false;
                else
                        assert_true(went_well);
                end();
        }
        assert_true(went_well);
}

static int setup(void **state)
{
        (void)state;
        tls_folder_new();
        tls_make("ca", &(struct tls_wish){.authority = true});
        tls_make("good", &(struct tls_wish){.names = "DNS:" NAME ",IP:10.0.0.1", .signer = "ca"});
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
                cmocka_unit_test(test_bytes_go_both_ways),
                cmocka_unit_test(test_plain_sockets_pass_as_they_are),
                cmocka_unit_test(test_what_was_read_before_counts),
                cmocka_unit_test(test_a_byte_at_a_time),
                cmocka_unit_test(test_split_at_every_byte),
                cmocka_unit_test(test_much_goes_through_narrow_pipes),
                cmocka_unit_test(test_what_is_decrypted_is_announced),
                cmocka_unit_test(test_who_does_not_want_to_read_is_left_alone),
                cmocka_unit_test(test_a_slow_reader_is_waited_for),
                cmocka_unit_test(test_a_handshake_that_breaks_off_is_closed),
                cmocka_unit_test(test_a_handshake_has_a_deadline),
                cmocka_unit_test(test_half_a_record_has_a_deadline),
                cmocka_unit_test(test_half_records_are_bounded),
                cmocka_unit_test(test_what_is_no_tls_is_closed),
                cmocka_unit_test(test_a_changed_bit_is_noticed),
                cmocka_unit_test(test_a_broken_connection_ends),
                cmocka_unit_test(test_handshakes_are_counted),
                cmocka_unit_test(test_handshakes_leave_room_for_others),
                cmocka_unit_test(test_every_allocation_may_fail),
        };

        return cmocka_run_group_tests(tests, setup, teardown);
}
