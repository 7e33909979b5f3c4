/*
 * What is pinned in the open room. The server says it when the room is opened; what happens then is followed row by row, and a number
 * of the log that brought no row here (of a message that is not on this device) makes it be asked for again. Without a link it is what is
 * pinned among the rows that were looked at.
 */
#include "terminal/screen/feed.h"

#include "rules/limits.h"

#define PINS_AGAIN_MS 1000 /* between two questions */

void feed_pins_forget(struct feed *feed)
{
        feed->model->pins.count = 0;
        feed->pins = (struct feed_pins){0};
}

/* What is hidden is pinned without its text. */
void feed_pin(struct feed *feed, const struct wire_row *row)
{
        struct wire_row shown = *row;

        if (session_hides(feed->session, &feed->model->at.room, row))
                shown.text = slice_text(text(TEXT_HIDDEN));
        model_pin(feed->model, &shown);
}

void feed_pins(struct feed *feed)
{
        struct model *model = feed->model;
        struct feed_pins *pins = &feed->pins;

        if (!model->open || model->phase < CORE_READY || pins->asked || (pins->known && pins->head >= model->at.head) ||
            model->at.head == 0 || model->now_ms < pins->again_ms)
                return;
        pins->before = 0;
        pins->again_ms = model->now_ms + PINS_AGAIN_MS;
        pins->asked = core_pins(feed->session->host->core, &model->at.room, 0, PINS_MAX, &pins->request,
                                host_time(feed->session->host)) == ERR_OK;
}

void feed_pins_row(struct feed *feed, const struct wire_row *row)
{
        if (row->changed == feed->pins.head + 1)
                feed->pins.head++;
        feed_pin(feed, row);
}

void feed_take_pins(struct feed *feed, const struct core_event *event)
{
        struct feed_pins *pins = &feed->pins;
        struct wire_iterator iterator;
        struct wire_row row;

        if (pins->before == 0)
                feed->model->pins.count = 0;
        WIRE_LIST_START(&iterator, pin_page, rows, &event->list);
        while (wire_list_next(&iterator, &row)) {
                feed_pin(feed, &row);
                pins->before = row.pinned;
        }
        pins->head = event->seq;
        pins->known = true;
        pins->asked = event->more && pins->before &&
                      core_pins(feed->session->host->core, &feed->model->at.room, pins->before, PINS_MAX, &pins->request,
                                host_time(feed->session->host)) == ERR_OK;
}
