/* Lines of the file that galkad user import reads: NAME<TAB>ADDRESS<TAB>DISPLAY NAME. */
#ifndef GALKA_SERVER_IMPORT_LINE_H
#define GALKA_SERVER_IMPORT_LINE_H

#include <stdio.h>

#include "base/slice.h"

#define IMPORT_LINE_SIZE 600 /* with NUL, without its end */

/* One line, taken apart in place. */
struct import_line {
        char text[IMPORT_LINE_SIZE];
        char folded[2][IMPORT_LINE_SIZE]; /* name, address: of whoever imports */
        struct slice name, email, display_name;
};

enum import_line_result { IMPORT_LINE_END, IMPORT_LINE_READ, IMPORT_LINE_BAD };

/* The next line, whole. BAD: it is too long, is something else, or one of its fields is not valid. */
enum import_line_result import_line_next(struct import_line *line, FILE *file);

#endif
