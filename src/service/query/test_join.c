/* Join through a whole worker: what presence knows of the connection afterwards, whatever was repeated, late or refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// clang-format off
#include <cmocka.h>
// clang-format on

#include "base/assert.h"
#include "base/memory.h"
#include "driver/bus/embedded.h"
#include "driver/presence/memory.h"
#include "service/worker/worker.h"
#include "support/by_hand.h"
#include "wire/envelope.h"

#define USER       42
#define DEVICE     7
#define CONNECTION 1001
#define LATE_MS    6000

/* Answers every question with one status, at once. */
struct small_store {
        struct store store;
        enum error status;
        uint64_t tags[4];
        size_t tag_count;
};

struct world {
        struct hand_clock clock;
        struct event_sink events;
        struct token_keys keys;
        struct bus_embedded *embedded;
        struct bus *bus, *frontends;
        struct presence_memory *memory;
        struct presence *presence, *observer;
        struct small_store store;
        struct worker *worker;
};

static enum error store_ask(struct store *store, const struct store_question *questions, size_t count,
                            struct store_answer *answers, struct arena *arena, uint64_t tag)
{
        struct small_store *self = container_of(store, struct small_store, store);

        (void)questions, (void)arena;
        for (size_t i = 0; i < count; i++) {
                answers[i] = (struct store_answer){.status = self->status, .era.bytes = {1}};
                answers[i].rooms.person = (struct store_person){.user = USER, .user_name = SLICE_LITERAL("alice")};
        }
        check(self->tag_count < countof(self->tags));
        self->tags[self->tag_count++] = tag;
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

static int set_up(void **state)
{
        static struct world world;
        static const struct store_ops ops = {.ask = store_ask, .poll = store_poll};
        struct bus_embedded_options bus = {.mode = BUS_EMBEDDED_INLINE,
                                           .log.partitions = {[BUS_QUERY] = 1, [BUS_FRONTENDS] = 1}};
        struct presence_memory_options presence = {.mode = PRESENCE_MEMORY_INLINE, .clock = &world.clock.clock};
        struct worker_seams seams;

        world = (struct world){.store.store.ops = &ops};
        hand_clock_init(&world.clock, UINT64_C(1700000000000));
        assert_int_equal(bus_embedded_new(&bus, &world.embedded), ERR_OK);
        assert_int_equal(bus_embedded_open(world.embedded, &world.bus), ERR_OK);
        assert_int_equal(bus_embedded_open(world.embedded, &world.frontends), ERR_OK);
        assert_int_equal(world.frontends->ops->assign(world.frontends, BUS_FRONTENDS, 0), ERR_OK);
        assert_int_equal(presence_memory_new(&presence, &world.memory), ERR_OK);
        assert_int_equal(presence_memory_open(world.memory, &world.presence), ERR_OK);
        assert_int_equal(presence_memory_open(world.memory, &world.observer), ERR_OK);
        seams = (struct worker_seams){.bus = world.bus,
                                      .store = &world.store.store,
                                      .presence = world.presence,
                                      .clock = &world.clock.clock,
                                      .events = &world.events,
                                      .keys = &world.keys};
        assert_int_equal(worker_new(&service_query, &seams, 0, &world.worker), ERR_OK);
        *state = &world;
        return 0;
}

static int tear_down(void **state)
{
        struct world *world = *state;

        worker_free(&world->worker);
        world->bus->ops->free(&world->bus);
        world->frontends->ops->free(&world->frontends);
        world->presence->ops->free(&world->presence);
        world->observer->ops->free(&world->observer);
        bus_embedded_free(&world->embedded);
        presence_memory_free(&world->memory);
        return 0;
}

/* A frontend publishes the connection's Join, which was sent at wall time `sent_ms`. */
static void publish_join(struct world *world, uint64_t sent_ms)
{
        static const struct wire_join join;
        static uint8_t frame_bytes[512], bytes[1024];
        struct wire_frame frame = {
                .code = WIRE_CODE_join, .request.bytes = {9}, .user = USER, .device = DEVICE};
        struct slice built = wire_frame_build(&frame, &join, frame_bytes, frame_bytes + sizeof(frame_bytes));
        struct wire_envelope envelope = {.epoch.bytes = {5},
                                         .connection = CONNECTION,
                                         .user = USER,
                                         .device = DEVICE,
                                         .not_after_ms = sent_ms + 5000};
        struct bus_message message = {.topic = BUS_QUERY, .partition = BUS_PARTITION_BYKEY};

        assert_true(built.size > 0);
        envelope.frame = slice_of(built.data + WIRE_LENGTH_SIZE, built.size - WIRE_LENGTH_SIZE);
        message.value = wire_record_build(WIRE_CODE_envelope, &envelope, bytes, bytes + sizeof(bytes));
        assert_true(message.value.size > 0);
        assert_int_equal(world->frontends->ops->publish(world->frontends, &message), ERR_OK);
        assert_int_equal(world->frontends->ops->flush(world->frontends, 0), ERR_OK);
}

static void work(struct world *world)
{
        for (int i = 0; i < 1000 && worker_step(world->worker); i++)
                continue;
}

static uint64_t wall_ms(struct world *world)
{
        return world->clock.clock.wall_ms(&world->clock.clock);
}

static size_t known(struct world *world)
{
        static const struct arena_source source = {memory_new, memory_free};
        struct presence_request request = {.kind = PRESENCE_GET, .entry.user = USER};
        struct presence_result result = {0};
        struct completion completion;
        struct arena arena;
        size_t count;

        arena_init(&arena, &source, 4096, 65536);
        assert_int_equal(world->observer->ops->submit(world->observer, &request, 1, &result, &arena, 1), ERR_OK);
        assert_int_equal(world->observer->ops->poll(world->observer, &completion, 1), 1);
        count = result.count;
        arena_finish(&arena);
        return count;
}

static void a_join_enters_the_connection(void **state)
{
        struct world *world = *state;

        publish_join(world, wall_ms(world));
        work(world);
        assert_int_equal(known(world), 1);
}

/* The worker died before its commit, and its successor meets the record when the client has long joined. */
static void a_join_that_is_repeated_too_late_leaves_the_entry(void **state)
{
        struct world *world = *state;
        uint64_t sent_ms = wall_ms(world);

        publish_join(world, sent_ms);
        work(world);
        hand_clock_advance_ms(&world->clock, LATE_MS);
        publish_join(world, sent_ms);
        work(world);
        assert_int_equal(known(world), 1);
}

/* Both attempts are in one batch: the worker was behind by more than the deadline. */
static void a_late_attempt_does_not_undo_the_next(void **state)
{
        struct world *world = *state;
        uint64_t sent_ms = wall_ms(world);

        publish_join(world, sent_ms);
        hand_clock_advance_ms(&world->clock, LATE_MS);
        publish_join(world, wall_ms(world));
        work(world);
        assert_int_equal(known(world), 1);
}

static void a_join_that_is_busy_leaves_the_entry_of_an_earlier_one(void **state)
{
        struct world *world = *state;

        publish_join(world, wall_ms(world));
        work(world);
        world->store.status = ERR_BUSY;
        publish_join(world, wall_ms(world));
        work(world);
        assert_int_equal(known(world), 1);
}

static void a_revoked_device_is_taken_out(void **state)
{
        struct world *world = *state;

        world->store.status = ERR_REVOKED;
        publish_join(world, wall_ms(world));
        work(world);
        assert_int_equal(known(world), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(a_join_enters_the_connection),
                TEST(a_join_that_is_repeated_too_late_leaves_the_entry),
                TEST(a_late_attempt_does_not_undo_the_next),
                TEST(a_join_that_is_busy_leaves_the_entry_of_an_earlier_one),
                TEST(a_revoked_device_is_taken_out),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
