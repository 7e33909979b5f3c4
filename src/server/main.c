/*
 * galkad: reads the options, runs one command. The table of commands makes the help and, with the table of options, the man page
 * galkad.8.
 */
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "server/server.h"

#define WORDS_MAX 4
#define NAME_SIZE 64

static void print_help(FILE *out);
static void print_man(void);
static void print_completion(void);

static int run_all(const struct options *options, const char *argument)
{
        (void)argument;
        return server_all(options);
}

#define RUN_ROLE(name, kind)                                                                                                \
        static int run_##name(const struct options *options, const char *argument)                                          \
        {                                                                                                                   \
                (void)argument;                                                                                             \
                return server_role(options, kind);                                                                          \
        }
RUN_ROLE(frontend, ROLE_FRONTEND)
RUN_ROLE(auth, ROLE_AUTH)
RUN_ROLE(session, ROLE_SESSION)
RUN_ROLE(query, ROLE_QUERY)
RUN_ROLE(notify, ROLE_NOTIFY)
#undef RUN_ROLE

static int run_topics(const struct options *options, const char *argument)
{
        (void)argument;
        return server_topics(options);
}

static int run_migrate(const struct options *options, const char *argument)
{
        (void)argument;
        return server_migrate(options);
}

static int run_keys(const struct options *options, const char *argument)
{
        (void)options;
        return server_keys(argument);
}

static int run_keys_rotate(const struct options *options, const char *argument)
{
        (void)argument;
        return server_keys_rotate(options);
}

static int run_metrics(const struct options *options, const char *argument)
{
        struct page page = {0};

        (void)options, (void)argument;
        metrics_print_table(&page);
        fwrite(page.bytes, 1, page.size, stdout);
        page_finish(&page);
        return SERVER_DONE;
}

static int run_import(const struct options *options, const char *argument)
{
        return server_import(options, argument);
}

#define RUN_USER(verb)                                                                                                      \
        static int run_user_##verb(const struct options *options, const char *argument)                                     \
        {                                                                                                                   \
                return server_user(options, #verb, argument);                                                               \
        }
RUN_USER(add)
RUN_USER(disable)
RUN_USER(enable)
RUN_USER(reset)
#undef RUN_USER

static int run_user_list(const struct options *options, const char *argument)
{
        (void)argument;
        return server_user_list(options);
}

static int run_invite(const struct options *options, const char *argument)
{
        (void)argument;
        return server_invite(options);
}

static int run_check(const struct options *options, const char *argument)
{
        (void)argument;
        return server_check(options);
}

static int run_restored(const struct options *options, const char *argument)
{
        (void)argument;
        return server_restored(options);
}

static int run_setup(const struct options *options, const char *argument)
{
        (void)argument;
        return server_setup(options);
}

static int run_doctor(const struct options *options, const char *argument)
{
        (void)argument;
        return server_doctor(options);
}

static int run_backup(const struct options *options, const char *argument)
{
        return server_backup(options, argument);
}

static int run_restore(const struct options *options, const char *argument)
{
        return server_restore(options, argument);
}

static int run_sample(const struct options *options, const char *argument)
{
        (void)options, (void)argument;
        options_print_sample(stdout);
        return SERVER_DONE;
}

static int run_man(const struct options *options, const char *argument)
{
        (void)options, (void)argument;
        print_man();
        return SERVER_DONE;
}

static int run_completion(const struct options *options, const char *argument)
{
        (void)options, (void)argument;
        print_completion();
        return SERVER_DONE;
}

static int run_help(const struct options *options, const char *argument)
{
        (void)options, (void)argument;
        print_help(stdout);
        return SERVER_DONE;
}

static int run_version(const struct options *options, const char *argument)
{
        (void)options, (void)argument;
        puts("galkad " SERVER_VERSION);
        return SERVER_DONE;
}

/* Words, the argument after them if there is one, what it does. */
static const struct command {
        const char *name, *argument;
        int (*run)(const struct options *options, const char *argument);
        const char *help;
} commands[] = {
        {"all", "", run_all,
         "run the whole server in one process, no other server needed, until SIGTERM or SIGINT: clients are told to come "
         "back, "
         "what was taken is finished"},
        {OPTIONS_SETUP, "", run_setup,
         "make what a server needs and say how to start it: the data folder, a configuration file with the options that are "
         "given here "
         "(see --domain, --listen), keys, the database. What is there already stays as it is"},
        {"doctor", "", run_doctor,
         "look at all that a server needs, each a line: ok, warn or fail, and what to do (see --json). The exit code is 1 "
         "if anything "
         "fails"},
        {"frontend", "", run_frontend,
         "run one frontend over --kafka and --redis: clients connect to it; --index says which one it is"},
        {"auth", "", run_auth, "run one worker for sign-up and sign-in over --kafka and --postgres"},
        {"session", "", run_session, "run one worker for messages and marks over --kafka, --redis and --postgres"},
        {"query", "", run_query, "run one worker for what clients ask over --kafka, --redis and --postgres"},
        {"notify", "", run_notify, "run one worker for letters over --kafka"},
        {"topics", "", run_topics,
         "make the topics of --kafka, or give them the partitions that they lack, and say what differs (see --partitions, "
         "--frontend-partitions, --replication, --dry-run)"},
        {"migrate", "", run_migrate, "make the schema of --postgres, or bring it up to date (see --dry-run); never back"},
        {"keys rotate", "", run_keys_rotate,
         "change the key that tokens are signed with, in --keys or in the data folder, at most once a day: nobody is signed "
         "out, tokens "
         "of the key before are good and are replaced as people connect. What runs takes the changed file by itself (see "
         "--after-s, "
         "--leaked)"},
        {"keys", "FILE", run_keys, "make the file of keys that the processes of a cluster share (see --keys)"},
        {"user import", "FILE", run_import,
         "make users from lines NAME<TAB>ADDRESS<TAB>DISPLAY NAME, without mail or password; prints "
         "NAME<TAB>USER<TAB>DEVICE<TAB>TOKEN (the server must not be running)"},
        {"user list", "", run_user_list,
         "print all accounts by name, a line each: name, address, enabled or disabled, devices that are signed in, when it "
         "was "
         "made, when it was used last, display name; parted by tabs, or as JSON (see --json). The server may be running"},
        {"user add", "NAME", run_user_add,
         "make an account with --email, and --display; its password is read from standard input, or made and printed. This "
         "and the next "
         "three: the server may be running"},
        {"user disable", "NAME", run_user_disable,
         "sign a user out everywhere, at once, and let nobody sign in as him, by whatever password or code"},
        {"user enable", "NAME", run_user_enable, "let him sign in again"},
        {"user reset", "NAME", run_user_reset, "give a user another password, as add does, and sign him out everywhere"},
        {"invite", "", run_invite,
         "make an invitation, and print its token, or with --domain a link too (see --uses, --days, --registration); "
         "the "
         "server may be running"},
        {"check", "", run_check,
         "look through the whole database: logs without gaps, counters right (the server must not be running)"},
        {"backup", "FILE", run_backup,
         "save the database as it is at this moment, and the keys, to FILE, or in a folder to a file named by the time; the "
         "server may be running, and goes on. A tar archive with the sums of all that is in it"},
        {"restore", "FILE", run_restore,
         "put a backup into an empty --data folder or --postgres database, or in the place of what is there (--replace), "
         "and give "
         "the store a new era as 'restored' does. A file that is not whole is refused, and nothing changed (the server must "
         "not be "
         "running)"},
        {"restored", "", run_restored,
         "after an older copy of the data was put back: give the store a new era, so that clients fetch anew what they had "
         "and keep what they have not sent (the server must not be running; in a cluster its frontends may, and are told)"},
        {"metrics", "", run_metrics, "print a table of all that /metrics shows (see --health)"},
        {"sample", "", run_sample, "print a sample configuration file"},
        {"man", "", run_man, "print the man page"},
        {"completion", "", run_completion, "print what lets bash complete commands and options of galkad"},
        {"help", "", run_help, "print this"},
        {"version", "", run_version, "print the version"},
};

#define HELP_INDENT 23
#define HELP_WIDTH  110

/* One command or more lines, broken between words. */
static void print_command(FILE *out, const struct command *command)
{
        const char *at = command->help;
        int column = fprintf(out, "  %s %s", command->name, command->argument);

        fprintf(out, "%*s", column < HELP_INDENT ? HELP_INDENT - column : 1, "");
        column = HELP_INDENT;
        while (*at) {
                int size = (int)strcspn(at, " ");

                if (column + size > HELP_WIDTH) {
                        fprintf(out, "\n%*s", HELP_INDENT, "");
                        column = HELP_INDENT;
                }
                column += fprintf(out, "%s%.*s", column > HELP_INDENT ? " " : "", size, at);
                at += size + (at[size] == ' ');
        }
        fputc('\n', out);
}

static void print_help(FILE *out)
{
        fputs("usage: galkad [options] COMMAND\n\ncommands:\n", out);
        for (size_t i = 0; i < countof(commands); i++)
                print_command(out, &commands[i]);
        fputs("\noptions (file < environment GALKA_NAME < flags):\n", out);
        options_print_help(out);
}

static void print_man(void)
{
        puts(".TH GALKAD 8 \"\" \"Galka " SERVER_VERSION "\"\n"
             ".SH NAME\ngalkad \\- the Galka messenger's server\n"
             ".SH SYNOPSIS\n.B galkad\n[\\fIoptions\\fR] \\fIcommand\\fR\n"
             ".SH DESCRIPTION\n"
             "A messenger server. \\fBgalkad all\\fR runs every role in one process on embedded drivers: one folder, no "
             "other\n"
             "server. \\fBgalkad frontend\\fR, \\fBauth\\fR, \\fBsession\\fR, \\fBquery\\fR and \\fBnotify\\fR run one role "
             "each over "
             "Kafka, Redis\nand PostgreSQL, any number of them on any number of machines. Options are taken from the file "
             "that \\fB\\-\\-config\\fR names, then from the environment, then "
             "from\n"
             "flags; the last one wins. An unknown option is an error.\n"
             ".SH COMMANDS");
        for (size_t i = 0; i < countof(commands); i++)
                printf(".TP\n.BI \"%s \" %s\n%s.\n", commands[i].name, commands[i].argument, commands[i].help);
        puts(".SH OPTIONS");
        options_print_man(stdout);
        puts(".SH EXIT STATUS\n0 when done, 1 when it could not start or had to stop, 2 for a wrong command or option.\n"
             ".SH SEE ALSO\n.BR galka (1)");
}

/* For bash: words of commands and options, and names of files. */
static void print_completion(void)
{
        puts("# bash completion of galkad " SERVER_VERSION ": made by galkad completion\n"
             "_galkad()\n"
             "{\n"
             "        local word=${COMP_WORDS[COMP_CWORD]}\n"
             "        if [[ $word == -* ]]; then");
        printf("                COMPREPLY=($(compgen -W '");
        options_print_flags(stdout);
        puts("' -- \"$word\"))\n"
             "        else");
        printf("                COMPREPLY=($(compgen -f -W '");
        for (size_t i = 0; i < countof(commands); i++)
                printf("%s%s", i ? " " : "", commands[i].name);
        puts("' -- \"$word\"))\n"
             "        fi\n"
             "}\n"
             "complete -F _galkad galkad");
}

/* True if the words are this command's, and as many as it takes. */
static bool is_command(const struct command *command, int count, const char *const words[WORDS_MAX])
{
        char name[NAME_SIZE] = "";
        int names = count - (*command->argument != '\0');
        size_t size = 0;

        for (int i = 0; i < names && size < sizeof(name); i++)
                size += (size_t)snprintf(name + size, sizeof(name) - size, "%s%s", i ? " " : "", words[i]);
        return names > 0 && strcmp(name, command->name) == 0;
}

static int run(const struct options *options, int count, const char *const words[WORDS_MAX])
{
        for (size_t i = 0; i < countof(commands); i++)
                if (is_command(&commands[i], count, words))
                        return commands[i].run(options, words[count - 1]);
        print_help(stderr);
        return SERVER_USAGE;
}

static bool asks_doctor(int argc, char **argv)
{
        for (int i = 1; i < argc; i++)
                if (strcmp(argv[i], "doctor") == 0)
                        return true;
        return false;
}

int main(int argc, char **argv, char **environment)
{
        struct options options;
        char text[OPTION_ERROR_SIZE];
        const char *words[WORDS_MAX] = {0};
        int places[WORDS_MAX], count = 0;
        int code = SERVER_USAGE;

        if (options_read(&options, argc, argv, environment, places, &count, WORDS_MAX, text) != ERR_OK) {
                code = asks_doctor(argc, argv) ? server_doctor_unreadable(options.json, text) : SERVER_USAGE;
                if (code == SERVER_USAGE)
                        fprintf(stderr, "galkad: %s\n", text);
        } else {
                for (int i = 0; i < count; i++)
                        words[i] = argv[places[i]];
                code = run(&options, count, words);
        }
        options_finish(&options);
        return code;
}
