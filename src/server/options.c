/*
 * Reads options from file, environment and flags into a struct, by the table. Strings are owned by the struct. The first thing
 * wrong ends the reading with one line that says what and where.
 */
#include "server/options.h"

#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/memory.h"
#include "frontend/proxy.h"
#include "frontend/upgrade.h"

#define SECRET_FILE_MAX 2048 /* bytes that are looked at */

enum option_type { OPTION_TEXT, OPTION_NUMBER, OPTION_FLAG, OPTION_SECRET };

struct option {
        const char *name;
        enum option_type type;
        size_t offset;
        const char *value; /* the default */
        uint64_t min, max;
        const char *argument, *help;
};

static const struct option table[] = {
#define OPTION(field, name, type, value, min, max, argument, help)                                                          \
        {name, OPTION_##type, __builtin_offsetof(struct options, field), value, min, max, argument, help},
#include "server/options.def"
#undef OPTION
};

static const struct option *find(const char *name, size_t size)
{
        for (size_t i = 0; i < countof(table); i++)
                if (strlen(table[i].name) == size && memcmp(table[i].name, name, size) == 0)
                        return &table[i];
        return NULL;
}

static bool is_word(const char *value, const char *const words[3])
{
        for (size_t i = 0; i < 3; i++)
                if (strcmp(value, words[i]) == 0)
                        return true;
        return false;
}

static enum error set_text(char **field, const struct option *option, const char *value)
{
        size_t size = strlen(value);
        char *copy;

        if (size < option->min || size > option->max)
                return ERR_CONFIG;
        copy = memory_new(size + 1);
        if (!copy)
                return ERR_NO_MEMORY;
        memcpy(copy, value, size);
        memory_free(*field);
        *field = copy;
        return ERR_OK;
}

static bool set_number(uint64_t *field, const struct option *option, const char *value)
{
        char *end;
        unsigned long long number;

        if (*value < '0' || *value > '9')
                return false;
        errno = 0;
        number = strtoull(value, &end, 10);
        if (errno || *end || number < option->min || number > option->max)
                return false;
        *field = number;
        return true;
}

static bool set_flag(bool *field, const char *value)
{
        static const char *const yes[3] = {"yes", "true", "1"};
        static const char *const no[3] = {"no", "false", "0"};

        if (!is_word(value, yes) && !is_word(value, no))
                return false;
        *field = is_word(value, yes);
        return true;
}

/* The first line of a file. Nothing else than a file is opened: a pipe could make us wait for ever. */
static bool read_secret(const char *path, char line[static SECRET_FILE_MAX], const char *where, char *text)
{
        int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        struct stat status;
        ssize_t got = -1;

        if (fd >= 0 && fstat(fd, &status) == 0 && !S_ISREG(status.st_mode))
                errno = EINVAL;
        else if (fd >= 0)
                got = read(fd, line, SECRET_FILE_MAX - 1);
        if (got < 0)
                snprintf(text, OPTION_ERROR_SIZE, "%s: cannot read %.80s: %s", where, path, strerror(errno));
        if (fd >= 0)
                close(fd);
        if (got < 0)
                return false;
        line[got] = '\0';
        line[strcspn(line, "\r\n")] = '\0';
        return true;
}

/* Never is a secret in the text. */
static enum error set_secret(char **field, const struct option *option, const char *value, const char *where, char *text)
{
        char line[SECRET_FILE_MAX];
        enum error error;

        if (value[0] == '@' && !read_secret(value + 1, line, where, text))
                return ERR_CONFIG;
        error = set_text(field, option, value[0] == '@' ? line : value);
        if (error == ERR_CONFIG)
                snprintf(text, OPTION_ERROR_SIZE, "%s: %s must be at most %llu bytes long", where, option->name,
                         (unsigned long long)option->max);
        return error;
}

/* Sets one option; on refusal writes "<where>: …" to text. */
static enum error set(struct options *options, const struct option *option, const char *value, const char *where, char *text)
{
        char *field = (char *)options + option->offset;
        enum error error = ERR_CONFIG;

        switch (option->type) {
        case OPTION_TEXT:
                error = set_text((char **)field, option, value);
                break;
        case OPTION_NUMBER:
                error = set_number((uint64_t *)field, option, value) ? ERR_OK : ERR_CONFIG;
                break;
        case OPTION_FLAG:
                error = set_flag((bool *)field, value) ? ERR_OK : ERR_CONFIG;
                break;
        case OPTION_SECRET:
                error = set_secret((char **)field, option, value, where, text);
                break;
        }
        if (error == ERR_NO_MEMORY)
                snprintf(text, OPTION_ERROR_SIZE, "%s", error_text(error));
        if (error != ERR_CONFIG || option->type == OPTION_SECRET)
                return error;
        if (option->type == OPTION_FLAG)
                snprintf(text, OPTION_ERROR_SIZE, "%s: %s must be yes or no, not '%.80s'", where, option->name, value);
        else
                snprintf(text, OPTION_ERROR_SIZE, "%s: %s must be %s from %llu to %llu%s, not '%.80s'", where, option->name,
                         option->type == OPTION_NUMBER ? "a number" : "a text", (unsigned long long)option->min,
                         (unsigned long long)option->max, option->type == OPTION_NUMBER ? "" : " bytes long", value);
        return ERR_CONFIG;
}

struct file_reading {
        FILE *file;
        int line;
        struct options *options;
        const char *path;
        char *text;
        enum error error;
};

/* Debian's inih does not tell the handler the line, so the reader counts. */
static char *read_line(char *line, int size, void *context)
{
        struct file_reading *reading = context;

        reading->line++;
        return fgets(line, size, reading->file);
}

static int on_setting(void *context, const char *section, const char *name, const char *value)
{
        struct file_reading *reading = context;
        const struct option *option = find(name, strlen(name));
        char where[300];

        if (reading->error)
                return 0;
        snprintf(where, sizeof(where), "%.200s line %d", reading->path, reading->line);
        if (*section || !option || option->offset == __builtin_offsetof(struct options, config)) {
                snprintf(reading->text, OPTION_ERROR_SIZE, "%s: there is no option '%.80s' here", where,
                         *section ? section : name);
                reading->error = ERR_CONFIG;
                return 0;
        }
        reading->error = set(reading->options, option, value, where, reading->text);
        reading->options->secret_in_file |= option->type == OPTION_SECRET && *value && *value != '@';
        return reading->error == ERR_OK;
}

static enum error read_file(struct options *options, const char *path, char *text)
{
        struct file_reading reading = {fopen(path, "r"), 0, options, path, text, ERR_OK};
        int line;

        if (!reading.file) {
                snprintf(text, OPTION_ERROR_SIZE, "cannot read %.200s: %s", path, strerror(errno));
                return ERR_CONFIG;
        }
        line = ini_parse_stream(read_line, &reading, on_setting, &reading);
        fclose(reading.file);
        if (reading.error)
                return reading.error;
        if (line != 0) {
                snprintf(text, OPTION_ERROR_SIZE, "%.200s line %d: not a line of the form 'name = value'", path, line);
                return ERR_CONFIG;
        }
        return ERR_OK;
}

/* The environment's name of an option: GALKA_LOG_FORMAT. */
static void environment_name(const struct option *option, char name[static 64])
{
        int size = snprintf(name, 64, "GALKA_%s", option->name);

        check(size > 0 && size < 64);
        for (char *at = name; *at; at++)
                *at = *at == '-' ? '_' : (char)(*at >= 'a' && *at <= 'z' ? *at - 32 : *at);
}

static const char *environment_value(char **environment, const char *name)
{
        size_t size = strlen(name);

        for (; environment && *environment; environment++)
                if (strncmp(*environment, name, size) == 0 && (*environment)[size] == '=')
                        return *environment + size + 1;
        return NULL;
}

static enum error read_environment(struct options *options, char **environment, char *text)
{
        for (size_t i = 0; i < countof(table); i++) {
                char name[64];
                const char *value;
                enum error error;

                environment_name(&table[i], name);
                value = environment_value(environment, name);
                if (!value)
                        continue;
                error = set(options, &table[i], value, name, text);
                if (error)
                        return error;
        }
        return ERR_OK;
}

/* A flag at argv[*index]: --name value, --name=value, or --name for a FLAG. Moves *index over its value. */
static enum error read_flag(struct options *options, int argc, char **argv, int *index, char *text)
{
        const char *name = argv[*index] + 2;
        const char *equals = strchr(name, '=');
        const struct option *option = find(name, equals ? (size_t)(equals - name) : strlen(name));
        const char *value = equals ? equals + 1 : NULL;

        if (!option) {
                snprintf(text, OPTION_ERROR_SIZE, "there is no option '%.80s': see galkad help", argv[*index]);
                return ERR_CONFIG;
        }
        if (option->type == OPTION_SECRET) {
                char variable[64];

                environment_name(option, variable);
                snprintf(text, OPTION_ERROR_SIZE,
                         "--%s: a secret is seen by all on the command line: use %s, or the file (--config)", option->name,
                         variable);
                return ERR_CONFIG;
        }
        if (!value && option->type == OPTION_FLAG)
                value = "yes";
        if (!value && *index + 1 < argc)
                value = argv[++*index];
        if (!value) {
                snprintf(text, OPTION_ERROR_SIZE, "--%s needs a value: %s", option->name, option->argument);
                return ERR_CONFIG;
        }
        return set(options, option, value, "command line", text);
}

/* Goes over the command line: flags are set, other words are noted. */
static enum error read_flags(struct options *options, int argc, char **argv, int *words, int *word_count, int words_max,
                             char *text)
{
        *word_count = 0;
        for (int i = 1; i < argc; i++) {
                enum error error;

                if (strncmp(argv[i], "--", 2) == 0 && argv[i][2]) {
                        error = read_flag(options, argc, argv, &i, text);
                        if (error)
                                return error;
                } else if (*word_count < words_max) {
                        words[(*word_count)++] = i;
                } else {
                        snprintf(text, OPTION_ERROR_SIZE, "too many words: '%.80s'", argv[i]);
                        return ERR_CONFIG;
                }
        }
        return ERR_OK;
}

/* A folder may bring its own file. */
static enum error find_file(struct options *options, char *text)
{
        char path[4200];

        snprintf(path, sizeof(path), "%.4096s/" OPTIONS_FILE, options->data);
        if (*options->config || access(path, R_OK) != 0)
                return ERR_OK;
        return set(options, find("config", 6), path, "data", text);
}

/* What setup is to make need not be there. */
static bool is_to_be_made(const struct options *options, char **argv, const int *words, int word_count)
{
        return word_count > 0 && strcmp(argv[words[0]], OPTIONS_SETUP) == 0 && access(options->config, F_OK) != 0 &&
               errno == ENOENT;
}

static enum error set_defaults(struct options *options, char *text)
{
        for (size_t i = 0; i < countof(table); i++) {
                enum error error = set(options, &table[i], table[i].value, "default", text);

                if (error)
                        return error;
        }
        return ERR_OK;
}

static enum error check_words(const struct options *options, char *text)
{
        struct proxy_trust trust;
        enum error error = proxy_trust_parse(options->proxy_from, &trust);

        static const char *const formats[3] = {"logfmt", "json", "json"};
        static const char *const levels[3] = {"debug", "info", "warning"};
        static const char *const registrations[3] = {"invite", "open", "closed"};

        if (error) {
                snprintf(text, OPTION_ERROR_SIZE, "proxy-from must be %s, not '%.200s'",
                         error == ERR_FULL ? "16 addresses at most" : "addresses or blocks (10.0.0.0/8,fd00::7)",
                         options->proxy_from);
                return ERR_CONFIG;
        }
        if (!upgrade_origins_valid(options->origins)) {
                snprintf(text, OPTION_ERROR_SIZE,
                         "origins must be some like https://app.example.org, parted by commas, not '%.200s'",
                         options->origins);
                return ERR_CONFIG;
        }
        if (!is_word(options->log_format, formats)) {
                snprintf(text, OPTION_ERROR_SIZE, "log-format must be logfmt or json, not '%s'", options->log_format);
                return ERR_CONFIG;
        }
        if (!is_word(options->log_level, levels) && strcmp(options->log_level, "error") != 0) {
                snprintf(text, OPTION_ERROR_SIZE, "log-level must be debug, info, warning or error, not '%s'",
                         options->log_level);
                return ERR_CONFIG;
        }
        if (*options->registration && !is_word(options->registration, registrations)) {
                snprintf(text, OPTION_ERROR_SIZE, "registration must be invite, open or closed, not '%s'",
                         options->registration);
                return ERR_CONFIG;
        }
        return ERR_OK;
}

enum error options_read(struct options *options, int argc, char **argv, char **environment, int *words, int *word_count,
                        int words_max, char text[static OPTION_ERROR_SIZE])
{
        enum error error;

        memset(options, 0, sizeof(*options));
        text[0] = '\0';
        error = set_defaults(options, text);
        /* Environment and flags are read twice: first to learn the file's name, then to win over the file. */
        if (!error)
                error = read_environment(options, environment, text);
        if (!error)
                error = read_flags(options, argc, argv, words, word_count, words_max, text);
        if (!error)
                error = find_file(options, text);
        if (!error && *options->config && !is_to_be_made(options, argv, words, *word_count)) {
                error = read_file(options, options->config, text);
                if (!error)
                        error = read_environment(options, environment, text);
                if (!error)
                        error = read_flags(options, argc, argv, words, word_count, words_max, text);
        }
        if (!error)
                error = check_words(options, text);
        /* It quotes what was written, and is one line for a terminal or a log. */
        for (char *at = text; error && *at; at++)
                if ((unsigned char)*at < 32 || *at == 127)
                        *at = '?';
        return error;
}

void options_finish(struct options *options)
{
        for (size_t i = 0; i < countof(table); i++) {
                if (table[i].type == OPTION_TEXT || table[i].type == OPTION_SECRET) {
                        char **field = (char **)((char *)options + table[i].offset);

                        memory_free(*field);
                        *field = NULL;
                }
        }
}

#define HELP_INDENT 29
#define HELP_WIDTH  118

/* A text broken between words, in the column of helps. */
static void print_broken(FILE *out, const char *text)
{
        int column = HELP_INDENT;

        while (*text) {
                int size = (int)strcspn(text, " ");

                if (column + size > HELP_WIDTH)
                        column = fprintf(out, "\n%*s", HELP_INDENT, "") - 1;
                column += fprintf(out, "%s%.*s", column > HELP_INDENT ? " " : "", size, text);
                text += size + (text[size] == ' ');
        }
}

void options_print_help(FILE *out)
{
        for (size_t i = 0; i < countof(table); i++) {
                char flag[80];

                if (table[i].type == OPTION_SECRET)
                        environment_name(&table[i], flag);
                else
                        snprintf(flag, sizeof(flag), "--%s %s", table[i].name, table[i].argument);
                fprintf(out, "  %-26s ", flag);
                print_broken(out, table[i].help);
                if (table[i].type == OPTION_SECRET)
                        fputs(" (environment or file only)", out);
                fprintf(out, *table[i].value ? " (%s)\n" : "\n", table[i].value);
        }
}

/* A dash in a man page is a hyphen unless escaped. */
static void print_man_dashes(FILE *out, const char *text)
{
        for (; *text; text++)
                fprintf(out, *text == '-' ? "\\-" : "%c", *text);
}

void options_print_man(FILE *out)
{
        for (size_t i = 0; i < countof(table); i++) {
                char name[64];

                environment_name(&table[i], name);
                if (table[i].type == OPTION_SECRET) {
                        fprintf(out, ".TP\n.BR %s\n%s. In the file: ", name, table[i].help);
                        print_man_dashes(out, table[i].name);
                        fputs(". Not on the command line. @\\fIPATH\\fR stands for the first line of that file.\n", out);
                        continue;
                }
                fprintf(out, ".TP\n.BR \\-\\-");
                print_man_dashes(out, table[i].name);
                fprintf(out, " \" \\fI%s\\fR\"\n%s. ", table[i].argument, table[i].help);
                if (*table[i].value)
                        fprintf(out, "Default: %s. ", table[i].value);
                fprintf(out, "Environment: %s.\n", name);
        }
}

void options_print_sample(FILE *out)
{
        for (size_t i = 0; i < countof(table); i++)
                if (table[i].offset != __builtin_offsetof(struct options, config))
                        fprintf(out, "# %s\n#%s = %s\n\n", table[i].help, table[i].name, table[i].value);
}

void options_print_flags(FILE *out)
{
        for (size_t i = 0; i < countof(table); i++)
                if (table[i].type != OPTION_SECRET)
                        fprintf(out, "%s--%s", i ? " " : "", table[i].name);
}

/* What one command is told is no configuration. */
static bool is_of_one_command(const struct option *option)
{
        static const char *const names[] = {"config",      "partitions", "frontend-partitions",
                                            "replication", "dry-run",    "replace",
                                            "after-s",     "leaked",     "json",
                                            "uses",        "days",       "email",
                                            "display"};

        for (size_t i = 0; i < countof(names); i++)
                if (strcmp(option->name, names[i]) == 0)
                        return true;
        return false;
}

/* inih cuts at a semicolon after a space, and takes spaces and quotes off the ends. */
static bool can_be_written(const char *value)
{
        size_t size = strlen(value);

        return size == 0 || (size < 180 && !strpbrk(value, "\r\n") && !strstr(value, " ;") && !strchr(" \t\";#", value[0]) &&
                             !strchr(" \t\"", value[size - 1]));
}

const char *options_print_file(const struct options *options, FILE *out)
{
        for (size_t i = 0; i < countof(table); i++) {
                const char *field = (const char *)options + table[i].offset;
                bool is_text = table[i].type == OPTION_TEXT || table[i].type == OPTION_SECRET;
                char number[32] = "";
                const char *value = number;

                if (is_text)
                        value = *(char *const *)(const void *)field;
                else if (table[i].type == OPTION_NUMBER)
                        snprintf(number, sizeof(number), "%llu", (unsigned long long)*(const uint64_t *)(const void *)field);
                else
                        snprintf(number, sizeof(number), "%s", *(const bool *)field ? "yes" : "no");
                if (is_of_one_command(&table[i]) || strcmp(value, table[i].value) == 0)
                        continue;
                if (!can_be_written(value))
                        return table[i].name;
                fprintf(out, "# %s\n%s = %s\n\n", table[i].help, table[i].name, value);
        }
        return NULL;
}
