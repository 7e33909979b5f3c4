/*
 * The n-th allocation fails, for n = 1, 2, … until a run needs no n-th: of the embedded bus, presence, the store, and a worker with a
 * batch. Whatever fails is an error that its header names, nothing crashes,
 * nothing leaks (the sanitizer looks), and afterwards, with memory again, all is as if nothing had been. Inline drivers, one thread:
 * the count of allocations is one for the process.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// clang-format off
#include <cmocka.h>
// clang-format on

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/memory.h"
#include "driver/bus/embedded.h"
#include "driver/presence/memory.h"
#include "driver/store/sqlite.h"
#include "rules/room.h"
#include "service/worker/worker.h"
#include "support/by_hand.h"
#include "support/memory_loop.h"
#include "wire/envelope.h"

#define ALICE      100
#define PHONE      1
#define WALL_MS    UINT64_C(1700000000000)
#define SETTLE_MAX 20000
#define VALUE      SLICE_LITERAL("a record of some size, so that it is copied")

static const struct arena_source heap_source = {memory_new, memory_free};
static struct hand_clock hand;
static struct hand_random random_hand;

/* ---- the bus ---- */

/* How many records came, until there are no more events. */
static unsigned received(struct bus *bus)
{
        struct bus_event event;
        unsigned records = 0;

        for (int i = 0; i < 50; i++)
                while (bus->ops->poll(bus, &event, 1) == 1)
                        if (event.kind == BUS_EVENT_RECORD) {
                                assert_true(slice_equal(event.record.value, VALUE));
                                records++;
                        }
        return records;
}

static void bus_once(bool *failed)
{
        const struct bus_embedded_options options = {.mode = BUS_EMBEDDED_INLINE, .log.partitions = {[BUS_SESSION] = 2}};
        const struct bus_message message = {
                .topic = BUS_SESSION, .partition = BUS_PARTITION_BYKEY, .key = SLICE_LITERAL("key"), .value = VALUE};
        struct bus_embedded *embedded = NULL;
        struct bus *bus = NULL;
        unsigned published = 0, seen = 0;
        enum error error;

        memory_arm();
        error = bus_embedded_new(&options, &embedded);
        if (!error)
                error = bus_embedded_open(embedded, &bus);
        if (!error)
                error = bus->ops->subscribe(bus, BUS_SESSION);
        for (int i = 0; i < 3 && !error; i++) {
                error = bus->ops->publish(bus, &message);
                published += error == ERR_OK;
        }
        if (!error)
                error = bus->ops->flush(bus, 1);
        if (!error)
                seen = received(bus);
        memory_disarm();
        if (error) {
                memory_lacks(error, failed);
                published = 0;
        }
        if (!error && seen < published) { /* taken in with a lack of memory: it comes again, or its flush has failed */
                *failed = true;
                (void)received(bus);
        }
        if (bus)
                bus->ops->free(&bus);
        bus_embedded_free(&embedded);
        assert_null(embedded);
}

static void the_bus(void **state)
{
        (void)state;
        memory_loop(bus_once, "bus");
}

/* ---- presence ---- */

static void presence_once(bool *failed)
{
        const struct presence_memory_options options = {.mode = PRESENCE_MEMORY_INLINE, .clock = &hand.clock};
        const struct presence_request requests[] = {
                {.kind = PRESENCE_BEAT, .entry = {.epoch = {{1}}}},
                {.kind = PRESENCE_SET, .entry = {.user = ALICE, .connection = 1, .device = PHONE, .epoch = {{1}}}},
                {.kind = PRESENCE_GET, .entry = {.user = ALICE}},
        };
        struct presence_result results[3] = {0};
        struct presence_memory *memory = NULL;
        struct presence *presence = NULL;
        struct completion done;
        struct arena arena;
        enum error error;

        arena_init(&arena, &heap_source, 1024, 65536);
        memory_arm();
        error = presence_memory_new(&options, &memory);
        if (!error)
                error = presence_memory_open(memory, &presence);
        if (!error)
                error = presence->ops->submit(presence, requests, 3, results, &arena, 7);
        memory_disarm();
        if (error) {
                memory_lacks(error, failed);
        } else {
                assert_int_equal(presence->ops->poll(presence, &done, 1), 1);
                assert_int_equal(done.tag, 7);
                if (done.outcome == OUTCOME_OK) {
                        assert_int_equal(results[2].count, 1);
                        assert_int_equal(results[2].entries[0].device, PHONE);
                } else {
                        *failed = true;
                }
        }
        arena_finish(&arena);
        if (presence)
                presence->ops->free(&presence);
        presence_memory_free(&memory);
}

static void the_presence(void **state)
{
        (void)state;
        memory_loop(presence_once, "presence");
}

/* ---- the store ---- */

static char folder[64];

static void make_folder(void)
{
        snprintf(folder, sizeof(folder), "/tmp/galka-memory-XXXXXX");
        assert_non_null(mkdtemp(folder));
}

static void remove_folder(void)
{
        static const char *const names[] = {"galka.db", "galka.db-wal", "galka.db-shm", "lock"};
        char path[128];

        for (size_t i = 0; i < countof(names); i++) {
                snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
                unlink(path);
        }
        assert_int_equal(rmdir(folder), 0);
}

static enum error store_make(struct store_sqlite **sqlite, struct store **store)
{
        const struct store_sqlite_options options = {.folder = folder, .clock = &hand.clock, .random = &random_hand.random};
        char text[STORE_ERROR_SIZE];
        enum error error = store_sqlite_new(&options, sqlite, text);

        return error ? error : store_sqlite_open(*sqlite, store);
}

static void store_unmake(struct store_sqlite **sqlite, struct store **store)
{
        if (*store)
                (*store)->ops->free(store);
        store_sqlite_free(sqlite);
}

static struct store_op import_op(void)
{
        return (struct store_op){.kind = STORE_IMPORT,
                                 .request = {{7}},
                                 .import = {.user_name = SLICE_LITERAL("alice"),
                                            .name_folded = SLICE_LITERAL("alice"),
                                            .display_name = SLICE_LITERAL("Alice"),
                                            .email = SLICE_LITERAL("alice@x.org"),
                                            .email_folded = SLICE_LITERAL("alice@x.org"),
                                            .device_name = SLICE_LITERAL("phone"),
                                            .password_hash = "",
                                            .new_user = ALICE,
                                            .new_device = PHONE}};
}

static struct store_op write_op(void)
{
        return (struct store_op){.kind = STORE_WRITE,
                                 .request = {{8}},
                                 .user = ALICE,
                                 .device = PHONE,
                                 .write = {.room = room_personal(ALICE, ALICE), .row_kind = 1, .text = VALUE}};
}

/* The outcome of a submit, once it is there. */
static enum outcome completed(struct store *store, enum error error)
{
        struct completion done;

        if (error)
                return OUTCOME_FAILED;
        while (store->ops->poll(store, &done, 1) == 0)
                continue;
        return done.outcome;
}

static enum outcome store_work(struct store *store, struct store_result results[2], struct store_answer *answer,
                               struct arena *arena)
{
        const struct store_op ops[] = {import_op(), write_op()};
        const struct store_question question = {.kind = STORE_ASK_CHANGES,
                                                .user = ALICE,
                                                .device = PHONE,
                                                .bytes_max = 65536,
                                                .changes = {.room = room_personal(ALICE, ALICE), .rows_max = 10}};
        enum outcome outcome = completed(store, store->ops->apply(store, ops, 2, results, arena, 1));

        if (outcome == OUTCOME_OK)
                outcome = completed(store, store->ops->ask(store, &question, 1, answer, arena, 2));
        return outcome;
}

static void check_work(const struct store_result results[2], const struct store_answer *answer)
{
        assert_int_equal(results[0].status, ERR_OK);
        assert_int_equal(results[1].status, ERR_OK);
        assert_int_equal(results[1].write.row.seq, 1);
        assert_int_equal(answer->status, ERR_OK);
        assert_int_equal(answer->rows.row_count, 1);
        assert_true(slice_equal(answer->rows.rows[0].text, VALUE));
}

static void store_once(bool *failed)
{
        struct store_result results[2] = {0};
        struct store_answer answer = {0};
        struct store_sqlite *sqlite = NULL;
        struct store *store = NULL;
        struct arena arena;
        enum outcome outcome = OUTCOME_FAILED;
        enum error error;

        make_folder();
        arena_init(&arena, &heap_source, 4096, 1 << 20);
        memory_arm();
        error = store_make(&sqlite, &store);
        if (!error)
                outcome = store_work(store, results, &answer, &arena);
        memory_disarm();
        if (error)
                memory_lacks(error, failed);
        if (outcome == OUTCOME_OK) {
                check_work(results, &answer);
        } else { /* the same again, as a worker would */
                *failed = true;
                store_unmake(&sqlite, &store);
                assert_int_equal(store_make(&sqlite, &store), ERR_OK);
                assert_int_equal(store_work(store, results, &answer, &arena), OUTCOME_OK);
                check_work(results, &answer);
        }
        store_unmake(&sqlite, &store);
        arena_finish(&arena);
        remove_folder();
}

static void the_store(void **state)
{
        (void)state;
        memory_loop(store_once, "store");
}

/* ---- a worker and a batch ---- */

struct stage {
        struct bus_embedded *embedded;
        struct bus *bus, *observer;
        struct presence_memory *memory;
        struct presence *presence;
        struct store_sqlite *sqlite;
        struct store *store;
        struct worker *worker;
        unsigned answers, good; /* posts to the request; those that say "written" with seq 1 */
};

static void stage_open(struct stage *stage)
{
        struct bus_embedded_options bus = {.mode = BUS_EMBEDDED_INLINE};
        const struct presence_memory_options presence = {.mode = PRESENCE_MEMORY_INLINE, .clock = &hand.clock};
        const struct store_op op = import_op();
        struct store_result result = {0};
        struct arena arena;

        *stage = (struct stage){0};
        for (int topic = 0; topic < BUS_TOPIC_COUNT; topic++)
                bus.log.partitions[topic] = 1;
        make_folder();
        assert_int_equal(bus_embedded_new(&bus, &stage->embedded), ERR_OK);
        assert_int_equal(bus_embedded_open(stage->embedded, &stage->bus), ERR_OK);
        assert_int_equal(bus_embedded_open(stage->embedded, &stage->observer), ERR_OK);
        assert_int_equal(stage->observer->ops->assign(stage->observer, BUS_FRONTENDS, 0), ERR_OK);
        assert_int_equal(presence_memory_new(&presence, &stage->memory), ERR_OK);
        assert_int_equal(presence_memory_open(stage->memory, &stage->presence), ERR_OK);
        assert_int_equal(store_make(&stage->sqlite, &stage->store), ERR_OK);
        arena_init(&arena, &heap_source, 4096, 65536);
        assert_int_equal(completed(stage->store, stage->store->ops->apply(stage->store, &op, 1, &result, &arena, 1)),
                         OUTCOME_OK);
        arena_finish(&arena);
}

static void stage_close(struct stage *stage)
{
        store_unmake(&stage->sqlite, &stage->store);
        stage->presence->ops->free(&stage->presence);
        presence_memory_free(&stage->memory);
        worker_free(&stage->worker);
        stage->bus->ops->free(&stage->bus);
        stage->observer->ops->free(&stage->observer);
        bus_embedded_free(&stage->embedded);
        remove_folder();
}

static void stage_ask(struct stage *stage)
{
        struct wire_operation operation = {.id = {{8}}, .kind = 1, .text = VALUE};
        struct wire_write write = {.operations = {.items = &operation, .count = 1}};
        struct wire_frame frame = {
                .code = WIRE_CODE_write, .request = {{9}}, .user = ALICE, .room = room_personal(ALICE, ALICE)};
        uint8_t bytes[512], record[1024];
        struct slice built = wire_frame_build(&frame, &write, bytes, bytes + sizeof(bytes));
        struct wire_envelope envelope = {.epoch = {{5}},
                                         .connection = 3,
                                         .user = ALICE,
                                         .device = PHONE,
                                         .not_after_ms = WALL_MS + 100000000,
                                         .frame = slice_of(built.data + WIRE_LENGTH_SIZE, built.size - WIRE_LENGTH_SIZE)};
        struct bus_message message = {.topic = BUS_SESSION, .partition = BUS_PARTITION_BYKEY};

        message.value = wire_record_build(WIRE_CODE_envelope, &envelope, record, record + sizeof(record));
        assert_int_equal(stage->observer->ops->publish(stage->observer, &message), ERR_OK);
        assert_int_equal(stage->observer->ops->flush(stage->observer, 0), ERR_OK);
}

static void see_post(struct stage *stage, struct slice value)
{
        struct wire_iterator iterator;
        struct wire_outcome outcome;
        struct wire_written written;
        struct wire_frame frame;
        struct wire_post post;

        if (wire_record_code(value) != WIRE_CODE_post)
                return;
        assert_int_equal(wire_record_parse(value, WIRE_CODE_post, &post), ERR_OK);
        assert_int_equal(
                wire_frame_parse(slice_of(post.frame.data + WIRE_LENGTH_SIZE, post.frame.size - WIRE_LENGTH_SIZE), &frame),
                ERR_OK);
        stage->answers++;
        if (frame.code != WIRE_CODE_written)
                return;
        assert_int_equal(wire_decode(frame.message->structure, frame.body, &written, NULL), ERR_OK);
        WIRE_LIST_START(&iterator, written, outcomes, &written.outcomes);
        assert_true(wire_list_next(&iterator, &outcome));
        stage->good += outcome.status == ERR_OK && outcome.seq == 1;
}

/* Steps until nothing is left to do; time passes over its pauses. */
static void settle(struct stage *stage, bool armed)
{
        struct bus_event event;
        bool busy = true;

        for (unsigned i = 0; busy; i++) {
                bool moved;

                assert_true(i < SETTLE_MAX);
                if (armed)
                        memory_arm();
                moved = worker_step(stage->worker);
                if (armed)
                        memory_disarm();
                busy = moved || worker_wait_ms(stage->worker) >= 0;
                if (!moved)
                        hand_clock_advance_ms(&hand, 1);
        }
        while (stage->observer->ops->poll(stage->observer, &event, 1) == 1)
                if (event.kind == BUS_EVENT_RECORD)
                        see_post(stage, event.record.value);
}

static void worker_once(bool *failed)
{
        struct stage stage;
        struct worker_seams seams;
        enum error error;

        stage_open(&stage);
        seams = (struct worker_seams){.bus = stage.bus,
                                      .store = stage.store,
                                      .presence = stage.presence,
                                      .clock = &hand.clock,
                                      .random = &random_hand.random};
        memory_arm();
        error = worker_new(&service_session, &seams, 4, &stage.worker);
        memory_disarm();
        if (error) {
                memory_lacks(error, failed);
                assert_null(stage.worker);
                assert_int_equal(worker_new(&service_session, &seams, 4, &stage.worker), ERR_OK);
        }
        stage_ask(&stage);
        settle(&stage, true);
        /* One failure costs a repeat or a pause, never the answer, and never a second row. */
        *failed |= stage.answers != 1;
        if (stage.good == 0) {
                *failed = true;
                stage_ask(&stage);
                settle(&stage, false);
        }
        assert_true(stage.good >= 1);
        assert_true(worker_drain(stage.worker));
        stage_close(&stage);
}

static void the_worker(void **state)
{
        (void)state;
        memory_loop(worker_once, "worker");
}

static int start(void **state)
{
        (void)state;
        hand_clock_init(&hand, WALL_MS);
        hand_random_init(&random_hand, 1);
        return 0;
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_bus),
                cmocka_unit_test(the_presence),
                cmocka_unit_test(the_store),
                cmocka_unit_test(the_worker),
        };

        return cmocka_run_group_tests(tests, start, NULL);
}
