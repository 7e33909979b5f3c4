/*
 * galkad restore: puts a backup into an empty folder or database. Nothing is touched before every sum was looked at; the database
 * gets its name last, whole, migrated, and with a new era (L9), so that clients that know a later past forget it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/memory.h"
#include "driver/store/postgres/dump.h"
#include "driver/store/sqlite.h"
#include "server/archive.h"
#include "server/backup.h"
#include "server/tool.h"

#define ASIDE         "replaced" /* what was there before goes below that name */
#define WORK          "restoring"
#define MARGIN        64
#define KEYS_FILE_MAX 1024 /* of which are compared */

struct restore {
        struct server server;
        struct archive archive;
        const struct archive_file *open; /* of a dump, and how far it was read */
        uint64_t at;
        struct id era;
        bool told_wrong; /* frontends could not be told */
        char keys[SETUP_PATH_SIZE];
        char text[SERVER_ERROR_SIZE];
};

static enum error refuse(struct restore *restore, const char *what, const char *path)
{
        snprintf(restore->text, sizeof(restore->text), "%s %.300s: %s", what, path, strerror(errno));
        return ERR_SYSTEM;
}

/* A file of the backup under a name of its own, for its owner alone, on disk. */
static enum error unpack(struct restore *restore, const char *name, const char *path)
{
        const struct archive_file *file = archive_find(&restore->archive, name);
        enum error error;
        int fd;

        if (!file) {
                snprintf(restore->text, sizeof(restore->text), "%.300s has no file '%s' in it", restore->archive.path, name);
                return ERR_CONFIG;
        }
        unlink(path);
        fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0)
                return refuse(restore, "cannot write", path);
        error = archive_copy(&restore->archive, file, fd);
        if (!error && fsync(fd) != 0)
                error = ERR_SYSTEM;
        if (error == ERR_CORRUPT)
                snprintf(restore->text, sizeof(restore->text), "%.300s changed while it was read", restore->archive.path);
        else if (error)
                error = refuse(restore, "cannot write", path);
        close(fd);
        return error;
}

/* ---- keys ---- */

/* Are there keys already, and other ones than in the backup? */
static bool others_there(const struct restore *restore)
{
        char found[KEYS_FILE_MAX], saved[KEYS_FILE_MAX];
        const struct archive_file *file = archive_find(&restore->archive, BACKUP_KEYS);
        ssize_t size = file ? archive_read(&restore->archive, file, 0, saved, sizeof(saved)) : 0;
        FILE *there = fopen(restore->keys, "re");
        bool same = true;

        if (there) {
                size_t got = fread(found, 1, sizeof(found), there);

                same = size >= 0 && got == (size_t)size && memcmp(found, saved, got) == 0;
                fclose(there);
        }
        crypto_wipe(found, sizeof(found));
        crypto_wipe(saved, sizeof(saved));
        return !same;
}

static enum error check_keys(struct restore *restore)
{
        if (restore->server.options->replace || !others_there(restore))
                return ERR_OK;
        snprintf(restore->text, sizeof(restore->text),
                 "there are other keys in %.300s: --replace puts those of the backup in their place", restore->keys);
        return ERR_CONFIG;
}

/* The keys of the backup go where this server's are. */
static enum error put_keys(struct restore *restore)
{
        char path[SETUP_PATH_SIZE + MARGIN];
        char aside[SETUP_PATH_SIZE + MARGIN];
        enum error error;

        snprintf(path, sizeof(path), "%s.new", restore->keys);
        snprintf(aside, sizeof(aside), "%s.%s", restore->keys, ASIDE);
        error = unpack(restore, BACKUP_KEYS, path);
        if (!error && others_there(restore) && rename(restore->keys, aside) != 0)
                error = refuse(restore, "cannot move", restore->keys);
        if (!error && rename(path, restore->keys) != 0)
                error = refuse(restore, "cannot write", restore->keys);
        if (error)
                unlink(path);
        return error;
}

/* ---- SQLite ---- */

static const char *const database_files[] = {"galka.db", "galka.db-wal", "galka.db-shm"};

static void path_of(const struct restore *restore, const char *below, const char *name,
                    char path[static SETUP_PATH_SIZE + MARGIN])
{
        snprintf(path, SETUP_PATH_SIZE + MARGIN, "%.4096s%s%s/%s", restore->server.options->data, *below ? "/" : "", below,
                 name);
}

static void clear_work(const struct restore *restore)
{
        static const char *const others[] = {"lock"};
        char path[SETUP_PATH_SIZE + MARGIN];

        for (size_t i = 0; i < countof(database_files); i++) {
                path_of(restore, WORK, database_files[i], path);
                unlink(path);
        }
        path_of(restore, WORK, others[0], path);
        unlink(path);
        path_of(restore, "", WORK, path);
        rmdir(path);
}

/* Migrated and with its new era; closing it folds its journal in. */
static enum error prepare(struct restore *restore, const char *folder)
{
        const struct store_sqlite_options options = {
                .folder = folder,
                .clock = &restore->server.clock,
                .random = restore->server.random,
                .events = &restore->server.log.sink,
        };
        struct store_sqlite *sqlite = NULL;
        enum error error = store_sqlite_new(&options, &sqlite, restore->text);

        if (!error)
                error = store_sqlite_renew_era(sqlite);
        if (!error)
                restore->era = store_sqlite_era(sqlite);
        store_sqlite_free(&sqlite);
        return error;
}

/* What is there goes aside, not away. */
static enum error move_aside(struct restore *restore)
{
        char from[SETUP_PATH_SIZE + MARGIN], to[SETUP_PATH_SIZE + MARGIN], name[MARGIN];

        for (size_t i = 0; i < countof(database_files); i++) {
                path_of(restore, "", database_files[i], from);
                snprintf(name, sizeof(name), "%s-%s", ASIDE, database_files[i]);
                path_of(restore, "", name, to);
                if (rename(from, to) != 0 && (errno != ENOENT || (unlink(to) != 0 && errno != ENOENT)))
                        return refuse(restore, "cannot move", from);
        }
        return ERR_OK;
}

static enum error put_database(struct restore *restore)
{
        char folder[SETUP_PATH_SIZE + MARGIN], from[SETUP_PATH_SIZE + MARGIN], to[SETUP_PATH_SIZE + MARGIN];
        enum error error;
        int fd;

        path_of(restore, "", WORK, folder);
        path_of(restore, WORK, BACKUP_DATABASE, from);
        path_of(restore, "", BACKUP_DATABASE, to);
        clear_work(restore); /* of one that was killed */
        if (mkdir(folder, 0700) != 0)
                return refuse(restore, "cannot make", folder);
        error = unpack(restore, BACKUP_DATABASE, from);
        if (!error)
                error = prepare(restore, folder);
        if (!error)
                error = put_keys(restore);
        if (!error)
                error = move_aside(restore);
        if (!error && rename(from, to) != 0)
                error = refuse(restore, "cannot write", to);
        clear_work(restore);
        fd = open(restore->server.options->data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (!error && (fd < 0 || fsync(fd) != 0))
                error = refuse(restore, "cannot write", restore->server.options->data);
        if (fd >= 0)
                close(fd);
        return error;
}

static enum error restore_sqlite(struct restore *restore)
{
        const struct options *options = restore->server.options;
        char path[SETUP_PATH_SIZE + MARGIN];
        int lock = -1;
        enum error error = server_make_folder(options->data, restore->text);

        if (!error)
                error = store_sqlite_lock(options->data, &lock, restore->text);
        path_of(restore, "", BACKUP_DATABASE, path);
        if (!error && access(path, F_OK) == 0 && !options->replace) {
                snprintf(restore->text, sizeof(restore->text),
                         "there is a database in %.300s already: name an empty folder (--data), or --replace, which puts it "
                         "aside",
                         options->data);
                error = ERR_CONFIG;
        }
        if (!error)
                error = check_keys(restore);
        if (!error)
                error = put_database(restore);
        if (lock >= 0)
                close(lock);
        return error;
}

/* ---- PostgreSQL ---- */

static bool source_open(void *owner, const char *name)
{
        struct restore *restore = owner;

        restore->open = archive_find(&restore->archive, name);
        restore->at = 0;
        return restore->open != NULL;
}

static ssize_t source_read(void *owner, void *bytes, size_t size)
{
        struct restore *restore = owner;
        ssize_t got = archive_read(&restore->archive, restore->open, restore->at, bytes, size);

        restore->at += got > 0 ? (uint64_t)got : 0;
        return got;
}

static enum error restore_postgres(struct restore *restore)
{
        const struct dump_source source = {restore, source_open, source_read};
        struct store_postgres_options options;
        enum error error = setup_postgres(&restore->server, &options, restore->text);

        if (!error && !*restore->server.options->keys) {
                snprintf(restore->text, sizeof(restore->text), "where do the keys of the cluster belong? (see --keys)");
                error = ERR_CONFIG;
        }
        if (!error)
                error = check_keys(restore);
        if (!error)
                error = setup_where_to_look(store_postgres_restore(&options, &source, restore->archive.origin.schema,
                                                                   restore->server.options->replace, &restore->era,
                                                                   restore->text),
                                            SETUP_POSTGRES_OPTIONS, restore->text);
        return error ? error : put_keys(restore);
}

/* ---- both ---- */

static enum error put_back(struct restore *restore, const char *path)
{
        const struct options *options = restore->server.options;
        const char *engine = *options->postgres ? BACKUP_POSTGRES : BACKUP_SQLITE;
        enum error error = archive_open(&restore->archive, path, restore->text);

        if (error)
                return error;
        server_keys_path(options, restore->keys);
        if (strcmp(restore->archive.origin.engine, engine) != 0) {
                snprintf(restore->text, sizeof(restore->text), "%.300s is of a database in %s: %s", path,
                         restore->archive.origin.engine,
                         *options->postgres ? "leave --postgres out" : "say which one it goes to (--postgres)");
                error = ERR_CONFIG;
        }
        if (!error)
                error = *options->postgres ? restore_postgres(restore) : restore_sqlite(restore);
        archive_close(&restore->archive);
        return error;
}

/* Frontends of a cluster may have gone on meanwhile. */
static void tell(struct restore *restore)
{
        struct tool tool = {.server = restore->server};

        if (!*restore->server.options->postgres)
                return;
        if (!*restore->server.options->kafka)
                puts("Frontends were not told (see --kafka): start those again that run.");
        else if (tool_tell_frontends(&tool, restore->text) == ERR_OK)
                puts("Frontends were told: they ask their clients to join again.");
        else
                restore->told_wrong = true;
}

int server_restore(const struct options *options, const char *path)
{
        struct restore *restore = memory_new(sizeof(*restore));
        char era[ID_TEXT_SIZE];
        enum error error = restore ? ERR_OK : ERR_NO_MEMORY;

        if (!error) {
                server_init(&restore->server, options);
                error = put_back(restore, path);
        }
        if (!error) {
                id_format(&restore->era, era);
                printf("%s is restored, with a new era: %s. Clients keep what they have not sent, forget the rest and fetch "
                       "it anew.\n",
                       path, era);
                tell(restore);
                fflush(stdout);
        }
        if (error || restore->told_wrong)
                fprintf(stderr, "galkad: %s%s\n",
                        error ? ""
                              : "frontends could not be told of the new era; run galkad restored, or start them again: ",
                        restore && restore->text[0] ? restore->text : error_text(error));
        if (restore && restore->told_wrong)
                error = ERR_FAILED;
        memory_free(restore);
        return error ? SERVER_FAILED : SERVER_DONE;
}
