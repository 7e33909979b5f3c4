/* The store's contract: pinned rows. What pinning does, who may, its limit, repeats, who sees, page by page. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "contract/store_deeds.h"
#include "rules/limits.h"
#include "rules/role.h"
#include "rules/room.h"
#include "rules/row.h"

static struct store_op pin_op(struct stage *stage, const struct account *sender, struct id room, uint64_t target, bool off)
{
        struct store_op op = row_op(stage, sender, room, ROW_PINNED, target, "");

        op.write.off = off;
        op.digest[2] ^= off;
        return op;
}

static struct store_result pin(struct stage *stage, const struct account *sender, struct id room, uint64_t target)
{
        struct store_op op = pin_op(stage, sender, room, target, false);

        return apply_one(stage, &op);
}

static struct store_result unpin(struct stage *stage, const struct account *sender, struct id room, uint64_t target)
{
        struct store_op op = pin_op(stage, sender, room, target, true);

        return apply_one(stage, &op);
}

static struct store_question pins_of(const struct account *asker, struct id room, uint64_t before, uint32_t rows)
{
        struct store_question question = question_of(STORE_ASK_PINS, asker);

        question.bytes_max = ANSWER_BYTES_MAX;
        question.pins.room = room;
        question.pins.before = before;
        question.pins.rows_max = rows;
        return question;
}

/* "3 1": numbers of the pinned rows, as he is told them, by pages of so many. */
static void pins_are(struct stage *stage, const struct account *asker, struct id room, uint32_t rows, const char *expected)
{
        struct store_question question = pins_of(asker, room, 0, rows);
        struct store_answer answer;
        char said[512] = "";

        do {
                answer = ask(stage, &question);
                assert_int_equal(answer.status, ERR_OK);
                assert_true(answer.rows.row_count <= rows && (answer.rows.row_count > 0 || !answer.rows.more));
                for (size_t i = 0; i < answer.rows.row_count; i++) {
                        const struct store_row *row = &answer.rows.rows[i];

                        assert_true(row->pinned && row->pinned <= row->changed);
                        assert_true(question.pins.before == 0 || row->pinned < question.pins.before);
                        question.pins.before = row->pinned;
                        snprintf(said + strlen(said), sizeof(said) - strlen(said), "%s%u", *said ? " " : "",
                                 (unsigned)row->seq);
                }
        } while (answer.rows.more);
        assert_string_equal(said, expected);
}

static void test_a_pin_takes_a_number_and_stays_until_it_is_taken_off(void **state)
{
        struct stage *stage = *state;
        struct id room = talk(stage);
        struct store_result result;

        say(stage, &stage->anna, room, "the key is under the mat");
        say(stage, &stage->boris, room, "bread, milk");
        mark(stage, &stage->boris, room, 2, 2, 2);
        pins_are(stage, &stage->anna, room, 10, "");
        result = pin(stage, &stage->boris, room, 1);
        assert_int_equal(result.status, ERR_OK);
        assert_int_equal(result.write.number, 3);
        assert_int_equal(result.write.row.seq, 1);
        assert_int_equal(result.write.row.changed, 3);
        assert_int_equal(result.write.row.pinned, 3);
        assert_slice(result.write.row.text, "the key is under the mat");
        assert_int_equal(result.members.count, 2);
        assert_int_equal(pin(stage, &stage->anna, room, 2).write.row.pinned, 4);
        pins_are(stage, &stage->anna, room, 10, "2 1");
        /* Once more, and it is the newest. */
        result = pin(stage, &stage->anna, room, 1);
        assert_int_equal(result.status, ERR_OK);
        assert_int_equal(result.write.row.pinned, 5);
        stage_reopen(stage);
        pins_are(stage, &stage->boris, room, 10, "1 2");
        assert_int_equal(changes(stage, &stage->boris, room, 0).rows.rows[0].pinned, 5);
        /* What else is done to a row leaves it pinned. */
        result = edit(stage, &stage->anna, room, 1, "the key is with Clara");
        assert_int_equal(result.write.row.pinned, 5);
        pins_are(stage, &stage->boris, room, 10, "1 2");
        result = unpin(stage, &stage->boris, room, 1);
        assert_int_equal(result.status, ERR_OK);
        assert_int_equal(result.write.row.pinned, 0);
        pins_are(stage, &stage->boris, room, 10, "2");
        result = unpin(stage, &stage->boris, room, 1); /* a second device that was late */
        assert_int_equal(result.status, ERR_OK);
        assert_int_equal(result.write.number, 8);
        /* What is deleted is pinned no longer, and cannot be. */
        result = delete (stage, &stage->boris, room, 2);
        assert_int_equal(result.write.row.pinned, 0);
        stage_reopen(stage);
        pins_are(stage, &stage->boris, room, 10, "");
        assert_int_equal(pin(stage, &stage->anna, room, 2).status, ERR_NO_ROW);
        assert_int_equal(unpin(stage, &stage->anna, room, 2).status, ERR_NO_ROW);
        /* Nothing of that was unread, for nobody. */
        assert_int_equal(changes(stage, &stage->boris, room, 0).rows.marks.unread, 0);
}

static void test_a_pin_is_done_once(void **state)
{
        struct stage *stage = *state;
        struct id room = talk(stage);
        struct store_op op, same[3];
        struct store_result result, results[3];

        say(stage, &stage->anna, room, "bread, milk");
        op = pin_op(stage, &stage->boris, room, 1, false);
        assert_int_equal(apply_one(stage, &op).write.number, 2);
        assert_int_equal(unpin(stage, &stage->anna, room, 1).write.number, 3);
        /* Its late repeat pins nothing. */
        result = apply_one(stage, &op);
        assert_int_equal(result.status, ERR_OK);
        assert_true(result.repeat);
        assert_int_equal(result.write.number, 2);
        assert_int_equal(result.write.row.pinned, 0);
        pins_are(stage, &stage->boris, room, 10, "");
        op.digest[9] ^= 1;
        assert_int_equal(apply_one(stage, &op).status, ERR_REUSED_ID);
        same[0] = pin_op(stage, &stage->anna, room, 1, false);
        same[1] = pin_op(stage, &stage->boris, room, 1, true);
        same[2] = same[0];
        apply(stage, same, 3, results);
        assert_int_equal(results[0].write.row.pinned, 4);
        assert_int_equal(results[1].write.row.pinned, 0);
        assert_true(results[2].repeat);
        pins_are(stage, &stage->boris, room, 10, "");
}

static void test_who_may_pin(void **state)
{
        struct stage *stage = *state;
        struct id room = group_of(stage, &stage->anna), self = room_personal(stage->anna.user, stage->anna.user);
        struct store_op late;
        uint64_t joined;

        assert_int_equal(pin(stage, &stage->boris, room, 1).status, ERR_NO_ROOM);
        bring(stage, &stage->anna, room, &stage->boris);
        joined = changes(stage, &stage->boris, room, 0).rows.head;
        say(stage, &stage->boris, room, "I may not even pin what is mine");
        late = pin_op(stage, &stage->boris, room, joined + 1, false);
        assert_int_equal(apply_one(stage, &late).status, ERR_NOT_ALLOWED);
        assert_int_equal(pin(stage, &stage->anna, room, joined + 1).status, ERR_OK);
        assert_int_equal(unpin(stage, &stage->boris, room, joined + 1).status, ERR_NOT_ALLOWED);
        assert_int_equal(about(stage, &stage->anna, room, ROW_ROLE, &stage->boris, ROLE_ADMIN).status, ERR_OK);
        assert_int_equal(unpin(stage, &stage->boris, room, joined + 1).status, ERR_OK);
        assert_int_equal(pin(stage, &stage->boris, room, joined + 1).status, ERR_OK);
        assert_int_equal(apply_one(stage, &late).status, ERR_NOT_ALLOWED); /* what was refused stays refused */
        assert_int_equal(pin(stage, &stage->boris, room, joined).status, ERR_NOT_ALLOWED); /* no message */
        assert_int_equal(pin(stage, &stage->boris, room, 1).status, ERR_NO_ROW);           /* before he came */
        assert_int_equal(pin(stage, &stage->boris, room, 1000).status, ERR_NO_ROW);
        assert_int_equal(pin(stage, &stage->boris, room, 0).status, ERR_BAD_FIELD);
        late = row_op(stage, &stage->boris, room, ROW_PINNED, joined + 1, "with a text");
        assert_int_equal(apply_one(stage, &late).status, ERR_BAD_FIELD);
        late = row_op(stage, &stage->boris, room, ROW_DELETED, joined + 1, "");
        late.write.off = true;
        assert_int_equal(apply_one(stage, &late).status, ERR_BAD_FIELD);
        /* Of a room of two, and of one's own. */
        say(stage, &stage->anna, talk(stage), "bread, milk");
        assert_int_equal(pin(stage, &stage->boris, talk(stage), 1).status, ERR_OK);
        assert_int_equal(pin(stage, &stage->clara, talk(stage), 1).status, ERR_NO_ROOM);
        say(stage, &stage->anna, self, "mine");
        assert_int_equal(pin(stage, &stage->anna, self, 1).status, ERR_OK);
        pins_are(stage, &stage->anna, self, 10, "1");
        assert_int_equal(pin(stage, &stage->boris, room_personal(stage->boris.user, stage->clara.user), 1).status,
                         ERR_NO_ROOM);
}

static void test_pins_are_limited_and_a_refusal_stays(void **state)
{
        struct stage *stage = *state;
        struct id rooms[] = {talk(stage), group_of(stage, &stage->anna)};

        for (size_t i = 0; i < countof(rooms); i++) {
                uint64_t first = say(stage, &stage->anna, rooms[i], "0");
                struct store_op late, ops[3];
                struct store_result results[3];

                for (unsigned n = 1; n <= PINS_MAX + 1; n++)
                        say(stage, &stage->anna, rooms[i], "more");
                for (unsigned n = 0; n < PINS_MAX; n++)
                        assert_int_equal(pin(stage, &stage->anna, rooms[i], first + n).status, ERR_OK);
                late = pin_op(stage, &stage->anna, rooms[i], first + PINS_MAX, false);
                assert_int_equal(apply_one(stage, &late).status, ERR_ROOM_FULL);
                assert_int_equal(pin(stage, &stage->anna, rooms[i], first).status, ERR_OK); /* is one of them */
                assert_int_equal(unpin(stage, &stage->anna, rooms[i], first + PINS_MAX).status, ERR_OK);
                /* A place that is made in the same transaction may be taken there, once. */
                ops[0] = pin_op(stage, &stage->anna, rooms[i], first + 1, true);
                ops[1] = pin_op(stage, &stage->anna, rooms[i], first + PINS_MAX + 1, false);
                ops[2] = pin_op(stage, &stage->anna, rooms[i], first + 1, false);
                apply(stage, ops, 3, results);
                assert_int_equal(results[0].status, ERR_OK);
                assert_int_equal(results[1].status, ERR_OK);
                assert_int_equal(results[2].status, ERR_ROOM_FULL);
                /* A deletion makes one, too; and what was refused stays refused. */
                assert_int_equal(delete (stage, &stage->anna, rooms[i], first + 2).status, ERR_OK);
                assert_int_equal(apply_one(stage, &late).status, ERR_ROOM_FULL);
                assert_int_equal(pin(stage, &stage->anna, rooms[i], first + PINS_MAX).status, ERR_OK);
                assert_int_equal(pin(stage, &stage->anna, rooms[i], first + 1).status, ERR_ROOM_FULL);
        }
}

static void test_pins_come_page_by_page(void **state)
{
        struct stage *stage = *state;
        static char text[TEXT_SIZE_MAX + 1];
        struct id room = talk(stage);
        struct store_question question;
        struct store_answer answer;

        memset(text, 'l', TEXT_SIZE_MAX);
        for (unsigned i = 0; i < 5; i++)
                say(stage, &stage->anna, room, text);
        for (unsigned i = 0; i < 5; i++)
                assert_int_equal(pin(stage, &stage->boris, room, (i * 2) % 5 + 1).status, ERR_OK);
        pins_are(stage, &stage->anna, room, 50, "4 2 5 3 1");
        pins_are(stage, &stage->anna, room, 5, "4 2 5 3 1");
        pins_are(stage, &stage->anna, room, 2, "4 2 5 3 1");
        pins_are(stage, &stage->anna, room, 1, "4 2 5 3 1");
        /* Bytes end a page, but never before its first row. */
        question = pins_of(&stage->anna, room, 0, 50);
        question.bytes_max = 2 * TEXT_SIZE_MAX;
        answer = ask(stage, &question);
        assert_int_equal(answer.rows.row_count, 2);
        assert_true(answer.rows.more);
        question.bytes_max = 1;
        assert_int_equal(ask(stage, &question).rows.row_count, 1);
        question = pins_of(&stage->anna, room, 6, 50); /* before all of them */
        answer = ask(stage, &question);
        assert_int_equal(answer.rows.row_count, 0);
        assert_false(answer.rows.more);
        assert_int_equal(answer.rows.head, 10);
        question = pins_of(&stage->clara, room, 0, 50);
        assert_int_equal(ask(stage, &question).status, ERR_NO_ROOM);
        question = pins_of(&stage->anna, stage_id(stage), 0, 50);
        assert_int_equal(ask(stage, &question).status, ERR_NO_ROOM);
        question = pins_of(&stage->anna, room, 0, 50);
        question.device++;
        assert_int_equal(ask(stage, &question).status, ERR_REVOKED);
}

static void test_who_was_there_sees_the_pins_of_his_stays(void **state)
{
        struct stage *stage = *state;
        struct id room = group_of(stage, &stage->anna);
        char expected[16];
        uint64_t before, in, after;

        before = say(stage, &stage->anna, room, "before he came");
        bring(stage, &stage->anna, room, &stage->boris);
        in = say(stage, &stage->anna, room, "while he was there");
        say(stage, &stage->anna, room, "pinned when he was gone");
        pin(stage, &stage->anna, room, before);
        pin(stage, &stage->anna, room, in);
        snprintf(expected, sizeof(expected), "%u", (unsigned)in);
        pins_are(stage, &stage->boris, room, 10, expected);
        assert_int_equal(about(stage, &stage->anna, room, ROW_LEFT, &stage->boris, ROLE_NONE).status, ERR_OK);
        after = say(stage, &stage->anna, room, "after he left");
        pin(stage, &stage->anna, room, after);
        pin(stage, &stage->anna, room, in + 1);
        pins_are(stage, &stage->boris, room, 10, expected);
        snprintf(expected, sizeof(expected), "%u %u %u %u", (unsigned)in + 1, (unsigned)after, (unsigned)in,
                 (unsigned)before);
        pins_are(stage, &stage->anna, room, 3, expected);
        /* What became of it since is not his to know, and so it is no longer listed. */
        unpin(stage, &stage->anna, room, in);
        pins_are(stage, &stage->boris, room, 10, "");
        assert_int_equal(pin(stage, &stage->boris, room, in).status, ERR_NO_ROOM);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                STAGE_TEST(test_a_pin_takes_a_number_and_stays_until_it_is_taken_off),
                STAGE_TEST(test_a_pin_is_done_once),
                STAGE_TEST(test_who_may_pin),
                STAGE_TEST(test_pins_are_limited_and_a_refusal_stays),
                STAGE_TEST(test_pins_come_page_by_page),
                STAGE_TEST(test_who_was_there_sees_the_pins_of_his_stays),
        };

        return STAGE_RUN("store: pins", tests);
}
