/* Kinds of rows of a room's log. Each line: name, number, text, counts as unread, may be sent by a client. */
#ifndef GALKA_RULES_ROW_H
#define GALKA_RULES_ROW_H

#include <stdbool.h>

#define ROW_KINDS(X) X(TEXT, 1, "text", true, true)

enum row_kind {
#define X(name, number, text, countable, writable) ROW_##name = number,
        ROW_KINDS(X)
#undef X
};

static inline bool row_countable(unsigned kind)
{
        switch (kind) {
#define X(name, number, text, countable, writable)                                                                          \
        case number:                                                                                                        \
                return countable;
                ROW_KINDS(X)
#undef X
        }
        return false;
}

/* False for kinds that only the server writes, and for unknown ones. */
static inline bool row_writable(unsigned kind)
{
        switch (kind) {
#define X(name, number, text, countable, writable)                                                                          \
        case number:                                                                                                        \
                return writable;
                ROW_KINDS(X)
#undef X
        }
        return false;
}

#endif
