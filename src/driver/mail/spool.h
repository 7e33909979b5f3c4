/*
 * Mail into a folder: one file a letter, readable by its owner only, for development, tests, and programs that send what they
 * find there. A letter appears under its final name complete and on disk, or not at all.
 *
 * submit writes to the disk (milliseconds): for a worker's thread, not for a loop. Files of letters that somebody took away make room
 * for new ones.
 */
#ifndef GALKA_DRIVER_MAIL_SPOOL_H
#define GALKA_DRIVER_MAIL_SPOOL_H

#include "seam/clock.h"
#include "seam/mail.h"
#include "seam/random.h"

#define SPOOL_LETTERS_MAX 10000 /* files in the folder; beyond: FULL */
#define SPOOL_SUBMITS_MAX 64    /* not polled; beyond: FULL */

struct mail_spool_options {
        const char *folder;   /* made, for its owner only, if it is not there */
        const char *from;     /* address that letters come from */
        uint32_t letters_max; /* 0: SPOOL_LETTERS_MAX */
        struct clock *clock;
        struct random *random; /* both stay the caller's */

        /* Called for each letter that was written, with the code it carries (empty if none), within submit: dev mode prints
         * "code for ADDRESS: 123456". May be NULL. */
        void (*written)(void *owner, const struct mail_letter *letter, struct slice code);
        void *owner;
};

/* NO_MEMORY; CONFIG: not an address to come from; SYSTEM: the folder cannot be made or written (errno tells). The options are
 * copied, what they point to is not, but for folder and from.
 * submit's errors: FULL; BAD_FIELD, TOO_LARGE: the letter cannot be sent (driver/mail/letter.h). */
must_use enum error mail_spool_new(const struct mail_spool_options *options, struct mail **mail);

#endif
