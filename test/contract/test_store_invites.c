/* The store's contract: who may come, and how often one may guess. Invitations; guesses at codes and passwords, counted by account and
 * by where they come from; letters. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/assert.h"
#include "contract/account_stage.h"
#include "rules/limits.h"

#define DAY_MS 86400000

/* ---- invitations ---- */

static struct store_op invite_op(struct stage *stage, const struct account *sender, char hash, uint64_t uses)
{
        struct store_op op = op_of(stage, STORE_INVITE, sender);

        memset(op.invite.hash, hash, STORE_HASH_SIZE);
        op.invite.uses = uses;
        op.invite.valid_ms = DAY_MS;
        return op;
}

/* A sign-up with that invitation, its code at once. */
static enum error sign_up_with(struct stage *stage, const char *name, char hash)
{
        static uint8_t hashes[STORE_HASH_SIZE];
        struct store_op op = op_of(stage, STORE_SIGN_UP, NULL), confirm = op_of(stage, STORE_CONFIRM, NULL);
        struct store_result result;

        memset(hashes, hash, sizeof(hashes));
        op.sign_up.email = op.sign_up.email_folded = op.sign_up.user_name = op.sign_up.name_folded =
                op.sign_up.display_name = slice_text(name);
        op.sign_up.password_hash = "$old";
        op.sign_up.valid_ms = VALID_MS;
        op.sign_up.invite_hash = slice_of(hashes, sizeof(hashes));
        result = apply_one(stage, &op);
        if (result.status)
                return result.status;
        confirm.confirm.sign_up = op.request;
        confirm.confirm.email_folded = slice_text(name);
        confirm.confirm.device_name = SLICE_LITERAL("phone");
        confirm.confirm.new_user = random_id63(&stage->random.random);
        confirm.confirm.new_device = random_id63(&stage->random.random);
        return apply_one(stage, &confirm).status;
}

static void test_invitations_are_used_so_often_and_so_long(void **state)
{
        struct stage *stage = *state;
        struct store_op op = invite_op(stage, NULL, 'i', 2);

        assert_int_equal(sign_up_with(stage, "one", 'i'), ERR_NO_INVITE);
        assert_int_equal(apply_one(stage, &op).status, ERR_OK);
        assert_true(apply_one(stage, &op).repeat);
        assert_int_equal(sign_up_with(stage, "one", 'i'), ERR_OK);
        assert_int_equal(sign_up_with(stage, "two", 'i'), ERR_OK);
        assert_int_equal(sign_up_with(stage, "three", 'i'), ERR_NO_INVITE);
        op = invite_op(stage, NULL, 'j', 1000);
        apply_one(stage, &op);
        hand_clock_advance_ms(&stage->clock, DAY_MS + 1);
        assert_int_equal(sign_up_with(stage, "three", 'j'), ERR_NO_INVITE);
}

static void test_what_is_for_one_lets_one_in_however_many_ask(void **state)
{
        struct stage *stage = *state;
        struct store_op op = invite_op(stage, NULL, 'i', 1), ups[2], confirms[2];
        struct store_result results[2];
        static uint8_t hash[STORE_HASH_SIZE];
        static const char *const names[] = {"one", "two"};

        memset(hash, 'i', sizeof(hash));
        apply_one(stage, &op);
        for (size_t i = 0; i < 2; i++) {
                ups[i] = op_of(stage, STORE_SIGN_UP, NULL);
                ups[i].sign_up.email = ups[i].sign_up.email_folded = ups[i].sign_up.user_name = ups[i].sign_up.name_folded =
                        ups[i].sign_up.display_name = slice_text(names[i]);
                ups[i].sign_up.password_hash = "$old";
                ups[i].sign_up.valid_ms = VALID_MS;
                ups[i].sign_up.invite_hash = slice_of(hash, sizeof(hash));
                confirms[i] = op_of(stage, STORE_CONFIRM, NULL);
                confirms[i].confirm.sign_up = ups[i].request;
                confirms[i].confirm.email_folded = slice_text(names[i]);
                confirms[i].confirm.device_name = SLICE_LITERAL("phone");
                confirms[i].confirm.new_user = random_id63(&stage->random.random);
                confirms[i].confirm.new_device = random_id63(&stage->random.random);
        }
        apply(stage, ups, 2, results);
        assert_int_equal(results[0].status, ERR_OK);
        assert_int_equal(results[1].status, ERR_OK);
        apply(stage, confirms, 2, results);
        assert_int_equal(results[0].status, ERR_OK);
        assert_int_equal(results[1].status, ERR_NO_INVITE);
}

static void test_members_have_so_many_open_invitations(void **state)
{
        struct stage *stage = *state;
        struct store_op op;

        for (int i = 0; i < STORE_INVITES_MAX; i++) {
                op = invite_op(stage, &stage->anna, (char)('a' + i), 1);
                assert_int_equal(apply_one(stage, &op).status, ERR_OK);
        }
        op = invite_op(stage, &stage->anna, 'z', 1);
        assert_int_equal(apply_one(stage, &op).status, ERR_INVITE_LIMIT);
        assert_int_equal(sign_up_with(stage, "one", 'a'), ERR_OK); /* one is used up */
        assert_int_equal(apply_one(stage, &op).status, ERR_OK);
        op = invite_op(stage, &stage->anna, 'y', 1);
        assert_int_equal(apply_one(stage, &op).status, ERR_INVITE_LIMIT);
        op.device++;
        assert_int_equal(apply_one(stage, &op).status, ERR_REVOKED);
        op = invite_op(stage, &stage->boris, 'y', 1);
        assert_int_equal(apply_one(stage, &op).status, ERR_OK);
}

static void test_invitations_of_who_is_gone_are_void(void **state)
{
        struct stage *stage = *state;
        struct account dora = account_with(stage, "dora", "dora@example.org");
        struct store_op op = invite_op(stage, &dora, 'i', 2);

        apply_one(stage, &op);
        assert_int_equal(sign_up_with(stage, "one", 'i'), ERR_OK);
        op = op_of(stage, STORE_DELETE, &dora);
        op.password.password_hash = "$old";
        assert_int_equal(apply_one(stage, &op).status, ERR_OK);
        assert_int_equal(sign_up_with(stage, "two", 'i'), ERR_NO_INVITE);
}

/* ---- guesses, of whom and from where ---- */

static void test_codes_are_counted_over_all_that_were_asked_for(void **state)
{
        struct stage *stage = *state;
        struct store_op asked, answer;
        struct store_result result;

        account_with(stage, "dora", "dora@example.org");
        for (int i = 0; i < 5; i++) {
                asked = code_op(stage, STORE_RESET, NULL, "dora@example.org");
                assert_int_equal(apply_one(stage, &asked).status, ERR_OK);
                answer = answer_op(stage, STORE_RESET_CONFIRM, NULL, &asked, 'x');
                answer.guesses_of = 4711;
                assert_int_equal(apply_one(stage, &answer).status, ERR_BAD_CODE);
        }
        answer = answer_op(stage, STORE_RESET_CONFIRM, NULL, &asked, 'c');
        answer.guesses_of = 4711;
        result = apply_one(stage, &answer);
        assert_int_equal(result.status, ERR_GUESSED);
        assert_in_range(result.retry_after_ms, 1, 30000);
        hand_clock_advance_ms(&stage->clock, 30001);
        assert_int_equal(apply_one(stage, &answer).status, ERR_OK);
}

static void test_guesses_from_one_place_hold_that_place_up(void **state)
{
        struct stage *stage = *state;
        struct account dora = account_with(stage, "dora", "dora@example.org");
        struct store_question question = {.kind = STORE_ASK_LOGIN};
        struct store_op op = {.kind = STORE_GUESS, .guesses_from = 99};

        /* Each at another name, so that no name has to wait. */
        for (unsigned i = 0; i < 100; i++) {
                op.user = 1000 + i;
                op.request = stage_id(stage);
                assert_int_equal(apply_one(stage, &op).status, ERR_BAD_LOGIN);
        }
        question.login.folded = SLICE_LITERAL("dora");
        assert_int_equal(ask(stage, &question).login.wait_ms, 0);
        question.login.guesses_from = 99;
        assert_in_range(ask(stage, &question).login.wait_ms, 1, 30000);
        question.login.folded = SLICE_LITERAL("nobody"); /* the same for whom nobody knows */
        assert_in_range(ask(stage, &question).login.wait_ms, 1, 30000);
        op = (struct store_op){.kind = STORE_SIGN_IN, .request = stage_id(stage), .user = dora.user, .guesses_from = 99};
        op.sign_in.password_hash = "$old";
        op.sign_in.new_device = 5;
        op.sign_in.device_name = SLICE_LITERAL("tablet");
        assert_int_equal(apply_one(stage, &op).status, ERR_GUESSED);
        op.guesses_from = 100;
        assert_int_equal(apply_one(stage, &op).status, ERR_OK);
}

static void test_letters_are_counted(void **state)
{
        struct stage *stage = *state;
        struct store_result result;
        struct store_op asked;

        for (int i = 0; i < 5; i++) {
                asked = code_op(stage, STORE_RESET, NULL, "nobody@example.org");
                asked.guesses_of = 4711;
                assert_int_equal(apply_one(stage, &asked).status, ERR_OK);
        }
        assert_true(apply_one(stage, &asked).repeat); /* no letter more */
        asked = code_op(stage, STORE_RESET, NULL, "nobody@example.org");
        asked.guesses_of = 4711;
        result = apply_one(stage, &asked);
        assert_int_equal(result.status, ERR_GUESSED);
        assert_in_range(result.retry_after_ms, 1, 30000);
}

static void test_what_was_counted_is_forgotten(void **state)
{
        struct stage *stage = *state;
        struct store_op op = {.kind = STORE_GUESS, .user = 4711};
        struct store_question question = {.kind = STORE_ASK_LOGIN,
                                          .login = {.folded = SLICE_LITERAL("nobody"), .nobody = 4711}};

        for (int i = 0; i < 5; i++) {
                op.request = stage_id(stage);
                apply_one(stage, &op);
        }
        assert_true(ask(stage, &question).login.wait_ms > 0);
        hand_clock_advance_ms(&stage->clock, DAY_MS + 60000);
        op.request = stage_id(stage);
        apply_one(stage, &op);
        assert_int_equal(ask(stage, &question).login.wait_ms, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                STAGE_TEST(test_invitations_are_used_so_often_and_so_long),
                STAGE_TEST(test_what_is_for_one_lets_one_in_however_many_ask),
                STAGE_TEST(test_members_have_so_many_open_invitations),
                STAGE_TEST(test_invitations_of_who_is_gone_are_void),
                STAGE_TEST(test_codes_are_counted_over_all_that_were_asked_for),
                STAGE_TEST(test_guesses_from_one_place_hold_that_place_up),
                STAGE_TEST(test_letters_are_counted),
                STAGE_TEST(test_what_was_counted_is_forgotten),
        };

        return STAGE_RUN("store_invites", tests);
}
