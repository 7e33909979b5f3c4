/*
 * The connection of a handle: IDLE → CONNECTING → GREETING → UP, and after a failure PAUSED → CONNECTING again. It is tried again at
 * once when one that had worked is lost; who submits meanwhile waits for that one attempt. If it fails too, Redis is down: what is
 * submitted fails at once until a later attempt succeeds.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/assert.h"
#include "driver/presence/redis_handle.h"

uint64_t redis_now_ms(const struct redis_handle *handle)
{
        return clock_monotonic_ms(handle->redis->options.clock);
}

/* ---- waiting ---- */

void redis_wake_at(struct redis_handle *handle, uint64_t at_ms)
{
        struct itimerspec time = {0};
        uint64_t now_ms;

        /* A timer that rings too early costs a turn; one that is set for every batch costs a system call each. */
        if (handle->timer_ms <= at_ms)
                return;
        now_ms = redis_now_ms(handle);
        if (at_ms > now_ms)
                time.it_value = (struct timespec){.tv_sec = (time_t)((at_ms - now_ms) / 1000),
                                                  .tv_nsec = (long)((at_ms - now_ms) % 1000) * 1000000};
        else
                time.it_value.tv_nsec = 1;
        check(timerfd_settime(handle->timer, 0, &time, NULL) == 0);
        handle->timer_ms = at_ms;
}

static void stop_timer(struct redis_handle *handle, uint64_t now_ms)
{
        const struct itimerspec never = {0};

        if (handle->timer_ms > now_ms)
                return;
        check(timerfd_settime(handle->timer, 0, &never, NULL) == 0); /* also forgets that it rang */
        handle->timer_ms = UINT64_MAX;
}

static void watch(struct redis_handle *handle)
{
        bool output = handle->link.wants_write || handle->out.begin < handle->out.end;
        struct epoll_event event = {.events = EPOLLIN | (output ? EPOLLOUT : 0), .data.fd = handle->link.fd};

        if (handle->link.fd < 0 || handle->interest == event.events)
                return;
        check(epoll_ctl(handle->epoll, handle->interest ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, handle->link.fd, &event) == 0);
        handle->interest = event.events;
}

/* True if something happened to the socket. */
static bool socket_moved(struct redis_handle *handle)
{
        struct epoll_event events[2];
        int count = epoll_wait(handle->epoll, events, 2, 0);

        check(count >= 0 || errno == EINTR);
        for (int i = 0; i < count; i++)
                if (events[i].data.fd == handle->link.fd)
                        return true;
        return false;
}

uint64_t redis_connection_next_ms(const struct redis_handle *handle)
{
        if (handle->state == REDIS_IDLE)
                return 0;
        if (handle->state != REDIS_UP)
                return handle->until_ms;
        if (handle->call_first == handle->call_next)
                return UINT64_MAX;
        /* Of many answers that wait for an owner who was busy elsewhere the last may be as old as the first. */
        return max_of(handle->calls[handle->call_first % REDIS_CHUNKS_MAX].sent_ms, handle->heard_ms) + REDIS_DEADLINE_MS;
}

/* ---- beginning and ending ---- */

void redis_connection_close(struct redis_handle *handle)
{
        if (handle->interest)
                (void)epoll_ctl(handle->epoll, EPOLL_CTL_DEL, handle->link.fd, NULL);
        handle->interest = 0;
        redis_link_close(&handle->link);
        redis_reader_finish(&handle->reader);
}

static void note(struct redis_handle *handle, enum event_level level, const char *name)
{
        event_note(handle->redis->options.events, level, name, NULL, {"server", handle->redis->place},
                   {"reason", handle->why});
}

/* The attempt came to nothing. */
static void give_up(struct redis_handle *handle)
{
        redis_connection_close(handle);
        handle->state = REDIS_PAUSED;
        handle->until_ms = redis_now_ms(handle) + handle->pause_ms;
        handle->pause_ms = min_of(handle->pause_ms * 2, (uint32_t)REDIS_PAUSE_MAX);
        if (!handle->down)
                note(handle, EVENT_ERROR, "presence.down");
        handle->down = true;
        redis_submissions_fail(handle);
        redis_resolver_refresh(handle->redis->resolver);
}

static void begin(struct redis_handle *handle)
{
        struct presence_redis *redis = handle->redis;
        struct redis_address address = redis_resolver_get(redis->resolver, handle->attempt++);

        handle->state = REDIS_CONNECTING;
        handle->until_ms = redis_now_ms(handle) + REDIS_CONNECT_MS;
        handle->wrong = handle->proven = handle->refused = false;
        handle->out.begin = handle->out.end = 0;
        handle->out.sent = 0;
        if (redis_reader_init(&handle->reader) != ERR_OK) {
                snprintf(handle->why, sizeof(handle->why), "out of memory");
                handle->link = (struct redis_link){.fd = -1};
                give_up(handle);
        } else if (redis_link_open(&handle->link, &address, redis->options.tls ? &redis->tls : NULL) != REDIS_STEP_DONE) {
                memcpy(handle->why, handle->link.why, sizeof(handle->why));
                give_up(handle);
        }
}

/* What was read or written did not go well; why says it. */
static void lose(struct redis_handle *handle)
{
        bool proven = handle->proven;

        if (handle->state != REDIS_UP) {
                give_up(handle);
                return;
        }
        redis_calls_lost(handle);
        if (!proven) {
                give_up(handle);
                return;
        }
        note(handle, EVENT_WARNING, "presence.lost");
        redis_connection_close(handle);
        begin(handle);
}

static void lose_link(struct redis_handle *handle)
{
        memcpy(handle->why, handle->link.why, sizeof(handle->why));
        handle->wrong = handle->link.wrong;
        lose(handle);
}

static void come_up(struct redis_handle *handle)
{
        handle->state = REDIS_UP;
        handle->unsent = handle->first;
        if (handle->down)
                note(handle, EVENT_INFO, "presence.up");
        handle->down = false;
}

/* ---- moving ---- */

void redis_connection_flush(struct redis_handle *handle)
{
        struct redis_out *out = &handle->out;

        while (out->begin < out->end) {
                size_t put;
                enum redis_step step =
                        redis_link_write(&handle->link, slice_of(out->bytes + out->begin, out->end - out->begin), &put);

                redis_out_sent(out, put);
                if (step == REDIS_STEP_BROKEN)
                        lose_link(handle);
                if (step != REDIS_STEP_DONE)
                        break;
        }
        watch(handle);
}

/* False: it was the last one of this connection. */
static bool take_reply(struct redis_handle *handle, const struct redis_reply *reply)
{
        enum redis_verdict verdict;

        handle->heard_ms = redis_now_ms(handle);
        if (handle->state == REDIS_UP)
                return redis_call_answered(handle, reply);
        verdict = redis_greeting_answered(handle, reply);
        if (verdict == REDIS_GREETED)
                come_up(handle);
        return verdict != REDIS_UNFIT;
}

/* False: the connection was lost. */
static bool take_replies(struct redis_handle *handle)
{
        const struct redis_reply *reply;

        do {
                bool good = redis_reader_next(&handle->reader, &reply) == ERR_OK || redis_nonsense(handle);

                if (!good || (reply && !take_reply(handle, reply))) {
                        lose(handle);
                        return false;
                }
        } while (reply);
        return true;
}

/* Everything that is there: a server that says more than it was asked is left at the first word too much. */
static void read_all(struct redis_handle *handle)
{
        uint8_t bytes[REDIS_FEED_MAX];
        size_t got;

        do {
                enum redis_step step = redis_link_read(&handle->link, bytes, sizeof(bytes), &got);

                if (step == REDIS_STEP_BROKEN)
                        lose_link(handle);
                if (step != REDIS_STEP_DONE)
                        return;
                if (redis_reader_feed(&handle->reader, slice_of(bytes, got)) != ERR_OK) {
                        snprintf(handle->why, sizeof(handle->why), "out of memory");
                        lose(handle);
                        return;
                }
                if (!take_replies(handle))
                        return;
        } while (got == sizeof(bytes) || handle->link.ssl);
}

static void await_link(struct redis_handle *handle)
{
        enum redis_step step = redis_link_ready(&handle->link);

        if (step == REDIS_STEP_BROKEN)
                lose_link(handle);
        if (step != REDIS_STEP_DONE)
                return;
        handle->state = REDIS_GREETING;
        handle->until_ms = redis_now_ms(handle) + REDIS_CONNECT_MS;
        redis_greeting_write(handle);
}

/* What did not come in time. */
static const char *what_is_late(const struct redis_handle *handle)
{
        if (handle->state != REDIS_CONNECTING)
                return "no answer in time";
        return handle->link.connected ? "no answer to TLS in time: it may not speak it" : "no connection in time";
}

static void check_time(struct redis_handle *handle, uint64_t now_ms)
{
        if (now_ms < redis_connection_next_ms(handle))
                return;
        if (handle->state == REDIS_IDLE || handle->state == REDIS_PAUSED) {
                begin(handle);
                return;
        }
        snprintf(handle->why, sizeof(handle->why), "%s", what_is_late(handle));
        lose(handle);
}

void redis_connection_run(struct redis_handle *handle)
{
        uint64_t now_ms = redis_now_ms(handle);

        stop_timer(handle, now_ms);
        if (handle->link.fd >= 0 && socket_moved(handle)) {
                if (handle->state == REDIS_CONNECTING)
                        await_link(handle);
                else
                        read_all(handle);
        }
        check_time(handle, now_ms);
        if (handle->state == REDIS_UP)
                redis_submissions_send(handle);
        if (handle->state == REDIS_UP || handle->state == REDIS_GREETING)
                redis_connection_flush(handle);
        watch(handle);
}
