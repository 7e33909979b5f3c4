/* The store's contract: settings of a user, rows of his self room: made, altered, refused, repeated; who sees them, what they move. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/assert.h"
#include "contract/store_deeds.h"
#include "rules/limits.h"
#include "rules/room.h"
#include "rules/row.h"

static struct id self_of(const struct account *account)
{
        return room_personal(account->user, account->user);
}

static struct store_result set(struct stage *stage, const struct account *account, uint64_t target, const char *text)
{
        struct store_op op = row_op(stage, account, self_of(account), ROW_SETTING, target, text);

        return apply_one(stage, &op);
}

static void test_a_setting_makes_a_row_and_alters_it(void **state)
{
        struct stage *stage = *state;
        struct store_result result = set(stage, &stage->anna, 0, "mute:x forever");
        struct store_answer answer;

        assert_int_equal(result.status, ERR_OK);
        assert_int_equal(result.write.room_kind, ROOM_SELF);
        assert_int_equal(result.write.number, 1);
        assert_int_equal(result.write.row.kind, ROW_SETTING);
        assert_int_equal(result.write.row.n, 0);
        assert_int_equal(result.members.count, 1);
        assert_int_equal(set(stage, &stage->anna, 0, "draft:x 0 Hel").write.number, 2);
        result = set(stage, &stage->anna, 2, "draft:x 0 Hello");
        assert_int_equal(result.status, ERR_OK);
        assert_int_equal(result.write.number, 3);
        assert_int_equal(result.write.row.seq, 2);
        assert_int_equal(result.write.row.changed, 3);
        assert_int_equal(result.write.row.edited_ms, 0);
        assert_slice(result.write.row.text, "draft:x 0 Hello");
        assert_int_equal(set(stage, &stage->anna, 2, "draft:x").write.number, 4); /* without a value */
        stage_reopen(stage);
        answer = changes(stage, &stage->anna, self_of(&stage->anna), 0);
        assert_int_equal(answer.rows.head, 4);
        assert_int_equal(answer.rows.row_count, 2);
        assert_int_equal(answer.rows.rows[0].changed, 4);
        assert_slice(answer.rows.rows[0].text, "draft:x");
        assert_slice(answer.rows.rows[1].text, "mute:x forever");
        assert_int_equal(answer.rows.marks.unread, 0);
        /* Two devices may have made two rows for one key. */
        assert_int_equal(set(stage, &stage->anna, 0, "draft:x 0 mine").write.number, 5);
}

/* So that the room is not the last one that somebody wrote in. */
static void test_a_setting_is_as_old_as_the_note_before_it(void **state)
{
        struct stage *stage = *state;
        struct id self = self_of(&stage->anna);
        struct store_answer answer;
        uint64_t time_ms;

        assert_int_equal(set(stage, &stage->anna, 0, "a 1").write.row.time_ms, 0);
        assert_int_equal(say(stage, &stage->anna, self, "a note"), 2);
        time_ms = changes(stage, &stage->anna, self, 1).rows.rows[0].time_ms;
        assert_true(time_ms > 0);
        stage->clock.wall_ms += 5000;
        assert_int_equal(set(stage, &stage->anna, 0, "b 1").write.row.time_ms, time_ms);
        assert_int_equal(set(stage, &stage->anna, 1, "a 2").write.row.time_ms, 0);
        assert_int_equal(say(stage, &stage->anna, self, "another"), 5);
        answer = changes(stage, &stage->anna, self, 0);
        assert_true(answer.rows.rows[0].time_ms >= time_ms + 5000);
        assert_int_equal(answer.rows.rows[0].n, 2);
}

static void test_it_is_done_once(void **state)
{
        struct stage *stage = *state;
        struct id self = self_of(&stage->anna);
        struct store_op made = row_op(stage, &stage->anna, self, ROW_SETTING, 0, "a 1"), op, same[3];
        struct store_result result, results[3];

        assert_int_equal(apply_one(stage, &made).write.number, 1);
        op = row_op(stage, &stage->anna, self, ROW_SETTING, 1, "a 2");
        assert_int_equal(apply_one(stage, &op).write.number, 2);
        assert_int_equal(set(stage, &stage->anna, 1, "a 3").write.number, 3);
        result = apply_one(stage, &op);
        assert_true(result.repeat && result.status == ERR_OK);
        assert_int_equal(result.write.number, 2);
        assert_slice(result.write.row.text, "a 3"); /* as it is now */
        result = apply_one(stage, &made);
        assert_true(result.repeat && result.write.number == 1);
        op.digest[5] ^= 1;
        assert_int_equal(apply_one(stage, &op).status, ERR_REUSED_ID);
        /* Made, altered and repeated in one transaction. */
        same[0] = row_op(stage, &stage->anna, self, ROW_SETTING, 0, "b 1");
        same[1] = row_op(stage, &stage->anna, self, ROW_SETTING, 4, "b 2");
        same[2] = same[1];
        apply(stage, same, 3, results);
        assert_int_equal(results[0].write.number, 4);
        assert_int_equal(results[1].write.number, 5);
        assert_slice(results[1].write.row.text, "b 2");
        assert_true(results[2].repeat && results[2].write.number == 5);
}

static void test_what_is_refused(void **state)
{
        struct stage *stage = *state;
        struct id self = self_of(&stage->anna), group = group_of(stage, &stage->anna);
        static char large[TEXT_SIZE_MAX + 2] = "draft:x ";
        const struct {
                const struct account *sender;
                struct id room;
                uint64_t target;
                const char *text;
                enum row_kind kind;
                enum error error;
        } cases[] = {
                {&stage->anna, talk(stage), 0, "a 1", ROW_SETTING, ERR_BAD_FIELD},
                {&stage->anna, group, 0, "a 1", ROW_SETTING, ERR_BAD_FIELD},
                {&stage->boris, self, 0, "a 1", ROW_SETTING, ERR_NO_ROOM},
                {&stage->boris, self, 1, "a 1", ROW_SETTING, ERR_NO_ROOM},
                {&stage->boris, self_of(&stage->boris), 1, "a 1", ROW_SETTING, ERR_NO_ROOM}, /* there is none yet */
                {&stage->anna, self, 0, "", ROW_SETTING, ERR_BAD_FIELD},
                {&stage->anna, self, 0, " 1", ROW_SETTING, ERR_BAD_FIELD},
                {&stage->anna, self, 1, "ключ 1", ROW_SETTING, ERR_BAD_FIELD},
                {&stage->anna, self, 0, large, ROW_SETTING, ERR_TOO_LARGE},
                {&stage->anna, self, 1, "b 1", ROW_SETTING, ERR_NOT_ALLOWED}, /* another key */
                {&stage->anna, self, 2, "a 1", ROW_SETTING, ERR_NOT_ALLOWED}, /* a note */
                {&stage->anna, self, 9, "a 1", ROW_SETTING, ERR_NO_ROW},
                /* Nothing else is done to one. */
                {&stage->anna, self, 1, "a 1", ROW_EDITED, ERR_NOT_ALLOWED},
                {&stage->anna, self, 1, "", ROW_DELETED, ERR_NOT_ALLOWED},
                {&stage->anna, self, 1, "+1", ROW_REACTED, ERR_NOT_ALLOWED},
                {&stage->anna, self, 1, "indeed", ROW_TEXT, ERR_NO_ROW},
        };

        memset(large + strlen(large), 'x', TEXT_SIZE_MAX + 1 - strlen(large));
        assert_int_equal(set(stage, &stage->anna, 0, "a 1").status, ERR_OK);
        assert_int_equal(say(stage, &stage->anna, self, "a note"), 2);
        for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
                struct store_op op =
                        row_op(stage, cases[i].sender, cases[i].room, cases[i].kind, cases[i].target, cases[i].text);
                enum error error = apply_one(stage, &op).status;

                if (error != cases[i].error)
                        fail_msg("case %zu: %s", i, error_name(error));
        }
        assert_int_equal(changes(stage, &stage->anna, self, 0).rows.head, 2);
}

static void test_nobody_finds_them_by_their_words(void **state)
{
        struct stage *stage = *state;
        struct id self = self_of(&stage->anna);
        struct store_question question = question_of(STORE_ASK_SEARCH, &stage->anna);
        struct store_answer answer;

        assert_int_equal(set(stage, &stage->anna, 0, "draft:x 0 marmalade").status, ERR_OK);
        assert_int_equal(set(stage, &stage->anna, 1, "draft:x 0 marmalade sandwiches").status, ERR_OK);
        assert_int_equal(say(stage, &stage->anna, self, "marmalade, once"), 3);
        question.bytes_max = 100000;
        question.search.text = SLICE_LITERAL("marmalade");
        question.search.rows_max = 10;
        answer = ask(stage, &question);
        assert_int_equal(answer.search.count, 1);
        assert_int_equal(answer.search.hits[0].row.seq, 3);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                STAGE_TEST(test_a_setting_makes_a_row_and_alters_it),
                STAGE_TEST(test_a_setting_is_as_old_as_the_note_before_it),
                STAGE_TEST(test_it_is_done_once),
                STAGE_TEST(test_what_is_refused),
                STAGE_TEST(test_nobody_finds_them_by_their_words),
        };

        return STAGE_RUN("store: settings of the self room", tests);
}
