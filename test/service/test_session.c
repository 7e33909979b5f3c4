/* The service of rooms: what is refused, how a frame's operations stand each for itself, and who hears of marks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
// clang-format off
#include <cmocka.h>
// clang-format on

#include "base/assert.h"
#include "rules/limits.h"
#include "rules/row.h"
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

static void test_strangers_rooms(void **state)
{
        struct id theirs = room_personal(stage.boris.user, stage.clara.user), group = stage_id(&stage), none = {{1}};
        struct id nobody = room_personal(stage.anna.user, 12345);
        struct sent to_theirs = stage_say(&stage, &stage.anna, theirs, "x"),
                    to_none = stage_say(&stage, &stage.anna, none, "x");
        struct sent to_group = stage_say(&stage, &stage.anna, group, "x"),
                    to_nobody = stage_say(&stage, &stage.anna, nobody, "x");
        struct wire_mark mark = {.delivered = 1};
        struct id marked = stage_send(&stage, &stage.anna, WIRE_CODE_mark, theirs, &mark);
        struct id unmade = stage_send(&stage, &stage.anna, WIRE_CODE_mark, ours(), &mark);

        (void)state;
        stage_work(&stage, 100);
        assert_int_equal(stage_error(&stage, to_theirs.request), ERR_NO_ROOM);
        assert_int_equal(stage_error(&stage, to_none.request), ERR_NO_ROOM);
        assert_int_equal(stage_outcome(&stage, to_group.request).status, ERR_NO_ROOM);
        assert_int_equal(stage_outcome(&stage, to_nobody.request).status, ERR_NO_USER);
        assert_int_equal(stage_error(&stage, marked), ERR_NO_ROOM);
        assert_int_equal(stage_error(&stage, unmade), ERR_NO_ROOM);
        assert_int_equal(stage_frames_for(&stage, &stage.boris, WIRE_CODE_delivery), 0);
}

/* Valid and invalid operations in one frame: each has its own outcome, in order, and the valid ones happen. */
static void test_each_operation_stands_for_itself(void **state)
{
        static char large[TEXT_SIZE_MAX + 1];
        struct wire_operation operations[6];
        struct wire_write write = {.operations = {.items = operations, .count = 5}};
        struct wire_written written;
        struct wire_iterator iterator;
        struct wire_outcome outcome;
        static const struct {
                enum error status;
                uint64_t seq;
        } expected[] = {{ERR_OK, 1}, {ERR_BAD_FIELD, 0}, {ERR_OK, 2}, {ERR_BAD_FIELD, 0}, {ERR_OK, 3}};
        struct id request;

        (void)state;
        memset(large, 'l', sizeof(large));
        for (size_t i = 0; i < countof(operations); i++)
                operations[i] =
                        (struct wire_operation){.id = stage_id(&stage), .kind = ROW_TEXT, .text = SLICE_LITERAL("text")};
        operations[1].text = (struct slice){0};
        operations[2].text = slice_of(large, TEXT_SIZE_MAX);
        operations[3].kind = 99;
        request = stage_send(&stage, &stage.anna, WIRE_CODE_write, ours(), &write);
        stage_work(&stage, 0);
        stage_body(stage_reply(&stage, request), WIRE_CODE_written, WIRE_STRUCTURE(written), &written);
        WIRE_LIST_START(&iterator, written, outcomes, &written.outcomes);
        for (size_t i = 0; i < countof(expected); i++) {
                assert_true(wire_list_next(&iterator, &outcome));
                assert_true(id_equal(&outcome.id, &operations[i].id));
                assert_int_equal(outcome.status, expected[i].status);
                assert_int_equal(outcome.seq, expected[i].seq);
        }
        assert_false(wire_list_next(&iterator, &outcome));
        assert_int_equal(stage_frames_for(&stage, &stage.boris, WIRE_CODE_delivery), 3);
        write.operations.count = 0;
        request = stage_send(&stage, &stage.anna, WIRE_CODE_write, ours(), &write);
        stage_work(&stage, 0);
        assert_int_equal(stage_error(&stage, request), ERR_BAD_FIELD);
}

/* Bodies that no encoder makes: bad UTF-8, a text beyond its limit, a list beyond its limit, bytes that are no fields. */
static void test_bodies_that_are_not_valid(void **state)
{
        static uint8_t large[TEXT_SIZE_MAX + 64];
        static const uint8_t bad_text[] = {10, 24, 10, 16, 1,  2,  3,  4,  5, 6,  7, 8,    9,
                                           10, 11, 12, 13, 14, 15, 16, 16, 1, 26, 2, 0xc3, 0x28};
        static const uint8_t no_fields[] = {0xff, 0xff, 0xff};
        static uint8_t many[17 * 20];
        const struct {
                struct slice body;
                enum error error;
        } cases[] = {
                {slice_of(bad_text, sizeof(bad_text)), ERR_BAD_FIELD},
                {slice_of(no_fields, sizeof(no_fields)), ERR_BAD_FRAME},
                {slice_of(many, sizeof(many)), ERR_BAD_FIELD},
                {slice_of(large, sizeof(large)), ERR_BAD_FIELD},
        };
        size_t at = 0;

        (void)state;
        for (size_t i = 0; i < 17; i++) { /* 17 operations of an id alone */
                memcpy(many + i * 20, (const uint8_t[]){10, 18, 10, 16}, 4);
                many[i * 20 + 4] = (uint8_t)(i + 1);
        }
        /* One operation with TEXT_SIZE_MAX + 1 bytes: tag 1, length; id; kind; tag 3, length. */
        memset(large, 'l', sizeof(large));
        memcpy(large, (const uint8_t[]){10, 0x99, 0x80, 1, 10, 16}, 6);
        at = 6 + 16;
        memcpy(large + at, (const uint8_t[]){16, 1, 26, 0x81, 0x80, 1}, 6);
        for (size_t i = 0; i < countof(cases); i++) {
                static uint8_t frame_bytes[WIRE_UP_SIZE_MAX], bytes[WIRE_UP_SIZE_MAX + 512];
                struct id request = stage_id(&stage);
                struct wire_frame frame = {.code = WIRE_CODE_write,
                                           .request = request,
                                           .user = stage.anna.user,
                                           .device = stage.anna.device,
                                           .room = ours()};
                const struct wire_write nothing = {0};
                struct slice header = wire_frame_build(&frame, &nothing, frame_bytes, frame_bytes + 1024);
                struct wire_envelope envelope = {.epoch.bytes = {1},
                                                 .connection = stage.anna.connection,
                                                 .user = stage.anna.user,
                                                 .device = stage.anna.device,
                                                 .not_after_ms = stage.clock.clock.wall_ms(&stage.clock.clock) + 5000};
                struct slice body = i == 3 ? slice_of(large, 3 + 1 + 0x4019) : cases[i].body;

                memmove(frame_bytes, header.data + 4, header.size - 4);
                memcpy(frame_bytes + header.size - 4, body.data, body.size);
                envelope.frame = slice_of(frame_bytes, header.size - 4 + body.size);
                stage_publish(&stage, BUS_SESSION, (struct slice){0},
                              wire_record_build(WIRE_CODE_envelope, &envelope, bytes, bytes + sizeof(bytes)));
                stage_work(&stage, 0);
                assert_int_equal(stage_error(&stage, request), cases[i].error);
        }
        assert_int_equal(stage_rows(&stage, &stage.anna, ours(), NULL), 0);
        /* What cannot be parsed passed the frontend, so it is poison; what is not valid is the client's own fault. */
        assert_int_equal(stage_records(&stage, BUS_DEAD_LETTERS, WIRE_CODE_envelope), 1);
}

static void test_a_revoked_device_is_refused(void **state)
{
        struct store_op op = {
                .kind = STORE_SIGN_OUT, .request = stage_id(&stage), .user = stage.anna.user, .device = stage.anna.device};
        struct store_result result;
        struct completion completion;
        struct sent sent;

        (void)state;
        check(stage.store->ops->apply(stage.store, &op, 1, &result, &stage.arena, 1) == ERR_OK);
        assert_int_equal(stage.store->ops->poll(stage.store, &completion, 1), 1);
        assert_int_equal(result.status, ERR_OK);
        sent = stage_say(&stage, &stage.anna, ours(), "x");
        stage_work(&stage, 0);
        assert_non_null(stage_reply(&stage, sent.request));
        if (stage_error(&stage, sent.request) == ERR_OK)
                assert_int_equal(stage_outcome(&stage, sent.request).status, ERR_REVOKED);
        else
                assert_int_equal(stage_error(&stage, sent.request), ERR_REVOKED);
        assert_int_equal(stage_rows(&stage, &stage.boris, ours(), NULL), 0);
}

/* Boris's mark was done by a worker that died before it told anybody. Its heir comes too late to do it, and Boris never asks again. */
static void test_a_predecessors_mark_is_told(void **state)
{
        struct wire_mark mark = {.delivered = 1, .read = 1, .shown = 1};
        struct id again;

        (void)state;
        stage_say(&stage, &stage.anna, ours(), "hello");
        stage_send(&stage, &stage.boris, WIRE_CODE_mark, ours(), &mark);
        stage_work(&stage, 0);
        worker_free(&stage.worker);
        again = stage_send(&stage, &stage.boris, WIRE_CODE_mark, ours(), &mark);
        hand_clock_advance_ms(&stage.clock, STAGE_REPLY_MS + 1);
        bus_embedded_expel(stage.embedded, bus_embedded_member(faulty_bus_inner(stage.seams.bus)));
        check(worker_new(&service_session, &stage.seams, 0, &stage.worker) == ERR_OK);
        stage_forget(&stage);
        stage_work(&stage, 0);
        assert_int_equal(stage_error(&stage, again), ERR_LATE);
        assert_int_equal(stage_frames_for(&stage, &stage.anna, WIRE_CODE_marks_moved), 1);
        /* Not so what nobody can have done before. */
        hand_clock_advance_ms(&stage.clock, WORKER_INHERIT_MS);
        stage_forget(&stage);
        stage_send(&stage, &stage.boris, WIRE_CODE_mark, ours(), &mark);
        hand_clock_advance_ms(&stage.clock, STAGE_REPLY_MS + 1);
        stage_work(&stage, 0);
        assert_int_equal(stage_frames_for(&stage, &stage.anna, WIRE_CODE_marks_moved), 0);
}

static void test_marks_are_told(void **state)
{
        struct wire_mark mark = {.delivered = 1, .read = 1, .shown = 1};
        struct wire_marked marked;
        struct id request;

        (void)state;
        stage_say(&stage, &stage.anna, ours(), "hello");
        stage_work(&stage, 0);
        stage_forget(&stage);
        request = stage_send(&stage, &stage.boris, WIRE_CODE_mark, ours(), &mark);
        stage_work(&stage, 0);
        stage_body(stage_reply(&stage, request), WIRE_CODE_marked, WIRE_STRUCTURE(marked), &marked);
        assert_int_equal(marked.marks.read, 1);
        assert_int_equal(marked.marks.unread, 0);
        assert_int_equal(marked.lowest.delivered_second, 1);
        assert_int_equal(stage_frames_for(&stage, &stage.anna, WIRE_CODE_marks_moved), 1);
        assert_int_equal(stage_frames_for(&stage, &stage.boris, WIRE_CODE_marks_moved),
                         0); /* this connection has the reply */
        /* Again, as after a lost reply: Anna may have missed it. */
        stage_forget(&stage);
        request = stage_send(&stage, &stage.boris, WIRE_CODE_mark, ours(), &mark);
        stage_work(&stage, 0);
        assert_int_equal(stage_frames_for(&stage, &stage.anna, WIRE_CODE_marks_moved), 1);
        /* Past the head, and backward. */
        mark = (struct wire_mark){.delivered = UINT64_MAX, .read = UINT64_MAX, .shown = 0};
        request = stage_send(&stage, &stage.boris, WIRE_CODE_mark, ours(), &mark);
        stage_work(&stage, 0);
        stage_body(stage_reply(&stage, request), WIRE_CODE_marked, WIRE_STRUCTURE(marked), &marked);
        assert_int_equal(marked.marks.delivered, 1);
        assert_int_equal(marked.marks.shown, 1);
}

/* A mark above the head is clamped; its worker may have died before anybody was told, so its repeat tells as any other does. */
static void test_the_repeat_of_a_mark_beyond_the_head_is_told(void **state)
{
        static const struct {
                struct wire_mark mark;
                size_t told; /* the first time: `read` alone is not for others */
        } cases[] = {{{.delivered = 5}, 1}, {{.read = 6}, 0}, {{.shown = UINT64_MAX}, 1}};

        (void)state;
        for (size_t i = 0; i < countof(cases); i++) {
                stage_say(&stage, &stage.anna, ours(), "hello");
                stage_work(&stage, 0);
                stage_forget(&stage);
                for (size_t repeats = 0; repeats < 2; repeats++) {
                        stage_send(&stage, &stage.boris, WIRE_CODE_mark, ours(), &cases[i].mark);
                        stage_work(&stage, 0);
                        assert_int_equal(stage_frames_for(&stage, &stage.anna, WIRE_CODE_marks_moved),
                                         cases[i].told + repeats);
                }
        }
}

/* A mark that comes alone waits a moment; a message takes it along at once, in one transaction and in their order. */
static void test_marks_wait_for_company(void **state)
{
        struct wire_mark mark = {.delivered = 1, .read = 1, .shown = 1};
        struct id marked;
        struct sent sent;

        (void)state;
        stage.seams.patience_ms = 4;
        stage_worker_anew(&stage);
        hand_clock_advance_ms(&stage.clock, WORKER_INHERIT_MS);
        stage_say(&stage, &stage.anna, ours(), "hello");
        stage_work(&stage, 0);
        stage_forget(&stage);

        marked = stage_send(&stage, &stage.boris, WIRE_CODE_mark, ours(), &mark);
        stage_work(&stage, 3);
        assert_null(stage_reply(&stage, marked));
        stage_work(&stage, 4);
        assert_non_null(stage_reply(&stage, marked));

        mark = (struct wire_mark){.delivered = 2, .read = 2, .shown = 2};
        stage_fail(&stage, FAULT_FLUSH, FAULT_NONE, 0, 0);
        sent = stage_say(&stage, &stage.anna, ours(), "again");
        marked = stage_send(&stage, &stage.boris, WIRE_CODE_mark, ours(), &mark);
        stage_work(&stage, 0);
        assert_string_equal(stage.script.calls, "APFC");
        assert_int_equal(stage_outcome(&stage, sent.request).seq, 2);
        assert_non_null(stage_reply(&stage, marked));
        stage_forget(&stage);

        /* The mark first: it waits until the message comes. */
        mark = (struct wire_mark){.delivered = 1, .read = 1, .shown = 1};
        marked = stage_send(&stage, &stage.anna, WIRE_CODE_mark, ours(), &mark);
        stage_work(&stage, 1);
        assert_null(stage_reply(&stage, marked));
        stage_fail(&stage, FAULT_FLUSH, FAULT_NONE, 0, 0);
        stage_say(&stage, &stage.anna, ours(), "once more");
        stage_work(&stage, 0);
        assert_string_equal(stage.script.calls, "APFC");
        assert_non_null(stage_reply(&stage, marked));
}

/* Another device of the sender gets what the sending one has in its reply. */
static void test_the_senders_other_devices_hear_it(void **state)
{
        struct client tablet = stage.anna;
        struct presence_request request = {.kind = PRESENCE_SET};
        struct presence_result result;
        struct completion completion;
        struct presence *presence;

        (void)state;
        tablet.connection = 777;
        request.entry = (struct presence_entry){tablet.user, tablet.connection, tablet.device, {{1}}, 0};
        check(presence_memory_open(stage.memory, &presence) == ERR_OK);
        check(presence->ops->submit(presence, &request, 1, &result, &stage.arena, 1) == ERR_OK);
        check(presence->ops->poll(presence, &completion, 1) == 1);
        presence->ops->free(&presence);
        stage_say(&stage, &stage.anna, ours(), "hello");
        stage_work(&stage, 0);
        assert_int_equal(stage_frames_for(&stage, &tablet, WIRE_CODE_delivery), 1);
        assert_int_equal(stage_frames_for(&stage, &stage.anna, WIRE_CODE_delivery), 0);
        assert_int_equal(stage_frames_for(&stage, &stage.boris, WIRE_CODE_delivery), 1);
}

/* A group of three; its log has two rows of the group itself, and one text of Anna's. */
static struct id group_of_three(void)
{
        struct id group = stage_id(&stage);
        struct wire_operation operations[] = {
                {.id = group, .kind = ROW_CREATED, .text = SLICE_LITERAL("Three")},
                {.id = stage_id(&stage), .kind = ROW_JOINED, .subject = stage.boris.user},
                {.id = stage_id(&stage), .kind = ROW_JOINED, .subject = stage.clara.user},
                {.id = stage_id(&stage), .kind = ROW_TEXT, .text = SLICE_LITERAL("hello")},
        };
        struct wire_write write = {.operations = {.items = operations, .count = countof(operations)}};

        stage_send(&stage, &stage.anna, WIRE_CODE_write, group, &write);
        stage_work(&stage, 0);
        stage_forget(&stage);
        return group;
}

/* Each of them moves the lowest; together they are told once, to everybody, as it is after the last. */
static void test_marks_of_a_group_in_one_batch_are_told_once(void **state)
{
        struct wire_mark marks[] = {{.delivered = 4}, {.delivered = 4, .read = 4, .shown = 4}};
        struct id group = group_of_three(), request = {0};
        struct wire_marked marked;
        struct wire_marks_moved moved;
        const struct client *all[] = {&stage.anna, &stage.boris, &stage.clara};

        (void)state;
        for (size_t i = 0; i < countof(marks); i++)
                for (size_t j = 1; j < countof(all); j++)
                        request = stage_send(&stage, all[j], WIRE_CODE_mark, group, &marks[i]);
        stage_send(&stage, all[0], WIRE_CODE_mark, group, &marks[0]);
        request = stage_send(&stage, all[0], WIRE_CODE_mark, group, &marks[1]);
        stage_work(&stage, 0);
        assert_int_equal(stage.apply_count, 1 + 1); /* the group's, and one batch of marks */
        stage_body(stage_reply(&stage, request), WIRE_CODE_marked, WIRE_STRUCTURE(marked), &marked);
        assert_int_equal(marked.lowest.shown_first, 4);
        assert_int_equal(stage_frames_for(&stage, &stage.boris, WIRE_CODE_marks_moved), 1);
        assert_int_equal(stage_frames_for(&stage, &stage.clara, WIRE_CODE_marks_moved), 1);
        for (size_t i = 0; i < stage.heard_count; i++) {
                if (stage.heard[i].frame.code != WIRE_CODE_marks_moved)
                        continue;
                assert_int_equal(wire_decode(WIRE_STRUCTURE(marks_moved), stage.heard[i].frame.body, &moved, NULL), ERR_OK);
                if (moved.has & WIRE_HAS(marks_moved, lowest))
                        assert_int_equal(moved.lowest.version, marked.lowest.version);
        }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
        static const struct CMUnitTest tests[] = {
                TEST(test_strangers_rooms),
                TEST(test_each_operation_stands_for_itself),
                TEST(test_bodies_that_are_not_valid),
                TEST(test_a_revoked_device_is_refused),
                TEST(test_marks_are_told),
                TEST(test_a_predecessors_mark_is_told),
                TEST(test_the_repeat_of_a_mark_beyond_the_head_is_told),
                TEST(test_marks_wait_for_company),
                TEST(test_marks_of_a_group_in_one_batch_are_told_once),
                TEST(test_the_senders_other_devices_hear_it),
        };

        return cmocka_run_group_tests_name("session", tests, NULL, NULL);
}
