/* Groups as a client sees them: what is known of them beside their log, names of people, who is in them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// clang-format off
#include <cmocka.h>
// clang-format on

#include "core/state.h"
#include "rules/role.h"
#include "rules/room.h"
#include "rules/row.h"
#include "support/fake_server.h"

#define ALICE 1
#define BOB   2
#define CARL  3

struct world {
        struct fake_server server;
        struct core_host bob;
        struct id group;
};

static int set_up(void **state)
{
        static struct world world;

        world.group = (struct id){{1, 2, 3, 4, 5, 6, 0x70, 8, 0x80, 9}};
        fake_server_init(&world.server);
        core_host_init(&world.bob, 2);
        fake_server_add(&world.server, &world.bob, BOB, 21);
        fake_server_serve(&world.server);
        assert_int_equal(core_phase(world.bob.core), CORE_SYNCED);
        *state = &world;
        return 0;
}

static int tear_down(void **state)
{
        struct world *world = *state;

        fake_server_finish(&world->server);
        return 0;
}

/* Row `seq` of the group is delivered. */
static void deliver(struct world *world, uint64_t seq, struct wire_row row)
{
        struct wire_delivery delivery = {.number = seq, .row = row};

        delivery.row.seq = delivery.row.changed = seq;
        delivery.row.time_ms = 1000 + seq;
        delivery.row.request = (struct id){{7, (uint8_t)seq, 0, 0, 0, 0, 0x70, 0, 0x80}};
        fake_server_send(&world->server, &world->bob, WIRE_CODE_delivery, NULL, &world->group, &delivery);
        core_host_settle(&world->bob);
}

static struct core_room_info info_of(struct world *world)
{
        struct core_room_info info;

        assert_int_equal(core_room_info(world->bob.core, &world->group, &info), ERR_OK);
        return info;
}

/* The next frame of that code; those before it are dropped. */
static struct fake_frame take(struct world *world, enum wire_code code)
{
        static struct fake_frame frame;

        core_host_advance(&world->bob, 3000);
        while (fake_server_take(&world->bob, &frame))
                if (frame.head.code == code)
                        return frame;
        fail_msg("no such frame");
        return frame;
}

static void make_group(struct world *world)
{
        deliver(world, 1, (struct wire_row){.sender = BOB, .kind = ROW_CREATED, .text = SLICE_LITERAL("Birds")});
}

static const struct wire_room_state BIRDS = {
        .kind = ROOM_GROUP, .head = 1, .title = SLICE_LITERAL("Birds"), .role = ROLE_OWNER, .members = 1};

/* The server wants a Join: this one. */
static struct fake_frame wanted_join(struct world *world)
{
        struct wire_rejoin rejoin = {0};

        fake_server_send(&world->server, &world->bob, WIRE_CODE_rejoin, NULL, NULL, &rejoin);
        return take(world, WIRE_CODE_join);
}

/* The answer to a Join: `room` is what the server knows of the group. */
static void tell_joined(struct world *world, const struct fake_frame *join, struct wire_room_state room)
{
        struct wire_joined joined = {
                .era = world->server.era, .rooms = {.items = &room, .count = 1}, .profile = core_profile(world->bob.core)};

        room.room = world->group;
        fake_server_send(&world->server, &world->bob, WIRE_CODE_joined, &join->head.request, NULL, &joined);
}

static void rows_that_come_live_change_what_is_known(void **state)
{
        struct world *world = *state;

        make_group(world);
        assert_int_equal(info_of(world).role, ROLE_OWNER);
        assert_int_equal(info_of(world).members, 1);
        deliver(world, 2, (struct wire_row){.sender = BOB, .kind = ROW_JOINED, .subject = CARL});
        deliver(world, 3, (struct wire_row){.sender = BOB, .kind = ROW_ROLE, .subject = CARL, .role = ROLE_OWNER});
        deliver(world, 4, (struct wire_row){.sender = CARL, .kind = ROW_TITLE, .text = SLICE_LITERAL("Owls")});
        deliver(world, 5, (struct wire_row){.sender = BOB, .kind = ROW_ROLE, .subject = BOB, .role = ROLE_ADMIN});
        assert_true(slice_equal(info_of(world).title, SLICE_LITERAL("Owls")));
        assert_int_equal(info_of(world).members, 2);
        assert_int_equal(info_of(world).role, ROLE_ADMIN);
        deliver(world, 6, (struct wire_row){.sender = CARL, .kind = ROW_LEFT, .subject = CARL, .heir = BOB});
        assert_int_equal(info_of(world).role, ROLE_OWNER);
        assert_int_equal(info_of(world).members, 1);
        /* It is kept, and he may leave: then nothing can be written there. */
        core_host_crash(&world->bob);
        core_host_start(&world->bob);
        assert_true(slice_equal(info_of(world).title, SLICE_LITERAL("Owls")));
        assert_int_equal(info_of(world).role, ROLE_OWNER);
}

static void who_left_writes_no_more(void **state)
{
        struct world *world = *state;
        struct id id;

        make_group(world);
        deliver(world, 2, (struct wire_row){.sender = BOB, .kind = ROW_LEFT, .subject = BOB});
        assert_true(info_of(world).left);
        assert_int_equal(core_send(world->bob.core, &world->group, SLICE_LITERAL("hello"), &id, world->bob.time),
                         ERR_NO_ROOM);
}

/* He is brought into a group that he has never heard of: what it is called is asked for. */
static void who_is_brought_in_joins_again(void **state)
{
        struct world *world = *state;

        deliver(world, 40, (struct wire_row){.sender = CARL, .kind = ROW_JOINED, .subject = BOB});
        (void)take(world, WIRE_CODE_join);
}

/* What the Join says is older than what came live meanwhile: it is not believed. */
static void an_older_word_on_a_group_is_not_believed(void **state)
{
        struct world *world = *state;
        struct fake_frame join;

        make_group(world);
        join = wanted_join(world);
        tell_joined(world, &join, BIRDS);
        assert_int_equal(info_of(world).members, 1);
        join = wanted_join(world);
        deliver(world, 2, (struct wire_row){.sender = BOB, .kind = ROW_JOINED, .subject = CARL});
        tell_joined(world, &join, BIRDS);
        assert_int_equal(core_phase(world->bob.core), CORE_SYNCED);
        assert_int_equal(info_of(world).members, 2);
}

/* Carl's coming was fetched, and before the Join that it made necessary is answered, something comes live: the answer is an older word, and
 * tells all the same that another is needed. */
static void what_was_fetched_is_asked_for_until_it_is_told(void **state)
{
        struct world *world = *state;
        struct wire_room_state room = BIRDS;
        struct wire_row rows[2] = {{.sender = BOB, .kind = ROW_TEXT, .text = SLICE_LITERAL("three")},
                                   {.sender = BOB, .kind = ROW_JOINED, .subject = CARL}};
        struct wire_change_page page = {.head = 3, .rows = {.items = rows, .count = 2}};
        struct fake_frame frame;

        make_group(world);
        frame = wanted_join(world);
        tell_joined(world, &frame, room);
        deliver(world, 3, (struct wire_row){.sender = BOB, .kind = ROW_TEXT, .text = SLICE_LITERAL("three")});
        frame = take(world, WIRE_CODE_changes);
        for (uint64_t i = 0; i < 2; i++) {
                rows[i].seq = rows[i].changed = 3 - i;
                rows[i].time_ms = 1003 - i;
                rows[i].request = (struct id){{7, (uint8_t)(3 - i), 0, 0, 0, 0, 0x70, 0, 0x80}};
        }
        fake_server_send(&world->server, &world->bob, WIRE_CODE_change_page, &frame.head.request, &world->group, &page);
        assert_int_equal(info_of(world).head, 3);
        frame = take(world, WIRE_CODE_join);
        deliver(world, 4, (struct wire_row){.sender = BOB, .kind = ROW_TITLE, .text = SLICE_LITERAL("Owls")});
        room.head = 3;
        room.members = 2;
        tell_joined(world, &frame, room);
        assert_true(slice_equal(info_of(world).title, SLICE_LITERAL("Owls")));
        frame = take(world, WIRE_CODE_join);
        room.head = 4;
        room.title = SLICE_LITERAL("Owls");
        tell_joined(world, &frame, room);
        assert_int_equal(info_of(world).members, 2);
}

/* He left and is back: nobody told him what changed meanwhile, and the answer to his Join may be older than what comes live. */
static void who_is_back_asks_until_it_is_told(void **state)
{
        struct world *world = *state;
        struct wire_room_state room = BIRDS;
        struct fake_frame frame;

        room.members = 3;
        make_group(world);
        frame = wanted_join(world);
        tell_joined(world, &frame, room);
        deliver(world, 2, (struct wire_row){.sender = BOB, .kind = ROW_LEFT, .subject = BOB, .heir = CARL});
        deliver(world, 3, (struct wire_row){.sender = CARL, .kind = ROW_JOINED, .subject = BOB});
        frame = take(world, WIRE_CODE_join);
        deliver(world, 4, (struct wire_row){.sender = CARL, .kind = ROW_JOINED, .subject = ALICE});
        room.head = 3;
        room.title = SLICE_LITERAL("Owls");
        room.role = ROLE_MEMBER;
        tell_joined(world, &frame, room);
        frame = take(world, WIRE_CODE_join);
        room.head = room.members = 4;
        tell_joined(world, &frame, room);
        assert_int_equal(info_of(world).members, 4);
        assert_true(slice_equal(info_of(world).title, SLICE_LITERAL("Owls")));
        assert_int_equal(info_of(world).role, ROLE_MEMBER);
}

/* A name that is not known is asked for, told, kept, and there again after a crash. */
static void whoever_writes_is_named(void **state)
{
        struct world *world = *state;
        struct wire_person person = {
                .user = CARL, .user_name = SLICE_LITERAL("carl"), .display_name = SLICE_LITERAL("Carl"), .version = 1};
        struct wire_people people = {.people = {.items = &person, .count = 1}};
        struct fake_frame frame;
        struct wire_person known;

        make_group(world);
        deliver(world, 2, (struct wire_row){.sender = CARL, .kind = ROW_TEXT, .n = 1, .text = SLICE_LITERAL("hello")});
        assert_false(core_person(world->bob.core, CARL, &known));
        frame = take(world, WIRE_CODE_profiles);
        assert_int_equal(frame.profiles.users.count, 1);
        fake_server_send(&world->server, &world->bob, WIRE_CODE_people, &frame.head.request, NULL, &people);
        assert_int_equal(core_host_count(&world->bob, CORE_EVENT_NAMES), 1);
        assert_true(core_person(world->bob.core, CARL, &known));
        assert_true(slice_equal(known.display_name, SLICE_LITERAL("Carl")));
        assert_true(core_person(world->bob.core, BOB, &known)); /* himself */
        assert_int_equal(core_host_records(&world->bob, SLICE_LITERAL("U")), 1);
        core_host_crash(&world->bob);
        core_host_start(&world->bob);
        assert_true(core_person(world->bob.core, CARL, &known));
        assert_true(slice_equal(known.user_name, SLICE_LITERAL("carl")));
}

static void members_are_listed_and_named(void **state)
{
        struct world *world = *state;
        struct wire_member members[] = {
                {.person = {.user = ALICE, .user_name = SLICE_LITERAL("alice"), .version = 1},
                 .role = ROLE_MEMBER,
                 .shown = 4},
                {.person = {.user = BOB, .user_name = SLICE_LITERAL("bob"), .version = 1}, .role = ROLE_OWNER},
        };
        struct wire_member_page page = {
                .members = {.items = members, .count = 2}, .head = 5, .more = 1, .link = SLICE_LITERAL("0123456789abcdef")};
        struct fake_frame frame;
        struct wire_person known;
        struct id request;

        make_group(world);
        assert_int_equal(core_members(world->bob.core, &world->group, 0, &request, world->bob.time), ERR_OK);
        core_host_settle(&world->bob);
        frame = take(world, WIRE_CODE_members);
        fake_server_send(&world->server, &world->bob, WIRE_CODE_member_page, &frame.head.request, &world->group, &page);
        assert_int_equal(core_host_count(&world->bob, CORE_EVENT_MEMBERS), 1);
        assert_int_equal(core_phase(world->bob.core), CORE_SYNCED);
        assert_true(core_person(world->bob.core, ALICE, &known));
}

/* Every message of the server's is one that a client can take: else it would end the link for it. */
static void every_message_of_the_server_is_understood(void **state)
{
        struct world *world = *state;
        static const struct {
                uint8_t code;
                const char *direction;
        } messages[] = {
#define M(name, code, direction, header, topic, key, reply, who) {code, #direction},
                WIRE_MESSAGES(M)
#undef M
        };

        (void)world;
        for (size_t i = 0; i < countof(messages); i++)
                if (strcmp(messages[i].direction, "DOWN") == 0)
                        assert_true(core_understands(messages[i].code));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(rows_that_come_live_change_what_is_known),
                TEST(who_left_writes_no_more),
                TEST(who_is_brought_in_joins_again),
                TEST(an_older_word_on_a_group_is_not_believed),
                TEST(what_was_fetched_is_asked_for_until_it_is_told),
                TEST(who_is_back_asks_until_it_is_told),
                TEST(whoever_writes_is_named),
                TEST(members_are_listed_and_named),
                TEST(every_message_of_the_server_is_understood),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
