/* Edits, deletions, replies and reactions: what everybody sees of them, on good days and on bad ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// clang-format off
#include <cmocka.h>
// clang-format on

#include "rules/row.h"
#include "scenario/scenario.h"

static void alice_mends_what_she_said(struct scenario *s)
{
        struct person *alice = person_new(s, "alice"), *bob = person_new(s, "bob"), *phone = person_new(s, "alice");

        person_signs_up(alice);
        person_signs_up(bob);
        person_signs_in(phone);
        person_says(alice, bob, "helo");
        person_sees(bob, alice, "helo");
        person_sees(alice, bob, "helo");
        person_sees(phone, bob, "helo");
        person_edits(alice, bob, "helo", "hello");
        person_sees(alice, bob, "hello");
        person_sees(bob, alice, "hello");
        person_sees(phone, bob, "hello");
        assert_true(person_row(bob, alice, "hello").edited_ms > 0);
        AWAIT(s, person_head(bob, alice) == 2 && person_unread(bob, alice) == 1, "an edit is not a message");
        person_reads(bob, alice);
        person_has_tick(alice, bob, "hello", CORE_MESSAGE_READ);
        /* From the other device; and he has nothing new to read by that. */
        person_edits(phone, bob, "hello", "Hello!");
        person_sees(bob, alice, "Hello!");
        person_sees(alice, bob, "Hello!");
        scenario_passes(s, 60);
        assert_int_equal(person_unread(bob, alice), 0);
        person_says(bob, alice, "hi");
        person_sees(alice, bob, "Hello! / hi");
        assert_int_equal(person_row(alice, bob, "hi").seq, 4);
}

static void bob_takes_back_what_he_said(struct scenario *s)
{
        struct person *alice = person_new(s, "alice"), *bob = person_new(s, "bob");

        person_signs_up(alice);
        person_signs_up(bob);
        person_says(bob, alice, "a secret");
        person_says(bob, alice, "and more");
        person_sees(alice, bob, "a secret / and more");
        person_sees(bob, alice, "a secret / and more");
        person_deletes(bob, alice, "a secret");
        person_sees(alice, bob, "and more");
        person_sees(bob, alice, "and more");
        assert_int_equal(person_row(alice, bob, "").kind, ROW_DELETED);
        AWAIT(s, person_unread(alice, bob) == 2, "a tombstone counts as it did");
        /* Once more, by who does not know: refused, and nobody sees anything of it. */
        person_deletes(bob, alice, "");
        AWAIT(s, bob->told_failed == 1, "what is deleted is not deleted again");
        assert_int_equal(bob->failed_error, ERR_ALREADY);
        person_deletes(alice, bob, "and more");
        AWAIT(s, alice->told_failed == 1, "another's message is not hers to delete");
        assert_int_equal(alice->failed_error, ERR_NOT_ALLOWED);
        person_edits(alice, bob, "and more", "and less");
        AWAIT(s, alice->told_failed == 2, "nor to edit");
        person_sees(alice, bob, "and more");
}

static void bob_replies(struct scenario *s)
{
        struct person *alice = person_new(s, "alice"), *bob = person_new(s, "bob");

        person_signs_up(alice);
        person_signs_up(bob);
        person_says(alice, bob, "tea?");
        person_says(alice, bob, "or coffee?");
        person_sees(bob, alice, "tea? / or coffee?");
        person_replies(bob, alice, "tea?", "yes");
        person_sees(alice, bob, "tea? / or coffee? / yes");
        person_sees(bob, alice, "tea? / or coffee? / yes");
        assert_int_equal(person_row(alice, bob, "yes").reply_to, person_row(alice, bob, "tea?").seq);
        assert_int_equal(person_row(bob, alice, "yes").reply_to, person_row(bob, alice, "tea?").seq);
}

static bool reactions_are(const struct person *person, const struct person *with, const char *to, const char *emoji,
                          uint64_t people, const char *own)
{
        struct wire_row row = person_row(person, with, to);
        struct wire_iterator iterator;
        struct wire_reaction reaction = {0};

        WIRE_LIST_START(&iterator, row, reactions, &row.reactions);
        if (!wire_list_next(&iterator, &reaction))
                return people == 0 && row.reacted.size == 0;
        return slice_equal(reaction.emoji, slice_text(emoji)) && reaction.people == people &&
               slice_equal(row.reacted, slice_text(own)) && row.reactions.count == 1;
}

/* Each sees how many, and his own, on every device; nobody has anything to read by it; who was away sees what is left of it. */
static void they_react(struct scenario *s)
{
        struct person *alice = person_new(s, "alice"), *bob = person_new(s, "bob"), *phone = person_new(s, "alice");

        person_signs_up(alice);
        person_signs_up(bob);
        person_signs_in(phone);
        person_says(alice, bob, "tea?");
        person_sees(bob, alice, "tea?");
        person_sees(alice, bob, "tea?");
        person_sees(phone, bob, "tea?");
        person_reads(bob, alice);
        person_reacts(bob, alice, "tea?", "👍");
        AWAIT(s,
              reactions_are(alice, bob, "tea?", "👍", 1, "") && reactions_are(phone, bob, "tea?", "👍", 1, "") &&
                      reactions_are(bob, alice, "tea?", "👍", 1, "👍"),
              "his");
        person_reacts(phone, bob, "tea?", "👍");
        AWAIT(s, reactions_are(alice, bob, "tea?", "👍", 2, "👍") && reactions_are(bob, alice, "tea?", "👍", 2, "👍"),
              "hers, from the other device");
        link_cut(bob);
        person_reacts(alice, bob, "tea?", "🎉");
        person_reacts(alice, bob, "tea?", "");
        person_says(alice, bob, "come");
        AWAIT(s, reactions_are(phone, bob, "tea?", "👍", 1, ""), "she took hers back");
        person_reacts(bob, alice, "tea?", "❤️"); /* waits */
        link_mended(bob);
        person_sees(bob, alice, "tea? / come");
        AWAIT(s,
              reactions_are(bob, alice, "tea?", "❤️", 1, "❤️") && reactions_are(phone, bob, "tea?", "❤️", 1, ""),
              "one instead of the other");
        AWAIT(s, person_unread(bob, alice) == 1, "what he read before the link was cut is told when it is back");
        assert_int_equal(person_unread(alice, bob), 0);
        scenario_kills_server(s);
        person_reacts(bob, alice, "tea?", "");
        AWAIT(s, reactions_are(alice, bob, "tea?", "", 0, "") && reactions_are(bob, alice, "tea?", "", 0, ""), "none");
        AWAIT(s, person_head(bob, alice) == 8, "each was done once");
}

/* The answer is lost with the server: the edit is repeated, and done once. */
static void an_edit_survives_everything(struct scenario *s)
{
        struct person *alice = person_new(s, "alice"), *bob = person_new(s, "bob");

        person_signs_up(alice);
        person_signs_up(bob);
        person_says(alice, bob, "one");
        person_says(alice, bob, "two");
        person_sees(bob, alice, "one / two");
        person_sees(alice, bob, "one / two");
        person_edits(alice, bob, "one", "ONE");
        scenario_kills_server(s);
        person_deletes(alice, bob, "two");
        person_sees(bob, alice, "ONE / ");
        person_sees(alice, bob, "ONE / ");
        /* Without a link, and killed before it is back. */
        link_cut(alice);
        person_edits(alice, bob, "ONE", "One");
        AWAIT(s, person_queued(alice, bob) == 1, "it waits");
        person_is_killed(alice);
        scenario_passes(s, 10);
        person_starts(alice);
        link_mended(alice);
        person_sees(bob, alice, "One / ");
        person_sees(alice, bob, "One / ");
        AWAIT(s, person_head(bob, alice) == 5, "each was done once");
}

/* Edits of what he has long had reach whoever was away; what was deleted is never shown. */
static void bob_was_away(struct scenario *s)
{
        struct person *alice = person_new(s, "alice"), *bob = person_new(s, "bob");

        person_signs_up(alice);
        person_signs_up(bob);
        person_says(alice, bob, "first");
        person_says(alice, bob, "second");
        person_sees(bob, alice, "first / second");
        person_sees(alice, bob, "first / second");
        link_cut(bob);
        person_edits(alice, bob, "first", "FIRST");
        person_deletes(alice, bob, "second");
        person_sees(alice, bob, "FIRST / ");
        person_says(alice, bob, "third");
        person_sees(alice, bob, "FIRST /  / third");
        scenario_passes(s, 30);
        link_mended(bob);
        person_sees(bob, alice, "FIRST /  / third");
}

/* The store goes back, and number 2 is another message then: nothing is done to it. */
static void an_edit_does_not_outlive_its_era(struct scenario *s)
{
        struct person *alice = person_new(s, "alice"), *bob = person_new(s, "bob");

        person_signs_up(alice);
        person_signs_up(bob);
        person_says(alice, bob, "kept");
        person_sees(bob, alice, "kept");
        scenario_saves_store(s);
        person_says(alice, bob, "lost");
        person_sees(bob, alice, "kept / lost");
        person_sees(alice, bob, "kept / lost");
        link_cut(alice);
        person_edits(alice, bob, "lost", "mended");
        scenario_restores_store(s);
        person_sees(bob, alice, "kept");
        link_mended(alice);
        AWAIT(s, alice->told_failed == 1, "the edit fails");
        assert_int_equal(alice->failed_error, ERR_NO_ROW);
        person_says(alice, bob, "new");
        person_sees(bob, alice, "kept / new");
        person_sees(alice, bob, "kept / new");
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                STORY(alice_mends_what_she_said),
                STORY(bob_takes_back_what_he_said),
                STORY(bob_replies),
                STORY(they_react),
                STORY(an_edit_survives_everything),
                STORY(bob_was_away),
                STORY(an_edit_does_not_outlive_its_era),
        };

        return cmocka_run_group_tests_name("scenario: altering", tests, NULL, NULL);
}
