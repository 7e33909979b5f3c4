/* See faulty_vfs.h. */
#include "support/faulty_vfs.h"

#include <sqlite3.h>
#include <stddef.h>

#include "base/assert.h"

struct faulty_file {
        sqlite3_file base;
        sqlite3_file *inner;
};

static struct {
        sqlite3_vfs *inner;
        sqlite3_vfs vfs;
        unsigned kinds;
        unsigned long seen, nth, more, failed;
        int code;
} plan;

void faulty_vfs_fail(unsigned kinds, unsigned long nth, unsigned long more, int code)
{
        plan.kinds = kinds;
        plan.nth = nth;
        plan.more = more;
        plan.code = code;
        plan.seen = plan.failed = 0;
}

unsigned long faulty_vfs_failed(void)
{
        return plan.failed;
}

static int trouble(unsigned kind, int code)
{
        if (!plan.nth || !(plan.kinds & kind))
                return SQLITE_OK;
        plan.seen++;
        if (plan.seen < plan.nth || plan.seen > plan.nth + plan.more)
                return SQLITE_OK;
        plan.failed++;
        return plan.code == SQLITE_IOERR ? code : plan.code;
}

static sqlite3_file *inner_of(sqlite3_file *file)
{
        return ((struct faulty_file *)file)->inner;
}

static int on_close(sqlite3_file *file)
{
        return inner_of(file)->pMethods->xClose(inner_of(file));
}

static int on_read(sqlite3_file *file, void *bytes, int size, sqlite3_int64 offset)
{
        int code = trouble(VFS_READ, SQLITE_IOERR_READ);

        return code ? code : inner_of(file)->pMethods->xRead(inner_of(file), bytes, size, offset);
}

static int on_write(sqlite3_file *file, const void *bytes, int size, sqlite3_int64 offset)
{
        int code = trouble(VFS_WRITE, SQLITE_IOERR_WRITE);
        int done = inner_of(file)->pMethods->xWrite(inner_of(file), bytes, code ? size / 2 : size, offset);

        return code ? code : done;
}

static int on_truncate(sqlite3_file *file, sqlite3_int64 size)
{
        int code = trouble(VFS_TRUNCATE, SQLITE_IOERR_TRUNCATE);

        return code ? code : inner_of(file)->pMethods->xTruncate(inner_of(file), size);
}

static int on_sync(sqlite3_file *file, int flags)
{
        int code = trouble(VFS_SYNC, SQLITE_IOERR_FSYNC);

        return code ? code : inner_of(file)->pMethods->xSync(inner_of(file), flags);
}

static int on_shm_map(sqlite3_file *file, int region, int size, int extend, void volatile **memory)
{
        int code = trouble(VFS_SHM, SQLITE_IOERR_SHMMAP);

        return code ? code : inner_of(file)->pMethods->xShmMap(inner_of(file), region, size, extend, memory);
}

/* ---- handed on as they are ---- */

static int on_file_size(sqlite3_file *file, sqlite3_int64 *size)
{
        return inner_of(file)->pMethods->xFileSize(inner_of(file), size);
}

static int on_lock(sqlite3_file *file, int level)
{
        return inner_of(file)->pMethods->xLock(inner_of(file), level);
}

static int on_unlock(sqlite3_file *file, int level)
{
        return inner_of(file)->pMethods->xUnlock(inner_of(file), level);
}

static int on_check_lock(sqlite3_file *file, int *held)
{
        return inner_of(file)->pMethods->xCheckReservedLock(inner_of(file), held);
}

static int on_control(sqlite3_file *file, int operation, void *argument)
{
        return inner_of(file)->pMethods->xFileControl(inner_of(file), operation, argument);
}

static int on_sector_size(sqlite3_file *file)
{
        return inner_of(file)->pMethods->xSectorSize(inner_of(file));
}

static int on_characteristics(sqlite3_file *file)
{
        return inner_of(file)->pMethods->xDeviceCharacteristics(inner_of(file));
}

static int on_shm_lock(sqlite3_file *file, int offset, int count, int flags)
{
        return inner_of(file)->pMethods->xShmLock(inner_of(file), offset, count, flags);
}

static void on_shm_barrier(sqlite3_file *file)
{
        inner_of(file)->pMethods->xShmBarrier(inner_of(file));
}

static int on_shm_unmap(sqlite3_file *file, int remove)
{
        return inner_of(file)->pMethods->xShmUnmap(inner_of(file), remove);
}

/* Version 2: with shared memory, without memory-mapped pages, which would go past reads. */
static const sqlite3_io_methods methods = {
        2,           on_close,      on_read,    on_write,       on_truncate,        on_sync,    on_file_size, on_lock,
        on_unlock,   on_check_lock, on_control, on_sector_size, on_characteristics, on_shm_map, on_shm_lock,  on_shm_barrier,
        on_shm_unmap};

static int on_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *base, int flags, int *out_flags)
{
        struct faulty_file *file = (struct faulty_file *)base;
        int code = trouble(VFS_OPEN, SQLITE_CANTOPEN);

        (void)vfs;
        base->pMethods = NULL;
        if (code)
                return code;
        file->inner = (sqlite3_file *)(file + 1);
        code = plan.inner->xOpen(plan.inner, name, file->inner, flags, out_flags);
        if (file->inner->pMethods)
                base->pMethods = &methods;
        return code;
}

static int on_delete(sqlite3_vfs *vfs, const char *name, int sync)
{
        (void)vfs;
        return plan.inner->xDelete(plan.inner, name, sync);
}

static int on_access(sqlite3_vfs *vfs, const char *name, int flags, int *result)
{
        (void)vfs;
        return plan.inner->xAccess(plan.inner, name, flags, result);
}

void faulty_vfs_install(void)
{
        plan.inner = sqlite3_vfs_find(NULL);
        check(plan.inner);
        plan.vfs = *plan.inner;
        plan.vfs.zName = FAULTY_VFS;
        plan.vfs.szOsFile = (int)sizeof(struct faulty_file) + plan.inner->szOsFile;
        plan.vfs.xOpen = on_open;
        plan.vfs.xDelete = on_delete;
        plan.vfs.xAccess = on_access;
        check(sqlite3_vfs_register(&plan.vfs, 0) == SQLITE_OK);
}
