/*
 * Going to a message of the open room by its number, or to a time. What is on this device as a whole is shown from there. What is not is
 * asked of the server and shown without being kept: the log is a window then, and what is older and newer is asked for as one scrolls,
 * until it meets what is here.
 */
#include "terminal/screen/feed.h"

#include <stdio.h>

#define WINDOW_ROWS 100 /* of one answer: half of them before the place */

/* ---- by time, on this device ---- */

struct place {
        uint64_t seq, time_ms; /* seq 0: there is no row */
};

static void take_place(void *context, struct slice key, struct slice value)
{
        struct place *place = context;
        struct wire_row row;

        (void)key;
        if (core_row_decode(value, &row) == ERR_OK)
                *place = (struct place){row.seq, row.time_ms};
}

/* The first row from that number on, or (last) the last one of all. */
static struct place row_from(struct feed *feed, uint64_t seq, bool last)
{
        uint8_t from[CORE_KEY_SIZE_MAX], to[CORE_KEY_SIZE_MAX];
        size_t from_size = core_key_row(&feed->model->at.room, seq, from);
        size_t to_size = core_key_row(&feed->model->at.room, UINT64_MAX, to);
        struct place place = {0};

        if (file_range(feed->session->file, slice_of(from, from_size), slice_of(to, to_size), 1, last, take_place, &place) !=
            ERR_OK)
                feed->session->host->storage_failed = true;
        return place;
}

/* The number of the first row at or after that time, or of the last row; 0: it may not be on this device. Time in a room never goes
 * back, so it is found by halving. */
static uint64_t place_of(struct feed *feed, uint64_t time_ms)
{
        uint64_t top = feed_hole_top(feed), low = top + 1, high;
        struct place first = row_from(feed, low, false), last = row_from(feed, low, true);

        if (first.seq == 0 || (top > 0 && first.time_ms >= time_ms))
                return 0;
        if (last.time_ms < time_ms)
                return last.seq;
        for (high = last.seq; low < high;) {
                struct place middle = row_from(feed, low + (high - low) / 2, false);

                if (middle.time_ms >= time_ms)
                        high = low + (high - low) / 2;
                else
                        low = middle.seq + 1;
        }
        return row_from(feed, low, false).seq;
}

/* ---- windows ---- */

static enum error ask(struct feed *feed, enum feed_way way, uint64_t seq, uint64_t time_ms)
{
        struct feed_jump *jump = &feed->jump;
        enum error error = core_around(feed->session->host->core, &feed->model->at.room, seq, time_ms, WINDOW_ROWS,
                                       &jump->request, host_time(feed->session->host));

        jump->asked = error == ERR_OK;
        jump->way = way;
        host_settle(feed->session->host);
        return error;
}

enum error feed_jump(struct feed *feed, uint64_t seq, uint64_t time_ms)
{
        struct feed_jump *jump = &feed->jump;

        if (seq == 0)
                seq = place_of(feed, time_ms);
        if (jump->asked)
                feed->model->log.fetching = false;
        *jump = (struct feed_jump){.seq = seq, .time_ms = time_ms};
        jump->arrived = seq > 0 && (log_by_seq(&feed->model->log, seq) ||
                                    (seq > feed_hole_top(feed) && feed_around(feed, seq) != SIZE_MAX));
        return jump->arrived ? ERR_OK : ask(feed, FEED_JUMP, seq, seq ? 0 : time_ms);
}

void feed_window_on(struct feed *feed, bool older)
{
        struct model_log *log = &feed->model->log;
        const struct model_row *edge = log->count ? log->rows[older ? 0 : log->count - 1] : NULL;

        if (log->fetching || !edge || edge->seq == 0)
                return;
        log->problem = ask(feed, older ? FEED_OLDER : FEED_NEWER, edge->seq, 0);
        log->fetching = log->problem == ERR_OK;
}

/* The row that was meant, or the nearest after it; the last one if it lies beyond all of them. */
static void find_target(struct feed *feed)
{
        const struct model_log *log = &feed->model->log;
        struct feed_jump *jump = &feed->jump;
        size_t place = 0;

        while (place + 1 < log->count &&
               (jump->seq ? log->rows[place]->seq < jump->seq : log->rows[place]->time_ms < jump->time_ms))
                place++;
        jump->seq = log->count ? log->rows[place]->seq : 0;
        jump->arrived = jump->seq > 0;
}

void feed_take_window(struct feed *feed, const struct core_event *event)
{
        struct model_log *log = &feed->model->log;
        struct feed_jump *jump = &feed->jump;
        struct wire_iterator iterator;
        uint64_t first;
        size_t before;
        struct wire_row row;

        jump->asked = false;
        if (jump->way == FEED_JUMP) {
                log_clear(log);
                feed->head = feed->model->at.head;
                log->following = false;
                log->window = true;
        }
        before = log->count;
        first = before ? log->rows[0]->seq : UINT64_MAX;
        WIRE_LIST_START(&iterator, window, rows, &event->list);
        while (wire_list_next(&iterator, &row))
                feed_row(feed, &row);
        log->fetching = false;
        if (jump->way == FEED_JUMP || jump->way == FEED_OLDER)
                log->older_there = log->count > 0 && log->rows[0]->seq > 1 && log->rows[0]->seq < first;
        if (jump->way == FEED_JUMP || log->count > before)
                log->newer_there = log->count > 0 && log->rows[log->count - 1]->seq < feed->model->at.head;
        else if (jump->way == FEED_NEWER)
                log->newer_there = false;
        if (jump->way == FEED_JUMP)
                find_target(feed);
        log_trim(log);
}

void feed_window_failed(struct feed *feed, enum error error)
{
        feed->jump.asked = feed->model->log.fetching = false;
        if (feed->jump.way != FEED_JUMP)
                feed->model->log.problem = error;
        else
                snprintf(feed->model->note, sizeof(feed->model->note), "%s", text_error(error));
}
