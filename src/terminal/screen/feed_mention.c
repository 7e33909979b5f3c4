/* How often one is mentioned in what is unread of a group, for the list. */
#include "rules/room.h"
#include "terminal/mentions.h"
#include "terminal/screen/feed.h"

void feed_mentions(struct feed *feed, struct model_room *room)
{
        struct core_room_info info;
        struct mentions mentions;

        if (room->kind != ROOM_GROUP || core_room_info(feed->session->host->core, &room->room, &info) != ERR_OK ||
            (room->mention_head == info.head && room->mention_unread == info.unread && room->mention_hole == info.hole_top))
                return;
        room->mention_head = info.head;
        room->mention_unread = info.unread;
        room->mention_hole = info.hole_top;
        mentions = mentions_of(feed->session, &info);
        room->mentions = (uint8_t)mentions.count;
        room->mentions_more = mentions.more;
}
