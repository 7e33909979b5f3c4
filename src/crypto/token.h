/*
 * Tokens (PROTOCOL, Token): user id (8 bytes) + HMAC-SHA256 over (user id, device id). The current key and the one before are
 * good; keys come from a file of the server's (server/keys.h), which holds one more: it signs nothing, and does not change with them.
 */
#ifndef GALKA_CRYPTO_TOKEN_H
#define GALKA_CRYPTO_TOKEN_H

#include "crypto/crypto.h"

#define TOKEN_SIZE     40
#define TOKEN_MAC_SIZE 32

struct token_keys {
        uint8_t current[CRYPTO_KEY_SIZE];
        uint8_t previous[CRYPTO_KEY_SIZE];
        bool has_previous;
        uint64_t from_ms; /* for who holds the file of keys (server/keys.h): before that the previous one signs */
        uint8_t lasting[CRYPTO_KEY_SIZE]; /* what must come out the same after years: digests of requests, codes */
};

enum token_verdict { TOKEN_BAD, TOKEN_GOOD, TOKEN_OLD_KEY };

void token_mint(const struct token_keys *keys, uint64_t user, uint64_t device, uint8_t token[static TOKEN_SIZE]);

enum token_verdict token_verify(const struct token_keys *keys, uint64_t user, uint64_t device,
                                const uint8_t mac[static TOKEN_MAC_SIZE]);

#endif
