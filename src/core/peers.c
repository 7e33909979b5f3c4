/* Who people are: the other user of a personal room, where the server has not said it with the room, and those whom people.c wants. */
#include "core/state.h"
#include "core/sync.h"
#include "rules/room.h"

#define RETRY_FIRST_MS 2000

void peers_step(struct core *core)
{
        struct wire_user_ref users[SYNC_PEERS_MAX];
        struct wire_profiles profiles = {0};
        struct sync *sync = &core->sync;
        uint32_t i;

        if (!sync->peers_due || sync->peers_asked || sync->peers_ms > core->now_ms || !core->join.synced)
                return;
        memset(users, 0, sizeof(users));
        for (i = 0; i < core->rooms.count && profiles.users.count < SYNC_PEERS_MAX; i++) {
                struct room *room = core->rooms.by_time[i];

                if (room->kind != ROOM_PERSONAL || room->peer.user || room->peer_asked)
                        continue;
                room->peer_asked = true;
                users[profiles.users.count++].user = room_peer(&room->id, core->account.user);
        }
        sync->peers_due = i < core->rooms.count;
        profiles.users.count += people_wanted(core, users + profiles.users.count, SYNC_PEERS_MAX - profiles.users.count);
        sync->peers_due |= core->people.wanted > 0;
        if (profiles.users.count == 0)
                return;
        profiles.users.items = users;
        sync->peers_asked = request_send(core, WIRE_CODE_profiles, NULL, NULL, &profiles) != NULL;
        if (!sync->peers_asked)
                peers_failed(core, NULL, ERR_BUSY, 0);
}

bool peers_answered(struct core *core, struct request *request, const struct wire_frame *frame, const void *message)
{
        const struct wire_people *people = message;
        struct wire_iterator iterator;
        struct wire_person person;

        (void)request, (void)frame;
        core->sync.peers_asked = false;
        wire_list_start(&iterator, WIRE_STRUCTURE(people), 1, &people->people);
        while (wire_list_next(&iterator, &person)) {
                struct id id;
                struct room *room;

                if (person.user == 0)
                        return false;
                id = room_personal(core->account.user, person.user);
                room = room_find(core, &id);
                if (room && !room_take_peer(core, room, &person))
                        return false;
                if (people_knows(core, person.user) && !people_take(core, &person, false))
                        return false;
        }
        return true;
}

void peers_failed(struct core *core, struct request *request, enum error error, uint64_t retry_after_ms)
{
        struct sync *sync = &core->sync;

        (void)request;
        sync->peers_asked = false;
        if (error_class((unsigned)error) == ERROR_CLASS_REFUSED)
                return;
        for (uint32_t i = 0; i < core->rooms.count; i++)
                core->rooms.by_time[i]->peer_asked = false;
        people_not_answered(core);
        sync->peers_due = true;
        sync->peers_ms = core->now_ms + max_of(retry_after_ms, core_pause_ms(core, 1, RETRY_FIRST_MS, CORE_RETRY_MAX_MS));
}
