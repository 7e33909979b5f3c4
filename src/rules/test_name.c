/* Names: what is lawful, and how they fold. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/assert.h"
#include "rules/limits.h"
#include "rules/name.h"

static void test_user_names(void **state)
{
        static const char *const good[] = {"abc", "A.b", "z-9", "Anna_Petrova", "a..", "abcdefghijklmnopqrstuvwxyz012345"};
        static const char *const bad[] = {"",    "ab",   "9ab", "_ab",  ".ab",    "a b",
                                          "a@b", "a/bc", "аbc", "ab\n", "ab\x7f", "abcdefghijklmnopqrstuvwxyz0123456"};

        (void)state;
        for (size_t i = 0; i < countof(good); i++)
                assert_true(name_is_user_name(slice_text(good[i])));
        for (size_t i = 0; i < countof(bad); i++)
                assert_false(name_is_user_name(slice_text(bad[i])));
        assert_int_equal(strlen(good[5]), USER_NAME_MAX);
        assert_false(name_is_user_name(slice_of("ab\0c", 4)));
}

static void test_addresses(void **state)
{
        static const char *const good[] = {"a@b.c", "anna.petrova+galka@mail.example.org", "анна@пример.рф"};
        static const char *const bad[] = {
                "",        "a",       "@b.c",    "a@",           "a@b",     "a@.c",    "a@b.",      "a@@b.c",
                "a@b@c.d", "a b@c.d", "a@b.c\n", "a@b.c, d@e.f", "<a@b.c>", "a;b@c.d", "\"a\"@b.c", "a@b.c\r\nBcc: d@e.f"};

        (void)state;
        for (size_t i = 0; i < countof(good); i++)
                assert_true(name_is_email(slice_text(good[i])));
        for (size_t i = 0; i < countof(bad); i++)
                assert_false(name_is_email(slice_text(bad[i])));
}

static void test_display_names(void **state)
{
        static const char *const good[] = {"A", "Анна Ёлкина", "李", "José O’Neil", "🐦", "a\xcc\x81", " x"};
        static const char *const bad[] = {
                "",
                " ",
                "\xc2\xa0 ",
                "a\nb",
                "a\x1b[31m",
                "a\x7f",
                "a\xc2\x85",         /* NEL */
                "a\xc2\xad",         /* soft hyphen */
                "a\xe2\x80\xaez",    /* right-to-left override */
                "a\xe2\x80\x8b",     /* zero-width space */
                "a\xe2\x81\xa6",     /* isolate */
                "a\xd8\x9c",         /* Arabic letter mark */
                "\xe3\x85\xa4",      /* Hangul filler alone */
                "\xe2\xa0\x80",      /* Braille blank alone */
                "\xe2\x80\x83",      /* em space alone */
                "a\xef\xbb\xbf",     /* byte order mark */
                "a\xf3\xa0\x81\x81", /* a tag */
                "a\xff",
                "a\xc3",
                "a\xe2\x82",
                "a\xc0\x80", /* overlong */
                "a\xf5\x80\x80\x80",
        };

        (void)state;
        for (size_t i = 0; i < countof(good); i++)
                assert_true(name_is_display_name(slice_text(good[i])));
        for (size_t i = 0; i < countof(bad); i++)
                assert_false(name_is_display_name(slice_text(bad[i])));
        assert_false(name_is_display_name(slice_of("a\0b", 3)));
}

static void test_folding(void **state)
{
        static const struct {
                const char *text, *folded;
        } cases[] = {
                {"", ""},
                {"AbZ.09_-", "abz.09_-"},
                {"[\\]^`{", "[\\]^`{"}, /* the neighbours of the letters */
                {"ЁЛКА ёлка Елка", "елка елка елка"},
                {"АБВЯ абвя Йй", "абвя абвя йй"},
                {"ЂЄІЇЉЏ ЃЌ", "ђєіїљџ ѓќ"},
                {"ҐҚҢӀӁӍӘӮӸ", "ґқңӏӂӎәӯӹ"},
                {"ѢѲѴ", "ѣѳѵ"},
                {"ÀÖØÞ ×÷ß", "àöøþ ×÷ß"},
                {"ĀĶĹŇŊŶŸŹŽ", "āķĺňŋŷÿźž"},
                {"İIıi", "iiıi"},
                {"ΑΡΣΫ ΆΈΊΌΎΏ ς", "αρσϋ άέίόύώ σ"},
                {"ÉÈ", "éè"},
                {"李 🐦 ⅷ", "李 🐦 ⅷ"},           /* beyond the table: as it is */
                {"A\xff\xc3 B", "a\xff\xc3 b"}, /* malformed: as it is */
                {"\xed\xa0\x80", "\xed\xa0\x80"},
        };

        (void)state;
        for (size_t i = 0; i < countof(cases); i++) {
                uint8_t folded[128], again[128];
                size_t size = name_fold(slice_text(cases[i].text), folded);

                assert_true(size <= strlen(cases[i].text));
                assert_int_equal(size, strlen(cases[i].folded));
                assert_memory_equal(folded, cases[i].folded, size);
                assert_int_equal(name_fold(slice_of(folded, size), again), size); /* folding twice changes nothing */
                assert_memory_equal(again, folded, size);
        }
}

/* Whatever bytes come, the folded text is no longer than they are, and folding it again changes nothing. */
static void test_folding_of_any_bytes(void **state)
{
        uint32_t random = 17;

        (void)state;
        for (int round = 0; round < 20000; round++) {
                uint8_t text[12], folded[12], again[12];
                size_t size;

                for (size_t i = 0; i < sizeof(text); i++)
                        text[i] = (uint8_t)((random = random * 1664525 + 1013904223) >> 24);
                size = name_fold(slice_of(text, sizeof(text)), folded);
                assert_true(size <= sizeof(text));
                assert_int_equal(name_fold(slice_of(folded, size), again), size);
                assert_memory_equal(again, folded, size);
        }
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_user_names),           cmocka_unit_test(test_addresses),
                cmocka_unit_test(test_display_names),        cmocka_unit_test(test_folding),
                cmocka_unit_test(test_folding_of_any_bytes),
        };

        return cmocka_run_group_tests_name("names", tests, NULL, NULL);
}
