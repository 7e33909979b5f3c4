/* Mentions: "@user_name" in a text, whatever the case, not within a longer name or an address. The same for every client. */
#ifndef GALKA_RULES_MENTION_H
#define GALKA_RULES_MENTION_H

#include "base/slice.h"

/* Does the text mention who has that user name? */
bool mention_has(struct slice text, struct slice user_name);

/* The beginning of a mention that ends where the text does, without its @, to be completed; empty and NULL: there is none. */
struct slice mention_begun(struct slice text);

#endif
