/*
 * The options of galkad: any configuration file, any environment, any command line. Input: one byte that chooses which of the
 * three gets the rest (lines of a file, or words parted by NUL or newline).
 *
 * What is checked: nothing is taken that is out of its bounds; a refusal is CONFIG with one line of text that holds no control
 * characters, and for a file names the file; what was read once is read the same again.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "fuzz.h"
#include "server/options.h"

#define WORDS_MAX 32
#define INPUT_MAX 4096

static char file_path[] = "/tmp/galka-fuzz-options-XXXXXX";

static void remove_file(void)
{
        unlink(file_path);
}

/* The file is one for all inputs, by its descriptor. */
static int file_of_input(void)
{
        static int fd = -1;

        if (fd < 0) {
                fd = mkstemp(file_path);
                check(fd >= 0);
                atexit(remove_file);
        }
        return fd;
}

static void write_file(const uint8_t *data, size_t size)
{
        int fd = file_of_input();

        check(ftruncate(fd, 0) == 0);
        check(pwrite(fd, data, size, 0) == (ssize_t)size);
}

/* Cuts the text into words; returns how many. */
static int cut(char *text, size_t size, char *words[WORDS_MAX])
{
        int count = 0;

        for (size_t at = 0; at < size && count < WORDS_MAX - 1; at += strlen(text + at) + 1)
                words[count++] = text + at;
        words[count] = NULL;
        return count;
}

static void check_text(const char *text, bool from_file)
{
        size_t size = strlen(text);

        check(size > 0 && size < OPTION_ERROR_SIZE);
        for (size_t i = 0; i < size; i++)
                check((unsigned char)text[i] >= 32 && text[i] != 127);
        if (from_file)
                check(strncmp(text, file_path, strlen(file_path)) == 0 || strncmp(text, "log-", 4) == 0 ||
                      strncmp(text, "proxy-from ", 11) == 0);
}

#define CHECK_TEXT(value, min, max)   check((value) && strlen(value) >= (min) && strlen(value) <= (max))
#define CHECK_NUMBER(value, min, max) check((value) >= (min) && (value) <= (max))
#define CHECK_SECRET(value, min, max) CHECK_TEXT(value, min, max)
#define CHECK_FLAG(value, min, max)   check((value) == false || (value) == true)

static void check_bounds(const struct options *options)
{
#define OPTION(field, name, type, value, least, most, argument, help)                                                       \
        {                                                                                                                   \
                const uint64_t min = (least), max = (most);                                                                 \
                                                                                                                            \
                (void)min, (void)max;                                                                                       \
                CHECK_##type(options->field, min, max);                                                                     \
        }
#include "server/options.def"
#undef OPTION
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static char copy[INPUT_MAX + 1];
        char program[] = "galkad", flag[] = "--config";
        char *empty[] = {NULL}, *words[WORDS_MAX], *file_words[] = {program, flag, file_path, NULL};
        int places[4], count = 0, word_count, twice_count;
        struct options options, twice;
        char text[OPTION_ERROR_SIZE], twice_text[OPTION_ERROR_SIZE];
        char **arguments = empty, **environment = empty;
        enum error error;
        uint8_t what;

        if (size < 1 || size > INPUT_MAX)
                return 0;
        what = *data++ % 3;
        size--;
        memcpy(copy, data, size);
        for (size_t i = 0; i < size; i++)
                copy[i] = copy[i] == '\n' ? '\0' : copy[i];
        copy[size] = '\0';
        if (what == 0) {
                write_file(data, size);
                arguments = file_words;
                count = 3;
        } else {
                count = cut(copy, size, words);
                arguments = what == 1 ? words : empty;
                environment = what == 2 ? words : empty;
                count = what == 1 ? count : 0;
        }
        error = options_read(&options, count, arguments, environment, places, &word_count, 4, text);
        check(error == ERR_OK || error == ERR_CONFIG);
        if (error)
                check_text(text, what == 0);
        else
                check_bounds(&options);
        check(options_read(&twice, count, arguments, environment, places, &twice_count, 4, twice_text) == error);
        check(error ? strcmp(text, twice_text) == 0 : word_count == twice_count);
        options_finish(&options);
        options_finish(&twice);
        return 0;
}
