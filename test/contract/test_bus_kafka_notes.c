/*
 * Notes in the metadata of commits (L10): what a worker was taking alone when it vanished, its successor finds, whoever that is. The
 * local notes are a fake here: whether this process crashed lately is told by hand (driver/notes/test_file.c has real crashes).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/assert.h"
#include "base/memory.h"
#include "contract/bus_stage.h"
#include "contract/kafka_world.h"
#include "driver/bus/kafka_notes.h"

#define OFFSET_COMMIT 8

/* ---- local notes, by hand ---- */

struct by_hand {
        struct notes notes;
        enum notes_care care;
        unsigned crashes;
        bool out;
        uint64_t tag;
};

static struct by_hand *hand_of(struct notes *notes)
{
        return container_of(notes, struct by_hand, notes);
}

static void hand_free(struct notes **notes)
{
        memory_free(hand_of(*notes));
        *notes = NULL;
}

static int hand_fd(struct notes *notes)
{
        (void)notes;
        return -1;
}

static void hand_nothing(struct notes *notes)
{
        (void)notes;
}

static enum notes_care hand_care(struct notes *notes)
{
        return hand_of(notes)->care;
}

static unsigned hand_crashes(struct notes *notes, const struct noted *record)
{
        (void)record;
        return hand_of(notes)->crashes;
}

static enum error hand_note(struct notes *notes, const struct noted *record, uint64_t tag)
{
        (void)record;
        hand_of(notes)->out = true;
        hand_of(notes)->tag = tag;
        return ERR_OK;
}

static size_t hand_poll(struct notes *notes, struct completion *completions, size_t max)
{
        struct by_hand *hand = hand_of(notes);

        if (!hand->out || !max)
                return 0;
        hand->out = false;
        completions[0] = (struct completion){.tag = hand->tag, .outcome = OUTCOME_OK};
        return 1;
}

static struct by_hand *hand_new(void)
{
        static const struct notes_ops ops = {.free = hand_free,
                                             .fd = hand_fd,
                                             .enter = hand_nothing,
                                             .care = hand_care,
                                             .crashes = hand_crashes,
                                             .note = hand_note,
                                             .lend = hand_nothing,
                                             .done = hand_nothing,
                                             .poll = hand_poll};
        struct by_hand *hand = memory_new(sizeof(*hand));

        check(hand);
        hand->notes.ops = &ops;
        return hand;
}

/* ---- a worker: a handle that reads SESSION, and its notes ---- */

struct worker {
        struct bus *bus;
        struct notes *notes;
        struct by_hand *hand; /* NULL: without local notes */
        struct seen *saw;
};

static struct worker worker_new(struct stage *stage, bool local)
{
        struct worker worker = {.saw = seen_new(), .hand = local ? hand_new() : NULL};

        worker.bus = kafka_world_open(stage->world, BUS_SESSION);
        check(bus_kafka_notes_new(worker.bus, BUS_SESSION, local ? &worker.hand->notes : NULL, &worker.notes) == ERR_OK);
        worker.notes->ops->enter(worker.notes);
        subscribe(worker.bus, worker.saw, BUS_TEST_PARTITIONS);
        return worker;
}

static void worker_leave(struct worker *worker)
{
        worker->notes->ops->free(&worker->notes);
        worker->bus->ops->free(&worker->bus);
        memory_free(worker->saw);
}

static void worker_vanish(struct worker *worker)
{
        worker->notes->ops->free(&worker->notes);
        bus_kafka_crash(&worker->bus);
        memory_free(worker->saw);
}

static enum outcome note(struct worker *worker, const struct noted *record)
{
        struct completion completion = {0};

        assert_int_equal(worker->notes->ops->note(worker->notes, record, 7), ERR_OK);
        assert_int_equal(worker->notes->ops->note(worker->notes, record, 8), ERR_FULL);
        while (worker->notes->ops->poll(worker->notes, &completion, 1) == 0)
                if (!look(worker->bus, worker->saw))
                        readable(worker->bus, 100);
        assert_int_equal(completion.tag, 7);
        assert_int_equal(worker->notes->ops->poll(worker->notes, &completion, 1), 0);
        return completion.outcome;
}

static enum notes_care care(struct worker *worker)
{
        return worker->notes->ops->care(worker->notes);
}

static unsigned crashes(struct worker *worker, const struct noted *record)
{
        return worker->notes->ops->crashes(worker->notes, record);
}

/* Ten records in one partition; the fifth is meant. */
static struct noted prepare(struct stage *stage)
{
        struct worker worker;
        struct noted record = {.topic = BUS_SESSION, .offset = 4};

        for (uint64_t i = 0; i < 10; i++)
                publish(stage->producer, 1, i);
        flush(stage->producer);
        worker = worker_new(stage, false);
        await_records(worker.bus, worker.saw, 10);
        record.partition = worker.saw->partitions[0];
        worker_leave(&worker);
        return record;
}

/* ---- stories ---- */

static void test_nothing_is_noted_in_ordinary_runs(void **state)
{
        struct stage *stage = *state;
        struct noted record = prepare(stage);
        struct worker worker = worker_new(stage, true);

        assert_int_equal(care(&worker), NOTES_CARELESS);
        worker.hand->care = NOTES_KNOWN;
        assert_int_equal(care(&worker), NOTES_KNOWN);
        worker.hand->care = NOTES_SINGLY;
        assert_int_equal(care(&worker), NOTES_SINGLY);
        assert_int_equal(crashes(&worker, &record), 0);
        worker.hand->crashes = 2;
        assert_int_equal(crashes(&worker, &record), 2);
        worker_leave(&worker);
}

/* Taken alone, noted, vanished; the next one takes it alone; vanished again; the third one knows. */
static void test_what_was_in_hand_is_found(void **state)
{
        struct stage *stage = *state;
        struct noted record = prepare(stage), other = record;
        struct worker worker = worker_new(stage, true);

        worker.hand->care = NOTES_SINGLY;
        assert_int_equal(note(&worker, &record), OUTCOME_OK);
        worker_vanish(&worker);

        worker = worker_new(stage, false);
        assert_int_equal(worker.saw->start[record.partition], record.offset);
        assert_int_equal(care(&worker), NOTES_SINGLY);
        assert_int_equal(crashes(&worker, &record), 1);
        other.offset++;
        assert_int_equal(crashes(&worker, &other), 0);
        other = record;
        other.partition = (other.partition + 1) % BUS_TEST_PARTITIONS;
        assert_int_equal(crashes(&worker, &other), 0);
        assert_int_equal(note(&worker, &record), OUTCOME_OK);
        /* Noted by us, once or again, is no crash. */
        assert_int_equal(crashes(&worker, &record), 1);
        assert_int_equal(note(&worker, &record), OUTCOME_OK);
        worker_vanish(&worker);

        worker = worker_new(stage, true);
        assert_int_equal(crashes(&worker, &record), NOTES_CRASHES_MAX);
        assert_int_equal(care(&worker), NOTES_KNOWN);
        /* It goes to the dead letters, and is passed. */
        assert_int_equal(commit(worker.bus, worker.saw, record.partition, record.offset + 1), OUTCOME_OK);
        assert_int_equal(care(&worker), NOTES_CARELESS);
        assert_int_equal(crashes(&worker, &record), 0);
        worker_leave(&worker);

        worker = worker_new(stage, true);
        assert_int_equal(care(&worker), NOTES_CARELESS);
        assert_int_equal(worker.saw->start[record.partition], record.offset + 1);
        worker_leave(&worker);
}

/* Who leaves in good order, or has to give the partition up, has not crashed over what he had in hand: only vanishing counts. */
static void test_giving_up_is_no_crash(void **state)
{
        struct stage *stage = *state;
        struct noted record = prepare(stage);
        struct worker worker = worker_new(stage, true);

        assert_int_equal(note(&worker, &record), OUTCOME_OK);
        worker_leave(&worker);
        worker = worker_new(stage, true);
        assert_int_equal(worker.saw->start[record.partition], record.offset);
        assert_int_equal(crashes(&worker, &record), 0);
        assert_int_equal(care(&worker), NOTES_CARELESS);
        assert_int_equal(note(&worker, &record), OUTCOME_OK);
        worker_vanish(&worker);
        for (int i = 0; i < 2; i++) {
                worker = worker_new(stage, true);
                assert_int_equal(crashes(&worker, &record), 1);
                assert_int_equal(note(&worker, &record), OUTCOME_OK);
                worker_leave(&worker);
        }
        /* What was done with before stays so. */
        worker = worker_new(stage, true);
        assert_int_equal(note(&worker, &record), OUTCOME_OK);
        assert_int_equal(worker.bus->ops->commit(worker.bus, BUS_SESSION, record.partition, record.offset + 1, 9), ERR_OK);
        worker_leave(&worker);
        worker = worker_new(stage, true);
        assert_int_equal(worker.saw->start[record.partition], record.offset + 1);
        assert_int_equal(care(&worker), NOTES_CARELESS);
        worker_leave(&worker);
}

/* What was done is committed, and the note is gone with it. */
static void test_done_is_forgotten(void **state)
{
        struct stage *stage = *state;
        struct noted record = prepare(stage);
        struct worker worker = worker_new(stage, true);

        assert_int_equal(note(&worker, &record), OUTCOME_OK);
        worker.notes->ops->done(worker.notes);
        assert_int_equal(commit(worker.bus, worker.saw, record.partition, record.offset + 1), OUTCOME_OK);
        worker_vanish(&worker);
        worker = worker_new(stage, true);
        assert_int_equal(care(&worker), NOTES_CARELESS);
        assert_int_equal(crashes(&worker, &record), 0);
        worker_leave(&worker);
}

/* Not noted is not begun: the worker hears of it. */
static void test_a_note_that_is_refused(void **state)
{
        struct stage *stage = *state;
        struct noted record = prepare(stage);
        struct worker worker = worker_new(stage, true);
        const struct kafka_world *world = stage->world;

        if (world->mock) {
                rd_kafka_mock_push_request_errors(world->mock, OFFSET_COMMIT, 1, RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS);
                assert_int_equal(note(&worker, &record), OUTCOME_FAILED);
        }
        assert_int_equal(note(&worker, &record), OUTCOME_OK);
        worker_leave(&worker);
}

/* Somebody else's words in the metadata are not a note. */
static void test_other_metadata_is_nothing(void **state)
{
        static const char *const texts[] = {"singly",      "singly 4",    "singly 4 0", "singly -4 1",
                                            "singly 4 1 ", "singly 4 1x", "x"};
        struct stage *stage = *state;
        struct noted record = prepare(stage);
        struct kafka_world *world = stage->world;
        char topic[128], why[128];

        if (world->mock) /* it takes commits of members only */
                skip();
        for (size_t i = 0; i < countof(texts); i++) {
                rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
                rd_kafka_conf_t *conf = rd_kafka_conf_new();
                rd_kafka_topic_partition_t *place;
                struct worker worker;
                rd_kafka_t *stranger;

                snprintf(topic, sizeof(topic), "%ssession", world->prefix);
                rd_kafka_conf_set(conf, "bootstrap.servers", world->brokers, why, sizeof(why));
                rd_kafka_conf_set(conf, "group.id", topic, why, sizeof(why));
                rd_kafka_conf_set(conf, "log_level", "0", why, sizeof(why));
                stranger = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof(why));
                check(stranger);
                place = rd_kafka_topic_partition_list_add(list, topic, record.partition);
                place->offset = 4;
                place->metadata = strdup(texts[i]);
                place->metadata_size = strlen(texts[i]);
                assert_int_equal(rd_kafka_commit(stranger, list, 0), 0);
                rd_kafka_topic_partition_list_destroy(list);
                rd_kafka_destroy(stranger);
                worker = worker_new(stage, true);
                assert_int_equal(worker.saw->start[record.partition], 4);
                assert_int_equal(care(&worker), NOTES_CARELESS);
                assert_int_equal(crashes(&worker, &record), 0);
                worker_leave(&worker);
        }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, stage_new, stage_free)

int main(void)
{
        static const struct CMUnitTest tests[] = {
                TEST(test_nothing_is_noted_in_ordinary_runs),
                TEST(test_what_was_in_hand_is_found),
                TEST(test_giving_up_is_no_crash),
                TEST(test_done_is_forgotten),
                TEST(test_a_note_that_is_refused),
                TEST(test_other_metadata_is_nothing),
        };
        int failed = 0;

        for (size_t i = 0; i < bus_driver_count; i++) {
                driver = &bus_drivers[i];
                failed += play_all(driver->name, tests, countof(tests));
        }
        return failed;
}
