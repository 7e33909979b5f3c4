/*
 * galka, the terminal client: reads the command line, opens the profile, runs one command. Help and the man page galka.1 are made
 * from the tables here.
 */
#include <langinfo.h>
#include <limits.h>
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "loop/tls.h"
#include "terminal/command.h"
#include "terminal/help.h"
#include "terminal/safe.h"
#include "terminal/screen/screen.h"
#include "terminal/screen/text.h"

#define DEFAULT_SERVER "127.0.0.1:4255"
#define PATH_SIZE      4096
#define WORDS_MAX      16
#define USAGE_COLUMNS  25 /* of the help: the longest usage fits */
#define VERSION        "0.1.0"

struct command_flags command_flags;

static const struct command commands[] = {
        {"signup", "", "make an account: asks for address, names, password and the code from the mail", NEED_NOTHING, 0, 0,
         command_signup},
        {"signin", "NAME", "sign in on this device with a user name or address", NEED_NOTHING, 1, 1, command_signin},
        {"reset", "[ADDRESS]", "set a new password with a code from a mail, and sign in; all other devices are signed out",
         NEED_NOTHING, 0, 1, command_reset},
        {"signout", "[DEVICE]", "sign out this device, another one, with --others every other, with --all every one",
         NEED_ACCOUNT, 0, 1, command_signout},
        {"devices", "", "list the devices of the account", NEED_ACCOUNT, 0, 0, command_devices},
        {"password", "", "set another password; with --others all other devices are signed out", NEED_ACCOUNT, 0, 0,
         command_password},
        {"profile", "", "print who is signed in here; with --name, --display: set the names", NEED_ACCOUNT, 0, 0,
         command_profile},
        {"email", "[ADDRESS]", "set another address, with a code that is sent there", NEED_ACCOUNT, 0, 1, command_email},
        {"delete-account", "", "end the account, for good; what was written stays with those it was written to",
         NEED_ACCOUNT, 0, 0, command_delete_account},
        {"export", "FILE|-", "write all that one has into a file, as JSON lines: profile, devices, rooms, messages",
         NEED_ACCOUNT, 1, 1, command_export},
        {"invite", "", "make an invitation (where members may): prints its token", NEED_ACCOUNT, 0, 0, command_invite},
        {"whoami", "", "print who is signed in here", NEED_ACCOUNT, 0, 0, command_whoami},
        {"people", "NAME", "find people whose name begins with NAME", NEED_ACCOUNT, 1, 1, command_people},
        {"block", "@NAME", "block somebody: neither writes to, finds, watches or invites the other", NEED_ACCOUNT, 1, 1,
         command_block},
        {"unblock", "@NAME", "block somebody no longer", NEED_ACCOUNT, 1, 1, command_unblock},
        {"blocks", "", "list whom one blocks", NEED_ACCOUNT, 0, 0, command_blocks},
        {"rooms", "", "list the rooms: the pinned ones, the latest first, the archived ones last", NEED_ACCOUNT, 0, 0,
         command_rooms},
        {"mute", "ROOM [TIME|off]",
         "no bell for a room, and no count: for 30m, 8h, 2d, 1w, or forever; mentions count still", NEED_ACCOUNT, 1, 2,
         command_mute},
        {"archive", "ROOM [off]", "put a room away, until something new is said there (a muted one stays away)",
         NEED_ACCOUNT, 1, 2, command_archive},
        {"pin-room", "ROOM [off]", "let a room stand above the others", NEED_ACCOUNT, 1, 2, command_pin_room},
        {"last-seen", "[on|off]",
         "let others see when you are online and were there last, and see it of them; or print which", NEED_ACCOUNT, 0, 1,
         command_last_seen},
        {"receipts", "[on|off]", "let others see what you have got and read, and see it of them; or print which",
         NEED_ACCOUNT, 0, 1, command_receipts},
        {"draft", "ROOM [TEXT]", "print what was begun in a room and not sent, or set it; an empty TEXT forgets it",
         NEED_ACCOUNT, 1, 2, command_draft},
        {"screen", "[ROOM]", "open the full screen, which galka alone does on a terminal", NEED_NOTHING, 0, 1,
         command_screen},
        {"chat", "ROOM", "talk in a room: a line editor, ticks that change in place", NEED_ACCOUNT, 1, 1, command_chat},
        {"send", "ROOM TEXT|-", "send a message; - reads it from standard input; without a link it is queued", NEED_ACCOUNT,
         2, 2, command_send},
        {"reply", "ROOM NUMBER TEXT|-", "send a message that replies to one; history --numbers shows their numbers",
         NEED_ACCOUNT, 3, 3, command_reply},
        {"edit", "ROOM NUMBER TEXT|-", "give an own message another text", NEED_ACCOUNT, 3, 3, command_edit},
        {"delete", "ROOM NUMBER", "delete a message for everybody: an own one, or as an admin of a group another's",
         NEED_ACCOUNT, 2, 2, command_delete},
        {"react", "ROOM NUMBER [EMOJI]", "react to a message, instead of a former reaction; without EMOJI take it back",
         NEED_ACCOUNT, 2, 3, command_react},
        {"forward", "ROOM NUMBER TO", "send a message of ROOM, with its author's name, into the room TO", NEED_ACCOUNT, 3, 3,
         command_forward},
        {"pin-message", "ROOM NUMBER", "pin a message: in a group an owner or an admin may", NEED_ACCOUNT, 2, 2,
         command_pin_message},
        {"unpin-message", "ROOM NUMBER", "pin a message no longer", NEED_ACCOUNT, 2, 2, command_unpin_message},
        {"history", "ROOM", "print the last messages of a room", NEED_ACCOUNT, 1, 1, command_history},
        {"search", "WORD…", "find messages with all the words, in any form, newest first; with --room in one room",
         NEED_ACCOUNT, 1, WORDS_MAX, command_search},
        {"around", "ROOM NUMBER|DATE", "print the messages around one, or around a day like 2025-12-31", NEED_ACCOUNT, 2, 2,
         command_around},
        {"pins", "ROOM", "list the pinned messages of a room, the newest pin first", NEED_ACCOUNT, 1, 1, command_pins},
        {"tail", "[ROOM]", "print messages as they come, until interrupted", NEED_ACCOUNT, 0, 1, command_tail},
        {"watch", "ROOM…", "print who comes and goes, and who types in the last of these rooms, until interrupted",
         NEED_ACCOUNT, 1, WORDS_MAX, command_watch},
        {"typing", "ROOM", "tell those who have the room open that one types", NEED_ACCOUNT, 1, 1, command_typing},
        {"group", "TITLE [@NAME]…", "make a group, and invite people to it", NEED_ACCOUNT, 1, WORDS_MAX, command_group},
        {"add", "ROOM @NAME…", "bring people into a group", NEED_ACCOUNT, 2, WORDS_MAX, command_add},
        {"remove", "ROOM @NAME…", "take people out of a group", NEED_ACCOUNT, 2, WORDS_MAX, command_remove},
        {"leave", "ROOM", "leave a group", NEED_ACCOUNT, 1, 1, command_leave},
        {"title", "ROOM TITLE", "give a group another title", NEED_ACCOUNT, 2, 2, command_title},
        {"role", "ROOM @NAME ROLE", "make somebody owner, admin or member of a group", NEED_ACCOUNT, 3, 3, command_role},
        {"members", "ROOM", "list who is in a room", NEED_ACCOUNT, 1, 1, command_members},
        {"readers", "ROOM NUMBER", "list who has read a message", NEED_ACCOUNT, 2, 2, command_readers},
        {"reactors", "ROOM NUMBER", "list who has which reaction to a message", NEED_ACCOUNT, 2, 2, command_reactors},
        {"link", "ROOM [new|off]", "print the link that lets people into a group, make another, or none", NEED_ACCOUNT, 1, 2,
         command_link},
        {"join", "LINK", "come into a group by its link", NEED_ACCOUNT, 1, 1, command_join},
        {"outbox", "", "list own messages that are not sent", NEED_ACCOUNT, 0, 0, command_outbox},
        {"retry", "ID", "try a failed message again", NEED_ACCOUNT, 1, 1, command_retry},
        {"discard", "ID", "forget a failed message", NEED_ACCOUNT, 1, 1, command_discard},
};

enum flag_type { FLAG_TEXT, FLAG_SWITCH, FLAG_ROWS };

static struct {
        const char *server, *ca, *profile;
        bool json, numbers, blocked, help;
} general;

static const struct flag {
        const char *name, *argument, *help;
        enum flag_type type;
        void *value;
} flags[] = {
        {"server", "HOST[:PORT]",
         "the server (kept; at first " DEFAULT_SERVER "); tls:// or plain:// before it says which of them", FLAG_TEXT,
         &general.server},
        {"ca", "FILE", "who may sign the server's certificate, in PEM (kept); empty: whom this system trusts", FLAG_TEXT,
         &general.ca},
        {"profile", "NAME", "which profile: a name, or a folder if it has a /", FLAG_TEXT, &general.profile},
        {"json", "", "print JSON lines, for scripts", FLAG_SWITCH, &general.json},
        {"wait", "", "what writes, alters or sets something: stay until it is done", FLAG_SWITCH, &command_flags.wait},
        {"count", "N", "history, chat, search, around, pins: how many messages to show", FLAG_ROWS, &command_flags.rows},
        {"room", "ROOM", "search: in that room alone", FLAG_TEXT, &command_flags.room},
        {"numbers", "", "history, tail, search, around, pins: with the number of each message", FLAG_SWITCH,
         &general.numbers},
        {"blocked", "", "history, tail, search, around, chat, pins: also what those write in groups whom one blocks",
         FLAG_SWITCH, &general.blocked},
        {"all", "", "signout: every device", FLAG_SWITCH, &command_flags.all},
        {"others", "", "signout, password: every other device", FLAG_SWITCH, &command_flags.others},
        {"invite", "LINK", "signup: an invitation, as a link or its last 26 letters and digits", FLAG_TEXT,
         &command_flags.invite},
        {"uses", "N", "invite: how many people may use it (1)", FLAG_ROWS, &command_flags.uses},
        {"days", "N", "invite: for how many days it is good (7)", FLAG_ROWS, &command_flags.days},
        {"email", "ADDRESS", "signup: instead of asking", FLAG_TEXT, &command_flags.email},
        {"name", "NAME", "signup: the user name, instead of asking; profile: to be set", FLAG_TEXT,
         &command_flags.user_name},
        {"display", "NAME", "signup: the name others see, instead of asking; profile: to be set", FLAG_TEXT,
         &command_flags.display_name},
        {"code", "CODE", "signup, reset, email: the code from the mail, instead of asking", FLAG_TEXT, &command_flags.code},
        {"password-file", "FILE", "a file with the password, instead of asking", FLAG_TEXT, &command_flags.password_file},
        {"new-password-file", "FILE", "password: a file with the new one, instead of asking", FLAG_TEXT,
         &command_flags.new_password_file},
        {"device-name", "NAME", "signup, signin, reset: what this device is called", FLAG_TEXT, &command_flags.device_name},
        {"help", "", "print this", FLAG_SWITCH, &general.help},
};

/* By exit code (enum exit_code, terminal/session.h). */
static const char *const exits[] = {
        [EXIT_DONE] = "done or queued",
        [EXIT_REFUSED] = "refused",
        [EXIT_USAGE] = "usage",
        [EXIT_NO_LINK] = "no link",
        [EXIT_SIGN_IN] = "not signed in",
        [EXIT_OTHER] = "another galka leads this profile",
        [EXIT_DISK] = "the profile cannot be read or written",
};

#define ROOM_HELP "ROOM is @name, me, a group's title, or a room's id."

/* The column is counted as a terminal shows it: "…" is one, whatever its bytes. */
static void print_line(FILE *out, const char *usage, const char *help)
{
        unsigned columns = safe_columns(slice_text(usage));

        fprintf(out, "  %s%*s %s\n", usage, columns < USAGE_COLUMNS ? (int)(USAGE_COLUMNS - columns) : 0, "", help);
}

static void print_help(FILE *out)
{
        fputs(help_of("usage", "usage: galka [flags] [COMMAND …]\n\n"
                               "Without a command, on a terminal: the full screen (F1 shows its keys).\n\n"
                               "commands:\n"),
              out);
        for (size_t i = 0; i < countof(commands); i++) {
                char usage[64];

                snprintf(usage, sizeof(usage), "%s %s", commands[i].name, commands[i].arguments);
                print_line(out, usage, help_of(commands[i].name, commands[i].help));
        }
        print_line(out, "help", help_of("help", "print this"));
        print_line(out, "man", help_of("man", "print the man page"));
        fprintf(out, "\n%s\n\n%s\n", help_of("room", ROOM_HELP), help_of("flags", "flags:"));
        for (size_t i = 0; i < countof(flags); i++) {
                char usage[64], name[32];

                snprintf(name, sizeof(name), "--%s", flags[i].name);
                snprintf(usage, sizeof(usage), "--%s %s", flags[i].name, flags[i].argument);
                print_line(out, usage, help_of(name, flags[i].help));
        }
        fprintf(out, "\n%s", help_of("exits", "exit codes:"));
        for (size_t i = 0; i < countof(exits); i++) {
                const char code[2] = {(char)('0' + i)};

                fprintf(out, "%s%s %zu %s", i ? "," : "", i == countof(exits) / 2 ? "\n " : "", i, help_of(code, exits[i]));
        }
        fputc('\n', out);
}

/* A dash in a man page is a hyphen unless escaped. */
static void print_man_text(const char *text)
{
        for (; *text; text++)
                fprintf(stdout, *text == '-' ? "\\-" : "%c", *text);
}

static void print_man_entry(const char *dashes, const char *name, const char *argument, const char *help)
{
        fputs(".TP\n.BI \"", stdout);
        print_man_text(dashes);
        print_man_text(name);
        printf(" \" \"%s\"\n", argument);
        print_man_text(help);
        puts(".");
}

static void print_man(void)
{
        puts(".TH GALKA 1 \"\" \"Galka " VERSION "\"\n"
             ".SH NAME\ngalka \\- the Galka messenger's terminal client\n"
             ".SH SYNOPSIS\n.B galka\n[\\fIflags\\fR] [\\fIcommand\\fR]\n"
             ".SH DESCRIPTION\n"
             "Talks with people through a Galka server, on a terminal or from a script. An account on this device is a\n"
             "\\fIprofile\\fR: one process leads it, others put what they send into its outbox. What is written without a "
             "link is\n"
             "sent once there is one.\n.PP\n"
             "Without a command, on a terminal, it opens the full screen: rooms, the talk of one, a line to write in. F1 "
             "shows\n"
             "the keys, F2 the settings (language, ground, colours, mouse, bell), which are kept in the "
             "profile.\n.PP\n" ROOM_HELP "\n"
             ".SH COMMANDS");
        for (size_t i = 0; i < countof(commands); i++)
                print_man_entry("", commands[i].name, commands[i].arguments, commands[i].help);
        print_man_entry("", "help", "", "print the commands and flags");
        print_man_entry("", "man", "", "print this page");
        puts(".SH FLAGS\nThey may stand anywhere; after \\-\\- everything is a word.");
        for (size_t i = 0; i < countof(flags); i++)
                print_man_entry("--", flags[i].name, flags[i].argument, flags[i].help);
        puts(".SH ENVIRONMENT");
        print_man_entry("", "GALKA_SERVER", "", "the server, unless a flag or the profile says it");
        print_man_entry("", "GALKA_PROFILE", "", "the profile, unless a flag says it");
        print_man_entry("", "LC_ALL, LC_MESSAGES, LANG", "",
                        "the full screen's language: Russian if they say ru, else English");
        print_man_entry("", "SSL_CERT_FILE", "",
                        "whom this system trusts, if not who is usual (a file of certificates in PEM)");
        print_man_entry("", "NO_COLOR", "", "if set, nothing is coloured");
        puts(".SH FILES");
        print_man_entry("", "~/.local/share/galka/NAME", "",
                        "a profile (under XDG_DATA_HOME, if that is set), readable by its owner only");
        puts(".SH EXIT STATUS");
        for (size_t i = 0; i < countof(exits); i++)
                printf(".TP\n.B %zu\n%s.\n", i, exits[i]);
        puts(".SH SEE ALSO\n.BR galkad (8)");
}

static int set_flag(const struct flag *flag, const char *value)
{
        char *end;
        unsigned long rows;

        switch (flag->type) {
        case FLAG_TEXT:
                *(const char **)flag->value = value;
                return EXIT_DONE;
        case FLAG_SWITCH:
                *(bool *)flag->value = true;
                return EXIT_DONE;
        case FLAG_ROWS:
                rows = strtoul(value, &end, 10);
                if (*end || rows == 0 || rows > 1000)
                        return session_complain(EXIT_USAGE, "--%s must be a number from 1 to 1000", flag->name);
                *(uint32_t *)flag->value = (uint32_t)rows;
                return EXIT_DONE;
        }
        unreachable();
}

/* One flag at argv[*index]; moves over its value. */
static int read_flag(int argc, char **argv, int *index)
{
        const char *name = argv[*index] + 2;
        size_t size = strcspn(name, "=");

        for (size_t i = 0; i < countof(flags); i++) {
                const char *value = name[size] ? name + size + 1 : NULL;

                if (strlen(flags[i].name) != size || memcmp(flags[i].name, name, size) != 0)
                        continue;
                if (!value && flags[i].type != FLAG_SWITCH)
                        value = *index + 1 < argc ? argv[++*index] : NULL;
                if (!value && flags[i].type != FLAG_SWITCH)
                        return session_complain(EXIT_USAGE, "--%s needs a value: %s", flags[i].name, flags[i].argument);
                return set_flag(&flags[i], value);
        }
        return session_complain(EXIT_USAGE, "there is no flag '%s': see galka --help", argv[*index]);
}

/* Flags may stand anywhere; after "--" everything is a word. */
static int read_arguments(int argc, char **argv, char **words, int *word_count)
{
        bool only_words = false;

        *word_count = 0;
        for (int i = 1; i < argc; i++) {
                int result = EXIT_DONE;

                if (!only_words && strcmp(argv[i], "--") == 0)
                        only_words = true;
                else if (!only_words && strncmp(argv[i], "--", 2) == 0)
                        result = read_flag(argc, argv, &i);
                else if (*word_count < WORDS_MAX)
                        words[(*word_count)++] = argv[i];
                else
                        result = session_complain(EXIT_USAGE, "too many words");
                if (result != EXIT_DONE)
                        return result;
        }
        return EXIT_DONE;
}

static bool profile_folder(char path[static PATH_SIZE])
{
        const char *profile = general.profile ? general.profile : getenv("GALKA_PROFILE");
        const char *data = getenv("XDG_DATA_HOME");
        const char *home = getenv("HOME");
        int size;

        if (profile && strchr(profile, '/'))
                size = snprintf(path, PATH_SIZE, "%s", profile);
        else if (data && *data)
                size = snprintf(path, PATH_SIZE, "%s/galka/%s", data, profile ? profile : "default");
        else
                size = snprintf(path, PATH_SIZE, "%s/.local/share/galka/%s", home ? home : ".",
                                profile ? profile : "default");
        return size > 0 && size < PATH_SIZE - 64;
}

/* The server: --server (kept once it is known to be one), else the profile's, else the environment's, else the default. */
static void choose_server(struct session *session)
{
        char *server = session->server;

        if (general.server) {
                snprintf(server, sizeof(session->server), "%s", general.server);
        } else if (!file_get_setting(session->file, "server", server)) {
                const char *from_environment = getenv("GALKA_SERVER");

                snprintf(server, sizeof(session->server), "%s", from_environment ? from_environment : DEFAULT_SERVER);
        }
}

/* --ca is kept, whole, since the next call may come from another folder. */
static int keep_authority(struct session *session)
{
        char path[PATH_MAX] = "", why[TLS_WHY_SIZE];
        struct tls_context *trust;

        if (*general.ca) {
                if (tls_client_new(general.ca, &trust, why) != ERR_OK)
                        return session_complain(EXIT_USAGE, "%s (see --ca)", why);
                tls_context_free(&trust);
                if (!realpath(general.ca, path) || strlen(path) >= FILE_SETTING_SIZE)
                        return session_complain(EXIT_USAGE, "--ca: the path is too long");
        }
        if (file_set_setting(session->file, "ca", path) != ERR_OK)
                return session_complain(EXIT_DISK, "the profile cannot be written");
        return EXIT_DONE;
}

/* Why the server's address was no good. */
static int complain_of_server(struct session *session)
{
        char ca[FILE_SETTING_SIZE], why[TLS_WHY_SIZE] = "";
        struct tls_context *trust = NULL;
        struct address address;

        if (address_parse(session->server, &address) != ERR_OK)
                return session_complain(EXIT_USAGE, "'%s' is no server: give HOST, HOST:PORT or tls://HOST:PORT",
                                        session->server);
        if (file_get_setting(session->file, "ca", ca) && *ca && tls_client_new(ca, &trust, why) == ERR_OK)
                tls_context_free(&trust);
        return session_complain(EXIT_USAGE, "%s (see --ca)", why);
}

static int open_session(struct session *session)
{
        char folder[PATH_SIZE], text[FILE_ERROR_SIZE] = "";
        const char *server = session->server;
        enum error error;

        if (!profile_folder(folder))
                return session_complain(EXIT_USAGE, "the profile's name is too long");
        if (file_open(folder, &session->file, text) != ERR_OK)
                return session_complain(EXIT_DISK, "%s", text);
        if (general.ca && keep_authority(session) != EXIT_DONE)
                return EXIT_USAGE;
        session->leads = file_lead(session->file) == ERR_OK;
        choose_server(session);
        error = host_new(session->file, server, session->leads, &session->host);
        if (error == ERR_CONFIG)
                return complain_of_server(session);
        if (!error && general.server && file_set_setting(session->file, "server", server) != ERR_OK)
                return session_complain(EXIT_DISK, "the profile cannot be written");
        if (!error)
                error = host_start(session->host);
        return error ? session_complain(EXIT_DISK, "%s", error_text(error)) : EXIT_DONE;
}

static int run(const struct command *command, int count, char **words)
{
        struct session session = {.json = general.json,
                                  .numbers = general.numbers,
                                  .blocked = general.blocked,
                                  .colour = !general.json && isatty(STDOUT_FILENO) && !getenv("NO_COLOR")};
        int result = open_session(&session);

        check(result != EXIT_DONE || session.host);
        if (result == EXIT_DONE && command->need == NEED_ACCOUNT && core_phase(session.host->core) < CORE_OFFLINE)
                result = session_complain(EXIT_SIGN_IN, "nobody is signed in here: galka signup, or galka signin NAME");
        if (result == EXIT_DONE)
                result = command->run(&session, count, words);
        if (result == EXIT_DONE)
                session_flush(&session);
        host_free(&session.host);
        file_close(&session.file);
        return result;
}

/* NULL: there is none. */
static const struct command *find_command(const char *name)
{
        for (size_t i = 0; i < countof(commands); i++)
                if (strcmp(name, commands[i].name) == 0)
                        return &commands[i];
        return NULL;
}

/* Texts are UTF-8 here in any case; how wide characters are is asked of the C library, which must know that too. */
static void choose_locale(void)
{
        setlocale(LC_ALL, "");
        if (strcmp(nl_langinfo(CODESET), "UTF-8") != 0)
                setlocale(LC_CTYPE, "C.UTF-8");
}

int main(int argc, char **argv)
{
        const struct command *command;
        char *words[WORDS_MAX];
        int count;
        int result = read_arguments(argc, argv, words, &count);

        if (result != EXIT_DONE)
                return result;
        choose_locale();
        signal(SIGPIPE, SIG_IGN);
        signal(SIGXFSZ, SIG_IGN); /* a limit on file sizes is a full disk */
        if (count == 0 && !general.help && !general.json && screen_is_possible())
                return run(find_command("screen"), 0, words);
        if (general.help || count == 0 || strcmp(words[0], "help") == 0) {
                text_choose(LANGUAGE_AUTO);
                print_help(general.help || count > 0 ? stdout : stderr);
                return general.help || count > 0 ? EXIT_DONE : EXIT_USAGE;
        }
        if (count == 1 && strcmp(words[0], "man") == 0) {
                print_man();
                return EXIT_DONE;
        }
        command = find_command(words[0]);
        if (!command)
                return session_complain(EXIT_USAGE, "there is no command '%s': see galka --help", words[0]);
        if (count - 1 < command->words_min || count - 1 > command->words_max)
                return session_complain(EXIT_USAGE, "usage: galka %s %s", command->name, command->arguments);
        return run(command, count - 1, words + 1);
}
