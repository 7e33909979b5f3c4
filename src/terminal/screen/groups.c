/* Groups: making one, who is in it, inviting, roles, its title and link, leaving; who has read a message. */
#include <stdio.h>

#include "base/assert.h"
#include "crypto/random.h"
#include "rules/limits.h"
#include "rules/name.h"
#include "rules/role.h"
#include "rules/room.h"
#include "rules/row.h"
#include "terminal/group_link.h"
#include "terminal/safe.h"
#include "terminal/screen/display.h"
#include "terminal/screen/screen_inside.h"

static bool is_admin(const struct screen *screen)
{
        return screen->model.at.role >= ROLE_ADMIN && !screen->model.at.left;
}

static enum text role_name(uint8_t role)
{
        return role == ROLE_OWNER ? TEXT_ROLE_OWNER : role == ROLE_ADMIN ? TEXT_ROLE_ADMIN : TEXT_ROLE_MEMBER;
}

/* ---- who is in it ---- */

/* Without members it is said why; what else is said stays. */
static void say_members(struct model_popup_state *popup)
{
        if (popup->item_count == 0)
                popup_say(popup, false, text(TEXT_MEMBERS_OFFLINE));
        else if (strcmp(popup->note, text(TEXT_MEMBERS_OFFLINE)) == 0)
                popup_say(popup, false, "");
}

static void fill_group(struct screen *screen)
{
        struct model *model = &screen->model;
        unsigned chosen = model->popup.chosen;

        model->popup.item_count = 0;
        for (size_t i = 0; i < model->member_count; i++) {
                const struct model_member *member = &model->members[i];
                struct model_item *item = popup_add(&model->popup);

                if (!item)
                        break;
                item->user = member->user;
                item->role = member->role;
                snprintf(item->label, sizeof(item->label), "%s", model_name(model, member->user));
                snprintf(item->detail, sizeof(item->detail), "%s", text(role_name(member->role)));
        }
        model->popup.chosen = min_of(chosen, model->popup.item_count ? model->popup.item_count - 1 : 0);
        say_members(&model->popup);
}

static const struct model_reactor *reactor_of(const struct model *model, uint64_t user)
{
        for (size_t i = 0; i < model->reactor_count; i++)
                if (model->reactors[i].user == user)
                        return &model->reactors[i];
        return NULL;
}

/* "Bob  👍" */
static void name_reader(const struct model *model, uint64_t user, char label[static MODEL_LAST_SIZE])
{
        const struct model_reactor *reactor = reactor_of(model, user);

        snprintf(label, MODEL_LAST_SIZE, reactor ? "%.90s  %s" : "%s", model_name(model, user),
                 reactor ? reactor->emoji : "");
}

/* Of the marked message. The marks are as of the last question, which opening this asked anew. */
static void fill_readers(struct screen *screen)
{
        struct model *model = &screen->model;
        const struct model_row *row = model->log.marked < model->log.count ? model->log.rows[model->log.marked] : NULL;

        model->popup.item_count = 0;
        for (size_t i = 0; row && i < model->member_count; i++) {
                const struct model_member *member = &model->members[i];
                bool author = member->user == row->sender, counted = member->counted_from < row->seq;
                struct model_item *item = author && !reactor_of(model, member->user) ? NULL : popup_add(&model->popup);

                if (!item)
                        continue;
                name_reader(model, member->user, item->label);
                if (author) /* whether he has read his own is no question */
                        continue;
                snprintf(item->detail, sizeof(item->detail), "%s",
                         text(!counted                        ? TEXT_READERS_NOT_COUNTED
                              : member->shown >= row->seq     ? TEXT_READERS_READ
                              : member->delivered >= row->seq ? TEXT_READERS_DELIVERED
                                                              : TEXT_READERS_SENT));
        }
        say_members(&model->popup);
}

/* Copies the link that is wanted; makes one if there is none. Until it is known there is nothing to do. */
static void follow_link(struct screen *screen)
{
        struct model *model = &screen->model;
        struct wire_operation operation = {.kind = ROW_LINK};
        char said[GROUP_LINK_SIZE], note[256];
        uint8_t secret[LINK_SIZE];

        if (!model->link_wanted || !model->members_known)
                return;
        if (model->link_known) {
                group_link_format(&model->at.room, model->link, said);
                display_copy(slice_text(said));
                text_format(note, sizeof(note), TEXT_LINK_COPIED, said);
                popup_say(&model->popup, false, note);
                model->link_wanted = model->link_making = false;
        } else if (!model->link_making) {
                crypto_random(secret, sizeof(secret));
                operation.link = slice_of(secret, sizeof(secret));
                model->link_making = screen_write(screen, &operation);
        }
}

static void want_link(struct screen *screen)
{
        screen->model.link_wanted = true;
        popup_say(&screen->model.popup, false, text(TEXT_LINK_COMES));
        follow_link(screen);
}

void groups_update(struct screen *screen)
{
        if (!screen->feed.members_changed)
                return;
        screen->feed.members_changed = false;
        if (screen->model.popup.kind == POPUP_GROUP) {
                fill_group(screen);
                follow_link(screen);
        } else if (screen->model.popup.kind == POPUP_READERS)
                fill_readers(screen);
}

static void open_group(struct screen *screen)
{
        popups_open(screen, POPUP_GROUP);
        if (screen->model.popup.kind != POPUP_GROUP)
                return;
        screen->model.link_wanted = screen->model.link_making = false;
        fill_group(screen);
        feed_members(&screen->feed);
        host_settle(screen->session->host);
}

static void open_readers(struct screen *screen)
{
        struct model_log *log = &screen->model.log;

        if (screen->model.at.kind != ROOM_GROUP || log->marked >= log->count || log->rows[log->marked]->seq == 0)
                return;
        popups_open(screen, POPUP_READERS);
        feed_reactors(&screen->feed, log->rows[log->marked]->seq);
        fill_readers(screen);
        feed_members(&screen->feed);
        host_settle(screen->session->host);
}

/* ---- what admins and owners do ---- */

static const struct model_item *chosen_member(const struct screen *screen)
{
        const struct model_popup_state *popup = &screen->model.popup;

        return popup->chosen < popup->item_count ? &popup->items[popup->chosen] : NULL;
}

/* A member becomes an admin, an admin an owner, an owner (oneself) a member. */
static void change_role(struct screen *screen)
{
        const struct model_item *item = chosen_member(screen);
        struct wire_operation operation = {.kind = ROW_ROLE};

        if (!item)
                return;
        operation.subject = item->user;
        operation.role = item->role == ROLE_MEMBER ? ROLE_ADMIN : item->role == ROLE_ADMIN ? ROLE_OWNER : ROLE_MEMBER;
        (void)screen_write(screen, &operation);
}

static void remove_member(struct screen *screen)
{
        const struct model_item *item = chosen_member(screen);
        struct wire_operation operation = {.kind = ROW_LEFT};

        if (!item || item->user == screen->model.me.user)
                return;
        operation.subject = item->user;
        (void)screen_write(screen, &operation);
}

bool groups_offer_link(struct screen *screen, struct slice typed)
{
        struct model_popup_state *popup = &screen->model.popup;
        struct model_item *item;
        struct id room;

        if (!group_link_parse(typed, &room, screen->link))
                return false;
        popup->busy = false;
        popup_say(popup, false, "");
        item = popup_add(popup);
        if (item) {
                item->room = room;
                snprintf(item->label, sizeof(item->label), "%s", text(TEXT_JOIN_BY_LINK));
        }
        return true;
}

void groups_join(struct screen *screen, const struct id *room)
{
        struct wire_operation operation = {.kind = ROW_JOINED, .subject = screen->model.me.user};

        operation.link = slice_of(screen->link, sizeof(screen->link));
        chats_open(screen, room, NULL);
        (void)screen_write(screen, &operation);
}

static void ask_to_leave(struct screen *screen)
{
        screen_ask(screen, POPUP_LEAVE, TEXT_LEAVE_STAY, TEXT_LEAVE_GO);
}

static void rename_group(struct screen *screen)
{
        popup_open(&screen->model, POPUP_RENAME);
        line_set(screen->model.popup.fields[0].line, slice_text(screen->model.at.name));
}

bool groups_act(struct screen *screen, enum action action)
{
        bool group = screen->model.open && screen->model.at.kind == ROOM_GROUP;

        switch (action) {
        case ACT_NEW_GROUP:
                if (screen->model.phase >= CORE_OFFLINE)
                        popups_open(screen, POPUP_NEW_GROUP);
                return true;
        case ACT_GROUP:
                if (group)
                        open_group(screen);
                return true;
        case ACT_READERS:
                open_readers(screen);
                return true;
        case ACT_INVITE:
                if (is_admin(screen))
                        popups_open(screen, POPUP_INVITE);
                return true;
        case ACT_RENAME:
                if (is_admin(screen))
                        rename_group(screen);
                return true;
        case ACT_ROLE:
                change_role(screen);
                return true;
        case ACT_REMOVE:
                remove_member(screen);
                return true;
        case ACT_LINK:
                if (is_admin(screen))
                        want_link(screen);
                return true;
        case ACT_LEAVE_GROUP:
                if (!screen->model.at.left)
                        ask_to_leave(screen);
                return true;
        default:
                return false;
        }
}

/* ---- Enter ---- */

/* The typed title, if it is one. */
static bool take_title(struct screen *screen, struct slice *title)
{
        *title = line_text(screen->model.popup.fields[0].line);
        if (title->size > 0 && title->size <= TITLE_SIZE_MAX && glyph_columns(*title) > 0)
                return true;
        popup_say(&screen->model.popup, true, text(TEXT_BAD_TITLE));
        return false;
}

static void make_group(struct screen *screen)
{
        struct slice title;
        struct id room;
        enum error error;

        if (!take_title(screen, &title))
                return;
        error = core_create_group(screen_core(screen), title, &room, host_time(screen->session->host));
        if (error) {
                popup_say(&screen->model.popup, true, text_error(error));
                return;
        }
        host_hurry(screen->session->host);
        host_settle(screen->session->host);
        screen->feed.rooms_changed = screen->feed.outbox_changed = true;
        feed_update(&screen->feed, 0);
        popup_close(&screen->model);
        chats_open(screen, &room, NULL);
        popups_open(screen, POPUP_INVITE);
}

void groups_enter(struct screen *screen)
{
        struct model *model = &screen->model;
        const struct model_item *item = chosen_member(screen);
        struct wire_operation operation = {.kind = ROW_TITLE};

        switch (model->popup.kind) {
        case POPUP_NEW_GROUP:
                make_group(screen);
                break;
        case POPUP_RENAME:
                if (take_title(screen, &operation.text) && screen_write(screen, &operation))
                        popup_close(model);
                break;
        case POPUP_INVITE:
                operation = (struct wire_operation){.kind = ROW_JOINED, .subject = item ? item->user : 0};
                if (item && screen_write(screen, &operation)) {
                        /* More may follow. */
                        line_clear(model->popup.input);
                        popups_typed(screen);
                }
                break;
        case POPUP_LEAVE:
                operation = (struct wire_operation){.kind = ROW_LEFT, .subject = model->me.user};
                if (model->popup.chosen == ASKED_YES)
                        (void)screen_write(screen, &operation);
                popup_close(model);
                break;
        default:
                break;
        }
}
