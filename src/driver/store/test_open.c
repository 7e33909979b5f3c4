/* Opening: whose file it is, who has it, what is said of one that cannot be used; and that nothing foreign is touched. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/assert.h"
#include "driver/store/schema.h"
#include "driver/store/sqlite_inside.h"
#include "support/by_hand.h"

struct stage {
        char folder[64], path[128], text[STORE_ERROR_SIZE];
        struct hand_clock clock;
        struct hand_random random;
        struct store_sqlite *sqlite;
};

static int stage_new(void **state)
{
        static struct stage stage;

        stage = (struct stage){.folder = "/tmp/galka-open-XXXXXX"};
        assert_non_null(mkdtemp(stage.folder));
        snprintf(stage.path, sizeof(stage.path), "%s/galka.db", stage.folder);
        hand_clock_init(&stage.clock, 1750000000000);
        hand_random_init(&stage.random, 5);
        *state = &stage;
        return 0;
}

static int stage_free(void **state)
{
        static const char *const names[] = {"galka.db", "galka.db-wal", "galka.db-shm", "galka.db-journal", "lock"};
        struct stage *stage = *state;
        char path[128];

        store_sqlite_free(&stage->sqlite);
        for (size_t i = 0; i < countof(names); i++) {
                snprintf(path, sizeof(path), "%s/%s", stage->folder, names[i]);
                unlink(path);
        }
        return rmdir(stage->folder);
}

static enum error try_open(struct stage *stage)
{
        struct store_sqlite_options options = {
                .folder = stage->folder, .clock = &stage->clock.clock, .random = &stage->random.random};

        return store_sqlite_new(&options, &stage->sqlite, stage->text);
}

/* It must be refused like that, with a line that has `word` in it. */
static void assert_refused(struct stage *stage, enum error error, const char *word)
{
        assert_int_equal(try_open(stage), error);
        assert_null(stage->sqlite);
        if (!strstr(stage->text, word))
                print_error("%s\n", stage->text);
        assert_non_null(strstr(stage->text, word));
}

/* Changes the database behind the store's back. */
static void execute(struct stage *stage, const char *text)
{
        sqlite3 *handle;

        assert_int_equal(sqlite3_open(stage->path, &handle), SQLITE_OK);
        assert_int_equal(sqlite3_exec(handle, text, NULL, NULL, NULL), SQLITE_OK);
        assert_int_equal(sqlite3_close(handle), SQLITE_OK);
}

static size_t read_file(const char *path, char *bytes, size_t size)
{
        FILE *file = fopen(path, "re");
        size_t got;

        assert_non_null(file);
        got = fread(bytes, 1, size, file);
        fclose(file);
        return got;
}

static void test_an_old_one_is_opened_again(void **state)
{
        struct stage *stage = *state;
        struct id era;

        assert_int_equal(try_open(stage), ERR_OK);
        era = store_sqlite_era(stage->sqlite);
        assert_false(id_is_zero(&era));
        store_sqlite_free(&stage->sqlite);
        assert_int_equal(try_open(stage), ERR_OK);
        assert_memory_equal(&era, &stage->sqlite->era, sizeof(era));
}

static void test_a_new_era_lasts(void **state)
{
        struct stage *stage = *state;
        struct id before, after;

        assert_int_equal(try_open(stage), ERR_OK);
        before = store_sqlite_era(stage->sqlite);
        assert_int_equal(store_sqlite_renew_era(stage->sqlite), ERR_OK);
        after = store_sqlite_era(stage->sqlite);
        assert_false(id_equal(&before, &after));
        assert_false(id_is_zero(&after));
        store_sqlite_free(&stage->sqlite);
        assert_int_equal(try_open(stage), ERR_OK);
        assert_memory_equal(&after, &stage->sqlite->era, sizeof(after));
}

static void test_a_foreign_database_is_refused_and_untouched(void **state)
{
        static char before[65536], after[65536];
        struct stage *stage = *state;
        size_t size;

        execute(stage, "CREATE TABLE messages(id INTEGER PRIMARY KEY, text TEXT); INSERT INTO messages VALUES(1, 'mine')");
        size = read_file(stage->path, before, sizeof(before));
        assert_refused(stage, ERR_CONFIG, "not one of Galka's");
        assert_int_equal(read_file(stage->path, after, sizeof(after)), size);
        assert_memory_equal(before, after, size);
}

static uint64_t number_of(struct stage *stage, const char *text)
{
        sqlite3_stmt *statement;
        uint64_t number;
        sqlite3 *handle;

        assert_int_equal(sqlite3_open(stage->path, &handle), SQLITE_OK);
        assert_int_equal(sqlite3_prepare_v2(handle, text, -1, &statement, NULL), SQLITE_OK);
        assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
        number = (uint64_t)sqlite3_column_int64(statement, 0);
        sqlite3_finalize(statement);
        sqlite3_close(handle);
        return number;
}

#define BACK_TO_12 "ALTER TABLE users DROP COLUMN receipts; ALTER TABLE users DROP COLUMN receipts_done;"
#define BACK_TO_11 BACK_TO_12 "DROP TABLE leaving;"
#define BACK_TO_10 BACK_TO_11 "ALTER TABLE users DROP COLUMN hides;"
#define BACK_TO_9  BACK_TO_10 "ALTER TABLE users DROP COLUMN seen_ms;"
#define BACK_TO_8  BACK_TO_9 "DROP TABLE blocks;"
#define BACK_TO_7  BACK_TO_8 "DROP INDEX messages_pinned; ALTER TABLE messages DROP COLUMN pinned;"
#define BACK_TO_6  BACK_TO_7 "ALTER TABLE messages DROP COLUMN reactions; ALTER TABLE messages DROP COLUMN origin;"
#define BACK_TO_3                                                                                                           \
        BACK_TO_6 "DROP TABLE search; DROP "                                                                                \
                  "TABLE refusals; DROP TABLE invites; ALTER TABLE pending DROP COLUMN purpose; ALTER TABLE "               \
                  "pending DROP "                                                                                           \
                  "COLUMN holder;"                                                                                          \
                  " ALTER TABLE pending DROP COLUMN invite;"

/* As version 3 left it, with a sign-up that waits for its code. */
static void test_what_waits_for_a_code_is_brought_up(void **state)
{
        struct stage *stage = *state;
        struct id era;

        assert_int_equal(try_open(stage), ERR_OK);
        era = store_sqlite_era(stage->sqlite);
        store_sqlite_free(&stage->sqlite);
        execute(stage, BACK_TO_3 "PRAGMA user_version = 3;"
                                 " INSERT INTO pending VALUES(zeroblob(16), 'e', 'e', 'n', 'n', 'd', 'h', 'c', 1, 0, 0)");
        assert_int_equal(try_open(stage), ERR_OK);
        assert_memory_equal(&era, &stage->sqlite->era, sizeof(era));
        store_sqlite_free(&stage->sqlite);
        assert_int_equal(number_of(stage, "PRAGMA user_version"), SCHEMA_VERSION);
        assert_int_equal(number_of(stage, "SELECT count(*) FROM pending WHERE purpose = 0 AND holder = 0 AND invite = x''"),
                         1);
        assert_int_equal(number_of(stage, "SELECT count(*) FROM invites"), 0);
}

/* As version 11 left it, where groups kept whoever was deleted. */
static void test_who_was_deleted_before_has_yet_to_leave(void **state)
{
        struct stage *stage = *state;

        assert_int_equal(try_open(stage), ERR_OK);
        store_sqlite_free(&stage->sqlite);
        execute(stage, BACK_TO_11
                "PRAGMA user_version = 11;"
                "INSERT INTO users(user, user_name, name_folded, display_name, email, email_folded, password_hash,"
                " version, created_ms) VALUES(7, '-deleted-', x'ff07', 'Deleted account', '', x'ff07', '', 2, 0),"
                " (8, 'anna', 'anna', 'Anna', 'a', 'a', '', 1, 0)");
        assert_int_equal(try_open(stage), ERR_OK);
        store_sqlite_free(&stage->sqlite);
        assert_int_equal(number_of(stage, "SELECT count(*) FROM leaving"), 1);
        assert_int_equal(number_of(stage, "SELECT user FROM leaving WHERE length(request) = 16 AND after = zeroblob(16)"),
                         7);
}

static void test_a_newer_schema_is_refused_and_untouched(void **state)
{
        static char before[1 << 18], after[1 << 18];
        struct stage *stage = *state;
        size_t size;

        assert_int_equal(try_open(stage), ERR_OK);
        store_sqlite_free(&stage->sqlite);
        execute(stage, "PRAGMA user_version = 99; PRAGMA wal_checkpoint(TRUNCATE)");
        size = read_file(stage->path, before, sizeof(before));
        assert_refused(stage, ERR_CONFIG, "newer galkad (schema 99");
        assert_int_equal(read_file(stage->path, after, sizeof(after)), size);
        assert_memory_equal(before, after, size);
        execute(stage, BACK_TO_10 "PRAGMA user_version = 10");
        assert_int_equal(try_open(stage), ERR_OK);
}

/* As version 5 left it, which had no index of words. */
static void test_what_was_written_before_there_was_a_search_is_found(void **state)
{
        struct stage *stage = *state;

        assert_int_equal(try_open(stage), ERR_OK);
        store_sqlite_free(&stage->sqlite);
        execute(stage, BACK_TO_6
                "DROP TABLE search; PRAGMA user_version = 5;"
                "INSERT INTO messages(room, seq, changed, n, counts, time_ms, sender, kind, request, digest, text) VALUES"
                " (3, 1, 1, 1, 1, 0, 7, 1, x'01', x'', 'The geese'), (3, 2, 2, 2, 1, 0, 7, 8, x'02', x'', ''),"
                " (3, 3, 3, 3, 1, 0, 7, 1, x'03', x'', ' - '), (4, 1, 1, 1, 1, 0, 7, 1, x'04', x'', 'a goose')");
        assert_int_equal(try_open(stage), ERR_OK);
        store_sqlite_free(&stage->sqlite);
        assert_int_equal(number_of(stage, "SELECT rowid FROM search('gees')"), (INT64_C(3) << 32) + 1);
        assert_int_equal(number_of(stage, "SELECT rowid FROM search('goos')"), (INT64_C(4) << 32) + 1);
        assert_int_equal(number_of(stage, "SELECT count(*) FROM search('gees OR goos OR a OR the')"), 2);
}

/* As version 1 left it, which had no groups and no alterations. */
static void test_an_older_schema_is_brought_up(void **state)
{
        struct stage *stage = *state;
        sqlite3 *handle;
        sqlite3_stmt *statement;

        assert_int_equal(try_open(stage), ERR_OK);
        store_sqlite_free(&stage->sqlite);
        execute(stage, BACK_TO_3 "ALTER TABLE rooms DROP COLUMN title; ALTER TABLE rooms DROP COLUMN link;"
                                 "ALTER TABLE rooms DROP COLUMN member_count; ALTER TABLE members DROP COLUMN role;"
                                 "ALTER TABLE user_rooms DROP COLUMN left_seq; ALTER TABLE user_rooms DROP COLUMN left_n;"
                                 "ALTER TABLE user_rooms DROP COLUMN left_ms; ALTER TABLE user_rooms DROP COLUMN left_title;"
                                 "ALTER TABLE messages DROP COLUMN subject;"
                                 "ALTER TABLE messages DROP COLUMN role; ALTER TABLE messages DROP COLUMN heir;"
                                 "ALTER TABLE messages DROP COLUMN reply_to; ALTER TABLE messages DROP COLUMN edited_ms;"
                                 "ALTER TABLE requests DROP COLUMN number;"
                                 "INSERT INTO rooms VALUES(1, x'00', 2, 1, x'00');"
                                 "INSERT INTO members VALUES(1, 7, 1, NULL, 0, 0, 0, 0, 0, 0, 0, 0),"
                                 " (1, 8, 1, NULL, 0, 0, 0, 0, 0, 0, 0, 0), (1, 9, 1, 2, 0, 0, 0, 0, 0, 0, 0, 0);"
                                 "PRAGMA user_version = 1");
        assert_int_equal(try_open(stage), ERR_OK);
        store_sqlite_free(&stage->sqlite);
        assert_int_equal(sqlite3_open(stage->path, &handle), SQLITE_OK);
        assert_int_equal(sqlite3_prepare_v2(handle,
                                            "SELECT member_count, title, (SELECT sum(role) FROM members),"
                                            " (SELECT user_version FROM pragma_user_version) FROM rooms",
                                            -1, &statement, NULL),
                         SQLITE_OK);
        assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
        assert_int_equal(sqlite3_column_int(statement, 0), 0);
        assert_int_equal(sqlite3_column_bytes(statement, 1), 0);
        assert_int_equal(sqlite3_column_int(statement, 2), 3);
        assert_int_equal(sqlite3_column_int(statement, 3), SCHEMA_VERSION);
        sqlite3_finalize(statement);
        assert_int_equal(sqlite3_close(handle), SQLITE_OK);
}

static void test_no_era_is_no_database_of_ours(void **state)
{
        struct stage *stage = *state;

        assert_int_equal(try_open(stage), ERR_OK);
        store_sqlite_free(&stage->sqlite);
        execute(stage, "UPDATE meta SET value = x'0102'");
        assert_refused(stage, ERR_CORRUPT, "no era");
        execute(stage, "DELETE FROM meta");
        assert_refused(stage, ERR_CORRUPT, "no era");
}

static void test_what_is_no_database(void **state)
{
        struct stage *stage = *state;
        FILE *file = fopen(stage->path, "we");

        assert_non_null(file);
        for (int i = 0; i < 1000; i++)
                fputs("This is a letter, not a database.\n", file);
        fclose(file);
        assert_refused(stage, ERR_CORRUPT, "not a database");
}

static void test_a_file_cut_short(void **state)
{
        struct stage *stage = *state;

        assert_int_equal(try_open(stage), ERR_OK);
        store_sqlite_free(&stage->sqlite);
        assert_int_equal(truncate(stage->path, 700), 0);
        assert_refused(stage, ERR_CORRUPT, "the database cannot be opened");
}

static void test_an_empty_file_is_a_new_one(void **state)
{
        struct stage *stage = *state;

        fclose(fopen(stage->path, "we"));
        assert_int_equal(try_open(stage), ERR_OK);
}

static void test_one_server_a_folder(void **state)
{
        struct stage *stage = *state;
        struct store_sqlite *first;
        int status;
        pid_t child;

        assert_int_equal(try_open(stage), ERR_OK);
        first = stage->sqlite;
        child = fork();
        if (child == 0) /* another process; its descriptors are its own, as a second galkad's would be */
                _exit(try_open(stage) == ERR_LOCKED && strstr(stage->text, "another galkad") ? 0 : 1);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
        assert_refused(stage, ERR_LOCKED, "another galkad uses the folder");
        stage->sqlite = first;
        store_sqlite_free(&stage->sqlite);
        assert_int_equal(try_open(stage), ERR_OK);
}

static void test_folders_that_cannot_be_used(void **state)
{
        struct stage *stage = *state;
        char folder[64];

        snprintf(folder, sizeof(folder), "%s", stage->folder);
        snprintf(stage->folder, sizeof(stage->folder), "/nowhere/at/all");
        assert_refused(stage, ERR_SYSTEM, "cannot write /nowhere/at/all");
        snprintf(stage->folder, sizeof(stage->folder), "/proc/self");
        assert_refused(stage, ERR_SYSTEM, "cannot write /proc/self");
        snprintf(stage->folder, sizeof(stage->folder), "%s", folder);
        assert_int_equal(mkdir(stage->path, 0700), 0); /* a folder where the database should be */
        assert_refused(stage, ERR_SYSTEM, "galka.db");
        assert_int_equal(rmdir(stage->path), 0);
        assert_int_equal(try_open(stage), ERR_OK);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, stage_new, stage_free)

int main(void)
{
        static const struct CMUnitTest tests[] = {
                TEST(test_an_old_one_is_opened_again),
                TEST(test_a_new_era_lasts),
                TEST(test_a_foreign_database_is_refused_and_untouched),
                TEST(test_what_waits_for_a_code_is_brought_up),
                TEST(test_who_was_deleted_before_has_yet_to_leave),
                TEST(test_a_newer_schema_is_refused_and_untouched),
                TEST(test_an_older_schema_is_brought_up),
                TEST(test_what_was_written_before_there_was_a_search_is_found),
                TEST(test_no_era_is_no_database_of_ours),
                TEST(test_what_is_no_database),
                TEST(test_a_file_cut_short),
                TEST(test_an_empty_file_is_a_new_one),
                TEST(test_one_server_a_folder),
                TEST(test_folders_that_cannot_be_used),
        };

        return cmocka_run_group_tests_name("store, SQLite, opening", tests, NULL, NULL);
}
