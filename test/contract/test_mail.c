/* The contract of seam/mail.h on the spool folder, and what a letter looks like there. */
#include <dirent.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/assert.h"
#include "base/memory.h"
#include "driver/mail/letter.h"
#include "driver/mail/spool.h"
#include "support/by_hand.h"

#define LETTERS_MAX 4

struct stage {
        char folder[64];
        struct hand_clock clock;
        struct hand_random random;
        struct mail *mail;
        unsigned written;
        char code[16], to[64];
};

static void note_written(void *owner, const struct mail_letter *letter, struct slice code)
{
        struct stage *stage = owner;

        stage->written++;
        snprintf(stage->code, sizeof(stage->code), "%.*s", (int)code.size, (const char *)code.data);
        snprintf(stage->to, sizeof(stage->to), "%.*s", (int)letter->to.size, (const char *)letter->to.data);
}

static enum error spool_open(struct stage *stage)
{
        struct mail_spool_options options = {.folder = stage->folder,
                                             .from = "galka@example.org",
                                             .letters_max = LETTERS_MAX,
                                             .clock = &stage->clock.clock,
                                             .random = &stage->random.random,
                                             .written = note_written,
                                             .owner = stage};

        return mail_spool_new(&options, &stage->mail);
}

static int stage_new(void **state)
{
        struct stage *stage = memory_new(sizeof(*stage));

        if (!stage)
                return -1;
        snprintf(stage->folder, sizeof(stage->folder), "/tmp/galka-spool-XXXXXX");
        if (!mkdtemp(stage->folder))
                return -1;
        hand_clock_init(&stage->clock, 1700000000000);
        hand_random_init(&stage->random, 1);
        *state = stage;
        return spool_open(stage);
}

/* Removes the letters; returns how many files there were. */
static size_t empty_folder(const char *path)
{
        DIR *folder = opendir(path);
        const struct dirent *entry;
        size_t count = 0;

        assert_non_null(folder);
        while ((entry = readdir(folder))) {
                if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
                        continue;
                assert_int_equal(unlinkat(dirfd(folder), entry->d_name, 0), 0);
                count++;
        }
        closedir(folder);
        return count;
}

static int stage_free(void **state)
{
        struct stage *stage = *state;

        if (stage->mail)
                stage->mail->ops->free(&stage->mail);
        empty_folder(stage->folder);
        rmdir(stage->folder);
        memory_free(stage);
        return 0;
}

static struct mail_letter letter_of(const char *to, const char *subject, const char *text)
{
        return (struct mail_letter){slice_text(to), slice_text(subject), slice_text(text)};
}

/* Submits, waits, and expects the outcome OK. */
static void send(struct stage *stage, const struct mail_letter *letter)
{
        struct pollfd waiting = {.fd = stage->mail->ops->fd(stage->mail), .events = POLLIN};
        struct completion completion;

        assert_int_equal(stage->mail->ops->submit(stage->mail, letter, 3), ERR_OK);
        assert_int_equal(poll(&waiting, 1, 5000), 1);
        assert_int_equal(stage->mail->ops->poll(stage->mail, &completion, 1), 1);
        assert_int_equal(completion.tag, 3);
        assert_int_equal(completion.outcome, OUTCOME_OK);
        assert_int_equal(poll(&waiting, 1, 0), 0);
}

/* The one file in the folder. */
static size_t read_only_file(const char *path, char *bytes, size_t size)
{
        DIR *folder = opendir(path);
        const struct dirent *entry;
        char file[512] = "";
        struct stat status;
        FILE *stream;

        assert_non_null(folder);
        while ((entry = readdir(folder)))
                if (entry->d_name[0] != '.') {
                        assert_string_equal(file, "");
                        snprintf(file, sizeof(file), "%s/%s", path, entry->d_name);
                }
        closedir(folder);
        assert_int_equal(stat(file, &status), 0);
        assert_int_equal(status.st_mode & 0777, 0600);
        stream = fopen(file, "r");
        assert_non_null(stream);
        size = fread(bytes, 1, size - 1, stream);
        bytes[size] = '\0';
        fclose(stream);
        return size;
}

static void test_a_letter_is_a_file(void **state)
{
        struct stage *stage = *state;
        struct mail_letter letter = letter_of("bob@example.org", "Your code", "Hello Bob 42,\nthe code is 123456.\n");
        char bytes[4096];

        send(stage, &letter);
        read_only_file(stage->folder, bytes, sizeof(bytes));
        assert_non_null(strstr(bytes, "Date: Tue, 14 Nov 2023 22:13:20 +0000\r\n"));
        assert_non_null(strstr(bytes, "\r\nFrom: galka@example.org\r\nTo: bob@example.org\r\nSubject: Your code\r\n"));
        assert_non_null(strstr(bytes, "@example.org>\r\nMIME-Version: 1.0\r\n"));
        assert_non_null(strstr(bytes, "\r\n\r\nHello Bob 42,\r\nthe code is 123456.\r\n"));
        assert_int_equal(stage->written, 1);
        assert_string_equal(stage->code, "123456");
        assert_string_equal(stage->to, "bob@example.org");
}

static void test_other_scripts(void **state)
{
        struct stage *stage = *state;
        struct mail_letter letter =
                letter_of("bob@example.org", "Код для входа в Галку, который вы просили прислать", "Код: 654321\n");
        char bytes[4096];

        send(stage, &letter);
        read_only_file(stage->folder, bytes, sizeof(bytes));
        assert_non_null(strstr(bytes, "\r\nSubject: =?UTF-8?B?"));
        assert_non_null(strstr(bytes, "0JrQvtC0INC00LvRjyDQstGF0L7QtNCw")); /* made with base64(1) */
        assert_non_null(strstr(bytes, "?=\r\n =?UTF-8?B?"));
        assert_non_null(strstr(bytes, "\r\n\r\nКод: 654321\r\n"));
        assert_string_equal(stage->code, "654321");
}

static void test_nothing_can_add_a_header(void **state)
{
        struct stage *stage = *state;
        static const char *const addresses[] = {"",
                                                "bob",
                                                "@example.org",
                                                "bob@",
                                                "a@b@c",
                                                "bob@example.org\r\nBcc: eve@example.org",
                                                "bob@example.org\nX: y",
                                                "bob @example.org",
                                                "bob@example.org,eve@example.org",
                                                "<bob@example.org>",
                                                "\"bob\"@example.org",
                                                "bob\x7f@example.org",
                                                "bob\xff@example.org"};
        static const char *const subjects[] = {"a\r\nBcc: eve@example.org", "a\nb", "a\tb", "\x01", "\xc3"};
        struct mail_letter letter = letter_of("bob@example.org", "subject", "text\r\n");

        assert_int_equal(stage->mail->ops->submit(stage->mail, &letter, 1), ERR_BAD_FIELD);
        for (size_t i = 0; i < countof(addresses); i++) {
                letter = letter_of(addresses[i], "subject", "text");
                assert_int_equal(stage->mail->ops->submit(stage->mail, &letter, 1), ERR_BAD_FIELD);
        }
        for (size_t i = 0; i < countof(subjects); i++) {
                letter = letter_of("bob@example.org", subjects[i], "text");
                assert_int_equal(stage->mail->ops->submit(stage->mail, &letter, 1), ERR_BAD_FIELD);
        }
        assert_int_equal(empty_folder(stage->folder), 0);
        assert_int_equal(stage->written, 0);
}

static void test_the_largest_letter_and_larger(void **state)
{
        struct stage *stage = *state;
        char *text = memory_new(MAIL_TEXT_SIZE_MAX + 2), subject[MAIL_SUBJECT_SIZE_MAX + 2] = {0};
        struct mail_letter letter;

        assert_non_null(text);
        memset(text, '\n', MAIL_TEXT_SIZE_MAX); /* each becomes two bytes */
        for (size_t i = 0; i < MAIL_SUBJECT_SIZE_MAX; i += 2)
                memcpy(subject + i, "ж", 2);
        letter = letter_of("bob@example.org", subject, text);
        send(stage, &letter);
        text[MAIL_TEXT_SIZE_MAX] = '\n';
        letter = letter_of("bob@example.org", "subject", text);
        assert_int_equal(stage->mail->ops->submit(stage->mail, &letter, 1), ERR_TOO_LARGE);
        memset(text, 'x', MAIL_LINE_SIZE_MAX + 1);
        text[MAIL_LINE_SIZE_MAX + 1] = '\0';
        letter = letter_of("bob@example.org", "subject", text);
        assert_int_equal(stage->mail->ops->submit(stage->mail, &letter, 1), ERR_BAD_FIELD);
        subject[MAIL_SUBJECT_SIZE_MAX] = 'x';
        letter = letter_of("bob@example.org", subject, "text");
        assert_int_equal(stage->mail->ops->submit(stage->mail, &letter, 1), ERR_TOO_LARGE);
        memory_free(text);
}

static void test_a_full_folder_says_so(void **state)
{
        struct stage *stage = *state;
        struct mail_letter letter = letter_of("bob@example.org", "subject", "no code 12345 1234567 here");

        for (int i = 0; i < LETTERS_MAX; i++)
                send(stage, &letter);
        assert_string_equal(stage->code, "");
        assert_int_equal(stage->mail->ops->submit(stage->mail, &letter, 1), ERR_FULL);
        assert_int_equal(empty_folder(stage->folder), LETTERS_MAX);
        send(stage, &letter);
}

static void test_what_a_crash_left_is_removed(void **state)
{
        struct stage *stage = *state;
        char path[128];
        FILE *stream;

        stage->mail->ops->free(&stage->mail);
        snprintf(path, sizeof(path), "%s/.0001-0002.tmp", stage->folder);
        stream = fopen(path, "w");
        assert_non_null(stream);
        fclose(stream);
        assert_int_equal(spool_open(stage), ERR_OK);
        assert_int_not_equal(access(path, F_OK), 0);
}

static void test_a_folder_that_cannot_be(void **state)
{
        struct stage *stage = *state;
        struct mail_spool_options options = {.folder = "/proc/nothing/here",
                                             .from = "galka@example.org",
                                             .clock = &stage->clock.clock,
                                             .random = &stage->random.random};
        struct mail *mail = NULL;

        assert_int_equal(mail_spool_new(&options, &mail), ERR_SYSTEM);
        options.from = "nobody";
        assert_int_equal(mail_spool_new(&options, &mail), ERR_CONFIG);
        assert_null(mail);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, stage_new, stage_free)

int main(void)
{
        static const struct CMUnitTest tests[] = {
                TEST(test_a_letter_is_a_file),       TEST(test_other_scripts),
                TEST(test_nothing_can_add_a_header), TEST(test_the_largest_letter_and_larger),
                TEST(test_a_full_folder_says_so),    TEST(test_what_a_crash_left_is_removed),
                TEST(test_a_folder_that_cannot_be),
        };

        return cmocka_run_group_tests_name("mail, spool", tests, NULL, NULL);
}
