/* Settings of a user, on two devices of Alice: set, kept, sent, folded, refused, forgotten. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// clang-format off
#include <cmocka.h>
// clang-format on

#include <stdio.h>

#include "core/state.h"
#include "rules/limits.h"
#include "rules/room.h"
#include "rules/row.h"
#include "rules/setting.h"
#include "support/fake_server.h"

#define ALICE 1
#define BOB   2

struct world {
        struct fake_server server;
        struct core_host phone, laptop;
        struct id self;
};

static int set_up(void **state)
{
        static struct world world;

        fake_server_init(&world.server);
        core_host_init(&world.phone, 1);
        core_host_init(&world.laptop, 2);
        world.self = room_personal(ALICE, ALICE);
        fake_server_add(&world.server, &world.phone, ALICE, 11);
        fake_server_add(&world.server, &world.laptop, ALICE, 12);
        fake_server_serve(&world.server);
        assert_int_equal(core_phase(world.laptop.core), CORE_SYNCED);
        *state = &world;
        return 0;
}

static int tear_down(void **state)
{
        struct world *world = *state;

        fake_server_finish(&world->server);
        return 0;
}

static void set(struct core_host *host, const char *key, const char *value)
{
        assert_int_equal(core_set(host->core, slice_text(key), slice_text(value), host->time), ERR_OK);
        core_host_settle(host);
}

static void is(struct core_host *host, const char *key, const char *value)
{
        struct core_setting setting;

        assert_int_equal(core_setting(host->core, slice_text(key), &setting), *value != '\0');
        assert_true(slice_equal(setting.value, slice_text(value)));
}

static void waits(struct core_host *host, const char *key, bool waits)
{
        struct core_setting setting;

        (void)core_setting(host->core, slice_text(key), &setting);
        assert_int_equal(setting.waits, waits);
}

static uint64_t head(struct world *world)
{
        return fake_server_room(&world->server, &world->self)->head;
}

/* Long enough for what has to be asked for. */
static void rest(struct world *world)
{
        fake_server_run(&world->server, 3000, 100);
}

/* That row is delivered to the host, whatever the server has. */
static void deliver(struct world *world, struct core_host *host, uint64_t number, uint64_t seq, const char *text)
{
        struct wire_delivery delivery = {.has = WIRE_HAS(delivery, row), .number = number};

        delivery.row = (struct wire_row){.seq = seq,
                                         .changed = number,
                                         .sender = ALICE,
                                         .kind = ROW_SETTING,
                                         .request = {{9, (uint8_t)seq, 0, 0, 0, 0, 0x70, 0, 0x80}},
                                         .text = slice_text(text)};
        fake_server_send(&world->server, host, WIRE_CODE_delivery, NULL, &world->self, &delivery);
        core_host_settle(host);
}

static void what_one_device_sets_the_other_has(void **state)
{
        struct world *world = *state;
        const struct host_event *event;
        struct core_room_info info;
        struct wire_row row;

        core_host_clear_events(&world->phone);
        core_host_clear_events(&world->laptop);
        set(&world->phone, "theme", "dark");
        is(&world->phone, "theme", "dark");
        waits(&world->phone, "theme", true);
        fake_server_serve(&world->server);
        waits(&world->phone, "theme", false);
        is(&world->laptop, "theme", "dark");
        event = core_host_last(&world->phone, CORE_EVENT_SETTING);
        assert_true(event && event->seq == 1 && event->error == ERR_OK);
        assert_string_equal(event->text, "theme=dark");
        assert_string_equal(core_host_last(&world->laptop, CORE_EVENT_SETTING)->text, "theme=dark");
        /* It is no message to anybody, and no row. */
        assert_int_equal(core_host_count(&world->phone, CORE_EVENT_MESSAGE), 0);
        assert_int_equal(core_host_count(&world->laptop, CORE_EVENT_ROW), 0);
        assert_false(core_host_row(&world->phone, &world->self, 1, &row));
        assert_false(core_host_row(&world->laptop, &world->self, 1, &row));
        assert_int_equal(core_room_info(world->laptop.core, &world->self, &info), ERR_OK);
        assert_true(info.head == 1 && info.unread == 0 && info.queued == 0);
        /* And back again, and away. */
        set(&world->laptop, "theme", "light");
        rest(world);
        is(&world->phone, "theme", "light");
        set(&world->phone, "theme", "");
        rest(world);
        is(&world->laptop, "theme", "");
        waits(&world->phone, "theme", false);
        assert_int_equal(head(world), 3);
        assert_int_equal(core_host_records(&world->phone, SLICE_LITERAL("O")), 0);
}

static void setting_it_again_to_the_same_sends_nothing(void **state)
{
        struct world *world = *state;

        set(&world->phone, "theme", "dark");
        rest(world);
        set(&world->phone, "theme", "dark");
        set(&world->phone, "other", "");
        rest(world);
        assert_int_equal(head(world), 1);
}

static void without_a_link_the_newest_is_kept_and_sent_alone(void **state)
{
        struct world *world = *state;

        set(&world->phone, "draft", "H");
        rest(world);
        core_host_disconnect(&world->phone);
        set(&world->phone, "draft", "He");
        set(&world->phone, "draft", "Hell");
        set(&world->phone, "theme", "dark");
        core_host_crash(&world->phone);
        core_host_start(&world->phone);
        is(&world->phone, "draft", "Hell");
        is(&world->phone, "theme", "dark");
        set(&world->phone, "draft", "Hello");
        is(&world->laptop, "draft", "H");
        rest(world);
        is(&world->laptop, "draft", "Hello");
        is(&world->laptop, "theme", "dark");
        assert_int_equal(head(world), 3);
        core_host_crash(&world->laptop);
        core_host_start(&world->laptop);
        is(&world->laptop, "draft", "Hello");
}

static void what_is_set_while_an_older_one_flies_comes_after_it(void **state)
{
        struct world *world = *state;
        struct fake_frame frame;

        set(&world->phone, "draft", "one");
        assert_true(fake_server_take(&world->phone, &frame));
        assert_int_equal(frame.head.code, WIRE_CODE_write);
        set(&world->phone, "draft", "two");
        set(&world->phone, "draft", "three");
        fake_server_handle(&world->server, &world->server.clients[0], &frame);
        is(&world->phone, "draft", "three");
        rest(world);
        is(&world->phone, "draft", "three");
        is(&world->laptop, "draft", "three");
        waits(&world->phone, "draft", false);
        assert_int_equal(head(world), 2);
}

static void of_two_rows_with_one_key_the_one_altered_last_counts(void **state)
{
        struct world *world = *state;
        struct core_host *phone = &world->phone;

        deliver(world, phone, 1, 1, "theme dark");
        deliver(world, phone, 2, 2, "theme light");
        is(phone, "theme", "light");
        deliver(world, phone, 3, 1, "theme black");
        is(phone, "theme", "black");
        /* Kept so, and another row's later alteration counts again. */
        core_host_crash(phone);
        core_host_start(phone);
        is(phone, "theme", "black");
        world->server.silent = true;
        fake_server_say(&world->server, &world->self, ALICE, "a note", true);
        fake_server_say(&world->server, &world->self, ALICE, "a note", true);
        fake_server_say(&world->server, &world->self, ALICE, "a note", true);
        rest(world);
        is(phone, "theme", "black");
        deliver(world, phone, 4, 2, "theme white");
        is(phone, "theme", "white");
}

static void what_was_set_here_outlives_an_older_word_of_another_device(void **state)
{
        struct world *world = *state;
        struct fake_frame frame;

        set(&world->phone, "theme", "mine");
        assert_true(fake_server_take(&world->phone, &frame));
        set(&world->laptop, "theme", "theirs");
        while (fake_server_take(&world->laptop, &frame))
                fake_server_handle(&world->server, &world->server.clients[1], &frame);
        is(&world->phone, "theme", "mine");
        waits(&world->phone, "theme", true);
        rest(world); /* the lost one is sent again, and is the last */
        fake_server_run(&world->server, 20000, 500);
        is(&world->phone, "theme", "mine");
        is(&world->laptop, "theme", "mine");
}

static void a_new_device_gets_them_by_its_join(void **state)
{
        struct world *world = *state;
        static struct core_host tablet;
        char key[16], value[16];

        world->server.page_rows = 1;
        for (int i = 0; i < 60; i++) {
                snprintf(key, sizeof(key), "key%02d", i);
                snprintf(value, sizeof(value), "value%d", i);
                set(&world->phone, key, value);
        }
        rest(world);
        core_host_init(&tablet, 3);
        fake_server_add(&world->server, &tablet, ALICE, 13);
        rest(world);
        for (int i = 0; i < 60; i++) {
                snprintf(key, sizeof(key), "key%02d", i);
                snprintf(value, sizeof(value), "value%d", i);
                is(&tablet, key, value);
        }
        /* And does not make a second row of what it sets. */
        set(&tablet, "key07", "seven");
        rest(world);
        is(&world->phone, "key07", "seven");
        assert_int_equal(head(world), 61);
}

static void what_another_process_puts_into_the_outbox_is_set(void **state)
{
        struct world *world = *state;
        const struct wire_operation operation = {.kind = ROW_SETTING, .text = SLICE_LITERAL("theme dark")};
        uint8_t key[CORE_KEY_SIZE_MAX], value[128];
        size_t key_size, value_size;
        struct id id = {{1, 2, 3, 4, 5, 6, 0x70, 8, 0x80, 9}}, room = room_personal(ALICE, BOB);

        set(&world->phone, "theme", "light");
        rest(world);
        assert_int_equal(core_outbox_record(&room, &id, &operation, 0, key, &key_size, value, &value_size), ERR_BAD_FIELD);
        assert_int_equal(core_outbox_record(&world->self, &id, &operation, 0, key, &key_size, value, &value_size), ERR_OK);
        core_host_put(&world->phone, slice_of(key, key_size), slice_of(value, value_size));
        core_outbox_changed(world->phone.core, world->phone.time);
        core_host_settle(&world->phone);
        is(&world->phone, "theme", "dark");
        rest(world);
        is(&world->laptop, "theme", "dark");
        waits(&world->phone, "theme", false);
        assert_int_equal(core_host_records(&world->phone, SLICE_LITERAL("O")), 0);
        /* Nobody else writes them as messages. */
        assert_int_equal(core_write(world->phone.core, &world->self, &operation, &id, world->phone.time), ERR_BAD_FIELD);
}

static void an_older_one_that_was_under_way_at_a_crash_is_nobodys_wish(void **state)
{
        struct world *world = *state;
        struct fake_frame frame;

        set(&world->phone, "draft", "one");
        assert_true(fake_server_take(&world->phone, &frame)); /* and it is lost */
        core_host_disconnect(&world->phone);
        set(&world->phone, "draft", "two");
        core_host_crash(&world->phone);
        core_host_start(&world->phone);
        is(&world->phone, "draft", "two");
        rest(world);
        is(&world->phone, "draft", "two");
        is(&world->laptop, "draft", "two");
        waits(&world->phone, "draft", false);
        assert_int_equal(core_host_records(&world->phone, SLICE_LITERAL("O")), 0);
}

static void a_row_that_is_gone_is_made_anew(void **state)
{
        struct world *world = *state;
        struct fake_frame frame;

        set(&world->phone, "theme", "dark");
        rest(world);
        world->server.write_status = ERR_NO_ROW;
        set(&world->phone, "theme", "light");
        assert_true(fake_server_take(&world->phone, &frame));
        fake_server_handle(&world->server, &world->server.clients[0], &frame);
        is(&world->phone, "theme", "light");
        waits(&world->phone, "theme", true);
        world->server.write_status = ERR_OK;
        rest(world);
        waits(&world->phone, "theme", false);
        is(&world->laptop, "theme", "light");
}

static void what_is_refused_is_told_and_is_as_it_was(void **state)
{
        struct world *world = *state;
        const struct host_event *event;

        world->server.write_status = ERR_TOO_LARGE;
        set(&world->phone, "theme", "dark");
        rest(world);
        is(&world->phone, "theme", "");
        event = core_host_last(&world->phone, CORE_EVENT_SETTING);
        assert_true(event && event->error == ERR_TOO_LARGE);
        assert_int_equal(core_host_records(&world->phone, SLICE_LITERAL("O")), 0);
}

static void what_is_no_setting_is_refused_at_once(void **state)
{
        struct world *world = *state;
        static char large[TEXT_SIZE_MAX];
        struct core *core = world->phone.core;
        struct core_time time = world->phone.time;

        memset(large, 'x', sizeof(large));
        assert_int_equal(core_set(core, SLICE_LITERAL(""), SLICE_LITERAL("x"), time), ERR_BAD_FIELD);
        assert_int_equal(core_set(core, SLICE_LITERAL("two words"), SLICE_LITERAL("x"), time), ERR_BAD_FIELD);
        assert_int_equal(core_set(core, slice_of(large, SETTING_KEY_MAX + 1), SLICE_LITERAL("x"), time), ERR_BAD_FIELD);
        assert_int_equal(core_set(core, SLICE_LITERAL("x"), SLICE_LITERAL("\xff"), time), ERR_BAD_FIELD);
        assert_int_equal(core_set(core, SLICE_LITERAL("x"), slice_of(large, TEXT_SIZE_MAX - 1), time), ERR_TOO_LARGE);
        world->phone.core->limits.settings_max = 2;
        set(&world->phone, "a", "1");
        set(&world->phone, "b", "1");
        assert_int_equal(core_set(core, SLICE_LITERAL("c"), SLICE_LITERAL("1"), time), ERR_FULL);
        world->phone.core->limits.settings_bytes_max = 10;
        assert_int_equal(core_set(core, SLICE_LITERAL("a"), SLICE_LITERAL("long enough"), time), ERR_FULL);
}

static void in_another_era_what_is_unsent_stays(void **state)
{
        struct world *world = *state;

        set(&world->phone, "theme", "dark");
        set(&world->phone, "old", "known");
        rest(world);
        core_host_disconnect(&world->phone);
        core_host_disconnect(&world->laptop);
        set(&world->phone, "theme", "light");
        fake_server_restore_nothing(&world->server);
        rest(world);
        is(&world->phone, "old", "");
        is(&world->laptop, "old", "");
        is(&world->phone, "theme", "light");
        is(&world->laptop, "theme", "light");
        assert_int_equal(head(world), 1);
        core_host_crash(&world->phone);
        core_host_start(&world->phone);
        is(&world->phone, "old", "");
        is(&world->phone, "theme", "light");
}

static void signed_out_nothing_is_left(void **state)
{
        struct world *world = *state;

        set(&world->phone, "theme", "dark");
        rest(world);
        assert_int_equal(core_sign_out(world->phone.core, 11, world->phone.time), ERR_OK);
        rest(world);
        assert_int_equal(core_phase(world->phone.core), CORE_SIGNED_OUT);
        assert_int_equal(core_host_records(&world->phone, SLICE_LITERAL("S")), 0);
        is(&world->phone, "theme", "");
        assert_int_equal(core_set(world->phone.core, SLICE_LITERAL("a"), SLICE_LITERAL("1"), world->phone.time), ERR_AGAIN);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
        static const struct CMUnitTest tests[] = {
                TEST(what_one_device_sets_the_other_has),
                TEST(setting_it_again_to_the_same_sends_nothing),
                TEST(without_a_link_the_newest_is_kept_and_sent_alone),
                TEST(what_is_set_while_an_older_one_flies_comes_after_it),
                TEST(of_two_rows_with_one_key_the_one_altered_last_counts),
                TEST(what_was_set_here_outlives_an_older_word_of_another_device),
                TEST(a_new_device_gets_them_by_its_join),
                TEST(what_another_process_puts_into_the_outbox_is_set),
                TEST(an_older_one_that_was_under_way_at_a_crash_is_nobodys_wish),
                TEST(a_row_that_is_gone_is_made_anew),
                TEST(what_is_refused_is_told_and_is_as_it_was),
                TEST(what_is_no_setting_is_refused_at_once),
                TEST(in_another_era_what_is_unsent_stays),
                TEST(signed_out_nothing_is_left),
        };

        return cmocka_run_group_tests_name("settings", tests, NULL, NULL);
}
