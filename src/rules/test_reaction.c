/* Reactions, folded: one a person, counted, bounded, and never other than what people did. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// clang-format off
#include <cmocka.h>
// clang-format on

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "rules/reaction.h"

static uint8_t all[2][REACTIONS_SIZE_MAX];
static struct slice folded;

static enum error put(uint64_t user, const char *emoji)
{
        uint8_t *bytes = folded.data == all[0] ? all[1] : all[0];

        return reactions_put(folded, user, slice_text(emoji), bytes, &folded);
}

static struct reactions now(void)
{
        struct reactions reactions;

        assert_true(reactions_read(folded, &reactions));
        return reactions;
}

static void is(unsigned place, const char *emoji, uint32_t people)
{
        struct reactions reactions = now();

        assert_true(place < reactions.count);
        assert_true(slice_equal(reactions.list[place].emoji, slice_text(emoji)));
        assert_int_equal(reactions.list[place].people, people);
}

static int begin(void **state)
{
        (void)state;
        folded = (struct slice){0};
        return 0;
}

static void a_person_has_one_and_another_replaces_it(void **state)
{
        struct reactions reactions;

        (void)state;
        assert_int_equal(put(5, "👍"), ERR_OK);
        assert_int_equal(put(3, "❤️"), ERR_OK);
        assert_int_equal(put(9, "👍"), ERR_OK);
        assert_int_equal(put(9, "👍"), ERR_OK);
        is(0, "👍", 2);
        is(1, "❤️", 1);
        reactions = now();
        assert_int_equal(reactions_people(&reactions), 3);
        for (size_t i = 0; i < 3; i++) {
                static const uint64_t users[] = {3, 5, 9};
                uint64_t user;

                assert_int_equal(reactions_person(&reactions, i, &user), i == 0);
                assert_int_equal(user, users[i]);
        }
        assert_int_equal(put(5, "❤️"), ERR_OK);
        is(0, "👍", 1);
        is(1, "❤️", 2);
        reactions = now();
        assert_int_equal(reactions_of(&reactions, 5), 1);
        assert_int_equal(reactions_of(&reactions, 9), 0);
        assert_int_equal(reactions_of(&reactions, 4), 2);
        /* The last one of a kind takes the kind with him. */
        assert_int_equal(put(9, ""), ERR_OK);
        is(0, "❤️", 2);
        assert_int_equal(put(9, ""), ERR_OK);
        assert_int_equal(put(3, ""), ERR_OK);
        assert_int_equal(put(5, "🎉"), ERR_OK);
        assert_int_equal(now().count, 1);
        assert_int_equal(put(5, ""), ERR_OK);
        assert_int_equal(folded.size, 0);
}

static void kinds_are_limited(void **state)
{
        char emoji[8];

        (void)state;
        for (unsigned i = 0; i < REACTIONS_MAX; i++) {
                snprintf(emoji, sizeof(emoji), "%c", 'a' + i);
                assert_int_equal(put(i + 1, emoji), ERR_OK);
        }
        assert_int_equal(put(100, "z"), ERR_ROOM_FULL);
        assert_int_equal(put(100, "a"), ERR_OK);
        assert_int_equal(put(100, "z"), ERR_ROOM_FULL); /* "a" is another's, too */
        is(0, "a", 2);
        assert_int_equal(put(2, "z"), ERR_OK); /* the only one of his kind may choose another */
        assert_int_equal(now().count, REACTIONS_MAX);
        is(REACTIONS_MAX - 1, "z", 1);
}

static void people_are_limited_and_a_hundred_thousand_reactions_stay_small(void **state)
{
        static uint8_t kind_of[REACTORS_MAX + 1];
        uint32_t counts[REACTIONS_MAX + 1] = {0};
        struct reactions reactions;
        char emoji[8];

        (void)state;
        for (unsigned i = 0; i < 100000; i++) {
                uint64_t user = 1 + i * 7919u % REACTORS_MAX;

                kind_of[user] = (uint8_t)(i % 5 == 0 ? 0 : 1 + (i * 31u + i / REACTORS_MAX) % REACTIONS_MAX);
                snprintf(emoji, sizeof(emoji), "%c", kind_of[user] ? 'a' + kind_of[user] : 0);
                assert_int_equal(put(user, emoji), ERR_OK);
                assert_true(folded.size <= REACTIONS_SIZE_MAX);
        }
        reactions = now();
        for (uint64_t user = 1; user <= REACTORS_MAX; user++) {
                unsigned kind = reactions_of(&reactions, user);

                counts[kind_of[user]]++;
                if (kind_of[user])
                        assert_int_equal(reactions.list[kind].emoji.data[0], 'a' + kind_of[user]);
                else
                        assert_int_equal(kind, reactions.count);
        }
        for (unsigned kind = 0; kind < reactions.count; kind++)
                assert_int_equal(reactions.list[kind].people, counts[reactions.list[kind].emoji.data[0] - 'a']);
        for (uint64_t user = 1; user <= REACTORS_MAX; user++)
                assert_int_equal(put(user, "b"), ERR_OK);
        assert_int_equal(put(REACTORS_MAX + 1, "b"), ERR_ROOM_FULL);
        assert_int_equal(put(REACTORS_MAX, ""), ERR_OK);
        assert_int_equal(put(REACTORS_MAX + 1, "b"), ERR_OK);
}

static void bytes_that_nobody_folded_are_none(void **state)
{
        const uint8_t bad[][12] = {{17}, {1, 0}, {1, 49}, {1, 3, 'a', 'b'}, {0, 0, 0, 0, 0, 0, 0, 0, 5, 0}};
        const uint8_t unsorted[] = {1, 1, 'a', 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0, 5, 0};
        struct reactions reactions;

        (void)state;
        for (size_t i = 0; i < countof(bad); i++)
                assert_false(reactions_read(slice_of(bad[i], i == 4 ? 10 : 4), &reactions));
        assert_false(reactions_read(slice_of(unsorted, sizeof(unsorted)), &reactions));
        assert_int_equal(reactions.count, 0);
        folded = slice_of(unsorted, sizeof(unsorted));
        assert_int_equal(put(5, "x"), ERR_OK); /* a row that is broken can be reacted to */
        is(0, "x", 1);
}

static void what_may_be_one(void **state)
{
        char long_one[REACTION_SIZE_MAX + 2];

        (void)state;
        assert_true(reaction_is_lawful(slice_text("👍")));
        assert_true(reaction_is_lawful(slice_text("👩🏽‍❤️‍💋‍👨🏽")));
        assert_true(reaction_is_lawful(slice_text("+1")));
        assert_true(reaction_is_lawful(slice_text("")));
        assert_false(reaction_is_lawful(slice_text("two words")));
        assert_false(reaction_is_lawful(slice_text("\033")));
        assert_false(reaction_is_lawful(slice_text("\xc2\x85")));
        assert_false(reaction_is_lawful(slice_text("\xff")));
        memset(long_one, 'a', sizeof(long_one));
        assert_true(reaction_is_lawful(slice_of(long_one, REACTION_SIZE_MAX)));
        assert_false(reaction_is_lawful(slice_of(long_one, REACTION_SIZE_MAX + 1)));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup(a_person_has_one_and_another_replaces_it, begin),
                cmocka_unit_test_setup(kinds_are_limited, begin),
                cmocka_unit_test_setup(people_are_limited_and_a_hundred_thousand_reactions_stay_small, begin),
                cmocka_unit_test_setup(bytes_that_nobody_folded_are_none, begin),
                cmocka_unit_test(what_may_be_one),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
