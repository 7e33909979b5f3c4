/* Receipts: which rooms take notice when somebody switches them, who hears of it, and that nothing of it is lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// clang-format off
#include <cmocka.h>
// clang-format on

#include "base/assert.h"
#include "rules/limits.h"
#include "rules/row.h"
#include "service/stage.h"

#define ROOMS (2 * OPERATIONS_MAX + 3) /* more than two records take */

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

static struct id ours(void)
{
        return room_personal(stage.anna.user, stage.boris.user);
}

static void write_one(const struct client *client, struct id room, struct wire_operation operation)
{
        struct wire_write write = {.operations = {.items = &operation, .count = 1}};
        struct id request;

        operation.id = id_is_zero(&operation.id) ? stage_id(&stage) : operation.id;
        request = stage_send(&stage, client, WIRE_CODE_write, room, &write);
        stage_work(&stage, 0);
        assert_int_equal(stage_outcome(&stage, request).status, ERR_OK);
}

/* He asks until it is done in all rooms, with one id. */
static void set_receipts(const struct client *client, const char *text, uint64_t target)
{
        struct wire_operation operation = {
                .id = stage_id(&stage), .kind = ROW_SETTING, .text = slice_text(text), .target = target};
        struct wire_write write = {.operations = {.items = &operation, .count = 1}};
        enum error status = ERR_BUSY;
        int tries = 0;

        for (; status == ERR_BUSY && tries < 5; tries++) {
                struct id request =
                        stage_send(&stage, client, WIRE_CODE_write, room_personal(client->user, client->user), &write);

                stage_work(&stage, 60000);
                status = stage_outcome(&stage, request).status;
        }
        assert_int_equal(status, ERR_OK);
        assert_true(tries > 1);
}

static void mark(const struct client *client, struct id room, uint64_t upto, struct wire_marked *marked)
{
        struct wire_mark mark = {.delivered = upto, .read = upto, .shown = upto};
        struct id request = stage_send(&stage, client, WIRE_CODE_mark, room, &mark);

        stage_work(&stage, 0);
        stage_body(stage_reply(&stage, request), WIRE_CODE_marked, WIRE_STRUCTURE(marked), marked);
}

/* The last lowest marks of that room that went to his connection. */
static struct wire_lowest told(const struct client *client, struct id room)
{
        struct wire_lowest lowest = {0};

        for (size_t i = 0; i < stage.heard_count; i++) {
                const struct heard *heard = &stage.heard[i];
                struct wire_marks_moved moved;
                bool his = false;

                for (size_t at = 0; at + 8 <= heard->post.connections.size; at += 8)
                        his |= be64_get(heard->post.connections.data + at) == client->connection;
                if (!his || heard->frame.code != WIRE_CODE_marks_moved || !id_equal(&heard->frame.room, &room))
                        continue;
                assert_int_equal(wire_decode(WIRE_STRUCTURE(marks_moved), heard->frame.body, &moved, NULL), ERR_OK);
                if (moved.has & WIRE_HAS(marks_moved, lowest))
                        lowest = moved.lowest;
        }
        return lowest;
}

static void assert_none(const struct wire_lowest *lowest)
{
        assert_true(lowest->version > 0);
        assert_int_equal(lowest->has & ~WIRE_HAS(lowest, version), 0);
}

static void test_who_is_off_is_told_nothing_and_nobody_of_him(void **state)
{
        struct wire_lowest lowest;
        struct wire_marked marked;

        (void)state;
        stage_say(&stage, &stage.anna, ours(), "hello");
        stage_work(&stage, 0);
        mark(&stage.boris, ours(), 1, &marked);
        assert_int_equal(marked.lowest.delivered_second, 1);
        stage_forget(&stage);
        set_receipts(&stage.boris, "receipts-off yes", 0);
        lowest = told(&stage.anna, ours());
        assert_int_equal(lowest.has & WIRE_HAS(lowest, delivered_second), 0);
        assert_int_equal(lowest.counted_user, stage.anna.user);
        lowest = told(&stage.boris, ours()); /* this device too: it asked for the setting, not for that */
        assert_none(&lowest);
        stage_forget(&stage);
        stage_say(&stage, &stage.anna, ours(), "are you there?");
        stage_work(&stage, 0);
        mark(&stage.boris, ours(), 2, &marked);
        assert_int_equal(marked.marks.read, 2);
        assert_int_equal(marked.marks.shown, 1);
        assert_none(&marked.lowest);
        stage_forget(&stage);
        mark(&stage.anna, ours(), 2, &marked);
        assert_int_equal(marked.lowest.delivered_first, 2);
        assert_int_equal(stage_frames_for(&stage, &stage.boris, WIRE_CODE_marks_moved), 0);
        stage_forget(&stage);
        set_receipts(&stage.boris, "receipts-off", 1);
        lowest = told(&stage.boris, ours());
        assert_int_equal(lowest.shown_first, 2);
        assert_int_equal(lowest.counted_second, 2); /* from here on */
        assert_int_equal(told(&stage.anna, ours()).version, lowest.version);
}

static void make_rooms(struct id rooms[static ROOMS])
{
        for (size_t i = 0; i < ROOMS; i++) {
                rooms[i] = stage_id(&stage);
                write_one(&stage.boris, rooms[i],
                          (struct wire_operation){.id = rooms[i], .kind = ROW_CREATED, .text = SLICE_LITERAL("Many")});
                write_one(&stage.boris, rooms[i], (struct wire_operation){.kind = ROW_JOINED, .subject = stage.anna.user});
                stage_forget(&stage);
        }
}

static void assert_all_told(const struct id rooms[static ROOMS])
{
        for (size_t i = 0; i < ROOMS; i++) {
                struct wire_lowest lowest = told(&stage.boris, rooms[i]);

                assert_none(&lowest);
                assert_int_equal(told(&stage.anna, rooms[i]).counted_user, stage.anna.user);
        }
}

static bool is_due(void)
{
        struct store_question question = {.kind = STORE_ASK_JOIN,
                                          .user = stage.boris.user,
                                          .device = stage.boris.device,
                                          .bytes_max = 1000,
                                          .join = {.rooms_max = 1, .rows_max = 1}};

        return stage_ask(&stage, &question).rooms.receipts_due;
}

static void test_all_rooms_take_notice(void **state)
{
        struct wire_receipts receipts = {.user = stage.boris.user};
        struct id rooms[ROOMS];

        (void)state;
        make_rooms(rooms);
        set_receipts(&stage.boris, "receipts-off yes", 0);
        assert_all_told(rooms);
        assert_false(is_due());
        /* The record again, as after a crash: nothing moves, and all are told again. */
        stage_forget(&stage);
        stage_send(&stage, &stage.clara, WIRE_CODE_receipts, no_room, &receipts);
        stage_work(&stage, 0);
        assert_all_told(rooms);
}

/* However long the store fails: what nobody will ask for again comes again. */
static void test_the_store_fails_meanwhile(void **state)
{
        static const enum fault_call calls[] = {FAULT_ASK, FAULT_APPLY};
        struct id rooms[ROOMS];

        (void)state;
        make_rooms(rooms);
        for (size_t i = 0; i < countof(calls); i++) {
                stage_fail(&stage, calls[i], FAULT_FAIL, 2, 20);
                stage_forget(&stage);
                set_receipts(&stage.boris, i ? "receipts-off" : "receipts-off yes", i);
                assert_false(is_due());
        }
        set_receipts(&stage.boris, "receipts-off yes", 1);
        assert_all_told(rooms);
}

static void test_what_is_refused(void **state)
{
        struct wire_receipts receipts = {0};

        (void)state;
        stage_send(&stage, &stage.anna, WIRE_CODE_receipts, no_room, &receipts); /* whose? */
        stage_work(&stage, 0);
        assert_int_equal(stage.apply_count, 0);
        receipts.user = 12345; /* nobody: there is nothing to do */
        stage_forget(&stage);
        stage_send(&stage, &stage.anna, WIRE_CODE_receipts, no_room, &receipts);
        stage_work(&stage, 0);
        assert_int_equal(stage_frames_for(&stage, &stage.anna, WIRE_CODE_marks_moved), 0);
        assert_int_equal(stage_frames_for(&stage, &stage.boris, WIRE_CODE_marks_moved), 0);
        /* In a text, and in another room, it is no setting. */
        stage_say(&stage, &stage.boris, ours(), "receipts-off yes");
        stage_work(&stage, 0);
        assert_false(is_due());
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
        static const struct CMUnitTest tests[] = {
                TEST(test_who_is_off_is_told_nothing_and_nobody_of_him),
                TEST(test_all_rooms_take_notice),
                TEST(test_the_store_fails_meanwhile),
                TEST(test_what_is_refused),
        };

        return cmocka_run_group_tests_name("receipts", tests, NULL, NULL);
}
