/*
 * Mail to a mail server that carries it on (RFC 5321 by libcurl's multi interface): nothing blocks, no thread but the resolver's.
 *
 * A letter that the server refuses for good (5xx of it, or of its address) is told as event mail.refused, and done with: it would hold
 * up the others. All else FAILED, or is UNCERTAIN when the letter had gone out whole; event mail.failed tells why.
 */
#ifndef GALKA_DRIVER_MAIL_SMTP_H
#define GALKA_DRIVER_MAIL_SMTP_H

#include "base/event.h"
#include "seam/clock.h"
#include "seam/mail.h"
#include "seam/random.h"

#define SMTP_LETTERS_MAX     16    /* under way at once; beyond: FULL */
#define SMTP_CONNECTIONS_MAX 4     /* to the server; further letters wait for one */
#define SMTP_TIMEOUT_MS      30000 /* of a letter, waiting for a connection included */
#define SMTP_ERROR_SIZE      512
#define SMTP_HOST_SIZE       260

enum smtp_tls {
        SMTP_STARTTLS, /* begins without, and goes on only if the server can TLS; port 587 unless named */
        SMTP_TLS,      /* from the first byte; port 465 */
        SMTP_PLAIN     /* port 25 */
};

struct mail_smtp_options {
        const char *host;          /* a name, or an address */
        uint32_t port;             /* 0: the usual one */
        enum smtp_tls tls;         /* its certificate must name the host */
        const char *ca;            /* a PEM file with who may sign it; NULL: whom the system trusts */
        const char *user, *secret; /* NULL: without signing in */
        const char *from;          /* address that letters come from; what follows its @ is how we greet */
        uint32_t timeout_ms;       /* 0: SMTP_TIMEOUT_MS */
        struct clock *clock;
        struct random *random;
        struct event_sink *events;

        /* Called for each letter that is taken, with the code it carries, within submit; see spool.h. May be NULL. */
        void (*taken)(void *owner, const struct mail_letter *letter, struct slice code);
        void *owner;
};

/* Asks nothing of the server yet. NO_MEMORY; CONFIG: not an address to come from, or not a host; SYSTEM: no descriptor. Host and
 * from are copied; what else the options point to stays the caller's, for as long as the driver. submit's errors: those of spool.h, NO_MEMORY. */
must_use enum error mail_smtp_new(const struct mail_smtp_options *options, struct mail **mail);

/* Connects, signs in and says goodbye, for up to the timeout. FAILED: text says why, in one line. */
must_use enum error mail_smtp_try(const struct mail_smtp_options *options, char text[static SMTP_ERROR_SIZE]);

#endif
