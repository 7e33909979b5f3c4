/*
 * See thread.h. Submits stand in a ring: the thread works on the one at `doing`, the owner polls those before it. The lock
 * guards the three counters alone; a submit's contents belong to the thread from submit until `doing` has passed it.
 */
#include "driver/password/thread.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sodium.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/memory.h"

#define NICENESS 10

_Static_assert(PASSWORD_HASH_SIZE >= crypto_pwhash_STRBYTES, "a hash fits");

struct submit {
        struct password_job *jobs;
        size_t count;
        struct completion completion;
};

struct hasher {
        struct password password;
        struct password_thread_options options;
        pthread_t thread;
        pthread_mutex_t lock;
        pthread_cond_t wake;
        int fd;
        bool stopping;
        uint64_t submitted, doing, polled; /* counters of submits: polled <= doing <= submitted */
        size_t jobs;                       /* not finished */
        struct submit ring[PASSWORD_SUBMITS_MAX];
};

static struct hasher *hasher_of(struct password *password)
{
        return container_of(password, struct hasher, password);
}

/* ---- the thread ---- */

/* libsodium wants an address even for no bytes. */
static const char *characters(struct slice password)
{
        return password.size ? (const char *)password.data : "";
}

static bool hash_make(const struct hasher *hasher, struct slice password, char hash[static PASSWORD_HASH_SIZE])
{
        memset(hash, 0, PASSWORD_HASH_SIZE);
        return crypto_pwhash_str_alg(hash, characters(password), password.size, hasher->options.ops_limit,
                                     hasher->options.memory_limit, crypto_pwhash_ALG_ARGON2ID13) == 0;
}

/* False: out of memory, and nobody knows whether it matches. */
static bool hash_verify(const struct hasher *hasher, struct password_job *job)
{
        job->matches = false;
        if (job->hash[0] == '\0') {
                /* As much work as verifying, for nothing: the answer must not come sooner than for a known name. */
                char ignored[PASSWORD_HASH_SIZE];

                return hash_make(hasher, job->password, ignored);
        }
        if (!memchr(job->hash, '\0', PASSWORD_HASH_SIZE))
                return true;
        errno = 0;
        job->matches = crypto_pwhash_str_verify(job->hash, characters(job->password), job->password.size) == 0;
        return job->matches || errno != ENOMEM;
}

static enum outcome submit_do(const struct hasher *hasher, struct submit *submit)
{
        enum outcome outcome = OUTCOME_OK;

        for (size_t i = 0; i < submit->count; i++) {
                struct password_job *job = &submit->jobs[i];
                bool done =
                        job->kind == PASSWORD_HASH ? hash_make(hasher, job->password, job->hash) : hash_verify(hasher, job);

                if (!done)
                        outcome = OUTCOME_FAILED;
        }
        return outcome;
}

static void *hasher_run(void *argument)
{
        struct hasher *hasher = argument;
        uint64_t one = 1;
        sigset_t all;

        /* Signals are for the program's main thread. */
        sigfillset(&all);
        check(pthread_sigmask(SIG_BLOCK, &all, NULL) == 0);
        /* Of this thread alone, as Linux has it. If it is refused, hashing is merely less polite. */
        (void)setpriority(PRIO_PROCESS, 0, hasher->options.niceness);
        check(pthread_mutex_lock(&hasher->lock) == 0);
        for (;;) {
                struct submit *submit = &hasher->ring[hasher->doing % PASSWORD_SUBMITS_MAX];

                if (hasher->stopping)
                        break;
                if (hasher->doing == hasher->submitted) {
                        check(pthread_cond_wait(&hasher->wake, &hasher->lock) == 0);
                        continue;
                }
                check(pthread_mutex_unlock(&hasher->lock) == 0);
                submit->completion.outcome = submit_do(hasher, submit);
                check(pthread_mutex_lock(&hasher->lock) == 0);
                hasher->jobs -= submit->count;
                hasher->doing++;
                check(write(hasher->fd, &one, sizeof(one)) == sizeof(one));
        }
        check(pthread_mutex_unlock(&hasher->lock) == 0);
        return NULL;
}

/* ---- the seam ---- */

static enum error hasher_submit(struct password *password, struct password_job *jobs, size_t count, uint64_t tag)
{
        struct hasher *hasher = hasher_of(password);
        enum error error = ERR_FULL;

        check(pthread_mutex_lock(&hasher->lock) == 0);
        if (hasher->submitted - hasher->polled < PASSWORD_SUBMITS_MAX && count <= PASSWORD_JOBS_MAX - hasher->jobs) {
                hasher->ring[hasher->submitted++ % PASSWORD_SUBMITS_MAX] =
                        (struct submit){.jobs = jobs, .count = count, .completion.tag = tag};
                hasher->jobs += count;
                check(pthread_cond_signal(&hasher->wake) == 0);
                error = ERR_OK;
        }
        check(pthread_mutex_unlock(&hasher->lock) == 0);
        return error;
}

static size_t hasher_poll(struct password *password, struct completion *completions, size_t max)
{
        struct hasher *hasher = hasher_of(password);
        size_t count = 0;
        uint64_t ignored;

        check(pthread_mutex_lock(&hasher->lock) == 0);
        while (count < max && hasher->polled < hasher->doing)
                completions[count++] = hasher->ring[hasher->polled++ % PASSWORD_SUBMITS_MAX].completion;
        if (count && hasher->polled == hasher->doing)
                check(read(hasher->fd, &ignored, sizeof(ignored)) == sizeof(ignored));
        check(pthread_mutex_unlock(&hasher->lock) == 0);
        return count;
}

static int hasher_fd(struct password *password)
{
        return hasher_of(password)->fd;
}

static void hasher_release(struct hasher *hasher)
{
        if (hasher->fd >= 0)
                close(hasher->fd);
        check(pthread_cond_destroy(&hasher->wake) == 0);
        check(pthread_mutex_destroy(&hasher->lock) == 0);
        memory_free(hasher);
}

static void hasher_free(struct password **password)
{
        struct hasher *hasher;

        if (!*password)
                return;
        hasher = hasher_of(*password);
        *password = NULL;
        check(pthread_mutex_lock(&hasher->lock) == 0);
        hasher->stopping = true;
        check(pthread_cond_signal(&hasher->wake) == 0);
        check(pthread_mutex_unlock(&hasher->lock) == 0);
        check(pthread_join(hasher->thread, NULL) == 0);
        hasher_release(hasher);
}

static const struct password_ops hasher_ops = {
        .free = hasher_free, .fd = hasher_fd, .submit = hasher_submit, .poll = hasher_poll};

static enum error options_check(struct password_thread_options *options)
{
        if (!options->ops_limit)
                options->ops_limit = crypto_pwhash_OPSLIMIT_INTERACTIVE;
        if (!options->memory_limit)
                options->memory_limit = crypto_pwhash_MEMLIMIT_INTERACTIVE;
        if (!options->niceness)
                options->niceness = NICENESS;
        if (options->ops_limit < crypto_pwhash_OPSLIMIT_MIN || options->ops_limit > crypto_pwhash_OPSLIMIT_MAX ||
            options->memory_limit < crypto_pwhash_MEMLIMIT_MIN || options->memory_limit > crypto_pwhash_MEMLIMIT_MAX)
                return ERR_CONFIG;
        return ERR_OK;
}

enum error password_thread_new(const struct password_thread_options *options, struct password **password)
{
        struct hasher *hasher;
        struct password_thread_options limits = *options;

        if (options_check(&limits))
                return ERR_CONFIG;
        if (sodium_init() < 0)
                return ERR_SYSTEM;
        hasher = memory_new(sizeof(*hasher));
        if (!hasher)
                return ERR_NO_MEMORY;
        hasher->password.ops = &hasher_ops;
        hasher->options = limits;
        check(pthread_mutex_init(&hasher->lock, NULL) == 0);
        check(pthread_cond_init(&hasher->wake, NULL) == 0);
        hasher->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (hasher->fd < 0 || pthread_create(&hasher->thread, NULL, hasher_run, hasher)) {
                hasher_release(hasher);
                return ERR_SYSTEM;
        }
        *password = &hasher->password;
        return ERR_OK;
}
