/* The store's contract, the reading half: Join, room list, Changes, Around, people. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/assert.h"
#include "base/memory.h"
#include "contract/store_stage.h"
#include "rules/limits.h"
#include "rules/name.h"
#include "rules/room.h"

/* Writes the texts "1" … "count" to the room of Anna and Boris, ten milliseconds apart. */
static struct id numbered_room(struct stage *stage, unsigned count)
{
        struct id room = room_personal(stage->anna.user, stage->boris.user);

        for (unsigned i = 1; i <= count; i++) {
                char text[16];

                snprintf(text, sizeof(text), "%u", i);
                assert_int_equal(say(stage, i % 2 ? &stage->anna : &stage->boris, room, text), i);
                hand_clock_advance_ms(&stage->clock, 10);
        }
        return room;
}

/* ---- Changes ---- */

static void test_changes(void **state)
{
        struct stage *stage = *state;
        struct id room = numbered_room(stage, 9);
        static const struct {
                uint64_t after, before;
                uint32_t rows_max;
                const char *rows;
                bool more;
        } cases[] = {
                {0, 0, 200, "9 8 7 6 5 4 3 2 1", false},
                {0, 0, 3, "9 8 7", true},
                {6, 0, 3, "9 8 7", false}, /* exactly the rest */
                {5, 0, 3, "9 8 7", true},
                {3, 6, 200, "5 4", false}, /* a hole: both ends exclusive */
                {3, 6, 1, "5", true},
                {3, 4, 200, "", false},
                {8, 3, 200, "", false},
                {9, 0, 200, "", false},
                {500, 0, 200, "", false}, /* a client that knows more than there is */
                {UINT64_MAX, 0, 200, "", false},
                {0, UINT64_MAX, 2, "9 8", true},
                {0, 1, 200, "", false},
        };

        for (size_t i = 0; i < countof(cases); i++) {
                struct store_question question = question_of(STORE_ASK_CHANGES, &stage->boris);
                struct store_answer answer;

                question.changes.room = room;
                question.changes.after = cases[i].after;
                question.changes.before = cases[i].before;
                question.changes.rows_max = cases[i].rows_max;
                answer = ask(stage, &question);
                assert_int_equal(answer.status, ERR_OK);
                assert_string_equal(texts_of(answer.rows.rows, answer.rows.row_count), cases[i].rows);
                assert_int_equal(answer.rows.more, cases[i].more);
                assert_int_equal(answer.rows.head, 9);
                assert_int_equal(answer.rows.marks.head, 9);
                assert_int_equal(answer.rows.marks.unread, 5);
        }
}

/* Reading page by page, each below the one before, tells every row once. */
static void test_pages_fit_together(void **state)
{
        struct stage *stage = *state;
        struct id room = numbered_room(stage, 23);
        struct store_question question = question_of(STORE_ASK_CHANGES, &stage->anna);
        struct store_answer answer;
        uint64_t expected = 23;

        question.changes.room = room;
        question.changes.rows_max = 5;
        do {
                answer = ask(stage, &question);
                for (size_t i = 0; i < answer.rows.row_count; i++)
                        assert_int_equal(answer.rows.rows[i].seq, expected--);
                question.changes.before = answer.rows.rows[answer.rows.row_count - 1].changed;
        } while (answer.rows.more);
        assert_int_equal(expected, 0);
}

static void test_answers_are_limited_in_bytes(void **state)
{
        struct stage *stage = *state;
        struct id room = room_personal(stage->anna.user, stage->boris.user);
        struct store_question question = question_of(STORE_ASK_CHANGES, &stage->anna);
        struct store_answer answer;
        char text[1001] = {0};

        memset(text, 'l', 1000);
        for (int i = 0; i < 10; i++)
                say(stage, &stage->anna, room, text);
        question.changes.room = room;
        question.changes.rows_max = 200;
        question.bytes_max = 3500;
        answer = ask(stage, &question);
        assert_int_equal(answer.rows.row_count, 3);
        assert_true(answer.rows.more);
        question.bytes_max = 10; /* one row goes in any case */
        answer = ask(stage, &question);
        assert_int_equal(answer.rows.row_count, 1);
        assert_true(answer.rows.more);
        question.bytes_max = 10000;
        answer = ask(stage, &question);
        assert_int_equal(answer.rows.row_count, 10);
        assert_false(answer.rows.more);
        question = question_of(STORE_ASK_AROUND, &stage->anna);
        question.bytes_max = 4000;
        question.around.room = room;
        question.around.seq = 5;
        question.around.rows_max = 10;
        answer = ask(stage, &question);
        assert_true(answer.rows.row_count >= 3 && answer.rows.row_count <= 4);
}

static void test_strangers_see_nothing(void **state)
{
        struct stage *stage = *state;
        struct id room = numbered_room(stage, 3), nowhere = room_personal(stage->clara.user, stage->anna.user);
        struct store_question question = question_of(STORE_ASK_AROUND, &stage->clara);

        assert_int_equal(rows_of(stage, &stage->clara, room).status, ERR_NO_ROOM);
        assert_int_equal(rows_of(stage, &stage->clara, nowhere).status, ERR_NO_ROOM);
        assert_int_equal(rows_of(stage, &stage->clara, (struct id){0}).status, ERR_NO_ROOM);
        question.around.room = room;
        question.around.rows_max = 10;
        assert_int_equal(ask(stage, &question).status, ERR_NO_ROOM);
        assert_null(ask(stage, &question).rows.rows);
}

/* ---- Around ---- */

static void test_around(void **state)
{
        struct stage *stage = *state;
        struct id room = numbered_room(stage, 9);
        static const struct {
                uint64_t seq, time_ms;
                uint32_t rows_max;
                const char *rows;
        } cases[] = {
                {5, 0, 4, "3 4 5 6"},
                {5, 0, 1, "5"},
                {1, 0, 4, "1 2 3 4"},
                {9, 0, 4, "7 8 9"},
                {100, 0, 4, "8 9"},
                {UINT64_MAX, 0, 4, "8 9"},
                {5, 0, 200, "1 2 3 4 5 6 7 8 9"},
                {0, STAGE_START_MS + 40, 4, "3 4 5 6"}, /* row 5 was written then */
                {0, STAGE_START_MS + 31, 4, "3 4 5 6"}, /* the first at or after */
                {0, 0, 3, "1 2 3"},
                {0, STAGE_START_MS + 9999, 4, "8 9"},
                {0, UINT64_MAX, 4, "8 9"},
        };

        for (size_t i = 0; i < countof(cases); i++) {
                struct store_question question = question_of(STORE_ASK_AROUND, &stage->anna);
                struct store_answer answer;

                question.around.room = room;
                question.around.seq = cases[i].seq;
                question.around.time_ms = cases[i].time_ms;
                question.around.rows_max = cases[i].rows_max;
                answer = ask(stage, &question);
                assert_int_equal(answer.status, ERR_OK);
                assert_string_equal(texts_of(answer.rows.rows, answer.rows.row_count), cases[i].rows);
                assert_int_equal(answer.rows.head, 9);
        }
}

/* ---- Join and the list of rooms ---- */

/* Rooms of Anna with twelve people, the i-th with i rows; the latest is the last. */
#define FRIENDS 12
static void make_friends(struct stage *stage, struct id rooms[FRIENDS])
{
        for (int i = 0; i < FRIENDS; i++) {
                char name[16];
                struct account friend;

                snprintf(name, sizeof(name), "friend%d", i);
                friend = account_new(stage, name, "A friend");
                rooms[i] = room_personal(stage->anna.user, friend.user);
                hand_clock_advance_ms(&stage->clock, 1000);
                for (int row = 0; row <= i; row++)
                        say(stage, &friend, rooms[i], "text");
        }
}

static struct store_question join_of(const struct account *account)
{
        struct store_question question = question_of(STORE_ASK_JOIN, account);

        question.join.rooms_max = JOIN_ROOMS;
        question.join.rows_max = PAGE_ROWS;
        return question;
}

static void test_join_of_a_newcomer(void **state)
{
        struct stage *stage = *state;
        struct store_question question = join_of(&stage->boris);
        struct store_answer answer = ask(stage, &question);

        assert_int_equal(answer.status, ERR_OK);
        assert_int_equal(answer.rooms.room_count, 0);
        assert_false(answer.rooms.more);
        assert_false(id_is_zero(&answer.era));
        assert_int_equal(answer.rooms.person.user, stage->boris.user);
        assert_slice(answer.rooms.person.display_name, "Борис Ёлкин");
}

static void test_join_gives_the_latest_rooms(void **state)
{
        struct stage *stage = *state;
        struct store_question question = join_of(&stage->anna);
        struct id rooms[FRIENDS];
        struct store_answer answer;

        make_friends(stage, rooms);
        question.join.rows_max = 4;
        answer = ask(stage, &question);
        assert_int_equal(answer.rooms.room_count, JOIN_ROOMS);
        assert_true(answer.rooms.more);
        for (int i = 0; i < JOIN_ROOMS; i++) {
                const struct store_room *room = &answer.rooms.rooms[i];
                uint64_t head = (uint64_t)(FRIENDS - i), shown = min_of(head, (uint64_t)4);

                assert_true(id_equal(&room->room, &rooms[FRIENDS - 1 - i]));
                assert_int_equal(room->kind, ROOM_PERSONAL);
                assert_int_equal(room->head, head);
                assert_false(room->left);
                assert_int_equal(room->joined_seq, 1);
                assert_int_equal(room->row_count, shown);
                assert_int_equal(room->rows[0].seq, head);
                assert_int_equal(room->rows_after, head - shown);
                assert_int_equal(room->marks.unread, head);
                assert_int_equal(room->lowest.delivered_first, 0);
                assert_slice(room->peer.display_name, "A friend");
        }
}

static void test_join_with_cursors(void **state)
{
        struct stage *stage = *state;
        struct store_question question = join_of(&stage->anna);
        struct id rooms[FRIENDS];
        struct store_cursor cursors[3];
        struct store_answer answer;

        make_friends(stage, rooms);
        cursors[0] = (struct store_cursor){rooms[11], 10};
        cursors[1] = (struct store_cursor){rooms[10], 11};
        cursors[2] = (struct store_cursor){rooms[9], 5000}; /* more than there is */
        question.join.cursors = cursors;
        question.join.cursor_count = countof(cursors);
        question.join.era = ask(stage, &question).era;
        answer = ask(stage, &question);
        assert_int_equal(answer.rooms.rooms[0].row_count, 2); /* 12, 11 */
        assert_int_equal(answer.rooms.rooms[0].rows_after, 10);
        assert_int_equal(answer.rooms.rooms[1].row_count, 0);
        assert_int_equal(answer.rooms.rooms[1].rows_after, 11);
        assert_int_equal(answer.rooms.rooms[2].row_count, 0);
        assert_int_equal(answer.rooms.rooms[2].rows_after, 10);
        assert_int_equal(answer.rooms.rooms[3].row_count, 9);
        assert_int_equal(answer.rooms.rooms[3].rows_after, 0);
        question.join.era.bytes[0] ^= 1; /* L9: of another era they say nothing */
        answer = ask(stage, &question);
        assert_int_equal(answer.rooms.rooms[0].row_count, 12);
        assert_int_equal(answer.rooms.rooms[1].row_count, 11);
}

static void test_join_stays_within_its_bytes(void **state)
{
        struct stage *stage = *state;
        struct store_question question = join_of(&stage->anna);
        struct id rooms[FRIENDS];
        struct store_answer answer;
        size_t bytes = 0;

        make_friends(stage, rooms);
        question.bytes_max = JOIN_ROOMS * 10;
        answer = ask(stage, &question);
        for (size_t i = 0; i < answer.rooms.room_count; i++) {
                const struct store_room *room = &answer.rooms.rooms[i];

                assert_int_equal(room->row_count, min_of(room->head, (uint64_t)2));
                assert_int_equal(room->rows_after, room->head - room->row_count);
                for (size_t row = 0; row < room->row_count; row++)
                        bytes += room->rows[row].text.size;
        }
        assert_true(bytes <= question.bytes_max);
}

static int by_id(const void *a, const void *b)
{
        return id_compare(a, b);
}

/* It covers the last room that was told or passed over, and not yet the next. */
static void assert_through(const struct store_answer *answer, const struct id *last, const struct id *next)
{
        assert_true(id_compare(&answer->rooms.through, last) >= 0);
        assert_true(id_compare(&answer->rooms.through, next) < 0);
}

static void test_the_list_of_rooms_by_ranges(void **state)
{
        struct stage *stage = *state;
        struct store_question question = question_of(STORE_ASK_ROOMS, &stage->anna);
        struct id rooms[FRIENDS];
        struct store_answer answer;
        size_t seen = 0;

        make_friends(stage, rooms);
        qsort(rooms, FRIENDS, sizeof(rooms[0]), by_id);
        question.rooms.rooms_max = 5;
        do {
                answer = ask(stage, &question);
                for (size_t i = 0; i < answer.rooms.room_count; i++) {
                        assert_true(id_equal(&answer.rooms.rooms[i].room, &rooms[seen++]));
                        assert_int_equal(answer.rooms.rooms[i].row_count, 1);
                        assert_int_equal(answer.rooms.rooms[i].rows[0].seq, answer.rooms.rooms[i].head);
                        assert_int_equal(answer.rooms.rooms[i].rows_after, answer.rooms.rooms[i].head - 1);
                }
                assert_int_equal(answer.rooms.more, seen < FRIENDS);
                if (answer.rooms.more)
                        assert_through(&answer, &rooms[seen - 1], &rooms[seen]);
                else
                        assert_true(id_is_zero(&answer.rooms.through));
                question.rooms.after = answer.rooms.through;
        } while (answer.rooms.more);
        assert_int_equal(seen, FRIENDS);
        question.rooms.after = rooms[3]; /* exclusive */
        question.rooms.until = rooms[6]; /* inclusive */
        answer = ask(stage, &question);
        assert_int_equal(answer.rooms.room_count, 3);
        assert_true(id_equal(&answer.rooms.rooms[0].room, &rooms[4]));
        assert_false(answer.rooms.more);
}

static void test_rooms_that_are_known_are_passed_over(void **state)
{
        struct stage *stage = *state;
        struct store_question question = question_of(STORE_ASK_ROOMS, &stage->anna);
        struct store_cursor cursors[FRIENDS];
        struct id rooms[FRIENDS];
        struct store_answer answer;

        make_friends(stage, rooms);
        question.rooms.rooms_max = 200;
        answer = ask(stage, &question);
        assert_int_equal(answer.rooms.room_count, FRIENDS);
        for (size_t i = 0; i < FRIENDS; i++)
                cursors[i] = (struct store_cursor){answer.rooms.rooms[i].room, answer.rooms.rooms[i].head,
                                                   answer.rooms.rooms[i].lowest.version};
        cursors[2].head--;      /* behind */
        cursors[3].lowest--;    /* others count there now */
        cursors[5].head += 100; /* ahead: must be told */
        question.rooms.cursors = cursors;
        question.rooms.cursor_count = FRIENDS - 1; /* the last is new to him */
        answer = ask(stage, &question);
        assert_int_equal(answer.rooms.room_count, 4);
        assert_true(id_equal(&answer.rooms.rooms[0].room, &cursors[2].room));
        assert_true(id_equal(&answer.rooms.rooms[1].room, &cursors[3].room));
        assert_true(id_equal(&answer.rooms.rooms[2].room, &cursors[5].room));
        assert_true(id_equal(&answer.rooms.rooms[3].room, &cursors[FRIENDS - 1].room));
        cursors[3].lowest++;
        question.rooms.rooms_max = 1; /* `through` covers what was passed over before the next one */
        answer = ask(stage, &question);
        assert_true(answer.rooms.more);
        assert_through(&answer, &cursors[4].room, &cursors[5].room);
        question.bytes_max = 1;
        question.rooms.rooms_max = 200;
        answer = ask(stage, &question);
        assert_int_equal(answer.rooms.room_count, 1);
        assert_true(answer.rooms.more);
}

/* ---- people ---- */

static void test_find(void **state)
{
        struct stage *stage = *state;
        static const struct {
                const char *typed, *found;
        } cases[] = {
                {"anna", "anna"},   {"ANN", "anna"},        {"petr", "anna"}, {"Anna P", "anna"}, {"nna", ""},
                {"Борис", "Boris"}, {"бор", "Boris"},       {"ЕЛК", "Boris"}, {"Ёлкин", "Boris"}, {"борис ёл", "Boris"},
                {"boris", "Boris"}, {"clara.k", "clara.k"}, {"annaa", ""},    {"\xff", ""},       {"zz", ""},
        };

        for (size_t i = 0; i < countof(cases); i++) {
                struct store_question question = question_of(STORE_ASK_FIND, &stage->clara);
                struct store_answer answer;
                uint8_t folded[64];

                question.find.folded = slice_of(folded, name_fold(slice_text(cases[i].typed), folded));
                question.find.people_max = 10;
                answer = ask(stage, &question);
                assert_int_equal(answer.status, ERR_OK);
                assert_int_equal(answer.people.count, cases[i].found[0] ? 1 : 0);
                if (cases[i].found[0])
                        assert_slice(answer.people.people[0].user_name, cases[i].found);
        }
}

static void test_find_is_limited(void **state)
{
        struct stage *stage = *state;
        struct store_question question = question_of(STORE_ASK_FIND, &stage->clara);
        struct id rooms[FRIENDS];
        struct store_answer answer;

        make_friends(stage, rooms);
        question.find.folded = SLICE_LITERAL("friend");
        question.find.people_max = 5;
        answer = ask(stage, &question);
        assert_int_equal(answer.people.count, 5);
        for (size_t i = 1; i < 5; i++)
                assert_int_not_equal(answer.people.people[i].user, answer.people.people[i - 1].user);
        question.find.people_max = 50; /* "a friend" and "friend7" are one person */
        assert_int_equal(ask(stage, &question).people.count, FRIENDS);
}

static void test_profiles(void **state)
{
        struct stage *stage = *state;
        struct store_question question = question_of(STORE_ASK_PROFILES, &stage->clara);
        const uint64_t users[] = {stage->boris.user, 12345, stage->anna.user, INT64_MAX};
        struct store_answer answer;

        question.profiles.users = users;
        question.profiles.count = countof(users);
        answer = ask(stage, &question);
        assert_int_equal(answer.people.count, 2);
        assert_int_equal(answer.people.people[0].user, stage->boris.user);
        assert_slice(answer.people.people[0].user_name, "Boris");
        assert_int_equal(answer.people.people[1].user, stage->anna.user);
        assert_true(answer.people.people[1].version > 0);
}

/* ---- asking itself ---- */

static void test_questions_in_one_call_have_their_own_answers(void **state)
{
        struct stage *stage = *state;
        struct id room = numbered_room(stage, 3);
        struct store_question questions[3];
        struct store_answer answers[countof(questions)];

        questions[0] = question_of(STORE_ASK_CHANGES, &stage->clara);
        questions[1] = question_of(STORE_ASK_CHANGES, &stage->anna);
        questions[0].changes.room = questions[1].changes.room = room;
        questions[0].changes.rows_max = questions[1].changes.rows_max = 2;
        questions[2] = join_of(&stage->boris);
        questions[2].device++;
        assert_int_equal(stage->store->ops->ask(stage->store, questions, countof(questions), answers, &stage->arena, 900),
                         ERR_OK);
        assert_int_equal(stage_await(stage->store, 900), OUTCOME_OK);
        assert_int_equal(answers[0].status, ERR_NO_ROOM);
        assert_int_equal(answers[1].status, ERR_OK);
        assert_string_equal(texts_of(answers[1].rows.rows, answers[1].rows.row_count), "3 2");
        assert_int_equal(answers[2].status, ERR_REVOKED);
        assert_true(id_equal(&answers[0].era, &answers[1].era));
}

/* An answer for which there is no memory is none. */
static void test_an_arena_that_is_too_small(void **state)
{
        static const struct arena_source heap_source = {memory_new, memory_free};
        struct stage *stage = *state;
        struct id room = numbered_room(stage, 50);
        struct store_question question = question_of(STORE_ASK_CHANGES, &stage->anna);
        struct store_op op = write_op(stage, &stage->anna, room, "a text that does not fit into so small an arena as this");
        struct store_result result;
        struct store_answer answer;
        struct arena small;

        question.changes.room = room;
        question.changes.rows_max = 200;
        arena_init(&small, &heap_source, 64, 64);
        assert_int_equal(stage->store->ops->ask(stage->store, &question, 1, &answer, &small, 900), ERR_OK);
        assert_int_equal(stage_await(stage->store, 900), OUTCOME_FAILED);
        assert_int_equal(stage->store->ops->apply(stage->store, &op, 1, &result, &small, 901), ERR_OK);
        assert_int_equal(stage_await(stage->store, 901), OUTCOME_FAILED);
        arena_finish(&small);
        assert_int_equal(rows_of(stage, &stage->anna, room).rows.head, 50);
        assert_int_equal(say(stage, &stage->anna, room, "51"), 51);
}

static void test_the_era_stays(void **state)
{
        struct stage *stage = *state;
        struct store_question question = join_of(&stage->anna);
        struct id era = ask(stage, &question).era;
        struct store_answer again;

        stage_reopen(stage);
        assert_false(id_is_zero(&era));
        again = ask(stage, &question);
        assert_true(id_equal(&era, &again.era));
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                STAGE_TEST(test_changes),
                STAGE_TEST(test_pages_fit_together),
                STAGE_TEST(test_answers_are_limited_in_bytes),
                STAGE_TEST(test_strangers_see_nothing),
                STAGE_TEST(test_around),
                STAGE_TEST(test_join_of_a_newcomer),
                STAGE_TEST(test_join_gives_the_latest_rooms),
                STAGE_TEST(test_join_with_cursors),
                STAGE_TEST(test_join_stays_within_its_bytes),
                STAGE_TEST(test_the_list_of_rooms_by_ranges),
                STAGE_TEST(test_rooms_that_are_known_are_passed_over),
                STAGE_TEST(test_find),
                STAGE_TEST(test_find_is_limited),
                STAGE_TEST(test_profiles),
                STAGE_TEST(test_questions_in_one_call_have_their_own_answers),
                STAGE_TEST(test_an_arena_that_is_too_small),
                STAGE_TEST(test_the_era_stays),
        };

        return STAGE_RUN("reading", tests);
}
