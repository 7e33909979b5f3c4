/* What a light member of a room may skip, and what it must not: only the next delivery, in the very bytes of the first copy, is not decoded;
 * the ledger then counts what came twice, not at all, or was never sent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "copies.h"
#include "ledger.h"

static struct copies copies;
static struct ledger ledger;

static int begin(void **state)
{
        (void)state;
        copies = (struct copies){0};
        return ledger_init(&ledger) ? 0 : -1;
}

static int end(void **state)
{
        (void)state;
        ledger_finish(&ledger);
        return 0;
}

/* The first member reads messages 0 … count - 1, whose frames are one letter each: a, b, c. */
static void first_reads(uint64_t count)
{
        uint64_t place = 0;

        for (uint64_t i = 0; i < count; i++) {
                const uint8_t letter = (uint8_t)('a' + i);

                assert_null(copies_match(&copies, place, slice_of(&letter, 1)));
                assert_true(copies_note(&copies, i, 100 + i, slice_of(&letter, 1), &place));
                assert_int_equal(place, i + 1);
        }
}

static void test_the_next_in_the_same_bytes_is_known(void **state)
{
        (void)state;
        first_reads(3);
        for (uint64_t i = 0; i < 3; i++) {
                const struct copy *copy = copies_match(&copies, i, slice_of((const uint8_t *)"abc" + i, 1));

                assert_non_null(copy);
                assert_int_equal(copy->message, i);
                assert_int_equal(copy->number, 100 + i);
        }
        assert_null(copies_match(&copies, 3, SLICE_LITERAL("d")));
}

static void test_what_is_doubled_swapped_left_out_or_altered_is_not(void **state)
{
        (void)state;
        first_reads(3);
        assert_null(copies_match(&copies, 1, SLICE_LITERAL("a")));  /* once more */
        assert_null(copies_match(&copies, 0, SLICE_LITERAL("b")));  /* before its turn */
        assert_null(copies_match(&copies, 1, SLICE_LITERAL("c")));  /* one is missing */
        assert_null(copies_match(&copies, 1, SLICE_LITERAL("x")));  /* other bytes */
        assert_null(copies_match(&copies, 1, SLICE_LITERAL("bx"))); /* and more */
}

static void test_the_same_message_in_other_bytes_is_told(void **state)
{
        uint64_t place = 0;

        (void)state;
        first_reads(2);
        assert_true(copies_note(&copies, 1, 101, SLICE_LITERAL("b"), &place));
        assert_int_equal(place, 2);
        assert_false(copies_note(&copies, 1, 101, SLICE_LITERAL("x"), &place));
        assert_int_equal(copies.count, 2);
}

static void test_what_is_long_ago_or_large_is_decoded_again(void **state)
{
        static uint8_t large[COPY_SIZE_MAX + 1];
        uint64_t place = 0;

        (void)state;
        first_reads(COPIES_MAX + 1);
        assert_null(copies_match(&copies, 0, SLICE_LITERAL("a")));
        assert_non_null(copies_match(&copies, 1, SLICE_LITERAL("b")));
        assert_true(copies_note(&copies, COPIES_MAX + 1, 1, slice_of(large, sizeof(large)), &place));
        assert_int_equal(place, 0);
        assert_int_equal(copies.count, COPIES_MAX + 1);
}

static void test_the_ledger_tells_what_is_doubled_missing_or_unknown(void **state)
{
        char texts[3][20];

        (void)state;
        for (int i = 0; i < 3; i++)
                assert_true(ledger_send(&ledger, 0, 1, 0, texts[i], sizeof(texts[i])));
        ledger_arrived(&ledger, 0, ledger_number(slice_of(texts[0], sizeof(texts[0]))), 1);
        ledger_arrived(&ledger, 0, ledger_number(slice_of(texts[2], sizeof(texts[2]))), 1);
        assert_int_equal(ledger.whole, 2);
        assert_false(ledger_is_whole(&ledger, "one is missing, said on purpose"));
        ledger_arrived(&ledger, 0, 1, 1);
        assert_true(ledger_is_whole(&ledger, ""));
        ledger_arrived(&ledger, 0, 1, 1);
        assert_int_equal(ledger.doubled, 1);
        assert_false(ledger_is_whole(&ledger, "one is doubled, said on purpose"));
        ledger.doubled = 0;
        texts[1][19] ^= 1;
        ledger_arrived(&ledger, 0, ledger_number(slice_of(texts[1], sizeof(texts[1]))), 1);
        assert_int_equal(ledger.unknown, 1);
        assert_false(ledger_is_whole(&ledger, "one is altered, said on purpose"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_the_next_in_the_same_bytes_is_known, begin, end),
                cmocka_unit_test_setup_teardown(test_what_is_doubled_swapped_left_out_or_altered_is_not, begin, end),
                cmocka_unit_test_setup_teardown(test_the_same_message_in_other_bytes_is_told, begin, end),
                cmocka_unit_test_setup_teardown(test_what_is_long_ago_or_large_is_decoded_again, begin, end),
                cmocka_unit_test_setup_teardown(test_the_ledger_tells_what_is_doubled_missing_or_unknown, begin, end),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
