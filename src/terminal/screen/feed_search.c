/*
 * Searching. The server looks through everything, by whole words in any form, once one has stopped typing for a moment; what it finds
 * comes page by page. Until it has answered, where it finds nothing, and without a link, what this device has of the open room is
 * looked through, letter by letter (ё as е, whatever the case).
 */
#include "terminal/screen/feed.h"

#include <stdio.h>

#include "base/assert.h"
#include "rules/limits.h"
#include "rules/room.h"
#include "rules/row.h"
#include "terminal/day.h"
#include "terminal/safe.h"

#define SEARCH_ROWS_MAX 20000 /* on this device: the newest ones */
#define SEARCH_PAUSE_MS 300   /* after the last key */
#define SEARCH_TURN_MS  50

struct looking {
        struct feed *feed;
        char words[TEXT_FOLDED_SIZE];
};

/* ---- items ---- */

/* "Bob · 3 Nov"; where rooms differ, "Jackdaws · Bob · 3 Nov", unless the one who wrote gives the room its name. */
void feed_describe(struct feed *feed, struct model_item *item)
{
        struct model *model = feed->model;
        bool mine = item->user == model->me.user;
        const struct model_room *room =
                feed->search.everywhere && model->popup.kind == POPUP_SEARCH ? model_room(model, &item->room) : NULL;
        char when[TEXT_TIME_SIZE], where[36] = "", who[36];

        if (room && room->kind == ROOM_PERSONAL && !mine)
                room = NULL;
        text_when(when, item->time_ms, model->now_ms);
        if (room)
                safe_copy(slice_text(room->name), where, sizeof(where));
        safe_copy(slice_text(mine ? text(TEXT_YOU) : model_name(model, item->user)), who, sizeof(who));
        snprintf(item->detail, sizeof(item->detail), "%s%s%s · %.56s", where, room ? " · " : "", who, when);
}

/* But for what is hidden here. False: there is no place for more. */
static bool add_row(struct feed *feed, const struct id *room, const struct wire_row *row)
{
        struct model_item *item;
        struct wire_person person;

        if (session_hides(feed->session, room, row))
                return true;
        item = popup_add(&feed->model->popup);
        if (!item)
                return false;
        item->room = *room;
        item->seq = row->seq;
        item->user = row->sender;
        item->time_ms = row->time_ms;
        model_copy_line(row->text, item->label, sizeof(item->label));
        if (!model_person(feed->model, row->sender) && core_person(feed->session->host->core, row->sender, &person))
                model_know(feed->model, &person);
        feed_describe(feed, item);
        return true;
}

void feed_search_names(struct feed *feed)
{
        struct model_popup_state *popup = &feed->model->popup;
        struct wire_person person;

        if (popup->kind != POPUP_SEARCH && popup->kind != POPUP_PINS)
                return;
        for (unsigned i = 0; i < popup->item_count; i++) {
                struct model_item *item = &popup->items[i];

                if (item->seq == 0 || model_person(feed->model, item->user))
                        continue;
                if (core_person(feed->session->host->core, item->user, &person)) {
                        model_know(feed->model, &person);
                        feed_describe(feed, item);
                }
        }
}

/* A date among the words: the first line goes there. */
static void offer_day(struct feed *feed)
{
        struct model *model = feed->model;
        struct model_item *item;
        char day[TEXT_TIME_SIZE];
        uint64_t time_ms;

        if (!model->open || feed->search.everywhere || !day_parse(feed->search.words, &time_ms) ||
            !(item = popup_add(&model->popup)))
                return;
        item->time_ms = time_ms;
        text_day(day, time_ms, model->now_ms);
        text_format(item->label, sizeof(item->label), TEXT_SEARCH_DAY, day);
}

static void begin_list(struct feed *feed)
{
        struct model_popup_state *popup = &feed->model->popup;

        popup->item_count = popup->chosen = popup->top = 0;
        offer_day(feed);
}

/* ---- on this device ---- */

static void look(void *context, struct slice key, struct slice value)
{
        struct looking *looking = context;
        char folded[TEXT_FOLDED_SIZE];
        struct wire_row row;

        (void)key;
        if (core_row_decode(value, &row) != ERR_OK || row.kind != ROW_TEXT)
                return;
        text_fold(row.text, folded);
        if (strstr(folded, looking->words))
                (void)add_row(looking->feed, &looking->feed->model->at.room, &row);
}

static void search_here(struct feed *feed)
{
        struct model *model = feed->model;
        struct looking looking = {.feed = feed};
        uint8_t from[CORE_KEY_SIZE_MAX], to[CORE_KEY_SIZE_MAX];
        size_t from_size = core_key_row(&model->at.room, feed_hole_top(feed) + 1, from);
        size_t to_size = core_key_row(&model->at.room, UINT64_MAX, to);

        begin_list(feed);
        if (!model->open || feed->search.everywhere)
                return;
        text_fold(slice_text(feed->search.words), looking.words);
        if (strlen(looking.words) >= 2 && file_range(feed->session->file, slice_of(from, from_size), slice_of(to, to_size),
                                                     SEARCH_ROWS_MAX, true, look, &looking) != ERR_OK)
                feed->session->host->storage_failed = true;
}

/* ---- asking ---- */

/* What there is to say under the list. */
static void say(struct feed *feed, enum error error)
{
        struct model_popup_state *popup = &feed->model->popup;
        const struct feed_search *search = &feed->search;

        popup->busy = false;
        if (error == ERR_AGAIN)
                popup_say(popup, false, text(popup->item_count ? TEXT_SEARCH_HERE : TEXT_SEARCH_OFFLINE));
        else if (error && error != ERR_BAD_FIELD)
                popup_say(popup, true, text_error(error));
        else if (!search->words[0])
                popup_say(popup, false, text(TEXT_SEARCH_ASK));
        else if (search->answered && !search->found && popup->item_count == 0)
                popup_say(popup, false, text(TEXT_SEARCH_NONE));
        else if (search->answered && !search->found && popup->items[popup->item_count - 1].seq)
                popup_say(popup, false, text(TEXT_SEARCH_PARTS));
        else if (search->more)
                popup_say(popup, false, text(TEXT_SEARCH_MORE));
        else
                popup_say(popup, false, text(search->everywhere ? TEXT_SEARCH_TAB_HERE : TEXT_SEARCH_TAB_ALL));
}

static void ask(struct feed *feed)
{
        struct feed_search *search = &feed->search;
        enum error error;

        search->wanted = false;
        error = core_search(feed->session->host->core, slice_text(search->words),
                            search->everywhere ? NULL : &feed->model->at.room, search->more ? &search->next : NULL,
                            SEARCH_HITS_MAX, &search->request, host_time(feed->session->host));
        search->asked = error == ERR_OK;
        if (error)
                say(feed, error);
        host_settle(feed->session->host);
}

void feed_search(struct feed *feed, struct slice words, bool everywhere)
{
        struct feed_search *search = &feed->search;
        struct slice typed = slice_of(words.data, min_of(words.size, sizeof(search->words) - 1));

        *search = (struct feed_search){.everywhere = everywhere, .request = search->request, .asked = search->asked};
        if (typed.size)
                memcpy(search->words, typed.data, typed.size);
        search->stale = search->asked;
        search->wanted = strspn(search->words, " ") < strlen(search->words);
        search->at_ms = host_time(feed->session->host).now_ms + SEARCH_PAUSE_MS;
        search_here(feed);
        say(feed, ERR_OK);
        if (core_phase(feed->session->host->core) < CORE_READY)
                say(feed, ERR_AGAIN);
        else
                feed->model->popup.busy = search->wanted;
}

void feed_search_on(struct feed *feed)
{
        struct feed_search *search = &feed->search;

        if (feed->model->popup.kind != POPUP_SEARCH) {
                search->wanted = false;
                return;
        }
        if (search->asked)
                return;
        if (search->wanted && host_time(feed->session->host).now_ms >= search->at_ms)
                ask(feed);
        else if (search->more && feed->model->popup.chosen + 1 >= feed->model->popup.item_count &&
                 feed->model->popup.item_count < MODEL_ITEMS_MAX)
                ask(feed);
}

unsigned feed_search_wait(const struct feed *feed, unsigned wait_ms)
{
        return feed->search.wanted && feed->model->popup.kind == POPUP_SEARCH ? min_of(wait_ms, (unsigned)SEARCH_TURN_MS)
                                                                              : wait_ms;
}

/* ---- answers ---- */

void feed_take_found(struct feed *feed, const struct core_event *event)
{
        struct feed_search *search = &feed->search;
        struct model_popup_state *popup = &feed->model->popup;
        struct wire_iterator iterator;
        struct wire_hit hit;
        bool first = !search->answered;

        search->asked = false;
        if (search->stale || popup->kind != POPUP_SEARCH) {
                search->stale = false;
                return;
        }
        wire_list_start(&iterator, WIRE_STRUCTURE(found), 1, &event->list);
        while (wire_list_next(&iterator, &hit)) {
                if (!search->found)
                        begin_list(feed); /* in place of what was found here */
                search->found = true;
                if (!add_row(feed, &hit.room, &hit.row))
                        break;
        }
        search->answered = true;
        search->more = event->more;
        search->next = event->place;
        if (first && search->found)
                popup->chosen = popup->top = 0;
        say(feed, ERR_OK);
}

void feed_search_failed(struct feed *feed, enum error error)
{
        feed->search.asked = false;
        feed->search.more = false;
        if (feed->search.stale)
                feed->search.stale = false;
        else if (feed->model->popup.kind == POPUP_SEARCH)
                say(feed, error == ERR_CLOSED || error == ERR_UNKNOWN ? ERR_AGAIN : error);
}
