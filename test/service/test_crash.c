/*
 * A record that crashes its worker (L10). First with notes by hand: after a crash a worker takes records one by one, each noted before
 * its handler sees it, and knows again what crashed. Then with processes that really die, one after the other, on one file of notes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
// clang-format off
#include <cmocka.h>
// clang-format on

#include "base/assert.h"
#include "base/memory.h"
#include "driver/notes/file.h"
#include "service/stage.h"
#include "service/worker/state.h"
#include "support/faulty_bus.h"

static struct stage stage;

static struct id ours(void)
{
        return room_personal(stage.anna.user, stage.boris.user);
}

/* Anna writes texts in one frame under these ids. Returns the frame's request id. */
static struct id say(const char *const *texts, const struct id *ids, uint32_t count)
{
        struct wire_operation operations[16] = {0};
        const struct wire_write write = {.operations = {.items = operations, .count = count}};

        for (uint32_t i = 0; i < count; i++)
                operations[i] = (struct wire_operation){.id = ids[i], .kind = 1, .text = slice_text(texts[i])};
        return stage_send(&stage, &stage.anna, WIRE_CODE_write, ours(), &write);
}

/* ---- notes by hand ---- */

#define HELD_MAX 64

static struct hand_notes {
        struct notes notes;
        enum notes_care care;
        struct id deadly; /* crashes are put down to it */
        enum outcome outcome;
        bool holds; /* no completion yet */
        bool out, begun;
        uint64_t tag;
        struct noted noted[HELD_MAX];
        size_t noted_count, lent_count, done_count, entered;
} hand;

static void hand_free(struct notes **notes)
{
        *notes = NULL;
}

static int hand_fd(struct notes *notes)
{
        (void)notes;
        return -1;
}

static void hand_enter(struct notes *notes)
{
        (void)notes;
        hand.entered++;
}

static enum notes_care hand_care(struct notes *notes)
{
        (void)notes;
        return hand.care;
}

static unsigned hand_crashes(struct notes *notes, const struct noted *record)
{
        (void)notes;
        return id_equal(&record->id, &hand.deadly) ? NOTES_CRASHES_MAX : NOTES_CRASHES_MAX - 1;
}

static enum error hand_note(struct notes *notes, const struct noted *record, uint64_t tag)
{
        (void)notes;
        assert_false(hand.out);
        assert_false(hand.begun); /* one at a time */
        assert_true(hand.noted_count < HELD_MAX);
        hand.noted[hand.noted_count++] = *record;
        hand.tag = tag;
        hand.out = true;
        return ERR_OK;
}

static void hand_lend(struct notes *notes)
{
        (void)notes;
        assert_true(hand.begun);
        hand.lent_count++;
}

static void hand_done(struct notes *notes)
{
        (void)notes;
        assert_true(hand.begun);
        hand.begun = false;
        hand.done_count++;
}

static size_t hand_poll(struct notes *notes, struct completion *completions, size_t max)
{
        (void)notes;
        if (!hand.out || hand.holds || max == 0)
                return 0;
        hand.out = false;
        hand.begun = hand.outcome == OUTCOME_OK;
        completions[0] = (struct completion){.tag = hand.tag, .outcome = hand.outcome};
        return 1;
}

static int set_up(void **state)
{
        static const struct notes_ops ops = {hand_free, hand_fd,   hand_enter, hand_care, hand_crashes,
                                             hand_note, hand_lend, hand_done,  hand_poll};

        (void)state;
        hand = (struct hand_notes){.notes.ops = &ops, .deadly.bytes = {1}};
        stage_start(&stage, &service_session);
        stage_notes(&stage, &hand.notes);
        assert_int_equal(hand.entered, 1);
        stage.apply_count = 0;
        return 0;
}

static int tear_down(void **state)
{
        (void)state;
        stage_stop(&stage);
        return 0;
}

/* Five texts of anna's, a frame each. */
static void say_five(struct sent sent[static 5])
{
        for (size_t i = 0; i < 5; i++)
                sent[i] = stage_say(&stage, &stage.anna, ours(), "text");
}

static void assert_five_done(const struct sent sent[static 5])
{
        for (size_t i = 0; i < 5; i++)
                assert_int_equal(stage_outcome(&stage, sent[i].request).status, ERR_OK);
        assert_int_equal(stage_rows(&stage, &stage.anna, ours(), NULL), 5);
        assert_int_equal(stage_committed(&stage), 5);
}

static void test_in_ordinary_runs_nothing_is_noted(void **state)
{
        struct sent sent[5];

        (void)state;
        say_five(sent);
        stage_work(&stage, 0);
        assert_five_done(sent);
        assert_int_equal(stage.apply_count, 1);
        assert_int_equal(hand.noted_count, 0);
}

static void test_after_a_crash_each_is_alone_and_noted(void **state)
{
        struct sent sent[5];

        (void)state;
        hand.care = NOTES_SINGLY;
        say_five(sent);
        stage_work(&stage, 0);
        assert_five_done(sent);
        assert_int_equal(stage.apply_count, 5);
        assert_int_equal(hand.noted_count, 5);
        assert_int_equal(hand.lent_count, 5);
        assert_int_equal(hand.done_count, 5);
        for (size_t i = 0; i < 5; i++) {
                assert_int_equal(hand.noted[i].topic, BUS_SESSION);
                assert_int_equal(hand.noted[i].offset, i);
                for (size_t j = 0; j < i; j++)
                        assert_false(id_equal(&hand.noted[i].id, &hand.noted[j].id));
        }
        /* When the care is over, batches are as ever. */
        hand.care = NOTES_CARELESS;
        say_five(sent);
        stage_work(&stage, 0);
        assert_int_equal(stage.apply_count, 6);
        assert_int_equal(hand.noted_count, 5);
}

/* Who only asks is never in the hands of the store's thread, and not to blame when that crashes. */
static void test_what_reads_is_not_lent(void **state)
{
        static const struct id no_room;
        const struct wire_join join = {0};
        struct id request;

        (void)state;
        stage_stop(&stage);
        stage_start(&stage, &service_query);
        hand.care = NOTES_SINGLY;
        stage_notes(&stage, &hand.notes);
        request = stage_send(&stage, &stage.anna, WIRE_CODE_join, no_room, &join);
        stage_work(&stage, 100);
        assert_int_equal(stage_error(&stage, request), ERR_OK);
        assert_int_equal(hand.noted_count, 1);
        assert_int_equal(hand.done_count, 1);
        assert_int_equal(hand.lent_count, 0);
}

/* While what was noted is under way nothing else is begun, though the time of care be over: its crash would be put down to that. */
static void test_care_lasts_as_long_as_a_note(void **state)
{
        struct sent sent[5];
        unsigned ms = 0;

        (void)state;
        hand.care = NOTES_SINGLY;
        stage_fail(&stage, FAULT_FLUSH, FAULT_FAIL, 1, 3);
        say_five(sent);
        stage_work(&stage, 0);
        assert_true(hand.begun);
        hand.care = NOTES_CARELESS;
        for (; hand.begun; ms++) {
                assert_true(ms < 1000);
                assert_int_equal(stage.apply_count, 1);
                hand_clock_advance_ms(&stage.clock, 1);
                stage_work(&stage, 0);
        }
        assert_true(ms > 0);
        stage_work(&stage, 1000);
        assert_five_done(sent);
        assert_int_equal(stage.apply_count, 2);
        assert_int_equal(hand.noted_count, 1);
}

/* Over Kafka a note takes a while. Until it is made nobody looks into the record, and nothing else is taken. */
static void test_nothing_is_begun_before_its_note_is_made(void **state)
{
        struct sent sent[5];

        (void)state;
        hand.care = NOTES_SINGLY;
        hand.holds = true;
        say_five(sent);
        stage_work(&stage, 1000);
        assert_int_equal(hand.noted_count, 1);
        assert_int_equal(stage.apply_count, 0);
        hand.holds = false;
        stage_work(&stage, 0);
        assert_five_done(sent);
}

static void test_a_note_that_fails_is_made_again(void **state)
{
        struct sent sent[5];

        (void)state;
        hand.care = NOTES_SINGLY;
        hand.outcome = OUTCOME_UNCERTAIN;
        say_five(sent);
        stage_work(&stage, 1000);
        assert_true(hand.noted_count > 2);
        assert_int_equal(stage.apply_count, 0);
        hand.outcome = OUTCOME_OK;
        stage_work(&stage, 2000);
        assert_five_done(sent);
}

/* Whoever had the partition before may have done it: late or not, the store is asked, and knows. */
static void test_a_predecessors_work_is_noted_and_asked_for(void **state)
{
        struct id id = stage_id(&stage), done, again;
        const char *text = "done before";

        (void)state;
        done = say(&text, &id, 1);
        stage_work(&stage, 0);
        worker_free(&stage.worker);
        again = say(&text, &id, 1);
        hand_clock_advance_ms(&stage.clock, STAGE_REPLY_MS + 1);
        bus_embedded_expel(stage.embedded, bus_embedded_member(faulty_bus_inner(stage.seams.bus)));
        hand.care = NOTES_SINGLY;
        check(worker_new(&service_session, &stage.seams, 0, &stage.worker) == ERR_OK);
        stage_work(&stage, 0);
        assert_int_equal(hand.noted_count, 1);
        assert_int_equal(stage_outcome(&stage, done).seq, 1);
        assert_int_equal(stage_outcome(&stage, again).seq, 1);
        assert_int_equal(stage_frames_for(&stage, &stage.boris, WIRE_CODE_delivery), 2);
}

/* … until the record is too late; its sender asks again anyway. */
static void test_what_cannot_be_noted_is_dropped_when_it_is_late(void **state)
{
        struct sent sent[5];

        (void)state;
        hand_clock_advance_ms(&stage.clock, WORKER_INHERIT_MS); /* nobody can have done it before */
        hand.care = NOTES_SINGLY;
        hand.holds = true;
        say_five(sent);
        stage_work(&stage, 1000);
        hand.outcome = OUTCOME_FAILED;
        hand.holds = false;
        hand_clock_advance_ms(&stage.clock, STAGE_REPLY_MS + 1);
        stage_work(&stage, 2000);
        assert_int_equal(stage.apply_count, 0);
        assert_int_equal(stage_committed(&stage), 5);
        assert_int_equal(hand.done_count, 0);
}

/* The client makes a new frame of what was not answered, and has more to say by then. */
static void test_what_comes_again_is_known_again(void **state)
{
        static const char *const texts[] = {"first", "second"}, *const others[] = {"second"};
        const struct id ids[] = {stage_id(&stage), stage_id(&stage)};

        (void)state;
        hand.care = NOTES_SINGLY;
        (void)say(texts, ids, 1);
        (void)say(texts, ids, 2);
        (void)say(others, ids + 1, 1);
        stage_work(&stage, 0);
        assert_int_equal(hand.noted_count, 3);
        assert_true(id_equal(&hand.noted[0].id, &hand.noted[1].id));
        assert_false(id_equal(&hand.noted[0].id, &hand.noted[2].id));
}

static void test_what_is_known_goes_to_the_dead_letters(void **state)
{
        static const char *const text[] = {"deadly"};
        const struct id id = stage_id(&stage);
        const enum notes_care cares[] = {NOTES_SINGLY, NOTES_KNOWN};
        struct id request;
        struct sent sent[5];

        (void)state;
        hand.care = NOTES_SINGLY;
        request = say(text, &id, 1);
        hand.holds = true;
        stage_work(&stage, 100);
        hand.deadly = hand.noted[0].id;
        hand.holds = false;
        stage_work(&stage, 0); /* this one was begun before it was known */
        assert_int_equal(stage_outcome(&stage, request).status, ERR_OK);
        for (size_t i = 0; i < countof(cares); i++) {
                stage_forget(&stage);
                hand.care = cares[i];
                say_five(sent);
                request = say(text, &id, 1);
                stage_work(&stage, 0);
                assert_int_equal(stage_error(&stage, request), ERR_POISON);
                assert_int_equal(stage_records(&stage, BUS_DEAD_LETTERS, WIRE_CODE_envelope), 1);
                for (size_t j = 0; j < 5; j++)
                        assert_int_equal(stage_outcome(&stage, sent[j].request).status, ERR_OK);
        }
        assert_int_equal(hand.noted_count, hand.done_count);
        for (size_t i = 0; i < stage.heard_count; i++)
                if (stage.heard[i].topic == BUS_DEAD_LETTERS) /* facts, not the text */
                        assert_null(memmem(stage.heard[i].raw.data, stage.heard[i].raw.size, "deadly", 6));
}

/* Whichever allocation fails on the way, the record is done in the end, and was noted before. */
static void test_without_memory(void **state)
{
        unsigned long taken;

        (void)state;
        hand.care = NOTES_SINGLY;
        for (unsigned long nth = 1; nth < 100; nth++) {
                size_t noted = hand.noted_count = hand.done_count = 0;
                struct sent sent = stage_say(&stage, &stage.anna, ours(), "text");

                memory_fail_at(nth);
                stage_work(&stage, 0);
                taken = memory_fail_at(0);
                stage_work(&stage, 3000);
                assert_int_equal(stage_outcome(&stage, sent.request).status, ERR_OK);
                assert_true(hand.noted_count > noted && hand.noted_count == hand.done_count);
                if (taken < nth)
                        break;
                stage_forget(&stage);
        }
}

/* ---- processes that die ---- */

static char folder[64], path[96];

static int set_up_folder(void **state)
{
        (void)state;
        snprintf(folder, sizeof(folder), "/tmp/galka-notes-XXXXXX");
        assert_non_null(mkdtemp(folder));
        snprintf(path, sizeof(path), "%s/notes", folder);
        return 0;
}

static int tear_down_folder(void **state)
{
        (void)state;
        unlink(path);
        return rmdir(folder);
}

static enum error (*inner_apply)(struct store *store, const struct store_op *ops, size_t count, struct store_result *results,
                                 struct arena *arena, uint64_t tag);

/* The worker has a bug. */
static enum error dying_apply(struct store *store, const struct store_op *ops, size_t count, struct store_result *results,
                              struct arena *arena, uint64_t tag)
{
        for (size_t i = 0; i < count; i++)
                if (slice_equal(ops[i].write.text, SLICE_LITERAL("crash"))) {
                        stage_remove_files(&stage);
                        abort();
                }
        return inner_apply(store, ops, count, results, arena, tag);
}

/* One run: clients send their texts, again for all they know; the second one is poison. Returns what the process ends with. */
static int run(void)
{
        static const char *const text[] = {"crash"};
        static const struct id poison = {{1, 144, 1, 1, 1, 1, 112, 1, 128, 9}};
        const struct rlimit no_cores = {0, 0};
        struct notes_file_options options = {.folder = folder, .clock = &stage.clock.clock};
        static struct store_ops dying;
        char error[NOTES_ERROR_SIZE];
        struct notes_file *file;
        struct id refused = {0};
        struct sent sent[4];
        struct notes *notes;

        setrlimit(RLIMIT_CORE, &no_cores);
        stage_start(&stage, &service_session);
        check(notes_file_new(&options, &file, error) == ERR_OK);
        check(notes_file_open(file, BUS_SESSION, &notes) == ERR_OK);
        stage_notes(&stage, notes);
        dying = *stage.watched->ops;
        inner_apply = dying.apply;
        dying.apply = dying_apply;
        stage.watched->ops = &dying;
        for (size_t i = 0; i < countof(sent); i++) {
                sent[i] = stage_say(&stage, &stage.anna, ours(), "text");
                if (i == 1)
                        refused = say(text, &poison, 1);
        }
        stage_work(&stage, 4000);
        if (stage_error(&stage, refused) != ERR_POISON || stage_records(&stage, BUS_DEAD_LETTERS, WIRE_CODE_envelope) != 1)
                return 1;
        for (size_t i = 0; i < countof(sent); i++)
                if (stage_outcome(&stage, sent[i].request).status != ERR_OK)
                        return 2;
        if (stage_committed(&stage) != 5)
                return 3;
        stage_stop(&stage);
        notes->ops->free(&notes);
        notes_file_free(&file);
        return 0;
}

static void test_what_crashes_twice_goes_to_the_dead_letters(void **state)
{
        /* In a batch; alone; then it is known, also to the run after that one, which ended in order. */
        static const bool dies[] = {true, true, false, false};

        (void)state;
        for (size_t i = 0; i < countof(dies); i++) {
                pid_t child = fork();
                int status;

                if (child == 0)
                        _exit(run());
                assert_int_equal(waitpid(child, &status, 0), child);
                if (dies[i])
                        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
                else
                        assert_int_equal(status, 0);
        }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
        static const struct CMUnitTest tests[] = {
                TEST(test_in_ordinary_runs_nothing_is_noted),
                TEST(test_after_a_crash_each_is_alone_and_noted),
                TEST(test_what_reads_is_not_lent),
                TEST(test_care_lasts_as_long_as_a_note),
                TEST(test_nothing_is_begun_before_its_note_is_made),
                TEST(test_a_note_that_fails_is_made_again),
                TEST(test_a_predecessors_work_is_noted_and_asked_for),
                TEST(test_what_cannot_be_noted_is_dropped_when_it_is_late),
                TEST(test_what_comes_again_is_known_again),
                TEST(test_what_is_known_goes_to_the_dead_letters),
                TEST(test_without_memory),
                cmocka_unit_test_setup_teardown(test_what_crashes_twice_goes_to_the_dead_letters, set_up_folder,
                                                tear_down_folder),
        };

        return cmocka_run_group_tests_name("crashes", tests, NULL, NULL);
}
