/* See proxy.h. */
#include "frontend/proxy.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"

#define MAPPED_BITS 96 /* before the 32 of an IPv4 address */
#define BLOCK_SIZE  64 /* one block as text */

enum {
        VERSION_AT = 12, /* version 2 in the high half, what is meant in the low one */
        FAMILY_AT,
        LENGTH_AT,
        SPEAKS_FOR_ITSELF = 0x20,
        SPEAKS_FOR_CLIENT = 0x21,
        FAMILY_TCP4 = 0x11,
        FAMILY_TCP6 = 0x21,
        FAMILY_LAST = 0x32,
        SIZE_TCP4 = 12, /* two addresses, two ports */
        SIZE_TCP6 = 36
};

static const uint8_t signature[VERSION_AT] = {0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a};

/* ---- whom to believe ---- */

static void map_ip4(const uint8_t ip4[static 4], uint8_t ip[static 16])
{
        memset(ip, 0, 10);
        memset(ip + 10, 0xff, 2);
        memcpy(ip + 12, ip4, 4);
}

/* "ADDRESS" or "ADDRESS/BITS". */
static bool parse_block(const char *text, uint8_t ip[static 16], uint8_t *bits)
{
        char address[BLOCK_SIZE], *slash, *end = NULL;
        unsigned long count, most = 128, before = 0;
        uint8_t ip4[4];

        snprintf(address, sizeof(address), "%s", text);
        slash = strchr(address, '/');
        if (slash)
                *slash++ = '\0';
        if (inet_pton(AF_INET, address, ip4) == 1) {
                map_ip4(ip4, ip);
                most = 32;
                before = MAPPED_BITS;
        } else if (inet_pton(AF_INET6, address, ip) != 1) {
                return false;
        }
        if (slash && (*slash < '0' || *slash > '9'))
                return false;
        count = slash ? strtoul(slash, &end, 10) : most;
        if ((end && *end) || count > most)
                return false;
        *bits = (uint8_t)(before + count);
        return true;
}

enum error proxy_trust_parse(const char *text, struct proxy_trust *trust)
{
        *trust = (struct proxy_trust){0};
        while (*text) {
                size_t size = strcspn(text, ",");
                char block[BLOCK_SIZE];

                if (trust->count == PROXY_BLOCKS_MAX)
                        return ERR_FULL;
                if (size >= sizeof(block))
                        return ERR_CONFIG;
                memcpy(block, text, size);
                block[size] = '\0';
                if (!parse_block(block, trust->blocks[trust->count].ip, &trust->blocks[trust->count].bits))
                        return ERR_CONFIG;
                trust->count++;
                text += size;
                if (*text && !*++text)
                        return ERR_CONFIG; /* a comma with nothing after it */
        }
        return ERR_OK;
}

static bool begins_equal(const uint8_t *a, const uint8_t *b, unsigned bits)
{
        unsigned whole = bits / 8, rest = bits % 8;

        return memcmp(a, b, whole) == 0 && (rest == 0 || (a[whole] ^ b[whole]) >> (8 - rest) == 0);
}

bool proxy_trusts(const struct proxy_trust *trust, const struct net_address *peer)
{
        for (uint32_t i = 0; i < trust->count; i++)
                if (begins_equal(trust->blocks[i].ip, peer->ip, trust->blocks[i].bits))
                        return true;
        return false;
}

/* ---- what it says ---- */

size_t proxy_header_size(struct slice bytes, enum error *error)
{
        size_t size;

        if (memcmp(bytes.data, signature, min_of(bytes.size, sizeof(signature))) != 0) {
                *error = ERR_BAD_FRAME;
                return 0;
        }
        if (bytes.size < PROXY_HEAD_SIZE)
                return 0;
        size = PROXY_HEAD_SIZE + ((size_t)bytes.data[LENGTH_AT] << 8 | bytes.data[LENGTH_AT + 1]);
        if (size <= PROXY_SIZE_MAX)
                return size;
        *error = ERR_TOO_LARGE;
        return 0;
}

enum error proxy_header_parse(struct slice header, struct net_address *client, bool *known)
{
        const uint8_t *body = header.data + PROXY_HEAD_SIZE;
        size_t size = header.size - PROXY_HEAD_SIZE;
        uint8_t said, family;

        check(header.size >= PROXY_HEAD_SIZE);
        said = header.data[VERSION_AT];
        family = header.data[FAMILY_AT];
        *client = (struct net_address){0};
        *known = false;
        if ((said != SPEAKS_FOR_ITSELF && said != SPEAKS_FOR_CLIENT) || family > FAMILY_LAST || (family & 15) > 2)
                return ERR_BAD_FRAME;
        if (said == SPEAKS_FOR_ITSELF || (family != FAMILY_TCP4 && family != FAMILY_TCP6))
                return ERR_OK;
        if (size < (family == FAMILY_TCP4 ? SIZE_TCP4 : SIZE_TCP6))
                return ERR_BAD_FRAME;
        if (family == FAMILY_TCP4) {
                map_ip4(body, client->ip);
                client->port = (uint16_t)(body[8] << 8 | body[9]);
        } else {
                memcpy(client->ip, body, sizeof(client->ip));
                client->port = (uint16_t)(body[32] << 8 | body[33]);
        }
        *known = true;
        return ERR_OK;
}
