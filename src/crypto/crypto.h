/* Hashes, HMAC, comparison in constant time, keys: over libsodium and OpenSSL's libcrypto. */
#ifndef GALKA_CRYPTO_CRYPTO_H
#define GALKA_CRYPTO_CRYPTO_H

#include "base/slice.h"

#define CRYPTO_HASH_SIZE 32
#define CRYPTO_KEY_SIZE  32

/* SHA-256 (FIPS 180-4). */
void crypto_sha256(struct slice bytes, uint8_t hash[static CRYPTO_HASH_SIZE]);

/* SHA-1 (FIPS 180-4): WebSocket's handshake asks for it, which keeps no secret by it. For nothing else. */
#define CRYPTO_SHA1_SIZE 20
void crypto_sha1(struct slice bytes, uint8_t hash[static CRYPTO_SHA1_SIZE]);

/* Base64 (RFC 4648, section 4) with a NUL behind it: text has room for CRYPTO_BASE64_SIZE(bytes.size). */
#define CRYPTO_BASE64_SIZE(size) (((size) + 2) / 3 * 4 + 1)
void crypto_base64(struct slice bytes, char *text);

/* The bytes of such a text, not more than `room`; false: it is none, or too long. */
bool crypto_base64_read(struct slice text, uint8_t *bytes, size_t room, size_t *size) __attribute__((warn_unused_result));

/* SHA-256 over several parts, each preceded by its length as 8 bytes, so that parts cannot run together. */
void crypto_digest(const struct slice *parts, size_t count, uint8_t hash[static CRYPTO_HASH_SIZE]);

/* SHA-256 of what comes piece by piece: begin, add …, end. */
struct crypto_sum {
        _Alignas(16) uint8_t state[128];
};

void crypto_sum_begin(struct crypto_sum *sum);
void crypto_sum_add(struct crypto_sum *sum, struct slice bytes);
void crypto_sum_end(struct crypto_sum *sum, uint8_t hash[static CRYPTO_HASH_SIZE]);

/* HMAC-SHA-256 (RFC 2104). */
void crypto_hmac(const uint8_t key[static CRYPTO_KEY_SIZE], struct slice bytes, uint8_t mac[static CRYPTO_HASH_SIZE]);

/* True if equal; takes the same time wherever they differ. */
bool crypto_equal(const void *a, const void *b, size_t size);

/* Overwrites, and the compiler may not leave it out. */
void crypto_wipe(void *bytes, size_t size);

#endif
