/* Who is on the screen: what is asked and when, what an answer says and what it does not, and what is known of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// clang-format off
#include <cmocka.h>
// clang-format on

#include "core/state.h"
#include "rules/room.h"
#include "rules/row.h"
#include "rules/setting.h"
#include "support/fake_server.h"

#define ALICE 1
#define BOB   2
#define CAROL 3
#define SEEN  UINT64_C(1700000100000)

struct world {
        struct fake_server server;
        struct core_host bob;
        struct id room, other; /* Bob's with Alice, with Carol */
};

static int set_up(void **state)
{
        static struct world world;

        fake_server_init(&world.server);
        core_host_init(&world.bob, 2);
        world.room = room_personal(ALICE, BOB);
        world.other = room_personal(CAROL, BOB);
        fake_server_say(&world.server, &world.room, ALICE, "hello", true);
        fake_server_say(&world.server, &world.other, CAROL, "hello", true);
        fake_server_add(&world.server, &world.bob, BOB, 21);
        fake_server_serve(&world.server);
        assert_int_equal(core_phase(world.bob.core), CORE_SYNCED);
        core_host_clear_events(&world.bob);
        *state = &world;
        return 0;
}

static int tear_down(void **state)
{
        struct world *world = *state;

        fake_server_finish(&world->server);
        return 0;
}

/* ---- verbs ---- */

static void shows(struct world *world, const uint64_t *users, size_t count, const struct id *room)
{
        assert_int_equal(core_watch(world->bob.core, users, count, room, world->bob.time), ERR_OK);
        core_host_settle(&world->bob);
}

static void shows_one(struct world *world, uint64_t user, const struct id *room)
{
        shows(world, &user, 1, room);
}

/* Time passes, and the server answers. */
static void pass(struct world *world, uint64_t ms)
{
        fake_server_run(&world->server, ms, 10);
}

static uint64_t asked(const struct world *world)
{
        return world->server.counts[WIRE_CODE_watch];
}

/* The server says this of him when it is asked. */
static void is_known(struct world *world, uint64_t user, bool online, uint64_t seen_ms)
{
        struct wire_status *status = NULL;

        for (uint32_t i = 0; i < world->server.status_count; i++)
                if (world->server.statuses[i].user == user)
                        status = &world->server.statuses[i];
        if (!status)
                status = &world->server.statuses[world->server.status_count++];
        *status = (struct wire_status){.user = user, .online = online, .seen_ms = seen_ms};
}

/* Unasked. */
static void moved(struct world *world, uint64_t user, bool online, uint64_t seen_ms, uint64_t stamp)
{
        struct wire_status_moved moved = {.has = WIRE_HAS(status_moved, status),
                                          .status = {.user = user, .online = online, .seen_ms = seen_ms},
                                          .stamp = stamp};

        fake_server_send(&world->server, &world->bob, WIRE_CODE_status_moved, NULL, NULL, &moved);
        core_host_settle(&world->bob);
}

static void types(struct world *world, const struct id *room, uint64_t user)
{
        const struct wire_types types = {.user = user, .kind = ROW_TEXT};

        fake_server_send(&world->server, &world->bob, WIRE_CODE_types, NULL, room, &types);
        core_host_settle(&world->bob);
}

enum { UNKNOWN, AWAY, ONLINE };

static int status_of(const struct world *world, uint64_t user)
{
        bool online = false, known = core_status(world->bob.core, user, &online);

        assert_true(known || !online);
        return known ? online ? ONLINE : AWAY : UNKNOWN;
}

static size_t typists(const struct world *world)
{
        uint64_t users[WATCH_TYPISTS_MAX];

        return core_typists(world->bob.core, &world->room, users, countof(users));
}

/* What the host was told of that kind since it was last asked. */
static size_t told(struct world *world, enum core_event_kind kind)
{
        size_t count = core_host_count(&world->bob, kind);

        core_host_clear_events(&world->bob);
        return count;
}

static void join_anew(struct world *world)
{
        core_host_disconnect(&world->bob);
        fake_server_run(&world->server, 5000, 100);
        assert_int_equal(core_phase(world->bob.core), CORE_SYNCED);
}

/* ---- what is asked ---- */

static void what_is_shown_is_gathered(void **state)
{
        struct world *world = *state;

        shows_one(world, ALICE, NULL);
        pass(world, WATCH_GATHER_MS / 2);
        shows(world, (uint64_t[]){CAROL, 0, BOB, CAROL, ALICE}, 5, &world->room);
        pass(world, WATCH_GATHER_MS / 2 - 10);
        assert_int_equal(asked(world), 0);
        pass(world, 10); /* counted from the first: who goes on changing it does not put it off */
        assert_int_equal(asked(world), 1);
        assert_int_equal(world->server.watch_count, 2); /* nobody, himself and twice the same are left out */
        assert_int_equal(world->server.watch_users[0], CAROL);
        assert_int_equal(world->server.watch_users[1], ALICE);
        assert_true(id_equal(&world->server.watch_room, &world->room));
        shows(world, (uint64_t[]){CAROL, ALICE}, 2, &world->room); /* as before */
        pass(world, 1000);
        assert_int_equal(asked(world), 1);
        shows(world, (uint64_t[]){CAROL, ALICE}, 2, NULL);
        pass(world, 1000);
        assert_int_equal(asked(world), 2);
        assert_true(id_is_zero(&world->server.watch_room));
}

static void no_more_are_watched_than_one_watch_holds(void **state)
{
        struct world *world = *state;
        uint64_t users[WATCH_USERS_MAX + 10];

        for (size_t i = 0; i < countof(users); i++)
                users[i] = 100 + i;
        shows(world, users, countof(users), NULL);
        pass(world, 1000);
        assert_int_equal(asked(world), 1);
        assert_int_equal(world->server.watch_count, WATCH_USERS_MAX);
        assert_int_equal(world->server.watch_users[WATCH_USERS_MAX - 1], 100 + WATCH_USERS_MAX - 1);
}

static void nothing_shown_is_nothing_asked(void **state)
{
        struct world *world = *state;

        shows(world, NULL, 0, NULL);
        pass(world, 1000);
        join_anew(world);
        assert_int_equal(asked(world), 0);
        assert_null(world->bob.core->watching); /* nor is there memory for it */
        shows_one(world, ALICE, NULL);
        pass(world, 1000);
        shows(world, NULL, 0, NULL);
        pass(world, 1000);
        assert_int_equal(asked(world), 2); /* the watch is ended */
        assert_int_equal(world->server.watch_count, 0);
        pass(world, 100000);
        join_anew(world);
        assert_int_equal(asked(world), 2);
}

static void a_watch_is_renewed_before_its_lease_ends(void **state)
{
        struct world *world = *state;

        world->server.watch_lease_ms = 50000;
        shows_one(world, ALICE, NULL);
        pass(world, WATCH_GATHER_MS);
        assert_int_equal(asked(world), 1);
        assert_int_equal(watch_due(world->bob.core), world->bob.time.now_ms + 40000);
        pass(world, 39990);
        assert_int_equal(asked(world), 1);
        world->server.watch_lease_ms = 0; /* nonsense: the next one is not asked at once */
        pass(world, 10);
        assert_int_equal(asked(world), 2);
        pass(world, WATCH_LEASE_MIN / 5 * 4 - 10);
        assert_int_equal(asked(world), 2);
        pass(world, 10);
        assert_int_equal(asked(world), 3);
}

/* What is shown changes while the server has not answered: then that answer is of somebody else. */
static void an_answer_to_an_older_question_forgets_nobody(void **state)
{
        struct world *world = *state;
        struct wire_watched watched = {.stamp = 5, .lease_ms = 50000};
        struct fake_frame frame;

        is_known(world, CAROL, true, 0);
        world->server.watch_stamp = 4;
        shows_one(world, CAROL, NULL);
        pass(world, 1000);
        assert_int_equal(status_of(world, CAROL), ONLINE);
        shows_one(world, ALICE, NULL);
        core_host_advance(&world->bob, WATCH_GATHER_MS);
        assert_true(fake_server_take(&world->bob, &frame));
        assert_int_equal(frame.head.code, WIRE_CODE_watch);
        shows(world, (uint64_t[]){CAROL, ALICE}, 2, NULL);
        moved(world, CAROL, true, 0, 5);
        fake_server_send(&world->server, &world->bob, WIRE_CODE_watched, &frame.head.request, NULL, &watched);
        core_host_settle(&world->bob);
        assert_int_equal(status_of(world, CAROL), ONLINE);
        world->server.watch_stamp = 6;
        pass(world, 1000);
        assert_int_equal(world->server.watch_count, 2); /* and what is shown now is asked */
        assert_int_equal(status_of(world, CAROL), ONLINE);
}

static void an_answer_forgets_of_whom_it_says_nothing(void **state)
{
        struct world *world = *state;

        is_known(world, ALICE, false, SEEN);
        is_known(world, CAROL, true, 0);
        world->server.watch_lease_ms = 50000;
        shows(world, (uint64_t[]){ALICE, CAROL}, 2, NULL);
        pass(world, 1000);
        assert_int_equal(status_of(world, ALICE), AWAY);
        assert_int_equal(core_seen_ms(world->bob.core, ALICE), SEEN);
        assert_int_equal(status_of(world, CAROL), ONLINE);
        assert_int_equal(status_of(world, 77), UNKNOWN); /* who is not watched */
        assert_int_equal(core_host_last(&world->bob, CORE_EVENT_STATUS)->more, true);
        assert_int_equal(told(world, CORE_EVENT_STATUS), 2);
        world->server.statuses[0] = world->server.statuses[1]; /* she may not be watched any more */
        world->server.status_count = 1;
        world->server.watch_stamp++;
        pass(world, 40000);
        assert_int_equal(asked(world), 2);
        assert_int_equal(status_of(world, ALICE), UNKNOWN);
        assert_int_equal(core_seen_ms(world->bob.core, ALICE), 0);
        assert_int_equal(status_of(world, CAROL), ONLINE);
        assert_int_equal(told(world, CORE_EVENT_STATUS), 0); /* he knows already */
}

/* ---- what is known ---- */

static void a_stamp_that_goes_back_changes_nothing(void **state)
{
        struct world *world = *state;

        is_known(world, ALICE, true, 0);
        world->server.watch_stamp = 10;
        shows_one(world, ALICE, NULL);
        pass(world, 1000);
        moved(world, ALICE, false, 0, 9);
        assert_int_equal(status_of(world, ALICE), ONLINE);
        moved(world, ALICE, false, 0, 11);
        assert_int_equal(status_of(world, ALICE), AWAY);
        moved(world, ALICE, true, 0, 10);
        assert_int_equal(status_of(world, ALICE), AWAY);
        moved(world, CAROL, true, 0, 12); /* not watched */
        assert_int_equal(status_of(world, CAROL), UNKNOWN);
        assert_int_equal(told(world, CORE_EVENT_STATUS), 2);
        /* After a Join they begin anew. */
        world->server.watch_stamp = 1;
        join_anew(world);
        assert_int_equal(status_of(world, ALICE), ONLINE);
        moved(world, ALICE, false, 0, 2);
        assert_int_equal(status_of(world, ALICE), AWAY);
}

static void without_a_link_nothing_is_known(void **state)
{
        struct world *world = *state;

        is_known(world, ALICE, false, SEEN);
        shows_one(world, ALICE, NULL);
        pass(world, 1000);
        assert_int_equal(told(world, CORE_EVENT_STATUS), 1);
        core_host_disconnect(&world->bob);
        assert_int_equal(status_of(world, ALICE), UNKNOWN);
        assert_int_equal(core_seen_ms(world->bob.core, ALICE), 0);
        is_known(world, ALICE, false, SEEN - 300000);      /* nor is it kept for the next one */
        shows(world, (uint64_t[]){ALICE, CAROL}, 2, NULL); /* it is shown without a link, too */
        fake_server_run(&world->server, 5000, 100);
        assert_int_equal(asked(world), 2); /* once: on the new link, with all */
        assert_int_equal(world->server.watch_count, 2);
        assert_int_equal(status_of(world, ALICE), AWAY);
        assert_int_equal(core_seen_ms(world->bob.core, ALICE), SEEN - 300000);
        assert_int_equal(told(world, CORE_EVENT_STATUS), 0); /* as he was told last */
}

static void last_seen_is_of_who_is_away_and_does_not_go_back(void **state)
{
        struct world *world = *state;

        is_known(world, ALICE, true, SEEN);
        world->server.watch_stamp = 1;
        shows_one(world, ALICE, NULL);
        pass(world, 1000);
        assert_int_equal(core_seen_ms(world->bob.core, ALICE), 0); /* she is here */
        moved(world, ALICE, false, SEEN + 300000, 2);
        assert_int_equal(core_seen_ms(world->bob.core, ALICE), SEEN + 300000);
        moved(world, ALICE, false, SEEN, 3);
        assert_int_equal(core_seen_ms(world->bob.core, ALICE), SEEN + 300000);
        moved(world, ALICE, true, 0, 4);
        assert_int_equal(core_seen_ms(world->bob.core, ALICE), 0);
        assert_int_equal(core_seen_ms(world->bob.core, CAROL), 0);
}

static void who_stays_on_the_screen_stays_known(void **state)
{
        struct world *world = *state;

        is_known(world, ALICE, true, 0);
        is_known(world, CAROL, true, 0);
        shows_one(world, ALICE, NULL);
        pass(world, 1000);
        shows(world, (uint64_t[]){CAROL, ALICE}, 2, NULL);
        assert_int_equal(status_of(world, ALICE), ONLINE); /* before it is answered */
        assert_int_equal(status_of(world, CAROL), UNKNOWN);
        shows_one(world, CAROL, NULL);
        shows(world, (uint64_t[]){CAROL, ALICE}, 2, NULL); /* she was away in between */
        assert_int_equal(status_of(world, ALICE), UNKNOWN);
}

static void who_signed_out_shows_nothing(void **state)
{
        struct world *world = *state;

        is_known(world, ALICE, true, 0);
        shows_one(world, ALICE, &world->room);
        pass(world, 1000);
        types(world, &world->room, ALICE);
        assert_int_equal(core_sign_out(world->bob.core, 21, world->bob.time), ERR_OK);
        core_host_settle(&world->bob);
        fake_server_serve(&world->server);
        assert_int_equal(core_phase(world->bob.core), CORE_SIGNED_OUT);
        assert_int_equal(status_of(world, ALICE), UNKNOWN);
        assert_int_equal(typists(world), 0);
        assert_null(world->bob.core->watching);
}

static void who_hides_asks_anew(void **state)
{
        struct world *world = *state;

        is_known(world, ALICE, true, 0);
        shows_one(world, ALICE, NULL);
        pass(world, 1000);
        world->server.status_count = 0;
        assert_int_equal(core_set(world->bob.core, SLICE_LITERAL(SETTING_KEY_HIDDEN), SLICE_LITERAL("1"), world->bob.time),
                         ERR_OK);
        pass(world, 1000);
        assert_true(asked(world) >= 2);
        assert_int_equal(status_of(world, ALICE), UNKNOWN);
}

/* ---- refused ---- */

static void a_busy_server_is_asked_again_when_it_said(void **state)
{
        struct world *world = *state;

        is_known(world, ALICE, true, 0);
        world->server.script[WIRE_CODE_watch].times = 1;
        world->server.script[WIRE_CODE_watch].error = ERR_BUSY;
        world->server.script[WIRE_CODE_watch].retry_after_ms = 7000;
        shows_one(world, ALICE, NULL);
        pass(world, WATCH_GATHER_MS);
        assert_int_equal(asked(world), 1);
        pass(world, 6990);
        assert_int_equal(asked(world), 1);
        pass(world, 10);
        assert_int_equal(asked(world), 2);
        assert_int_equal(status_of(world, ALICE), ONLINE);
}

/* Without a word of when: after half of CORE_RETRY_MAX_MS, on average. */
static void a_server_that_stays_busy_is_asked_more_rarely(void **state)
{
        struct world *world = *state;
        uint64_t before;

        world->server.script[WIRE_CODE_watch].times = UINT32_MAX;
        world->server.script[WIRE_CODE_watch].error = ERR_BUSY;
        shows_one(world, ALICE, NULL);
        pass(world, 60000);
        before = asked(world);
        pass(world, 100 * CORE_RETRY_MAX_MS);
        assert_in_range(asked(world) - before, 100, 300);
        world->server.script[WIRE_CODE_watch].times = 0;
        pass(world, CORE_RETRY_MAX_MS);
        assert_int_equal(world->bob.core->watching->tries, 0); /* once it is answered it begins anew */
}

static void who_was_put_out_of_the_room_watches_the_others(void **state)
{
        struct world *world = *state;

        is_known(world, ALICE, true, 0);
        world->server.script[WIRE_CODE_watch].times = 1;
        world->server.script[WIRE_CODE_watch].error = ERR_NO_ROOM;
        shows_one(world, ALICE, &world->room);
        pass(world, 1000);
        assert_int_equal(asked(world), 2);
        assert_true(id_is_zero(&world->server.watch_room));
        assert_int_equal(status_of(world, ALICE), ONLINE);
        types(world, &world->room, ALICE); /* that room is not open any more */
        assert_int_equal(typists(world), 0);
}

static void what_is_refused_for_good_is_not_asked_again(void **state)
{
        struct world *world = *state;

        world->server.script[WIRE_CODE_watch].times = 1;
        world->server.script[WIRE_CODE_watch].error = ERR_BAD_FIELD;
        shows_one(world, ALICE, NULL);
        pass(world, 100000);
        assert_int_equal(asked(world), 1);
        is_known(world, CAROL, true, 0);
        shows_one(world, CAROL, NULL);
        pass(world, 1000);
        assert_int_equal(asked(world), 2);
        assert_int_equal(status_of(world, CAROL), ONLINE);
}

static void when_nothing_more_can_be_asked_it_waits(void **state)
{
        struct world *world = *state;
        struct core *core = world->bob.core;
        uint32_t count = core->requests.count;

        core->requests.count = REQUESTS_MAX; /* as if so many were under way */
        shows_one(world, ALICE, NULL);
        pass(world, WATCH_GATHER_MS);
        assert_int_equal(asked(world), 0);
        core->requests.count = count;
        pass(world, CORE_FULL_PAUSE_MS - 10);
        assert_int_equal(asked(world), 0);
        pass(world, 10);
        assert_int_equal(asked(world), 1);
}

int main(void)
{
#define WORLD_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        static const struct CMUnitTest tests[] = {
                WORLD_TEST(what_is_shown_is_gathered),
                WORLD_TEST(no_more_are_watched_than_one_watch_holds),
                WORLD_TEST(nothing_shown_is_nothing_asked),
                WORLD_TEST(a_watch_is_renewed_before_its_lease_ends),
                WORLD_TEST(an_answer_to_an_older_question_forgets_nobody),
                WORLD_TEST(an_answer_forgets_of_whom_it_says_nothing),
                WORLD_TEST(a_stamp_that_goes_back_changes_nothing),
                WORLD_TEST(without_a_link_nothing_is_known),
                WORLD_TEST(last_seen_is_of_who_is_away_and_does_not_go_back),
                WORLD_TEST(who_stays_on_the_screen_stays_known),
                WORLD_TEST(who_signed_out_shows_nothing),
                WORLD_TEST(who_hides_asks_anew),
                WORLD_TEST(a_busy_server_is_asked_again_when_it_said),
                WORLD_TEST(a_server_that_stays_busy_is_asked_more_rarely),
                WORLD_TEST(who_was_put_out_of_the_room_watches_the_others),
                WORLD_TEST(what_is_refused_for_good_is_not_asked_again),
                WORLD_TEST(when_nothing_more_can_be_asked_it_waits),
        };

        return cmocka_run_group_tests_name("core, watching", tests, NULL, NULL);
}
