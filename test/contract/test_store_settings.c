/* The store's contract: what an account is. Reset and change of its password, names, address; its end; who is switched off. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/assert.h"
#include "contract/account_stage.h"
#include "rules/limits.h"
#include "rules/name.h"
#include "rules/room.h"

#define NAMES_SIZE 400

/* ---- reset ---- */

static void test_a_reset_sets_the_password_and_revokes_all(void **state)
{
        struct stage *stage = *state;
        struct account dora = account_with(stage, "dora", "dora@example.org");
        struct store_op asked = code_op(stage, STORE_RESET, NULL, "dora@example.org"), right, wrong;
        struct store_result result, again;
        struct account now;

        device_more(stage, dora.user, "$old", ERR_OK);
        assert_int_equal(devices_of(stage, &dora), 2);
        result = apply_one(stage, &asked);
        assert_int_equal(result.status, ERR_OK);
        assert_true(result.sign_up.known);
        wrong = answer_op(stage, STORE_RESET_CONFIRM, NULL, &asked, 'x');
        assert_int_equal(apply_one(stage, &wrong).status, ERR_BAD_CODE);
        wrong = answer_op(stage, STORE_CONFIRM, NULL, &asked, 'c'); /* no sign-up */
        wrong.confirm.new_user = 77;
        assert_int_equal(apply_one(stage, &wrong).status, ERR_BAD_CODE);
        right = answer_op(stage, STORE_RESET_CONFIRM, NULL, &asked, 'c');
        result = apply_one(stage, &right);
        assert_int_equal(result.status, ERR_OK);
        assert_int_equal(result.signed_in.person.user, dora.user);
        assert_slice(result.signed_in.person.user_name, "dora");

        now = (struct account){dora.user, result.signed_in.device, "dora"};
        assert_int_equal(devices_of(stage, &dora), 0); /* REVOKED */
        assert_int_equal(devices_of(stage, &now), 1);
        assert_int_equal(say(stage, &now, room_personal(dora.user, stage->anna.user), "back"), 1);
        device_more(stage, dora.user, "$old", ERR_BAD_LOGIN);
        device_more(stage, dora.user, "$new", ERR_OK);

        /* Repeats: the first answer; another content is refused; the code is used up. */
        right.confirm.new_device = 5;
        again = apply_one(stage, &right);
        assert_int_equal(again.status, ERR_OK);
        assert_true(again.repeat);
        assert_int_equal(again.signed_in.device, now.device);
        assert_int_equal(devices_of(stage, &now), 2);
        right.digest[0] ^= 1;
        assert_int_equal(apply_one(stage, &right).status, ERR_REUSED_ID);
        again = apply_one(stage, &asked);
        assert_true(again.repeat && again.status == ERR_OK && again.sign_up.known);
        asked.digest[0] ^= 1;
        assert_int_equal(apply_one(stage, &asked).status, ERR_REUSED_ID);
        asked.digest[0] ^= 1;
        right = answer_op(stage, STORE_RESET_CONFIRM, NULL, &asked, 'c');
        assert_int_equal(apply_one(stage, &right).status, ERR_BAD_CODE);
}

static void test_a_reset_of_nobody_looks_the_same(void **state)
{
        struct stage *stage = *state;
        struct store_op asked = code_op(stage, STORE_RESET, NULL, "nobody@example.org"), answer;
        struct store_result result = apply_one(stage, &asked);

        assert_int_equal(result.status, ERR_OK);
        assert_false(result.sign_up.known);
        for (int i = 0; i < STORE_GUESSES_MAX; i++) {
                answer = answer_op(stage, STORE_RESET_CONFIRM, NULL, &asked, 'c'); /* even the right one */
                assert_int_equal(apply_one(stage, &answer).status, ERR_BAD_CODE);
        }
        answer = answer_op(stage, STORE_RESET_CONFIRM, NULL, &asked, 'c');
        assert_int_equal(apply_one(stage, &answer).status, ERR_GUESSED);
}

static void test_a_reset_ends_with_its_time_and_with_the_address(void **state)
{
        struct stage *stage = *state;
        struct account dora = account_with(stage, "dora", "dora@example.org");
        struct store_op asked = code_op(stage, STORE_RESET, NULL, "dora@example.org"), answer, email, confirm;

        apply_one(stage, &asked);
        hand_clock_advance_ms(&stage->clock, VALID_MS + 1);
        answer = answer_op(stage, STORE_RESET_CONFIRM, NULL, &asked, 'c');
        assert_int_equal(apply_one(stage, &answer).status, ERR_BAD_CODE);

        asked = code_op(stage, STORE_RESET, NULL, "dora@example.org");
        apply_one(stage, &asked);
        email = code_op(stage, STORE_EMAIL, &dora, "new@example.org");
        assert_int_equal(apply_one(stage, &email).status, ERR_OK);
        confirm = answer_op(stage, STORE_EMAIL_CONFIRM, &dora, &email, 'c');
        assert_int_equal(apply_one(stage, &confirm).status, ERR_OK);
        answer = answer_op(stage, STORE_RESET_CONFIRM, NULL, &asked, 'c'); /* who reads the old mailbox */
        assert_int_equal(apply_one(stage, &answer).status, ERR_BAD_CODE);
}

/* ---- password ---- */

static struct store_op password_op(struct stage *stage, const struct account *sender, const char *hash, const char *new_hash,
                                   bool others)
{
        struct store_op op = op_of(stage, STORE_PASSWORD, sender);

        op.password.password_hash = hash;
        op.password.new_hash = new_hash;
        op.password.others = others;
        return op;
}

static void test_a_password_is_changed_by_who_knows_it(void **state)
{
        struct stage *stage = *state;
        struct account dora = account_with(stage, "dora", "dora@example.org");
        struct account tablet = {dora.user, device_more(stage, dora.user, "$old", ERR_OK), "dora"};
        struct store_question question = question_of(STORE_ASK_PASSWORD, &dora);
        struct store_op op = password_op(stage, &dora, "", "$new", false);

        assert_int_equal(apply_one(stage, &op).status, ERR_BAD_LOGIN);
        op = password_op(stage, &dora, "$other", "$new", false); /* changed since it was verified */
        assert_int_equal(apply_one(stage, &op).status, ERR_BAD_LOGIN);
        assert_string_equal(ask(stage, &question).login.password_hash, "$old");
        op = password_op(stage, &dora, "$old", "$new", false);
        assert_int_equal(apply_one(stage, &op).status, ERR_OK);
        assert_string_equal(ask(stage, &question).login.password_hash, "$new");
        assert_int_equal(devices_of(stage, &tablet), 2);
        /* The repeat does not find the old password any more, and is known all the same. */
        op.password.password_hash = "";
        assert_true(apply_one(stage, &op).repeat);
        op.digest[0] ^= 1;
        assert_int_equal(apply_one(stage, &op).status, ERR_REUSED_ID);
        op = password_op(stage, &tablet, "$new", "$last", true);
        assert_int_equal(apply_one(stage, &op).status, ERR_OK);
        assert_int_equal(devices_of(stage, &tablet), 1);
        assert_int_equal(ask(stage, &question).status, ERR_REVOKED);
        op = password_op(stage, &dora, "$last", "$thief", false);
        assert_int_equal(apply_one(stage, &op).status, ERR_REVOKED);
        op = password_op(stage, &tablet, "$last", "$late", false);
        op.not_after_ms = 1;
        assert_int_equal(apply_one(stage, &op).status, ERR_LATE);
}

static void test_wrong_passwords_of_who_is_signed_in_count_too(void **state)
{
        struct stage *stage = *state;
        struct account dora = account_with(stage, "dora", "dora@example.org");
        struct store_result result;
        struct store_op op;

        for (int i = 0; i < 5; i++) {
                op = password_op(stage, &dora, "", "$new", false);
                assert_int_equal(apply_one(stage, &op).status, ERR_BAD_LOGIN);
        }
        op = password_op(stage, &dora, "$old", "$new", false);
        result = apply_one(stage, &op);
        assert_int_equal(result.status, ERR_GUESSED);
        assert_in_range(result.retry_after_ms, 1, 30000);
        device_more(stage, dora.user, "$old", ERR_GUESSED);
        stage_reopen(stage);
        device_more(stage, dora.user, "$old", ERR_GUESSED);
        hand_clock_advance_ms(&stage->clock, 30001);
        assert_int_equal(apply_one(stage, &op).status, ERR_OK);
}

static void test_signing_out_others(void **state)
{
        struct stage *stage = *state;
        struct account dora = account_with(stage, "dora", "dora@example.org");
        struct account tablet = {dora.user, device_more(stage, dora.user, "$old", ERR_OK), "dora"};
        struct store_op op;

        device_more(stage, dora.user, "$old", ERR_OK);
        op = sign_out_op(stage, &tablet, 0);
        op.sign_out.others = true;
        assert_int_equal(apply_one(stage, &op).status, ERR_OK);
        assert_int_equal(devices_of(stage, &tablet), 1);
        assert_int_equal(devices_of(stage, &dora), 0);
}

/* ---- names ---- */

static struct store_op profile_op(struct stage *stage, const struct account *sender, const char *name, const char *display)
{
        struct store_op op = op_of(stage, STORE_PROFILE, sender);

        op.profile.user_name = op.profile.name_folded = slice_text(name);
        op.profile.display_name = slice_text(display);
        return op;
}

static size_t found(struct stage *stage, const char *word)
{
        struct store_question question = question_of(STORE_ASK_FIND, &stage->anna);

        question.find.folded = slice_text(word);
        question.find.people_max = 10;
        return ask(stage, &question).people.count;
}

static void test_names_are_changed_and_found(void **state)
{
        struct stage *stage = *state;
        struct account dora = account_with(stage, "dora", "dora@example.org");
        struct store_op op = profile_op(stage, &dora, "", "Theodora Gray");
        struct store_result result = apply_one(stage, &op);

        assert_int_equal(result.status, ERR_OK);
        assert_int_equal(result.signed_in.person.version, 2);
        assert_slice(result.signed_in.person.user_name, "dora");
        assert_slice(result.signed_in.person.display_name, "Theodora Gray");
        assert_int_equal(found(stage, "gray"), 1);
        assert_int_equal(found(stage, "dora"), 1);
        assert_true(apply_one(stage, &op).repeat);
        assert_int_equal(apply_one(stage, &op).signed_in.person.version, 2);

        op = profile_op(stage, &dora, "anna", "");
        assert_int_equal(apply_one(stage, &op).status, ERR_NAME_TAKEN);
        op = profile_op(stage, &dora, "thea", "Thea");
        assert_int_equal(apply_one(stage, &op).signed_in.person.version, 3);
        assert_int_equal(found(stage, "gray"), 0);
        assert_int_equal(found(stage, "dora"), 0);
        assert_int_equal(found(stage, "thea"), 1);
        op = profile_op(stage, &dora, "thea", ""); /* his own is not taken */
        assert_int_equal(apply_one(stage, &op).status, ERR_OK);

        /* What she had is free; both in one transaction. */
        {
                struct store_op two[2] = {profile_op(stage, &stage->anna, "dora", ""), profile_op(stage, &dora, "anna", "")};
                struct store_result results[2];

                apply(stage, two, 2, results);
                assert_int_equal(results[0].status, ERR_OK);
                assert_int_equal(results[1].status, ERR_OK);
                assert_slice(results[1].signed_in.person.user_name, "anna");
        }
        op = profile_op(stage, &dora, "", "");
        op.device++;
        assert_int_equal(apply_one(stage, &op).status, ERR_REVOKED);
}

/* ---- address ---- */

static void test_an_address_is_changed_with_the_code_that_went_there(void **state)
{
        struct stage *stage = *state;
        struct account dora = account_with(stage, "dora", "dora@example.org"),
                       eve = account_with(stage, "eve", "eve@example.org");
        struct store_question question = {.kind = STORE_ASK_LOGIN};
        struct store_op asked = code_op(stage, STORE_EMAIL, &dora, "new@example.org"), answer;
        struct store_result result;

        asked.code.password_hash = "";
        assert_int_equal(apply_one(stage, &asked).status, ERR_BAD_LOGIN);
        asked = code_op(stage, STORE_EMAIL, &dora, "new@example.org");
        result = apply_one(stage, &asked);
        assert_int_equal(result.status, ERR_OK);
        assert_false(result.sign_up.known);
        assert_slice(result.sign_up.email, "dora@example.org");
        result = apply_one(stage, &asked);
        assert_true(result.repeat);
        assert_slice(result.sign_up.email, "dora@example.org");

        answer = answer_op(stage, STORE_EMAIL_CONFIRM, &eve, &asked, 'c'); /* another's */
        assert_int_equal(apply_one(stage, &answer).status, ERR_BAD_CODE);
        answer = answer_op(stage, STORE_EMAIL_CONFIRM, &dora, &asked, 'x');
        assert_int_equal(apply_one(stage, &answer).status, ERR_BAD_CODE);
        answer = answer_op(stage, STORE_EMAIL_CONFIRM, &dora, &asked, 'c');
        assert_int_equal(apply_one(stage, &answer).status, ERR_OK);
        assert_true(apply_one(stage, &answer).repeat);
        question.login.folded = SLICE_LITERAL("new@example.org");
        assert_int_equal(ask(stage, &question).login.user, dora.user);
        question.login.folded = SLICE_LITERAL("dora@example.org");
        assert_int_equal(ask(stage, &question).login.user, 0);

        /* One that somebody has: the same answer, and no code is right. */
        asked = code_op(stage, STORE_EMAIL, &dora, "eve@example.org");
        result = apply_one(stage, &asked);
        assert_int_equal(result.status, ERR_OK);
        assert_true(result.sign_up.known);
        answer = answer_op(stage, STORE_EMAIL_CONFIRM, &dora, &asked, 'c');
        assert_int_equal(apply_one(stage, &answer).status, ERR_BAD_CODE);
}

/* ---- the end of an account, and that a device was used ---- */

static void test_a_deleted_account_is_a_tombstone(void **state)
{
        struct stage *stage = *state;
        struct account dora = account_with(stage, "dora", "dora@example.org");
        struct id room = room_personal(dora.user, stage->anna.user);
        struct store_question question = {.kind = STORE_ASK_LOGIN}, join = question_of(STORE_ASK_JOIN, &stage->anna);
        struct store_question search = question_of(STORE_ASK_SEARCH, &stage->anna);
        struct store_op op = op_of(stage, STORE_DELETE, &dora), asked, answer, again;
        struct store_answer joined;

        say(stage, &dora, room, "before");
        asked = code_op(stage, STORE_RESET, NULL, "dora@example.org");
        apply_one(stage, &asked);
        op.password.password_hash = "";
        assert_int_equal(apply_one(stage, &op).status, ERR_BAD_LOGIN);
        op = op_of(stage, STORE_DELETE, &dora);
        op.password.password_hash = "$old";
        assert_int_equal(apply_one(stage, &op).status, ERR_OK);
        op.password.password_hash = "";
        assert_true(apply_one(stage, &op).repeat); /* though the device is out, and there is no password */
        again = op_of(stage, STORE_DELETE, &dora);
        again.password.password_hash = "";
        assert_int_equal(apply_one(stage, &again).status, ERR_REVOKED);

        /* Not found, not signed in, not reset. */
        assert_int_equal(devices_of(stage, &dora), 0);
        assert_int_equal(found(stage, "dora"), 0);
        assert_int_equal(found(stage, "deleted"), 0);
        question.login.folded = SLICE_LITERAL("dora");
        assert_int_equal(ask(stage, &question).login.user, 0);
        question.login.folded = SLICE_LITERAL("dora@example.org");
        assert_int_equal(ask(stage, &question).login.user, 0);
        device_more(stage, dora.user, "$old", ERR_BAD_LOGIN);
        device_more(stage, dora.user, "", ERR_BAD_LOGIN);
        answer = answer_op(stage, STORE_RESET_CONFIRM, NULL, &asked, 'c');
        assert_int_equal(apply_one(stage, &answer).status, ERR_BAD_CODE);

        /* What she wrote stays; who reads it sees that she is gone. Her name and address are free. */
        assert_string_equal(texts_of(rows_of(stage, &stage->anna, room).rows.rows, 1), "before");
        search.search.text = SLICE_LITERAL("before");
        search.search.rows_max = 10;
        assert_int_equal(ask(stage, &search).search.count, 1);
        search.user = dora.user;
        search.device = dora.device;
        assert_int_equal(ask(stage, &search).status, ERR_REVOKED);
        join.join.rooms_max = 10;
        join.join.rows_max = 10;
        join.bytes_max = 10000;
        joined = ask(stage, &join);
        assert_int_equal(joined.rooms.room_count, 1);
        assert_int_equal(joined.rooms.rooms[0].peer.user, dora.user);
        assert_slice(joined.rooms.rooms[0].peer.display_name, "Deleted account");
        assert_int_equal(joined.rooms.rooms[0].peer.version, 2);
        assert_int_not_equal(account_with(stage, "dora", "dora@example.org").user, dora.user);
        dora = account_with(stage, "eve", "eve@example.org"); /* two who are gone do not collide */
        op = op_of(stage, STORE_DELETE, &dora);
        op.password.password_hash = "$old";
        assert_int_equal(apply_one(stage, &op).status, ERR_OK);
}

static void test_who_deletes_his_account_blocks_nobody(void **state)
{
        struct stage *stage = *state;
        struct account dora = account_with(stage, "dora", "dora@example.org");
        struct id room = room_personal(dora.user, stage->anna.user);
        struct store_op op = op_of(stage, STORE_BLOCK, &dora), text;

        say(stage, &dora, room, "before");
        op.block.peer = stage->anna.user;
        op.block.on = true;
        assert_int_equal(apply_one(stage, &op).status, ERR_OK);
        text = write_op(stage, &stage->anna, room, "where are you?");
        assert_int_equal(apply_one(stage, &text).status, ERR_NO_USER);
        op = op_of(stage, STORE_DELETE, &dora);
        op.password.password_hash = "$old";
        assert_int_equal(apply_one(stage, &op).status, ERR_OK);
        say(stage, &stage->anna, room, "gone?");
}

static uint64_t last_seen_ms(struct stage *stage, uint64_t user)
{
        struct store_question question = question_of(STORE_ASK_SHARED, &stage->anna);
        struct store_answer answer;

        question.shared.users = &user;
        question.shared.count = 1;
        answer = ask(stage, &question);
        assert_int_equal(answer.shared.count, 1);
        return answer.shared.seen_ms[0];
}

static void test_when_who_deleted_his_account_was_there_is_forgotten(void **state)
{
        struct stage *stage = *state;
        struct account dora = account_with(stage, "dora", "dora@example.org");
        struct store_op op = op_of(stage, STORE_DELETE, &dora);
        struct store_op seen = {.kind = STORE_LAST_SEEN, .request = stage_id(stage), .user = dora.user};

        say(stage, &dora, room_personal(dora.user, stage->anna.user), "before");
        assert_int_equal(apply_one(stage, &seen).status, ERR_OK);
        assert_int_not_equal(last_seen_ms(stage, dora.user), 0);
        op.password.password_hash = "$old";
        assert_int_equal(apply_one(stage, &op).status, ERR_OK);
        assert_int_equal(last_seen_ms(stage, dora.user), 0);
        seen.request = stage_id(stage);
        assert_int_equal(apply_one(stage, &seen).status, ERR_OK); /* his last connection has ended */
        assert_int_equal(last_seen_ms(stage, dora.user), 0);
}

static uint64_t seen_ms(struct stage *stage, const struct account *account)
{
        struct store_question question = question_of(STORE_ASK_DEVICE, account);

        return ask(stage, &question).seen_ms;
}

static void test_a_device_is_seen_once_an_hour(void **state)
{
        struct stage *stage = *state;
        struct store_op op = op_of(stage, STORE_SEEN, &stage->anna);
        uint64_t first = seen_ms(stage, &stage->anna);

        assert_int_equal(first, STAGE_START_MS);
        hand_clock_advance_ms(&stage->clock, STORE_SEEN_MS - 1);
        assert_int_equal(apply_one(stage, &op).status, ERR_OK);
        assert_int_equal(seen_ms(stage, &stage->anna), first);
        hand_clock_advance_ms(&stage->clock, 1);
        assert_int_equal(apply_one(stage, &op).status, ERR_OK);
        assert_int_equal(seen_ms(stage, &stage->anna), first + STORE_SEEN_MS);
        op.device++;
        assert_int_equal(apply_one(stage, &op).status, ERR_REVOKED);
}

/* ---- an operator's ---- */

static struct store_op access_op(struct stage *stage, uint64_t user, enum store_access access, const char *hash)
{
        struct store_op op = {.kind = STORE_ACCESS, .request = stage_id(stage), .user = user};

        op.access.access = access;
        op.access.password_hash = hash;
        return op;
}

static const char *login_hash(struct stage *stage, const char *name)
{
        struct store_question question = {.kind = STORE_ASK_LOGIN, .login.folded = slice_text(name)};

        return ask(stage, &question).login.password_hash;
}

static void test_who_is_switched_off_is_out_and_stays_out(void **state)
{
        struct stage *stage = *state;
        struct account dora = account_with(stage, "dora", "dora@example.org");
        struct store_question devices = question_of(STORE_ASK_DEVICES, &dora);
        struct store_op op = access_op(stage, dora.user, STORE_ACCESS_OFF, NULL),
                        asked = code_op(stage, STORE_RESET, NULL, "dora@example.org");

        assert_int_equal(apply_one(stage, &asked).status, ERR_OK);
        assert_int_equal(apply_one(stage, &op).status, ERR_OK);
        assert_int_equal(ask(stage, &devices).status, ERR_REVOKED);
        assert_string_equal(login_hash(stage, "dora"), "");
        device_more(stage, dora.user, "$old", ERR_BAD_LOGIN);
        op = answer_op(stage, STORE_RESET_CONFIRM, NULL, &asked, 'c'); /* a code that was mailed before */
        assert_int_equal(apply_one(stage, &op).status, ERR_BAD_CODE);
        asked = code_op(stage, STORE_RESET, NULL, "dora@example.org");
        assert_int_equal(apply_one(stage, &asked).status, ERR_OK); /* it tells nobody */
        op = answer_op(stage, STORE_RESET_CONFIRM, NULL, &asked, 'c');
        assert_int_equal(apply_one(stage, &op).status, ERR_BAD_CODE);
        op = access_op(stage, dora.user, STORE_ACCESS_OFF, NULL); /* twice is once */
        assert_int_equal(apply_one(stage, &op).status, ERR_OK);
        op = access_op(stage, dora.user, STORE_ACCESS_ON, NULL);
        assert_int_equal(apply_one(stage, &op).status, ERR_OK);
        assert_string_equal(login_hash(stage, "dora"), "$old");
        device_more(stage, dora.user, "$old", ERR_OK);
        assert_int_equal(ask(stage, &devices).status, ERR_REVOKED); /* the old device stays out */
}

static void test_an_operator_sets_a_password(void **state)
{
        struct stage *stage = *state;
        struct account dora = account_with(stage, "dora", "dora@example.org");
        struct store_question devices = question_of(STORE_ASK_DEVICES, &dora);
        struct store_op op = access_op(stage, dora.user, STORE_ACCESS_PASSWORD, "$new");

        assert_int_equal(apply_one(stage, &op).status, ERR_OK);
        assert_string_equal(login_hash(stage, "dora"), "$new");
        assert_int_equal(ask(stage, &devices).status, ERR_REVOKED);
        op = access_op(stage, dora.user, STORE_ACCESS_OFF, NULL);
        assert_int_equal(apply_one(stage, &op).status, ERR_OK);
        op = access_op(stage, dora.user, STORE_ACCESS_PASSWORD, "$last");
        assert_int_equal(apply_one(stage, &op).status, ERR_OK);
        assert_string_equal(login_hash(stage, "dora"), ""); /* still off */
        op = access_op(stage, dora.user, STORE_ACCESS_ON, NULL);
        assert_int_equal(apply_one(stage, &op).status, ERR_OK);
        assert_string_equal(login_hash(stage, "dora"), "$last");
        op = access_op(stage, dora.user + 1, STORE_ACCESS_OFF, NULL);
        assert_int_equal(apply_one(stage, &op).status, ERR_NO_USER);
}

/* All names, page by page, with commas; dora's account goes to *dora, whose texts end with the next question. */
static void list_users(struct stage *stage, uint32_t page, char names[static NAMES_SIZE], struct store_account *dora)
{
        struct store_question question = {.kind = STORE_ASK_USERS, .users.users_max = page};
        uint8_t after[USER_NAME_MAX + 1];
        struct store_answer answer;

        names[0] = '\0';
        *dora = (struct store_account){0};
        do {
                answer = ask(stage, &question);
                assert_int_equal(answer.status, ERR_OK);
                assert_true(answer.users.count <= page && (answer.users.count > 0 || !answer.users.more));
                for (size_t i = 0; i < answer.users.count; i++) {
                        struct slice name = answer.users.accounts[i].person.user_name;
                        size_t used = strlen(names);

                        snprintf(names + used, NAMES_SIZE - used, "%.*s,", (int)name.size, (const char *)name.data);
                        if (slice_equal(name, SLICE_LITERAL("dora"))) {
                                *dora = answer.users.accounts[i];
                                assert_slice(dora->email, "dora@example.org");
                        }
                        question.users.after = slice_of(after, name_fold(name, after));
                }
        } while (answer.users.more);
}

static void test_all_users_are_listed_by_name(void **state)
{
        struct stage *stage = *state;
        struct account dora = account_with(stage, "dora", "dora@example.org");
        struct store_op off = access_op(stage, dora.user, STORE_ACCESS_OFF, NULL), op;
        char names[NAMES_SIZE], paged[NAMES_SIZE];
        struct store_account account;

        list_users(stage, 100, names, &account);
        assert_true(strstr(names, "anna,Boris,") && strstr(names, ",dora,"));
        assert_int_equal(account.person.user, dora.user);
        assert_int_equal(account.devices, 1);
        assert_int_equal(account.created_ms, STAGE_START_MS);
        assert_int_equal(account.seen_ms, STAGE_START_MS);
        assert_false(account.off);
        for (uint32_t page = 1; page < 4; page++) {
                list_users(stage, page, paged, &account);
                assert_string_equal(paged, names);
        }
        assert_int_equal(apply_one(stage, &off).status, ERR_OK);
        list_users(stage, 2, paged, &account);
        assert_string_equal(paged, names);
        assert_true(account.off);
        assert_int_equal(account.devices, 0);
        off = access_op(stage, dora.user, STORE_ACCESS_ON, NULL);
        assert_int_equal(apply_one(stage, &off).status, ERR_OK);
        dora.device = device_more(stage, dora.user, "$old", ERR_OK);
        op = op_of(stage, STORE_DELETE, &dora);
        op.password.password_hash = "$old";
        assert_int_equal(apply_one(stage, &op).status, ERR_OK);
        list_users(stage, 2, paged, &account);
        assert_null(strchr(paged, 'd')); /* neither by the name that was hers nor by the one that took its place */
        assert_int_equal(account.person.user, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                STAGE_TEST(test_all_users_are_listed_by_name),
                STAGE_TEST(test_a_reset_sets_the_password_and_revokes_all),
                STAGE_TEST(test_a_reset_of_nobody_looks_the_same),
                STAGE_TEST(test_a_reset_ends_with_its_time_and_with_the_address),
                STAGE_TEST(test_a_password_is_changed_by_who_knows_it),
                STAGE_TEST(test_wrong_passwords_of_who_is_signed_in_count_too),
                STAGE_TEST(test_signing_out_others),
                STAGE_TEST(test_names_are_changed_and_found),
                STAGE_TEST(test_an_address_is_changed_with_the_code_that_went_there),
                STAGE_TEST(test_a_deleted_account_is_a_tombstone),
                STAGE_TEST(test_when_who_deleted_his_account_was_there_is_forgotten),
                STAGE_TEST(test_a_device_is_seen_once_an_hour),
                STAGE_TEST(test_who_is_switched_off_is_out_and_stays_out),
                STAGE_TEST(test_who_deletes_his_account_blocks_nobody),
                STAGE_TEST(test_an_operator_sets_a_password),
        };

        return STAGE_RUN("store_settings", tests);
}
