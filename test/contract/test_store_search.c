/* The store's contract: rows by the words in them. What is found, in which order, page by page; and that nobody finds what he may not
 * read, nor what stands there no more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/assert.h"
#include "contract/store_stage.h"
#include "driver/store/lexicon.h"
#include "rules/limits.h"
#include "rules/room.h"
#include "rules/row.h"

#define WORDS 6

static const struct id everywhere;

static struct store_result write_row(struct stage *stage, const struct account *sender, struct id room, enum row_kind kind,
                                     uint64_t target, const struct account *subject, const char *text)
{
        struct store_op op = write_op(stage, sender, room, text);

        op.write.row_kind = kind;
        op.write.target = target;
        op.write.subject = subject ? subject->user : 0;
        if (kind == ROW_CREATED)
                op.request = room;
        return apply_one(stage, &op);
}

static void alter(struct stage *stage, const struct account *sender, struct id room, uint64_t target, const char *text)
{
        enum row_kind kind = *text ? ROW_EDITED : ROW_DELETED;

        assert_int_equal(write_row(stage, sender, room, kind, target, NULL, text).status, ERR_OK);
}

static void move(struct stage *stage, struct id room, enum row_kind kind, const struct account *subject)
{
        assert_int_equal(write_row(stage, &stage->anna, room, kind, 0, subject, "").status, ERR_OK);
}

static struct id group(struct stage *stage)
{
        struct id room = stage_id(stage);

        assert_int_equal(write_row(stage, &stage->anna, room, ROW_CREATED, 0, NULL, "Birds").status, ERR_OK);
        return room;
}

static struct store_question search_of(const struct account *asker, struct id room, const char *text, uint32_t rows)
{
        struct store_question question = question_of(STORE_ASK_SEARCH, asker);

        question.bytes_max = ANSWER_BYTES_MAX;
        question.search.room = room;
        question.search.text = slice_text(text);
        question.search.rows_max = rows;
        return question;
}

static enum error status_of(struct stage *stage, const struct account *asker, struct id room, const char *text)
{
        struct store_question question = search_of(asker, room, text, 10);

        return ask(stage, &question).status;
}

/* Texts of all hits, newest first, by pages of so many. In static memory. */
static const char *found(struct stage *stage, const struct account *asker, struct id room, const char *text, uint32_t rows)
{
        static char texts[4096];
        struct store_question question = search_of(asker, room, text, rows);
        struct store_answer answer;
        size_t size = 0;

        texts[0] = '\0';
        for (int page = 0; page < 200; page++) {
                answer = ask(stage, &question);
                assert_int_equal(answer.status, ERR_OK);
                assert_true(answer.search.count <= rows);
                for (size_t i = 0; i < answer.search.count; i++) {
                        const struct store_hit *hit = &answer.search.hits[i];

                        assert_int_equal(hit->row.kind, ROW_TEXT);
                        assert_true(id_is_zero(&room) || id_equal(&hit->room, &room));
                        size += (size_t)snprintf(texts + size, sizeof(texts) - size, "%s%.*s", size ? "|" : "",
                                                 (int)hit->row.text.size, (const char *)hit->row.text.data);
                }
                if (!answer.search.more)
                        return texts;
                question.search.before = answer.search.next;
        }
        fail_msg("the pages have no end");
        return NULL;
}

static struct id talk(struct stage *stage)
{
        return room_personal(stage->anna.user, stage->boris.user);
}

static void test_rows_are_found_by_all_of_their_words(void **state)
{
        struct stage *stage = *state;
        struct id room = talk(stage);

        say(stage, &stage->anna, room, "The geese were flying");
        say(stage, &stage->boris, room, "a goose flies over the sea");
        say(stage, &stage->anna, room, "Ёлка и книги");
        say(stage, &stage->boris, room, "книгу об ЕЛКАХ, где?");
        for (int i = 0; i < 2; i++) {
                assert_string_equal(found(stage, &stage->anna, room, "fly", 10),
                                    "a goose flies over the sea|The geese were flying");
                assert_string_equal(found(stage, &stage->anna, room, "SEA fly", 10), "a goose flies over the sea");
                assert_string_equal(found(stage, &stage->boris, room, "елка", 10), "книгу об ЕЛКАХ, где?|Ёлка и книги");
                assert_string_equal(found(stage, &stage->boris, room, "ёлками, книгой", 1),
                                    "книгу об ЕЛКАХ, где?|Ёлка и книги");
                assert_string_equal(found(stage, &stage->anna, everywhere, "ёлка", 1), "книгу об ЕЛКАХ, где?|Ёлка и книги");
                assert_string_equal(found(stage, &stage->anna, room, "fly ёлка", 10), "");
                assert_string_equal(found(stage, &stage->anna, room, "swan", 10), "");
                stage_reopen(stage);
        }
}

static void test_refusals(void **state)
{
        struct stage *stage = *state;
        struct id room = talk(stage);
        struct store_op out = sign_out_op(stage, &stage->boris, stage->boris.device);

        say(stage, &stage->anna, room, "hello there");
        assert_int_equal(status_of(stage, &stage->clara, room, "hello"), ERR_NO_ROOM);
        assert_int_equal(status_of(stage, &stage->anna, stage_id(stage), "hello"), ERR_NO_ROOM);
        assert_int_equal(status_of(stage, &stage->anna, room, ""), ERR_BAD_FIELD);
        assert_int_equal(status_of(stage, &stage->anna, everywhere, " ?! \t"), ERR_BAD_FIELD);
        assert_int_equal(status_of(stage, &stage->anna, room, "a b c d e f g h i j k l m n o p"), ERR_OK);
        assert_int_equal(status_of(stage, &stage->anna, room, "a b c d e f g h i j k l m n o p q"), ERR_TOO_LARGE);
        assert_int_equal(status_of(stage, &stage->anna, room, "\" OR NEAR(a b) * - ^ words:x"), ERR_OK);
        assert_string_equal(found(stage, &stage->clara, everywhere, "hello", 10), "");
        assert_int_equal(apply_one(stage, &out).status, ERR_OK);
        assert_int_equal(status_of(stage, &stage->boris, room, "hello"), ERR_REVOKED);
        assert_int_equal(status_of(stage, &stage->boris, everywhere, ""), ERR_REVOKED);
}

static void test_what_was_altered_is_found_as_it_is_now(void **state)
{
        struct stage *stage = *state;
        struct id room = talk(stage);
        struct store_op ops[3];
        struct store_result results[3];

        say(stage, &stage->anna, room, "red apple");
        say(stage, &stage->anna, room, "red plum");
        alter(stage, &stage->anna, room, 1, "green apple");
        assert_string_equal(found(stage, &stage->boris, room, "red", 10), "red plum");
        assert_string_equal(found(stage, &stage->boris, room, "apple", 10), "green apple");
        alter(stage, &stage->anna, room, 2, "");
        assert_string_equal(found(stage, &stage->boris, everywhere, "red", 10), "");
        assert_string_equal(found(stage, &stage->boris, room, "plum", 10), "");
        alter(stage, &stage->anna, room, 1, "green apple"); /* the same words once more */
        alter(stage, &stage->anna, room, 1, "apple, green and round");
        assert_string_equal(found(stage, &stage->boris, room, "green", 10), "apple, green and round");
        /* Made and altered in one transaction. */
        for (int i = 0; i < 3; i++) {
                static const char *const texts[] = {"blue pear", "blue nut", "big nut"};

                ops[i] = write_op(stage, &stage->boris, room, texts[i]);
                ops[i].write.row_kind = i ? ROW_EDITED : ROW_TEXT;
                ops[i].write.target = i ? 7 : 0;
        }
        apply(stage, ops, 3, results);
        assert_int_equal(results[2].status, ERR_OK);
        assert_int_equal(results[0].write.number, 7);
        assert_string_equal(found(stage, &stage->anna, room, "blue", 10), "");
        assert_string_equal(found(stage, &stage->anna, room, "pear", 10), "");
        assert_string_equal(found(stage, &stage->anna, room, "nut", 10), "big nut");
        alter(stage, &stage->boris, room, 7, "");
        stage_reopen(stage);
        assert_string_equal(found(stage, &stage->anna, room, "nut", 10), "");
        assert_string_equal(found(stage, &stage->anna, room, "round", 10), "apple, green and round");
}

static void test_one_finds_what_lies_in_ones_stays(void **state)
{
        struct stage *stage = *state;
        struct id room = group(stage);

        say(stage, &stage->anna, room, "owl one");
        move(stage, room, ROW_JOINED, &stage->boris);
        say(stage, &stage->anna, room, "owl two");
        say(stage, &stage->anna, room, "owl three");
        move(stage, room, ROW_LEFT, &stage->boris);
        say(stage, &stage->anna, room, "owl four");
        alter(stage, &stage->anna, room, 5, "owl third"); /* past his leave: not his to see */
        assert_string_equal(found(stage, &stage->boris, room, "owl", 10), "owl two");
        assert_string_equal(found(stage, &stage->boris, everywhere, "owl", 10), "owl two");
        assert_string_equal(found(stage, &stage->boris, room, "third", 10), "");
        assert_int_equal(status_of(stage, &stage->clara, room, "owl"), ERR_NO_ROOM);
        move(stage, room, ROW_JOINED, &stage->boris);
        say(stage, &stage->anna, room, "owl five");
        assert_string_equal(found(stage, &stage->boris, room, "owl", 1), "owl five|owl two");
        assert_string_equal(found(stage, &stage->boris, everywhere, "owl", 1), "owl five|owl two");
        assert_string_equal(found(stage, &stage->anna, room, "owl", 2), "owl five|owl four|owl third|owl two|owl one");
}

/* Rooms side by side, and rows of one moment in several of them. */
static void test_pages_over_all_rooms(void **state)
{
        struct stage *stage = *state;
        struct id rooms[] = {talk(stage), room_personal(stage->anna.user, stage->clara.user), group(stage),
                             room_personal(stage->anna.user, stage->anna.user)};
        char text[32], whole[4096];

        for (int i = 0; i < 40; i++) {
                stage->clock.wall_ms += i % 3 ? 0 : 1000;
                snprintf(text, sizeof(text), "wren %d", i);
                say(stage, &stage->anna, rooms[(i * 7 + i / 5) % 4], text);
        }
        snprintf(whole, sizeof(whole), "%s", found(stage, &stage->anna, everywhere, "wren", 50));
        assert_int_equal(strlen(whole), 10 * 6 + 30 * 7 + 39);
        for (uint32_t rows = 1; rows <= 7; rows += 3)
                assert_string_equal(found(stage, &stage->anna, everywhere, "wren", rows), whole);
        assert_non_null(strstr(whole, "wren 39"));
        assert_string_equal(found(stage, &stage->clara, everywhere, "wren 39", 10),
                            found(stage, &stage->clara, rooms[1], "wren 39", 10));
}

static void test_pages_by_bytes(void **state)
{
        struct stage *stage = *state;
        struct store_question question = search_of(&stage->anna, talk(stage), "gull", 10);
        struct store_answer answer;

        say(stage, &stage->anna, talk(stage), "gull, the first of them all");
        say(stage, &stage->anna, talk(stage), "gull, the second of them all");
        question.bytes_max = 30;
        answer = ask(stage, &question);
        assert_int_equal(answer.search.count, 1);
        assert_true(answer.search.more);
        assert_int_equal(answer.search.next.seq, 2);
        question.search.before = answer.search.next;
        answer = ask(stage, &question);
        assert_int_equal(answer.search.count, 1);
        assert_false(answer.search.more);
        assert_int_equal(answer.search.hits[0].row.seq, 1);
}

/* ---- against what one reads ---- */

static bool has_word(struct lexicon *lexicon, struct stage *stage, struct slice text, const char *word)
{
        struct slice *words;
        size_t count;

        assert_true(lexicon_words(lexicon, text, LEXICON_MAX, &stage->arena, &words, &count));
        for (size_t i = 0; i < count; i++)
                if (slice_equal(words[i], slice_text(word)))
                        return true;
        return false;
}

/* Texts with the word among the rows that one may read, newest first. */
static const char *read_with(struct lexicon *lexicon, struct stage *stage, const struct account *asker, struct id room,
                             const char *word)
{
        static char texts[4096];
        struct store_question question = question_of(STORE_ASK_AROUND, asker);
        struct store_answer answer;
        size_t size = 0;

        texts[0] = '\0';
        question.bytes_max = 1000000;
        question.around.room = room;
        question.around.seq = 1;
        question.around.rows_max = 200;
        answer = ask(stage, &question);
        for (size_t i = answer.status ? 0 : answer.rows.row_count; i-- > 0;) {
                const struct store_row *row = &answer.rows.rows[i];

                if (row->kind == ROW_TEXT && has_word(lexicon, stage, row->text, word))
                        size += (size_t)snprintf(texts + size, sizeof(texts) - size, "%s%.*s", size ? "|" : "",
                                                 (int)row->text.size, (const char *)row->text.data);
        }
        return texts;
}

static uint32_t draw(uint32_t *random, uint32_t below)
{
        *random = *random * 1664525 + 1013904223;
        return (*random >> 8) % below;
}

static void test_what_is_found_is_what_can_be_read(void **state)
{
        static const char *const words[WORDS] = {"ant", "bee", "cat", "dog", "elk", "fox"};
        struct stage *stage = *state;
        struct id room = group(stage);
        const struct account *people[] = {&stage->anna, &stage->boris, &stage->clara};
        struct lexicon lexicon = {0};
        uint32_t random = 17;
        uint64_t head = 1;

        for (int step = 0; step < 150; step++) {
                const struct account *person = people[draw(&random, 3)];
                uint32_t deed = draw(&random, 10);
                char text[64];

                snprintf(text, sizeof(text), "%s %s %d", words[draw(&random, WORDS)], words[draw(&random, WORDS)], step);
                if (deed < 2 && person != &stage->anna)
                        (void)write_row(stage, &stage->anna, room, draw(&random, 2) ? ROW_JOINED : ROW_LEFT, 0, person, "");
                else if (deed < 6)
                        head = max_of(head, write_row(stage, person, room, ROW_TEXT, 0, NULL, text).write.number);
                else
                        (void)write_row(stage, person, room, deed == 9 ? ROW_DELETED : ROW_EDITED,
                                        1 + draw(&random, (uint32_t)head), NULL, deed == 9 ? "" : text);
        }
        for (size_t i = 0; i < countof(people); i++)
                for (size_t word = 0; word < WORDS; word++) {
                        const char *expected = read_with(&lexicon, stage, people[i], room, words[word]);

                        assert_string_equal(found(stage, people[i], room, words[word], 3), expected);
                        assert_string_equal(found(stage, people[i], everywhere, words[word], 3), expected);
                }
        lexicon_finish(&lexicon);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                STAGE_TEST(test_rows_are_found_by_all_of_their_words),
                STAGE_TEST(test_refusals),
                STAGE_TEST(test_what_was_altered_is_found_as_it_is_now),
                STAGE_TEST(test_one_finds_what_lies_in_ones_stays),
                STAGE_TEST(test_pages_over_all_rooms),
                STAGE_TEST(test_pages_by_bytes),
                STAGE_TEST(test_what_is_found_is_what_can_be_read),
        };

        return STAGE_RUN("store, search", tests);
}
