/* The store's contract: operations that alter a row (edits, deletions), and replies. Who may, what it does to numbers, repeats, who sees. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/assert.h"
#include "contract/store_deeds.h"
#include "rules/limits.h"
#include "rules/role.h"
#include "rules/room.h"
#include "rules/row.h"

static struct store_result reply(struct stage *stage, const struct account *sender, struct id room, uint64_t target)
{
        struct store_op op = row_op(stage, sender, room, ROW_TEXT, target, "indeed");

        return apply_one(stage, &op);
}

static bool has_user(const uint64_t *users, size_t count, const struct account *account)
{
        for (size_t i = 0; i < count; i++)
                if (users[i] == account->user)
                        return true;
        return false;
}

/* ---- what they do ---- */

static void test_an_edit_takes_a_number_and_makes_no_row(void **state)
{
        struct stage *stage = *state;
        struct store_result result;
        struct store_answer answer;

        say(stage, &stage->anna, talk(stage), "helo");
        say(stage, &stage->boris, talk(stage), "hm?");
        stage->clock.wall_ms += 5000;
        result = edit(stage, &stage->anna, talk(stage), 1, "hello");
        assert_int_equal(result.status, ERR_OK);
        assert_int_equal(result.write.number, 3);
        assert_int_equal(result.write.row.seq, 1);
        assert_int_equal(result.write.row.changed, 3);
        assert_int_equal(result.write.row.n, 1);
        assert_int_equal(result.write.row.kind, ROW_TEXT);
        assert_true(result.write.row.edited_ms > result.write.row.time_ms);
        assert_slice(result.write.row.text, "hello");
        assert_int_equal(result.members.count, 2);
        assert_int_equal(result.write.outside_count, 0);
        /* The newest change first; the next row leaves the edit's number out. */
        answer = changes(stage, &stage->boris, talk(stage), 0);
        assert_int_equal(answer.rows.head, 3);
        assert_int_equal(answer.rows.row_count, 2);
        assert_string_equal(texts_of(answer.rows.rows, 2), "hello hm?");
        assert_int_equal(answer.rows.marks.unread, 1);
        assert_int_equal(changes(stage, &stage->boris, talk(stage), 2).rows.row_count, 1);
        assert_int_equal(say(stage, &stage->boris, talk(stage), "ah"), 4);
        stage_reopen(stage);
        assert_int_equal(changes(stage, &stage->anna, talk(stage), 0).rows.head, 4);
        assert_int_equal(changes(stage, &stage->anna, talk(stage), 0).rows.marks.unread, 2);
        assert_int_equal(edit(stage, &stage->anna, talk(stage), 1, "Hello").write.number, 5);
        stage_reopen(stage);
        assert_int_equal(changes(stage, &stage->anna, talk(stage), 4).rows.head, 5);
        assert_string_equal(texts_of(changes(stage, &stage->anna, talk(stage), 4).rows.rows, 1), "Hello");
        assert_int_equal(say(stage, &stage->boris, talk(stage), "yes"), 6);
}

static void test_a_deleted_message_stays_as_a_tombstone(void **state)
{
        struct stage *stage = *state;
        struct store_result result;
        struct store_answer answer;

        say(stage, &stage->anna, talk(stage), "secret");
        say(stage, &stage->anna, talk(stage), "plain");
        assert_int_equal(edit(stage, &stage->anna, talk(stage), 1, "worse").status, ERR_OK);
        result = delete (stage, &stage->anna, talk(stage), 1);
        assert_int_equal(result.status, ERR_OK);
        assert_int_equal(result.write.number, 4);
        assert_int_equal(result.write.row.kind, ROW_DELETED);
        assert_int_equal(result.write.row.text.size, 0);
        assert_int_equal(result.write.row.edited_ms, 0);
        assert_int_equal(result.write.row.n, 1);
        answer = changes(stage, &stage->boris, talk(stage), 0);
        assert_int_equal(answer.rows.row_count, 2);
        assert_int_equal(answer.rows.rows[0].kind, ROW_DELETED);
        assert_int_equal(answer.rows.rows[0].text.size, 0);
        assert_int_equal(answer.rows.marks.unread, 2); /* it counts as it did */
        mark(stage, &stage->boris, talk(stage), 4, 4, 4);
        assert_int_equal(changes(stage, &stage->boris, talk(stage), 0).rows.marks.unread, 0);
        mark(stage, &stage->anna, talk(stage), 4, 4, 4);
}

static void test_a_reply_names_its_row(void **state)
{
        struct stage *stage = *state;
        struct store_result result;
        struct store_answer answer;

        say(stage, &stage->anna, talk(stage), "tea?");
        result = reply(stage, &stage->boris, talk(stage), 1);
        assert_int_equal(result.status, ERR_OK);
        assert_int_equal(result.write.number, 2);
        assert_int_equal(result.write.row.reply_to, 1);
        answer = changes(stage, &stage->anna, talk(stage), 0);
        assert_int_equal(answer.rows.rows[0].reply_to, 1);
        assert_int_equal(answer.rows.rows[1].reply_to, 0);
        /* An edit leaves it, and what was replied to may go. */
        assert_int_equal(edit(stage, &stage->boris, talk(stage), 2, "yes!").write.row.reply_to, 1);
        assert_int_equal(delete (stage, &stage->anna, talk(stage), 1).status, ERR_OK);
        assert_int_equal(reply(stage, &stage->boris, talk(stage), 1).status, ERR_OK);
        assert_int_equal(delete (stage, &stage->boris, talk(stage), 2).write.row.reply_to, 0);
}

/* All in one transaction, rows that it makes included. */
static void test_alterations_of_one_transaction(void **state)
{
        struct stage *stage = *state;
        struct id room = talk(stage);
        struct store_op ops[] = {
                write_op(stage, &stage->anna, room, "one"),
                row_op(stage, &stage->anna, room, ROW_EDITED, 1, "two"),
                row_op(stage, &stage->boris, room, ROW_TEXT, 1, "indeed"),
                row_op(stage, &stage->anna, room, ROW_EDITED, 1, "three"),
                row_op(stage, &stage->boris, room, ROW_DELETED, 3, ""),
                mark_op(stage, &stage->boris, room, 9, 9, 9),
                write_op(stage, &stage->anna, room, "last"),
        };
        struct store_result results[countof(ops)];
        struct store_answer answer;

        apply(stage, ops, countof(ops), results);
        for (size_t i = 0; i < countof(ops); i++)
                assert_int_equal(results[i].status, ERR_OK);
        assert_int_equal(results[4].write.number, 5);
        assert_int_equal(results[6].write.number, 6);
        assert_int_equal(results[6].write.row.n, 3);
        answer = changes(stage, &stage->boris, room, 0);
        assert_int_equal(answer.rows.row_count, 3);
        assert_string_equal(texts_of(answer.rows.rows, 3), "last  three");
        assert_int_equal(answer.rows.rows[1].kind, ROW_DELETED);
        assert_int_equal(answer.rows.marks.unread, 1);
}

static void test_a_window_by_date_over_numbers_without_rows(void **state)
{
        struct stage *stage = *state;
        struct store_question question = question_of(STORE_ASK_AROUND, &stage->anna);
        struct store_answer answer;
        char text[8] = "a";

        for (int i = 0; i < 12; i++) {
                stage->clock.wall_ms += 1000;
                text[0] = (char)('a' + i);
                say(stage, &stage->anna, talk(stage), text);
                for (int j = 0; j < i % 4; j++)
                        assert_int_equal(edit(stage, &stage->anna, talk(stage), 1, "a").status, ERR_OK);
        }
        question.bytes_max = 100000;
        question.around.room = talk(stage);
        question.around.rows_max = 4;
        for (uint64_t i = 2; i < 11; i++) {
                question.around.time_ms = STAGE_START_MS + 1000 * (i + 1);
                answer = ask(stage, &question);
                assert_int_equal(answer.rows.row_count, 4);
                assert_int_equal(answer.rows.rows[2].text.data[0], 'a' + i);
        }
}

/* ---- repeats ---- */

static void test_an_alteration_is_done_once(void **state)
{
        struct stage *stage = *state;
        struct store_op op, other;
        struct store_result result;

        say(stage, &stage->anna, talk(stage), "one");
        op = row_op(stage, &stage->anna, talk(stage), ROW_EDITED, 1, "two");
        assert_int_equal(apply_one(stage, &op).write.number, 2);
        assert_int_equal(edit(stage, &stage->anna, talk(stage), 1, "three").write.number, 3);
        stage_reopen(stage);
        result = apply_one(stage, &op);
        assert_int_equal(result.status, ERR_OK);
        assert_true(result.repeat);
        assert_int_equal(result.write.number, 2);
        assert_int_equal(result.write.row.changed, 3);
        assert_slice(result.write.row.text, "three");
        assert_int_equal(result.members.count, 2);
        other = op;
        other.digest[5] ^= 1;
        assert_int_equal(apply_one(stage, &other).status, ERR_REUSED_ID);
        other = row_op(stage, &stage->boris, talk(stage), ROW_EDITED, 1, "two"); /* another's id is another's */
        other.request = op.request;
        assert_int_equal(apply_one(stage, &other).status, ERR_NOT_ALLOWED);
        op = row_op(stage, &stage->anna, talk(stage), ROW_DELETED, 1, "");
        assert_int_equal(apply_one(stage, &op).write.number, 4);
        result = apply_one(stage, &op);
        assert_true(result.repeat);
        assert_int_equal(result.status, ERR_OK);
        assert_int_equal(result.write.number, 4);
        assert_int_equal(delete (stage, &stage->anna, talk(stage), 1).status, ERR_ALREADY);
        assert_int_equal(say(stage, &stage->anna, talk(stage), "next"), 5);
}

static void test_the_id_of_a_message_is_none_of_an_edit(void **state)
{
        struct stage *stage = *state;
        struct store_op op = write_op(stage, &stage->anna, talk(stage), "one"), other;

        assert_int_equal(apply_one(stage, &op).status, ERR_OK);
        other = row_op(stage, &stage->anna, talk(stage), ROW_EDITED, 1, "two");
        other.request = op.request;
        assert_int_equal(apply_one(stage, &other).status, ERR_REUSED_ID);
        assert_true(apply_one(stage, &op).repeat);
}

static void test_a_repeat_in_one_transaction(void **state)
{
        struct stage *stage = *state;
        struct store_op ops[3];
        struct store_result results[3];

        say(stage, &stage->anna, talk(stage), "one");
        ops[0] = ops[1] = row_op(stage, &stage->anna, talk(stage), ROW_EDITED, 1, "two");
        ops[2] = write_op(stage, &stage->anna, talk(stage), "next");
        apply(stage, ops, 3, results);
        assert_false(results[0].repeat);
        assert_true(results[1].repeat);
        assert_int_equal(results[1].status, ERR_OK);
        assert_int_equal(results[1].write.number, 2);
        assert_int_equal(results[2].write.number, 3);
}

static void test_old_alterations_are_forgotten(void **state)
{
        struct stage *stage = *state;
        struct store_op op;

        say(stage, &stage->anna, talk(stage), "one");
        op = row_op(stage, &stage->anna, talk(stage), ROW_EDITED, 1, "two");
        assert_int_equal(apply_one(stage, &op).write.number, 2);
        stage->clock.wall_ms += UINT64_C(86400000) * (STORE_REQUESTS_DAYS + 1);
        assert_int_equal(edit(stage, &stage->anna, talk(stage), 1, "three").write.number, 3);
        assert_int_equal(apply_one(stage, &op).write.number, 4);
}

/* ---- who may ---- */

static void test_refusals(void **state)
{
        struct stage *stage = *state;
        struct id room = talk(stage);
        char text[TEXT_SIZE_MAX + 2];
        struct store_op op;

        assert_int_equal(edit(stage, &stage->anna, room, 1, "x").status, ERR_NO_ROOM);
        assert_int_equal(reply(stage, &stage->anna, room, 1).status, ERR_NO_ROW);
        say(stage, &stage->anna, room, "mine");
        assert_int_equal(edit(stage, &stage->boris, room, 1, "x").status, ERR_NOT_ALLOWED);
        assert_int_equal(delete (stage, &stage->boris, room, 1).status, ERR_NOT_ALLOWED);
        assert_int_equal(edit(stage, &stage->clara, room, 1, "x").status, ERR_NO_ROOM);
        assert_int_equal(delete (stage, &stage->clara, room, 1).status, ERR_NO_ROOM);
        assert_int_equal(reply(stage, &stage->clara, room, 1).status, ERR_NO_ROOM);
        assert_int_equal(edit(stage, &stage->anna, room, 2, "x").status, ERR_NO_ROW);
        assert_int_equal(delete (stage, &stage->anna, room, INT64_MAX).status, ERR_NO_ROW);
        assert_int_equal(delete (stage, &stage->anna, room, UINT64_MAX).status, ERR_BAD_FIELD);
        assert_int_equal(delete (stage, &stage->anna, room, 0).status, ERR_BAD_FIELD);
        assert_int_equal(reply(stage, &stage->boris, room, 2).status, ERR_NO_ROW);
        assert_int_equal(reply(stage, &stage->boris, room, UINT64_MAX).status, ERR_BAD_FIELD);
        assert_int_equal(edit(stage, &stage->anna, room, 1, "").status, ERR_BAD_FIELD);
        op = row_op(stage, &stage->anna, room, ROW_DELETED, 1, "with text");
        assert_int_equal(apply_one(stage, &op).status, ERR_BAD_FIELD);
        memset(text, 't', sizeof(text));
        text[TEXT_SIZE_MAX + 1] = '\0';
        assert_int_equal(edit(stage, &stage->anna, room, 1, text).status, ERR_TOO_LARGE);
        op = row_op(stage, &stage->anna, room, ROW_EDITED, 1, "late");
        op.not_after_ms = 1;
        assert_int_equal(apply_one(stage, &op).status, ERR_LATE);
        assert_int_equal(delete (stage, &stage->anna, room, 1).write.number, 2);
        assert_int_equal(edit(stage, &stage->anna, room, 1, "x").status, ERR_NO_ROW);
        op = sign_out_op(stage, &stage->anna, stage->anna.device);
        assert_int_equal(apply_one(stage, &op).status, ERR_OK);
        assert_int_equal(delete (stage, &stage->anna, room, 1).status, ERR_REVOKED);
}

static void test_admins_delete_what_is_below_them(void **state)
{
        struct stage *stage = *state;
        struct id room = group_of(stage, &stage->anna);
        uint64_t owners, admins, members;

        bring(stage, &stage->anna, room, &stage->boris);
        bring(stage, &stage->anna, room, &stage->clara);
        assert_int_equal(about(stage, &stage->anna, room, ROW_ROLE, &stage->boris, ROLE_ADMIN).status, ERR_OK);
        owners = say(stage, &stage->anna, room, "owner's");
        admins = say(stage, &stage->boris, room, "admin's");
        members = say(stage, &stage->clara, room, "member's");
        assert_int_equal(delete (stage, &stage->clara, room, admins).status, ERR_NOT_ALLOWED);
        assert_int_equal(delete (stage, &stage->boris, room, owners).status, ERR_NOT_ALLOWED);
        assert_int_equal(edit(stage, &stage->anna, room, members, "x").status, ERR_NOT_ALLOWED);
        assert_int_equal(delete (stage, &stage->anna, room, 2).status, ERR_NOT_ALLOWED);      /* Boris came */
        assert_int_equal(edit(stage, &stage->anna, room, 1, "Owls").status, ERR_NOT_ALLOWED); /* the title */
        assert_int_equal(delete (stage, &stage->boris, room, members).status, ERR_OK);
        assert_int_equal(delete (stage, &stage->anna, room, admins).status, ERR_OK);
        /* Of who has left, too; he himself can do nothing any more. */
        members = say(stage, &stage->clara, room, "and gone");
        assert_int_equal(about(stage, &stage->clara, room, ROW_LEFT, &stage->clara, ROLE_NONE).status, ERR_OK);
        assert_int_equal(edit(stage, &stage->clara, room, members, "x").status, ERR_NO_ROOM);
        assert_int_equal(delete (stage, &stage->clara, room, members).status, ERR_NO_ROOM);
        assert_int_equal(reply(stage, &stage->clara, room, members).status, ERR_NO_ROOM);
        assert_int_equal(delete (stage, &stage->boris, room, members).status, ERR_OK);
}

/* ---- who sees ---- */

static void test_who_left_sees_no_later_text(void **state)
{
        struct stage *stage = *state;
        struct id room = group_of(stage, &stage->anna);
        struct store_question question = question_of(STORE_ASK_AROUND, &stage->boris);
        struct store_answer answer;
        uint64_t seq;

        bring(stage, &stage->anna, room, &stage->boris);
        seq = say(stage, &stage->anna, room, "first");
        say(stage, &stage->anna, room, "other");
        assert_int_equal(about(stage, &stage->boris, room, ROW_LEFT, &stage->boris, ROLE_NONE).status, ERR_OK);
        assert_int_equal(edit(stage, &stage->anna, room, seq, "secret").status, ERR_OK);
        answer = changes(stage, &stage->boris, room, 0);
        assert_int_equal(answer.rows.head, 5);
        assert_int_equal(answer.rows.row_count, 3); /* his client has "first", and keeps it */
        for (size_t i = 0; i < answer.rows.row_count; i++)
                assert_true(answer.rows.rows[i].changed <= 5 && answer.rows.rows[i].seq != seq);
        question.bytes_max = 100000;
        question.around.room = room;
        question.around.seq = seq;
        question.around.rows_max = 10;
        answer = ask(stage, &question);
        for (size_t i = 0; i < answer.rows.row_count; i++)
                assert_int_not_equal(answer.rows.rows[i].seq, seq);
        assert_int_equal(changes(stage, &stage->anna, room, 0).rows.row_count, 5);
}

static void test_a_newcomer_learns_the_number_alone(void **state)
{
        struct stage *stage = *state;
        struct id room = group_of(stage, &stage->anna);
        struct store_op op;
        struct store_result result;
        struct store_answer answer;
        uint64_t seq = say(stage, &stage->anna, room, "before"), joined;

        bring(stage, &stage->anna, room, &stage->boris);
        joined = say(stage, &stage->anna, room, "after") - 1;
        op = row_op(stage, &stage->anna, room, ROW_EDITED, seq, "changed");
        result = apply_one(stage, &op);
        assert_int_equal(result.status, ERR_OK);
        assert_true(has_user(result.members.users, result.members.count, &stage->boris));
        assert_int_equal(result.write.outside_count, 1);
        assert_true(has_user(result.write.outside, 1, &stage->boris));
        answer = changes(stage, &stage->boris, room, 0);
        assert_int_equal(answer.rows.head, result.write.number);
        assert_int_equal(answer.rows.row_count, 2);
        /* He can neither reply to it nor does he learn what it is. */
        assert_int_equal(reply(stage, &stage->boris, room, seq).status, ERR_NO_ROW);
        assert_int_equal(delete (stage, &stage->boris, room, seq).status, ERR_NO_ROW);
        assert_int_equal(reply(stage, &stage->boris, room, joined).status, ERR_OK);
        /* A repeat is for those who were there when it was done. */
        bring(stage, &stage->anna, room, &stage->clara);
        result = apply_one(stage, &op);
        assert_true(result.repeat);
        assert_true(has_user(result.members.users, result.members.count, &stage->boris));
        assert_false(has_user(result.members.users, result.members.count, &stage->clara));
        assert_true(has_user(result.write.outside, result.write.outside_count, &stage->boris));
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                STAGE_TEST(test_an_edit_takes_a_number_and_makes_no_row),
                STAGE_TEST(test_a_deleted_message_stays_as_a_tombstone),
                STAGE_TEST(test_a_reply_names_its_row),
                STAGE_TEST(test_alterations_of_one_transaction),
                STAGE_TEST(test_a_window_by_date_over_numbers_without_rows),
                STAGE_TEST(test_an_alteration_is_done_once),
                STAGE_TEST(test_the_id_of_a_message_is_none_of_an_edit),
                STAGE_TEST(test_a_repeat_in_one_transaction),
                STAGE_TEST(test_old_alterations_are_forgotten),
                STAGE_TEST(test_refusals),
                STAGE_TEST(test_admins_delete_what_is_below_them),
                STAGE_TEST(test_who_left_sees_no_later_text),
                STAGE_TEST(test_a_newcomer_learns_the_number_alone),
        };

        return STAGE_RUN("store: edits", tests);
}
