/* Whom the user blocks: the list from the server, what other devices change in it, and what is there without a link. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// clang-format off
#include <cmocka.h>
// clang-format on

#include "core/state.h"
#include "support/fake_server.h"

#define BOB 2

struct world {
        struct fake_server server;
        struct core_host bob;
};

static int set_up(void **state)
{
        static struct world world;

        fake_server_init(&world.server);
        core_host_init(&world.bob, 2);
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

static unsigned events_of(struct world *world, enum core_event_kind kind)
{
        unsigned count = 0;

        for (size_t i = 0; i < world->bob.event_count; i++)
                count += world->bob.events[i].kind == kind;
        core_host_clear_events(&world->bob);
        return count;
}

static void block_many(struct world *world, uint32_t count)
{
        world->server.block_count = count;
        for (uint32_t i = 0; i < count; i++)
                world->server.blocks[i] = 100 + 2 * i;
}

static void join_anew(struct world *world)
{
        core_host_disconnect(&world->bob);
        fake_server_run(&world->server, 5000, 100);
        assert_int_equal(core_phase(world->bob.core), CORE_SYNCED);
}

static void test_the_list_comes_after_join_by_pages(void **state)
{
        struct world *world = *state;

        assert_int_equal(world->server.counts[WIRE_CODE_blocks], 0); /* nobody is blocked: nothing is asked */
        block_many(world, 300);
        join_anew(world);
        assert_int_equal(world->server.counts[WIRE_CODE_blocks], 2);
        assert_int_equal(events_of(world, CORE_EVENT_BLOCKS), 1);
        for (uint32_t i = 0; i < 300; i++) {
                assert_true(core_blocks(world->bob.core, 100 + 2 * i));
                assert_false(core_blocks(world->bob.core, 101 + 2 * i));
                assert_int_equal(core_blocked_at(world->bob.core, i), 100 + 2 * i);
        }
        assert_int_equal(core_blocked_at(world->bob.core, 300), 0);
        join_anew(world); /* the same list is no news */
        assert_int_equal(events_of(world, CORE_EVENT_BLOCKS), 0);
}

static void test_it_is_known_without_a_link(void **state)
{
        struct world *world = *state;

        block_many(world, 3);
        join_anew(world);
        core_host_crash(&world->bob);
        core_host_start(&world->bob);
        assert_int_equal(core_phase(world->bob.core), CORE_OFFLINE);
        assert_true(core_blocks(world->bob.core, 104));
        assert_false(core_blocks(world->bob.core, 105));
        assert_int_equal(core_blocked_at(world->bob.core, 3), 0);
        /* What was unblocked meanwhile is so after Join. */
        block_many(world, 0);
        fake_server_run(&world->server, 5000, 100);
        assert_false(core_blocks(world->bob.core, 104));
        core_host_crash(&world->bob);
        core_host_start(&world->bob);
        assert_int_equal(core_blocked_at(world->bob.core, 0), 0);
}

static void test_a_block_of_ones_own_counts_when_it_is_answered(void **state)
{
        struct world *world = *state;
        struct host_event *event = NULL;

        assert_int_equal(core_block(world->bob.core, BOB, true, world->bob.time), ERR_BAD_FIELD);
        assert_int_equal(core_block(world->bob.core, 0, true, world->bob.time), ERR_BAD_FIELD);
        assert_int_equal(core_block(world->bob.core, 7, true, world->bob.time), ERR_OK);
        assert_int_equal(core_block(world->bob.core, 8, true, world->bob.time), ERR_FULL);
        assert_false(core_blocks(world->bob.core, 7));
        core_host_settle(&world->bob);
        fake_server_serve(&world->server);
        for (size_t i = 0; i < world->bob.event_count; i++)
                if (world->bob.events[i].kind == CORE_EVENT_SIGN)
                        event = &world->bob.events[i];
        assert_non_null(event);
        assert_int_equal(event->error, ERR_OK);
        assert_int_equal(event->seq, 7); /* the room's head, as the server said */
        assert_true(core_blocks(world->bob.core, 7));
        assert_int_equal(events_of(world, CORE_EVENT_BLOCKS), 1);
        assert_int_equal(core_block(world->bob.core, 7, false, world->bob.time), ERR_OK);
        core_host_settle(&world->bob);
        fake_server_serve(&world->server);
        assert_false(core_blocks(world->bob.core, 7));
}

static void test_a_refused_block_is_told(void **state)
{
        struct world *world = *state;
        bool told = false;

        world->server.script[WIRE_CODE_block].times = 1;
        world->server.script[WIRE_CODE_block].error = ERR_BLOCK_LIMIT;
        assert_int_equal(core_block(world->bob.core, 7, true, world->bob.time), ERR_OK);
        core_host_settle(&world->bob);
        fake_server_serve(&world->server);
        for (size_t i = 0; i < world->bob.event_count; i++)
                told |= world->bob.events[i].kind == CORE_EVENT_SIGN && world->bob.events[i].error == ERR_BLOCK_LIMIT;
        assert_true(told);
        assert_false(core_blocks(world->bob.core, 7));
}

static void test_another_device_changes_it(void **state)
{
        struct world *world = *state;
        const struct wire_blocked blocked = {.user = 100, .on = 1};

        block_many(world, 1);
        fake_server_send(&world->server, &world->bob, WIRE_CODE_blocked, NULL, NULL, &blocked);
        core_host_settle(&world->bob);
        assert_false(core_blocks(world->bob.core, 100)); /* what the server has is asked for */
        /* It changes again while that is under way: what was asked for may be older. */
        fake_server_send(&world->server, &world->bob, WIRE_CODE_blocked, NULL, NULL, &blocked);
        core_host_settle(&world->bob);
        fake_server_serve(&world->server);
        assert_true(core_blocks(world->bob.core, 100));
        assert_int_equal(world->server.counts[WIRE_CODE_blocks], 2);
}

/* A Join that was read before somebody was blocked is answered after it. */
static void test_an_older_join_does_not_unblock(void **state)
{
        struct world *world = *state;
        struct wire_joined joined = {.era = world->server.era};
        struct wire_rejoin rejoin = {0};
        struct fake_frame frame = {0};

        fake_server_send(&world->server, &world->bob, WIRE_CODE_rejoin, NULL, NULL, &rejoin);
        core_host_advance(&world->bob, 3000);
        while (frame.head.code != WIRE_CODE_join)
                assert_true(fake_server_take(&world->bob, &frame));
        block_many(world, 1);
        assert_int_equal(core_block(world->bob.core, 100, true, world->bob.time), ERR_OK);
        core_host_settle(&world->bob);
        fake_server_serve(&world->server);
        assert_true(core_blocks(world->bob.core, 100));
        joined.profile = core_profile(world->bob.core);
        fake_server_send(&world->server, &world->bob, WIRE_CODE_joined, &frame.head.request, NULL, &joined);
        assert_true(core_blocks(world->bob.core, 100));
        assert_false(core_blocks_known(world->bob.core));
        core_host_settle(&world->bob);
        fake_server_serve(&world->server);
        assert_true(core_blocks(world->bob.core, 100));
        assert_true(core_blocks_known(world->bob.core));
}

static void test_what_is_not_answered_is_asked_again(void **state)
{
        struct world *world = *state;

        world->server.script[WIRE_CODE_blocks].times = 1;
        world->server.script[WIRE_CODE_blocks].error = ERR_BUSY;
        block_many(world, 2);
        join_anew(world);
        fake_server_run(&world->server, 10000, 100);
        assert_true(core_blocks(world->bob.core, 102));
        assert_int_equal(world->server.counts[WIRE_CODE_blocks], 2);
}

int main(void)
{
#define WORLD_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        static const struct CMUnitTest tests[] = {
                WORLD_TEST(test_the_list_comes_after_join_by_pages),
                WORLD_TEST(test_it_is_known_without_a_link),
                WORLD_TEST(test_a_block_of_ones_own_counts_when_it_is_answered),
                WORLD_TEST(test_a_refused_block_is_told),
                WORLD_TEST(test_another_device_changes_it),
                WORLD_TEST(test_an_older_join_does_not_unblock),
                WORLD_TEST(test_what_is_not_answered_is_asked_again),
        };

        return cmocka_run_group_tests_name("core, blocks", tests, NULL, NULL);
}
