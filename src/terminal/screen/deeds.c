/* What one does to a message of the open room: reply to it, react to it, pin it, forward it, edit it, delete it for everybody, look at what it replies to. */
#include <ctype.h>
#include <stdio.h>
#include <strings.h>

#include "base/assert.h"
#include "rules/limits.h"
#include "rules/mention.h"
#include "rules/reaction.h"
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

/* The chosen message; NULL: there is none, or the server does not have it. */
static const struct model_row *chosen_row(const struct model *model)
{
        const struct model_row *row = model->log.marked < model->log.count ? model->log.rows[model->log.marked] : NULL;

        return row && row->seq ? row : NULL;
}

/* Who is in the group is known once there was a link: then what the server would refuse is not offered. */
static bool may(const struct model *model, const struct model_row *row, enum row_kind kind)
{
        struct deed deed = {.kind = kind, .sender = ROLE_MEMBER, .self = row->mine};

        if (row->kind != ROW_TEXT || model->at.left || (kind == ROW_EDITED && row->origin[0]))
                return false;
        deed.in_group = model->at.kind == ROOM_GROUP;
        if (deed.in_group)
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
        if (row->quote.seq == 0)
                screen_say(screen, text(TEXT_NO_REPLY));
        else
                chats_jump(screen, row->quote.seq, 0);
}

/* Or pins it no longer. */
static void pin(struct screen *screen, const struct model_row *row)
{
        struct wire_operation operation = {.kind = ROW_PINNED, .target = row->seq, .off = row->pinned != 0};

        if (screen->model.pins.count == PINS_MAX && !operation.off)
                screen_say(screen, text(TEXT_PINS_FULL));
        else
                (void)screen_write(screen, &operation);
}

void deeds_act(struct screen *screen, enum action action)
{
        struct model *model = &screen->model;
        const struct model_row *row = chosen_row(model);

        if (!row || blocks_reveal(screen))
                return;
        if (action == ACT_QUOTED)
                show_quoted(screen, row);
        else if (action == ACT_CHANGE && may(model, row, ROW_EDITED))
                write_about(screen, row, ABOUT_EDIT);
        else if (action == ACT_DELETE && may(model, row, ROW_DELETED))
                screen_ask(screen, POPUP_DELETE, TEXT_DELETE_NO, TEXT_DELETE_YES);
        else if ((action == ACT_REPLY || action == ACT_ENTER) && may(model, row, ROW_TEXT))
                write_about(screen, row, ABOUT_REPLY);
        else if (action == ACT_REACT && may(model, row, ROW_REACTED))
                popups_open(screen, POPUP_REACT);
        else if (action == ACT_PIN_ROW && may(model, row, ROW_PINNED))
                pin(screen, row);
        else if (action == ACT_PIN_ROW && row->kind == ROW_TEXT && !model->at.left)
                screen_say(screen, text(TEXT_PIN_ADMINS));
        else if (action == ACT_FORWARD && row->kind == ROW_TEXT)
                popups_open(screen, POPUP_FORWARD);
        else if (action != ACT_ENTER)
                screen_say(screen, text(TEXT_CANNOT));
}

/* How far the two agree, whatever the case. */
static size_t agree(const char *one, const char *other)
{
        size_t size = 0;

        while (one[size] && tolower((unsigned char)one[size]) == tolower((unsigned char)other[size]))
                size++;
        return size;
}

void deeds_complete(struct screen *screen)
{
        struct model *model = &screen->model;
        struct line *line = model->compose;
        struct slice begun = mention_begun(slice_of(line->text, line->cursor));
        const char *found = NULL;
        size_t size = 0, used = 0;
        unsigned count = 0;
        char said[sizeof(model->note)] = "";

        for (size_t i = 0; begun.data && i < model->member_count; i++) {
                const struct model_person *person = model_person(model, model->members[i].user);

                if (!person || !person->user_name[0] || person == &model->me ||
                    strncasecmp(person->user_name, (const char *)begun.data, begun.size) != 0)
                        continue;
                size = found ? min_of(size, agree(found, person->user_name)) : strlen(person->user_name);
                found = found ? found : person->user_name;
                if (used + strlen(person->user_name) + 3 < sizeof(said))
                        used += (size_t)snprintf(said + used, sizeof(said) - used, "%s@%s", count ? " " : "",
                                                 person->user_name);
                count++;
        }
        if (!found)
                return;
        if (size > begun.size)
                line_insert(line, slice_of(found + begun.size, size - begun.size));
        if (count == 1)
                line_insert(line, SLICE_LITERAL(" "));
        else
                screen_say(screen, said);
}

/* What is typed, if anything is; the usual ones; none, if one has one. */
void deeds_fill_reactions(struct screen *screen)
{
        static const char *const usual[] = {"👍", "❤️", "😂", "😮", "😢", "🎉", "👎"};
        struct model_popup_state *popup = &screen->model.popup;
        const struct model_row *row = chosen_row(&screen->model);
        struct slice typed = line_text(popup->input);
        struct model_item *item;

        popup->item_count = popup->chosen = popup->top = 0;
        if (typed.size > 0 && (item = popup_add(popup)))
                model_copy_line(typed, item->label, sizeof(item->label));
        for (size_t i = 0; typed.size == 0 && i < countof(usual); i++)
                if ((item = popup_add(popup)))
                        snprintf(item->label, sizeof(item->label), "%s", usual[i]);
        if (typed.size == 0 && row && row->reacted && (item = popup_add(popup)))
                snprintf(item->detail, sizeof(item->detail), "%s", text(TEXT_REACT_NONE));
        popup_say(popup, !reaction_is_lawful(typed), text(reaction_is_lawful(typed) ? TEXT_REACT_ASK : TEXT_REACT_BAD));
}

static void react(struct screen *screen, const struct model_row *row)
{
        struct model_popup_state *popup = &screen->model.popup;
        struct wire_operation operation = {.kind = ROW_REACTED, .target = row->seq};
        struct slice typed = line_text(popup->input);

        if (popup->chosen >= popup->item_count)
                return;
        operation.text = typed.size ? typed : slice_text(popup->items[popup->chosen].label);
        if (reaction_is_lawful(operation.text) && screen_write(screen, &operation))
                popup_close(&screen->model);
}

/* A copy, with the name of who said it first. */
static void forward(struct screen *screen, const struct model_row *row)
{
        struct model *model = &screen->model;
        struct wire_operation operation = {.kind = ROW_TEXT, .text = slice_of(row->text, row->size)};
        const char *name = row->origin[0] ? row->origin : row->mine ? model->me.name : model_name(model, row->sender);
        struct id to, id;
        enum error error;

        if (model->popup.chosen >= model->popup.item_count)
                return;
        to = model->popup.items[model->popup.chosen].room;
        operation.origin = slice_of(name, min_of(strlen(name), (size_t)DISPLAY_NAME_MAX));
        while (operation.origin.size > 0 && !slice_is_text(operation.origin))
                operation.origin.size--;
        error = core_write(screen_core(screen), &to, &operation, &id, host_time(screen->session->host));
        popup_close(model);
        screen_say(screen, error ? text_error(error) : text(TEXT_FORWARDED));
        host_settle(screen->session->host);
        screen->feed.outbox_changed = true;
}

void deeds_enter(struct screen *screen)
{
        struct model *model = &screen->model;
        const struct model_row *row = chosen_row(model);
        struct wire_operation operation = {.kind = ROW_DELETED};

        if (row && model->popup.kind == POPUP_REACT) {
                react(screen, row);
                return;
        }
        if (row && model->popup.kind == POPUP_FORWARD) {
                forward(screen, row);
                return;
        }
        if (row && model->popup.chosen == ASKED_YES) {
                operation.target = row->seq;
                (void)screen_write(screen, &operation);
        }
        popup_close(model);
}
