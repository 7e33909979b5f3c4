/* What lies over the rest: lists that a line filters, the settings, the help sheet. Forms are in account.c. */
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "rules/room.h"
#include "rules/setting.h"
#include "terminal/screen/display.h"
#include "terminal/screen/screen_inside.h"

static const char *const setting_names[SETTING_COUNT] = {
        "screen language", "screen ground", "screen colours", "screen mouse", "screen bell", NULL, NULL};

/* Of the account, on all its devices: with a value, others are not told. */
static const struct slice account_keys[SETTING_COUNT] = {
        [SETTING_SEEN] = SLICE_LITERAL(SETTING_KEY_HIDDEN), [SETTING_READ] = SLICE_LITERAL(SETTING_KEY_RECEIPTS_OFF)};

void settings_load(struct screen *screen)
{
        char value[256];

        for (unsigned i = 0; i < SETTING_COUNT; i++)
                if (setting_names[i] && file_get_setting(screen->session->file, setting_names[i], value)) {
                        unsigned long number = strtoul(value, NULL, 10);

                        screen->model.settings[i] = number < view_setting_values(i) ? (unsigned)number : 0;
                }
        text_choose((enum language)screen->model.settings[SETTING_LANGUAGE]);
}

void settings_apply(struct screen *screen)
{
        const unsigned *settings = screen->model.settings;

        text_choose((enum language)settings[SETTING_LANGUAGE]);
        display_colours((enum style_ground)settings[SETTING_GROUND], (enum style_colours)settings[SETTING_COLOURS],
                        screen->light);
        display_mouse(settings[SETTING_MOUSE] == 0);
        screen->model.colourless = display_colourless();
        screen->feed.rooms_changed = true; /* names of rooms are in the language */
}

static void set_hidden(struct screen *screen, struct slice key, bool hidden)
{
        enum error error = core_set(screen_core(screen), key, hidden ? SLICE_LITERAL("yes") : (struct slice){0},
                                    host_time(screen->session->host));

        if (error)
                screen_say(screen, error_text(error));
        settings_follow(screen);
}

void settings_follow(struct screen *screen)
{
        struct core_setting setting;

        for (unsigned i = 0; i < SETTING_COUNT; i++)
                if (account_keys[i].size)
                        screen->model.settings[i] = core_setting(screen_core(screen), account_keys[i], &setting);
}

static void change_setting(struct screen *screen, bool forward)
{
        unsigned which = screen->model.popup.chosen, count = view_setting_values(which);
        unsigned *value = &screen->model.settings[which];
        char text[16];

        *value = (*value + (forward ? 1 : count - 1)) % count;
        if (account_keys[which].size) {
                set_hidden(screen, account_keys[which], *value == 1);
                return;
        }
        snprintf(text, sizeof(text), "%u", *value);
        if (file_set_setting(screen->session->file, setting_names[which], text) != ERR_OK)
                screen_say(screen, error_text(ERR_SYSTEM));
        settings_apply(screen);
}

/* ---- lists ---- */

/* Does a word of the name begin so, whatever the case? */
static bool matches(const char *name, struct slice typed)
{
        char folded[TEXT_FOLDED_SIZE], wanted[TEXT_FOLDED_SIZE];
        const char *at = folded;

        text_fold(slice_text(name), folded);
        text_fold(typed, wanted);
        while (at && strncmp(at, wanted, strlen(wanted)) != 0) {
                at = strpbrk(at, " @.-_");
                if (at)
                        at++;
        }
        return at != NULL;
}

static void add_room(struct model *model, const struct model_room *room)
{
        struct model_item *item = popup_add(&model->popup);

        if (!item)
                return;
        item->room = room->room;
        item->unread = (uint32_t)min_of(room->unread, (uint64_t)UINT32_MAX);
        snprintf(item->label, sizeof(item->label), "%s", room->name);
        if (room->kind != ROOM_SELF)
                snprintf(item->detail, sizeof(item->detail), "%s", room->detail);
}

static void fill_switch(struct screen *screen)
{
        struct model *model = &screen->model;
        struct slice typed = line_text(model->popup.input);
        struct id self = room_personal(model->me.user, model->me.user);

        model->popup.item_count = model->popup.chosen = model->popup.top = 0;
        for (size_t i = 0; i < model->room_count; i++)
                if (matches(model->rooms[i].name, typed) || matches(model->rooms[i].detail, typed))
                        add_room(model, &model->rooms[i]);
        if (!model_room(model, &self) && matches(text(TEXT_SELF_ROOM), typed)) {
                struct model_room notes = {.room = self, .kind = ROOM_SELF};

                snprintf(notes.name, sizeof(notes.name), "%s", text(TEXT_SELF_ROOM));
                add_room(model, &notes);
        }
        popup_say(&model->popup, false, model->popup.item_count ? "" : text(TEXT_SWITCH_NONE));
}

static void ask_people(struct screen *screen)
{
        struct model_popup_state *popup = &screen->model.popup;
        struct slice typed = line_text(popup->input);
        enum error error;

        if (typed.size > 0 && typed.data[0] == '@')
                typed = slice_of(typed.data + 1, typed.size - 1);
        popup->item_count = popup->chosen = popup->top = 0;
        if (popup->kind == POPUP_PEOPLE && groups_offer_link(screen, typed))
                return;
        if (typed.size < 2) {
                popup->busy = false;
                popup_say(popup, false, text(TEXT_PEOPLE_ASK));
                return;
        }
        error = core_find(screen_core(screen), typed, &screen->feed.people_request, host_time(screen->session->host));
        popup->busy = error == ERR_OK;
        if (error == ERR_AGAIN)
                popup_say(popup, true, text(TEXT_PEOPLE_OFFLINE));
        else if (error)
                popup_say(popup, true, text_error(error));
        host_settle(screen->session->host);
}

static void fill_pins(struct screen *screen)
{
        struct model *model = &screen->model;

        for (unsigned i = 0; i < model->pins.count; i++) {
                const struct model_pin *pin = &model->pins.list[i];
                struct model_item *item = popup_add(&model->popup);

                if (!item)
                        break;
                item->seq = pin->seq;
                item->user = pin->sender;
                item->time_ms = pin->time_ms;
                snprintf(item->label, sizeof(item->label), "%s", pin->said);
                feed_describe(&screen->feed, item);
        }
}

struct line *popups_line(struct screen *screen)
{
        struct model_popup_state *popup = &screen->model.popup;

        if (popup->kind == POPUP_SWITCH || popup->kind == POPUP_PEOPLE || popup->kind == POPUP_SEARCH ||
            popup->kind == POPUP_INVITE || popup->kind == POPUP_REACT || popup->kind == POPUP_FORWARD)
                return popup->input;
        return popup->field_count && !popup->busy ? popup->fields[popup->chosen].line : NULL;
}

void popups_typed(struct screen *screen)
{
        switch (screen->model.popup.kind) {
        case POPUP_SWITCH:
        case POPUP_FORWARD:
                fill_switch(screen);
                break;
        case POPUP_REACT:
                deeds_fill_reactions(screen);
                break;
        case POPUP_PEOPLE:
        case POPUP_INVITE:
                ask_people(screen);
                break;
        case POPUP_PINS:
                fill_pins(screen);
                break;
        case POPUP_SEARCH:
                feed_search(&screen->feed, line_text(screen->model.popup.input), screen->model.popup.everywhere);
                break;
        default:
                popup_say(&screen->model.popup, false, ""); /* what was wrong may be right now */
                break;
        }
}

/* Without an account one cannot get round the welcome. */
static void close_popup(struct screen *screen)
{
        if (screen->model.phase < CORE_OFFLINE)
                account_welcome(screen);
        else
                popup_close(&screen->model);
}

void popups_open(struct screen *screen, enum model_popup kind)
{
        if (screen->model.popup.kind == kind) {
                close_popup(screen);
                return;
        }
        popup_open(&screen->model, kind);
        screen->model.popup.everywhere = !screen->model.open;
        popups_typed(screen);
}

void popups_enter(struct screen *screen)
{
        struct model *model = &screen->model;
        struct model_item item = {0};
        enum model_popup kind = model->popup.kind;

        if (kind == POPUP_SETTINGS) {
                change_setting(screen, true);
                return;
        }
        if (kind >= POPUP_NEW_GROUP && kind <= POPUP_READERS) {
                groups_enter(screen);
                return;
        }
        if (kind == POPUP_MUTE) {
                keeping_enter(screen);
                return;
        }
        if (kind == POPUP_DELETE || kind == POPUP_REACT || kind == POPUP_FORWARD) {
                deeds_enter(screen);
                return;
        }
        if (kind == POPUP_BLOCK || kind == POPUP_BLOCKS) {
                blocks_enter(screen);
                return;
        }
        if (kind == POPUP_WELCOME || model->popup.field_count) {
                account_enter(screen);
                return;
        }
        if (model->popup.chosen >= model->popup.item_count)
                return;
        item = model->popup.items[model->popup.chosen];
        popup_close(model);
        if (kind == POPUP_SWITCH) {
                chats_open(screen, &item.room, NULL);
        } else if (kind == POPUP_PEOPLE && item.user == 0) {
                groups_join(screen, &item.room);
        } else if (kind == POPUP_PEOPLE) {
                struct id room = room_personal(model->me.user, item.user);

                chats_open(screen, &room, item.label);
        } else if (kind == POPUP_SEARCH || kind == POPUP_PINS) {
                if (!id_is_zero(&item.room))
                        chats_open(screen, &item.room, NULL);
                chats_jump(screen, item.seq, item.time_ms);
        }
}

static void step(struct model_popup_state *popup, int by)
{
        unsigned count = popup->kind == POPUP_SETTINGS ? SETTING_COUNT
                         : popup->field_count          ? popup->field_count
                                                       : popup->item_count;

        if (popup->kind == POPUP_HELP) {
                popup->top = by < 0 ? popup->top - min_of((unsigned)-by, popup->top) : popup->top + (unsigned)by;
                return;
        }
        if (by < 0)
                popup->chosen -= min_of((unsigned)-by, popup->chosen);
        else if (count > 0)
                popup->chosen = min_of(popup->chosen + (unsigned)by, count - 1);
}

void popups_act(struct screen *screen, enum action action)
{
        struct model_popup_state *popup = &screen->model.popup;

        if (popup->kind == POPUP_SEARCH && (action == ACT_NEXT || action == ACT_PREVIOUS)) {
                popup->everywhere = !popup->everywhere || !screen->model.open;
                popups_typed(screen);
                return;
        }
        switch (action) {
        case ACT_UP:
        case ACT_PREVIOUS:
                step(popup, -1);
                break;
        case ACT_DOWN:
        case ACT_NEXT:
                step(popup, 1);
                break;
        case ACT_PAGE_UP:
                step(popup, -10);
                break;
        case ACT_PAGE_DOWN:
                step(popup, 10);
                break;
        case ACT_LEFT:
        case ACT_RIGHT:
                change_setting(screen, action == ACT_RIGHT);
                break;
        case ACT_ENTER:
                popups_enter(screen);
                break;
        case ACT_BACK:
                close_popup(screen);
                break;
        default:
                break;
        }
}
