/* Hashes against published vectors (FIPS 180-4, RFC 4231), digests of parts, comparison, tokens. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/assert.h"
#include "crypto/random.h"
#include "crypto/token.h"

static void assert_hex(const uint8_t hash[CRYPTO_HASH_SIZE], const char *hex)
{
        static const char digits[] = "0123456789abcdef";
        char text[2 * CRYPTO_HASH_SIZE + 1] = {0};

        for (size_t i = 0; i < CRYPTO_HASH_SIZE; i++) {
                text[2 * i] = digits[hash[i] >> 4];
                text[2 * i + 1] = digits[hash[i] & 15];
        }
        assert_string_equal(text, hex);
}

static void test_sha256(void **state)
{
        uint8_t hash[CRYPTO_HASH_SIZE];

        (void)state;
        crypto_sha256(slice_text(""), hash);
        assert_hex(hash, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        crypto_sha256(slice_text("abc"), hash);
        assert_hex(hash, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        crypto_sha256(slice_text("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"), hash);
        assert_hex(hash, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

static void test_sum_by_pieces(void **state)
{
        static const char text[] = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
        struct crypto_sum sum;
        uint8_t hash[CRYPTO_HASH_SIZE];

        (void)state;
        crypto_sum_begin(&sum);
        crypto_sum_end(&sum, hash);
        assert_hex(hash, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        for (size_t cut = 0; cut < sizeof(text); cut++) {
                crypto_sum_begin(&sum);
                crypto_sum_add(&sum, slice_of(text, cut));
                crypto_sum_add(&sum, slice_of(text + cut, sizeof(text) - 1 - cut));
                crypto_sum_end(&sum, hash);
                assert_hex(hash, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
        }
}

/* RFC 4231, those cases whose key fits 32 bytes: HMAC fills a key up with zeros itself. */
static void test_hmac(void **state)
{
        uint8_t key[CRYPTO_KEY_SIZE], mac[CRYPTO_HASH_SIZE], data[50];

        (void)state;
        memset(key, 0, sizeof(key));
        memset(key, 0x0b, 20);
        crypto_hmac(key, slice_text("Hi There"), mac);
        assert_hex(mac, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
        memset(key, 0, sizeof(key));
        memcpy(key, "Jefe", 4);
        crypto_hmac(key, slice_text("what do ya want for nothing?"), mac);
        assert_hex(mac, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
        memset(key, 0, sizeof(key));
        memset(key, 0xaa, 20);
        memset(data, 0xdd, sizeof(data));
        crypto_hmac(key, slice_of(data, sizeof(data)), mac);
        assert_hex(mac, "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
        memset(key, 0, sizeof(key));
        for (uint8_t i = 0; i < 25; i++)
                key[i] = (uint8_t)(i + 1);
        memset(data, 0xcd, sizeof(data));
        crypto_hmac(key, slice_of(data, sizeof(data)), mac);
        assert_hex(mac, "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b");
}

/* Parts cannot run together, nor pass for one. */
static void test_digest_of_parts(void **state)
{
        const struct slice cases[][3] = {
                {SLICE_LITERAL("ab"), SLICE_LITERAL("c"), SLICE_LITERAL("")},
                {SLICE_LITERAL("a"), SLICE_LITERAL("bc"), SLICE_LITERAL("")},
                {SLICE_LITERAL("abc"), SLICE_LITERAL(""), SLICE_LITERAL("")},
                {SLICE_LITERAL(""), SLICE_LITERAL("abc"), SLICE_LITERAL("")},
        };
        uint8_t digests[countof(cases) + 2][CRYPTO_HASH_SIZE], again[CRYPTO_HASH_SIZE];

        (void)state;
        for (size_t i = 0; i < countof(cases); i++)
                crypto_digest(cases[i], 3, digests[i]);
        crypto_digest(cases[0], 2, digests[countof(cases)]);
        crypto_digest(NULL, 0, digests[countof(cases) + 1]);
        for (size_t i = 0; i < countof(digests); i++)
                for (size_t j = 0; j < i; j++)
                        assert_memory_not_equal(digests[i], digests[j], CRYPTO_HASH_SIZE);
        crypto_digest(cases[1], 3, again);
        assert_memory_equal(again, digests[1], CRYPTO_HASH_SIZE);
}

static void test_comparison_and_wiping(void **state)
{
        uint8_t a[32], b[32], zero[32] = {0};

        (void)state;
        crypto_random(a, sizeof(a));
        memcpy(b, a, sizeof(a));
        assert_true(crypto_equal(a, b, sizeof(a)));
        for (size_t i = 0; i < sizeof(a); i++) {
                b[i] ^= 0x80;
                assert_false(crypto_equal(a, b, sizeof(a)));
                b[i] ^= 0x80;
        }
        crypto_random(b, sizeof(b));
        assert_false(crypto_equal(a, b, sizeof(a)));
        crypto_wipe(a, sizeof(a));
        assert_memory_equal(a, zero, sizeof(a));
}

static void test_tokens(void **state)
{
        struct token_keys keys = {.has_previous = false}, rotated = {.has_previous = true}, twice = {.has_previous = true};
        uint8_t token[TOKEN_SIZE], again[TOKEN_SIZE];

        (void)state;
        crypto_random(keys.current, sizeof(keys.current));
        memcpy(rotated.previous, keys.current, CRYPTO_KEY_SIZE);
        crypto_random(rotated.current, sizeof(rotated.current));
        memcpy(twice.previous, rotated.current, CRYPTO_KEY_SIZE);
        crypto_random(twice.current, sizeof(twice.current));
        token_mint(&keys, 7, 9, token);
        assert_int_equal(be64_get(token), 7);
        assert_int_equal(token_verify(&keys, 7, 9, token + 8), TOKEN_GOOD);
        assert_int_equal(token_verify(&keys, 8, 9, token + 8), TOKEN_BAD); /* another's name on it */
        assert_int_equal(token_verify(&keys, 9, 7, token + 8), TOKEN_BAD);
        assert_int_equal(token_verify(&keys, 7, 10, token + 8), TOKEN_BAD); /* another device */
        for (size_t i = 0; i < TOKEN_MAC_SIZE; i++) {
                token[8 + i] ^= 1;
                assert_int_equal(token_verify(&keys, 7, 9, token + 8), TOKEN_BAD);
                token[8 + i] ^= 1;
        }
        assert_int_equal(token_verify(&rotated, 7, 9, token + 8), TOKEN_OLD_KEY);
        rotated.has_previous = false;
        assert_int_equal(token_verify(&rotated, 7, 9, token + 8), TOKEN_BAD);
        assert_int_equal(token_verify(&twice, 7, 9, token + 8), TOKEN_BAD); /* keys changed twice */
        token_mint(&keys, 7, 9, again);
        assert_memory_equal(token, again, TOKEN_SIZE);
        /* Without a previous key an all-zero one must not be good. */
        memset(&twice, 0, sizeof(twice));
        token_mint(&twice, 7, 9, token);
        assert_int_equal(token_verify(&keys, 7, 9, token + 8), TOKEN_BAD);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_sha256),
                cmocka_unit_test(test_sum_by_pieces),
                cmocka_unit_test(test_hmac),
                cmocka_unit_test(test_digest_of_parts),
                cmocka_unit_test(test_comparison_and_wiping),
                cmocka_unit_test(test_tokens),
        };

        return cmocka_run_group_tests_name("crypto", tests, NULL, NULL);
}
