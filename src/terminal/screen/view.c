/* Where everything is, and the lines around: the room's head, the banner, the hints. */
#include "terminal/screen/view.h"

#include <stdio.h>

#include "base/assert.h"
#include "rules/role.h"
#include "rules/room.h"
#include "rules/row.h"
#include "terminal/screen/view_inside.h"

#define ONE_PANE_BELOW  60 /* columns */
#define LIST_MIN        26
#define LIST_MAX        38
#define DETAILS_FROM    130 /* columns */
#define DETAILS_COLUMNS 34
#define STATUS_FROM     7  /* rows */
#define RULE_FROM       16 /* rows, from which on a line parts log and compose */
#define COMPOSE_MAX     8  /* lines */
#define PIN_FROM        5  /* rows of the log beside it */
#define LINK_FROM       40 /* columns, from which on the last line says it in words */
#define BANNER_AFTER_MS 1000

static bool has_banner(const struct model *model)
{
        return model->offline_ms && model->phase >= CORE_OFFLINE && model->now_ms >= model->offline_ms + BANNER_AFTER_MS;
}

/* The chat's pane: head, banner, newest pin, log, compose from the top down. */
static void lay_chat(struct layout *layout, const struct model *model, struct area pane)
{
        unsigned compose = 0, head = pane.rows >= 4, rule = pane.rows >= RULE_FROM, banner, pin, above;

        if (model->open)
                compose = view_input_lines(model->compose, pane.columns > 4 ? pane.columns - 4 : 2,
                                           min_of((unsigned)COMPOSE_MAX, max_of(pane.rows / 3, 1u))) +
                          (model->about.kind != ABOUT_NOTHING);
        compose = min_of(compose, pane.rows);
        rule = rule && compose;
        banner = has_banner(model) && pane.rows > head + compose + rule + 1;
        layout->head = (struct area){pane.row, pane.column, head, pane.columns};
        layout->banner = (struct area){pane.row + head, pane.column, banner, pane.columns};
        layout->compose = (struct area){pane.row + pane.rows - compose, pane.column, compose, pane.columns};
        pin = model->open && model->pins.count && pane.rows > head + banner + compose + rule + PIN_FROM;
        layout->pin = (struct area){pane.row + head + banner, pane.column, pin, pane.columns};
        above = head + banner + pin;
        layout->log =
                (struct area){pane.row + above, pane.column,
                              pane.rows > above + rule + compose ? pane.rows - above - rule - compose : 0, pane.columns};
}

struct layout view_layout(const struct model *model, unsigned rows, unsigned columns)
{
        struct layout layout = {0};
        unsigned status = rows >= STATUS_FROM, list = columns / 3;
        unsigned details = columns >= DETAILS_FROM && model->open ? DETAILS_COLUMNS : 0;
        struct area pane = {0, 0, rows - status, columns};

        layout.status = (struct area){rows - status, 0, status, columns};
        layout.popup = view_popup_area(model, rows, columns);
        if (columns < ONE_PANE_BELOW) {
                if (model->open && model->focus != FOCUS_ROOMS)
                        lay_chat(&layout, model, pane);
                else
                        layout.list = pane;
                return layout;
        }
        list = min_of(max_of(list, (unsigned)LIST_MIN), (unsigned)LIST_MAX);
        layout.list = (struct area){0, 0, pane.rows, list};
        pane.column = list + 1;
        pane.columns -= list + 1 + (details ? details + 1 : 0);
        lay_chat(&layout, model, pane);
        if (details)
                layout.details = (struct area){0, columns - details, pane.rows, details};
        return layout;
}

/* ---- settling ---- */

/* The first of what is shown, so that `chosen` is among `fitting` ones. */
static size_t scrolled(size_t top, size_t chosen, size_t count, size_t fitting)
{
        if (fitting == 0)
                return 0;
        if (chosen < top)
                top = chosen;
        if (chosen >= top + fitting)
                top = chosen - fitting + 1;
        return count <= fitting ? 0 : min_of(top, count - fitting);
}

void view_settle(struct model *model, unsigned rows, unsigned columns)
{
        struct layout layout = view_layout(model, rows, columns);
        struct model_popup_state *popup = &model->popup;
        struct model_log *log = &model->log;
        unsigned fitting = view_popup_fitting(model, layout.popup);
        size_t first = model_list_first(model), count = model_list_end(model) - first;

        model->chosen_room = max_of(model->chosen_room, first);
        if (model->chosen_room >= first + count)
                model->chosen_room = count ? first + count - 1 : first;
        model->rooms_top = first + scrolled(model->rooms_top - min_of(first, model->rooms_top), model->chosen_room - first,
                                            count, view_rooms_fitting(model, layout.list));
        if (popup->kind == POPUP_HELP)
                popup->top = min_of(popup->top, view_help_top_max(fitting));
        else
                popup->top = (unsigned)scrolled(popup->top, popup->chosen, popup->item_count, fitting);
        if (log->following)
                log_follow(log);
        if (log->count > 0 && layout.log.rows > 0) {
                log->bottom = min_of(log->bottom, log->count - 1);
                log->below = min_of(log->below, view_row_height(model, log->bottom, layout.log.columns) - 1);
        }
}

/* ---- drawing ---- */

/* "typing…", "bob is typing…" */
static void draw_typing(const struct model *model, struct grid *grid, unsigned row, unsigned column, unsigned end)
{
        char said[MODEL_NAME_SIZE + 64];

        if (model->at.kind != ROOM_GROUP)
                snprintf(said, sizeof(said), "%s", text(TEXT_TYPES));
        else if (model->typist_count == 1)
                text_format(said, sizeof(said), TEXT_TYPES_ONE, model_name(model, model->typists[0]));
        else
                snprintf(said, sizeof(said), "%s", text(TEXT_TYPES_SEVERAL));
        grid_put_cut(grid, row, column, end, STYLE(HEAD, ACCENT), slice_text(said));
}

/* "● online", or when he was there last, as far as either is known. */
static void draw_presence(const struct model *model, struct grid *grid, unsigned row, unsigned column, unsigned end)
{
        char seen[TEXT_SEEN_SIZE];

        if (model->peer_online) {
                column = grid_put(grid, row, column, end, STYLE(HEAD, EYE), SLICE_LITERAL("● "));
                grid_put_cut(grid, row, column, end, STYLE(HEAD, QUIET), slice_text(text(TEXT_ONLINE)));
        } else if (model->peer_seen_ms) {
                text_seen(seen, model->peer_seen_ms, model->now_ms);
                grid_put_cut(grid, row, column, end, STYLE(HEAD, QUIET), slice_text(seen));
        }
}

/* The name, and beside it who types, or what there is to say of the room and whether the other one is online. */
static void draw_head(const struct model *model, struct grid *grid, struct area area)
{
        unsigned end = area.column + area.columns, column;

        if (area.rows == 0)
                return;
        grid_fill(grid, area, STYLE(HEAD, TEXT));
        if (!model->open)
                return;
        column = grid_put_cut(grid, area.row, area.column + 1, end - 1, STYLE(HEAD, STRONG), slice_text(model->at.name));
        if (model->typist_count) {
                draw_typing(model, grid, area.row, column + 2, end - 1);
                return;
        }
        column = grid_put_cut(grid, area.row, column + 2, end - 1, STYLE(HEAD, QUIET), slice_text(model->at.detail));
        if (model->at_blocked)
                grid_put_cut(grid, area.row, column + 2, end - 1, STYLE(HEAD, DANGER), slice_text(text(TEXT_AT_BLOCKED)));
        else
                draw_presence(model, grid, area.row, column + 2, end - 1);
}

/* "No link (the server cannot be reached): what you write is sent later        2 waiting" */
static void draw_banner(const struct model *model, struct grid *grid, struct area area)
{
        unsigned start = area.column + 1, end = area.column + area.columns - 1;
        char said[512], waiting[96];

        if (area.rows == 0)
                return;
        grid_fill(grid, area, STYLE(BANNER, TEXT));
        if (model->queued) {
                text_plural(waiting, sizeof(waiting), PLURAL_WAITING, model->queued);
                end = grid_put_right(grid, area.row, start, end, STYLE(BANNER, STRONG), slice_text(waiting)) - 2;
        }
        text_format(said, sizeof(said), TEXT_OFFLINE_WHY, model->problem);
        if (model->phase == CORE_JOINING)
                snprintf(said, sizeof(said), "%s", text(TEXT_CONNECTING));
        else if (!model->problem[0] || start + glyph_columns(slice_text(said)) > end)
                snprintf(said, sizeof(said), "%s", text(TEXT_OFFLINE));
        grid_put_cut(grid, area.row, start, end, STYLE(BANNER, TEXT), slice_text(said));
}

/* "▎Pinned  the key is under the mat        3 · F4" */
static void draw_pin(const struct model *model, struct grid *grid, struct area area)
{
        unsigned start = area.column + 1, end = area.column + area.columns - 1, column;
        char more[32];

        if (area.rows == 0)
                return;
        grid_fill(grid, area, STYLE(RAISED, TEXT));
        snprintf(more, sizeof(more), "%u · F4", model->pins.count);
        column = grid_put(grid, area.row, start, end, STYLE(RAISED, ACCENT), SLICE_LITERAL("▎"));
        if (area.columns > 40)
                end = grid_put_right(grid, area.row, column, end, STYLE(RAISED, QUIET), slice_text(more)) - 2;
        column = grid_put_cut(grid, area.row, column, end, STYLE(RAISED, ACCENT), slice_text(text(TEXT_NEWEST_PIN)));
        grid_put_cut(grid, area.row, column + 2, end, STYLE(RAISED, TEXT), slice_text(model->pins.list[0].said));
}

static enum text hint_of(const struct model *model)
{
        static const enum text of_popup[POPUP_COUNT] = {
                [POPUP_HELP] = TEXT_HINT_HELP,         [POPUP_SWITCH] = TEXT_HINT_LIST,
                [POPUP_PEOPLE] = TEXT_HINT_LIST,       [POPUP_SEARCH] = TEXT_HINT_SEARCH,
                [POPUP_SETTINGS] = TEXT_HINT_SETTINGS, [POPUP_WELCOME] = TEXT_HINT_LIST,
                [POPUP_NEW_GROUP] = TEXT_HINT_FORM,    [POPUP_RENAME] = TEXT_HINT_FORM,
                [POPUP_INVITE] = TEXT_HINT_LIST,       [POPUP_DELETE] = TEXT_HINT_LIST,
                [POPUP_REACT] = TEXT_HINT_LIST,        [POPUP_FORWARD] = TEXT_HINT_LIST,
                [POPUP_MUTE] = TEXT_HINT_LIST,         [POPUP_LEAVE] = TEXT_HINT_LIST,
                [POPUP_READERS] = TEXT_HINT_READERS,   [POPUP_GROUP] = TEXT_HINT_GROUP,
                [POPUP_SIGN_IN] = TEXT_HINT_FORM,      [POPUP_SIGN_UP] = TEXT_HINT_FORM,
                [POPUP_PINS] = TEXT_HINT_PINS,         [POPUP_CODE] = TEXT_HINT_FORM,
        };
        const struct model_log *log = &model->log;

        if (model->popup.kind == POPUP_GROUP && model->at.role < ROLE_ADMIN)
                return TEXT_HINT_GROUP_MEMBER;
        if (model->popup.kind != POPUP_NONE)
                return of_popup[model->popup.kind];
        if (model->focus == FOCUS_ROOMS)
                return model->archive_shown ? TEXT_HINT_ARCHIVE : TEXT_HINT_ROOMS;
        if (model->focus == FOCUS_LOG && log->marked < log->count && log->rows[log->marked]->state == CORE_MESSAGE_FAILED)
                return TEXT_HINT_LOG_FAILED;
        if (model->focus == FOCUS_LOG && log->marked < log->count && log->rows[log->marked]->kind != ROW_TEXT)
                return TEXT_HINT_LOG_NEWS;
        if (model->focus == FOCUS_LOG)
                return model->at.kind == ROOM_GROUP ? TEXT_HINT_LOG_GROUP : TEXT_HINT_LOG;
        if (model->about.kind != ABOUT_NOTHING)
                return TEXT_HINT_ABOUT;
        return TEXT_HINT_COMPOSE;
}

/* As many hints as fit as a whole; in the text two spaces part them, on the screen a dot does. */
static void draw_hints(struct grid *grid, unsigned row, unsigned column, unsigned end, const char *hints)
{
        for (bool first = true; *hints; first = false) {
                const char *stop = strstr(hints, "  ");
                size_t size = stop ? (size_t)(stop - hints) : strlen(hints);
                struct slice hint = slice_of(hints, size);

                if (column + (first ? 0 : 3) + glyph_columns(hint) > end)
                        return;
                if (!first)
                        column = grid_put(grid, row, column, end, STYLE(SUNKEN, LINE), SLICE_LITERAL(" · "));
                column = grid_put(grid, row, column, end, STYLE(SUNKEN, QUIET), hint);
                hints += size + (stop ? 2 : 0);
        }
}

static void draw_status(const struct model *model, struct grid *grid, struct area area)
{
        unsigned end = area.column + area.columns;
        char failed[96], link[64] = "●";
        bool linked = model->phase >= CORE_READY;

        if (area.rows == 0)
                return;
        grid_fill(grid, area, STYLE(SUNKEN, TEXT));
        if (has_banner(model) && area.columns >= LINK_FROM)
                snprintf(link, sizeof(link), "○ %s", text(TEXT_NO_LINK));
        else if (!linked)
                snprintf(link, sizeof(link), "○");
        if (model->phase >= CORE_OFFLINE)
                end = grid_put_right(grid, area.row, area.column, end - 1, linked ? STYLE(SUNKEN, EYE) : STYLE(SUNKEN, BEAK),
                                     slice_text(link)) -
                      1;
        if (model->failed) {
                text_plural(failed, sizeof(failed), PLURAL_FAILED, model->failed);
                end = grid_put_right(grid, area.row, area.column, end, STYLE(SUNKEN, DANGER), slice_text(failed)) - 2;
        }
        if (model->note[0])
                grid_put_cut(grid, area.row, area.column + 1, end, STYLE(SUNKEN, ACCENT), slice_text(model->note));
        else
                draw_hints(grid, area.row, area.column + 1, end, text(hint_of(model)));
}

static void draw_parting(struct grid *grid, const struct layout *layout)
{
        if (layout->list.rows && layout->log.columns)
                grid_repeat(grid, (struct area){0, layout->list.column + layout->list.columns, layout->list.rows, 1},
                            STYLE(GROUND, LINE), "│");
        if (layout->details.rows)
                grid_repeat(grid, (struct area){0, layout->details.column - 1, layout->details.rows, 1}, STYLE(GROUND, LINE),
                            "│");
        if (layout->compose.rows && layout->log.row + layout->log.rows < layout->compose.row)
                grid_repeat(grid, (struct area){layout->compose.row - 1, layout->compose.column, 1, layout->compose.columns},
                            STYLE(GROUND, LINE), "─");
}

void view_draw(const struct model *model, struct grid *grid)
{
        struct layout layout = view_layout(model, grid->rows, grid->columns);

        grid->cursor = false;
        grid_fill(grid, (struct area){0, 0, grid->rows, grid->columns}, STYLE(GROUND, TEXT));
        if (grid->columns < 12 || grid->rows < 3) {
                grid_put_cut(grid, 0, 0, grid->columns, STYLE(GROUND, TEXT), slice_text(text(TEXT_TOO_SMALL)));
                return;
        }
        view_draw_rooms(model, grid, layout.list);
        draw_head(model, grid, layout.head);
        draw_banner(model, grid, layout.banner);
        draw_pin(model, grid, layout.pin);
        if (layout.log.rows && model->open)
                view_draw_log(model, grid, layout.log);
        else if (layout.log.rows && model->room_count)
                grid_put_middle(grid, layout.log.row + layout.log.rows / 2, layout.log.column,
                                layout.log.column + layout.log.columns, STYLE(GROUND, QUIET),
                                slice_text(text(TEXT_PICK_ROOM)));
        view_draw_compose(model, grid, layout.compose);
        view_draw_details(model, grid, layout.details);
        draw_status(model, grid, layout.status);
        draw_parting(grid, &layout);
        view_draw_popup(model, grid, layout.popup);
}

/* ---- the mouse ---- */

static bool is_in(struct area area, unsigned row, unsigned column)
{
        return row >= area.row && row < area.row + area.rows && column >= area.column && column < area.column + area.columns;
}

enum hit_kind view_hit(const struct model *model, unsigned rows, unsigned columns, unsigned row, unsigned column,
                       size_t *index)
{
        struct layout layout = view_layout(model, rows, columns);

        *index = 0;
        if (model->popup.kind != POPUP_NONE) {
                return is_in(layout.popup, row, column) && view_popup_item_at(model, layout.popup, row, index) ? HIT_ITEM
                                                                                                               : HIT_NOTHING;
        }
        if (is_in(layout.list, row, column) && row > layout.list.row) {
                size_t line = (row - layout.list.row - 1) / view_room_lines(layout.list);

                *index = model->rooms_top + line;
                return line < view_rooms_fitting(model, layout.list) && *index < model_list_end(model) ? HIT_ROOM
                                                                                                       : HIT_NOTHING;
        }
        if (is_in(layout.pin, row, column))
                return HIT_PIN;
        if (is_in(layout.log, row, column))
                return view_row_at(model, layout.log, row, index) ? HIT_ROW : HIT_LOG;
        return is_in(layout.compose, row, column) ? HIT_COMPOSE : HIT_NOTHING;
}
