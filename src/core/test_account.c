/* Who is not signed in yet and thinks better of it: what was asked for is not asked any more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// clang-format off
#include <cmocka.h>
// clang-format on

#include "core/state.h"
#include "rules/room.h"
#include "support/fake_server.h"

static const struct slice email = {(const uint8_t *)"alice@example.org", 17};

struct world {
        struct fake_server server;
        struct core_host phone;
};

static int set_up(void **state)
{
        static struct world world;

        fake_server_init(&world.server);
        core_host_init(&world.phone, 1);
        assert_int_equal(fake_server_add(&world.server, &world.phone, 0, 0), ERR_OK);
        *state = &world;
        return 0;
}

static int tear_down(void **state)
{
        struct world *world = *state;

        fake_server_finish(&world->server);
        return 0;
}

static void ask(struct core_host *host)
{
        assert_int_equal(core_sign_up(host->core, email, SLICE_LITERAL("alice"), SLICE_LITERAL("Alice"),
                                      SLICE_LITERAL("correct horse"), (struct slice){0}, host->time),
                         ERR_OK);
        core_host_settle(host);
}

static void what_was_asked_without_a_server_can_be_taken_back(void **state)
{
        struct world *world = *state;
        struct core_host *phone = &world->phone;

        assert_int_equal(core_connect_ms(phone->core), UINT64_MAX);
        ask(phone);
        assert_true(phone->connect_due);
        core_host_disconnect(phone);
        assert_in_range(core_connect_ms(phone->core), phone->time.now_ms, phone->time.now_ms + LINK_RETRY_MAX_MS);
        assert_int_equal(core_cancel(phone->core, phone->time), ERR_OK);
        core_host_settle(phone);
        assert_int_equal(core_connect_ms(phone->core), UINT64_MAX);
        fake_server_run(&world->server, 120000, 1000);
        assert_int_equal(world->server.counts[WIRE_CODE_sign_up], 0);
        assert_int_equal(core_host_count(phone, CORE_EVENT_SIGN), 0);
        ask(phone); /* and asked again */
        fake_server_run(&world->server, 120000, 1000);
        assert_int_equal(core_phase(phone->core), CORE_WAITS_FOR_CODE);
}

static void an_answer_to_what_was_taken_back_is_nobodys(void **state)
{
        struct world *world = *state;
        struct core_host *phone = &world->phone;
        struct fake_frame frame;

        ask(phone);
        core_host_connect(phone);
        while (fake_server_take(phone, &frame))
                if (frame.head.code != WIRE_CODE_sign_up)
                        fake_server_handle(&world->server, &world->server.clients[0], &frame);
        assert_int_equal(core_cancel(phone->core, phone->time), ERR_OK);
        core_host_settle(phone);
        assert_true(phone->closed);
        fake_server_run(&world->server, 60000, 1000);
        assert_int_equal(core_phase(phone->core), CORE_SIGNED_OUT);
        assert_int_equal(core_host_count(phone, CORE_EVENT_SIGN), 0);
}

static void a_code_is_not_awaited_any_more_after_a_crash_either(void **state)
{
        struct world *world = *state;
        struct core_host *phone = &world->phone;

        ask(phone);
        fake_server_serve(&world->server);
        assert_int_equal(core_phase(phone->core), CORE_WAITS_FOR_CODE);
        assert_int_equal(core_start_over(phone->core, phone->time), ERR_OK);
        core_host_settle(phone);
        assert_int_equal(core_phase(phone->core), CORE_SIGNED_OUT);
        core_host_crash(phone);
        core_host_start(phone);
        assert_int_equal(core_phase(phone->core), CORE_SIGNED_OUT);
        assert_int_equal(core_confirm(phone->core, SLICE_LITERAL("123456"), (const uint8_t[32]){1}, SLICE_LITERAL("phone"),
                                      phone->time),
                         ERR_NOT_NOW);
}

static void sign_in(struct world *world)
{
        struct core_host *phone = &world->phone;

        ask(phone);
        fake_server_serve(&world->server);
        assert_int_equal(core_confirm(phone->core, SLICE_LITERAL("123456"), (const uint8_t[32]){1}, SLICE_LITERAL("phone"),
                                      phone->time),
                         ERR_OK);
        core_host_settle(phone);
        fake_server_serve(&world->server);
        assert_int_equal(core_phase(phone->core), CORE_SYNCED);
        core_host_clear_events(phone);
}

static void who_is_signed_in_stays_so(void **state)
{
        struct world *world = *state;
        struct core_host *phone = &world->phone;

        sign_in(world);
        assert_int_equal(core_start_over(phone->core, phone->time), ERR_NOT_NOW);
        assert_int_equal(core_cancel(phone->core, phone->time), ERR_OK);
        core_host_settle(phone);
        assert_false(phone->closed);
        assert_int_equal(core_phase(phone->core), CORE_SYNCED);
}

static void delete_account(struct core_host *phone)
{
        assert_int_equal(core_delete_account(phone->core, SLICE_LITERAL("correct horse"), phone->time), ERR_OK);
        core_host_settle(phone);
}

/* Somebody asks for the end of his account, there is no link, he thinks better of it: it must not come with the next one. */
static void what_was_taken_back_is_not_asked_with_the_next_link(void **state)
{
        struct world *world = *state;
        struct core_host *phone = &world->phone;

        sign_in(world);
        core_host_disconnect(phone);
        delete_account(phone);
        assert_int_equal(core_cancel(phone->core, phone->time), ERR_OK);
        fake_server_run(&world->server, 120000, 1000);
        assert_int_equal(core_phase(phone->core), CORE_SYNCED);
        assert_int_equal(world->server.counts[WIRE_CODE_delete_account], 0);
        assert_int_equal(core_host_count(phone, CORE_EVENT_SIGN), 0);
}

static void nor_if_it_was_under_way(void **state)
{
        struct world *world = *state;
        struct core_host *phone = &world->phone;

        sign_in(world);
        world->server.script[WIRE_CODE_delete_account].times = 1;
        delete_account(phone);
        fake_server_serve(&world->server);
        assert_int_equal(world->server.counts[WIRE_CODE_delete_account], 1);
        assert_int_equal(core_cancel(phone->core, phone->time), ERR_OK);
        core_host_disconnect(phone);
        fake_server_run(&world->server, 120000, 1000);
        assert_int_equal(core_phase(phone->core), CORE_SYNCED);
        assert_int_equal(world->server.counts[WIRE_CODE_delete_account], 1);
        assert_int_equal(core_host_count(phone, CORE_EVENT_SIGN), 0);
        delete_account(phone); /* and it can be asked for again */
        fake_server_serve(&world->server);
        assert_int_equal(core_phase(phone->core), CORE_SIGNED_OUT);
}

/* Whatever else is asked is refused once the account has ended, and the connection closed: that must not come before the answer. */
static void the_end_is_asked_for_alone(void **state)
{
        struct world *world = *state;
        struct core_host *phone = &world->phone;
        struct fake_client *client = &world->server.clients[0];
        struct fake_frame frame;
        struct id room, id;

        sign_in(world);
        room = room_personal(core_user(phone->core), 77);
        (void)fake_server_say(&world->server, &room, 77, "hello", false);
        fake_server_run(&world->server, 5000, 100);
        assert_int_equal(core_send(phone->core, &room, SLICE_LITERAL("good-bye"), &id, phone->time), ERR_OK);
        core_host_settle(phone);
        delete_account(phone);
        assert_true(fake_server_take(phone, &frame));
        assert_int_equal(frame.head.code, WIRE_CODE_write);
        assert_false(fake_server_take(phone, &frame));
        fake_server_handle(&world->server, client, &frame);
        core_host_settle(phone);
        assert_true(fake_server_take(phone, &frame));
        assert_int_equal(frame.head.code, WIRE_CODE_delete_account);
        (void)fake_server_say(&world->server, &room, 77, "what?", false); /* it wants a mark */
        assert_int_equal(core_send(phone->core, &room, SLICE_LITERAL("too late"), &id, phone->time), ERR_OK);
        assert_int_equal(core_devices(phone->core, &id, phone->time), ERR_AGAIN);
        core_typing(phone->core, &room, phone->time);
        core_host_advance(phone, 2000);
        assert_false(fake_server_take(phone, &frame));
        fake_server_handle(&world->server, client, &frame);
        core_host_settle(phone);
        assert_int_equal(core_phase(phone->core), CORE_SIGNED_OUT);
}

static void a_late_answer_is_not_told_but_a_name_is_what_it_says(void **state)
{
        struct world *world = *state;
        struct core_host *phone = &world->phone;
        struct wire_profile_set set;
        struct fake_frame frame = {0};

        sign_in(world);
        assert_int_equal(core_set_profile(phone->core, SLICE_LITERAL("alicia"), (struct slice){0}, phone->time), ERR_OK);
        core_host_settle(phone);
        while (frame.head.code != WIRE_CODE_set_profile)
                assert_true(fake_server_take(phone, &frame));
        assert_int_equal(core_cancel(phone->core, phone->time), ERR_OK);
        set.profile = (struct wire_person){.user = 1, .user_name = SLICE_LITERAL("alicia")};
        fake_server_send(&world->server, phone, WIRE_CODE_profile_set, &frame.head.request, NULL, &set);
        core_host_settle(phone);
        assert_false(phone->closed);
        assert_true(slice_equal(core_profile(phone->core).user_name, SLICE_LITERAL("alicia")));
        assert_int_equal(core_host_count(phone, CORE_EVENT_SIGN), 0);
        core_host_crash(phone);
        core_host_start(phone);
        assert_true(slice_equal(core_profile(phone->core).user_name, SLICE_LITERAL("alicia")));
}

/* It is no wish of the user's that he could take back. */
static void a_renewal_goes_on(void **state)
{
        struct world *world = *state;
        struct core_host *phone = &world->phone;
        struct fake_frame frame = {0};

        sign_in(world);
        core_host_disconnect(phone);
        world->server.token_salt++;
        for (int i = 0; i < 300 && frame.head.code != WIRE_CODE_renew; i++) {
                core_host_advance(phone, 100);
                if (phone->connect_due)
                        core_host_connect(phone);
                while (frame.head.code != WIRE_CODE_renew && fake_server_take(phone, &frame))
                        if (frame.head.code != WIRE_CODE_renew)
                                fake_server_handle(&world->server, &world->server.clients[0], &frame);
        }
        assert_int_equal(frame.head.code, WIRE_CODE_renew);
        assert_int_equal(core_cancel(phone->core, phone->time), ERR_OK);
        fake_server_handle(&world->server, &world->server.clients[0], &frame);
        fake_server_run(&world->server, 10000, 100);
        assert_int_equal(core_phase(phone->core), CORE_SYNCED);
        assert_int_equal(world->server.counts[WIRE_CODE_renew], 1);
}

/* ---- ticks, which every client shows by the same numbers ---- */

#define ME 7

static struct core_ticks of(const struct wire_lowest *lowest)
{
        const struct core_room_info info = {.lowest = *lowest};

        return core_ticks(&info, ME);
}

static void ticks_are_the_lowest_of_the_others(void **state)
{
        struct wire_lowest lowest = {.has = UINT32_MAX,
                                     .delivered_first = 5,
                                     .delivered_user = ME,
                                     .delivered_second = 9,
                                     .shown_first = 3,
                                     .shown_user = 8,
                                     .shown_second = 4,
                                     .counted_first = 1,
                                     .counted_user = ME,
                                     .counted_second = 2};
        struct core_ticks ticks = of(&lowest);

        (void)state;
        assert_int_equal(ticks.from, 2);
        assert_int_equal(ticks.delivered, 9);
        assert_int_equal(ticks.read, 3);
        lowest.has &= ~WIRE_HAS(lowest, counted_second); /* nobody else is counted */
        ticks = of(&lowest);
        assert_int_equal(ticks.from + ticks.delivered + ticks.read, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
                TEST(what_was_asked_without_a_server_can_be_taken_back),
                TEST(an_answer_to_what_was_taken_back_is_nobodys),
                TEST(a_code_is_not_awaited_any_more_after_a_crash_either),
                TEST(who_is_signed_in_stays_so),
                TEST(what_was_taken_back_is_not_asked_with_the_next_link),
                TEST(nor_if_it_was_under_way),
                TEST(the_end_is_asked_for_alone),
                TEST(a_late_answer_is_not_told_but_a_name_is_what_it_says),
                TEST(a_renewal_goes_on),
                cmocka_unit_test(ticks_are_the_lowest_of_the_others),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
