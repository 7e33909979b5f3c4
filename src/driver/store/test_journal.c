/* Writes to the WAL are gathered: how many calls a commit takes, and that nothing is lost by it, also when the disk says no. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/assert.h"
#include "driver/store/journal.h"

#define ROW_SIZE 3000 /* about one row a page */

struct stage {
        char folder[64], path[128];
        sqlite3 *handle;
        struct journal journal;
        sqlite3_io_methods counting;
        const sqlite3_io_methods *below;
        unsigned writes, syncs;
        bool full;
};

static struct stage stage;

static int counted_write(sqlite3_file *file, const void *bytes, int size, sqlite3_int64 at)
{
        stage.writes++;
        return stage.full ? SQLITE_FULL : stage.below->xWrite(file, bytes, size, at);
}

static int counted_sync(sqlite3_file *file, int flags)
{
        stage.syncs++;
        return stage.below->xSync(file, flags);
}

static int execute(sqlite3 *handle, const char *text)
{
        return sqlite3_exec(handle, text, NULL, NULL, NULL);
}

/* Rows in the table, as another connection sees them. */
static int count_rows(void)
{
        sqlite3_stmt *statement;
        sqlite3 *other;
        int rows;

        assert_int_equal(sqlite3_open(stage.path, &other), SQLITE_OK);
        assert_int_equal(sqlite3_prepare_v2(other, "SELECT count(*) FROM t WHERE length(b) = 3000", -1, &statement, NULL),
                         SQLITE_OK);
        assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
        rows = sqlite3_column_int(statement, 0);
        sqlite3_finalize(statement);
        assert_int_equal(sqlite3_close(other), SQLITE_OK);
        return rows;
}

static int insert(unsigned rows)
{
        char text[256];

        snprintf(text, sizeof(text),
                 "WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n WHERE i < %u) "
                 "INSERT INTO t(b) SELECT randomblob(%d) FROM n",
                 rows, ROW_SIZE);
        return execute(stage.handle, text);
}

static int stage_new(void **state)
{
        sqlite3_file *file;

        (void)state;
        stage = (struct stage){.folder = "/tmp/galka-journal-XXXXXX"};
        assert_non_null(mkdtemp(stage.folder));
        snprintf(stage.path, sizeof(stage.path), "%s/galka.db", stage.folder);
        assert_int_equal(sqlite3_open(stage.path, &stage.handle), SQLITE_OK);
        assert_int_equal(execute(stage.handle,
                                 "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0;"
                                 "CREATE TABLE t(i INTEGER PRIMARY KEY, b BLOB)"),
                         SQLITE_OK);
        /* The counters lie between what gathers and the file. */
        assert_int_equal(sqlite3_file_control(stage.handle, "main", SQLITE_FCNTL_JOURNAL_POINTER, &file), SQLITE_OK);
        stage.below = file->pMethods;
        stage.counting = *file->pMethods;
        stage.counting.xWrite = counted_write;
        stage.counting.xSync = counted_sync;
        file->pMethods = &stage.counting;
        journal_gather(&stage.journal, stage.handle);
        assert_non_null(stage.journal.bytes);
        return 0;
}

static int stage_free(void **state)
{
        static const char *const names[] = {"galka.db", "galka.db-wal", "galka.db-shm"};
        char path[160];

        (void)state;
        assert_int_equal(sqlite3_close(stage.handle), SQLITE_OK);
        journal_finish(&stage.journal);
        for (size_t i = 0; i < countof(names); i++) {
                snprintf(path, sizeof(path), "%s/%s", stage.folder, names[i]);
                unlink(path);
        }
        return rmdir(stage.folder);
}

static void test_a_commit_is_one_write_and_one_sync(void **state)
{
        (void)state;
        for (int i = 0; i < 5; i++) {
                stage.writes = stage.syncs = 0;
                assert_int_equal(insert(6), SQLITE_OK);
                assert_int_equal(stage.writes, 1);
                assert_int_equal(stage.syncs, 1);
                assert_int_equal(count_rows(), 6 * (i + 1));
        }
}

static void test_what_exceeds_the_buffer_is_written_in_large_pieces(void **state)
{
        (void)state;
        assert_int_equal(insert(1000), SQLITE_OK); /* some four megabytes */
        assert_in_range(stage.writes, 4000000 / JOURNAL_GATHERED_MAX, 6000000 / JOURNAL_GATHERED_MAX + 20);
        assert_int_equal(count_rows(), 1000);
}

/* With a small cache pages are written to the WAL, and read back from there, long before the commit. */
static void test_pages_that_come_back_before_the_commit(void **state)
{
        (void)state;
        assert_int_equal(execute(stage.handle, "PRAGMA cache_size = 10; BEGIN"), SQLITE_OK);
        assert_int_equal(insert(200), SQLITE_OK);
        assert_int_equal(execute(stage.handle, "UPDATE t SET b = randomblob(3000) WHERE i % 7 = 0"), SQLITE_OK);
        assert_int_equal(count_rows(), 0);
        assert_int_equal(execute(stage.handle, "COMMIT"), SQLITE_OK);
        assert_int_equal(count_rows(), 200);
}

static void test_a_full_disk_loses_the_transaction_and_no_more(void **state)
{
        (void)state;
        assert_int_equal(insert(6), SQLITE_OK);
        stage.full = true;
        assert_int_equal(insert(6), SQLITE_FULL);
        assert_int_equal(insert(100), SQLITE_FULL);
        assert_int_equal(count_rows(), 6);
        stage.full = false;
        assert_int_equal(insert(6), SQLITE_OK);
        assert_int_equal(count_rows(), 12);
        assert_int_equal(execute(stage.handle, "PRAGMA wal_checkpoint(TRUNCATE)"), SQLITE_OK);
        assert_int_equal(insert(6), SQLITE_OK);
        assert_int_equal(count_rows(), 18);
        assert_int_equal(execute(stage.handle, "PRAGMA integrity_check"), SQLITE_OK);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_a_commit_is_one_write_and_one_sync, stage_new, stage_free),
                cmocka_unit_test_setup_teardown(test_what_exceeds_the_buffer_is_written_in_large_pieces, stage_new,
                                                stage_free),
                cmocka_unit_test_setup_teardown(test_pages_that_come_back_before_the_commit, stage_new, stage_free),
                cmocka_unit_test_setup_teardown(test_a_full_disk_loses_the_transaction_and_no_more, stage_new, stage_free),
        };

        return cmocka_run_group_tests_name("store, journal", tests, NULL, NULL);
}
