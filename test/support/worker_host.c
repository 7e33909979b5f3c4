/* See worker_host.h. */
#include "support/worker_host.h"

#include "base/assert.h"
#include "base/memory.h"

static const struct arena_source heap_source = {memory_new, memory_free};

/* ---- the store ---- */

static void complete(struct small_store *store, uint64_t tag)
{
        check(store->tag_count < countof(store->tags));
        store->tags[store->tag_count++] = tag;
}

static enum error store_apply(struct store *store, const struct store_op *ops, size_t count, struct store_result *results,
                              struct arena *arena, uint64_t tag)
{
        struct small_store *self = container_of(store, struct small_store, store);

        (void)ops, (void)arena;
        for (size_t i = 0; i < count; i++)
                results[i] = (struct store_result){.status = self->status};
        self->applied += (unsigned)count;
        complete(self, tag);
        return ERR_OK;
}

static enum error store_ask(struct store *store, const struct store_question *questions, size_t count,
                            struct store_answer *answers, struct arena *arena, uint64_t tag)
{
        struct small_store *self = container_of(store, struct small_store, store);

        (void)arena;
        for (size_t i = 0; i < count; i++) {
                bool early = questions[i].kind == STORE_ASK_DEVICE;

                answers[i] = (struct store_answer){.status = early ? self->device_status : self->status, .era.bytes = {1}};
                answers[i].rooms.person =
                        (struct store_person){.user = WORKER_HOST_USER, .user_name = SLICE_LITERAL("alice")};
        }
        self->asked += (unsigned)count;
        complete(self, tag);
        return ERR_OK;
}

static size_t store_poll(struct store *store, struct completion *completions, size_t max)
{
        struct small_store *self = container_of(store, struct small_store, store);
        size_t count = 0;

        while (count < max && self->tag_count > 0)
                completions[count++] = (struct completion){.tag = self->tags[--self->tag_count], .outcome = OUTCOME_OK};
        return count;
}

/* ---- life ---- */

void worker_host_start(struct worker_host *host, const struct service *service)
{
        static const struct store_ops ops = {.apply = store_apply, .ask = store_ask, .poll = store_poll};
        struct bus_embedded_options bus = {.mode = BUS_EMBEDDED_INLINE, .log.partitions = {[BUS_FRONTENDS] = 1}};
        struct presence_memory_options presence = {.mode = PRESENCE_MEMORY_INLINE, .clock = &host->clock.clock};
        struct worker_seams seams;

        bus.log.partitions[service->topic] = 1;
        *host = (struct worker_host){.store.store.ops = &ops};
        hand_clock_init(&host->clock, UINT64_C(1700000000000));
        hand_random_init(&host->random, 1);
        check(bus_embedded_new(&bus, &host->embedded) == ERR_OK);
        check(bus_embedded_open(host->embedded, &host->bus) == ERR_OK);
        check(bus_embedded_open(host->embedded, &host->frontends) == ERR_OK);
        check(host->frontends->ops->assign(host->frontends, BUS_FRONTENDS, 0) == ERR_OK);
        check(presence_memory_new(&presence, &host->memory) == ERR_OK);
        check(presence_memory_open(host->memory, &host->presence) == ERR_OK);
        check(presence_memory_open(host->memory, &host->observer) == ERR_OK);
        seams = (struct worker_seams){.bus = host->bus,
                                      .store = &host->store.store,
                                      .presence = host->presence,
                                      .clock = &host->clock.clock,
                                      .random = &host->random.random,
                                      .events = &host->events,
                                      .keys = &host->keys};
        check(worker_new(service, &seams, 0, &host->worker) == ERR_OK);
        worker_host_work(host);
}

void worker_host_stop(struct worker_host *host)
{
        worker_free(&host->worker);
        host->bus->ops->free(&host->bus);
        host->frontends->ops->free(&host->frontends);
        host->presence->ops->free(&host->presence);
        host->observer->ops->free(&host->observer);
        bus_embedded_free(&host->embedded);
        presence_memory_free(&host->memory);
}

uint64_t worker_host_ms(struct worker_host *host)
{
        return host->clock.clock.wall_ms(&host->clock.clock);
}

/* ---- the frontends' side ---- */

void worker_host_publish(struct worker_host *host, enum wire_code code, const void *message, uint64_t sent_ms)
{
        static uint8_t frame_bytes[WIRE_UP_SIZE_MAX], bytes[WIRE_UP_SIZE_MAX + 512];
        struct wire_frame frame = {.code = (uint8_t)code,
                                   .request.bytes = {9},
                                   .user = WORKER_HOST_USER,
                                   .device = WORKER_HOST_DEVICE,
                                   .room.bytes = {1, [6] = 0x70, [8] = 0x80}};
        struct slice built = wire_frame_build(&frame, message, frame_bytes, frame_bytes + sizeof(frame_bytes));
        struct wire_envelope envelope = {.epoch.bytes = {5},
                                         .connection = WORKER_HOST_CONNECTION,
                                         .user = WORKER_HOST_USER,
                                         .device = WORKER_HOST_DEVICE,
                                         .not_after_ms = sent_ms + WORKER_HOST_REPLY_MS};
        static const enum bus_topic topics[] = {[WIRE_TOPIC_AUTHENTICATION] = BUS_AUTHENTICATION,
                                                [WIRE_TOPIC_SESSION] = BUS_SESSION,
                                                [WIRE_TOPIC_QUERY] = BUS_QUERY};
        struct bus_message record = {.topic = topics[wire_message_by_code((uint8_t)code)->topic],
                                     .partition = BUS_PARTITION_BYKEY};

        check(built.size > 0);
        envelope.frame = slice_of(built.data + WIRE_LENGTH_SIZE, built.size - WIRE_LENGTH_SIZE);
        record.value = wire_record_build(WIRE_CODE_envelope, &envelope, bytes, bytes + sizeof(bytes));
        check(record.value.size > 0);
        check(host->frontends->ops->publish(host->frontends, &record) == ERR_OK);
        check(host->frontends->ops->flush(host->frontends, 0) == ERR_OK);
}

void worker_host_work(struct worker_host *host)
{
        for (int i = 0; worker_step(host->worker); i++)
                check(i < 10000); /* a worker that never comes to rest */
}

enum wire_code worker_host_take(struct worker_host *host, struct wire_post *post)
{
        while (host->frontends->ops->poll(host->frontends, host->taken, 1) == 1) {
                struct slice record = host->taken[0].record.value;

                if (host->taken[0].kind != BUS_EVENT_RECORD)
                        continue;
                if (wire_record_code(record) == WIRE_CODE_post)
                        check(wire_record_parse(record, WIRE_CODE_post, post) == ERR_OK);
                return wire_record_code(record);
        }
        return WIRE_CODE_none;
}

/* One request to presence. Returns how many entries came back, and whether that connection is among them. */
static size_t ask_presence(struct worker_host *host, enum presence_kind kind, uint64_t connection, bool *is_there)
{
        struct presence_request request = {.kind = kind,
                                           .entry = {.user = WORKER_HOST_USER,
                                                     .connection = connection,
                                                     .device = WORKER_HOST_DEVICE,
                                                     .epoch.bytes = {5}}};
        struct presence_result result = {0};
        struct completion completion;
        struct arena arena;

        arena_init(&arena, &heap_source, 4096, 65536);
        check(host->observer->ops->submit(host->observer, &request, 1, &result, &arena, 1) == ERR_OK);
        check(host->observer->ops->poll(host->observer, &completion, 1) == 1);
        *is_there = false;
        for (size_t i = 0; i < result.count; i++)
                *is_there |= result.entries[i].connection == connection;
        arena_finish(&arena);
        return result.count;
}

void worker_host_enter(struct worker_host *host, uint64_t connection)
{
        bool ignored;

        ask_presence(host, PRESENCE_SET, connection, &ignored);
}

size_t worker_host_presence(struct worker_host *host)
{
        bool ignored;

        return ask_presence(host, PRESENCE_GET, 0, &ignored);
}

bool worker_host_knows(struct worker_host *host, uint64_t connection)
{
        bool knows;

        ask_presence(host, PRESENCE_GET, connection, &knows);
        return knows;
}
