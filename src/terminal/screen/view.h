/*
 * Draws a model into a grid: the same model and size give the same cells. Where things are is decided in view.c (layout), how each part
 * looks in view_*.c.
 *
 *      view_settle (after anything changed) → view_draw
 */
#ifndef GALKA_TERMINAL_SCREEN_VIEW_H
#define GALKA_TERMINAL_SCREEN_VIEW_H

#include "terminal/screen/grid.h"
#include "terminal/screen/model.h"

/* Which parts there are and where; a part that is not there has no rows. */
struct layout {
        struct area list, head, banner, pin, log, compose, details, status, popup;
};

struct layout view_layout(const struct model *model, unsigned rows, unsigned columns);

/* Brings what is chosen into sight: in the list, in the popup; keeps the log within its rows. */
void view_settle(struct model *model, unsigned rows, unsigned columns);

void view_draw(const struct model *model, struct grid *grid);

/* ---- the log ---- */

/* Moves what is seen by so many lines, up (positive) or down. */
void view_scroll(struct model *model, unsigned rows, unsigned columns, int lines);

/* Brings a row into sight. */
void view_show(struct model *model, unsigned rows, unsigned columns, size_t index);

/* Brings it into the middle. */
void view_center(struct model *model, unsigned rows, unsigned columns, size_t index);

/* True if the oldest row that is loaded is in sight. */
bool view_at_top(const struct model *model, unsigned rows, unsigned columns);

/* The highest number in sight as a whole; 0: none. */
uint64_t view_read_seq(const struct model *model);

/* How many values a setting has (enum model_setting). */
unsigned view_setting_values(unsigned setting);

/* ---- the mouse ---- */

enum hit_kind { HIT_NOTHING, HIT_ROOM, HIT_ROW, HIT_LOG, HIT_COMPOSE, HIT_ITEM, HIT_PIN };

/* What is at a place; *index: of the room, row or item. */
enum hit_kind view_hit(const struct model *model, unsigned rows, unsigned columns, unsigned row, unsigned column,
                       size_t *index);

#endif
