/*
 * A backup file: a tar archive (ustar), so that tar lists and unpacks it, of named files and, last, a manifest: what it is a copy of,
 * and size and SHA-256 of every file, its own lines included. It is written to PATH.part and renamed, so that a file with the right
 * name is whole; whoever reads it looks at all sums before he believes anything.
 *
 *      archive_create → (archive_begin → archive_add … → archive_end) … → archive_finish, or archive_abandon
 *      archive_open → archive_read … → archive_close
 */
#ifndef GALKA_SERVER_ARCHIVE_H
#define GALKA_SERVER_ARCHIVE_H

#include <sys/types.h>

#include "base/error.h"
#include "base/id.h"
#include "crypto/crypto.h"

#define ARCHIVE_FILES_MAX    128
#define ARCHIVE_NAME_SIZE    64
#define ARCHIVE_WORD_SIZE    24
#define ARCHIVE_PATH_SIZE    4300
#define ARCHIVE_MANIFEST_MAX 32768
#define ARCHIVE_ERROR_SIZE   512

/* What it is a copy of. */
struct archive_origin {
        char engine[ARCHIVE_WORD_SIZE]; /* "sqlite", "postgres" */
        unsigned schema;                /* version */
        struct id era;                  /* of the store, then */
        uint64_t time_ms;               /* when it was as it is in here; to the second */
};

struct archive_file {
        char name[ARCHIVE_NAME_SIZE];
        uint64_t size, offset;
        uint8_t sum[CRYPTO_HASH_SIZE];
};

struct archive {
        int fd;
        struct archive_origin origin;
        struct archive_file files[ARCHIVE_FILES_MAX];
        size_t count;
        /* while it is written */
        char path[ARCHIVE_PATH_SIZE], part[ARCHIVE_PATH_SIZE + 8];
        struct crypto_sum sum;
        uint64_t at;
        int wrong; /* errno of what failed first; 0 */
};

/* Begins the file at path, which must not be there, for its owner alone. CONFIG, SYSTEM, LOCKED (another one writes it); text says
 * why. */
must_use enum error archive_create(struct archive *archive, const char *path, char text[static ARCHIVE_ERROR_SIZE]);

/* A file of it. What fails is told by archive_finish. */
void archive_begin(struct archive *archive, const char *name);
void archive_add(struct archive *archive, struct slice bytes);
void archive_end(struct archive *archive);

/* A file of it, from a descriptor that is read to its end. */
void archive_add_file(struct archive *archive, const char *name, int fd);

/* The manifest, by archive->origin; all of it on disk, then under its name. SYSTEM; nothing is left then. */
must_use enum error archive_finish(struct archive *archive, char text[static ARCHIVE_ERROR_SIZE]);
void archive_abandon(struct archive *archive);

/* Opens a whole and sound one: every sum is looked at. CONFIG (not one, damaged, cut off), SYSTEM; text says why. */
must_use enum error archive_open(struct archive *archive, const char *path, char text[static ARCHIVE_ERROR_SIZE]);
void archive_close(struct archive *archive);

/* NULL: there is no such file in it. */
const struct archive_file *archive_find(const struct archive *archive, const char *name);

/* Up to `size` bytes of a file from `at` on. Returns how many, 0 at its end, or -1 with errno. */
ssize_t archive_read(const struct archive *archive, const struct archive_file *file, uint64_t at, void *bytes, size_t size);

/* The file goes to a descriptor, and its bytes are compared with its sum once more. CORRUPT, SYSTEM with errno. */
must_use enum error archive_copy(const struct archive *archive, const struct archive_file *file, int fd);

#endif
