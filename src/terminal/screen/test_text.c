/* The table of words: both languages complete and alike; plural forms; dates. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// clang-format off
#include <cmocka.h>
// clang-format on

#include <locale.h>
#include <stdlib.h>
#include <time.h>

#include "terminal/screen/text.h"

#define NOW (1795910400000ull + 14 * 3600000) /* Sunday, 29 November 2026, 14:00 */
#define DAY 86400000ull

/* The conversions of a text, in order: "%s%u". */
static void conversions(const char *said, char *found, size_t size)
{
        size_t used = 0;

        while ((said = strchr(said, '%')) != NULL && used + 2 < size) {
                size_t length = strspn(said + 1, "0123456789.l$");

                found[used++] = '%';
                found[used++] = said[1 + length];
                said += 2 + length;
        }
        found[used] = '\0';
}

static void every_text_is_there_and_says_the_same_in_both_languages(void **state)
{
        unsigned count = 0;

        (void)state;
        for (unsigned i = 0; text_form(LANGUAGE_EN, i, 0); i++, count++)
                for (unsigned form = 0; form < 3; form++) {
                        const char *english = text_form(LANGUAGE_EN, i, form), *russian = text_form(LANGUAGE_RU, i, form);
                        char a[32], b[32];

                        if (i < TEXT_COUNT && form > 0)
                                break;
                        if (i < TEXT_COUNT || form < 2)
                                assert_true(english && english[0]);
                        assert_true(russian && russian[0]);
                        assert_true(slice_is_text(slice_text(russian)));
                        conversions(i < TEXT_COUNT || form < 2 ? english : text_form(LANGUAGE_EN, i, 1), a, sizeof(a));
                        conversions(russian, b, sizeof(b));
                        assert_string_equal(a, b);
                }
        assert_int_equal(count, TEXT_COUNT + PLURAL_COUNT);
}

static void counts(uint64_t number, const char *expected)
{
        char said[64];

        text_plural(said, sizeof(said), PLURAL_NEW, number);
        assert_string_equal(said, expected);
}

static void numbers_have_their_forms(void **state)
{
        (void)state;
        text_choose(LANGUAGE_EN);
        counts(1, "1 new message");
        counts(2, "2 new messages");
        counts(21, "21 new messages");
        text_choose(LANGUAGE_RU);
        counts(1, "1 новое сообщение");
        counts(2, "2 новых сообщения");
        counts(5, "5 новых сообщений");
        counts(11, "11 новых сообщений");
        counts(12, "12 новых сообщений");
        counts(21, "21 новое сообщение");
        counts(22, "22 новых сообщения");
        counts(111, "111 новых сообщений");
        counts(101, "101 новое сообщение");
        counts(0, "0 новых сообщений");
}

static void the_language_is_the_systems_or_the_persons(void **state)
{
        (void)state;
        unsetenv("LC_ALL");
        unsetenv("LC_MESSAGES");
        setenv("LANG", "ru_RU.UTF-8", 1);
        text_choose(LANGUAGE_AUTO);
        assert_string_equal(text_language_code(), "ru");
        setenv("LC_ALL", "C.UTF-8", 1);
        text_choose(LANGUAGE_AUTO);
        assert_string_equal(text_language_code(), "en");
        text_choose(LANGUAGE_RU);
        assert_string_equal(text(TEXT_TODAY), "Сегодня");
}

static void days_and_times_are_said_as_people_say_them(void **state)
{
        char said[TEXT_TIME_SIZE];

        (void)state;
        text_choose(LANGUAGE_EN);
        text_when(said, NOW, NOW);
        assert_string_equal(said, "14:00");
        text_when(said, NOW - DAY, NOW);
        assert_string_equal(said, "Sat");
        text_when(said, NOW - 26 * DAY, NOW);
        assert_string_equal(said, "3 Nov");
        text_when(said, NOW - 391 * DAY, NOW);
        assert_string_equal(said, "03.11.25");
        text_day(said, NOW - DAY, NOW);
        assert_string_equal(said, "Yesterday");
        text_day(said, NOW - 26 * DAY, NOW);
        assert_string_equal(said, "Tuesday, 3 November");
        text_choose(LANGUAGE_RU);
        text_when(said, NOW - 26 * DAY, NOW);
        assert_string_equal(said, "3 ноя");
        text_day(said, NOW - 26 * DAY, NOW);
        assert_string_equal(said, "Вторник, 3 ноября");
        text_day(said, NOW - 391 * DAY, NOW);
        assert_string_equal(said, "3 ноября 2025");
        text_day(said, NOW, NOW);
        assert_string_equal(said, "Сегодня");
        assert_int_equal(text_day_number(NOW) - text_day_number(NOW - DAY), 1);
}

static void seen(uint64_t minutes, const char *expected)
{
        char said[TEXT_SEEN_SIZE];

        text_seen(said, NOW - minutes * 60000, NOW);
        assert_string_equal(said, expected);
}

static void when_somebody_was_there_is_said_no_finer_than_it_is_known(void **state)
{
        (void)state;
        text_choose(LANGUAGE_EN);
        seen(0, "last seen just now");
        seen(4, "last seen just now");
        seen(5, "last seen 5 minutes ago");
        seen(59, "last seen 55 minutes ago");
        seen(60, "last seen: Today, 13:00");
        seen(24 * 60, "last seen: Yesterday, 14:00");
        text_choose(LANGUAGE_RU);
        seen(0, "был(а) в сети только что");
        seen(7, "был(а) в сети 5 минут назад");
        seen(26 * 24 * 60, "был(а) в сети: Вторник, 3 ноября, 14:00");
}

static void what_is_too_long_ends_with_a_whole_letter(void **state)
{
        char said[16];

        (void)state;
        text_choose(LANGUAGE_RU);
        text_format(said, sizeof(said), TEXT_NOT_SENT_WHY, "потому");
        assert_true(slice_is_text(slice_text(said)));
        assert_true(strlen(said) >= 14);
}

static void folding_makes_typed_and_written_alike(void **state)
{
        char folded[TEXT_FOLDED_SIZE];

        (void)state;
        text_fold(slice_text("ЁЛКА и Tree"), folded);
        assert_string_equal(folded, "елка и tree");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_text_is_there_and_says_the_same_in_both_languages),
                cmocka_unit_test(numbers_have_their_forms),
                cmocka_unit_test(the_language_is_the_systems_or_the_persons),
                cmocka_unit_test(days_and_times_are_said_as_people_say_them),
                cmocka_unit_test(when_somebody_was_there_is_said_no_finer_than_it_is_known),
                cmocka_unit_test(what_is_too_long_ends_with_a_whole_letter),
                cmocka_unit_test(folding_makes_typed_and_written_alike),
        };

        setenv("TZ", "UTC", 1);
        tzset();
        setlocale(LC_CTYPE, "C.UTF-8");
        return cmocka_run_group_tests(tests, NULL, NULL);
}
