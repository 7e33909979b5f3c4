/*
 * galkad user …: an operator's hand on an account. A server that runs on the folder is asked to do it (control.h), since its writer knows
 * devices by heart and its frontends hold the connections; else it is done here. Passwords come from standard input and go on as hashes.
 */
#include "server/user.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/memory.h"
#include "crypto/random.h"
#include "rules/name.h"
#include "server/control.h"
#include "server/setup.h"

#define MADE_SIZE 17 /* of a password that is made: 16 of 32 signs, 80 bits */
#define WAIT_MS   100

static const struct arena_source heap_source = {memory_new, memory_free};

/* Verb, whether all sessions end, whether a password is wanted, what it says when done. */
static const struct user_verb {
        const char *name;
        bool ends, password;
        const char *done;
} verbs[] = {
        {"add", false, true, "%s may sign in"},
        {"disable", true, false, "%s is signed out everywhere, and cannot sign in until 'galkad user enable'"},
        {"enable", false, false, "%s may sign in again, by the password of before"},
        {"reset", true, true, "%s has a new password, and is signed out everywhere"},
};

static const struct user_verb *find_verb(const char *name)
{
        for (size_t i = 0; i < countof(verbs); i++)
                if (strcmp(verbs[i].name, name) == 0)
                        return &verbs[i];
        return NULL;
}

/* ---- the request as lines ---- */

size_t user_request_write(const struct user_request *request, char text[static USER_REQUEST_SIZE])
{
        int size = snprintf(text, USER_REQUEST_SIZE, "%s\n%s\n%s\n%s\n%s\n", request->verb, request->name, request->email,
                            request->display, request->hash);

        check(size > 0 && (size_t)size < USER_REQUEST_SIZE);
        return (size_t)size;
}

bool user_request_read(const char *text, struct user_request *request)
{
        const struct {
                char *field;
                size_t room;
        } fields[] = {{request->verb, sizeof(request->verb)},
                      {request->name, sizeof(request->name)},
                      {request->email, sizeof(request->email)},
                      {request->display, sizeof(request->display)},
                      {request->hash, sizeof(request->hash)}};

        memset(request, 0, sizeof(*request));
        for (size_t i = 0; i < countof(fields); i++) {
                size_t size = strcspn(text, "\n");

                if (text[size] != '\n' || size >= fields[i].room)
                        return false;
                memcpy(fields[i].field, text, size);
                text += size + 1;
        }
        return *text == '\0' && find_verb(request->verb);
}

/* ---- doing it ---- */

static struct store_op op_of(struct tool *tool, enum store_op_kind kind)
{
        struct store_op op = {.kind = kind};
        uint8_t random[10];

        tool->server.random->fill(tool->server.random, random, sizeof(random));
        op.request = id_uuid7(tool->server.clock.wall_ms(&tool->server.clock), random);
        return op;
}

static enum error apply(struct tool *tool, const struct store_op *op, struct arena *arena)
{
        struct store_result result;
        enum error error = tool_apply(tool, op, 1, &result, arena);

        return error ? error : result.status;
}

static enum error add(struct tool *tool, const struct user_request *request, struct arena *arena)
{
        char name[USER_NAME_MAX + 1], email[EMAIL_MAX + 1];
        struct store_op op = op_of(tool, STORE_IMPORT);

        op.import.user_name = slice_text(request->name);
        op.import.email = slice_text(request->email);
        op.import.display_name = slice_text(request->display);
        if (!name_is_user_name(op.import.user_name) || !name_is_email(op.import.email) ||
            !name_is_display_name(op.import.display_name))
                return ERR_BAD_FIELD;
        op.import.name_folded = slice_of(name, name_fold(op.import.user_name, (uint8_t *)name));
        op.import.email_folded = slice_of(email, name_fold(op.import.email, (uint8_t *)email));
        op.import.password_hash = request->hash;
        op.import.new_user = random_id63(tool->server.random);
        return apply(tool, &op, arena);
}

/* NO_USER: nobody has that name or address. */
static enum error find_user(struct tool *tool, const char *name, uint64_t *user, struct arena *arena)
{
        uint8_t folded[EMAIL_MAX + 1];
        struct store_question question = {.kind = STORE_ASK_LOGIN};
        struct store_answer answer = {0};
        enum error error;

        question.login.folded = slice_of(folded, name_fold(slice_text(name), folded));
        error = tool_ask(tool, &question, &answer, arena);
        if (!error)
                error = answer.status;
        *user = error ? 0 : answer.login.user;
        return error ? error : *user ? ERR_OK : ERR_NO_USER;
}

static enum error change(struct tool *tool, const struct user_verb *verb, const struct user_request *request, uint64_t *user,
                         struct arena *arena)
{
        struct store_op op = op_of(tool, STORE_ACCESS);
        enum error error = find_user(tool, request->name, user, arena);

        if (error)
                return error;
        op.user = *user;
        op.access.password_hash = request->hash;
        op.access.access = verb->password ? STORE_ACCESS_PASSWORD : verb->ends ? STORE_ACCESS_OFF : STORE_ACCESS_ON;
        return apply(tool, &op, arena);
}

int user_do(struct tool *tool, const struct user_request *request, struct page *page)
{
        const struct user_verb *verb = find_verb(request->verb);
        char text[SERVER_ERROR_SIZE] = "", line[EMAIL_MAX + 160];
        struct arena arena;
        uint64_t user = 0;
        enum error error;

        arena_init(&arena, &heap_source, 1 << 14, 1 << 20);
        error = strcmp(verb->name, "add") == 0 ? add(tool, request, &arena) : change(tool, verb, request, &user, &arena);
        arena_finish(&arena);
        if (error) {
                page_print(page, "%s: %s\n", request->name, error_text(error));
                return SERVER_FAILED;
        }
        snprintf(line, sizeof(line), verb->done, request->name);
        page_print(page, "%s.\n", line);
        if (!verb->ends || tool_revoke(tool, user, text) == ERR_OK)
                return SERVER_DONE;
        page_print(page,
                   "Frontends could not be told: what he sends is refused, but he may read until his connections end: %s\n",
                   text);
        return SERVER_FAILED;
}

/* ---- asking for it ---- */

static bool read_line(const char *prompt, char *line, size_t size)
{
        bool terminal = isatty(STDIN_FILENO);
        struct termios before, silent;
        bool got;

        if (terminal) {
                fprintf(stderr, "%s", prompt);
                tcgetattr(STDIN_FILENO, &before);
                silent = before;
                silent.c_lflag &= ~(tcflag_t)ECHO;
                tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
        }
        got = fgets(line, (int)size, stdin) != NULL;
        if (terminal) {
                tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
                fputc('\n', stderr);
        }
        line[got ? strcspn(line, "\r\n") : 0] = '\0';
        return got;
}

/* Without one on standard input, one is made, and told once. */
static void get_password(char password[static PASSWORD_MAX + 2])
{
        static const char signs[] = "abcdefghijkmnopqrstuvwxyz2345678";
        uint8_t random[MADE_SIZE];

        if (read_line("New password (empty: one is made): ", password, PASSWORD_MAX + 2) && *password)
                return;
        crypto_random(random, sizeof(random));
        for (size_t i = 0; i < MADE_SIZE - 1; i++)
                password[i] = signs[random[i] % 32];
        password[MADE_SIZE - 1] = '\0';
        printf("Password: %s\n", password);
}

static enum error hash_password(struct server *server, const char *text, char hash[static PASSWORD_HASH_SIZE])
{
        struct password_job job = {.kind = PASSWORD_HASH, .password = slice_text(text)};
        struct password *password = NULL;
        struct completion completion = {.outcome = OUTCOME_FAILED};
        enum error error = setup_password(server, &password);

        if (!error)
                error = password->ops->submit(password, &job, 1, 1);
        if (!error) {
                struct pollfd fd = {.fd = password->ops->fd(password), .events = POLLIN};

                while (password->ops->poll(password, &completion, 1) == 0)
                        poll(&fd, 1, WAIT_MS);
                error = completion.outcome == OUTCOME_OK ? ERR_OK : ERR_FAILED;
                memcpy(hash, job.hash, PASSWORD_HASH_SIZE);
        }
        if (password)
                password->ops->free(&password);
        return error;
}

static bool fill_request(struct server *server, const struct user_verb *verb, const char *name, struct user_request *request)
{
        const struct options *options = server->options;
        char password[PASSWORD_MAX + 2];
        enum error error = ERR_OK;

        if (strlen(name) >= sizeof(request->name) || strlen(options->email) >= sizeof(request->email) ||
            strlen(options->display) >= sizeof(request->display) || strpbrk(name, "\r\n") ||
            strpbrk(options->email, "\r\n") || strpbrk(options->display, "\r\n")) {
                fprintf(stderr, "galkad: %.80s: %s\n", name, error_text(ERR_BAD_FIELD));
                return false;
        }
        snprintf(request->verb, sizeof(request->verb), "%s", verb->name);
        snprintf(request->name, sizeof(request->name), "%s", name);
        snprintf(request->email, sizeof(request->email), "%s", options->email);
        snprintf(request->display, sizeof(request->display), "%s", *options->display ? options->display : name);
        if (strcmp(verb->name, "add") == 0 && !*options->email) {
                fprintf(stderr, "galkad: what is the address of %s? (see --email)\n", name);
                return false;
        }
        if (verb->password) {
                get_password(password);
                if (strlen(password) < PASSWORD_MIN || strlen(password) > PASSWORD_MAX) {
                        crypto_wipe(password, sizeof(password));
                        fprintf(stderr, "galkad: a password has %d to %d bytes\n", PASSWORD_MIN, PASSWORD_MAX);
                        return false;
                }
                error = hash_password(server, password, request->hash);
                crypto_wipe(password, sizeof(password));
        }
        if (error)
                fprintf(stderr, "galkad: the password cannot be hashed: %s\n", error_text(error));
        return !error;
}

static int do_here(const struct options *options, const struct user_request *request, struct page *page)
{
        struct tool tool;
        int code;

        if (!(*options->postgres ? tool_open(&tool, options, false) : tool_open_old(&tool, options)))
                return -1;
        code = user_do(&tool, request, page);
        tool_close(&tool);
        return code;
}

int server_user(const struct options *options, const char *verb, const char *name)
{
        struct user_request request = {0};
        struct page page = {0};
        struct server server;
        int code = -1;

        server_init(&server, options);
        if (!fill_request(&server, find_verb(verb), name, &request))
                return SERVER_FAILED;
        fflush(stdout);
        if (!*options->postgres)
                code = control_ask(options->data, &request, &page);
        if (code < 0)
                code = do_here(options, &request, &page);
        if (page.size)
                fprintf(code == SERVER_DONE ? stdout : stderr, "%s%.*s",
                        code == SERVER_DONE ? "" : "galkad: ", (int)page.size, page.bytes);
        page_finish(&page);
        crypto_wipe(&request, sizeof(request));
        return code == SERVER_DONE ? SERVER_DONE : SERVER_FAILED;
}
