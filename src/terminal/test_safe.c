/* Nothing that a terminal would obey gets through, and everything else does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// clang-format off
#include <cmocka.h>
// clang-format on

#include <locale.h>
#include <stdlib.h>

#include "core/core.h"
#include "terminal/print.h"
#include "terminal/safe.h"

static char *buffer;

static const char *written(void (*write)(FILE *out, struct slice text), struct slice text)
{
        size_t size = 0;
        FILE *out;

        free(buffer);
        out = open_memstream(&buffer, &size);
        assert_non_null(out);
        write(out, text);
        fclose(out);
        return buffer;
}

static const struct line_of {
        const char *text, *line, *json;
} lines[] = {
        {"", "", "\"\""},
        {"plain", "plain", "\"plain\""},
        {"галка ✓ 😀", "галка ✓ 😀", "\"галка ✓ 😀\""},
        {"e\xcc\x81", "e\xcc\x81", "\"e\xcc\x81\""},
        {"\033]0;title\007", "·]0;title·", "\"\\u001b]0;title\\u0007\""},
        {"\033[2J\r", "·[2J·", "\"\\u001b[2J\\u000d\""},
        {"a\xc2\x9b"
         "2Jb",
         "a·2Jb", "\"a\\u009b2Jb\""},
        {"a\x9b"
         "2Jb",
         "a·2Jb", "\"a\\ufffd2Jb\""},
        {"a\x7f"
         "b",
         "a·b", "\"a\\u007fb\""},
        {"a\nb", "a·b", "\"a\\nb\""},
        {"a\tb", "a    b", "\"a\\u0009b\""},
        {"\xe2\x80\xaegnp.exe", "·gnp.exe", "\"\\u202egnp.exe\""},
        {"\xe2\x81\xa6x\xe2\x81\xa9", "·x·", "\"\\u2066x\\u2069\""},
        {"a\xe2\x80\xa8"
         "b",
         "a·b", "\"a\\u2028b\""},
        {"say \"hi\\\"", "say \"hi\\\"", "\"say \\\"hi\\\\\\\"\""},
        {"half \xd0", "half ·", "\"half \\ufffd\""},
};

static void what_a_terminal_obeys_is_a_dot(void **state)
{
        (void)state;
        for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
                assert_string_equal(written(safe_line, slice_text(lines[i].text)), lines[i].line);
                assert_string_equal(written(safe_json, slice_text(lines[i].text)), lines[i].json);
        }
        assert_string_equal(written(safe_line, slice_of("a\0b", 3)), "a·b");
        assert_string_equal(written(safe_json, slice_of("a\0b", 3)), "\"a\\u0000b\"");
}

/* A text of several lines cannot look like several messages. */
static void further_lines_are_indented(void **state)
{
        (void)state;
        assert_string_equal(written(safe_text, SLICE_LITERAL("one\n✓✓ 12:00 bob  two")),
                            "one\n" SAFE_INDENT "✓✓ 12:00 bob  two");
}

static void copies_are_cut_at_characters(void **state)
{
        char copy[8];

        (void)state;
        safe_copy(SLICE_LITERAL("галка"), copy, sizeof(copy));
        assert_string_equal(copy, "гал");
        safe_copy(SLICE_LITERAL("\033\033\033\033\033"), copy, sizeof(copy));
        assert_string_equal(copy, "···");
        safe_copy(SLICE_LITERAL("x"), copy, 1);
        assert_string_equal(copy, "");
}

static void columns_are_those_of_the_screen(void **state)
{
        (void)state;
        assert_int_equal(safe_columns(SLICE_LITERAL("галка")), 5);
        assert_int_equal(safe_columns(SLICE_LITERAL("漢字")), 4);
        assert_int_equal(safe_columns(SLICE_LITERAL("😀!")), 3);
        assert_int_equal(safe_columns(SLICE_LITERAL("e\xcc\x81")), 1);
        assert_int_equal(safe_columns(SLICE_LITERAL("a\033b\tc")), 8);
        assert_int_equal(safe_columns(SLICE_LITERAL("\xff\xff")), 2);
}

static void ticks_and_states_have_words(void **state)
{
        static const char *const words[] = {"queued", "sent", "delivered", "read", "failed"};

        (void)state;
        for (int i = CORE_MESSAGE_QUEUED; i <= CORE_MESSAGE_FAILED; i++) {
                assert_string_equal(print_state((enum core_message_state)i), words[i]);
                assert_int_equal(safe_columns(slice_text(print_tick((enum core_message_state)i, false))), 3);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_a_terminal_obeys_is_a_dot), cmocka_unit_test(further_lines_are_indented),
                cmocka_unit_test(copies_are_cut_at_characters),   cmocka_unit_test(columns_are_those_of_the_screen),
                cmocka_unit_test(ticks_and_states_have_words),
        };
        int failed = !setlocale(LC_CTYPE, "C.UTF-8");

        failed += cmocka_run_group_tests(tests, NULL, NULL);
        free(buffer);
        return failed;
}
