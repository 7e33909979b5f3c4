/*
 * Kinds of operations on a room's log, and of the rows that they make. Each line: name, number, text, counts as unread, in groups
 * only, most bytes of text (0: none, else at least one), needs a subject, needs a role, what its target is.
 *
 *      TEXT     a message; target: the row that it replies to, if any; origin: whose text it is a copy of, if it is a forwarded one
 *      CREATED  makes the group whose id is the operation's own; text: its title
 *      JOINED   subject is a member from here on, invited by the sender, or by himself with the group's link
 *      LEFT     subject is a member up to here, removed by the sender if that is another
 *      TITLE    text: the new title
 *      ROLE     subject has that role from here on
 *      LINK     the group's link is another one from here on, or none
 *      DELETED  makes no row, but a tombstone of its target: a row of this kind, without text, that counts as it did
 *      EDITED   makes no row, but gives its target another text; no row has this kind
 *      REACTED  makes no row: text is the sender's reaction to its target from here on; without text he has none. No row has this kind
 */
#ifndef GALKA_RULES_ROW_H
#define GALKA_RULES_ROW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"
#include "rules/limits.h"

/* What an operation's target is: there is none; a row that it replies to, or none; the row that it alters, instead of making one. */
enum row_target { TARGET_NONE, TARGET_REPLIED, TARGET_ALTERED };

#define ROW_KINDS(X)                                                                                                        \
        X(TEXT, 1, "text", true, false, TEXT_SIZE_MAX, false, false, TARGET_REPLIED)                                        \
        X(CREATED, 2, "created", false, true, TITLE_SIZE_MAX, false, false, TARGET_NONE)                                    \
        X(JOINED, 3, "joined", false, true, 0, true, false, TARGET_NONE)                                                    \
        X(LEFT, 4, "left", false, true, 0, true, false, TARGET_NONE)                                                        \
        X(TITLE, 5, "title", false, true, TITLE_SIZE_MAX, false, false, TARGET_NONE)                                        \
        X(ROLE, 6, "role", false, true, 0, true, true, TARGET_NONE)                                                         \
        X(LINK, 7, "link", false, true, 0, false, false, TARGET_NONE)                                                       \
        X(DELETED, 8, "deleted", true, false, 0, false, false, TARGET_ALTERED)                                              \
        X(EDITED, 9, "edited", false, false, TEXT_SIZE_MAX, false, false, TARGET_ALTERED)                                   \
        X(REACTED, 10, "reacted", false, false, REACTION_SIZE_MAX, false, false, TARGET_ALTERED)

enum row_kind {
#define X(name, number, text, countable, group, text_max, subject, role, target) ROW_##name = number,
        ROW_KINDS(X)
#undef X
};

/* What an operation brings, as far as one can tell without looking at its room. */
struct row_content {
        unsigned kind, role;
        uint64_t subject, target;
        struct slice text, origin;
        size_t link_size;
        bool in_group;
};

/* Does it count as unread? False for unknown kinds. */
bool row_countable(unsigned kind);

/* Does an operation of that kind alter a row instead of making one? False for unknown kinds. */
bool row_alters(unsigned kind);

/* The kind's name; NULL for an unknown one. */
const char *row_kind_text(unsigned kind);

/* Text and origin are UTF-8. OK, BAD_FIELD, TOO_LARGE (its text or origin). */
must_use enum error row_check(const struct row_content *content);

#endif
