/* Meters: what passes is the same with and without them, and is counted; what does not answer is known to be down. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/assert.h"
#include "base/memory.h"
#include "driver/bus/embedded.h"
#include "driver/presence/memory.h"
#include "server/meter.h"
#include "support/by_hand.h"
#include "support/faulty_bus.h"
#include "support/faulty_presence.h"

static struct metrics metrics;
static struct hand_clock clock;

static uint64_t number(enum metric metric)
{
        return metrics_get(&metrics, metric);
}

static uint64_t times(enum histogram histogram)
{
        uint64_t count = 0;

        for (size_t i = 0; i <= METRICS_BUCKETS; i++)
                count += atomic_load(&metrics.histograms[histogram].buckets[i]);
        return count;
}

static int begin(void **state)
{
        (void)state;
        memset(&metrics, 0, sizeof(metrics));
        hand_clock_init(&clock, 1700000000000);
        hand_clock_advance_ms(&clock, 1000);
        return 0;
}

/* ---- store: one that answers when the test says so ---- */

struct fake_store {
        struct store store;
        struct completion answers[8];
        uint64_t out[8]; /* tags */
        size_t answer_count, out_count, asks;
        bool full;
};

static struct fake_store fake;

static enum error fake_take(uint64_t tag)
{
        if (fake.full)
                return ERR_FULL;
        fake.out[fake.out_count++] = tag;
        return ERR_OK;
}

static enum error fake_apply(struct store *store, const struct store_op *ops, size_t count, struct store_result *results,
                             struct arena *arena, uint64_t tag)
{
        (void)store, (void)ops, (void)count, (void)results, (void)arena;
        return fake_take(tag);
}

static enum error fake_ask(struct store *store, const struct store_question *questions, size_t count,
                           struct store_answer *answers, struct arena *arena, uint64_t tag)
{
        (void)store, (void)questions, (void)count, (void)answers, (void)arena;
        fake.asks += !fake.full;
        return fake_take(tag);
}

static size_t fake_poll(struct store *store, struct completion *completions, size_t max)
{
        size_t count = 0;

        (void)store;
        while (count < max && count < fake.answer_count) {
                completions[count] = fake.answers[count];
                count++;
        }
        memmove(fake.answers, fake.answers + count, (fake.answer_count - count) * sizeof(fake.answers[0]));
        fake.answer_count -= count;
        return count;
}

static int fake_fd(struct store *store)
{
        (void)store;
        return -1;
}

static void fake_free(struct store **store)
{
        *store = NULL;
}

/* All that is out is answered so. */
static void fake_answer(enum outcome outcome)
{
        for (size_t i = 0; i < fake.out_count; i++)
                fake.answers[fake.answer_count++] = (struct completion){fake.out[i], outcome};
        fake.out_count = 0;
}

static struct store *metered_store(void)
{
        static const struct store_ops ops = {
                .free = fake_free, .fd = fake_fd, .apply = fake_apply, .ask = fake_ask, .poll = fake_poll};
        struct store *store = &fake.store;

        fake = (struct fake_store){.store.ops = &ops};
        assert_int_equal(meter_store(&store, &metrics, &clock.clock), ERR_OK);
        return store;
}

static size_t poll_store(struct store *store, struct completion *last)
{
        struct completion completions[8];
        size_t count = store->ops->poll(store, completions, countof(completions));

        if (count && last)
                *last = completions[count - 1];
        return count;
}

static void test_the_store_s_batches_are_counted_and_timed(void **state)
{
        struct store *store = metered_store();
        struct store_op ops[3] = {0};
        struct completion last = {0};

        (void)state;
        assert_int_equal(store->ops->apply(store, ops, 3, NULL, NULL, 7), ERR_OK);
        assert_int_equal(number(METRIC_STORE_WAITING), 1);
        assert_int_equal(store->ops->ask(store, NULL, 1, NULL, NULL, 8), ERR_OK);
        hand_clock_advance_ms(&clock, 4);
        fake_answer(OUTCOME_OK);
        assert_int_equal(poll_store(store, &last), 2);
        assert_int_equal(last.tag, 8);
        assert_int_equal(number(METRIC_STORE_APPLIED_OK), 1);
        assert_int_equal(number(METRIC_STORE_ASKED_OK), 1);
        assert_int_equal(number(METRIC_STORE_WAITING), 0);
        assert_int_equal(number(METRIC_STORE_UP), 1);
        assert_int_equal(atomic_load(&metrics.histograms[HISTOGRAM_STORE_APPLY].sum), 4000);
        assert_int_equal(atomic_load(&metrics.histograms[HISTOGRAM_STORE_BATCH].sum), 3);
        assert_int_equal(store->ops->apply(store, ops, 2, NULL, NULL, 9), ERR_OK);
        fake_answer(OUTCOME_UNCERTAIN);
        assert_int_equal(poll_store(store, &last), 1);
        assert_int_equal(last.outcome, OUTCOME_UNCERTAIN);
        assert_int_equal(number(METRIC_STORE_APPLIED_UNCERTAIN), 1);
        fake.full = true;
        assert_int_equal(store->ops->apply(store, ops, 2, NULL, NULL, 10), ERR_FULL);
        assert_int_equal(number(METRIC_STORE_FULL), 1);
        assert_int_equal(times(HISTOGRAM_STORE_APPLY), 2);
        store->ops->free(&store);
        assert_null(store);
}

static void test_a_silent_store_is_asked_and_nobody_sees_it(void **state)
{
        struct store *store = metered_store();

        (void)state;
        /* At first nothing is known, so it asks at once. */
        assert_int_equal(number(METRIC_STORE_UP), 0);
        assert_int_equal(poll_store(store, NULL), 0);
        assert_int_equal(fake.asks, 1);
        fake_answer(OUTCOME_OK);
        assert_int_equal(poll_store(store, NULL), 0);
        assert_int_equal(number(METRIC_STORE_UP), 1);
        hand_clock_advance_ms(&clock, METER_PROBE_MS);
        assert_int_equal(poll_store(store, NULL), 0);
        assert_int_equal(fake.asks, 1);
        hand_clock_advance_ms(&clock, 1);
        assert_int_equal(poll_store(store, NULL), 0);
        assert_int_equal(fake.asks, 2);
        fake_answer(OUTCOME_FAILED);
        assert_int_equal(poll_store(store, NULL), 0);
        assert_int_equal(number(METRIC_STORE_UP), 0);
        assert_int_equal(fake.asks, 3);
        fake_answer(OUTCOME_OK);
        assert_int_equal(poll_store(store, NULL), 0);
        assert_int_equal(number(METRIC_STORE_UP), 1);
        store->ops->free(&store);
}

static void test_a_store_that_does_not_answer_is_down(void **state)
{
        struct store *store = metered_store();
        struct store_op op = {0};

        (void)state;
        assert_int_equal(store->ops->apply(store, &op, 1, NULL, NULL, 7), ERR_OK);
        fake_answer(OUTCOME_OK);
        assert_int_equal(poll_store(store, NULL), 1);
        assert_int_equal(store->ops->apply(store, &op, 1, NULL, NULL, 8), ERR_OK);
        hand_clock_advance_ms(&clock, METER_PATIENCE_MS);
        assert_int_equal(poll_store(store, NULL), 0);
        assert_int_equal(number(METRIC_STORE_UP), 1);
        hand_clock_advance_ms(&clock, 1);
        assert_int_equal(poll_store(store, NULL), 0);
        assert_int_equal(number(METRIC_STORE_UP), 0);
        store->ops->free(&store);
}

/* What failed may be the operation's own fault: halving finds that out, not the meter. */
static void test_a_failed_batch_does_not_make_a_store_down(void **state)
{
        struct store *store = metered_store();
        struct store_op op = {0};

        (void)state;
        assert_int_equal(store->ops->apply(store, &op, 1, NULL, NULL, 7), ERR_OK);
        fake_answer(OUTCOME_OK);
        assert_int_equal(poll_store(store, NULL), 1);
        assert_int_equal(store->ops->apply(store, &op, 1, NULL, NULL, 8), ERR_OK);
        fake_answer(OUTCOME_FAILED);
        assert_int_equal(poll_store(store, NULL), 1);
        assert_int_equal(number(METRIC_STORE_APPLIED_FAILED), 1);
        assert_int_equal(number(METRIC_STORE_UP), 1);
        store->ops->free(&store);
}

/* ---- presence ---- */

static void test_presence_is_asked_too_and_its_failure_is_its_own(void **state)
{
        struct presence_memory_options options = {.mode = PRESENCE_MEMORY_INLINE, .clock = &clock.clock};
        struct presence_request request = {.kind = PRESENCE_SET, .entry = {.user = 5, .connection = 6, .epoch = {{1}}}};
        struct presence_result result;
        struct presence_memory *memory;
        struct presence *presence;
        struct completion completion;
        struct fault_nth fault;
        struct arena arena;

        (void)state;
        arena_init(&arena, &(struct arena_source){memory_new, memory_free}, 4096, 65536);
        fault_nth_init(&fault, FAULT_PRESENCE, 3, FAULT_FAIL);
        assert_int_equal(presence_memory_new(&options, &memory), ERR_OK);
        assert_int_equal(presence_memory_open(memory, &presence), ERR_OK);
        assert_int_equal(faulty_presence_new(presence, &fault.plan, &presence), ERR_OK);
        assert_int_equal(meter_presence(&presence, true, &metrics, &clock.clock), ERR_OK);
        assert_int_equal(presence->ops->poll(presence, &completion, 1), 0);
        assert_int_equal(presence->ops->submit(presence, &request, 1, &result, &arena, 9), ERR_OK);
        /* Its own answer comes first and takes the only place; the caller's is not left behind. */
        assert_int_equal(presence->ops->poll(presence, &completion, 1), 1);
        assert_int_equal(completion.tag, 9);
        assert_int_equal(number(METRIC_PRESENCE_UP), 1);
        assert_int_equal(number(METRIC_PRESENCE_OK), 2);
        assert_int_equal(number(METRIC_PRESENCE_REQUESTS), 1);
        assert_int_equal(presence->ops->submit(presence, &request, 1, &result, &arena, 10), ERR_OK);
        assert_int_equal(presence->ops->poll(presence, &completion, 1), 1);
        assert_int_equal(completion.outcome, OUTCOME_FAILED);
        assert_int_equal(number(METRIC_PRESENCE_UP), 0);
        presence->ops->free(&presence);
        presence_memory_free(&memory);
        arena_finish(&arena);
}

/* ---- bus ---- */

static size_t take(struct bus *bus, struct bus_event *event)
{
        return bus->ops->poll(bus, event, 1);
}

static void test_the_bus_s_records_and_lag_are_counted(void **state)
{
        struct bus_embedded_options options = {.log.partitions[BUS_SESSION] = 2};
        struct bus_message message = {.topic = BUS_SESSION,
                                      .partition = BUS_PARTITION_BYKEY,
                                      .key = SLICE_LITERAL("key"),
                                      .value = SLICE_LITERAL("value")};
        struct bus_embedded *embedded;
        struct bus_event event;
        struct bus *bus;
        uint64_t lag;

        (void)state;
        options.mode = BUS_EMBEDDED_INLINE;
        assert_int_equal(bus_embedded_new(&options, &embedded), ERR_OK);
        assert_int_equal(bus_embedded_open(embedded, &bus), ERR_OK);
        assert_int_equal(meter_bus(&bus, &metrics, &clock.clock), ERR_OK);
        assert_int_equal(bus->ops->subscribe(bus, BUS_SESSION), ERR_OK);
        for (int i = 0; i < 3; i++)
                assert_int_equal(bus->ops->publish(bus, &message), ERR_OK);
        assert_int_equal(bus->ops->flush(bus, 4), ERR_OK);
        for (int records = 0; records < 1;)
                records += take(bus, &event) == 1 && event.kind == BUS_EVENT_RECORD;
        hand_clock_advance_ms(&clock, METER_LOOK_MS);
        assert_int_equal(take(bus, &event), 1);
        assert_int_equal(number(METRIC_BUS_PUBLISHED), 3);
        assert_int_equal(number(METRIC_BUS_PUBLISHED_BYTES), 3 * 8);
        assert_int_equal(number(METRIC_BUS_RECORDS), 2);
        assert_int_equal(number(METRIC_BUS_FLUSHED_OK), 1);
        assert_int_equal(number(METRIC_BUS_PARTITIONS), 2);
        assert_int_equal(number(METRIC_BUS_UP), 1);
        assert_int_equal(bus->ops->lag(bus, BUS_SESSION, event.record.partition, &lag), ERR_OK);
        assert_int_equal(lag, 1);
        assert_int_equal(atomic_load(&metrics.lags[event.record.partition]), 2);
        assert_int_equal(atomic_load(&metrics.lags[!event.record.partition]), 1);
        assert_int_equal(bus->ops->commit(bus, BUS_SESSION, event.record.partition, 2, 5), ERR_OK);
        while (take(bus, &event))
                ;
        assert_int_equal(number(METRIC_BUS_COMMITTED_OK), 1);
        assert_int_equal(times(HISTOGRAM_BUS_COMMIT), 1);
        assert_int_equal(number(METRIC_BUS_WAITING), 0);
        bus->ops->free(&bus);
        bus_embedded_free(&embedded);
}

static void test_without_memory_the_seam_stays(void **state)
{
        struct store *store = &fake.store;

        (void)state;
        memory_fail_at(1);
        assert_int_equal(meter_store(&store, &metrics, &clock.clock), ERR_NO_MEMORY);
        memory_fail_at(0);
        assert_ptr_equal(store, &fake.store);
}

#define TEST(name) cmocka_unit_test_setup(name, begin)

int main(void)
{
        static const struct CMUnitTest tests[] = {
                TEST(test_the_store_s_batches_are_counted_and_timed),
                TEST(test_a_silent_store_is_asked_and_nobody_sees_it),
                TEST(test_a_store_that_does_not_answer_is_down),
                TEST(test_a_failed_batch_does_not_make_a_store_down),
                TEST(test_presence_is_asked_too_and_its_failure_is_its_own),
                TEST(test_the_bus_s_records_and_lag_are_counted),
                TEST(test_without_memory_the_seam_stays),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
