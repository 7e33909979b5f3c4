/*
 * A letter as RFC 5322 wants it: headers and text with CRLF, UTF-8 in the text (8bit), a subject with other letters as
 * encoded words (RFC 2047). Nothing in address or subject can start a header line of its own: control characters are refused.
 */
#ifndef GALKA_DRIVER_MAIL_LETTER_H
#define GALKA_DRIVER_MAIL_LETTER_H

#include "seam/mail.h"

#define MAIL_ADDRESS_SIZE_MAX 254   /* RFC 5321, a path without its brackets */
#define MAIL_SUBJECT_SIZE_MAX 500   /* bytes */
#define MAIL_TEXT_SIZE_MAX    65536 /* bytes */
#define MAIL_LINE_SIZE_MAX    998   /* RFC 5322, 2.1.1 */
#define MAIL_LETTER_SIZE_MAX  (2 * MAIL_TEXT_SIZE_MAX + 8192)

/* What the headers say beside the letter's own words. */
struct mail_headers {
        const char *from; /* address */
        uint64_t time_ms; /* since 1970 */
        uint64_t number;  /* of the letter, random: makes the Message-ID */
};

/* Good enough to be written to: one @ with something on both sides, no blanks, no control or special characters. */
bool mail_address_is_sound(struct slice address);

/* BAD_FIELD: an address, subject or line that cannot be sent; TOO_LARGE. */
must_use enum error mail_letter_check(const struct mail_letter *letter);

/* Writes a letter that mail_letter_check found good into bytes[MAIL_LETTER_SIZE_MAX]; returns its size. */
size_t mail_letter_format(const struct mail_letter *letter, const struct mail_headers *headers, char *bytes);

/* The first run of exactly `digits` digits in the text: the code that a letter carries. Empty if there is none. */
struct slice mail_letter_code(const struct mail_letter *letter, size_t digits);

#endif
