/* See upgrade.h. */
#include "frontend/upgrade.h"

#include <strings.h>

#include "base/assert.h"
#include "crypto/crypto.h"

#define GUID     "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
#define KEY_TEXT 24 /* base64 of 16 bytes */
#define KEY_SIZE 16
#define VERSION  "13"

_Static_assert(CRYPTO_BASE64_SIZE(CRYPTO_SHA1_SIZE) == UPGRADE_ACCEPT_SIZE, "the answer is a SHA-1 in base64");

static bool same(struct slice a, struct slice b)
{
        return a.size == b.size && strncasecmp((const char *)a.data, (const char *)b.data, a.size) == 0;
}

static bool names_websocket(struct slice list)
{
        struct slice element;

        while (request_next_element(&list, &element))
                if (same(element, SLICE_LITERAL("websocket")))
                        return true;
        return false;
}

static bool accept_key(struct slice key, char accept[static UPGRADE_ACCEPT_SIZE])
{
        uint8_t bytes[KEY_SIZE], text[KEY_TEXT + sizeof(GUID) - 1], hash[CRYPTO_SHA1_SIZE];
        size_t size;

        if (key.size != KEY_TEXT || !crypto_base64_read(key, bytes, sizeof(bytes), &size) || size != KEY_SIZE)
                return false;
        memcpy(text, key.data, KEY_TEXT);
        memcpy(text + KEY_TEXT, GUID, sizeof(GUID) - 1);
        crypto_sha1(slice_of(text, sizeof(text)), hash);
        crypto_base64(slice_of(hash, sizeof(hash)), accept);
        return true;
}

/* What follows "https://", or "http://". Empty: it is neither. */
static struct slice authority(struct slice origin, bool secure_only)
{
        static const char *const schemes[] = {"https://", "http://"};

        for (size_t i = 0; i < (secure_only ? 1 : countof(schemes)); i++) {
                size_t size = strlen(schemes[i]);

                if (origin.size > size && strncasecmp((const char *)origin.data, schemes[i], size) == 0)
                        return slice_of(origin.data + size, origin.size - size);
        }
        return (struct slice){0};
}

/* A page that came here without TLS is somebody else's in the eyes of one that came with it. */
static bool may_come_from(const struct request *request, const char *origins, bool secured)
{
        struct slice own = authority(request->origin, secured), list = slice_text(origins), element;

        if (!request->origin.data || (own.size > 0 && same(own, request->host)))
                return true;
        while (request_next_element(&list, &element))
                if (same(element, request->origin))
                        return true;
        return false;
}

uint16_t upgrade_answer(const struct request *request, const char *origins, bool secured,
                        char accept[static UPGRADE_ACCEPT_SIZE])
{
        if (!request->upgrades || request->first || request->method != REQUEST_GET || !names_websocket(request->upgrade) ||
            !slice_equal(request->version, SLICE_LITERAL(VERSION)))
                return 426;
        if (!may_come_from(request, origins, secured))
                return 403;
        return accept_key(request->key, accept) ? 101 : 400;
}

bool upgrade_origins_valid(const char *text)
{
        struct slice list = slice_text(text), element;

        while (request_next_element(&list, &element)) {
                struct slice rest = authority(element, false);

                if (rest.size == 0 || memchr(rest.data, '/', rest.size) || memchr(rest.data, '@', rest.size))
                        return false;
        }
        return true;
}
