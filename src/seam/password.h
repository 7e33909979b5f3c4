/* Password hashing: slow on purpose, so it is submitted and polled; the queue behind it is bounded (FULL). */
#ifndef GALKA_SEAM_PASSWORD_H
#define GALKA_SEAM_PASSWORD_H

#include "base/error.h"
#include "base/slice.h"
#include "seam/outcome.h"

#define PASSWORD_HASH_SIZE 128 /* with NUL */

enum password_kind { PASSWORD_HASH, PASSWORD_VERIFY };

struct password_job {
        enum password_kind kind;
        struct slice password;
        char hash[PASSWORD_HASH_SIZE]; /* HASH: the result. VERIFY: what to verify against; an empty one takes as long
                                        * as a real one and does not match */
        bool matches;                  /* VERIFY: the result */
};

struct password;

struct password_ops {
        void (*free)(struct password **password);
        int (*fd)(struct password *password);
        /* All jobs of one call complete together, under one tag. */
        enum error (*submit)(struct password *password, struct password_job *jobs, size_t count, uint64_t tag);
        size_t (*poll)(struct password *password, struct completion *completions, size_t max);
};

struct password {
        const struct password_ops *ops;
};

#endif
