/*
 * Under TSan only: C11's threads and locks, as POSIX's. librdkafka uses the former, which TSan does not know: a thread whose beginning it
 * has not seen ends the process at its first system call, and what one thread hands to another under such a lock looks like a race. So the
 * program has these names itself, and librdkafka finds them here. What librdkafka does inside is not looked at: it is not built with TSan.
 */
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define UNDER_TSAN
#endif
#elif defined(__SANITIZE_THREAD__)
#define UNDER_TSAN
#endif

#ifdef UNDER_TSAN
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <threads.h>

_Static_assert(sizeof(mtx_t) >= sizeof(pthread_mutex_t) && _Alignof(mtx_t) >= _Alignof(pthread_mutex_t), "a lock fits");
_Static_assert(sizeof(cnd_t) >= sizeof(pthread_cond_t) && _Alignof(cnd_t) >= _Alignof(pthread_cond_t), "a condition fits");
_Static_assert(sizeof(thrd_t) == sizeof(pthread_t), "a thread is named alike");

const char *__tsan_default_options(void);

/* What librdkafka reads and writes through libc is its own. */
const char *__tsan_default_options(void)
{
        return "ignore_noninstrumented_modules=1";
}

struct beginning {
        thrd_start_t run;
        void *argument;
};

static void *begin(void *argument)
{
        struct beginning beginning = *(struct beginning *)argument;

        free(argument);
        return (void *)(intptr_t)beginning.run(beginning.argument);
}

static int result(int error)
{
        return error == 0 ? thrd_success : error == ETIMEDOUT ? thrd_timedout : thrd_error;
}

int thrd_create(thrd_t *thread, thrd_start_t run, void *argument)
{
        struct beginning *beginning = malloc(sizeof(*beginning));
        int error;

        if (!beginning)
                return thrd_nomem;
        *beginning = (struct beginning){run, argument};
        error = pthread_create(thread, NULL, begin, beginning);
        if (error)
                free(beginning);
        return result(error);
}

int thrd_join(thrd_t thread, int *status)
{
        void *returned;
        int error = pthread_join(thread, &returned);

        if (!error && status)
                *status = (int)(intptr_t)returned;
        return result(error);
}

int mtx_init(mtx_t *lock, int type)
{
        pthread_mutexattr_t how;

        pthread_mutexattr_init(&how);
        pthread_mutexattr_settype(&how, type & mtx_recursive ? PTHREAD_MUTEX_RECURSIVE : PTHREAD_MUTEX_NORMAL);
        return result(pthread_mutex_init((pthread_mutex_t *)lock, &how));
}

void mtx_destroy(mtx_t *lock)
{
        pthread_mutex_destroy((pthread_mutex_t *)lock);
}

int mtx_lock(mtx_t *lock)
{
        return result(pthread_mutex_lock((pthread_mutex_t *)lock));
}

int mtx_unlock(mtx_t *lock)
{
        return result(pthread_mutex_unlock((pthread_mutex_t *)lock));
}

int cnd_init(cnd_t *condition)
{
        return result(pthread_cond_init((pthread_cond_t *)condition, NULL));
}

void cnd_destroy(cnd_t *condition)
{
        pthread_cond_destroy((pthread_cond_t *)condition);
}

int cnd_signal(cnd_t *condition)
{
        return result(pthread_cond_signal((pthread_cond_t *)condition));
}

int cnd_broadcast(cnd_t *condition)
{
        return result(pthread_cond_broadcast((pthread_cond_t *)condition));
}

int cnd_wait(cnd_t *condition, mtx_t *lock)
{
        return result(pthread_cond_wait((pthread_cond_t *)condition, (pthread_mutex_t *)lock));
}

int cnd_timedwait(cnd_t *condition, mtx_t *lock, const struct timespec *until)
{
        return result(pthread_cond_timedwait((pthread_cond_t *)condition, (pthread_mutex_t *)lock, until));
}
#endif
