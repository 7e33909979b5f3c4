/* The one table of errors (errors.def): enum, class and text. Fallible functions return enum error. */
#ifndef GALKA_BASE_ERROR_H
#define GALKA_BASE_ERROR_H

#include <stdbool.h>

enum error {
#define X(name, number, class, text) ERR_##name = number,
#include "base/errors.def"
#undef X
};

/* What a client may conclude from an error; see errors.def. */
enum error_class {
        ERROR_CLASS_OK,
        ERROR_CLASS_REFUSED,
        ERROR_CLASS_BUSY,
        ERROR_CLASS_UNKNOWN,
        ERROR_CLASS_LOCAL,
};

#define must_use __attribute__((warn_unused_result))

/* English text of an error; never NULL. A number outside the table reads "unknown error". */
const char *error_text(unsigned error);

/* Short name of an error as written in errors.def ("BAD_FRAME"); never NULL. */
const char *error_name(unsigned error);

/* A number outside the table counts as REFUSED: a newer server's refusal is final for an older client. */
enum error_class error_class(unsigned error);

#endif
