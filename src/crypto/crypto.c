/* Thin over libsodium, whose functions here need no set-up and cannot fail. */
#include "crypto/crypto.h"

#include <sodium.h>

void crypto_sha256(struct slice bytes, uint8_t hash[static CRYPTO_HASH_SIZE])
{
        crypto_hash_sha256(hash, bytes.data, bytes.size);
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
