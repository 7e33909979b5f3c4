/* The service of accounts: known and unknown look alike, codes and passwords are limited, secrets are nowhere plain, revoke goes to all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
// clang-format off
#include <cmocka.h>
// clang-format on

#include "base/assert.h"
#include "base/memory.h"
#include "rules/limits.h"
#include "service/stage.h"

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

static struct wire_sign_up sign_up_of(const char *name, const char *email)
{
        return (struct wire_sign_up){.email = slice_text(email),
                                     .user_name = slice_text(name),
                                     .display_name = SLICE_LITERAL("Dora"),
                                     .password = SLICE_LITERAL("correct horse"),
                                     .language = SLICE_LITERAL("en")};
}

static struct id sign_up(const char *name, const char *email)
{
        struct wire_sign_up body = sign_up_of(name, email);
        struct id request = stage_send(&stage, &visitor, WIRE_CODE_sign_up, no_room, &body);

        stage_work(&stage, 1000);
        return request;
}

/* The code in the letter of that sign-up; NULL if there is no such letter. */
static const char *code_of(struct id request)
{
        static char code[17];

        for (size_t i = 0; i < stage.heard_count; i++) {
                const struct wire_mail *mail = &stage.heard[i].mail;

                if (stage.heard[i].record != WIRE_CODE_mail || !id_equal(&mail->request, &request))
                        continue;
                snprintf(code, sizeof(code), "%.*s", (int)mail->code.size, (const char *)mail->code.data);
                return code;
        }
        return NULL;
}

static struct id confirm(struct id sign_up, const char *email, const char *code)
{
        struct wire_confirm body = {.email = slice_text(email),
                                    .code = slice_text(code),
                                    .device_secret = slice_of(secret, sizeof(secret)),
                                    .device_name = SLICE_LITERAL("phone"),
                                    .sign_up = sign_up};
        struct id request = stage_send(&stage, &visitor, WIRE_CODE_confirm, no_room, &body);

        stage_work(&stage, 1000);
        return request;
}

static struct id sign_in(const char *login, const char *password)
{
        struct wire_sign_in body = {.login = slice_text(login),
                                    .password = slice_text(password),
                                    .device_secret = slice_of(secret, sizeof(secret)),
                                    .device_name = SLICE_LITERAL("tablet")};
        struct id request = stage_send(&stage, &visitor, WIRE_CODE_sign_in, no_room, &body);

        stage_work(&stage, 1000);
        return request;
}

static struct wire_signed_in signed_in_of(struct id request)
{
        struct wire_signed_in body;

        stage_body(stage_reply(&stage, request), WIRE_CODE_signed_in, WIRE_STRUCTURE(signed_in), &body);
        assert_int_equal(body.token.size, TOKEN_SIZE);
        assert_int_equal(token_verify(&stage.keys, body.profile.user, body.device, body.token.data + 8), TOKEN_GOOD);
        return body;
}

static struct client dora(void)
{
        struct id request = sign_up("dora", "dora@example.org");
        struct wire_signed_in body = signed_in_of(confirm(request, "dora@example.org", code_of(request)));

        return (struct client){body.profile.user, body.device, 501, 1};
}

static void test_sign_up_confirm_sign_in(void **state)
{
        struct id request = sign_up("Dora", "Dora@Example.org");
        struct wire_signed_in first, second;
        struct wire_renew renew;
        struct id renewed;

        (void)state;
        assert_non_null(code_of(request));
        assert_int_equal(strlen(code_of(request)), CODE_DIGITS);
        first = signed_in_of(confirm(request, "dora@example.ORG", code_of(request))); /* addresses fold */
        second = signed_in_of(sign_in("DORA", "correct horse"));
        assert_int_equal(first.profile.user, second.profile.user);
        assert_int_not_equal(first.device, second.device);
        signed_in_of(sign_in("dora@example.org", "correct horse"));
        renew = (struct wire_renew){
                .user = first.profile.user, .device = first.device, .device_secret = slice_of(secret, sizeof(secret))};
        renewed = stage_send(&stage, &visitor, WIRE_CODE_renew, no_room, &renew);
        stage_work(&stage, 100);
        assert_int_equal(signed_in_of(renewed).device, first.device);
        assert_int_equal(stage_error(&stage, sign_in("dora", "correct hors")), ERR_BAD_LOGIN);
}

/* The same reply, the same calls to every seam in the same order, the same hashing: nothing to measure. */
static void test_known_and_unknown_look_alike(void **state)
{
        static const char *const emails[] = {"dora@example.org", "anna@example.org"};
        static const char *const names[] = {"anna", "nobody.at.all"};
        char calls[2][256];
        struct slice bodies[2];

        (void)state;
        for (int i = 0; i < 2; i++) { /* sign-up: an address that nobody has, and Anna's */
                struct wire_sign_up body = sign_up_of("dora", emails[i]);
                struct id request;

                stage_fail(&stage, FAULT_FLUSH, FAULT_NONE, 0, 0);
                request = stage_send(&stage, &visitor, WIRE_CODE_sign_up, no_room, &body);
                stage_work(&stage, 0);
                assert_int_equal(stage_error(&stage, request), ERR_OK);
                bodies[i] = stage_reply(&stage, request)->frame.body;
                strcpy(calls[i], stage.script.calls);
                assert_non_null(code_of(request)); /* both get a letter */
        }
        assert_true(slice_equal(bodies[0], bodies[1]));
        assert_string_equal(calls[0], calls[1]);
        for (int i = 0; i < 2; i++) { /* sign-in: Anna's name, and nobody's */
                stage_fail(&stage, FAULT_FLUSH, FAULT_NONE, 0, 0);
                for (int guess = 0; guess < 8; guess++)
                        assert_int_equal(stage_error(&stage, sign_in(names[i], "wrong password")),
                                         guess < 5 ? ERR_BAD_LOGIN : ERR_GUESSED);
                strcpy(calls[i], stage.script.calls);
        }
        assert_string_equal(calls[0], calls[1]);
}

static void test_known_addresses_get_another_letter(void **state)
{
        struct wire_sign_up body = sign_up_of("dora", "anna@example.org");
        struct id request;

        (void)state;
        request = stage_send(&stage, &visitor, WIRE_CODE_sign_up, no_room, &body);
        stage_work(&stage, 1000);
        assert_int_equal(stage_error(&stage, request), ERR_OK);
        assert_string_equal(code_of(request), ""); /* no code in it */
        assert_int_equal(stage_error(&stage, confirm(request, "anna@example.org", "000000")), ERR_BAD_CODE);
}

static void test_one_letter_a_request(void **state)
{
        struct wire_sign_up body = sign_up_of("dora", "dora@example.org");
        struct id request = stage_send(&stage, &visitor, WIRE_CODE_sign_up, no_room, &body);
        char first[16];

        (void)state;
        stage_work(&stage, 1000);
        assert_int_equal(stage_records(&stage, BUS_NOTIFY, WIRE_CODE_mail), 1);
        strcpy(first, code_of(request));
        /* A repeat may be one whose letter was never written: it goes again, with the same code. */
        stage_forget(&stage);
        stage_resend(&stage, &visitor, WIRE_CODE_sign_up, no_room, &body, request);
        stage_work(&stage, 1000);
        assert_string_equal(code_of(request), first);
        signed_in_of(confirm(request, "dora@example.org", first));
}

static void test_codes_cannot_be_guessed(void **state)
{
        struct id request = sign_up("dora", "dora@example.org");
        char right[16], wrong[16];

        (void)state;
        strcpy(right, code_of(request));
        strcpy(wrong, right);
        wrong[0] = wrong[0] == '9' ? '0' : '9';
        for (int i = 0; i < STORE_GUESSES_MAX; i++)
                assert_int_equal(stage_error(&stage, confirm(request, "dora@example.org", wrong)), ERR_BAD_CODE);
        assert_int_equal(stage_error(&stage, confirm(request, "dora@example.org", right)), ERR_GUESSED);
        assert_string_not_equal(code_of(sign_up("dora", "dora@example.org")), right);
}

static void test_fields_are_checked(void **state)
{
        static const struct {
                const char *name, *email, *password, *display_name;
        } cases[] = {
                {"d", "dora@example.org", "correct horse", "Dora"},   {"dora", "dora", "correct horse", "Dora"},
                {"dora", "dora@example.org", "short", "Dora"},        {"dora", "dora@example.org", "correct horse", " "},
                {"do ra", "dora@example.org", "correct horse", "Do"}, {"dora", "a@b.c,d@e.f", "correct horse", "Dora"},
        };

        (void)state;
        for (size_t i = 0; i < countof(cases); i++) {
                struct wire_sign_up body = sign_up_of(cases[i].name, cases[i].email);
                struct id request;

                body.password = slice_text(cases[i].password);
                body.display_name = slice_text(cases[i].display_name);
                request = stage_send(&stage, &visitor, WIRE_CODE_sign_up, no_room, &body);
                stage_work(&stage, 0);
                assert_int_equal(stage_error(&stage, request), ERR_BAD_FIELD);
        }
        assert_int_equal(stage_records(&stage, BUS_NOTIFY, WIRE_CODE_mail), 0);
}

/* ---- what lies on the disk ---- */

static bool file_has(const char *name, const void *needle, size_t size)
{
        char path[128];
        struct stat info;
        uint8_t *bytes;
        bool found;
        FILE *file;

        snprintf(path, sizeof(path), "%s/%s", stage.folder, name);
        file = fopen(path, "re");
        if (!file)
                return false;
        assert_int_equal(fstat(fileno(file), &info), 0);
        bytes = memory_new((size_t)info.st_size + 1);
        assert_int_equal(fread(bytes, 1, (size_t)info.st_size, file), info.st_size);
        found = memmem(bytes, (size_t)info.st_size, needle, size) != NULL;
        memory_free(bytes);
        fclose(file);
        return found;
}

static bool disk_has(const void *needle, size_t size)
{
        return file_has("galka.db", needle, size) || file_has("galka.db-wal", needle, size);
}

static void test_secrets_are_never_stored_plain(void **state)
{
        struct id request = sign_up("dora", "dora@example.org");
        char code[16];
        struct wire_signed_in body;

        (void)state;
        strcpy(code, code_of(request));
        body = signed_in_of(confirm(request, "dora@example.org", code));
        signed_in_of(sign_in("dora", "correct horse"));
        sign_in("dora", "a wrong password");
        assert_true(disk_has("dora@example.org", 16)); /* the search itself works */
        assert_false(disk_has("correct horse", 13));
        assert_false(disk_has("a wrong password", 16));
        assert_false(disk_has(secret, sizeof(secret)));
        assert_false(disk_has(code, strlen(code)));
        assert_false(disk_has(body.token.data + 8, 32));
}

/* ---- sign-out ---- */

static void test_sign_out_reaches_every_frontend(void **state)
{
        struct client client = dora();
        struct wire_sign_out body = {.device = client.device};
        struct id request;

        (void)state;
        stage_forget(&stage);
        stage_fail(&stage, FAULT_FLUSH, FAULT_FAIL, 1, 20); /* however long the bus is away: it is never given up (L7) */
        request = stage_send(&stage, &client, WIRE_CODE_sign_out, no_room, &body);
        stage_work(&stage, 120000);
        assert_int_equal(stage_error(&stage, request), ERR_OK);
        for (int partition = 0; partition < STAGE_FRONTENDS; partition++) {
                size_t count = 0;

                for (size_t i = 0; i < stage.heard_count; i++) {
                        if (stage.heard[i].record != WIRE_CODE_revoke || stage.heard[i].partition != partition)
                                continue;
                        assert_int_equal(stage.heard[i].revoke.user, client.user);
                        assert_int_equal(stage.heard[i].revoke.device, client.device);
                        count++;
                }
                assert_int_equal(count, 1);
        }
        /* Once more, from a device that is out now: the first answer, and the frontends hear it again (L1, L7). */
        stage_forget(&stage);
        stage_resend(&stage, &client, WIRE_CODE_sign_out, no_room, &body, request);
        stage_work(&stage, 1000);
        assert_int_equal(stage_error(&stage, request), ERR_OK);
        assert_int_equal(stage_records(&stage, BUS_FRONTENDS, WIRE_CODE_revoke), STAGE_FRONTENDS);
}

/* auth has no presence in which a loss could be marked: replies that the bus does not take are given up, and it lives on. */
static void test_replies_that_the_bus_does_not_take(void **state)
{
        struct presence *presence = stage.seams.presence;
        struct wire_sign_up bad = sign_up_of("no name, no letter", "dora@example.org");
        struct id request;

        (void)state;
        worker_free(&stage.worker);
        stage.seams.presence = NULL;
        check(worker_new(&service_auth, &stage.seams, 0, &stage.worker) == ERR_OK);
        stage_fail(&stage, FAULT_FLUSH, FAULT_FAIL, 1, 100000);
        request = stage_send(&stage, &visitor, WIRE_CODE_sign_up, no_room, &bad);
        stage_work(&stage, 20000);
        assert_null(stage_reply(&stage, request));
        assert_int_equal(stage_committed(&stage), 1);
        assert_true(stage.script.seen[FAULT_FLUSH] < 30);
        stage_fail(&stage, FAULT_FLUSH, FAULT_NONE, 0, 0);
        request = stage_send(&stage, &visitor, WIRE_CODE_sign_up, no_room, &bad);
        stage_work(&stage, 1000);
        assert_int_equal(stage_error(&stage, request), ERR_BAD_FIELD);
        stage.seams.presence = presence;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
        static const struct CMUnitTest tests[] = {
                TEST(test_sign_up_confirm_sign_in),
                TEST(test_known_and_unknown_look_alike),
                TEST(test_known_addresses_get_another_letter),
                TEST(test_one_letter_a_request),
                TEST(test_codes_cannot_be_guessed),
                TEST(test_fields_are_checked),
                TEST(test_secrets_are_never_stored_plain),
                TEST(test_sign_out_reaches_every_frontend),
                TEST(test_replies_that_the_bus_does_not_take),
        };

        return cmocka_run_group_tests_name("auth", tests, NULL, NULL);
}
