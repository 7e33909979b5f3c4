/* What the list of rooms shows of how they are kept: pinned, muted, archived, with a draft. See test_view.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// clang-format off
#include <cmocka.h>
// clang-format on

#include <stdio.h>

#include "base/assert.h"
#include "support/view_stage.h"

static void add(uint8_t number, const char *name, const char *last)
{
        struct id id = {{1, 2, 3, 4, 5, number, 0x70, 0, 0x80}};

        stage_add_room(&id, name, last, number * MINUTE);
}

/* Four rooms, the last two archived. */
static void add_rooms(void)
{
        model.phase = CORE_SYNCED;
        model.focus = FOCUS_ROOMS;
        add(1, "Bob", "two photos");
        add(2, "Carol", "are you there?");
        add(3, "Old friends", "long ago");
        add(4, "A newsletter", "unread for ever");
        model.archived_count = 2;
        model.rooms[0].pinned = true;
        model.rooms[1].muted = true;
        model.rooms[1].unread = 3;
        model.rooms[3].muted = model.rooms[2].archived = model.rooms[3].archived = true;
        model.rooms[3].unread = 12;
}

static void marks_tell_how_a_room_is_kept(void **state)
{
        (void)state;
        add_rooms();
        snprintf(model.rooms[0].draft, sizeof(model.rooms[0].draft), "Did you");
        stage_draw(24, 80);
        stage_looks_like("kept-80x24-en");
        assert_true(stage_sees("Bob ▲") && stage_sees("Carol ⊘") && stage_sees("Draft: Did you"));
        text_choose(LANGUAGE_RU);
        stage_draw(24, 80);
        assert_true(stage_sees("Черновик: Did you") && stage_sees("Архив: 2 чата"));
        /* Of the open room one sees it where one writes it. */
        model.open = true;
        model.at = model.rooms[0];
        stage_draw(24, 80);
        assert_true(!stage_sees("Черновик") && stage_sees("two photos"));
}

static void a_muted_room_is_loud_only_where_one_is_mentioned(void **state)
{
        (void)state;
        add_rooms();
        stage_draw(24, 80);
        assert_true(stage_style_of(" 3 ") != STYLE(BADGE, STRONG));
        assert_false(model_room_calls(&model.rooms[1]));
        model.rooms[1].mentions = 1;
        stage_draw(24, 80);
        assert_int_equal(stage_style_of(" @1 "), STYLE(BADGE, STRONG));
        assert_true(model_room_calls(&model.rooms[1]));
}

static void the_archive_is_a_list_of_its_own(void **state)
{
        (void)state;
        add_rooms();
        stage_draw(24, 80);
        assert_true(stage_sees("Archive: 2 chats") && !stage_sees("Old friends"));
        model.archive_shown = true;
        stage_draw(24, 80);
        stage_looks_like("archive-80x24-en");
        assert_true(stage_sees("Old friends") && !stage_sees("Carol"));
        assert_int_equal(model.chosen_room, 2);
        /* Out of it the keys are in the other list. */
        model.archive_shown = false;
        stage_draw(24, 80);
        assert_int_equal(model.chosen_room, 1);
        /* In few rows the foot gives way. */
        stage_draw(7, 80);
        assert_false(stage_sees("Archive"));
}

static void a_click_below_the_last_room_opens_none(void **state)
{
        size_t index;

        (void)state;
        add_rooms();
        stage_draw(24, 80);
        assert_int_equal(view_hit(&model, 24, 80, 3, 2, &index), HIT_ROOM);
        assert_int_equal(index, 1);
        assert_int_equal(view_hit(&model, 24, 80, 5, 2, &index), HIT_NOTHING); /* the first archived one would stand there */
        model.archive_shown = true;
        stage_draw(24, 80);
        assert_int_equal(view_hit(&model, 24, 80, 1, 2, &index), HIT_ROOM);
        assert_int_equal(index, 2);
}

int main(int argc, char **argv)
{
        static const struct CMUnitTest tests[] = {
                STAGE_TEST(marks_tell_how_a_room_is_kept),
                STAGE_TEST(a_muted_room_is_loud_only_where_one_is_mentioned),
                STAGE_TEST(the_archive_is_a_list_of_its_own),
                STAGE_TEST(a_click_below_the_last_room_opens_none),
        };

        stage_open(argc, argv);
        return cmocka_run_group_tests_name("rooms as they are kept", tests, NULL, NULL);
}
