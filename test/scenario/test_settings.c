/* What an account is: a lost password, another one, other names, another address; invitations; and those who guess at all of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// clang-format off
#include <cmocka.h>
// clang-format on

#include "scenario/scenario.h"

#define ALICE "alice@example.org"

static const char *code_for(struct scenario *s, const char *email)
{
        AWAIT(s, mailbox_code(s->sim, email), "no code comes to %s", email);
        return mailbox_code(s->sim, email);
}

/* The next letter to that address is here. */
static unsigned letters_to(const struct scenario *s, const char *email)
{
        for (unsigned i = 0; i < s->sim->mailbox.count; i++)
                if (strcmp(s->sim->mailbox.boxes[i].address, email) == 0)
                        return s->sim->mailbox.boxes[i].letters;
        return 0;
}

static void is_in(struct scenario *s, struct person *person)
{
        AWAIT(s, person_phase(person) == CORE_SYNCED, "%s does not get in", person->name);
}

static void a_lost_password_is_set_anew_and_all_others_are_out(struct scenario *s)
{
        struct person *alice = person_new(s, "alice"), *thief = person_new(s, "alice"), *phone = person_new(s, "alice");
        struct person *bob = person_new(s, "bob");

        person_signs_up(alice);
        person_signs_up(bob);
        person_signs_in(thief);
        person_says(bob, alice, "hi");
        person_sees(alice, bob, "hi");
        person_sees(thief, bob, "hi");
        link_cut(alice);

        assert_int_equal(person_asks_to_reset(phone, ALICE), ERR_OK);
        assert_int_equal(person_phase(phone), CORE_WAITS_FOR_RESET);
        AWAIT(s, letters_to(s, ALICE) >= 2, "no letter comes");
        assert_int_equal(person_tries_reset(phone, "000000", "a new password"), ERR_BAD_CODE);
        /* Her phone is switched off and on: she need not begin again. */
        person_is_killed(phone);
        person_starts(phone);
        assert_int_equal(person_phase(phone), CORE_WAITS_FOR_RESET);
        assert_int_equal(person_tries_reset(phone, code_for(s, ALICE), "a new password"), ERR_OK);
        is_in(s, phone);
        assert_int_equal(phone->client->user->id, core_user(phone->client->host.core));

        /* The thief is out at once, whoever was away when he comes back; the old password is worth nothing. */
        person_is_signed_out(thief);
        person_says(bob, alice, "secret");
        link_mended(alice);
        person_is_signed_out(alice);
        assert_int_equal(person_tries_password(alice, "alice's password"), ERR_BAD_LOGIN);
        assert_int_equal(person_tries_password(alice, "a new password"), ERR_OK);
        is_in(s, alice);
        person_sees(phone, bob, "hi / secret");
        person_lists_devices(phone);
        assert_int_equal(phone->found_count, 2);
}

static void a_reset_does_not_tell_who_has_an_account(struct scenario *s)
{
        struct person *alice = person_new(s, "alice"), *eve = person_new(s, "eve");

        person_signs_up(alice);
        assert_int_equal(person_asks_to_reset(eve, "nobody@example.org"), ERR_OK);
        assert_int_equal(person_phase(eve), CORE_WAITS_FOR_RESET);
        AWAIT(s, letters_to(s, "nobody@example.org") == 1, "nobody hears nothing");
        assert_null(mailbox_code(s->sim, "nobody@example.org"));
        for (unsigned i = 0; i < 5; i++)
                assert_int_equal(person_tries_reset(eve, "123456", "a new password"), ERR_BAD_CODE);
        assert_int_equal(person_tries_reset(eve, "123456", "a new password"), ERR_GUESSED);
}

static void whoever_guesses_codes_has_to_wait_however_many_he_asks_for(struct scenario *s)
{
        struct person *alice = person_new(s, "alice"), *eve = person_new(s, "eve");
        unsigned guesses = 0;

        person_signs_up(alice);
        for (unsigned asked = 0; asked < 3 && eve->sign_error != ERR_GUESSED; asked++) {
                assert_int_equal(person_asks_to_reset(eve, ALICE), ERR_OK);
                for (unsigned i = 0; i < 3 && eve->sign_error != ERR_GUESSED; i++)
                        guesses += person_tries_reset(eve, "123456", "a new password") == ERR_BAD_CODE;
        }
        assert_int_equal(eve->sign_error, ERR_GUESSED);
        assert_int_equal(guesses, 5);
        assert_true(eve->sign_wait_ms > 0 && eve->sign_wait_ms <= 30000);
        /* Another worker counts on, and the server's end changes nothing. */
        scenario_kills_server(s);
        scenario_passes(s, 10);
        assert_int_equal(person_tries_reset(eve, "123456", "a new password"), ERR_GUESSED);
        /* Her own sign-in is no code: that is not held up. */
        person_signs_out(alice, NULL);
        person_signs_in(alice);
}

static void nobody_is_buried_in_letters(struct scenario *s)
{
        struct person *alice = person_new(s, "alice"), *eve = person_new(s, "eve");
        unsigned sent = 0;

        person_signs_up(alice);
        while (sent < 10 && person_asks_to_reset(eve, ALICE) == ERR_OK)
                sent++;
        assert_int_equal(eve->sign_error, ERR_GUESSED);
        assert_true(sent < 6);
        scenario_passes(s, 40);
        assert_int_equal(person_asks_to_reset(eve, ALICE), ERR_OK);
}

static void another_password_wants_the_old_one(struct scenario *s)
{
        struct person *alice = person_new(s, "alice"), *phone = person_new(s, "alice");

        person_signs_up(alice);
        person_signs_in(phone);
        assert_int_equal(person_sets_password(alice, "a wrong guess", "the next password", false), ERR_BAD_LOGIN);
        assert_int_equal(person_sets_password(alice, "alice's password", "the next password", false), ERR_OK);
        scenario_passes(s, 60);
        assert_int_equal(person_phase(phone), CORE_SYNCED); /* it stays signed in */
        assert_int_equal(person_phase(alice), CORE_SYNCED);
        assert_int_equal(person_sets_password(phone, "the next password", "the last password", true), ERR_OK);
        person_is_signed_out(alice);
        assert_int_equal(person_tries_password(alice, "the next password"), ERR_BAD_LOGIN);
        assert_int_equal(person_tries_password(alice, "the last password"), ERR_OK);
        is_in(s, alice);
}

static void signing_out_all_others_leaves_oneself_in(struct scenario *s)
{
        struct person *alice = person_new(s, "alice"), *phone = person_new(s, "alice"), *tablet = person_new(s, "alice");

        person_signs_up(alice);
        person_signs_in(phone);
        person_signs_in(tablet);
        link_cut(tablet);
        person_signs_out_others(phone);
        person_is_signed_out(alice);
        link_mended(tablet);
        person_is_signed_out(tablet);
        scenario_passes(s, 60);
        assert_int_equal(person_phase(phone), CORE_SYNCED);
        person_lists_devices(phone);
        assert_int_equal(phone->found_count, 1);
}

static bool peer_is(struct person *person, const struct person *with, const char *user_name, const char *display_name)
{
        struct id room = person_room(person, with);
        struct core_room_info info;

        return core_room_info(person->client->host.core, &room, &info) == ERR_OK &&
               slice_equal(info.peer.user_name, slice_text(user_name)) &&
               slice_equal(info.peer.display_name, slice_text(display_name));
}

static void other_names_reach_those_who_talk_with_her(struct scenario *s)
{
        struct person *alice = person_new(s, "alice"), *bob = person_new(s, "bob");

        person_signs_up(alice);
        person_signs_up(bob);
        person_says(bob, alice, "hi");
        person_sees(alice, bob, "hi");
        assert_int_equal(person_sets_names(alice, "bob", ""), ERR_NAME_TAKEN);
        assert_int_equal(person_sets_names(alice, "", "Alice Liddell"), ERR_OK);
        assert_true(slice_equal(core_profile(alice->client->host.core).display_name, SLICE_LITERAL("Alice Liddell")));
        assert_int_equal(person_sets_names(alice, "dinah", ""), ERR_OK);
        person_finds(bob, "liddell");
        assert_int_equal(bob->found_count, 1);
        person_finds(bob, "dinah");
        assert_int_equal(bob->found_count, 1);
        person_finds(bob, "alice");
        assert_int_equal(bob->found_count, 1); /* by the display name */
        link_cut(bob);
        link_mended(bob);
        AWAIT(s, peer_is(bob, alice, "dinah", "Alice Liddell"), "bob does not hear of her names");
}

static void another_address_wants_the_code_that_went_there(struct scenario *s)
{
        struct person *alice = person_new(s, "alice"), *phone = person_new(s, "alice"), *bob = person_new(s, "bob");
        unsigned letters;

        person_signs_up(alice);
        person_signs_up(bob);
        letters = letters_to(s, ALICE);
        assert_int_equal(person_asks_for_email(alice, "new@example.org", "a wrong guess"), ERR_BAD_LOGIN);
        assert_int_equal(person_asks_for_email(alice, "new@example.org", "alice's password"), ERR_OK);
        AWAIT(s, letters_to(s, ALICE) == letters + 1, "the old address hears nothing");
        assert_int_equal(person_tries_email_code(alice, "000000"), ERR_BAD_CODE);
        assert_int_equal(person_tries_email_code(alice, code_for(s, "new@example.org")), ERR_OK);
        assert_int_equal(core_confirm_email(alice->client->host.core, SLICE_LITERAL("123456"), alice->client->host.time),
                         ERR_NOT_NOW);

        /* From now on a reset goes there, and not to the old one. */
        assert_int_equal(person_asks_to_reset(phone, "new@example.org"), ERR_OK);
        AWAIT(s, letters_to(s, "new@example.org") == 2, "no letter comes");
        assert_int_equal(person_tries_reset(phone, code_for(s, "new@example.org"), "a new password"), ERR_OK);
        is_in(s, phone);
        person_is_signed_out(alice);

        /* An address that somebody has looks the same, and cannot be had. */
        assert_int_equal(person_asks_for_email(phone, "bob@example.org", "a new password"), ERR_OK);
        AWAIT(s, letters_to(s, "bob@example.org") == 2, "bob hears nothing");
        assert_int_equal(person_tries_email_code(phone, code_for(s, "bob@example.org")), ERR_BAD_CODE);
}

static void who_deletes_her_account_is_gone_everywhere(struct scenario *s)
{
        struct person *alice = person_new(s, "alice"), *phone = person_new(s, "alice"), *bob = person_new(s, "bob");

        person_signs_up(alice);
        person_signs_up(bob);
        person_signs_in(phone);
        person_says(alice, bob, "farewell");
        person_sees(bob, alice, "farewell");
        person_sees(phone, bob, "farewell");
        assert_int_equal(person_deletes_account(alice, "a wrong guess"), ERR_BAD_LOGIN);
        assert_int_equal(person_deletes_account(alice, "alice's password"), ERR_OK);
        person_is_signed_out(phone);
        AWAIT(s, person_phase(alice) == CORE_SIGNED_OUT, "she is not out");
        assert_int_equal(alice->client->host.storage.count, 0);
        assert_int_equal(person_tries_password(phone, "alice's password"), ERR_BAD_LOGIN);
        person_finds(bob, "alice");
        assert_int_equal(bob->found_count, 0);
        link_cut(bob);
        link_mended(bob);
        AWAIT(s, peer_is(bob, alice, "-deleted-", "Deleted account"), "bob does not hear that she is gone");
        person_sees(bob, alice, "farewell");
}

/* Within the hour: a phone that only listens, and one that was away. */
static void devices_tell_when_they_were_used(struct scenario *s)
{
        struct person *alice = person_new(s, "alice"), *phone = person_new(s, "alice");
        uint64_t now_ms;

        person_signs_up(alice);
        person_signs_in(phone);
        person_is_killed(phone);
        scenario_passes(s, 3 * 3600);
        person_lists_devices(alice);
        now_ms = SIM_WALL_MS + sim_now_ms(s->sim);
        assert_int_equal(alice->found_count, 2);
        assert_true(alice->seen_ms[0] + 3600000 + 900000 > now_ms);
        assert_true(alice->seen_ms[1] + 2 * 3600000 < now_ms);
        person_starts(phone);
        is_in(s, phone);
        scenario_passes(s, 5);
        person_lists_devices(alice);
        assert_true(alice->seen_ms[1] + 60000 > now_ms);
}

static void only_who_is_invited_gets_in(struct scenario *s)
{
        struct person *alice = person_new(s, "alice"), *bob = person_new(s, "bob"), *carol = person_new(s, "carol");

        person_signs_up(alice);
        scenario_registers(s, REGISTRATION_INVITE);
        assert_int_equal(person_asks_to_sign_up(bob, "bob@example.org"), ERR_NO_INVITE);
        bob->invite = "0123456789abcdefghjkmnpqrs";
        assert_int_equal(person_asks_to_sign_up(bob, "bob@example.org"), ERR_NO_INVITE);
        assert_int_equal(person_phase(bob), CORE_SIGNED_OUT);

        /* Two ask with what is for one: the first whose code is right has it. */
        assert_int_equal(person_invites(alice, 1), ERR_OK);
        bob->invite = carol->invite = alice->invited;
        assert_int_equal(person_asks_to_sign_up(bob, "bob@example.org"), ERR_OK);
        assert_int_equal(person_asks_to_sign_up(carol, "carol@example.org"), ERR_OK);
        assert_int_equal(person_tries_code(carol, code_for(s, "carol@example.org")), ERR_OK);
        is_in(s, carol);
        assert_int_equal(person_tries_code(bob, code_for(s, "bob@example.org")), ERR_NO_INVITE);
        assert_int_equal(person_asks_to_sign_up(bob, "bob@example.org"), ERR_NO_INVITE);

        scenario_registers(s, REGISTRATION_CLOSED);
        assert_int_equal(person_asks_to_sign_up(bob, "bob@example.org"), ERR_NO_SIGN_UP);
        scenario_registers(s, REGISTRATION_INVITE);
        assert_int_equal(person_invites(alice, 2), ERR_OK);
        scenario_sleeps(s, 8);
        assert_int_equal(person_asks_to_sign_up(bob, "bob@example.org"), ERR_NO_INVITE); /* a week has passed */
        for (unsigned i = 0; i < 20; i++)
                assert_int_equal(person_invites(alice, 1), ERR_OK);
        assert_int_equal(person_invites(alice, 1), ERR_INVITE_LIMIT);
        person_signs_up(bob);
}

int main(void)
{
        const struct CMUnitTest stories[] = {
                STORY(a_lost_password_is_set_anew_and_all_others_are_out),
                STORY(a_reset_does_not_tell_who_has_an_account),
                STORY(whoever_guesses_codes_has_to_wait_however_many_he_asks_for),
                STORY(nobody_is_buried_in_letters),
                STORY(another_password_wants_the_old_one),
                STORY(signing_out_all_others_leaves_oneself_in),
                STORY(other_names_reach_those_who_talk_with_her),
                STORY(another_address_wants_the_code_that_went_there),
                STORY(who_deletes_her_account_is_gone_everywhere),
                STORY(devices_tell_when_they_were_used),
                STORY(only_who_is_invited_gets_in),
        };

        return cmocka_run_group_tests_name("settings", stories, NULL, NULL);
}
