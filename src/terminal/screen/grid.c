/* Cells by rows; whatever is outside is left out here, so that the view need not look. */
#include "terminal/screen/grid.h"

#include "base/assert.h"
#include "base/memory.h"

#define ELLIPSIS "\xe2\x80\xa6"

enum error grid_resize(struct grid *grid, unsigned rows, unsigned columns)
{
        struct cell *cells;

        rows = min_of(max_of(rows, 1u), (unsigned)GRID_ROWS_MAX);
        columns = min_of(max_of(columns, 1u), (unsigned)GRID_COLUMNS_MAX);
        if (!grid->cells || rows != grid->rows || columns != grid->columns) {
                cells = memory_new(sizeof(*cells) * rows * columns);
                if (!cells)
                        return ERR_NO_MEMORY;
                memory_free(grid->cells);
                grid->cells = cells;
        }
        grid->rows = rows;
        grid->columns = columns;
        grid->cursor = false;
        grid_fill(grid, (struct area){0, 0, rows, columns}, STYLE(GROUND, TEXT));
        return ERR_OK;
}

void grid_finish(struct grid *grid)
{
        memory_free(grid->cells);
        *grid = (struct grid){0};
}

static void set(struct grid *grid, unsigned row, unsigned column, uint8_t style, const char *shown, size_t size,
                unsigned columns)
{
        struct cell *cell = &grid->cells[row * grid->columns + column];

        check(size <= sizeof(cell->shown));
        *cell = (struct cell){.size = (uint8_t)size, .columns = (uint8_t)columns, .style = (uint8_t)style};
        memcpy(cell->shown, shown, size);
}

void grid_fill(struct grid *grid, struct area area, uint8_t style)
{
        grid_repeat(grid, area, style, " ");
}

void grid_repeat(struct grid *grid, struct area area, uint8_t style, const char *glyph)
{
        unsigned bottom = min_of(area.row + area.rows, grid->rows),
                 right = min_of(area.column + area.columns, grid->columns);

        for (unsigned row = area.row; row < bottom; row++)
                for (unsigned column = area.column; column < right; column++)
                        set(grid, row, column, style, glyph, strlen(glyph), 1);
}

unsigned grid_put(struct grid *grid, unsigned row, unsigned column, unsigned end, uint8_t style, struct slice text)
{
        struct glyph glyph;

        end = min_of(end, grid->columns);
        if (row >= grid->rows)
                return column;
        for (; text.size > 0; text = slice_of(text.data + glyph.taken, text.size - glyph.taken)) {
                glyph_next(text, &glyph);
                if (column + glyph.columns > end)
                        break;
                for (unsigned i = 0; glyph.columns > 2 && i < glyph.columns; i++)
                        set(grid, row, column + i, style, " ", 1, 1);
                if (glyph.columns == 1 || glyph.columns == 2)
                        set(grid, row, column, style, glyph.shown, glyph.size, glyph.columns);
                if (glyph.columns == 2)
                        set(grid, row, column + 1, style, "", 0, 0);
                column += glyph.columns;
        }
        return column;
}

unsigned grid_put_cut(struct grid *grid, unsigned row, unsigned column, unsigned end, uint8_t style, struct slice text)
{
        end = min_of(end, grid->columns);
        if (column >= end)
                return column;
        if (column + glyph_columns(text) <= end)
                return grid_put(grid, row, column, end, style, text);
        column = grid_put(grid, row, column, end - 1, style, glyph_fitting(text, end - 1 - column));
        return grid_put(grid, row, column, end, style, SLICE_LITERAL(ELLIPSIS));
}

unsigned grid_put_right(struct grid *grid, unsigned row, unsigned column, unsigned end, uint8_t style, struct slice text)
{
        unsigned columns = glyph_columns(text);
        unsigned start = column + columns < end ? end - columns : column;

        grid_put_cut(grid, row, start, end, style, text);
        return start;
}

void grid_put_middle(struct grid *grid, unsigned row, unsigned column, unsigned end, uint8_t style, struct slice text)
{
        unsigned columns = glyph_columns(text);
        unsigned start = column + columns < end ? column + (end - column - columns) / 2 : column;

        grid_put_cut(grid, row, start, end, style, text);
}

void grid_cursor(struct grid *grid, unsigned row, unsigned column)
{
        grid->cursor = true;
        grid->cursor_row = min_of(row, grid->rows - 1);
        grid->cursor_column = min_of(column, grid->columns - 1);
}
