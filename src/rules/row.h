/*
 * Kinds of operations on a room's log, and of the rows that they make. Each line: name, number, text, counts as unread, in which
 * rooms, most bytes of text (0: none, else at least one), needs a subject, needs a role, what its target is.
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
 *      PINNED   makes no row: its target is pinned from here on, before all that were; with `off` it is no longer. No row has this kind
 *      SETTING  text: one of the user's settings (rules/setting.h), in place of the target's, which is one of the same key; without a
 *               target a new row
 */
#ifndef GALKA_RULES_ROW_H
#define GALKA_RULES_ROW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"
#include "rules/limits.h"
#include "rules/room.h"

/* What an operation's target is: there is none; a row that it replies to, or none; the row that it alters, instead of making one;
 * such a row, or none, and then it makes one. */
enum row_target { TARGET_NONE, TARGET_REPLIED, TARGET_ALTERED, TARGET_ALTERED_OR_NONE };

/* In which rooms there are such operations. */
enum row_rooms { ROOMS_ALL, ROOMS_GROUP, ROOMS_SELF };

#define ROW_KINDS(X)                                                                                                        \
        X(TEXT, 1, "text", true, ROOMS_ALL, TEXT_SIZE_MAX, false, false, TARGET_REPLIED)                                    \
        X(CREATED, 2, "created", false, ROOMS_GROUP, TITLE_SIZE_MAX, false, false, TARGET_NONE)                             \
        X(JOINED, 3, "joined", false, ROOMS_GROUP, 0, true, false, TARGET_NONE)                                             \
        X(LEFT, 4, "left", false, ROOMS_GROUP, 0, true, false, TARGET_NONE)                                                 \
        X(TITLE, 5, "title", false, ROOMS_GROUP, TITLE_SIZE_MAX, false, false, TARGET_NONE)                                 \
        X(ROLE, 6, "role", false, ROOMS_GROUP, 0, true, true, TARGET_NONE)                                                  \
        X(LINK, 7, "link", false, ROOMS_GROUP, 0, false, false, TARGET_NONE)                                                \
        X(DELETED, 8, "deleted", true, ROOMS_ALL, 0, false, false, TARGET_ALTERED)                                          \
        X(EDITED, 9, "edited", false, ROOMS_ALL, TEXT_SIZE_MAX, false, false, TARGET_ALTERED)                               \
        X(REACTED, 10, "reacted", false, ROOMS_ALL, REACTION_SIZE_MAX, false, false, TARGET_ALTERED)                        \
        X(PINNED, 11, "pinned", false, ROOMS_ALL, 0, false, false, TARGET_ALTERED)                                          \
        X(SETTING, 12, "setting", false, ROOMS_SELF, TEXT_SIZE_MAX, false, false, TARGET_ALTERED_OR_NONE)

enum row_kind {
#define X(name, number, text, countable, rooms, text_max, subject, role, target) ROW_##name = number,
        ROW_KINDS(X)
#undef X
};

/* What an operation brings, as far as one can tell without looking at its room. */
struct row_content {
        unsigned kind, role;
        uint64_t subject, target;
        struct slice text, origin;
        size_t link_size;
        enum room_kind room;
        bool off;
};

/* Does it count as unread? False for unknown kinds. */
bool row_countable(unsigned kind);

/* Does an operation of that kind and target alter a row instead of making one? False for unknown kinds. */
bool row_alters(unsigned kind, uint64_t target);

/* The kind's name; NULL for an unknown one. */
const char *row_kind_text(unsigned kind);

/* Text and origin are UTF-8. OK, BAD_FIELD, TOO_LARGE (its text or origin). */
must_use enum error row_check(const struct row_content *content);

#endif
