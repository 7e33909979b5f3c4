/* What the screen shows of pins, of what is searched for, and of a window of the log. See test_view.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// clang-format off
#include <cmocka.h>
// clang-format on

#include <stdio.h>

#include "base/assert.h"
#include "rules/room.h"
#include "rules/row.h"
#include "support/view_stage.h"

static void pin(uint64_t seq, uint64_t pinned)
{
        struct model_row *row = log_by_seq(&model.log, seq);
        struct wire_row wire = {.seq = seq,
                                .sender = row->sender,
                                .time_ms = row->time_ms,
                                .text = slice_of(row->text, row->size),
                                .pinned = pinned};

        row->pinned = pinned;
        model_pin(&model, &wire);
}

static void pins_are_in_the_order_of_pinning_and_at_most_fifty(void **state)
{
        struct wire_row row = {.kind = ROW_TEXT, .text = SLICE_LITERAL("x")};

        (void)state;
        stage_talk();
        pin(5, 20);
        pin(1, 30);
        pin(4, 25);
        assert_int_equal(model.pins.count, 3);
        assert_int_equal(model.pins.list[0].seq, 1);
        assert_int_equal(model.pins.list[1].seq, 4);
        assert_int_equal(model.pins.list[2].seq, 5);
        pin(5, 31); /* once more */
        assert_int_equal(model.pins.count, 3);
        assert_int_equal(model.pins.list[0].seq, 5);
        pin(1, 0);
        pin(1, 0);
        assert_int_equal(model.pins.count, 2);
        for (row.seq = 100, row.pinned = 100; row.seq < 100 + PINS_MAX; row.seq++, row.pinned++)
                model_pin(&model, &row);
        assert_int_equal(model.pins.count, PINS_MAX);
        assert_int_equal(model.pins.list[0].seq, 99 + PINS_MAX);
        assert_int_equal(model.pins.list[PINS_MAX - 1].seq, 100);
        row.pinned = 1; /* older than all of them */
        model_pin(&model, &row);
        assert_int_equal(model.pins.list[PINS_MAX - 1].seq, 100);
}

static void the_newest_pin_stands_above_the_log(void **state)
{
        size_t index;

        (void)state;
        stage_talk();
        pin(5, 20);
        pin(1, 30);
        stage_draw(24, 80);
        stage_looks_like("pins-80x24-en");
        assert_true(stage_sees("▎Pinned  Did you see the jackdaws"));
        assert_true(stage_sees("2 · F4"));
        assert_true(stage_sees("See you at nine.  pinned 13:57 ✓✓"));
        assert_int_equal(view_hit(&model, 24, 80, 1, 50, &index), HIT_PIN);
        assert_int_equal(view_hit(&model, 24, 80, 0, 50, &index), HIT_NOTHING);
        text_choose(LANGUAGE_RU);
        stage_draw(60, 200);
        assert_true(stage_sees("▎Закреплено  Did you see the jackdaws on the roof?"));
        assert_true(stage_sees("закреплено 13:57"));
        text_choose(LANGUAGE_EN);
        stage_draw(8, 80); /* where there is no place for it the log has it */
        assert_false(stage_sees("▎Pinned"));
        pin(5, 0);
        pin(1, 0);
        stage_draw(24, 80);
        assert_false(stage_sees("F4"));
        assert_int_not_equal(view_hit(&model, 24, 80, 1, 50, &index), HIT_PIN);
}

static void add_item(const char *label, const char *detail)
{
        struct model_item *item = popup_add(&model.popup);

        snprintf(item->label, sizeof(item->label), "%s", label);
        snprintf(item->detail, sizeof(item->detail), "%s", detail);
}

static void what_is_found_has_its_date_however_long_it_is(void **state)
{
        (void)state;
        stage_talk();
        popup_open(&model, POPUP_SEARCH);
        line_insert(model.popup.input, SLICE_LITERAL("roof"));
        add_item("The roof again. Let us meet at the bakery at nine, and bring the long ladder, because the one from",
                 "Bob · 13:55");
        add_item("Did you see the jackdaws on the roof?", "Bob · Sat");
        popup_say(&model.popup, false, text(TEXT_SEARCH_TAB_ALL));
        stage_draw(24, 80);
        stage_looks_like("search-80x24-en");
        assert_true(stage_sees("Search in this chat"));
        assert_true(stage_sees("Bob · 13:55") && stage_sees("Bob · Sat"));
        model.popup.everywhere = true;
        text_choose(LANGUAGE_RU);
        stage_draw(60, 200);
        stage_looks_like("search-200x60-ru");
        assert_true(stage_sees("Поиск во всех чатах"));
        popup_open(&model, POPUP_PINS);
        add_item("Did you see the jackdaws on the roof?", "Bob · Sat");
        stage_draw(24, 80);
        assert_true(stage_sees("Закреплённые сообщения"));
}

static void a_note_has_two_lines_and_a_list_says_that_it_goes_on(void **state)
{
        (void)state;
        stage_talk();
        popup_open(&model, POPUP_SIGN_UP);
        popup_say(&model.popup, true, text(TEXT_BAD_USER_NAME));
        stage_draw(24, 80);
        assert_true(stage_sees("│ first "));
        assert_true(stage_sees("A user name: 3 to 32"));
        popup_say(&model.popup, true, text(TEXT_BAD_INVITE));
        stage_draw(24, 80);
        assert_true(stage_sees("its end"));
        popup_say(&model.popup, true, "wrong code");
        assert_string_equal(model.popup.note, "Wrong code");
        popup_open(&model, POPUP_SWITCH);
        for (unsigned i = 0; i < 12; i++)
                add_item("Bob", "");
        stage_draw(24, 80);
        assert_false(stage_sees("↓ more"));
        add_item("Carol", "");
        stage_draw(24, 80);
        assert_true(stage_sees("↓ more"));
        popup_open(&model, POPUP_HELP);
        stage_draw(24, 80);
        assert_true(stage_sees("↓ more"));
        for (model.popup.top = 0; model.popup.top < 200; model.popup.top++) { /* all of the sheet, nothing of it cut */
                stage_draw(24, 80);
                assert_false(stage_sees("… │"));
                view_settle(&model, 24, 80);
                if (!stage_sees("↓ more"))
                        return;
        }
        fail();
}

int main(int argc, char **argv)
{
        const struct CMUnitTest tests[] = {
                STAGE_TEST(pins_are_in_the_order_of_pinning_and_at_most_fifty),
                STAGE_TEST(the_newest_pin_stands_above_the_log),
                STAGE_TEST(a_note_has_two_lines_and_a_list_says_that_it_goes_on),
                STAGE_TEST(what_is_found_has_its_date_however_long_it_is),
        };

        stage_open(argc, argv);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
