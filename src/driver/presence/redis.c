/* The seam's functions, and what all handles share; see redis.h. */
#include "driver/presence/redis.h"

#include <poll.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/memory.h"
#include "driver/presence/redis_handle.h"

static const struct arena_source heap_source = {.take = memory_new, .give = memory_free};

static struct redis_handle *handle_of(const struct presence *presence)
{
        return container_of(presence, struct redis_handle, presence);
}

/* ---- the seam ---- */

static bool is_over(const struct redis_submission *submission)
{
        return submission->ended && submission->calls == 0;
}

/* The oldest submission has its completion: the descriptor must say so. */
static bool has_completion(struct redis_handle *handle)
{
        return handle->first < handle->next && is_over(redis_submission_at(handle, handle->first));
}

static enum error redis_submit(struct presence *presence, const struct presence_request *requests, size_t count,
                               struct presence_result *results, struct arena *arena, uint64_t tag)
{
        struct redis_handle *handle = handle_of(presence);
        struct redis_submission *submission;

        if (handle->next - handle->first == REDIS_SUBMITS_MAX)
                return ERR_FULL;
        submission = &handle->submissions[handle->next++ % REDIS_SUBMITS_MAX];
        *submission = (struct redis_submission){
                .requests = requests, .results = results, .arena = arena, .tag = tag, .count = count, .ended = count == 0};
        for (size_t i = 0; i < count; i++) {
                results[i] = (struct presence_result){0};
                submission->writes |= redis_writes(requests[i].kind);
        }
        if (handle->down)
                redis_submissions_fail(handle);
        if (handle->state == REDIS_UP) {
                redis_submissions_send(handle);
                redis_connection_flush(handle);
        }
        redis_wake_at(handle, has_completion(handle) ? 0 : redis_connection_next_ms(handle));
        return ERR_OK;
}

static size_t redis_poll(struct presence *presence, struct completion *completions, size_t max)
{
        struct redis_handle *handle = handle_of(presence);
        size_t count = 0;

        redis_connection_run(handle);
        for (; count < max && has_completion(handle); count++) {
                struct redis_submission *submission = redis_submission_at(handle, handle->first);

                completions[count] = (struct completion){submission->tag, submission->outcome};
                handle->first++;
        }
        handle->unsent = max_of(handle->unsent, handle->first);
        redis_wake_at(handle, has_completion(handle) ? 0 : redis_connection_next_ms(handle));
        return count;
}

static int redis_fd(struct presence *presence)
{
        return handle_of(presence)->epoll;
}

static void redis_handle_free(struct presence **presence)
{
        struct redis_handle *handle;

        if (!*presence)
                return;
        handle = handle_of(*presence);
        *presence = NULL;
        redis_connection_close(handle);
        if (handle->timer >= 0)
                check(close(handle->timer) == 0);
        if (handle->epoll >= 0)
                check(close(handle->epoll) == 0);
        handle->redis->handles--;
        memory_free(handle);
}

static const struct presence_ops redis_ops = {
        .free = redis_handle_free, .fd = redis_fd, .submit = redis_submit, .poll = redis_poll};

enum error presence_redis_open(struct presence_redis *redis, struct presence **presence)
{
        struct redis_handle *handle = memory_new(sizeof(*handle));
        struct epoll_event event = {.events = EPOLLIN};

        if (!handle)
                return ERR_NO_MEMORY;
        handle->presence.ops = &redis_ops;
        handle->redis = redis;
        handle->link.fd = -1;
        handle->timer_ms = UINT64_MAX;
        handle->pause_ms = REDIS_PAUSE_MIN;
        handle->epoll = epoll_create1(EPOLL_CLOEXEC);
        handle->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
        redis->handles++;
        *presence = &handle->presence;
        event.data.fd = handle->timer;
        if (handle->epoll >= 0 && handle->timer >= 0 &&
            epoll_ctl(handle->epoll, EPOLL_CTL_ADD, handle->timer, &event) == 0) {
                redis_wake_at(handle, 0); /* so that it connects before somebody waits for it */
                return ERR_OK;
        }
        redis_handle_free(presence);
        return ERR_SYSTEM;
}

/* ---- the first look ---- */

/* One of each request, so that what is refused is refused now. Nobody has this epoch or is this user. */
static const struct presence_request trial[] = {
        {.kind = PRESENCE_SET, .entry.epoch = {"galka begins"}},
        {.kind = PRESENCE_GET},
        {.kind = PRESENCE_WATCH,
         .entry.epoch = {"galka begins"},
         .users = (const uint64_t[]){0},
         .user_count = 1,
         .room = {"galka begins"}},
        {.kind = PRESENCE_OPEN, .room = {"galka begins"}},
        {.kind = PRESENCE_REMOVE, .entry.epoch = {"galka begins"}},
        {.kind = PRESENCE_GONE},
        {.kind = PRESENCE_MARK_LOST, .entry.epoch = {"galka begins"}},
        {.kind = PRESENCE_BEAT, .entry.epoch = {"galka begins"}},
        {.kind = PRESENCE_END, .entry.epoch = {"galka begins"}},
};

/* True if the trial succeeded; else it has to be tried again, until until_ms. */
static bool try_once(struct presence *presence, struct arena *arena, uint64_t until_ms)
{
        struct redis_handle *handle = handle_of(presence);
        struct presence_result results[countof(trial)];
        struct completion completion;

        arena_reset(arena);
        if (redis_submit(presence, trial, countof(trial), results, arena, 0) != ERR_OK)
                return false;
        while (redis_poll(presence, &completion, 1) == 0) {
                struct pollfd waiting = {.fd = handle->epoll, .events = POLLIN};

                /* Its deadlines are shorter than ours: there will be an answer. */
                check(redis_now_ms(handle) < until_ms + REDIS_CONNECT_MS + REDIS_DEADLINE_MS);
                (void)poll(&waiting, 1, REDIS_PAUSE_MAX);
        }
        return completion.outcome == OUTCOME_OK;
}

static enum error look(struct presence_redis *redis, char text[static REDIS_ERROR_SIZE])
{
        struct presence *presence = NULL;
        struct redis_handle *handle;
        enum error error = presence_redis_open(redis, &presence);
        struct arena arena;
        uint64_t until_ms;

        if (error) {
                snprintf(text, REDIS_ERROR_SIZE, "cannot begin with Redis: %s", error_text(error));
                return error;
        }
        arena_init(&arena, &heap_source, 4096, 65536);
        handle = handle_of(presence);
        until_ms = redis_now_ms(handle) + (redis->options.start_ms ? redis->options.start_ms : REDIS_START_MS);
        while (!try_once(presence, &arena, until_ms) && !error) {
                if (handle->wrong)
                        error = ERR_CONFIG;
                else if (redis_now_ms(handle) >= until_ms)
                        error = ERR_SYSTEM;
                else
                        (void)poll(NULL, 0, REDIS_PAUSE_MIN);
        }
        if (error)
                snprintf(text, REDIS_ERROR_SIZE, "cannot work with Redis at %s: %s", redis->place, handle->why);
        arena_finish(&arena);
        redis_handle_free(&presence);
        return error;
}

/* ---- life ---- */

/* The address of each of the options' texts that are copied. */
static void texts_of(struct presence_redis_options *options, const char **texts[static 8])
{
        const char **all[8] = {&options->host,   &options->user,     &options->password, &options->prefix,
                               &options->tls_ca, &options->tls_name, &options->tls_cert, &options->tls_key};

        memcpy(texts, all, sizeof(all));
}

static enum error copy_options(struct presence_redis *redis, const struct presence_redis_options *options, char *text)
{
        const char **texts[8];
        bool long_text = false;

        redis->options = *options;
        texts_of(&redis->options, texts);
        for (size_t i = 0; i < countof(texts); i++) {
                const char *from = *texts[i];
                size_t size = from ? strlen(from) : 0;
                char *copy = from ? memory_new(size + 1) : NULL;

                *texts[i] = copy;
                long_text |= size > REDIS_TEXT_MAX;
                if (from && !copy) {
                        for (i++; i < countof(texts); i++)
                                *texts[i] = NULL;
                        return ERR_NO_MEMORY;
                }
                if (copy)
                        memcpy(copy, from, size);
        }
        redis->prefix = slice_text(options->prefix ? redis->options.prefix : "galka:");
        if (!long_text && redis->prefix.size <= REDIS_PREFIX_MAX)
                return ERR_OK;
        snprintf(text, REDIS_ERROR_SIZE, "cannot work with Redis: one of its settings is too long");
        return ERR_CONFIG;
}

static enum error prepare(struct presence_redis *redis, const struct presence_redis_options *options, char *text)
{
        uint16_t port = options->port ? options->port : REDIS_PORT;
        char why[REDIS_WHY_SIZE];
        enum error error = copy_options(redis, options, text);

        if (error)
                return error;
        if (options->host[0] == '/')
                snprintf(redis->place, sizeof(redis->place), "%.255s", options->host);
        else
                snprintf(redis->place, sizeof(redis->place), "%.255s port %u", options->host, port);
        error = redis_resolver_new(options->host, port, &redis->resolver, why);
        if (!error && options->tls) {
                const struct redis_tls_files files = {redis->options.tls_ca, redis->options.tls_cert,
                                                      redis->options.tls_key};

                error = redis_tls_init(&redis->tls, &files,
                                       options->tls_name ? redis->options.tls_name : redis->options.host, why);
        }
        if (error)
                snprintf(text, REDIS_ERROR_SIZE, "cannot work with Redis at %s: %s", redis->place, why);
        return error == ERR_NOT_FOUND ? ERR_SYSTEM : error;
}

enum error presence_redis_new(const struct presence_redis_options *options, struct presence_redis **redis_p,
                              char text[static REDIS_ERROR_SIZE])
{
        struct presence_redis *redis = memory_new(sizeof(*redis));
        enum error error;

        check(options->host && options->clock);
        snprintf(text, REDIS_ERROR_SIZE, "cannot work with Redis: %s", error_text(ERR_NO_MEMORY));
        if (!redis)
                return ERR_NO_MEMORY;
        error = prepare(redis, options, text);
        if (!error)
                error = look(redis, text);
        if (error)
                presence_redis_free(&redis);
        *redis_p = redis;
        return error;
}

void presence_redis_free(struct presence_redis **redis_p)
{
        struct presence_redis *redis = *redis_p;
        const char **texts[8];

        if (!redis)
                return;
        *redis_p = NULL;
        check(redis->handles == 0);
        redis_resolver_free(&redis->resolver);
        redis_tls_finish(&redis->tls);
        texts_of(&redis->options, texts);
        for (size_t i = 0; i < countof(texts); i++)
                memory_free((char *)*texts[i]);
        memory_free(redis);
}
