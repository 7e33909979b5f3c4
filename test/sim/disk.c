/* See disk.h. Each file has two contents: as it is read, and as it is after a crash that took all that was not synced. */
#include "sim/disk.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/memory.h"

#define FILES_MAX 4
#define NAME_SIZE 32

#define LOOK_EVERY 20 /* instructions of SQLite's machine */

struct content {
        uint8_t *bytes;
        size_t size, room;
};

/* One write or truncation that was not synced. */
struct unsynced {
        size_t offset, size;
        uint8_t *bytes; /* NULL: the file was cut to `offset` bytes */
};

struct file {
        char name[NAME_SIZE]; /* empty: no such file */
        struct content seen, durable;
        struct unsynced *unsynced;
        size_t unsynced_count, unsynced_room;
};

struct open_file {
        sqlite3_file base;
        struct file *file;
};

static struct {
        struct file files[FILES_MAX];
        struct content saved[FILES_MAX];
        char saved_names[FILES_MAX][NAME_SIZE];
        struct random *random;
        struct clock *clock;
        enum disk_trouble trouble;
        unsigned nth;
        bool dead, registered;
} disk;

/* ---- contents ---- */

static void content_resize(struct content *content, size_t size)
{
        if (size > content->room) {
                size_t room = max_of(2 * content->room, max_of(size, (size_t)65536));

                content->bytes = memory_resize(content->bytes, room);
                check(content->bytes);
                content->room = room;
        }
        if (size > content->size)
                memset(content->bytes + content->size, 0, size - content->size);
        content->size = size;
}

static void content_write(struct content *content, size_t offset, const void *bytes, size_t size)
{
        if (offset + size > content->size)
                content_resize(content, offset + size);
        memcpy(content->bytes + offset, bytes, size);
}

static void content_copy(struct content *to, const struct content *from)
{
        content_resize(to, from->size);
        if (from->size)
                memcpy(to->bytes, from->bytes, from->size);
}

static void content_free(struct content *content)
{
        memory_free(content->bytes);
        *content = (struct content){0};
}

/* ---- files ---- */

static struct file *file_find(const char *name)
{
        for (size_t i = 0; i < FILES_MAX; i++)
                if (disk.files[i].name[0] && strcmp(disk.files[i].name, name) == 0)
                        return &disk.files[i];
        return NULL;
}

static struct file *file_make(const char *name)
{
        for (size_t i = 0; i < FILES_MAX; i++) {
                struct file *file = &disk.files[i];

                if (file->name[0])
                        continue;
                check(strlen(name) < NAME_SIZE);
                snprintf(file->name, NAME_SIZE, "%s", name);
                file->seen.size = file->durable.size = 0;
                return file;
        }
        return NULL;
}

static void unsynced_apply(struct file *file, const struct unsynced *unsynced)
{
        if (unsynced->bytes)
                content_write(&file->durable, unsynced->offset, unsynced->bytes, unsynced->size);
        else
                content_resize(&file->durable, unsynced->offset);
}

static void unsynced_clear(struct file *file)
{
        for (size_t i = 0; i < file->unsynced_count; i++)
                memory_free(file->unsynced[i].bytes);
        file->unsynced_count = 0;
}

static void file_drop(struct file *file)
{
        unsynced_clear(file);
        file->name[0] = '\0';
        file->seen.size = file->durable.size = 0;
}

static void unsynced_add(struct file *file, size_t offset, const void *bytes, size_t size)
{
        struct unsynced *unsynced;

        if (file->unsynced_count == file->unsynced_room) {
                file->unsynced_room = file->unsynced_room ? 2 * file->unsynced_room : 64;
                file->unsynced = memory_resize(file->unsynced, sizeof(*unsynced) * file->unsynced_room);
                check(file->unsynced);
        }
        unsynced = &file->unsynced[file->unsynced_count++];
        *unsynced = (struct unsynced){.offset = offset, .size = size};
        if (!bytes)
                return;
        unsynced->bytes = memory_new(size);
        check(unsynced->bytes);
        memcpy(unsynced->bytes, bytes, size);
}

/* ---- trouble ---- */

static int trouble_at(bool sync, int otherwise)
{
        if (disk.trouble == DISK_DIE && --disk.nth == 0) {
                disk.dead = true;
                disk.trouble = DISK_WELL;
        }
        if (disk.dead)
                return otherwise;
        if (disk.trouble == DISK_FAIL_SYNC && sync) {
                disk.trouble = DISK_WELL;
                return otherwise;
        }
        if (!sync && (disk.trouble == DISK_FULL || disk.trouble == DISK_FAIL_WRITE)) {
                int code = disk.trouble == DISK_FULL ? SQLITE_FULL : otherwise;

                disk.trouble = DISK_WELL;
                return code;
        }
        return SQLITE_OK;
}

void disk_trouble(enum disk_trouble trouble, unsigned nth)
{
        disk.trouble = trouble;
        disk.nth = nth;
        check((trouble != DISK_DIE && trouble != DISK_CONFLICT) || nth > 0);
}

bool disk_is_dead(void)
{
        return disk.dead;
}

void disk_die(void)
{
        disk.dead = true;
        disk.trouble = DISK_WELL;
}

/* SQLite has one writer, whom nobody is in the way of. */
static int on_progress(void *context)
{
        if (disk.trouble != DISK_CONFLICT || sqlite3_txn_state(context, NULL) != SQLITE_TXN_WRITE || --disk.nth > 0)
                return 0;
        disk.trouble = DISK_WELL;
        return 1;
}

/* Every connection of the process is looked into. */
static int on_connection(sqlite3 *database, char **text, const struct sqlite3_api_routines *routines)
{
        (void)text, (void)routines;
        sqlite3_progress_handler(database, LOOK_EVERY, on_progress, database);
        return SQLITE_OK;
}

/* ---- methods of an open file ---- */

static struct file *file_of(sqlite3_file *base)
{
        return ((struct open_file *)base)->file;
}

static int on_close(sqlite3_file *base)
{
        (void)base;
        return SQLITE_OK;
}

static int on_read(sqlite3_file *base, void *bytes, int size, sqlite3_int64 offset)
{
        const struct content *seen = &file_of(base)->seen;
        size_t from = (size_t)offset, wanted = (size_t)size;
        size_t got = from < seen->size ? min_of(wanted, seen->size - from) : 0;

        if (disk.dead)
                return SQLITE_IOERR_READ;
        if (got)
                memcpy(bytes, seen->bytes + from, got);
        if (got == wanted)
                return SQLITE_OK;
        memset((uint8_t *)bytes + got, 0, wanted - got);
        return SQLITE_IOERR_SHORT_READ;
}

static int on_write(sqlite3_file *base, const void *bytes, int size, sqlite3_int64 offset)
{
        int code = trouble_at(false, SQLITE_IOERR_WRITE);

        if (code != SQLITE_OK)
                return code;
        content_write(&file_of(base)->seen, (size_t)offset, bytes, (size_t)size);
        unsynced_add(file_of(base), (size_t)offset, bytes, (size_t)size);
        return SQLITE_OK;
}

static int on_truncate(sqlite3_file *base, sqlite3_int64 size)
{
        int code = trouble_at(false, SQLITE_IOERR_TRUNCATE);

        if (code != SQLITE_OK)
                return code;
        content_resize(&file_of(base)->seen, (size_t)size);
        unsynced_add(file_of(base), (size_t)size, NULL, 0);
        return SQLITE_OK;
}

static int on_sync(sqlite3_file *base, int flags)
{
        struct file *file = file_of(base);
        int code = trouble_at(true, SQLITE_IOERR_FSYNC);

        (void)flags;
        if (code != SQLITE_OK)
                return code;
        for (size_t i = 0; i < file->unsynced_count; i++)
                unsynced_apply(file, &file->unsynced[i]);
        unsynced_clear(file);
        return SQLITE_OK;
}

static int on_file_size(sqlite3_file *base, sqlite3_int64 *size)
{
        *size = (sqlite3_int64)file_of(base)->seen.size;
        return SQLITE_OK;
}

/* One process, one connection: nobody to lock out. */
static int on_lock(sqlite3_file *base, int level)
{
        (void)base, (void)level;
        return SQLITE_OK;
}

static int on_check_lock(sqlite3_file *base, int *held)
{
        (void)base;
        *held = 0;
        return SQLITE_OK;
}

static int on_control(sqlite3_file *base, int operation, void *argument)
{
        (void)base, (void)operation, (void)argument;
        return SQLITE_NOTFOUND;
}

static int on_sector_size(sqlite3_file *base)
{
        (void)base;
        return DISK_SECTOR;
}

/* As SQLite has it on Unix: a torn write harms no byte outside itself. */
static int on_characteristics(sqlite3_file *base)
{
        (void)base;
        return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

static const sqlite3_io_methods methods = {
        .iVersion = 1,
        .xClose = on_close,
        .xRead = on_read,
        .xWrite = on_write,
        .xTruncate = on_truncate,
        .xSync = on_sync,
        .xFileSize = on_file_size,
        .xLock = on_lock,
        .xUnlock = on_lock,
        .xCheckReservedLock = on_check_lock,
        .xFileControl = on_control,
        .xSectorSize = on_sector_size,
        .xDeviceCharacteristics = on_characteristics,
};

/* ---- methods of the VFS ---- */

static int on_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *base, int flags, int *out_flags)
{
        struct file *file;

        (void)vfs;
        base->pMethods = NULL;
        if (!name || disk.dead)
                return SQLITE_CANTOPEN;
        file = file_find(name);
        if (!file && (flags & SQLITE_OPEN_CREATE))
                file = file_make(name);
        if (!file)
                return SQLITE_CANTOPEN;
        ((struct open_file *)base)->file = file;
        base->pMethods = &methods;
        if (out_flags)
                *out_flags = flags;
        return SQLITE_OK;
}

static int on_delete(sqlite3_vfs *vfs, const char *name, int sync)
{
        struct file *file = file_find(name);

        (void)vfs, (void)sync;
        if (disk.dead)
                return SQLITE_IOERR_DELETE;
        if (!file)
                return SQLITE_IOERR_DELETE_NOENT;
        file_drop(file);
        return SQLITE_OK;
}

static int on_access(sqlite3_vfs *vfs, const char *name, int flags, int *result)
{
        (void)vfs, (void)flags;
        *result = file_find(name) != NULL;
        return SQLITE_OK;
}

static int on_path(sqlite3_vfs *vfs, const char *name, int size, char *path)
{
        (void)vfs;
        snprintf(path, (size_t)size, "%s", name);
        return SQLITE_OK;
}

static int on_randomness(sqlite3_vfs *vfs, int size, char *bytes)
{
        (void)vfs;
        if (!disk.random)
                return 0;
        disk.random->fill(disk.random, bytes, (size_t)size);
        return size;
}

static int on_sleep(sqlite3_vfs *vfs, int us)
{
        (void)vfs;
        return us;
}

static int on_time(sqlite3_vfs *vfs, sqlite3_int64 *julian_ms)
{
        (void)vfs;
        *julian_ms = INT64_C(210866760000000) + (disk.clock ? (sqlite3_int64)disk.clock->wall_ms(disk.clock) : 0);
        return SQLITE_OK;
}

static int on_time_days(sqlite3_vfs *vfs, double *days)
{
        sqlite3_int64 ms;

        on_time(vfs, &ms);
        *days = (double)ms / 86400000.0;
        return SQLITE_OK;
}

static int on_error(sqlite3_vfs *vfs, int size, char *text)
{
        (void)vfs, (void)size, (void)text;
        return 0;
}

static sqlite3_vfs vfs = {
        .iVersion = 2,
        .szOsFile = sizeof(struct open_file),
        .mxPathname = NAME_SIZE - 8,
        .zName = DISK_VFS,
        .xOpen = on_open,
        .xDelete = on_delete,
        .xAccess = on_access,
        .xFullPathname = on_path,
        .xRandomness = on_randomness,
        .xSleep = on_sleep,
        .xCurrentTime = on_time_days,
        .xGetLastError = on_error,
        .xCurrentTimeInt64 = on_time,
};

/* ---- for the run ---- */

void disk_start(struct random *random, struct clock *clock)
{
        if (!disk.registered) {
                check(sqlite3_vfs_register(&vfs, 1) == SQLITE_OK);
                check(sqlite3_auto_extension((void (*)(void))on_connection) == SQLITE_OK);
        }
        disk.registered = true;
        disk.random = random;
        disk.clock = clock;
        disk.trouble = DISK_WELL;
        disk.dead = false;
        sqlite3_randomness(0, NULL); /* its generator starts anew from xRandomness */
        for (size_t i = 0; i < FILES_MAX; i++) {
                file_drop(&disk.files[i]);
                disk.saved_names[i][0] = '\0';
        }
}

void disk_finish(void)
{
        for (size_t i = 0; i < FILES_MAX; i++) {
                file_drop(&disk.files[i]);
                content_free(&disk.files[i].seen);
                content_free(&disk.files[i].durable);
                content_free(&disk.saved[i]);
                memory_free(disk.files[i].unsynced);
                disk.files[i] = (struct file){0};
        }
        disk.random = NULL;
        disk.clock = NULL;
}

/* What a crash leaves of one write: all, nothing, or some of its sectors. */
static void crash_write(struct file *file, const struct unsynced *unsynced, struct random *random)
{
        uint64_t fate = random_u64(random) % 3;

        if (fate == 0)
                return;
        if (fate == 1 || !unsynced->bytes) {
                unsynced_apply(file, unsynced);
                return;
        }
        for (size_t at = 0; at < unsynced->size; at += DISK_SECTOR)
                if (random_u64(random) & 1)
                        content_write(&file->durable, unsynced->offset + at, unsynced->bytes + at,
                                      min_of((size_t)DISK_SECTOR, unsynced->size - at));
}

unsigned disk_crash(struct random *random)
{
        unsigned count = 0;

        for (size_t i = 0; i < FILES_MAX; i++) {
                struct file *file = &disk.files[i];

                if (!file->name[0])
                        continue;
                count += (unsigned)file->unsynced_count;
                for (size_t n = 0; n < file->unsynced_count; n++)
                        crash_write(file, &file->unsynced[n], random);
                unsynced_clear(file);
                content_copy(&file->seen, &file->durable);
        }
        disk.trouble = DISK_WELL;
        disk.dead = false;
        return count;
}

void disk_save(void)
{
        for (size_t i = 0; i < FILES_MAX; i++) {
                snprintf(disk.saved_names[i], NAME_SIZE, "%s", disk.files[i].name);
                content_copy(&disk.saved[i], &disk.files[i].durable);
        }
}

bool disk_restore(void)
{
        bool any = false;

        for (size_t i = 0; i < FILES_MAX; i++)
                any |= disk.saved_names[i][0] != '\0';
        if (!any)
                return false;
        for (size_t i = 0; i < FILES_MAX; i++) {
                struct file *file = &disk.files[i];

                file_drop(file);
                snprintf(file->name, NAME_SIZE, "%s", disk.saved_names[i]);
                content_copy(&file->seen, &disk.saved[i]);
                content_copy(&file->durable, &disk.saved[i]);
        }
        return true;
}
