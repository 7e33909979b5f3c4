/* What is remembered of rooms' members, and what goes when it is too much. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "service/session/members.h"

static struct id room_of(uint64_t number)
{
        struct id room = {{0}};

        be64_put(room.bytes + 8, number);
        return room;
}

static void keep(struct members *members, uint64_t number, size_t count)
{
        static uint64_t users[GROUP_MEMBERS_MAX + 1];
        struct id room = room_of(number);

        for (size_t i = 0; i < count; i++)
                users[i] = number * 10000 + i;
        members_keep(members, &room, 1, users, count);
}

/* Known and right, or not known. */
static bool knows(struct members *members, uint64_t number, size_t count)
{
        struct id room = room_of(number);
        const uint64_t *users;
        size_t got;

        if (members_find(members, &room, &users, &got) == 0)
                return false;
        assert_int_equal(got, count);
        for (size_t i = 0; i < got; i++)
                assert_int_equal(users[i], number * 10000 + i);
        return true;
}

static void test_a_group_of_the_greatest_size_is_remembered(void **state)
{
        struct members *members;

        (void)state;
        assert_int_equal(members_new(4, &members), ERR_OK);
        keep(members, 1, GROUP_MEMBERS_MAX);
        keep(members, 2, GROUP_MEMBERS_MAX + 1);
        assert_true(knows(members, 1, GROUP_MEMBERS_MAX));
        assert_false(knows(members, 2, GROUP_MEMBERS_MAX + 1));
        members_free(&members);
}

static void test_the_least_recently_used_room_goes(void **state)
{
        struct members *members;

        (void)state;
        assert_int_equal(members_new(2, &members), ERR_OK);
        keep(members, 1, 2);
        keep(members, 2, 5);
        assert_true(knows(members, 1, 2));
        keep(members, 3, 7);
        assert_true(knows(members, 1, 2));
        assert_false(knows(members, 2, 5));
        assert_true(knows(members, 3, 7));
        members_free(&members);
}

static void test_large_groups_make_room_for_each_other_and_leave_small_rooms_alone(void **state)
{
        const uint64_t fit = MEMBERS_USERS_MAX / GROUP_MEMBERS_MAX;
        struct members *members;

        (void)state;
        assert_int_equal(members_new(MEMBERS_ROOMS_MAX, &members), ERR_OK);
        keep(members, 1, 2);
        for (uint64_t i = 0; i < fit; i++)
                keep(members, 10 + i, GROUP_MEMBERS_MAX);
        assert_true(knows(members, 10, GROUP_MEMBERS_MAX));
        keep(members, 9, 3);
        assert_true(knows(members, 1, 2));
        assert_true(knows(members, 9, 3));
        assert_true(knows(members, 10, GROUP_MEMBERS_MAX));
        assert_false(knows(members, 11, GROUP_MEMBERS_MAX));
        assert_true(knows(members, 12, GROUP_MEMBERS_MAX));
        members_free(&members);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_group_of_the_greatest_size_is_remembered),
                cmocka_unit_test(test_the_least_recently_used_room_goes),
                cmocka_unit_test(test_large_groups_make_room_for_each_other_and_leave_small_rooms_alone),
        };

        return cmocka_run_group_tests_name("members", tests, NULL, NULL);
}
