/* Alice blocks Bob: neither writes to the other, on whatever device and whatever breaks meanwhile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// clang-format off
#include <cmocka.h>
// clang-format on

#include "scenario/scenario.h"

static void blocks(struct scenario *s, struct person *person, const struct person *other, bool on)
{
        AWAIT(s, person_phase(person) == CORE_SYNCED, "%s is not there", person->name);
        assert_true(blocking_asks(s->sim, person->client, other->client->user, on));
        AWAIT(s, person->client->block_target == 0, "%s is not answered", person->name);
        assert_int_equal(person->sign_error, ERR_OK);
}

static bool knows(const struct person *person, const struct person *other)
{
        return core_blocks(person->client->host.core, other->client->user->id);
}

/* What he says is refused for good. */
static void is_refused(struct scenario *s, struct person *person, const struct person *other, const char *text)
{
        unsigned failed = person->told_failed;

        person_says(person, other, text);
        AWAIT(s, person->told_failed > failed, "%s is not refused", person->name);
        assert_int_equal(person->failed_error, ERR_NO_USER);
}

static void a_block_is_for_both_and_on_all_devices(struct scenario *s)
{
        struct person *phone = person_new(s, "alice"), *laptop = person_new(s, "alice"), *bob = person_new(s, "bob");

        person_signs_up(phone);
        person_signs_up(bob);
        person_signs_in(laptop);
        person_says(bob, phone, "hi");
        person_sees(laptop, bob, "hi");
        blocks(s, phone, bob, true);
        AWAIT(s, knows(laptop, bob), "the laptop does not hear of it");
        assert_false(knows(bob, phone));
        is_refused(s, bob, phone, "are you there?");
        is_refused(s, laptop, bob, "no");
        person_sees(phone, bob, "hi");
        blocks(s, laptop, bob, false);
        AWAIT(s, !knows(phone, bob), "the phone does not hear of it");
        person_says(bob, phone, "thank you");
        person_sees(phone, bob, "hi / thank you");
}

/* What he wrote without a link comes after the block, and so it is refused; what came before it was said. */
static void what_waits_for_a_link_meets_the_block(struct scenario *s)
{
        struct person *alice = person_new(s, "alice"), *bob = person_new(s, "bob");
        unsigned failed;

        person_signs_up(alice);
        person_signs_up(bob);
        person_says(bob, alice, "one");
        person_sees(alice, bob, "one");
        link_cut(bob);
        failed = bob->told_failed;
        person_says(bob, alice, "two");
        blocks(s, alice, bob, true);
        link_mended(bob);
        AWAIT(s, bob->told_failed > failed, "bob is not refused");
        person_sees(alice, bob, "one");
}

static void a_block_outlives_the_server_and_the_device(struct scenario *s)
{
        struct person *alice = person_new(s, "alice"), *bob = person_new(s, "bob");

        person_signs_up(alice);
        person_signs_up(bob);
        person_says(bob, alice, "hi");
        person_sees(alice, bob, "hi");
        blocks(s, alice, bob, true);
        scenario_kills_server(s);
        is_refused(s, bob, alice, "now?");
        person_is_killed(alice);
        person_starts(alice);
        AWAIT(s, person_phase(alice) >= CORE_OFFLINE && knows(alice, bob), "alice forgot it");
        is_refused(s, bob, alice, "and now?");
        blocks(s, alice, bob, false);
        person_says(bob, alice, "at last");
        person_sees(alice, bob, "hi / at last");
}

int main(void)
{
        const struct CMUnitTest stories[] = {
                STORY(a_block_is_for_both_and_on_all_devices),
                STORY(what_waits_for_a_link_meets_the_block),
                STORY(a_block_outlives_the_server_and_the_device),
        };

        return cmocka_run_group_tests_name("blocking", stories, NULL, NULL);
}
