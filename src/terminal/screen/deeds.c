/* What one does to a message of the open room: reply to it, edit it, delete it for everybody, look at what it replies to. */
#include <stdio.h>

#include "base/assert.h"
#include "rules/role.h"
#include "rules/room.h"
#include "rules/row.h"
#include "terminal/screen/screen_inside.h"

bool screen_write(struct screen *screen, const struct wire_operation *operation)
{
        struct id id;
        enum error error;

        host_hurry(screen->session->host);
        error = core_write(screen_core(screen), &screen->model.at.room, operation, &id, host_time(screen->session->host));
        if (error)
                screen_say(screen, text_error(error));
        host_settle(screen->session->host);
        screen->feed.outbox_changed = true;
        return error == ERR_OK;
}

void screen_ask(struct screen *screen, enum model_popup kind, enum text no, enum text yes)
{
        popup_open(&screen->model, kind);
        for (unsigned i = ASKED_NO; i <= ASKED_YES; i++) {
                struct model_item *item = popup_add(&screen->model.popup);

                if (item)
                        snprintf(item->label, sizeof(item->label), "%s", text(i == ASKED_YES ? yes : no));
        }
}

/* Who is in the group is known once there was a link: then what the server would refuse is not offered. */
static bool may(const struct model *model, const struct model_row *row, enum row_kind kind)
{
        struct deed deed = {.kind = kind, .sender = ROLE_MEMBER, .self = row->mine};

        if (row->kind != ROW_TEXT || model->at.left)
                return false;
        if (model->at.kind == ROOM_GROUP)
                deed.sender = model->at.role;
        for (size_t i = 0; i < model->member_count; i++)
                if (model->members[i].user == row->sender)
                        deed.subject = model->members[i].role;
        return role_check(&deed) == ERR_OK;
}

/* What is being written is about the row from here on. */
static void write_about(struct screen *screen, const struct model_row *row, enum model_about_kind kind)
{
        struct model *model = &screen->model;

        if (model->about.kind == ABOUT_EDIT || kind == ABOUT_EDIT)
                (void)line_take(model->compose); /* into the history */
        model->about.kind = kind;
        model_quote_row(&model->about.quote, row->seq, row->sender, slice_of(row->text, row->size));
        if (kind == ABOUT_EDIT)
                line_set(model->compose, slice_of(row->text, row->size));
        model->focus = FOCUS_COMPOSE;
        model->log.marked = SIZE_MAX;
}

static void show_quoted(struct screen *screen, const struct model_row *row)
{
        struct model *model = &screen->model;
        size_t index = row->quote.seq ? feed_around(&screen->feed, row->quote.seq) : SIZE_MAX;

        if (index == SIZE_MAX) {
                screen_say(screen, text(row->quote.seq ? TEXT_QUOTED_AWAY : TEXT_NO_REPLY));
                return;
        }
        model->log.marked = index;
        view_center(model, screen->rows, screen->columns, index);
}

void deeds_act(struct screen *screen, enum action action)
{
        struct model *model = &screen->model;
        const struct model_row *row = model->log.marked < model->log.count ? model->log.rows[model->log.marked] : NULL;

        if (!row || row->seq == 0)
                return;
        if (action == ACT_QUOTED)
                show_quoted(screen, row);
        else if (action == ACT_CHANGE && may(model, row, ROW_EDITED))
                write_about(screen, row, ABOUT_EDIT);
        else if (action == ACT_DELETE && may(model, row, ROW_DELETED))
                screen_ask(screen, POPUP_DELETE, TEXT_DELETE_NO, TEXT_DELETE_YES);
        else if ((action == ACT_REPLY || action == ACT_ENTER) && may(model, row, ROW_TEXT))
                write_about(screen, row, ABOUT_REPLY);
        else if (action != ACT_ENTER)
                screen_say(screen, text(TEXT_CANNOT));
}

void deeds_enter(struct screen *screen)
{
        struct model *model = &screen->model;
        const struct model_row *row = model->log.marked < model->log.count ? model->log.rows[model->log.marked] : NULL;
        struct wire_operation operation = {.kind = ROW_DELETED};

        if (row && model->popup.chosen == ASKED_YES) {
                operation.target = row->seq;
                (void)screen_write(screen, &operation);
        }
        popup_close(model);
}
