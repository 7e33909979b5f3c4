/* galkad: reads the options, runs one command. */
#include <stdio.h>
#include <string.h>

#include "server/server.h"

#define WORDS_MAX 4
#define VERSION   "0.1.0"

static void print_help(FILE *out)
{
        fputs("usage: galkad [options] COMMAND\n"
              "\n"
              "commands:\n"
              "  all                  the whole server in one process, no other server needed\n"
              "  user import FILE     make users from lines NAME<TAB>ADDRESS<TAB>DISPLAY NAME, without mail or password;\n"
              "                       prints NAME<TAB>USER<TAB>DEVICE<TAB>TOKEN (the server must not be running)\n"
              "  check                look through the whole database: logs without gaps, counters right\n"
              "  sample               print a sample configuration file\n"
              "  man                  print the man page\n"
              "  help, version        print this, or the version\n"
              "\n"
              "options (file < environment GALKA_NAME < flags):\n",
              out);
        options_print_help(out);
}

static void print_man(void)
{
        puts(".TH GALKAD 8 \"\" \"Galka " VERSION "\"\n"
             ".SH NAME\ngalkad \\- the Galka messenger's server\n"
             ".SH SYNOPSIS\n.B galkad\n[\\fIoptions\\fR] \\fIcommand\\fR\n"
             ".SH DESCRIPTION\n"
             "A messenger server. \\fBgalkad all\\fR runs every role in one process on embedded drivers: one folder, no "
             "other\n"
             "server. Options are taken from the file that \\fB\\-\\-config\\fR names, then from the environment, then from "
             "flags; the\n"
             "last one wins. An unknown option is an error.\n"
             ".SH COMMANDS\n"
             ".TP\n.B all\nRun the server until SIGTERM or SIGINT, which drain it: clients are told to come back, what was "
             "taken is "
             "finished.\n"
             ".TP\n.BI \"user import \" FILE\nMake users from lines of name, address and display name, separated by tabs, "
             "with one "
             "device each. Prints name, user id, device id and token, separated by tabs. The server must not be running.\n"
             ".TP\n.B check\nLook through the whole database.\n"
             ".TP\n.B sample\nPrint a sample configuration file.\n"
             ".SH OPTIONS");
        options_print_man(stdout);
        puts(".SH EXIT STATUS\n0 when done, 1 when it could not start or had to stop, 2 for a wrong command or option.");
}

static int run(const struct options *options, int count, const char *const words[WORDS_MAX])
{
        if (count == 1 && strcmp(words[0], "all") == 0)
                return server_all(options);
        if (count == 3 && strcmp(words[0], "user") == 0 && strcmp(words[1], "import") == 0)
                return server_import(options, words[2]);
        if (count == 1 && strcmp(words[0], "check") == 0)
                return server_check(options);
        if (count == 1 && strcmp(words[0], "sample") == 0) {
                options_print_sample(stdout);
                return SERVER_DONE;
        }
        if (count == 1 && strcmp(words[0], "man") == 0) {
                print_man();
                return SERVER_DONE;
        }
        if (count == 1 && strcmp(words[0], "version") == 0) {
                puts("galkad " VERSION);
                return SERVER_DONE;
        }
        print_help(count == 1 && strcmp(words[0], "help") == 0 ? stdout : stderr);
        return count == 1 && strcmp(words[0], "help") == 0 ? SERVER_DONE : SERVER_USAGE;
}

int main(int argc, char **argv, char **environment)
{
        struct options options;
        char text[OPTION_ERROR_SIZE];
        const char *words[WORDS_MAX] = {0};
        int places[WORDS_MAX], count = 0;
        int code = SERVER_USAGE;

        if (options_read(&options, argc, argv, environment, places, &count, WORDS_MAX, text) != ERR_OK) {
                fprintf(stderr, "galkad: %s\n", text);
        } else {
                for (int i = 0; i < count; i++)
                        words[i] = argv[places[i]];
                code = run(&options, count, words);
        }
        options_finish(&options);
        return code;
}
