/* What is seen of the log: drawn from its lower edge upward, so that only what is in sight is laid out. */
#include <stdio.h>

#include "base/assert.h"
#include "rules/room.h"
#include "terminal/screen/view_inside.h"

unsigned view_row_height(const struct model *model, size_t index, unsigned columns)
{
        return view_row_lines(model, index, columns);
}

/* One line over the log: older rows are on the way, or will be. */
static void draw_top(const struct model *model, struct grid *grid, struct area area, unsigned at)
{
        enum text said = model->log.problem ? TEXT_OLDER_OFFLINE : TEXT_LOADING;

        if (model->log.older_there)
                grid_put_middle(grid, at, area.column, area.column + area.columns, STYLE(GROUND, QUIET),
                                slice_text(text(said)));
}

/* "3 new messages · End" over the lower right corner. */
static void draw_pill(const struct model *model, struct grid *grid, struct area area)
{
        char said[160], count[80];

        if (model->log.following || area.rows < 3)
                return;
        text_plural(count, sizeof(count), PLURAL_NEW, model->log.come);
        snprintf(said, sizeof(said), model->log.come ? " ↓ %s · %s " : " ↓ %.0s%s ", count, text(TEXT_NEW_BELOW));
        grid_put_right(grid, area.row + area.rows - 1, area.column, area.column + area.columns - 1,
                       model->log.come ? STYLE(BADGE, TEXT) : STYLE(CHOSEN, TEXT), slice_text(said));
}

static void draw_empty(const struct model *model, struct grid *grid, struct area area)
{
        const char *said = text(model->at.kind == ROOM_SELF ? TEXT_EMPTY_SELF : TEXT_EMPTY_ROOM);
        struct wrap wrap = wrap_of(slice_text(said), area.columns > 4 ? area.columns - 4 : 2);
        struct slice line;

        if (!model->open)
                return;
        for (unsigned at = area.row + area.rows / 2; wrap_next(&wrap, &line) && at < area.row + area.rows; at++)
                grid_put_middle(grid, at, area.column + 1, area.column + area.columns - 1, STYLE(GROUND, QUIET), line);
}

void view_draw_log(const struct model *model, struct grid *grid, struct area area)
{
        const struct model_log *log = &model->log;
        unsigned at = area.row + area.rows; /* the line below the next to draw */
        unsigned cut = log->below;

        if (log->count == 0 && !log->older_there) {
                draw_empty(model, grid, area);
                return;
        }
        for (size_t i = log->count ? log->bottom + 1 : 0; i > 0 && at > area.row; i--) {
                unsigned lines = view_row_height(model, i - 1, area.columns);

                check(i <= log->count);
                for (unsigned line = lines - min_of(cut, lines); line > 0 && at > area.row; line--)
                        view_draw_row_line(model, grid, area, i - 1, line - 1, --at);
                cut = 0;
        }
        if (at > area.row)
                draw_top(model, grid, area, at - 1);
        draw_pill(model, grid, area);
}

bool view_row_at(const struct model *model, struct area area, unsigned row, size_t *index)
{
        unsigned at = area.row + area.rows + model->log.below;

        for (size_t i = model->log.count ? model->log.bottom + 1 : 0; i > 0; i--) {
                unsigned lines = view_row_height(model, i - 1, area.columns);

                if (row + lines >= at) {
                        *index = i - 1;
                        return true;
                }
                at -= lines;
        }
        return false;
}

/* ---- moving ---- */

static void move_up(struct model_log *log, const struct model *model, unsigned columns, unsigned lines)
{
        log->below += lines;
        while (log->bottom > 0 && log->below >= view_row_height(model, log->bottom, columns)) {
                log->below -= view_row_height(model, log->bottom, columns);
                log->bottom--;
        }
}

static void move_down(struct model_log *log, const struct model *model, unsigned columns, unsigned lines)
{
        while (lines > 0) {
                unsigned step = min_of(lines, log->below);

                log->below -= step;
                lines -= step;
                if (log->below == 0 && log->bottom + 1 == log->count)
                        break;
                if (log->below == 0 && lines > 0) {
                        log->bottom++;
                        log->below = view_row_height(model, log->bottom, columns);
                }
        }
        if (log->below == 0 && log->bottom + 1 == log->count && !log->newer_there)
                log_follow(log);
}

/* Lines that stand above the lower edge, at most `most`. */
static unsigned lines_in_sight(const struct model *model, unsigned columns, unsigned most)
{
        const struct model_log *log = &model->log;
        unsigned lines = 0;

        for (size_t i = log->bottom + 1; i > 0 && lines < most + log->below; i--)
                lines += view_row_height(model, i - 1, columns);
        return lines > log->below ? min_of(lines - log->below, most) : 0;
}

void view_scroll(struct model *model, unsigned rows, unsigned columns, int lines)
{
        struct area area = view_layout(model, rows, columns).log;
        struct model_log *log = &model->log;
        unsigned sight, wanted = area.rows;

        if (log->count == 0 || area.rows == 0)
                return;
        if (lines < 0) {
                move_down(log, model, area.columns, (unsigned)-lines);
                return;
        }
        log->following = false;
        move_up(log, model, area.columns, (unsigned)lines);
        /* Not past the first row; one line more says what is above. */
        wanted -= log->older_there && wanted > 1;
        sight = lines_in_sight(model, area.columns, wanted);
        if (sight < wanted)
                move_down(log, model, area.columns, wanted - sight);
        else if (log->below == 0 && log->bottom + 1 == log->count)
                log_follow(log);
}

void view_show(struct model *model, unsigned rows, unsigned columns, size_t index)
{
        struct area area = view_layout(model, rows, columns).log;
        struct model_log *log = &model->log;
        unsigned lines = 0;

        if (index >= log->count || area.rows == 0)
                return;
        if (index > log->bottom || (index == log->bottom && log->below > 0)) {
                log->bottom = index;
                log->below = 0;
                log->following = index + 1 == log->count && !log->newer_there;
                return;
        }
        for (size_t i = log->bottom + 1; i > index; i--)
                lines += view_row_height(model, i - 1, area.columns);
        if (lines > area.rows + log->below)
                view_scroll(model, rows, columns, (int)(lines - area.rows - log->below));
}

void view_center(struct model *model, unsigned rows, unsigned columns, size_t index)
{
        struct area area = view_layout(model, rows, columns).log;
        struct model_log *log = &model->log;

        if (index >= log->count)
                return;
        log->following = false;
        log->bottom = index;
        log->below = 0;
        move_down(log, model, area.columns, area.rows / 2);
        view_scroll(model, rows, columns, 0); /* not above the first row */
}

bool view_at_top(const struct model *model, unsigned rows, unsigned columns)
{
        struct area area = view_layout(model, rows, columns).log;
        const struct model_log *log = &model->log;
        unsigned lines = 0;

        if (log->count == 0)
                return true;
        for (size_t i = log->bottom + 1; i > 0; i--) {
                lines += view_row_height(model, i - 1, area.columns);
                if (lines > area.rows + log->below)
                        return false;
        }
        return true;
}

uint64_t view_read_seq(const struct model *model)
{
        const struct model_log *log = &model->log;
        size_t end = log->count ? log->bottom + 1 : 0;

        if (end > 0 && log->below > 0)
                end--;
        for (size_t i = end; i > 0; i--)
                if (log->rows[i - 1]->seq)
                        return log->rows[i - 1]->seq;
        return 0;
}
