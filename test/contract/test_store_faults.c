/*
 * The store on SQLite when something fails: the n-th call to the disk, the n-th step of a statement, the n-th allocation, for
 * n = 1, 2, … until nothing fails any more; and the machine's end at the n-th write. Whatever fails: OK is never said of what was not
 * done and FAILED never of what was, the store works again once the trouble is over, and what was acknowledged is there, once.
 */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "base/assert.h"
#include "base/memory.h"
#include "driver/store/sqlite_inside.h"
#include "rules/room.h"
#include "rules/row.h"
#include "sim/disk.h"
#include "support/by_hand.h"
#include "support/faulty_vfs.h"

#define START_MS  UINT64_C(1750000000000)
#define STEPS     12
#define STEP_OPS  3
#define TRIES_MAX 4

static const struct arena_source heap_source = {memory_new, memory_free};

enum fate { FATE_NONE, FATE_ACKED, FATE_FAILED, FATE_UNCERTAIN };

/* What is tried, and what came of it. Step i writes STEP_OPS texts and marks; step 5 signs somebody up. */
struct story {
        char folder[64], path[96];
        const char *vfs;
        bool retries; /* what failed is tried again */
        struct hand_clock clock;
        struct hand_random random;
        struct store_sqlite *sqlite;
        struct store *store;
        struct arena arena;
        struct id room;
        uint64_t ids;
        char texts[STEPS][STEP_OPS][16];
        struct store_op ops[STEPS][STEP_OPS + 1];
        struct store_result results[STEP_OPS + 1];
        enum fate fates[STEPS];
        uint64_t seqs[STEPS][STEP_OPS]; /* as acknowledged */
};

/* ---- the store ---- */

static enum error story_open(struct story *story)
{
        struct store_sqlite_options options = {
                .folder = story->path, .vfs = story->vfs, .clock = &story->clock.clock, .random = &story->random.random};
        char text[STORE_ERROR_SIZE];
        enum error error = store_sqlite_new(&options, &story->sqlite, text);

        if (error) {
                assert_null(story->sqlite);
                assert_true(error == ERR_NO_MEMORY || strlen(text) > 10);
                return error;
        }
        error = store_sqlite_open(story->sqlite, &story->store);
        if (error)
                store_sqlite_free(&story->sqlite);
        return error;
}

static void story_close(struct story *story)
{
        if (story->store)
                story->store->ops->free(&story->store);
        store_sqlite_free(&story->sqlite);
}

static enum outcome run(struct story *story, const struct store_op *ops, size_t count)
{
        struct completion completion;

        arena_reset(&story->arena);
        assert_int_equal(story->store->ops->apply(story->store, ops, count, story->results, &story->arena, 4), ERR_OK);
        assert_int_equal(story->store->ops->poll(story->store, &completion, 1), 1);
        assert_int_equal(completion.tag, 4);
        return completion.outcome;
}

static enum outcome ask(struct story *story, const struct store_question *question, struct store_answer *answer)
{
        struct completion completion;

        arena_reset(&story->arena);
        assert_int_equal(story->store->ops->ask(story->store, question, 1, answer, &story->arena, 5), ERR_OK);
        assert_int_equal(story->store->ops->poll(story->store, &completion, 1), 1);
        return completion.outcome;
}

/* ---- what happens ---- */

static void import_op(struct store_op *op, const char *name, uint64_t user)
{
        *op = (struct store_op){.kind = STORE_IMPORT};
        op->import.user_name = op->import.name_folded = op->import.email = op->import.email_folded = slice_text(name);
        op->import.display_name = op->import.device_name = slice_text(name);
        op->import.password_hash = "";
        op->import.new_user = user;
        op->import.new_device = 1;
}

static struct id next_id(struct story *story)
{
        uint8_t random[10] = {0};

        be64_put(random + 2, ++story->ids);
        return id_uuid7(START_MS, random);
}

static void plan_step(struct story *story, size_t step)
{
        for (size_t i = 0; i < STEP_OPS; i++) {
                struct store_op *op = &story->ops[step][i];

                snprintf(story->texts[step][i], sizeof(story->texts[0][0]), "%zu.%zu", step, i);
                *op = (struct store_op){.kind = STORE_WRITE, .request = next_id(story), .user = 1 + i % 2, .device = 1};
                op->write.room = story->room;
                op->write.row_kind = ROW_TEXT;
                op->write.text = slice_text(story->texts[step][i]);
                op->digest[0] = (uint8_t)step;
        }
        story->ops[step][STEP_OPS] =
                (struct store_op){.kind = STORE_MARK, .request = next_id(story), .user = 2, .device = 1};
        story->ops[step][STEP_OPS].mark.room = story->room;
        story->ops[step][STEP_OPS].mark.delivered = story->ops[step][STEP_OPS].mark.read = 2 * step;
        if (step == 5) { /* any other operation with several tables */
                struct store_op *op = &story->ops[step][STEP_OPS];

                *op = (struct store_op){.kind = STORE_SIGN_UP, .request = next_id(story)};
                op->sign_up.email = op->sign_up.email_folded = SLICE_LITERAL("clara@example.org");
                op->sign_up.user_name = op->sign_up.name_folded = op->sign_up.display_name = SLICE_LITERAL("clara");
                op->sign_up.password_hash = "$hash";
                op->sign_up.valid_ms = 900000;
        }
}

/* In memory if there is such a place: nothing here is about what a disk keeps, and there are thousands of syncs. */
static void make_folder(struct story *story)
{
        snprintf(story->folder, sizeof(story->folder), "%s/galka-faults-XXXXXX",
                 access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
        assert_non_null(mkdtemp(story->folder));
        snprintf(story->path, sizeof(story->path), "%s/galka.db", story->folder);
}

static void story_new(struct story *story, const char *vfs, bool retries)
{
        struct store_op ops[2];

        *story = (struct story){.vfs = vfs, .retries = retries, .room = room_personal(1, 2)};
        hand_clock_init(&story->clock, START_MS);
        hand_random_init(&story->random, 3);
        arena_init(&story->arena, &heap_source, 1 << 16, 16 << 20);
        if (strcmp(vfs, DISK_VFS) == 0) {
                disk_start(&story->random.random, &story->clock.clock);
                snprintf(story->path, sizeof(story->path), DISK_DATABASE);
        } else {
                make_folder(story);
        }
        import_op(&ops[0], "anna", 1);
        import_op(&ops[1], "boris", 2);
        assert_int_equal(story_open(story), ERR_OK);
        assert_int_equal(run(story, ops, 2), OUTCOME_OK);
        for (size_t step = 0; step < STEPS; step++)
                plan_step(story, step);
}

static void remove_files(struct story *story)
{
        static const char *const ends[] = {"", "-wal", "-shm", "-journal"};
        char path[160];

        for (size_t i = 0; story->folder[0] && i < countof(ends); i++) {
                snprintf(path, sizeof(path), "%s%s", story->path, ends[i]);
                unlink(path);
        }
        if (story->folder[0])
                assert_int_equal(rmdir(story->folder), 0);
        else
                disk_finish();
}

static void story_free(struct story *story)
{
        story_close(story);
        remove_files(story);
        arena_finish(&story->arena);
}

static void try_step(struct story *story, size_t step)
{
        enum outcome outcome = run(story, story->ops[step], STEP_OPS + 1);

        if (outcome == OUTCOME_FAILED && story->fates[step] != FATE_UNCERTAIN)
                story->fates[step] = FATE_FAILED;
        if (outcome == OUTCOME_UNCERTAIN)
                story->fates[step] = FATE_UNCERTAIN;
        if (outcome != OUTCOME_OK)
                return;
        story->fates[step] = FATE_ACKED;
        for (size_t i = 0; i < STEP_OPS; i++) {
                assert_int_equal(story->results[i].status, ERR_OK);
                story->seqs[step][i] = story->results[i].write.row.seq;
        }
        assert_int_equal(story->results[STEP_OPS].status, ERR_OK);
}

/* Everything once, with questions in between that fail or tell the truth. */
static void tell(struct story *story)
{
        for (size_t step = 0; step < STEPS; step++) {
                struct store_question question = {.kind = STORE_ASK_JOIN, .user = 2, .device = 1, .bytes_max = 1000};
                struct store_answer answer = {0};

                for (int tries = 0; story->fates[step] != FATE_ACKED && tries < (story->retries ? TRIES_MAX : 1); tries++)
                        try_step(story, step);
                question.join.rooms_max = 2;
                question.join.rows_max = 40;
                if (ask(story, &question, &answer) == OUTCOME_OK) {
                        assert_int_equal(answer.status, ERR_OK);
                        assert_int_equal(answer.rooms.person.user, 2);
                }
        }
}

/* ---- what must be true afterwards ---- */

static const struct store_row *row_of(const struct store_answer *answer, const struct id *request)
{
        const struct store_row *found = NULL;

        for (size_t i = 0; i < answer->rows.row_count; i++) {
                if (!id_equal(&answer->rows.rows[i].request, request))
                        continue;
                assert_null(found); /* twice */
                found = &answer->rows.rows[i];
        }
        return found;
}

static void verify(struct story *story)
{
        struct store_question question = {.kind = STORE_ASK_CHECK};
        struct store_answer answer;

        assert_int_equal(ask(story, &question, &answer), OUTCOME_OK);
        if (answer.check.faults)
                print_error("%.*s\n", (int)answer.check.first_fault.size, (const char *)answer.check.first_fault.data);
        assert_int_equal(answer.check.faults, 0);
        question = (struct store_question){.kind = STORE_ASK_CHANGES, .user = 1, .device = 1, .bytes_max = 100000};
        question.changes.room = story->room;
        question.changes.rows_max = 200;
        assert_int_equal(ask(story, &question, &answer), OUTCOME_OK);
        for (size_t step = 0; step < STEPS; step++) {
                const struct store_row *first = row_of(&answer, &story->ops[step][0].request);

                for (size_t i = 0; i < STEP_OPS; i++) {
                        const struct store_row *row = row_of(&answer, &story->ops[step][i].request);

                        assert_int_equal(row != NULL, first != NULL); /* a batch is whole or not there */
                        if (story->fates[step] == FATE_ACKED) {
                                assert_non_null(row);
                                assert_int_equal(row->seq, story->seqs[step][i]);
                        }
                        if (story->fates[step] == FATE_FAILED)
                                assert_null(row);
                        if (row)
                                assert_true(slice_equal(row->text, slice_text(story->texts[step][i])));
                }
        }
}

/* The trouble is over: what is left goes through now, on the store as it is; and a reopened one tells the same. */
static void heal(struct story *story)
{
        if (!story->sqlite)
                assert_int_equal(story_open(story), ERR_OK);
        verify(story);
        for (size_t step = 0; step < STEPS; step++)
                if (story->fates[step] != FATE_ACKED) {
                        try_step(story, step);
                        assert_int_equal(story->fates[step], FATE_ACKED);
                }
        verify(story);
        story_close(story);
        assert_int_equal(story_open(story), ERR_OK);
        verify(story);
}

static bool all_acked(const struct story *story)
{
        for (size_t step = 0; step < STEPS; step++)
                if (story->fates[step] != FATE_ACKED)
                        return false;
        return true;
}

/* ---- the disk ---- */

static void disk_loop(unsigned kinds, unsigned long more, int code, bool retries)
{
        struct story story;
        unsigned long failed = 1, harmed = 0;

        for (unsigned long nth = 1; failed > 0; nth++) {
                assert_true(nth < 5000);
                story_new(&story, FAULTY_VFS, retries);
                faulty_vfs_fail(kinds, nth, more, code);
                tell(&story);
                failed = faulty_vfs_failed();
                faulty_vfs_fail(0, 0, 0, 0);
                harmed += !all_acked(&story);
                if (retries && more == 0)
                        assert_true(all_acked(&story)); /* one fault is got over */
                heal(&story);
                story_free(&story);
        }
        assert_true(retries || harmed > 0);
}

static void test_a_write_fails(void **state)
{
        (void)state;
        disk_loop(VFS_WRITE, 0, SQLITE_IOERR, false);
        disk_loop(VFS_WRITE, 0, SQLITE_IOERR, true);
}

static void test_a_sync_fails(void **state)
{
        (void)state;
        disk_loop(VFS_SYNC, 0, SQLITE_IOERR, false);
        disk_loop(VFS_SYNC, 0, SQLITE_IOERR, true);
}

static void test_the_disk_is_full_for_a_while(void **state)
{
        (void)state;
        disk_loop(VFS_WRITE | VFS_TRUNCATE, 7, SQLITE_FULL, false);
        disk_loop(VFS_WRITE | VFS_TRUNCATE, 2, SQLITE_FULL, true);
}

/* The page cache holds all of so small a database, so that reads come at opening. */
static void test_opening_fails(void **state)
{
        static const int codes[] = {SQLITE_IOERR, SQLITE_FULL};
        unsigned long failed = 1;

        (void)state;
        for (unsigned long nth = 1; failed > 0; nth++) {
                struct story story;

                assert_true(nth < 5000);
                story_new(&story, FAULTY_VFS, true);
                tell(&story);
                story_close(&story);
                faulty_vfs_fail(VFS_ALL, nth, nth % 3, codes[nth % 2]);
                if (story_open(&story) == ERR_OK)
                        story_close(&story);
                remove_files(&story); /* and on an empty folder */
                if (story.folder[0])
                        make_folder(&story);
                if (story_open(&story) == ERR_OK)
                        story_close(&story);
                failed = faulty_vfs_failed();
                faulty_vfs_fail(0, 0, 0, 0);
                assert_int_equal(story_open(&story), ERR_OK);
                story_free(&story);
        }
}

/* The machine ends at the n-th write or sync; what was not synced is torn or lost. */
static void test_the_machine_ends(void **state)
{
        struct hand_random random;
        bool dead = true;

        (void)state;
        hand_random_init(&random, 11);
        for (unsigned nth = 1; dead; nth++) {
                struct story story;

                assert_true(nth < 5000);
                story_new(&story, DISK_VFS, nth % 2);
                disk_trouble(DISK_DIE, nth);
                tell(&story);
                dead = disk_is_dead();
                /* Whatever is said after the end is not believed: nobody is there to hear it. */
                story_close(&story);
                disk_crash(&random.random);
                for (size_t step = 0; dead && step < STEPS; step++)
                        if (story.fates[step] == FATE_FAILED)
                                story.fates[step] = FATE_UNCERTAIN;
                heal(&story);
                story_free(&story);
        }
}

/* ---- SQLite's own troubles ---- */

static unsigned long steps_left;

static int on_progress(void *context)
{
        (void)context;
        return steps_left && --steps_left == 0;
}

/* Any statement may be broken off between any two of its steps. */
static void test_a_statement_fails(void **state)
{
        bool broke = true;

        (void)state;
        for (unsigned long nth = 1; broke; nth += 1 + nth / 40) {
                struct story story;

                assert_true(nth < 1000000);
                story_new(&story, DISK_VFS, nth % 2);
                sqlite3_progress_handler(story.sqlite->writer.database.handle, 1, on_progress, NULL);
                steps_left = nth;
                tell(&story);
                broke = steps_left == 0;
                steps_left = 0;
                if (story.retries)
                        assert_true(all_acked(&story));
                heal(&story);
                story_free(&story);
        }
}

static sqlite3_mem_methods inner_memory;
static unsigned long allocations_left;

static void *on_malloc(int size)
{
        return allocations_left && --allocations_left == 0 ? NULL : inner_memory.xMalloc(size);
}

static void *on_realloc(void *block, int size)
{
        return allocations_left && --allocations_left == 0 ? NULL : inner_memory.xRealloc(block, size);
}

static void test_sqlite_runs_out_of_memory(void **state)
{
        bool broke = true;

        (void)state;
        for (unsigned long nth = 1; broke; nth += 1 + nth / 40) {
                struct story story;

                assert_true(nth < 1000000);
                story_new(&story, DISK_VFS, nth % 2);
                story_close(&story); /* statements are prepared anew */
                allocations_left = nth;
                if (story_open(&story) == ERR_OK)
                        tell(&story);
                broke = allocations_left == 0;
                allocations_left = 0;
                heal(&story);
                story_free(&story);
        }
}

static void test_galka_runs_out_of_memory(void **state)
{
        (void)state;
        for (unsigned long nth = 1, made = ULONG_MAX; nth <= made; nth++) {
                struct story story;

                story_new(&story, DISK_VFS, nth % 2);
                story_close(&story);
                arena_finish(&story.arena);
                arena_init(&story.arena, &heap_source, 1 << 10, 16 << 20);
                memory_fail_at(nth);
                if (story_open(&story) == ERR_OK)
                        tell(&story);
                made = memory_fail_at(0);
                heal(&story);
                story_free(&story);
        }
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_write_fails),
                cmocka_unit_test(test_a_sync_fails),
                cmocka_unit_test(test_the_disk_is_full_for_a_while),
                cmocka_unit_test(test_opening_fails),
                cmocka_unit_test(test_the_machine_ends),
                cmocka_unit_test(test_a_statement_fails),
                cmocka_unit_test(test_sqlite_runs_out_of_memory),
                cmocka_unit_test(test_galka_runs_out_of_memory),
        };
        sqlite3_mem_methods memory;

        check(sqlite3_config(SQLITE_CONFIG_GETMALLOC, &inner_memory) == SQLITE_OK);
        memory = inner_memory;
        memory.xMalloc = on_malloc;
        memory.xRealloc = on_realloc;
        check(sqlite3_config(SQLITE_CONFIG_MALLOC, &memory) == SQLITE_OK);
        faulty_vfs_install();
        return cmocka_run_group_tests_name("store, SQLite, faults", tests, NULL, NULL);
}
