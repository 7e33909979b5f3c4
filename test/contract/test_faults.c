/* The decorators do what their plans say, and nothing else: what they report is compared with what the decorated one then knows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/assert.h"
#include "base/memory.h"
#include "driver/bus/embedded.h"
#include "driver/presence/memory.h"
#include "support/by_hand.h"
#include "support/faulty_bus.h"
#include "support/faulty_presence.h"
#include "support/faulty_store.h"

static const struct arena_source heap_source = {memory_new, memory_free};

/* One fault, the outcome that is reported, and how many times it was then done. */
static const struct expectation {
        enum fault fault;
        enum error error;
        enum outcome outcome;
        unsigned done, polls; /* polls: needed until the completion comes */
} expectations[] = {
        {FAULT_NONE, ERR_OK, OUTCOME_OK, 1, 1},        {FAULT_FAIL, ERR_OK, OUTCOME_FAILED, 0, 1},
        {FAULT_LOSE, ERR_OK, OUTCOME_UNCERTAIN, 0, 1}, {FAULT_UNCERTAIN, ERR_OK, OUTCOME_UNCERTAIN, 1, 1},
        {FAULT_DELAY, ERR_OK, OUTCOME_OK, 1, 4},       {FAULT_REFUSE, ERR_FULL, OUTCOME_OK, 0, 0},
};

/* ---- the bus ---- */

struct bus_stage {
        struct bus_embedded *embedded;
        struct bus *bus;
        struct fault_nth plan;
};

static void bus_open(struct bus_stage *stage, enum fault_call call, enum fault fault)
{
        struct bus_embedded_options options = {.mode = BUS_EMBEDDED_INLINE};
        struct bus *inner;

        options.log.partitions[BUS_SESSION] = 1;
        fault_nth_init(&stage->plan, call, 1, fault);
        assert_int_equal(bus_embedded_new(&options, &stage->embedded), ERR_OK);
        assert_int_equal(bus_embedded_open(stage->embedded, &inner), ERR_OK);
        assert_int_equal(faulty_bus_new(inner, &stage->plan.plan, &stage->bus), ERR_OK);
}

static void bus_close(struct bus_stage *stage)
{
        stage->bus->ops->free(&stage->bus);
        bus_embedded_free(&stage->embedded);
}

static void bus_publish(struct bus_stage *stage, const char *text)
{
        assert_int_equal(stage->bus->ops->publish(stage->bus, &(struct bus_message){.topic = BUS_SESSION,
                                                                                    .partition = BUS_PARTITION_BYKEY,
                                                                                    .value = slice_text(text)}),
                         ERR_OK);
}

static uint64_t bus_end(struct bus_stage *stage)
{
        return bus_log_state(bus_embedded_log(stage->embedded), BUS_SESSION, 0).end;
}

/* Polls until a completion with that tag comes; returns its outcome and how many polls it took. */
static enum outcome bus_await(struct bus_stage *stage, uint64_t tag, unsigned *polls)
{
        struct bus_event event;

        for (*polls = 1; *polls < 100; ++*polls)
                if (stage->bus->ops->poll(stage->bus, &event, 1) && event.completion.tag == tag)
                        return event.completion.outcome;
        fail();
        return OUTCOME_FAILED;
}

static void test_bus_flush(void **state)
{
        (void)state;
        for (size_t i = 0; i < countof(expectations); i++) {
                const struct expectation *expected = &expectations[i];
                struct bus_stage stage;
                unsigned polls;

                bus_open(&stage, FAULT_FLUSH, expected->fault);
                bus_publish(&stage, "a");
                assert_int_equal(stage.bus->ops->flush(stage.bus, 4), expected->error);
                assert_int_equal(bus_end(&stage), expected->done);
                if (!expected->error) {
                        assert_int_equal(bus_await(&stage, 4, &polls), expected->outcome);
                        assert_int_equal(polls, expected->polls);
                }
                /* Only the first was to be touched. */
                bus_publish(&stage, "b");
                assert_int_equal(stage.bus->ops->flush(stage.bus, 5), ERR_OK);
                assert_int_equal(bus_await(&stage, 5, &polls), OUTCOME_OK);
                assert_int_equal(bus_end(&stage), expected->done + (expected->error ? 2 : 1));
                bus_close(&stage);
        }
}

static void test_bus_doubles_a_batch(void **state)
{
        struct bus_stage stage;
        struct bus_event events[8];
        unsigned polls;
        size_t count;

        (void)state;
        bus_open(&stage, FAULT_FLUSH, FAULT_DUPLICATE);
        assert_int_equal(stage.bus->ops->subscribe(stage.bus, BUS_SESSION), ERR_OK);
        bus_publish(&stage, "a");
        bus_publish(&stage, "b");
        assert_int_equal(stage.bus->ops->flush(stage.bus, 4), ERR_OK);
        assert_int_equal(bus_await(&stage, 4, &polls), OUTCOME_OK);
        count = stage.bus->ops->poll(stage.bus, events, countof(events));
        assert_int_equal(count, 5); /* ASSIGNED, then the records */
        for (size_t i = 1; i < count; i++)
                assert_true(slice_equal(events[i].record.value, slice_text(i % 2 ? "a" : "b")));
        bus_close(&stage);
}

static void test_bus_is_late(void **state)
{
        struct bus_stage stage;
        unsigned polls;

        (void)state;
        bus_open(&stage, FAULT_FLUSH, FAULT_LATE);
        bus_publish(&stage, "a");
        assert_int_equal(stage.bus->ops->flush(stage.bus, 4), ERR_OK);
        assert_int_equal(bus_await(&stage, 4, &polls), OUTCOME_UNCERTAIN);
        assert_int_equal(bus_end(&stage), 0);
        bus_publish(&stage, "b");
        assert_int_equal(bus_end(&stage), 1);
        assert_int_equal(stage.bus->ops->flush(stage.bus, 5), ERR_OK);
        assert_int_equal(bus_end(&stage), 2);
        bus_close(&stage);
}

static void test_bus_commit(void **state)
{
        (void)state;
        for (size_t i = 0; i < countof(expectations); i++) {
                const struct expectation *expected = &expectations[i];
                struct bus_stage stage;
                unsigned polls;

                bus_open(&stage, FAULT_COMMIT, expected->fault);
                assert_int_equal(stage.bus->ops->subscribe(stage.bus, BUS_SESSION), ERR_OK);
                bus_publish(&stage, "a");
                assert_int_equal(stage.bus->ops->flush(stage.bus, 0), ERR_OK);
                while (stage.bus->ops->poll(stage.bus, &(struct bus_event){0}, 1))
                        ;
                assert_int_equal(stage.bus->ops->commit(stage.bus, BUS_SESSION, 0, 1, 4), expected->error);
                assert_int_equal(bus_log_state(bus_embedded_log(stage.embedded), BUS_SESSION, 0).committed,
                                 expected->done ? 1 : BUS_LOG_NONE);
                if (!expected->error) {
                        assert_int_equal(bus_await(&stage, 4, &polls), expected->outcome);
                        assert_int_equal(polls, expected->polls);
                }
                bus_close(&stage);
        }
}

/* It goes on, and hears what becomes of it: the partition is another's, and so its commit is refused. Then it hears the rest. */
static void test_bus_is_deaf(void **state)
{
        struct bus_stage stage;
        struct bus_event event;
        struct bus *other;
        unsigned polls;

        (void)state;
        bus_open(&stage, FAULT_COMMIT, FAULT_NONE);
        assert_int_equal(bus_embedded_open(stage.embedded, &other), ERR_OK);
        assert_int_equal(stage.bus->ops->subscribe(stage.bus, BUS_SESSION), ERR_OK);
        bus_publish(&stage, "a");
        assert_int_equal(stage.bus->ops->flush(stage.bus, 0), ERR_OK);
        while (stage.bus->ops->poll(stage.bus, &event, 1))
                ;
        assert_int_equal(other->ops->subscribe(other, BUS_SESSION), ERR_OK);
        faulty_bus_deafen(stage.bus, true);
        bus_embedded_expel(stage.embedded, bus_embedded_member(faulty_bus_inner(stage.bus)));
        bus_publish(&stage, "b");
        assert_int_equal(stage.bus->ops->flush(stage.bus, 4), ERR_OK);
        assert_int_equal(bus_await(&stage, 4, &polls), OUTCOME_OK);
        assert_int_equal(stage.bus->ops->commit(stage.bus, BUS_SESSION, 0, 1, 5), ERR_OK);
        assert_int_equal(bus_await(&stage, 5, &polls), OUTCOME_FAILED);
        assert_int_equal(stage.bus->ops->poll(stage.bus, &event, 1), 0);
        assert_int_equal(bus_log_state(bus_embedded_log(stage.embedded), BUS_SESSION, 0).committed, BUS_LOG_NONE);
        assert_int_equal(bus_log_state(bus_embedded_log(stage.embedded), BUS_SESSION, 0).owner, bus_embedded_member(other));
        faulty_bus_deafen(stage.bus, false);
        assert_int_equal(stage.bus->ops->poll(stage.bus, &event, 1), 1);
        assert_int_equal(event.kind, BUS_EVENT_REVOKED);
        other->ops->free(&other);
        bus_close(&stage);
}

/* The partition went to another one and came back, and it has not heard of either. */
static void test_bus_refuses_a_former_stays_commit(void **state)
{
        struct bus_stage stage;
        struct bus_event event;
        struct bus *other;
        unsigned polls;

        (void)state;
        bus_open(&stage, FAULT_COMMIT, FAULT_NONE);
        assert_int_equal(bus_embedded_open(stage.embedded, &other), ERR_OK);
        assert_int_equal(stage.bus->ops->subscribe(stage.bus, BUS_SESSION), ERR_OK);
        bus_publish(&stage, "a");
        assert_int_equal(stage.bus->ops->flush(stage.bus, 0), ERR_OK);
        while (stage.bus->ops->poll(stage.bus, &event, 1))
                ;
        faulty_bus_deafen(stage.bus, true);
        bus_embedded_expel(stage.embedded, bus_embedded_member(faulty_bus_inner(stage.bus)));
        assert_int_equal(other->ops->subscribe(other, BUS_SESSION), ERR_OK);
        assert_int_equal(other->ops->poll(other, &event, 1), 1);
        faulty_bus_deafen(stage.bus, false);
        assert_int_equal(stage.bus->ops->poll(stage.bus, &event, 1), 1); /* REVOKED; it has joined again */
        other->ops->free(&other);
        assert_int_equal(bus_log_state(bus_embedded_log(stage.embedded), BUS_SESSION, 0).owner,
                         bus_embedded_member(faulty_bus_inner(stage.bus)));
        assert_int_equal(stage.bus->ops->commit(stage.bus, BUS_SESSION, 0, 1, 4), ERR_OK);
        assert_int_equal(bus_await(&stage, 4, &polls), OUTCOME_FAILED);
        bus_close(&stage);
}

static void test_bus_drops_the_decorator_alone(void **state)
{
        struct bus_stage stage;
        struct bus *inner;

        (void)state;
        bus_open(&stage, FAULT_FLUSH, FAULT_NONE);
        assert_int_equal(stage.bus->ops->subscribe(stage.bus, BUS_SESSION), ERR_OK);
        inner = faulty_bus_drop(&stage.bus);
        assert_null(stage.bus);
        bus_embedded_expel(stage.embedded, bus_embedded_crash(&inner));
        assert_int_equal(bus_log_state(bus_embedded_log(stage.embedded), BUS_SESSION, 0).owner, 0);
        bus_embedded_free(&stage.embedded);
}

/* ---- presence ---- */

static void test_presence(void **state)
{
        (void)state;
        for (size_t i = 0; i < countof(expectations); i++) {
                const struct expectation *expected = &expectations[i];
                struct presence_request request = {.kind = PRESENCE_SET, .entry = {.user = 5}};
                struct presence_memory_options options = {.mode = PRESENCE_MEMORY_INLINE};
                struct presence_memory *memory;
                struct presence *presence;
                struct presence_result result;
                struct completion completion;
                struct hand_clock clock;
                struct fault_nth plan;
                struct arena arena;
                unsigned polls = 0;

                hand_clock_init(&clock, 0);
                options.clock = &clock.clock;
                fault_nth_init(&plan, FAULT_PRESENCE, 1, expected->fault);
                arena_init(&arena, &heap_source, 4096, 65536);
                assert_int_equal(presence_memory_new(&options, &memory), ERR_OK);
                assert_int_equal(presence_memory_open(memory, &presence), ERR_OK);
                assert_int_equal(faulty_presence_new(presence, &plan.plan, &presence), ERR_OK);
                assert_int_equal(presence->ops->submit(presence, &request, 1, &result, &arena, 3), expected->error);
                if (!expected->error) {
                        do
                                polls++;
                        while (!presence->ops->poll(presence, &completion, 1));
                        assert_int_equal(completion.tag, 3);
                        assert_int_equal(completion.outcome, expected->outcome);
                        assert_int_equal(polls, expected->polls);
                }
                assert_int_equal(presence_memory_size(memory).entries, expected->done);
                presence->ops->free(&presence);
                presence_memory_free(&memory);
                arena_finish(&arena);
        }
}

/* ---- the store: decorates one that only counts ---- */

struct counting_store {
        struct store store;
        unsigned applied, asked;
        struct completion completion;
        size_t pending;
};

static enum error counting_apply(struct store *store, const struct store_op *ops, size_t count, struct store_result *results,
                                 struct arena *arena, uint64_t tag)
{
        struct counting_store *counting = container_of(store, struct counting_store, store);

        (void)ops, (void)count, (void)results, (void)arena;
        counting->applied++;
        counting->completion.tag = tag;
        counting->pending = 1;
        return ERR_OK;
}

static enum error counting_ask(struct store *store, const struct store_question *questions, size_t count,
                               struct store_answer *answers, struct arena *arena, uint64_t tag)
{
        struct counting_store *counting = container_of(store, struct counting_store, store);

        (void)questions, (void)count, (void)answers, (void)arena;
        counting->asked++;
        counting->completion.tag = tag;
        counting->pending = 1;
        return ERR_OK;
}

static size_t counting_poll(struct store *store, struct completion *completions, size_t max)
{
        struct counting_store *counting = container_of(store, struct counting_store, store);
        size_t count = min_of(counting->pending, max);

        if (count)
                completions[0] = counting->completion;
        counting->pending -= count;
        return count;
}

static void counting_free(struct store **store)
{
        *store = NULL;
}

static const struct store_ops counting_ops = {
        .free = counting_free, .apply = counting_apply, .ask = counting_ask, .poll = counting_poll};

static void try_store(const struct expectation *expected, bool apply)
{
        struct counting_store counting = {.store.ops = &counting_ops};
        enum outcome outcome = expected->outcome;
        struct completion completion;
        struct fault_nth plan;
        struct store *store;
        unsigned done = expected->done, polls = 0;
        enum error error;

        fault_nth_init(&plan, apply ? FAULT_APPLY : FAULT_ASK, 1, expected->fault);
        assert_int_equal(faulty_store_new(&counting.store, &plan.plan, &store), ERR_OK);
        error = apply ? store->ops->apply(store, NULL, 0, NULL, NULL, 3) : store->ops->ask(store, NULL, 0, NULL, NULL, 3);
        assert_int_equal(error, expected->error);
        if (!apply && outcome == OUTCOME_UNCERTAIN) {
                outcome = OUTCOME_FAILED;
                done = 0;
        }
        assert_int_equal(apply ? counting.applied : counting.asked, done);
        if (!error) {
                do
                        polls++;
                while (!store->ops->poll(store, &completion, 1));
                assert_int_equal(completion.tag, 3);
                assert_int_equal(completion.outcome, outcome);
                assert_int_equal(polls, expected->polls);
        }
        store->ops->free(&store);
}

static void test_store(void **state)
{
        (void)state;
        for (size_t i = 0; i < countof(expectations); i++) {
                try_store(&expectations[i], true);
                try_store(&expectations[i], false);
        }
}

/* A store in conflict halves. One operation alone is not parted. */
static void try_parts(enum fault fault, size_t count, enum outcome outcome, unsigned applied)
{
        struct counting_store counting = {.store.ops = &counting_ops};
        struct store_op ops[3] = {0};
        struct store_result results[3];
        struct completion completion;
        struct fault_nth plan;
        struct store *store;
        unsigned polls = 0;

        fault_nth_init(&plan, FAULT_APPLY, 1, fault);
        assert_int_equal(faulty_store_new(&counting.store, &plan.plan, &store), ERR_OK);
        assert_int_equal(store->ops->apply(store, ops, count, results, NULL, 3), ERR_OK);
        assert_int_equal(counting.applied, 0);
        while (!store->ops->poll(store, &completion, 1))
                assert_true(++polls < 100);
        assert_true(polls > 1);
        assert_int_equal(completion.tag, 3);
        assert_int_equal(completion.outcome, outcome);
        assert_int_equal(counting.applied, applied);
        store->ops->free(&store);
}

static void test_store_in_parts(void **state)
{
        (void)state;
        try_parts(FAULT_SPLIT, 3, OUTCOME_OK, 2);
        try_parts(FAULT_SPLIT, 1, OUTCOME_OK, 1);
        try_parts(FAULT_PART, 3, OUTCOME_UNCERTAIN, 1);
        try_parts(FAULT_PART, 1, OUTCOME_FAILED, 0);
}

/* The copy has what was removed since, and lacks what came; and who beats is told so. */
static void test_presence_fails_over(void **state)
{
        struct presence_memory_options options = {.mode = PRESENCE_MEMORY_INLINE};
        struct presence_request beat = {.kind = PRESENCE_BEAT, .entry.epoch = {{1}}};
        struct presence_request first = {.kind = PRESENCE_SET, .entry = {.user = 1, .connection = 1, .epoch = {{1}}}};
        struct presence_request second = {.kind = PRESENCE_SET, .entry = {.user = 2, .connection = 2, .epoch = {{1}}}};
        struct presence_request removal = {.kind = PRESENCE_REMOVE, .entry = first.entry};
        struct presence_request get[] = {{.kind = PRESENCE_GET, .entry.user = 1}, {.kind = PRESENCE_GET, .entry.user = 2}};
        struct presence_request before[] = {beat, first}, after[] = {removal, second, beat};
        struct presence_memory *memory;
        struct presence_result results[3];
        struct presence *presence;
        struct completion completion;
        struct hand_clock clock;
        struct arena arena;

        (void)state;
        hand_clock_init(&clock, 0);
        options.clock = &clock.clock;
        arena_init(&arena, &heap_source, 4096, 65536);
        assert_int_equal(presence_memory_new(&options, &memory), ERR_OK);
        assert_int_equal(presence_memory_open(memory, &presence), ERR_OK);
        assert_int_equal(presence->ops->submit(presence, before, countof(before), results, &arena, 1), ERR_OK);
        assert_int_equal(presence_memory_keep(memory), ERR_OK);
        assert_int_equal(presence->ops->submit(presence, after, countof(after), results, &arena, 2), ERR_OK);
        assert_false(results[2].forgot);
        presence_memory_fail_over(memory);
        assert_int_equal(presence->ops->submit(presence, get, countof(get), results, &arena, 3), ERR_OK);
        assert_int_equal(results[0].count, 1);
        assert_int_equal(results[1].count, 0);
        assert_int_equal(presence->ops->submit(presence, &beat, 1, results, &arena, 4), ERR_OK);
        assert_true(results[0].forgot);
        while (presence->ops->poll(presence, &completion, 1))
                assert_int_equal(completion.outcome, OUTCOME_OK);
        presence->ops->free(&presence);
        presence_memory_free(&memory);
        arena_finish(&arena);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_bus_flush),
                cmocka_unit_test(test_bus_doubles_a_batch),
                cmocka_unit_test(test_bus_is_late),
                cmocka_unit_test(test_bus_commit),
                cmocka_unit_test(test_bus_is_deaf),
                cmocka_unit_test(test_bus_refuses_a_former_stays_commit),
                cmocka_unit_test(test_bus_drops_the_decorator_alone),
                cmocka_unit_test(test_presence),
                cmocka_unit_test(test_presence_fails_over),
                cmocka_unit_test(test_store),
                cmocka_unit_test(test_store_in_parts),
        };

        return cmocka_run_group_tests_name("faults", tests, NULL, NULL);
}
