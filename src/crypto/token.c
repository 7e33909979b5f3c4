/* user (8) + HMAC-SHA256(key, user (8) || device (8)), network byte order. */
#include "crypto/token.h"

static void make_mac(const uint8_t *key, uint64_t user, uint64_t device, uint8_t mac[static TOKEN_MAC_SIZE])
{
        uint8_t ids[16];

        be64_put(ids, user);
        be64_put(ids + 8, device);
        crypto_hmac(key, slice_of(ids, sizeof(ids)), mac);
}

void token_mint(const struct token_keys *keys, uint64_t user, uint64_t device, uint8_t token[static TOKEN_SIZE])
{
        be64_put(token, user);
        make_mac(keys->current, user, device, token + 8);
}

enum token_verdict token_verify(const struct token_keys *keys, uint64_t user, uint64_t device,
                                const uint8_t mac[static TOKEN_MAC_SIZE])
{
        uint8_t right[TOKEN_MAC_SIZE];

        make_mac(keys->current, user, device, right);
        if (crypto_equal(right, mac, sizeof(right)))
                return TOKEN_GOOD;
        if (!keys->has_previous)
                return TOKEN_BAD;
        make_mac(keys->previous, user, device, right);
        return crypto_equal(right, mac, sizeof(right)) ? TOKEN_OLD_KEY : TOKEN_BAD;
}
