/*
 * The shell around the log: handles, the lock, wake-ups; see embedded.h. Everything that touches the log or
 * another handle happens between enter and leave. Publishing does not: it fills the handle's own outbox, and
 * only asks the log whether a partition is full when a hint says that it may be.
 */
#include "driver/bus/embedded.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/list.h"
#include "base/memory.h"
#include "driver/bus/outbox.h"

struct bus_embedded {
        enum bus_embedded_mode mode;
        pthread_mutex_t lock;
        struct bus_log *log;
        struct list handles;
        size_t outbox_bytes_max;
        atomic_uchar *full_hints[BUS_TOPIC_COUNT]; /* by partition; written under the lock */
};

struct handle {
        struct bus bus;
        struct list_node in_shared;
        struct bus_embedded *shared;
        struct bus_member *member;
        struct outbox outbox;
        int fd;
        enum { AWAKE, ASLEEP, WOKEN } state; /* WOKEN: the descriptor is readable */
        struct bus_event completions[BUS_COMPLETIONS_MAX];
        size_t completion_first, completion_count;
};

static struct handle *handle_of(const struct bus *bus)
{
        return container_of(bus, struct handle, bus);
}

static void enter(struct bus_embedded *shared)
{
        if (shared->mode == BUS_EMBEDDED_THREADED)
                check(pthread_mutex_lock(&shared->lock) == 0);
}

static void leave(struct bus_embedded *shared)
{
        if (shared->mode == BUS_EMBEDDED_THREADED)
                check(pthread_mutex_unlock(&shared->lock) == 0);
}

/* ---- sleeping and waking ---- */

static void handle_wake(struct handle *handle)
{
        uint64_t one = 1;

        handle->state = WOKEN;
        if (handle->fd >= 0)
                check(write(handle->fd, &one, sizeof(one)) == sizeof(one));
}

static void handle_sleep(struct handle *handle)
{
        uint64_t count;

        if (handle->state == WOKEN && handle->fd >= 0)
                check(read(handle->fd, &count, sizeof(count)) == sizeof(count));
        handle->state = ASLEEP;
}

static bool handle_has(const struct handle *handle)
{
        return handle->completion_count > 0 || bus_member_has(handle->member);
}

/* After any change of the log. */
static void wake_sleepers(struct bus_embedded *shared)
{
        list_each(&shared->handles, handle, struct handle, in_shared)
                if (handle->state == ASLEEP && handle_has(handle))
                        handle_wake(handle);
}

/* ---- publishing ---- */

static void hint_update(struct bus_embedded *shared, enum bus_topic topic, int32_t partition)
{
        atomic_uchar *hint = &shared->full_hints[topic][partition];
        unsigned char full = bus_log_full(shared->log, topic, partition);

        if (atomic_load_explicit(hint, memory_order_relaxed) != full)
                atomic_store_explicit(hint, full, memory_order_relaxed);
}

static bool is_full(struct bus_embedded *shared, enum bus_topic topic, int32_t partition)
{
        bool full;

        if (!atomic_load_explicit(&shared->full_hints[topic][partition], memory_order_relaxed))
                return false;
        enter(shared);
        hint_update(shared, topic, partition);
        full = bus_log_full(shared->log, topic, partition);
        leave(shared);
        return full;
}

static enum error embedded_publish(struct bus *bus, const struct bus_message *message)
{
        struct handle *handle = handle_of(bus);
        int32_t partition;

        if (message->key.size > BUS_KEY_SIZE_MAX || message->value.size > BUS_VALUE_SIZE_MAX)
                return ERR_TOO_LARGE;
        partition = bus_log_partition_of(handle->shared->log, message);
        if (partition < 0)
                return ERR_NOT_FOUND;
        if (is_full(handle->shared, message->topic, partition))
                return ERR_FULL;
        return outbox_put(&handle->outbox, message, partition);
}

/* Appends all or, where a partition is full, nothing. Out of memory half-way, nobody can say what went:
 * UNCERTAIN. */
static enum outcome outbox_append(struct handle *handle)
{
        struct bus_log *log = handle->shared->log;
        struct bus_message message;
        size_t appended = 0;

        for (size_t at = 0; outbox_next(&handle->outbox, &at, &message);)
                if (bus_log_full(log, message.topic, message.partition))
                        return OUTCOME_FAILED;
        for (size_t at = 0; outbox_next(&handle->outbox, &at, &message); appended++) {
                if (bus_log_append(log, message.topic, message.partition, message.key, message.value))
                        return appended ? OUTCOME_UNCERTAIN : OUTCOME_FAILED;
                hint_update(handle->shared, message.topic, message.partition);
        }
        return OUTCOME_OK;
}

static void complete(struct handle *handle, const struct bus_event *event)
{
        check(handle->completion_count < BUS_COMPLETIONS_MAX);
        handle->completions[(handle->completion_first + handle->completion_count) % BUS_COMPLETIONS_MAX] = *event;
        handle->completion_count++;
}

static enum error embedded_flush(struct bus *bus, uint64_t tag)
{
        struct handle *handle = handle_of(bus);
        struct bus_event event = {.kind = BUS_EVENT_FLUSHED, .completion = {.tag = tag}};

        if (tag && handle->completion_count == BUS_COMPLETIONS_MAX)
                return ERR_FULL;
        enter(handle->shared);
        event.completion.outcome = outbox_append(handle);
        outbox_clear(&handle->outbox);
        if (tag)
                complete(handle, &event);
        wake_sleepers(handle->shared);
        leave(handle->shared);
        return ERR_OK;
}

/* ---- reading ---- */

static enum error embedded_subscribe(struct bus *bus, enum bus_topic topic)
{
        struct handle *handle = handle_of(bus);
        enum error error;

        enter(handle->shared);
        error = bus_member_subscribe(handle->member, topic);
        wake_sleepers(handle->shared);
        leave(handle->shared);
        return error;
}

static enum error embedded_assign(struct bus *bus, enum bus_topic topic, int32_t partition)
{
        struct handle *handle = handle_of(bus);
        enum error error;

        enter(handle->shared);
        error = bus_member_assign(handle->member, topic, partition);
        wake_sleepers(handle->shared);
        leave(handle->shared);
        return error;
}

static size_t poll_completions(struct handle *handle, struct bus_event *events, size_t max)
{
        size_t count = 0;

        while (count < max && handle->completion_count) {
                events[count++] = handle->completions[handle->completion_first];
                handle->completion_first = (handle->completion_first + 1) % BUS_COMPLETIONS_MAX;
                handle->completion_count--;
        }
        return count;
}

static size_t embedded_poll(struct bus *bus, struct bus_event *events, size_t max)
{
        struct handle *handle = handle_of(bus);
        size_t count;

        enter(handle->shared);
        count = poll_completions(handle, events, max);
        if (count < max)
                count += bus_member_poll(handle->member, events + count, max - count);
        if (!handle_has(handle))
                handle_sleep(handle);
        else if (handle->state != WOKEN)
                handle_wake(handle);
        leave(handle->shared);
        return count;
}

static enum error embedded_commit(struct bus *bus, enum bus_topic topic, int32_t partition, uint64_t next, uint64_t tag)
{
        struct handle *handle = handle_of(bus);
        struct bus_event event = {.kind = BUS_EVENT_COMMITTED,
                                  .completion = {.tag = tag},
                                  .record = {.topic = topic, .partition = partition, .offset = next}};

        if (handle->completion_count == BUS_COMPLETIONS_MAX)
                return ERR_FULL;
        enter(handle->shared);
        event.completion.outcome = bus_member_commit(handle->member, topic, partition, next);
        if (event.completion.outcome == OUTCOME_OK)
                hint_update(handle->shared, topic, partition);
        complete(handle, &event);
        wake_sleepers(handle->shared);
        leave(handle->shared);
        return ERR_OK;
}

static void embedded_pause(struct bus *bus, bool paused)
{
        struct handle *handle = handle_of(bus);

        enter(handle->shared);
        bus_member_pause(handle->member, paused);
        wake_sleepers(handle->shared);
        leave(handle->shared);
}

static enum error embedded_seek(struct bus *bus, enum bus_topic topic, int32_t partition, uint64_t offset)
{
        struct handle *handle = handle_of(bus);
        enum error error;

        enter(handle->shared);
        error = bus_member_seek(handle->member, topic, partition, offset);
        wake_sleepers(handle->shared);
        leave(handle->shared);
        return error;
}

static enum error embedded_lag(struct bus *bus, enum bus_topic topic, int32_t partition, uint64_t *records)
{
        struct handle *handle = handle_of(bus);
        enum error error;

        enter(handle->shared);
        error = bus_member_lag(handle->member, topic, partition, records);
        leave(handle->shared);
        return error;
}

/* Counts never change after the log was made, so no lock. */
static uint32_t embedded_partitions(struct bus *bus, enum bus_topic topic)
{
        return bus_log_partitions(handle_of(bus)->shared->log, topic);
}

static int embedded_fd(struct bus *bus)
{
        return handle_of(bus)->fd;
}

/* ---- life ---- */

static void handle_free(struct handle *handle)
{
        if (handle->fd >= 0)
                check(close(handle->fd) == 0);
        outbox_finish(&handle->outbox);
        memory_free(handle);
}

static void embedded_free(struct bus **bus)
{
        struct handle *handle;

        if (!*bus)
                return;
        handle = handle_of(*bus);
        *bus = NULL;
        enter(handle->shared);
        bus_member_free(&handle->member);
        list_remove(&handle->in_shared);
        wake_sleepers(handle->shared);
        leave(handle->shared);
        handle_free(handle);
}

static const struct bus_ops embedded_ops = {
        .free = embedded_free,
        .fd = embedded_fd,
        .partitions = embedded_partitions,
        .publish = embedded_publish,
        .flush = embedded_flush,
        .subscribe = embedded_subscribe,
        .assign = embedded_assign,
        .poll = embedded_poll,
        .commit = embedded_commit,
        .pause = embedded_pause,
        .seek = embedded_seek,
        .lag = embedded_lag,
};

enum error bus_embedded_open(struct bus_embedded *embedded, struct bus **bus)
{
        struct handle *handle = memory_new(sizeof(*handle));
        enum error error;

        if (!handle)
                return ERR_NO_MEMORY;
        handle->bus.ops = &embedded_ops;
        handle->shared = embedded;
        handle->fd = -1;
        handle->state = ASLEEP;
        outbox_init(&handle->outbox, embedded->outbox_bytes_max);
        if (embedded->mode == BUS_EMBEDDED_THREADED) {
                handle->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
                if (handle->fd < 0) {
                        handle_free(handle);
                        return ERR_SYSTEM;
                }
        }
        enter(embedded);
        error = bus_member_new(embedded->log, &handle->member);
        if (!error)
                list_append(&embedded->handles, &handle->in_shared);
        leave(embedded);
        if (error) {
                handle_free(handle);
                return error;
        }
        *bus = &handle->bus;
        return ERR_OK;
}

static enum error hints_new(struct bus_embedded *embedded)
{
        for (int i = 0; i < BUS_TOPIC_COUNT; i++) {
                embedded->full_hints[i] = memory_new(bus_log_partitions(embedded->log, i));
                if (!embedded->full_hints[i])
                        return ERR_NO_MEMORY;
        }
        return ERR_OK;
}

enum error bus_embedded_new(const struct bus_embedded_options *options, struct bus_embedded **embedded_out)
{
        struct bus_embedded *embedded = memory_new(sizeof(*embedded));
        enum error error;

        if (!embedded)
                return ERR_NO_MEMORY;
        check(pthread_mutex_init(&embedded->lock, NULL) == 0);
        list_init(&embedded->handles);
        embedded->mode = options->mode;
        embedded->outbox_bytes_max = options->outbox_bytes_max ? options->outbox_bytes_max : BUS_OUTBOX_BYTES;
        error = embedded->outbox_bytes_max < BUS_VALUE_SIZE_MAX + 1024 ? ERR_CONFIG : ERR_OK;
        if (!error)
                error = bus_log_new(&options->log, &embedded->log);
        if (!error)
                error = hints_new(embedded);
        if (error) {
                bus_embedded_free(&embedded);
                return error;
        }
        *embedded_out = embedded;
        return ERR_OK;
}

void bus_embedded_free(struct bus_embedded **embedded_p)
{
        struct bus_embedded *embedded = *embedded_p;

        if (!embedded)
                return;
        *embedded_p = NULL;
        check(list_empty(&embedded->handles));
        bus_log_free(&embedded->log);
        for (int i = 0; i < BUS_TOPIC_COUNT; i++)
                memory_free(embedded->full_hints[i]);
        check(pthread_mutex_destroy(&embedded->lock) == 0);
        memory_free(embedded);
}

/* ---- for tests and the simulator ---- */

uint64_t bus_embedded_crash(struct bus **bus)
{
        struct handle *handle = handle_of(*bus);
        uint64_t id;

        *bus = NULL;
        enter(handle->shared);
        id = bus_member_abandon(&handle->member);
        list_remove(&handle->in_shared);
        leave(handle->shared);
        handle_free(handle);
        return id;
}

uint64_t bus_embedded_member(const struct bus *bus)
{
        return bus_member_id(handle_of(bus)->member);
}

void bus_embedded_expel(struct bus_embedded *embedded, uint64_t member)
{
        enter(embedded);
        bus_log_expel(embedded->log, member);
        wake_sleepers(embedded);
        leave(embedded);
}

struct bus_log *bus_embedded_log(struct bus_embedded *embedded)
{
        return embedded->log;
}
