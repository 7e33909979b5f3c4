/* Invitations as people see them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rules/invite.h"

static void test_tokens_tell_all_bits_apart(void **state)
{
        uint8_t bytes[INVITE_SIZE] = {0};
        char zero[INVITE_TEXT_SIZE], text[INVITE_TEXT_SIZE];

        (void)state;
        invite_write(bytes, zero);
        assert_string_equal(zero, "00000000000000000000000000");
        for (size_t bit = 0; bit < 8 * INVITE_SIZE; bit++) {
                bytes[bit / 8] = (uint8_t)(1 << bit % 8);
                invite_write(bytes, text);
                assert_string_not_equal(text, zero);
                bytes[bit / 8] = 0;
        }
}

static void assert_token(const char *given, const char *token)
{
        assert_true(slice_equal(invite_token(slice_text(given)), slice_text(token)));
}

static void test_a_link_is_as_good_as_its_token(void **state)
{
        (void)state;
        assert_token("0123456789abcdefghjkmnpqrs", "0123456789abcdefghjkmnpqrs");
        assert_token("https://galka.example.org/i/0123456789abcdefghjkmnpqrs", "0123456789abcdefghjkmnpqrs");
        assert_token(" galka.example.org:4255/i/0123456789ABCDEFGHJKMNPQRS/ ", "0123456789ABCDEFGHJKMNPQRS");
        assert_token("", "");
        assert_token("/", "");
        assert_token("0123456789abcdefghjkmnpqr", "");
        assert_token("0123456789abcdefghjkmnpqrst", "");
        assert_token("0123456789abcdefghjkmnpqr!", "");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_tokens_tell_all_bits_apart),
                cmocka_unit_test(test_a_link_is_as_good_as_its_token),
        };

        return cmocka_run_group_tests_name("invite", tests, NULL, NULL);
}
