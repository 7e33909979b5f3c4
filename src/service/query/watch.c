/*
 * watch: whom a connection wants to hear of. The store is asked whom it may watch, then presence notes it and says, in the same step,
 * who of them is online: so whoever comes or goes later is told of. Who does so is known where it is done, at Join and at `gone`, and
 * presence names the watchers.
 *
 * A push may be lost, with its worker or with its frontend, who would have said `gone`: the watch that is renewed tells it.
 */
#include "rules/limits.h"
#include "service/query/query.h"

_Static_assert(WATCH_USERS_MAX == PRESENCE_WATCHED_MAX, "whom one may name is whom presence notes");

#define WATCH_RETRY_MS 10000 /* presence has too many watches */

/* Each of them once, without himself, whose presence says nothing. */
static size_t take_users(const struct wire_watch *watch, uint64_t self, uint64_t users[static WATCH_USERS_MAX])
{
        struct wire_iterator iterator;
        struct wire_user_ref ref;
        size_t count = 0;

        WIRE_LIST_START(&iterator, watch, users, &watch->users);
        while (count < WATCH_USERS_MAX && wire_list_next(&iterator, &ref)) {
                bool known = ref.user == 0 || ref.user == self;

                for (size_t i = 0; i < count && !known; i++)
                        known = users[i] == ref.user;
                if (!known)
                        users[count++] = ref.user;
        }
        return count;
}

void watch_plan(struct batch *batch, struct item *item)
{
        struct wire_watch *watch = batch_decode(batch, item, sizeof(*watch));
        struct store_question *question;
        uint64_t *users;

        if (!watch)
                return;
        question = batch_ask_early(batch, item, STORE_ASK_SHARED);
        users = batch_array(batch, uint64_t, WATCH_USERS_MAX);
        if (!question || !users)
                return;
        question->shared.room = watch->room;
        question->shared.users = users;
        question->shared.count = take_users(watch, item->envelope.user, users);
}

void watch_asked(struct batch *batch, struct item *item)
{
        const struct store_answer *answer = item->early_answer;
        struct presence_request *request;

        check(answer);
        if (answer->status != ERR_OK) {
                batch_refuse(batch, item, answer->status, NULL, 0);
                return;
        }
        request = batch_presence(batch, item, PRESENCE_WATCH);
        if (!request)
                return;
        request->users = answer->shared.users;
        request->user_count = answer->shared.count;
        request->room = item->early->shared.room;
}

void watch_stored(struct batch *batch, struct item *item)
{
        const struct presence_request *request = item->set;
        const struct presence_result *result = item->set_result;
        struct wire_status *statuses = batch_array(batch, struct wire_status, WATCH_USERS_MAX);
        struct wire_watched watched;

        check(result);
        if (!statuses)
                return;
        if (result->full) {
                batch_refuse(batch, item, ERR_BUSY, NULL, WATCH_RETRY_MS);
                return;
        }
        for (size_t i = 0; i < request->user_count; i++) {
                bool online = result->online >> i & 1;

                statuses[i] = (struct wire_status){.user = request->users[i],
                                                   .online = online,
                                                   .seen_ms = online ? 0 : item->early_answer->shared.seen_ms[i]};
        }
        watched = (struct wire_watched){.statuses = {.items = statuses, .count = (uint32_t)request->user_count},
                                        .stamp = result->stamp,
                                        .lease_ms = PRESENCE_WATCH_MS};
        batch_reply(batch, item, WIRE_CODE_watched, &watched, WIRE_EFFECT_NONE);
}

void watch_tell(struct batch *batch, struct item *item, uint64_t user, bool online, uint64_t seen_ms)
{
        const struct presence_result *result = item->set_result;
        struct wire_status_moved moved = {.has = WIRE_HAS(status_moved, status),
                                          .status = {.user = user, .online = online, .seen_ms = seen_ms},
                                          .stamp = result->stamp};

        batch_deliver_to(batch, item, WIRE_CODE_status_moved, &(struct id){0}, &moved, result->watchers,
                         result->watcher_count);
}

/* ---- gone ---- */

void gone_plan(struct batch *batch, struct item *item)
{
        struct wire_gone *gone = batch_decode(batch, item, sizeof(*gone));
        struct presence_request *request;

        if (!gone)
                return;
        if (gone->user == 0) { /* nobody, of whom presence knows nothing */
                batch_refuse(batch, item, ERR_BAD_FIELD, "user", 0);
                return;
        }
        request = batch_presence(batch, item, PRESENCE_GONE);
        if (!request)
                return;
        item->body = gone;
        request->entry.user = gone->user;
}

void gone_stored(struct batch *batch, struct item *item)
{
        const struct wire_gone *gone = item->body;

        if (event_wanted(batch_seams(batch)->events, EVENT_DEBUG))
                event_note(batch_seams(batch)->events, EVENT_DEBUG, "query.gone", &item->frame.request,
                           {"gone", NULL, item->set_result->gone}, {"told", NULL, item->set_result->watcher_count});
        if (item->set_result->gone)
                watch_tell(batch, item, gone->user, false, query_note_gone(batch, item, gone->user));
}
