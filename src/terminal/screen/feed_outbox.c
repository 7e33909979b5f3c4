/* Own messages that are not answered: counted for the list of rooms, shown at the end of the open one. */
#include "terminal/screen/feed.h"

#include "rules/row.h"

static enum error error_of(const struct feed *feed, const struct id *id)
{
        for (unsigned i = feed->error_count; i > 0; i--)
                if (id_equal(&feed->errors[i - 1].id, id))
                        return feed->errors[i - 1].error;
        return ERR_OK;
}

void feed_note_error(struct feed *feed, const struct id *id, enum error error)
{
        if (feed->error_count == FEED_ERRORS_MAX)
                memmove(feed->errors, feed->errors + 1, sizeof(feed->errors[0]) * --feed->error_count);
        feed->errors[feed->error_count].id = *id;
        feed->errors[feed->error_count++].error = error;
}

static void count_unsent(void *context, struct slice key, struct slice value)
{
        struct feed *feed = context;
        struct core_outbox_entry entry;
        struct model_room *room;

        if (core_outbox_decode(key, value, &entry) != ERR_OK || entry.operation.kind == ROW_SETTING)
                return;
        if (entry.state == CORE_MESSAGE_FAILED)
                feed->model->failed++;
        else
                feed->model->queued++;
        room = model_room(feed->model, &entry.room);
        if (!room)
                return;
        room->failed = room->failed || entry.state == CORE_MESSAGE_FAILED;
        room->last_mine = true;
        room->last_state = (uint8_t)entry.state;
        room->last_kind = (uint8_t)entry.operation.kind;
        room->last_role = (uint8_t)entry.operation.role;
        room->last_subject = entry.operation.subject;
        room->last_sender = feed->model->me.user;
        room->last_head = UINT64_MAX; /* read again once this is sent or forgotten */
        model_copy_line(entry.operation.text, room->last, sizeof(room->last));
}

void feed_count_outbox(struct feed *feed)
{
        struct model *model = feed->model;

        model->queued = model->failed = 0;
        for (size_t i = 0; i < model->room_count; i++)
                model->rooms[i].failed = false;
        if (file_range(feed->session->file, SLICE_LITERAL("O"), SLICE_LITERAL("P"), 0, false, count_unsent, feed) != ERR_OK)
                feed->session->host->storage_failed = true;
}

static void show_unsent(void *context, struct slice key, struct slice value)
{
        struct feed *feed = context;
        struct core_outbox_entry entry;
        const struct wire_operation *operation = &entry.operation;
        struct wire_row row = {.sender = feed->model->me.user};
        struct model_row *shown;

        if (core_outbox_decode(key, value, &entry) != ERR_OK || !feed->model->open || operation->kind == ROW_SETTING ||
            !id_equal(&feed->model->at.room, &entry.room))
                return;
        row.kind = operation->kind;
        row.text = operation->text;
        row.origin = operation->origin;
        row.subject = operation->subject;
        row.role = operation->role;
        row.reply_to = operation->kind == ROW_TEXT ? operation->target : 0;
        row.request = entry.id;
        row.time_ms = id_uuid7_time_ms(&entry.id);
        shown = log_row_new(&row, true, entry.state);
        if (!shown)
                return;
        shown->error = error_of(feed, &entry.id);
        feed_quote(feed, &shown->quote);
        log_put(&feed->model->log, shown);
}

void feed_outbox(struct feed *feed)
{
        struct model_log *log = &feed->model->log;
        struct id marked = {0};
        bool was_marked = log->marked < log->count;

        if (was_marked)
                marked = log->rows[log->marked]->id;
        log_drop_unanswered(log);
        if (!log->newer_there &&
            file_range(feed->session->file, SLICE_LITERAL("O"), SLICE_LITERAL("P"), 0, false, show_unsent, feed) != ERR_OK)
                feed->session->host->storage_failed = true;
        for (size_t i = 0; was_marked && i < log->count; i++)
                if (id_equal(&log->rows[i]->id, &marked))
                        log->marked = i;
}
