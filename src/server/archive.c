/* What a manifest and what the header of a tar entry look like is decided here. See archive.h. */
#include "server/archive.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/memory.h"
#include "server/server.h"

#define BLOCK        512 /* of tar */
#define CHUNK        65536
#define MANIFEST     "manifest"
#define FIRST_LINE   "galka-backup 1\n"
#define HEX_SIZE     (2 * CRYPTO_HASH_SIZE + 1)
#define OCTAL_MAX    077777777777 /* in eleven digits */
#define SIZE_FIELD   124
#define SIZE_DIGITS  12
#define SUM_FIELD    148
#define SUM_DIGITS   8
#define LINE_MAX_IN  256
#define SECOND_MS    1000
#define SIZE_MAX_ALL (1ULL << 50) /* of one file: sums of sizes cannot overflow */

/* ---- headers ---- */

static unsigned header_sum(const uint8_t header[static BLOCK])
{
        unsigned sum = 0;

        for (size_t i = 0; i < BLOCK; i++)
                sum += i >= SUM_FIELD && i < SUM_FIELD + SUM_DIGITS ? ' ' : header[i];
        return sum;
}

static void header_put(uint8_t header[static BLOCK], const char *name, uint64_t size, uint64_t time_s)
{
        char *text = (char *)header;

        memset(header, 0, BLOCK);
        snprintf(text, 100, "%s", name);
        snprintf(text + 100, 8, "0000600");
        snprintf(text + 108, 8, "0000000");
        snprintf(text + 116, 8, "0000000");
        if (size <= OCTAL_MAX) {
                snprintf(text + SIZE_FIELD, SIZE_DIGITS, "%011" PRIo64, size);
        } else { /* as GNU tar writes it */
                header[SIZE_FIELD] = 0x80;
                be64_put(header + SIZE_FIELD + SIZE_DIGITS - 8, size);
        }
        snprintf(text + 136, 12, "%011" PRIo64, time_s & OCTAL_MAX);
        text[156] = '0';
        memcpy(text + 257, "ustar\00000", 8);
        snprintf(text + SUM_FIELD, SUM_DIGITS - 1, "%06o", header_sum(header));
        text[SUM_FIELD + SUM_DIGITS - 1] = ' ';
}

static bool read_octal(const uint8_t *field, size_t digits, uint64_t *value)
{
        *value = 0;
        for (size_t i = 0; i < digits; i++) {
                if (field[i] < '0' || field[i] > '7')
                        return false;
                *value = *value * 8 + (uint64_t)(field[i] - '0');
        }
        return true;
}

static bool is_name(const char *name)
{
        size_t size = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_.-");

        return size > 0 && name[0] != '.' && name[size] == '\0' && size < ARCHIVE_NAME_SIZE;
}

/* False: not a header that header_put writes. */
static bool header_get(const uint8_t header[static BLOCK], struct archive_file *file)
{
        char name[101] = "";
        uint64_t sum;

        memcpy(name, header, 100);
        if (!is_name(name) || memcmp(header + 257, "ustar", 5) != 0 || header[156] != '0' ||
            !read_octal(header + SUM_FIELD, SUM_DIGITS - 2, &sum) || sum != header_sum(header))
                return false;
        snprintf(file->name, sizeof(file->name), "%s", name);
        if (header[SIZE_FIELD] == 0x80)
                file->size = be64_get(header + SIZE_FIELD + SIZE_DIGITS - 8);
        else if (!read_octal(header + SIZE_FIELD, SIZE_DIGITS - 1, &file->size))
                return false;
        return file->size <= SIZE_MAX_ALL;
}

static uint64_t padded(uint64_t size)
{
        return (size + BLOCK - 1) / BLOCK * BLOCK;
}

static void hex_put(const uint8_t sum[static CRYPTO_HASH_SIZE], char hex[static HEX_SIZE])
{
        for (size_t i = 0; i < CRYPTO_HASH_SIZE; i++)
                snprintf(hex + 2 * i, 3, "%02x", sum[i]);
}

/* ---- writing ---- */

static void put(struct archive *archive, const void *bytes, size_t size)
{
        const uint8_t *at = bytes;

        while (size > 0 && !archive->wrong) {
                ssize_t written = pwrite(archive->fd, at, size, (off_t)archive->at);

                if (written < 0 && errno == EINTR)
                        continue;
                if (written <= 0) {
                        archive->wrong = written < 0 ? errno : ENOSPC;
                        return;
                }
                at += written;
                size -= (size_t)written;
                archive->at += (uint64_t)written;
        }
}

enum error archive_create(struct archive *archive, const char *path, char text[static ARCHIVE_ERROR_SIZE])
{
        memset(archive, 0, sizeof(*archive));
        archive->fd = -1;
        snprintf(archive->path, sizeof(archive->path), "%s", path);
        snprintf(archive->part, sizeof(archive->part), "%s.part", archive->path);
        if (access(path, F_OK) == 0) {
                snprintf(text, ARCHIVE_ERROR_SIZE, "%.300s is there already: name another file, or a folder", path);
                return ERR_CONFIG;
        }
        archive->fd = open(archive->part, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (archive->fd < 0 || fchmod(archive->fd, 0600) != 0) {
                snprintf(text, ARCHIVE_ERROR_SIZE, "cannot write %.300s: %s", archive->part, strerror(errno));
                if (archive->fd >= 0)
                        close(archive->fd);
                return ERR_SYSTEM;
        }
        if (flock(archive->fd, LOCK_EX | LOCK_NB) == 0 && ftruncate(archive->fd, 0) == 0)
                return ERR_OK;
        snprintf(text, ARCHIVE_ERROR_SIZE, "another galkad writes %.300s", archive->part);
        close(archive->fd);
        return ERR_LOCKED;
}

void archive_begin(struct archive *archive, const char *name)
{
        struct archive_file *file = &archive->files[archive->count];
        uint8_t header[BLOCK] = {0};

        check(is_name(name) && archive->count < ARCHIVE_FILES_MAX);
        snprintf(file->name, sizeof(file->name), "%s", name);
        put(archive, header, sizeof(header)); /* its size is known at its end */
        file->offset = archive->at;
        crypto_sum_begin(&archive->sum);
}

void archive_add(struct archive *archive, struct slice bytes)
{
        put(archive, bytes.data, bytes.size);
        crypto_sum_add(&archive->sum, bytes);
}

void archive_end(struct archive *archive)
{
        static const uint8_t nothing[BLOCK];
        struct archive_file *file = &archive->files[archive->count++];
        uint8_t header[BLOCK];
        uint64_t end;

        file->size = archive->at - file->offset;
        crypto_sum_end(&archive->sum, file->sum);
        put(archive, nothing, padded(file->size) - file->size);
        end = archive->at;
        header_put(header, file->name, file->size, archive->origin.time_ms / SECOND_MS);
        archive->at = file->offset - BLOCK;
        put(archive, header, sizeof(header));
        archive->at = end;
}

void archive_add_file(struct archive *archive, const char *name, int fd)
{
        uint8_t *bytes = memory_new(CHUNK);
        ssize_t got = 0;

        archive_begin(archive, name);
        if (!bytes)
                archive->wrong = ENOMEM;
        while (!archive->wrong && (got = read(fd, bytes, CHUNK)) != 0) {
                if (got > 0)
                        archive_add(archive, slice_of(bytes, (size_t)got));
                else if (errno != EINTR)
                        archive->wrong = errno;
        }
        archive_end(archive);
        if (bytes)
                crypto_wipe(bytes, CHUNK); /* keys are files of it, too */
        memory_free(bytes);
}

static void print_time(uint64_t time_ms, char text[static 32])
{
        time_t seconds = (time_t)(time_ms / SECOND_MS);
        struct tm broken;

        gmtime_r(&seconds, &broken);
        strftime(text, 32, "%Y-%m-%dT%H:%M:%SZ", &broken);
}

/* Its lines; the last one is the sum of those before it. */
static size_t print_manifest(const struct archive *archive, char *text, size_t size)
{
        const struct archive_origin *origin = &archive->origin;
        char era[ID_TEXT_SIZE], time[32], hex[HEX_SIZE];
        uint8_t sum[CRYPTO_HASH_SIZE];
        size_t used;

        id_format(&origin->era, era);
        print_time(origin->time_ms, time);
        used = (size_t)snprintf(text, size, FIRST_LINE "galkad " SERVER_VERSION "\nengine %s\nschema %u\nera %s\ntime %s\n",
                                origin->engine, origin->schema, era, time);
        for (size_t i = 0; i < archive->count; i++) {
                const struct archive_file *file = &archive->files[i];

                hex_put(file->sum, hex);
                used += (size_t)snprintf(text + used, size - used, "file %s %" PRIu64 " %s\n", file->name, file->size, hex);
        }
        crypto_sha256(slice_of(text, used), sum);
        hex_put(sum, hex);
        used += (size_t)snprintf(text + used, size - used, "sum %s\n", hex);
        check(used < size);
        return used;
}

/* A name lasts only when its folder is on disk. */
static bool sync_folder(const char *path)
{
        char folder[ARCHIVE_PATH_SIZE];
        char *slash;
        int fd;
        bool good;

        snprintf(folder, sizeof(folder), "%s", path);
        slash = strrchr(folder, '/');
        if (slash)
                slash[slash == folder] = '\0';
        fd = open(slash ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        good = fd >= 0 && fsync(fd) == 0;
        if (fd >= 0)
                close(fd);
        return good;
}

enum error archive_finish(struct archive *archive, char text[static ARCHIVE_ERROR_SIZE])
{
        static const uint8_t end[2 * BLOCK];
        char *manifest = memory_new(ARCHIVE_MANIFEST_MAX);

        if (manifest) {
                size_t size = print_manifest(archive, manifest, ARCHIVE_MANIFEST_MAX);

                archive_begin(archive, MANIFEST);
                archive_add(archive, slice_of(manifest, size));
                archive_end(archive);
                put(archive, end, sizeof(end));
        }
        memory_free(manifest);
        if (!manifest)
                archive->wrong = ENOMEM;
        if (!archive->wrong && (fsync(archive->fd) != 0 || rename(archive->part, archive->path) != 0))
                archive->wrong = errno;
        if (!archive->wrong) {
                (void)sync_folder(archive->path); /* not every file system can */
                archive_close(archive);
                return ERR_OK;
        }
        snprintf(text, ARCHIVE_ERROR_SIZE, "cannot write %.300s: %s", archive->path, strerror(archive->wrong));
        archive_abandon(archive);
        return ERR_SYSTEM;
}

void archive_abandon(struct archive *archive)
{
        unlink(archive->part);
        archive_close(archive);
}

/* ---- reading ---- */

static enum error refuse(char *text, const char *path, const char *what)
{
        snprintf(text, ARCHIVE_ERROR_SIZE, "%.300s %s", path, what);
        return ERR_CONFIG;
}

/* All or nothing. */
static bool read_at(int fd, uint64_t at, void *bytes, size_t size)
{
        size_t used = 0;

        while (used < size) {
                ssize_t got = pread(fd, (uint8_t *)bytes + used, size - used, (off_t)(at + used));

                if (got < 0 && errno == EINTR)
                        continue;
                if (got <= 0)
                        return false;
                used += (size_t)got;
        }
        return true;
}

/* Walks over the headers: names and places. The manifest is the last one, and after it nothing but zeros. */
static enum error read_headers(struct archive *archive, uint64_t whole, char *text)
{
        static const char cut[] = "is cut off: it is not the whole backup";
        uint64_t at = 0;

        for (;;) {
                struct archive_file *file = &archive->files[archive->count];
                uint8_t header[BLOCK];

                if (archive->count == ARCHIVE_FILES_MAX)
                        return refuse(text, archive->path, "is not a backup of galkad's: it has too many files in it");
                if (!read_at(archive->fd, at, header, BLOCK))
                        return refuse(text, archive->path, at ? cut : "is not a backup of galkad's");
                if (!header_get(header, file))
                        return refuse(text, archive->path, at ? "is damaged" : "is not a backup of galkad's");
                file->offset = at + BLOCK;
                if (file->size > whole || file->offset + padded(file->size) > whole)
                        return refuse(text, archive->path, cut);
                at = file->offset + padded(file->size);
                archive->count++;
                if (strcmp(file->name, MANIFEST) == 0)
                        return at + 2 * (uint64_t)BLOCK == whole ? ERR_OK : refuse(text, archive->path, cut);
        }
}

static bool parse_sum(const char *hex, uint8_t sum[static CRYPTO_HASH_SIZE])
{
        for (size_t i = 0; i < CRYPTO_HASH_SIZE; i++) {
                unsigned byte;

                if (strspn(hex + 2 * i, "0123456789abcdef") < 2 || sscanf(hex + 2 * i, "%2x", &byte) != 1)
                        return false;
                sum[i] = (uint8_t)byte;
        }
        return hex[2 * CRYPTO_HASH_SIZE] == '\0';
}

static bool parse_time(const char *text, uint64_t *time_ms)
{
        struct tm broken = {0};
        const char *end = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &broken);
        time_t seconds = end && !*end ? timegm(&broken) : -1;

        *time_ms = seconds > 0 ? (uint64_t)seconds * SECOND_MS : 0;
        return seconds > 0;
}

/* A line of it, which is one that print_manifest writes in this place. */
static bool parse_line(struct archive *archive, size_t place, char *line)
{
        static const char *const words[] = {"galka-backup 1", "galkad ", "engine ", "schema ", "era ", "time "};
        struct archive_origin *origin = &archive->origin;
        const char *value = place < countof(words) ? line + strlen(words[place]) : line;
        struct archive_file *file;
        char name[ARCHIVE_NAME_SIZE], hex[HEX_SIZE + 1];
        uint64_t size;

        if (place < countof(words) && strncmp(line, words[place], strlen(words[place])) != 0)
                return false;
        switch (place) {
        case 0:
                return !*value;
        case 1:
                return true;
        case 2:
                return snprintf(origin->engine, sizeof(origin->engine), "%s", value) < (int)sizeof(origin->engine);
        case 3:
                return sscanf(value, "%9u", &origin->schema) == 1;
        case 4:
                return id_parse(slice_text(value), &origin->era);
        case 5:
                return parse_time(value, &origin->time_ms);
        default:
                file = &archive->files[place - countof(words)];
                return place - countof(words) < archive->count - 1 &&
                       sscanf(line, "file %63s %" SCNu64 " %65s", name, &size, hex) == 3 && strcmp(name, file->name) == 0 &&
                       size == file->size && parse_sum(hex, file->sum);
        }
}

static bool parse_manifest(struct archive *archive, char *text, size_t size)
{
        uint8_t sum[CRYPTO_HASH_SIZE], said[CRYPTO_HASH_SIZE];
        size_t place = 0;
        char *last, *line = text;

        if (size < HEX_SIZE + 4 || text[size - 1] != '\n' || memchr(text, '\0', size))
                return false;
        text[size - 1] = '\0';
        last = strrchr(text, '\n');
        if (!last || strncmp(last, "\nsum ", 5) != 0 || !parse_sum(last + 5, said))
                return false;
        crypto_sha256(slice_of(text, (size_t)(last + 1 - text)), sum);
        if (!crypto_equal(sum, said, sizeof(sum)))
                return false;
        for (*last = '\0'; line; place++) {
                char *end = strchr(line, '\n');

                if (end)
                        *end = '\0';
                if (!parse_line(archive, place, line))
                        return false;
                line = end ? end + 1 : NULL;
        }
        return place == archive->count - 1 + 6;
}

static enum error read_manifest(struct archive *archive, char *text)
{
        const struct archive_file *file = &archive->files[archive->count - 1];
        char *manifest = file->size <= ARCHIVE_MANIFEST_MAX ? memory_new(file->size + 1) : NULL;
        bool good = manifest && read_at(archive->fd, file->offset, manifest, file->size) &&
                    parse_manifest(archive, manifest, file->size);

        memory_free(manifest);
        archive->count--;
        return good ? ERR_OK : refuse(text, archive->path, "is damaged: its manifest cannot be read");
}

const struct archive_file *archive_find(const struct archive *archive, const char *name)
{
        for (size_t i = 0; i < archive->count; i++)
                if (strcmp(archive->files[i].name, name) == 0)
                        return &archive->files[i];
        return NULL;
}

ssize_t archive_read(const struct archive *archive, const struct archive_file *file, uint64_t at, void *bytes, size_t size)
{
        uint64_t left = at < file->size ? file->size - at : 0;

        size = (size_t)min_of(left, size);
        if (size == 0)
                return 0;
        errno = EIO;
        return read_at(archive->fd, file->offset + at, bytes, size) ? (ssize_t)size : -1;
}

static bool write_all(int fd, const uint8_t *bytes, size_t size)
{
        while (size > 0) {
                ssize_t written = write(fd, bytes, size);

                if (written < 0 && errno == EINTR)
                        continue;
                if (written <= 0)
                        return false;
                bytes += written;
                size -= (size_t)written;
        }
        return true;
}

enum error archive_copy(const struct archive *archive, const struct archive_file *file, int fd)
{
        uint8_t *bytes = memory_new(CHUNK), hash[CRYPTO_HASH_SIZE];
        struct crypto_sum sum;
        enum error error = bytes ? ERR_OK : ERR_NO_MEMORY;
        ssize_t got = 0;

        crypto_sum_begin(&sum);
        for (uint64_t at = 0; !error && at < file->size; at += (uint64_t)got) {
                got = archive_read(archive, file, at, bytes, CHUNK);
                if (got <= 0 || (fd >= 0 && !write_all(fd, bytes, (size_t)got)))
                        error = ERR_SYSTEM;
                else
                        crypto_sum_add(&sum, slice_of(bytes, (size_t)got));
        }
        crypto_sum_end(&sum, hash);
        if (!error && !crypto_equal(hash, file->sum, sizeof(hash)))
                error = ERR_CORRUPT;
        if (bytes)
                crypto_wipe(bytes, CHUNK);
        memory_free(bytes);
        return error;
}

static enum error check_sums(const struct archive *archive, char *text)
{
        for (size_t i = 0; i < archive->count; i++) {
                char what[ARCHIVE_NAME_SIZE + 64];
                enum error error = archive_copy(archive, &archive->files[i], -1);

                if (!error)
                        continue;
                snprintf(what, sizeof(what),
                         error == ERR_CORRUPT ? "is damaged: %s in it is not what was saved" : "cannot be read: %s",
                         error == ERR_CORRUPT ? archive->files[i].name : strerror(errno));
                return refuse(text, archive->path, what);
        }
        return ERR_OK;
}

enum error archive_open(struct archive *archive, const char *path, char text[static ARCHIVE_ERROR_SIZE])
{
        struct stat status;
        enum error error = ERR_OK;

        memset(archive, 0, sizeof(*archive));
        snprintf(archive->path, sizeof(archive->path), "%s", path);
        archive->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        if (archive->fd < 0 || fstat(archive->fd, &status) != 0) {
                snprintf(text, ARCHIVE_ERROR_SIZE, "cannot read %.300s: %s", path, strerror(errno));
                error = ERR_SYSTEM;
        } else if (!S_ISREG(status.st_mode)) {
                error = refuse(text, path, "is not a file");
        }
        if (!error)
                error = read_headers(archive, (uint64_t)status.st_size, text);
        if (!error)
                error = read_manifest(archive, text);
        if (!error)
                error = check_sums(archive, text);
        if (error)
                archive_close(archive);
        return error;
}

void archive_close(struct archive *archive)
{
        if (archive->fd >= 0)
                close(archive->fd);
        archive->fd = -1;
}
