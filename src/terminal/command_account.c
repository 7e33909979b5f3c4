/* Accounts and devices: signup, signin, signout, devices, whoami. */
#include <inttypes.h>
#include <stdlib.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "crypto/crypto.h"
#include "crypto/random.h"
#include "rules/invite.h"
#include "rules/limits.h"
#include "rules/name.h"
#include "terminal/ask.h"
#include "terminal/command_account.h"
#include "terminal/print.h"
#include "terminal/safe.h"

#define ANSWER_WAIT_MS 30000
#define ANSWER_TRIES   3 /* of a person at a terminal */

void on_sign(void *context, const struct core_event *event)
{
        struct waiting *waiting = context;

        /* Signed out meanwhile: nothing else will be answered. */
        if (event->kind == CORE_EVENT_FORGOTTEN && event->error == ERR_REVOKED) {
                waiting->done = true;
                waiting->error = ERR_REVOKED;
        }
        if (event->kind == CORE_EVENT_SIGN) {
                waiting->done = true;
                waiting->error = event->error;
                waiting->wait_ms = event->number;
        }
}

static bool is_done(void *context)
{
        return ((struct waiting *)context)->done;
}

int wait_for_answer(struct session *session, struct waiting *waiting, enum error taken)
{
        if (taken)
                return session_complain(EXIT_REFUSED, "%s", error_text(taken));
        if (!host_wait_reachable(session->host, is_done, waiting, ANSWER_WAIT_MS)) {
                if (session->host->storage_failed)
                        return session_complain(EXIT_DISK, "the profile cannot be written");
                return session_complain(EXIT_NO_LINK, "no link: %s",
                                        session->host->problem[0] ? session->host->problem : "the server is silent");
        }
        if (waiting->error == ERR_GUESSED && waiting->wait_ms)
                return session_complain(EXIT_REFUSED, "too many wrong guesses: not before %" PRIu64 " seconds from now",
                                        waiting->wait_ms / 1000 + 1);
        if (waiting->error == ERR_NO_INVITE && waiting->no_invite)
                return session_complain(EXIT_REFUSED, "%s", waiting->no_invite);
        if (waiting->error)
                return session_complain(EXIT_REFUSED, "%s",
                                        waiting->error == ERR_BAD_FIELD && waiting->bad_field ? waiting->bad_field
                                                                                              : error_text(waiting->error));
        return EXIT_DONE;
}

bool get_password(char password[static PASSWORD_SIZE])
{
        if (command_flags.password_file)
                return ask_file(command_flags.password_file, password, PASSWORD_SIZE);
        return ask_password("Password", password, PASSWORD_SIZE);
}

void get_device_name(char name[static 129])
{
        struct utsname system;

        if (command_flags.device_name)
                snprintf(name, 129, "%s", command_flags.device_name);
        else
                snprintf(name, 129, "terminal on %.64s", uname(&system) == 0 ? system.nodename : "some machine");
}

int greet(struct session *session)
{
        struct wire_person me = core_profile(session->host->core);

        char name[SESSION_NAME_SIZE];

        safe_copy(me.user_name, name, sizeof(name));
        if (!session->json)
                printf("Signed in as @%s. Next: galka people NAME, galka chat @NAME\n", name);
        else
                print_person(session, &me);
        return EXIT_DONE;
}

/* *again (if not NULL): the person gave an empty line instead of a code. */
static int confirm(struct session *session, bool *again)
{
        struct waiting waiting = {0};
        uint8_t secret[32];
        char code[CODE_TEXT_SIZE], device[129];
        int result = EXIT_REFUSED;

        get_device_name(device);
        crypto_random(secret, sizeof(secret));
        host_set_listener(session->host, on_sign, &waiting);
        for (int i = 0; result == EXIT_REFUSED && get_code(code, i); i++) {
                enum error taken;

                if (again && code[0] == '\0') {
                        *again = true;
                        break;
                }
                waiting.done = false;
                taken = core_confirm(session->host->core, slice_text(code), secret, slice_text(device),
                                     host_time(session->host));
                result = wait_for_answer(session, &waiting, taken);
                if (result == EXIT_REFUSED && waiting.error != ERR_BAD_CODE)
                        break;
        }
        host_set_listener(session->host, NULL, NULL);
        crypto_wipe(secret, sizeof(secret));
        return result == EXIT_DONE ? greet(session) : result;
}

static bool is_email(struct slice answer)
{
        return slice_is_text(answer) && name_is_email(answer);
}

static bool is_display_name(struct slice answer)
{
        return answer.size <= DISPLAY_NAME_MAX && name_is_display_name(answer);
}

static bool is_password(struct slice answer)
{
        return answer.size >= PASSWORD_MIN;
}

const struct question email_question = {"E-mail address", "that is no e-mail address", is_email, false};
const struct question user_name_question = {"User name (3 to 32 letters, digits, _ . -)",
                                            "a user name is 3 to 32 letters, digits, _ . or -, and begins with a letter",
                                            name_is_user_name, false};
const struct question display_name_question = {"Your name as others see it", "a name is 1 to 128 bytes that can be seen",
                                               is_display_name, false};
const struct question new_password_question = {"New password", "a password is at least 8 bytes long", is_password, true};
static const struct question password_question = {"Password", "a password is at least 8 bytes long", is_password, true};

_Static_assert(PASSWORD_MIN == 8 && USER_NAME_MIN == 3 && USER_NAME_MAX == 32, "the questions say so");

static bool ask_once(const char *flag, const struct question *question, char *text, size_t size)
{
        if (question->secret)
                return flag ? ask_file(flag, text, size) : ask_password(question->text, text, size);
        if (!flag)
                return ask_line(question->text, text, size);
        snprintf(text, size, "%s", flag);
        return true;
}

bool get_answer(const char *flag, const struct question *question, const char *needs, char *text, size_t size)
{
        for (int i = 0; i < ANSWER_TRIES; i++) {
                if (!ask_once(flag, question, text, size))
                        return session_complain(0, "%s", needs);
                if (question->is_good(slice_text(text)))
                        return true;
                session_complain(0, "%s", question->problem);
                if (flag || !isatty(STDIN_FILENO))
                        break;
        }
        return false;
}

bool get_code(char code[static CODE_TEXT_SIZE], int try)
{
        if (!command_flags.code)
                return try < CODE_TRIES && ask_line("The code from the mail", code, CODE_TEXT_SIZE);
        snprintf(code, CODE_TEXT_SIZE, "%s", command_flags.code);
        return try == 0;
}

#define SIGNUP_NEEDS "signup needs an address, a user name, a name and a password"

/* --invite: a token, or a link that ends in one. Without it, none. */
static bool get_invite(struct slice *token)
{
        *token = (struct slice){0};
        if (!command_flags.invite)
                return true;
        *token = invite_token(slice_text(command_flags.invite));
        return token->size ||
               session_complain(0, "that is no invitation: give its link, or the 26 letters and digits at its end");
}

int command_signup(struct session *session, int count, char **words)
{
        struct waiting waiting = {0};
        char email[256], user_name[64], display_name[160], password[PASSWORD_SIZE];
        struct slice invite;
        bool again = false;
        enum error taken;
        int result = session_need_lead(session);

        (void)count, (void)words;
        if (result != EXIT_DONE)
                return result;
        if (core_phase(session->host->core) >= CORE_OFFLINE)
                return session_complain(EXIT_REFUSED, "this profile is signed in already%s; give --profile for another",
                                        command_flags.invite ? ", and an invitation is for somebody new" : "");
        if (core_phase(session->host->core) == CORE_WAITS_FOR_CODE && (command_flags.code || !command_flags.email)) {
                if (!command_flags.code)
                        fputs("This goes on with the code that was sent; an empty line begins again.\n", stderr);
                result = confirm(session, &again);
                if (!again)
                        return result;
        }
        if (!get_invite(&invite) || !get_answer(command_flags.email, &email_question, SIGNUP_NEEDS, email, sizeof(email)) ||
            !get_answer(command_flags.user_name, &user_name_question, SIGNUP_NEEDS, user_name, sizeof(user_name)) ||
            !get_answer(command_flags.display_name ? command_flags.display_name : command_flags.user_name,
                        &display_name_question, SIGNUP_NEEDS, display_name, sizeof(display_name)) ||
            !get_answer(command_flags.password_file, &password_question, SIGNUP_NEEDS, password, sizeof(password)))
                return EXIT_REFUSED;
        host_set_listener(session->host, on_sign, &waiting);
        waiting.no_invite =
                invite.size ? "this invitation is used up or has expired: ask whoever gave it for another one"
                            : "this server wants an invitation: ask somebody who is there, then signup --invite LINK";
        taken = core_sign_up(session->host->core, slice_text(email), slice_text(user_name), slice_text(display_name),
                             slice_text(password), invite, host_time(session->host));
        crypto_wipe(password, sizeof(password));
        result = wait_for_answer(session, &waiting, taken);
        host_set_listener(session->host, NULL, NULL);
        if (result != EXIT_DONE)
                return result;
        fprintf(stderr, "A code was sent to %s. If this stops here, galka signup goes on with the code.\n", email);
        return confirm(session, NULL);
}

int command_signin(struct session *session, int count, char **words)
{
        struct waiting waiting = {0};
        char password[PASSWORD_SIZE], device[129];
        uint8_t secret[32];
        enum error taken;
        int result = session_need_lead(session);

        (void)count;
        if (result != EXIT_DONE)
                return result;
        if (core_phase(session->host->core) >= CORE_OFFLINE)
                return session_complain(EXIT_REFUSED, "this profile is signed in already; give --profile for another");
        if (!get_password(password))
                return session_complain(EXIT_USAGE, "signin needs a password");
        get_device_name(device);
        crypto_random(secret, sizeof(secret));
        host_set_listener(session->host, on_sign, &waiting);
        taken = core_sign_in(session->host->core, slice_text(words[0]), slice_text(password), secret, slice_text(device),
                             host_time(session->host));
        crypto_wipe(password, sizeof(password));
        crypto_wipe(secret, sizeof(secret));
        result = wait_for_answer(session, &waiting, taken);
        host_set_listener(session->host, NULL, NULL);
        return result == EXIT_DONE ? greet(session) : result;
}

int command_signout(struct session *session, int count, char **words)
{
        struct waiting waiting = {.bad_field = "no such device: galka devices lists them"};
        uint64_t device = core_device(session->host->core);
        int result = session_need_link(session, LINK_WAIT_MS);
        char empty[1] = "", *end = empty;
        enum error taken;

        if (result != EXIT_DONE)
                return result;
        if (count > 0)
                device = strtoull(words[0], &end, 10);
        if (*end || (count > 0 && device == 0))
                return session_complain(EXIT_USAGE, "'%s' is no device: galka devices lists them", words[0]);
        if (command_flags.all)
                device = 0;
        host_set_listener(session->host, on_sign, &waiting);
        if (command_flags.others)
                taken = core_sign_out_others(session->host->core, host_time(session->host));
        else
                taken = core_sign_out(session->host->core, device, host_time(session->host));
        result = wait_for_answer(session, &waiting, taken);
        host_set_listener(session->host, NULL, NULL);
        if (result == EXIT_DONE && !session->json)
                puts(command_flags.others ? "All other devices are signed out."
                     : command_flags.all  ? "Signed out everywhere."
                                          : "Signed out.");
        return result;
}

static void on_devices(void *context, const struct core_event *event)
{
        struct waiting *waiting = context;
        struct wire_iterator iterator;
        struct wire_device device;

        if (!id_equal(&event->id, &waiting->request))
                return;
        if (event->kind == CORE_EVENT_DEVICES) {
                wire_list_start(&iterator, WIRE_STRUCTURE(device_list), 1, &event->list);
                while (wire_list_next(&iterator, &device))
                        print_device(waiting->session, &device);
                waiting->done = true;
        } else if (event->kind == CORE_EVENT_FAILED) {
                waiting->error = event->error;
                waiting->done = true;
        }
}

int command_devices(struct session *session, int count, char **words)
{
        struct waiting waiting = {.session = session};
        int result = session_need_link(session, LINK_WAIT_MS);

        (void)count, (void)words;
        if (result != EXIT_DONE)
                return result;
        host_set_listener(session->host, on_devices, &waiting);
        result = wait_for_answer(session, &waiting,
                                 core_devices(session->host->core, &waiting.request, host_time(session->host)));
        host_set_listener(session->host, NULL, NULL);
        return result;
}

int command_whoami(struct session *session, int count, char **words)
{
        struct wire_person me = core_profile(session->host->core);

        (void)count, (void)words;
        print_person(session, &me);
        return EXIT_DONE;
}
