/* The store's contract: accounts. Sign-up and its code, sign-in and its guesses, devices, sign-out, import. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/assert.h"
#include "contract/store_stage.h"
#include "rules/limits.h"
#include "rules/room.h"

#define VALID_MS 900000
#define DAY_MS   86400000

/* A sign-up of dora with the code's hash made of 'c'. */
static struct store_op sign_up_op(struct stage *stage, const char *name, const char *email)
{
        struct store_op op = {.kind = STORE_SIGN_UP, .request = stage_id(stage)};

        op.sign_up.email = op.sign_up.email_folded = slice_text(email);
        op.sign_up.user_name = op.sign_up.name_folded = slice_text(name);
        op.sign_up.display_name = SLICE_LITERAL("Dora");
        op.sign_up.password_hash = "$hash";
        op.sign_up.valid_ms = VALID_MS;
        memset(op.sign_up.code_hash, 'c', STORE_HASH_SIZE);
        return op;
}

static struct store_op confirm_op(struct stage *stage, const struct store_op *sign_up, char code)
{
        struct store_op op = {.kind = STORE_CONFIRM, .request = stage_id(stage)};

        op.confirm.sign_up = sign_up->request;
        op.confirm.email_folded = sign_up->sign_up.email_folded;
        memset(op.confirm.code_hash, code, STORE_HASH_SIZE);
        memset(op.confirm.secret_hash, 'd', STORE_HASH_SIZE);
        op.confirm.device_name = SLICE_LITERAL("phone");
        op.confirm.new_user = random_id63(&stage->random.random);
        op.confirm.new_device = random_id63(&stage->random.random);
        op.digest[0] = (uint8_t)code;
        return op;
}

static struct store_result confirm(struct stage *stage, const struct store_op *sign_up, char code)
{
        struct store_op op = confirm_op(stage, sign_up, code);

        return apply_one(stage, &op);
}

static struct store_op sign_in_op(struct stage *stage, uint64_t user, const char *password_hash)
{
        struct store_op op = {.kind = STORE_SIGN_IN, .request = stage_id(stage), .user = user};

        op.sign_in.device_name = SLICE_LITERAL("tablet");
        op.sign_in.new_device = random_id63(&stage->random.random);
        op.sign_in.password_hash = password_hash;
        memset(op.sign_in.secret_hash, 't', STORE_HASH_SIZE);
        return op;
}

/* Dora, signed up and confirmed. */
static struct account dora_new(struct stage *stage)
{
        struct store_op sign_up = sign_up_op(stage, "dora", "dora@example.org");
        struct store_result result;

        assert_int_equal(apply_one(stage, &sign_up).status, ERR_OK);
        result = confirm(stage, &sign_up, 'c');
        assert_int_equal(result.status, ERR_OK);
        return (struct account){result.signed_in.person.user, result.signed_in.device, "dora"};
}

static struct store_answer login(struct stage *stage, const char *name, uint64_t nobody)
{
        struct store_question question = {.kind = STORE_ASK_LOGIN};

        question.login.folded = slice_text(name);
        question.login.nobody = nobody;
        return ask(stage, &question);
}

/* ---- sign-up and confirm ---- */

static void test_sign_up_and_confirm(void **state)
{
        struct stage *stage = *state;
        struct store_op sign_up = sign_up_op(stage, "dora", "dora@example.org");
        struct store_op right = confirm_op(stage, &sign_up, 'c');
        struct store_result result = apply_one(stage, &sign_up);
        struct account dora;

        assert_int_equal(result.status, ERR_OK);
        assert_false(result.sign_up.known);
        assert_int_equal(login(stage, "dora", 0).login.user, 0); /* nobody yet */
        stage_reopen(stage);
        result = apply_one(stage, &right);
        assert_int_equal(result.status, ERR_OK);
        assert_int_equal(result.signed_in.person.user, right.confirm.new_user);
        assert_int_equal(result.signed_in.device, right.confirm.new_device);
        assert_slice(result.signed_in.person.user_name, "dora");
        assert_slice(result.signed_in.person.display_name, "Dora");
        dora = (struct account){result.signed_in.person.user, result.signed_in.device, "dora"};
        assert_int_equal(login(stage, "dora", 0).login.user, dora.user);
        assert_int_equal(login(stage, "dora@example.org", 0).login.user, dora.user);
        assert_string_equal(login(stage, "dora", 0).login.password_hash, "$hash");
        assert_int_equal(say(stage, &dora, room_personal(dora.user, stage->anna.user), "hello"), 1);
}

static void test_repeats_of_sign_up_and_confirm(void **state)
{
        struct stage *stage = *state;
        struct store_op sign_up = sign_up_op(stage, "dora", "dora@example.org");
        struct store_op right = confirm_op(stage, &sign_up, 'c');
        struct store_result first, again;

        apply_one(stage, &sign_up);
        again = apply_one(stage, &sign_up);
        assert_int_equal(again.status, ERR_OK);
        assert_true(again.repeat);
        first = apply_one(stage, &right);
        hand_clock_advance_ms(&stage->clock, VALID_MS * 2);
        /* Other candidates, as a worker makes them at every try: the first ones stay. */
        right.confirm.new_user = right.confirm.new_device = 5;
        again = apply_one(stage, &right);
        assert_int_equal(again.status, ERR_OK);
        assert_true(again.repeat);
        assert_int_equal(again.signed_in.person.user, first.signed_in.person.user);
        assert_int_equal(again.signed_in.device, first.signed_in.device);
        /* The sign-up is long done, and its name taken by itself: the first answer all the same. */
        again = apply_one(stage, &sign_up);
        assert_int_equal(again.status, ERR_OK);
        assert_true(again.repeat);
        sign_up.digest[0] ^= 1;
        assert_int_equal(apply_one(stage, &sign_up).status, ERR_REUSED_ID);
        right.digest[0] ^= 1;
        assert_int_equal(apply_one(stage, &right).status, ERR_REUSED_ID);
}

static void test_a_known_address_looks_the_same(void **state)
{
        struct stage *stage = *state;
        struct store_op known = sign_up_op(stage, "dora", "anna@example.org");
        struct store_result result = apply_one(stage, &known);

        assert_int_equal(result.status, ERR_OK);
        assert_true(result.sign_up.known);
        assert_true(apply_one(stage, &known).sign_up.known); /* and again: the letter must be the same */
        for (int i = 0; i < STORE_GUESSES_MAX; i++)
                assert_int_equal(confirm(stage, &known, 'c').status, ERR_BAD_CODE); /* even the right one */
        assert_int_equal(confirm(stage, &known, 'c').status, ERR_GUESSED);
        known = sign_up_op(stage, "anna", "new@example.org");
        assert_int_equal(apply_one(stage, &known).status, ERR_NAME_TAKEN);
}

static void test_wrong_codes(void **state)
{
        struct stage *stage = *state;
        struct store_op sign_up = sign_up_op(stage, "dora", "dora@example.org"), other = sign_up;
        struct store_op confirmed;

        assert_int_equal(confirm(stage, &sign_up, 'c').status, ERR_BAD_CODE); /* not signed up */
        apply_one(stage, &sign_up);
        other.sign_up.email_folded = SLICE_LITERAL("other@example.org");
        assert_int_equal(confirm(stage, &other, 'c').status, ERR_BAD_CODE); /* another's address */
        for (int i = 0; i < STORE_GUESSES_MAX; i++)
                assert_int_equal(confirm(stage, &sign_up, 'x').status, ERR_BAD_CODE);
        stage_reopen(stage);
        assert_int_equal(confirm(stage, &sign_up, 'x').status, ERR_GUESSED);
        assert_int_equal(confirm(stage, &sign_up, 'c').status, ERR_GUESSED);
        /* A new sign-up has new guesses; a used one is used up. */
        sign_up = sign_up_op(stage, "dora", "dora@example.org");
        apply_one(stage, &sign_up);
        assert_int_equal(confirm(stage, &sign_up, 'x').status, ERR_BAD_CODE);
        assert_int_equal(confirm(stage, &sign_up, 'c').status, ERR_OK);
        confirmed = confirm_op(stage, &sign_up, 'c');
        assert_int_equal(apply_one(stage, &confirmed).status, ERR_BAD_CODE);
}

static void test_codes_expire(void **state)
{
        struct stage *stage = *state;
        struct store_op sign_up = sign_up_op(stage, "dora", "dora@example.org");
        struct store_op late = confirm_op(stage, &sign_up, 'c');

        apply_one(stage, &sign_up);
        late.not_after_ms = STAGE_START_MS + 1;
        hand_clock_advance_ms(&stage->clock, 2);
        assert_int_equal(apply_one(stage, &late).status, ERR_LATE);
        hand_clock_advance_ms(&stage->clock, VALID_MS - 1);
        assert_int_equal(confirm(stage, &sign_up, 'c').status, ERR_BAD_CODE);
        sign_up = sign_up_op(stage, "dora", "dora@example.org");
        apply_one(stage, &sign_up);
        hand_clock_advance_ms(&stage->clock, VALID_MS);
        assert_int_equal(confirm(stage, &sign_up, 'c').status, ERR_OK);
}

/* Two who want one name: the first to confirm has it. One address twice: the second code is worth nothing. */
static void test_who_confirms_first_has_the_name(void **state)
{
        struct stage *stage = *state;
        struct store_op first = sign_up_op(stage, "dora", "dora@example.org");
        struct store_op same_name = sign_up_op(stage, "dora", "dorothea@example.org");
        struct store_op same_address = sign_up_op(stage, "dora2", "dora@example.org");

        assert_int_equal(apply_one(stage, &first).status, ERR_OK);
        assert_int_equal(apply_one(stage, &same_name).status, ERR_OK);
        assert_int_equal(apply_one(stage, &same_address).status, ERR_OK);
        assert_int_equal(confirm(stage, &first, 'c').status, ERR_OK);
        assert_int_equal(confirm(stage, &same_name, 'c').status, ERR_NAME_TAKEN);
        assert_int_equal(confirm(stage, &same_address, 'c').status, ERR_BAD_CODE);
        first = sign_up_op(stage, "dora", "another@example.org");
        assert_int_equal(apply_one(stage, &first).status, ERR_NAME_TAKEN);
}

static void test_open_sign_ups_of_one_address_are_limited(void **state)
{
        struct stage *stage = *state;
        struct store_op sign_ups[STORE_PENDING_MAX + 1];

        for (size_t i = 0; i < countof(sign_ups); i++) {
                sign_ups[i] = sign_up_op(stage, "dora", "dora@example.org");
                hand_clock_advance_ms(&stage->clock, 10);
                assert_int_equal(apply_one(stage, &sign_ups[i]).status, ERR_OK);
        }
        assert_int_equal(confirm(stage, &sign_ups[0], 'c').status, ERR_BAD_CODE); /* the oldest went */
        assert_int_equal(confirm(stage, &sign_ups[1], 'c').status, ERR_OK);
}

static void test_too_long_names_are_refused(void **state)
{
        struct stage *stage = *state;
        static char text[1000];
        struct store_op sign_up = sign_up_op(stage, "dora", "dora@example.org");

        memset(text, 'l', sizeof(text));
        sign_up.sign_up.display_name = slice_of(text, DISPLAY_NAME_MAX + 1);
        assert_int_equal(apply_one(stage, &sign_up).status, ERR_BAD_FIELD);
        sign_up.sign_up.display_name = slice_of(text, DISPLAY_NAME_MAX);
        assert_int_equal(apply_one(stage, &sign_up).status, ERR_OK);
        assert_int_equal(confirm(stage, &sign_up, 'c').status, ERR_OK);
}

/* ---- sign-in ---- */

static void test_sign_in(void **state)
{
        struct stage *stage = *state;
        struct account dora = dora_new(stage);
        struct store_op right = sign_in_op(stage, dora.user, "$hash"), wrong = sign_in_op(stage, dora.user, "$older");
        struct store_op nobody = sign_in_op(stage, 77, "$hash"), no_password = sign_in_op(stage, stage->anna.user, "");
        struct store_result first, again;
        struct store_answer devices;
        struct store_question question = question_of(STORE_ASK_DEVICES, &dora);

        hand_clock_advance_ms(&stage->clock, 1);
        first = apply_one(stage, &right);
        assert_int_equal(first.status, ERR_OK);
        assert_int_equal(first.signed_in.device, right.sign_in.new_device);
        assert_int_equal(first.signed_in.person.user, dora.user);
        right.sign_in.new_device = 6;
        again = apply_one(stage, &right);
        assert_true(again.repeat);
        assert_int_equal(again.signed_in.device, first.signed_in.device);
        right.digest[4] ^= 1;
        assert_int_equal(apply_one(stage, &right).status, ERR_REUSED_ID);
        assert_int_equal(apply_one(stage, &wrong).status, ERR_BAD_LOGIN); /* the password was changed meanwhile */
        assert_int_equal(apply_one(stage, &nobody).status, ERR_BAD_LOGIN);
        assert_int_equal(apply_one(stage, &no_password).status, ERR_BAD_LOGIN);
        wrong = sign_in_op(stage, dora.user, "$hash");
        wrong.not_after_ms = STAGE_START_MS - 1;
        assert_int_equal(apply_one(stage, &wrong).status, ERR_LATE);
        devices = ask(stage, &question);
        assert_int_equal(devices.devices.count, 2);
        assert_slice(devices.devices.devices[0].name, "phone");
        assert_slice(devices.devices.devices[1].name, "tablet");
        assert_int_equal(devices.devices.devices[1].created_ms, STAGE_START_MS + 1);
}

static void test_devices_are_limited(void **state)
{
        struct stage *stage = *state;
        struct account dora = dora_new(stage);
        struct store_op op;
        uint64_t last = 0;

        for (int i = 1; i < STORE_DEVICES_MAX; i++) {
                op = sign_in_op(stage, dora.user, "$hash");
                last = apply_one(stage, &op).signed_in.device;
                assert_int_not_equal(last, 0);
        }
        op = sign_in_op(stage, dora.user, "$hash");
        assert_int_equal(apply_one(stage, &op).status, ERR_DEVICE_LIMIT);
        op = sign_out_op(stage, &dora, last);
        assert_int_equal(apply_one(stage, &op).status, ERR_OK);
        op = sign_in_op(stage, dora.user, "$hash");
        assert_int_equal(apply_one(stage, &op).status, ERR_OK);
}

static struct store_result guess(struct stage *stage, uint64_t user)
{
        struct store_op op = {.kind = STORE_GUESS, .request = stage_id(stage), .user = user};

        return apply_one(stage, &op);
}

/* A name that somebody has and one that nobody has must not be told apart by how long one has to wait. */
static void test_wrong_passwords_make_wait(void **state)
{
        struct stage *stage = *state;
        struct account dora = dora_new(stage);
        const uint64_t nobody = 4242;
        uint64_t wait_ms = 0;
        struct store_op right = sign_in_op(stage, dora.user, "$hash");

        for (int i = 1; i <= 14; i++) {
                uint64_t before_ms = wait_ms;

                assert_int_equal(guess(stage, dora.user).status, ERR_BAD_LOGIN);
                assert_int_equal(guess(stage, nobody).status, ERR_BAD_LOGIN);
                wait_ms = login(stage, "dora", 0).login.wait_ms;
                assert_int_equal(login(stage, "edgar", nobody).login.wait_ms, wait_ms);
                assert_int_equal(login(stage, "edgar", nobody).login.user, 0);
                assert_string_equal(login(stage, "edgar", nobody).login.password_hash, "");
                if (i < 5)
                        assert_int_equal(wait_ms, 0);
                else
                        assert_true(wait_ms == 2 * before_ms || i == 5 || wait_ms == 3600000);
        }
        assert_int_equal(wait_ms, 3600000);
        assert_int_equal(login(stage, "anna", 0).login.wait_ms, 0);
        /* Many at once asked before the first wrong one was counted: the store itself says no. */
        assert_int_equal(apply_one(stage, &right).status, ERR_GUESSED);
        assert_true(apply_one(stage, &right).retry_after_ms > 0);
        hand_clock_advance_ms(&stage->clock, wait_ms);
        assert_int_equal(login(stage, "dora", 0).login.wait_ms, 0);
        assert_int_equal(apply_one(stage, &right).status, ERR_OK);
        assert_int_equal(guess(stage, dora.user).status, ERR_BAD_LOGIN); /* counted from the beginning again */
        assert_int_equal(login(stage, "dora", 0).login.wait_ms, 0);
        /* A day later nobody is waited for any more. */
        hand_clock_advance_ms(&stage->clock, 2 * (uint64_t)DAY_MS);
        guess(stage, dora.user);
        guess(stage, nobody);
        assert_int_equal(login(stage, "edgar", nobody).login.wait_ms, 0);
}

/* ---- renew, sign-out ---- */

static void test_renew(void **state)
{
        struct stage *stage = *state;
        struct store_op op = {
                .kind = STORE_RENEW, .request = stage_id(stage), .user = stage->anna.user, .device = stage->anna.device};
        struct store_question question = question_of(STORE_ASK_DEVICES, &stage->anna);
        struct store_op out = sign_out_op(stage, &stage->anna, 0);

        memset(op.sign_in.secret_hash, 's', STORE_HASH_SIZE);
        hand_clock_advance_ms(&stage->clock, 500);
        assert_int_equal(apply_one(stage, &op).status, ERR_OK);
        assert_int_equal(apply_one(stage, &op).signed_in.device, stage->anna.device);
        assert_int_equal(ask(stage, &question).devices.devices[0].seen_ms, STAGE_START_MS + 500);
        hand_clock_advance_ms(&stage->clock, 500);
        op.not_after_ms = STAGE_START_MS + 999;
        assert_int_equal(apply_one(stage, &op).status, ERR_LATE);
        assert_int_equal(ask(stage, &question).devices.devices[0].seen_ms, STAGE_START_MS + 500);
        op.not_after_ms = STAGE_START_MS + 1000;
        assert_int_equal(apply_one(stage, &op).status, ERR_OK);
        op.sign_in.secret_hash[31] ^= 1;
        assert_int_equal(apply_one(stage, &op).status, ERR_BAD_LOGIN);
        op.device++;
        assert_int_equal(apply_one(stage, &op).status, ERR_BAD_LOGIN);
        op.device--;
        apply_one(stage, &out);
        assert_int_equal(apply_one(stage, &op).status, ERR_BAD_LOGIN); /* who has no secret learns nothing */
        op.sign_in.secret_hash[31] ^= 1;
        assert_int_equal(apply_one(stage, &op).status, ERR_REVOKED);
}

static void test_sign_out_of_one_and_of_all(void **state)
{
        struct stage *stage = *state;
        struct account dora = dora_new(stage), tablet = dora, phone = dora;
        struct id room = room_personal(dora.user, stage->anna.user);
        struct store_op in = sign_in_op(stage, dora.user, "$hash"), op;
        struct store_question question;

        tablet.device = apply_one(stage, &in).signed_in.device;
        say(stage, &tablet, room, "from the tablet");
        question = question_of(STORE_ASK_DEVICE, &tablet);
        assert_int_equal(ask(stage, &question).status, ERR_OK);
        op = sign_out_op(stage, &phone, tablet.device);
        assert_int_equal(apply_one(stage, &op).status, ERR_OK);
        assert_int_equal(ask(stage, &question).status, ERR_REVOKED);
        question = question_of(STORE_ASK_DEVICE, &phone);
        assert_int_equal(ask(stage, &question).status, ERR_OK);
        question.device = 987654; /* no such device */
        assert_int_equal(ask(stage, &question).status, ERR_REVOKED);
        op = write_op(stage, &tablet, room, "x");
        assert_int_equal(apply_one(stage, &op).status, ERR_REVOKED);
        assert_int_equal(say(stage, &phone, room, "from the phone"), 2);
        op = sign_out_op(stage, &phone, 987654); /* no such device */
        assert_int_equal(apply_one(stage, &op).status, ERR_BAD_FIELD);
        op = sign_out_op(stage, &tablet, phone.device); /* by one that is out itself */
        assert_int_equal(apply_one(stage, &op).status, ERR_REVOKED);
        in = sign_in_op(stage, dora.user, "$hash");
        tablet.device = apply_one(stage, &in).signed_in.device;
        op = sign_out_op(stage, &tablet, 0);
        assert_int_equal(apply_one(stage, &op).status, ERR_OK);
        op = write_op(stage, &phone, room, "x");
        assert_int_equal(apply_one(stage, &op).status, ERR_REVOKED);
        op = write_op(stage, &tablet, room, "x");
        assert_int_equal(apply_one(stage, &op).status, ERR_REVOKED);
        assert_int_equal(say(stage, &stage->anna, room, "others stay"), 3);
}

/* Repeats outside rooms are known for STORE_REQUESTS_DAYS, whatever ids a client makes up; then they are forgotten. */
static void test_requests_are_kept_for_a_time(void **state)
{
        struct stage *stage = *state;
        struct account dora = dora_new(stage);
        struct store_op ops[3];

        for (size_t i = 0; i < countof(ops); i++) {
                ops[i] = sign_in_op(stage, dora.user, "$hash");
                memset(ops[i].request.bytes, i ? 255 : 0, 8);
                if (i == 2)
                        ops[i].request.bytes[3] = 7;
                assert_int_equal(apply_one(stage, &ops[i]).status, ERR_OK);
        }
        hand_clock_advance_ms(&stage->clock, (uint64_t)(STORE_REQUESTS_DAYS - 1) * DAY_MS);
        for (size_t i = 0; i < countof(ops); i++) {
                struct store_op other = sign_in_op(stage, dora.user, "$hash"); /* whatever adds a line prunes */

                assert_int_equal(apply_one(stage, &other).status, ERR_OK);
                assert_true(apply_one(stage, &ops[i]).repeat);
        }
        hand_clock_advance_ms(&stage->clock, 2 * (uint64_t)DAY_MS);
        guess(stage, 1);
        for (size_t i = 0; i < countof(ops); i++) {
                ops[i].sign_in.new_device = random_id63(&stage->random.random);
                assert_false(apply_one(stage, &ops[i]).repeat);
        }
}

static void test_import(void **state)
{
        struct stage *stage = *state;
        struct store_op op = {.kind = STORE_IMPORT, .request = stage_id(stage)};
        static char text[600];

        memset(text, 'l', sizeof(text));
        op.import.user_name = op.import.name_folded = SLICE_LITERAL("dora");
        op.import.email = op.import.email_folded = SLICE_LITERAL("anna@example.org");
        op.import.display_name = op.import.device_name = SLICE_LITERAL("Dora");
        op.import.password_hash = "";
        op.import.new_user = 8;
        op.import.new_device = 9;
        assert_int_equal(apply_one(stage, &op).status, ERR_NAME_TAKEN); /* the address is */
        op.import.email = op.import.email_folded = SLICE_LITERAL("dora@example.org");
        op.import.display_name = slice_of(text, sizeof(text));
        assert_int_equal(apply_one(stage, &op).status, ERR_BAD_FIELD);
        op.import.display_name = SLICE_LITERAL("Dora");
        assert_int_equal(apply_one(stage, &op).status, ERR_OK);
        assert_int_equal(apply_one(stage, &op).status, ERR_NAME_TAKEN);
        assert_string_equal(login(stage, "dora", 0).login.password_hash, "");
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                STAGE_TEST(test_sign_up_and_confirm),
                STAGE_TEST(test_repeats_of_sign_up_and_confirm),
                STAGE_TEST(test_a_known_address_looks_the_same),
                STAGE_TEST(test_wrong_codes),
                STAGE_TEST(test_codes_expire),
                STAGE_TEST(test_who_confirms_first_has_the_name),
                STAGE_TEST(test_open_sign_ups_of_one_address_are_limited),
                STAGE_TEST(test_too_long_names_are_refused),
                STAGE_TEST(test_sign_in),
                STAGE_TEST(test_devices_are_limited),
                STAGE_TEST(test_wrong_passwords_make_wait),
                STAGE_TEST(test_renew),
                STAGE_TEST(test_sign_out_of_one_and_of_all),
                STAGE_TEST(test_requests_are_kept_for_a_time),
                STAGE_TEST(test_import),
        };

        return STAGE_RUN("accounts", tests);
}
