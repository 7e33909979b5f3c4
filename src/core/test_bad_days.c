/* What a bad day brings: a storage that hangs, answers that come late or say odd things, deliveries that nobody sends any more, a
 * server that went back in time. Each story is an interleaving that once lost, doubled or stalled something. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// clang-format off
#include <cmocka.h>
// clang-format on

#include "base/assert.h"
#include "core/state.h"
#include "rules/room.h"
#include "rules/row.h"
#include "support/fake_server.h"

#define ALICE 1
#define BOB   2

static const struct wire_rejoin rejoin;

struct world {
        struct fake_server server;
        struct core_host alice, bob;
        struct fake_client *bobs_client;
        struct id room;
};

static int set_up(void **state)
{
        static struct world world;

        fake_server_init(&world.server);
        core_host_init(&world.alice, 1);
        core_host_init(&world.bob, 2);
        world.room = room_personal(ALICE, BOB);
        fake_server_add(&world.server, &world.alice, ALICE, 11);
        fake_server_add(&world.server, &world.bob, BOB, 21);
        world.bobs_client = &world.server.clients[1];
        fake_server_serve(&world.server);
        *state = &world;
        return 0;
}

static int tear_down(void **state)
{
        struct world *world = *state;

        fake_server_finish(&world->server);
        return 0;
}

static struct id say(struct core_host *host, const struct id *room, const char *text)
{
        struct id id;

        assert_int_equal(core_send(host->core, room, slice_text(text), &id, host->time), ERR_OK);
        core_host_settle(host);
        return id;
}

static uint64_t head_of(const struct core_host *host, const struct id *room)
{
        struct core_room_info info;

        return core_room_info(host->core, room, &info) == ERR_OK ? info.head : 0;
}

static void apply_all(struct core_host *host)
{
        host->keep_by_hand = false;
        while (core_host_apply(host, true))
                continue;
}

/* Pages come while nothing is kept: batches are sealed in the midst of one. The core stops taking in at its bound, does not come
 * back before the storage has caught up, and lacks nothing in the end. */
static void a_storage_that_hangs_bounds_what_is_taken_in(void **state)
{
        struct world *world = *state;
        struct fake_row *rows;

        world->bob.keep_by_hand = true;
        for (uint64_t other = 3; other < 23; other++) {
                struct id room = room_personal(BOB, other);

                for (int i = 0; i < 1000; i++)
                        fake_server_say(&world->server, &room, other, "a text of nearly fourty-eight bytes, as it is", true);
        }
        for (int i = 0; i < 10; i++) /* one batch each, until no more is offered */
                fake_server_say(&world->server, &world->room, ALICE, "hello", false);
        core_host_disconnect(&world->bob);
        fake_server_run(&world->server, 20000, 500);
        assert_true(world->bob.closed && !world->bob.linked);
        for (int i = 0; i < 120; i++) {
                core_host_advance(&world->bob, 1000);
                assert_false(world->bob.connect_due);
        }
        apply_all(&world->bob);
        fake_server_run(&world->server, 60000, 500);
        for (uint64_t other = 3; other < 23; other++) {
                struct id room = room_personal(BOB, other);
                struct wire_row row;

                rows = fake_server_room(&world->server, &room)->rows;
                for (uint64_t seq = 1; seq <= 1000; seq++) {
                        assert_true(core_host_row(&world->bob, &room, seq, &row));
                        assert_true(id_equal(&row.request, &rows[seq - 1].row.request));
                }
        }
}

/* Bob connects again, and his Join is here. */
static void take_join(struct world *world, struct fake_frame *join)
{
        core_host_disconnect(&world->bob);
        core_host_advance(&world->bob, 1100);
        core_host_connect(&world->bob);
        assert_true(fake_server_take(&world->bob, join) && join->head.code == WIRE_CODE_hello);
        fake_server_handle(&world->server, world->bobs_client, join);
        assert_true(fake_server_take(&world->bob, join) && join->head.code == WIRE_CODE_join);
        world->bob.closed = false;
}

/* The server needs longer than its deadline. A client that closed the link for that would never get in. */
static void a_join_answered_late_is_an_answer(void **state)
{
        struct world *world = *state;
        struct fake_frame join;

        take_join(world, &join);
        fake_server_error(&world->server, &world->bob, &join.head.request, ERR_UNKNOWN, 0);
        assert_int_equal(core_phase(world->bob.core), CORE_JOINING);
        fake_server_handle(&world->server, world->bobs_client, &join);
        assert_int_equal(core_phase(world->bob.core), CORE_SYNCED);
        fake_server_say(&world->server, &world->room, ALICE, "hello", false);
        assert_int_equal(head_of(&world->bob, &world->room), 1);
        fake_server_run(&world->server, 60000, 500);
        assert_false(world->bob.closed);
}

/* Between the late answer and that to the second attempt something is delivered. */
static void a_join_that_was_asked_twice_loses_nothing(void **state)
{
        struct world *world = *state;
        struct fake_frame first, second;

        take_join(world, &first);
        fake_server_error(&world->server, &world->bob, &first.head.request, ERR_UNKNOWN, 0);
        core_host_advance(&world->bob, 600);
        assert_true(fake_server_take(&world->bob, &second) && second.head.code == WIRE_CODE_join);
        assert_true(id_equal(&first.head.request, &second.head.request));
        fake_server_handle(&world->server, world->bobs_client, &first);
        fake_server_say(&world->server, &world->room, ALICE, "hello", false);
        assert_int_equal(head_of(&world->bob, &world->room), 1);
        fake_server_handle(&world->server, world->bobs_client, &second);
        fake_server_say(&world->server, &world->room, ALICE, "again", false);
        assert_int_equal(head_of(&world->bob, &world->room), 2);
        assert_false(world->bob.closed);
}

/* A message that failed lies before it, and the memory for texts is full. */
static void a_failed_message_does_not_stop_the_next(void **state)
{
        struct world *world = *state;
        struct id other = room_personal(BOB, 9);

        core_host_crash(&world->bob);
        world->bob.limits.outbox_bytes_max = 80;
        core_host_start(&world->bob);
        fake_server_serve(&world->server);
        world->server.write_status = ERR_NO_ROOM;
        say(&world->bob, &world->room, "this one is refused, and stays here failed");
        fake_server_serve(&world->server);
        assert_int_equal(core_host_last(&world->bob, CORE_EVENT_MESSAGE)->state, CORE_MESSAGE_FAILED);
        world->server.write_status = ERR_BUSY;
        world->server.write_retry_ms = 3600000;
        say(&world->bob, &other, "these are busy for an hour and fill");
        say(&world->bob, &other, "all the memory that there is for texts");
        fake_server_serve(&world->server);
        world->server.write_status = ERR_OK;
        say(&world->bob, &world->room, "so this one's text is in the storage only");
        fake_server_run(&world->server, 5000, 500);
        assert_int_equal(fake_server_room(&world->server, &world->room)->head, 1);
        assert_int_equal(core_host_last(&world->bob, CORE_EVENT_MESSAGE)->state, CORE_MESSAGE_SENT);
}

/* What was on its way to the storage when the log went back must not count as received of the new log. */
static void what_was_forgotten_is_not_marked_as_delivered(void **state)
{
        struct world *world = *state;
        struct fake_room *room = fake_server_room(&world->server, &world->room);

        for (int i = 0; i < 20; i++)
                fake_server_say(&world->server, &world->room, ALICE, "before", false);
        fake_server_run(&world->server, 3000, 500);
        world->bob.keep_by_hand = true;
        for (int i = 0; i < 5; i++)
                fake_server_say(&world->server, &world->room, ALICE, "lost with the disk", false);
        room->head = 10;
        room->marks[0] = room->marks[1] = (struct wire_marks){0};
        core_host_disconnect(&world->bob);
        fake_server_run(&world->server, 3000, 500);
        core_host_clear_events(&world->bob);
        apply_all(&world->bob);
        fake_server_run(&world->server, 5000, 500); /* it checks that nobody marks above the head */
        assert_int_equal(room->marks[1].delivered, 10);
        assert_int_equal(head_of(&world->bob, &world->room), 10);
        assert_true(core_host_count(&world->bob, CORE_EVENT_ROW) >= 10);
        for (size_t i = 0; i < world->bob.event_count; i++)
                assert_true(world->bob.events[i].kind != CORE_EVENT_ROW || world->bob.events[i].seq <= 10);
}

/* Its store is behind what was delivered: asked once every half a second, not as fast as it answers. */
static void a_gap_that_nobody_can_fill_is_asked_for_in_peace(void **state)
{
        struct world *world = *state;
        struct wire_delivery delivery = {.number = 9, .has = 0};
        struct fake_frame frame;
        unsigned asked = 0;

        fake_server_say(&world->server, &world->room, ALICE, "hello", false);
        fake_server_serve(&world->server);
        fake_server_send(&world->server, &world->bob, WIRE_CODE_delivery, NULL, &world->room, &delivery);
        core_host_advance(&world->bob, 2000);
        for (int i = 0; i < 50 && fake_server_take(&world->bob, &frame); i++) {
                asked += frame.head.code == WIRE_CODE_changes;
                fake_server_handle(&world->server, world->bobs_client, &frame);
        }
        assert_int_equal(asked, 1);
        core_host_advance(&world->bob, 600);
        assert_true(fake_server_take(&world->bob, &frame) && frame.head.code == WIRE_CODE_changes);
}

/* The answer to a mark tells that the log is longer than what was delivered. */
static void an_answer_to_a_mark_shows_a_gap(void **state)
{
        struct world *world = *state;

        fake_server_say(&world->server, &world->room, ALICE, "one", false);
        fake_server_run(&world->server, 3000, 500);
        fake_server_say(&world->server, &world->room, ALICE, "two, never delivered", true);
        core_read(world->bob.core, &world->room, 1, world->bob.time);
        core_host_settle(&world->bob);
        fake_server_run(&world->server, 3000, 500);
        assert_int_equal(head_of(&world->bob, &world->room), 2);
}

static void a_connect_that_hangs_is_given_up(void **state)
{
        struct world *world = *state;

        core_host_disconnect(&world->bob);
        core_host_advance(&world->bob, 1100);
        assert_true(world->bob.connect_due);
        world->bob.closed = false;
        core_host_advance(&world->bob, LINK_CONNECT_MS);
        assert_true(world->bob.closed);
        core_host_advance(&world->bob, 5000);
        assert_true(world->bob.connect_due);
}

/* The connection is at fault, not the question: another one is made, and asks again. */
static void a_question_refused_with_the_connection_is_asked_on_another(void **state)
{
        struct world *world = *state;

        core_online(world->alice.core, false, world->alice.time); /* Bob alone asks */
        for (int i = 0; i < 60; i++)
                fake_server_say(&world->server, &world->room, ALICE, "hello", true);
        world->server.script[WIRE_CODE_changes].times = 1;
        world->server.script[WIRE_CODE_changes].error = ERR_NOT_NOW;
        fake_server_say(&world->server, &world->room, ALICE, "hello", false);
        fake_server_run(&world->server, 10000, 500);
        assert_true(world->bob.closed);
        assert_int_equal(fake_server_room(&world->server, &world->room)->marks[1].delivered, 61);
}

/* An answer that does not say that the device is out must not throw away what was never sent. */
static void an_odd_answer_to_a_renewal_drops_nothing(void **state)
{
        struct world *world = *state;
        static struct core_host carol;
        static const uint8_t secret[32] = {7};
        struct id self = room_personal(ALICE, ALICE);

        core_host_init(&carol, 3);
        fake_server_add(&world->server, &carol, 0, 0);
        assert_int_equal(core_sign_in(carol.core, SLICE_LITERAL("alice"), SLICE_LITERAL("correct horse"), secret,
                                      SLICE_LITERAL("phone"), carol.time),
                         ERR_OK);
        core_host_settle(&carol);
        fake_server_serve(&world->server);
        assert_int_equal(core_phase(carol.core), CORE_SYNCED);
        core_host_disconnect(&carol);
        say(&carol, &self, "not sent yet");
        world->server.token_salt++;
        world->server.script[WIRE_CODE_renew].times = 2;
        world->server.script[WIRE_CODE_renew].error = ERR_UNKNOWN_CODE;
        fake_server_run(&world->server, 20000, 500);
        assert_int_equal(core_host_count(&carol, CORE_EVENT_FORGOTTEN), 0);
        assert_int_equal(core_phase(carol.core), CORE_SYNCED);
        assert_int_equal(fake_server_room(&world->server, &self)->head, 1);
}

/* Presence forgot Bob: nothing is delivered to him any more. The comparison brings what he missed, and him back into presence. */
static void who_is_not_delivered_to_joins_again(void **state)
{
        struct world *world = *state;
        uint64_t joins = world->server.counts[WIRE_CODE_join];

        fake_server_run(&world->server, JOIN_COMPARE_MS, 10000);
        assert_int_equal(world->server.counts[WIRE_CODE_join], joins); /* with nothing missed nobody does */
        fake_server_say(&world->server, &world->room, ALICE, "hello", true);
        fake_server_run(&world->server, JOIN_COMPARE_MS + JOIN_MISSED_MS, 10000);
        assert_true(world->server.counts[WIRE_CODE_join] > joins);
        assert_false(world->bob.closed);
}

/* The Join that was under way read the store before the message whose delivery was then lost. */
static void who_is_told_to_while_he_joins_joins_once_more(void **state)
{
        struct world *world = *state;
        struct fake_frame join;

        fake_server_send(&world->server, &world->bob, WIRE_CODE_rejoin, NULL, NULL, &rejoin);
        assert_true(fake_server_take(&world->bob, &join));
        assert_int_equal(join.head.code, WIRE_CODE_join);
        fake_server_send(&world->server, &world->bob, WIRE_CODE_rejoin, NULL, NULL, &rejoin);
        fake_server_handle(&world->server, world->bobs_client, &join);
        fake_server_say(&world->server, &world->room, ALICE, "hello", true);
        fake_server_run(&world->server, 3000, 500);
        assert_int_equal(head_of(&world->bob, &world->room), 1);
        assert_false(world->bob.closed);
}

/* Answered, but behind a gap, when another era comes on the same link: it is not in the new log, and goes again. */
static void what_was_answered_in_another_era_goes_again(void **state)
{
        struct world *world = *state;

        fake_server_say(&world->server, &world->room, ALICE, "one", false);
        fake_server_run(&world->server, 3000, 500);
        fake_server_say(&world->server, &world->room, ALICE, "two, never delivered", true);
        say(&world->bob, &world->room, "three");
        fake_server_serve(&world->server);
        fake_server_restore_nothing(&world->server);
        fake_server_send(&world->server, &world->bob, WIRE_CODE_rejoin, NULL, NULL, &rejoin);
        fake_server_run(&world->server, 5000, 500);
        assert_false(world->bob.closed);
        assert_int_equal(fake_server_room(&world->server, &world->room)->head, 1);
        assert_int_equal(core_host_records(&world->bob, SLICE_LITERAL("O")), 0);
}

/* Takes all the memory there is, and gives it back. */
struct hoard {
        void *blocks[4096];
        size_t sizes[4096], count;
};

static void hoard_take(struct hoard *hoard, struct core *core)
{
        for (unsigned class = RECYCLER_CLASSES; class -- > 0;) {
                size_t size = recycler_class_size(class);

                while ((hoard->blocks[hoard->count] = recycler_take(&core->memory, size))) {
                        hoard->sizes[hoard->count++] = size;
                        assert_true(hoard->count < 4096);
                }
        }
}

static void hoard_give(struct hoard *hoard, struct core *core)
{
        while (hoard->count > 0) {
                hoard->count--;
                recycler_give(&core->memory, hoard->blocks[hoard->count], hoard->sizes[hoard->count]);
        }
}

/* There is no memory to tell the storage to forget: then the era is not another one yet, either. */
static void an_era_that_comes_without_memory_comes_again(void **state)
{
        struct world *world = *state;
        static struct hoard hoard;
        struct fake_frame join;

        core_host_crash(&world->bob);
        world->bob.arena_max = 262144;
        core_host_start(&world->bob);
        fake_server_serve(&world->server);
        fake_server_say(&world->server, &world->room, ALICE, "of the old era", false);
        fake_server_run(&world->server, 3000, 500);
        take_join(world, &join);
        fake_server_restore_nothing(&world->server);
        hoard_take(&hoard, world->bob.core);
        fake_server_handle(&world->server, world->bobs_client, &join);
        assert_true(world->bob.closed);
        hoard_give(&hoard, world->bob.core);
        fake_server_run(&world->server, 20000, 500);
        assert_int_equal(core_phase(world->bob.core), CORE_SYNCED);
        assert_int_equal(core_host_count(&world->bob, CORE_EVENT_FORGOTTEN), 1);
        assert_int_equal(core_host_records(&world->bob, SLICE_LITERAL("M")), 0);
}

/* The store goes back in time while he is connected, and he is told to join again. What comes before the answer has numbers that he
 * takes for known: so he asks once more. */
static void an_era_that_ends_under_way_is_joined_twice(void **state)
{
        struct world *world = *state;
        struct fake_frame join;
        struct wire_row row;

        for (int i = 0; i < 3; i++)
                fake_server_say(&world->server, &world->room, ALICE, "of the old era", false);
        fake_server_run(&world->server, 3000, 500);
        assert_int_equal(head_of(&world->bob, &world->room), 3);
        fake_server_restore_nothing(&world->server);
        fake_server_send(&world->server, &world->bob, WIRE_CODE_rejoin, NULL, NULL, &rejoin);
        core_host_advance(&world->bob, 1);
        assert_true(fake_server_take(&world->bob, &join) && join.head.code == WIRE_CODE_join);
        fake_server_handle(&world->server, world->bobs_client, &join);
        assert_int_equal(head_of(&world->bob, &world->room), 0);
        fake_server_say(&world->server, &world->room, ALICE, "of the new era", true);
        fake_server_run(&world->server, 3000, 500);
        assert_int_equal(head_of(&world->bob, &world->room), 1);
        assert_true(core_host_row(&world->bob, &world->room, 1, &row));
        assert_true(slice_equal(row.text, SLICE_LITERAL("of the new era")));
}

/* What he had written in the old era was still on its way, and is done in the new one: nobody waits for its answer any more, and its
 * sender gets no delivery. */
static void what_is_done_again_in_a_new_era_is_fetched(void **state)
{
        struct world *world = *state;
        struct wire_outcome outcome = {.id = {{1}}, .seq = 1};
        struct wire_written written = {.outcomes = {.items = &outcome, .count = 1}};
        struct id request = {{2}};

        fake_server_say(&world->server, &world->room, BOB, "of the old era", false);
        fake_server_run(&world->server, 3000, 500);
        fake_server_restore_nothing(&world->server);
        fake_server_send(&world->server, &world->bob, WIRE_CODE_rejoin, NULL, NULL, &rejoin);
        fake_server_run(&world->server, 3000, 500);
        assert_int_equal(head_of(&world->bob, &world->room), 0);
        fake_server_say(&world->server, &world->room, BOB, "of the old era", true);
        fake_server_send(&world->server, &world->bob, WIRE_CODE_written, &request, &world->room, &written);
        fake_server_run(&world->server, 3000, 500);
        assert_int_equal(head_of(&world->bob, &world->room), 1);
}

/* A Join on a link that goes on: what its answer says of his marks was read before his other device moved them. */
static void a_join_takes_back_no_mark_that_came_meanwhile(void **state)
{
        struct world *world = *state;
        struct wire_marks_moved moved = {.has = WIRE_HAS(marks_moved, marks),
                                         .marks = {.head = 1, .delivered = 1, .read = 1, .shown = 1}};
        struct core_room_info info;
        struct fake_frame join;

        fake_server_say(&world->server, &world->room, ALICE, "hello", false);
        fake_server_run(&world->server, 3000, 500);
        fake_server_send(&world->server, &world->bob, WIRE_CODE_rejoin, NULL, NULL, &rejoin);
        core_host_advance(&world->bob, 1);
        assert_true(fake_server_take(&world->bob, &join) && join.head.code == WIRE_CODE_join);
        fake_server_send(&world->server, &world->bob, WIRE_CODE_marks_moved, NULL, &world->room, &moved);
        fake_server_handle(&world->server, world->bobs_client, &join);
        assert_int_equal(core_room_info(world->bob.core, &world->room, &info), ERR_OK);
        assert_int_equal(info.marks.read, 1);
        assert_int_equal(info.marks.shown, 1);
}

/* A tick moves in a room that the Join under way will bring, as it was before: nobody would tell of that tick again. */
static void a_tick_that_comes_before_its_room_is_asked_for(void **state)
{
        struct world *world = *state;
        struct wire_lowest lowest = {.has = WIRE_HAS(lowest, version), .version = 9, .delivered_first = 1};
        struct wire_marks_moved moved = {.has = WIRE_HAS(marks_moved, lowest), .lowest = lowest};
        struct fake_frame join;

        fake_server_say(&world->server, &world->room, BOB, "from his other device", true);
        fake_server_send(&world->server, &world->bob, WIRE_CODE_rejoin, NULL, NULL, &rejoin);
        core_host_advance(&world->bob, 1);
        assert_true(fake_server_take(&world->bob, &join) && join.head.code == WIRE_CODE_join);
        fake_server_send(&world->server, &world->bob, WIRE_CODE_marks_moved, NULL, &world->room, &moved);
        fake_server_handle(&world->server, world->bobs_client, &join);
        core_host_advance(&world->bob, 1);
        assert_int_equal(head_of(&world->bob, &world->room), 1);
        assert_true(fake_server_take(&world->bob, &join) && join.head.code == WIRE_CODE_join);
        fake_server_handle(&world->server, world->bobs_client, &join);
        core_host_advance(&world->bob, 1);
        while (fake_server_take(&world->bob, &join)) /* and that is enough */
                assert_int_not_equal(join.head.code, WIRE_CODE_join);
}

/* The storage is asked for the outbox, and answers after the account is gone: that was another's message. */
static void an_outbox_read_for_another_account_is_not_sent(void **state)
{
        struct world *world = *state;
        struct wire_bye bye = {.code = ERR_REVOKED};
        uint8_t key[CORE_KEY_SIZE_MAX], value[128];
        size_t key_size, value_size;
        const struct wire_operation operation = {.kind = ROW_TEXT, .text = SLICE_LITERAL("Bob's")};
        struct id id = {{1}};

        assert_int_equal(core_outbox_record(&world->room, &id, &operation, 1, key, &key_size, value, &value_size), ERR_OK);
        world->bob.wants_by_hand = true;
        core_outbox_changed(world->bob.core, world->bob.time);
        core_host_settle(&world->bob);
        fake_server_send(&world->server, &world->bob, WIRE_CODE_bye, NULL, NULL, &bye);
        assert_int_equal(core_phase(world->bob.core), CORE_SIGNED_OUT);
        core_given(world->bob.core, world->bob.core->loader.number, slice_of(key, key_size), slice_of(value, value_size),
                   world->bob.time);
        core_given_end(world->bob.core, world->bob.core->loader.number, world->bob.time);
        assert_int_equal(world->bob.core->outbox.count, 0);
}

/* He comes back to the keyboard after the pauses have grown: it connects at once, but not before a pause that the server asked for. */
static void who_is_in_a_hurry_does_not_wait(void **state)
{
        struct world *world = *state;
        struct wire_bye bye = {.code = ERR_DRAINING, .retry_after_ms = 30000};

        core_host_disconnect(&world->bob);
        for (int i = 0; i < 8; i++) {
                while (!world->bob.connect_due)
                        core_host_advance(&world->bob, 1000);
                core_host_disconnect(&world->bob);
        }
        assert_true(core_deadline_ms(world->bob.core) > world->bob.time.now_ms + 5000);
        core_online(world->bob.core, false, world->bob.time);
        core_online(world->bob.core, true, world->bob.time);
        core_host_settle(&world->bob);
        assert_true(world->bob.connect_due);
        fake_server_serve(&world->server);
        assert_int_equal(core_phase(world->bob.core), CORE_SYNCED);
        fake_server_send(&world->server, &world->bob, WIRE_CODE_bye, NULL, NULL, &bye);
        core_online(world->bob.core, false, world->bob.time);
        core_online(world->bob.core, true, world->bob.time);
        core_host_settle(&world->bob);
        assert_false(world->bob.connect_due);
        core_host_advance(&world->bob, 29999);
        assert_false(world->bob.connect_due);
        core_host_advance(&world->bob, 1);
        assert_true(world->bob.connect_due);
}

/* The last id that is known after a crash may be that of an entry whose followers were answered and forgotten. */
static void ids_differ_from_those_before_a_crash_with_the_clock_set_back(void **state)
{
        struct world *world = *state;
        struct core_host *bob = &world->bob;
        struct id first, second, third;

        core_host_disconnect(bob);
        assert_int_equal(core_send(bob->core, &world->room, SLICE_LITERAL("first"), &first, bob->time), ERR_OK);
        core_host_settle(bob);
        bob->time.wall_ms -= 3600000;
        bob->keep_by_hand = true;
        assert_int_equal(core_send(bob->core, &world->room, SLICE_LITERAL("second"), &second, bob->time), ERR_OK);
        core_host_crash(bob);
        bob->keep_by_hand = false;
        bob->seed[0]++;
        core_host_start(bob);
        assert_int_equal(core_send(bob->core, &world->room, SLICE_LITERAL("third"), &third, bob->time), ERR_OK);
        assert_true(id_compare(&first, &second) < 0 && id_compare(&first, &third) < 0);
        assert_false(id_equal(&second, &third));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(ids_differ_from_those_before_a_crash_with_the_clock_set_back),
                TEST(a_storage_that_hangs_bounds_what_is_taken_in),
                TEST(a_join_answered_late_is_an_answer),
                TEST(a_join_that_was_asked_twice_loses_nothing),
                TEST(a_failed_message_does_not_stop_the_next),
                TEST(what_was_forgotten_is_not_marked_as_delivered),
                TEST(a_gap_that_nobody_can_fill_is_asked_for_in_peace),
                TEST(an_answer_to_a_mark_shows_a_gap),
                TEST(a_connect_that_hangs_is_given_up),
                TEST(a_question_refused_with_the_connection_is_asked_on_another),
                TEST(an_odd_answer_to_a_renewal_drops_nothing),
                TEST(who_is_not_delivered_to_joins_again),
                TEST(who_is_told_to_while_he_joins_joins_once_more),
                TEST(what_was_answered_in_another_era_goes_again),
                TEST(an_era_that_comes_without_memory_comes_again),
                TEST(an_era_that_ends_under_way_is_joined_twice),
                TEST(what_is_done_again_in_a_new_era_is_fetched),
                TEST(a_join_takes_back_no_mark_that_came_meanwhile),
                TEST(a_tick_that_comes_before_its_room_is_asked_for),
                TEST(an_outbox_read_for_another_account_is_not_sent),
                TEST(who_is_in_a_hurry_does_not_wait),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
