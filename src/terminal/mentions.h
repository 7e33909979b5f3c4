/*
 * How often one is mentioned in what is unread of a group. Told from the rows of this device: who is mentioned is found by the clients
 * (docs/decisions/0028-reactions.md), so of a room that was away for long it is known of the rows that are here.
 */
#ifndef GALKA_TERMINAL_MENTIONS_H
#define GALKA_TERMINAL_MENTIONS_H

#include "terminal/session.h"

#define MENTIONS_MAX      9    /* that are told */
#define MENTIONS_ROWS_MAX 1000 /* unread ones that are looked at, the newest */

/* Exact where `more` is not set: texts of others above the read mark with one's user name, as it is now, after an @. more: there are
 * others, or there may be: unread rows that are not on this device, or beyond the newest MENTIONS_ROWS_MAX. */
struct mentions {
        uint32_t count; /* at most MENTIONS_MAX */
        bool more;
};

/* What none has who is not in a group, or has read all. The file could not be read: storage_failed is set. */
struct mentions mentions_of(struct session *session, const struct core_room_info *info);

#endif
