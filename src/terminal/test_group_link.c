/* The text form of a link to a group. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
// clang-format off
#include <cmocka.h>
// clang-format on

#include "base/slice.h"
#include "terminal/group_link.h"

static const struct id group = {{1, 2, 3, 4, 5, 6, 0x70, 8, 0x80, 9}};

static void a_link_is_read_as_it_was_written(void **state)
{
        uint8_t link[LINK_SIZE] = {0, 0x0f, 0xf0, 0xff, 0x5a}, read[LINK_SIZE];
        char text[GROUP_LINK_SIZE];
        struct id room;

        (void)state;
        group_link_format(&group, link, text);
        assert_int_equal(strlen(text), GROUP_LINK_SIZE - 1);
        assert_true(group_link_parse(slice_text(text), &room, read));
        assert_true(id_equal(&room, &group));
        assert_memory_equal(read, link, LINK_SIZE);
}

static void what_is_no_link_is_refused(void **state)
{
        uint8_t link[LINK_SIZE] = {7}, read[LINK_SIZE];
        char text[GROUP_LINK_SIZE];
        struct id room;

        (void)state;
        for (size_t at = 0; at < GROUP_LINK_SIZE - 1; at++) {
                group_link_format(&group, link, text);
                assert_false(group_link_parse(slice_of((const uint8_t *)text, at), &room, read));
                text[at] = 'x';
                assert_false(group_link_parse(slice_text(text), &room, read));
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_link_is_read_as_it_was_written),
                cmocka_unit_test(what_is_no_link_is_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
