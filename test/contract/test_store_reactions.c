/* The store's contract: reactions to a row, and texts that were forwarded. What they do, who may, their limits, repeats, who sees. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "contract/store_deeds.h"
#include "rules/limits.h"
#include "rules/reaction.h"
#include "rules/role.h"
#include "rules/room.h"
#include "rules/row.h"

static struct store_result react(struct stage *stage, const struct account *sender, struct id room, uint64_t target,
                                 const char *emoji)
{
        struct store_op op = row_op(stage, sender, room, ROW_REACTED, target, emoji);

        return apply_one(stage, &op);
}

/* "👍2 ❤️1", and who has which. */
static void reactions_are(const struct store_row *row, const char *expected, const struct account *account, const char *own)
{
        struct reactions reactions;
        char said[512] = "";
        unsigned kind;

        assert_true(reactions_read(row->reactions, &reactions));
        for (unsigned i = 0; i < reactions.count; i++)
                snprintf(said + strlen(said), sizeof(said) - strlen(said), "%s%.*s%u", i ? " " : "",
                         (int)reactions.list[i].emoji.size, (const char *)reactions.list[i].emoji.data,
                         reactions.list[i].people);
        assert_string_equal(said, expected);
        kind = reactions_of(&reactions, account->user);
        assert_slice(kind < reactions.count ? reactions.list[kind].emoji : slice_text(""), own);
}

static struct store_row first_row(struct stage *stage, const struct account *asker, struct id room)
{
        struct store_answer answer = changes(stage, asker, room, 0);

        for (size_t i = 0; i < answer.rows.row_count; i++)
                if (answer.rows.rows[i].seq == 1)
                        return answer.rows.rows[i];
        fail_msg("the first row is not there");
        return (struct store_row){0};
}

static void test_a_reaction_takes_a_number_and_is_folded_into_the_row(void **state)
{
        struct stage *stage = *state;
        struct store_result result;
        struct store_row row;

        say(stage, &stage->anna, talk(stage), "tea?");
        mark(stage, &stage->boris, talk(stage), 1, 1, 1);
        result = react(stage, &stage->boris, talk(stage), 1, "👍");
        assert_int_equal(result.status, ERR_OK);
        assert_int_equal(result.write.number, 2);
        assert_int_equal(result.write.row.seq, 1);
        assert_int_equal(result.write.row.changed, 2);
        assert_int_equal(result.write.row.edited_ms, 0);
        assert_int_equal(result.members.count, 2);
        assert_slice(result.write.row.text, "tea?");
        reactions_are(&result.write.row, "👍1", &stage->boris, "👍");
        assert_int_equal(react(stage, &stage->anna, talk(stage), 1, "❤️").status, ERR_OK); /* one's own may be */
        result = react(stage, &stage->boris, talk(stage), 1, "❤️");
        reactions_are(&result.write.row, "❤️2", &stage->boris, "❤️");
        stage_reopen(stage);
        row = first_row(stage, &stage->boris, talk(stage));
        assert_int_equal(row.changed, 4);
        reactions_are(&row, "❤️2", &stage->anna, "❤️");
        result = react(stage, &stage->boris, talk(stage), 1, "");
        reactions_are(&result.write.row, "❤️1", &stage->boris, "");
        /* Not unread, for nobody. */
        assert_int_equal(changes(stage, &stage->boris, talk(stage), 0).rows.marks.unread, 0);
        assert_int_equal(changes(stage, &stage->anna, talk(stage), 0).rows.marks.unread, 0);
        assert_int_equal(say(stage, &stage->boris, talk(stage), "yes"), 6);
        assert_int_equal(changes(stage, &stage->anna, talk(stage), 0).rows.marks.unread, 1);
        /* An edit leaves them, a deletion takes them. */
        result = edit(stage, &stage->anna, talk(stage), 1, "coffee?");
        reactions_are(&result.write.row, "❤️1", &stage->anna, "❤️");
        result = delete (stage, &stage->anna, talk(stage), 1);
        assert_int_equal(result.write.row.reactions.size, 0);
        row = first_row(stage, &stage->boris, talk(stage));
        assert_int_equal(row.reactions.size, 0);
        assert_int_equal(react(stage, &stage->boris, talk(stage), 1, "👍").status, ERR_NO_ROW);
}

static void test_a_reaction_is_done_once(void **state)
{
        struct stage *stage = *state;
        struct id room = talk(stage);
        struct store_op op, same[3];
        struct store_result result, results[3];

        say(stage, &stage->anna, room, "tea?");
        op = row_op(stage, &stage->boris, room, ROW_REACTED, 1, "👍");
        assert_int_equal(apply_one(stage, &op).write.number, 2);
        assert_int_equal(react(stage, &stage->boris, room, 1, "🎉").write.number, 3);
        /* The late repeat of the first changes nothing. */
        result = apply_one(stage, &op);
        assert_int_equal(result.status, ERR_OK);
        assert_true(result.repeat);
        assert_int_equal(result.write.number, 2);
        reactions_are(&result.write.row, "🎉1", &stage->boris, "🎉");
        op.digest[9] ^= 1;
        assert_int_equal(apply_one(stage, &op).status, ERR_REUSED_ID);
        same[0] = row_op(stage, &stage->anna, room, ROW_REACTED, 1, "+1");
        same[1] = same[2] = same[0];
        same[1].request = stage_id(stage);
        apply(stage, same, 3, results);
        assert_int_equal(results[0].write.number, 4);
        assert_int_equal(results[1].write.number, 5);
        assert_true(results[2].repeat);
        assert_int_equal(results[2].write.number, 4);
        reactions_are(&results[2].write.row, "🎉1 +11", &stage->anna, "+1");
}

static void test_who_may_react(void **state)
{
        struct stage *stage = *state;
        struct id room = group_of(stage, &stage->anna);
        struct store_op late;
        struct store_row row;
        uint64_t joined;

        assert_int_equal(react(stage, &stage->boris, room, 1, "👍").status, ERR_NO_ROOM);
        bring(stage, &stage->anna, room, &stage->boris);
        joined = changes(stage, &stage->boris, room, 0).rows.head;
        assert_int_equal(react(stage, &stage->boris, room, joined, "👍").status, ERR_NOT_ALLOWED); /* no message */
        assert_int_equal(react(stage, &stage->boris, room, joined + 1, "👍").status, ERR_NO_ROW);
        assert_int_equal(react(stage, &stage->boris, room, 0, "👍").status, ERR_BAD_FIELD);
        assert_int_equal(say(stage, &stage->anna, room, "who comes?"), joined + 1);
        assert_int_equal(react(stage, &stage->boris, room, joined + 1, "👍").status, ERR_OK);
        assert_int_equal(react(stage, &stage->boris, room, joined + 1, "two words").status, ERR_BAD_FIELD);
        assert_int_equal(
                react(stage, &stage->boris, room, joined + 1, "0123456789012345678901234567890123456789012345678").status,
                ERR_TOO_LARGE);
        /* Who was removed cannot, and what he had stays. */
        assert_int_equal(about(stage, &stage->anna, room, ROW_LEFT, &stage->boris, ROLE_NONE).status, ERR_OK);
        late = row_op(stage, &stage->boris, room, ROW_REACTED, joined + 1, "🎉");
        assert_int_equal(apply_one(stage, &late).status, ERR_NO_ROOM);
        row = changes(stage, &stage->anna, room, joined + 1).rows.rows[1];
        assert_int_equal(row.seq, joined + 1);
        reactions_are(&row, "👍1", &stage->boris, "👍");
        /* What was refused stays refused. */
        bring(stage, &stage->anna, room, &stage->boris);
        assert_int_equal(apply_one(stage, &late).status, ERR_NO_ROOM);
        assert_int_equal(react(stage, &stage->boris, room, joined + 1, "🎉").status, ERR_NO_ROW); /* of his former stay */
        /* A room that is not there. */
        assert_int_equal(react(stage, &stage->boris, room_personal(stage->boris.user, stage->clara.user), 1, "👍").status,
                         ERR_NO_ROOM);
}

static void test_kinds_are_limited_and_a_refusal_stays(void **state)
{
        struct stage *stage = *state;
        struct id room = group_of(stage, &stage->anna);
        char name[] = "friend_a", emoji[] = "a";
        struct account friends[REACTIONS_MAX];
        struct store_op late;
        uint64_t seq;

        for (unsigned i = 0; i < REACTIONS_MAX; i++) {
                name[7] = (char)('a' + i);
                friends[i] = account_new(stage, name, name);
                bring(stage, &stage->anna, room, &friends[i]);
        }
        bring(stage, &stage->anna, room, &stage->clara);
        seq = say(stage, &stage->anna, room, "who comes?");
        for (unsigned i = 0; i < REACTIONS_MAX; i++, emoji[0]++)
                assert_int_equal(react(stage, &friends[i], room, seq, emoji).status, ERR_OK);
        late = row_op(stage, &stage->clara, room, ROW_REACTED, seq, "z");
        assert_int_equal(apply_one(stage, &late).status, ERR_ROOM_FULL);
        assert_int_equal(react(stage, &stage->clara, room, seq, "a").status, ERR_OK);
        assert_int_equal(react(stage, &friends[1], room, seq, "a").status, ERR_OK);
        /* There is a place now, and what was refused stays refused. */
        assert_int_equal(apply_one(stage, &late).status, ERR_ROOM_FULL);
        assert_int_equal(react(stage, &stage->clara, room, seq, "z").status, ERR_OK);
}

static void test_a_hundred_thousand_reactions_stay_bounded(void **state)
{
        static const char *const emoji[] = {"👍", "❤️", "🎉", ""};
        struct stage *stage = *state;
        const struct account *people[] = {&stage->anna, &stage->boris};
        static struct store_op ops[STORE_OPS_MAX];
        static struct store_result results[STORE_OPS_MAX];
        /* PostgreSQL writes a row anew each time, and ten thousand say as much there as a hundred thousand. */
        const unsigned batches = getenv("ENGINES_POSTGRES") ? 10 : 98;
        struct store_answer answer;

        say(stage, &stage->anna, talk(stage), "tea?");
        for (unsigned batch = 0; batch < batches; batch++) {
                for (unsigned i = 0; i < STORE_OPS_MAX; i++)
                        ops[i] = row_op(stage, people[i % 2], talk(stage), ROW_REACTED, 1, emoji[(i / 2 + batch) % 4]);
                apply(stage, ops, STORE_OPS_MAX, results);
                for (unsigned i = 0; i < STORE_OPS_MAX; i++) {
                        assert_int_equal(results[i].status, ERR_OK);
                        assert_true(results[i].write.row.reactions.size < 100);
                }
        }
        answer = changes(stage, &stage->boris, talk(stage), 0);
        assert_int_equal(answer.rows.head, 1 + batches * STORE_OPS_MAX);
        assert_int_equal(answer.rows.row_count, 1);
        assert_int_equal(answer.rows.marks.unread, 1);
        reactions_are(&answer.rows.rows[0], "👍2", &stage->boris, "👍");
}

static void test_a_forwarded_text_keeps_its_author_and_is_not_edited(void **state)
{
        struct stage *stage = *state;
        struct store_op op = write_op(stage, &stage->anna, talk(stage), "The roof again.");
        struct store_result result;
        struct store_row row;

        op.write.origin = SLICE_LITERAL("Carol of the roof");
        result = apply_one(stage, &op);
        assert_int_equal(result.status, ERR_OK);
        assert_slice(result.write.row.origin, "Carol of the roof");
        stage_reopen(stage);
        row = first_row(stage, &stage->boris, talk(stage));
        assert_slice(row.origin, "Carol of the roof");
        assert_slice(apply_one(stage, &op).write.row.origin, "Carol of the roof");
        assert_int_equal(edit(stage, &stage->anna, talk(stage), 1, "Words of mine").status, ERR_NOT_ALLOWED);
        result = react(stage, &stage->boris, talk(stage), 1, "👍");
        assert_slice(result.write.row.origin, "Carol of the roof");
        assert_slice(first_row(stage, &stage->boris, talk(stage)).origin, "Carol of the roof");
        assert_int_equal(delete (stage, &stage->anna, talk(stage), 1).write.row.origin.size, 0);
        assert_int_equal(first_row(stage, &stage->boris, talk(stage)).origin.size, 0);
        /* Nothing but a text has one. */
        op = row_op(stage, &stage->boris, talk(stage), ROW_REACTED, 1, "👍");
        op.write.origin = SLICE_LITERAL("Carol");
        assert_int_equal(apply_one(stage, &op).status, ERR_BAD_FIELD);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                STAGE_TEST(test_a_reaction_takes_a_number_and_is_folded_into_the_row),
                STAGE_TEST(test_a_reaction_is_done_once),
                STAGE_TEST(test_who_may_react),
                STAGE_TEST(test_kinds_are_limited_and_a_refusal_stays),
                STAGE_TEST(test_a_hundred_thousand_reactions_stay_bounded),
                STAGE_TEST(test_a_forwarded_text_keeps_its_author_and_is_not_edited),
        };

        return STAGE_RUN("store: reactions", tests);
}
