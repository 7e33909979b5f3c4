/* Blocking: asking whether, the list of whom one blocks, what the server answers; and what the blocked write in groups. */
#include <stdio.h>

#include "rules/room.h"
#include "rules/row.h"
#include "terminal/screen/screen_inside.h"

static void ask_server(struct screen *screen, uint64_t user, bool on)
{
        enum error error = core_block(screen_core(screen), user, on, host_time(screen->session->host));

        host_hurry(screen->session->host);
        host_settle(screen->session->host);
        screen->block_asked = error == ERR_OK;
        screen->blocks_on = on;
        if (error)
                screen_say(screen, text_error(error));
}

/* Whom one blocks, by name; Enter ends it. */
static void fill_list(struct screen *screen)
{
        struct model_popup_state *popup = &screen->model.popup;
        struct wire_person person;
        struct model_item *item;
        uint64_t user;

        popup->item_count = 0;
        for (uint32_t i = 0; (user = core_blocked_at(screen_core(screen), i)) && (item = popup_add(popup)); i++) {
                if (core_person(screen_core(screen), user, &person))
                        model_know(&screen->model, &person);
                item->user = user;
                snprintf(item->label, sizeof(item->label), "%s", model_name(&screen->model, user));
                if (model_person(&screen->model, user))
                        snprintf(item->detail, sizeof(item->detail), "@%.130s",
                                 model_person(&screen->model, user)->user_name);
        }
        if (popup->chosen >= popup->item_count)
                popup->chosen = popup->item_count ? popup->item_count - 1 : 0;
        popup_say(popup, false, text(popup->item_count ? TEXT_BLOCKS_ENTER : TEXT_BLOCKS_NONE));
}

bool blocks_act(struct screen *screen, enum action action)
{
        struct model *model = &screen->model;

        if (action != ACT_BLOCK || model->phase < CORE_OFFLINE)
                return false;
        if (model->popup.kind == POPUP_BLOCK || model->popup.kind == POPUP_BLOCKS) {
                popup_close(model);
        } else if (model->popup.kind == POPUP_NONE && model->open && model->at.peer && !model->at_blocked) {
                screen_ask(screen, POPUP_BLOCK, TEXT_BLOCK_NO, TEXT_BLOCK_YES);
        } else {
                popup_open(model, POPUP_BLOCKS);
                fill_list(screen);
        }
        return true;
}

void blocks_enter(struct screen *screen)
{
        struct model *model = &screen->model;
        struct model_popup_state *popup = &model->popup;

        if (popup->kind == POPUP_BLOCK) {
                if (popup->chosen == ASKED_YES && model->at.peer && !screen->block_asked)
                        ask_server(screen, model->at.peer, true);
                popup_close(model);
        } else if (popup->chosen < popup->item_count && !screen->block_asked) {
                ask_server(screen, popup->items[popup->chosen].user, false);
        }
}

void blocks_update(struct screen *screen)
{
        if (screen->block_asked && screen->feed.signed_answer) {
                screen->block_asked = screen->feed.signed_answer = false;
                screen_say(screen, screen->feed.sign_error ? text_error(screen->feed.sign_error)
                                                           : text(screen->blocks_on ? TEXT_BLOCKED : TEXT_UNBLOCKED));
        }
        if (screen->model.popup.kind == POPUP_BLOCKS)
                fill_list(screen);
}

bool blocks_reveal(struct screen *screen)
{
        struct model_log *log = &screen->model.log;

        if (log->marked >= log->count || !log->rows[log->marked]->hidden)
                return false;
        log->rows[log->marked]->hidden = false;
        return true;
}
