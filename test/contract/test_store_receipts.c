/* The store's contract: who has switched receipts off counts in none of his rooms, and is told of none; and back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/assert.h"
#include "contract/store_deeds.h"
#include "rules/room.h"

static bool due(struct stage *stage, const struct account *who)
{
        struct store_question question = question_of(STORE_ASK_JOIN, who);

        question.join.rooms_max = question.join.rows_max = 10;
        return ask(stage, &question).rooms.receipts_due;
}

static void set_receipts(struct stage *stage, const struct account *who, uint64_t target, bool off)
{
        struct store_op op = row_op(stage, who, room_personal(who->user, who->user), ROW_SETTING, target,
                                    off ? "receipts-off yes" : "receipts-off");

        struct store_result result = apply_one(stage, &op), again = apply_one(stage, &op);

        assert_int_equal(result.status, ERR_OK);
        assert_int_equal(again.status, ERR_OK);
        assert_true(again.repeat);
        assert_int_equal(again.write.receipts_due, result.write.receipts_due);
        assert_int_equal(result.write.receipts_due, due(stage, who));
}

static struct store_result take_notice(struct stage *stage, const struct account *who, struct id room)
{
        struct store_op op = {.kind = STORE_RECEIPTS, .user = who->user, .receipts.room = room};

        return apply_one(stage, &op);
}

static void done(struct stage *stage, const struct account *who, uint64_t change)
{
        struct store_op op = {.kind = STORE_RECEIPTS_DONE, .user = who->user, .receipts.change = change};

        assert_int_equal(apply_one(stage, &op).status, ERR_OK);
}

/* The rooms of one to take notice, up to `max` of them after that one. */
static struct store_answer rooms_of(struct stage *stage, const struct account *who, struct id after, uint32_t max)
{
        struct store_question question = {.kind = STORE_ASK_RECEIPTS, .user = who->user, .receipts = {after, max}};
        struct store_answer answer = ask(stage, &question);

        assert_int_equal(answer.status, ERR_OK);
        return answer;
}

static struct store_lowest lowest_of_room(struct stage *stage, const struct account *asker, struct id room)
{
        struct store_answer rows = rows_of(stage, asker, room);
        struct store_question question = question_of(STORE_ASK_ROOMS, asker);
        struct store_answer answer;

        question.rooms.rooms_max = 100;
        answer = ask(stage, &question);
        for (size_t i = 0; i < answer.rooms.room_count; i++)
                if (id_equal(&answer.rooms.rooms[i].room, &room)) /* all that tell of them agree */
                        assert_memory_equal(&answer.rooms.rooms[i].lowest, &rows.rows.lowest, sizeof(rows.rows.lowest));
        return rows.rows.lowest;
}

static struct store_member member_of(struct stage *stage, const struct account *asker, struct id room,
                                     const struct account *member)
{
        struct store_question question = question_of(STORE_ASK_MEMBERS, asker);
        struct store_answer answer;

        question.members.room = room;
        question.members.members_max = 100;
        answer = ask(stage, &question);
        for (size_t i = 0; i < answer.members.count; i++)
                if (answer.members.members[i].person.user == member->user)
                        return answer.members.members[i];
        fail();
        return (struct store_member){0};
}

static void assert_told_nothing(struct stage *stage, const struct account *asker, struct id room,
                                const struct account *member)
{
        struct store_member told = member_of(stage, asker, room, member);

        assert_int_equal(told.delivered, 0);
        assert_int_equal(told.shown, 0);
        assert_int_equal(told.counted_from, STORE_UNCOUNTED);
}

static void assert_sound(struct stage *stage)
{
        const struct store_question question = {.kind = STORE_ASK_CHECK};
        struct store_answer answer = ask(stage, &question);

        if (answer.check.faults)
                print_error("%.*s\n", (int)answer.check.first_fault.size, (const char *)answer.check.first_fault.data);
        assert_int_equal(answer.check.faults, 0);
}

static void test_who_is_off_counts_for_nobody_and_sees_nobody(void **state)
{
        struct stage *stage = *state;
        struct id room = group_of(stage, &stage->anna), personal = room_personal(stage->anna.user, stage->boris.user);
        struct store_lowest before, lowest;
        struct store_result result;
        uint64_t last = 0;

        bring(stage, &stage->anna, room, &stage->boris);
        for (int i = 0; i < 4; i++)
                last = say(stage, &stage->anna, personal, "hello");
        mark(stage, &stage->boris, personal, last, last, 2);
        mark(stage, &stage->anna, personal, last, last, last);
        before = lowest_of_room(stage, &stage->anna, personal);
        assert_int_equal(before.shown_first, 2);
        set_receipts(stage, &stage->boris, 0, true);
        assert_true(due(stage, &stage->boris));
        assert_false(due(stage, &stage->anna));
        /* Nothing is so yet: his rooms take notice one by one. */
        lowest = lowest_of_room(stage, &stage->anna, personal);
        assert_memory_equal(&before, &lowest, sizeof(before));
        result = take_notice(stage, &stage->boris, personal);
        assert_int_equal(result.status, ERR_OK);
        assert_true(result.mark.lowest_moved);
        assert_int_equal(result.members.count, 2);
        assert_int_equal(result.members.uncounted_count, 1);
        assert_int_equal(result.members.uncounted[0], stage->boris.user);
        lowest = lowest_of_room(stage, &stage->anna, personal);
        assert_int_equal(lowest.shown_first, last); /* her own */
        assert_int_equal(lowest.shown_user, stage->anna.user);
        assert_int_equal(lowest.shown_second, STORE_NONE);
        assert_int_equal(lowest.counted_second, STORE_NONE);
        assert_true(lowest.version > before.version);
        stage_reopen(stage);
        assert_int_equal(lowest_of_room(stage, &stage->boris, personal).shown_first, STORE_NONE);
        assert_int_equal(lowest_of_room(stage, &stage->boris, personal).version, lowest.version);
        assert_told_nothing(stage, &stage->anna, personal, &stage->boris);
        assert_told_nothing(stage, &stage->boris, personal, &stage->anna);
        assert_int_equal(member_of(stage, &stage->anna, personal, &stage->anna).shown, last);
        /* In the group nothing was done. */
        assert_int_equal(member_of(stage, &stage->anna, room, &stage->boris).counted_from,
                         member_of(stage, &stage->anna, room, &stage->boris).joined_seq);
        /* Again: nothing moves, and it is told again. */
        result = take_notice(stage, &stage->boris, personal);
        assert_true(result.mark.lowest_moved);
        assert_int_equal(result.mark.lowest.version, lowest.version);
        assert_sound(stage);
}

static void test_what_is_read_meanwhile_is_never_shown(void **state)
{
        struct stage *stage = *state;
        struct id personal = room_personal(stage->anna.user, stage->boris.user);
        struct store_lowest lowest, his;
        struct store_result result;
        uint64_t last = 0, version;

        for (int i = 0; i < 4; i++)
                last = say(stage, &stage->anna, personal, "hello");
        set_receipts(stage, &stage->boris, 0, true);
        take_notice(stage, &stage->boris, personal);
        version = lowest_of_room(stage, &stage->anna, personal).version;
        result = mark(stage, &stage->boris, personal, last, last - 1, last);
        assert_int_equal(result.mark.marks.read, last - 1); /* it is his own business, on all his devices */
        assert_int_equal(result.mark.marks.shown, 0);
        assert_int_equal(result.members.uncounted_count, 1);
        assert_false(result.mark.lowest_moved);
        last = say(stage, &stage->anna, personal, "still there?");
        set_receipts(stage, &stage->boris, 1, false);
        result = take_notice(stage, &stage->boris, personal);
        assert_int_equal(result.members.uncounted_count, 0);
        lowest = lowest_of_room(stage, &stage->anna, personal);
        assert_true(lowest.version > version);
        /* He counts from here on; nobody learns how far he had got. */
        assert_int_equal(lowest.counted_second, last);
        assert_int_equal(member_of(stage, &stage->anna, personal, &stage->boris).shown, last);
        assert_int_equal(member_of(stage, &stage->anna, personal, &stage->boris).delivered, last);
        assert_int_equal(member_of(stage, &stage->anna, personal, &stage->boris).counted_from, last);
        mark(stage, &stage->anna, personal, last, last, last);
        lowest = lowest_of_room(stage, &stage->anna, personal);
        assert_int_equal(lowest.delivered_first, last);
        assert_int_equal(lowest.shown_second, last);
        his = lowest_of_room(stage, &stage->boris, personal);
        assert_memory_equal(&lowest, &his, sizeof(lowest));
        stage_reopen(stage);
        last = say(stage, &stage->anna, personal, "?");
        result = mark(stage, &stage->boris, personal, last, last, last);
        assert_int_equal(result.mark.marks.shown, last);
        assert_int_equal(lowest_of_room(stage, &stage->anna, personal).shown_second, last);
        assert_sound(stage);
}

static void test_who_comes_to_a_room_while_off_does_not_count_there(void **state)
{
        struct stage *stage = *state;
        struct id group, own, personal = room_personal(stage->boris.user, stage->clara.user);
        struct store_result result;

        set_receipts(stage, &stage->boris, 0, true);
        set_receipts(stage, &stage->boris, 0, true); /* of two rows the one that was written last counts: the same */
        group = group_of(stage, &stage->anna);
        result = about(stage, &stage->anna, group, ROW_JOINED, &stage->boris, ROLE_NONE);
        assert_int_equal(result.status, ERR_OK);
        assert_false(result.write.lowest_moved);
        own = group_of(stage, &stage->boris);
        say(stage, &stage->clara, personal, "hello");
        assert_told_nothing(stage, &stage->anna, group, &stage->boris);
        assert_told_nothing(stage, &stage->boris, own, &stage->boris);
        assert_told_nothing(stage, &stage->clara, personal, &stage->boris);
        assert_int_equal(lowest_of_room(stage, &stage->boris, own).counted_first, STORE_NONE);
        assert_int_equal(lowest_of_room(stage, &stage->clara, personal).counted_user, stage->clara.user);
        assert_int_equal(lowest_of_room(stage, &stage->clara, personal).counted_second, STORE_NONE);
        /* All that is done before the rooms take notice begins anew with a new stay. */
        set_receipts(stage, &stage->boris, 1, false);
        about(stage, &stage->anna, group, ROW_LEFT, &stage->boris, ROLE_NONE);
        assert_int_equal(take_notice(stage, &stage->boris, group).status, ERR_NO_ROOM);
        bring(stage, &stage->anna, group, &stage->boris);
        assert_int_equal(member_of(stage, &stage->anna, group, &stage->boris).counted_from,
                         member_of(stage, &stage->anna, group, &stage->boris).joined_seq);
        assert_sound(stage);
}

static void test_which_rooms_are_to_take_notice(void **state)
{
        struct stage *stage = *state;
        struct id after = {0}, left = group_of(stage, &stage->anna);
        struct store_answer answer;
        size_t seen = 0;

        bring(stage, &stage->anna, left, &stage->boris);
        about(stage, &stage->boris, left, ROW_LEFT, &stage->boris, ROLE_NONE);
        for (int i = 0; i < 5; i++)
                group_of(stage, &stage->boris);
        assert_false(due(stage, &stage->boris));
        set_receipts(stage, &stage->boris, 0, true);
        do {
                answer = rooms_of(stage, &stage->boris, after, 4);
                assert_int_equal(answer.receipts.change, 1);
                for (size_t i = 0; i < answer.receipts.count; i++) {
                        assert_true(id_compare(&after, &answer.receipts.rooms[i]) < 0);
                        assert_false(id_equal(&left, &answer.receipts.rooms[i]));
                        after = answer.receipts.rooms[i];
                        seen++;
                }
        } while (answer.receipts.more);
        assert_int_equal(seen, 6); /* with his self room */
        set_receipts(stage, &stage->boris, 1, false);
        done(stage, &stage->boris, 1); /* there was another change since */
        assert_true(due(stage, &stage->boris));
        set_receipts(stage, &stage->boris, 1, true);
        assert_int_equal(rooms_of(stage, &stage->boris, after, 4).receipts.change, 3);
        stage_reopen(stage);
        done(stage, &stage->boris, 3);
        assert_false(due(stage, &stage->boris));
        set_receipts(stage, &stage->boris, 1, true); /* says nothing new */
        assert_false(due(stage, &stage->boris));
        answer = rooms_of(stage, &(struct account){.user = 12345}, (struct id){0}, 4);
        assert_int_equal(answer.receipts.count, 0);
        assert_false(answer.receipts.more);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                STAGE_TEST(test_who_is_off_counts_for_nobody_and_sees_nobody),
                STAGE_TEST(test_what_is_read_meanwhile_is_never_shown),
                STAGE_TEST(test_who_comes_to_a_room_while_off_does_not_count_there),
                STAGE_TEST(test_which_rooms_are_to_take_notice),
        };

        return STAGE_RUN("receipts", tests);
}
