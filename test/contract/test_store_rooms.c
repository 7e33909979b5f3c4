/* The store's contract, the writing half: rooms' logs. Laws L1 (repeats), L3 (order), L7 (devices), L8 (deadlines). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/assert.h"
#include "contract/store_stage.h"
#include "rules/limits.h"
#include "rules/room.h"
#include "rules/row.h"

static struct id room_of(const struct account *a, const struct account *b)
{
        return room_personal(a->user, b->user);
}

/* ---- rooms and their logs ---- */

static void test_the_first_write_makes_the_room(void **state)
{
        struct stage *stage = *state;
        struct id room = room_of(&stage->anna, &stage->boris);
        struct store_op op = write_op(stage, &stage->anna, room, "hello");
        struct store_result result = apply_one(stage, &op);

        assert_int_equal(result.status, ERR_OK);
        assert_false(result.repeat);
        assert_int_equal(result.write.room_kind, ROOM_PERSONAL);
        assert_int_equal(result.write.row.seq, 1);
        assert_int_equal(result.write.row.changed, 1);
        assert_int_equal(result.write.row.n, 1);
        assert_int_equal(result.write.row.time_ms, STAGE_START_MS);
        assert_int_equal(result.write.row.sender, stage->anna.user);
        assert_int_equal(result.write.row.kind, ROW_TEXT);
        assert_true(id_equal(&result.write.row.request, &op.request));
        assert_slice(result.write.row.text, "hello");
        assert_int_equal(result.members.count, 2);
        assert_non_null(result.members.users);
        assert_int_not_equal(result.members.version, 0);
        assert_int_equal(result.members.users[0] ^ result.members.users[1], stage->anna.user ^ stage->boris.user);
        assert_string_equal(texts_of(rows_of(stage, &stage->boris, room).rows.rows, 1), "hello");
}

static void test_a_self_room_has_one_member(void **state)
{
        struct stage *stage = *state;
        struct id room = room_of(&stage->anna, &stage->anna);
        struct store_op op = write_op(stage, &stage->anna, room, "note");
        struct store_result result = apply_one(stage, &op);

        assert_int_equal(result.status, ERR_OK);
        assert_int_equal(result.write.room_kind, ROOM_SELF);
        assert_int_equal(result.members.count, 1);
        assert_int_equal(result.members.users[0], stage->anna.user);
        result = mark(stage, &stage->anna, room, 1, 1, 1);
        assert_int_equal(result.mark.lowest.delivered_first, 1);
        assert_int_equal(result.mark.lowest.delivered_second, STORE_NONE);
        assert_int_equal(result.mark.lowest.shown_second, STORE_NONE);
        assert_int_equal(result.mark.lowest.counted_second, STORE_NONE);
        assert_int_equal(result.mark.marks.unread, 0);
}

static void test_numbers_have_no_gaps(void **state)
{
        struct stage *stage = *state;
        struct id first = room_of(&stage->anna, &stage->boris), second = room_of(&stage->anna, &stage->clara);

        for (uint64_t i = 1; i <= 20; i++) {
                assert_int_equal(say(stage, i % 3 ? &stage->anna : &stage->boris, first, "a"), i);
                assert_int_equal(say(stage, &stage->clara, second, "b"), i);
                if (i % 7 == 0)
                        stage_reopen(stage);
        }
}

static void test_refusals_of_writes(void **state)
{
        struct stage *stage = *state;
        struct id ours = room_of(&stage->anna, &stage->boris), theirs = room_of(&stage->boris, &stage->clara);
        struct id group = stage_id(stage), nowhere = {{1}};
        static char large[TEXT_SIZE_MAX + 1];
        const struct {
                struct id room;
                uint8_t kind;
                struct slice text;
                enum error status;
        } cases[] = {
                {theirs, ROW_TEXT, SLICE_LITERAL("x"), ERR_NO_ROOM},
                {group, ROW_TEXT, SLICE_LITERAL("x"), ERR_NO_ROOM},
                {nowhere, ROW_TEXT, SLICE_LITERAL("x"), ERR_NO_ROOM},
                {room_personal(stage->anna.user, 12345), ROW_TEXT, SLICE_LITERAL("x"), ERR_NO_USER},
                {ours, ROW_TEXT, SLICE_LITERAL(""), ERR_BAD_FIELD},
                {ours, 0, SLICE_LITERAL("x"), ERR_BAD_FIELD},
                {ours, 250, SLICE_LITERAL("x"), ERR_BAD_FIELD},
                {ours, ROW_TEXT, slice_of(large, sizeof(large)), ERR_TOO_LARGE},
        };

        memset(large, 'l', sizeof(large));
        for (int round = 0; round < 2; round++) {
                for (size_t i = 0; i < countof(cases); i++) {
                        struct store_op op = write_op(stage, &stage->anna, cases[i].room, "x");

                        op.write.row_kind = cases[i].kind;
                        op.write.text = cases[i].text;
                        assert_int_equal(apply_one(stage, &op).status, cases[i].status);
                }
                /* Refusals make no rooms: the first row of each is number 1. Then again with the rooms there. */
                if (round == 0) {
                        assert_int_equal(say(stage, &stage->anna, ours, "one"), 1);
                        assert_int_equal(say(stage, &stage->boris, theirs, "one"), 1);
                }
        }
        assert_int_equal(say(stage, &stage->anna, ours, "two"), 2);
}

static void test_the_largest_text(void **state)
{
        struct stage *stage = *state;
        struct id room = room_of(&stage->anna, &stage->boris);
        struct store_op op = write_op(stage, &stage->anna, room, "x");
        static char large[TEXT_SIZE_MAX];
        struct store_answer answer;

        memset(large, 'l', sizeof(large));
        op.write.text = slice_of(large, sizeof(large));
        assert_int_equal(apply_one(stage, &op).status, ERR_OK);
        answer = rows_of(stage, &stage->boris, room);
        assert_true(slice_equal(answer.rows.rows[0].text, slice_of(large, sizeof(large))));
}

static void test_time_never_goes_back(void **state)
{
        struct stage *stage = *state;
        struct id room = room_of(&stage->anna, &stage->boris);
        struct store_op op = write_op(stage, &stage->anna, room, "now");

        assert_int_equal(apply_one(stage, &op).write.row.time_ms, STAGE_START_MS);
        stage->clock.wall_ms -= 60000;
        op = write_op(stage, &stage->boris, room, "earlier");
        assert_int_equal(apply_one(stage, &op).write.row.time_ms, STAGE_START_MS);
        stage_reopen(stage);
        op = write_op(stage, &stage->boris, room, "earlier");
        assert_int_equal(apply_one(stage, &op).write.row.time_ms, STAGE_START_MS);
        stage->clock.wall_ms += 60005;
        op = write_op(stage, &stage->boris, room, "later");
        assert_int_equal(apply_one(stage, &op).write.row.time_ms, STAGE_START_MS + 5);
}

static void test_members_come_when_their_version_is_new(void **state)
{
        struct stage *stage = *state;
        struct id room = room_of(&stage->anna, &stage->boris);
        struct store_op op = write_op(stage, &stage->anna, room, "a");
        uint64_t version = apply_one(stage, &op).members.version;
        struct store_result result;

        op = write_op(stage, &stage->anna, room, "b");
        op.write.members_known = version;
        result = apply_one(stage, &op);
        assert_null(result.members.users);
        assert_int_equal(result.members.version, version);
        op.write.members_known = 0; /* a repeat tells them too */
        result = apply_one(stage, &op);
        assert_true(result.repeat);
        assert_non_null(result.members.users);
        assert_int_equal(result.members.count, 2);
}

/* ---- L1: repeats ---- */

static void test_a_repeat_gets_the_first_answer(void **state)
{
        struct stage *stage = *state;
        struct id room = room_of(&stage->anna, &stage->boris);
        struct store_op op = write_op(stage, &stage->anna, room, "once");
        struct store_result first = apply_one(stage, &op), again;

        say(stage, &stage->boris, room, "other");
        hand_clock_advance_ms(&stage->clock, 100000);
        for (int i = 0; i < 3; i++) {
                if (i == 2)
                        stage_reopen(stage);
                again = apply_one(stage, &op);
                assert_int_equal(again.status, ERR_OK);
                assert_true(again.repeat);
                assert_int_equal(again.write.row.seq, first.write.row.seq);
                assert_int_equal(again.write.row.time_ms, first.write.row.time_ms);
                assert_int_equal(again.write.row.n, first.write.row.n);
                assert_slice(again.write.row.text, "once");
        }
        assert_int_equal(rows_of(stage, &stage->anna, room).rows.head, 2);
}

static void test_a_repeat_whatever_the_rights_are_now(void **state)
{
        struct stage *stage = *state;
        struct id room = room_of(&stage->anna, &stage->boris);
        struct store_op op = write_op(stage, &stage->anna, room, "once"), out = sign_out_op(stage, &stage->anna, 0);

        op.not_after_ms = STAGE_START_MS + 5000;
        assert_int_equal(apply_one(stage, &op).write.row.seq, 1);
        assert_int_equal(apply_one(stage, &out).status, ERR_OK);
        hand_clock_advance_ms(&stage->clock, 60000);
        assert_int_equal(apply_one(stage, &op).status, ERR_OK); /* revoked and late, and yet done */
        assert_true(apply_one(stage, &op).repeat);
        /* The same for the sign-out itself. */
        assert_int_equal(apply_one(stage, &out).status, ERR_OK);
        assert_true(apply_one(stage, &out).repeat);
}

static void test_the_same_id_with_another_content(void **state)
{
        struct stage *stage = *state;
        struct id room = room_of(&stage->anna, &stage->boris);
        struct store_op op = write_op(stage, &stage->anna, room, "first"), out = sign_out_op(stage, &stage->clara, 0);
        struct store_result result;

        assert_int_equal(apply_one(stage, &op).status, ERR_OK);
        op.digest[31] ^= 1;
        op.write.text = SLICE_LITERAL("second");
        result = apply_one(stage, &op);
        assert_int_equal(result.status, ERR_REUSED_ID);
        assert_string_equal(texts_of(rows_of(stage, &stage->anna, room).rows.rows, 1), "first");
        assert_int_equal(apply_one(stage, &out).status, ERR_OK);
        out.digest[0] ^= 1;
        assert_int_equal(apply_one(stage, &out).status, ERR_REUSED_ID);
}

static void test_ids_are_per_sender_and_room(void **state)
{
        struct stage *stage = *state;
        struct id room = room_of(&stage->anna, &stage->boris), other = room_of(&stage->anna, &stage->clara);
        struct store_op annas = write_op(stage, &stage->anna, room, "annas");
        struct store_op boriss = write_op(stage, &stage->boris, room, "boriss");
        struct store_op elsewhere = write_op(stage, &stage->anna, other, "elsewhere");

        boriss.request = elsewhere.request = annas.request;
        assert_int_equal(apply_one(stage, &annas).write.row.seq, 1);
        assert_int_equal(apply_one(stage, &boriss).write.row.seq, 2);
        assert_int_equal(apply_one(stage, &elsewhere).write.row.seq, 1);
        assert_int_equal(apply_one(stage, &boriss).write.row.seq, 2);
}

static void test_a_refused_operation_may_be_tried_again(void **state)
{
        struct stage *stage = *state;
        struct id room = room_of(&stage->anna, &stage->boris);
        struct store_op op = write_op(stage, &stage->anna, room, "late");

        op.not_after_ms = STAGE_START_MS - 1;
        assert_int_equal(apply_one(stage, &op).status, ERR_LATE);
        op.not_after_ms = STAGE_START_MS + 1;
        assert_int_equal(apply_one(stage, &op).status, ERR_OK);
        assert_true(apply_one(stage, &op).repeat);
}

/* ---- L3: order in a batch ---- */

static void test_a_batch_happens_in_its_order(void **state)
{
        struct stage *stage = *state;
        struct id room = room_of(&stage->anna, &stage->boris), strange = room_of(&stage->boris, &stage->clara);
        struct store_op ops[7];
        struct store_result results[countof(ops)];

        ops[0] = write_op(stage, &stage->anna, room, "one");
        ops[1] = write_op(stage, &stage->anna, strange, "refused");
        ops[2] = mark_op(stage, &stage->boris, room, 1, 1, 1);
        ops[3] = write_op(stage, &stage->boris, room, "two");
        ops[4] = ops[0]; /* a repeat within the batch */
        ops[5] = sign_out_op(stage, &stage->anna, 0);
        ops[6] = write_op(stage, &stage->anna, room, "after the sign-out");
        apply(stage, ops, countof(ops), results);
        assert_int_equal(results[0].write.row.seq, 1);
        assert_int_equal(results[1].status, ERR_NO_ROOM);
        assert_int_equal(results[2].status, ERR_OK);
        assert_int_equal(results[2].mark.marks.head, 1);
        assert_int_equal(results[2].mark.marks.unread, 0);
        assert_int_equal(results[3].write.row.seq, 2);
        assert_int_equal(results[4].status, ERR_OK);
        assert_true(results[4].repeat);
        assert_int_equal(results[4].write.row.seq, 1);
        assert_int_equal(results[5].status, ERR_OK);
        assert_int_equal(results[6].status, ERR_REVOKED);
        assert_string_equal(texts_of(rows_of(stage, &stage->boris, room).rows.rows, 2), "two one");
}

static void test_the_largest_batch(void **state)
{
        struct stage *stage = *state;
        struct id rooms[] = {room_of(&stage->anna, &stage->boris), room_of(&stage->anna, &stage->clara)};
        static struct store_op ops[STORE_OPS_MAX];
        static struct store_result results[STORE_OPS_MAX];

        for (size_t i = 0; i < countof(ops); i++)
                ops[i] = write_op(stage, &stage->anna, rooms[i % 2], "text");
        apply(stage, ops, countof(ops), results);
        for (size_t i = 0; i < countof(ops); i++)
                assert_int_equal(results[i].write.row.seq, i / 2 + 1);
}

static void test_several_batches_keep_their_order(void **state)
{
        struct stage *stage = *state;
        struct id room = room_of(&stage->anna, &stage->boris);
        struct store_op ops[8];
        struct store_result results[countof(ops)];

        for (size_t i = 0; i < countof(ops); i++) {
                ops[i] = write_op(stage, &stage->anna, room, "text");
                assert_int_equal(stage->store->ops->apply(stage->store, &ops[i], 1, &results[i], &stage->arena, 1000 + i),
                                 ERR_OK);
        }
        for (size_t i = 0; i < countof(ops); i++) {
                assert_int_equal(stage_await(stage->store, 1000 + i), OUTCOME_OK);
                assert_int_equal(results[i].write.row.seq, i + 1);
        }
}

/* Every queue has a limit, and reaching it is an answer. */
static void test_too_much_at_once_is_full(void **state)
{
        struct stage *stage = *state;
        struct id room = room_of(&stage->anna, &stage->boris);
        static struct store_op ops[1000];
        static struct store_result results[countof(ops)];
        size_t taken = 0;

        for (enum error error = ERR_OK; !error; taken += error == ERR_OK) {
                assert_true(taken < countof(ops));
                ops[taken] = write_op(stage, &stage->anna, room, "text");
                error = stage->store->ops->apply(stage->store, &ops[taken], 1, &results[taken], &stage->arena, 5000 + taken);
                if (error)
                        assert_int_equal(error, ERR_FULL);
        }
        assert_true(taken >= 4);
        for (size_t i = 0; i < taken; i++)
                assert_int_equal(stage_await(stage->store, 5000 + i), OUTCOME_OK);
        assert_int_equal(say(stage, &stage->anna, room, "more"), taken + 1);
}

/* ---- L7, L8 ---- */

static void test_a_revoked_device_does_nothing_more(void **state)
{
        struct stage *stage = *state;
        struct id room = room_of(&stage->anna, &stage->boris);
        struct store_op out = sign_out_op(stage, &stage->anna, stage->anna.device);
        struct store_op write = write_op(stage, &stage->anna, room, "x"), marks;
        struct store_question question = question_of(STORE_ASK_JOIN, &stage->anna);

        say(stage, &stage->boris, room, "before");
        marks = mark_op(stage, &stage->anna, room, 1, 1, 1);
        assert_int_equal(apply_one(stage, &out).status, ERR_OK);
        for (int i = 0; i < 2; i++) {
                assert_int_equal(apply_one(stage, &write).status, ERR_REVOKED);
                assert_int_equal(apply_one(stage, &marks).status, ERR_REVOKED);
                assert_int_equal(ask(stage, &question).status, ERR_REVOKED);
                assert_int_equal(rows_of(stage, &stage->anna, room).status, ERR_REVOKED);
                stage_reopen(stage);
        }
        /* One that never was, another's, and nobody's. */
        write.device = 99;
        assert_int_equal(apply_one(stage, &write).status, ERR_REVOKED);
        write.device = stage->boris.device;
        assert_int_equal(apply_one(stage, &write).status, ERR_REVOKED);
        write.user = write.device = 0;
        assert_int_equal(apply_one(stage, &write).status, ERR_REVOKED);
        assert_int_equal(say(stage, &stage->boris, room, "after"), 2);
}

static void test_late_is_never(void **state)
{
        struct stage *stage = *state;
        struct id room = room_of(&stage->anna, &stage->boris);
        struct store_op ops[3];
        struct store_result results[countof(ops)];

        ops[0] = write_op(stage, &stage->anna, room, "late");
        ops[0].not_after_ms = STAGE_START_MS + 10;
        ops[1] = write_op(stage, &stage->anna, room, "in time");
        ops[1].not_after_ms = STAGE_START_MS + 11;
        ops[2] = mark_op(stage, &stage->boris, room, 1, 1, 1);
        ops[2].not_after_ms = STAGE_START_MS + 10;
        hand_clock_advance_ms(&stage->clock, 11);
        apply(stage, ops, countof(ops), results);
        assert_int_equal(results[0].status, ERR_LATE);
        assert_int_equal(results[1].status, ERR_OK);
        assert_int_equal(results[1].write.row.seq, 1);
        assert_int_equal(results[2].status, ERR_LATE);
        /* A revoked device is told so even when late: that is final for it. */
        ops[0] = sign_out_op(stage, &stage->anna, 0);
        ops[0].not_after_ms = STAGE_START_MS + 10;
        assert_int_equal(apply_one(stage, &ops[0]).status, ERR_LATE);
        assert_int_equal(say(stage, &stage->anna, room, "still signed in"), 2);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                STAGE_TEST(test_the_first_write_makes_the_room),
                STAGE_TEST(test_a_self_room_has_one_member),
                STAGE_TEST(test_numbers_have_no_gaps),
                STAGE_TEST(test_refusals_of_writes),
                STAGE_TEST(test_the_largest_text),
                STAGE_TEST(test_time_never_goes_back),
                STAGE_TEST(test_members_come_when_their_version_is_new),
                STAGE_TEST(test_a_repeat_gets_the_first_answer),
                STAGE_TEST(test_a_repeat_whatever_the_rights_are_now),
                STAGE_TEST(test_the_same_id_with_another_content),
                STAGE_TEST(test_ids_are_per_sender_and_room),
                STAGE_TEST(test_a_refused_operation_may_be_tried_again),
                STAGE_TEST(test_a_batch_happens_in_its_order),
                STAGE_TEST(test_the_largest_batch),
                STAGE_TEST(test_several_batches_keep_their_order),
                STAGE_TEST(test_too_much_at_once_is_full),
                STAGE_TEST(test_a_revoked_device_does_nothing_more),
                STAGE_TEST(test_late_is_never),
        };

        return STAGE_RUN("rooms", tests);
}
