/*
 * Password hashing on a thread of its own, of low priority, one job after the other: argon2id through libsodium.
 * The owner submits and polls from one thread; the queue between them is bounded.
 *
 * Freeing waits for the job at hand (a hash: some 50 to 100 ms), not for those that wait behind it.
 */
#ifndef GALKA_DRIVER_PASSWORD_THREAD_H
#define GALKA_DRIVER_PASSWORD_THREAD_H

#include "seam/password.h"

#define PASSWORD_JOBS_MAX    64 /* submitted and not finished, of all submits; beyond: FULL */
#define PASSWORD_SUBMITS_MAX 64 /* submitted and not polled; beyond: FULL */

struct password_thread_options {
        unsigned long long ops_limit; /* 0: crypto_pwhash_OPSLIMIT_INTERACTIVE (2 passes) */
        size_t memory_limit;          /* bytes; 0: crypto_pwhash_MEMLIMIT_INTERACTIVE (64 MiB) */
        int niceness;                 /* 0: 10 */
};

/* NO_MEMORY; SYSTEM: no thread or descriptor; CONFIG: limits that libsodium does not take. */
must_use enum error password_thread_new(const struct password_thread_options *options, struct password **password);

#endif
