/* The log's lines: both formats, escapes that nothing breaks out of, levels, and lines that are too long. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// clang-format off
#include <cmocka.h>
// clang-format on

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "server/log.h"

#define REQUEST_TEXT "01020304-0000-0000-0000-0000000000ff"

static const struct id request = {{1, 2, 3, 4, [15] = 0xff}};
static char line[8192];

static uint64_t wall_ms(struct clock *clock)
{
        (void)clock;
        return UINT64_C(1700000000123);
}

static uint64_t monotonic_us(struct clock *clock)
{
        (void)clock;
        return 1;
}

static struct clock still = {monotonic_us, wall_ms};

/* What was written for these fields; "" if nothing was. */
static const char *logged(const char *format, const char *level_min, enum event_level level, const struct id *id,
                          const struct event_field *fields, size_t count)
{
        const struct event event = {level, "test.event", id, fields, count};
        struct log log;
        ssize_t size;
        int ends[2];

        assert_int_equal(pipe(ends), 0);
        log_init(&log, &still, format, level_min, ends[1]);
        event_emit(&log.sink, &event);
        close(ends[1]);
        size = read(ends[0], line, sizeof(line) - 1);
        close(ends[0]);
        line[size > 0 ? size : 0] = '\0';
        return line;
}

static void both_formats_say_the_same(void **state)
{
        const struct event_field fields[] = {{"topic", "session", 0}, {"size", NULL, UINT64_MAX}};

        (void)state;
        assert_string_equal(logged("logfmt", "debug", EVENT_INFO, &request, fields, 2),
                            "time=\"2023-11-14T22:13:20.123Z\" level=\"info\" event=\"test.event\" request=\"" REQUEST_TEXT
                            "\" topic=\"session\" size=18446744073709551615\n");
        assert_string_equal(logged("json", "debug", EVENT_ERROR, &request, fields, 2),
                            "{\"time\":\"2023-11-14T22:13:20.123Z\",\"level\":\"error\",\"event\":\"test.event\","
                            "\"request\":\"" REQUEST_TEXT "\",\"topic\":\"session\",\"size\":18446744073709551615}\n");
        assert_string_equal(logged("json", "debug", EVENT_ERROR, NULL, NULL, 0),
                            "{\"time\":\"2023-11-14T22:13:20.123Z\",\"level\":\"error\",\"event\":\"test.event\"}\n");
}

static void nothing_breaks_out_of_its_value(void **state)
{
        const struct event_field field = {"name", "a\"b\\c\nd\033[2J\x7f\xc2\x9b e=f", 0};

        (void)state;
        for (int i = 0; i < 2; i++) {
                const char *text = logged(i ? "json" : "logfmt", "debug", EVENT_INFO, NULL, &field, 1);

                assert_non_null(strstr(text, "a\\\"b\\\\c\\u000ad\\u001b[2J\\u007f\\u009b e=f\""));
                assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
        }
}

/* However long a value is, a line has an end, and JSON is JSON: no half escape, every quote and brace closed. */
static void a_long_line_is_cut_where_it_may_be(void **state)
{
        static char value[4000];

        (void)state;
        for (size_t i = 0; i < sizeof(value) - 1; i++)
                value[i] = i % 3 ? 'x' : '\n';
        for (size_t shift = 0; shift < 10; shift++) {
                const struct event_field fields[] = {{"value", value + shift, 0}, {"after", NULL, 1}};
                const char *text = logged("json", "debug", EVENT_INFO, NULL, fields, 2);
                size_t size = strlen(text), quotes = 0;

                assert_true(size <= 2048);
                assert_memory_equal(text + size - 2, "}\n", 2);
                for (size_t i = 0; i < size; i++) {
                        quotes += text[i] == '"';
                        if (text[i] != '\\')
                                continue;
                        assert_int_equal(text[i + 1], 'u');
                        assert_int_equal(strspn(text + i + 2, "0123456789abcdef") >= 4, 1);
                }
                assert_int_equal(quotes % 2, 0);
        }
}

static void levels_are_kept(void **state)
{
        static const char *const levels[] = {"debug", "info", "warning", "error"};

        (void)state;
        for (int least = 0; least < 4; least++)
                for (int level = 0; level < 4; level++)
                        assert_int_equal(*logged("logfmt", levels[least], (enum event_level)level, NULL, NULL, 0) != '\0',
                                         level >= least);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(both_formats_say_the_same),
                cmocka_unit_test(nothing_breaks_out_of_its_value),
                cmocka_unit_test(a_long_line_is_cut_where_it_may_be),
                cmocka_unit_test(levels_are_kept),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
