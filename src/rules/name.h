/*
 * Names: what is lawful, and folding for comparison and search. Folding is the same on server and client, so it is a small
 * table here (ASCII, Latin-1, Latin Extended-A, Greek, Cyrillic; ё = е), not a library that differs between them.
 */
#ifndef GALKA_RULES_NAME_H
#define GALKA_RULES_NAME_H

#include "base/slice.h"

/* User names: USER_NAME_MIN … USER_NAME_MAX of a-z A-Z 0-9 _ . -, beginning with a letter. */
bool name_is_user_name(struct slice name);

/* An address as far as one can tell by looking: one @, something before it, a dot inside what follows, no spaces or controls. */
bool name_is_email(struct slice email);

/* Display names: some visible character, no controls. */
bool name_is_display_name(struct slice name);

/* Folds text into `folded` (room for text.size bytes is always enough). Returns the folded size. Malformed UTF-8 is
 * copied as it is. */
size_t name_fold(struct slice text, uint8_t *folded);

#endif
