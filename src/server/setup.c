/* See setup.h. */
#include "server/setup.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"
#include "driver/mail/spool.h"
#include "driver/notes/file.h"
#include "driver/password/thread.h"

#define CODE_DIGITS_MAX 16
#define MAIL_FROM       "galka@localhost.localdomain"

const struct role_needs role_needs[] = {
        [ROLE_FRONTEND] = {"frontend", BUS_FRONTENDS, .presence = true},
        [ROLE_AUTH] = {"auth", BUS_AUTHENTICATION, .store = true, .password = true},
        [ROLE_SESSION] = {"session", BUS_SESSION, .store = true, .presence = true},
        [ROLE_QUERY] = {"query", BUS_QUERY, .store = true, .presence = true},
        [ROLE_NOTIFY] = {"notify", BUS_NOTIFY, .mail = true},
};

enum error server_make_folder(const char *path, char text[static SERVER_ERROR_SIZE])
{
        if ((mkdir(path, 0700) == 0 || errno == EEXIST) && access(path, R_OK | W_OK | X_OK) == 0)
                return ERR_OK;
        snprintf(text, SERVER_ERROR_SIZE, "cannot use the data folder %.300s: %s (see --data)", path, strerror(errno));
        return ERR_SYSTEM;
}

/* Dev mode: the code that would be mailed is on the screen. */
static void print_code(void *owner, const struct mail_letter *letter, struct slice code)
{
        (void)owner;
        if (code.size == 0)
                return;
        printf("code for %.*s: %.*s\n", (int)letter->to.size, (const char *)letter->to.data,
               (int)min_of(code.size, (size_t)CODE_DIGITS_MAX), (const char *)code.data);
        fflush(stdout);
}

enum error setup_mail(struct server *server, const char *folder, struct mail **mail)
{
        char path[SETUP_PATH_SIZE + 8];
        const struct mail_spool_options options = {
                .folder = path,
                .from = MAIL_FROM,
                .clock = &server->clock,
                .random = server->random,
                .written = server->options->dev ? print_code : NULL,
        };

        snprintf(path, sizeof(path), "%s/mail", folder);
        return mail_spool_new(&options, mail);
}

enum error setup_password(struct server *server, struct password **password)
{
        const struct password_thread_options options = {.memory_limit = server->options->password_kib * 1024};

        return password_thread_new(&options, password);
}

enum error setup_notes(struct server *server, const char *folder, struct notes_file **notes,
                       char text[static SERVER_ERROR_SIZE])
{
        const struct notes_file_options options = {.folder = folder, .clock = &server->clock, .events = &server->log.sink};

        return notes_file_new(&options, notes, text);
}
