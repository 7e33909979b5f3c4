/* What an account is, through the service: letters, repeats, refusals; a password that was reset reaches every frontend. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
// clang-format off
#include <cmocka.h>
// clang-format on

#include "base/assert.h"
#include "rules/limits.h"
#include "service/stage.h"

#define EMAIL "dora@example.org"

static struct stage stage;
static const struct client visitor = {.connection = 500};
static const uint8_t secret[32] = "a secret that nobody else knows.";
static const struct id no_room;

static int set_up(void **state)
{
        (void)state;
        stage_start(&stage, &service_auth);
        return 0;
}

static int tear_down(void **state)
{
        (void)state;
        stage_stop(&stage);
        return 0;
}

/* ---- asking ---- */

static struct id ask(const struct client *client, enum wire_code code, const void *body)
{
        struct id request = stage_send(&stage, client, code, no_room, body);

        stage_work(&stage, 1000);
        return request;
}

static enum error answer(const struct client *client, enum wire_code code, const void *body)
{
        return stage_error(&stage, ask(client, code, body));
}

/* The letter of that kind of a request, or NULL. */
static const struct wire_mail *letter_of(struct id request, enum wire_mail_kind kind)
{
        for (size_t i = 0; i < stage.heard_count; i++) {
                const struct wire_mail *mail = &stage.heard[i].mail;

                if (stage.heard[i].record == WIRE_CODE_mail && id_equal(&mail->request, &request) && mail->kind == kind)
                        return mail;
        }
        return NULL;
}

static struct client dora(void)
{
        const struct wire_sign_up up = {.email = SLICE_LITERAL(EMAIL),
                                        .user_name = SLICE_LITERAL("dora"),
                                        .display_name = SLICE_LITERAL("Dora"),
                                        .password = SLICE_LITERAL("correct horse")};
        struct id request = ask(&visitor, WIRE_CODE_sign_up, &up);
        struct wire_confirm confirm = {.email = SLICE_LITERAL(EMAIL),
                                       .device_secret = slice_of(secret, sizeof(secret)),
                                       .device_name = SLICE_LITERAL("phone"),
                                       .sign_up = request};
        struct wire_signed_in body;

        confirm.code = letter_of(request, WIRE_MAIL_CODE)->code;
        stage_body(stage_reply(&stage, ask(&visitor, WIRE_CODE_confirm, &confirm)), WIRE_CODE_signed_in,
                   WIRE_STRUCTURE(signed_in), &body);
        return (struct client){body.profile.user, body.device, 501, 1};
}

static enum error sign_in(const char *password)
{
        const struct wire_sign_in body = {.login = SLICE_LITERAL("dora"),
                                          .password = slice_text(password),
                                          .device_secret = slice_of(secret, sizeof(secret)),
                                          .device_name = SLICE_LITERAL("tablet")};

        return answer(&visitor, WIRE_CODE_sign_in, &body);
}

static struct wire_reset_confirm reset_confirm_of(struct id reset, struct slice code)
{
        return (struct wire_reset_confirm){.email = SLICE_LITERAL(EMAIL),
                                           .code = code,
                                           .device_secret = slice_of(secret, sizeof(secret)),
                                           .device_name = SLICE_LITERAL("new phone"),
                                           .reset = reset,
                                           .password = SLICE_LITERAL("a new password")};
}

/* Every frontend heard once that all of the user's devices but that one are out. */
static void assert_revoked(uint64_t user, uint64_t except)
{
        for (int partition = 0; partition < STAGE_FRONTENDS; partition++) {
                size_t count = 0;

                for (size_t i = 0; i < stage.heard_count; i++) {
                        const struct wire_revoke *revoke = &stage.heard[i].revoke;

                        if (stage.heard[i].record != WIRE_CODE_revoke || stage.heard[i].partition != partition)
                                continue;
                        assert_int_equal(revoke->user, user);
                        assert_int_equal(revoke->device, 0);
                        assert_int_equal(revoke->except, except);
                        count++;
                }
                assert_int_equal(count, 1);
        }
}

/* ---- reset ---- */

static void test_a_reset_revokes_everywhere_and_again_at_a_repeat(void **state)
{
        struct client client = dora();
        const struct wire_reset body = {.email = SLICE_LITERAL("DORA@example.org"), .language = SLICE_LITERAL("ru")};
        struct id reset = ask(&visitor, WIRE_CODE_reset, &body), request;
        struct wire_reset_confirm confirm;
        struct wire_signed_in first, again;
        char code[17];

        (void)state;
        assert_int_equal(stage_error(&stage, reset), ERR_OK);
        assert_non_null(letter_of(reset, WIRE_MAIL_RESET));
        snprintf(code, sizeof(code), "%.*s", (int)letter_of(reset, WIRE_MAIL_RESET)->code.size,
                 (const char *)letter_of(reset, WIRE_MAIL_RESET)->code.data);
        assert_int_equal(strlen(code), CODE_DIGITS);
        stage_forget(&stage);
        confirm = reset_confirm_of(reset, slice_text(code));
        stage_fail(&stage, FAULT_FLUSH, FAULT_FAIL, 1, 20); /* however long the bus is away (L7) */
        request = stage_send(&stage, &visitor, WIRE_CODE_reset_confirm, no_room, &confirm);
        stage_work(&stage, 120000);
        stage_body(stage_reply(&stage, request), WIRE_CODE_signed_in, WIRE_STRUCTURE(signed_in), &first);
        assert_int_equal(first.profile.user, client.user);
        assert_int_not_equal(first.device, client.device);
        assert_revoked(client.user, first.device);

        stage_forget(&stage);
        stage_resend(&stage, &visitor, WIRE_CODE_reset_confirm, no_room, &confirm, request);
        stage_work(&stage, 1000);
        stage_body(stage_reply(&stage, request), WIRE_CODE_signed_in, WIRE_STRUCTURE(signed_in), &again);
        assert_int_equal(again.device, first.device);
        assert_revoked(client.user, first.device);
        assert_int_equal(sign_in("correct horse"), ERR_BAD_LOGIN);
        assert_int_equal(sign_in("a new password"), ERR_OK);

        confirm.password = SLICE_LITERAL("another password"); /* the same id with another content */
        stage_resend(&stage, &visitor, WIRE_CODE_reset_confirm, no_room, &confirm, request);
        stage_forget(&stage);
        stage_work(&stage, 1000);
        assert_int_equal(stage_error(&stage, request), ERR_REUSED_ID);
}

/* What is answered, and how much work it was: one letter each. */
static void test_known_and_unknown_addresses_look_alike(void **state)
{
        const struct wire_reset known = {.email = SLICE_LITERAL(EMAIL)};
        const struct wire_reset unknown = {.email = SLICE_LITERAL("nobody@example.org")};
        struct wire_code_sent answers[2];
        struct wire_reset_confirm confirm;
        struct id request;

        (void)state;
        dora();
        stage_forget(&stage);
        request = ask(&visitor, WIRE_CODE_reset, &known);
        stage_body(stage_reply(&stage, request), WIRE_CODE_code_sent, WIRE_STRUCTURE(code_sent), &answers[0]);
        assert_int_equal(stage_records(&stage, BUS_NOTIFY, WIRE_CODE_mail), 1);
        stage_forget(&stage);
        request = ask(&visitor, WIRE_CODE_reset, &unknown);
        stage_body(stage_reply(&stage, request), WIRE_CODE_code_sent, WIRE_STRUCTURE(code_sent), &answers[1]);
        assert_int_equal(stage_records(&stage, BUS_NOTIFY, WIRE_CODE_mail), 1);
        assert_non_null(letter_of(request, WIRE_MAIL_RESET_UNKNOWN));
        assert_int_equal(letter_of(request, WIRE_MAIL_RESET_UNKNOWN)->code.size, 0);
        assert_memory_equal(&answers[0], &answers[1], sizeof(answers[0]));
        confirm = reset_confirm_of(request, SLICE_LITERAL("123456"));
        confirm.email = SLICE_LITERAL("nobody@example.org");
        assert_int_equal(answer(&visitor, WIRE_CODE_reset_confirm, &confirm), ERR_BAD_CODE);
        assert_int_equal(stage_records(&stage, BUS_FRONTENDS, WIRE_CODE_revoke), 0);
}

static void test_a_reset_checks_its_fields(void **state)
{
        const struct wire_reset bad = {.email = SLICE_LITERAL("no address")};
        struct id some = stage_id(&stage);
        struct wire_reset_confirm confirm = reset_confirm_of(some, SLICE_LITERAL("123456"));

        (void)state;
        assert_int_equal(answer(&visitor, WIRE_CODE_reset, &bad), ERR_BAD_FIELD);
        confirm.password = SLICE_LITERAL("short");
        assert_int_equal(answer(&visitor, WIRE_CODE_reset_confirm, &confirm), ERR_BAD_FIELD);
        confirm = reset_confirm_of(some, SLICE_LITERAL("123456"));
        confirm.device_secret.size = 31;
        assert_int_equal(answer(&visitor, WIRE_CODE_reset_confirm, &confirm), ERR_BAD_FIELD);
        confirm = reset_confirm_of((struct id){0}, SLICE_LITERAL("123456"));
        assert_int_equal(answer(&visitor, WIRE_CODE_reset_confirm, &confirm), ERR_BAD_FIELD);
}

/* ---- password ---- */

static void test_a_password_and_who_stays(void **state)
{
        struct client client = dora(), gone = client;
        struct wire_set_password body = {.password = SLICE_LITERAL("a wrong guess"),
                                         .new_password = SLICE_LITERAL("the next one")};
        struct id request;

        (void)state;
        assert_int_equal(answer(&client, WIRE_CODE_set_password, &body), ERR_BAD_LOGIN);
        body.password = SLICE_LITERAL("correct horse");
        request = ask(&client, WIRE_CODE_set_password, &body);
        assert_int_equal(stage_error(&stage, request), ERR_OK);
        assert_int_equal(stage_records(&stage, BUS_FRONTENDS, WIRE_CODE_revoke), 0);
        /* Again: the old password is not right any more, and it was done all the same. */
        stage_forget(&stage);
        stage_resend(&stage, &client, WIRE_CODE_set_password, no_room, &body, request);
        stage_work(&stage, 1000);
        assert_int_equal(stage_error(&stage, request), ERR_OK);
        stage_forget(&stage);
        body = (struct wire_set_password){
                .password = SLICE_LITERAL("the next one"), .new_password = SLICE_LITERAL("the last one"), .others = 1};
        assert_int_equal(answer(&client, WIRE_CODE_set_password, &body), ERR_OK);
        assert_revoked(client.user, client.device);
        assert_int_equal(sign_in("the last one"), ERR_OK);
        body.new_password = SLICE_LITERAL("short");
        assert_int_equal(answer(&client, WIRE_CODE_set_password, &body), ERR_BAD_FIELD);
        body = (struct wire_set_password){.password = SLICE_LITERAL("the last one"),
                                          .new_password = SLICE_LITERAL("a thief's own")};
        gone.device++;
        assert_int_equal(answer(&gone, WIRE_CODE_set_password, &body), ERR_REVOKED);
        assert_int_equal(sign_in("the last one"), ERR_OK);
}

/* ---- names, address ---- */

static void test_names(void **state)
{
        struct client client = dora(), gone = client;
        struct wire_set_profile body = {.display_name = SLICE_LITERAL("Theodora")};
        struct wire_profile_set set;

        (void)state;
        stage_body(stage_reply(&stage, ask(&client, WIRE_CODE_set_profile, &body)), WIRE_CODE_profile_set,
                   WIRE_STRUCTURE(profile_set), &set);
        assert_true(slice_equal(set.profile.display_name, SLICE_LITERAL("Theodora")));
        assert_true(slice_equal(set.profile.user_name, SLICE_LITERAL("dora")));
        assert_int_equal(set.profile.version, 2);
        body = (struct wire_set_profile){.user_name = SLICE_LITERAL("anna")};
        assert_int_equal(answer(&client, WIRE_CODE_set_profile, &body), ERR_NAME_TAKEN);
        body = (struct wire_set_profile){.user_name = SLICE_LITERAL("no name!")};
        assert_int_equal(answer(&client, WIRE_CODE_set_profile, &body), ERR_BAD_FIELD);
        body = (struct wire_set_profile){0};
        assert_int_equal(answer(&client, WIRE_CODE_set_profile, &body), ERR_BAD_FIELD);
        body = (struct wire_set_profile){.user_name = SLICE_LITERAL("thea")};
        gone.device++;
        assert_int_equal(answer(&gone, WIRE_CODE_set_profile, &body), ERR_REVOKED);
}

static void test_an_address_and_its_letters(void **state)
{
        struct client client = dora(), gone = client;
        struct wire_set_email body = {.email = SLICE_LITERAL("new@example.org"), .password = SLICE_LITERAL("a wrong guess")};
        struct wire_confirm_email confirm = {.email = SLICE_LITERAL("new@example.org")};
        struct id request;

        (void)state;
        stage_forget(&stage);
        assert_int_equal(answer(&client, WIRE_CODE_set_email, &body), ERR_BAD_LOGIN);
        assert_int_equal(stage_records(&stage, BUS_NOTIFY, WIRE_CODE_mail), 0);
        body.password = SLICE_LITERAL("correct horse");
        request = ask(&client, WIRE_CODE_set_email, &body);
        assert_int_equal(stage_error(&stage, request), ERR_OK);
        assert_true(slice_equal(letter_of(request, WIRE_MAIL_EMAIL)->to, SLICE_LITERAL("new@example.org")));
        assert_true(slice_equal(letter_of(request, WIRE_MAIL_EMAIL_NOTICE)->to, SLICE_LITERAL(EMAIL)));
        assert_int_equal(letter_of(request, WIRE_MAIL_EMAIL_NOTICE)->code.size, 0);
        confirm.set_email = request;
        confirm.code = SLICE_LITERAL("000000");
        assert_int_equal(answer(&client, WIRE_CODE_confirm_email, &confirm), ERR_BAD_CODE);
        confirm.code = letter_of(request, WIRE_MAIL_EMAIL)->code;
        gone.device++;
        assert_int_equal(answer(&gone, WIRE_CODE_confirm_email, &confirm), ERR_REVOKED);
        assert_int_equal(answer(&stage.anna, WIRE_CODE_confirm_email, &confirm), ERR_BAD_CODE); /* another's */
        assert_int_equal(answer(&client, WIRE_CODE_confirm_email, &confirm), ERR_OK);
        confirm.code = (struct slice){0};
        assert_int_equal(answer(&client, WIRE_CODE_confirm_email, &confirm), ERR_BAD_FIELD);
        body.email = SLICE_LITERAL("no address");
        assert_int_equal(answer(&client, WIRE_CODE_set_email, &body), ERR_BAD_FIELD);
        body.email = SLICE_LITERAL("dora3@example.org");
        assert_int_equal(answer(&gone, WIRE_CODE_set_email, &body), ERR_REVOKED);
}

/* ---- the end ---- */

static void test_an_account_ends_and_every_frontend_hears_it(void **state)
{
        struct client client = dora(), gone = client;
        struct wire_delete_account body = {.password = SLICE_LITERAL("a wrong guess")};
        struct id request;

        (void)state;
        stage_forget(&stage);
        assert_int_equal(answer(&client, WIRE_CODE_delete_account, &body), ERR_BAD_LOGIN);
        body.password = (struct slice){0};
        assert_int_equal(answer(&client, WIRE_CODE_delete_account, &body), ERR_BAD_FIELD);
        body.password = SLICE_LITERAL("correct horse");
        gone.device++;
        assert_int_equal(answer(&gone, WIRE_CODE_delete_account, &body), ERR_REVOKED);
        assert_int_equal(stage_records(&stage, BUS_FRONTENDS, WIRE_CODE_revoke), 0);
        request = ask(&client, WIRE_CODE_delete_account, &body);
        assert_int_equal(stage_error(&stage, request), ERR_OK);
        assert_revoked(client.user, 0);
        stage_forget(&stage);
        stage_resend(&stage, &client, WIRE_CODE_delete_account, no_room, &body, request); /* from a device that is out */
        stage_work(&stage, 1000);
        assert_int_equal(stage_error(&stage, request), ERR_OK);
        assert_revoked(client.user, 0);
        assert_int_equal(sign_in("correct horse"), ERR_BAD_LOGIN);
}

static void test_a_device_that_was_used_is_written_down(void **state)
{
        const struct wire_seen seen = {.time_ms = 1};
        const struct store_question question = {
                .kind = STORE_ASK_DEVICE, .user = stage.anna.user, .device = stage.anna.device};
        uint64_t before = stage_ask(&stage, &question).seen_ms;
        struct id request;

        (void)state;
        hand_clock_advance_ms(&stage.clock, 2 * STORE_SEEN_MS);
        request = stage_send(&stage, &stage.anna, WIRE_CODE_seen, no_room, &seen);
        stage_work(&stage, 1000);
        assert_null(stage_reply(&stage, request));
        assert_true(stage_ask(&stage, &question).seen_ms >= before + 2 * STORE_SEEN_MS);
}

/* ---- invitations ---- */

static void begin_anew(enum registration registration, bool member_invites)
{
        stage.seams.registration = registration;
        stage.seams.member_invites = member_invites;
        stage_notes(&stage, NULL);
}

static void test_invitations(void **state)
{
        struct client client = dora(), gone = client;
        struct wire_sign_up up = {.email = SLICE_LITERAL("eve@example.org"),
                                  .user_name = SLICE_LITERAL("eve"),
                                  .display_name = SLICE_LITERAL("Eve"),
                                  .password = SLICE_LITERAL("correct horse")};
        struct wire_invite body = {.uses = 1, .valid_ms = INVITE_VALID_MIN};
        struct wire_invited first, again;
        struct id request;
        char link[64];

        (void)state;
        assert_int_equal(answer(&client, WIRE_CODE_invite, &body), ERR_NOT_ALLOWED);
        begin_anew(REGISTRATION_INVITE, true);
        assert_int_equal(answer(&visitor, WIRE_CODE_sign_up, &up), ERR_NO_INVITE);
        up.invite = SLICE_LITERAL("0123456789abcdefghjkmnpqrs");
        assert_int_equal(answer(&visitor, WIRE_CODE_sign_up, &up), ERR_NO_INVITE);
        request = ask(&client, WIRE_CODE_invite, &body);
        stage_body(stage_reply(&stage, request), WIRE_CODE_invited, WIRE_STRUCTURE(invited), &first);
        snprintf(link, sizeof(link), "https://x.org/i/%.*s", (int)first.token.size, (const char *)first.token.data);
        stage_forget(&stage);
        stage_resend(&stage, &client, WIRE_CODE_invite, no_room, &body, request);
        stage_work(&stage, 1000);
        stage_body(stage_reply(&stage, request), WIRE_CODE_invited, WIRE_STRUCTURE(invited), &again);
        assert_true(slice_equal(again.token, slice_text(strrchr(link, '/') + 1)));
        up.invite = slice_text(link);
        assert_int_equal(answer(&visitor, WIRE_CODE_sign_up, &up), ERR_OK);
        body.valid_ms = INVITE_VALID_MIN - 1;
        assert_int_equal(answer(&client, WIRE_CODE_invite, &body), ERR_BAD_FIELD);
        body = (struct wire_invite){.uses = 1, .valid_ms = INVITE_VALID_MIN};
        gone.device++;
        assert_int_equal(answer(&gone, WIRE_CODE_invite, &body), ERR_REVOKED);
        begin_anew(REGISTRATION_CLOSED, true);
        assert_int_equal(answer(&visitor, WIRE_CODE_sign_up, &up), ERR_NO_SIGN_UP);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
        static const struct CMUnitTest tests[] = {
                TEST(test_a_reset_revokes_everywhere_and_again_at_a_repeat),
                TEST(test_known_and_unknown_addresses_look_alike),
                TEST(test_a_reset_checks_its_fields),
                TEST(test_a_password_and_who_stays),
                TEST(test_names),
                TEST(test_an_address_and_its_letters),
                TEST(test_an_account_ends_and_every_frontend_hears_it),
                TEST(test_a_device_that_was_used_is_written_down),
                TEST(test_invitations),
        };

        return cmocka_run_group_tests_name("settings", tests, NULL, NULL);
}
