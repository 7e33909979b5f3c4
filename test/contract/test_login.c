/* What the store tells somebody who guesses: no more of a name that nobody has than of one that somebody has. And nobody but its owner
 * reads its file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/assert.h"
#include "base/memory.h"
#include "driver/store/sqlite.h"
#include "support/by_hand.h"

#define NOBODY   UINT64_C(77)
#define SOMEBODY UINT64_C(5)
#define GUESSES  STORE_GUESSES_MAX

static const struct arena_source heap = {memory_new, memory_free};

struct stage {
        char folder[32];
        struct hand_clock clock;
        struct hand_random random;
        struct store_sqlite *sqlite;
        struct store *store;
        struct arena arena;
};

static int stage_new(void **state)
{
        struct stage *stage = memory_new(sizeof(*stage));
        struct store_sqlite_options options = {
                .folder = stage->folder, .clock = &stage->clock.clock, .random = &stage->random.random};
        char text[STORE_ERROR_SIZE];

        snprintf(stage->folder, sizeof(stage->folder), "/tmp/galka-login-XXXXXX");
        assert_non_null(mkdtemp(stage->folder));
        assert_int_equal(chmod(stage->folder, 0755), 0);
        hand_clock_init(&stage->clock, UINT64_C(1700000000000));
        hand_random_init(&stage->random, 1);
        arena_init(&stage->arena, &heap, 4096, 1 << 20);
        assert_int_equal(store_sqlite_new(&options, &stage->sqlite, text), ERR_OK);
        assert_int_equal(store_sqlite_open(stage->sqlite, &stage->store), ERR_OK);
        *state = stage;
        return 0;
}

static int stage_free(void **state)
{
        static const char *const files[] = {"galka.db", "galka.db-wal", "galka.db-shm", "lock"};
        struct stage *stage = *state;
        char path[64];

        stage->store->ops->free(&stage->store);
        store_sqlite_free(&stage->sqlite);
        arena_finish(&stage->arena);
        for (size_t i = 0; i < countof(files); i++) {
                snprintf(path, sizeof(path), "%s/%s", stage->folder, files[i]);
                unlink(path);
        }
        rmdir(stage->folder);
        memory_free(stage);
        return 0;
}

static struct store_result apply(struct stage *stage, const struct store_op *op)
{
        struct store_result result = {0};
        struct completion completion;

        assert_int_equal(stage->store->ops->apply(stage->store, op, 1, &result, &stage->arena, 1), ERR_OK);
        assert_int_equal(stage->store->ops->poll(stage->store, &completion, 1), 1);
        assert_int_equal(completion.outcome, OUTCOME_OK);
        return result;
}

static struct store_answer ask(struct stage *stage, struct slice folded)
{
        struct store_question question = {.kind = STORE_ASK_LOGIN, .login = {.folded = folded, .nobody = NOBODY}};
        struct store_answer answer = {0};
        struct completion completion;

        assert_int_equal(stage->store->ops->ask(stage->store, &question, 1, &answer, &stage->arena, 1), ERR_OK);
        assert_int_equal(stage->store->ops->poll(stage->store, &completion, 1), 1);
        assert_int_equal(completion.outcome, OUTCOME_OK);
        return answer;
}

static void import_anna(struct stage *stage)
{
        struct store_op op = {.kind = STORE_IMPORT};

        op.import.user_name = op.import.name_folded = op.import.display_name = SLICE_LITERAL("anna");
        op.import.email = op.import.email_folded = SLICE_LITERAL("anna@example.org");
        op.import.device_name = SLICE_LITERAL("phone");
        op.import.password_hash = "hash";
        op.import.new_user = SOMEBODY;
        op.import.new_device = 6;
        assert_int_equal(apply(stage, &op).status, ERR_OK);
}

static void guesses_at_nobodys_name_wait_as_long(void **state)
{
        struct stage *stage = *state;
        struct store_op op = {.kind = STORE_GUESS};
        struct store_answer known, unknown;

        import_anna(stage);
        for (int i = 0; i < GUESSES; i++) {
                known = ask(stage, SLICE_LITERAL("anna"));
                unknown = ask(stage, SLICE_LITERAL("bella"));
                assert_int_equal(known.login.user, SOMEBODY);
                assert_int_equal(unknown.login.user, 0);
                assert_int_equal(known.login.wait_ms, 0);
                assert_int_equal(unknown.login.wait_ms, 0);
                op.user = SOMEBODY;
                assert_int_equal(apply(stage, &op).status, ERR_BAD_LOGIN);
                op.user = NOBODY;
                assert_int_equal(apply(stage, &op).status, ERR_BAD_LOGIN);
        }
        known = ask(stage, SLICE_LITERAL("anna"));
        unknown = ask(stage, SLICE_LITERAL("bella"));
        assert_true(known.login.wait_ms > 0);
        assert_int_equal(unknown.login.wait_ms, known.login.wait_ms);
}

static void files_are_their_owners_alone(void **state)
{
        static const char *const files[] = {"galka.db", "galka.db-wal", "galka.db-shm", "lock"};
        struct stage *stage = *state;

        import_anna(stage);
        for (size_t i = 0; i < countof(files); i++) {
                struct stat status;
                char path[64];

                snprintf(path, sizeof(path), "%s/%s", stage->folder, files[i]);
                assert_int_equal(stat(path, &status), 0);
                assert_int_equal(status.st_mode & 0777, 0600);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(guesses_at_nobodys_name_wait_as_long, stage_new, stage_free),
                cmocka_unit_test_setup_teardown(files_are_their_owners_alone, stage_new, stage_free),
        };

        return cmocka_run_group_tests_name("login", tests, NULL, NULL);
}
