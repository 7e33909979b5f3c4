/* Who types in the open room, until when that is so, and how often it is said that the user does. */
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
#include "support/fake_server.h"

#define ALICE 1
#define BOB   2
#define CAROL 3

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

static void shows(struct world *world, const struct id *room)
{
        assert_int_equal(core_watch(world->bob.core, NULL, 0, room, world->bob.time), ERR_OK);
        core_host_settle(&world->bob);
}

/* Time passes, and the server answers. */
static void pass(struct world *world, uint64_t ms)
{
        fake_server_run(&world->server, ms, 10);
}

static void types(struct world *world, const struct id *room, uint64_t user)
{
        const struct wire_types types = {.user = user, .kind = ROW_TEXT};

        fake_server_send(&world->server, &world->bob, WIRE_CODE_types, NULL, room, &types);
        core_host_settle(&world->bob);
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

static void who_types_is_told_until_he_stops(void **state)
{
        struct world *world = *state;

        shows(world, &world->room);
        pass(world, 1000);
        types(world, &world->room, ALICE);
        assert_int_equal(typists(world), 1);
        assert_int_equal(watch_due(world->bob.core), world->bob.time.now_ms + TYPING_GONE_MS);
        assert_true(core_host_last(&world->bob, CORE_EVENT_TYPING)->more);
        assert_int_equal(core_host_last(&world->bob, CORE_EVENT_TYPING)->number, ALICE);
        assert_int_equal(told(world, CORE_EVENT_TYPING), 1);
        pass(world, 3000);
        types(world, &world->room, ALICE); /* still: no news, but it lasts longer */
        pass(world, TYPING_GONE_MS - 10);
        assert_int_equal(typists(world), 1);
        assert_int_equal(told(world, CORE_EVENT_TYPING), 0);
        pass(world, 10);
        assert_int_equal(typists(world), 0);
        assert_false(core_host_last(&world->bob, CORE_EVENT_TYPING)->more);
        assert_int_equal(core_host_last(&world->bob, CORE_EVENT_TYPING)->number, ALICE);
        assert_int_equal(told(world, CORE_EVENT_TYPING), 1);
}

static void who_spoke_types_no_longer(void **state)
{
        struct world *world = *state;

        shows(world, &world->room);
        pass(world, 1000);
        types(world, &world->room, ALICE);
        fake_server_say(&world->server, &world->room, ALICE, "there", false);
        assert_int_equal(typists(world), 0);
        core_host_settle(&world->bob);
        assert_false(core_host_last(&world->bob, CORE_EVENT_TYPING)->more);
        assert_int_equal(told(world, CORE_EVENT_TYPING), 2);
        types(world, &world->room, ALICE); /* and goes on */
        assert_int_equal(typists(world), 1);
        fake_server_say(&world->server, &world->other, ALICE, "elsewhere", false);
        assert_int_equal(typists(world), 1);
}

static void only_others_type_in_the_open_room(void **state)
{
        struct world *world = *state;

        shows(world, &world->room);
        pass(world, 1000);
        types(world, &world->other, CAROL);
        types(world, &world->room, BOB);
        assert_int_equal(typists(world), 0);
        assert_int_equal(told(world, CORE_EVENT_TYPING), 0);
        types(world, &world->room, ALICE);
        assert_int_equal(core_typists(world->bob.core, &world->other, &(uint64_t){0}, 1), 0);
        shows(world, &world->other);
        assert_int_equal(core_typists(world->bob.core, &world->other, &(uint64_t){0}, 1), 0);
        shows(world, &world->room); /* who types was forgotten with the room */
        assert_int_equal(typists(world), 0);
}

static void no_more_type_than_are_shown(void **state)
{
        struct world *world = *state;
        uint64_t users[WATCH_TYPISTS_MAX + 2];

        shows(world, &world->room);
        pass(world, 1000);
        for (uint64_t i = 0; i < WATCH_TYPISTS_MAX + 2; i++)
                types(world, &world->room, 100 + i);
        assert_int_equal(core_typists(world->bob.core, &world->room, users, countof(users)), WATCH_TYPISTS_MAX);
        assert_int_equal(users[WATCH_TYPISTS_MAX - 1], 100 + WATCH_TYPISTS_MAX - 1);
        assert_int_equal(core_typists(world->bob.core, &world->room, users, 3), 3);
        assert_int_equal(told(world, CORE_EVENT_TYPING), WATCH_TYPISTS_MAX);
        pass(world, TYPING_GONE_MS);
        assert_int_equal(told(world, CORE_EVENT_TYPING), WATCH_TYPISTS_MAX);
        types(world, &world->room, 100 + WATCH_TYPISTS_MAX); /* there is a place again */
        assert_int_equal(typists(world), 1);
}

static void say_typing(struct world *world, const struct id *room)
{
        core_typing(world->bob.core, room, world->bob.time);
        fake_server_serve(&world->server);
}

static uint64_t said_typing(const struct world *world)
{
        return world->server.counts[WIRE_CODE_typing];
}

static void typing_is_said_with_pauses(void **state)
{
        struct world *world = *state;

        say_typing(world, &world->room); /* nothing is shown: he cannot type there */
        assert_int_equal(said_typing(world), 0);
        shows(world, &world->room);
        pass(world, 1000);
        say_typing(world, &world->room);
        assert_int_equal(said_typing(world), 1);
        pass(world, TYPING_MS + WATCH_PAUSE_MS - 10);
        say_typing(world, &world->room);
        assert_int_equal(said_typing(world), 1);
        pass(world, 10);
        say_typing(world, &world->room);
        assert_int_equal(said_typing(world), 2);
        shows(world, &world->other); /* in another room it is the first */
        say_typing(world, &world->other);
        assert_int_equal(said_typing(world), 3);
        pass(world, 10000);
        say_typing(world, &(struct id){{9}}); /* not his */
        room_find(world->bob.core, &world->other)->left = true;
        say_typing(world, &world->other); /* not any more */
        room_find(world->bob.core, &world->other)->left = false;
        assert_int_equal(said_typing(world), 3);
        say_typing(world, &world->other);
        assert_int_equal(said_typing(world), 4);
        core_host_disconnect(&world->bob);
        say_typing(world, &world->other);
        for (int i = 0; i < 30 && core_phase(world->bob.core) != CORE_SYNCED; i++)
                pass(world, 100);
        assert_int_equal(core_phase(world->bob.core), CORE_SYNCED);
        assert_int_equal(said_typing(world), 4); /* nor is it kept for later */
        say_typing(world, &world->other);        /* on a new link it is the first, too */
        assert_int_equal(said_typing(world), 5);
}

int main(void)
{
#define WORLD_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        static const struct CMUnitTest tests[] = {
                WORLD_TEST(who_types_is_told_until_he_stops),  WORLD_TEST(who_spoke_types_no_longer),
                WORLD_TEST(only_others_type_in_the_open_room), WORLD_TEST(no_more_type_than_are_shown),
                WORLD_TEST(typing_is_said_with_pauses),
        };

        return cmocka_run_group_tests_name("core, typing", tests, NULL, NULL);
}
