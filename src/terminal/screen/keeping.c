/*
 * How one keeps one's rooms: pinned, muted, archived; and drafts: what was begun in a room and not sent. All of it is a setting of the
 * user, so his other devices have it too.
 */
#include <stdio.h>

#include "base/assert.h"
#include "base/memory.h"
#include "rules/setting.h"
#include "terminal/screen/screen_inside.h"

#define DRAFT_PAUSE_MS 2000 /* so long after the last key what is being written is kept */

static const struct {
        enum text label;
        uint64_t ms; /* 0: for ever */
} mutes[] = {{TEXT_MUTE_HOUR, 3600000}, {TEXT_MUTE_NIGHT, 8 * 3600000}, {TEXT_MUTE_WEEK, 7 * 86400000}, {TEXT_MUTE_EVER, 0}};

/* ---- rooms ---- */

static void set(struct screen *screen, const struct id *room, enum room_setting setting, struct slice value, enum text said)
{
        enum error error = core_set_room(screen_core(screen), room, setting, value, host_time(screen->session->host));

        host_settle(screen->session->host);
        screen->feed.rooms_changed = true;
        screen_say(screen, error ? text_error(error) : text(said));
}

static void mute(struct screen *screen, const struct model_room *room)
{
        if (room->muted) {
                set(screen, &room->room, SETTING_MUTE, (struct slice){0}, TEXT_UNMUTED);
                return;
        }
        popup_open(&screen->model, POPUP_MUTE);
        for (size_t i = 0; i < countof(mutes); i++) {
                struct model_item *item = popup_add(&screen->model.popup);

                if (!item)
                        return;
                item->room = room->room;
                snprintf(item->label, sizeof(item->label), "%s", text(mutes[i].label));
        }
}

/* The keys stay where they are: at the one that follows. */
static void archive(struct screen *screen, const struct model_room *room)
{
        struct model *model = &screen->model;
        struct id id = room->room;
        char value[SETTING_NUMBER_MAX];
        bool away = room->archived;
        struct slice when = setting_number_write(max_of(room->time_ms, UINT64_C(1)), value);

        if (model->chosen_room + 1 < model_list_end(model))
                model->chosen_room++;
        else if (model->chosen_room > model_list_first(model))
                model->chosen_room--;
        set(screen, &id, SETTING_ARCHIVE, away ? (struct slice){0} : when, away ? TEXT_UNARCHIVED : TEXT_ARCHIVED);
}

/* From the list to the archive and back. */
static void turn_list(struct screen *screen)
{
        struct model *model = &screen->model;

        if (model->archived_count == 0 && !model->archive_shown) {
                screen_say(screen, text(TEXT_ARCHIVE_EMPTY));
                return;
        }
        model->archive_shown = !model->archive_shown;
        model->chosen_room = model->rooms_top = model_list_first(model);
}

bool keeping_act(struct screen *screen, enum action action)
{
        struct model *model = &screen->model;
        const struct model_room *room =
                model->chosen_room < model_list_end(model) ? &model->rooms[model->chosen_room] : NULL;
        char value[SETTING_NUMBER_MAX];

        if (action == ACT_ARCHIVE_LIST || (action == ACT_BACK && model->archive_shown)) {
                turn_list(screen);
                return true;
        }
        if (!room || (action != ACT_PIN && action != ACT_MUTE && action != ACT_ARCHIVE))
                return false;
        if (action == ACT_MUTE)
                mute(screen, room);
        else if (action == ACT_ARCHIVE)
                archive(screen, room);
        else if (room->pinned)
                set(screen, &room->room, SETTING_PIN, (struct slice){0}, TEXT_UNPINNED);
        else
                set(screen, &room->room, SETTING_PIN, setting_number_write(host_time(screen->session->host).wall_ms, value),
                    TEXT_PINNED);
        return true;
}

void keeping_enter(struct screen *screen)
{
        struct model_popup_state *popup = &screen->model.popup;
        unsigned chosen = popup->chosen;
        char until[SETTING_NUMBER_MAX];
        struct slice value = SLICE_LITERAL("forever");
        struct id room;

        if (chosen >= popup->item_count || chosen >= countof(mutes))
                return;
        room = popup->items[chosen].room;
        popup_close(&screen->model);
        if (mutes[chosen].ms)
                value = setting_number_write(host_time(screen->session->host).wall_ms + mutes[chosen].ms, until);
        set(screen, &room, SETTING_MUTE, value, TEXT_MUTED);
}

/* ---- drafts ---- */

/* What is being written, as a draft's value. */
static struct slice draft_now(const struct screen *screen, char value[static DRAFT_VALUE_SIZE])
{
        const struct model *model = &screen->model;
        struct slice said = line_text(model->compose);
        uint64_t seq = model->about.kind == ABOUT_REPLY ? model->about.quote.seq : 0;
        int size = snprintf(value, DRAFT_VALUE_SIZE, "%llu ", (unsigned long long)seq);

        if (said.size == 0 && seq == 0)
                return (struct slice){0};
        if (size < 0 || (size_t)size + said.size > DRAFT_VALUE_SIZE) /* longer than a setting may be: as it was */
                return slice_of(screen->draft_known, screen->draft_known_size);
        if (said.size)
                memcpy(value + size, said.data, said.size);
        return slice_of(value, (size_t)size + said.size);
}

static bool is_drafting(const struct screen *screen)
{
        return screen->model.open && screen->model.about.kind != ABOUT_EDIT && screen->model.phase >= CORE_OFFLINE;
}

static void remember(struct screen *screen, struct slice value)
{
        check(value.size <= sizeof(screen->draft_known));
        if (value.size)
                memmove(screen->draft_known, value.data, value.size);
        screen->draft_known_size = value.size;
}

static struct slice known(const struct screen *screen)
{
        return slice_of(screen->draft_known, screen->draft_known_size);
}

void keeping_save_draft(struct screen *screen)
{
        char value[DRAFT_VALUE_SIZE];
        struct slice now;

        if (!is_drafting(screen))
                return;
        now = draft_now(screen, value);
        if (slice_equal(now, known(screen)))
                return;
        if (core_set_room(screen_core(screen), &screen->model.at.room, SETTING_DRAFT, now,
                          host_time(screen->session->host)) == ERR_OK)
                remember(screen, now);
        host_settle(screen->session->host);
}

void keeping_load_draft(struct screen *screen)
{
        struct model *model = &screen->model;
        char key[SETTING_KEY_MAX];
        struct core_setting setting;
        struct slice said;
        uint64_t reply_to;

        (void)core_setting(screen_core(screen), setting_key_of(SETTING_DRAFT, &model->at.room, key), &setting);
        remember(screen, setting.value.size <= sizeof(screen->draft_known) ? setting.value : (struct slice){0});
        line_clear(model->compose);
        model->about = (struct model_about){0};
        if (!setting_draft_read(setting.value, &reply_to, &said))
                return;
        if (said.size)
                line_set(model->compose, said);
        if (reply_to) {
                model->about = (struct model_about){.kind = ABOUT_REPLY, .quote.seq = reply_to};
                feed_quote(&screen->feed, &model->about.quote);
        }
}

/* What another device wrote takes the place of what was there, unless something was typed here since. */
static void take_draft(struct screen *screen)
{
        char value[DRAFT_VALUE_SIZE], key[SETTING_KEY_MAX];
        struct core_setting setting;

        (void)core_setting(screen_core(screen), setting_key_of(SETTING_DRAFT, &screen->model.at.room, key), &setting);
        if (!slice_equal(setting.value, known(screen)) && slice_equal(draft_now(screen, value), known(screen)))
                keeping_load_draft(screen);
}

void keeping_turn(struct screen *screen)
{
        if (!is_drafting(screen))
                return;
        if (screen->feed.settings_changed)
                take_draft(screen);
        screen->feed.settings_changed = false;
        if (screen->key_ms + DRAFT_PAUSE_MS <= host_time(screen->session->host).now_ms)
                keeping_save_draft(screen);
}

bool keeping_at_rest(struct screen *screen)
{
        char key[SETTING_KEY_MAX];
        struct core_setting setting;

        if (!screen->model.open)
                return true;
        (void)core_setting(screen_core(screen), setting_key_of(SETTING_DRAFT, &screen->model.at.room, key), &setting);
        return !setting.waits;
}
