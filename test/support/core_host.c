/* See core_host.h. */
#include "support/core_host.h"

#include <stdio.h>

#include "base/assert.h"
#include "base/memory.h"
#include "wire/descriptor.h"

static const struct arena_source heap_source = {memory_new, memory_free};

static void *must(void *block)
{
        check(block);
        return block;
}

void core_host_init(struct core_host *host, uint8_t seed)
{
        *host = (struct core_host){.arena_max = (size_t)64 << 20, .chunk_size = 1024, .socket_room = SIZE_MAX};
        host->time = (struct core_time){1000, UINT64_C(1700000000000)};
        for (size_t i = 0; i < sizeof(host->seed); i++)
                host->seed[i] = (uint8_t)(seed * 31u + i);
}

/* ---- the storage ---- */

void core_host_put(struct core_host *host, struct slice key, struct slice value)
{
        storage_put(&host->storage, key, value);
}

static void batch_free(struct host_batch *batch)
{
        for (size_t i = 0; i < batch->count; i++)
                storage_record_free(&batch->changes[i]);
        memory_free(batch->changes);
        memory_free(batch->drops);
        memory_free(batch);
}

static void keep(struct core_host *host, const struct core_event *event)
{
        struct host_batch *batch = must(memory_new(sizeof(*batch)));
        struct host_batch **last = &host->batches;

        check(event->change_count > 0);
        batch->number = event->number;
        batch->count = event->change_count;
        batch->changes = must(memory_new(sizeof(*batch->changes) * batch->count));
        batch->drops = must(memory_new(sizeof(*batch->drops) * batch->count));
        for (size_t i = 0; i < batch->count; i++) {
                const struct core_change *change = &event->changes[i];

                check(change->key.size > 0 && change->key.size <= CORE_KEY_SIZE_MAX);
                batch->drops[i] = change->drop;
                batch->changes[i] = storage_record_new(change->key, change->drop ? change->end : change->value);
        }
        while (*last)
                last = &(*last)->next;
        *last = batch;
}

bool core_host_apply(struct core_host *host, bool tell)
{
        struct host_batch *batch = host->batches;
        uint64_t number;

        if (!batch)
                return false;
        host->batches = batch->next;
        number = batch->number;
        for (size_t i = 0; i < batch->count; i++) {
                const struct storage_record *change = &batch->changes[i];

                if (batch->drops[i])
                        storage_drop(&host->storage, storage_key(change), storage_value(change));
                else
                        storage_put(&host->storage, storage_key(change), storage_value(change));
        }
        batch_free(batch);
        if (tell) {
                core_kept(host->core, number, host->time);
                core_host_settle(host);
        }
        return true;
}

/* ---- the socket ---- */

static void send_up(struct core_host *host, struct slice bytes)
{
        size_t taken = bytes.size < host->socket_room ? bytes.size : host->socket_room;

        if (host->up_size + taken > host->up_room) {
                host->up_room = (host->up_size + taken) * 2;
                host->up = must(memory_resize(host->up, host->up_room));
        }
        if (taken)
                memcpy(host->up + host->up_size, bytes.data, taken);
        host->up_size += taken;
        if (host->socket_room != SIZE_MAX)
                host->socket_room -= taken;
        core_sent(host->core, taken);
}

static void note(struct core_host *host, const struct core_event *event)
{
        struct host_event *seen;
        size_t size = event->row.text.size < HOST_TEXT_MAX - 1 ? event->row.text.size : HOST_TEXT_MAX - 1;
        struct wire_iterator iterator;
        union wire_any_part part;

        if (host->event_count == HOST_EVENTS_MAX) {
                host->dropped_events++;
                return;
        }
        if (host->event_count == host->event_room) {
                host->event_room = host->event_room ? host->event_room * 2 : 64;
                host->events = must(memory_resize(host->events, sizeof(*host->events) * host->event_room));
        }
        seen = &host->events[host->event_count++];
        *seen = (struct host_event){
                .kind = event->kind,
                .error = event->error,
                .room = event->room,
                .id = event->id,
                .seq = event->seq,
                .state = event->state,
                .phase = core_phase(host->core),
                .number = event->kind == CORE_EVENT_STATUS || event->kind == CORE_EVENT_TYPING ? event->number : 0,
                .more = event->more,
                .row = event->row};
        if (size)
                memcpy(seen->text, event->row.text.data, size);
        seen->row.text = (struct slice){0};
        if (event->kind == CORE_EVENT_SETTING)
                snprintf(seen->text, sizeof(seen->text), "%.*s=%.*s", (int)event->key.size, (const char *)event->key.data,
                         (int)event->bytes.size, (const char *)event->bytes.data);
        if (event->kind == CORE_EVENT_PEOPLE)
                wire_list_start(&iterator, WIRE_STRUCTURE(people), 1, &event->list);
        else if (event->kind == CORE_EVENT_DEVICES)
                wire_list_start(&iterator, WIRE_STRUCTURE(device_list), 1, &event->list);
        else if (event->kind == CORE_EVENT_WINDOW)
                wire_list_start(&iterator, WIRE_STRUCTURE(window), 1, &event->list);
        else if (event->kind == CORE_EVENT_MEMBERS)
                wire_list_start(&iterator, WIRE_STRUCTURE(member_page), 1, &event->list);
        else if (event->kind == CORE_EVENT_REACTORS)
                wire_list_start(&iterator, WIRE_STRUCTURE(reactor_list), 1, &event->list);
        else if (event->kind == CORE_EVENT_PINS)
                wire_list_start(&iterator, WIRE_STRUCTURE(pin_page), 1, &event->list);
        else if (event->kind == CORE_EVENT_FOUND)
                wire_list_start(&iterator, WIRE_STRUCTURE(found), 1, &event->list);
        else
                return;
        while (wire_list_next(&iterator, &part))
                seen->listed++;
}

static bool settle_one(struct core_host *host)
{
        struct core_event event;
        enum core_event_kind kind = core_poll(host->core, &event);

        if (host->watch && kind != CORE_EVENT_NONE)
                host->watch(host, &event);
        switch (kind) {
        case CORE_EVENT_NONE:
                return false;
        case CORE_EVENT_CONNECT:
                check(!host->linked);
                host->connect_due = true;
                break;
        case CORE_EVENT_CLOSE:
                host->linked = host->connect_due = false;
                host->closed = true;
                break;
        case CORE_EVENT_SEND:
                check(host->linked);
                send_up(host, event.bytes);
                break;
        case CORE_EVENT_KEEP:
                keep(host, &event);
                if (!host->keep_by_hand)
                        core_host_apply(host, true);
                break;
        case CORE_EVENT_WANT:
                if (!host->wants_by_hand)
                        storage_give(&host->storage, host->core, &event, host->time);
                break;
        default:
                note(host, &event);
                break;
        }
        return true;
}

void core_host_settle(struct core_host *host)
{
        for (unsigned long i = 0; settle_one(host); i++)
                check(i < 1000000); /* a core that never comes to rest */
}

/* ---- life ---- */

void core_host_start(struct core_host *host)
{
        check(!host->core);
        arena_init(&host->arena, &heap_source, host->chunk_size, host->arena_max);
        host->seed[0]++;
        host->core = core_new(&host->arena, &host->limits, host->seed, SLICE_LITERAL("test"), SLICE_LITERAL("en"));
        check(host->core);
        core_start(host->core, host->time);
        core_host_settle(host);
}

void core_host_crash(struct core_host *host)
{
        while (host->batches) {
                struct host_batch *next = host->batches->next;

                batch_free(host->batches);
                host->batches = next;
        }
        if (host->core)
                arena_finish(&host->arena);
        host->core = NULL;
        host->linked = host->connect_due = false;
        host->up_size = 0;
}

void core_host_finish(struct core_host *host)
{
        core_host_crash(host);
        storage_finish(&host->storage);
        memory_free(host->up);
        memory_free(host->events);
        *host = (struct core_host){0};
}

void core_host_advance(struct core_host *host, uint64_t ms)
{
        uint64_t end = host->time.now_ms + ms;

        core_host_settle(host);
        for (unsigned long i = 0;; i++) {
                uint64_t due = core_deadline_ms(host->core);

                check(i < 100000); /* a deadline that never moves */
                if (due > end)
                        break;
                if (due > host->time.now_ms) {
                        host->time.wall_ms += due - host->time.now_ms;
                        host->time.now_ms = due;
                }
                core_tick(host->core, host->time);
                core_host_settle(host);
                if (core_deadline_ms(host->core) <= host->time.now_ms && host->time.now_ms < end) {
                        host->time.now_ms++;
                        host->time.wall_ms++;
                }
        }
        host->time.wall_ms += end - host->time.now_ms;
        host->time.now_ms = end;
        core_tick(host->core, host->time);
        core_host_settle(host);
}

void core_host_connect(struct core_host *host)
{
        check(host->connect_due && !host->linked);
        host->connect_due = false;
        host->linked = true;
        host->up_size = 0;
        core_connected(host->core, host->time);
        core_host_settle(host);
}

void core_host_disconnect(struct core_host *host)
{
        if (!host->linked && !host->connect_due)
                return;
        host->linked = host->connect_due = false;
        host->up_size = 0;
        core_disconnected(host->core, host->time);
        core_host_settle(host);
}

void core_host_receive(struct core_host *host, struct slice bytes)
{
        if (!host->linked)
                return;
        core_receive(host->core, bytes, host->time);
        core_host_settle(host);
}

/* ---- looking ---- */

void core_host_clear_events(struct core_host *host)
{
        host->event_count = 0;
}

size_t core_host_count(const struct core_host *host, enum core_event_kind kind)
{
        size_t count = 0;

        for (size_t i = 0; i < host->event_count; i++)
                count += host->events[i].kind == kind;
        return count;
}

const struct host_event *core_host_last(const struct core_host *host, enum core_event_kind kind)
{
        for (size_t i = host->event_count; i > 0; i--)
                if (host->events[i - 1].kind == kind)
                        return &host->events[i - 1];
        return NULL;
}

size_t core_host_records(const struct core_host *host, struct slice prefix)
{
        size_t count = 0;

        for (size_t i = storage_from(&host->storage, prefix); i < host->storage.count; i++) {
                struct slice key = storage_key(&host->storage.records[i]);

                if (key.size < prefix.size || memcmp(key.data, prefix.data, prefix.size) != 0)
                        break;
                count++;
        }
        return count;
}

const struct storage_record *core_host_record(const struct core_host *host, struct slice key)
{
        return storage_find(&host->storage, key);
}

bool core_host_row(const struct core_host *host, const struct id *room, uint64_t seq, struct wire_row *row)
{
        uint8_t key[CORE_KEY_SIZE_MAX];
        size_t size = core_key_row(room, seq, key);
        const struct storage_record *record = core_host_record(host, slice_of(key, size));

        return record && core_row_decode(storage_value(record), row) == ERR_OK;
}
