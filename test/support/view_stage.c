/* See view_stage.h. */
#include "support/view_stage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// clang-format off
#include <cmocka.h>
// clang-format on

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/assert.h"
#include "base/memory.h"
#include "rules/room.h"
#include "rules/row.h"

#define BIG_MAX 100000

struct model model;
struct grid grid;
static const char *expected_folder;

void stage_know(uint64_t user, const char *name, const char *user_name)
{
        model_know(&model, &(struct wire_person){
                                   .user = user, .display_name = slice_text(name), .user_name = slice_text(user_name)});
}

struct model_room *stage_add_room(const struct id *id, const char *name, const char *last, uint64_t ago_ms)
{
        struct model_room *room;

        assert_true(model_rooms_reserve(&model, model.room_count + 1));
        room = &model.rooms[model.room_count++];
        *room = (struct model_room){.room = *id, .kind = (uint8_t)room_kind_of(id), .time_ms = NOW - ago_ms};
        snprintf(room->name, sizeof(room->name), "%s", name);
        snprintf(room->last, sizeof(room->last), "%s", last);
        return room;
}

struct model_row *stage_add_row(uint64_t seq, uint64_t sender, const char *said, uint64_t ago_ms,
                                enum core_message_state state)
{
        struct wire_row wire = {
                .seq = seq, .sender = sender, .kind = ROW_TEXT, .time_ms = NOW - ago_ms, .text = slice_text(said)};
        struct model_row *row;

        wire.request.bytes[0] = (uint8_t)(seq + 1);
        wire.request.bytes[1] = (uint8_t)(ago_ms >> 4);
        row = log_row_new(&wire, sender == ME, state);
        assert_non_null(row);
        assert_true(log_put(&model.log, row));
        return row;
}

/* Bob's room is open, with yesterday's and today's talk. */
void stage_talk(void)
{
        struct id bob = room_personal(ME, BOB), carol = room_personal(ME, CAROL), self = room_personal(ME, ME);
        struct model_room *room;

        model.me = (struct model_person){.user = ME, .name = "Alice", .user_name = "alice"};
        model.now_ms = NOW;
        model.phase = CORE_SYNCED;
        stage_know(BOB, "Bob", "bob");
        stage_know(CAROL, "Carol", "carol");
        room = stage_add_room(&bob, "Bob", "See you at nine.", 3 * MINUTE);
        room->last_mine = true;
        room->last_state = CORE_MESSAGE_READ;
        snprintf(room->detail, sizeof(room->detail), "@bob");
        room = stage_add_room(&carol, "Carol", "Привет! Завтра в шесть?", 2 * DAY);
        room->unread = 3;
        stage_add_room(&self, text(TEXT_SELF_ROOM), "milk, bread, candles", 40 * DAY);
        model.open = true;
        model.at = model.rooms[0];
        model.focus = FOCUS_COMPOSE;
        stage_add_row(1, BOB, "Did you see the jackdaws on the roof?", DAY + 5 * MINUTE, CORE_MESSAGE_SENT);
        stage_add_row(2, ME, "Four of them, and one that steals buttons.", DAY + 4 * MINUTE, CORE_MESSAGE_READ);
        stage_add_row(3, ME, "I put the photos on the board.", DAY + 3 * MINUTE, CORE_MESSAGE_READ);
        stage_add_row(
                4, BOB,
                "The roof again. Let us meet at the bakery at nine, and bring the long ladder, because the one from last "
                "year is "
                "broken and nobody has fixed it since.",
                5 * MINUTE, CORE_MESSAGE_SENT);
        stage_add_row(5, ME, "See you at nine.", 3 * MINUTE, CORE_MESSAGE_READ);
        stage_add_row(6, ME, "And the camera?", 2 * MINUTE, CORE_MESSAGE_DELIVERED);
        stage_add_row(7, ME, "Never mind.", MINUTE, CORE_MESSAGE_SENT);
}

int stage_begin(void **state)
{
        (void)state;
        text_choose(LANGUAGE_EN);
        return model_init(&model) == ERR_OK ? 0 : 1;
}

int stage_end(void **state)
{
        (void)state;
        model_finish(&model);
        grid_finish(&grid);
        return 0;
}

void stage_draw(unsigned rows, unsigned columns)
{
        assert_int_equal(grid_resize(&grid, rows, columns), ERR_OK);
        view_settle(&model, rows, columns);
        view_draw(&model, &grid);
}

/* The screen's text, without spaces at the ends of lines. */
const char *stage_shown(void)
{
        static char all[BIG_MAX];
        size_t used = 0;

        for (unsigned row = 0; row < grid.rows; row++) {
                size_t start = used;

                for (unsigned column = 0; column < grid.columns; column++) {
                        const struct cell *cell = &grid.cells[row * grid.columns + column];

                        assert_true(used + cell->size + 2 < sizeof(all));
                        memcpy(all + used, cell->shown, cell->size);
                        used += cell->size;
                }
                while (used > start && all[used - 1] == ' ')
                        used--;
                all[used++] = '\n';
        }
        all[used] = '\0';
        return all;
}

void stage_looks_like(const char *name)
{
        static char expected[BIG_MAX];
        char path[512];
        FILE *file;

        snprintf(path, sizeof(path), "%s/%s.txt", expected_folder, name);
        if (getenv("UPDATE")) {
                file = fopen(path, "w");
                assert_non_null(file);
                assert_true(fputs(stage_shown(), file) >= 0);
                assert_int_equal(fclose(file), 0);
                return;
        }
        file = fopen(path, "r");
        assert_non_null(file);
        expected[fread(expected, 1, sizeof(expected) - 1, file)] = '\0';
        fclose(file);
        if (strcmp(expected, stage_shown()) != 0)
                fprintf(stderr, "%s is now:\n%s", name, stage_shown());
        assert_string_equal(expected, stage_shown());
}

bool stage_sees(const char *said)
{
        return strstr(stage_shown(), said) != NULL;
}

/* The style of the first cell of what is shown. */
unsigned stage_style_of(const char *said)
{
        for (unsigned row = 0; row < grid.rows; row++)
                for (unsigned column = 0; column < grid.columns; column++) {
                        size_t size = 0;
                        unsigned at = column;

                        while (said[size] && at < grid.columns) {
                                const struct cell *cell = &grid.cells[row * grid.columns + at++];

                                if (strncmp(said + size, cell->shown, cell->size) != 0)
                                        break;
                                size += cell->size;
                        }
                        if (!said[size])
                                return grid.cells[row * grid.columns + column].style;
                }
        fail_msg("'%s' is not on the screen", said);
        return 0;
}

void stage_open(int argc, char **argv)
{
        check(argc > 1);
        expected_folder = argv[1];
        setenv("TZ", "UTC", 1);
        tzset();
        setlocale(LC_CTYPE, "C.UTF-8");
}
