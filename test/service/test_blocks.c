/* Blocks through the service: the answer with the room's head, whom it is told, what it refuses, what the blocked are answered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// clang-format off
#include <cmocka.h>
// clang-format on

#include "base/assert.h"
#include "rules/room.h"
#include "service/stage.h"

static struct stage stage;
static const struct id no_room;

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

static struct id block(const struct client *client, uint64_t user, bool on)
{
        const struct wire_block body = {.user = user, .on = on};
        struct id request = stage_send(&stage, client, WIRE_CODE_block, no_room, &body);

        stage_work(&stage, 0);
        return request;
}

static struct wire_blocked answer_to(struct id request)
{
        struct wire_blocked blocked;

        stage_body(stage_reply(&stage, request), WIRE_CODE_blocked, WIRE_STRUCTURE(blocked), &blocked);
        return blocked;
}

static enum error says(const struct client *client, struct id room)
{
        struct sent sent = stage_say(&stage, client, room, "hello");

        stage_work(&stage, 0);
        return stage_outcome(&stage, sent.request).status;
}

static void test_the_answer_has_the_rooms_head(void **state)
{
        struct id room = room_personal(stage.anna.user, stage.boris.user);
        struct wire_blocked blocked;

        (void)state;
        assert_int_equal(says(&stage.anna, room), ERR_OK);
        assert_int_equal(says(&stage.boris, room), ERR_OK);
        blocked = answer_to(block(&stage.anna, stage.boris.user, true));
        assert_int_equal(blocked.user, stage.boris.user);
        assert_int_equal(blocked.on, 1);
        assert_int_equal(blocked.head, 2);
        stage_forget(&stage);
        assert_int_equal(says(&stage.boris, room), ERR_NO_USER);
        assert_int_equal(says(&stage.anna, room), ERR_NO_USER);
        assert_int_equal(stage_frames_for(&stage, &stage.anna, WIRE_CODE_delivery), 0);
        assert_int_equal(stage_frames_for(&stage, &stage.boris, WIRE_CODE_delivery), 0);
        blocked = answer_to(block(&stage.anna, stage.boris.user, false));
        assert_int_equal(blocked.on, 0);
        assert_int_equal(blocked.head, 2);
        assert_int_equal(says(&stage.boris, room), ERR_OK);
}

/* The other connections of who blocks are told, and again at a repeat, whose first answer's push may be lost; who is blocked hears
 * nothing. */
static void test_ones_other_devices_are_told(void **state)
{
        struct client elsewhere = stage.anna;
        const struct wire_block body = {.user = stage.boris.user, .on = 1};
        struct id request;

        (void)state;
        elsewhere.connection += 1000;
        request = stage_send(&stage, &elsewhere, WIRE_CODE_block, no_room, &body);
        stage_work(&stage, 0);
        assert_int_equal(answer_to(request).on, 1);
        assert_int_equal(stage_frames_for(&stage, &stage.anna, WIRE_CODE_blocked), 1);
        assert_int_equal(stage_frames_for(&stage, &stage.boris, WIRE_CODE_blocked), 0);
        stage_resend(&stage, &elsewhere, WIRE_CODE_block, no_room, &body, request);
        stage_work(&stage, 0);
        assert_int_equal(stage_frames_for(&stage, &stage.anna, WIRE_CODE_blocked), 2);
        assert_int_equal(stage_frames_for(&stage, &stage.boris, WIRE_CODE_blocked), 0);
}

static void test_what_is_refused(void **state)
{
        struct client gone = stage.anna;

        (void)state;
        assert_int_equal(stage_error(&stage, block(&stage.anna, 0, true)), ERR_BAD_FIELD);
        assert_int_equal(stage_error(&stage, block(&stage.anna, stage.anna.user, true)), ERR_BAD_FIELD);
        assert_int_equal(stage_error(&stage, block(&stage.anna, 12345, true)), ERR_NO_USER);
        gone.device = 99;
        assert_int_equal(stage_error(&stage, block(&gone, stage.boris.user, true)), ERR_REVOKED);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_the_answer_has_the_rooms_head, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_ones_other_devices_are_told, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_what_is_refused, set_up, tear_down),
        };

        return cmocka_run_group_tests_name("session, blocks", tests, NULL, NULL);
}
