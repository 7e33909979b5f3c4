/*
 * galkad setup: what a server needs before its first start. Each step says what it made, or that it was there and stays; nothing that is
 * there is changed, so it may be called again. It asks only on a terminal.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "server/backup.h"
#include "server/tool.h"

#define DOMAIN_SIZE    254
#define MARGIN         16
#define DEFAULT_FOLDER "galka-data"          /* of --data */
#define WEB_FOLDER     "/../share/galka/web" /* of what is installed, seen from where galkad is */

struct first {
        struct options options; /* as given, and answered; texts are others' */
        char domain[DOMAIN_SIZE], data[SETUP_PATH_SIZE], config[SETUP_PATH_SIZE + MARGIN], web[SETUP_PATH_SIZE];
        char invite[INVITE_TEXT_SIZE]; /* of a database that was made; "": none */
        char text[SERVER_ERROR_SIZE];
};

static void say(const char *path, bool was_there)
{
        printf("%s: %s\n", path, was_there ? "is there, and stays as it is" : "made");
}

static bool is_domain(const char *text)
{
        size_t size = strlen(text);

        return size > 0 && size < DOMAIN_SIZE && text[0] != '-' && text[0] != '.' &&
               strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:[]") == size;
}

static enum error ask_domain(struct first *first)
{
        char *line = first->domain;

        if (!*first->options.domain && isatty(STDIN_FILENO) && isatty(STDOUT_FILENO)) {
                printf("By which name will people reach this server (as chat.example.org)? ");
                fflush(stdout);
                if (!fgets(line, DOMAIN_SIZE, stdin))
                        line[0] = '\0';
                line[strcspn(line, "\r\n")] = '\0';
                first->options.domain = line;
        }
        if (is_domain(first->options.domain))
                return ERR_OK;
        if (*first->options.domain)
                snprintf(first->text, sizeof(first->text), "--domain must be a name as chat.example.org, not '%.80s'",
                         first->options.domain);
        else
                snprintf(first->text, sizeof(first->text), "by which name will people reach this server? (see --domain)");
        return ERR_CONFIG;
}

/* What was written must be read again as it was meant. */
static enum error try_file(struct first *first, const char *path)
{
        char name[] = "galkad", flag[] = "--config", copy[SETUP_PATH_SIZE + 2 * MARGIN];
        char *arguments[] = {name, flag, copy, NULL};
        struct options read;
        int words[1], count;
        enum error error;

        snprintf(copy, sizeof(copy), "%s", path);
        error = options_read(&read, 3, arguments, NULL, words, &count, 1, first->text);
        options_finish(&read);
        return error;
}

static enum error write_config(struct first *first)
{
        char path[SETUP_PATH_SIZE + 2 * MARGIN];
        const char *bad = NULL;
        FILE *file;
        int fd;
        enum error error = ERR_OK;

        snprintf(path, sizeof(path), "%s.new", first->config);
        unlink(path);
        fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
        file = fd < 0 ? NULL : fdopen(fd, "w");
        if (file) {
                fputs("# Made by galkad setup. All options and their defaults: galkad sample\n\n", file);
                bad = options_print_file(&first->options, file);
                if (fflush(file) != 0 || fsync(fd) != 0)
                        error = ERR_SYSTEM;
                if (fclose(file) != 0)
                        error = ERR_SYSTEM;
        } else {
                error = ERR_SYSTEM;
        }
        if (bad) {
                snprintf(first->text, sizeof(first->text), "the value of %s does not fit into a configuration file", bad);
                error = ERR_CONFIG;
        }
        if (!error)
                error = try_file(first, path);
        if (!error && rename(path, first->config) != 0)
                error = ERR_SYSTEM;
        if (error && !first->text[0])
                snprintf(first->text, sizeof(first->text), "cannot write %.300s: %s", first->config, strerror(errno));
        if (error)
                unlink(path);
        return error;
}

/* The web app that was installed with this galkad, unless another was given. */
static void find_web(struct first *first)
{
        char path[SETUP_PATH_SIZE], index[SETUP_PATH_SIZE + MARGIN];
        ssize_t size = readlink("/proc/self/exe", path, sizeof(path) - sizeof(WEB_FOLDER));
        char *whole, *end;

        if (*first->options.web || size <= 0)
                return;
        path[size] = '\0';
        end = strrchr(path, '/');
        if (!end)
                return;
        memcpy(end, WEB_FOLDER, sizeof(WEB_FOLDER));
        whole = realpath(path, NULL);
        snprintf(index, sizeof(index), "%.4096s/index.html", whole ? whole : path);
        if (whole && strlen(whole) < sizeof(first->web) && access(index, R_OK) == 0) {
                snprintf(first->web, sizeof(first->web), "%s", whole);
                first->options.web = first->web;
        }
        free(whole);
}

static enum error make_config(struct first *first)
{
        const struct options *options = &first->options;
        bool there;
        enum error error = ERR_OK;

        if (*options->config)
                snprintf(first->config, sizeof(first->config), "%s", options->config);
        else
                snprintf(first->config, sizeof(first->config), "%.4096s/" OPTIONS_FILE, options->data);
        there = access(first->config, F_OK) == 0;
        if (!there) {
                find_web(first);
                error = write_config(first);
        }
        if (!error)
                say(first->config, there);
        return error;
}

/* The folder has a full name in the file, wherever it is read from. */
static enum error make_folder(struct first *first)
{
        char *whole;
        bool there = access(first->options.data, F_OK) == 0;
        enum error error = server_make_folder(first->options.data, first->text);

        if (error)
                return error;
        say(first->options.data, there);
        whole = realpath(first->options.data, NULL);
        if (whole && strlen(whole) < sizeof(first->data)) {
                snprintf(first->data, sizeof(first->data), "%s", whole);
                first->options.data = first->data;
        }
        free(whole);
        return ERR_OK;
}

/* Into a new database nobody could sign up. */
static enum error invite_first(struct first *first, struct tool *tool)
{
        enum error error = server_invite_make(tool, first->invite);

        if (error)
                snprintf(first->text, sizeof(first->text), "no invitation was made: %s (see galkad invite)",
                         error_text(error));
        return error;
}

/* The database is made by opening it, and with it the keys. Those of a cluster are in a file of their own. */
static enum error make_keys_and_database(struct first *first)
{
        const struct options *options = &first->options;
        char keys[SETUP_PATH_SIZE], database[SETUP_PATH_SIZE + MARGIN];
        bool keys_there, database_there;
        struct tool tool;
        enum error error = ERR_OK;

        server_keys_path(options, keys);
        snprintf(database, sizeof(database), "%.4096s/galka.db", options->data);
        keys_there = access(keys, F_OK) == 0;
        database_there = access(database, F_OK) == 0;
        if (!keys_there && *options->keys)
                error = keys_make(keys, first->text);
        if (error || *options->postgres) {
                if (!error)
                        say(keys, keys_there);
                return error;
        }
        if (!tool_open(&tool, options, true))
                return ERR_SYSTEM; /* it said why */
        say(keys, keys_there);
        say(database, database_there);
        if (!database_there)
                error = invite_first(first, &tool);
        tool_close(&tool);
        return error;
}

/* On this machine a browser wants neither TLS nor a name. */
static void say_browser(const struct first *first)
{
        const struct options *options = &first->options;
        bool local = strcmp(options->listen, "127.0.0.1") == 0;

        if (!*options->web)
                printf("\nIn a browser the link opens the web app, once 'web' in %s names its folder.\n", first->config);
        else if (local && !*options->tls_certificate)
                printf("\nOr in a browser, on this machine:\n\n    http://localhost:%llu/i/%s\n",
                       (unsigned long long)options->port, first->invite);
        else
                printf("\nOr opens the link in a browser, if https://%s leads here.\n", options->domain);
}

static void say_invitation(const struct first *first, const char *where)
{
        const struct options *options = &first->options;

        printf("Who is invited by\n\n    " INVITE_LINK "\n\nsigns up with (good for %llu, for %llu days; more of them: "
               "galkad%s invite):\n\n    galka --server %s:%llu signup --invite " INVITE_LINK "\n",
               options->domain, first->invite, (unsigned long long)options->uses, (unsigned long long)options->days, where,
               options->domain, (unsigned long long)options->port, options->domain, first->invite);
        say_browser(first);
}

/* How to go on, in commands that can be typed as they are. */
static void say_what_next(const struct first *first, const struct options *given)
{
        const struct options *options = &first->options;
        char where[SETUP_PATH_SIZE + 64] = "";

        /* The default folder's own file is found without a word. */
        if (*given->config && strcmp(given->config, DEFAULT_FOLDER "/" OPTIONS_FILE) != 0)
                snprintf(where, sizeof(where), " --config %s", given->config);
        else if (!*given->config && strcmp(given->data, DEFAULT_FOLDER) != 0)
                snprintf(where, sizeof(where), " --data %s", given->data);
        putchar('\n');
        if (*options->postgres) {
                printf("Then, once, the topics and the schema, and a process a role (docs/operate.md):\n\n"
                       "    galkad%s topics\n    galkad%s migrate\n\n",
                       where, where);
        } else {
                printf("Start it:\n\n    galkad%s all\n\n", where);
                if (strcmp(options->listen, "127.0.0.1") == 0)
                        printf("It listens on 127.0.0.1, so only this machine reaches it; 'listen' in %s says where "
                               "else.\n\n",
                               first->config);
        }
        if (*first->invite)
                say_invitation(first, where);
        else
                printf("Who is invited (galkad%s invite) signs up with:\n\n    galka --server %s:%llu signup --invite "
                       "LINK\n",
                       where, options->domain, (unsigned long long)options->port);
}

int server_setup(const struct options *options)
{
        struct first first = {.options = *options};
        enum error error = ask_domain(&first);

        if (!error)
                error = make_folder(&first);
        if (!error)
                error = make_config(&first);
        if (!error)
                error = make_keys_and_database(&first);
        fflush(stdout);
        if (!error)
                say_what_next(&first, options);
        else if (first.text[0])
                fprintf(stderr, "galkad: %s\n", first.text);
        return error ? SERVER_FAILED : SERVER_DONE;
}
