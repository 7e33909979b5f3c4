/* The store's contract: who is in some room with whom, which is who may watch whom; and who of some users is in one room. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// clang-format off
#include <cmocka.h>
// clang-format on

#include "base/assert.h"
#include "contract/store_stage.h"
#include "rules/room.h"
#include "rules/row.h"

static struct store_result group_op(struct stage *stage, const struct account *sender, struct id room, enum row_kind kind,
                                    uint64_t subject)
{
        struct store_op op = write_op(stage, sender, room, kind == ROW_CREATED ? "title" : "");

        op.write.row_kind = kind;
        op.write.subject = subject;
        op.digest[0] ^= (uint8_t)kind;
        if (kind == ROW_CREATED)
                op.request = room;
        return apply_one(stage, &op);
}

static struct id group_of_anna(struct stage *stage, const struct account *other)
{
        struct id room = stage_id(stage);

        assert_int_equal(group_op(stage, &stage->anna, room, ROW_CREATED, 0).status, ERR_OK);
        assert_int_equal(group_op(stage, &stage->anna, room, ROW_JOINED, other->user).status, ERR_OK);
        return room;
}

static struct store_answer shared(struct stage *stage, const struct account *asker, enum store_question_kind kind,
                                  const struct id *room, const uint64_t *users, size_t count)
{
        struct store_question question = question_of(kind, asker);

        question.shared.room = room ? *room : (struct id){0};
        question.shared.users = users;
        question.shared.count = count;
        return ask(stage, &question);
}

static void assert_users(const struct store_answer *answer, uint64_t first, uint64_t second)
{
        const uint64_t users[] = {first, second};
        size_t count = (first != 0) + (second != 0);

        assert_int_equal(answer->status, ERR_OK);
        assert_int_equal(answer->shared.count, count);
        for (size_t i = 0; i < count; i++)
                assert_int_equal(answer->shared.users[i], users[i]);
}

static void test_strangers_share_nothing(void **state)
{
        struct stage *stage = *state;
        const uint64_t users[] = {stage->boris.user, 77, stage->clara.user};
        struct store_answer answer = shared(stage, &stage->anna, STORE_ASK_SHARED, NULL, users, countof(users));

        assert_users(&answer, 0, 0);
        say(stage, &stage->boris, room_personal(stage->boris.user, stage->boris.user), "to himself");
        answer = shared(stage, &stage->anna, STORE_ASK_SHARED, NULL, users, countof(users));
        assert_users(&answer, 0, 0);
}

static void test_a_personal_room_and_a_group_are_shared(void **state)
{
        struct stage *stage = *state;
        const uint64_t users[] = {stage->clara.user, 77, stage->boris.user};
        struct store_answer answer;

        say(stage, &stage->boris, room_personal(stage->anna.user, stage->boris.user), "hello");
        answer = shared(stage, &stage->anna, STORE_ASK_SHARED, NULL, users, countof(users));
        assert_users(&answer, stage->boris.user, 0);
        (void)group_of_anna(stage, &stage->clara);
        answer = shared(stage, &stage->anna, STORE_ASK_SHARED, NULL, users, countof(users));
        assert_users(&answer, stage->clara.user, stage->boris.user);
        answer = shared(stage, &stage->boris, STORE_ASK_SHARED, NULL, users, 1); /* boris and clara do not */
        assert_users(&answer, 0, 0);
}

static void test_who_left_shares_no_longer(void **state)
{
        struct stage *stage = *state;
        struct id room = group_of_anna(stage, &stage->clara);
        struct store_answer answer;

        assert_int_equal(group_op(stage, &stage->clara, room, ROW_LEFT, stage->clara.user).status, ERR_OK);
        answer = shared(stage, &stage->anna, STORE_ASK_SHARED, &room, &stage->clara.user, 1);
        assert_users(&answer, 0, 0);
        answer = shared(stage, &stage->clara, STORE_ASK_SHARED, NULL, &stage->anna.user, 1);
        assert_users(&answer, 0, 0);
        answer = shared(stage, &stage->clara, STORE_ASK_SHARED, &room, &stage->anna.user, 1);
        assert_int_equal(answer.status, ERR_NO_ROOM);
        assert_int_equal(group_op(stage, &stage->anna, room, ROW_JOINED, stage->clara.user).status, ERR_OK);
        answer = shared(stage, &stage->clara, STORE_ASK_SHARED, &room, &stage->anna.user, 1);
        assert_users(&answer, stage->anna.user, 0);
}

static void test_who_is_among_the_members(void **state)
{
        struct stage *stage = *state;
        struct id room = group_of_anna(stage, &stage->clara), personal = room_personal(stage->anna.user, stage->boris.user);
        const uint64_t users[] = {stage->clara.user, stage->boris.user, stage->clara.user};
        struct store_answer answer;

        answer = shared(stage, &stage->anna, STORE_ASK_AMONG, &room, users, countof(users));
        assert_users(&answer, stage->clara.user, stage->clara.user);
        answer = shared(stage, &stage->boris, STORE_ASK_AMONG, &room, users, countof(users));
        assert_int_equal(answer.status, ERR_NO_ROOM);
        answer = shared(stage, &stage->anna, STORE_ASK_AMONG, &personal, users, countof(users)); /* nobody wrote there */
        assert_int_equal(answer.status, ERR_NO_ROOM);
        assert_int_equal(group_op(stage, &stage->anna, room, ROW_LEFT, stage->clara.user).status, ERR_OK);
        answer = shared(stage, &stage->anna, STORE_ASK_AMONG, &room, users, countof(users));
        assert_users(&answer, 0, 0);
        answer = shared(stage, &stage->clara, STORE_ASK_AMONG, &room, users, countof(users));
        assert_int_equal(answer.status, ERR_NO_ROOM);
}

static void test_a_device_that_was_signed_out_learns_nothing(void **state)
{
        struct stage *stage = *state;
        struct id room = group_of_anna(stage, &stage->clara);
        struct store_op op = sign_out_op(stage, &stage->anna, stage->anna.device);

        assert_int_equal(apply_one(stage, &op).status, ERR_OK);
        assert_int_equal(shared(stage, &stage->anna, STORE_ASK_SHARED, &room, &stage->clara.user, 1).status, ERR_REVOKED);
        assert_int_equal(shared(stage, &stage->anna, STORE_ASK_AMONG, &room, &stage->clara.user, 1).status, ERR_REVOKED);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                STAGE_TEST(test_strangers_share_nothing),
                STAGE_TEST(test_a_personal_room_and_a_group_are_shared),
                STAGE_TEST(test_who_left_shares_no_longer),
                STAGE_TEST(test_who_is_among_the_members),
                STAGE_TEST(test_a_device_that_was_signed_out_learns_nothing),
        };

        return STAGE_RUN("store, shared rooms", tests);
}
