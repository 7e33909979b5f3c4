/* Invitations as people see them: a token of 128 random bits in 26 letters and digits, or a link that ends in one. */
#ifndef GALKA_RULES_INVITE_H
#define GALKA_RULES_INVITE_H

#include "base/slice.h"

#define INVITE_SIZE      16 /* bytes */
#define INVITE_TEXT_SIZE 27 /* of its text, with NUL */

/* Letters and digits that are not easily taken for each other; case does not matter. */
void invite_write(const uint8_t bytes[static INVITE_SIZE], char text[static INVITE_TEXT_SIZE]);

/* The token in what somebody was given: a token, or a link as https://galka.example.org/i/TOKEN. Empty: there is none. */
struct slice invite_token(struct slice given);

#endif
