/* The worker's phases on failing seams, told by the service of rooms: order, holes, repeats, back-off, halving, poison (L1, L3, L8, L10). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
// clang-format off
#include <cmocka.h>
// clang-format on

#include "base/assert.h"
#include "service/stage.h"
#include "service/worker/state.h"
#include "support/faulty_bus.h"

static struct stage stage;

static int set_up(void **state)
{
        (void)state;
        stage_start(&stage, &service_session);
        return 0;
}

static int tear_down(void **state)
{
        (void)state;
        stage_stop(&stage);
        return 0;
}

static struct id ours(void)
{
        return room_personal(stage.anna.user, stage.boris.user);
}

static void assert_written(struct sent sent, uint64_t seq)
{
        struct wire_outcome outcome = stage_outcome(&stage, sent.request);

        assert_int_equal(outcome.status, ERR_OK);
        assert_int_equal(outcome.seq, seq);
        assert_true(id_equal(&outcome.id, &sent.operation));
}

/* ---- order ---- */

static void test_phases_come_in_order(void **state)
{
        struct sent sent = stage_say(&stage, &stage.anna, ours(), "hello");

        (void)state;
        stage_fail(&stage, FAULT_FLUSH, FAULT_NONE, 0, 0);
        stage_work(&stage, 0);
        assert_string_equal(stage.script.calls, "APFC"); /* store, presence, publish, commit */
        assert_written(sent, 1);
        assert_int_equal(stage_frames_for(&stage, &stage.boris, WIRE_CODE_delivery), 1);
        assert_int_equal(stage_frames_for(&stage, &stage.anna, WIRE_CODE_delivery), 0); /* he has the reply */
        assert_int_equal(stage_frames_for(&stage, &stage.clara, WIRE_CODE_delivery), 0);
        assert_int_equal(stage_committed(&stage), 1);
}

static void test_what_comes_together_goes_together(void **state)
{
        struct sent sent[20];

        (void)state;
        for (size_t i = 0; i < countof(sent); i++)
                sent[i] = stage_say(&stage, i % 2 ? &stage.anna : &stage.boris, ours(), "text");
        stage_work(&stage, 0);
        for (size_t i = 0; i < countof(sent); i++)
                assert_written(sent[i], i + 1);
        assert_int_equal(stage.apply_count, 1);
        assert_int_equal(stage.apply_sizes[0], 20);
        assert_int_equal(stage_frames_for(&stage, &stage.boris, WIRE_CODE_delivery), 10);
        assert_int_equal(stage_committed(&stage), 20);
}

/* Nothing is committed before what it led to was published: a worker that dies in between repeats it. */
static void test_commit_waits_for_the_flush(void **state)
{
        struct sent sent = stage_say(&stage, &stage.anna, ours(), "hello");

        (void)state;
        stage_fail(&stage, FAULT_FLUSH, FAULT_LOSE, 1, 3);
        stage_work(&stage, 15); /* the first pauses: 10, 20, 40 */
        assert_int_equal(stage_committed(&stage), 0);
        assert_null(stage_reply(&stage, sent.request));
        stage_work(&stage, 1000);
        assert_written(sent, 1);
        assert_int_equal(stage_committed(&stage), 1);
        assert_string_equal(stage.script.calls, "APFFFFC");
}

/* The bus lost the end of its log and numbers new records like old ones: they count, and what is under way is told all the same. */
static void test_a_log_cut_short(void **state)
{
        struct sent sent;

        (void)state;
        for (int i = 0; i < 3; i++)
                (void)stage_say(&stage, &stage.anna, ours(), "before");
        stage_work(&stage, 1000);
        assert_int_equal(stage_committed(&stage), 3);
        stage_fail(&stage, FAULT_FLUSH, FAULT_LOSE, 1, 3);
        sent = stage_say(&stage, &stage.anna, ours(), "under way");
        stage_work(&stage, 15);
        faulty_bus_cut(stage.seams.bus, BUS_SESSION, 0, 4, 3);
        stage_work(&stage, 1000);
        assert_written(sent, 4);
        assert_int_equal(stage_committed(&stage), 3); /* its number is another record's */
        sent = stage_say(&stage, &stage.anna, ours(), "after");
        stage_work(&stage, 1000);
        assert_written(sent, 5);
        assert_int_equal(stage_committed(&stage), 5);
        /* What was skipped may have been done by who had the partition before: every frontend is told so, once. */
        assert_int_equal(stage_records(&stage, BUS_FRONTENDS, WIRE_CODE_lost), STAGE_FRONTENDS);
        stage_forget(&stage);
        (void)stage_say(&stage, &stage.anna, ours(), "later");
        stage_work(&stage, 1000);
        assert_int_equal(stage_records(&stage, BUS_FRONTENDS, WIRE_CODE_lost), 0);
}

/* ---- the store fails ---- */

static void test_a_failing_store_is_tried_again(void **state)
{
        struct sent sent = stage_say(&stage, &stage.anna, ours(), "hello");
        uint64_t before_us = stage.clock.us;

        (void)state;
        stage_fail(&stage, FAULT_APPLY, FAULT_FAIL, 1, 2);
        stage_work(&stage, 1000);
        assert_string_equal(stage.script.calls, "AAAPFC");
        assert_written(sent, 1);
        assert_true(stage.clock.us - before_us >= 30000); /* with pauses that grow */
}

static void test_a_store_that_never_works_is_given_up(void **state)
{
        struct sent sent[8];

        (void)state;
        for (size_t i = 0; i < countof(sent); i++)
                sent[i] = stage_say(&stage, &stage.anna, ours(), "text");
        stage_fail(&stage, FAULT_APPLY, FAULT_FAIL, 1, 100000);
        stage_work(&stage, STAGE_REPLY_MS + 60000);
        assert_int_equal(stage_rows(&stage, &stage.anna, ours(), NULL), 0);
        for (size_t i = 0; i < countof(sent); i++) /* each is told, or it was too late for it */
                if (stage_reply(&stage, sent[i].request))
                        assert_int_equal(stage_error(&stage, sent[i].request), ERR_BUSY);
        assert_int_equal(stage_error(&stage, sent[0].request), ERR_BUSY);
        assert_int_equal(stage_committed(&stage), countof(sent));
        assert_true(stage.script.seen[FAULT_APPLY] < 100);
}

static void test_the_culprit_is_found_alone(void **state)
{
        struct sent sent[9];

        (void)state;
        for (size_t i = 0; i < countof(sent); i++)
                sent[i] = stage_say(&stage, &stage.anna, ours(), i == 6 ? "culprit" : "text");
        stage_work(&stage, 4000);
        for (size_t i = 0, seq = 1; i < countof(sent); i++) {
                if (i == 6)
                        assert_int_equal(stage_error(&stage, sent[i].request), ERR_BUSY);
                else
                        assert_written(sent[i], seq++);
        }
        assert_int_equal(stage_rows(&stage, &stage.boris, ours(), NULL), 8);
        assert_int_equal(stage_committed(&stage), 9);
}

/* Was it done or not? The same ids again: it is there once, and everybody hears of it once it is sure. */
static void test_an_uncertain_store_is_asked_again(void **state)
{
        static const enum fault faults[] = {FAULT_UNCERTAIN, FAULT_LOSE};

        (void)state;
        for (size_t i = 0; i < countof(faults); i++) {
                struct sent sent = stage_say(&stage, &stage.anna, ours(), "hello");

                stage_forget(&stage);
                stage_fail(&stage, FAULT_APPLY, faults[i], 1, 2);
                stage_work(&stage, 1000);
                assert_written(sent, i + 1);
                assert_int_equal(stage_rows(&stage, &stage.boris, ours(), NULL), i + 1);
                assert_int_equal(stage_frames_for(&stage, &stage.boris, WIRE_CODE_delivery), 1);
        }
}

/* ---- repeats and lateness ---- */

static void test_a_repeat_is_answered_and_delivered_again(void **state)
{
        struct wire_operation operation = {.id = stage_id(&stage), .kind = 1, .text = SLICE_LITERAL("once")};
        struct wire_write write = {.operations = {.items = &operation, .count = 1}};
        struct id first = stage_send(&stage, &stage.anna, WIRE_CODE_write, ours(), &write), again;

        (void)state;
        stage_work(&stage, 0);
        again = stage_send(&stage, &stage.anna, WIRE_CODE_write, ours(), &write);
        stage_work(&stage, 0);
        assert_int_equal(stage_outcome(&stage, first).seq, 1);
        assert_int_equal(stage_outcome(&stage, again).seq, 1);
        assert_int_equal(stage_rows(&stage, &stage.boris, ours(), NULL), 1);
        assert_int_equal(stage_frames_for(&stage, &stage.boris, WIRE_CODE_delivery), 2);
        operation.text = SLICE_LITERAL("twice");
        again = stage_send(&stage, &stage.anna, WIRE_CODE_write, ours(), &write);
        stage_work(&stage, 0);
        assert_int_equal(stage_outcome(&stage, again).status, ERR_REUSED_ID);
}

static void test_the_late_are_dropped_undone(void **state)
{
        struct sent late = stage_say(&stage, &stage.anna, ours(), "late"), sent;

        (void)state;
        hand_clock_advance_ms(&stage.clock, STAGE_REPLY_MS + 1);
        sent = stage_say(&stage, &stage.anna, ours(), "in time");
        stage_work(&stage, 0);
        assert_null(stage_reply(&stage, late.request));
        assert_written(sent, 1);
        assert_int_equal(stage_rows(&stage, &stage.anna, ours(), NULL), 1);
        assert_int_equal(stage_committed(&stage), 2);
}

/* It was done in time, and its answer came late: as after a moment in which the whole process stood still. */
static void test_what_was_done_is_told_however_late(void **state)
{
        struct sent sent;

        (void)state;
        hand_clock_advance_ms(&stage.clock, WORKER_INHERIT_MS); /* and it is nobody else's work */
        sent = stage_say(&stage, &stage.anna, ours(), "in time");
        stage_fail(&stage, FAULT_APPLY, FAULT_DELAY, 1, 1);
        stage.script.plan.delay_polls = 1000;
        stage_work(&stage, 0);
        assert_int_equal(stage_rows(&stage, &stage.anna, ours(), NULL), 1);
        assert_null(stage_reply(&stage, sent.request));
        hand_clock_advance_ms(&stage.clock, STAGE_REPLY_MS + 1);
        for (int i = 0; i < 1000; i++)
                (void)worker_step(stage.worker);
        stage_work(&stage, 0);
        assert_written(sent, 1);
        assert_int_equal(stage_committed(&stage), 1);
}

/* A store that is away until the deadline has passed: undone, however often it was tried. */
static void test_late_while_waiting(void **state)
{
        struct sent sent = stage_say(&stage, &stage.anna, ours(), "late");

        (void)state;
        stage_fail(&stage, FAULT_APPLY, FAULT_REFUSE, 1, 4000);
        stage_work(&stage, 20000);
        assert_null(stage_reply(&stage, sent.request));
        assert_int_equal(stage_rows(&stage, &stage.anna, ours(), NULL), 0);
        assert_int_equal(stage_committed(&stage), 1);
        assert_int_equal(stage_records(&stage, BUS_FRONTENDS, WIRE_CODE_lost), 0);
}

/* Who just got the partition asks the store even for what is late: a predecessor may have done it (L8 is the store's then). */
static void test_a_predecessors_work_is_asked_for(void **state)
{
        struct wire_operation operation = {.id = stage_id(&stage), .kind = 1, .text = SLICE_LITERAL("done before")};
        struct wire_write write = {.operations = {.items = &operation, .count = 1}};
        struct id done = stage_send(&stage, &stage.anna, WIRE_CODE_write, ours(), &write), again;
        struct sent late;

        (void)state;
        stage_work(&stage, 0);
        worker_free(&stage.worker);
        again = stage_send(&stage, &stage.anna, WIRE_CODE_write, ours(), &write);
        late = stage_say(&stage, &stage.anna, ours(), "never done");
        hand_clock_advance_ms(&stage.clock, STAGE_REPLY_MS + 1);
        bus_embedded_expel(stage.embedded, bus_embedded_member(faulty_bus_inner(stage.seams.bus)));
        check(worker_new(&service_session, &stage.seams, 0, &stage.worker) == ERR_OK);
        stage_work(&stage, 0);
        assert_int_equal(stage_outcome(&stage, done).seq, 1);
        assert_int_equal(stage_outcome(&stage, again).seq, 1);
        assert_int_equal(stage_outcome(&stage, late.request).status, ERR_LATE);
        assert_int_equal(stage_rows(&stage, &stage.boris, ours(), NULL), 1);
}

/* It is refused as busy when the store does not answer. Its sender may be gone, and its row there: the others are told so (L5). */
static void test_inherited_and_given_up_is_a_loss(void **state)
{
        struct sent sent;

        (void)state;
        worker_free(&stage.worker);
        bus_embedded_expel(stage.embedded, bus_embedded_member(faulty_bus_inner(stage.seams.bus)));
        check(worker_new(&service_session, &stage.seams, 0, &stage.worker) == ERR_OK);
        sent = stage_say(&stage, &stage.anna, ours(), "done before?");
        stage_fail(&stage, FAULT_APPLY, FAULT_FAIL, 1, 1000);
        stage_work(&stage, 1000);
        assert_int_equal(stage_error(&stage, sent.request), ERR_BUSY);
        assert_int_equal(stage_records(&stage, BUS_FRONTENDS, WIRE_CODE_lost), STAGE_FRONTENDS);
        assert_int_equal(stage_committed(&stage), 1);
        /* Not so what nobody can have done before. */
        hand_clock_advance_ms(&stage.clock, WORKER_INHERIT_MS);
        stage_forget(&stage);
        sent = stage_say(&stage, &stage.anna, ours(), "new");
        stage_work(&stage, 1000);
        assert_int_equal(stage_error(&stage, sent.request), ERR_BUSY);
        assert_int_equal(stage_records(&stage, BUS_FRONTENDS, WIRE_CODE_lost), 0);
}

/* ---- a partition that is taken away ---- */

static void test_a_revoked_batch_is_abandoned(void **state)
{
        struct sent sent = stage_say(&stage, &stage.anna, ours(), "hello");
        struct worker_seams seams = stage.seams;
        struct worker *first = stage.worker;
        struct bus *bus = faulty_bus_inner(stage.seams.bus);

        (void)state;
        stage_fail(&stage, FAULT_PRESENCE, FAULT_REFUSE, 1, 50); /* it waits with its row written */
        stage_work(&stage, 20);
        assert_int_equal(stage_rows(&stage, &stage.anna, ours(), NULL), 1);
        assert_int_equal(stage_committed(&stage), 0);
        /* Its group takes it for dead; a second worker takes over and repeats. */
        check(bus_embedded_open(stage.embedded, &seams.bus) == ERR_OK);
        check(worker_new(&service_session, &seams, 0, &stage.worker) == ERR_OK);
        bus_embedded_expel(stage.embedded, bus_embedded_member(bus));
        stage_fail(&stage, FAULT_PRESENCE, FAULT_NONE, 0, 0);
        stage_work(&stage, 1000);
        assert_written(sent, 1);
        assert_int_equal(stage_committed(&stage), 1);
        assert_int_equal(stage_frames_for(&stage, &stage.boris, WIRE_CODE_delivery), 1);
        /* The first one learns of it and says nothing more. */
        stage_forget(&stage);
        for (int i = 0; i < 100; i++) {
                hand_clock_advance_ms(&stage.clock, 10);
                while (worker_step(first))
                        ;
        }
        stage_work(&stage, 0);
        assert_int_equal(stage.heard_count, 0);
        worker_free(&stage.worker);
        seams.bus->ops->free(&seams.bus);
        stage.worker = first;
}

/* ---- presence and the bus fail ---- */

static void test_without_presence_everybody_is_told(void **state)
{
        struct sent sent = stage_say(&stage, &stage.anna, ours(), "hello");

        (void)state;
        stage_fail(&stage, FAULT_PRESENCE, FAULT_FAIL, 1, 1000);
        stage_work(&stage, 10000);
        assert_written(sent, 1);
        assert_int_equal(stage_frames_for(&stage, &stage.boris, WIRE_CODE_delivery), 0);
        assert_int_equal(stage_records(&stage, BUS_FRONTENDS, WIRE_CODE_lost), STAGE_FRONTENDS); /* L5 */
        assert_int_equal(stage_committed(&stage), 1);
}

static void test_a_bus_that_takes_nothing(void **state)
{
        struct sent sent = stage_say(&stage, &stage.anna, ours(), "hello");

        (void)state;
        stage_fail(&stage, FAULT_FLUSH, FAULT_FAIL, 1, 100000);
        stage_work(&stage, 20000);
        assert_int_equal(stage_committed(&stage), 1); /* given up, but only once presence holds the mark (L5) */
        assert_null(stage_reply(&stage, sent.request));
        assert_true(stage.script.seen[FAULT_FLUSH] < 30);
        assert_true(stage.script.seen[FAULT_PRESENCE] >= 2);
}

static void test_neither_bus_nor_presence(void **state)
{
        struct sent sent = stage_say(&stage, &stage.anna, ours(), "hello");

        (void)state;
        stage_fail(&stage, FAULT_FLUSH, FAULT_FAIL, 1, 100000);
        stage_work(&stage, 5); /* presence was read by now */
        stage_work(&stage, 200);
        assert_int_equal(stage_committed(&stage), 0);
        stage_fail(&stage, FAULT_FLUSH, FAULT_NONE, 0, 0);
        stage_work(&stage, 5000);
        assert_written(sent, 1);
        assert_int_equal(stage_frames_for(&stage, &stage.boris, WIRE_CODE_delivery), 1);
}

/* ---- poison ---- */

static void test_poison_goes_to_the_dead_letters(void **state)
{
        static const char secret[] = "the text of the message";
        struct wire_find find = {.name = slice_text(secret)};
        uint8_t frame_bytes[512], bytes[1024];
        struct wire_frame frame = {
                .code = WIRE_CODE_find, .request = stage_id(&stage), .user = stage.anna.user, .device = stage.anna.device};
        struct slice built = wire_frame_build(&frame, &find, frame_bytes, frame_bytes + sizeof(frame_bytes));
        struct wire_envelope envelope = {.epoch.bytes = {1},
                                         .connection = stage.anna.connection,
                                         .user = stage.anna.user,
                                         .device = stage.anna.device,
                                         .not_after_ms = stage.clock.clock.wall_ms(&stage.clock.clock) + 5000};
        struct sent before = stage_say(&stage, &stage.anna, ours(), "before"), after;
        const struct heard *dead = NULL;

        (void)state;
        envelope.frame = slice_of(built.data + 4, built.size - 4); /* a code of another topic */
        stage_publish(&stage, BUS_SESSION, SLICE_LITERAL("k"),
                      wire_record_build(WIRE_CODE_envelope, &envelope, bytes, bytes + sizeof(bytes)));
        stage_publish(&stage, BUS_SESSION, SLICE_LITERAL("k"), slice_text(secret));
        stage_publish(&stage, BUS_SESSION, SLICE_LITERAL("k"), (struct slice){0});
        after = stage_say(&stage, &stage.anna, ours(), "after");
        stage_work(&stage, 1000);
        assert_written(before, 1);
        assert_written(after, 2);
        assert_int_equal(stage_error(&stage, frame.request), ERR_UNKNOWN_CODE);
        assert_int_equal(stage_records(&stage, BUS_DEAD_LETTERS, WIRE_CODE_envelope), 3);
        for (size_t i = 0; i < stage.heard_count; i++) {
                if (stage.heard[i].topic != BUS_DEAD_LETTERS)
                        continue;
                assert_null(memmem(stage.heard[i].raw.data, stage.heard[i].raw.size, secret, 8));
                if (stage.heard[i].dead.user)
                        dead = &stage.heard[i];
        }
        assert_non_null(dead);
        assert_int_equal(dead->dead.user, stage.anna.user);
        assert_int_equal(stage_committed(&stage), 5);
}

/* ---- every fault at every call ---- */

static void tell(enum fault_call call, enum fault fault, unsigned long first, unsigned long count)
{
        struct id other = room_personal(stage.anna.user, stage.clara.user);
        struct sent sent[6];
        size_t written = 0;

        for (size_t i = 0; i < countof(sent); i++) {
                sent[i] = stage_say(&stage, &stage.anna, i % 2 ? ours() : other, "text");
                if (i == 2)
                        stage_fail(&stage, call, fault, first, count);
                if (i >= 2)
                        stage_work(&stage, 3);
        }
        stage_work(&stage, 30000);
        stage_fail(&stage, FAULT_FLUSH, FAULT_NONE, 0, 0);
        stage_work(&stage, 5000);
        for (size_t i = 0; i < countof(sent); i++) {
                bool ok = stage_reply(&stage, sent[i].request) && stage_error(&stage, sent[i].request) == ERR_OK;

                written += ok && stage_outcome(&stage, sent[i].request).status == ERR_OK;
        }
        /* Whoever was told OK is there; and nobody is there twice. */
        assert_true(stage_rows(&stage, &stage.anna, ours(), NULL) + stage_rows(&stage, &stage.anna, other, NULL) >= written);
        assert_true(stage_rows(&stage, &stage.anna, ours(), NULL) <= 3 && stage_rows(&stage, &stage.anna, other, NULL) <= 3);
        /* Once, all of them get through. */
        if (count == 1)
                assert_int_equal(written, countof(sent));
        assert_int_equal(stage_committed(&stage), countof(sent));
        if (!stage_records(&stage, BUS_FRONTENDS, WIRE_CODE_lost) && count == 1)
                assert_true(stage_frames_for(&stage, &stage.boris, WIRE_CODE_delivery) >= 3);
}

static void test_every_fault_at_every_call(void **state)
{
        static const enum fault_call calls[] = {FAULT_FLUSH, FAULT_COMMIT, FAULT_PRESENCE, FAULT_APPLY};
        static const enum fault faults[] = {FAULT_REFUSE, FAULT_FAIL, FAULT_LOSE, FAULT_UNCERTAIN, FAULT_DELAY, FAULT_LATE};

        (void)state;
        for (size_t call = 0; call < countof(calls); call++)
                for (size_t fault = 0; fault < countof(faults); fault++)
                        for (unsigned long first = 1; first <= 3; first++)
                                for (unsigned long count = 1; count <= 5; count += 4) {
                                        stage_stop(&stage);
                                        stage_start(&stage, &service_session);
                                        tell(calls[call], faults[fault], first, count);
                                }
}

/* ---- paces ---- */

/* Commits go some time after those before them, together; who stops waits for nothing. */
static void test_commits_are_apart_from_batches(void **state)
{
        (void)state;
        stage.seams.commit_ms = 100;
        stage_worker_anew(&stage);
        stage_fail(&stage, FAULT_FLUSH, FAULT_NONE, 0, 0);
        stage_say(&stage, &stage.anna, ours(), "one");
        stage_work(&stage, 10);
        assert_string_equal(stage.script.calls, "APFC");
        for (int i = 0; i < 2; i++) {
                stage_say(&stage, &stage.anna, ours(), "more");
                stage_work(&stage, 10);
        }
        assert_string_equal(stage.script.calls, "APFCAPFAPF");
        assert_int_equal(stage_committed(&stage), 1);
        assert_int_equal(worker_counts(stage.worker).in_flight, 0);
        stage_work(&stage, 100);
        assert_string_equal(stage.script.calls, "APFCAPFAPFC");
        assert_int_equal(stage_committed(&stage), 3);

        stage_say(&stage, &stage.anna, ours(), "last");
        stage_work(&stage, 1);
        assert_int_equal(stage_committed(&stage), 3);
        assert_false(worker_drain(stage.worker));
        stage_work(&stage, 1);
        assert_int_equal(stage_committed(&stage), 4);
        assert_true(worker_drain(stage.worker));
}

/* The first record after a pause waits for nothing; those that come soon after it go together: as long as the store may be busy. */
static void test_batches_are_paced(void **state)
{
        struct sent sent[3];

        (void)state;
        stage.seams.pace_ms = 10;
        stage_worker_anew(&stage);
        stage_fail(&stage, FAULT_FLUSH, FAULT_NONE, 0, 0);
        hand_clock_advance_ms(&stage.clock, 10);
        sent[0] = stage_say(&stage, &stage.anna, ours(), "one");
        stage_work(&stage, 0);
        assert_written(sent[0], 1);
        for (int i = 1; i < 3; i++) {
                hand_clock_advance_ms(&stage.clock, 3);
                sent[i] = stage_say(&stage, &stage.anna, ours(), "more");
                stage_work(&stage, 1);
                assert_null(stage_reply(&stage, sent[i].request));
        }
        stage_work(&stage, 2);
        assert_written(sent[1], 2);
        assert_written(sent[2], 3);
        assert_string_equal(stage.script.calls, "APFCAPFC");
        /* A store that answers at once gets its batches at once. */
        for (int i = 0; i < 40; i++) {
                (void)stage_say(&stage, &stage.anna, ours(), "more");
                stage_work(&stage, 10);
                stage_forget(&stage);
        }
        sent[0] = stage_say(&stage, &stage.anna, ours(), "last");
        stage_work(&stage, 0);
        assert_written(sent[0], 44);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
        static const struct CMUnitTest tests[] = {
                TEST(test_phases_come_in_order),
                TEST(test_what_comes_together_goes_together),
                TEST(test_commit_waits_for_the_flush),
                TEST(test_a_log_cut_short),
                TEST(test_a_failing_store_is_tried_again),
                TEST(test_a_store_that_never_works_is_given_up),
                TEST(test_the_culprit_is_found_alone),
                TEST(test_an_uncertain_store_is_asked_again),
                TEST(test_a_repeat_is_answered_and_delivered_again),
                TEST(test_the_late_are_dropped_undone),
                TEST(test_late_while_waiting),
                TEST(test_what_was_done_is_told_however_late),
                TEST(test_a_predecessors_work_is_asked_for),
                TEST(test_inherited_and_given_up_is_a_loss),
                TEST(test_a_revoked_batch_is_abandoned),
                TEST(test_without_presence_everybody_is_told),
                TEST(test_a_bus_that_takes_nothing),
                TEST(test_neither_bus_nor_presence),
                TEST(test_poison_goes_to_the_dead_letters),
                TEST(test_every_fault_at_every_call),
                TEST(test_commits_are_apart_from_batches),
                TEST(test_batches_are_paced),
        };

        return cmocka_run_group_tests_name("worker", tests, NULL, NULL);
}
