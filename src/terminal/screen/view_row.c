/*
 * One row of the log: bubbles, own ones to the right, others' to the left, with the time and the ticks in their last line. What a row
 * looks like is decided by its kind: a line in `kinds`.
 *
 * Rows of one sender within ten minutes make a group: one name, no gap between them.
 */
#include <stdio.h>

#include "base/assert.h"
#include "rules/limits.h"
#include "rules/role.h"
#include "rules/room.h"
#include "rules/row.h"
#include "terminal/screen/view_inside.h"

#define GROUP_MS     600000
#define BUBBLE_MAX   76 /* columns of text */
#define BUBBLE_MIN   8
#define META_GAP     2
#define QUOTE_MAX    48 /* columns of what a message replies to */
#define ORIGIN_SIZE  (MODEL_NAME_SIZE + 64)
#define QUOTE_SIZE   (MODEL_QUOTED_SIZE + MODEL_NAME_SIZE + 4)
#define MARGIN       1
#define MARGIN_OTHER 4 /* at least, on the side where the other's bubbles begin */

struct kind {
        uint8_t kind;
        unsigned (*lines)(const struct model *model, const struct model_row *row, size_t index, unsigned columns);
        void (*draw)(const struct model *model, struct grid *grid, struct area area, size_t index, unsigned line,
                     unsigned at);
};

const char *view_tick(const struct model *model, uint8_t state)
{
        switch ((enum core_message_state)state) {
        case CORE_MESSAGE_QUEUED:
                return "…";
        case CORE_MESSAGE_SENT:
                return "✓";
        case CORE_MESSAGE_DELIVERED:
                return "✓✓";
        case CORE_MESSAGE_READ:
                return model->colourless ? "✔✔" : "✓✓";
        case CORE_MESSAGE_FAILED:
                return "!";
        }
        return "";
}

enum style_ink view_tick_ink(uint8_t state)
{
        return state == CORE_MESSAGE_READ ? INK_EYE : state == CORE_MESSAGE_FAILED ? INK_DANGER : INK_QUIET;
}

enum style_ink view_person_ink(uint64_t user)
{
        return (enum style_ink)(INK_PERSON_0 + (user ^ user >> 17 ^ user >> 40) % STYLE_PERSONS);
}

/* ---- what stands above a row ---- */

enum above { ABOVE_GAP, ABOVE_DAY, ABOVE_UNREAD };

/* The first row of somebody else from unread_seq on. */
static bool is_first_unread(const struct model_log *log, size_t index)
{
        if (log->unread_seq == 0 || log->rows[index]->mine || log->rows[index]->seq < log->unread_seq)
                return false;
        while (index > 0 && log->rows[index - 1]->seq >= log->unread_seq)
                if (!log->rows[--index]->mine)
                        return false;
        return true;
}

static bool is_new_day(const struct model_log *log, size_t index)
{
        return index == 0 || text_day_number(log->rows[index]->time_ms) != text_day_number(log->rows[index - 1]->time_ms);
}

/* A message that goes on where the one before ended. */
static bool is_grouped(const struct model_log *log, size_t index)
{
        const struct model_row *row = log->rows[index], *before = index ? log->rows[index - 1] : NULL;

        if (!before || is_new_day(log, index) || is_first_unread(log, index))
                return false;
        if (row->kind != ROW_TEXT && before->kind != ROW_TEXT)
                return true; /* news stand together, whoever made them */
        return before->sender == row->sender && before->kind == row->kind && row->time_ms >= before->time_ms &&
               row->time_ms - before->time_ms < GROUP_MS;
}

/* Puts what stands above a row, from the top down, and returns how much that is. */
static unsigned lines_above(const struct model_log *log, size_t index, enum above lines[static 4])
{
        unsigned count = 0;
        bool unread = is_first_unread(log, index), day = is_new_day(log, index);

        if (index > 0 && !is_grouped(log, index))
                lines[count++] = ABOVE_GAP;
        if (day)
                lines[count++] = ABOVE_DAY;
        if (unread)
                lines[count++] = ABOVE_UNREAD;
        if (unread)
                lines[count++] = ABOVE_GAP;
        return count;
}

/* "──── Today ────" */
static void draw_rule(struct grid *grid, struct area area, unsigned at, enum style_ink line_ink, enum style_ink ink,
                      const char *said)
{
        unsigned columns = glyph_columns(slice_text(said)), end = area.column + area.columns;
        struct area rule = {at, area.column + MARGIN, 1, area.columns > 2 * MARGIN ? area.columns - 2 * MARGIN : 0};

        grid_repeat(grid, rule, STYLE_OF(STYLE_GROUND, line_ink), "─");
        if (columns + 4 < area.columns) {
                unsigned start = area.column + (area.columns - columns) / 2;

                grid_put(grid, at, start - 1, end, STYLE_OF(STYLE_GROUND, ink), SLICE_LITERAL(" "));
                start = grid_put(grid, at, start, end, STYLE_OF(STYLE_GROUND, ink), slice_text(said));
                grid_put(grid, at, start, end, STYLE_OF(STYLE_GROUND, ink), SLICE_LITERAL(" "));
        } else {
                grid_put_cut(grid, at, area.column, end, STYLE_OF(STYLE_GROUND, ink), slice_text(said));
        }
}

static void draw_above(const struct model *model, struct grid *grid, struct area area, size_t index, enum above above,
                       unsigned at)
{
        char day[TEXT_TIME_SIZE];

        if (above == ABOVE_DAY) {
                text_day(day, model->log.rows[index]->time_ms, model->now_ms);
                draw_rule(grid, area, at, INK_LINE, INK_QUIET, day);
        } else if (above == ABOVE_UNREAD) {
                draw_rule(grid, area, at, INK_BEAK, INK_BEAK, text(TEXT_UNREAD_LINE));
        }
}

/* ---- a message ---- */

struct bubble {
        unsigned width; /* of the text's place */
        unsigned text_lines, last_columns;
        unsigned columns; /* with its two edges */
        bool name, origin, quote, meta_below, reason, reactions;
        char meta[TEXT_TIME_SIZE + 64];
        unsigned meta_columns;
};

static bool shows_name(const struct model *model, size_t index)
{
        const struct model_row *row = model->log.rows[index];

        return !row->mine && model->at.kind == ROOM_GROUP && !is_grouped(&model->log, index);
}

static unsigned last_line_columns(struct slice said, unsigned width, unsigned *lines, unsigned *widest)
{
        struct wrap wrap = wrap_of(said, width);
        struct slice line = {0};

        *lines = wrap_measure(said, width, widest);
        while (wrap_next(&wrap, &line))
                ;
        return min_of(glyph_columns(line), width);
}

/* What stands in the bubble. */
static struct slice said_in(const struct model_row *row)
{
        return row->hidden ? slice_text(text(TEXT_HIDDEN)) : slice_of(row->text, row->size);
}

/* "Bob: its beginning", as the message is now if it is in memory. */
static void tell_quote(const struct model *model, const struct model_row *row, char *said, size_t size)
{
        const struct model_row *there = log_by_seq(&model->log, row->quote.seq);
        struct model_quote quote = row->quote;

        if (there)
                model_quote_row(&quote, there->seq, there->sender, slice_of(there->text, there->size));
        if (quote.sender == 0)
                snprintf(said, size, "%s", text(TEXT_QUOTED_AWAY));
        else
                snprintf(said, size, "%s: %s",
                         quote.sender == model->me.user ? text(TEXT_YOU) : model_name(model, quote.sender),
                         there && there->hidden                ? text(TEXT_HIDDEN_LAST)
                         : there && there->kind == ROW_DELETED ? text(TEXT_QUOTED_DELETED)
                                                               : quote.said);
}

static struct bubble measure(const struct model *model, size_t index, unsigned columns)
{
        const struct model_row *row = model->log.rows[index];
        unsigned edges = 2 + 2 * MARGIN, widest;
        struct bubble bubble = {0};
        char clock[TEXT_TIME_SIZE];

        bubble.width = columns > edges + MARGIN_OTHER + BUBBLE_MIN ? columns - edges - MARGIN_OTHER
                                                                   : max_of(columns, edges + 4) - edges;
        bubble.width = min_of(bubble.width, (unsigned)BUBBLE_MAX);
        text_clock(clock, row->time_ms);
        snprintf(bubble.meta, sizeof(bubble.meta), "%s%s%s%s%s", row->pinned ? text(TEXT_PINNED_MARK) : "",
                 row->pinned ? " " : "", row->edited ? text(TEXT_EDITED) : "", row->edited ? " " : "", clock);
        bubble.meta_columns = glyph_columns(slice_text(bubble.meta));
        if (row->mine)
                bubble.meta_columns += 1 + glyph_columns(slice_text(view_tick(model, row->state)));
        bubble.last_columns = last_line_columns(said_in(row), bubble.width, &bubble.text_lines, &widest);
        bubble.meta_below = bubble.last_columns + META_GAP + bubble.meta_columns > bubble.width;
        if (bubble.meta_below)
                widest = max_of(widest, min_of(bubble.meta_columns, bubble.width));
        else
                widest = max_of(widest, bubble.last_columns + META_GAP + bubble.meta_columns);
        bubble.name = shows_name(model, index);
        if (bubble.name)
                widest = max_of(widest, min_of(glyph_columns(slice_text(model_name(model, row->sender))), bubble.width));
        bubble.quote = row->quote.seq != 0 && !row->hidden;
        if (bubble.quote) {
                char said[QUOTE_SIZE];

                tell_quote(model, row, said, sizeof(said));
                widest = max_of(widest,
                                min_of(glyph_columns(slice_text(said)) + 2, min_of(bubble.width, (unsigned)QUOTE_MAX)));
        }
        bubble.origin = row->origin[0] != '\0' && !row->hidden;
        if (bubble.origin) {
                char said[ORIGIN_SIZE];

                text_format(said, sizeof(said), TEXT_FORWARDED_FROM, row->origin);
                widest = max_of(widest, min_of(glyph_columns(slice_text(said)), bubble.width));
        }
        bubble.reactions = row->reaction_count > 0 && !row->hidden;
        bubble.reason = row->state == CORE_MESSAGE_FAILED;
        bubble.columns = widest + 2;
        return bubble;
}

static unsigned message_lines(const struct model *model, const struct model_row *row, size_t index, unsigned columns)
{
        struct bubble bubble = measure(model, index, columns);

        (void)row;
        return bubble.name + bubble.origin + bubble.quote + bubble.text_lines + bubble.meta_below + bubble.reactions +
               bubble.reason;
}

static void draw_meta(const struct model *model, struct grid *grid, const struct model_row *row, const struct bubble *bubble,
                      enum style_surface surface, unsigned at, unsigned end)
{
        unsigned column = end - min_of(bubble->meta_columns, end);

        column = grid_put(grid, at, column, end, STYLE_OF(surface, INK_QUIET), slice_text(bubble->meta));
        if (row->mine)
                grid_put(grid, at, column + 1, end, STYLE_OF(surface, view_tick_ink(row->state)),
                         slice_text(view_tick(model, row->state)));
}

static void draw_reason(const struct model_row *row, struct grid *grid, struct area area, unsigned at)
{
        char said[256];

        if (row->error == ERR_NO_USER)
                text_format(said, sizeof(said), TEXT_NOT_SENT_WHY, text(TEXT_NOT_REACHED));
        else if (row->error)
                text_format(said, sizeof(said), TEXT_NOT_SENT_WHY, text_error(row->error));
        else
                snprintf(said, sizeof(said), "%s", text(TEXT_NOT_SENT));
        grid_put_right(grid, at, area.column + MARGIN, area.column + area.columns - MARGIN, STYLE(GROUND, DANGER),
                       slice_text(said));
}

/* Below the bubble, on its side: "👍 2  ❤️ 1", the own one in brackets. */
static void draw_reactions(const struct model_row *row, struct grid *grid, struct area area, unsigned at)
{
        unsigned start = area.column + MARGIN + 1, end = area.column + area.columns - MARGIN - 1;
        char all[MODEL_REACTIONS_SIZE + 4 * REACTIONS_MAX] = "";
        const char *next = row->reactions;
        size_t used = 0;

        for (unsigned i = 1; i <= row->reaction_count; i++, next += strlen(next) + 1)
                used += (size_t)snprintf(all + used, sizeof(all) - used, "%s%s%s%s", i > 1 ? "  " : "",
                                         i == row->reacted ? "[" : "", next, i == row->reacted ? "]" : "");
        if (row->mine)
                grid_put_right(grid, at, start, end, STYLE(GROUND, ACCENT), slice_text(all));
        else
                grid_put_cut(grid, at, start, end, STYLE(GROUND, ACCENT), slice_text(all));
}

static void draw_text_line(struct grid *grid, struct slice said, unsigned width, unsigned number, uint8_t style, unsigned at,
                           unsigned column)
{
        struct wrap wrap = wrap_of(said, width);
        struct slice line;

        for (unsigned i = 0; wrap_next(&wrap, &line); i++)
                if (i == number) {
                        grid_put(grid, at, column, column + width, style, line);
                        return;
                }
}

static void draw_message(const struct model *model, struct grid *grid, struct area area, size_t index, unsigned line,
                         unsigned at)
{
        const struct model_row *row = model->log.rows[index];
        struct bubble bubble = measure(model, index, area.columns);
        enum style_surface surface = index == model->log.marked ? STYLE_MARKED : row->mine ? STYLE_OWN : STYLE_OTHER;
        unsigned right = area.column + area.columns - MARGIN, left = area.column + MARGIN;
        unsigned above = bubble.name + bubble.origin + bubble.quote,
                 own_lines = above + bubble.text_lines + bubble.meta_below;
        char said[QUOTE_SIZE];

        if (bubble.reactions && line == own_lines) {
                draw_reactions(row, grid, area, at);
                return;
        }
        if (line >= own_lines) {
                draw_reason(row, grid, area, at);
                return;
        }
        if (row->mine)
                left = right - min_of(bubble.columns, right - left);
        right = left + bubble.columns;
        grid_fill(grid, (struct area){at, left, 1, bubble.columns}, STYLE_OF(surface, INK_TEXT));
        if (row->mentions)
                grid_put(grid, at, left, right, STYLE_OF(surface, INK_BEAK), SLICE_LITERAL("▎"));
        if (bubble.name && line == 0)
                grid_put_cut(grid, at, left + 1, right - 1, STYLE_OF(surface, view_person_ink(row->sender)),
                             slice_text(model_name(model, row->sender)));
        else if (bubble.origin && line == bubble.name) {
                text_format(said, sizeof(said), TEXT_FORWARDED_FROM, row->origin);
                grid_put_cut(grid, at, left + 1, right - 1, STYLE_OF(surface, INK_ACCENT), slice_text(said));
        } else if (bubble.quote && line == (unsigned)bubble.name + bubble.origin) {
                tell_quote(model, row, said, sizeof(said));
                left = grid_put(grid, at, left + 1, right - 1, STYLE_OF(surface, INK_ACCENT), SLICE_LITERAL("▎"));
                grid_put_cut(grid, at, left, right - 1, STYLE_OF(surface, INK_QUIET), slice_text(said));
        } else if (line - above < bubble.text_lines)
                draw_text_line(grid, said_in(row), bubble.width, line - above,
                               STYLE_OF(surface, row->hidden ? INK_QUIET : INK_TEXT), at, left + 1);
        if (line + 1 == own_lines)
                draw_meta(model, grid, row, &bubble, surface, at, right - 1);
}

/* ---- what an older galka cannot know ---- */

static unsigned one_line(const struct model *model, const struct model_row *row, size_t index, unsigned columns)
{
        (void)model, (void)row, (void)index, (void)columns;
        return 1;
}

static void draw_unknown(const struct model *model, struct grid *grid, struct area area, size_t index, unsigned line,
                         unsigned at)
{
        (void)model, (void)index, (void)line;
        grid_put_middle(grid, at, area.column + MARGIN, area.column + area.columns - MARGIN, STYLE(GROUND, QUIET),
                        slice_text(text(TEXT_UNKNOWN_ROW)));
}

/* ---- what happened in a group ---- */

static enum text role_text_of(uint8_t role)
{
        return role == ROLE_OWNER ? TEXT_ROW_ROLE_OWNER : role == ROLE_ADMIN ? TEXT_ROW_ROLE_ADMIN : TEXT_ROW_ROLE_MEMBER;
}

static void name_of(const struct model *model, uint64_t user, char name[static MODEL_NAME_SIZE])
{
        bool me = user && user == model->me.user;

        snprintf(name, MODEL_NAME_SIZE, "%s", me ? text(TEXT_YOU_NAMED) : model_name(model, user));
}

/* What one did, or what was done to one, is said to one: "You joined by the link". False: it is of others. */
static bool tell_of_me(const struct model *model, const struct model_news *news, char *said, size_t size)
{
        bool did = news->sender == model->me.user, done = news->subject == model->me.user;
        const char *who = model_name(model, news->sender);

        if (model->me.user == 0 || (!did && !done))
                return false;
        if (news->kind == ROW_CREATED && did)
                text_format(said, size, TEXT_ROW_YOU_CREATED, news->title);
        else if (news->kind == ROW_JOINED && done && did)
                snprintf(said, size, "%s", text(TEXT_ROW_YOU_JOINED));
        else if (news->kind == ROW_JOINED && done)
                text_format(said, size, TEXT_ROW_YOU_INVITED, who);
        else if (news->kind == ROW_LEFT && done && news->heir)
                text_format(said, size, TEXT_ROW_YOU_HEIR, model_name(model, news->heir));
        else if (news->kind == ROW_LEFT && done && did)
                snprintf(said, size, "%s", text(TEXT_ROW_YOU_LEFT));
        else if (news->kind == ROW_LEFT && done)
                text_format(said, size, TEXT_ROW_YOU_REMOVED, who);
        else if (news->kind == ROW_ROLE && done)
                text_format(said, size,
                            news->role == ROLE_OWNER   ? TEXT_ROW_YOU_OWNER
                            : news->role == ROLE_ADMIN ? TEXT_ROW_YOU_ADMIN
                                                       : TEXT_ROW_YOU_MEMBER,
                            did ? text(TEXT_YOU_NAMED) : who);
        else
                return false;
        return true;
}

void view_tell(const struct model *model, const struct model_news *news, char *said, size_t size)
{
        char who[MODEL_NAME_SIZE], whom[MODEL_NAME_SIZE];
        bool self = news->subject == news->sender;

        if (tell_of_me(model, news, said, size))
                return;
        name_of(model, news->sender, who);
        name_of(model, news->subject, whom);
        switch ((enum row_kind)news->kind) {
        case ROW_CREATED:
        case ROW_TITLE:
                text_format(said, size, news->kind == ROW_TITLE ? TEXT_ROW_TITLE : TEXT_ROW_CREATED, who, news->title);
                break;
        case ROW_JOINED:
                text_format(said, size, self ? TEXT_ROW_JOINED : TEXT_ROW_INVITED, whom, who);
                break;
        case ROW_LEFT:
                if (news->heir)
                        text_format(said, size, TEXT_ROW_HEIR, whom, model_name(model, news->heir));
                else
                        text_format(said, size, self ? TEXT_ROW_LEFT : TEXT_ROW_REMOVED, whom, who);
                break;
        case ROW_ROLE:
                text_format(said, size, role_text_of(news->role), whom, who);
                break;
        case ROW_LINK:
                text_format(said, size, TEXT_ROW_LINK, who);
                break;
        case ROW_DELETED:
                text_format(said, size, TEXT_ROW_DELETED, who);
                break;
        case ROW_EDITED:
                text_format(said, size, TEXT_ROW_EDITED, who);
                break;
        case ROW_REACTED:
                text_format(said, size, TEXT_ROW_REACTED, who);
                break;
        case ROW_PINNED:
                text_format(said, size, TEXT_ROW_PINNED, who);
                break;
        default:
                snprintf(said, size, "%s", text(TEXT_UNKNOWN_ROW));
                break;
        }
}

#define TOLD_SIZE 512

/* With what became of it, if it is not done yet. */
static void tell_all(const struct model *model, const struct model_row *row, char said[static TOLD_SIZE])
{
        char news[TOLD_SIZE - 200], title[MODEL_LAST_SIZE];

        model_copy_line(slice_of(row->text, row->size), title, sizeof(title));
        view_tell(model, &(struct model_news){row->kind, row->role, row->sender, row->subject, row->heir, title}, news,
                  sizeof(news));
        if (row->seq)
                snprintf(said, TOLD_SIZE, "%s", news);
        else if (row->state == CORE_MESSAGE_FAILED)
                snprintf(said, TOLD_SIZE, "! %s: %.100s", news, row->error ? text_error(row->error) : text(TEXT_NOT_SENT));
        else
                snprintf(said, TOLD_SIZE, "… %s", news);
}

static unsigned news_lines(const struct model *model, const struct model_row *row, size_t index, unsigned columns)
{
        char said[TOLD_SIZE];
        unsigned widest;

        (void)index;
        tell_all(model, row, said);
        return wrap_measure(slice_text(said), columns - min_of(columns, 4u), &widest);
}

static void draw_news(const struct model *model, struct grid *grid, struct area area, size_t index, unsigned line,
                      unsigned at)
{
        const struct model_row *row = model->log.rows[index];
        uint8_t style = index == model->log.marked          ? STYLE(MARKED, TEXT)
                        : row->state == CORE_MESSAGE_FAILED ? STYLE(GROUND, DANGER)
                                                            : STYLE(GROUND, QUIET);
        struct slice part;
        struct wrap wrap;
        char said[TOLD_SIZE];

        tell_all(model, row, said);
        wrap = wrap_of(slice_text(said), area.columns - min_of(area.columns, 4u));
        for (unsigned i = 0; wrap_next(&wrap, &part); i++)
                if (i == line)
                        grid_put_middle(grid, at, area.column + MARGIN, area.column + area.columns - MARGIN, style, part);
}

static const struct kind kinds[] = {
        {ROW_TEXT, message_lines, draw_message}, {ROW_CREATED, news_lines, draw_news},
        {ROW_JOINED, news_lines, draw_news},     {ROW_LEFT, news_lines, draw_news},
        {ROW_TITLE, news_lines, draw_news},      {ROW_ROLE, news_lines, draw_news},
        {ROW_LINK, news_lines, draw_news},       {ROW_DELETED, news_lines, draw_news},
        {ROW_EDITED, news_lines, draw_news},     {ROW_REACTED, news_lines, draw_news},
        {ROW_PINNED, news_lines, draw_news},     {0, one_line, draw_unknown}, /* any other */
};
static const struct kind *kind_of(const struct model_row *row)
{
        size_t i = 0;

        while (kinds[i].kind && kinds[i].kind != row->kind)
                i++;
        return &kinds[i];
}

unsigned view_row_lines(const struct model *model, size_t index, unsigned columns)
{
        const struct model_row *row = model->log.rows[index];
        enum above above[4];

        return lines_above(&model->log, index, above) + kind_of(row)->lines(model, row, index, columns);
}

void view_draw_row_line(const struct model *model, struct grid *grid, struct area area, size_t index, unsigned line,
                        unsigned at)
{
        enum above above[4];
        unsigned count = lines_above(&model->log, index, above);

        if (line < count)
                draw_above(model, grid, area, index, above[line], at);
        else
                kind_of(model->log.rows[index])->draw(model, grid, area, index, line - count, at);
}
