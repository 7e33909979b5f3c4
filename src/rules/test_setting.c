/* Settings: their text, their keys, what those of rooms mean. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rules/row.h"
#include "rules/setting.h"

static const struct id group = {{1, 0x93, 3, 4, 5, 6, 0x70, 8, 0x80, 9, 0xab}};

static void a_text_is_a_key_and_a_value(void **state)
{
        static const struct {
                const char *text, *key, *value;
        } cases[] = {{"a b", "a", "b"},
                     {"a", "a", ""},
                     {"a ", "a", ""},
                     {"key two words\nand a line", "key", "two words\nand a line"}};
        static const char *const wrong[] = {
                "", " ", " b", "a\tb c", "schlüssel b", "a-key-of-sixty-one-bytes-is-longer-than-any-that-is-made-here b"};
        struct slice key, value;

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                assert_true(setting_read(slice_text(cases[i].text), &key, &value));
                assert_true(slice_equal(key, slice_text(cases[i].key)) && slice_equal(value, slice_text(cases[i].value)));
        }
        for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
                assert_false(setting_read(slice_text(wrong[i]), &key, &value));
}

static void keys_of_rooms_are_read_back(void **state)
{
        char bytes[SETTING_KEY_MAX];
        enum room_setting setting;
        struct slice key;
        struct id room;

        (void)state;
        for (unsigned i = 0; i < SETTING_ROOM_KINDS; i++) {
                key = setting_key_of((enum room_setting)i, &group, bytes);
                assert_true(setting_key_is_lawful(key));
                assert_true(setting_key_read(key, &setting, &room));
                assert_int_equal(setting, i);
                assert_true(id_equal(&room, &group));
        }
        assert_true(slice_equal(setting_key_of(SETTING_PIN, &group, bytes),
                                SLICE_LITERAL("pin:01930304-0506-7008-8009-ab0000000000")));
        assert_false(setting_key_read(SLICE_LITERAL("pin:"), &setting, &room));
        assert_false(setting_key_read(SLICE_LITERAL("pin:01930304-0506-7008-8009-ab000000000g"), &setting, &room));
        assert_false(setting_key_read(SLICE_LITERAL("theme"), &setting, &room));
}

static void what_is_no_number_is_none(void **state)
{
        char bytes[SETTING_NUMBER_MAX];

        (void)state;
        assert_int_equal(setting_muted_until(SLICE_LITERAL("forever")), SETTING_FOREVER);
        assert_int_equal(setting_muted_until(SLICE_LITERAL("1700000000000")), 1700000000000);
        assert_int_equal(setting_muted_until(SLICE_LITERAL("for ever")), 0);
        assert_int_equal(setting_number(SLICE_LITERAL("")), 0);
        assert_int_equal(setting_number(SLICE_LITERAL("18446744073709551615")), UINT64_MAX);
        assert_int_equal(setting_number(SLICE_LITERAL("18446744073709551616")), 0);
        assert_int_equal(setting_number(SLICE_LITERAL("12 ")), 0);
        assert_int_equal(setting_number(SLICE_LITERAL("-1")), 0);
        assert_int_equal(setting_number(setting_number_write(UINT64_MAX, bytes)), UINT64_MAX);
        assert_true(slice_equal(setting_number_write(0, bytes), SLICE_LITERAL("0")));
}

static void a_draft_has_what_it_replies_to_and_a_text(void **state)
{
        struct slice text;
        uint64_t reply_to;

        (void)state;
        assert_true(setting_draft_read(SLICE_LITERAL("0 Hello you"), &reply_to, &text));
        assert_true(reply_to == 0 && slice_equal(text, SLICE_LITERAL("Hello you")));
        assert_true(setting_draft_read(SLICE_LITERAL("12 "), &reply_to, &text));
        assert_true(reply_to == 12 && text.size == 0);
        assert_false(setting_draft_read(SLICE_LITERAL("0 "), &reply_to, &text));
        assert_false(setting_draft_read(SLICE_LITERAL(""), &reply_to, &text));
        assert_false(setting_draft_read(SLICE_LITERAL("Hello you"), &reply_to, &text));
        assert_false(setting_draft_read(SLICE_LITERAL("12"), &reply_to, &text));
}

static void a_room_is_as_its_settings_say(void **state)
{
        struct room_settings settings = {0};

        (void)state;
        assert_false(room_is_muted(&settings, 1000) || room_is_archived(&settings, 0, 1000));
        room_settings_put(&settings, SETTING_MUTE, SLICE_LITERAL("1001"));
        assert_true(room_is_muted(&settings, 1000));
        assert_false(room_is_muted(&settings, 1001));
        room_settings_put(&settings, SETTING_MUTE, SLICE_LITERAL("forever"));
        assert_true(room_is_muted(&settings, UINT64_MAX - 1));
        /* A newer message brings it back, unless it is muted. */
        room_settings_put(&settings, SETTING_ARCHIVE, SLICE_LITERAL("500"));
        assert_true(room_is_archived(&settings, 500, 1000));
        assert_true(room_is_archived(&settings, 501, 1000));
        room_settings_put(&settings, SETTING_MUTE, SLICE_LITERAL(""));
        assert_true(room_is_archived(&settings, 500, 1000));
        assert_false(room_is_archived(&settings, 501, 1000));
        room_settings_put(&settings, SETTING_ARCHIVE, SLICE_LITERAL(""));
        assert_false(room_is_archived(&settings, 500, 1000));
        room_settings_put(&settings, SETTING_PIN, SLICE_LITERAL("7"));
        assert_int_equal(settings.pin, 7);
}

static void a_setting_is_one_of_the_self_room(void **state)
{
        struct row_content content = {.kind = ROW_SETTING, .text = SLICE_LITERAL("theme dark"), .room = ROOM_SELF};

        (void)state;
        assert_int_equal(row_check(&content), ERR_OK);
        content.target = 7;
        assert_int_equal(row_check(&content), ERR_OK);
        content.text = SLICE_LITERAL(" dark");
        assert_int_equal(row_check(&content), ERR_BAD_FIELD);
        content.text = SLICE_LITERAL("theme dark");
        content.room = ROOM_PERSONAL;
        assert_int_equal(row_check(&content), ERR_BAD_FIELD);
        content.room = ROOM_GROUP;
        assert_int_equal(row_check(&content), ERR_BAD_FIELD);
}

static void who_hides_says_so_by_one_key(void **state)
{
        bool hides;

        (void)state;
        assert_true(setting_hides(SLICE_LITERAL("hidden yes"), &hides) && hides);
        assert_true(setting_hides(SLICE_LITERAL("hidden"), &hides) && !hides);
        assert_true(setting_hides(SLICE_LITERAL("hidden "), &hides) && !hides);
        assert_false(setting_hides(SLICE_LITERAL("hiddenly yes"), &hides) || hides);
        assert_false(setting_hides(SLICE_LITERAL("mute:x hidden yes"), &hides) || hides);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(who_hides_says_so_by_one_key),
                cmocka_unit_test(a_text_is_a_key_and_a_value),
                cmocka_unit_test(keys_of_rooms_are_read_back),
                cmocka_unit_test(what_is_no_number_is_none),
                cmocka_unit_test(a_draft_has_what_it_replies_to_and_a_text),
                cmocka_unit_test(a_room_is_as_its_settings_say),
                cmocka_unit_test(a_setting_is_one_of_the_self_room),
        };

        return cmocka_run_group_tests_name("settings", tests, NULL, NULL);
}
