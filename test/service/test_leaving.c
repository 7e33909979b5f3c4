/* Who is deleted leaves his groups by records that make each other: who is told, and who goes on with what came to a halt. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// clang-format off
#include <cmocka.h>
// clang-format on

#include "base/assert.h"
#include "rules/row.h"
#include "service/stage.h"
#include "service/worker/leaving.h"

#define GROUPS 3

#define HASH "$hash"

static struct stage stage;
static struct client dora;
static struct id groups[GROUPS];
static const struct id no_room;

/* Straight to the store. */
static struct store_result apply(const struct store_op *op)
{
        struct store_result result = {0};
        struct completion completion;

        assert_int_equal(stage.store->ops->apply(stage.store, op, 1, &result, &stage.arena, 1), ERR_OK);
        assert_int_equal(stage.store->ops->poll(stage.store, &completion, 1), 1);
        assert_int_equal(completion.outcome, OUTCOME_OK);
        return result;
}

static void write(const struct client *client, struct id room, struct id request, enum row_kind kind, uint64_t subject)
{
        struct store_op op = {.kind = STORE_WRITE, .request = request, .user = client->user, .device = client->device};

        op.write.room = room;
        op.write.row_kind = (uint8_t)kind;
        op.write.subject = subject;
        if (kind == ROW_CREATED)
                op.write.text = SLICE_LITERAL("Birds");
        assert_int_equal(apply(&op).status, ERR_OK);
}

static void sign_up_dora(void)
{
        struct store_op op = {.kind = STORE_IMPORT, .request = stage_id(&stage)};
        struct store_result result;

        op.import.user_name = op.import.name_folded = op.import.display_name = SLICE_LITERAL("dora");
        op.import.email = op.import.email_folded = SLICE_LITERAL("dora@example.org");
        op.import.device_name = SLICE_LITERAL("phone");
        op.import.password_hash = HASH;
        op.import.new_user = 4000;
        op.import.new_device = 4001;
        result = apply(&op);
        assert_int_equal(result.status, ERR_OK);
        dora = (struct client){.user = op.import.new_user, .device = op.import.new_device};
}

/* Dora has made three groups with Boris in them. */
static int set_up(void **state)
{
        (void)state;
        stage_start(&stage, &service_session);
        sign_up_dora();
        for (int i = 0; i < GROUPS; i++) {
                groups[i] = stage_id(&stage);
                write(&dora, groups[i], groups[i], ROW_CREATED, 0);
                write(&dora, groups[i], stage_id(&stage), ROW_JOINED, stage.boris.user);
        }
        stage_forget(&stage);
        return 0;
}

static int tear_down(void **state)
{
        (void)state;
        stage_stop(&stage);
        return 0;
}

static void delete_dora(void)
{
        struct store_op op = {.kind = STORE_DELETE, .request = stage_id(&stage), .user = dora.user, .device = dora.device};

        op.password.password_hash = HASH;
        op.password.leaving = stage_id(&stage);
        assert_int_equal(apply(&op).status, ERR_OK);
}

static size_t leavers(void)
{
        struct store_question question = {.kind = STORE_ASK_LEAVERS};

        question.leaving.max = 10;
        return stage_ask(&stage, &question).leavers.count;
}

static size_t members_of(struct id group)
{
        struct store_question question = {.kind = STORE_ASK_MEMBERS, .user = stage.boris.user, .device = stage.boris.device};

        question.members.room = group;
        question.members.members_max = 10;
        return stage_ask(&stage, &question).members.count;
}

static void assert_all_left(void)
{
        assert_int_equal(leavers(), 0);
        for (int i = 0; i < GROUPS; i++)
                assert_int_equal(members_of(groups[i]), 1);
}

/* As one service publishes it for another. */
static void leaving(struct id after, struct id era)
{
        const struct wire_leaving message = {.user = dora.user, .after = after, .era = era};

        (void)stage_send(&stage, &stage.clara, WIRE_CODE_leaving, no_room, &message);
}

static void sweep(void)
{
        const struct wire_sweep message = {0};

        (void)stage_send(&stage, &stage.clara, WIRE_CODE_sweep, no_room, &message);
        stage_work(&stage, 1000);
}

static void test_one_record_leads_through_all_groups(void **state)
{
        (void)state;
        delete_dora();
        assert_int_equal(leavers(), 1);
        leaving(no_room, no_room);
        stage_work(&stage, 1000);
        assert_all_left();
        assert_int_equal(stage_frames_for(&stage, &stage.boris, WIRE_CODE_delivery), GROUPS);
        assert_int_equal(stage_frames_for(&stage, &stage.clara, WIRE_CODE_delivery), 0);
}

static void test_who_is_not_deleted_stays(void **state)
{
        (void)state;
        leaving(no_room, no_room);
        stage_work(&stage, 1000);
        for (int i = 0; i < GROUPS; i++)
                assert_int_equal(members_of(groups[i]), 2);
}

/* The store went back: what was told of the other one does not count. */
static void test_what_another_era_knew_is_begun_anew(void **state)
{
        const struct id last = {{255, 255, 255}};

        (void)state;
        delete_dora();
        leaving(last, no_room);
        stage_work(&stage, 1000);
        assert_all_left();
}

static void test_a_sweep_goes_on_when_nobody_was_heard_for_long(void **state)
{
        (void)state;
        delete_dora();
        sweep();
        assert_int_equal(leavers(), 1); /* somebody may be at it */
        hand_clock_advance_ms(&stage.clock, LEAVING_SILENT_MS);
        sweep();
        assert_all_left();
        sweep();
        assert_all_left();
}

/* It comes again, from the first: nothing is done twice, and those who may not have heard of it are told again. */
static void test_a_record_that_comes_again_does_nothing_twice(void **state)
{
        struct store_row *rows;
        size_t count;

        (void)state;
        delete_dora();
        leaving(no_room, no_room);
        leaving(no_room, no_room);
        stage_work(&stage, 1000);
        leaving(no_room, no_room);
        stage_work(&stage, 1000);
        assert_all_left();
        count = stage_rows(&stage, &stage.boris, groups[0], &rows);
        assert_int_equal(count, 2); /* his own coming, and her going */
        assert_int_equal(rows[0].kind, ROW_LEFT);
        assert_int_equal(rows[0].heir, stage.boris.user);
}

static void test_a_store_that_fails_ends_nothing(void **state)
{
        (void)state;
        delete_dora();
        stage_fail(&stage, FAULT_APPLY, FAULT_FAIL, 2, 1000);
        leaving(no_room, no_room);
        stage_work(&stage, 2 * LEAVING_VALID_MS);
        stage_fail(&stage, FAULT_APPLY, FAULT_NONE, 1, 0);
        assert_int_equal(leavers(), 1);
        hand_clock_advance_ms(&stage.clock, LEAVING_SILENT_MS);
        sweep();
        assert_all_left();
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        const struct CMUnitTest tests[] = {
                TEST(test_one_record_leads_through_all_groups),
                TEST(test_who_is_not_deleted_stays),
                TEST(test_what_another_era_knew_is_begun_anew),
                TEST(test_a_sweep_goes_on_when_nobody_was_heard_for_long),
                TEST(test_a_record_that_comes_again_does_nothing_twice),
                TEST(test_a_store_that_fails_ends_nothing),
        };

        return cmocka_run_group_tests_name("leaving", tests, NULL, NULL);
}
