/*
 * Texts and names of other people on their way to a terminal. What a terminal would obey instead of showing (control characters, C1
 * ones too, bidirectional overrides, line separators) and what is no text at all comes out as a dot: nobody's message can move the
 * cursor, change the colours or forge a line.
 *
 * Columns are those of wcwidth(3): the program must have chosen a UTF-8 locale.
 */
#ifndef GALKA_TERMINAL_SAFE_H
#define GALKA_TERMINAL_SAFE_H

#include <stdio.h>

#include "base/slice.h"

#define SAFE_INDENT "          " /* before each further line of a text */

/* How the first character of a text is shown. */
struct safe_character {
        const char *shown; /* `size` bytes, in the text or constant */
        size_t size, taken;
        unsigned columns;
};

/* text: not empty. A tab is shown as spaces, a line's end as a dot. */
void safe_next(struct slice text, struct safe_character *character);

/* The text, its further lines indented. */
void safe_text(FILE *out, struct slice text);

/* The text in one line. */
void safe_line(FILE *out, struct slice text);

/* The same into a buffer, with NUL; cut at a whole character. */
void safe_copy(struct slice text, char *copy, size_t size);

/* A JSON string in quotes; here nothing is lost: what may not be shown is escaped. */
void safe_json(FILE *out, struct slice text);

/* Columns that safe_line's output takes. */
unsigned safe_columns(struct slice text);

#endif
