/*
 * What lies over the rest: a box in the middle, with a title in its frame. Lists with a line to type in, forms, settings, the help
 * sheet: each kind is a line in `kinds`.
 */
#include <stdio.h>

#include "base/assert.h"
#include "terminal/screen/keymap.h"
#include "terminal/screen/view_inside.h"

#define BOX_COLUMNS      62u
#define MESSAGES_COLUMNS 110u
#define WIDE_COLUMNS     76u /* the help's lines, and a group's link, are not cut */
#define BOX_MARGIN       2
#define LIST_ROWS        12 /* of a list's items */
#define FIELD_ROWS       3  /* label, field, gap */
#define HELP_KEYS        22 /* columns of the keys in the help sheet */
#define VALUE_COLUMN     24
#define NOTE_FROM        6 /* rows of the box, from which on it has a line for a note */

/* How the settings' values are called, each up to the first NULL. */
static const struct {
        enum text label;
        enum text values[4];
        unsigned count;
        const char *names[4]; /* instead of a text */
} settings[SETTING_COUNT] = {
        [SETTING_LANGUAGE] = {TEXT_SETTING_LANGUAGE, {TEXT_VALUE_AUTO}, 3, {NULL, "English", "Русский"}},
        [SETTING_GROUND] = {TEXT_SETTING_GROUND, {TEXT_VALUE_TERMINAL, TEXT_VALUE_DARK, TEXT_VALUE_LIGHT}, 3, {NULL}},
        [SETTING_COLOURS] = {TEXT_SETTING_COLOURS,
                             {TEXT_VALUE_TERMINAL, 0, 0, TEXT_VALUE_NONE},
                             4,
                             {NULL, "256", "8", NULL}},
        [SETTING_MOUSE] = {TEXT_SETTING_MOUSE, {TEXT_VALUE_ON, TEXT_VALUE_OFF}, 2, {NULL}},
        [SETTING_BELL] = {TEXT_SETTING_BELL, {TEXT_VALUE_OFF, TEXT_VALUE_ON}, 2, {NULL}},
        [SETTING_SEEN] = {TEXT_SETTING_SEEN, {TEXT_VALUE_SHOWN, TEXT_VALUE_HIDDEN}, 2, {NULL}},
        [SETTING_READ] = {TEXT_SETTING_READ, {TEXT_VALUE_SHOWN, TEXT_VALUE_HIDDEN}, 2, {NULL}},
};

static const struct popup_kind {
        enum text title;
        bool input, items, fields;
        bool messages; /* the items are: wider, and each with its date */
} kinds[POPUP_COUNT] = {
        [POPUP_HELP] = {TEXT_HELP_TITLE, false, false, false},
        [POPUP_SWITCH] = {TEXT_SWITCH_TITLE, true, true, false},
        [POPUP_PEOPLE] = {TEXT_PEOPLE_TITLE, true, true, false},
        [POPUP_SEARCH] = {TEXT_SEARCH_TITLE, true, true, false, true},
        [POPUP_PINS] = {TEXT_PINS_TITLE, false, true, false, true},
        [POPUP_SETTINGS] = {TEXT_SETTINGS_TITLE, false, false, false},
        [POPUP_NEW_GROUP] = {TEXT_NEW_GROUP_TITLE, false, false, true},
        [POPUP_GROUP] = {TEXT_GROUP_TITLE, false, true, false},
        [POPUP_RENAME] = {TEXT_RENAME_TITLE, false, false, true},
        [POPUP_INVITE] = {TEXT_INVITE_TITLE, true, true, false},
        [POPUP_LEAVE] = {TEXT_LEAVE_TITLE, false, true, false},
        [POPUP_READERS] = {TEXT_READERS_TITLE, false, true, false},
        [POPUP_DELETE] = {TEXT_DELETE_TITLE, false, true, false},
        [POPUP_REACT] = {TEXT_REACT_TITLE, true, true, false},
        [POPUP_FORWARD] = {TEXT_FORWARD_TITLE, true, true, false},
        [POPUP_MUTE] = {TEXT_MUTE_TITLE, false, true, false},
        [POPUP_BLOCK] = {TEXT_BLOCK_TITLE, false, true, false},
        [POPUP_BLOCKS] = {TEXT_BLOCKS_TITLE, false, true, false},
        [POPUP_WELCOME] = {TEXT_WELCOME_TITLE, false, true, false},
        [POPUP_SIGN_IN] = {TEXT_SIGN_IN_TITLE, false, false, true},
        [POPUP_SIGN_UP] = {TEXT_SIGN_UP_TITLE, false, false, true},
        [POPUP_CODE] = {TEXT_CODE_TITLE, false, false, true},
};

unsigned view_help_top_max(unsigned fitting)
{
        return help_line_count > fitting ? help_line_count - fitting : 0;
}

unsigned view_setting_values(unsigned setting)
{
        check(setting < SETTING_COUNT);
        return settings[setting].count;
}

/* Rows that the content would like. */
static unsigned wanted_rows(const struct model *model)
{
        const struct model_popup_state *popup = &model->popup;
        const struct popup_kind *kind = &kinds[popup->kind];

        if (popup->kind == POPUP_HELP)
                return help_line_count;
        if (popup->kind == POPUP_SETTINGS)
                return SETTING_COUNT;
        if (kind->fields)
                return popup->field_count * FIELD_ROWS - 1;
        /* A list that has a note has two lines, for the note to be seen. */
        return kind->input ? LIST_ROWS
                           : min_of(max_of(popup->item_count, popup->kind == POPUP_BLOCKS ? 2u : 1u), (unsigned)LIST_ROWS);
}

struct area view_popup_area(const struct model *model, unsigned rows, unsigned columns)
{
        const struct popup_kind *kind = &kinds[model->popup.kind];
        unsigned widest = kind->messages                                                        ? MESSAGES_COLUMNS
                          : model->popup.kind == POPUP_HELP || model->popup.kind == POPUP_GROUP ? WIDE_COLUMNS
                                                                                                : BOX_COLUMNS;
        unsigned width = columns > widest + 4 ? widest : min_of(columns, max_of(columns - min_of(columns, 4u), BOX_COLUMNS)),
                 height;

        if (model->popup.kind == POPUP_NONE)
                return (struct area){0};
        height = wanted_rows(model) + 2 + (kind->input ? 2 : 0); /* frame; line and gap */
        height += model->popup.kind == POPUP_HELP ? 0 : 2;       /* gap and note */
        height = min_of(height, rows > 1 ? rows - 1 : rows);
        return (struct area){(rows - height) / 2, (columns - width) / 2, height, width};
}

/* Within the frame, without line to type in and note. */
static struct area content_of(const struct model *model, struct area box)
{
        unsigned above = 1 + (kinds[model->popup.kind].input ? 2 : 0),
                 below = box.rows >= NOTE_FROM && model->popup.kind != POPUP_HELP ? 3 : 1;

        if (box.rows <= above + below || box.columns <= 2 * BOX_MARGIN)
                return (struct area){box.row, box.column, 0, 0};
        return (struct area){box.row + above, box.column + BOX_MARGIN, box.rows - above - below,
                             box.columns - 2 * BOX_MARGIN};
}

unsigned view_popup_fitting(const struct model *model, struct area box)
{
        return content_of(model, box).rows;
}

bool view_popup_item_at(const struct model *model, struct area box, unsigned row, size_t *index)
{
        struct area content = content_of(model, box);

        if (row < content.row || row >= content.row + content.rows)
                return false;
        *index = model->popup.top + (row - content.row);
        return *index < model->popup.item_count || (model->popup.kind == POPUP_SETTINGS && *index < SETTING_COUNT);
}

static void draw_frame(struct grid *grid, struct area box, const char *title)
{
        unsigned right = box.column + box.columns - 1, bottom = box.row + box.rows - 1, column;
        uint8_t line = STYLE(RAISED, QUIET);

        grid_fill(grid, box, STYLE(RAISED, TEXT));
        grid_repeat(grid, (struct area){box.row, box.column, 1, box.columns}, line, "─");
        grid_repeat(grid, (struct area){bottom, box.column, 1, box.columns}, line, "─");
        grid_repeat(grid, (struct area){box.row, box.column, box.rows, 1}, line, "│");
        grid_repeat(grid, (struct area){box.row, right, box.rows, 1}, line, "│");
        grid_put(grid, box.row, box.column, right + 1, line, SLICE_LITERAL("╭"));
        grid_put(grid, box.row, right, right + 1, line, SLICE_LITERAL("╮"));
        grid_put(grid, bottom, box.column, right + 1, line, SLICE_LITERAL("╰"));
        grid_put(grid, bottom, right, right + 1, line, SLICE_LITERAL("╯"));
        column = grid_put(grid, box.row, box.column + 2, right, STYLE(RAISED, ACCENT), SLICE_LITERAL(" "));
        column = grid_put_cut(grid, box.row, column, right - 1, STYLE(RAISED, ACCENT), slice_text(title));
        grid_put(grid, box.row, column, right, STYLE(RAISED, ACCENT), SLICE_LITERAL(" "));
}

static void draw_note(const struct model *model, struct grid *grid, struct area box)
{
        const struct model_popup_state *popup = &model->popup;
        const char *said = popup->busy ? text(TEXT_ASKING) : popup->note;
        uint8_t style = popup->note_bad && !popup->busy ? STYLE(RAISED, DANGER) : STYLE(RAISED, QUIET);

        unsigned start = box.column + BOX_MARGIN, end = box.column + box.columns - BOX_MARGIN, row = box.row + box.rows - 2;
        struct slice whole = slice_text(said), line;
        struct wrap wrap;

        if (box.rows < NOTE_FROM || box.columns <= 2 * BOX_MARGIN || popup->kind == POPUP_HELP)
                return;
        wrap = wrap_of(whole, end - start);
        if (glyph_columns(whole) > end - start && wrap_next(&wrap, &line)) { /* its beginning stands in the gap above */
                grid_put(grid, row - 1, start, end, style, line);
                whole = slice_of(line.data + line.size, (size_t)(whole.data + whole.size - (line.data + line.size)));
                while (whole.size > 0 && whole.data[0] == ' ')
                        whole = slice_of(whole.data + 1, whole.size - 1);
        }
        grid_put_cut(grid, row, start, end, style, whole);
}

/* In the frame's last line: there is more below what is seen. */
static void draw_more(const struct model *model, struct grid *grid, struct area box, struct area content)
{
        unsigned count = model->popup.kind == POPUP_HELP  ? help_line_count
                         : kinds[model->popup.kind].items ? model->popup.item_count
                                                          : 0;
        char said[48];

        if (model->popup.top + content.rows >= count || content.rows == 0)
                return;
        snprintf(said, sizeof(said), " %s ", text(TEXT_MORE_BELOW));
        grid_put_right(grid, box.row + box.rows - 1, box.column + 1, box.column + box.columns - 2, STYLE(RAISED, ACCENT),
                       slice_text(said));
}

static void draw_items(const struct model *model, struct grid *grid, struct area area)
{
        const struct model_popup_state *popup = &model->popup;
        unsigned end = area.column + area.columns;

        for (unsigned i = 0; i < area.rows && popup->top + i < popup->item_count; i++) {
                const struct model_item *item = &popup->items[popup->top + i];
                enum style_surface surface = popup->top + i == popup->chosen ? STYLE_CHOSEN : STYLE_RAISED;
                unsigned row = area.row + i, stop = end - 1;
                char count[16];

                grid_fill(grid, (struct area){row, area.column, 1, area.columns}, STYLE_OF(surface, INK_TEXT));
                snprintf(count, sizeof(count), " %u ", item->unread);
                if (item->unread)
                        stop = grid_put_right(grid, row, area.column, stop, STYLE(BADGE, STRONG), slice_text(count)) - 1;
                if (kinds[popup->kind].messages ||
                    glyph_columns(slice_text(item->detail)) + glyph_columns(slice_text(item->label)) + 3 < area.columns)
                        stop = grid_put_right(grid, row, area.column, stop, STYLE_OF(surface, INK_QUIET),
                                              slice_text(item->detail)) -
                               1;
                grid_put_cut(grid, row, area.column + 1, stop, STYLE_OF(surface, INK_TEXT), slice_text(item->label));
        }
}

static void draw_fields(const struct model *model, struct grid *grid, struct area area)
{
        const struct model_popup_state *popup = &model->popup;
        unsigned each = popup->field_count * FIELD_ROWS - 1 <= area.rows ? FIELD_ROWS : 2;
        unsigned fitting = area.rows / 2, top = 0;

        if (popup->field_count * each > area.rows + 1 && popup->chosen >= fitting)
                top = popup->chosen - fitting + 1;
        for (unsigned i = top; i < popup->field_count; i++) {
                unsigned row = area.row + (i - top) * each;
                const struct model_field *field = &popup->fields[i];

                if (row + 1 >= area.row + area.rows + (each == 2))
                        break;
                grid_put_cut(grid, row, area.column, area.column + area.columns,
                             i == popup->chosen ? STYLE(RAISED, STRONG) : STYLE(RAISED, QUIET),
                             slice_text(text(field->label)));
                view_draw_input(grid, (struct area){row + 1, area.column, 1, area.columns}, STYLE_FIELD, field->line,
                                field->secret, i == popup->chosen && !popup->busy);
        }
}

static void draw_help(const struct model *model, struct grid *grid, struct area area)
{
        unsigned end = area.column + area.columns;

        for (unsigned i = 0; i < area.rows && model->popup.top + i < help_line_count; i++) {
                const struct help_line *line = &help_lines[model->popup.top + i];
                unsigned column = area.column;

                if (!line->keys) {
                        grid_put_cut(grid, area.row + i, column, end, STYLE(RAISED, BEAK), slice_text(text(line->said)));
                        continue;
                }
                grid_put_cut(grid, area.row + i, column + 2, column + HELP_KEYS, STYLE(RAISED, STRONG),
                             slice_text(line->keys));
                grid_put_cut(grid, area.row + i, column + HELP_KEYS, end, STYLE(RAISED, TEXT), slice_text(text(line->said)));
        }
}

static void draw_settings(const struct model *model, struct grid *grid, struct area area)
{
        for (unsigned i = 0; i < SETTING_COUNT && i < area.rows; i++) {
                enum style_surface surface = i == model->popup.chosen ? STYLE_CHOSEN : STYLE_RAISED;
                unsigned value = model->settings[i] < settings[i].count ? model->settings[i] : 0;
                const char *name = settings[i].names[value] ? settings[i].names[value] : text(settings[i].values[value]);
                unsigned end = area.column + area.columns,
                         column = area.column + min_of((unsigned)VALUE_COLUMN, area.columns / 2);

                grid_fill(grid, (struct area){area.row + i, area.column, 1, area.columns}, STYLE_OF(surface, INK_TEXT));
                grid_put_cut(grid, area.row + i, area.column + 1, column - 1, STYLE_OF(surface, INK_TEXT),
                             slice_text(text(settings[i].label)));
                column = grid_put(grid, area.row + i, column, end, STYLE_OF(surface, INK_QUIET), SLICE_LITERAL("‹ "));
                column = grid_put_cut(grid, area.row + i, column, end - 2, STYLE_OF(surface, INK_STRONG), slice_text(name));
                grid_put(grid, area.row + i, column, end, STYLE_OF(surface, INK_QUIET), SLICE_LITERAL(" ›"));
        }
}

void view_draw_popup(const struct model *model, struct grid *grid, struct area box)
{
        const struct popup_kind *kind = &kinds[model->popup.kind];
        struct area content = content_of(model, box);

        if (model->popup.kind == POPUP_NONE || box.rows < 3 || box.columns < 8)
                return;
        draw_frame(grid, box,
                   text(model->popup.everywhere && kind->input && kind->messages ? TEXT_SEARCH_ALL_TITLE : kind->title));
        if (kind->input) {
                struct area input = {box.row + 1, box.column + BOX_MARGIN, 1, box.columns - 2 * BOX_MARGIN};

                view_draw_input(grid, input, STYLE_FIELD, model->popup.input, false, true);
        }
        if (kind->items)
                draw_items(model, grid, content);
        else if (kind->fields)
                draw_fields(model, grid, content);
        else if (model->popup.kind == POPUP_HELP)
                draw_help(model, grid, content);
        else
                draw_settings(model, grid, content);
        draw_note(model, grid, box);
        draw_more(model, grid, box, content);
}
