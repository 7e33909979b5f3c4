/* Where letters go: to a mail server (--smtp), or into a folder, for whoever takes them from there. */
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "driver/mail/spool.h"
#include "server/setup.h"

#define CODE_DIGITS_MAX 16

/* Dev mode: the code that is mailed is on the screen. */
static void print_code(void *owner, const struct mail_letter *letter, struct slice code)
{
        (void)owner;
        if (code.size == 0)
                return;
        printf("code for %.*s: %.*s\n", (int)letter->to.size, (const char *)letter->to.data,
               (int)min_of(code.size, (size_t)CODE_DIGITS_MAX), (const char *)code.data);
        fflush(stdout);
}

static bool find_tls(const char *word, enum smtp_tls *tls)
{
        static const char *const words[] = {[SMTP_STARTTLS] = "starttls", [SMTP_TLS] = "tls", [SMTP_PLAIN] = "no"};

        for (size_t i = 0; i < countof(words); i++)
                if (strcmp(words[i], word) == 0) {
                        *tls = (enum smtp_tls)i;
                        return true;
                }
        return false;
}

bool setup_is_own_machine(const char *host)
{
        return strcmp(host, "localhost") == 0 || strncmp(host, "127.", 4) == 0 || strcmp(host, "::1") == 0;
}

/* --mail-from, else one of the server's own name. */
static void fill_from(const struct options *options, char from[static SETUP_FROM_SIZE])
{
        if (*options->mail_from)
                snprintf(from, SETUP_FROM_SIZE, "%s", options->mail_from);
        else
                snprintf(from, SETUP_FROM_SIZE, "galka@%.*s", SETUP_FROM_SIZE - 7,
                         strchr(options->domain, '.') ? options->domain : "localhost.localdomain");
}

/* What is wrong with the options; NULL: nothing. */
static const char *complaint(const struct options *options, const struct setup_smtp *smtp)
{
        if (smtp->options.tls == SMTP_PLAIN && *options->smtp_user && !setup_is_own_machine(smtp->host))
                return "--smtp-tls no would tell the password to the network: starttls, or tls";
        if (*options->smtp_user && !*options->smtp_password)
                return "--smtp-user needs a password: smtp-password, in the file or the environment";
        if (!strchr(options->domain, '.') && !*options->mail_from)
                return "letters need an address that they come from: --mail-from ADDRESS, or the server's name (--domain)";
        return NULL;
}

enum error setup_smtp(struct server *server, struct setup_smtp *smtp, char text[static SERVER_ERROR_SIZE])
{
        const struct options *options = server->options;
        uint16_t port;

        if (!setup_split_host(options->smtp, smtp->host, &port) || smtp->host[0] == '/') {
                snprintf(text, SERVER_ERROR_SIZE, "--smtp must be HOST or HOST:PORT, not '%.200s'", options->smtp);
                return ERR_CONFIG;
        }
        fill_from(options, smtp->from);
        smtp->options = (struct mail_smtp_options){
                .host = smtp->host,
                .port = port,
                .ca = *options->smtp_ca ? options->smtp_ca : NULL,
                .user = *options->smtp_user ? options->smtp_user : NULL,
                .secret = options->smtp_password,
                .from = smtp->from,
                .clock = &server->clock,
                .random = server->random,
                .events = &server->log.sink,
                .taken = options->dev ? print_code : NULL,
        };
        if (!find_tls(options->smtp_tls, &smtp->options.tls)) {
                snprintf(text, SERVER_ERROR_SIZE, "--smtp-tls is starttls, tls or no, not '%.40s'", options->smtp_tls);
                return ERR_CONFIG;
        }
        if (complaint(options, smtp)) {
                snprintf(text, SERVER_ERROR_SIZE, "%s", complaint(options, smtp));
                return ERR_CONFIG;
        }
        return ERR_OK;
}

static enum error open_smtp(struct server *server, struct mail **mail, char text[static SERVER_ERROR_SIZE])
{
        struct setup_smtp smtp;
        enum error error = setup_smtp(server, &smtp, text);

        if (error)
                return error;
        error = mail_smtp_new(&smtp.options, mail);
        if (error == ERR_CONFIG)
                snprintf(text, SERVER_ERROR_SIZE,
                         "'%.200s' is no mail server, or '%.200s' no address that letters can come from (see "
                         "--smtp, --mail-from)",
                         smtp.host, smtp.from);
        return error;
}

enum error setup_mail(struct server *server, const char *folder, struct mail **mail, char text[static SERVER_ERROR_SIZE])
{
        char path[SETUP_PATH_SIZE + 8], from[SETUP_FROM_SIZE];
        const struct mail_spool_options options = {
                .folder = path,
                .from = from,
                .clock = &server->clock,
                .random = server->random,
                .written = server->options->dev ? print_code : NULL,
        };
        enum error error;

        if (*server->options->smtp)
                return open_smtp(server, mail, text);
        fill_from(server->options, from);
        snprintf(path, sizeof(path), "%s/mail", folder);
        error = mail_spool_new(&options, mail);
        if (error == ERR_CONFIG)
                snprintf(text, SERVER_ERROR_SIZE, "'%.200s' is no address that letters can come from (see --mail-from)",
                         from);
        return error;
}
