/* The options of galkad: one table (options.def), one parser, and what is printed from it. */
#ifndef GALKA_SERVER_OPTIONS_H
#define GALKA_SERVER_OPTIONS_H

#include <stdint.h>
#include <stdio.h>

#include "base/error.h"

struct options {
#define OPTION_TYPE_TEXT                                           char *
#define OPTION_TYPE_NUMBER                                         uint64_t
#define OPTION_TYPE_FLAG                                           bool
#define OPTION_TYPE_SECRET                                         char *
#define OPTION(field, name, type, value, min, max, argument, help) OPTION_TYPE_##type field;
#include "server/options.def"
#undef OPTION
        bool secret_in_file; /* one stands in the file itself, not behind an @ */
};

#define OPTION_ERROR_SIZE 512

/* Defaults, then the file that --config or GALKA_CONFIG names, then the environment, then flags. argv[0] is skipped; words that
 * are no flags are left to the caller: their indices go to words[], at most words_max. On CONFIG, text says in one line what is
 * wrong, where, and what would be right; NO_MEMORY too has a text. options_finish in any case. */
must_use enum error options_read(struct options *options, int argc, char **argv, char **environment, int *words,
                                 int *word_count, int words_max, char text[static OPTION_ERROR_SIZE]);

/* The file's name in the data folder, and as the words say it of a configuration that is to be made: it need not be there. */
#define OPTIONS_FILE  "galkad.conf"
#define OPTIONS_SETUP "setup"

void options_finish(struct options *options);

/* What the table says, in four shapes. */
void options_print_help(FILE *out);
void options_print_man(FILE *out);
void options_print_sample(FILE *out);
void options_print_flags(FILE *out); /* names alone, with spaces between them */

/* A configuration file of those options that are not as they are by default; those of single commands are left out. NULL, or the name of
 * one whose value such a file cannot hold. */
const char *options_print_file(const struct options *options, FILE *out);

#endif
