/* What the keys do to rooms, to the log and to what is being written. */
#include <stdio.h>

#include "base/assert.h"
#include "base/memory.h"
#include "rules/row.h"
#include "terminal/screen/display.h"
#include "terminal/screen/screen_inside.h"

/* ---- drafts ---- */

static struct draft *find_draft(struct screen *screen, const struct id *room)
{
        for (unsigned i = 0; i < screen->draft_count; i++)
                if (id_equal(&screen->drafts[i].room, room))
                        return &screen->drafts[i];
        return NULL;
}

static void drop_draft(struct screen *screen, struct draft *draft)
{
        memory_free(draft->text);
        *draft = screen->drafts[--screen->draft_count];
}

/* Another text for a message is kept for its room, while the program runs; the oldest goes. */
static void keep_draft(struct screen *screen)
{
        struct line *line = screen->model.compose;
        struct draft *draft = find_draft(screen, &screen->model.at.room);
        char *copy;

        if (draft)
                drop_draft(screen, draft);
        keeping_save_draft(screen);
        if (screen->model.about.kind != ABOUT_EDIT)
                return;
        copy = line->size ? memory_new(line->size + 1) : NULL;
        if (!copy)
                return;
        memcpy(copy, line->text, line->size);
        if (screen->draft_count == DRAFTS_MAX)
                drop_draft(screen, &screen->drafts[0]);
        screen->drafts[screen->draft_count++] = (struct draft){screen->model.at.room, copy, screen->model.about};
}

void chats_free_drafts(struct screen *screen)
{
        while (screen->draft_count > 0)
                drop_draft(screen, &screen->drafts[0]);
}

/* ---- rooms ---- */

void chats_open(struct screen *screen, const struct id *id, const char *name)
{
        struct model *model = &screen->model;
        struct id room = *id; /* may lie in what is about to change */
        struct draft *draft;

        if (model->open && id_equal(&model->at.room, &room)) {
                model->focus = FOCUS_COMPOSE;
                return;
        }
        if (model->open)
                keep_draft(screen);
        feed_open(&screen->feed, &room, name);
        keeping_load_draft(screen);
        draft = find_draft(screen, &room);
        if (draft) {
                line_set(model->compose, slice_text(draft->text));
                model->about = draft->about;
        }
        model->focus = FOCUS_COMPOSE;
        for (size_t i = 0; i < model->room_count; i++)
                if (id_equal(&model->rooms[i].room, &room))
                        model->chosen_room = i;
        if (model->log.unread_seq) {
                size_t first = log_place(&model->log, model->log.unread_seq);

                if (first < model->log.count)
                        view_show(model, screen->rows, screen->columns, first);
        }
}

/* Back to the list. */
void chats_close(struct screen *screen)
{
        keeping_save_draft(screen);
        screen->model.focus = FOCUS_ROOMS;
        screen->model.log.marked = SIZE_MAX;
}

void chats_step(struct screen *screen, int by, bool unread)
{
        struct model *model = &screen->model;
        size_t first = model_list_first(model), count = model_list_end(model);
        size_t at = model->chosen_room;

        for (size_t i = 0; i < count; i++) {
                if (by < 0 ? at <= first : at + 1 >= count)
                        return;
                at = by < 0 ? at - 1 : at + 1;
                if (!unread || model_room_calls(&model->rooms[at])) {
                        model->chosen_room = at;
                        chats_open(screen, &model->rooms[at].room, NULL);
                        return;
                }
        }
}

static void act_in_rooms(struct screen *screen, enum action action)
{
        struct model *model = &screen->model;
        size_t first = model_list_first(model), end = model_list_end(model), last = end > first ? end - 1 : first,
               page = max_of(screen->rows / 2, 1u);

        if (keeping_act(screen, action))
                return;
        switch (action) {
        case ACT_UP:
                model->chosen_room -= model->chosen_room > first;
                break;
        case ACT_DOWN:
                model->chosen_room = min_of(model->chosen_room + 1, last);
                break;
        case ACT_PAGE_UP:
                model->chosen_room -= min_of(page, model->chosen_room - first);
                break;
        case ACT_PAGE_DOWN:
                model->chosen_room = min_of(model->chosen_room + page, last);
                break;
        case ACT_TOP:
                model->chosen_room = first;
                break;
        case ACT_BOTTOM:
                model->chosen_room = last;
                break;
        case ACT_ENTER:
                if (model->chosen_room < end)
                        chats_open(screen, &model->rooms[model->chosen_room].room, NULL);
                else
                        popups_open(screen, POPUP_PEOPLE);
                break;
        case ACT_BACK:
                if (model->open)
                        model->focus = FOCUS_COMPOSE;
                break;
        default:
                break;
        }
}

/* ---- the log ---- */

static void mark(struct screen *screen, size_t index)
{
        struct model *model = &screen->model;

        model->log.marked = index;
        model->focus = FOCUS_LOG;
        view_show(model, screen->rows, screen->columns, index);
}

static void mark_next(struct screen *screen, bool up)
{
        struct model_log *log = &screen->model.log;
        size_t next = log_choose(log, up);

        if (next != SIZE_MAX) {
                mark(screen, next);
        } else if (!up) {
                screen->model.focus = FOCUS_COMPOSE;
                log->marked = SIZE_MAX;
        } else if (log->marked < log->count && log->bottom > 0) {
                view_scroll(&screen->model, screen->rows, screen->columns,
                            1); /* what stands above it is seen too, and fetched */
        }
}

static void go_bottom(struct screen *screen)
{
        if (screen->model.log.newer_there)
                feed_newest(&screen->feed);
        log_follow(&screen->model.log);
        screen->model.log.marked = SIZE_MAX;
}

void chats_arrive(struct screen *screen)
{
        struct model *model = &screen->model;
        size_t place = log_place(&model->log, screen->feed.jump.seq);

        screen->feed.jump.arrived = false;
        if (place == model->log.count)
                return;
        model->log.marked = place;
        model->focus = FOCUS_LOG;
        view_center(model, screen->rows, screen->columns, place);
}

void chats_jump(struct screen *screen, uint64_t seq, uint64_t time_ms)
{
        enum error error = feed_jump(&screen->feed, seq, time_ms);

        if (error == ERR_AGAIN)
                screen_say(screen, text(TEXT_JUMP_OFFLINE));
        else if (error)
                screen_say(screen, text_error(error));
        else if (screen->feed.jump.arrived)
                chats_arrive(screen);
}

/* As far up as what is loaded goes; from there what is older is fetched. */
static void go_top(struct screen *screen)
{
        struct model *model = &screen->model;

        if (model->log.count)
                view_show(model, screen->rows, screen->columns, 0);
        view_scroll(model, screen->rows, screen->columns, 2);
}

static void page(struct screen *screen, bool up)
{
        unsigned rows = view_layout(&screen->model, screen->rows, screen->columns).log.rows;
        int lines = (int)(rows > 2 ? rows - 2 : 1);

        view_scroll(&screen->model, screen->rows, screen->columns, up ? lines : -lines);
}

static void after_retry(struct screen *screen, enum error error, enum text said)
{
        host_settle(screen->session->host);
        screen->feed.outbox_changed = true;
        screen->model.focus = FOCUS_COMPOSE;
        screen->model.log.marked = SIZE_MAX;
        screen_say(screen, error ? text_error(error) : text(said));
}

static void act_on_marked(struct screen *screen, enum action action)
{
        struct model *model = &screen->model;
        struct model_row *row = model->log.marked < model->log.count ? model->log.rows[model->log.marked] : NULL;
        bool failed = row && row->state == CORE_MESSAGE_FAILED;
        struct core_time time = host_time(screen->session->host);

        if (!row)
                return;
        if (!failed && action != ACT_COPY) {
                deeds_act(screen, action);
        } else if (action == ACT_COPY) {
                display_copy(slice_of(row->text, row->size));
                screen_say(screen, text(TEXT_COPIED));
        } else if (action == ACT_DELETE) {
                after_retry(screen, core_discard(screen_core(screen), &model->at.room, &row->id, time), TEXT_DISCARDED);
        } else if (action == ACT_REPLY || action == ACT_ENTER) {
                host_hurry(screen->session->host);
                after_retry(screen, core_retry(screen_core(screen), &model->at.room, &row->id, time), TEXT_TRYING_AGAIN);
        }
}

static void act_in_log(struct screen *screen, enum action action)
{
        switch (action) {
        case ACT_UP:
        case ACT_DOWN:
                mark_next(screen, action == ACT_UP);
                break;
        case ACT_BACK:
                screen->model.focus = FOCUS_COMPOSE;
                screen->model.log.marked = SIZE_MAX;
                break;
        case ACT_ENTER:
        case ACT_REPLY:
        case ACT_CHANGE:
        case ACT_DELETE:
        case ACT_QUOTED:
        case ACT_REACT:
        case ACT_FORWARD:
        case ACT_PIN_ROW:
        case ACT_COPY:
                act_on_marked(screen, action);
                break;
        default:
                break;
        }
}

/* ---- writing ---- */

void chats_send(struct screen *screen)
{
        struct model *model = &screen->model;
        struct slice said = line_text(model->compose);
        struct wire_operation operation = {.kind = model->about.kind == ABOUT_EDIT ? ROW_EDITED : ROW_TEXT};

        while (said.size > 0 && (said.data[said.size - 1] == '\n' || said.data[said.size - 1] == ' '))
                said.size--;
        if (said.size == 0 || model->at.left)
                return;
        if (model->at_blocked) {
                screen_say(screen, text(TEXT_BLOCKED_SEND));
                return;
        }
        operation.text = said;
        operation.target = model->about.kind ? model->about.quote.seq : 0;
        if (!screen_write(screen, &operation))
                return;
        (void)line_take(model->compose);
        line_clear(model->compose);
        model->about = (struct model_about){0};
        if (operation.kind == ROW_EDITED) {
                keeping_load_draft(screen); /* what was begun before it */
                return;
        }
        keeping_save_draft(screen);
        model->log.unread_seq = 0;
        go_bottom(screen);
}

/* What is being written is about nothing any more; another text for a message is forgotten. */
static void forget_about(struct screen *screen)
{
        struct model *model = &screen->model;

        if (model->about.kind == ABOUT_EDIT)
                (void)line_take(model->compose); /* into the history */
        model->about = (struct model_about){0};
}

static void act_in_compose(struct screen *screen, enum action action)
{
        struct line *line = screen->model.compose;

        switch (action) {
        case ACT_ENTER:
                chats_send(screen);
                break;
        case ACT_COMPLETE:
                deeds_complete(screen);
                break;
        case ACT_NEW_LINE:
                line_insert(line, SLICE_LITERAL("\n"));
                break;
        case ACT_UP:
                if (!line_do(line, LINE_UP)) {
                        if (line->size == 0)
                                mark_next(screen, true);
                        else if (line->history_at < line->history_count)
                                (void)line_do(line, LINE_OLDER);
                }
                break;
        case ACT_DOWN:
                if (!line_do(line, LINE_DOWN))
                        (void)line_do(line, LINE_NEWER);
                break;
        case ACT_BACK:
                if (screen->model.about.kind)
                        forget_about(screen);
                else
                        chats_close(screen);
                break;
        default:
                break;
        }
}

void chats_act(struct screen *screen, enum action action)
{
        switch (action) {
        case ACT_ROOM_UP:
        case ACT_ROOM_DOWN:
                chats_step(screen, action == ACT_ROOM_UP ? -1 : 1, false);
                return;
        case ACT_UNREAD_UP:
        case ACT_UNREAD_DOWN:
                chats_step(screen, action == ACT_UNREAD_UP ? -1 : 1, true);
                return;
        default:
                break;
        }
        if (screen->model.focus == FOCUS_ROOMS) {
                act_in_rooms(screen, action);
                return;
        }
        if (action == ACT_PAGE_UP || action == ACT_PAGE_DOWN)
                page(screen, action == ACT_PAGE_UP);
        else if (action == ACT_TOP)
                go_top(screen);
        else if (action == ACT_BOTTOM)
                go_bottom(screen);
        else if (screen->model.focus == FOCUS_LOG)
                act_in_log(screen, action);
        else
                act_in_compose(screen, action);
}
