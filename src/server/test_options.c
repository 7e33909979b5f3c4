/* Options: who wins over whom, what is refused and how it is said, and that everything printed comes from the one table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// clang-format off
#include <cmocka.h>
// clang-format on

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/memory.h"
#include "server/options.h"

#define ARGUMENTS_MAX 8

static char path[] = "/tmp/galka-options-XXXXXX";

static const struct {
        const char *name, *type;
} table[] = {
#define OPTION(field, name, type, ...) {name, #type},
#include "server/options.def"
#undef OPTION
};

struct reading {
        struct options options;
        enum error error;
        char text[OPTION_ERROR_SIZE];
        int words[4], word_count;
};

/* file, environment (one setting) and up to three arguments; each may be NULL. */
static struct reading *read_all(const char *file, const char *setting, const char *first, const char *second,
                                const char *third)
{
        static struct reading reading;
        const char *arguments[ARGUMENTS_MAX] = {"galkad"};
        const char *environment[2] = {setting, NULL};
        const char *rest[] = {first, second, third};
        int count = 1;

        options_finish(&reading.options);
        if (file) {
                FILE *out = fopen(path, "w");

                assert_non_null(out);
                fputs(file, out);
                fclose(out);
                arguments[count++] = "--config";
                arguments[count++] = path;
        }
        for (size_t i = 0; i < countof(rest) && rest[i]; i++)
                arguments[count++] = rest[i];
        reading.error = options_read(&reading.options, count, (char **)(uintptr_t)arguments, (char **)(uintptr_t)environment,
                                     reading.words, &reading.word_count, 4, reading.text);
        return &reading;
}

static void the_later_wins(void **state)
{
        struct reading *reading = read_all(NULL, NULL, "all", NULL, NULL);

        (void)state;
        assert_int_equal(reading->error, ERR_OK);
        assert_int_equal(reading->options.port, 4255);
        assert_int_equal(reading->word_count, 1);
        assert_int_equal(read_all("port = 1\n", NULL, NULL, NULL, NULL)->options.port, 1);
        assert_int_equal(read_all("port = 1\n", "GALKA_PORT=2", NULL, NULL, NULL)->options.port, 2);
        assert_int_equal(read_all("port = 1\n", "GALKA_PORT=2", "--port", "3", NULL)->options.port, 3);
        assert_int_equal(read_all("port = 1\n", "GALKA_PORT=2", "--port=4", NULL, NULL)->options.port, 4);
        assert_int_equal(read_all(NULL, "GALKA_CONFIG=/nowhere/at/all", NULL, NULL, NULL)->error, ERR_CONFIG);
        reading = read_all("# words\nlog-format = json\n\ndev=yes\n", "GALKA_DATA=here", NULL, NULL, NULL);
        assert_int_equal(reading->error, ERR_OK);
        assert_string_equal(reading->options.log_format, "json");
        assert_string_equal(reading->options.data, "here");
        assert_true(reading->options.dev);
        assert_true(read_all(NULL, NULL, "--dev", "all", NULL)->options.dev);
        assert_false(read_all("dev = yes\n", NULL, "--dev=no", NULL, NULL)->options.dev);
}

static void refused(const char *file, const char *setting, const char *argument, const char *words)
{
        struct reading *reading = read_all(file, setting, argument, NULL, NULL);

        if (reading->error != ERR_CONFIG || !strstr(reading->text, words))
                fail_msg("expected '%s', got %d '%s'", words, reading->error, reading->text);
        assert_null(strchr(reading->text, '\n'));
}

static void what_is_wrong_is_said_with_its_place(void **state)
{
        (void)state;
        refused("\nport = 1\nprot = 2\n", NULL, NULL, "line 3: there is no option 'prot'");
        refused("port = x\n", NULL, NULL, "line 1: port must be a number from 0 to 65535, not 'x'");
        refused("# a\n# b\nport = 65536\n", NULL, NULL, "line 3: port");
        refused("port\n", NULL, NULL, "line 1: not a line of the form 'name = value'");
        refused("[section]\nport = 1\n", NULL, NULL, "line 2: there is no option 'section'");
        refused("config = other\n", NULL, NULL, "line 1: there is no option 'config' here");
        refused("dev = maybe\n", NULL, NULL, "line 1: dev must be yes or no, not 'maybe'");
        refused("log-level = loud\n", NULL, NULL, "log-level must be debug, info, warning or error, not 'loud'");
        refused("log-format = xml\n", NULL, NULL, "log-format must be logfmt or json, not 'xml'");
        refused(NULL, "GALKA_FRONTENDS=0", NULL, "GALKA_FRONTENDS: frontends must be a number from 1 to 16, not '0'");
        refused(NULL, "GALKA_PORT=", NULL, "GALKA_PORT");
        refused(NULL, "GALKA_PORT=99999999999999999999999", NULL, "GALKA_PORT");
        refused(NULL, NULL, "--port=-1", "command line: port");
        refused(NULL, NULL, "--port=1 ", "command line: port");
        refused(NULL, NULL, "--port", "--port needs a value: PORT");
        refused(NULL, NULL, "--nothing", "there is no option '--nothing': see galkad help");
        refused(NULL, NULL, "--data=", "command line: data must be a text from 1 to 4096 bytes long");
        refused(NULL, NULL, "--bad\n\033[2J", "there is no option '--bad??[2J'");
}

/* Everybody on the machine sees the arguments of a process, and logs are read by many. */
static void secrets_are_not_for_the_command_line(void **state)
{
        char setting[64];
        FILE *file;

        (void)state;
        refused(NULL, NULL, "--redis-password=hunter2", "GALKA_REDIS_PASSWORD");
        refused(NULL, NULL, "--redis-password", "GALKA_REDIS_PASSWORD");
        assert_string_equal(read_all(NULL, "GALKA_REDIS_PASSWORD=hunter2", NULL, NULL, NULL)->options.redis_password,
                            "hunter2");
        assert_string_equal(read_all("redis-password = hunter3\n", NULL, NULL, NULL, NULL)->options.redis_password,
                            "hunter3");
        file = fopen(path, "w");
        assert_non_null(file);
        fputs("hunter4\nand another line\n", file);
        fclose(file);
        snprintf(setting, sizeof(setting), "GALKA_REDIS_PASSWORD=@%s", path);
        assert_string_equal(read_all(NULL, setting, NULL, NULL, NULL)->options.redis_password, "hunter4");
}

static void a_secret_is_never_quoted(void **state)
{
        char setting[1200] = "GALKA_REDIS_PASSWORD=hunter2hunter2", *text;

        (void)state;
        text = read_all(NULL, NULL, "--redis-password=hunter2", NULL, NULL)->text;
        assert_null(strstr(text, "hunter2"));
        memset(setting + strlen(setting), 'x', sizeof(setting) - 1 - strlen(setting));
        refused(NULL, setting, NULL, "GALKA_REDIS_PASSWORD: redis-password must be at most 1024 bytes long");
        assert_null(strstr(read_all(NULL, setting, NULL, NULL, NULL)->text, "hunter2"));
}

static void a_file_of_a_secret_must_be_one(void **state)
{
        (void)state;
        refused(NULL, "GALKA_REDIS_PASSWORD=@/nowhere/at/all", NULL, "cannot read /nowhere/at/all");
        refused(NULL, "GALKA_REDIS_PASSWORD=@/dev/zero", NULL, "cannot read /dev/zero");
        refused(NULL, "GALKA_REDIS_PASSWORD=@/tmp", NULL, "cannot read /tmp");
        refused("\nredis-password = @/nowhere\n", NULL, NULL, "line 2: cannot read /nowhere");
}

static void balancers_are_addresses(void **state)
{
        (void)state;
        assert_int_equal(read_all(NULL, NULL, "--proxy-from=10.0.0.0/8,fd00::7", NULL, NULL)->error, ERR_OK);
        refused(NULL, NULL, "--proxy-from=10.0.0.0/64", "proxy-from must be addresses or blocks");
        refused("proxy-from = balancer\n", NULL, NULL, "not 'balancer'");
}

static void too_many_words_are_refused(void **state)
{
        char program[] = "galkad", word[] = "word";
        char *arguments[] = {program, word, word, word, NULL}, *environment[] = {NULL};
        char text[OPTION_ERROR_SIZE];
        struct options options;
        int words[2], count;

        (void)state;
        assert_int_equal(options_read(&options, 4, arguments, environment, words, &count, 2, text), ERR_CONFIG);
        assert_non_null(strstr(text, "too many words"));
        options_finish(&options);
}

static char *printed(void (*print)(FILE *out))
{
        char *buffer = NULL;
        size_t size = 0;
        FILE *out = open_memstream(&buffer, &size);

        assert_non_null(out);
        print(out);
        fclose(out);
        return buffer;
}

static void all_that_is_printed_lists_every_option(void **state)
{
        char *help = printed(options_print_help), *man = printed(options_print_man), *sample = printed(options_print_sample);

        (void)state;
        for (size_t i = 0; i < countof(table); i++) {
                bool secret = strcmp(table[i].type, "SECRET") == 0;
                char wanted[80], dashed[64] = "", *at = dashed;

                snprintf(wanted, sizeof(wanted), "  --%s ", table[i].name);
                assert_true((strstr(help, wanted) != NULL) == !secret);
                for (const char *name = table[i].name; *name; name++)
                        at += sprintf(at, *name == '-' ? "\\-" : "%c", *name);
                snprintf(wanted, sizeof(wanted), "%s%s", secret ? "In the file: " : "\\-\\-", dashed);
                assert_non_null(strstr(man, wanted));
                snprintf(wanted, sizeof(wanted), "#%s = ", table[i].name);
                assert_true((strstr(sample, wanted) != NULL) == (strcmp(table[i].name, "config") != 0));
        }
        assert_non_null(strstr(help, "  GALKA_REDIS_PASSWORD "));
        free(help);
        free(man);
        free(sample);
}

/* The sample is a configuration file: as it is, and with every line in force. */
static void the_sample_can_be_read(void **state)
{
        char *sample = printed(options_print_sample);

        (void)state;
        assert_int_equal(read_all(sample, NULL, NULL, NULL, NULL)->error, ERR_OK);
        for (char *at = sample; *at; at++)
                if ((at == sample || at[-1] == '\n') && *at == '#' && at[1] != ' ')
                        *at = ' ';
        assert_string_equal(read_all(sample, NULL, NULL, NULL, NULL)->text, "");
        assert_int_equal(read_all(sample, NULL, NULL, NULL, NULL)->options.port, 4255);
        free(sample);
}

/* Each allocation fails once: an error or none, and nothing leaks (the sanitizer looks). */
static void without_memory_it_is_an_error(void **state)
{
        unsigned long failed = 0;
        struct reading *reading;

        (void)state;
        for (unsigned long nth = 1;; nth++) {
                memory_fail_at(nth);
                reading = read_all("data = there\nlisten = ::1\n", "GALKA_DATA=here", "--log-level=debug", NULL, NULL);
                if (memory_fail_at(0) < nth)
                        break;
                failed++;
                assert_int_equal(reading->error, ERR_NO_MEMORY);
                assert_true(strlen(reading->text) > 0);
        }
        assert_true(failed > 5);
        assert_int_equal(reading->error, ERR_OK);
        assert_string_equal(reading->options.data, "here");
}

static int make_file(void **state)
{
        int fd = mkstemp(path);

        (void)state;
        if (fd >= 0)
                close(fd);
        return fd < 0;
}

static int remove_file(void **state)
{
        (void)state;
        options_finish(&read_all(NULL, NULL, NULL, NULL, NULL)->options);
        return unlink(path);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_later_wins),
                cmocka_unit_test(what_is_wrong_is_said_with_its_place),
                cmocka_unit_test(secrets_are_not_for_the_command_line),
                cmocka_unit_test(a_secret_is_never_quoted),
                cmocka_unit_test(a_file_of_a_secret_must_be_one),
                cmocka_unit_test(balancers_are_addresses),
                cmocka_unit_test(too_many_words_are_refused),
                cmocka_unit_test(all_that_is_printed_lists_every_option),
                cmocka_unit_test(the_sample_can_be_read),
                cmocka_unit_test(without_memory_it_is_an_error),
        };

        return cmocka_run_group_tests(tests, make_file, remove_file);
}
