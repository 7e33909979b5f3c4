/* Talking, on good days: finding each other, the first message, ticks, several devices, several frontends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// clang-format off
#include <cmocka.h>
// clang-format on

#include "scenario/scenario.h"

static void alice_finds_bob_and_writes_to_him(struct scenario *s)
{
        struct person *alice = person_new(s, "alice"), *bob = person_new(s, "bob");
        struct core_room_info info;

        person_signs_up(bob);
        person_signs_up(alice);
        person_finds(alice, "nobody");
        assert_int_equal(alice->found_count, 0);
        person_finds(alice, "BO");
        assert_int_equal(alice->found_count, 1);
        assert_int_equal(alice->found[0], bob->client->user->id);

        /* There was no room; the first message makes it, and both know who the other one is. */
        person_says(alice, bob, "hi Bob");
        person_sees(bob, alice, "hi Bob");
        assert_int_equal(person_unread(bob, alice), 1);
        person_says(bob, alice, "hi Alice");
        person_sees(alice, bob, "hi Bob / hi Alice");
        person_sees(bob, alice, "hi Bob / hi Alice");
        assert_true(core_room_at(bob->client->host.core, 0, &info));
        AWAIT(s, core_room_at(bob->client->host.core, 0, &info) && slice_equal(info.peer.user_name, SLICE_LITERAL("alice")),
              "bob does not learn who writes to him");
}

static void alice_writes_to_herself(struct scenario *s)
{
        struct person *alice = person_new(s, "alice"), *phone = person_new(s, "alice");

        person_signs_up(alice);
        person_says(alice, alice, "milk");
        person_sees(alice, alice, "milk");
        person_signs_in(phone);
        person_sees(phone, alice, "milk");
        person_says(phone, alice, "bread");
        person_sees(alice, alice, "milk / bread");
        assert_int_equal(person_unread(alice, alice), 0);
        assert_int_equal(person_unread(phone, alice), 0);
}

static void a_second_device_sees_everything(struct scenario *s)
{
        struct person *alice = person_new(s, "alice"), *bob = person_new(s, "bob"), *phone;

        person_signs_up(alice);
        person_signs_up(bob);
        person_says(alice, bob, "one");
        person_sees(bob, alice, "one");
        person_says(bob, alice, "two");
        person_sees(bob, alice, "one / two");
        person_sees(alice, bob, "one / two");

        phone = person_new(s, "alice");
        person_signs_in(phone);
        person_sees(phone, bob, "one / two");
        person_says(phone, bob, "three");
        person_sees(alice, bob, "one / two / three");
        person_says(alice, bob, "four");
        person_sees(phone, bob, "one / two / three / four");
        person_says(bob, alice, "five");
        person_sees(alice, bob, "one / two / three / four / five");
        person_sees(phone, bob, "one / two / three / four / five");
        AWAIT(s, person_unread(alice, bob) == 2 && person_unread(phone, bob) == 2, "two are unread, on either");
        person_reads(phone, bob);
        AWAIT(s, person_unread(alice, bob) == 0, "alice has to read them twice");
}

static void ticks_rise_from_sent_to_delivered_to_read(struct scenario *s)
{
        struct person *alice = person_new(s, "alice"), *phone = person_new(s, "alice");
        struct person *bob = person_new(s, "bob"), *tablet = person_new(s, "bob");

        person_signs_up(alice);
        person_signs_in(phone);
        person_signs_up(bob);
        person_signs_in(tablet);
        link_cut(bob);
        link_cut(tablet);
        person_says(alice, bob, "hi");
        person_has_tick(alice, bob, "hi", CORE_MESSAGE_SENT);
        scenario_passes(s, 60);
        assert_int_equal(person_tick(alice, bob, "hi"), CORE_MESSAGE_SENT);

        /* One of his devices is enough. */
        link_mended(tablet);
        person_has_tick(alice, bob, "hi", CORE_MESSAGE_DELIVERED);
        person_has_tick(phone, bob, "hi", CORE_MESSAGE_DELIVERED);
        scenario_passes(s, 60);
        assert_int_equal(person_tick(alice, bob, "hi"), CORE_MESSAGE_DELIVERED);
        assert_int_equal(person_unread(tablet, alice), 1);
        person_reads(tablet, alice);
        person_has_tick(alice, bob, "hi", CORE_MESSAGE_READ);
        person_has_tick(phone, bob, "hi", CORE_MESSAGE_READ);

        /* What he read on the one is read on the other. */
        link_mended(bob);
        person_sees(bob, alice, "hi");
        AWAIT(s, person_unread(bob, alice) == 0, "bob has to read it twice");
}

static void two_who_hold_different_frontends_talk(struct scenario *s)
{
        struct person *alice = person_new(s, "alice"), *bob = person_new(s, "bob"), *phone = person_new(s, "alice");

        person_signs_up(alice);
        person_signs_up(bob);
        person_signs_in(phone);
        link_goes_to(alice, 0);
        link_goes_to(bob, 1);
        link_goes_to(phone, 1);
        person_says(alice, bob, "from 0 to 1");
        person_sees(bob, alice, "from 0 to 1");
        person_sees(phone, bob, "from 0 to 1");
        person_says(bob, alice, "and back");
        person_sees(alice, bob, "from 0 to 1 / and back");
        person_sees(phone, bob, "from 0 to 1 / and back");
        person_reads(bob, alice);
        person_has_tick(alice, bob, "from 0 to 1", CORE_MESSAGE_READ);

        /* The phone is signed out from the other frontend, while it is there. */
        person_signs_out(alice, phone);
        person_is_signed_out(phone);
}

static void a_stranger_neither_reads_nor_writes(struct scenario *s)
{
        struct person *alice = person_new(s, "alice"), *bob = person_new(s, "bob"), *eve = person_new(s, "eve");
        struct id room, id;

        person_signs_up(alice);
        person_signs_up(bob);
        person_signs_up(eve);
        person_says(alice, bob, "between us");
        person_sees(bob, alice, "between us");

        /* Her client would not even ask. */
        room = person_room(alice, bob);
        assert_int_equal(core_send(eve->client->host.core, &room, SLICE_LITERAL("me too"), &id, eve->client->host.time),
                         ERR_NO_ROOM);
        assert_int_equal(intruder_writes(eve, alice, bob, "me too"), ERR_NO_ROOM);
        assert_int_equal(intruder_looks(eve, alice, bob), ERR_NO_ROOM);

        /* The same frames are good in a room of one's own. */
        assert_int_equal(intruder_looks(bob, alice, bob), ERR_OK);
        person_says(bob, alice, "yes");
        person_sees(alice, bob, "between us / yes");
        assert_int_equal(core_host_records(&eve->client->host, SLICE_LITERAL("M")), 0);
}

int main(void)
{
        const struct CMUnitTest stories[] = {
                STORY(alice_finds_bob_and_writes_to_him),     STORY(alice_writes_to_herself),
                STORY(a_second_device_sees_everything),       STORY(ticks_rise_from_sent_to_delivered_to_read),
                STORY(two_who_hold_different_frontends_talk), STORY(a_stranger_neither_reads_nor_writes),
        };

        return cmocka_run_group_tests_name("talking", stories, NULL, NULL);
}
