/*
 * The file has one line a key: "current HEX" and perhaps "previous HEX". It is written whole to a temporary name, synced and
 * renamed, so that a crash leaves either none or all of it.
 */
#include "server/keys.h"

#include <errno.h>
#include <fcntl.h>
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

static bool parse_line(const char *line, struct token_keys *keys, bool *has_current)
{
        char name[16] = "", hex[HEX_SIZE + 2] = "";
        bool good = sscanf(line, "%15s %65s", name, hex) == 2 && strlen(hex) == HEX_SIZE;

        if (good && strcmp(name, "current") == 0)
                return *has_current = parse_hex(hex, keys->current);
        if (good && strcmp(name, "previous") == 0)
                return keys->has_previous = parse_hex(hex, keys->previous);
        return false;
}

static enum error read_keys(FILE *file, const char *path, struct token_keys *keys, char *text)
{
        char line[128];
        bool has_current = false, good = true;

        while (good && fgets(line, sizeof(line), file))
                good = parse_line(line, keys, &has_current);
        crypto_wipe(line, sizeof(line));
        if (good && has_current)
                return ERR_OK;
        snprintf(text, KEYS_ERROR_SIZE, "%.300s is damaged: put it back from a backup (a new one would sign everybody out)",
                 path);
        return ERR_CONFIG;
}

static enum error write_keys(const char *path, const struct token_keys *keys, char *text)
{
        char temporary[PATH_SIZE + 8], hex[HEX_SIZE + 1];
        int fd;
        FILE *file;
        bool good;

        snprintf(temporary, sizeof(temporary), "%s.new", path);
        fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        file = fd < 0 ? NULL : fdopen(fd, "w");
        for (size_t i = 0; i < CRYPTO_KEY_SIZE; i++)
                snprintf(hex + 2 * i, 3, "%02x", keys->current[i]);
        good = file && fprintf(file, "current %s\n", hex) > 0 && fflush(file) == 0 && fsync(fd) == 0;
        crypto_wipe(hex, sizeof(hex));
        if (file && fclose(file) != 0)
                good = false;
        if (good && rename(temporary, path) == 0)
                return ERR_OK;
        snprintf(text, KEYS_ERROR_SIZE, "cannot write %.300s: %s", path, strerror(errno));
        return ERR_SYSTEM;
}

enum error keys_load(const char *folder, struct token_keys *keys, char text[static KEYS_ERROR_SIZE])
{
        char path[PATH_SIZE];
        enum error error;
        FILE *file;

        memset(keys, 0, sizeof(*keys));
        snprintf(path, sizeof(path), "%s/keys", folder);
        file = fopen(path, "re");
        if (!file && errno == ENOENT) {
                crypto_random(keys->current, sizeof(keys->current));
                return write_keys(path, keys, text);
        }
        if (!file) {
                snprintf(text, KEYS_ERROR_SIZE, "cannot read %.300s: %s", path, strerror(errno));
                return ERR_SYSTEM;
        }
        error = read_keys(file, path, keys, text);
        fclose(file);
        return error;
}
