/* rooms: the rest of a user's rooms, by range of room ids. */
#include "rules/limits.h"
#include "service/query/query.h"

/* The store walks rooms and cursors side by side. */
static bool ascending(const struct store_cursor *cursors, size_t count)
{
        for (size_t i = 1; i < count; i++)
                if (id_compare(&cursors[i - 1].room, &cursors[i].room) >= 0)
                        return false;
        return true;
}

void rooms_plan(struct batch *batch, struct item *item)
{
        struct wire_rooms *rooms = batch_decode(batch, item, sizeof(*rooms));
        const struct store_cursor *cursors;
        struct store_question *question;
        size_t cursor_count;

        if (!rooms)
                return;
        cursors = query_cursors(batch, WIRE_STRUCTURE(rooms), WIRE_TAG(rooms, cursors), &rooms->cursors, &cursor_count);
        if (!ascending(cursors, cursor_count)) {
                batch_refuse(batch, item, ERR_BAD_FIELD, "cursors", 0);
                return;
        }
        question = batch_ask(batch, item, STORE_ASK_ROOMS);
        if (!question)
                return;
        question->bytes_max = ANSWER_BYTES_MAX / 2; /* the other half: what is said of each room */
        question->rooms.after = rooms->after;
        question->rooms.until = rooms->until;
        question->rooms.cursors = cursors;
        question->rooms.cursor_count = cursor_count;
        question->rooms.rooms_max = query_limit(rooms->limit, ROOMS_MAX);
}

void rooms_stored(struct batch *batch, struct item *item)
{
        const struct store_answer *answer = query_answer(batch, item);
        struct wire_room_page page;

        if (!answer)
                return;
        page = (struct wire_room_page){
                .rooms = shape_rooms(batch, answer->rooms.rooms, answer->rooms.room_count, item->envelope.user)};
        if (answer->rooms.more)
                page.through = answer->rooms.through;
        query_note_use(batch, item, answer);
        batch_reply(batch, item, WIRE_CODE_room_page, &page, WIRE_EFFECT_NONE);
}
