/* How one keeps one's rooms on all devices: muted, archived, pinned, drafts; through links that are cut, servers that die, a restored store. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// clang-format off
#include <cmocka.h>
// clang-format on

#include "rules/setting.h"
#include "scenario/scenario.h"

static void sets(struct person *person, const struct person *with, enum room_setting setting, const char *value)
{
        struct core_host *host = &person->client->host;
        struct id room = person_room(person, with);

        assert_int_equal(core_set_room(host->core, &room, setting, slice_text(value), host->time), ERR_OK);
        core_host_settle(host);
}

static struct room_settings settings_of(const struct person *person, const struct person *with)
{
        struct id room = person_room(person, with);

        return core_room_settings(person->client->host.core, &room);
}

static bool has_draft(const struct person *person, const struct person *with, const char *text)
{
        return person_runs(person) && slice_equal(settings_of(person, with).draft, slice_text(text));
}

/* Has it something that the server has not said to be done? */
static bool waits(const struct person *person)
{
        struct core_setting setting;

        for (uint32_t i = 0; core_setting_at(person->client->host.core, i, &setting); i++)
                if (setting.waits)
                        return true;
        return false;
}

/* By that device's clock. */
static bool is_archived(const struct person *person, const struct person *with)
{
        struct room_settings settings = settings_of(person, with);
        struct id room = person_room(person, with);
        struct core_room_info info;

        return core_room_info(person->client->host.core, &room, &info) == ERR_OK &&
               room_is_archived(&settings, info.last_time_ms, person->client->host.time.wall_ms);
}

static void alice_mutes_a_chat_on_all_her_devices(struct scenario *s)
{
        struct person *alice = person_new(s, "alice"), *phone = person_new(s, "alice"), *tablet = person_new(s, "alice");
        struct person *bob = person_new(s, "bob");

        person_signs_up(alice);
        person_signs_up(bob);
        person_signs_in(phone);
        person_says(bob, alice, "psst");
        person_sees(phone, bob, "psst");
        sets(alice, bob, SETTING_MUTE, "forever");
        AWAIT(s, settings_of(phone, bob).muted_until_ms == SETTING_FOREVER, "the phone does not hear of it");
        /* A device that comes later, too; and Bob hears nothing of it. */
        person_signs_in(tablet);
        AWAIT(s, settings_of(tablet, bob).muted_until_ms == SETTING_FOREVER, "the tablet does not hear of it");
        assert_int_equal(settings_of(bob, alice).muted_until_ms, 0);
        sets(tablet, bob, SETTING_MUTE, "");
        AWAIT(s, settings_of(alice, bob).muted_until_ms == 0 && settings_of(phone, bob).muted_until_ms == 0,
              "nobody hears that it is over");
        /* Her notes are not among it. */
        person_says(alice, alice, "milk");
        person_sees(phone, alice, "milk");
}

static void what_was_archived_comes_back_with_the_next_message(struct scenario *s)
{
        struct person *alice = person_new(s, "alice"), *phone = person_new(s, "alice"), *bob = person_new(s, "bob");
        struct person *carol = person_new(s, "carol");
        char time[SETTING_NUMBER_MAX + 1] = "";
        struct core_room_info info;
        struct id room;

        person_signs_up(alice);
        person_signs_up(bob);
        person_signs_up(carol);
        person_signs_in(phone);
        person_says(bob, alice, "one");
        person_says(carol, alice, "one");
        person_sees(alice, bob, "one");
        person_sees(alice, carol, "one");
        for (int i = 0; i < 2; i++) {
                const struct person *with = i ? carol : bob;
                struct slice value;

                room = person_room(alice, with);
                assert_int_equal(core_room_info(alice->client->host.core, &room, &info), ERR_OK);
                value = setting_number_write(info.last_time_ms, time);
                time[value.size] = '\0';
                sets(alice, with, SETTING_ARCHIVE, time);
        }
        sets(alice, carol, SETTING_MUTE, "forever");
        AWAIT(s, is_archived(phone, bob) && is_archived(phone, carol), "the phone does not put them away");
        person_says(bob, alice, "two");
        person_says(carol, alice, "two");
        AWAIT(s, !is_archived(phone, bob) && !is_archived(alice, bob), "Bob does not come back");
        person_sees(phone, carol, "one / two");
        assert_true(is_archived(phone, carol)); /* a muted one stays there */
}

static void a_draft_begun_without_a_link_is_on_the_other_device_later(struct scenario *s)
{
        struct person *alice = person_new(s, "alice"), *phone = person_new(s, "alice"), *bob = person_new(s, "bob");

        person_signs_up(alice);
        person_signs_up(bob);
        person_signs_in(phone);
        sets(alice, bob, SETTING_DRAFT, "0 Dear");
        AWAIT(s, has_draft(phone, bob, "Dear"), "no draft comes");
        link_cut(alice);
        sets(alice, bob, SETTING_DRAFT, "0 Dear Bob");
        sets(alice, bob, SETTING_DRAFT, "0 Dear Bob, I");
        person_is_killed(alice);
        person_starts(alice);
        AWAIT(s, has_draft(alice, bob, "Dear Bob, I"), "what she wrote last is lost");
        assert_true(has_draft(phone, bob, "Dear"));
        link_mended(alice);
        AWAIT(s, has_draft(phone, bob, "Dear Bob, I"), "the phone has an old draft");
        /* The server dies while she goes on; then she sends it from the phone. */
        sets(alice, bob, SETTING_DRAFT, "0 Dear Bob, I am");
        scenario_kills_server(s);
        AWAIT(s, has_draft(phone, bob, "Dear Bob, I am"), "the phone has an old draft");
        person_says(phone, bob, "Dear Bob, I am");
        sets(phone, bob, SETTING_DRAFT, "");
        AWAIT(s, has_draft(alice, bob, ""), "the draft is still there");
        person_sees(bob, alice, "Dear Bob, I am");
}

static void both_without_a_link_set_one_thing_and_agree_in_the_end(struct scenario *s)
{
        struct person *alice = person_new(s, "alice"), *phone = person_new(s, "alice"), *bob = person_new(s, "bob");

        person_signs_up(alice);
        person_signs_up(bob);
        person_signs_in(phone);
        link_cut(alice);
        link_cut(phone);
        sets(alice, bob, SETTING_PIN, "1");
        sets(phone, bob, SETTING_PIN, "2");
        link_mended(alice);
        scenario_passes(s, 20);
        link_mended(phone);
        AWAIT(s, settings_of(alice, bob).pin == 2 && settings_of(phone, bob).pin == 2, "they do not agree");
        /* From here on the same row is altered, whichever it is. */
        sets(alice, bob, SETTING_PIN, "3");
        AWAIT(s, settings_of(phone, bob).pin == 3, "the phone does not hear of it");
        sets(phone, bob, SETTING_PIN, "4");
        AWAIT(s, settings_of(alice, bob).pin == 4, "she does not hear of it");
}

static void a_restored_store_takes_back_what_was_set_and_not_what_waits(struct scenario *s)
{
        struct person *alice = person_new(s, "alice"), *phone = person_new(s, "alice"), *bob = person_new(s, "bob");

        person_signs_up(alice);
        person_signs_up(bob);
        person_signs_in(phone);
        sets(alice, bob, SETTING_PIN, "1");
        AWAIT(s, settings_of(phone, bob).pin == 1, "the phone does not hear of it");
        scenario_saves_store(s);
        sets(alice, bob, SETTING_PIN, "2");
        sets(alice, bob, SETTING_MUTE, "forever");
        AWAIT(s, settings_of(phone, bob).muted_until_ms && settings_of(phone, bob).pin == 2,
              "the phone does not hear of it");
        AWAIT(s, !waits(alice), "she is not told that it is done");
        link_cut(alice);
        sets(alice, bob, SETTING_DRAFT, "0 still here");
        scenario_restores_store(s);
        AWAIT(s, settings_of(phone, bob).pin == 1 && settings_of(phone, bob).muted_until_ms == 0,
              "the phone believes the past");
        link_mended(alice);
        AWAIT(s, has_draft(phone, bob, "still here"), "what waited is lost");
        assert_true(settings_of(alice, bob).pin == 1 && settings_of(alice, bob).muted_until_ms == 0);
}

int main(void)
{
        const struct CMUnitTest stories[] = {
                STORY(alice_mutes_a_chat_on_all_her_devices),
                STORY(what_was_archived_comes_back_with_the_next_message),
                STORY(a_draft_begun_without_a_link_is_on_the_other_device_later),
                STORY(both_without_a_link_set_one_thing_and_agree_in_the_end),
                STORY(a_restored_store_takes_back_what_was_set_and_not_what_waits),
        };

        return cmocka_run_group_tests_name("keeping rooms", stories, NULL, NULL);
}
