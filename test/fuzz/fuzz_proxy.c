/*
 * The PROXY header: what a balancer says, whole and in pieces, and the list of those who are believed. Input: one byte that chooses
 * which of the two gets the rest.
 *
 * What is checked: however the bytes are cut, they are the same header, or none; a size fits its bounds; nothing is read past the
 * header; a list that was taken trusts the addresses it names.
 */
#include <stdlib.h>

#include "base/assert.h"
#include "frontend/proxy.h"
#include "fuzz.h"

static void parse_trust(const uint8_t *data, size_t size)
{
        char *text = malloc(size + 1);
        struct proxy_trust trust;
        enum error error;

        check(text);
        if (size)
                memcpy(text, data, size);
        text[size] = '\0';
        error = proxy_trust_parse(text, &trust);
        check(error == ERR_OK || error == ERR_CONFIG || error == ERR_FULL);
        check(trust.count <= PROXY_BLOCKS_MAX);
        for (uint32_t i = 0; !error && i < trust.count; i++) {
                struct net_address peer = {0};

                memcpy(peer.ip, trust.blocks[i].ip, sizeof(peer.ip));
                check(proxy_trusts(&trust, &peer));
        }
        free(text);
}

static void parse_header(const uint8_t *data, size_t size)
{
        enum error whole_error = ERR_OK;
        size_t whole = proxy_header_size(slice_of(data, size), &whole_error);

        check(whole <= PROXY_SIZE_MAX && (whole == 0 || (whole_error == ERR_OK && whole >= PROXY_HEAD_SIZE)));
        for (size_t part = 0; part < size; part++) {
                enum error error = ERR_OK;
                size_t told = proxy_header_size(slice_of(data, part), &error);

                /* What a part tells is not taken back. */
                check(!error || (error == whole_error && told == 0));
                check(told == 0 || told == whole);
        }
        if (whole && whole <= size) {
                uint8_t *alone = malloc(whole); /* so that a byte read past it is seen */
                struct net_address client;
                enum error error;
                bool known;

                check(alone);
                memcpy(alone, data, whole);
                error = proxy_header_parse(slice_of(alone, whole), &client, &known);
                check(error == ERR_OK || (error == ERR_BAD_FRAME && !known));
                free(alone);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        if (size == 0 || size > 2 * PROXY_SIZE_MAX)
                return 0;
        if (data[0] % 2)
                parse_trust(data + 1, size - 1);
        else
                parse_header(data + 1, size - 1);
        return 0;
}
