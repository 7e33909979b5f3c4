/* The TLS filter and others: old and odd clients of another make, and certificates that are not to be trusted or used. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "base/assert.h"
#include "base/memory.h"
#include "support/tls_files.h"
#include "support/tls_pair.h"

#define NAME "galka.test"
#define PIPE 65536

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

/* ---- a client of another make ---- */

struct other {
        SSL_CTX *context;
        SSL *ssl;
        BIO *in, *out;
};

static void other_begin(struct other *other, int version)
{
        *other = (struct other){
                .context = SSL_CTX_new(TLS_client_method()), .in = BIO_new(BIO_s_mem()), .out = BIO_new(BIO_s_mem())};
        SSL_CTX_set_security_level(other->context, 0);
        assert_int_equal(SSL_CTX_set_min_proto_version(other->context, version), 1);
        assert_int_equal(SSL_CTX_set_max_proto_version(other->context, version), 1);
        other->ssl = SSL_new(other->context);
        SSL_set_bio(other->ssl, other->in, other->out);
        SSL_set_connect_state(other->ssl);
        begin(PIPE, NULL);
        secure_server();
}

/* Carries bytes between the other client and the server. */
static void other_turn(struct other *other)
{
        struct net *raw = pair.client.raw;

        for (int i = 0; i < 6; i++) {
                uint8_t bytes[16384];
                size_t got;
                int count = BIO_read(other->out, bytes, sizeof(bytes));

                if (count > 0)
                        say_raw(&pair.client, bytes, (size_t)count);
                tls_pair_turn(&pair);
                if (raw->ops->read(raw, pair.client.socket, bytes, sizeof(bytes), &got) == ERR_OK)
                        assert_int_equal(BIO_write(other->in, bytes, (int)got), got);
        }
}

static int other_handshake(struct other *other)
{
        int result = -1;

        for (int i = 0; i < 6 && result != 1; i++) {
                ERR_clear_error();
                result = SSL_do_handshake(other->ssl);
                if (result != 1 && SSL_get_error(other->ssl, result) != SSL_ERROR_WANT_READ)
                        break;
                other_turn(other);
        }
        return result;
}

static void other_end(struct other *other)
{
        SSL_free(other->ssl);
        SSL_CTX_free(other->context);
        end();
}

static void test_old_versions_are_refused(void **state)
{
        struct other other;

        (void)state;
        other_begin(&other, TLS1_1_VERSION);
        assert_int_equal(other_handshake(&other), -1);
        assert_int_equal(ERR_GET_REASON(ERR_peek_error()), SSL_R_TLSV1_ALERT_PROTOCOL_VERSION);
        tls_pair_expect_closed(&pair.server);
        other_end(&other);
        for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
                other_begin(&other, version);
                assert_int_equal(other_handshake(&other), 1);
                assert_true(SSL_CIPHER_is_aead(SSL_get_current_cipher(other.ssl)));
                assert_null(SSL_get_current_compression(other.ssl));
                other_end(&other);
        }
}

static void test_nothing_is_negotiated_again(void **state)
{
        struct other other;
        char got[TLS_PAIR_TEXT];
        int result;

        (void)state;
        other_begin(&other, TLS1_2_VERSION);
        assert_int_equal(other_handshake(&other), 1);
        assert_int_equal(SSL_renegotiate(other.ssl), 1);
        ERR_clear_error();
        for (int i = 0; i < 4; i++) {
                result = SSL_do_handshake(other.ssl);
                other_turn(&other);
                /* Nothing of it is taken for bytes of the owner. */
                assert_int_not_equal(tls_pair_get(&pair.server, got), ERR_OK);
        }
        assert_int_equal(result, -1);
        assert_int_equal(SSL_get_error(other.ssl, result), SSL_ERROR_SSL);
        assert_int_equal(loop_tls_counts(pair.server.net).done, 1);
        other_end(&other);
}

/* Who comes back with a ticket is spared the certificate. */
static void test_sessions_are_resumed(void **state)
{
        SSL_SESSION *session = NULL;

        (void)state;
        for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
                for (int i = 0; i < 2; i++) {
                        struct other other;
                        char bytes[8];

                        /* The same server for both connections. */
                        if (i == 0) {
                                other_begin(&other, version);
                        } else {
                                tls_pair_close(&pair.client);
                                tls_pair_close(&pair.server);
                                tls_pair_connect(&pair);
                                secure_server();
                                other = (struct other){.context = SSL_CTX_new(TLS_client_method()),
                                                       .in = BIO_new(BIO_s_mem()),
                                                       .out = BIO_new(BIO_s_mem())};
                                assert_int_equal(SSL_CTX_set_max_proto_version(other.context, version), 1);
                                other.ssl = SSL_new(other.context);
                                SSL_set_bio(other.ssl, other.in, other.out);
                                SSL_set_connect_state(other.ssl);
                                assert_int_equal(SSL_set_session(other.ssl, session), 1);
                                SSL_SESSION_free(session);
                                session = NULL;
                        }
                        assert_int_equal(other_handshake(&other), 1);
                        assert_int_equal(SSL_session_reused(other.ssl), i);
                        other_turn(&other);
                        (void)SSL_read(other.ssl, bytes, sizeof(bytes)); /* takes the ticket */
                        if (i == 0) {
                                session = SSL_get1_session(other.ssl);
                                SSL_set_shutdown(other.ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
                        }
                        SSL_free(other.ssl);
                        SSL_CTX_free(other.context);
                }
                end();
        }
}

/* Keys that are changed for ever cost a peer its connection rather than us our memory. */
static void test_updates_of_keys_do_not_pile_up(void **state)
{
        struct other other;
        char got[TLS_PAIR_TEXT];

        (void)state;
        other_begin(&other, TLS1_3_VERSION);
        assert_int_equal(other_handshake(&other), 1);
        for (int i = 0; i < 20000 && pair.server.net->held < PIPE; i++) {
                uint8_t bytes[4096];
                int count;
                struct slice part;
                size_t written;

                assert_int_equal(SSL_key_update(other.ssl, SSL_KEY_UPDATE_REQUESTED), 1);
                assert_int_equal(SSL_do_handshake(other.ssl), 1);
                count = BIO_read(other.out, bytes, sizeof(bytes));
                part = slice_of(bytes, count > 0 ? (size_t)count : 0);
                if (pair.client.raw->ops->write(pair.client.raw, pair.client.socket, &part, 1, &written) != ERR_OK)
                        break;
                tls_pair_turn(&pair);
                if (tls_pair_get(&pair.server, got) == ERR_CLOSED)
                        break;
        }
        assert_true(pair.server.net->held <= PIPE + 17000);
        other_end(&other);
}

/* ---- names and certificates ---- */

static void expect_refused(const char *certificate, const char *name, const char *words)
{
        tls_pair_start(&pair, certificate, "ca", PIPE, NULL);
        tls_pair_connect(&pair);
        tls_pair_secure(&pair, name);
        tls_pair_expect_closed(&pair.client);
        if (!strstr(loop_tls_why(pair.client.net), words))
                fail_msg("'%s' does not say '%s'", loop_tls_why(pair.client.net), words);
        tls_pair_expect_closed(&pair.server);
        end();
}

static void test_names_are_verified(void **state)
{
        (void)state;
        expect_refused("good", "other.test", "another name");
        expect_refused("good", "10.0.0.2", "another name");
        expect_refused("good", "x." NAME, "another name");
        expect_refused("expired", NAME, "has expired");
        expect_refused("early", NAME, "not valid yet");
        expect_refused("stranger", NAME, "signed itself");
        expect_refused("unknown", NAME, "nobody who is trusted");
        expect_refused("nameless", "nameless", "another name");
        tls_pair_start(&pair, "good", "ca", PIPE, NULL);
        tls_pair_connect(&pair);
        tls_pair_secure(&pair, "10.0.0.1");
        tls_pair_talk(&pair);
        end();
}

static void test_a_plain_server_is_told_from_a_wrong_one(void **state)
{
        const uint8_t frame[] = {0, 0, 0, 9, 3, 1, 2, 3, 4, 5, 6, 7, 8};
        struct net *net;

        (void)state;
        begin(PIPE, NULL);
        net = pair.client.net;
        assert_int_equal(net->ops->secure(net, pair.client.socket, PAIR_CLIENT_TAG, (struct slice){0}, NAME), ERR_OK);
        say_raw(&pair.server, frame, sizeof(frame));
        tls_pair_expect_closed(&pair.client);
        assert_non_null(strstr(loop_tls_why(net), "does not speak TLS"));
        end();
}

static void expect_bad(const char *certificate, const char *key, const char *words)
{
        struct tls_context *context = (void *)1;
        char why[TLS_WHY_SIZE] = "";

        assert_int_equal(tls_server_new(tls_path(certificate), tls_path(key), &context, why), ERR_CONFIG);
        assert_null(context);
        if (!strstr(why, words) || strchr(why, '\n'))
                fail_msg("'%s' does not say '%s' in one line", why, words);
}

static void test_bad_files_are_named(void **state)
{
        struct tls_context *context;
        char why[TLS_WHY_SIZE] = "";

        (void)state;
        tls_write("empty", "");
        tls_write("text", "what is this?\n");
        expect_bad("missing", "good.key", "missing: No such file");
        expect_bad("good.pem", "missing", "missing: No such file");
        expect_bad("", "good.key", "Is a directory");
        expect_bad("empty", "good.key", "is empty");
        expect_bad("text", "good.key", "not in PEM");
        expect_bad("good.key", "good.key", "not in PEM");
        expect_bad("good.pem", "text", "not in PEM");
        expect_bad("good.pem", "locked.key", "password");
        expect_bad("good.pem", "stranger.key", "does not belong to the certificate");
        assert_int_equal(tls_client_new(tls_path("missing"), &context, why), ERR_CONFIG);
        assert_non_null(strstr(why, "No such file"));
        assert_int_equal(tls_client_new(tls_path("text"), &context, why), ERR_CONFIG);
        assert_null(context);
}

static void test_a_reload_is_for_those_who_come(void **state)
{
        char why[TLS_WHY_SIZE];
        uint64_t before_ms;

        (void)state;
        tls_make("changing", &(struct tls_wish){.names = "DNS:" NAME, .signer = "ca"});
        tls_pair_start(&pair, "changing", "ca", PIPE, NULL);
        tls_pair_connect(&pair);
        tls_pair_secure(&pair, NAME);
        tls_pair_talk(&pair);
        before_ms = tls_server_expires_ms(pair.server_context);
        /* A broken one changes nothing. */
        tls_write("changing.pem", "broken\n");
        assert_int_equal(tls_server_reload(pair.server_context, why), ERR_CONFIG);
        assert_int_equal(tls_server_expires_ms(pair.server_context), before_ms);
        tls_pair_talk(&pair);
        tls_make("changing", &(struct tls_wish){.names = "DNS:new.test", .signer = "ca", .from_s = -60, .to_s = 9 * 86400});
        assert_int_equal(tls_server_reload(pair.server_context, why), ERR_OK);
        assert_true(tls_server_expires_ms(pair.server_context) > before_ms + 7ull * 86400 * 1000);
        tls_pair_talk(&pair);
        tls_pair_close(&pair.client);
        tls_pair_close(&pair.server);
        tls_pair_connect(&pair);
        tls_pair_secure(&pair, "new.test");
        tls_pair_talk(&pair);
        end();
}

static int setup(void **state)
{
        (void)state;
        tls_folder_new();
        tls_make("ca", &(struct tls_wish){.authority = true});
        tls_make("false-ca", &(struct tls_wish){.authority = true});
        tls_make("good", &(struct tls_wish){.names = "DNS:" NAME ",IP:10.0.0.1", .signer = "ca"});
        tls_make("expired", &(struct tls_wish){.names = "DNS:" NAME, .signer = "ca", .from_s = -7200, .to_s = -3600});
        tls_make("early", &(struct tls_wish){.names = "DNS:" NAME, .signer = "ca", .from_s = 3600, .to_s = 7200});
        tls_make("stranger", &(struct tls_wish){.names = "DNS:" NAME});
        tls_make("unknown", &(struct tls_wish){.names = "DNS:" NAME, .signer = "false-ca"});
        tls_make("nameless", &(struct tls_wish){.names = "DNS:else.test", .signer = "ca"});
        tls_make("locked", &(struct tls_wish){.names = "DNS:" NAME, .signer = "ca", .password = "secret"});
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
                cmocka_unit_test(test_old_versions_are_refused),
                cmocka_unit_test(test_nothing_is_negotiated_again),
                cmocka_unit_test(test_sessions_are_resumed),
                cmocka_unit_test(test_updates_of_keys_do_not_pile_up),
                cmocka_unit_test(test_names_are_verified),
                cmocka_unit_test(test_a_plain_server_is_told_from_a_wrong_one),
                cmocka_unit_test(test_bad_files_are_named),
                cmocka_unit_test(test_a_reload_is_for_those_who_come),
        };

        return cmocka_run_group_tests(tests, setup, teardown);
}
