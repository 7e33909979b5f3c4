/* Texts and classes of errors.def. */
#include "base/error.h"

const char *error_text(unsigned error)
{
        switch (error) {
#define X(name, number, class, text)                                                                                        \
        case number:                                                                                                        \
                return text;
#include "base/errors.def"
#undef X
        }
        return "unknown error";
}

const char *error_name(unsigned error)
{
        switch (error) {
#define X(name, number, class, text)                                                                                        \
        case number:                                                                                                        \
                return #name;
#include "base/errors.def"
#undef X
        }
        return "?";
}

enum error_class error_class(unsigned error)
{
        switch (error) {
#define X(name, number, class, text)                                                                                        \
        case number:                                                                                                        \
                return ERROR_CLASS_##class;
#include "base/errors.def"
#undef X
        }
        return ERROR_CLASS_REFUSED;
}
