/* Alice and Bob talk: what must work on a good day, and after a night without a link. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// clang-format off
#include <cmocka.h>
// clang-format on

#include "base/assert.h"
#include "rules/limits.h"
#include "rules/room.h"
#include "support/fake_server.h"

#define ALICE 1
#define BOB   2

struct world {
        struct fake_server server;
        struct core_host alice, bob;
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

static struct id say(struct world *world, struct core_host *host, const char *text)
{
        struct id id;

        assert_int_equal(core_send(host->core, &world->room, slice_text(text), &id, host->time), ERR_OK);
        core_host_settle(host);
        return id;
}

static struct core_room_info info_of(struct world *world, struct core_host *host)
{
        struct core_room_info info;

        assert_int_equal(core_room_info(host->core, &world->room, &info), ERR_OK);
        return info;
}

static void assert_rows(struct world *world, struct core_host *host, uint64_t count)
{
        const struct fake_room *room = fake_server_room(&world->server, &world->room);
        struct wire_row row;

        assert_int_equal(room->head, count);
        for (uint64_t seq = 1; seq <= count; seq++) {
                assert_true(core_host_row(host, &world->room, seq, &row));
                assert_true(slice_equal(row.text, room->rows[seq - 1].row.text));
                assert_true(id_equal(&row.request, &room->rows[seq - 1].row.request));
        }
        assert_false(core_host_row(host, &world->room, count + 1, &row));
}

static void both_become_ready(void **state)
{
        struct world *world = *state;

        assert_int_equal(core_phase(world->alice.core), CORE_SYNCED);
        assert_int_equal(core_phase(world->bob.core), CORE_SYNCED);
        assert_int_equal(core_user(world->alice.core), ALICE);
        assert_int_equal(core_device(world->alice.core), 11);
        assert_true(slice_equal(core_profile(world->alice.core).user_name, SLICE_LITERAL("alice")));
}

static void a_message_arrives_and_gets_its_ticks(void **state)
{
        struct world *world = *state;
        struct id id = say(world, &world->alice, "hello");
        const struct host_event *event = core_host_last(&world->alice, CORE_EVENT_MESSAGE);

        assert_int_equal(event->state, CORE_MESSAGE_QUEUED);
        fake_server_serve(&world->server);
        event = core_host_last(&world->alice, CORE_EVENT_MESSAGE);
        assert_int_equal(event->state, CORE_MESSAGE_SENT);
        assert_int_equal(event->seq, 1);
        assert_true(id_equal(&event->id, &id));
        event = core_host_last(&world->bob, CORE_EVENT_ROW);
        assert_non_null(event);
        assert_string_equal(event->text, "hello");
        assert_int_equal(event->row.sender, ALICE);
        assert_int_equal(info_of(world, &world->bob).unread, 1);
        assert_int_equal(info_of(world, &world->alice).unread, 0);
        assert_int_equal(core_host_records(&world->alice, SLICE_LITERAL("O")), 0);
        /* Bob's first mark went after a moment. */
        fake_server_run(&world->server, 100, 20);
        assert_int_equal(core_row_state(world->alice.core, &world->room, 1, ALICE), CORE_MESSAGE_DELIVERED);
        core_read(world->bob.core, &world->room, 1, world->bob.time);
        core_host_settle(&world->bob);
        assert_int_equal(info_of(world, &world->bob).unread, 0);
        fake_server_run(&world->server, 2000, 100);
        assert_int_equal(core_row_state(world->alice.core, &world->room, 1, ALICE), CORE_MESSAGE_READ);
        assert_int_equal(core_row_state(world->alice.core, &world->room, 1, BOB), CORE_MESSAGE_SENT);
        assert_rows(world, &world->alice, 1);
        assert_rows(world, &world->bob, 1);
        /* Bob learned who writes to him. */
        assert_true(slice_equal(info_of(world, &world->bob).peer.user_name, SLICE_LITERAL("alice")));
}

static void what_is_written_without_a_link_goes_later_in_order(void **state)
{
        struct world *world = *state;
        char text[] = "message 00";

        core_host_disconnect(&world->alice);
        assert_int_equal(core_phase(world->alice.core), CORE_OFFLINE);
        for (int i = 0; i < 40; i++) {
                text[8] = (char)('0' + i / 10);
                text[9] = (char)('0' + i % 10);
                say(world, &world->alice, text);
        }
        assert_int_equal(core_host_records(&world->alice, SLICE_LITERAL("O")), 40);
        assert_int_equal(info_of(world, &world->alice).queued, 40);
        fake_server_run(&world->server, 3000, 100);
        assert_rows(world, &world->alice, 40);
        assert_rows(world, &world->bob, 40);
        for (uint64_t seq = 1; seq <= 40; seq++) {
                struct wire_row row;

                assert_true(core_host_row(&world->bob, &world->room, seq, &row));
                assert_int_equal((row.text.data[8] - '0') * 10 + row.text.data[9] - '0', seq - 1);
        }
        /* 16 a frame, one frame at a time. */
        assert_int_equal(world->server.counts[WIRE_CODE_write], 3);
        assert_int_equal(core_host_count(&world->bob, CORE_EVENT_ROW), 40);
        assert_int_equal(info_of(world, &world->alice).queued, 0);
}

static void after_a_night_away_the_newest_page_comes_first(void **state)
{
        struct world *world = *state;

        core_host_disconnect(&world->bob);
        for (int i = 0; i < 300; i++)
                fake_server_say(&world->server, &world->room, ALICE, "good morning", false);
        core_host_advance(&world->bob, 1100); /* longer than the longest first pause */
        world->server.rows_max = 30;
        core_host_clear_events(&world->bob);
        fake_server_serve(&world->server);
        assert_int_equal(info_of(world, &world->bob).head, 300);
        assert_int_equal(info_of(world, &world->bob).unread, 300);
        fake_server_run(&world->server, 3000, 100);
        assert_rows(world, &world->bob, 300);
        assert_int_equal(info_of(world, &world->bob).hole_top, 0);
        assert_int_equal(core_host_count(&world->bob, CORE_EVENT_ROW), 300);
        /* Delivered follows once the holes are filled, and only then. */
        assert_int_equal(core_row_state(world->alice.core, &world->room, 1, ALICE), CORE_MESSAGE_DELIVERED);
        assert_int_equal(fake_server_room(&world->server, &world->room)->marks[1].delivered, 300);
}

static void delivered_never_passes_a_hole(void **state)
{
        struct world *world = *state;

        core_host_disconnect(&world->bob);
        for (int i = 0; i < 100; i++)
                fake_server_say(&world->server, &world->room, ALICE, "x", false);
        world->server.script[WIRE_CODE_changes].times = UINT32_MAX; /* the rest is never answered */
        core_host_advance(&world->bob, 1100);                       /* longer than the longest first pause */
        fake_server_run(&world->server, 30000, 500);
        assert_int_equal(info_of(world, &world->bob).head, 100);
        assert_int_equal(info_of(world, &world->bob).hole_top, 60);
        assert_int_equal(fake_server_room(&world->server, &world->room)->marks[1].delivered, 0);
        core_read(world->bob.core, &world->room, 100, world->bob.time);
        fake_server_run(&world->server, 2000, 500);
        assert_int_equal(fake_server_room(&world->server, &world->room)->marks[1].read, 0);
        world->server.script[WIRE_CODE_changes].times = 0;
        fake_server_run(&world->server, 40000, 500);
        assert_int_equal(fake_server_room(&world->server, &world->room)->marks[1].delivered, 100);
        assert_int_equal(fake_server_room(&world->server, &world->room)->marks[1].read, 100);
}

static void a_lost_delivery_is_fetched_after_half_a_second(void **state)
{
        struct world *world = *state;
        struct fake_room *room = fake_server_room(&world->server, &world->room);

        core_online(world->alice.core, false, world->alice.time);
        fake_server_say(&world->server, &world->room, ALICE, "one", false);
        fake_server_say(&world->server, &world->room, ALICE, "two", true);
        fake_server_say(&world->server, &world->room, ALICE, "three", false);
        fake_server_say(&world->server, &world->room, ALICE, "four", false);
        assert_int_equal(info_of(world, &world->bob).head, 1);
        fake_server_run(&world->server, 400, 100);
        assert_int_equal(info_of(world, &world->bob).head, 1);
        assert_int_equal(world->server.counts[WIRE_CODE_changes], 0);
        fake_server_run(&world->server, 200, 100);
        assert_int_equal(world->server.counts[WIRE_CODE_changes], 1);
        assert_rows(world, &world->bob, 4);
        assert_int_equal(core_host_count(&world->bob, CORE_EVENT_ROW), 4);
        /* Late and repeated ones are dropped. */
        for (uint64_t number = 1; number <= 4; number++)
                fake_server_deliver(&world->server, &world->bob, room, number);
        assert_int_equal(core_host_count(&world->bob, CORE_EVENT_ROW), 4);
        assert_int_equal(info_of(world, &world->bob).unread, 4);
}

static void a_gap_that_closes_by_itself_asks_nothing(void **state)
{
        struct world *world = *state;
        struct fake_room *room = fake_server_room(&world->server, &world->room);

        core_online(world->alice.core, false, world->alice.time);
        fake_server_say(&world->server, &world->room, ALICE, "one", false);
        for (int i = 0; i < 3; i++)
                fake_server_say(&world->server, &world->room, ALICE, "more", true);
        fake_server_deliver(&world->server, &world->bob, room, 4);
        fake_server_deliver(&world->server, &world->bob, room, 3);
        fake_server_deliver(&world->server, &world->bob, room, 4);
        assert_int_equal(info_of(world, &world->bob).head, 1);
        fake_server_deliver(&world->server, &world->bob, room, 2);
        assert_int_equal(info_of(world, &world->bob).head, 4);
        fake_server_run(&world->server, 5000, 100);
        assert_int_equal(world->server.counts[WIRE_CODE_changes], 0);
        assert_rows(world, &world->bob, 4);
}

static void history_fills_the_hole_that_is_looked_at(void **state)
{
        struct world *world = *state;
        const struct host_event *event;

        core_host_crash(&world->bob);
        world->bob.limits.background_rows = 50;
        for (int i = 0; i < 400; i++)
                fake_server_say(&world->server, &world->room, ALICE, "old", true);
        core_host_start(&world->bob);
        fake_server_run(&world->server, 2000, 100);
        assert_int_equal(info_of(world, &world->bob).hole_top, 350);
        /* What is older stays on the server and counts as delivered. */
        assert_int_equal(fake_server_room(&world->server, &world->room)->marks[1].delivered, 400);
        assert_int_equal(core_history(world->bob.core, &world->room, 201, 1000, world->bob.time), ERR_OK);
        assert_int_equal(core_history(world->bob.core, &world->room, 201, 1000, world->bob.time), ERR_FULL);
        fake_server_serve(&world->server);
        event = core_host_last(&world->bob, CORE_EVENT_HISTORY);
        assert_non_null(event);
        assert_int_equal(event->seq, 201);
        assert_int_equal(event->error, ERR_OK);
        assert_int_equal(info_of(world, &world->bob).hole_top, 200);
        /* By number of rows; and what is there already needs no question. */
        assert_int_equal(core_history(world->bob.core, &world->room, 1, 10, world->bob.time), ERR_OK);
        fake_server_serve(&world->server);
        assert_int_equal(core_host_last(&world->bob, CORE_EVENT_HISTORY)->seq, 191);
        core_host_clear_events(&world->bob);
        assert_int_equal(core_history(world->bob.core, &world->room, 0, 100, world->bob.time), ERR_OK);
        core_host_settle(&world->bob);
        assert_int_equal(core_host_last(&world->bob, CORE_EVENT_HISTORY)->seq, 191);
        /* Without a link. */
        core_host_disconnect(&world->bob);
        assert_int_equal(core_history(world->bob.core, &world->room, 1, 10, world->bob.time), ERR_OK);
        core_host_settle(&world->bob);
        assert_int_equal(core_host_last(&world->bob, CORE_EVENT_HISTORY)->error, ERR_AGAIN);
}

static void many_rooms_are_listed_in_ranges(void **state)
{
        struct world *world = *state;
        struct core_room_info info;
        uint32_t count = 0;

        core_host_crash(&world->bob);
        for (uint64_t peer = 100; peer < 400; peer++) {
                struct id room = room_personal(BOB, peer);

                for (int i = 0; i < 3; i++)
                        fake_server_say(&world->server, &room, peer, "hi", true);
        }
        world->server.rooms_max = 70;
        core_host_start(&world->bob);
        fake_server_run(&world->server, 10000, 200);
        assert_int_equal(core_phase(world->bob.core), CORE_SYNCED);
        for (uint64_t last = UINT64_MAX; core_room_at(world->bob.core, count, &info); count++) {
                assert_int_equal(info.head, 3);
                assert_int_equal(info.hole_top, 0);
                assert_int_equal(info.unread, 3);
                assert_true(info.last_time_ms <= last);
                assert_int_not_equal(info.peer.user, 0);
                last = info.last_time_ms;
        }
        assert_int_equal(count, 300);
        /* Coming back, all that could have changed is looked at again, and it changes nothing. */
        core_host_disconnect(&world->bob);
        core_host_clear_events(&world->bob);
        fake_server_run(&world->server, 5000, 200);
        assert_int_equal(core_phase(world->bob.core), CORE_SYNCED);
        assert_int_equal(core_host_count(&world->bob, CORE_EVENT_ROW), 0);
}

static void the_ten_minute_comparison_finds_what_was_never_delivered(void **state)
{
        struct world *world = *state;

        fake_server_say(&world->server, &world->room, ALICE, "seen", false);
        fake_server_run(&world->server, 1000, 500);
        for (int i = 0; i < 3; i++)
                fake_server_say(&world->server, &world->room, ALICE, "lost", true);
        fake_server_run(&world->server, 300000, 10000);
        assert_int_equal(info_of(world, &world->bob).head, 1);
        fake_server_run(&world->server, 320000, 10000);
        assert_rows(world, &world->bob, 4);
}

static void questions_are_answered(void **state)
{
        struct world *world = *state;
        struct id find, devices, around, members, search, pins, reactors;
        char long_text[SEARCH_TEXT_MAX + 2] = "";

        fake_server_say(&world->server, &world->room, ALICE, "here", false);
        assert_int_equal(core_find(world->bob.core, SLICE_LITERAL("ali"), &find, world->bob.time), ERR_OK);
        assert_int_equal(core_devices(world->bob.core, &devices, world->bob.time), ERR_OK);
        assert_int_equal(core_around(world->bob.core, &world->room, 1, 0, 10, &around, world->bob.time), ERR_OK);
        assert_int_equal(core_members(world->bob.core, &world->room, 0, &members, world->bob.time), ERR_OK);
        assert_int_equal(
                core_search(world->bob.core, SLICE_LITERAL("here"), &world->room, NULL, 10, &search, world->bob.time),
                ERR_OK);
        fake_server_room(&world->server, &world->room)->rows[0].row.pinned = 1;
        assert_int_equal(core_pins(world->bob.core, &world->room, 0, 10, &pins, world->bob.time), ERR_OK);
        assert_int_equal(core_pins(world->bob.core, &world->room, 0, 0, &find, world->bob.time), ERR_BAD_FIELD);
        assert_int_equal(core_reactors(world->bob.core, &world->room, 1, &reactors, world->bob.time), ERR_OK);
        assert_int_equal(core_reactors(world->bob.core, &world->room, 0, &find, world->bob.time), ERR_BAD_FIELD);
        assert_int_equal(core_reactors(world->bob.core, &pins, 1, &find, world->bob.time), ERR_NOT_FOUND);
        memset(long_text, 'x', SEARCH_TEXT_MAX + 1);
        assert_int_equal(core_search(world->bob.core, slice_text(long_text), NULL, NULL, 10, &find, world->bob.time),
                         ERR_TOO_LARGE);
        assert_int_equal(core_search(world->bob.core, SLICE_LITERAL(""), NULL, NULL, 10, &find, world->bob.time),
                         ERR_BAD_FIELD);
        assert_int_equal(core_find(world->bob.core, SLICE_LITERAL(""), &find, world->bob.time), ERR_BAD_FIELD);
        core_host_settle(&world->bob);
        fake_server_serve(&world->server);
        assert_int_equal(core_host_last(&world->bob, CORE_EVENT_PEOPLE)->listed, 1);
        assert_true(id_equal(&core_host_last(&world->bob, CORE_EVENT_PEOPLE)->id, &find));
        assert_int_equal(core_host_last(&world->bob, CORE_EVENT_DEVICES)->listed, 1);
        assert_int_equal(core_host_last(&world->bob, CORE_EVENT_WINDOW)->listed, 1);
        assert_true(id_equal(&core_host_last(&world->bob, CORE_EVENT_WINDOW)->room, &world->room));
        assert_int_equal(core_host_last(&world->bob, CORE_EVENT_PINS)->listed, 1);
        assert_true(id_equal(&core_host_last(&world->bob, CORE_EVENT_PINS)->id, &pins));
        assert_true(id_equal(&core_host_last(&world->bob, CORE_EVENT_PINS)->room, &world->room));
        assert_int_equal(core_host_last(&world->bob, CORE_EVENT_REACTORS)->listed, 1);
        assert_true(id_equal(&core_host_last(&world->bob, CORE_EVENT_REACTORS)->id, &reactors));
        assert_int_equal(core_host_last(&world->bob, CORE_EVENT_MEMBERS)->listed, 2);
        assert_true(id_equal(&core_host_last(&world->bob, CORE_EVENT_MEMBERS)->room, &world->room));
        assert_int_equal(core_host_last(&world->bob, CORE_EVENT_FOUND)->listed, 1);
        assert_true(id_equal(&core_host_last(&world->bob, CORE_EVENT_FOUND)->id, &search));
        /* No answer, and a link that breaks: the question failed. */
        world->server.script[WIRE_CODE_find].times = 2;
        assert_int_equal(core_find(world->bob.core, SLICE_LITERAL("x"), &find, world->bob.time), ERR_OK);
        fake_server_run(&world->server, 8000, 500);
        assert_int_equal(core_host_last(&world->bob, CORE_EVENT_FAILED)->error, ERR_UNKNOWN);
        assert_int_equal(core_find(world->bob.core, SLICE_LITERAL("x"), &find, world->bob.time), ERR_OK);
        core_host_disconnect(&world->bob);
        assert_int_equal(core_host_last(&world->bob, CORE_EVENT_FAILED)->error, ERR_CLOSED);
        assert_int_equal(core_find(world->bob.core, SLICE_LITERAL("x"), &find, world->bob.time), ERR_AGAIN);
}

static struct fake_client *client_of_bob(struct world *world)
{
        for (size_t i = 0; i < world->server.client_count; i++)
                if (world->server.clients[i].host == &world->bob)
                        return &world->server.clients[i];
        return NULL;
}

/* The question went out again meanwhile, with the same id and a higher head: the server did not go back, its answer is an old one. */
static void a_late_answer_to_a_joins_first_try_takes_nothing_away(void **state)
{
        static const struct wire_rejoin rejoin;
        struct world *world = *state;
        struct fake_frame first, again;
        struct fake_room *room;

        fake_server_say(&world->server, &world->room, ALICE, "one", false);
        fake_server_run(&world->server, 3000, 500);
        fake_server_send(&world->server, &world->bob, WIRE_CODE_rejoin, NULL, NULL, &rejoin);
        assert_true(fake_server_take(&world->bob, &first));
        assert_int_equal(first.head.code, WIRE_CODE_join);
        assert_int_equal(info_of(world, &world->bob).head, 1);
        fake_server_say(&world->server, &world->room, ALICE, "two", false);
        assert_int_equal(info_of(world, &world->bob).head, 2);
        for (int i = 0; i < 40; i++) {
                core_host_advance(&world->bob, 500);
                if (fake_server_take(&world->bob, &again) && again.head.code == WIRE_CODE_join)
                        break;
        }
        assert_int_equal(again.head.code, WIRE_CODE_join);
        assert_true(id_equal(&again.head.request, &first.head.request));
        room = fake_server_room(&world->server, &world->room);
        room->head = 1;
        fake_server_handle(&world->server, client_of_bob(world), &first);
        room->head = 2;
        assert_int_equal(info_of(world, &world->bob).head, 2);
        assert_rows(world, &world->bob, 2);
}

static void every_split_of_the_input_reads_the_same(void **state)
{
        struct world *world = *state;

        for (size_t split = 1; split <= 9; split++) {
                core_host_disconnect(&world->bob);
                world->server.split = split;
                fake_server_say(&world->server, &world->room, ALICE, "split", true);
                fake_server_run(&world->server, 70000, 10000);
                assert_rows(world, &world->bob, split);
        }
        world->server.split = 0;
}

static void a_slow_socket_gets_everything(void **state)
{
        struct world *world = *state;

        world->alice.socket_room = 3;
        for (int i = 0; i < 5; i++)
                say(world, &world->alice, "slowly now");
        for (int i = 0; i < 400; i++) {
                world->alice.socket_room = 7;
                core_writable(world->alice.core);
                core_host_settle(&world->alice);
                fake_server_serve(&world->server);
        }
        assert_rows(world, &world->bob, 5);
        world->alice.socket_room = SIZE_MAX;
}

/* His mark of the old era was still on its way, and is done in the new one, too: its answer is all that he hears of it. */
static void a_mark_of_another_era_is_known_when_its_answer_comes(void **state)
{
        struct world *world = *state;
        const struct wire_marked marked = {.marks = {.head = 1, .delivered = 1, .read = 1, .shown = 1}};
        struct fake_frame mark, join;

        fake_server_say(&world->server, &world->room, ALICE, "of the old era", false);
        fake_server_run(&world->server, 3000, 500);
        core_read(world->bob.core, &world->room, 1, world->bob.time);
        core_host_settle(&world->bob);
        assert_true(fake_server_take(&world->bob, &mark) && mark.head.code == WIRE_CODE_mark && mark.mark.read == 1);
        fake_server_restore_nothing(&world->server);
        fake_server_send(&world->server, &world->bob, WIRE_CODE_rejoin, NULL, NULL, &(struct wire_rejoin){0});
        core_host_advance(&world->bob, 1);
        assert_true(fake_server_take(&world->bob, &join) && join.head.code == WIRE_CODE_join);
        fake_server_handle(&world->server, &world->server.clients[1], &join);
        fake_server_say(&world->server, &world->room, ALICE, "of the new era", false);
        assert_int_equal(info_of(world, &world->bob).unread, 1);
        fake_server_send(&world->server, &world->bob, WIRE_CODE_marked, &mark.head.request, &world->room, &marked);
        assert_int_equal(info_of(world, &world->bob).marks.read, 1);
        assert_int_equal(info_of(world, &world->bob).unread, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
                TEST(both_become_ready),
                TEST(a_message_arrives_and_gets_its_ticks),
                TEST(what_is_written_without_a_link_goes_later_in_order),
                TEST(after_a_night_away_the_newest_page_comes_first),
                TEST(delivered_never_passes_a_hole),
                TEST(a_lost_delivery_is_fetched_after_half_a_second),
                TEST(a_gap_that_closes_by_itself_asks_nothing),
                TEST(history_fills_the_hole_that_is_looked_at),
                TEST(a_mark_of_another_era_is_known_when_its_answer_comes),
                TEST(many_rooms_are_listed_in_ranges),
                TEST(the_ten_minute_comparison_finds_what_was_never_delivered),
                TEST(questions_are_answered),
                TEST(a_late_answer_to_a_joins_first_try_takes_nothing_away),
                TEST(every_split_of_the_input_reads_the_same),
                TEST(a_slow_socket_gets_everything),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
