/*
 * A screen in memory: rows of cells, each with a glyph and a style. The view draws into it without a terminal; display.c shows it, tests
 * read it.
 */
#ifndef GALKA_TERMINAL_SCREEN_GRID_H
#define GALKA_TERMINAL_SCREEN_GRID_H

#include "base/error.h"
#include "terminal/screen/glyph.h"
#include "terminal/screen/style.h"

#define GRID_ROWS_MAX    500
#define GRID_COLUMNS_MAX 1000

struct cell {
        char shown[GLYPH_SIZE_MAX];
        uint8_t size, columns; /* columns 0: the right half of the one before */
        uint8_t style;         /* STYLE(…) */
};

struct grid {
        struct cell *cells;
        unsigned rows, columns;
        unsigned cursor_row, cursor_column;
        bool cursor; /* is there one */
};

/* A part of it. */
struct area {
        unsigned row, column, rows, columns;
};

/* Makes it that size, at most the limits, all blank. NO_MEMORY leaves it as it was. */
must_use enum error grid_resize(struct grid *grid, unsigned rows, unsigned columns);
void grid_finish(struct grid *grid);

/* Blank, in one style. Parts outside the grid are nothing. */
void grid_fill(struct grid *grid, struct area area, uint8_t style);

/* Text in one line from (row, column) on, ending before column `end`. Returns the column behind it. */
unsigned grid_put(struct grid *grid, unsigned row, unsigned column, unsigned end, uint8_t style, struct slice text);

/* The same; what does not fit ends with an ellipsis. */
unsigned grid_put_cut(struct grid *grid, unsigned row, unsigned column, unsigned end, uint8_t style, struct slice text);

/* The same, its end at `end`, not beginning before `column`. Returns the column where it begins. */
unsigned grid_put_right(struct grid *grid, unsigned row, unsigned column, unsigned end, uint8_t style, struct slice text);

void grid_put_middle(struct grid *grid, unsigned row, unsigned column, unsigned end, uint8_t style, struct slice text);

/* The same glyph over a part. */
void grid_repeat(struct grid *grid, struct area area, uint8_t style, const char *glyph);

void grid_cursor(struct grid *grid, unsigned row, unsigned column);

#endif
