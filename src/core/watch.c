/* See watch.h. */
#include "core/watch.h"

#include "core/state.h"
#include "rules/row.h"

#define RETRY_FIRST_MS 1000

static struct watched_user *find(const struct core *core, uint64_t user)
{
        struct watching *watching = core->watching;

        for (uint32_t i = 0; watching && i < watching->count; i++)
                if (watching->users[i].user == user)
                        return &watching->users[i];
        return NULL;
}

void watch_end(struct core *core)
{
        recycler_give(&core->memory, core->watching, sizeof(*core->watching));
        core->watching = NULL;
}

void watch_joined(struct core *core)
{
        struct watching *watching = core->watching;

        if (!watching)
                return;
        for (uint32_t i = 0; i < watching->count; i++)
                watching->users[i].stamp = 0;
        watching->due = watching->count > 0 || !id_is_zero(&watching->room);
        watching->again = watching->asked && watching->due;
        watching->send_ms = core->now_ms;
}

void watch_again(struct core *core)
{
        struct watching *watching = core->watching;

        if (!watching || (watching->count == 0 && id_is_zero(&watching->room)))
                return;
        watching->due = true;
        watching->again = watching->asked;
        watching->send_ms = max_of(watching->send_ms, core->now_ms);
}

static void forget(struct watched_user *watched)
{
        watched->status = WATCH_UNKNOWN;
        watched->seen_ms = 0;
}

void watch_closed(struct core *core)
{
        struct watching *watching = core->watching;

        if (!watching)
                return;
        for (uint32_t i = 0; i < watching->count; i++)
                forget(&watching->users[i]);
        watching->due = watching->asked = watching->again = watching->typed = false;
}

/* ---- in ---- */

/* The same user keeps what is known of him. */
static void set_users(struct watching *watching, const uint64_t *users, size_t count, uint64_t self)
{
        struct watching before = *watching;

        watching->count = 0;
        for (size_t i = 0; i < count && watching->count < WATCH_USERS_MAX; i++) {
                struct watched_user *watched = &watching->users[watching->count];
                bool named = users[i] == 0 || users[i] == self;

                for (uint32_t j = 0; j < watching->count && !named; j++)
                        named = watching->users[j].user == users[i];
                if (named)
                        continue;
                *watched = (struct watched_user){.user = users[i]};
                for (uint32_t j = 0; j < before.count; j++)
                        if (before.users[j].user == users[i])
                                *watched = before.users[j];
                watching->count++;
        }
}

static bool is_same(const struct watching *watching, const struct watching *before)
{
        if (watching->count != before->count || !id_equal(&watching->room, &before->room))
                return false;
        for (uint32_t i = 0; i < watching->count; i++)
                if (watching->users[i].user != before->users[i].user)
                        return false;
        return true;
}

enum error core_watch(struct core *core, const uint64_t *users, size_t count, const struct id *room, struct core_time time)
{
        struct watching before;

        core_set_time(core, time);
        if (!core->watching && count == 0 && !room)
                return ERR_OK;
        if (!core->watching)
                core->watching = recycler_new(&core->memory, struct watching);
        if (!core->watching)
                return ERR_NO_MEMORY;
        before = *core->watching;
        set_users(core->watching, users, count, core->account.user);
        core->watching->room = room ? *room : (struct id){0};
        if (is_same(core->watching, &before))
                return ERR_OK;
        if (!id_equal(&core->watching->room, &before.room)) {
                memset(core->watching->typists, 0, sizeof(core->watching->typists));
                core->watching->typed = false;
        }
        if (!core->watching->due)
                core->watching->send_ms = max_of(core->watching->send_ms, core->now_ms + WATCH_GATHER_MS);
        core->watching->due = true;
        core->watching->again = core->watching->asked;
        core_step(core);
        return ERR_OK;
}

void core_typing(struct core *core, const struct id *room, struct core_time time)
{
        struct watching *watching = core->watching;
        struct wire_frame frame = {.code = WIRE_CODE_typing, .room = *room};
        struct wire_typing typing = {.kind = ROW_TEXT};
        const struct room *known = room_find(core, room);

        core_set_time(core, time);
        if (!watching || !known || known->left || core->link.state != LINK_READY || account_ends(core) ||
            (watching->typed && core->now_ms < watching->typed_ms + TYPING_MS + WATCH_PAUSE_MS))
                return;
        if (!link_send(core, &frame, &typing))
                return;
        watching->typed = true;
        watching->typed_ms = core->now_ms;
        core_step(core);
}

bool core_status(const struct core *core, uint64_t user, bool *online)
{
        const struct watched_user *watched = find(core, user);

        *online = watched && watched->status == WATCH_ONLINE;
        return watched && watched->status != WATCH_UNKNOWN;
}

uint64_t core_seen_ms(const struct core *core, uint64_t user)
{
        const struct watched_user *watched = find(core, user);

        return watched && watched->status == WATCH_OFFLINE ? watched->seen_ms : 0;
}

size_t core_typists(const struct core *core, const struct id *room, uint64_t *users, size_t max)
{
        const struct watching *watching = core->watching;
        size_t count = 0;

        for (size_t i = 0; watching && id_equal(&watching->room, room) && i < WATCH_TYPISTS_MAX; i++)
                if (watching->typists[i].until_ms > core->now_ms && count < max)
                        users[count++] = watching->typists[i].user;
        return count;
}

/* ---- the request ---- */

void watch_step(struct core *core)
{
        struct watching *watching = core->watching;
        struct wire_user_ref users[WATCH_USERS_MAX];
        struct wire_watch watch = {.users.items = users};

        if (!watching || core->link.state != LINK_READY || watching->asked)
                return;
        if (watching->renew_ms && core->now_ms >= watching->renew_ms)
                watching->due = true;
        if (!watching->due || watching->send_ms > core->now_ms)
                return;
        memset(users, 0, sizeof(users));
        for (uint32_t i = 0; i < watching->count; i++)
                users[watch.users.count++].user = watching->users[i].user;
        if (!id_is_zero(&watching->room)) {
                watch.room = watching->room;
                watch.has = WIRE_HAS(watch, room);
        }
        watching->asked = request_send(core, WIRE_CODE_watch, NULL, NULL, &watch) != NULL;
        watching->due = !watching->asked;
        watching->again = false;
        watching->send_ms = core->now_ms + (watching->asked ? 0 : CORE_FULL_PAUSE_MS);
}

uint64_t watch_due(const struct core *core)
{
        const struct watching *watching = core->watching;
        uint64_t due = UINT64_MAX;

        if (!watching)
                return due;
        for (size_t i = 0; i < WATCH_TYPISTS_MAX; i++)
                if (watching->typists[i].until_ms)
                        due = min_of(due, watching->typists[i].until_ms);
        if (core->link.state != LINK_READY || watching->asked)
                return due;
        if (watching->due)
                due = min_of(due, watching->send_ms);
        return watching->renew_ms ? min_of(due, max_of(watching->renew_ms, watching->send_ms)) : due;
}

static void take_status(struct core *core, const struct wire_status *status, uint64_t stamp)
{
        struct watched_user *watched = find(core, status->user);

        if (!watched || stamp < watched->stamp)
                return;
        watched->stamp = stamp;
        watched->status = status->online ? WATCH_ONLINE : WATCH_OFFLINE;
        watched->seen_ms = max_of(watched->seen_ms, status->seen_ms);
}

/* Of whom the server says nothing, there is nothing to know. */
static void forget_unsaid(struct watching *watching, const struct wire_watched *watched)
{
        struct wire_iterator iterator;
        struct wire_status status;

        for (uint32_t i = 0; i < watching->count; i++) {
                bool said = false;

                WIRE_LIST_START(&iterator, watched, statuses, &watched->statuses);
                while (wire_list_next(&iterator, &status))
                        said |= status.user == watching->users[i].user;
                if (!said)
                        forget(&watching->users[i]);
        }
}

bool watch_answered(struct core *core, struct request *request, const struct wire_frame *frame, const void *message)
{
        const struct wire_watched *watched = message;
        struct watching *watching = core->watching;
        struct wire_iterator iterator;
        struct wire_status status;

        (void)request, (void)frame;
        if (!watching)
                return true;
        watching->asked = false;
        watching->tries = 0;
        watching->renew_ms = 0;
        if (watching->count > 0 || !id_is_zero(&watching->room))
                watching->renew_ms = core->now_ms + max_of(watched->lease_ms, (uint64_t)WATCH_LEASE_MIN) / 5 * 4;
        WIRE_LIST_START(&iterator, watched, statuses, &watched->statuses);
        while (wire_list_next(&iterator, &status))
                take_status(core, &status, watched->stamp);
        if (!watching->again)
                forget_unsaid(watching, watched);
        watching->due |= watching->again;
        return true;
}

/* Refused: he is not in that room (any more). The others are watched without it; and if there are none, the watch from before ends. */
void watch_failed(struct core *core, struct request *request, enum error error, uint64_t retry_after_ms)
{
        struct watching *watching = core->watching;
        uint64_t pause;

        (void)request;
        if (!watching)
                return;
        watching->asked = false;
        if (request_ended_link(core, error))
                return;
        watching->renew_ms = 0;
        if (error_class((unsigned)error) == ERROR_CLASS_REFUSED && error != ERR_LATE && !watching->again) {
                watching->due = error == ERR_NO_ROOM && !id_is_zero(&watching->room);
                watching->room = (struct id){0};
                return;
        }
        pause = core_pause_ms(core, watching->tries, RETRY_FIRST_MS, CORE_RETRY_MAX_MS);
        watching->tries = (uint8_t)min_of(watching->tries + 1, 30);
        watching->due = true;
        watching->send_ms = core->now_ms + max_of(retry_after_ms, pause);
}

/* ---- what is pushed ---- */

bool watch_moved(struct core *core, const struct wire_status_moved *moved)
{
        if (moved->has & WIRE_HAS(status_moved, status))
                take_status(core, &moved->status, moved->stamp);
        return true;
}

bool watch_types(struct core *core, const struct id *room, const struct wire_types *types)
{
        struct watching *watching = core->watching;
        struct typist *place = NULL;

        if (!watching || !id_equal(&watching->room, room) || types->user == 0 || types->user == core->account.user)
                return true;
        for (size_t i = 0; i < WATCH_TYPISTS_MAX; i++) {
                struct typist *typist = &watching->typists[i];

                if (typist->user == types->user)
                        place = typist;
                else if (!place && typist->user == 0)
                        place = typist;
        }
        if (!place)
                return true;
        place->user = types->user;
        place->until_ms = core->now_ms + TYPING_GONE_MS;
        return true;
}

void watch_spoke(struct core *core, const struct id *room, uint64_t user)
{
        struct watching *watching = core->watching;

        if (!watching || !id_equal(&watching->room, room))
                return;
        for (size_t i = 0; i < WATCH_TYPISTS_MAX; i++)
                if (watching->typists[i].user == user && watching->typists[i].until_ms)
                        watching->typists[i].until_ms = core->now_ms;
}

/* ---- out ---- */

static bool poll_typists(struct core *core, struct core_event *event)
{
        struct watching *watching = core->watching;

        for (size_t i = 0; i < WATCH_TYPISTS_MAX; i++) {
                struct typist *typist = &watching->typists[i];
                bool types = typist->until_ms > core->now_ms;

                if (typist->user == 0 || (types && typist->told))
                        continue;
                event->number = typist->user;
                event->room = watching->room;
                event->more = types;
                if (types)
                        typist->told = true;
                else if (!typist->told)
                        event->number = 0;
                if (!types)
                        *typist = (struct typist){0};
                if (event->number == 0)
                        continue;
                event->kind = CORE_EVENT_TYPING;
                return true;
        }
        return false;
}

bool watch_poll(struct core *core, struct core_event *event)
{
        struct watching *watching = core->watching;

        if (!watching)
                return false;
        for (uint32_t i = 0; i < watching->count; i++) {
                struct watched_user *watched = &watching->users[i];

                if (watched->status == WATCH_UNKNOWN || watched->status == watched->told)
                        continue;
                watched->told = watched->status;
                event->kind = CORE_EVENT_STATUS;
                event->number = watched->user;
                event->more = watched->status == WATCH_ONLINE;
                return true;
        }
        return poll_typists(core, event);
}
