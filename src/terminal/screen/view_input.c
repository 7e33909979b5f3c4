/* What is being typed: wrapped like a message, the part around the cursor if it is longer than its place. */
#include <stdio.h>

#include "base/assert.h"
#include "terminal/screen/view_inside.h"

#define PROMPT         "› "
#define PROMPT_COLUMNS 2

/* In which line of the wrapped text the cursor stands, and in which column. */
static unsigned cursor_line(const struct line *line, unsigned columns, unsigned *column)
{
        struct wrap wrap = wrap_of(line_text(line), columns);
        struct slice part;
        unsigned number = 0;

        *column = 0;
        for (unsigned i = 0; wrap_next(&wrap, &part); i++) {
                size_t start = (size_t)((const char *)part.data - line->text);

                if (part.size == 0 && !part.data)
                        break;
                if (start > line->cursor)
                        break;
                number = i;
                *column = glyph_columns(slice_of(part.data, min_of(part.size, line->cursor - start)));
        }
        return number;
}

unsigned view_input_lines(const struct line *line, unsigned columns, unsigned limit)
{
        unsigned widest;

        return min_of(wrap_measure(line_text(line), columns, &widest), max_of(limit, 1u));
}

static void draw_secret(struct grid *grid, struct area area, uint8_t style, const struct line *line, bool cursor)
{
        unsigned end = area.column + area.columns, at = area.column;

        for (size_t i = 0; i < line->size && at + 1 < end; i++)
                if (((uint8_t)line->text[i] & 0xc0) != 0x80)
                        at = grid_put(grid, area.row, at, end, style, SLICE_LITERAL("•"));
        if (cursor)
                grid_cursor(grid, area.row, at);
}

void view_draw_input(struct grid *grid, struct area area, enum style_surface surface, const struct line *line, bool secret,
                     bool cursor)
{
        uint8_t style = STYLE_OF(surface, INK_TEXT);
        struct wrap wrap = wrap_of(line_text(line), area.columns);
        struct slice part;
        unsigned column, at = cursor_line(line, area.columns, &column);
        unsigned top = at >= area.rows ? at - area.rows + 1 : 0;

        if (area.rows == 0 || area.columns == 0)
                return;
        grid_fill(grid, area, style);
        if (secret) {
                draw_secret(grid, area, style, line, cursor);
                return;
        }
        for (unsigned i = 0; i < top + area.rows && wrap_next(&wrap, &part); i++)
                if (i >= top)
                        grid_put(grid, area.row + i - top, area.column, area.column + area.columns, style, part);
        if (cursor)
                grid_cursor(grid, area.row + at - top, area.column + min_of(column, area.columns - 1));
}

/* What is being written is about a message: "Reply to Bob: its beginning". */
static void draw_about(const struct model *model, struct grid *grid, struct area area)
{
        const struct model_quote *quote = &model->about.quote;
        unsigned end = area.column + area.columns, column = area.column + 1;
        char said[MODEL_NAME_SIZE + 64];

        if (model->about.kind == ABOUT_EDIT)
                snprintf(said, sizeof(said), "%s", text(TEXT_ABOUT_EDIT));
        else
                text_format(said, sizeof(said), TEXT_ABOUT_REPLY,
                            quote->sender == model->me.user ? text(TEXT_YOURSELF) : model_name(model, quote->sender));
        column = grid_put(grid, area.row, column, end, STYLE(RAISED, ACCENT), SLICE_LITERAL("▎"));
        column = grid_put_cut(grid, area.row, column, end, STYLE(RAISED, ACCENT), slice_text(said));
        grid_put_cut(grid, area.row, column + 1, end, STYLE(RAISED, QUIET), slice_text(quote->said));
}

void view_draw_compose(const struct model *model, struct grid *grid, struct area area)
{
        struct area input = {area.row, area.column + 1 + PROMPT_COLUMNS, area.rows,
                             area.columns > 2 + PROMPT_COLUMNS ? area.columns - 2 - PROMPT_COLUMNS : 0};
        bool cursor = model->focus == FOCUS_COMPOSE && model->popup.kind == POPUP_NONE;

        if (area.rows == 0)
                return;
        grid_fill(grid, area, STYLE(RAISED, TEXT));
        if (model->at.left) {
                grid_put_middle(grid, area.row, area.column, area.column + area.columns, STYLE(RAISED, QUIET),
                                slice_text(text(TEXT_LEFT_ROOM)));
                return;
        }
        if (model->about.kind != ABOUT_NOTHING && area.rows > 1) {
                draw_about(model, grid, area);
                area.row++, area.rows--;
                input.row++, input.rows--;
        }
        grid_put(grid, area.row, area.column + 1, area.column + area.columns, STYLE(RAISED, ACCENT), slice_text(PROMPT));
        view_draw_input(grid, input, STYLE_RAISED, model->compose, false, cursor);
        if (model->compose->size == 0)
                grid_put_cut(grid, area.row, input.column, input.column + input.columns, STYLE(RAISED, QUIET),
                             slice_text(text(TEXT_PLACEHOLDER)));
}
