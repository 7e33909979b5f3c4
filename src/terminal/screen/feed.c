/* Core and file on one side, plain data on the other. */
#include "terminal/screen/feed.h"

#include <stdio.h>

#include "base/assert.h"
#include "base/memory.h"
#include "rules/mention.h"
#include "rules/room.h"
#include "rules/row.h"
#include "rules/setting.h"
#include "terminal/safe.h"

#define ROWS_A_PAGE 100
#define MINUTE_MS   60000

static struct core *core_of(struct feed *feed)
{
        return feed->session->host->core;
}

static bool is_open(const struct feed *feed, const struct id *room)
{
        return feed->model->open && id_equal(&feed->model->at.room, room);
}

/* ---- rooms ---- */

static void describe_room(struct feed *feed, struct model_room *to, const struct core_room_info *info)
{
        struct model *model = feed->model;

        to->room = info->room;
        to->kind = info->kind;
        to->left = info->left;
        to->head = info->head;
        to->unread = info->unread;
        to->time_ms = info->last_time_ms;
        to->queued = info->queued;
        to->peer = info->kind == ROOM_PERSONAL ? room_peer(&info->room, model->me.user) : 0;
        to->detail[0] = '\0';
        to->role = info->role;
        to->members = (uint32_t)min_of(info->members, (uint64_t)UINT32_MAX);
        if (info->kind == ROOM_GROUP) {
                safe_copy(info->title, to->name, sizeof(to->name));
                if (!to->name[0])
                        snprintf(to->name, sizeof(to->name), "%s", text(TEXT_GROUP_TITLE));
                if (info->members && !info->left)
                        text_plural(to->detail, sizeof(to->detail), PLURAL_MEMBERS, info->members);
                return;
        }
        if (info->kind == ROOM_SELF) {
                snprintf(to->name, sizeof(to->name), "%s", text(TEXT_SELF_ROOM));
                snprintf(to->detail, sizeof(to->detail), "%s", text(TEXT_SELF_DETAIL));
                return;
        }
        model_know(model, &info->peer);
        if (to->peer && model_person(model, to->peer)) {
                const struct model_person *peer = model_person(model, to->peer);

                snprintf(to->name, sizeof(to->name), "%s", peer->name);
                snprintf(to->detail, sizeof(to->detail), "%s%.130s", peer->user_name[0] ? "@" : "", peer->user_name);
        } else if (to->peer) {
                snprintf(to->name, sizeof(to->name), "%s", model_name(model, to->peer));
        }
}

/* Where the room stood in the list before: mostly at the same place or one above. */
static const struct model_room *stood_at(const struct model_room *rooms, size_t count, size_t place, const struct id *room)
{
        for (size_t i = place > 0 ? place - 1 : 0; i < count && i <= place + 1; i++)
                if (id_equal(&rooms[i].room, room))
                        return &rooms[i];
        for (size_t i = 0; i < count; i++)
                if (id_equal(&rooms[i].room, room))
                        return &rooms[i];
        return NULL;
}

static void keep_last(struct model_room *to, const struct model_room *before)
{
        to->last_head = before->last_head;
        to->last_seq = before->last_seq;
        to->last_kind = before->last_kind;
        to->last_role = before->last_role;
        to->last_sender = before->last_sender;
        to->last_subject = before->last_subject;
        to->last_heir = before->last_heir;
        to->last_mine = before->last_mine;
        to->last_state = before->last_state;
        to->failed = before->failed;
        to->mentions = before->mentions;
        to->mentions_more = before->mentions_more;
        to->mention_head = before->mention_head;
        to->mention_unread = before->mention_unread;
        to->mention_hole = before->mention_hole;
        memcpy(to->last, before->last, sizeof(to->last));
}

/* The old list is kept while the new one is made, for what was read for it. */
static void update_rooms(struct feed *feed)
{
        struct model *model = feed->model;
        struct core_room_info info;
        size_t old_count = model->room_count, count = 0, wanted, archived;
        struct id chosen = old_count ? model->rooms[model->chosen_room].room : (struct id){0};
        struct feed_place *places = feed_order(core_of(feed), model->now_ms, &wanted, &archived);

        model_rooms_swap(model);
        for (size_t i = 0; i < wanted && core_room_at(core_of(feed), places[i].index, &info); i++) {
                const struct model_room *before = stood_at(model->rooms_before, old_count, i, &info.room);

                if (!model_rooms_reserve(model, count + 1))
                        break;
                model->rooms[count] = (struct model_room){0};
                if (before)
                        keep_last(&model->rooms[count], before);
                describe_room(feed, &model->rooms[count], &info);
                feed_describe_settings(core_of(feed), model->now_ms, &model->rooms[count]);
                if (old_count && id_equal(&info.room, &chosen))
                        model->chosen_room = count;
                if (is_open(feed, &info.room))
                        model->at = model->rooms[count];
                count++;
        }
        model->room_count = count;
        model->archived_count = count == wanted ? archived : 0;
        model->archive_shown &= model->archived_count > 0;
        memory_free(places);
}

struct last {
        struct feed *feed;
        struct model_room *room;
};

static void take_last(void *context, struct slice key, struct slice value)
{
        struct last *last = context;
        struct wire_row row;

        (void)key;
        if (core_row_decode(value, &row) != ERR_OK)
                return;
        last->room->last_seq = row.seq;
        last->room->last_kind = (uint8_t)row.kind;
        last->room->last_role = (uint8_t)row.role;
        last->room->last_subject = row.subject;
        last->room->last_heir = row.heir;
        last->room->last_sender = row.sender;
        last->room->last_mine = row.sender == last->feed->model->me.user;
        if (session_hides(last->feed->session, &last->room->room, &row))
                row.text = slice_text(text(TEXT_HIDDEN_LAST));
        model_copy_line(row.text, last->room->last, sizeof(last->room->last));
}

/* The last message, and how far it has got. */
static void update_last(struct feed *feed, struct model_room *room)
{
        struct last last = {feed, room};
        uint8_t from[CORE_KEY_SIZE_MAX], to[CORE_KEY_SIZE_MAX];
        size_t from_size = core_key_row(&room->room, 0, from), to_size = core_key_row(&room->room, UINT64_MAX, to);

        if (room->last_head != room->head && room->queued == 0) {
                room->last[0] = '\0';
                room->last_kind = 0;
                room->last_mine = false;
                if (file_range(feed->session->file, slice_of(from, from_size), slice_of(to, to_size), 1, true, take_last,
                               &last) != ERR_OK)
                        feed->session->host->storage_failed = true;
                room->last_head = room->head;
        }
        feed_know(feed, room->last_sender);
        feed_know(feed, room->last_subject);
        feed_know(feed, room->last_heir);
        if (room->last_mine && room->queued == 0)
                room->last_state = (uint8_t)core_row_state(core_of(feed), &room->room, room->last_seq, feed->model->me.user);
}

/* ---- rows ---- */

void feed_row(struct feed *feed, const struct wire_row *row)
{
        bool mine = row->sender == feed->model->me.user;
        enum core_message_state state = CORE_MESSAGE_SENT;
        struct model_row *shown;

        if (mine)
                state = core_row_state(core_of(feed), &feed->model->at.room, row->seq, row->sender);
        shown = log_row_new(row, mine, state);
        if (!shown)
                return;
        if (row->pinned)
                feed_pin(feed, row);
        feed_quote(feed, &shown->quote);
        shown->hidden = session_hides(feed->session, &feed->model->at.room, row);
        shown->mentions = !mine && !shown->hidden && mention_has(row->text, slice_text(feed->model->me.user_name));
        feed_know(feed, row->sender);
        feed_know(feed, row->subject);
        log_put(&feed->model->log, shown);
}

static void take_stored(void *context, struct slice key, struct slice value)
{
        struct wire_row row;

        (void)key;
        if (core_row_decode(value, &row) == ERR_OK)
                feed_row(context, &row);
}

/* Rows with from ≤ seq < to of the open room, at most a page: the last ones, or the first ones. */
static void load(struct feed *feed, uint64_t from, uint64_t to, bool last)
{
        uint8_t low[CORE_KEY_SIZE_MAX], high[CORE_KEY_SIZE_MAX];
        size_t low_size = core_key_row(&feed->model->at.room, from, low);
        size_t high_size = core_key_row(&feed->model->at.room, to, high);

        if (from < to && file_range(feed->session->file, slice_of(low, low_size), slice_of(high, high_size), ROWS_A_PAGE,
                                    last, take_stored, feed) != ERR_OK)
                feed->session->host->storage_failed = true;
}

uint64_t feed_hole_top(struct feed *feed)
{
        struct core_room_info info;

        return core_room_info(core_of(feed), &feed->model->at.room, &info) == ERR_OK ? info.hole_top : 0;
}

static void look_for_older(struct feed *feed, size_t got)
{
        struct model_log *log = &feed->model->log;
        uint64_t first = log->count ? log->rows[0]->seq : 0;

        log->older_there = first != 1 && (got == ROWS_A_PAGE || feed_hole_top(feed) > 0);
}

static void load_newest(struct feed *feed)
{
        feed->head = feed->model->at.head;
        load(feed, feed_hole_top(feed) + 1, UINT64_MAX, true);
        look_for_older(feed, feed->model->log.count);
        feed_outbox(feed);
        log_follow(&feed->model->log);
}

void feed_open(struct feed *feed, const struct id *room, const char *name)
{
        struct model *model = feed->model;
        struct core_room_info info;
        const struct model_room *line = model_room(model, room);

        log_clear(&model->log);
        feed_pins_forget(feed);
        feed->jump = (struct feed_jump){0};
        model->open = true;
        model->member_count = 0;
        model->members_known = model->link_known = model->link_wanted = model->link_making = false;
        model->at = (struct model_room){.room = *room, .kind = (uint8_t)room_kind_of(room)};
        feed->told_seq = 0;
        if (line) {
                model->at = *line;
        } else {
                struct core_room_info made_up = {.room = *room, .kind = (uint8_t)room_kind_of(room)};

                describe_room(feed, &model->at, &made_up);
                if (name)
                        snprintf(model->at.name, sizeof(model->at.name), "%s", name);
        }
        if (core_room_info(core_of(feed), room, &info) == ERR_OK && info.unread > 0)
                model->log.unread_seq = info.marks.read + 1;
        load_newest(feed);
        feed->members_wanted = model->at.kind == ROOM_GROUP;
        if (model->log.count == 0 && model->log.older_there)
                feed_older(feed);
}

void feed_older(struct feed *feed)
{
        struct model_log *log = &feed->model->log;
        uint64_t first = log->count && log->rows[0]->seq ? log->rows[0]->seq : UINT64_MAX;
        uint64_t hole = feed_hole_top(feed);
        size_t before = log->count;

        if (log->fetching || !log->older_there)
                return;
        if (log->window) {
                feed_window_on(feed, true);
                return;
        }
        load(feed, hole + 1, first, true);
        if (log->count > before || hole == 0) {
                look_for_older(feed, log->count - before);
                log_trim(log);
                return;
        }
        /* The first that is not there is the hole's upper end. */
        log->fetching = core_history(core_of(feed), &feed->model->at.room, hole >= ROWS_A_PAGE ? hole - ROWS_A_PAGE + 1 : 1,
                                     ROWS_A_PAGE, host_time(feed->session->host)) == ERR_OK;
        if (!log->fetching)
                log->problem = ERR_AGAIN;
}

void feed_newer(struct feed *feed)
{
        struct model_log *log = &feed->model->log;
        uint64_t last = log->count ? log->rows[log->count - 1]->seq : 0;
        size_t before = log->count;

        if (!log->newer_there)
                return;
        if (log->window && last < feed_hole_top(feed)) {
                feed_window_on(feed, false);
                return;
        }
        load(feed, last + 1, UINT64_MAX, false);
        log->newer_there = log->count - before == ROWS_A_PAGE; /* a head may be the number of what made no row */
        log_trim(log);
        feed_outbox(feed);
}

void feed_newest(struct feed *feed)
{
        uint64_t unread = feed->model->log.unread_seq;

        feed->jump.asked = false; /* what comes of a window does not belong here any more */
        log_clear(&feed->model->log);
        feed->model->log.unread_seq = unread;
        load_newest(feed);
}

size_t feed_around(struct feed *feed, uint64_t seq)
{
        struct model_log *log = &feed->model->log;
        size_t place = log_place(log, seq);

        if (place < log->count && log->rows[place]->seq == seq)
                return place;
        log_clear(log);
        feed->head = feed->model->at.head;
        load(feed, feed_hole_top(feed) + 1, seq, true);
        look_for_older(feed, log->count);
        place = log->count;
        load(feed, seq, UINT64_MAX, false);
        log->newer_there = log->count - place == ROWS_A_PAGE;
        log->following = false;
        feed_outbox(feed);
        place = log_place(log, seq);
        return place < log->count && log->rows[place]->seq == seq ? place : SIZE_MAX;
}

void feed_read(struct feed *feed, uint64_t seq)
{
        if (!feed->focused || seq <= feed->told_seq)
                return;
        feed->told_seq = seq;
        core_read(core_of(feed), &feed->model->at.room, seq, host_time(feed->session->host));
}

/* ---- events ---- */

/* In a muted room only what mentions one. */
static bool calls(struct feed *feed, const struct core_event *event)
{
        struct room_settings settings = core_room_settings(core_of(feed), &event->room);

        return !room_is_muted(&settings, feed->model->now_ms) ||
               mention_has(event->row.text, slice_text(feed->model->me.user_name));
}

static void on_row(struct feed *feed, const struct core_event *event)
{
        struct model_log *log = &feed->model->log;
        const struct wire_row *row = &event->row;
        bool mine = row->sender == feed->model->me.user, was_there, fresh;
        size_t place;

        feed->rooms_changed = true;
        if (!mine && row->seq == row->changed && calls(feed, event) && !session_hides(feed->session, &event->room, row))
                feed->come++;
        if (!is_open(feed, &event->room))
                return;
        feed_pins_row(feed, row);
        place = log_place(log, row->seq);
        was_there = place < log->count && log->rows[place]->seq == row->seq;
        if (place == 0 && !was_there && log->count > 0 && log->rows[0]->seq) {
                log->older_there = true;
                return;
        }
        fresh = !mine && !was_there && row->seq > feed->head; /* and not of before, fetched in the background */
        if (log->newer_there && !was_there) {
                log->come += fresh;
                return;
        }
        if (fresh && log->unread_seq == 0 && (!log->following || !feed->focused))
                log->unread_seq = row->seq;
        if (fresh && !log->following)
                log->come++;
        feed_row(feed, row);
        log_trim(log);
        if (row->kind == ROW_JOINED || row->kind == ROW_LEFT || row->kind == ROW_ROLE || row->kind == ROW_LINK)
                feed->members_wanted = true;
}

/* Whom one blocks changed: what is shown of them does. */
static void on_blocks(struct feed *feed)
{
        struct model *model = feed->model;

        for (size_t i = 0; i < model->log.count; i++) {
                struct model_row *row = model->log.rows[i];
                const struct wire_row written = {.kind = row->kind, .sender = row->sender};

                row->hidden = session_hides(feed->session, &model->at.room, &written);
        }
        for (size_t i = 0; i < model->room_count; i++)
                model->rooms[i].last_head = UINT64_MAX;
        feed->rooms_changed = true;
}

static void on_ticks(struct feed *feed)
{
        struct model *model = feed->model;

        for (size_t i = 0; i < model->log.count; i++) {
                struct model_row *row = model->log.rows[i];

                if (row->mine && row->seq)
                        row->state = (uint8_t)core_row_state(core_of(feed), &model->at.room, row->seq, row->sender);
        }
}

static void on_history(struct feed *feed, const struct core_event *event)
{
        struct model_log *log = &feed->model->log;

        if (log->window) /* it was left meanwhile */
                return;
        log->fetching = false;
        log->problem = event->error;
        if (!event->error)
                feed_older(feed);
}

static void on_phase(struct feed *feed)
{
        struct model_log *log = &feed->model->log;

        if (core_phase(core_of(feed)) >= CORE_READY)
                log->problem = ERR_OK;
        feed->rooms_changed = true;
}

/* A question was not answered, or refused. */
static void on_failed(struct feed *feed, const struct core_event *event)
{
        if (id_equal(&event->id, &feed->people_request) && feed->model->popup.busy) {
                feed->people_asked = feed->model->popup.busy = false;
                popup_say(&feed->model->popup, true, text_error(event->error));
        }
        if (feed->jump.asked && id_equal(&event->id, &feed->jump.request))
                feed_window_failed(feed, event->error);
        if (id_equal(&event->id, &feed->pins.request))
                feed->pins.asked = false;
        if (feed->search.asked && id_equal(&event->id, &feed->search.request))
                feed_search_failed(feed, event->error);
}

static void on_forgotten(struct feed *feed)
{
        log_clear(&feed->model->log);
        feed_pins_forget(feed);
        feed->jump = (struct feed_jump){0};
        feed->model->about = (struct model_about){0};
        feed->rooms_changed = feed->outbox_changed = true;
}

void feed_event(void *context, const struct core_event *event)
{
        struct feed *feed = context;

        switch (event->kind) {
        case CORE_EVENT_ROW:
                on_row(feed, event);
                break;
        case CORE_EVENT_MESSAGE:
                if (event->state == CORE_MESSAGE_FAILED)
                        feed_note_error(feed, &event->id, event->error);
                feed->outbox_changed = true;
                break;
        case CORE_EVENT_TICKS:
                if (is_open(feed, &event->room))
                        on_ticks(feed);
                feed->rooms_changed = true;
                break;
        case CORE_EVENT_SETTING:
                feed->rooms_changed = feed->settings_changed = true;
                break;
        case CORE_EVENT_HISTORY:
                if (is_open(feed, &event->room))
                        on_history(feed, event);
                break;
        case CORE_EVENT_PEOPLE:
                if (id_equal(&event->id, &feed->people_request))
                        feed_take_people(feed, event);
                break;
        case CORE_EVENT_FAILED:
                on_failed(feed, event);
                break;
        case CORE_EVENT_FOUND:
                if (id_equal(&event->id, &feed->search.request))
                        feed_take_found(feed, event);
                break;
        case CORE_EVENT_NAMES:
                feed_take_names(feed);
                on_phase(feed);
                break;
        case CORE_EVENT_WINDOW:
                if (feed->jump.asked && id_equal(&event->id, &feed->jump.request) && is_open(feed, &event->room))
                        feed_take_window(feed, event);
                break;
        case CORE_EVENT_PINS:
                if (feed->pins.asked && id_equal(&event->id, &feed->pins.request) && is_open(feed, &event->room))
                        feed_take_pins(feed, event);
                break;
        case CORE_EVENT_MEMBERS:
                if (id_equal(&event->id, &feed->members_request) && is_open(feed, &event->room))
                        feed_take_members(feed, event);
                break;
        case CORE_EVENT_REACTORS:
                feed_take_reactors(feed, event);
                break;
        case CORE_EVENT_SIGN:
                feed->signed_answer = true;
                feed->sign_error = event->error;
                break;
        case CORE_EVENT_BLOCKS:
                on_blocks(feed);
                break;
        case CORE_EVENT_FORGOTTEN:
                on_forgotten(feed);
                break;
        default:
                on_phase(feed);
                break;
        }
}

static void update_phase(struct feed *feed)
{
        struct model *model = feed->model;
        struct host *host = feed->session->host;
        struct wire_person me = core_profile(host->core);

        model->phase = core_phase(host->core);
        model->now_ms = host_time(host).wall_ms;
        if (model->phase >= CORE_READY || model->phase < CORE_OFFLINE)
                model->offline_ms = 0;
        else if (model->offline_ms == 0)
                model->offline_ms = model->now_ms;
        snprintf(model->problem, sizeof(model->problem), "%s",
                 host->failures     ? text(TEXT_WHY_UNREACHABLE)
                 : host->problem[0] ? text(TEXT_WHY_CLOSED)
                                    : "");
        model->me.user = core_user(host->core);
        safe_copy(me.display_name.size ? me.display_name : me.user_name, model->me.name, sizeof(model->me.name));
        safe_copy(me.user_name, model->me.user_name, sizeof(model->me.user_name));
}

void feed_update(struct feed *feed, unsigned fitting)
{
        struct model *model = feed->model;

        update_phase(feed);
        if (model->now_ms / MINUTE_MS != feed->minute) { /* a mute may have ended */
                feed->minute = model->now_ms / MINUTE_MS;
                feed->rooms_changed = true;
        }
        if (feed->rooms_changed || feed->outbox_changed)
                update_rooms(feed);
        if (feed->outbox_changed) {
                feed_count_outbox(feed);
                if (model->open)
                        feed_outbox(feed);
        }
        feed->rooms_changed = feed->outbox_changed = false;
        model->at_blocked = model->open && model->at.peer && core_blocks(core_of(feed), model->at.peer);
        feed_pins(feed);
        feed_search_on(feed);
        if (feed->members_wanted && model->phase >= CORE_READY)
                feed_members(feed);
        for (size_t i = model->rooms_top; i < model->room_count && i < model->rooms_top + fitting; i++) {
                update_last(feed, &model->rooms[i]);
                feed_mentions(feed, &model->rooms[i]);
        }
}
