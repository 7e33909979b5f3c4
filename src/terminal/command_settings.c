/* What one changes of an account: reset, password, profile, email, delete-account, invite. */
#include <inttypes.h>
#include <stdlib.h>

#include "crypto/crypto.h"
#include "crypto/random.h"
#include "rules/limits.h"
#include "terminal/ask.h"
#include "terminal/command_account.h"
#include "terminal/print.h"
#include "terminal/safe.h"

#define DAY_MS UINT64_C(86400000)

static void say(const struct session *session, const char *text)
{
        if (!session->json)
                puts(text);
}

/* ---- reset ---- */

static int reset_confirm(struct session *session)
{
        struct waiting waiting = {0};
        char password[PASSWORD_SIZE], code[CODE_TEXT_SIZE], device[129];
        uint8_t secret[32];
        int result = EXIT_REFUSED;

        get_device_name(device);
        crypto_random(secret, sizeof(secret));
        host_set_listener(session->host, on_sign, &waiting);
        for (int i = 0; result == EXIT_REFUSED && get_code(code, i); i++) {
                enum error taken;

                if (i == 0 && !get_answer(command_flags.password_file, &new_password_question, "reset needs a new password",
                                          password, sizeof(password)))
                        break;
                waiting.done = false;
                taken = core_reset_confirm(session->host->core, slice_text(code), slice_text(password), secret,
                                           slice_text(device), host_time(session->host));
                result = wait_for_answer(session, &waiting, taken);
                if (result == EXIT_REFUSED && waiting.error != ERR_BAD_CODE)
                        break;
        }
        host_set_listener(session->host, NULL, NULL);
        crypto_wipe(secret, sizeof(secret));
        crypto_wipe(password, sizeof(password));
        return result == EXIT_DONE ? greet(session) : result;
}

int command_reset(struct session *session, int count, char **words)
{
        struct waiting waiting = {0};
        int result = session_need_lead(session);

        if (result != EXIT_DONE)
                return result;
        if (core_phase(session->host->core) >= CORE_OFFLINE)
                return session_complain(EXIT_REFUSED, "this profile is signed in; galka password sets another password");
        if (count == 0 && core_phase(session->host->core) == CORE_WAITS_FOR_RESET)
                return reset_confirm(session);
        if (count == 0)
                return session_complain(EXIT_USAGE, "usage: galka reset ADDRESS");
        waiting.bad_field = email_question.problem;
        host_set_listener(session->host, on_sign, &waiting);
        result = wait_for_answer(session, &waiting,
                                 core_reset(session->host->core, slice_text(words[0]), host_time(session->host)));
        host_set_listener(session->host, NULL, NULL);
        if (result != EXIT_DONE)
                return result;
        fprintf(stderr,
                "If there is an account with that address, a code was sent there. If this stops here, galka reset goes "
                "on with the code.\n");
        return reset_confirm(session);
}

/* ---- password ---- */

int command_password(struct session *session, int count, char **words)
{
        struct waiting waiting = {0};
        char password[PASSWORD_SIZE], new_password[PASSWORD_SIZE];
        enum error taken;
        int result = session_need_link(session, LINK_WAIT_MS);

        (void)count, (void)words;
        if (result != EXIT_DONE)
                return result;
        if (!get_password(password))
                return session_complain(EXIT_REFUSED, "password needs the password that is valid now");
        if (!get_answer(command_flags.new_password_file, &new_password_question, "password needs a new password",
                        new_password, sizeof(new_password)))
                return EXIT_REFUSED;
        host_set_listener(session->host, on_sign, &waiting);
        taken = core_set_password(session->host->core, slice_text(password), slice_text(new_password), command_flags.others,
                                  host_time(session->host));
        crypto_wipe(password, sizeof(password));
        crypto_wipe(new_password, sizeof(new_password));
        result = wait_for_answer(session, &waiting, taken);
        host_set_listener(session->host, NULL, NULL);
        if (result == EXIT_DONE)
                say(session, command_flags.others ? "The password is another now, and all other devices are signed out."
                                                  : "The password is another now. Other devices stay signed in.");
        return result;
}

/* ---- names ---- */

int command_profile(struct session *session, int count, char **words)
{
        struct waiting waiting = {0};
        const char *user_name = command_flags.user_name, *display_name = command_flags.display_name;
        char text[160];
        int result;

        if (!user_name && !display_name)
                return command_whoami(session, count, words);
        if ((user_name && !get_answer(user_name, &user_name_question, "", text, sizeof(text))) ||
            (display_name && !get_answer(display_name, &display_name_question, "", text, sizeof(text))))
                return EXIT_REFUSED;
        result = session_need_link(session, LINK_WAIT_MS);
        if (result != EXIT_DONE)
                return result;
        host_set_listener(session->host, on_sign, &waiting);
        result = wait_for_answer(session, &waiting,
                                 core_set_profile(session->host->core, slice_text(user_name ? user_name : ""),
                                                  slice_text(display_name ? display_name : ""), host_time(session->host)));
        host_set_listener(session->host, NULL, NULL);
        return result == EXIT_DONE ? command_whoami(session, count, words) : result;
}

/* ---- address ---- */

static int confirm_email(struct session *session)
{
        struct waiting waiting = {0};
        char code[CODE_TEXT_SIZE];
        int result = EXIT_REFUSED;

        host_set_listener(session->host, on_sign, &waiting);
        for (int i = 0; result == EXIT_REFUSED && get_code(code, i); i++) {
                enum error taken = core_confirm_email(session->host->core, slice_text(code), host_time(session->host));

                if (taken == ERR_NOT_NOW) {
                        session_complain(0, "no other address was asked for here: galka email ADDRESS");
                        break;
                }
                waiting.done = false;
                result = wait_for_answer(session, &waiting, taken);
                if (result == EXIT_REFUSED && waiting.error != ERR_BAD_CODE)
                        break;
        }
        host_set_listener(session->host, NULL, NULL);
        if (result == EXIT_DONE)
                say(session, "The account has another address now.");
        return result;
}

int command_email(struct session *session, int count, char **words)
{
        struct waiting waiting = {.bad_field = email_question.problem};
        char password[PASSWORD_SIZE];
        enum error taken;
        int result = session_need_link(session, LINK_WAIT_MS);

        if (result != EXIT_DONE)
                return result;
        if (count == 0)
                return confirm_email(session);
        if (!get_password(password))
                return session_complain(EXIT_REFUSED, "email needs your password");
        host_set_listener(session->host, on_sign, &waiting);
        taken = core_set_email(session->host->core, slice_text(words[0]), slice_text(password), host_time(session->host));
        crypto_wipe(password, sizeof(password));
        result = wait_for_answer(session, &waiting, taken);
        host_set_listener(session->host, NULL, NULL);
        if (result != EXIT_DONE)
                return result;
        fprintf(stderr, "A code was sent to %s. If this stops here, galka email goes on with the code.\n", words[0]);
        return confirm_email(session);
}

/* ---- the end of an account ---- */

int command_delete_account(struct session *session, int count, char **words)
{
        struct waiting waiting = {0};
        char password[PASSWORD_SIZE];
        enum error taken;
        int result = session_need_link(session, LINK_WAIT_MS);

        (void)count, (void)words;
        if (result != EXIT_DONE)
                return result;
        if (!session->json)
                fputs("This ends the account for good. What you wrote stays with those you wrote to; galka export keeps a "
                      "copy.\n",
                      stderr);
        if (!get_password(password))
                return session_complain(EXIT_REFUSED, "delete-account needs your password");
        host_set_listener(session->host, on_sign, &waiting);
        taken = core_delete_account(session->host->core, slice_text(password), host_time(session->host));
        crypto_wipe(password, sizeof(password));
        result = wait_for_answer(session, &waiting, taken);
        host_set_listener(session->host, NULL, NULL);
        if (result == EXIT_DONE)
                say(session, "The account is deleted.");
        return result;
}

/* ---- invitations ---- */

static void on_invited(void *context, const struct core_event *event)
{
        struct waiting *waiting = context;

        if (!id_equal(&event->id, &waiting->request))
                return;
        if (event->kind == CORE_EVENT_INVITED) {
                if (waiting->session->json)
                        printf("{\"type\":\"invite\",\"token\":\"%.*s\"}\n", (int)event->bytes.size,
                               (const char *)event->bytes.data);
                else
                        printf("%.*s\n", (int)event->bytes.size, (const char *)event->bytes.data);
                waiting->done = true;
        } else if (event->kind == CORE_EVENT_FAILED) {
                waiting->error = event->error;
                waiting->done = true;
        }
}

int command_invite(struct session *session, int count, char **words)
{
        struct waiting waiting = {.session = session};
        uint64_t uses = command_flags.uses ? command_flags.uses : 1;
        uint64_t valid_ms = command_flags.days ? command_flags.days * DAY_MS : INVITE_VALID_MS;
        enum error taken;
        int result = session_need_link(session, LINK_WAIT_MS);

        (void)count, (void)words;
        if (result != EXIT_DONE)
                return result;
        if (uses > INVITE_USES_MAX || valid_ms > INVITE_VALID_MAX)
                return session_complain(EXIT_REFUSED, "an invitation is for at most %d people and %" PRIu64 " days",
                                        INVITE_USES_MAX, INVITE_VALID_MAX / DAY_MS);
        host_set_listener(session->host, on_invited, &waiting);
        taken = core_invite(session->host->core, uses, valid_ms, &waiting.request, host_time(session->host));
        result = wait_for_answer(session, &waiting, taken);
        host_set_listener(session->host, NULL, NULL);
        if (result == EXIT_DONE && !session->json)
                fprintf(stderr, "To be given to whom you invite: galka signup --invite …\n");
        return result;
}
