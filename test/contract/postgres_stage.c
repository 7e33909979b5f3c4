/* See postgres_stage.h. */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/assert.h"
#include "base/memory.h"
#include "contract/postgres_stage.h"
#include "contract/store_driver.h"
#include "driver/random/system.h"
#include "rules/room.h"
#include "rules/row.h"

static const struct arena_source heap_source = {memory_new, memory_free};

/* ---- life ---- */

void open_store(struct stage *stage)
{
        char text[STORE_ERROR_SIZE];

        if (store_postgres_new(&stage->options, &stage->postgres, text) != ERR_OK) {
                print_error("%s\n", text);
                fail();
        }
        assert_int_equal(store_postgres_open(stage->postgres, &stage->store), ERR_OK);
}

void close_store(struct stage *stage)
{
        stage->store->ops->free(&stage->store);
        store_postgres_free(&stage->postgres);
}

enum outcome await(struct stage *stage, int wait_ms)
{
        struct completion completion;

        while (stage->store->ops->poll(stage->store, &completion, 1) == 0) {
                struct pollfd waiting = {.fd = stage->store->ops->fd(stage->store), .events = POLLIN};

                assert_int_equal(poll(&waiting, 1, wait_ms), 1); /* somebody is always told in the end */
        }
        return completion.outcome;
}

enum outcome apply(struct stage *stage, const struct store_op *ops, size_t count)
{
        arena_reset(&stage->arena);
        assert_int_equal(stage->store->ops->apply(stage->store, ops, count, stage->results, &stage->arena, 1), ERR_OK);
        return await(stage, 2 * STORE_POSTGRES_ANSWER_MS);
}

enum outcome ask(struct stage *stage, const struct store_question *question, struct store_answer *answer)
{
        assert_int_equal(stage->store->ops->ask(stage->store, question, 1, answer, &stage->arena, 2), ERR_OK);
        return await(stage, 2 * STORE_POSTGRES_ANSWER_MS);
}

static void import_op(struct store_op *op, const char *name, uint64_t user)
{
        *op = (struct store_op){.kind = STORE_IMPORT};
        op->import.user_name = op->import.name_folded = op->import.email = op->import.email_folded = slice_text(name);
        op->import.display_name = op->import.device_name = slice_text(name);
        op->import.password_hash = "";
        op->import.new_user = user;
        op->import.new_device = 1;
}

int stage_new(void **state)
{
        struct stage *stage = memory_new(sizeof(*stage));
        struct store_op ops[2];

        assert_non_null(stage);
        hand_clock_init(&stage->clock, START_MS);
        arena_init(&stage->arena, &heap_source, 1 << 16, 64 << 20);
        stage->options = postgres_options(&stage->clock.clock, random_system(), true);
        open_store(stage);
        import_op(&ops[0], "anna", 1);
        import_op(&ops[1], "boris", 2);
        assert_int_equal(apply(stage, ops, 2), OUTCOME_OK);
        *state = stage;
        return 0;
}

int stage_free(void **state)
{
        struct stage *stage = *state;
        struct store_answer answer;

        assert_int_equal(ask(stage, &(struct store_question){.kind = STORE_ASK_CHECK}, &answer), OUTCOME_OK);
        if (answer.check.faults)
                print_error("%.*s\n", (int)answer.check.first_fault.size, (const char *)answer.check.first_fault.data);
        assert_int_equal(answer.check.faults, 0);
        assert_int_equal(answer.check.rows, stage->acknowledged); /* each once */
        close_store(stage);
        relay_free(&stage->relay);
        arena_finish(&stage->arena);
        memory_free(stage);
        return 0;
}

/* ---- what is tried ---- */

static struct id next_id(struct stage *stage)
{
        uint8_t random[10] = {0};

        be64_put(random + 2, ++stage->ids);
        return id_uuid7(START_MS, random);
}

void plan(struct stage *stage)
{
        for (size_t i = 0; i <= STEP_OPS; i++) {
                struct store_op *op = &stage->ops[i];

                *op = (struct store_op){.kind = STORE_WRITE, .request = next_id(stage), .user = 1 + i % 2, .device = 1};
                if (i == STEP_OPS) {
                        op->kind = STORE_MARK;
                        op->mark.room = room_personal(1, 2);
                        op->mark.delivered = op->mark.read = op->mark.shown = UINT64_MAX;
                        continue;
                }
                snprintf(stage->texts[i], sizeof(stage->texts[i]), "%llu", (unsigned long long)stage->ids);
                op->write.room = room_personal(1, 2);
                op->write.row_kind = ROW_TEXT;
                op->write.text = slice_text(stage->texts[i]);
        }
}

void settle(struct stage *stage, enum outcome first)
{
        enum outcome outcome = first;
        bool maybe_done = first != OUTCOME_FAILED;
        uint64_t seqs[STEP_OPS];

        for (size_t i = 0; i < STEP_OPS; i++)
                seqs[i] = stage->results[i].write.row.seq;
        for (int tries = 0; tries < 20; tries++) {
                outcome = apply(stage, stage->ops, STEP_OPS + 1);
                if (outcome == OUTCOME_OK)
                        break;
                maybe_done |= outcome == OUTCOME_UNCERTAIN;
        }
        assert_int_equal(outcome, OUTCOME_OK);
        for (size_t i = 0; i < STEP_OPS; i++) {
                assert_int_equal(stage->results[i].status, ERR_OK);
                if (!maybe_done)
                        assert_false(stage->results[i].repeat);
                if (first != OUTCOME_OK)
                        continue;
                assert_true(stage->results[i].repeat);
                assert_int_equal(stage->results[i].write.row.seq, seqs[i]);
        }
        stage->acknowledged += STEP_OPS;
}
