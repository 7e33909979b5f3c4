/* The profile on disk: whose it is, who leads, what a batch is, and what happens when memory or the file is not there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// clang-format off
#include <cmocka.h>
// clang-format on

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "terminal/file.h"

static char folder[] = "/tmp/galka-file-XXXXXX";
static char text[FILE_ERROR_SIZE];

static const char *inside(const char *name)
{
        static char path[256];

        snprintf(path, sizeof(path), "%s/%s", folder, name);
        return path;
}

static mode_t mode_of(const char *name)
{
        struct stat status;

        assert_int_equal(stat(inside(name), &status), 0);
        return status.st_mode & 0777;
}

static struct file *opened(const char *name)
{
        struct file *file;

        assert_int_equal(file_open(inside(name), &file, text), ERR_OK);
        return file;
}

static void only_its_owner_reads_it(void **state)
{
        mode_t old = umask(0);
        struct file *file = opened("deep/down/profile");

        (void)state;
        assert_int_equal(mode_of("deep"), 0700);
        assert_int_equal(mode_of("deep/down/profile"), 0700);
        assert_int_equal(mode_of("deep/down/profile/galka.db"), 0600);
        assert_int_equal(mode_of("deep/down/profile/galka.db-wal"), 0600);
        assert_int_equal(mode_of("deep/down/profile/lock"), 0600);
        assert_int_equal(umask(old), 0); /* as it was */
        file_close(&file);
        assert_null(file);
        /* A file that became readable is closed again; a folder that is somebody's is left as it is. */
        assert_int_equal(chmod(inside("deep/down/profile/galka.db"), 0644), 0);
        assert_int_equal(chmod(inside("deep/down/profile"), 0755), 0);
        file = opened("deep/down/profile");
        assert_int_equal(mode_of("deep/down/profile/galka.db"), 0600);
        assert_int_equal(mode_of("deep/down/profile"), 0755);
        file_close(&file);
        file_close(&file); /* nothing there: fine */
}

static void one_leads(void **state)
{
        struct file *first = opened("lead"), *second = opened("lead");

        (void)state;
        assert_int_equal(file_lead(first), ERR_OK);
        assert_int_equal(file_lead(second), ERR_LOCKED);
        file_close(&first);
        assert_int_equal(file_lead(second), ERR_OK);
        file_close(&second);
}

struct seen {
        char keys[64];
        unsigned count;
};

static void see(void *context, struct slice key, struct slice value)
{
        struct seen *seen = context;

        (void)value;
        strncat(seen->keys, (const char *)key.data, key.size);
        seen->count++;
}

static const char *range(struct file *file, const char *from, const char *to, uint32_t limit, bool backwards)
{
        static struct seen seen;

        seen = (struct seen){0};
        assert_int_equal(file_range(file, slice_text(from), slice_text(to), limit, backwards, see, &seen), ERR_OK);
        return seen.keys;
}

static struct core_change keep(const char *key)
{
        return (struct core_change){.key = slice_text(key), .value = SLICE_LITERAL("v")};
}

static void changes_are_made_in_order_and_read_in_order(void **state)
{
        struct file *file = opened("order"), *other = opened("order");
        const struct core_change all[] = {keep("c"), keep("a"), keep("b"), keep("d")};
        const struct core_change drops[] = {{.key = SLICE_LITERAL("b"), .end = SLICE_LITERAL("d"), .drop = true}, keep("c")};
        const struct core_change tail = {.key = SLICE_LITERAL("c"), .drop = true};

        (void)state;
        (void)file_changed(other);
        assert_false(file_changed(other));
        assert_int_equal(file_apply(file, all, 4), ERR_OK);
        assert_true(file_changed(other));
        assert_false(file_changed(other));
        assert_false(file_changed(file)); /* its own changes are no news */
        assert_string_equal(range(other, "a", "", 0, false), "abcd");
        assert_string_equal(range(file, "a", "c", 0, false), "ab");
        assert_string_equal(range(file, "b", "", 2, false), "bc");
        assert_string_equal(range(file, "a", "", 2, true), "dc");
        assert_int_equal(file_apply(file, drops, 2), ERR_OK);
        assert_string_equal(range(file, "a", "", 0, false), "acd");
        assert_int_equal(file_apply(file, &tail, 1), ERR_OK);
        assert_string_equal(range(file, "", "", 0, false), "a");
        file_close(&file);
        file_close(&other);
}

static void settings_are_kept(void **state)
{
        struct file *file = opened("settings");
        char value[256], hostile[] = "'; DROP TABLE records; --";

        (void)state;
        assert_false(file_get_setting(file, "server", value));
        assert_int_equal(file_set_setting(file, "server", hostile), ERR_OK);
        assert_int_equal(file_set_setting(file, "server", "host:1"), ERR_OK);
        file_close(&file);
        file = opened("settings");
        assert_true(file_get_setting(file, "server", value));
        assert_string_equal(value, "host:1");
        file_close(&file);
}

static void what_is_no_profile_is_refused_in_words(void **state)
{
        struct file *file;
        FILE *out;

        (void)state;
        file = opened("broken");
        file_close(&file);
        unlink(inside("broken/galka.db-wal"));
        out = fopen(inside("broken/galka.db"), "w");
        assert_non_null(out);
        fputs("this is no database, but it is long enough to look like one. ", out);
        for (int i = 0; i < 100; i++)
                fputs("this is no database, but it is long enough to look like one. ", out);
        fclose(out);
        assert_int_equal(file_open(inside("broken"), &file, text), ERR_CORRUPT);
        assert_null(file);
        assert_non_null(strstr(text, "galka.db"));
        out = fopen(inside("plain"), "w");
        assert_non_null(out);
        fclose(out);
        assert_int_equal(file_open(inside("plain"), &file, text), ERR_SYSTEM);
        assert_int_equal(file_open(inside("plain/below"), &file, text), ERR_SYSTEM);
        assert_non_null(strstr(text, "plain/below"));
        assert_int_equal(file_open("", &file, text), ERR_SYSTEM);
        memory_fail_at(1);
        assert_int_equal(file_open(inside("memory"), &file, text), ERR_NO_MEMORY);
        memory_fail_at(0);
        assert_null(file);
}

static int make_folder(void **state)
{
        (void)state;
        return !mkdtemp(folder);
}

static int remove_folder(void **state)
{
        char command[128];

        (void)state;
        snprintf(command, sizeof(command), "rm -rf '%s'", folder);
        return system(command);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(only_its_owner_reads_it),
                cmocka_unit_test(one_leads),
                cmocka_unit_test(changes_are_made_in_order_and_read_in_order),
                cmocka_unit_test(settings_are_kept),
                cmocka_unit_test(what_is_no_profile_is_refused_in_words),
        };

        return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
