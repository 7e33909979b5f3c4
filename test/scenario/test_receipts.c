/* Ticks of one who does not want to be seen reading: both ways, and what it is like when she does again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// clang-format off
#include <cmocka.h>
// clang-format on

#include "rules/setting.h"
#include "scenario/scenario.h"

static void sets_receipts(struct person *person, bool off)
{
        struct core_host *host = &person->client->host;

        assert_int_equal(
                core_set(host->core, SLICE_LITERAL(SETTING_KEY_RECEIPTS_OFF), slice_text(off ? "yes" : ""), host->time),
                ERR_OK);
        core_host_settle(host);
}

static void alice_reads_unseen(struct scenario *s)
{
        struct person *alice = person_new(s, "alice"), *bob = person_new(s, "bob"), *phone = person_new(s, "alice");

        person_signs_up(alice);
        person_signs_up(bob);
        person_signs_in(phone);
        person_says(bob, alice, "one");
        person_sees(alice, bob, "one");
        person_says(alice, bob, "two");
        person_sees(bob, alice, "one / two");
        person_reads(alice, bob);
        person_reads(bob, alice);
        person_has_tick(bob, alice, "one", CORE_MESSAGE_READ);
        person_has_tick(alice, bob, "two", CORE_MESSAGE_READ);

        sets_receipts(alice, true);
        person_has_tick(bob, alice, "one", CORE_MESSAGE_SENT); /* nobody counts for it any more */
        person_has_tick(alice, bob, "two", CORE_MESSAGE_SENT); /* nor does she see any, on none of her devices */
        person_has_tick(phone, bob, "two", CORE_MESSAGE_SENT);
        person_says(bob, alice, "three");
        person_sees(alice, bob, "one / two / three");
        person_says(alice, bob, "four");
        person_sees(bob, alice, "one / two / three / four");
        person_reads(bob, alice);
        person_reads(alice, bob);
        AWAIT(s, person_unread(phone, bob) == 0, "her own devices know what she read");
        scenario_passes(s, 60);
        assert_int_equal(person_tick(bob, alice, "three"), CORE_MESSAGE_SENT);
        assert_int_equal(person_tick(alice, bob, "four"), CORE_MESSAGE_SENT);

        /* Whatever breaks, and however long she is away. */
        person_is_killed(alice);
        scenario_kills_server(s);
        scenario_passes(s, 700);
        assert_int_equal(person_tick(bob, alice, "three"), CORE_MESSAGE_SENT);
        person_starts(alice);
        AWAIT(s, person_phase(alice) == CORE_SYNCED, "alice is back");
        assert_int_equal(person_tick(alice, bob, "four"), CORE_MESSAGE_SENT);

        sets_receipts(phone, false);
        scenario_passes(s, 10);
        person_has_tick(alice, bob, "four", CORE_MESSAGE_READ);                /* he counted all the time */
        assert_int_equal(person_tick(bob, alice, "three"), CORE_MESSAGE_SENT); /* she did not, and what was then stays so */
        person_says(bob, alice, "five");
        person_has_tick(bob, alice, "five", CORE_MESSAGE_DELIVERED);
        person_sees(alice, bob, "one / two / three / four / five");
        person_reads(alice, bob);
        person_has_tick(bob, alice, "five", CORE_MESSAGE_READ);
        assert_int_equal(person_tick(bob, alice, "three"), CORE_MESSAGE_SENT);
        person_says(alice, bob, "six");
        person_has_tick(alice, bob, "six", CORE_MESSAGE_DELIVERED);
        person_reads(bob, alice);
        person_has_tick(alice, bob, "six", CORE_MESSAGE_READ);
}

/* What she read without a link she had said before that she does not want to be seen. */
static void alice_says_so_offline_and_reads(struct scenario *s)
{
        struct person *alice = person_new(s, "alice"), *bob = person_new(s, "bob");

        person_signs_up(alice);
        person_signs_up(bob);
        person_says(bob, alice, "one");
        person_has_tick(bob, alice, "one", CORE_MESSAGE_DELIVERED);
        link_cut(alice);
        sets_receipts(alice, true);
        person_reads(alice, bob);
        scenario_passes(s, 60);
        link_mended(alice);
        for (int i = 0; i < 120; i++) {
                scenario_passes(s, 1);
                assert_true(person_tick(bob, alice, "one") != CORE_MESSAGE_READ);
        }
        assert_int_equal(person_tick(bob, alice, "one"), CORE_MESSAGE_SENT);
}

/* Her first row there she had never read as anybody could see. */
static void who_meets_alice_meanwhile(struct scenario *s)
{
        struct person *alice = person_new(s, "alice"), *bob = person_new(s, "bob"), *carol = person_new(s, "carol");

        person_signs_up(alice);
        person_signs_up(bob);
        person_signs_up(carol);
        sets_receipts(alice, true);
        scenario_passes(s, 10);
        person_says(bob, alice, "hi");
        person_sees(alice, bob, "hi");
        person_says(alice, carol, "hello");
        person_sees(carol, alice, "hello");
        person_reads(alice, bob);
        person_reads(carol, alice);
        scenario_passes(s, 60);
        assert_int_equal(person_tick(bob, alice, "hi"), CORE_MESSAGE_SENT);
        assert_int_equal(person_tick(alice, carol, "hello"), CORE_MESSAGE_SENT);
        /* Bob was away when she changed her mind: his list of rooms tells him. */
        link_cut(bob);
        sets_receipts(alice, false);
        person_says(alice, carol, "and now?");
        person_has_tick(alice, carol, "and now?", CORE_MESSAGE_DELIVERED);
        person_reads(carol, alice);
        person_has_tick(alice, carol, "and now?", CORE_MESSAGE_READ);
        link_mended(bob);
        person_says(bob, alice, "are you there?");
        person_has_tick(bob, alice, "are you there?", CORE_MESSAGE_DELIVERED);
        person_reads(alice, bob);
        person_has_tick(bob, alice, "are you there?", CORE_MESSAGE_READ);
        assert_int_equal(person_tick(bob, alice, "hi"), CORE_MESSAGE_SENT);
}

int main(void)
{
        const struct CMUnitTest stories[] = {
                STORY(alice_reads_unseen),
                STORY(alice_says_so_offline_and_reads),
                STORY(who_meets_alice_meanwhile),
        };

        return cmocka_run_group_tests_name("receipts", stories, NULL, NULL);
}
