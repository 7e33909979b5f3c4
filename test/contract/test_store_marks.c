/* The store's contract, the writing half: marks, the lowest of them, and what is unread. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/assert.h"
#include "contract/store_stage.h"
#include "rules/room.h"

static struct id room_of(const struct account *a, const struct account *b)
{
        return room_personal(a->user, b->user);
}

static void test_marks_only_rise(void **state)
{
        struct stage *stage = *state;
        struct id room = room_of(&stage->anna, &stage->boris);
        static const struct {
                uint64_t in[3], out[3];
                bool moved;
        } cases[] = {
                {{0, 0, 0}, {0, 0, 0}, false},
                {{3, 0, 0}, {3, 0, 0}, true},
                {{2, 0, 0}, {3, 0, 0}, false},
                {{0, 9, 0}, {3, 3, 0}, true}, /* read not past delivered */
                {{0, 0, 9}, {3, 3, 3}, true}, /* shown not past read */
                {{4, 4, 0}, {4, 4, 3}, true},
                {{99, 99, 99}, {5, 5, 5}, true}, /* nothing past the head */
                {{UINT64_MAX, UINT64_MAX, UINT64_MAX}, {5, 5, 5}, false},
                {{1, 1, 1}, {5, 5, 5}, false},
        };

        for (int i = 0; i < 5; i++)
                say(stage, &stage->anna, room, "text");
        for (size_t i = 0; i < countof(cases); i++) {
                struct store_result result =
                        mark(stage, &stage->boris, room, cases[i].in[0], cases[i].in[1], cases[i].in[2]);

                assert_int_equal(result.mark.marks.delivered, cases[i].out[0]);
                assert_int_equal(result.mark.marks.read, cases[i].out[1]);
                assert_int_equal(result.mark.marks.shown, cases[i].out[2]);
                assert_int_equal(result.mark.marks.head, 5);
                assert_int_equal(result.mark.marks.unread, 5 - cases[i].out[1]);
                assert_int_equal(result.mark.marks_moved, cases[i].moved);
                if (i % 3 == 2)
                        stage_reopen(stage);
        }
}

/* The mark was done, and its answer got lost: who asks again too late, or was signed out since, is refused, and yet told what is
 * there, so that whoever did not hear of it can be told. */
static void test_a_mark_refused_tells_what_is_there(void **state)
{
        struct stage *stage = *state;
        struct id room = room_of(&stage->anna, &stage->boris);
        struct store_op late = mark_op(stage, &stage->boris, room, 2, 2, 2);
        struct store_op out = sign_out_op(stage, &stage->boris, 0);
        struct store_result result;

        say(stage, &stage->anna, room, "text");
        assert_int_equal(mark(stage, &stage->boris, room, 1, 1, 1).mark.marks.delivered, 1);
        say(stage, &stage->anna, room, "text");
        late.not_after_ms = STAGE_START_MS + 10;
        hand_clock_advance_ms(&stage->clock, 11);
        for (int i = 0; i < 2; i++) {
                result = apply_one(stage, &late);
                assert_int_equal(result.status, i ? ERR_REVOKED : ERR_LATE);
                assert_int_equal(result.mark.marks.delivered, 1);
                assert_int_equal(result.mark.marks.shown, 1);
                assert_int_equal(result.mark.lowest.shown_second, 1);
                assert_false(result.mark.marks_moved);
                assert_int_equal(result.members.count, 2);
                if (i == 0) {
                        assert_int_equal(rows_of(stage, &stage->boris, room).rows.marks.delivered, 1);
                        assert_int_equal(apply_one(stage, &out).status, ERR_OK);
                }
        }
}

static void test_marks_of_strangers(void **state)
{
        struct stage *stage = *state;
        struct id room = room_of(&stage->anna, &stage->boris);
        struct store_op op = mark_op(stage, &stage->clara, room, 1, 1, 1);

        assert_int_equal(apply_one(stage, &op).status, ERR_NO_ROOM);
        say(stage, &stage->anna, room, "text");
        assert_int_equal(apply_one(stage, &op).status, ERR_NO_ROOM);
        /* Marking does not make rooms. */
        op = mark_op(stage, &stage->clara, room_of(&stage->clara, &stage->anna), 1, 1, 1);
        assert_int_equal(apply_one(stage, &op).status, ERR_NO_ROOM);
}

/* Unread is a difference of ordinals; own messages do not count. Tried against counting by hand. */
static void test_unread_counts_what_others_wrote(void **state)
{
        struct stage *stage = *state;
        struct id room = room_of(&stage->anna, &stage->boris);
        struct account *const both[] = {&stage->anna, &stage->boris};
        uint64_t sender_of[200] = {0}, read[2] = {0}, head = 0;
        unsigned random = 5;

        while (head < 150) {
                unsigned who = (random = random * 1103515245 + 12345) >> 16 & 1;
                unsigned what = random >> 20 & 3;

                if (what > 0) {
                        sender_of[head = say(stage, both[who], room, "text")] = both[who]->user;
                } else if (head > 0) {
                        uint64_t to = read[who] + (random >> 24) % (head - read[who] + 1), unread = 0;
                        struct store_result result = mark(stage, both[who], room, to, to, 0);

                        read[who] = to;
                        for (uint64_t seq = to + 1; seq <= head; seq++)
                                unread += sender_of[seq] != both[who]->user;
                        assert_int_equal(result.mark.marks.unread, unread);
                        assert_int_equal(rows_of(stage, both[who], room).rows.marks.unread, unread);
                }
                if (head % 40 == 39)
                        stage_reopen(stage);
        }
}

/* A member who never marks anything is brought up to date now and then, so that nobody counts his rows for long; and whoever reads up
 * from far below is counted right at each step, wherever the nearest place is from which it is counted. */
static void test_long_logs_count_right(void **state)
{
        struct stage *stage = *state;
        struct id room = room_of(&stage->anna, &stage->boris);
        static struct store_op ops[STORE_OPS_MAX];
        static struct store_result results[STORE_OPS_MAX];
        static const uint64_t steps[] = {11, 13, 40, 1400, 1501, 2990, 3006, 3007, 3010, 3071, 3072};

        for (int round = 0; round < 3; round++) {
                for (size_t i = 0; i < countof(ops); i++)
                        ops[i] = write_op(stage, i % 4 ? &stage->anna : &stage->boris, room, "text");
                apply(stage, ops, countof(ops), results);
                if (round == 1)
                        stage_reopen(stage);
        }
        assert_int_equal(rows_of(stage, &stage->boris, room).rows.marks.unread, 3 * STORE_OPS_MAX / 4 * 3);
        assert_int_equal(mark(stage, &stage->anna, room, 3000, 3000, 0).mark.marks.unread, 72 / 4);
        assert_int_equal(mark(stage, &stage->boris, room, 10, 10, 0).mark.marks.unread, 3 * STORE_OPS_MAX / 4 * 3 - 7);
        for (size_t i = 0; i < countof(steps); i++) {
                uint64_t unread = 0;

                for (uint64_t seq = steps[i] + 1; seq <= 3 * STORE_OPS_MAX; seq++)
                        unread += seq % 4 != 1; /* Anna's */
                assert_int_equal(mark(stage, &stage->boris, room, steps[i], steps[i], 0).mark.marks.unread, unread);
                assert_int_equal(rows_of(stage, &stage->boris, room).rows.marks.unread, unread);
        }
}

/* Equal marks are the lower user id's, whoever wrote first and whether the room was made now or read again: else the store's
 * check says of a sound room that its lowest marks are wrong. */
static void test_of_equal_marks_the_lower_id_is_the_lowest(void **state)
{
        struct stage *stage = *state;
        const struct account *others[] = {&stage->boris, &stage->clara};
        struct store_question check_all = {.kind = STORE_ASK_CHECK};

        for (size_t i = 0; i < 2; i++) {
                const struct account *low = &stage->anna, *high = others[i];
                struct id room = room_of(low, high);
                struct store_lowest lowest;

                if (low->user > high->user) {
                        low = others[i];
                        high = &stage->anna;
                }
                say(stage, i == 0 ? low : high, room, "first");
                lowest = rows_of(stage, low, room).rows.lowest;
                assert_int_equal(lowest.counted_user, low->user);
                assert_int_equal(lowest.delivered_first, lowest.delivered_second);
                assert_int_equal(lowest.delivered_user, low->user);
                assert_int_equal(lowest.shown_user, low->user);
                assert_int_equal(ask(stage, &check_all).check.faults, 0);
        }
}

static void test_the_two_lowest(void **state)
{
        struct stage *stage = *state;
        struct id room = room_of(&stage->anna, &stage->boris);
        struct store_result result;
        uint64_t version;

        for (int i = 0; i < 6; i++)
                say(stage, &stage->anna, room, "text");
        result = mark(stage, &stage->boris, room, 4, 3, 2);
        assert_true(result.mark.lowest_moved);
        assert_int_equal(result.mark.lowest.delivered_first, 0);
        assert_int_equal(result.mark.lowest.delivered_user, stage->anna.user);
        assert_int_equal(result.mark.lowest.delivered_second, 4);
        assert_int_equal(result.mark.lowest.shown_second, 2);
        assert_int_equal(result.mark.lowest.counted_first, 0);
        assert_int_equal(result.mark.lowest.counted_second, 0);
        version = result.mark.lowest.version;
        result = mark(stage, &stage->anna, room, 6, 6, 6);
        assert_true(result.mark.lowest_moved);
        assert_int_equal(result.mark.lowest.delivered_first, 4);
        assert_int_equal(result.mark.lowest.delivered_user, stage->boris.user);
        assert_int_equal(result.mark.lowest.delivered_second, 6);
        assert_int_equal(result.mark.lowest.shown_first, 2);
        assert_int_equal(result.mark.lowest.shown_user, stage->boris.user);
        assert_true(result.mark.lowest.version > version);
        version = result.mark.lowest.version;
        stage_reopen(stage);
        /* read moves nobody's tick */
        result = mark(stage, &stage->boris, room, 0, 4, 0);
        assert_true(result.mark.marks_moved);
        assert_false(result.mark.lowest_moved);
        assert_int_equal(result.mark.lowest.version, version);
        assert_int_equal(rows_of(stage, &stage->anna, room).rows.lowest.version, version);
        assert_int_equal(rows_of(stage, &stage->anna, room).rows.lowest.shown_first, 2);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                STAGE_TEST(test_marks_only_rise),       STAGE_TEST(test_a_mark_refused_tells_what_is_there),
                STAGE_TEST(test_marks_of_strangers),    STAGE_TEST(test_unread_counts_what_others_wrote),
                STAGE_TEST(test_long_logs_count_right), STAGE_TEST(test_of_equal_marks_the_lower_id_is_the_lowest),
                STAGE_TEST(test_the_two_lowest),
        };

        return STAGE_RUN("marks", tests);
}
