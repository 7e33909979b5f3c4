/* Bytes of terminals and what keys they are; what the keys do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// clang-format off
#include <cmocka.h>
// clang-format on

#include <stdio.h>

#include "base/assert.h"
#include "base/memory.h"
#include "terminal/screen/keymap.h"

static struct keys *keys;

static int begin(void **state)
{
        (void)state;
        keys = memory_new(sizeof(*keys));
        return keys ? 0 : 1;
}

static int end(void **state)
{
        (void)state;
        memory_free(keys);
        return 0;
}

/* The last key of these bytes; how many there were. */
static unsigned type(const char *bytes, size_t size, struct key *last)
{
        unsigned count = 0;
        struct key key;

        *last = (struct key){0};
        for (size_t i = 0; i < size; i++)
                if (keys_byte(keys, bytes[i], &key)) {
                        *last = key;
                        count++;
                }
        return count;
}

static struct key one(const char *bytes)
{
        struct key key;

        assert_int_equal(type(bytes, strlen(bytes), &key), 1);
        return key;
}

static void is(const char *bytes, enum key_code code, unsigned modifiers)
{
        struct key key = one(bytes);

        assert_int_equal(key.code, code);
        assert_int_equal(key.modifiers, modifiers);
}

static void sequences_of_many_terminals_are_known(void **state)
{
        (void)state;
        is("\033[A", KEY_ARROW_UP, 0);
        is("\033OB", KEY_ARROW_DOWN, 0);
        is("\033[1;5C", KEY_ARROW_RIGHT, MODIFIER_CONTROL);
        is("\033[1;3A", KEY_ARROW_UP, MODIFIER_ALT);
        is("\033[1;4B", KEY_ARROW_DOWN, MODIFIER_ALT | MODIFIER_SHIFT);
        is("\033\033[A", KEY_ARROW_UP, MODIFIER_ALT);
        is("\033[3;5~", KEY_GONE, MODIFIER_CONTROL);
        is("\033[5~", KEY_PAGE_UP, 0);
        is("\033[7~", KEY_TO_HOME, 0);
        is("\033OP", KEY_F1, 0);
        is("\033[11~", KEY_F1, 0);
        is("\033[[A", KEY_F1, 0);
        is("\033[Z", KEY_TABULATOR, MODIFIER_SHIFT);
        is("\r", KEY_RETURN, 0);
        is("\033\r", KEY_RETURN, MODIFIER_ALT);
        is("\177", KEY_BACK, 0);
        is("\033\177", KEY_BACK, MODIFIER_ALT);
        is("\033[I", KEY_FOCUS_IN, 0);
}

static void letters_are_whole_and_controls_have_names(void **state)
{
        struct key key = one("ж");

        (void)state;
        assert_int_equal(key.code, KEY_CHARACTER);
        assert_int_equal(key.text.size, 2);
        key = one("\013");
        assert_int_equal(key.letter, 'k');
        assert_int_equal(key.modifiers, MODIFIER_CONTROL);
        key = one("\033b");
        assert_int_equal(key.letter, 'b');
        assert_int_equal(key.modifiers, MODIFIER_ALT);
        key = one("\037");
        assert_int_equal(key.letter, '/');
        /* Half a letter is nothing, nor are the controls above ASCII. */
        assert_int_equal(type("\xd0", 1, &key), 0);
        is("a", KEY_CHARACTER, 0);
        assert_int_equal(type("\xc2\x9b", 2, &key), 0);
        assert_int_equal(type("\xff\xfe", 2, &key), 0);
}

static void a_lone_escape_is_told_by_time(void **state)
{
        struct key key;

        (void)state;
        assert_int_equal(type("\033", 1, &key), 0);
        assert_true(keys_waiting(keys));
        assert_true(keys_lapse(keys, &key));
        assert_int_equal(key.code, KEY_ESCAPE);
        assert_false(keys_waiting(keys));
        assert_int_equal(type("\033[", 2, &key), 0);
        assert_true(keys_lapse(keys, &key));
        assert_int_equal(key.modifiers, MODIFIER_ALT);
        is("x", KEY_CHARACTER, 0);
}

static void a_paste_is_text_and_no_keys(void **state)
{
        static char big[40000];
        struct key key;

        (void)state;
        key = one("\033[200~one\rtwo\033[A\003\033[201~");
        assert_int_equal(key.code, KEY_PASTE);
        assert_memory_equal(key.text.data, "one\ntwo\033[A\003", key.text.size);
        is("x", KEY_CHARACTER, 0);
        /* A longer one is cut, and ends all the same. */
        type("\033[200~", 6, &key);
        memset(big, 'a', sizeof(big));
        assert_int_equal(type(big, sizeof(big), &key), 0);
        assert_int_equal(type("\033[201~", 6, &key), 1);
        assert_true(key.text.size > 16000 && key.text.size < KEYS_PASTE_MAX);
        is("x", KEY_CHARACTER, 0);
}

static void the_mouse_and_answers_are_understood(void **state)
{
        struct key key = one("\033[<0;12;5M");

        (void)state;
        assert_int_equal(key.code, KEY_MOUSE_PRESS);
        assert_int_equal(key.column, 11);
        assert_int_equal(key.row, 4);
        assert_int_equal(type("\033[<0;12;5m", 10, &key), 0);
        is("\033[<64;1;1M", KEY_WHEEL_UP, 0);
        assert_true(one("\033]11;rgb:ffff/ffff/eeee\033\\").light);
        assert_false(one("\033]11;rgb:1a1a/1b1b/1c1c\a").light);
        assert_int_equal(type("\033]52;c;xyz\a", 11, &key), 0);
        assert_int_equal(type("\033[<0;0;0M\033[<;M\033[999999999999;9~", 31, &key), 0);
        is("x", KEY_CHARACTER, 0);
}

static enum action does(const char *bytes, unsigned places)
{
        struct key key = one(bytes);

        return keymap_find(&key, places)->action;
}

static void keys_act_by_where_one_is(void **state)
{
        (void)state;
        assert_int_equal(does("\013", PLACE_COMPOSE), ACT_SWITCH);
        assert_int_equal(does("?", PLACE_ROOMS), ACT_HELP);
        assert_int_equal(does("?", PLACE_COMPOSE), ACT_NONE); /* typed */
        assert_int_equal(does("d", PLACE_LOG), ACT_DELETE);
        assert_int_equal(does("в", PLACE_LOG), ACT_DELETE); /* the same key on a Russian keyboard */
        assert_int_equal(does("d", PLACE_COMPOSE), ACT_NONE);
        assert_int_equal(does("\033\r", PLACE_COMPOSE), ACT_NEW_LINE);
        assert_int_equal(does("\n", PLACE_COMPOSE), ACT_NEW_LINE);
        assert_int_equal(does("\r", PLACE_COMPOSE), ACT_ENTER);
        assert_int_equal(does("\033[D", PLACE_COMPOSE), ACT_EDIT);
        assert_int_equal(does("\033[D", PLACE_POPUP | PLACE_SETTINGS), ACT_LEFT);
        assert_int_equal(does("\033[1;3B", PLACE_COMPOSE), ACT_ROOM_DOWN);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(sequences_of_many_terminals_are_known, begin, end),
                cmocka_unit_test_setup_teardown(letters_are_whole_and_controls_have_names, begin, end),
                cmocka_unit_test_setup_teardown(a_lone_escape_is_told_by_time, begin, end),
                cmocka_unit_test_setup_teardown(a_paste_is_text_and_no_keys, begin, end),
                cmocka_unit_test_setup_teardown(the_mouse_and_answers_are_understood, begin, end),
                cmocka_unit_test_setup_teardown(keys_act_by_where_one_is, begin, end),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
