/* The list of rooms, and the pane that tells about the open one. */
#include <stdio.h>

#include "base/assert.h"
#include "rules/role.h"
#include "rules/room.h"
#include "rules/row.h"
#include "terminal/screen/view_inside.h"

#define TWO_LINES_FROM 8 /* rows of the list, from which on a room has two */

unsigned view_room_lines(struct area area)
{
        return area.rows >= TWO_LINES_FROM ? ROOM_LINES : 1;
}

/* The list's last line tells of the archive, if there is one and place for it. */
static unsigned foot_lines(const struct model *model, struct area area)
{
        return area.rows >= TWO_LINES_FROM && model->archived_count > 0 && !model->archive_shown;
}

unsigned view_rooms_fitting(const struct model *model, struct area area)
{
        unsigned around = 1 + foot_lines(model, area);

        return area.rows > around ? max_of((area.rows - around) / view_room_lines(area), 1u) : 0;
}

static void draw_foot(const struct model *model, struct grid *grid, struct area area)
{
        unsigned row = area.row + area.rows - 1, end = area.column + area.columns - 1, calling = 0;
        char said[64];

        if (foot_lines(model, area) == 0)
                return;
        for (size_t i = model_list_end(model); i < model->room_count; i++)
                calling += model_room_calls(&model->rooms[i]);
        text_plural(said, sizeof(said), PLURAL_ARCHIVED, model->archived_count);
        end = grid_put_right(grid, row, area.column + 1, end, STYLE(SUNKEN, LINE), SLICE_LITERAL("Tab")) - 1;
        grid_put_cut(grid, row, area.column + 1, end, calling ? STYLE(SUNKEN, BEAK) : STYLE(SUNKEN, QUIET),
                     slice_text(said));
}

static void draw_list_head(const struct model *model, struct grid *grid, struct area area)
{
        unsigned end = area.column + area.columns, column;

        grid_fill(grid, (struct area){area.row, area.column, 1, area.columns}, STYLE(HEAD, TEXT));
        column = grid_put(grid, area.row, area.column + 1, end, STYLE(HEAD, STRONG),
                          slice_text(text(model->archive_shown ? TEXT_ARCHIVE : TEXT_APP)));
        grid_put_right(grid, area.row, column + 1, end - 1, STYLE(HEAD, QUIET), slice_text(model->me.name));
}

/* " 3 ", before it " @2 " if one is mentioned in them so often, " @2+ " if at least; or the sign for what was not sent. Returns the column
 * where it begins. */
static unsigned draw_badge(struct grid *grid, const struct model_room *room, enum style_surface surface, unsigned at,
                           unsigned column, unsigned end)
{
        char said[24];

        if (room->failed)
                return grid_put_right(grid, at, column, end, STYLE_OF(surface, INK_DANGER), SLICE_LITERAL("!"));
        if (room->unread == 0)
                return end;
        snprintf(said, sizeof(said), room->unread > 999 ? " %u+ " : " %u ", (unsigned)min_of(room->unread, UINT64_C(999)));
        end = grid_put_right(grid, at, column, end,
                             model_room_calls(room) ? STYLE(BADGE, STRONG) : STYLE_OF(surface, INK_QUIET), slice_text(said));
        if (room->mentions == 0)
                return end;
        snprintf(said, sizeof(said), room->mentions_more ? " @%u+ " : " @%u ", room->mentions);
        return grid_put_right(grid, at, column, end - 1, STYLE(BADGE, STRONG), slice_text(said));
}

/* "✓✓ see you there", "Anna: hello" */
static void draw_last(const struct model *model, struct grid *grid, const struct model_room *room,
                      enum style_surface surface, unsigned at, unsigned column, unsigned end)
{
        uint8_t quiet = STYLE_OF(surface, INK_QUIET);
        char news[MODEL_LAST_SIZE];

        bool at_it = model->open && id_equal(&room->room, &model->at.room);
        bool unsent = room->last_state == CORE_MESSAGE_QUEUED || room->last_state == CORE_MESSAGE_FAILED;

        if (room->draft[0] && !room->unread && !at_it) { /* what one has not read comes first */
                column = grid_put(grid, at, column, end, STYLE_OF(surface, INK_DANGER), slice_text(text(TEXT_DRAFT)));
                grid_put_cut(grid, at, column + 1, end, quiet, slice_text(room->draft));
                return;
        }
        if (room->last_kind && room->last_kind != ROW_TEXT) {
                view_tell(model,
                          &(struct model_news){room->last_kind, room->last_role, room->last_sender, room->last_subject,
                                               room->last_heir, room->last},
                          news, sizeof(news));
                grid_put_cut(grid, at, column, end, quiet, slice_text(news));
                return;
        }
        if (room->last_mine && room->last[0] && (unsent || room->kind != ROOM_SELF)) {
                column = grid_put(grid, at, column, end, STYLE_OF(surface, view_tick_ink(room->last_state)),
                                  slice_text(view_tick(model, room->last_state)));
                column++;
        } else if (room->kind == ROOM_GROUP && room->last[0] && room->last_sender) {
                column = grid_put(grid, at, column, end, STYLE_OF(surface, view_person_ink(room->last_sender)),
                                  slice_text(model_name(model, room->last_sender)));
                column = grid_put(grid, at, column, end, quiet, SLICE_LITERAL(": "));
        }
        grid_put_cut(grid, at, column, end, quiet, slice_text(room->last));
}

static void draw_room(const struct model *model, struct grid *grid, const struct model_room *room, struct area area,
                      bool chosen)
{
        enum style_surface surface = chosen ? STYLE_CHOSEN : STYLE_SUNKEN;
        unsigned column = area.column + 1, end = area.column + area.columns - 1, name_end, marks;
        char when[TEXT_TIME_SIZE] = "";

        grid_fill(grid, area, STYLE_OF(surface, INK_TEXT));
        if (chosen)
                grid_repeat(grid, (struct area){area.row, area.column, area.rows, 1}, STYLE_OF(surface, INK_ACCENT), "▎");
        if (room->time_ms)
                text_when(when, room->time_ms, model->now_ms);
        if (area.rows == 1) {
                name_end = draw_badge(grid, room, surface, area.row, column, end);
        } else {
                name_end =
                        grid_put_right(grid, area.row, column, end,
                                       STYLE_OF(surface, model_room_calls(room) ? INK_BEAK : INK_QUIET), slice_text(when));
                draw_last(model, grid, room, surface, area.row + 1, column,
                          draw_badge(grid, room, surface, area.row + 1, column, end) - (room->unread || room->failed));
        }
        name_end = max_of(name_end, column + 1) - 1;
        marks = 2u * room->online + 2u * room->pinned + 2u * room->muted;
        column = grid_put_cut(grid, area.row, column, name_end > column + marks ? name_end - marks : name_end,
                              STYLE_OF(surface, model_room_calls(room) ? INK_STRONG : INK_TEXT), slice_text(room->name));
        if (room->online)
                column = grid_put(grid, area.row, column, name_end, STYLE_OF(surface, INK_EYE), SLICE_LITERAL(" ●"));
        if (room->pinned)
                column = grid_put(grid, area.row, column, name_end, STYLE_OF(surface, INK_ACCENT), SLICE_LITERAL(" ▲"));
        if (room->muted)
                grid_put(grid, area.row, column, name_end, STYLE_OF(surface, INK_QUIET), SLICE_LITERAL(" ⊘"));
}

void view_draw_rooms(const struct model *model, struct grid *grid, struct area area)
{
        unsigned lines = view_room_lines(area), fitting = view_rooms_fitting(model, area);

        if (area.rows == 0 || area.columns < 4)
                return;
        grid_fill(grid, area, STYLE(SUNKEN, TEXT));
        draw_list_head(model, grid, area);
        draw_foot(model, grid, area);
        for (unsigned i = 0; i < fitting && model->rooms_top + i < model_list_end(model); i++) {
                size_t index = model->rooms_top + i;
                const struct model_room *room = &model->rooms[index];
                bool chosen = model->focus == FOCUS_ROOMS ? index == model->chosen_room
                                                          : model->open && id_equal(&room->room, &model->at.room);

                draw_room(model, grid, room, (struct area){area.row + 1 + i * lines, area.column, lines, area.columns},
                          chosen);
        }
        if (model->room_count == 0 && model->phase >= CORE_OFFLINE && area.rows > 5) {
                grid_put_middle(grid, area.row + 3, area.column, area.column + area.columns, STYLE(SUNKEN, TEXT),
                                slice_text(text(TEXT_NO_ROOMS)));
                grid_put_middle(grid, area.row + 4, area.column, area.column + area.columns, STYLE(SUNKEN, QUIET),
                                slice_text(text(TEXT_NO_ROOMS_HINT)));
        }
}

/* ---- details ---- */

/* A label and what it says, in lines of their own. Returns the next line. */
static unsigned draw_fact(struct grid *grid, struct area area, unsigned at, const char *label, const char *fact)
{
        unsigned end = area.column + area.columns - 1;

        if (at + 1 >= area.row + area.rows || !fact[0])
                return at;
        grid_put_cut(grid, at, area.column + 2, end, STYLE(SUNKEN, QUIET), slice_text(label));
        grid_put_cut(grid, at + 1, area.column + 2, end, STYLE(SUNKEN, TEXT), slice_text(fact));
        return at + 3;
}

static void draw_ticks(struct grid *grid, struct area area, unsigned at)
{
        static const struct {
                enum text said;
                enum style_ink ink;
        } ticks[] = {{TEXT_TICK_QUEUED, INK_QUIET},
                     {TEXT_TICK_SENT, INK_QUIET},
                     {TEXT_TICK_DELIVERED, INK_QUIET},
                     {TEXT_TICK_READ, INK_EYE}};

        if (at + countof(ticks) + 1 >= area.row + area.rows)
                return;
        grid_put(grid, at, area.column + 2, area.column + area.columns - 1, STYLE(SUNKEN, QUIET),
                 slice_text(text(TEXT_DETAIL_TICKS)));
        for (unsigned i = 0; i < countof(ticks); i++)
                grid_put_cut(grid, at + 1 + i, area.column + 2, area.column + area.columns - 1,
                             STYLE_OF(STYLE_SUNKEN, ticks[i].ink), slice_text(text(ticks[i].said)));
}

/* As many members as fit, with their roles. */
static void draw_members(const struct model *model, struct grid *grid, struct area area, unsigned at)
{
        unsigned end = area.column + area.columns - 1, bottom = area.row + area.rows;
        char count[64];

        if (at + 2 >= bottom || model->at.left)
                return;
        text_plural(count, sizeof(count), PLURAL_MEMBERS, model->at.members);
        grid_put_cut(grid, at++, area.column + 2, end, STYLE(SUNKEN, QUIET), slice_text(count));
        for (size_t i = 0; i < model->member_count && at < bottom - 1; i++, at++) {
                const struct model_member *member = &model->members[i];
                unsigned stop = end;

                if (member->role >= ROLE_ADMIN)
                        stop = grid_put_right(
                                       grid, at, area.column + 2, end, STYLE(SUNKEN, QUIET),
                                       slice_text(text(member->role == ROLE_OWNER ? TEXT_ROLE_OWNER : TEXT_ROLE_ADMIN))) -
                               1;
                grid_put_cut(grid, at, area.column + 2, stop, STYLE_OF(STYLE_SUNKEN, view_person_ink(member->user)),
                             slice_text(model_name(model, member->user)));
        }
}

void view_draw_details(const struct model *model, struct grid *grid, struct area area)
{
        const struct model_person *peer = model_person(model, model->at.peer);
        unsigned at = area.row + 2;
        char fact[MODEL_NAME_SIZE + 8], when[TEXT_TIME_SIZE], clock[TEXT_TIME_SIZE];

        if (area.rows == 0 || area.columns < 8)
                return;
        grid_fill(grid, area, STYLE(SUNKEN, TEXT));
        grid_fill(grid, (struct area){area.row, area.column, 1, area.columns}, STYLE(HEAD, TEXT));
        grid_put_cut(grid, area.row, area.column + 2, area.column + area.columns, STYLE(HEAD, STRONG),
                     slice_text(text(TEXT_DETAIL_ABOUT)));
        at = draw_fact(grid, area, at, text(TEXT_DETAIL_NAME), model->at.name);
        if (model->at.kind == ROOM_PERSONAL && peer && peer->user_name[0]) {
                snprintf(fact, sizeof(fact), "@%s", peer->user_name);
                at = draw_fact(grid, area, at, text(TEXT_DETAIL_USER_NAME), fact);
        }
        if (model->at.time_ms) {
                text_day(when, model->at.time_ms, model->now_ms);
                text_clock(clock, model->at.time_ms);
                snprintf(fact, sizeof(fact), "%s, %s", when, clock);
                at = draw_fact(grid, area, at, text(TEXT_DETAIL_LAST), fact);
        }
        snprintf(fact, sizeof(fact), "%s%s%s", model->at.pinned ? text(TEXT_KEPT_PINNED) : "",
                 model->at.pinned && model->at.muted ? ", " : "", model->at.muted ? text(TEXT_KEPT_MUTED) : "");
        at = draw_fact(grid, area, at, text(TEXT_DETAIL_KEPT), fact);
        if (model->at.kind == ROOM_GROUP)
                draw_members(model, grid, area, at);
        else if (model->at.kind != ROOM_SELF)
                draw_ticks(grid, area, at);
}
