/*
 * The loop: waits for the network and the keyboard, lets keys act, brings the model up to date, draws.
 *
 *      keys → keymap → chats.c, popups.c, account.c → core;  core → feed.c → model → view → display
 */
#include "terminal/screen/screen.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/memory.h"
#include "rules/row.h"
#include "terminal/screen/display.h"
#include "terminal/screen/screen_inside.h"

#define TURN_MS       1000
#define WHEEL_LINES   3
#define NOTE_MS       8000
#define READ_SIZE     1024
#define LEAVE_WAIT_MS 1500 /* for what was typed and read last */

struct core *screen_core(struct screen *screen)
{
        return screen->session->host->core;
}

void screen_say(struct screen *screen, const char *said)
{
        snprintf(screen->model.note, sizeof(screen->model.note), "%s", said);
        text_begin(screen->model.note);
        screen->note_ms = host_time(screen->session->host).now_ms;
}

/* The keys that one may press come back by themselves. */
static void forget_note(struct screen *screen)
{
        if (screen->model.note[0] && host_time(screen->session->host).now_ms >= screen->note_ms + NOTE_MS)
                screen->model.note[0] = '\0';
}

/* ---- keys ---- */

static unsigned places(const struct screen *screen)
{
        if (screen->model.popup.kind == POPUP_SETTINGS)
                return PLACE_POPUP | PLACE_SETTINGS;
        if (screen->model.popup.kind == POPUP_GROUP)
                return PLACE_POPUP | PLACE_GROUP;
        if (screen->model.popup.kind != POPUP_NONE)
                return PLACE_POPUP;
        switch (screen->model.focus) {
        case FOCUS_ROOMS:
                return PLACE_ROOMS;
        case FOCUS_LOG:
                return PLACE_LOG;
        case FOCUS_COMPOSE:
                return PLACE_COMPOSE;
        }
        unreachable();
}

/* Where typed characters go; NULL: nowhere. */
static struct line *line_of(struct screen *screen)
{
        if (screen->model.popup.kind != POPUP_NONE)
                return popups_line(screen);
        return screen->model.open && !screen->model.at.left && screen->model.focus != FOCUS_ROOMS ? screen->model.compose
                                                                                                  : NULL;
}

static void type(struct screen *screen, struct slice text)
{
        struct line *line = line_of(screen);

        if (!line)
                return;
        if (screen->model.focus == FOCUS_LOG && screen->model.popup.kind == POPUP_NONE) {
                screen->model.focus = FOCUS_COMPOSE;
                screen->model.log.marked = SIZE_MAX;
        }
        line_insert(line, text);
        if (line == screen->model.compose)
                feed_types(&screen->feed);
        popups_typed(screen);
}

/* The same wherever one is. True: it was one of these. */
static bool act_anywhere(struct screen *screen, enum action action)
{
        switch (action) {
        case ACT_HELP:
                popups_open(screen, POPUP_HELP);
                return true;
        case ACT_SETTINGS:
                popups_open(screen, POPUP_SETTINGS);
                return true;
        case ACT_SWITCH:
        case ACT_PEOPLE:
        case ACT_SEARCH:
                if (screen->model.phase >= CORE_OFFLINE)
                        popups_open(screen, action == ACT_SWITCH   ? POPUP_SWITCH
                                            : action == ACT_PEOPLE ? POPUP_PEOPLE
                                                                   : POPUP_SEARCH);
                return true;
        case ACT_PINS:
                if (screen->model.open && screen->model.pins.count == 0 && screen->model.popup.kind == POPUP_NONE)
                        screen_say(screen, text(TEXT_PINS_NONE));
                else if (screen->model.open && screen->model.phase >= CORE_OFFLINE)
                        popups_open(screen, POPUP_PINS);
                return true;
        case ACT_REDRAW:
                display_redraw();
                return true;
        case ACT_SUSPEND:
                display_suspend();
                host_hurry(screen->session->host);
                return true;
        case ACT_CLEAR:
                if (screen->model.popup.kind == POPUP_NONE && screen->model.compose->size > 0)
                        (void)line_take(screen->model.compose); /* into the history */
                else
                        screen->ended = true;
                return true;
        case ACT_LEAVE:
                screen->ended = true;
                return true;
        default:
                return false;
        }
}

static void press(struct screen *screen, const struct key *key)
{
        size_t index;
        enum hit_kind hit = view_hit(&screen->model, screen->rows, screen->columns, key->row, key->column, &index);

        switch (hit) {
        case HIT_ROOM:
                screen->model.chosen_room = index;
                chats_open(screen, &screen->model.rooms[index].room, NULL);
                break;
        case HIT_ROW:
                if (screen->model.log.rows[index]->kind != ROW_TEXT)
                        break;
                screen->model.log.marked = index;
                screen->model.focus = FOCUS_LOG;
                break;
        case HIT_ITEM:
                screen->model.popup.chosen = (unsigned)index;
                popups_enter(screen);
                break;
        case HIT_PIN:
                chats_jump(screen, screen->model.pins.list[0].seq, 0);
                break;
        case HIT_COMPOSE:
        case HIT_LOG:
                screen->model.focus = FOCUS_COMPOSE;
                screen->model.log.marked = SIZE_MAX;
                break;
        case HIT_NOTHING:
                break;
        }
}

static void wheel(struct screen *screen, const struct key *key)
{
        struct model *model = &screen->model;
        struct layout layout = view_layout(model, screen->rows, screen->columns);
        bool up = key->code == KEY_WHEEL_UP;
        size_t first = model_list_first(model), end = model_list_end(model), last = end > first ? end - 1 : first;

        if (model->popup.kind != POPUP_NONE)
                popups_act(screen, up ? ACT_UP : ACT_DOWN);
        else if (layout.list.rows && key->column < layout.list.column + layout.list.columns && model->focus == FOCUS_ROOMS)
                model->chosen_room =
                        up ? model->chosen_room - (model->chosen_room > first) : min_of(model->chosen_room + 1, last);
        else if (layout.log.rows)
                view_scroll(model, screen->rows, screen->columns, up ? WHEEL_LINES : -WHEEL_LINES);
}

/* True: it was none of the keyboard's. */
static bool take_report(struct screen *screen, const struct key *key)
{
        switch (key->code) {
        case KEY_PASTE:
                type(screen, key->text);
                return true;
        case KEY_MOUSE_PRESS:
                press(screen, key);
                return true;
        case KEY_WHEEL_UP:
        case KEY_WHEEL_DOWN:
                wheel(screen, key);
                return true;
        case KEY_FOCUS_IN:
        case KEY_FOCUS_OUT:
                screen->feed.focused = key->code == KEY_FOCUS_IN;
                return true;
        case KEY_GROUND:
                if (screen->light != key->light) {
                        screen->light = key->light;
                        settings_apply(screen);
                }
                return true;
        default:
                return false;
        }
}

static void take_key(struct screen *screen, const struct key *key)
{
        const struct binding *binding;
        struct line *line;

        if (take_report(screen, key))
                return;
        screen->model.note[0] = '\0';
        screen->key_ms = host_time(screen->session->host).now_ms;
        binding = keymap_find(key, places(screen));
        if (binding->action == ACT_EDIT) {
                line = line_of(screen);
                if (line && line_do(line, binding->edit))
                        popups_typed(screen);
        } else if (binding->action == ACT_NONE) {
                if (key->code == KEY_CHARACTER && key->modifiers == 0)
                        type(screen, key->text);
        } else if (!act_anywhere(screen, binding->action) && !groups_act(screen, binding->action) &&
                   !blocks_act(screen, binding->action)) {
                if (screen->model.popup.kind != POPUP_NONE)
                        popups_act(screen, binding->action);
                else
                        chats_act(screen, binding->action);
        }
}

static void take_input(struct screen *screen)
{
        char bytes[READ_SIZE];
        ssize_t got = read(STDIN_FILENO, bytes, sizeof(bytes));
        struct key key;

        if (got <= 0)
                screen->ended = true;
        for (ssize_t i = 0; i < got && !screen->ended; i++)
                if (keys_byte(&screen->keys, bytes[i], &key))
                        take_key(screen, &key);
}

/* ---- drawing ---- */

static void update_title(struct screen *screen)
{
        uint64_t unread = 0;

        for (size_t i = 0; i < screen->model.room_count; i++)
                if (!screen->model.rooms[i].muted)
                        unread += screen->model.rooms[i].unread;
                else
                        unread += model_room_calls(&screen->model.rooms[i]);
        if (unread != screen->title_unread)
                display_title(unread);
        screen->title_unread = unread;
}

/* What scrolling has come to the edge of is fetched. */
static void fetch_more(struct screen *screen)
{
        struct model *model = &screen->model;
        struct model_log *log = &model->log;

        if (!model->open)
                return;
        if (log->older_there && !log->problem && !log->fetching && view_at_top(model, screen->rows, screen->columns))
                feed_older(&screen->feed);
        if (log->newer_there && log->count && log->bottom + 1 == log->count && log->below == 0)
                feed_newer(&screen->feed);
}

static void draw(struct screen *screen)
{
        struct model *model = &screen->model;
        bool chat_seen;

        display_size(&screen->rows, &screen->columns);
        if (grid_resize(&screen->grid, screen->rows, screen->columns) != ERR_OK)
                return; /* the old picture stays until there is memory */
        feed_update(&screen->feed, screen->rows);
        feed_watch(&screen->feed, screen->rows);
        blocks_update(screen);
        account_update(screen);
        groups_update(screen);
        if (screen->feed.jump.arrived)
                chats_arrive(screen);
        forget_note(screen);
        view_settle(model, screen->rows, screen->columns);
        fetch_more(screen);
        host_settle(screen->session->host);
        view_settle(model, screen->rows, screen->columns);
        view_draw(model, &screen->grid);
        display_show(&screen->grid);
        update_title(screen);
        chat_seen = model->open && view_layout(model, screen->rows, screen->columns).log.rows > 0;
        if (chat_seen && model->phase >= CORE_OFFLINE)
                feed_read(&screen->feed, view_read_seq(model));
        if (screen->feed.come && model->settings[SETTING_BELL])
                display_bell();
        screen->feed.come = 0;
}

static void turn(struct screen *screen)
{
        bool waiting = keys_waiting(&screen->keys);
        struct key key;
        unsigned asked;

        if (host_turn(screen->session->host, (int)feed_search_wait(&screen->feed, waiting ? KEYS_LAPSE_MS : TURN_MS)))
                take_input(screen);
        else if (waiting && keys_lapse(&screen->keys, &key))
                take_key(screen, &key);
        asked = display_signals();
        if (asked & DISPLAY_END)
                screen->ended = true;
        if (asked & DISPLAY_RESIZED)
                display_redraw();
        if (asked & DISPLAY_STOP)
                display_suspend();
        host_settle(screen->session->host);
        keeping_turn(screen);
        if (screen->model.popup.kind == POPUP_SETTINGS)
                settings_follow(screen);
        if (!screen->ended)
                draw(screen);
}

/* ---- start and end ---- */

/* Nothing is left to tell the server of what was typed and read. */
static bool is_at_rest(void *context)
{
        struct screen *screen = context;
        struct core_room_info info;

        if (screen->model.queued > 0 || !keeping_at_rest(screen))
                return false;
        return !screen->model.open || core_room_info(screen_core(screen), &screen->model.at.room, &info) != ERR_OK ||
               (info.queued == 0 && info.marks.read >= min_of(screen->feed.told_seq, info.head));
}

bool screen_is_possible(void)
{
        const char *term = getenv("TERM");

        return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && term && *term && strcmp(term, "dumb") != 0;
}

static int run(struct screen *screen)
{
        struct host *host = screen->session->host;

        if (host_watch(host, STDIN_FILENO) != ERR_OK)
                return session_complain(EXIT_USAGE, "standard input cannot be waited on");
        if (!display_open())
                return session_complain(EXIT_USAGE,
                                        "this terminal cannot show a full screen (TERM=%s): galka chat ROOM does",
                                        getenv("TERM") ? getenv("TERM") : "");
        settings_apply(screen);
        screen->feed.rooms_changed = screen->feed.outbox_changed = true;
        draw(screen);
        while (!screen->ended && !screen->session->host->storage_failed)
                turn(screen);
        display_close();
        keeping_save_draft(screen);
        host = screen->session->host;
        if (core_phase(host->core) >= CORE_READY && !host->storage_failed)
                host_wait_reachable(host, is_at_rest, screen, LEAVE_WAIT_MS);
        if (host->storage_failed)
                return session_complain(EXIT_DISK, "the profile cannot be written");
        return EXIT_DONE;
}

int command_screen(struct session *session, int count, char **words)
{
        struct screen *screen;
        struct id room;
        int result = session_need_lead(session);

        if (result == EXIT_DONE && count > 0)
                result = session_find_room(session, words[0], &room);
        if (result != EXIT_DONE)
                return result;
        screen = memory_new(sizeof(*screen));
        if (!screen || model_init(&screen->model) != ERR_OK) {
                memory_free(screen);
                return session_complain(EXIT_REFUSED, "%s", error_text(ERR_NO_MEMORY));
        }
        screen->session = session;
        screen->model.compose->several = true;
        screen->feed = (struct feed){.session = session, .model = &screen->model, .focused = true};
        screen->title_unread = UINT64_MAX;
        settings_load(screen);
        host_set_listener(session->host, feed_event, &screen->feed);
        screen->feed.rooms_changed = screen->feed.outbox_changed = true;
        feed_update(&screen->feed, 0);
        if (screen->model.phase < CORE_OFFLINE)
                account_welcome(screen);
        else if (count > 0)
                chats_open(screen, &room, NULL);
        result = run(screen);
        host_set_listener(session->host, NULL, NULL);
        chats_free_drafts(screen);
        grid_finish(&screen->grid);
        model_finish(&screen->model);
        memory_free(screen);
        return result;
}
