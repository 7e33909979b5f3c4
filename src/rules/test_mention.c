/* Who is mentioned, and who is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// clang-format off
#include <cmocka.h>
// clang-format on

#include "rules/mention.h"

static bool has(const char *text)
{
        return mention_has(slice_text(text), SLICE_LITERAL("anna.k"));
}

static void a_name_after_an_at_sign_is_a_mention(void **state)
{
        (void)state;
        assert_true(has("@anna.k"));
        assert_true(has("Well, @Anna.K, what?"));
        assert_true(has("ask @anna.k."));
        assert_true(has("(@anna.k)"));
        assert_true(has("@anna.kk @anna.k..."));
        assert_true(has("@anna.k\nnext"));
}

static void what_only_looks_like_one_is_none(void **state)
{
        (void)state;
        assert_false(has("anna.k"));
        assert_false(has("@anna"));
        assert_false(has("@anna.kk"));
        assert_false(has("@anna.k-2"));
        assert_false(has("@anna.k.b"));
        assert_false(has("mail to x@anna.k"));
        assert_false(has("@anna.kя"));
        assert_false(has("@"));
        assert_false(has(""));
        assert_false(mention_has(slice_text("@"), slice_text("")));
}

static void a_mention_that_is_begun_is_found_at_the_end(void **state)
{
        (void)state;
        assert_true(slice_equal(mention_begun(slice_text("hello @an")), slice_text("an")));
        assert_true(slice_equal(mention_begun(slice_text("@anna.")), slice_text("anna.")));
        assert_non_null(mention_begun(slice_text("@")).data);
        assert_null(mention_begun(slice_text("hello")).data);
        assert_null(mention_begun(slice_text("a@b")).data);
        assert_null(mention_begun(slice_text("@anna ")).data);
        assert_null(mention_begun(slice_text("")).data);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_name_after_an_at_sign_is_a_mention),
                cmocka_unit_test(what_only_looks_like_one_is_none),
                cmocka_unit_test(a_mention_that_is_begun_is_found_at_the_end),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
