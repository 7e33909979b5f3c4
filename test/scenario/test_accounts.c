/* Accounts: sign-up, devices, sign-out, and those who guess. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// clang-format off
#include <cmocka.h>
// clang-format on

#include "scenario/scenario.h"

static void alice_signs_up_with_the_code_from_the_mail(struct scenario *s)
{
        struct person *alice = person_new(s, "alice");
        const char *email = "alice@example.org";

        assert_int_equal(person_asks_to_sign_up(alice, email), ERR_OK);
        assert_int_equal(person_phase(alice), CORE_WAITS_FOR_CODE);
        AWAIT(s, mailbox_code(s->sim, email), "no letter comes");
        assert_int_equal(person_tries_code(alice, "000000"), ERR_BAD_CODE);
        assert_int_equal(person_phase(alice), CORE_WAITS_FOR_CODE);

        /* Her machine is switched off and on: she need not begin again. */
        person_is_killed(alice);
        person_starts(alice);
        assert_int_equal(person_phase(alice), CORE_WAITS_FOR_CODE);
        assert_int_equal(person_tries_code(alice, mailbox_code(s->sim, email)), ERR_OK);
        AWAIT(s, person_phase(alice) == CORE_SYNCED, "alice does not get in");
        assert_true(slice_equal(core_profile(alice->client->host.core).user_name, SLICE_LITERAL("alice")));
}

static void an_address_that_is_known_gets_the_same_answer(struct scenario *s)
{
        struct person *alice = person_new(s, "alice"), *eve = person_new(s, "eve");
        unsigned letters;

        person_signs_up(alice);
        letters = s->sim->mailbox.boxes[0].letters;

        /* Eve cannot tell whether Alice has an account; Alice learns that somebody tried. */
        assert_int_equal(person_asks_to_sign_up(eve, "alice@example.org"), ERR_OK);
        assert_int_equal(person_phase(eve), CORE_WAITS_FOR_CODE);
        AWAIT(s, s->sim->mailbox.boxes[0].letters == letters + 1, "alice hears nothing");
        assert_int_equal(person_tries_code(eve, mailbox_code(s->sim, "alice@example.org")), ERR_BAD_CODE);
        assert_int_equal(person_asks_to_sign_up(eve, "eve@example.org"), ERR_OK);
        AWAIT(s, mailbox_code(s->sim, "eve@example.org"), "no letter comes");
        assert_int_equal(person_tries_code(eve, mailbox_code(s->sim, "eve@example.org")), ERR_OK);
        AWAIT(s, person_phase(eve) == CORE_SYNCED, "eve does not get in");
        assert_int_not_equal(eve->client->user->id, alice->client->user->id);
}

static void whoever_guesses_passwords_has_to_wait(struct scenario *s)
{
        struct person *alice = person_new(s, "alice"), *phone = person_new(s, "alice");

        person_signs_up(alice);
        for (unsigned i = 0; i < 5; i++)
                assert_int_equal(person_tries_password(phone, "a wrong guess"), ERR_BAD_LOGIN);

        /* Now the right one does not help either, for half a minute. */
        assert_int_equal(person_tries_password(phone, "alice's password"), ERR_GUESSED);
        scenario_passes(s, 20);
        assert_int_equal(person_tries_password(phone, "alice's password"), ERR_GUESSED);
        scenario_passes(s, 20);
        person_signs_in(phone);
        assert_int_equal(phone->client->user->id, core_user(phone->client->host.core));
}

static void a_device_that_was_away_learns_that_it_was_signed_out(struct scenario *s)
{
        struct person *alice = person_new(s, "alice"), *phone = person_new(s, "alice"), *tablet = person_new(s, "alice");
        struct person *bob = person_new(s, "bob");

        person_signs_up(alice);
        person_signs_up(bob);
        person_signs_in(phone);
        person_signs_in(tablet);
        person_says(bob, alice, "hi");
        person_sees(phone, bob, "hi");
        person_sees(tablet, bob, "hi");
        person_lists_devices(alice);
        assert_int_equal(alice->found_count, 3);

        /* Both are stolen, and the thief, who has no network yet, writes with one of them. */
        link_cut(phone);
        link_cut(tablet);
        person_says(phone, bob, "by the thief");
        person_signs_out(alice, phone);
        person_signs_out(alice, tablet);
        person_lists_devices(alice);
        assert_int_equal(alice->found_count, 1);
        person_says(bob, alice, "secret");
        link_mended(phone);
        link_mended(tablet);
        person_is_signed_out(phone);
        person_is_signed_out(tablet);

        person_sees(alice, bob, "hi / secret");
        person_says(alice, bob, "still here");
        person_sees(bob, alice, "hi / secret / still here");
        person_sees(alice, bob, "hi / secret / still here");
}

static void signing_out_everywhere_leaves_nobody_in(struct scenario *s)
{
        struct person *alice = person_new(s, "alice"), *phone = person_new(s, "alice");
        struct person *bob = person_new(s, "bob");

        person_signs_up(alice);
        person_signs_up(bob);
        person_signs_in(phone);
        person_says(bob, alice, "hi");
        person_sees(phone, bob, "hi");
        person_signs_out(alice, NULL);
        person_is_signed_out(alice);
        person_is_signed_out(phone);

        /* What comes meanwhile waits for her. */
        person_says(bob, alice, "are you there?");
        person_has_tick(bob, alice, "are you there?", CORE_MESSAGE_SENT);
        scenario_passes(s, 60);
        assert_int_equal(person_tick(bob, alice, "are you there?"), CORE_MESSAGE_SENT);
        person_signs_in(phone);
        person_sees(phone, bob, "hi / are you there?");
        person_has_tick(bob, alice, "are you there?", CORE_MESSAGE_DELIVERED);
}

int main(void)
{
        const struct CMUnitTest stories[] = {
                STORY(alice_signs_up_with_the_code_from_the_mail),
                STORY(an_address_that_is_known_gets_the_same_answer),
                STORY(whoever_guesses_passwords_has_to_wait),
                STORY(a_device_that_was_away_learns_that_it_was_signed_out),
                STORY(signing_out_everywhere_leaves_nobody_in),
        };

        return cmocka_run_group_tests_name("accounts", stories, NULL, NULL);
}
