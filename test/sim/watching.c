/*
 * What people have on their screens, and what they hear of others: rules 5 and 7. Whom one shares no room with, nobody hears of; where
 * one is not, nobody hears typing; and a reconnect says nothing, which the phase AWAY provokes.
 */
#include "rules/limits.h"
#include "rules/room.h"
#include "sim/check.h"
#include "sim/settings.h"

#define SETTLED_US     (2 * SIM_SECOND) /* what was on its way when peace came has arrived */
#define OPEN_US        (4 * SIM_SECOND) /* so long he looks at it before he leaves */
#define SEEN_FINEST_MS 300000           /* when somebody was there last is told no finer than in five minutes */
#define LEFT_US        (8 * SIM_SECOND) /* so long after he left, everything that was on its way has arrived */

static bool met_in(const struct history_room *room, uint64_t user)
{
        if (!history_is_group(room))
                return room->users[0] == user || room->users[1] == user;
        for (unsigned i = 0; i < room->met_count; i++)
                if (room->met[i] == user)
                        return true;
        return false;
}

void history_met(struct sim *sim, const struct id *id, uint64_t user)
{
        struct history_room *room = &sim->history.rooms[history_room(sim, id)];

        if (!met_in(room, user) && room->met_count < countof(room->met))
                room->met[room->met_count++] = user;
}

/* Has anybody tried to bring the two together? What came of it need not be known here. */
static bool may_share(const struct sim *sim, uint64_t one, uint64_t other)
{
        const struct history *history = &sim->history;

        for (unsigned i = 0; i < history->room_count; i++)
                if (history_is_group(&history->rooms[i]) && met_in(&history->rooms[i], one) &&
                    met_in(&history->rooms[i], other))
                        return true;
        for (unsigned i = 0; i < history->count; i++) {
                const struct history_room *room = &history->rooms[history->messages[i].room];

                if (!history_is_group(room) && met_in(room, one) && met_in(room, other))
                        return true;
        }
        return false;
}

static bool is_there(const struct sim *sim, const struct sim_client *client)
{
        return !client->start_us && client->line && client->line->state == LINE_OPEN &&
               core_phase(client->host.core) == CORE_SYNCED && client->connected_us + SETTLED_US < sim->now_us;
}

static bool is_anywhere(const struct sim *sim, uint64_t user)
{
        for (unsigned i = 0; i < sim->clients.count; i++)
                if (sim->clients.all[i].user->id == user && is_there(sim, &sim->clients.all[i]))
                        return true;
        return false;
}

static bool in_peace(const struct sim *sim)
{
        return sim->phase == SIM_AWAY && sim->phase_began_us + SETTLED_US < sim->now_us;
}

void watching_status(struct sim *sim, uint64_t hearer, uint64_t user, bool online, uint64_t seen_ms)
{
        sim_tell(sim, "user %llu is %s", (unsigned long long)user, online ? "online" : "gone");
        if (!may_share(sim, hearer, user))
                sim_break(sim, "7 watched by a stranger", "somebody hears of user %llu, with whom he shares no room",
                          (unsigned long long)user);
        if (!online && in_peace(sim) && is_anywhere(sim, user))
                sim_break(sim, "5 said to be gone", "user %llu is there", (unsigned long long)user);
        if (seen_ms > SIM_WALL_MS + sim_now_ms(sim) + CLOCK_MARGIN_MS)
                sim_break(sim, "5 last seen in the future", "user %llu", (unsigned long long)user);
        if (seen_ms % SEEN_FINEST_MS != 0)
                sim_break(sim, "7 last seen too exactly", "user %llu", (unsigned long long)user);
}

/* Came when all was at rest: what he knows of others he was told since then. */
static bool came_in_peace(const struct sim *sim, const struct sim_client *client)
{
        return client->connected_us > sim->phase_began_us && is_there(sim, client);
}

/* Whoever typed knew that he had left; or he himself knows it, and what was said before has arrived. */
static bool has_left(const struct sim *sim, const struct sim_client *client, const struct id *id)
{
        const struct leaver *leaver = &sim->clients.leaver;
        struct core_room_info info;

        if (leaver->client == client && leaver->answered && id_equal(&leaver->room, id))
                return true;

        if (!in_peace(sim) || core_room_info(client->host.core, id, &info) != ERR_OK || !info.left)
                return false;
        return leaver->client != client || !id_equal(&leaver->room, id) || sim->now_us > leaver->at_us + LEFT_US;
}

void watching_types(struct sim *sim, uint64_t hearer, uint64_t user, const struct id *id, const struct sim_client *client)
{
        const struct history_room *room = &sim->history.rooms[history_room(sim, id)];

        if (!met_in(room, hearer) || !met_in(room, user))
                sim_break(sim, "7 typing heard by a stranger", "it is in room %u", history_room(sim, id));
        if (in_peace(sim) && blocking_between(sim, hearer, user))
                sim_break(sim, "7 typing heard in spite of a block", "it is in room %u", history_room(sim, id));
        if (client && has_left(sim, client, id))
                sim_break(sim, "7 typing heard by who left", "client %u, group %u", client->number, history_room(sim, id));
}

/* ---- what people do ---- */

const struct wire_watch *watching_all(struct sim *sim, struct wire_watch *watch, struct wire_user_ref *users,
                                      const struct id *room)
{
        for (unsigned i = 0; i < sim->clients.user_count; i++)
                users[watch->users.count++] = (struct wire_user_ref){.user = sim->clients.users[i].id};
        if (sim_chance(sim, 30)) {
                watch->room = *room;
                watch->has = WIRE_HAS(watch, room);
        }
        return watch;
}

/* A room of his, one that he left included: the core asks, and the server knows. */
static bool choose_open(struct sim *sim, const struct sim_client *client, struct id *room)
{
        struct core_room_info info;
        unsigned found = 0;

        for (uint32_t i = 0; core_room_at(client->host.core, i, &info); i++)
                if (sim_below(sim, found += info.kind == ROOM_GROUP ? 3 : 1) < (info.kind == ROOM_GROUP ? 3 : 1))
                        *room = info.room;
        return found > 0;
}

/* Anybody may be looked up; not everybody may be watched. */
void client_looks(struct sim *sim, struct sim_client *client)
{
        uint64_t users[USERS_MAX];
        struct id room;
        bool open = choose_open(sim, client, &room);
        size_t count = 0;

        for (unsigned i = 0; i < sim->clients.user_count; i++)
                if (sim->clients.users[i].id && sim_chance(sim, 80))
                        users[count++] = sim->clients.users[i].id;
        if (core_watch(client->host.core, users, count, open ? &room : NULL, client->host.time) != ERR_OK)
                sim_tell(sim, "client %u cannot look", client->number);
        client->looks = true;
        core_host_settle(&client->host);
}

void client_types(struct sim *sim, struct sim_client *client)
{
        struct id room;

        if (core_phase(client->host.core) != CORE_SYNCED || !choose_open(sim, client, &room))
                return;
        core_typing(client->host.core, &room, client->host.time);
        core_host_settle(&client->host);
}

/* ---- AWAY ---- */

/* A group that is not his alone. */
static bool choose_group(struct sim *sim, const struct sim_client *client, struct id *room)
{
        struct core_room_info info;
        unsigned found = 0;

        for (uint32_t i = 0; core_room_at(client->host.core, i, &info); i++)
                if (info.kind == ROOM_GROUP && !info.left && info.members > 1 && sim_below(sim, ++found) == 0)
                        *room = info.room;
        return found > 0;
}

/* Somebody who is there opens a group; then he leaves it, and others write in it. */
static void choose_leaver(struct sim *sim)
{
        struct leaver *leaver = &sim->clients.leaver;
        unsigned first = (unsigned)sim_below(sim, sim->clients.count);

        for (unsigned i = 0; i < sim->clients.count; i++) {
                struct sim_client *client = &sim->clients.all[(first + i) % sim->clients.count];
                struct id room;

                if (!is_there(sim, client) || !choose_group(sim, client, &room))
                        continue;
                *leaver = (struct leaver){.client = client, .room = room, .at_us = sim->now_us + OPEN_US};
                if (core_watch(client->host.core, NULL, 0, &room, client->host.time) != ERR_OK)
                        sim_tell(sim, "client %u cannot look", client->number);
                core_host_settle(&client->host);
                return;
        }
}

void client_sees_leaving(struct sim *sim, struct sim_client *client, const struct host_event *event)
{
        struct leaver *leaver = &sim->clients.leaver;

        if (!leaver->left || !id_equal(&leaver->room, &event->room) || event->row.subject != leaver->client->user->id ||
            client->user == leaver->client->user)
                return;
        leaver->answered = true;
        core_typing(client->host.core, &event->room, client->host.time);
        core_host_settle(&client->host);
}

void client_acts_away(struct sim *sim, struct sim_client *client)
{
        struct leaver *leaver = &sim->clients.leaver;
        struct core_room_info info;

        if (leaver->client == client && !leaver->left && sim->now_us > leaver->at_us) {
                leaver->left = true;
                client_leaves(sim, client, &leaver->room);
                return;
        }
        if (!client->looks && core_phase(client->host.core) == CORE_SYNCED)
                client_looks(sim, client); /* he is back */
        if (leaver->client && sim->now_us < leaver->at_us + LEFT_US)
                return; /* that he begins is told, not that he goes on */
        if (leaver->client && leaver->client != client && sim_chance(sim, 60) &&
            core_room_info(client->host.core, &leaver->room, &info) == ERR_OK)
                core_typing(client->host.core, &leaver->room, client->host.time);
        else
                client_types(sim, client);
        core_host_settle(&client->host);
}

/* Some go, and are back at once. */
void clients_reconnect(struct sim *sim)
{
        for (unsigned i = 0; i < sim->clients.count; i++) {
                struct sim_client *client = &sim->clients.all[i];

                if (client->line && client->line->state == LINE_OPEN && sim_chance(sim, 40))
                        client_crash(sim, client, SIM_SECOND);
        }
        if (sim_chance(sim, 50))
                choose_leaver(sim);
}

void check_watching(struct sim *sim)
{
        for (unsigned i = 0; i < sim->clients.count && sim->phase == SIM_AWAY && !sim->broken.rule; i++) {
                const struct sim_client *client = &sim->clients.all[i];

                for (unsigned n = 0; n < sim->clients.user_count; n++) {
                        uint64_t user = sim->clients.users[n].id;
                        bool online;

                        if (!core_status(client->host.core, user, &online))
                                continue;
                        if (!online && is_anywhere(sim, user))
                                sim_break(sim, CHECK_STATUS_STALE, "client %u takes user %u for gone", client->number, n);
                        if (came_in_peace(sim, client) &&
                            (settings_hides(sim, user) || settings_hides(sim, client->user->id)))
                                sim_break(sim, "7 told of who hides", "client %u, of user %u", client->number, n);
                }
        }
}
