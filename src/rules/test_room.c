/* Room ids: what two users make, and what no room can have. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/assert.h"
#include "rules/room.h"
#include "rules/row.h"

static void test_personal_rooms(void **state)
{
        static const uint64_t users[] = {
                1, 2, 3, UINT64_C(1) << 61, (UINT64_C(1) << 62) - 1, UINT64_C(1) << 62, 0x5555, INT64_MAX - 1, INT64_MAX};
        struct id seen[countof(users) * countof(users)];
        size_t count = 0;

        (void)state;
        for (size_t i = 0; i < countof(users); i++) {
                for (size_t j = i; j < countof(users); j++) {
                        uint64_t lower, higher, a = min_of(users[i], users[j]), b = max_of(users[i], users[j]);
                        struct id room = room_personal(a, b), same = room_personal(b, a);

                        assert_true(id_equal(&room, &same));
                        assert_true(room_personal_users(&room, &lower, &higher));
                        assert_int_equal(lower, a);
                        assert_int_equal(higher, b);
                        assert_int_equal(room_kind_of(&room), a == b ? ROOM_SELF : ROOM_PERSONAL);
                        assert_int_equal(room_peer(&room, a), b);
                        assert_int_equal(room_peer(&room, b), a);
                        assert_int_equal(room_peer(&room, 77), 0);
                        assert_int_equal(room.bytes[8] >> 6, 3); /* no UUID of a group has it */
                        for (size_t k = 0; k < count; k++)
                                assert_false(id_equal(&room, &seen[k]));
                        seen[count++] = room;
                }
        }
}

static void test_other_ids(void **state)
{
        static const uint8_t random[10] = {255, 255, 255, 255, 255, 255, 255, 255, 255, 255};
        struct id group = id_uuid7(1750000000000, random), id = {{0}};
        uint64_t lower, higher;

        (void)state;
        assert_int_equal(room_kind_of(&group), ROOM_GROUP);
        assert_false(room_personal_users(&group, &lower, &higher));
        assert_int_equal(room_peer(&group, 1), 0);
        assert_int_equal(room_kind_of(&id), ROOM_NONE);
        id.bytes[8] = 0xc0; /* the variant of two users, but none there */
        assert_int_equal(room_kind_of(&id), ROOM_NONE);
        id = room_personal(5, 9);
        id.bytes[15] = 3; /* 5 and 3: not in order: nobody makes such an id */
        assert_int_equal(room_kind_of(&id), ROOM_NONE);
        assert_int_equal(room_peer(&id, 5), 0);
        id = room_personal(5, 9);
        id.bytes[8] &= 0x3f; /* variants 00 and 01 */
        assert_int_equal(room_kind_of(&id), ROOM_NONE);
        id.bytes[8] |= 0x40;
        assert_int_equal(room_kind_of(&id), ROOM_NONE);
}

static void test_kinds_of_rows(void **state)
{
        (void)state;
        assert_true(row_countable(ROW_TEXT) && !row_countable(ROW_JOINED));
        assert_false(row_countable(0) || row_kind_text(0));
        assert_false(row_countable(255) || row_kind_text(255));
        assert_true(row_alters(ROW_DELETED, 1) && row_alters(ROW_EDITED, 1) && row_countable(ROW_DELETED));
        assert_true(row_alters(ROW_SETTING, 1) && !row_alters(ROW_SETTING, 0) && !row_countable(ROW_SETTING));
        assert_true(row_alters(ROW_PINNED, 1) && !row_countable(ROW_PINNED));
        assert_false(row_alters(ROW_TEXT, 1) || row_alters(0, 1) || row_alters(255, 1));
}

static void test_what_an_operation_brings(void **state)
{
        struct row_content edit = {.kind = ROW_EDITED, .target = 1, .text = SLICE_LITERAL("x")},
                           text = {.kind = ROW_TEXT, .text = SLICE_LITERAL("x")};
        struct row_content delete = {.kind = ROW_DELETED, .target = 1}, title = {.kind = ROW_TITLE, .room = ROOM_GROUP};

        (void)state;
        assert_int_equal(row_check(&edit), ERR_OK);
        assert_int_equal(row_check(&delete), ERR_OK);
        assert_int_equal(row_check(&text), ERR_OK);
        text.target = INT64_MAX;
        assert_int_equal(row_check(&text), ERR_OK);
        text.target++;
        assert_int_equal(row_check(&text), ERR_BAD_FIELD);
        edit.target = delete.target = 0;
        assert_int_equal(row_check(&edit), ERR_BAD_FIELD);
        assert_int_equal(row_check(&delete), ERR_BAD_FIELD);
        delete = (struct row_content){.kind = ROW_DELETED, .target = 1, .text = SLICE_LITERAL("x")};
        assert_int_equal(row_check(&delete), ERR_BAD_FIELD);
        delete = (struct row_content){.kind = ROW_DELETED, .target = 1, .off = true};
        assert_int_equal(row_check(&delete), ERR_BAD_FIELD);
        delete.kind = ROW_PINNED; /* with or without */
        assert_int_equal(row_check(&delete), ERR_OK);
        delete.off = false;
        assert_int_equal(row_check(&delete), ERR_OK);
        delete.text = SLICE_LITERAL("x");
        assert_int_equal(row_check(&delete), ERR_BAD_FIELD);
        delete = (struct row_content){.kind = ROW_PINNED};
        assert_int_equal(row_check(&delete), ERR_BAD_FIELD);
        title.text = SLICE_LITERAL("x");
        assert_int_equal(row_check(&title), ERR_OK);
        title.target = 1;
        assert_int_equal(row_check(&title), ERR_BAD_FIELD);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_personal_rooms),
                cmocka_unit_test(test_other_ids),
                cmocka_unit_test(test_kinds_of_rows),
                cmocka_unit_test(test_what_an_operation_brings),
        };

        return cmocka_run_group_tests_name("rooms", tests, NULL, NULL);
}
