/* See web.h. */
#include "server/web.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/memory.h"

struct files {
        struct frontend_file files[WEB_FILES_MAX];
        size_t count, bytes;
};

/* What was read last, made ready for each frontend. */
struct shelf {
        struct site *sites[WEB_FRONTENDS_MAX]; /* those that were not taken yet */
        struct web_counts counts;
};

struct web {
        char *folder;
        unsigned frontends;
        pthread_mutex_t lock; /* of `shelf`: held to hand over pointers */
        struct shelf shelf;
        atomic_uint version; /* changes with it */
};

static void files_free(struct files **files_p)
{
        struct files *files = *files_p;

        if (!files)
                return;
        *files_p = NULL;
        for (size_t i = 0; i < files->count; i++) {
                memory_free((char *)files->files[i].path);
                memory_free((uint8_t *)files->files[i].bytes.data);
        }
        memory_free(files);
}

/* ---- reading ---- */

struct reading {
        struct files *files;
        const char *folder;
        char *why;
        char path[WEB_PATH_SIZE]; /* of what is looked at, from '/' on */
        unsigned depth;
};

static enum error fail(const struct reading *reading, enum error error, const char *what)
{
        snprintf(reading->why, WEB_WHY_SIZE, "cannot serve the web app in %.200s: %.180s: %s", reading->folder,
                 *reading->path ? reading->path : "the folder", what);
        return error;
}

static bool is_plain_name(const char *name)
{
        for (const char *at = name; *at; at++)
                if (!(*at >= 'a' && *at <= 'z') && !(*at >= 'A' && *at <= 'Z') && !(*at >= '0' && *at <= '9') &&
                    !strchr("._-", *at))
                        return false;
        return *name != '.';
}

static char *copy_text(const char *text)
{
        size_t size = strlen(text) + 1;
        char *copy = memory_new(size);

        if (copy)
                memcpy(copy, text, size);
        return copy;
}

/* What grows meanwhile is cut off, what shrinks is an error: a build that is under way. */
static enum error read_whole(struct reading *reading, int fd, uint8_t *bytes, size_t size)
{
        size_t got = 0;

        while (got < size) {
                ssize_t count = read(fd, bytes + got, size - got);

                if (count <= 0 && !(count < 0 && errno == EINTR))
                        return fail(reading, ERR_SYSTEM, count < 0 ? strerror(errno) : "it changes while it is read");
                got += count > 0 ? (size_t)count : 0;
        }
        return ERR_OK;
}

static enum error read_file(struct reading *reading, int fd, size_t size)
{
        struct files *files = reading->files;
        struct frontend_file *file = &files->files[files->count];
        uint8_t *bytes;

        if (files->count == WEB_FILES_MAX)
                return fail(reading, ERR_CONFIG, "too many files");
        if (size > WEB_BYTES_MAX - files->bytes)
                return fail(reading, ERR_CONFIG, "the files have more than 16 MiB");
        bytes = memory_new(size + 1);
        file->path = copy_text(reading->path);
        file->bytes = slice_of(bytes, size);
        files->count++;
        files->bytes += size;
        if (!file->path || !bytes)
                return fail(reading, ERR_NO_MEMORY, "out of memory");
        return read_whole(reading, fd, bytes, size);
}

static enum error read_folder(struct reading *reading, int fd);

/* An open file or folder, which is closed. */
static enum error read_entry(struct reading *reading, int fd)
{
        struct stat status;
        enum error error = ERR_OK;

        if (fstat(fd, &status) != 0)
                error = fail(reading, ERR_SYSTEM, strerror(errno));
        else if (S_ISDIR(status.st_mode))
                return read_folder(reading, fd);
        else if (S_ISREG(status.st_mode))
                error = read_file(reading, fd, (size_t)status.st_size);
        close(fd);
        return error;
}

static enum error read_named(struct reading *reading, int folder, const char *name)
{
        size_t before = strlen(reading->path);
        enum error error = ERR_OK;
        int fd;

        if (!is_plain_name(name)) /* an editor's, or a system's own */
                return ERR_OK;
        if (before + 1 + strlen(name) >= sizeof(reading->path))
                return fail(reading, ERR_CONFIG, "a name is too long");
        snprintf(reading->path + before, sizeof(reading->path) - before, "/%s", name);
        fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        if (fd >= 0)
                error = read_entry(reading, fd);
        else if (errno != ELOOP && errno != ENXIO) /* a link; a socket or a pipe */
                error = fail(reading, ERR_SYSTEM, strerror(errno));
        if (!error)
                reading->path[before] = '\0';
        return error;
}

/* fd is closed. */
static enum error read_folder(struct reading *reading, int fd)
{
        DIR *folder = reading->depth < WEB_DEPTH_MAX ? fdopendir(fd) : NULL;
        enum error error = ERR_OK;
        struct dirent *entry;

        if (!folder) {
                error = reading->depth < WEB_DEPTH_MAX ? fail(reading, ERR_SYSTEM, strerror(errno))
                                                       : fail(reading, ERR_CONFIG, "folders lie too deep");
                close(fd);
                return error;
        }
        reading->depth++;
        while (!error && (entry = readdir(folder)))
                error = read_named(reading, dirfd(folder), entry->d_name);
        reading->depth--;
        closedir(folder);
        return error;
}

static bool has_page(const struct files *files)
{
        for (size_t i = 0; i < files->count; i++)
                if (strcmp(files->files[i].path, "/index.html") == 0)
                        return true;
        return false;
}

static enum error read_all(const char *folder, struct files **files, char why[static WEB_WHY_SIZE])
{
        struct reading reading = {.files = memory_new(sizeof(struct files)), .folder = folder, .why = why};
        enum error error;
        int fd;

        if (!reading.files)
                return fail(&reading, ERR_NO_MEMORY, "out of memory");
        fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        error = fd < 0 ? fail(&reading, ERR_CONFIG, strerror(errno)) : read_folder(&reading, fd);
        if (!error && !has_page(reading.files))
                error = fail(&reading, ERR_CONFIG, "there is no index.html");
        if (error) {
                files_free(&reading.files);
                return error;
        }
        *files = reading.files;
        return ERR_OK;
}

/* ---- the life of it ---- */

static void clear(struct shelf *shelf)
{
        for (unsigned i = 0; i < WEB_FRONTENDS_MAX; i++)
                frontend_site_free(&shelf->sites[i]);
}

static enum error make_sites(const struct web *web, const struct files *files, struct shelf *shelf)
{
        enum error error = ERR_OK;

        *shelf = (struct shelf){.counts = {.files = files->count, .bytes = files->bytes}};
        for (unsigned i = 0; i < web->frontends && !error; i++)
                error = frontend_site_new(files->files, files->count, &shelf->sites[i]);
        if (error)
                clear(shelf);
        return error;
}

enum error web_reload(struct web *web, char why[static WEB_WHY_SIZE])
{
        struct files *files = NULL;
        struct shelf made, before;
        enum error error = read_all(web->folder, &files, why);

        if (!error) {
                error = make_sites(web, files, &made);
                if (error)
                        snprintf(why, WEB_WHY_SIZE, "%s", error_text(error));
        }
        files_free(&files);
        if (error)
                return error;
        pthread_mutex_lock(&web->lock);
        before = web->shelf;
        web->shelf = made;
        atomic_fetch_add(&web->version, 1);
        pthread_mutex_unlock(&web->lock);
        clear(&before);
        return ERR_OK;
}

enum error web_new(const char *folder, unsigned frontends, struct web **web_p, char why[static WEB_WHY_SIZE])
{
        struct web *web = memory_new(sizeof(*web));
        enum error error = ERR_NO_MEMORY;

        check(frontends <= WEB_FRONTENDS_MAX);
        snprintf(why, WEB_WHY_SIZE, "%s", error_text(error));
        if (!web)
                return error;
        pthread_mutex_init(&web->lock, NULL);
        web->frontends = frontends;
        web->folder = copy_text(folder);
        if (web->folder)
                error = web_reload(web, why);
        if (error) {
                web_free(&web);
                return error;
        }
        *web_p = web;
        return ERR_OK;
}

void web_free(struct web **web_p)
{
        struct web *web = *web_p;

        if (!web)
                return;
        *web_p = NULL;
        clear(&web->shelf);
        pthread_mutex_destroy(&web->lock);
        memory_free(web->folder);
        memory_free(web);
}

void web_show(struct web *web, unsigned *version, struct frontend *frontend)
{
        struct site *site = NULL;

        if (!web || atomic_load_explicit(&web->version, memory_order_relaxed) == *version)
                return;
        pthread_mutex_lock(&web->lock);
        *version = atomic_load(&web->version);
        for (unsigned i = 0; i < web->frontends && !site; i++) {
                site = web->shelf.sites[i];
                web->shelf.sites[i] = NULL;
        }
        pthread_mutex_unlock(&web->lock);
        check(site); /* one was made for each, and nobody comes twice */
        frontend_show(frontend, &site);
}

struct web_counts web_counts(struct web *web)
{
        struct web_counts counts;

        pthread_mutex_lock(&web->lock);
        counts = web->shelf.counts;
        pthread_mutex_unlock(&web->lock);
        return counts;
}
