/* What the files of the view share. */
#ifndef GALKA_TERMINAL_SCREEN_VIEW_INSIDE_H
#define GALKA_TERMINAL_SCREEN_VIEW_INSIDE_H

#include "terminal/screen/view.h"

#define ROOM_LINES 2 /* of the list, for each room */

/* view_rooms.c */
void view_draw_rooms(const struct model *model, struct grid *grid, struct area area);
unsigned view_rooms_fitting(const struct model *model, struct area area); /* rooms that fit */
unsigned view_room_lines(struct area area);
void view_draw_details(const struct model *model, struct grid *grid, struct area area);

/* view_log.c */
void view_draw_log(const struct model *model, struct grid *grid, struct area area);
unsigned view_row_height(const struct model *model, size_t index, unsigned columns);
bool view_row_at(const struct model *model, struct area area, unsigned row, size_t *index);

/* view_row.c: one row of the log. Lines above it (day, "new", a gap), and its own, by its kind. */
unsigned view_row_lines(const struct model *model, size_t index, unsigned columns);
void view_draw_row_line(const struct model *model, struct grid *grid, struct area area, size_t index, unsigned line,
                        unsigned at);

/* "…", "✓", "✓✓", "!" and the ink for it. */
const char *view_tick(const struct model *model, uint8_t state);
enum style_ink view_tick_ink(uint8_t state);

/* What happened in a group, in a sentence. */
void view_tell(const struct model *model, const struct model_news *news, char *said, size_t size);

/* The ink of a person's name. */
enum style_ink view_person_ink(uint64_t user);

/* view_input.c: a text that is being typed, in several lines. */
unsigned view_input_lines(const struct line *line, unsigned columns, unsigned limit);
void view_draw_input(struct grid *grid, struct area area, enum style_surface surface, const struct line *line, bool secret,
                     bool cursor);
void view_draw_compose(const struct model *model, struct grid *grid, struct area area);

/* view_popup.c */
struct area view_popup_area(const struct model *model, unsigned rows, unsigned columns);
unsigned view_popup_fitting(const struct model *model, struct area area); /* items that fit */
void view_draw_popup(const struct model *model, struct grid *grid, struct area area);
bool view_popup_item_at(const struct model *model, struct area box, unsigned row, size_t *index);
unsigned view_help_top_max(unsigned fitting); /* the furthest that the help sheet scrolls */

#endif
