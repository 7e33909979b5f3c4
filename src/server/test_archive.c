/* A backup file: what was written is read; what is cut off, changed or something else is refused, wherever it was done. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// clang-format off
#include <cmocka.h>
// clang-format on

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "server/archive.h"

#define SMALL "hello, archive\n"
#define LARGE 3000

static char folder[] = "/tmp/galka-archive-XXXXXX", path[64];

static uint8_t large_byte(size_t at)
{
        return (uint8_t)(at * 7 + at / 256);
}

static void write_one(void)
{
        static struct archive archive;
        char text[ARCHIVE_ERROR_SIZE] = "";
        uint8_t byte;

        unlink(path);
        assert_int_equal(archive_create(&archive, path, text), ERR_OK);
        archive.origin =
                (struct archive_origin){.engine = "sqlite", .schema = 7, .era.bytes = {1, 2, 3}, .time_ms = 1795531768000};
        archive_begin(&archive, "small");
        archive_add(&archive, SLICE_LITERAL(SMALL));
        archive_end(&archive);
        archive_begin(&archive, "empty");
        archive_end(&archive);
        archive_begin(&archive, "large.csv");
        for (size_t i = 0; i < LARGE; i++) {
                byte = large_byte(i);
                archive_add(&archive, slice_of(&byte, 1));
        }
        archive_end(&archive);
        assert_int_equal(access(path, F_OK), -1); /* not before it is whole */
        assert_int_equal(archive_finish(&archive, text), ERR_OK);
}

/* All of it is as write_one made it. */
static void expect_whole(const struct archive *archive)
{
        uint8_t bytes[LARGE + 1];
        const struct archive_file *file = archive_find(archive, "small");

        assert_string_equal(archive->origin.engine, "sqlite");
        assert_int_equal(archive->origin.schema, 7);
        assert_int_equal(archive->origin.time_ms, 1795531768000);
        assert_int_equal(archive->origin.era.bytes[2], 3);
        assert_int_equal(archive->count, 3);
        assert_non_null(file);
        assert_int_equal(archive_read(archive, file, 0, bytes, sizeof(bytes)), sizeof(SMALL) - 1);
        assert_memory_equal(bytes, SMALL, sizeof(SMALL) - 1);
        file = archive_find(archive, "empty");
        assert_non_null(file);
        assert_int_equal(archive_read(archive, file, 0, bytes, sizeof(bytes)), 0);
        file = archive_find(archive, "large.csv");
        assert_non_null(file);
        assert_int_equal(archive_read(archive, file, 0, bytes, sizeof(bytes)), LARGE);
        for (size_t i = 0; i < LARGE; i++)
                assert_int_equal(bytes[i], large_byte(i));
        assert_null(archive_find(archive, "manifest"));
}

static void is_read_again(void **state)
{
        static struct archive archive;
        char text[ARCHIVE_ERROR_SIZE] = "";

        (void)state;
        write_one();
        assert_int_equal(archive_open(&archive, path, text), ERR_OK);
        expect_whole(&archive);
        archive_close(&archive);
}

static size_t read_all(uint8_t **bytes)
{
        int fd = open(path, O_RDONLY);
        off_t size = lseek(fd, 0, SEEK_END);

        *bytes = malloc((size_t)size);
        assert_non_null(*bytes);
        assert_int_equal(pread(fd, *bytes, (size_t)size, 0), size);
        close(fd);
        return (size_t)size;
}

/* A file in memory, thousands of times another one; its path is what archive_open is given. */
static int memory = -1;
static char memory_path[64];

static void write_all(const uint8_t *bytes, size_t size)
{
        assert_int_equal(ftruncate(memory, (off_t)size), 0);
        assert_int_equal(pwrite(memory, bytes, size, 0), size);
}

static void expect_refused(void)
{
        static struct archive archive;
        char text[ARCHIVE_ERROR_SIZE] = "";

        assert_int_equal(archive_open(&archive, memory_path, text), ERR_CONFIG);
        assert_int_equal(archive.fd, -1);
        assert_ptr_equal(strstr(text, memory_path), text);
        assert_null(strchr(text, '\n'));
}

static void cut_off_anywhere(void **state)
{
        uint8_t *bytes;
        size_t size;

        (void)state;
        write_one();
        size = read_all(&bytes);
        write_all(bytes, size);
        while (size > 0) {
                assert_int_equal(ftruncate(memory, (off_t)--size), 0);
                expect_refused();
        }
        free(bytes);
}

/* What fills a block up is nobody's; everything else counts. */
static void changed_anywhere(void **state)
{
        static struct archive archive;
        char text[ARCHIVE_ERROR_SIZE];
        size_t size, refused = 0;
        uint8_t *bytes;

        (void)state;
        write_one();
        size = read_all(&bytes);
        write_all(bytes, size);
        for (size_t at = 0; at < size; at++) {
                uint8_t changed = bytes[at] ^ 1;

                assert_int_equal(pwrite(memory, &changed, 1, (off_t)at), 1);
                if (archive_open(&archive, memory_path, text) == ERR_OK) {
                        expect_whole(&archive);
                        archive_close(&archive);
                } else {
                        refused++;
                }
                assert_int_equal(pwrite(memory, &bytes[at], 1, (off_t)at), 1);
        }
        /* Headers of four entries, and what is in them. */
        assert_true(refused >= 4 * 512 - 4 + sizeof(SMALL) - 1 + LARGE + 200);
        free(bytes);
}

static void not_one(void **state)
{
        static struct archive archive;
        char text[ARCHIVE_ERROR_SIZE] = "";

        (void)state;
        write_all((const uint8_t *)"galka", 5);
        expect_refused();
        unlink(path);
        assert_int_equal(archive_open(&archive, path, text), ERR_SYSTEM);
        assert_int_equal(archive_open(&archive, folder, text), ERR_CONFIG);
        assert_int_equal(archive_open(&archive, "/dev/null", text), ERR_CONFIG);
}

static void never_over_another(void **state)
{
        static struct archive archive, other;
        char text[ARCHIVE_ERROR_SIZE] = "";

        (void)state;
        write_one();
        assert_int_equal(archive_create(&archive, path, text), ERR_CONFIG);
        unlink(path);
        assert_int_equal(archive_create(&archive, path, text), ERR_OK);
        assert_int_equal(archive_create(&other, path, text), ERR_LOCKED);
        archive_abandon(&archive);
        assert_int_equal(archive_create(&other, path, text), ERR_OK);
        archive_abandon(&other);
        assert_int_equal(access(path, F_OK), -1);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(is_read_again), cmocka_unit_test(cut_off_anywhere),   cmocka_unit_test(changed_anywhere),
                cmocka_unit_test(not_one),       cmocka_unit_test(never_over_another),
        };
        int failed;

        if (!mkdtemp(folder))
                return 1;
        snprintf(path, sizeof(path), "%s/a.tar", folder);
        memory = memfd_create("archive", MFD_CLOEXEC);
        snprintf(memory_path, sizeof(memory_path), "/proc/self/fd/%d", memory);
        failed = cmocka_run_group_tests(tests, NULL, NULL);
        unlink(path);
        rmdir(folder);
        return failed;
}
