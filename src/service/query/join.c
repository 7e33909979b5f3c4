/*
 * join: the connection is entered in presence, that is acknowledged, and only then the store is read (L4): so whatever is
 * committed after what this answer says is delivered to the connection. A refusal for good takes the entry out again.
 *
 * Before all that the store is asked whether the device was signed out: its token is still good, and every entry may push out a
 * live connection of the same user. The read after presence checks again, since it may be signed out in between (L7).
 */
#include "rules/limits.h"
#include "service/query/query.h"

void join_plan(struct batch *batch, struct item *item)
{
        struct wire_join *join = batch_decode(batch, item, sizeof(*join));
        struct store_question *question;

        if (!join)
                return;
        if (!batch_ask_early(batch, item, STORE_ASK_DEVICE))
                return;
        batch_set_presence(batch, item);
        question = batch_ask(batch, item, STORE_ASK_JOIN);
        if (!question)
                return;
        question->bytes_max = ANSWER_BYTES_MAX;
        question->join.era = join->era;
        question->join.cursors = query_cursors(batch, WIRE_STRUCTURE(join), WIRE_TAG(join, cursors), &join->cursors,
                                               &question->join.cursor_count);
        question->join.rooms_max = JOIN_ROOMS;
        question->join.rows_max = PAGE_ROWS;
}

/* No presence for who is out. An entry of an earlier Join of this connection goes with the connection, which is closed. */
void join_asked(struct batch *batch, struct item *item)
{
        check(item->early_answer);
        if (item->early_answer->status != ERR_OK)
                batch_refuse(batch, item, item->early_answer->status, NULL, 0);
}

void join_stored(struct batch *batch, struct item *item)
{
        const struct worker_seams *seams = batch_seams(batch);
        const struct store_answer *answer = query_answer(batch, item);
        struct wire_joined joined;
        uint8_t token[TOKEN_SIZE];

        if (!answer)
                return;
        joined = (struct wire_joined){
                .era = answer->era,
                .time_ms = seams->clock->wall_ms(seams->clock),
                .profile = shape_person(&answer->rooms.person),
                .rooms = shape_rooms(batch, answer->rooms.rooms, answer->rooms.room_count, item->envelope.user),
                .more = answer->rooms.more,
                .blocks = answer->rooms.blocks,
                .invites = seams->member_invites};
        if (item->envelope.old_key) {
                token_mint(seams->keys, item->envelope.user, item->envelope.device, token);
                joined.token = slice_of(token, sizeof(token));
        }
        query_note_use(batch, item, answer);
        if (answer->rooms.receipts_due) { /* who was at it may have gone with his topic */
                const struct wire_receipts receipts = {.user = item->envelope.user};

                batch_publish_of(batch, item, BUS_SESSION, WIRE_CODE_receipts, item->envelope.user, &receipts);
        }
        watch_tell(batch, item, item->envelope.user, true, 0);
        batch_reply(batch, item, WIRE_CODE_joined, &joined, WIRE_EFFECT_JOINED);
}
