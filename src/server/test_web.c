/* The folder of the web app: what is read of it, what is passed over, what is too much; and that a bad one leaves the good one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// clang-format off
#include <cmocka.h>
// clang-format on

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "server/web.h"

#define FRONTENDS 3

static char folder[64], why[WEB_WHY_SIZE];
static struct web *web;

static const char *in(const char *name)
{
        static char paths[4][512];
        static unsigned next;

        next = (next + 1) % 4;
        snprintf(paths[next], sizeof(paths[next]), "%s/%s", folder, name);
        return paths[next];
}

static void put(const char *name, const char *text)
{
        FILE *file = fopen(in(name), "w");

        assert_non_null(file);
        assert_true(fputs(text, file) >= 0);
        assert_int_equal(fclose(file), 0);
}

static int set_up(void **state)
{
        (void)state;
        snprintf(folder, sizeof(folder), "/tmp/galka-web-XXXXXX");
        assert_non_null(mkdtemp(folder));
        put("index.html", "page");
        return 0;
}

static int drop(const char *path, const struct stat *status, int kind, struct FTW *place)
{
        (void)status, (void)kind, (void)place;
        return remove(path);
}

static int tear_down(void **state)
{
        (void)state;
        web_free(&web);
        return nftw(folder, drop, 8, FTW_DEPTH | FTW_PHYS);
}

static void expect(size_t files, size_t bytes)
{
        struct web_counts counts = web_counts(web);

        assert_int_equal(counts.files, files);
        assert_int_equal(counts.bytes, bytes);
}

static void expect_reason(enum error error, const char *words)
{
        struct web *none = NULL;

        assert_int_equal(web_new(folder, FRONTENDS, &none, why), error);
        assert_null(none);
        if (!strstr(why, words))
                fail_msg("%s is not in: %s", words, why);
}

static void test_plain_files_under_plain_names_are_read(void **state)
{
        (void)state;
        assert_int_equal(mkdir(in("assets"), 0700), 0);
        put("assets/app-1a.js", "script");
        put("empty.txt", "");
        put(".hidden", "no");
        put("with space", "no");
        put("name~", "no");
        assert_int_equal(mkdir(in(".git"), 0700), 0);
        put(".git/config", "no");
        assert_int_equal(symlink("/etc/passwd", in("link.txt")), 0);
        assert_int_equal(symlink("/etc", in("linked")), 0);
        assert_int_equal(mkfifo(in("pipe"), 0600), 0);
        assert_int_equal(web_new(folder, FRONTENDS, &web, why), ERR_OK);
        expect(3, 10);
}

static void test_what_is_no_app_is_told(void **state)
{
        char name[64] = "";

        (void)state;
        for (int i = 0; i < WEB_DEPTH_MAX; i++) {
                snprintf(name + strlen(name), sizeof(name) - strlen(name), "%sd", i ? "/" : "");
                assert_int_equal(mkdir(in(name), 0700), 0);
        }
        expect_reason(ERR_CONFIG, "too deep");
        assert_int_equal(rmdir(in(name)), 0);
        assert_int_equal(web_new(folder, FRONTENDS, &web, why), ERR_OK);
        web_free(&web);
        put("large", "");
        assert_int_equal(truncate(in("large"), WEB_BYTES_MAX - 3), 0);
        expect_reason(ERR_CONFIG, "16 MiB");
        assert_int_equal(truncate(in("large"), WEB_BYTES_MAX - 4), 0);
        assert_int_equal(web_new(folder, FRONTENDS, &web, why), ERR_OK);
        web_free(&web);
        assert_int_equal(unlink(in("index.html")), 0);
        expect_reason(ERR_CONFIG, "no index.html");
        put("large", "");
        for (int i = 0; i < WEB_FILES_MAX; i++) {
                snprintf(name, sizeof(name), "f%d", i);
                put(name, "");
        }
        expect_reason(ERR_CONFIG, "too many");
}

static void test_a_bad_folder_leaves_what_there_was(void **state)
{
        (void)state;
        assert_int_equal(web_new(folder, FRONTENDS, &web, why), ERR_OK);
        assert_int_equal(rename(in("index.html"), in("away.html")), 0);
        assert_int_equal(web_reload(web, why), ERR_CONFIG);
        expect(1, 4);
        put("index.html", "longer page");
        assert_int_equal(web_reload(web, why), ERR_OK);
        expect(2, 15);
}

static void test_so_does_a_lack_of_memory(void **state)
{
        enum error error = ERR_NO_MEMORY;

        (void)state;
        assert_int_equal(web_new(folder, FRONTENDS, &web, why), ERR_OK);
        put("more.txt", "more");
        for (unsigned long nth = 1; error; nth++) {
                assert_true(nth < 100);
                (void)memory_fail_at(nth);
                error = web_reload(web, why);
                (void)memory_fail_at(0);
                assert_true(error == ERR_OK || error == ERR_NO_MEMORY);
                expect(error ? 1 : 2, error ? 4 : 8);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_plain_files_under_plain_names_are_read, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_what_is_no_app_is_told, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_a_bad_folder_leaves_what_there_was, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_so_does_a_lack_of_memory, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
