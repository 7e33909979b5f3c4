/* Searching what the profile's file has of the open room: letters without their case, ё as е. */
#include "terminal/screen/feed.h"

#include <stdio.h>

#include "rules/row.h"

#define SEARCH_ROWS_MAX 20000 /* the newest ones */

struct looking {
        struct feed *feed;
        char words[TEXT_FOLDED_SIZE];
};

static void look(void *context, struct slice key, struct slice value)
{
        struct looking *looking = context;
        struct model *model = looking->feed->model;
        char folded[TEXT_FOLDED_SIZE], when[TEXT_TIME_SIZE];
        struct wire_row row;
        struct model_item *item;
        const char *found;

        (void)key;
        if (core_row_decode(value, &row) != ERR_OK || row.kind != ROW_TEXT ||
            session_hides(looking->feed->session, &model->at.room, &row))
                return;
        text_fold(row.text, folded);
        found = strstr(folded, looking->words);
        item = found ? popup_add(&model->popup) : NULL;
        if (!item)
                return;
        item->seq = row.seq;
        model_copy_line(row.text, item->label, sizeof(item->label));
        text_when(when, row.time_ms, model->now_ms);
        snprintf(item->detail, sizeof(item->detail), "%.60s · %s",
                 row.sender == model->me.user ? text(TEXT_YOU) : model_name(model, row.sender), when);
}

void feed_search(struct feed *feed, struct slice words)
{
        struct model *model = feed->model;
        struct looking looking = {.feed = feed};
        uint8_t from[CORE_KEY_SIZE_MAX], to[CORE_KEY_SIZE_MAX];
        size_t from_size = core_key_row(&model->at.room, feed_hole_top(feed) + 1, from);
        size_t to_size = core_key_row(&model->at.room, UINT64_MAX, to);

        model->popup.item_count = model->popup.chosen = model->popup.top = 0;
        text_fold(words, looking.words);
        if (strlen(looking.words) < 2) {
                popup_say(&model->popup, false, text(TEXT_SEARCH_ASK));
                return;
        }
        if (file_range(feed->session->file, slice_of(from, from_size), slice_of(to, to_size), SEARCH_ROWS_MAX, true, look,
                       &looking) != ERR_OK)
                feed->session->host->storage_failed = true;
        popup_say(&model->popup, false, model->popup.item_count ? "" : text(TEXT_SEARCH_NONE));
}
