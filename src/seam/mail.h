/* Outgoing mail. Sending twice is possible (UNCERTAIN is retried); losing is not. */
#ifndef GALKA_SEAM_MAIL_H
#define GALKA_SEAM_MAIL_H

#include "base/error.h"
#include "base/slice.h"
#include "seam/outcome.h"

struct mail_letter {
        struct slice to;      /* address */
        struct slice subject; /* text, one line */
        struct slice text;    /* text, lines end in \n */
};

struct mail;

struct mail_ops {
        void (*free)(struct mail **mail);
        int (*fd)(struct mail *mail);
        enum error (*submit)(struct mail *mail, const struct mail_letter *letter, uint64_t tag);
        size_t (*poll)(struct mail *mail, struct completion *completions, size_t max);
};

struct mail {
        const struct mail_ops *ops;
};

#endif
