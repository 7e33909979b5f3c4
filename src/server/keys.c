/*
 * The file has one line a key: "current HEX", perhaps "previous HEX", and "lasting HEX"; perhaps "from MS", when the current one began to
 * sign. galkad keys rotate changes the first two; the third stays, and a file without it is given one. It is written whole to a
 * temporary name, synced and renamed, so that a crash leaves either the old file or the new one.
 */
#include "server/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"
#include "crypto/random.h"

#define HEX_SIZE  (2 * CRYPTO_KEY_SIZE)
#define PATH_SIZE 4200

static bool parse_hex(const char *text, uint8_t key[static CRYPTO_KEY_SIZE])
{
        for (size_t i = 0; i < CRYPTO_KEY_SIZE; i++) {
                unsigned byte;

                if (strspn(text + 2 * i, "0123456789abcdef") < 2 || sscanf(text + 2 * i, "%2x", &byte) != 1)
                        return false;
                key[i] = (uint8_t)byte;
        }
        return true;
}

/* What a file must hold, and what of it was there. */
struct found {
        bool current, lasting;
};

static bool parse_line(const char *line, struct token_keys *keys, struct found *found)
{
        char name[16] = "", hex[HEX_SIZE + 2] = "";
        bool good = sscanf(line, "%15s %65s", name, hex) == 2 && strlen(hex) == HEX_SIZE;

        if (strcmp(name, "from") == 0)
                return sscanf(line, "from %" SCNu64, &keys->from_ms) == 1;
        if (good && strcmp(name, "current") == 0)
                good = found->current = parse_hex(hex, keys->current);
        else if (good && strcmp(name, "previous") == 0)
                good = keys->has_previous = parse_hex(hex, keys->previous);
        else if (good && strcmp(name, "lasting") == 0)
                good = found->lasting = parse_hex(hex, keys->lasting);
        else
                good = false;
        crypto_wipe(hex, sizeof(hex));
        return good;
}

static enum error read_keys(FILE *file, const char *path, struct token_keys *keys, struct found *found, char *text)
{
        char line[128];
        bool good = true;

        while (good && fgets(line, sizeof(line), file))
                good = parse_line(line, keys, found);
        crypto_wipe(line, sizeof(line));
        if (good && found->current)
                return ERR_OK;
        snprintf(text, KEYS_ERROR_SIZE,
                 "%.300s is damaged: put it back from a backup, or remove it and new keys are made (clients renew their "
                 "tokens by "
                 "themselves, but imported users' tokens end)",
                 path);
        return ERR_CONFIG;
}

static bool write_key(FILE *file, const char *name, const uint8_t key[static CRYPTO_KEY_SIZE])
{
        char hex[HEX_SIZE + 1];
        bool good;

        for (size_t i = 0; i < CRYPTO_KEY_SIZE; i++)
                snprintf(hex + 2 * i, 3, "%02x", key[i]);
        good = fprintf(file, "%s %s\n", name, hex) > 0;
        crypto_wipe(hex, sizeof(hex));
        return good;
}

static enum error write_keys(const char *path, const struct token_keys *keys, char *text)
{
        char temporary[PATH_SIZE + 8];
        int fd;
        FILE *file;
        bool good;

        snprintf(temporary, sizeof(temporary), "%s.new", path);
        fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        file = fd < 0 ? NULL : fdopen(fd, "w");
        good = file && write_key(file, "current", keys->current) &&
               (!keys->has_previous || write_key(file, "previous", keys->previous)) &&
               write_key(file, "lasting", keys->lasting) &&
               (!keys->from_ms || fprintf(file, "from %" PRIu64 "\n", keys->from_ms) > 0) && fflush(file) == 0 &&
               fsync(fd) == 0;
        if (file && fclose(file) != 0)
                good = false;
        if (good && rename(temporary, path) == 0)
                return ERR_OK;
        snprintf(text, KEYS_ERROR_SIZE, "cannot write %.300s: %s", path, strerror(errno));
        return ERR_SYSTEM;
}

/* OK without a file: *found says that nothing was there. */
static enum error read_file(const char *path, struct token_keys *keys, struct found *found, char *text)
{
        enum error error = ERR_OK;
        FILE *file = fopen(path, "re");

        memset(keys, 0, sizeof(*keys));
        *found = (struct found){0};
        if (!file && errno != ENOENT) {
                snprintf(text, KEYS_ERROR_SIZE, "cannot read %.300s: %s", path, strerror(errno));
                return ERR_SYSTEM;
        }
        if (file) {
                error = read_keys(file, path, keys, found, text);
                fclose(file);
        }
        return error;
}

static enum error complete(const char *path, struct token_keys *keys, const struct found *found, char *text)
{
        if (!found->current)
                crypto_random(keys->current, sizeof(keys->current));
        crypto_random(keys->lasting, sizeof(keys->lasting));
        return write_keys(path, keys, text);
}

enum error keys_load(const char *folder, struct token_keys *keys, char text[static KEYS_ERROR_SIZE])
{
        char path[PATH_SIZE];
        struct found found;
        enum error error;

        snprintf(path, sizeof(path), "%s/keys", folder);
        error = read_file(path, keys, &found, text);
        return error || found.lasting ? error : complete(path, keys, &found, text);
}

enum error keys_read(const char *path, struct token_keys *keys, char text[static KEYS_ERROR_SIZE])
{
        struct found found;
        enum error error = read_file(path, keys, &found, text);

        if (error || found.lasting)
                return error;
        snprintf(text, KEYS_ERROR_SIZE,
                 found.current ? "%.300s lacks its line 'lasting': it must be the whole file that all processes share"
                               : "there are no keys in %.300s: 'galkad keys FILE' makes a file once, all processes share "
                                 "copies of it",
                 path);
        return ERR_CONFIG;
}

enum error keys_open(const char *path, const char *folder, struct token_keys *keys, char text[static KEYS_ERROR_SIZE])
{
        return *path ? keys_read(path, keys, text) : keys_load(folder, keys, text);
}

enum error keys_make(const char *path, char text[static KEYS_ERROR_SIZE])
{
        const struct found nothing = {0};
        struct token_keys keys = {0};
        enum error error;

        if (access(path, F_OK) == 0 || errno != ENOENT) {
                snprintf(text, KEYS_ERROR_SIZE, "%.300s is there already: with other keys nobody's token is good any more",
                         path);
                return ERR_CONFIG;
        }
        error = complete(path, &keys, &nothing, text);
        crypto_wipe(&keys, sizeof(keys));
        return error;
}

enum error keys_rotate(const char *path, uint64_t now_ms, uint64_t from_ms, bool leaked, char text[static KEYS_ERROR_SIZE])
{
        struct token_keys keys;
        enum error error = keys_read(path, &keys, text);

        if (!error && !leaked && now_ms < keys.from_ms + KEYS_REST_MS) {
                uint64_t left = keys.from_ms + KEYS_REST_MS - now_ms;

                snprintf(text, KEYS_ERROR_SIZE,
                         "the key was changed less than a day ago: tokens of the one before would end. Again in %" PRIu64
                         " h, or --leaked if it leaked",
                         left / 3600000 + 1);
                error = ERR_CONFIG;
        }
        if (!error) {
                memcpy(keys.previous, keys.current, sizeof(keys.previous));
                keys.has_previous = !leaked;
                keys.from_ms = max_of(from_ms, now_ms);
                crypto_random(keys.current, sizeof(keys.current));
                error = write_keys(path, &keys, text);
        }
        crypto_wipe(&keys, sizeof(keys));
        return error;
}

void keys_at(const struct token_keys *file, uint64_t now_ms, struct token_keys *keys)
{
        *keys = *file;
        if (now_ms >= file->from_ms || !file->has_previous)
                return;
        memcpy(keys->current, file->previous, sizeof(keys->current));
        memcpy(keys->previous, file->current, sizeof(keys->previous));
}
