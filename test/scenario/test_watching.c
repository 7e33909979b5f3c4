/* Who is online, and who types: what is told, to whom, and that a reconnect says nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// clang-format off
#include <cmocka.h>
// clang-format on

#include "rules/seen.h"
#include "rules/setting.h"
#include "scenario/scenario.h"

static void alice_comes_and_goes(struct scenario *s)
{
        struct person *alice = person_new(s, "alice"), *bob = person_new(s, "bob");

        person_signs_up(alice);
        person_signs_up(bob);
        person_says(alice, bob, "hello");
        person_sees(bob, alice, "hello");
        scenario_passes(s, 60);
        assert_int_equal(bob->statuses, 0); /* nothing unasked */
        person_looks_at(bob, alice, false);
        AWAIT(s, person_knows_online(bob, alice) == 1, "bob learns that alice is there");
        /* Half a minute is nothing. */
        for (int i = 0; i < 3; i++) {
                person_is_killed(alice);
                scenario_passes(s, 10);
                person_starts(alice);
                AWAIT(s, person_phase(alice) == CORE_SYNCED, "alice is back");
                scenario_passes(s, 60);
        }
        assert_int_equal(bob->statuses, 1);
        person_is_killed(alice);
        scenario_passes(s, 25);
        assert_int_equal(bob->statuses, 1);
        AWAIT(s, person_knows_online(bob, alice) == 0, "bob learns that alice is gone");
        assert_int_equal(bob->statuses, 2);
        person_starts(alice);
        AWAIT(s, person_knows_online(bob, alice) == 1, "and that she is back");
        person_looks_at(bob, NULL, false);
        scenario_passes(s, 10);
        person_is_killed(alice);
        scenario_passes(s, 120);
        assert_int_equal(bob->statuses, 3); /* he does not look any more */
}

/* When he knows her to have been there last; 0: he does not. */
static uint64_t seen_ms(const struct person *person, const struct person *other)
{
        return core_seen_ms(person->client->host.core, other->client->user->id);
}

static void when_alice_was_there_is_known_coarsely(struct scenario *s)
{
        struct person *alice = person_new(s, "alice"), *bob = person_new(s, "bob"), *mallory = person_new(s, "mallory");
        uint64_t left_ms;

        person_signs_up(alice);
        person_signs_up(bob);
        person_signs_up(mallory);
        person_says(alice, bob, "hello");
        person_sees(bob, alice, "hello");
        person_looks_at(bob, alice, false);
        person_looks_at(mallory, alice, false);
        AWAIT(s, person_knows_online(bob, alice) == 1, "bob learns that alice is there");
        assert_int_equal(seen_ms(bob, alice), 0);
        scenario_passes(s, 3600);
        left_ms = SIM_WALL_MS + sim_now_ms(s->sim);
        person_is_killed(alice);
        AWAIT(s, person_knows_online(bob, alice) == 0, "bob learns that alice is gone");
        assert_in_range(seen_ms(bob, alice), seen_coarse(left_ms), seen_coarse(left_ms + 60000));
        link_cut(bob);
        assert_int_equal(seen_ms(bob, alice), 0);
        scenario_passes(s, 4 * 3600);
        scenario_kills_server(s);
        link_mended(bob);
        AWAIT(s, person_knows_online(bob, alice) == 0, "bob looks again hours later");
        assert_in_range(seen_ms(bob, alice), seen_coarse(left_ms), seen_coarse(left_ms + 60000));
        person_starts(alice);
        AWAIT(s, person_knows_online(bob, alice) == 1, "alice is back");
        assert_int_equal(seen_ms(bob, alice), 0);
        assert_int_equal(seen_ms(mallory, alice), 0); /* he shares no room with her */
}

static void sets_hidden(struct person *person, const char *value)
{
        struct core_host *host = &person->client->host;

        assert_int_equal(core_set(host->core, SLICE_LITERAL(SETTING_KEY_HIDDEN), slice_text(value), host->time), ERR_OK);
        core_host_settle(host);
}

static void alice_hides(struct scenario *s)
{
        struct person *alice = person_new(s, "alice"), *bob = person_new(s, "bob"), *phone = person_new(s, "alice");
        struct core_setting setting;

        person_signs_up(alice);
        person_signs_up(bob);
        person_signs_in(phone);
        person_says(alice, bob, "hello");
        person_sees(bob, alice, "hello");
        person_looks_at(bob, alice, false);
        person_looks_at(phone, bob, false);
        AWAIT(s, person_knows_online(bob, alice) == 1, "bob learns that alice is there");
        AWAIT(s, person_knows_online(phone, bob) == 1, "and she that he is");
        sets_hidden(alice, "yes");
        AWAIT(s, core_setting(phone->client->host.core, SLICE_LITERAL(SETTING_KEY_HIDDEN), &setting), "her phone has it");
        AWAIT(s, person_knows_online(phone, bob) == -1, "she sees nobody any more");
        scenario_passes(s, 300); /* what bob was told before counts for the lease */
        assert_int_equal(person_knows_online(bob, alice), -1);
        person_is_killed(alice);
        person_is_killed(phone);
        scenario_kills_server(s);
        scenario_passes(s, 600);
        assert_int_equal(person_knows_online(bob, alice), -1);
        assert_int_equal(seen_ms(bob, alice), 0);
        person_starts(phone);
        AWAIT(s, person_phase(phone) == CORE_SYNCED, "her phone is back");
        sets_hidden(phone, "");
        scenario_passes(s, 300);
        assert_int_equal(person_knows_online(bob, alice), 1);
        person_looks_at(phone, bob, false);
        AWAIT(s, person_knows_online(phone, bob) == 1, "and sees him");
        person_starts(alice);
}

static void bobs_own_link_says_nothing_of_alice(struct scenario *s)
{
        struct person *alice = person_new(s, "alice"), *bob = person_new(s, "bob");

        person_signs_up(alice);
        person_signs_up(bob);
        person_says(alice, bob, "hello");
        person_sees(bob, alice, "hello");
        person_looks_at(bob, alice, true);
        AWAIT(s, person_knows_online(bob, alice) == 1, "bob learns that alice is there");
        link_cut(bob);
        assert_int_equal(person_knows_online(bob, alice), -1);
        link_mended(bob);
        AWAIT(s, person_knows_online(bob, alice) == 1, "bob asks again by himself");
        scenario_kills_server(s);
        AWAIT(s, person_phase(bob) == CORE_SYNCED && person_knows_online(bob, alice) == 1, "and after the server was away");
        scenario_passes(s, 1200); /* leases end, and are renewed */
        assert_int_equal(person_knows_online(bob, alice), 1);
        link_cut(alice); /* nobody says goodbye: her silence is noticed in time */
        scenario_passes(s, 120);
        AWAIT(s, person_knows_online(bob, alice) == 0, "he still hears of her");
}

static void mallory_watches_strangers(struct scenario *s)
{
        struct person *alice = person_new(s, "alice"), *mallory = person_new(s, "mallory");

        person_signs_up(alice);
        person_signs_up(mallory);
        person_looks_at(mallory, alice, false);
        scenario_passes(s, 60);
        person_is_killed(alice);
        scenario_passes(s, 60);
        person_starts(alice);
        scenario_passes(s, 60);
        assert_int_equal(mallory->statuses, 0);
        assert_int_equal(person_knows_online(mallory, alice), -1);
        /* Once they talk, it is told at the next renewal. */
        person_says(alice, mallory, "who are you?");
        person_sees(mallory, alice, "who are you?");
        scenario_passes(s, 300);
        assert_int_equal(person_knows_online(mallory, alice), 1);
}

static void bob_types(struct scenario *s)
{
        struct person *alice = person_new(s, "alice"), *bob = person_new(s, "bob");
        struct person *phone = person_new(s, "alice");

        person_signs_up(alice);
        person_signs_up(bob);
        person_signs_in(phone);
        person_says(alice, bob, "hello");
        person_sees(bob, alice, "hello");
        person_sees(phone, bob, "hello");
        person_looks_at(bob, alice, true);
        person_looks_at(alice, bob, false); /* she sees the list of rooms */
        scenario_passes(s, 5);
        person_types(bob, alice);
        scenario_passes(s, 10);
        assert_int_equal(alice->types, 0);
        person_looks_at(alice, bob, true);
        scenario_passes(s, 5);
        for (int i = 0; i < 10; i++) { /* key after key */
                person_types(bob, alice);
                scenario_passes(s, 1);
        }
        assert_true(alice->typing);
        assert_int_equal(alice->types, 1);
        AWAIT(s, !alice->typing, "a while later it is over");
        assert_int_equal(alice->types, 2);
        person_types(bob, alice);
        AWAIT(s, alice->typing, "bob types again");
        person_says(bob, alice, "there");
        AWAIT(s, !alice->typing, "his message ends it");
        person_sees(alice, bob, "hello / there");
        assert_int_equal(phone->types, 0); /* she has nothing open there */
        assert_int_equal(bob->types, 0);
}

int main(void)
{
        const struct CMUnitTest stories[] = {
                STORY(alice_comes_and_goes),
                STORY(when_alice_was_there_is_known_coarsely),
                STORY(alice_hides),
                STORY(bobs_own_link_says_nothing_of_alice),
                STORY(mallory_watches_strangers),
                STORY(bob_types),
        };

        return cmocka_run_group_tests_name("watching and typing", stories, NULL, NULL);
}
