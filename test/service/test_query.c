/* The service of reading: Join enters presence before it reads (L4), and no answer is larger than a frame, however full the store. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
// clang-format off
#include <cmocka.h>
// clang-format on

#include "base/assert.h"
#include "rules/limits.h"
#include "rules/row.h"
#include "service/stage.h"

static struct stage stage;
#define LONG_WORD 70 /* more than counts of a word */

static const struct id no_room;

static int set_up(void **state)
{
        (void)state;
        stage_start(&stage, &service_query);
        return 0;
}

static int tear_down(void **state)
{
        (void)state;
        stage_stop(&stage);
        return 0;
}

static void apply(const struct store_op *ops, size_t count)
{
        static struct store_result results[STORE_OPS_MAX];
        struct completion completion;

        check(stage.store->ops->apply(stage.store, ops, count, results, &stage.arena, 1) == ERR_OK);
        check(stage.store->ops->poll(stage.store, &completion, 1) == 1 && completion.outcome == OUTCOME_OK);
        for (size_t i = 0; i < count; i++)
                assert_int_equal(results[i].status, ERR_OK);
}

/* Somebody whose names are as long as they may be, with two bytes a character. */
static struct client long_named(unsigned number)
{
        static char names[STORE_OPS_MAX][USER_NAME_MAX + 1], display[DISPLAY_NAME_MAX];
        struct client client = {random_id63(&stage.random.random), random_id63(&stage.random.random), 0, 0};
        struct store_op op = {.kind = STORE_IMPORT};

        for (size_t i = 0; i < sizeof(display); i += 2)
                memcpy(display + i, "ё", 2);
        snprintf(names[number], sizeof(names[0]), "n%031u", number);
        op.import.user_name = op.import.name_folded = op.import.email = op.import.email_folded = slice_text(names[number]);
        op.import.display_name = slice_of(display, sizeof(display));
        op.import.device_name = SLICE_LITERAL("laptop");
        op.import.password_hash = "";
        op.import.new_user = client.user;
        op.import.new_device = client.device;
        apply(&op, 1);
        return client;
}

/* `rows` texts of that size to a room. */
static void fill(const struct client *sender, struct id room, size_t rows, size_t size)
{
        static uint8_t text[TEXT_SIZE_MAX];

        memset(text, 'l', sizeof(text));
        for (size_t i = 0; i < rows; i++) {
                struct store_op op = {
                        .kind = STORE_WRITE, .request = stage_id(&stage), .user = sender->user, .device = sender->device};

                op.write.room = room;
                op.write.row_kind = ROW_TEXT;
                op.write.text = slice_of(text, size);
                apply(&op, 1);
        }
}

static struct id ask(enum wire_code code, struct id room, const void *message)
{
        struct id request = stage_send(&stage, &stage.anna, code, room, message);

        stage_work(&stage, 100);
        return request;
}

/* ---- Join ---- */

static void test_join_sets_presence_then_reads(void **state)
{
        struct wire_join join = {0};
        struct wire_joined joined;
        struct id request;

        (void)state;
        stage_fail(&stage, FAULT_FLUSH, FAULT_NONE, 0, 0);
        request = ask(WIRE_CODE_join, no_room, &join);
        assert_string_equal(stage.script.calls, "QPQFC"); /* is the device out? Then L4 */
        stage_body(stage_reply(&stage, request), WIRE_CODE_joined, WIRE_STRUCTURE(joined), &joined);
        assert_int_equal(stage_reply(&stage, request)->post.effect, WIRE_EFFECT_JOINED);
        assert_int_equal(joined.profile.user, stage.anna.user);
        assert_false(id_is_zero(&joined.era));
        assert_int_equal(joined.token.size, 0); /* the keys did not change */
}

static void test_join_does_not_read_before_presence_answers(void **state)
{
        struct wire_join join = {0};
        struct id request;

        (void)state;
        stage_fail(&stage, FAULT_PRESENCE, FAULT_FAIL, 1, 100);
        request = ask(WIRE_CODE_join, no_room, &join);
        stage_work(&stage, 4000);
        assert_int_equal(stage.script.seen[FAULT_ASK], 1); /* only whether the device is out */
        assert_int_equal(stage_error(&stage, request), ERR_BUSY);
        assert_int_equal(stage_reply(&stage, request)->post.effect, WIRE_EFFECT_REFUSED);
        stage_fail(&stage, FAULT_PRESENCE, FAULT_UNCERTAIN, 1, 2); /* uncertain: set again, then read */
        request = ask(WIRE_CODE_join, no_room, &join);
        stage_work(&stage, 1000);
        assert_string_equal(stage.script.calls, "QPPPQFC");
        assert_int_equal(stage_error(&stage, request), ERR_OK);
}

/* A revoked device may not even look at presence: each entry pushes out one of its owner's. */
static void test_join_of_a_revoked_device(void **state)
{
        struct store_op out = {
                .kind = STORE_SIGN_OUT, .request = stage_id(&stage), .user = stage.anna.user, .device = stage.anna.device};
        struct wire_join join = {0};
        struct id request;

        (void)state;
        apply(&out, 1);
        stage_fail(&stage, FAULT_FLUSH, FAULT_NONE, 0, 0);
        request = ask(WIRE_CODE_join, no_room, &join);
        assert_string_equal(stage.script.calls, "QFC");
        assert_int_equal(stage_error(&stage, request), ERR_REVOKED);
        assert_int_equal(stage_reply(&stage, request)->post.effect, WIRE_EFFECT_CLOSE);
}

/* Does something to Anna's connections in presence. */
static struct presence_result presence(enum presence_kind kind, uint64_t connection)
{
        struct presence_request request = {
                .kind = kind,
                .entry = {stage.anna.user, connection, stage.anna.device, {{(uint8_t)(stage.anna.frontend + 1)}}, 0}};
        struct presence_result result;
        struct completion completion;
        struct presence *handle;

        check(presence_memory_open(stage.memory, &handle) == ERR_OK);
        check(handle->ops->submit(handle, &request, 1, &result, &stage.arena, 1) == ERR_OK);
        check(handle->ops->poll(handle, &completion, 1) == 1 && completion.outcome == OUTCOME_OK);
        handle->ops->free(&handle);
        return result;
}

/* How often that connection was told that another one replaced it. */
static size_t replaced(uint64_t connection)
{
        size_t count = 0;

        for (size_t i = 0; i < stage.heard_count; i++) {
                const struct wire_post *post = &stage.heard[i].post;

                if (stage.heard[i].record == WIRE_CODE_post && post->effect == WIRE_EFFECT_REPLACED)
                        count += wire_post_connection(post, 0) == connection;
        }
        return count;
}

/* Whoever the 17th pushed out is told, though the answer of presence was lost, or the worker that had it died. */
static void test_who_is_replaced_is_told_though_the_answer_is_lost(void **state)
{
        static const enum fault faults[] = {FAULT_NONE, FAULT_LOSE, FAULT_UNCERTAIN};
        struct wire_join join = {0};

        (void)state;
        for (size_t i = 0; i < countof(faults); i++) {
                uint64_t first = 1000 * (i + 1);
                struct id request;

                stage.anna.connection = first + 999;
                stage_forget(&stage);
                for (uint64_t j = 0; j < PRESENCE_CONNECTIONS_MAX; j++)
                        presence(PRESENCE_SET, first + j);
                stage_fail(&stage, FAULT_PRESENCE, faults[i], 1, 1);
                request = ask(WIRE_CODE_join, no_room, &join);
                stage_work(&stage, 1000);
                assert_int_equal(stage_error(&stage, request), ERR_OK);
                assert_int_equal(replaced(first), 1);
                assert_int_equal(replaced(first + 1), 0);
                /* The record once more, as a successor reads it. */
                stage_resend(&stage, &stage.anna, WIRE_CODE_join, no_room, &join, request);
                stage_work(&stage, 1000);
                assert_int_equal(replaced(first), 2);
                assert_int_equal(replaced(first + 1), 0);
                assert_int_equal(presence(PRESENCE_GET, 0).count, PRESENCE_CONNECTIONS_MAX);
        }
}

static void test_a_question_that_fails_is_asked_again(void **state)
{
        struct wire_find find = {.name = SLICE_LITERAL("BOR")};
        struct wire_people people;
        struct id request;

        (void)state;
        stage_fail(&stage, FAULT_ASK, FAULT_FAIL, 1, 2);
        request = ask(WIRE_CODE_find, no_room, &find);
        stage_work(&stage, 1000);
        assert_int_equal(stage.script.seen[FAULT_ASK], 3);
        stage_body(stage_reply(&stage, request), WIRE_CODE_people, WIRE_STRUCTURE(people), &people);
        assert_int_equal(people.people.count, 1);
        stage_fail(&stage, FAULT_ASK, FAULT_FAIL, 1, 1000);
        request = ask(WIRE_CODE_find, no_room, &find);
        stage_work(&stage, 4000);
        assert_int_equal(stage_error(&stage, request), ERR_BUSY);
        assert_true(stage.script.seen[FAULT_ASK] < 10);
}

/* ---- no answer larger than a frame ---- */

static void test_the_fullest_join(void **state)
{
        struct wire_join join = {0};
        struct wire_joined joined;

        (void)state;
        for (unsigned i = 0; i < JOIN_ROOMS + 1; i++) {
                struct client friend = long_named(i);

                fill(&friend, room_personal(friend.user, stage.anna.user), PAGE_ROWS + 2, i % 2 ? TEXT_SIZE_MAX : 480);
        }
        stage_body(stage_reply(&stage, ask(WIRE_CODE_join, no_room, &join)), WIRE_CODE_joined, WIRE_STRUCTURE(joined),
                   &joined);
        assert_int_equal(joined.rooms.count, JOIN_ROOMS);
        assert_true(joined.more);
}

static void test_the_fullest_pages_of_a_room(void **state)
{
        static const size_t sizes[] = {TEXT_SIZE_MAX, 1000, 1};
        struct wire_changes changes = {0};
        struct wire_around around = {.seq = 120, .limit = 200};
        struct wire_change_page page;
        struct wire_window window;

        (void)state;
        for (size_t i = 0; i < countof(sizes); i++) {
                struct client friend = long_named((unsigned)i);
                struct id room = room_personal(friend.user, stage.anna.user);

                fill(&friend, room, 240, sizes[i]);
                stage_body(stage_reply(&stage, ask(WIRE_CODE_changes, room, &changes)), WIRE_CODE_change_page,
                           WIRE_STRUCTURE(change_page), &page);
                assert_true(page.rows.count > 8 && page.more);
                assert_int_equal(page.head, 240);
                stage_body(stage_reply(&stage, ask(WIRE_CODE_around, room, &around)), WIRE_CODE_window,
                           WIRE_STRUCTURE(window), &window);
                assert_true(window.rows.count > 8);
        }
}

/* Every row of the room is pinned, as far as that goes; all of them are read, newest first. */
static void test_the_fullest_pages_of_pins(void **state)
{
        static const size_t sizes[] = {TEXT_SIZE_MAX, 1000, 1};

        (void)state;
        for (size_t i = 0; i < countof(sizes); i++) {
                struct client friend = long_named((unsigned)i);
                struct id room = room_personal(friend.user, stage.anna.user);
                struct wire_pins pins = {0};
                struct wire_pin_page page;
                size_t count = 0, pages = 0;

                fill(&friend, room, PINS_MAX, sizes[i]);
                for (uint64_t seq = 1; seq <= PINS_MAX; seq++) {
                        struct store_op op = {.kind = STORE_WRITE,
                                              .request = stage_id(&stage),
                                              .user = friend.user,
                                              .device = friend.device};

                        op.write.room = room;
                        op.write.row_kind = ROW_PINNED;
                        op.write.target = seq;
                        apply(&op, 1);
                }
                do {
                        struct wire_iterator iterator;
                        struct wire_row row;

                        stage_body(stage_reply(&stage, ask(WIRE_CODE_pins, room, &pins)), WIRE_CODE_pin_page,
                                   WIRE_STRUCTURE(pin_page), &page);
                        WIRE_LIST_START(&iterator, pin_page, rows, &page.rows);
                        while (wire_list_next(&iterator, &row)) {
                                assert_int_equal(row.pinned, 2 * PINS_MAX - count);
                                assert_int_equal(row.seq, PINS_MAX - count++);
                                pins.before = row.pinned;
                        }
                        pages++;
                } while (page.more);
                assert_int_equal(count, PINS_MAX);
                assert_int_equal(pages, sizes[i] == TEXT_SIZE_MAX ? 5 : 1);
                assert_int_equal(stage_error(&stage, ask(WIRE_CODE_pins, room_personal(friend.user, 77), &pins)),
                                 ERR_NO_ROOM);
        }
}

/* All pages of what Anna finds. Returns the number of hits. */
static size_t search(struct wire_search *search, size_t page_min)
{
        struct wire_found found;
        size_t hits = 0;

        do {
                stage_body(stage_reply(&stage, ask(WIRE_CODE_search, no_room, search)), WIRE_CODE_found,
                           WIRE_STRUCTURE(found), &found);
                assert_true(found.hits.count >= page_min);
                hits += found.hits.count;
                search->before = found.next;
                search->has = WIRE_HAS(search, before);
        } while (found.more);
        return hits;
}

/* Of a row that one may see, and of no other. */
static void test_who_reacted_is_told(void **state)
{
        uint64_t users[2];
        char emoji[REACTION_SIZE_MAX + 1];
        struct id room = room_personal(stage.anna.user, stage.boris.user);
        struct wire_reactors reactors = {.seq = 1};
        struct wire_reactor_list list;
        struct wire_iterator iterator;
        struct wire_reactor reactor;
        size_t count = 0;

        (void)state;
        fill(&stage.boris, room, 2, 5);
        for (unsigned i = 0; i < 2; i++) {
                const struct client *who = i ? &stage.boris : &stage.anna;
                struct store_op op = {
                        .kind = STORE_WRITE, .request = stage_id(&stage), .user = who->user, .device = who->device};

                for (unsigned j = 0; j < REACTION_SIZE_MAX; j++)
                        emoji[j] = (char)('a' + i);
                op.write.room = room;
                op.write.row_kind = ROW_REACTED;
                op.write.target = 1;
                op.write.text = slice_of(emoji, REACTION_SIZE_MAX);
                apply(&op, 1);
                users[i] = who->user;
        }
        stage_body(stage_reply(&stage, ask(WIRE_CODE_reactors, room, &reactors)), WIRE_CODE_reactor_list,
                   WIRE_STRUCTURE(reactor_list), &list);
        WIRE_LIST_START(&iterator, reactor_list, people, &list.people);
        while (wire_list_next(&iterator, &reactor)) {
                unsigned who = reactor.user == users[1];

                assert_true(who || reactor.user == users[0]);
                assert_int_equal(reactor.emoji.size, REACTION_SIZE_MAX);
                assert_int_equal(reactor.emoji.data[0], 'a' + who);
                count++;
        }
        assert_int_equal(count, 2);
        reactors.seq = 2;
        stage_body(stage_reply(&stage, ask(WIRE_CODE_reactors, room, &reactors)), WIRE_CODE_reactor_list,
                   WIRE_STRUCTURE(reactor_list), &list);
        assert_int_equal(list.people.count, 0);
        reactors.seq = 3; /* what took that number made no row */
        assert_int_equal(stage_error(&stage, ask(WIRE_CODE_reactors, room, &reactors)), ERR_NO_ROW);
        reactors.seq = 0;
        assert_int_equal(stage_error(&stage, ask(WIRE_CODE_reactors, room, &reactors)), ERR_BAD_FIELD);
        reactors.seq = 1;
        room = room_personal(stage.boris.user, stage.clara.user);
        fill(&stage.boris, room, 1, 5);
        assert_int_equal(stage_error(&stage, ask(WIRE_CODE_reactors, room, &reactors)), ERR_NO_ROOM);
}

static void test_the_fullest_pages_of_a_search(void **state)
{
        static const size_t sizes[] = {TEXT_SIZE_MAX, 1000, 1};
        struct wire_search everywhere = {.text = SLICE_LITERAL("l l L"), .limit = 50};
        char word[LONG_WORD + 1] = "";

        (void)state;
        memset(word, 'l', LONG_WORD);
        for (size_t i = 0; i < countof(sizes); i++) {
                struct client friend = long_named((unsigned)i);
                struct id room = room_personal(friend.user, stage.anna.user);
                struct wire_search in_room = {.text = slice_text(sizes[i] == 1 ? "l" : word), .room = room};

                fill(&friend, room, 120, sizes[i]);
                assert_int_equal(search(&in_room, 8), 120);
        }
        assert_int_equal(search(&everywhere, 20), 120);
        everywhere = (struct wire_search){.text = slice_text(word), .limit = 7};
        assert_int_equal(search(&everywhere, 1), 240);
}

static void test_what_a_search_refuses(void **state)
{
        static const char letters[] = "abcdefghijklmnopq";
        struct id theirs = room_personal(stage.boris.user, stage.clara.user);
        struct wire_search in_theirs = {.text = SLICE_LITERAL("l"), .room = theirs}, none = {.text = SLICE_LITERAL(" -?")},
                           many = none;
        char text[64] = "";

        (void)state;
        fill(&stage.boris, theirs, 1, 5);
        assert_int_equal(stage_error(&stage, ask(WIRE_CODE_search, no_room, &in_theirs)), ERR_NO_ROOM);
        assert_int_equal(stage_error(&stage, ask(WIRE_CODE_search, no_room, &none)), ERR_BAD_FIELD);
        for (size_t i = 0; letters[i]; i++)
                sprintf(text + strlen(text), "%c ", letters[i]);
        many.text = slice_text(text);
        assert_int_equal(stage_error(&stage, ask(WIRE_CODE_search, no_room, &many)), ERR_TOO_LARGE);
        many.text.size -= 2;
        assert_int_equal(stage_error(&stage, ask(WIRE_CODE_search, no_room, &many)), ERR_OK);
        stage.anna.device++; /* never was one */
        assert_int_equal(stage_error(&stage, ask(WIRE_CODE_search, no_room, &many)), ERR_REVOKED);
}

/* By a client that does not keep to the limit: our encoder would refuse. */
static void test_a_search_for_ten_kilobytes_is_refused(void **state)
{
        static const uint8_t tag_and_size[] = {1 << 3 | 2, 0x80, 0x50}; /* 10240 */
        static uint8_t frame_bytes[16384], bytes[16384];
        struct wire_search search = {0};
        struct wire_frame frame = {
                .code = WIRE_CODE_search, .request = stage_id(&stage), .user = stage.anna.user, .device = stage.anna.device};
        struct slice built = wire_frame_build(&frame, &search, frame_bytes, frame_bytes + 512);
        size_t head = built.size - WIRE_LENGTH_SIZE;
        struct wire_envelope envelope = {.epoch.bytes = {1},
                                         .connection = stage.anna.connection,
                                         .user = stage.anna.user,
                                         .device = stage.anna.device,
                                         .not_after_ms = stage.clock.clock.wall_ms(&stage.clock.clock) + 5000};
        struct wire_error error;

        (void)state;
        memmove(frame_bytes, built.data + WIRE_LENGTH_SIZE, head);
        memcpy(frame_bytes + head, tag_and_size, sizeof(tag_and_size));
        memset(frame_bytes + head + sizeof(tag_and_size), 'l', 10240);
        envelope.frame = slice_of(frame_bytes, head + sizeof(tag_and_size) + 10240);
        stage_publish(&stage, BUS_QUERY, SLICE_LITERAL("k"),
                      wire_record_build(WIRE_CODE_envelope, &envelope, bytes, bytes + sizeof(bytes)));
        stage_work(&stage, 1000);
        stage_body(stage_reply(&stage, frame.request), WIRE_CODE_error, WIRE_STRUCTURE(error), &error);
        assert_int_equal(error.code, ERR_BAD_FIELD);
        assert_true(slice_equal(error.field, SLICE_LITERAL("text")));
}

static void test_the_fullest_list_of_rooms(void **state)
{
        struct wire_rooms rooms = {.limit = 500};
        struct wire_room_page page;
        size_t seen = 0;

        (void)state;
        for (unsigned i = 0; i < ROOMS_MAX + 20; i++) {
                struct client friend = long_named(i);

                fill(&friend, room_personal(friend.user, stage.anna.user), 1, i % 10 ? 600 : TEXT_SIZE_MAX);
        }
        do {
                stage_body(stage_reply(&stage, ask(WIRE_CODE_rooms, no_room, &rooms)), WIRE_CODE_room_page,
                           WIRE_STRUCTURE(room_page), &page);
                assert_true(page.rooms.count > 0);
                seen += page.rooms.count;
                rooms.after = page.through;
        } while (!id_is_zero(&page.through));
        assert_int_equal(seen, ROOMS_MAX + 20);
}

static void test_the_fullest_lists_of_people(void **state)
{
        static struct wire_user_ref refs[50];
        struct wire_find find = {.name = SLICE_LITERAL("n0"), .limit = 50};
        struct wire_profiles profiles = {.users = {.items = refs, .count = countof(refs)}};
        struct wire_people people;

        (void)state;
        for (unsigned i = 0; i < 60; i++) {
                struct client friend = long_named(i);

                refs[i % 50].user = friend.user;
        }
        stage_body(stage_reply(&stage, ask(WIRE_CODE_find, no_room, &find)), WIRE_CODE_people, WIRE_STRUCTURE(people),
                   &people);
        assert_int_equal(people.people.count, 50);
        stage_body(stage_reply(&stage, ask(WIRE_CODE_profiles, no_room, &profiles)), WIRE_CODE_people,
                   WIRE_STRUCTURE(people), &people);
        assert_int_equal(people.people.count, 50);
}

/* ---- refusals ---- */

static void test_what_is_refused(void **state)
{
        struct wire_find find = {0};
        struct wire_profiles profiles = {0};
        struct wire_changes changes = {0};
        struct wire_cursor cursors[2] = {{.room.bytes = {2}, .head = 1}, {.room.bytes = {1}, .head = 1}};
        struct wire_rooms rooms = {.cursors = {.items = cursors, .count = 2}};
        struct id theirs = room_personal(stage.boris.user, stage.clara.user);

        (void)state;
        fill(&stage.boris, theirs, 1, 5);
        assert_int_equal(stage_error(&stage, ask(WIRE_CODE_find, no_room, &find)), ERR_BAD_FIELD);
        assert_int_equal(stage_error(&stage, ask(WIRE_CODE_profiles, no_room, &profiles)), ERR_BAD_FIELD);
        assert_int_equal(stage_error(&stage, ask(WIRE_CODE_rooms, no_room, &rooms)), ERR_BAD_FIELD); /* not in order */
        assert_int_equal(stage_error(&stage, ask(WIRE_CODE_changes, theirs, &changes)), ERR_NO_ROOM);
        stage.anna.device++; /* never was one */
        assert_int_equal(stage_error(&stage, ask(WIRE_CODE_changes, theirs, &changes)), ERR_REVOKED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
        static const struct CMUnitTest tests[] = {
                TEST(test_join_sets_presence_then_reads),
                TEST(test_join_does_not_read_before_presence_answers),
                TEST(test_join_of_a_revoked_device),
                TEST(test_who_is_replaced_is_told_though_the_answer_is_lost),
                TEST(test_a_question_that_fails_is_asked_again),
                TEST(test_the_fullest_join),
                TEST(test_the_fullest_pages_of_a_room),
                TEST(test_the_fullest_pages_of_pins),
                TEST(test_who_reacted_is_told),
                TEST(test_the_fullest_pages_of_a_search),
                TEST(test_what_a_search_refuses),
                TEST(test_a_search_for_ten_kilobytes_is_refused),
                TEST(test_the_fullest_list_of_rooms),
                TEST(test_the_fullest_lists_of_people),
                TEST(test_what_is_refused),
        };

        return cmocka_run_group_tests_name("query", tests, NULL, NULL);
}
