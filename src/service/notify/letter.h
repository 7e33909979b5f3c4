/* The text of letters, by kind and language. */
#ifndef GALKA_SERVICE_NOTIFY_LETTER_H
#define GALKA_SERVICE_NOTIFY_LETTER_H

#include "seam/mail.h"
#include "wire/wire.h"

#define LETTER_TEXT_MAX 1024

/* Fills subject and text; the text is written into `buffer`. False: no such kind of letter. */
bool letter_write(const struct wire_mail *mail, char buffer[static LETTER_TEXT_MAX], struct mail_letter *letter);

#endif
