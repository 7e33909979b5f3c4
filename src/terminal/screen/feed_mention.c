/*
 * Is one mentioned in what is unread of a group? Told from the rows of this device: of a room that was away for long, those that are
 * not fetched yet are not looked at.
 */
#include "terminal/screen/feed.h"

#include "rules/mention.h"
#include "rules/room.h"
#include "rules/row.h"

#define MENTION_ROWS_MAX 200 /* the newest unread ones */

struct looking {
        const struct feed *feed;
        const struct model *model;
        struct model_room *room;
};

static void look(void *context, struct slice key, struct slice value)
{
        struct looking *looking = context;
        struct wire_row row;

        (void)key;
        if (core_row_decode(value, &row) == ERR_OK && row.kind == ROW_TEXT && row.sender != looking->model->me.user &&
            !session_hides(looking->feed->session, &looking->room->room, &row) &&
            mention_has(row.text, slice_text(looking->model->me.user_name)))
                looking->room->mentioned = true;
}

void feed_mentions(struct feed *feed, struct model_room *room)
{
        struct looking looking = {feed, feed->model, room};
        uint8_t from[CORE_KEY_SIZE_MAX], to[CORE_KEY_SIZE_MAX];
        size_t from_size, to_size;
        struct core_room_info info;

        if (room->kind != ROOM_GROUP || (room->mention_head == room->head && room->mention_unread == room->unread) ||
            core_room_info(feed->session->host->core, &room->room, &info) != ERR_OK)
                return;
        room->mention_head = room->head;
        room->mention_unread = room->unread;
        room->mentioned = false;
        if (room->unread == 0)
                return;
        from_size = core_key_row(&room->room, info.marks.read + 1, from);
        to_size = core_key_row(&room->room, UINT64_MAX, to);
        if (file_range(feed->session->file, slice_of(from, from_size), slice_of(to, to_size), MENTION_ROWS_MAX, true, look,
                       &looking) != ERR_OK)
                feed->session->host->storage_failed = true;
}
