/*
 * galkad backup: a copy of the store as it is at one moment, beside a server that goes on, and of the keys, in one file (archive.h).
 * Letters that wait to be sent and notes of crashes are not in it: their codes and records are soon good for nothing.
 */
#include "server/backup.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/memory.h"
#include "driver/store/copy.h"
#include "driver/store/postgres/dump.h"
#include "server/archive.h"
#include "server/tool.h"

struct backup {
        struct server server;
        struct archive archive;
        struct store_copy copy;
        char text[SERVER_ERROR_SIZE];
};

/* A folder gets a file with the time in its name. */
static void name_file(const char *where, uint64_t now_ms, char path[static ARCHIVE_PATH_SIZE])
{
        time_t seconds = (time_t)(now_ms / 1000);
        struct stat status;
        struct tm broken;
        char name[40];

        gmtime_r(&seconds, &broken);
        strftime(name, sizeof(name), "galka-%Y%m%d-%H%M%S.tar", &broken);
        if (stat(where, &status) == 0 && S_ISDIR(status.st_mode))
                snprintf(path, ARCHIVE_PATH_SIZE, "%.4096s/%s", where, name);
        else
                snprintf(path, ARCHIVE_PATH_SIZE, "%.4200s", where);
}

void server_keys_path(const struct options *options, char path[static SETUP_PATH_SIZE])
{
        if (*options->keys)
                snprintf(path, SETUP_PATH_SIZE, "%s", options->keys);
        else
                snprintf(path, SETUP_PATH_SIZE, "%.4096s/keys", options->data);
}

static enum error add_keys(struct backup *backup)
{
        char path[SETUP_PATH_SIZE];
        struct token_keys keys;
        enum error error;
        int fd;

        server_keys_path(backup->server.options, path);
        error = keys_read(path, &keys, backup->text); /* only good ones are worth keeping */
        crypto_wipe(&keys, sizeof(keys));
        if (error)
                return error;
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0) {
                snprintf(backup->text, sizeof(backup->text), "cannot read %.300s: %s", path, strerror(errno));
                return ERR_SYSTEM;
        }
        archive_add_file(&backup->archive, BACKUP_KEYS, fd);
        close(fd);
        return ERR_OK;
}

/* By way of a file beside it, which has no name as soon as it is whole. */
static enum error add_sqlite(struct backup *backup)
{
        struct archive *archive = &backup->archive;
        char path[ARCHIVE_PATH_SIZE + 16];
        enum error error;
        int fd;

        snprintf(path, sizeof(path), "%s.db", archive->part);
        unlink(path);
        fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0) {
                snprintf(backup->text, sizeof(backup->text), "cannot write %.300s: %s", path, strerror(errno));
                return ERR_SYSTEM;
        }
        error = store_sqlite_copy(backup->server.options->data, path, &backup->copy, backup->text);
        unlink(path);
        if (!error)
                archive_add_file(archive, BACKUP_DATABASE, fd);
        close(fd);
        return error;
}

static void sink_begin(void *owner, const char *name)
{
        archive_begin(owner, name);
}

static void sink_add(void *owner, struct slice bytes)
{
        archive_add(owner, bytes);
}

static void sink_end(void *owner)
{
        archive_end(owner);
}

static enum error add_postgres(struct backup *backup)
{
        const struct dump_sink sink = {&backup->archive, sink_begin, sink_add, sink_end};
        struct store_postgres_options options;
        enum error error = setup_postgres(&backup->server, &options, backup->text);

        if (!error)
                error = setup_where_to_look(store_postgres_dump(&options, &sink, &backup->copy, backup->text),
                                            SETUP_POSTGRES_OPTIONS, backup->text);
        return error;
}

/* galkad doctor looks at it. */
static void note_success(const struct backup *backup)
{
        char path[SETUP_PATH_SIZE + 16], *whole = realpath(backup->archive.path, NULL);
        FILE *file;

        snprintf(path, sizeof(path), "%.4096s/" BACKUP_NOTE, backup->server.options->data);
        file = fopen(path, "we");
        if (file) { /* or a machine without a folder of its own */
                fprintf(file, "%" PRIu64 " %s\n", backup->archive.origin.time_ms, whole ? whole : backup->archive.path);
                fclose(file);
        }
        free(whole);
}

static enum error save(struct backup *backup, const char *where)
{
        const struct options *options = backup->server.options;
        struct archive *archive = &backup->archive;
        char path[ARCHIVE_PATH_SIZE];
        uint64_t now_ms = backup->server.clock.wall_ms(&backup->server.clock);
        enum error error;

        name_file(where, now_ms, path);
        if (!*options->postgres && !server_has_database(options, backup->text))
                return ERR_CONFIG;
        error = archive_create(archive, path, backup->text);
        if (error)
                return error;
        archive->origin.time_ms = now_ms / 1000 * 1000;
        snprintf(archive->origin.engine, sizeof(archive->origin.engine), "%s",
                 *options->postgres ? BACKUP_POSTGRES : BACKUP_SQLITE);
        /* The keys first: what they were before the database is good for it, or renewed by its devices. */
        error = add_keys(backup);
        if (!error)
                error = *options->postgres ? add_postgres(backup) : add_sqlite(backup);
        archive->origin.schema = backup->copy.schema;
        archive->origin.era = backup->copy.era;
        if (!error)
                return archive_finish(archive, backup->text);
        archive_abandon(archive);
        return error;
}

int server_backup(const struct options *options, const char *where)
{
        struct backup *backup = memory_new(sizeof(*backup));
        char era[ID_TEXT_SIZE];
        enum error error = backup ? ERR_OK : ERR_NO_MEMORY;

        if (!error) {
                server_init(&backup->server, options);
                error = save(backup, where);
        }
        if (error) {
                fprintf(stderr, "galkad: %s\n", backup && backup->text[0] ? backup->text : error_text(error));
        } else {
                note_success(backup);
                id_format(&backup->copy.era, era);
                printf("%s: schema %u, era %s, %" PRIu64
                       " bytes. It holds the keys and all messages: keep it as secret as the "
                       "server.\n",
                       backup->archive.path, backup->copy.schema, era, backup->archive.at);
        }
        memory_free(backup);
        return error ? SERVER_FAILED : SERVER_DONE;
}
