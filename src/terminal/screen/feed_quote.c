/* The message that another one replies to: of those in memory, else of the profile's file. */
#include "terminal/screen/feed.h"

struct quoting {
        struct feed *feed;
        struct model_quote *quote;
};

static void take_quoted(void *context, struct slice key, struct slice value)
{
        struct quoting *quoting = context;
        struct wire_row row;

        (void)key;
        if (core_row_decode(value, &row) != ERR_OK)
                return;
        if (session_hides(quoting->feed->session, &quoting->feed->model->at.room, &row))
                row.text = slice_text(text(TEXT_HIDDEN_LAST));
        model_quote_row(quoting->quote, row.seq, row.sender, row.text);
}

void feed_quote(struct feed *feed, struct model_quote *quote)
{
        uint8_t from[CORE_KEY_SIZE_MAX], to[CORE_KEY_SIZE_MAX];
        size_t from_size, to_size;
        struct quoting quoting = {feed, quote};
        const struct model_row *row = log_by_seq(&feed->model->log, quote->seq);

        if (quote->seq == 0)
                return;
        if (row) {
                model_quote_row(quote, row->seq, row->sender, slice_of(row->text, row->size));
                return;
        }
        from_size = core_key_row(&feed->model->at.room, quote->seq, from);
        to_size = core_key_row(&feed->model->at.room, quote->seq + 1, to);
        if (file_range(feed->session->file, slice_of(from, from_size), slice_of(to, to_size), 1, false, take_quoted,
                       &quoting) != ERR_OK)
                feed->session->host->storage_failed = true;
}
