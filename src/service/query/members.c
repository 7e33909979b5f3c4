/* members: who is in a room now, with their roles and marks, by pages. */
#include "rules/limits.h"
#include "service/query/query.h"

void members_plan(struct batch *batch, struct item *item)
{
        struct wire_members *members = batch_decode(batch, item, sizeof(*members));
        struct store_question *question = members ? batch_ask(batch, item, STORE_ASK_MEMBERS) : NULL;

        if (!question)
                return;
        question->members.room = item->frame.room;
        question->members.after = members->after;
        question->members.members_max = query_limit(members->limit, MEMBERS_MAX);
}

void members_stored(struct batch *batch, struct item *item)
{
        const struct store_answer *answer = query_answer(batch, item);
        struct wire_member_page page;

        if (!answer)
                return;
        page = (struct wire_member_page){.members = shape_members(batch, answer->members.members, answer->members.count),
                                         .head = answer->members.head,
                                         .more = answer->members.more,
                                         .link = answer->members.link};
        batch_reply(batch, item, WIRE_CODE_member_page, &page, WIRE_EFFECT_NONE);
}
