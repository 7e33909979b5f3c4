/*
 * What the screen shows: models made by hand are drawn and compared with expected/NAME.txt. With UPDATE=1 in the environment the files
 * are written anew: look at what changed before you commit it. What others do is in test_view_people.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// clang-format off
#include <cmocka.h>
// clang-format on

#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/memory.h"
#include "rules/role.h"
#include "rules/room.h"
#include "rules/row.h"
#include "support/view_stage.h"

static void a_talk_in_both_sizes_and_languages(void **state)
{
        (void)state;
        stage_talk();
        stage_draw(24, 80);
        stage_looks_like("talk-80x24-en");
        assert_int_equal(stage_style_of("See you at nine.  13"), STYLE(OWN, TEXT));
        assert_int_equal(stage_style_of("Did you"), STYLE(OTHER, TEXT));
        assert_int_equal(stage_style_of("3  │"), STYLE(BADGE, STRONG));
        stage_draw(60, 200);
        stage_looks_like("talk-200x60-en");
        text_choose(LANGUAGE_RU);
        stage_draw(24, 80);
        stage_looks_like("talk-80x24-ru");
        stage_draw(60, 200);
        stage_looks_like("talk-200x60-ru");
}

static void ticks_tell_how_far_a_message_is(void **state)
{
        (void)state;
        stage_talk();
        stage_add_row(0, ME, "In the tunnel", 0, CORE_MESSAGE_QUEUED);
        stage_draw(24, 80);
        assert_true(stage_sees("In the tunnel  14:00 …"));
        assert_true(stage_sees("Never mind.  13:59 ✓\n"));
        assert_true(stage_sees("And the camera?  13:58 ✓✓"));
        assert_int_equal(stage_style_of("✓✓ See you"), STYLE(CHOSEN, EYE)); /* in the list */
        /* Without colours a read one has a tick of its own. */
        model.colourless = true;
        stage_draw(24, 80);
        assert_true(stage_sees("See you at nine.  13:57 ✔✔"));
}

static void what_failed_says_why_and_what_to_do(void **state)
{
        struct model_row *row;

        (void)state;
        stage_talk();
        row = stage_add_row(0, ME, "too late", 0, CORE_MESSAGE_FAILED);
        row->error = ERR_NO_ROOM;
        model.failed = 1;
        stage_draw(24, 80);
        assert_true(stage_sees("too late  14:00 !"));
        assert_true(stage_sees("Not sent: you are not in this chat"));
        assert_true(stage_sees("1 not sent"));
        model.focus = FOCUS_LOG;
        model.log.marked = model.log.count - 1;
        stage_draw(24, 80);
        assert_true(stage_sees("Enter send again"));
        assert_int_equal(stage_style_of("too late"), STYLE(MARKED, TEXT));
        stage_looks_like("failed-80x24-en");
}

static void without_a_link_a_banner_says_so(void **state)
{
        (void)state;
        stage_talk();
        model.phase = CORE_OFFLINE;
        model.offline_ms = NOW - 500;
        model.queued = 2;
        stage_draw(24, 80);
        assert_false(stage_sees("No link")); /* not for every hiccup */
        model.offline_ms = NOW - 5000;
        stage_draw(24, 80);
        stage_looks_like("offline-80x24-en");
        text_choose(LANGUAGE_RU);
        snprintf(model.problem, sizeof(model.problem), "%s", text(TEXT_WHY_UNREACHABLE));
        stage_draw(60, 200);
        assert_true(stage_sees("Нет связи (сервер недоступен): написанное уйдёт позже"));
        assert_true(stage_sees("2 ждут"));
}

static void the_unread_line_stands_before_the_first_new_one_of_others(void **state)
{
        char *line, *before;
        char copy[8192];

        (void)state;
        stage_talk();
        model.log.unread_seq = 3; /* an own one */
        stage_draw(40, 100);
        snprintf(copy, sizeof(copy), "%s", stage_shown());
        line = strstr(copy, "New messages");
        before = strstr(copy, "The roof again");
        assert_non_null(line);
        assert_true(line < before && line > strstr(copy, "I put the photos"));
        assert_int_equal(stage_style_of("New messages"), STYLE(GROUND, BEAK));
}

static void wide_and_combining_letters_keep_the_columns(void **state)
{
        (void)state;
        stage_talk();
        log_clear(&model.log);
        stage_add_row(1, BOB, "日本語のテキストは幅が広いので、行の終わりで正しく折り返す必要があります。", MINUTE,
                      CORE_MESSAGE_SENT);
        stage_add_row(2, BOB, "e\xcc\x81t\xcc\xa3\xcc\x87 ok", MINUTE, CORE_MESSAGE_SENT);
        stage_add_row(3, BOB, "👨‍👩‍👧 and ❤️ and 👍🏽", MINUTE, CORE_MESSAGE_SENT);
        stage_add_row(4, BOB, "שלום עולם", MINUTE, CORE_MESSAGE_SENT);
        stage_draw(24, 80);
        stage_looks_like("letters-80x24-en");
        /* The bubble's edge stands where the columns say. */
        for (unsigned row = 0; row < 24; row++)
                for (unsigned column = 0, width; column < 80; column += width) {
                        width = grid.cells[row * 80 + column].columns;
                        assert_true(width == 1 || width == 2);
                }
}

static void nobody_can_draw_on_the_screen(void **state)
{
        (void)state;
        stage_talk();
        log_clear(&model.log);
        stage_add_row(1, BOB, "evil \033[2J\r\x07 \xe2\x80\xae text\nnext line", MINUTE, CORE_MESSAGE_SENT);
        stage_draw(24, 80);
        assert_true(stage_sees("evil ·[2J·· · text"));
        assert_true(stage_sees("next line"));
        assert_false(stage_sees("\033"));
        assert_false(stage_sees("\xe2\x80\xae"));
}

static void scrolling_shows_every_line_once_and_stays_where_it_is(void **state)
{
        char seen[100] = {0};

        (void)state;
        stage_talk();
        for (uint64_t seq = 10; seq < 90; seq++) {
                char said[32];

                snprintf(said, sizeof(said), "number %u.", (unsigned)seq);
                stage_add_row(seq, seq % 2 ? ME : BOB, said, 0, CORE_MESSAGE_READ);
        }
        for (int i = 0; i < 60; i++) {
                stage_draw(24, 80);
                for (unsigned seq = 10; seq < 90; seq++) {
                        char said[32];

                        snprintf(said, sizeof(said), "number %u.", seq);
                        seen[seq] |= (char)stage_sees(said);
                }
                view_scroll(&model, 24, 80, 3);
        }
        for (unsigned seq = 10; seq < 90; seq++)
                assert_true(seen[seq]);
        assert_false(model.log.following);
        assert_true(view_at_top(&model, 24, 80));
        stage_draw(24, 80);
        assert_true(stage_sees("Did you see"));
        /* What comes does not move what is read, and is counted. */
        view_scroll(&model, 24, 80, -10);
        stage_draw(24, 80);
        {
                char before[8192];
                const char *after;

                snprintf(before, sizeof(before), "%s", stage_shown());
                stage_add_row(90, BOB, "new below", 0, CORE_MESSAGE_SENT);
                model.log.come = 1;
                stage_draw(24, 80);
                after = stage_shown();
                assert_memory_equal(after, before, (size_t)(strstr(before, "End:") - before) / 2);
                assert_true(stage_sees("1 new message · End"));
                assert_false(stage_sees("new below"));
        }
        assert_true(view_read_seq(&model) < 90);
        view_scroll(&model, 24, 80, -10000);
        stage_draw(24, 80);
        assert_true(model.log.following);
        assert_true(stage_sees("new below"));
        assert_int_equal(view_read_seq(&model), 90);
}

static void a_long_message_can_be_read_to_its_end(void **state)
{
        static char said[16001];
        bool first = false, last = false;

        (void)state;
        stage_talk();
        log_clear(&model.log);
        memset(said, 'x', sizeof(said) - 1);
        for (size_t i = 7; i < sizeof(said) - 1; i += 8)
                said[i] = i % 64 == 7 ? '\n' : ' ';
        memcpy(said, "FIRST", 5);
        memcpy(said + sizeof(said) - 6, " LAST", 5);
        stage_add_row(1, BOB, said, 0, CORE_MESSAGE_SENT);
        stage_draw(24, 80);
        last = stage_sees("LAST");
        for (int i = 0; i < 100 && !first; i++) {
                view_scroll(&model, 24, 80, 10);
                stage_draw(24, 80);
                first = stage_sees("FIRST");
        }
        assert_true(first && last);
}

static void popups_and_forms_are_drawn_over_it(void **state)
{
        (void)state;
        stage_talk();
        popup_open(&model, POPUP_HELP);
        stage_draw(24, 80);
        stage_looks_like("help-80x24-en");
        stage_draw(60, 200);
        stage_looks_like("help-200x60-en");
        popup_open(&model, POPUP_SETTINGS);
        text_choose(LANGUAGE_RU);
        stage_draw(24, 80);
        stage_looks_like("settings-80x24-ru");
        text_choose(LANGUAGE_EN);
        popup_open(&model, POPUP_SIGN_UP);
        line_insert(model.popup.fields[1].line, SLICE_LITERAL("alice@example.org"));
        line_insert(model.popup.fields[4].line, SLICE_LITERAL("secret"));
        popup_say(&model.popup, true, text(TEXT_BAD_PASSWORD));
        model.popup.chosen = 4;
        stage_draw(24, 80);
        stage_looks_like("signup-80x24-en");
        assert_false(stage_sees("secret"));
        assert_true(grid.cursor);
        assert_int_equal(stage_style_of(text(TEXT_BAD_PASSWORD)), STYLE(RAISED, DANGER));
}

static void what_is_typed_grows_and_scrolls(void **state)
{
        (void)state;
        stage_talk();
        model.compose->several = true;
        stage_draw(24, 80);
        assert_true(stage_sees("› Message"));
        line_insert(model.compose, SLICE_LITERAL("one\ntwo\nthree"));
        stage_draw(24, 80);
        assert_true(stage_sees("› one") && stage_sees("  two") && stage_sees("  three"));
        assert_int_equal(grid.cursor_row, 22);
        line_do(model.compose, LINE_UP);
        stage_draw(24, 80);
        assert_int_equal(grid.cursor_row, 21);
        for (int i = 0; i < 30; i++)
                line_insert(model.compose, SLICE_LITERAL("\nmore"));
        stage_draw(24, 80);
        assert_true(grid.cursor);
        assert_true(stage_sees("Never mind.")); /* the log keeps its place */
}

static void any_size_can_be_drawn(void **state)
{
        (void)state;
        stage_talk();
        model.phase = CORE_OFFLINE;
        model.offline_ms = 1;
        line_insert(model.compose, SLICE_LITERAL("some words that are being typed here"));
        model.about.kind = ABOUT_REPLY;
        model_quote_row(&model.about.quote, 2, ME, slice_text("Four of them"));
        log_by_seq(&model.log, 6)->quote = model.about.quote;
        for (unsigned kind = POPUP_NONE; kind < POPUP_COUNT; kind++) {
                popup_open(&model, (enum model_popup)kind);
                for (unsigned rows = 1; rows < 30; rows += rows < 10 ? 1 : 7)
                        for (unsigned columns = 1; columns < 140; columns += columns < 30 ? 1 : 13) {
                                model.focus = (enum model_focus)((rows + columns) % 3);
                                stage_draw(rows, columns);
                                view_scroll(&model, rows, columns, 5);
                                view_scroll(&model, rows, columns, -7);
                        }
        }
        popup_close(&model);
        stage_draw(5, 20);
        assert_true(stage_sees("›"));
}

static void an_empty_start_says_what_to_do(void **state)
{
        (void)state;
        model.phase = CORE_SYNCED;
        model.now_ms = NOW;
        stage_draw(24, 80);
        stage_looks_like("empty-80x24-en");
        assert_true(stage_sees("Ctrl+N finds people"));
}

static void the_mouse_finds_what_is_there(void **state)
{
        size_t index;

        (void)state;
        stage_talk();
        stage_draw(24, 80);
        assert_int_equal(view_hit(&model, 24, 80, 3, 5, &index), HIT_ROOM);
        assert_int_equal(index, 1);
        assert_int_equal(view_hit(&model, 24, 80, 20, 5, &index), HIT_NOTHING);
        assert_int_equal(view_hit(&model, 24, 80, 20, 60, &index), HIT_ROW);
        assert_int_equal(index, 6);
        assert_int_equal(view_hit(&model, 24, 80, 22, 60, &index), HIT_COMPOSE);
        popup_open(&model, POPUP_SETTINGS);
        stage_draw(24, 80);
        assert_int_equal(view_hit(&model, 24, 80, 0, 0, &index), HIT_NOTHING);
}

int main(int argc, char **argv)
{
        const struct CMUnitTest tests[] = {
                STAGE_TEST(a_talk_in_both_sizes_and_languages),
                STAGE_TEST(ticks_tell_how_far_a_message_is),
                STAGE_TEST(what_failed_says_why_and_what_to_do),
                STAGE_TEST(without_a_link_a_banner_says_so),
                STAGE_TEST(the_unread_line_stands_before_the_first_new_one_of_others),
                STAGE_TEST(wide_and_combining_letters_keep_the_columns),
                STAGE_TEST(nobody_can_draw_on_the_screen),
                STAGE_TEST(scrolling_shows_every_line_once_and_stays_where_it_is),
                STAGE_TEST(a_long_message_can_be_read_to_its_end),
                STAGE_TEST(popups_and_forms_are_drawn_over_it),
                STAGE_TEST(what_is_typed_grows_and_scrolls),
                STAGE_TEST(any_size_can_be_drawn),
                STAGE_TEST(an_empty_start_says_what_to_do),
                STAGE_TEST(the_mouse_finds_what_is_there),
        };

        stage_open(argc, argv);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
