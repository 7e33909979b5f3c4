/* Handles, lock and requests; see memory.h. What is known is in table.c. */
#include "driver/presence/memory.h"

#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/memory.h"
#include "driver/presence/table.h"
#include "driver/presence/watches.h"

/* What an entry was set for, to be forgotten by. */
struct recent {
        uint64_t user, connection;
        struct id epoch;
};

struct presence_memory {
        enum presence_memory_mode mode;
        pthread_mutex_t lock;
        struct clock *clock;
        size_t handles;
        struct recent *recents; /* inline mode: a ring of PRESENCE_RECENT_MAX */
        size_t recent_next, recent_count;
        struct presence_table table;
        struct watches watches;
        uint64_t stamp;               /* the last that was given */
        struct presence_table *image; /* inline mode: presence_memory_keep; NULL: none */
};

struct handle {
        struct presence presence;
        struct presence_memory *memory;
        int fd;
        struct id beaten; /* the epoch this handle beats for; zero before its first beat */
        struct completion completions[PRESENCE_SUBMITS_MAX];
        size_t completion_first, completion_count;
};

static struct handle *handle_of(const struct presence *presence)
{
        return container_of(presence, struct handle, presence);
}

static void enter(struct presence_memory *memory)
{
        if (memory->mode == PRESENCE_MEMORY_THREADED)
                check(pthread_mutex_lock(&memory->lock) == 0);
}

static void leave(struct presence_memory *memory)
{
        if (memory->mode == PRESENCE_MEMORY_THREADED)
                check(pthread_mutex_unlock(&memory->lock) == 0);
}

/* ---- requests ---- */

/* What every request works on. */
struct work {
        struct handle *handle;
        struct presence_table *table;
        struct watches *watches;
        struct arena *arena;
        uint64_t now_ms;
        bool wrote; /* a failure after this is UNCERTAIN */
};

static enum error entries_copy(struct work *work, const struct presence_entry *entries, size_t count,
                               struct presence_result *result)
{
        if (count == 0)
                return ERR_OK;
        result->entries = arena_array(work->arena, struct presence_entry, count);
        if (!result->entries)
                return ERR_NO_MEMORY;
        memcpy(result->entries, entries, sizeof(*entries) * count);
        result->count = count;
        return ERR_OK;
}

static void recent_push(struct presence_memory *memory, const struct presence_entry *entry)
{
        if (!memory->recents)
                return;
        memory->recents[memory->recent_next] = (struct recent){entry->user, entry->connection, entry->epoch};
        memory->recent_next = (memory->recent_next + 1) % PRESENCE_RECENT_MAX;
        memory->recent_count = min_of(memory->recent_count + 1, (size_t)PRESENCE_RECENT_MAX);
}

static bool is_connected(const struct work *work, uint64_t user)
{
        struct presence_entry entries[PRESENCE_CONNECTIONS_MAX];

        return presence_table_get(work->table, user, entries) > 0;
}

/* Those who watch the user, or (0) have the room open, and whose epochs live. */
static enum error give_watchers(struct work *work, uint64_t user, const struct id *room, struct presence_result *result)
{
        size_t count = watches_list(work->watches, user, room, work->now_ms, NULL, PRESENCE_WATCHERS_MAX);
        struct presence_entry *found = count ? arena_array(work->arena, struct presence_entry, count) : NULL;

        if (count == 0)
                return ERR_OK;
        if (!found)
                return ERR_NO_MEMORY;
        count = watches_list(work->watches, user, room, work->now_ms, found, count);
        for (size_t i = 0; i < count; i++)
                if (presence_epoch_find(work->table, &found[i].epoch))
                        found[result->watcher_count++] = found[i];
        result->watchers = found;
        return ERR_OK;
}

/* The same, with a stamp, to be told that he came or is gone. */
static enum error give_news(struct work *work, uint64_t user, struct presence_result *result)
{
        watches_said(work->watches, user);
        result->stamp = ++work->handle->memory->stamp;
        work->wrote = true;
        return give_watchers(work, user, NULL, result);
}

/* A refreshed entry is treated as a new one: the order of a user's connections is lost with what was forgotten. */
static enum error do_set(struct work *work, const struct presence_request *request, struct presence_result *result)
{
        const struct presence_entry *entry = &request->entry;
        bool comes = !is_connected(work, entry->user);
        struct presence_memory *memory = work->handle->memory;
        struct presence_epoch *epoch = presence_epoch_make(work->table, &entry->epoch, entry->frontend, work->now_ms);
        struct presence_entry replaced;
        bool was_replaced;
        enum error error;

        if (!epoch)
                return ERR_FULL;
        error = presence_table_set(work->table, entry, epoch, &replaced, &was_replaced);
        if (error)
                return error;
        work->wrote = true;
        epoch->frontend = entry->frontend;
        recent_push(memory, entry);
        error = entries_copy(work, &replaced, was_replaced, result);
        if (error || !comes)
                return error;
        comes = !watches_lingers(work->watches, entry->user, work->now_ms);
        watches_said(work->watches, entry->user);
        return comes ? give_news(work, entry->user, result) : ERR_OK;
}

static enum error do_remove(struct work *work, const struct presence_request *request, struct presence_result *result)
{
        const struct presence_entry *entry = &request->entry;
        struct presence_epoch *epoch = presence_epoch_find(work->table, &entry->epoch);

        (void)result;
        watches_drop(work->watches, entry);
        if (!epoch || !presence_table_remove(work->table, entry->user, epoch, entry->connection))
                return ERR_OK;
        work->wrote = true;
        if (!is_connected(work, entry->user))
                watches_linger(work->watches, entry->user, work->now_ms);
        return ERR_OK;
}

static enum error do_get(struct work *work, const struct presence_request *request, struct presence_result *result)
{
        const struct presence_entry *entry = &request->entry;
        struct presence_entry entries[PRESENCE_CONNECTIONS_MAX];
        size_t count = presence_table_get(work->table, entry->user, entries);

        return entries_copy(work, entries, count, result);
}

/* Only one that beats can know that it was beating before: the handle remembers it. */
static enum error do_beat(struct work *work, const struct presence_request *request, struct presence_result *result)
{
        const struct presence_entry *entry = &request->entry;
        struct presence_epoch *epoch = presence_epoch_make(work->table, &entry->epoch, entry->frontend, work->now_ms);
        bool first = !id_equal(&work->handle->beaten, &entry->epoch);

        if (!epoch)
                return ERR_FULL;
        result->forgot = !first && epoch->state != EPOCH_BEATING;
        result->lost = epoch->lost;
        epoch->lost = false;
        epoch->state = EPOCH_BEATING;
        epoch->frontend = entry->frontend;
        epoch->until_ms = work->now_ms + PRESENCE_LEASE_MS;
        work->handle->beaten = entry->epoch;
        work->wrote = true;
        return ERR_OK;
}

static enum error do_mark_lost(struct work *work, const struct presence_request *request, struct presence_result *result)
{
        const struct presence_entry *entry = &request->entry;
        struct presence_epoch *epoch = presence_epoch_make(work->table, &entry->epoch, entry->frontend, work->now_ms);

        (void)result;
        if (!epoch)
                return ERR_FULL;
        epoch->lost = true;
        work->wrote = true;
        return ERR_OK;
}

static enum error do_end(struct work *work, const struct presence_request *request, struct presence_result *result)
{
        const struct presence_entry *entry = &request->entry;
        struct presence_epoch *epoch = presence_epoch_find(work->table, &entry->epoch);

        (void)result;
        if (epoch) {
                presence_epoch_kill(work->table, epoch);
                work->wrote = true;
        }
        return ERR_OK;
}

static enum error do_watch(struct work *work, const struct presence_request *request, struct presence_result *result)
{
        enum error error = watches_set(work->watches, request, work->now_ms);

        work->wrote = true;
        if (error == ERR_NO_MEMORY)
                return error;
        result->full = error == ERR_FULL;
        result->stamp = ++work->handle->memory->stamp;
        for (size_t i = 0; i < request->user_count; i++)
                if (is_connected(work, request->users[i]) || watches_lingers(work->watches, request->users[i], work->now_ms))
                        result->online |= UINT64_C(1) << i;
        return ERR_OK;
}

static enum error do_open(struct work *work, const struct presence_request *request, struct presence_result *result)
{
        return give_watchers(work, 0, &request->room, result);
}

static enum error do_gone(struct work *work, const struct presence_request *request, struct presence_result *result)
{
        result->gone = !is_connected(work, request->entry.user);
        return result->gone ? give_news(work, request->entry.user, result) : ERR_OK;
}

static enum error (*const doers[])(struct work *, const struct presence_request *, struct presence_result *) = {
        [PRESENCE_SET] = do_set,     [PRESENCE_REMOVE] = do_remove,       [PRESENCE_GET] = do_get,
        [PRESENCE_BEAT] = do_beat,   [PRESENCE_MARK_LOST] = do_mark_lost, [PRESENCE_END] = do_end,
        [PRESENCE_WATCH] = do_watch, [PRESENCE_OPEN] = do_open,           [PRESENCE_GONE] = do_gone,
};

/* True if no request can meet a limit, so that FULL is said before anything is done. */
static bool has_room(struct presence_table *table, const struct presence_request *requests, size_t count)
{
        size_t entries = table->count, epochs = 0;

        for (uint16_t i = 0; i < table->epoch_end; i++)
                epochs += table->epochs[i].state != EPOCH_FREE;
        for (size_t i = 0; i < count; i++) {
                const struct presence_request *request = &requests[i];
                bool names = request->kind == PRESENCE_SET || request->kind == PRESENCE_BEAT ||
                             request->kind == PRESENCE_MARK_LOST;

                entries += request->kind == PRESENCE_SET;
                if (names && !presence_epoch_find(table, &request->entry.epoch) &&
                    (i == 0 || !id_equal(&request->entry.epoch, &requests[i - 1].entry.epoch)))
                        epochs++;
        }
        return entries <= table->entries_max && epochs <= PRESENCE_EPOCHS_MAX;
}

static enum outcome do_all(struct work *work, const struct presence_request *requests, size_t count,
                           struct presence_result *results)
{
        for (size_t i = 0; i < count; i++) {
                check((size_t)requests[i].kind < countof(doers));
                results[i] = (struct presence_result){0};
                if (doers[requests[i].kind](work, &requests[i], &results[i]))
                        return work->wrote ? OUTCOME_UNCERTAIN : OUTCOME_FAILED;
        }
        return OUTCOME_OK;
}

static enum error memory_submit(struct presence *presence, const struct presence_request *requests, size_t count,
                                struct presence_result *results, struct arena *arena, uint64_t tag)
{
        struct handle *handle = handle_of(presence);
        struct presence_memory *memory = handle->memory;
        struct work work = {.handle = handle, .table = &memory->table, .watches = &memory->watches, .arena = arena};
        struct completion *completion;
        uint64_t one = 1;
        bool room;

        if (handle->completion_count == PRESENCE_SUBMITS_MAX)
                return ERR_FULL;
        completion = &handle->completions[(handle->completion_first + handle->completion_count) % PRESENCE_SUBMITS_MAX];
        enter(memory);
        work.now_ms = clock_monotonic_ms(memory->clock);
        presence_table_expire(&memory->table, work.now_ms);
        presence_table_sweep(&memory->table);
        watches_expire(&memory->watches, work.now_ms);
        room = has_room(&memory->table, requests, count);
        if (room)
                *completion = (struct completion){tag, do_all(&work, requests, count, results)};
        leave(memory);
        if (!room)
                return ERR_FULL;
        if (handle->completion_count++ == 0 && handle->fd >= 0)
                check(write(handle->fd, &one, sizeof(one)) == sizeof(one));
        return ERR_OK;
}

static size_t memory_poll(struct presence *presence, struct completion *completions, size_t max)
{
        struct handle *handle = handle_of(presence);
        size_t count = 0;
        uint64_t ignored;

        while (count < max && handle->completion_count) {
                completions[count++] = handle->completions[handle->completion_first];
                handle->completion_first = (handle->completion_first + 1) % PRESENCE_SUBMITS_MAX;
                handle->completion_count--;
        }
        if (count && handle->completion_count == 0 && handle->fd >= 0)
                check(read(handle->fd, &ignored, sizeof(ignored)) == sizeof(ignored));
        return count;
}

/* ---- life ---- */

static int memory_fd(struct presence *presence)
{
        return handle_of(presence)->fd;
}

static void memory_handle_free(struct presence **presence)
{
        struct handle *handle;

        if (!*presence)
                return;
        handle = handle_of(*presence);
        *presence = NULL;
        enter(handle->memory);
        handle->memory->handles--;
        leave(handle->memory);
        if (handle->fd >= 0)
                check(close(handle->fd) == 0);
        memory_free(handle);
}

static const struct presence_ops memory_ops = {
        .free = memory_handle_free, .fd = memory_fd, .submit = memory_submit, .poll = memory_poll};

enum error presence_memory_open(struct presence_memory *memory, struct presence **presence)
{
        struct handle *handle = memory_new(sizeof(*handle));

        if (!handle)
                return ERR_NO_MEMORY;
        handle->presence.ops = &memory_ops;
        handle->memory = memory;
        handle->fd = -1;
        if (memory->mode == PRESENCE_MEMORY_THREADED) {
                handle->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
                if (handle->fd < 0) {
                        memory_free(handle);
                        return ERR_SYSTEM;
                }
        }
        enter(memory);
        memory->handles++;
        leave(memory);
        *presence = &handle->presence;
        return ERR_OK;
}

enum error presence_memory_new(const struct presence_memory_options *options, struct presence_memory **memory_out)
{
        struct presence_memory *memory = memory_new(sizeof(*memory));

        check(options->clock);
        if (!memory)
                return ERR_NO_MEMORY;
        memory->mode = options->mode;
        memory->clock = options->clock;
        if (memory->mode == PRESENCE_MEMORY_INLINE)
                memory->recents = memory_new(sizeof(*memory->recents) * PRESENCE_RECENT_MAX);
        if ((memory->mode == PRESENCE_MEMORY_INLINE && !memory->recents) || !watches_init(&memory->watches)) {
                memory_free(memory->recents);
                memory_free(memory);
                return ERR_NO_MEMORY;
        }
        check(pthread_mutex_init(&memory->lock, NULL) == 0);
        presence_table_init(&memory->table, options->entries_max);
        *memory_out = memory;
        return ERR_OK;
}

static void image_drop(struct presence_memory *memory)
{
        if (memory->image)
                presence_table_finish(memory->image);
        memory_free(memory->image);
        memory->image = NULL;
}

void presence_memory_free(struct presence_memory **memory_p)
{
        struct presence_memory *memory = *memory_p;

        if (!memory)
                return;
        *memory_p = NULL;
        check(memory->handles == 0);
        presence_table_finish(&memory->table);
        watches_finish(&memory->watches);
        image_drop(memory);
        check(pthread_mutex_destroy(&memory->lock) == 0);
        memory_free(memory->recents);
        memory_free(memory);
}

struct presence_memory_size presence_memory_size(struct presence_memory *memory)
{
        struct presence_memory_size size;

        enter(memory);
        size.entries = memory->table.count;
        size.bytes = presence_table_bytes(&memory->table);
        leave(memory);
        return size;
}

/* Who beats is not sure any more that nothing of his is missing. */
static void doubt_epochs(struct presence_table *table)
{
        for (uint16_t i = 0; i < table->epoch_end; i++)
                if (table->epochs[i].state == EPOCH_BEATING)
                        table->epochs[i].state = EPOCH_NAMED;
}

enum error presence_memory_keep(struct presence_memory *memory)
{
        enum error error = ERR_NO_MEMORY;

        check(memory->mode == PRESENCE_MEMORY_INLINE);
        image_drop(memory);
        memory->image = memory_new(sizeof(*memory->image));
        if (memory->image)
                error = presence_table_copy(memory->image, &memory->table);
        if (error)
                image_drop(memory);
        return error;
}

void presence_memory_fail_over(struct presence_memory *memory)
{
        check(memory->image);
        presence_table_finish(&memory->table);
        memory->table = *memory->image;
        memory_free(memory->image);
        memory->image = NULL;
        memory->recent_count = 0;
        watches_clear(&memory->watches);
        doubt_epochs(&memory->table);
}

void presence_memory_forget(struct presence_memory *memory, size_t newest)
{
        struct presence_table *table = &memory->table;

        check(memory->mode == PRESENCE_MEMORY_INLINE);
        if (newest == PRESENCE_FORGET_ALL) {
                presence_table_clear(table);
                watches_clear(&memory->watches);
                memory->recent_count = 0;
                return;
        }
        for (; newest > 0 && memory->recent_count > 0; newest--, memory->recent_count--) {
                const struct recent *recent;
                struct presence_epoch *epoch;

                memory->recent_next = (memory->recent_next + PRESENCE_RECENT_MAX - 1) % PRESENCE_RECENT_MAX;
                recent = &memory->recents[memory->recent_next];
                epoch = presence_epoch_find(table, &recent->epoch);
                if (epoch)
                        presence_table_remove(table, recent->user, epoch, recent->connection);
        }
        doubt_epochs(table);
}
