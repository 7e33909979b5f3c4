/*
 * typing: told to those who have the room open, which presence knows from their watch, and who are in the room now, which the store
 * knows, as it knows whether the sender is. Nothing is kept and nothing is answered.
 */
#include "service/query/query.h"

/* Kept from phase to phase: those who have the room open, but for himself. */
struct typing {
        uint64_t kind;
        struct presence_entry *entries;
        uint64_t *users; /* whose connections they are */
        size_t count;
};

void typing_plan(struct batch *batch, struct item *item)
{
        const struct wire_typing *body = batch_decode(batch, item, sizeof(*body));
        struct typing *typing = body ? batch_new(batch, struct typing) : NULL;
        struct presence_request *request = typing ? batch_presence(batch, item, PRESENCE_OPEN) : NULL;

        if (!request)
                return;
        request->room = item->frame.room;
        typing->kind = body->kind;
        item->body = typing;
}

void typing_present(struct batch *batch, struct item *item)
{
        const struct presence_result *result = item->set_result;
        struct typing *typing = item->body;
        struct store_question *question;

        if (result->watcher_count == 0)
                return;
        typing->entries = batch_array(batch, struct presence_entry, result->watcher_count);
        typing->users = batch_array(batch, uint64_t, result->watcher_count);
        if (!typing->entries || !typing->users)
                return;
        for (size_t i = 0; i < result->watcher_count; i++) {
                if (result->watchers[i].user == item->envelope.user)
                        continue;
                typing->entries[typing->count] = result->watchers[i];
                typing->users[typing->count++] = result->watchers[i].user;
        }
        question = typing->count ? batch_ask(batch, item, STORE_ASK_AMONG) : NULL;
        if (!question)
                return;
        question->shared.room = item->frame.room;
        question->shared.users = typing->users;
        question->shared.count = typing->count;
}

/* The answer leaves out who is not in the room, in the order of the question. */
void typing_stored(struct batch *batch, struct item *item)
{
        struct typing *typing = item->body;
        const struct store_answer *answer = typing->count ? query_answer(batch, item) : NULL;
        struct wire_types types = {.user = item->envelope.user, .kind = typing->kind};
        size_t member = 0, count = 0;

        if (!answer)
                return;
        for (size_t i = 0; i < typing->count; i++)
                if (member < answer->shared.count && typing->users[i] == answer->shared.users[member]) {
                        typing->entries[count++] = typing->entries[i];
                        member++;
                }
        batch_deliver_to(batch, item, WIRE_CODE_types, &item->frame.room, &types, typing->entries, count);
}
