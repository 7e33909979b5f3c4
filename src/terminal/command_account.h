/* What the commands about accounts share: waiting for an answer, questions that a flag may answer. */
#ifndef GALKA_TERMINAL_COMMAND_ACCOUNT_H
#define GALKA_TERMINAL_COMMAND_ACCOUNT_H

#include "terminal/command.h"

#define CODE_TRIES     5
#define PASSWORD_SIZE  257 /* with NUL */
#define CODE_TEXT_SIZE 32

struct waiting {
        bool done;
        enum error error;
        uint64_t wait_ms;      /* GUESSED: before the next try */
        const char *bad_field; /* what BAD_FIELD means here; NULL: its own text */
        const char *no_invite; /* and NO_INVITE */
        struct session *session;
        struct id request;
        bool shows; /* there is something to print of the answer */
};

/* Tried here, so that the person hears at once what is wrong with an answer; the server tries again. */
struct question {
        const char *text, *problem;
        bool (*is_good)(struct slice answer);
        bool secret;
};

extern const struct question email_question, user_name_question, display_name_question, new_password_question;

/* The listener for what is answered by CORE_EVENT_SIGN. */
void on_sign(void *context, const struct core_event *event);

/* Waits for the answer to what the core took (taken: its verdict). */
int wait_for_answer(struct session *session, struct waiting *waiting, enum error taken);

/* The password of the account: from --password-file, or asked for. */
bool get_password(char password[static PASSWORD_SIZE]);

/* A flag's value, or the answer to a question; a person at a terminal may try again. A secret one is read from the file that the
 * flag names. `needs` is said if there is none. */
bool get_answer(const char *flag, const struct question *question, const char *needs, char *text, size_t size);

/* The code from a letter: --code, or asked for. False: there is none (more). *again: how often it was asked. */
bool get_code(char code[static CODE_TEXT_SIZE], int try);

void get_device_name(char name[static 129]);

/* Says who is signed in now. */
int greet(struct session *session);

#endif
