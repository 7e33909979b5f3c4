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
#include "rules/seen.h"

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

static struct store_result was_there(struct stage *stage, const struct account *who, enum store_op_kind kind)
{
        struct store_op op = {
                .kind = kind, .request = stage_id(stage), .user = who->user, .device = kind == STORE_SEEN ? who->device : 0};

        return apply_one(stage, &op);
}

static uint64_t last_seen(struct stage *stage, const struct account *asker, const struct account *other)
{
        struct store_answer answer = shared(stage, asker, STORE_ASK_SHARED, NULL, &other->user, 1);

        assert_users(&answer, other->user, 0);
        return answer.shared.seen_ms[0];
}

static void test_when_somebody_was_there_last_is_known_coarsely(void **state)
{
        struct stage *stage = *state;
        uint64_t first = seen_coarse(STAGE_START_MS) + SEEN_COARSE_MS;

        say(stage, &stage->boris, room_personal(stage->anna.user, stage->boris.user), "hello");
        assert_int_equal(last_seen(stage, &stage->anna, &stage->boris), 0);
        hand_clock_advance_ms(&stage->clock, first + 1000 - STAGE_START_MS);
        assert_int_equal(was_there(stage, &stage->boris, STORE_LAST_SEEN).status, ERR_OK);
        assert_int_equal(last_seen(stage, &stage->anna, &stage->boris), first);
        hand_clock_advance_ms(&stage->clock, SEEN_COARSE_MS - 2000);
        assert_int_equal(was_there(stage, &stage->boris, STORE_LAST_SEEN).status, ERR_OK);
        assert_int_equal(last_seen(stage, &stage->anna, &stage->boris), first);
        hand_clock_advance_ms(&stage->clock, 1000);
        assert_int_equal(was_there(stage, &stage->boris, STORE_LAST_SEEN).status, ERR_OK);
        assert_int_equal(last_seen(stage, &stage->anna, &stage->boris), first + SEEN_COARSE_MS);
        assert_int_equal(last_seen(stage, &stage->boris, &stage->anna), 0);
}

/* So that it is known of who was never said to have gone: his frontend died with him. */
static void test_a_used_device_says_that_its_user_was_there(void **state)
{
        struct stage *stage = *state;

        say(stage, &stage->boris, room_personal(stage->anna.user, stage->boris.user), "hello");
        assert_int_equal(was_there(stage, &stage->boris, STORE_SEEN).status, ERR_OK);
        assert_int_equal(last_seen(stage, &stage->anna, &stage->boris), seen_coarse(STAGE_START_MS));
}

static void hides(struct stage *stage, const struct account *who, uint64_t target, const char *text)
{
        struct store_op op = write_op(stage, who, room_personal(who->user, who->user), text);

        op.write.row_kind = ROW_SETTING;
        op.write.target = target;
        assert_int_equal(apply_one(stage, &op).status, ERR_OK);
}

static void assert_known(struct stage *stage, const struct account *one, const struct account *other, bool known)
{
        struct store_answer answer = shared(stage, one, STORE_ASK_SHARED, NULL, &other->user, 1);

        assert_users(&answer, known ? other->user : 0, 0);
        answer = shared(stage, other, STORE_ASK_SHARED, NULL, &one->user, 1);
        assert_users(&answer, known ? one->user : 0, 0);
}

static void test_who_hides_is_not_shown_and_sees_nobody(void **state)
{
        struct stage *stage = *state;
        struct id group = group_of_anna(stage, &stage->boris), personal = room_personal(stage->anna.user, stage->clara.user);
        struct store_answer answer;

        say(stage, &stage->anna, personal, "hello");
        assert_known(stage, &stage->anna, &stage->boris, true);
        hides(stage, &stage->boris, 0, "hidden yes");
        assert_known(stage, &stage->anna, &stage->boris, false);
        assert_known(stage, &stage->anna, &stage->clara, true);
        answer = shared(stage, &stage->boris, STORE_ASK_SHARED, &group, &stage->anna.user,
                        1); /* he has it open all the same */
        assert_users(&answer, 0, 0);
        hides(stage, &stage->boris, 0, "mute:x forever"); /* another setting changes nothing */
        assert_known(stage, &stage->anna, &stage->boris, false);
        stage_reopen(stage);
        assert_known(stage, &stage->anna, &stage->boris, false);
        hides(stage, &stage->boris, 1, "hidden");
        assert_known(stage, &stage->anna, &stage->boris, true);
        /* Two devices may have made two rows: the one that was written last counts. */
        hides(stage, &stage->boris, 0, "hidden yes");
        hides(stage, &stage->boris, 1, "hidden");
        assert_known(stage, &stage->anna, &stage->boris, true);
        hides(stage, &stage->anna, 0, "hidden yes");
        hides(stage, &stage->boris, 1, "hidden yes");
        hides(stage, &stage->boris, 1, "hidden");
        assert_known(stage, &stage->anna, &stage->boris, false); /* she does */
        /* To say so in a room of others makes nobody hide. */
        hides(stage, &stage->anna, 1, "hidden");
        say(stage, &stage->anna, personal, "hidden yes");
        assert_known(stage, &stage->anna, &stage->boris, true);
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
                STAGE_TEST(test_when_somebody_was_there_last_is_known_coarsely),
                STAGE_TEST(test_a_used_device_says_that_its_user_was_there),
                STAGE_TEST(test_who_hides_is_not_shown_and_sees_nobody),
                STAGE_TEST(test_who_is_among_the_members),
                STAGE_TEST(test_a_device_that_was_signed_out_learns_nothing),
        };

        return STAGE_RUN("store, shared rooms", tests);
}
