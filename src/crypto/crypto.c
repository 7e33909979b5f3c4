/* Thin over libsodium, whose functions here need no set-up and cannot fail; SHA-1, which it leaves out, over libcrypto. */
#include "crypto/crypto.h"

#include <openssl/sha.h>
#include <sodium.h>

void crypto_sha256(struct slice bytes, uint8_t hash[static CRYPTO_HASH_SIZE])
{
        crypto_hash_sha256(hash, bytes.data, bytes.size);
}

void crypto_sha1(struct slice bytes, uint8_t hash[static CRYPTO_SHA1_SIZE])
{
        (void)SHA1(bytes.data, bytes.size, hash);
}

void crypto_base64(struct slice bytes, char *text)
{
        (void)sodium_bin2base64(text, CRYPTO_BASE64_SIZE(bytes.size), bytes.data, bytes.size,
                                sodium_base64_VARIANT_ORIGINAL);
}

bool crypto_base64_read(struct slice text, uint8_t *bytes, size_t room, size_t *size)
{
        return sodium_base642bin(bytes, room, (const char *)text.data, text.size, NULL, size, NULL,
                                 sodium_base64_VARIANT_ORIGINAL) == 0;
}

void crypto_digest(const struct slice *parts, size_t count, uint8_t hash[static CRYPTO_HASH_SIZE])
{
        crypto_hash_sha256_state state;

        crypto_hash_sha256_init(&state);
        for (size_t i = 0; i < count; i++) {
                uint8_t size[8];

                be64_put(size, parts[i].size);
                crypto_hash_sha256_update(&state, size, sizeof(size));
                crypto_hash_sha256_update(&state, parts[i].data, parts[i].size);
        }
        crypto_hash_sha256_final(&state, hash);
}

_Static_assert(sizeof(crypto_hash_sha256_state) <= sizeof(struct crypto_sum), "a sum has room for libsodium's state");

void crypto_sum_begin(struct crypto_sum *sum)
{
        crypto_hash_sha256_init((crypto_hash_sha256_state *)sum->state);
}

void crypto_sum_add(struct crypto_sum *sum, struct slice bytes)
{
        crypto_hash_sha256_update((crypto_hash_sha256_state *)sum->state, bytes.data, bytes.size);
}

void crypto_sum_end(struct crypto_sum *sum, uint8_t hash[static CRYPTO_HASH_SIZE])
{
        crypto_hash_sha256_final((crypto_hash_sha256_state *)sum->state, hash);
}

void crypto_hmac(const uint8_t key[static CRYPTO_KEY_SIZE], struct slice bytes, uint8_t mac[static CRYPTO_HASH_SIZE])
{
        crypto_auth_hmacsha256(mac, bytes.data, bytes.size, key);
}

bool crypto_equal(const void *a, const void *b, size_t size)
{
        return sodium_memcmp(a, b, size) == 0;
}

void crypto_wipe(void *bytes, size_t size)
{
        sodium_memzero(bytes, size);
}
