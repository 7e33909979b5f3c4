/* The line editor: keys, whole characters, combining marks, pastes, history, limits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// clang-format off
#include <cmocka.h>
// clang-format on

#include <locale.h>
#include <stdio.h>

#include "base/memory.h"
#include "terminal/line.h"

#define LEFT    "\033[D"
#define RIGHT   "\033[C"
#define UP      "\033[A"
#define DOWN    "\033[B"
#define DELETE  "\033[3~"
#define PASTE   "\033[200~"
#define PASTED  "\033[201~"
#define COMBINE "e\xcc\x81" /* e and an acute accent: one letter */

static struct line *line;

static enum line_result type(const char *keys)
{
        enum line_result result = LINE_EDITED;

        while (*keys)
                result = line_key(line, *keys++);
        return result;
}

/* The line after these keys on an empty one. */
static void becomes(const char *keys, const char *text, size_t cursor)
{
        type("\005\025"); /* end, erase */
        type(keys);
        line->text[line->size] = '\0';
        assert_string_equal(line->text, text);
        assert_int_equal(line->cursor, cursor);
}

static void keys_do_what_they_do_elsewhere(void **state)
{
        (void)state;
        becomes("hello", "hello", 5);
        becomes("hello" LEFT LEFT "X", "helXlo", 4);
        becomes("hello\001X", "Xhello", 1);
        becomes("hello\033[HX\033[FY", "XhelloY", 7);
        becomes("hello" LEFT LEFT "\013", "hel", 3);
        becomes("hello" LEFT LEFT "\025", "lo", 0);
        becomes("one two  \027", "one ", 4);
        becomes("hello\177\010", "hel", 3);
        becomes("hello" LEFT DELETE, "hell", 4);
        becomes("hello\001\004", "ello", 0);
        becomes("a\033[1;5Cb\033[99zc\033Od", "abc", 3); /* sequences that mean nothing here */
        becomes("\177\010" LEFT RIGHT DELETE, "", 0);
        becomes("a\tb\007", "ab", 2); /* other controls are nothing */
        assert_int_equal(type("\003"), LINE_ENDED);
        becomes("", "", 0);
        assert_int_equal(type("\004"), LINE_ENDED);
        assert_int_equal(type("\014"), LINE_REDRAW);
}

static void characters_are_whole(void **state)
{
        (void)state;
        becomes("га" LEFT "л", "гла", 4);
        becomes("галка\177\177", "гал", 6);
        becomes("\xf0\x9f\x98\x80 ok\001" DELETE, " ok", 0);
        becomes("a\xd0"
                "b",
                "ab", 2); /* the first half of a character */
        becomes("a\x80\xbf"
                "b",
                "ab", 2); /* halves of none */
        becomes("a\xed\xa0\x80\xc0\xaf"
                "b",
                "ab", 2); /* surrogate, overlong */
        becomes("a\xc2\x9b"
                "2Jb",
                "a2Jb", 4); /* a control in two bytes */
        becomes("a\xff\xfe"
                "b",
                "ab", 2);
}

static void marks_go_with_their_letter(void **state)
{
        (void)state;
        becomes("x" COMBINE "y" LEFT LEFT, "x" COMBINE "y", 1);
        becomes("x" COMBINE "y" LEFT "\177", "xy", 1);
        becomes("x" COMBINE "y\001" RIGHT DELETE, "xy", 1);
        becomes(COMBINE "\001" RIGHT "|", COMBINE "|", 4);
}

static void a_paste_is_one_line_and_no_keys(void **state)
{
        (void)state;
        becomes(PASTE "one\ntwo\tthree\r" PASTED "!", "one two three !", 15);
        assert_int_equal(type(PASTE "\n"), LINE_EDITED); /* does not send */
        type(PASTED);
        assert_int_equal(type("\r"), LINE_ENTERED);
        (void)line_take(line);
}

static void enter(const char *text)
{
        struct slice taken;

        type("\005\025");
        type(text);
        assert_int_equal(type("\r"), LINE_ENTERED);
        taken = line_take(line);
        assert_true(slice_equal(taken, slice_text(text)));
        assert_int_equal(line->size, 0);
}

static void history_is_kept_up_to_its_limit(void **state)
{
        char text[16];

        (void)state;
        enter("first");
        enter("second");
        becomes(UP UP, "first", 5);
        becomes(DOWN, "second", 6);
        becomes(DOWN, "", 0);
        for (int i = 0; i < LINE_HISTORY_MAX + 10; i++) {
                snprintf(text, sizeof(text), "line %d", i);
                enter(text);
        }
        assert_int_equal(line->history_count, LINE_HISTORY_MAX);
        for (int i = 0; i < LINE_HISTORY_MAX + 5; i++)
                type(UP);
        becomes("", "", 0);
        enter(""); /* an empty line is not remembered */
        becomes(UP, "line 59", 7);
}

static void a_line_has_a_limit_and_stays_whole_there(void **state)
{
        (void)state;
        becomes("", "", 0);
        for (int i = 0; i < LINE_SIZE_MAX - 1; i++)
                type("a");
        type("г"); /* two bytes, room for one */
        assert_int_equal(line->size, LINE_SIZE_MAX - 1);
        type("bc");
        assert_int_equal(line->size, LINE_SIZE_MAX);
        assert_int_equal(line->text[LINE_SIZE_MAX - 1], 'b');
        assert_int_equal(line_take(line).size, LINE_SIZE_MAX);
}

static void without_memory_a_line_is_taken_all_the_same(void **state)
{
        struct slice taken;
        size_t count = line->history_count;

        (void)state;
        becomes("precious", "precious", 8);
        memory_fail_at(1);
        taken = line_take(line);
        memory_fail_at(0);
        assert_true(slice_equal(taken, SLICE_LITERAL("precious")));
        assert_int_equal(line->history_count, count);
        memory_fail_at(1);
        assert_null(line_new());
        memory_fail_at(0);
}

static int make(void **state)
{
        (void)state;
        line = line_new();
        return !line || !setlocale(LC_CTYPE, "C.UTF-8");
}

static int finish(void **state)
{
        (void)state;
        line_free(&line);
        return line != NULL;
}

static void act(enum line_action action, bool changes, size_t cursor)
{
        assert_int_equal(line_do(line, action), changes);
        assert_int_equal(line->cursor, cursor);
}

static void several_lines_are_walked_and_erased_line_by_line(void **state)
{
        (void)state;
        line_clear(line);
        line_insert(line, SLICE_LITERAL("one\ntwo"));
        assert_string_equal(line->text, "one two"); /* one line only, unless several are wanted */
        line->several = true;
        line_set(line, SLICE_LITERAL("one\nтри\nfive words"));
        act(LINE_END, false, 21);
        act(LINE_HOME, true, 11);
        act(LINE_HOME, false, 11);
        act(LINE_WORD_RIGHT, true, 15);
        act(LINE_UP, true, 10); /* the same column, or the end */
        act(LINE_LEFT, true, 8);
        act(LINE_UP, true, 2);
        act(LINE_UP, false, 2);
        act(LINE_DOWN, true, 8);
        act(LINE_DOWN, true, 13);
        act(LINE_DOWN, false, 13);
        act(LINE_ERASE_TO_END, true, 13);
        act(LINE_ERASE_TO_START, true, 11);
        act(LINE_ERASE_BACK, true, 10);
        assert_string_equal(line->text, "one\nтри");
        act(LINE_WORD_LEFT, true, 4);
        act(LINE_WORD_LEFT, true, 0);
        act(LINE_ERASE_WORD, true, 0);
        assert_string_equal(line->text, "\nтри");
        line->several = false;
}

static void what_was_being_typed_comes_back_after_the_history(void **state)
{
        (void)state;
        line_clear(line);
        line_insert(line, SLICE_LITERAL("sent before"));
        line_take(line);
        line_insert(line, SLICE_LITERAL("half a"));
        act(LINE_NEWER, false, 6);
        act(LINE_OLDER, true, 11);
        act(LINE_NEWER, true, 6);
        assert_string_equal(line->text, "half a");
        line_clear(line);
        assert_int_equal(line->text[0] | line->text[3], 0); /* overwritten: it may have been a password */
}

static void what_is_put_in_is_text_without_controls(void **state)
{
        (void)state;
        line_clear(line);
        line_insert(line, SLICE_LITERAL("a\033[2Jb\tc\177\xff\xfe"));
        assert_string_equal(line->text, "a[2Jb c");
        line_clear(line);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(keys_do_what_they_do_elsewhere),
                cmocka_unit_test(characters_are_whole),
                cmocka_unit_test(marks_go_with_their_letter),
                cmocka_unit_test(a_paste_is_one_line_and_no_keys),
                cmocka_unit_test(history_is_kept_up_to_its_limit),
                cmocka_unit_test(a_line_has_a_limit_and_stays_whole_there),
                cmocka_unit_test(several_lines_are_walked_and_erased_line_by_line),
                cmocka_unit_test(what_was_being_typed_comes_back_after_the_history),
                cmocka_unit_test(what_is_put_in_is_text_without_controls),
                cmocka_unit_test(without_memory_a_line_is_taken_all_the_same),
        };

        return cmocka_run_group_tests(tests, make, finish);
}
