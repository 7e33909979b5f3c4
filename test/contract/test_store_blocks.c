/* The store's contract: who blocks whom, and what it forbids: nothing is written between the two, none adds the other to a group, neither
 * finds or watches the other; and a block and a send have an order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
// clang-format off
#include <cmocka.h>
// clang-format on

#include "base/assert.h"
#include "contract/store_deeds.h"
#include "contract/store_stage.h"
#include "rules/limits.h"
#include "rules/room.h"

static struct store_op block_op(struct stage *stage, const struct account *sender, uint64_t peer, bool on)
{
        struct store_op op = {.kind = STORE_BLOCK, .user = sender->user, .device = sender->device};

        op.request = stage_id(stage);
        op.digest[0] = (uint8_t)(1 + on);
        op.block.peer = peer;
        op.block.on = on;
        return op;
}

static struct store_result block(struct stage *stage, const struct account *sender, const struct account *peer, bool on)
{
        struct store_op op = block_op(stage, sender, peer->user, on);

        return apply_one(stage, &op);
}

static enum error says(struct stage *stage, const struct account *sender, struct id room, const char *text)
{
        struct store_op op = write_op(stage, sender, room, text);

        return apply_one(stage, &op).status;
}

/* Anna and Boris have talked. */
static struct id talked(struct stage *stage)
{
        struct id room = talk(stage);

        say(stage, &stage->anna, room, "hello");
        say(stage, &stage->boris, room, "hello you");
        return room;
}

static void assert_blocks(struct stage *stage, const struct account *asker, uint64_t first, uint64_t second)
{
        const uint64_t users[] = {min_of(first, second) ? min_of(first, second) : max_of(first, second),
                                  max_of(first, second)};
        size_t count = (first != 0) + (second != 0);
        struct store_question question = question_of(STORE_ASK_BLOCKS, asker);
        struct store_answer answer;

        question.blocks.people_max = 10;
        answer = ask(stage, &question);
        assert_int_equal(answer.status, ERR_OK);
        assert_int_equal(answer.people.count, count);
        assert_false(answer.people.more);
        for (size_t i = 0; i < count; i++) {
                assert_int_equal(answer.people.people[i].user, users[i]);
                assert_true(answer.people.people[i].user_name.size > 0);
        }
}

static uint64_t blocks_at_join(struct stage *stage, const struct account *asker)
{
        struct store_question question = question_of(STORE_ASK_JOIN, asker);

        question.join.rooms_max = question.join.rows_max = 10;
        question.bytes_max = 10000;
        return ask(stage, &question).rooms.blocks;
}

static void test_nothing_is_written_between_them(void **state)
{
        struct stage *stage = *state;
        struct id room = talked(stage);
        uint64_t head = rows_of(stage, &stage->anna, room).rows.head;
        struct store_result result = block(stage, &stage->boris, &stage->anna, true);

        assert_int_equal(result.status, ERR_OK);
        assert_int_equal(result.block.head, head);
        assert_int_equal(says(stage, &stage->anna, room, "why?"), ERR_NO_USER);
        assert_int_equal(says(stage, &stage->boris, room, "because"), ERR_NO_USER);
        assert_int_equal(edit(stage, &stage->anna, room, 1, "better").status, ERR_NO_USER);
        assert_int_equal(delete (stage, &stage->anna, room, 1).status, ERR_NO_USER);
        assert_int_equal(rows_of(stage, &stage->anna, room).rows.head, head);
        stage_reopen(stage); /* and what is in memory is not what says so */
        assert_int_equal(says(stage, &stage->anna, room, "still?"), ERR_NO_USER);
        result = block(stage, &stage->boris, &stage->anna, false);
        assert_int_equal(result.status, ERR_OK);
        assert_int_equal(result.block.head, head);
        assert_int_equal(say(stage, &stage->anna, room, "again"), head + 1);
}

static void test_a_room_that_was_never_made(void **state)
{
        struct stage *stage = *state;
        struct id room = room_personal(stage->anna.user, stage->clara.user);
        struct store_result result = block(stage, &stage->clara, &stage->anna, true);

        assert_int_equal(result.status, ERR_OK);
        assert_int_equal(result.block.head, 0);
        assert_int_equal(says(stage, &stage->anna, room, "hello"), ERR_NO_USER);
        assert_int_equal(says(stage, &stage->clara, room, "hello"), ERR_NO_USER);
        assert_int_equal(rows_of(stage, &stage->anna, room).status, ERR_NO_ROOM); /* it is not made by this either */
        assert_int_equal(block(stage, &stage->clara, &stage->anna, false).status, ERR_OK);
        assert_int_equal(say(stage, &stage->anna, room, "hello"), 1);
        assert_int_equal(block(stage, &stage->clara, &stage->anna, true).block.head, 1);
}

static void test_both_may_block(void **state)
{
        struct stage *stage = *state;
        struct id room = talked(stage);

        assert_int_equal(block(stage, &stage->anna, &stage->boris, true).status, ERR_OK);
        assert_int_equal(block(stage, &stage->boris, &stage->anna, true).status, ERR_OK);
        assert_int_equal(block(stage, &stage->anna, &stage->boris, false).status, ERR_OK);
        assert_int_equal(says(stage, &stage->anna, room, "now?"), ERR_NO_USER); /* he does still */
        assert_blocks(stage, &stage->anna, 0, 0);
        assert_blocks(stage, &stage->boris, stage->anna.user, 0);
        assert_int_equal(block(stage, &stage->boris, &stage->anna, false).status, ERR_OK);
        assert_int_equal(says(stage, &stage->anna, room, "now!"), ERR_OK);
}

static void test_in_one_transaction_the_order_counts(void **state)
{
        struct stage *stage = *state;
        struct id room = talked(stage);
        struct store_op ops[] = {
                write_op(stage, &stage->anna, room, "before"),    block_op(stage, &stage->boris, stage->anna.user, true),
                write_op(stage, &stage->anna, room, "meanwhile"), block_op(stage, &stage->boris, stage->anna.user, false),
                write_op(stage, &stage->anna, room, "after"),
        };
        struct store_result results[countof(ops)];

        apply(stage, ops, countof(ops), results);
        assert_int_equal(results[0].status, ERR_OK);
        assert_int_equal(results[1].block.head, results[0].write.number);
        assert_int_equal(results[2].status, ERR_NO_USER);
        assert_int_equal(results[3].block.head, results[0].write.number);
        assert_int_equal(results[4].write.number, results[0].write.number + 1);
        /* Refused it was, though nobody blocks any more: a repeat is refused as it was. */
        results[2] = apply_one(stage, &ops[2]);
        assert_int_equal(results[2].status, ERR_NO_USER);
        assert_true(results[2].repeat);
}

static void test_a_refusal_in_a_room_never_made_is_kept(void **state)
{
        struct stage *stage = *state;
        struct id room = room_personal(stage->anna.user, stage->clara.user);
        struct store_op op = write_op(stage, &stage->anna, room, "hello");

        assert_int_equal(block(stage, &stage->clara, &stage->anna, true).status, ERR_OK);
        assert_int_equal(apply_one(stage, &op).status, ERR_NO_USER);
        assert_int_equal(block(stage, &stage->clara, &stage->anna, false).status, ERR_OK);
        assert_int_equal(apply_one(stage, &op).status, ERR_NO_USER);
        say(stage, &stage->anna, room, "another");
        assert_int_equal(apply_one(stage, &op).status, ERR_NO_USER);
        op.digest[0] ^= 1;
        assert_int_equal(apply_one(stage, &op).status, ERR_REUSED_ID);
}

/* Ids are a sender's own within a room: what was refused in one of his personal rooms says nothing about another. */
static void test_a_refusal_is_of_its_room(void **state)
{
        struct stage *stage = *state;
        struct id room = talked(stage);
        struct store_op op = write_op(stage, &stage->anna, room_personal(stage->anna.user, stage->clara.user), "hello");

        assert_int_equal(block(stage, &stage->clara, &stage->anna, true).status, ERR_OK);
        assert_int_equal(apply_one(stage, &op).status, ERR_NO_USER);
        op.write.room = room;
        assert_int_equal(apply_one(stage, &op).status, ERR_OK);
}

static void test_none_adds_the_other_to_a_group(void **state)
{
        struct stage *stage = *state;
        struct id room = group_of(stage, &stage->anna), his = group_of(stage, &stage->boris);

        assert_int_equal(block(stage, &stage->boris, &stage->anna, true).status, ERR_OK);
        assert_int_equal(about(stage, &stage->anna, room, ROW_JOINED, &stage->boris, 0).status, ERR_NO_USER);
        assert_int_equal(about(stage, &stage->boris, his, ROW_JOINED, &stage->anna, 0).status, ERR_NO_USER);
        bring(stage, &stage->anna, room, &stage->clara);
        assert_int_equal(block(stage, &stage->boris, &stage->anna, false).status, ERR_OK);
        bring(stage, &stage->anna, room, &stage->boris);
        /* Who is in it together stays so, and writes there. */
        assert_int_equal(block(stage, &stage->boris, &stage->anna, true).status, ERR_OK);
        assert_int_equal(says(stage, &stage->anna, room, "all of you"), ERR_OK);
        assert_int_equal(says(stage, &stage->boris, room, "me too"), ERR_OK);
}

static size_t found(struct stage *stage, const struct account *asker, const char *name)
{
        struct store_question question = question_of(STORE_ASK_FIND, asker);

        question.find.folded = slice_text(name);
        question.find.people_max = 10;
        return ask(stage, &question).people.count;
}

static size_t together(struct stage *stage, enum store_question_kind kind, const struct account *asker,
                       const struct id *room, const struct account *other)
{
        struct store_question question = question_of(kind, asker);

        question.shared.room = room ? *room : (struct id){0};
        question.shared.users = &other->user;
        question.shared.count = 1;
        return ask(stage, &question).shared.count;
}

static void test_neither_finds_or_watches_the_other(void **state)
{
        struct stage *stage = *state;
        struct id room = talked(stage);
        const struct account *pairs[][2] = {{&stage->anna, &stage->boris}, {&stage->boris, &stage->anna}};

        for (int on = 1; on >= 0; on--) {
                assert_int_equal(block(stage, &stage->anna, &stage->boris, on).status, ERR_OK);
                for (size_t i = 0; i < countof(pairs); i++) {
                        assert_int_equal(found(stage, pairs[i][0], i ? "anna" : "boris"), !on);
                        assert_int_equal(found(stage, &stage->clara, i ? "anna" : "boris"), 1);
                        assert_int_equal(together(stage, STORE_ASK_SHARED, pairs[i][0], NULL, pairs[i][1]), !on);
                        assert_int_equal(together(stage, STORE_ASK_AMONG, pairs[i][0], &room, pairs[i][1]), !on);
                }
        }
}

static void test_what_is_asked_for_twice_is_answered_twice(void **state)
{
        struct stage *stage = *state;
        struct id room = talked(stage);
        struct store_op on = block_op(stage, &stage->anna, stage->boris.user, true);
        struct store_op off = block_op(stage, &stage->anna, stage->boris.user, false);
        struct store_result first = apply_one(stage, &on), again;

        assert_int_equal(apply_one(stage, &off).status, ERR_OK);
        say(stage, &stage->anna, room, "more");
        again = apply_one(stage, &on); /* a repeat does nothing */
        assert_true(again.repeat);
        assert_int_equal(again.status, ERR_OK);
        assert_int_equal(again.block.head, first.block.head);
        assert_int_equal(says(stage, &stage->anna, room, "and more"), ERR_OK);
        on.digest[0] ^= 8;
        assert_int_equal(apply_one(stage, &on).status, ERR_REUSED_ID);
        /* What is so already is no error. */
        assert_int_equal(block(stage, &stage->anna, &stage->boris, false).status, ERR_OK);
        assert_int_equal(block(stage, &stage->anna, &stage->boris, true).status, ERR_OK);
        assert_int_equal(block(stage, &stage->anna, &stage->boris, true).status, ERR_OK);
        assert_blocks(stage, &stage->anna, stage->boris.user, 0);
        assert_int_equal(block(stage, &stage->anna, &stage->clara, true).status, ERR_OK);
        assert_blocks(stage, &stage->anna, stage->boris.user, stage->clara.user);
        assert_int_equal(blocks_at_join(stage, &stage->anna), 2);
        assert_int_equal(blocks_at_join(stage, &stage->boris), 0);
}

static void test_what_is_refused(void **state)
{
        struct stage *stage = *state;
        struct store_op op = block_op(stage, &stage->anna, 77, true);

        assert_int_equal(apply_one(stage, &op).status, ERR_NO_USER);
        op = block_op(stage, &stage->anna, stage->anna.user, true);
        assert_int_equal(apply_one(stage, &op).status, ERR_BAD_FIELD);
        op = block_op(stage, &stage->anna, 0, true);
        assert_int_equal(apply_one(stage, &op).status, ERR_BAD_FIELD);
        op = block_op(stage, &stage->anna, stage->boris.user, true);
        op.not_after_ms = STAGE_START_MS - 1;
        assert_int_equal(apply_one(stage, &op).status, ERR_LATE);
        op = block_op(stage, &stage->anna, stage->boris.user, true);
        op.device = 99;
        assert_int_equal(apply_one(stage, &op).status, ERR_REVOKED);
        assert_blocks(stage, &stage->anna, 0, 0);
}

static void test_there_is_a_limit(void **state)
{
        struct stage *stage = *state;
        struct store_op ops[100];
        struct store_result results[countof(ops)];
        struct store_question question = question_of(STORE_ASK_BLOCKS, &stage->anna);
        struct store_answer answer;
        uint64_t seen = 0;
        char name[16];

        for (unsigned i = 0; i < BLOCKS_MAX; i += countof(ops)) {
                for (unsigned n = 0; n < countof(ops); n++) {
                        snprintf(name, sizeof(name), "many%04u", i + n);
                        ops[n] = block_op(stage, &stage->anna, account_new(stage, name, name).user, true);
                }
                apply(stage, ops, countof(ops), results);
                for (unsigned n = 0; n < countof(ops); n++)
                        assert_int_equal(results[n].status, ERR_OK);
        }
        ops[0] = block_op(stage, &stage->anna, stage->boris.user, true);
        ops[1] = block_op(stage, &stage->anna, account_new(stage, "many0000x", "x").user, false);
        ops[2] = block_op(stage, &stage->anna, ops[99].block.peer, true); /* one of them */
        ops[3] = block_op(stage, &stage->anna, ops[99].block.peer, false);
        ops[4] = block_op(stage, &stage->anna, stage->boris.user, true);
        ops[5] = block_op(stage, &stage->anna, stage->clara.user, true);
        apply(stage, ops, 6, results);
        assert_int_equal(results[0].status, ERR_BLOCK_LIMIT);
        assert_int_equal(results[1].status, ERR_OK);
        assert_int_equal(results[2].status, ERR_OK);
        assert_int_equal(results[3].status, ERR_OK);
        assert_int_equal(results[4].status, ERR_OK);
        assert_int_equal(results[5].status, ERR_BLOCK_LIMIT);
        for (question.blocks.people_max = BLOCKS_PAGE_MAX;; seen += answer.people.count) {
                answer = ask(stage, &question);
                for (size_t i = 0; i < answer.people.count; i++) {
                        assert_true(answer.people.people[i].user > question.blocks.after);
                        question.blocks.after = answer.people.people[i].user;
                }
                if (!answer.people.more)
                        break;
                assert_int_equal(answer.people.count, BLOCKS_PAGE_MAX);
        }
        assert_int_equal(seen + answer.people.count, BLOCKS_MAX);
        assert_int_equal(blocks_at_join(stage, &stage->anna), BLOCKS_MAX);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                STAGE_TEST(test_nothing_is_written_between_them),
                STAGE_TEST(test_a_room_that_was_never_made),
                STAGE_TEST(test_both_may_block),
                STAGE_TEST(test_in_one_transaction_the_order_counts),
                STAGE_TEST(test_a_refusal_in_a_room_never_made_is_kept),
                STAGE_TEST(test_a_refusal_is_of_its_room),
                STAGE_TEST(test_none_adds_the_other_to_a_group),
                STAGE_TEST(test_neither_finds_or_watches_the_other),
                STAGE_TEST(test_what_is_asked_for_twice_is_answered_twice),
                STAGE_TEST(test_what_is_refused),
                STAGE_TEST(test_there_is_a_limit),
        };

        return STAGE_RUN("store_blocks", tests);
}
