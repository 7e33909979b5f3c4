/* search: rows by the words in them, in one room or in all of the asker's. Who may see which, the store decides. */
#include "rules/limits.h"
#include "service/query/query.h"

void search_plan(struct batch *batch, struct item *item)
{
        struct wire_search *search = batch_decode(batch, item, sizeof(*search));
        struct store_question *question = search ? batch_ask(batch, item, STORE_ASK_SEARCH) : NULL;

        if (!question)
                return;
        question->bytes_max = ANSWER_BYTES_MAX;
        question->search.room = search->room;
        question->search.text = search->text;
        question->search.before = (struct store_place){
                .room = search->before.room, .seq = search->before.seq, .time_ms = search->before.time_ms};
        question->search.rows_max = query_limit(search->limit, SEARCH_HITS_MAX);
}

void search_stored(struct batch *batch, struct item *item)
{
        const struct store_answer *answer;
        struct wire_found found;

        if (item->answer->status == ERR_BAD_FIELD || item->answer->status == ERR_TOO_LARGE) {
                batch_refuse(batch, item, item->answer->status, "text", 0);
                return;
        }
        answer = query_answer(batch, item);
        if (!answer)
                return;
        found = (struct wire_found){
                .hits = shape_hits(batch, answer->search.hits, answer->search.count, item->envelope.user),
                .more = answer->search.more};
        if (found.more) {
                found.has = WIRE_HAS(found, next);
                found.next = (struct wire_place){.room = answer->search.next.room,
                                                 .seq = answer->search.next.seq,
                                                 .time_ms = answer->search.next.time_ms};
        }
        batch_reply(batch, item, WIRE_CODE_found, &found, WIRE_EFFECT_NONE);
}
