/* Bad days: no link, processes that are killed, a year away, a server that goes back in time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// clang-format off
#include <cmocka.h>
// clang-format on

#include "scenario/scenario.h"

static void two_sign_up(struct scenario *s, struct person **alice, struct person **bob)
{
        *alice = person_new(s, "alice");
        *bob = person_new(s, "bob");
        person_signs_up(*alice);
        person_signs_up(*bob);
}

static void what_was_written_without_a_link_survives_a_kill(struct scenario *s)
{
        struct person *alice, *bob;

        two_sign_up(s, &alice, &bob);
        person_says(alice, bob, "zero");
        person_sees(bob, alice, "zero");
        person_sees(alice, bob, "zero");
        link_cut(alice);
        person_says(alice, bob, "one");
        person_says(alice, bob, "two");
        person_says(alice, bob, "three");
        scenario_passes(s, 60);
        assert_string_equal(person_log(bob, alice), "zero");
        assert_int_equal(person_queued(alice, bob), 3);

        person_is_killed(alice);
        person_starts(alice);
        assert_int_equal(person_queued(alice, bob), 3);
        alice->told_sent = 0;
        link_mended(alice);
        person_sees(bob, alice, "zero / one / two / three");
        person_sees(alice, bob, "zero / one / two / three");
        AWAIT(s, person_queued(alice, bob) == 0, "alice still holds what was sent");
        assert_int_equal(alice->told_sent, 3);
}

static void a_server_killed_between_commit_and_answer_tells_once(struct scenario *s)
{
        struct person *alice, *bob;

        two_sign_up(s, &alice, &bob);
        person_says(alice, bob, "hi");
        AWAIT(s, scenario_rows(s) == 1, "it is not committed");
        assert_int_equal(alice->told_sent, 0);
        assert_int_equal(person_head(bob, alice), 0);
        scenario_kills_server(s);

        /* She asks again, and gets the answer that she would have got. */
        AWAIT(s, alice->told_sent == 1, "alice is not told");
        person_sees(bob, alice, "hi");
        scenario_passes(s, 60);
        assert_int_equal(alice->told_sent, 1);
        assert_int_equal(alice->told_failed, 0);
        assert_int_equal(scenario_rows(s), 1);
        assert_string_equal(person_log(alice, bob), "hi");
        assert_string_equal(person_log(bob, alice), "hi");
        person_reads(bob, alice);
        person_has_tick(alice, bob, "hi", CORE_MESSAGE_READ);
}

static void workers_killed_between_commit_and_answer_are_not_noticed(struct scenario *s)
{
        struct person *alice, *bob;
        const struct line *line;

        two_sign_up(s, &alice, &bob);
        line = alice->client->line;
        person_says(alice, bob, "hi");
        AWAIT(s, scenario_rows(s) == 1, "it is not committed");
        assert_int_equal(alice->told_sent, 0);
        assert_int_equal(person_head(bob, alice), 0);
        scenario_kills_workers(s);

        /* Nobody joins again: the repeat is found, answered and delivered. */
        person_sees(bob, alice, "hi");
        AWAIT(s, alice->told_sent == 1, "alice is not told");
        assert_ptr_equal(alice->client->line, line);
        scenario_passes(s, 60);
        assert_int_equal(alice->told_sent, 1);
        assert_int_equal(scenario_rows(s), 1);
        person_has_tick(alice, bob, "hi", CORE_MESSAGE_DELIVERED);
}

static void what_alice_was_told_is_sent_survives_a_kill(struct scenario *s)
{
        struct person *alice, *bob;

        two_sign_up(s, &alice, &bob);
        link_cut(bob);
        for (unsigned i = 1; i <= 5; i++) {
                person_says(alice, bob, "believe me");
                AWAIT(s, alice->told_sent == i, "alice is not told");
                scenario_kills_server(s);
                AWAIT(s, person_phase(alice) < CORE_READY, "alice does not notice");
                AWAIT(s, person_phase(alice) == CORE_SYNCED, "alice does not come back");
                assert_int_equal(scenario_rows(s), i);
        }
        link_mended(bob);
        person_sees(bob, alice, "believe me / believe me / believe me / believe me / believe me");
}

static void bob_is_away_for_a_year(struct scenario *s)
{
        struct person *alice, *bob;

        two_sign_up(s, &alice, &bob);
        person_says(bob, alice, "see you in a year");
        person_sees(alice, bob, "see you in a year");
        person_is_killed(bob);
        for (unsigned quarter = 0; quarter < 4; quarter++) {
                AWAIT(s, person_phase(alice) == CORE_SYNCED, "alice does not come back");
                person_says_many(alice, bob, 30);
                scenario_sleeps(s, 91);
        }
        assert_int_equal(person_rows(alice, bob), 121);

        person_starts(bob);
        AWAIT(s, person_rows(bob, alice) == 121 && person_hole(bob, alice) == 0, "bob has not everything");
        assert_int_equal(person_unread(bob, alice), 120);
        person_has_tick(alice, bob, "30 of 30", CORE_MESSAGE_DELIVERED);
        person_reads(bob, alice);
        person_has_tick(alice, bob, "30 of 30", CORE_MESSAGE_READ);
        assert_int_equal(person_unread(bob, alice), 0);
        person_says(bob, alice, "what a year");
        AWAIT(s, person_head(alice, bob) == 122, "alice does not hear of it");
}

static void scrolling_up_fills_what_was_left_out(struct scenario *s)
{
        struct person *alice, *bob;

        two_sign_up(s, &alice, &bob);
        person_says(alice, bob, "first");
        person_sees(bob, alice, "first");
        person_is_killed(bob);
        person_says_many(alice, bob, 400);
        bob->client->host.limits.background_rows = 50; /* a small device: it does not fetch everything by itself */
        person_starts(bob);
        AWAIT(s, person_phase(bob) == CORE_SYNCED && person_head(bob, alice) == 401, "bob does not come back");
        scenario_passes(s, 60);
        assert_in_range(person_rows(bob, alice), 50, 300);
        assert_in_range(person_hole(bob, alice), 100, 360);

        /* Only his storage knows what is missing. */
        person_is_killed(bob);
        person_starts(bob);
        AWAIT(s, person_phase(bob) == CORE_SYNCED, "bob does not come back");
        assert_in_range(person_hole(bob, alice), 100, 360);
        person_scrolls_up(bob, alice);
        assert_int_equal(bob->whole_from, 1);
        assert_int_equal(person_hole(bob, alice), 0);
        assert_int_equal(person_rows(bob, alice), 401);
        person_has_tick(alice, bob, "1 of 400", CORE_MESSAGE_DELIVERED);
}

static void a_restored_store_takes_what_is_still_to_be_sent(struct scenario *s)
{
        struct person *alice, *bob;

        two_sign_up(s, &alice, &bob);
        person_says(alice, bob, "before");
        person_sees(bob, alice, "before");
        scenario_passes(s, 10);
        scenario_saves_store(s);
        person_says(alice, bob, "lost");
        person_sees(bob, alice, "before / lost");
        person_sees(alice, bob, "before / lost");
        AWAIT(s, person_queued(alice, bob) == 0, "alice still holds what was sent");
        link_cut(alice);
        person_says(alice, bob, "written in between");
        scenario_restores_store(s);

        /* Both learn that it is another time: what they had is dropped, what is to be sent is not. */
        AWAIT(s, bob->forgotten == 1, "bob does not notice");
        person_sees(bob, alice, "before");
        assert_int_equal(alice->forgotten, 0);
        link_mended(alice);
        AWAIT(s, alice->forgotten == 1, "alice does not notice");
        assert_int_equal(alice->forgotten_error, ERR_OK);
        person_sees(bob, alice, "before / written in between");
        person_sees(alice, bob, "before / written in between");
        assert_int_equal(alice->told_failed, 0);
}

int main(void)
{
        const struct CMUnitTest stories[] = {
                STORY(what_was_written_without_a_link_survives_a_kill),
                STORY(a_server_killed_between_commit_and_answer_tells_once),
                STORY(workers_killed_between_commit_and_answer_are_not_noticed),
                STORY(what_alice_was_told_is_sent_survives_a_kill),
                STORY(bob_is_away_for_a_year),
                STORY(scrolling_up_fills_what_was_left_out),
                STORY(a_restored_store_takes_what_is_still_to_be_sent),
        };

        return cmocka_run_group_tests_name("bad days", stories, NULL, NULL);
}
