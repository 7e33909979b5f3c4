/*
 * A backup file (server/archive.h), which an operator may have from anywhere. Input: one byte, and the file. With its lowest bit the
 * sums of headers and manifest are made right first, as whoever forges a file would, so that what is behind them is reached.
 *
 * What is checked: a refusal is CONFIG with one line of text without control characters; of a file that is taken every name is plain,
 * every part lies within it, is read to its end and has its sum; and what was read once is read the same again.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "fuzz.h"
#include "server/archive.h"

#define BLOCK      512
#define SUM_AT     148
#define SIZE_AT    124
#define SIZE_LAST  11 /* digits */
#define BLOCKS_MAX 256
#define INPUT_MAX  (BLOCKS_MAX * BLOCK)

static char file_path[] = "/tmp/galka-fuzz-archive-XXXXXX";

static void remove_file(void)
{
        unlink(file_path);
}

static void write_file(const uint8_t *data, size_t size)
{
        static int fd = -1;

        if (fd < 0) {
                fd = mkstemp(file_path);
                check(fd >= 0);
                atexit(remove_file);
        }
        check(ftruncate(fd, 0) == 0);
        check(pwrite(fd, data, size, 0) == (ssize_t)size);
}

/* ---- sums that are right ---- */

static void mend_header(uint8_t *header)
{
        unsigned sum = 0;
        char text[8];

        memset(header + SUM_AT, ' ', 8);
        for (size_t i = 0; i < BLOCK; i++)
                sum += header[i];
        snprintf(text, sizeof(text), "%06o", sum);
        memcpy(header + SUM_AT, text, 7);
}

/* Digits of the last line are those of all before it. */
static void mend_manifest(uint8_t *manifest, size_t size)
{
        uint8_t sum[CRYPTO_HASH_SIZE];
        size_t last = size;

        if (size == 0 || manifest[size - 1] != '\n')
                return;
        for (last = size - 1; last > 0 && manifest[last - 1] != '\n';)
                last--;
        if (size - last < 4 + 2 * CRYPTO_HASH_SIZE + 1)
                return;
        crypto_sha256(slice_of(manifest, last), sum);
        for (size_t i = 0; i < CRYPTO_HASH_SIZE; i++) {
                char hex[3];

                snprintf(hex, sizeof(hex), "%02x", sum[i]);
                memcpy(manifest + last + 4 + 2 * i, hex, 2);
        }
}

static void mend(uint8_t *file, size_t size)
{
        for (size_t at = 0; at + BLOCK <= size;) {
                uint8_t *header = file + at;
                size_t part = 0;

                for (size_t i = 0; i < SIZE_LAST && header[SIZE_AT + i] >= '0' && header[SIZE_AT + i] <= '7' && part < size;
                     i++)
                        part = part * 8 + (size_t)(header[SIZE_AT + i] - '0');
                part = min_of(part, size - at - BLOCK);
                mend_header(header);
                if (memcmp(header, "manifest", sizeof("manifest")) == 0)
                        mend_manifest(header + BLOCK, part);
                at += BLOCK + (part + BLOCK - 1) / BLOCK * BLOCK;
        }
}

/* ---- what must hold ---- */

static void check_text(const char *text)
{
        size_t size = strlen(text);

        check(size > 0 && size < ARCHIVE_ERROR_SIZE);
        for (size_t i = 0; i < size; i++)
                check((unsigned char)text[i] >= 32 && text[i] != 127);
}

static void check_file(const struct archive *archive, const struct archive_file *file, size_t whole)
{
        uint8_t bytes[1000];
        uint64_t at = 0;
        ssize_t got;

        check(*file->name && *file->name != '.' && !strchr(file->name, '/') && strcmp(file->name, "manifest") != 0);
        check(file->offset <= whole && file->size <= whole - file->offset);
        while ((got = archive_read(archive, file, at, bytes, sizeof(bytes))) > 0)
                at += (uint64_t)got;
        check(got == 0 && at == file->size);
        check(archive_copy(archive, file, -1) == ERR_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static struct archive archive, twice;
        static uint8_t copy[INPUT_MAX];
        char text[ARCHIVE_ERROR_SIZE] = "", twice_text[ARCHIVE_ERROR_SIZE] = "";
        enum error error;

        if (size < 1 || size > INPUT_MAX)
                return 0;
        memcpy(copy, data + 1, size - 1);
        if (data[0] & 1)
                mend(copy, size - 1);
        write_file(copy, size - 1);
        error = archive_open(&archive, file_path, text);
        check(error == ERR_OK || error == ERR_CONFIG);
        check(archive_open(&twice, file_path, twice_text) == error);
        if (error) {
                check_text(text);
                check(strcmp(text, twice_text) == 0);
                return 0;
        }
        check(archive.count <= ARCHIVE_FILES_MAX && archive.count == twice.count && archive.origin.time_ms > 0);
        for (size_t i = 0; i < archive.count; i++) {
                check_file(&archive, &archive.files[i], size);
                check(archive_find(&archive, archive.files[i].name));
        }
        archive_close(&archive);
        archive_close(&twice);
        return 0;
}
