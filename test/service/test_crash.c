/*
 * A record that crashes its worker (L10): processes that really die, one after the other, on one file of notes. It takes two crashes
 * that it was alone in; then it goes to the dead letters, its sender is told, and everybody else's records get through.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
// clang-format off
#include <cmocka.h>
// clang-format on

#include "base/assert.h"
#include "driver/notes/file.h"
#include "service/stage.h"

static char path[64];

static int set_up(void **state)
{
        int fd;

        (void)state;
        snprintf(path, sizeof(path), "/tmp/galka-notes-XXXXXX");
        fd = mkstemp(path);
        return fd < 0 ? -1 : close(fd);
}

static int tear_down(void **state)
{
        (void)state;
        return unlink(path);
}

/* ---- the notes themselves ---- */

static struct id id_of(uint8_t number)
{
        return (struct id){{1, 2, 3, [15] = number}};
}

/* As a crash leaves them: without `free`. */
static unsigned crash_with(uint8_t number, bool *crashed)
{
        static struct notes *lost[16]; /* the handle is lost, as it is for who dies; kept in sight of leak checkers */
        static size_t lost_count;
        struct notes **notes = &lost[lost_count++];
        struct id id = id_of(number);
        unsigned before;

        assert_true(lost_count <= countof(lost));
        assert_int_equal(notes_file_new(path, notes), ERR_OK);
        *crashed = (*notes)->ops->crashed(*notes);
        before = (*notes)->ops->begin(*notes, &id);
        assert_int_equal((*notes)->ops->begin(*notes, &id), before); /* once more in the same run is the same time */
        return before;
}

static void test_what_was_begun_and_not_ended(void **state)
{
        struct notes *notes;
        struct id one = id_of(1), two = id_of(2);
        bool crashed;

        (void)state;
        assert_int_equal(crash_with(1, &crashed), 0);
        assert_false(crashed); /* a new file */
        assert_int_equal(crash_with(1, &crashed), 1);
        assert_true(crashed);
        assert_int_equal(crash_with(2, &crashed), 0);
        assert_int_equal(notes_file_new(path, &notes), ERR_OK);
        assert_int_equal(notes->ops->begin(notes, &one), 2);
        assert_int_equal(notes->ops->begin(notes, &two), 1);
        notes->ops->end(notes, &two);
        notes->ops->end(notes, &two);
        assert_int_equal(notes->ops->begin(notes, &two), 0);
        notes->ops->free(&notes);
        assert_null(notes);
        assert_int_equal(notes_file_new(path, &notes), ERR_OK); /* ended in order: nothing is held against anybody */
        assert_false(notes->ops->crashed(notes));
        assert_int_equal(notes->ops->begin(notes, &one), 0);
        notes->ops->free(&notes);
}

static void test_notes_are_bounded(void **state)
{
        struct notes *notes;
        bool crashed;

        (void)state;
        crash_with(0, &crashed);
        assert_int_equal(notes_file_new(path, &notes), ERR_OK);
        for (unsigned i = 1; i <= 2 * NOTES_MAX; i++) {
                struct id id = id_of((uint8_t)i);

                assert_int_equal(notes->ops->begin(notes, &id), 0);
        }
        crash_with(200, &crashed);
        assert_int_equal(crash_with(2 * NOTES_MAX, &crashed), 1);
        assert_int_equal(crash_with(1, &crashed), 0); /* the oldest went */
        notes->ops->free(&notes);
}

static void test_a_file_that_is_no_notes(void **state)
{
        FILE *file = fopen(path, "we");
        struct notes *notes;
        struct id one = id_of(1);

        (void)state;
        for (int i = 0; i < 500; i++)
                fputs("\xff nonsense \n", file);
        fclose(file);
        assert_int_equal(notes_file_new(path, &notes), ERR_OK);
        assert_true(notes->ops->crashed(notes));
        assert_int_equal(notes->ops->begin(notes, &one), 0);
        notes->ops->free(&notes);
        assert_int_equal(notes_file_new("/nowhere/notes", &notes), ERR_SYSTEM);
        assert_null(notes);
}

/* ---- processes that die ---- */

static struct stage stage;

static enum error (*inner_apply)(struct store *store, const struct store_op *ops, size_t count, struct store_result *results,
                                 struct arena *arena, uint64_t tag);

/* The store's writer, say, has a bug. */
static enum error dying_apply(struct store *store, const struct store_op *ops, size_t count, struct store_result *results,
                              struct arena *arena, uint64_t tag)
{
        for (size_t i = 0; i < count; i++)
                if (slice_equal(ops[i].write.text, SLICE_LITERAL("crash"))) {
                        stage_remove_files(&stage);
                        _exit(77);
                }
        return inner_apply(store, ops, count, results, arena, tag);
}

static const struct id poison = {{1, 144, 1, 1, 1, 1, 112, 1, 128, 9}};

/* One run: the client sends its texts again, the middle one of which is poison. Returns what the process ended with. */
static int run(void)
{
        struct wire_operation operation = {.id = poison, .kind = 1, .text = SLICE_LITERAL("crash")};
        struct wire_write write = {.operations = {.items = &operation, .count = 1}};
        static struct store_ops dying;
        struct sent sent[4];
        struct notes *notes;
        struct id room;

        check(notes_file_new(path, &notes) == ERR_OK);
        stage_start(&stage, &service_session);
        stage_notes(&stage, notes);
        dying = *stage.watched->ops;
        inner_apply = dying.apply;
        dying.apply = dying_apply;
        stage.watched->ops = &dying;
        room = room_personal(stage.anna.user, stage.boris.user);
        for (size_t i = 0; i < countof(sent); i++) {
                sent[i] = stage_say(&stage, &stage.anna, room, "text");
                if (i == 1)
                        stage_resend(&stage, &stage.anna, WIRE_CODE_write, room, &write, poison);
        }
        stage_work(&stage, 4000);
        if (stage_error(&stage, poison) != ERR_BAD_FRAME || stage_records(&stage, BUS_DEAD_LETTERS, WIRE_CODE_envelope) != 1)
                return 1;
        for (size_t i = 0; i < countof(sent); i++)
                if (stage_outcome(&stage, sent[i].request).status != ERR_OK)
                        return 2;
        if (stage_committed(&stage) != 5)
                return 3;
        stage_stop(&stage);
        notes->ops->free(&notes);
        return 0;
}

static void test_what_crashes_twice_goes_to_the_dead_letters(void **state)
{
        /* In a batch; alone; alone again; then it is known. The run after that ended in order. */
        static const int ends[] = {77, 77, 77, 0};

        (void)state;
        for (size_t i = 0; i < countof(ends); i++) {
                pid_t child = fork();
                int status;

                if (child == 0)
                        _exit(run());
                assert_int_equal(waitpid(child, &status, 0), child);
                assert_true(WIFEXITED(status));
                assert_int_equal(WEXITSTATUS(status), ends[i]);
        }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
        static const struct CMUnitTest tests[] = {
                TEST(test_what_was_begun_and_not_ended),
                TEST(test_notes_are_bounded),
                TEST(test_a_file_that_is_no_notes),
                TEST(test_what_crashes_twice_goes_to_the_dead_letters),
        };

        return cmocka_run_group_tests_name("crash notes", tests, NULL, NULL);
}
