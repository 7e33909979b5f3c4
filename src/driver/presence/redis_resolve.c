/* See redis_resolve.h. */
#include "driver/presence/redis_resolve.h"

#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/un.h>

#include "base/assert.h"
#include "base/memory.h"

struct redis_resolver {
        char host[REDIS_HOST_MAX + 1], port[8];
        bool threaded; /* it is a name */
        pthread_t thread;
        pthread_mutex_t lock; /* of what follows */
        pthread_cond_t asked;
        bool wanted, ending;
        struct redis_address addresses[REDIS_ADDRESSES_MAX];
        size_t count;
};

/* Returns what getaddrinfo says. */
static int look_up(const struct redis_resolver *resolver, int flags,
                   struct redis_address addresses[static REDIS_ADDRESSES_MAX], size_t *count)
{
        struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = flags | AI_NUMERICSERV}, *found;
        int number = getaddrinfo(resolver->host, resolver->port, &hints, &found);

        *count = 0;
        if (number != 0)
                return number;
        for (struct addrinfo *at = found; at && *count < REDIS_ADDRESSES_MAX; at = at->ai_next) {
                struct redis_address *address = &addresses[(*count)++];

                check(at->ai_addrlen <= sizeof(address->storage));
                *address = (struct redis_address){.size = at->ai_addrlen};
                memcpy(&address->storage, at->ai_addr, at->ai_addrlen);
        }
        freeaddrinfo(found);
        return 0;
}

/* Answers that are no use leave the old ones. */
static void look_again(struct redis_resolver *resolver)
{
        struct redis_address addresses[REDIS_ADDRESSES_MAX];
        size_t count;

        check(pthread_mutex_unlock(&resolver->lock) == 0);
        if (look_up(resolver, 0, addresses, &count) != 0)
                count = 0;
        check(pthread_mutex_lock(&resolver->lock) == 0);
        if (count == 0)
                return;
        memcpy(resolver->addresses, addresses, count * sizeof(addresses[0]));
        resolver->count = count;
}

static void *resolver_thread(void *context)
{
        struct redis_resolver *resolver = context;

        check(pthread_mutex_lock(&resolver->lock) == 0);
        while (!resolver->ending) {
                if (resolver->wanted) {
                        look_again(resolver);
                        resolver->wanted = false; /* who asked meanwhile is served by this answer */
                } else {
                        check(pthread_cond_wait(&resolver->asked, &resolver->lock) == 0);
                }
        }
        check(pthread_mutex_unlock(&resolver->lock) == 0);
        return NULL;
}

static enum error start_thread(struct redis_resolver *resolver, char *why)
{
        sigset_t all, before;
        int number;

        sigfillset(&all);
        check(pthread_sigmask(SIG_SETMASK, &all, &before) == 0); /* signals are for the main thread */
        number = pthread_create(&resolver->thread, NULL, resolver_thread, resolver);
        check(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
        resolver->threaded = number == 0;
        if (number != 0)
                snprintf(why, REDIS_WHY_SIZE, "no thread for names: %s", strerror(number));
        return number == 0 ? ERR_OK : ERR_SYSTEM;
}

static enum error take_path(struct redis_resolver *resolver, const char *path, char *why)
{
        struct sockaddr_un *unix_address = (struct sockaddr_un *)&resolver->addresses[0].storage;

        if (strlen(path) >= sizeof(unix_address->sun_path)) {
                snprintf(why, REDIS_WHY_SIZE, "the path of the socket is too long");
                return ERR_CONFIG;
        }
        unix_address->sun_family = AF_UNIX;
        memcpy(unix_address->sun_path, path, strlen(path) + 1);
        resolver->addresses[0].size = sizeof(*unix_address);
        resolver->count = 1;
        return ERR_OK;
}

static enum error take_host(struct redis_resolver *resolver, char *why)
{
        int number = look_up(resolver, AI_NUMERICHOST, resolver->addresses, &resolver->count);

        if (number == 0)
                return ERR_OK;
        number = look_up(resolver, 0, resolver->addresses, &resolver->count);
        if (number == 0)
                return start_thread(resolver, why);
        snprintf(why, REDIS_WHY_SIZE, "%s", gai_strerror(number));
        return ERR_NOT_FOUND;
}

enum error redis_resolver_new(const char *host, uint16_t port, struct redis_resolver **resolver_p,
                              char why[static REDIS_WHY_SIZE])
{
        struct redis_resolver *resolver = memory_new(sizeof(*resolver));
        enum error error;

        snprintf(why, REDIS_WHY_SIZE, "out of memory");
        if (!resolver)
                return ERR_NO_MEMORY;
        check(pthread_mutex_init(&resolver->lock, NULL) == 0 && pthread_cond_init(&resolver->asked, NULL) == 0);
        snprintf(resolver->port, sizeof(resolver->port), "%u", port);
        if (host[0] == '/') {
                error = take_path(resolver, host, why);
        } else if (host[0] == 0 || strlen(host) > REDIS_HOST_MAX) {
                snprintf(why, REDIS_WHY_SIZE, "not a host");
                error = ERR_CONFIG;
        } else {
                memcpy(resolver->host, host, strlen(host) + 1);
                error = take_host(resolver, why);
        }
        if (error)
                redis_resolver_free(&resolver);
        *resolver_p = resolver;
        return error;
}

void redis_resolver_free(struct redis_resolver **resolver_p)
{
        struct redis_resolver *resolver = *resolver_p;

        if (!resolver)
                return;
        *resolver_p = NULL;
        if (resolver->threaded) {
                check(pthread_mutex_lock(&resolver->lock) == 0);
                resolver->ending = true;
                check(pthread_cond_signal(&resolver->asked) == 0 && pthread_mutex_unlock(&resolver->lock) == 0);
                check(pthread_join(resolver->thread, NULL) == 0);
        }
        check(pthread_cond_destroy(&resolver->asked) == 0 && pthread_mutex_destroy(&resolver->lock) == 0);
        memory_free(resolver);
}

struct redis_address redis_resolver_get(struct redis_resolver *resolver, unsigned attempt)
{
        struct redis_address address;

        check(pthread_mutex_lock(&resolver->lock) == 0);
        address = resolver->addresses[attempt % resolver->count];
        check(pthread_mutex_unlock(&resolver->lock) == 0);
        return address;
}

void redis_resolver_refresh(struct redis_resolver *resolver)
{
        if (!resolver->threaded)
                return;
        check(pthread_mutex_lock(&resolver->lock) == 0);
        resolver->wanted = true;
        check(pthread_cond_signal(&resolver->asked) == 0 && pthread_mutex_unlock(&resolver->lock) == 0);
}
