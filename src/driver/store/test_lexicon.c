/* What texts are found by: folding, words, stems. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/assert.h"
#include "base/memory.h"
#include "driver/store/lexicon.h"

static const struct arena_source source = {memory_new, memory_free};

/* The words with spaces between them. In static memory. */
static const char *words_of(struct slice text, size_t max)
{
        static char joined[65536];
        struct lexicon lexicon = {0};
        struct arena arena;
        struct slice *words;
        size_t count, size = 0;

        arena_init(&arena, &source, 65536, 1u << 20);
        assert_true(lexicon_words(&lexicon, text, max, &arena, &words, &count));
        assert_true(count <= max);
        for (size_t i = 0; i < count; i++)
                size += (size_t)snprintf(joined + size, sizeof(joined) - size, "%s%.*s", i ? " " : "", (int)words[i].size,
                                         (const char *)words[i].data);
        joined[size] = '\0';
        arena_finish(&arena);
        lexicon_finish(&lexicon);
        return joined;
}

static void test_texts_become_words(void **state)
{
        static const struct {
                const char *text, *words;
        } cases[] = {
                {"", ""},
                {" \t-- !?", ""},
                {"Hello, hello HELLO", "hello"},
                {"the geese were flying", "the gees were fli"},
                {"a goose flies", "a goos fli"},
                {"Ёлка ёлки ЕЛКОЙ", "елк"},
                {"е\xcc\x88лка", "елк"}, /* ё in two characters */
                {"книга книги книгу книгами", "книг"},
                {"Мой мои", "мо"},
                {"йод иод", "йод иод"},
                {"и\xcc\x86од", "йод"},
                {"Caf\xc3\xa9 cafe\xcc\x81 cafe", "cafe"},
                {"STRASSE straße", "strass"},
                {"ﬁsh fish", "fish"},
                {"Ｈｅｌｌｏ", "hello"},
                {"C3PO 42 4²", "c3po 42"},
                {"anna@example.org", "anna exampl org"},
                {"mixЖed", "mixжed"},
                {"你好", "你 好"},
                {"テスト", "テ ス ト"},
                {"шалом שָׁלוֹם שלום", "шал שלום"},
                {"hooray🎉", "hooray 🎉"},
                {"zero\xe2\x80\x8bwidth", "zerowidth"},
        };

        (void)state;
        for (size_t i = 0; i < countof(cases); i++)
                assert_string_equal(words_of(slice_text(cases[i].text), LEXICON_MAX), cases[i].words);
}

static void test_what_is_too_much_is_left_out(void **state)
{
        static char text[65536];
        size_t size = 0;

        (void)state;
        assert_string_equal(words_of(slice_text("one two three two one"), 2), "one two");
        for (int i = 0; i < 2 * LEXICON_MAX; i++)
                size += (size_t)snprintf(text + size, sizeof(text) - size, "%d ", 10000 + i);
        assert_int_equal(strlen(words_of(slice_text(text), LEXICON_MAX)), 6 * LEXICON_MAX - 1);
        /* A long word counts with its beginning, and no character is cut. */
        for (size_t i = 0; i < 200; i++)
                strcpy(text + 2 * i, "ж");
        assert_int_equal(strlen(words_of(slice_text(text), LEXICON_MAX)), LEXICON_WORD_MAX);
        text[0] = 'x';
        for (size_t i = 0; i < 200; i++)
                strcpy(text + 1 + 2 * i, "ж");
        assert_int_equal(strlen(words_of(slice_text(text), LEXICON_MAX)), LEXICON_WORD_MAX - 1);
}

static void test_any_bytes_have_words(void **state)
{
        uint32_t random = 7;
        uint8_t bytes[300];

        (void)state;
        assert_string_equal(words_of(slice_text("a\xff\xfe"
                                                "b \xd0"),
                                     LEXICON_MAX),
                            "a b");
        /* One character that becomes four words: no more words than bytes are made of it. */
        assert_true(strlen(words_of(slice_text("\xef\xb7\xba"), LEXICON_MAX)) > 0);
        for (int round = 0; round < 2000; round++) {
                for (size_t i = 0; i < sizeof(bytes); i++)
                        bytes[i] = (uint8_t)((random = random * 1664525 + 1013904223) >> 24);
                (void)words_of(slice_of(bytes, sizeof(bytes)), LEXICON_MAX);
        }
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_texts_become_words),
                cmocka_unit_test(test_what_is_too_much_is_left_out),
                cmocka_unit_test(test_any_bytes_have_words),
        };

        return cmocka_run_group_tests_name("store, lexicon", tests, NULL, NULL);
}
