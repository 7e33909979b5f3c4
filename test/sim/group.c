/* What the person before a client does with groups. Others do so at the same time: what he had a right to, he may have lost. */
#include "rules/role.h"
#include "rules/room.h"
#include "sim/sim.h"

static void act(struct sim *sim, struct sim_client *client, const struct id *room, struct wire_operation *operation)
{
        char text[HISTORY_TEXT_SIZE];
        struct message *message;
        struct id id = *room;
        enum error error;

        if (sim->history.count == HISTORY_MESSAGES_MAX)
                return;
        if (operation->kind == ROW_CREATED || operation->kind == ROW_TITLE)
                operation->text = slice_of(text, history_text(client->number, client->said, text));
        if (operation->kind == ROW_CREATED)
                error = core_create_group(client->host.core, operation->text, &id, client->host.time);
        else
                error = core_write(client->host.core, room, operation, &id, client->host.time);
        if (error != ERR_OK)
                return;
        if (operation->kind == ROW_CREATED)
                room = &id;
        message = history_sent(sim, &id, client->number, client->user->id, room, client->said);
        message->deed = true;
        message->brings = operation->kind == ROW_JOINED ? operation->subject : 0;
        if (operation->kind == ROW_CREATED || operation->kind == ROW_JOINED)
                history_met(sim, room, operation->kind == ROW_CREATED ? client->user->id : operation->subject);
        sim_tell(sim, "client %u does %s (%u) in group %u", client->number, row_kind_text((unsigned)operation->kind),
                 client->said++, history_room(sim, room));
        core_host_settle(&client->host);
}

static unsigned group_count(const struct sim *sim)
{
        unsigned count = 0;

        for (unsigned i = 0; i < sim->history.room_count; i++)
                count += history_is_group(&sim->history.rooms[i]);
        return count;
}

bool client_group(struct sim *sim, const struct sim_client *client, struct id *room)
{
        struct core_room_info info;
        unsigned found = 0;

        for (uint32_t i = 0; core_room_at(client->host.core, i, &info); i++)
                if (info.kind == ROOM_GROUP && !info.left && sim_below(sim, ++found) == 0)
                        *room = info.room;
        return found > 0;
}

/* By the link that somebody made last. */
static void come_by_link(struct sim *sim, struct sim_client *client)
{
        for (unsigned i = 0; i < sim->history.room_count; i++) {
                struct history_room *room = &sim->history.rooms[i];
                struct wire_operation operation = {
                        .kind = ROW_JOINED, .subject = client->user->id, .link = slice_of(room->link, sizeof(room->link))};

                if (!room->has_link || !sim_chance(sim, 30))
                        continue;
                act(sim, client, &room->id, &operation);
                return;
        }
}

static void change_link(struct sim *sim, struct sim_client *client, const struct id *id)
{
        struct history_room *room = &sim->history.rooms[history_room(sim, id)];
        struct wire_operation operation = {.kind = ROW_LINK};

        room->has_link = sim_chance(sim, 80);
        if (room->has_link) {
                sim_fill(sim, room->link, sizeof(room->link));
                operation.link = slice_of(room->link, sizeof(room->link));
        }
        act(sim, client, id, &operation);
}

/* Anybody, himself too, and, where rogues are let in, often one of them. */
static uint64_t somebody(struct sim *sim)
{
        const struct user *user = &sim->clients.users[sim_below(sim, sim->clients.user_count)];

        if (sim->rogues.invited && sim_chance(sim, 30))
                user = sim->rogues.all[sim_below(sim, sim->rogues.count)].user;
        return user->rogue && !sim->rogues.invited ? 0 : user->id;
}

/* Another who is in the group, as far as his own client knows; anybody where no client does. */
static uint64_t another_member(struct sim *sim, const struct sim_client *client, const struct id *room)
{
        size_t first = sim_below(sim, sim->clients.count);
        struct core_room_info info;

        for (size_t i = 0; i < sim->clients.count; i++) {
                const struct sim_client *other = &sim->clients.all[(first + i) % sim->clients.count];

                if (other->user != client->user && !other->start_us &&
                    core_room_info(other->host.core, room, &info) == ERR_OK && !info.left)
                        return other->user->id;
        }
        return somebody(sim);
}

/* The worst moment to let somebody in: what another has just said is done, he does not hear of it, and will say it again. */
static void leave_unheard(struct sim *sim, const struct sim_client *client, const struct id *room)
{
        struct sim_client *other = &sim->clients.all[sim_below(sim, sim->clients.count)];
        struct core_room_info info;

        if (sim->phase != SIM_FAULTS || sim->options.without[FAULT_CLASS_ONE_WAY_DOWN] || other == client ||
            other->start_us || !other->line || core_room_info(other->host.core, room, &info) != ERR_OK || info.left)
                return;
        client_say(sim, other, room);
        line_stall(sim, other->line, false, true, sim_between(sim, 3, 8) * SIM_SECOND);
        fault_happened(sim, FAULT_CLASS_ONE_WAY_DOWN);
}

/* One change, by a hundred's dice: of members from 0 on, of roles from 40 on, of the title from 58 on. */
static void change(struct sim *sim, struct sim_client *client, const struct id *room, uint64_t choice)
{
        struct wire_operation operation = {.kind = ROW_TITLE};

        if (choice < 58) {
                operation.subject = somebody(sim);
                if (operation.subject == 0)
                        return;
        }
        if (choice < 26) {
                operation.kind = ROW_JOINED;
                if (sim_chance(sim, 30))
                        leave_unheard(sim, client, room);
        } else if (choice < 40) {
                operation.kind = ROW_LEFT;
                if (sim_chance(sim, 30))
                        operation.subject = client->user->id;
        } else if (choice < 58) {
                operation.kind = ROW_ROLE;
                operation.role = 1 + sim_below(sim, 3);
                if (sim_chance(sim, 80))
                        operation.subject = another_member(sim, client, room);
        }
        act(sim, client, room, &operation);
}

void client_change_group(struct sim *sim, struct sim_client *client, const struct id *room)
{
        change(sim, client, room, sim_below(sim, 100));
}

void client_act_in_group(struct sim *sim, struct sim_client *client)
{
        struct wire_operation operation = {.kind = ROW_CREATED};
        uint64_t choice = sim_below(sim, 100);
        struct id room = {0};

        if (choice < 6)
                come_by_link(sim, client);
        else if (!client_group(sim, client, &room) && group_count(sim) < HISTORY_GROUPS_MAX)
                act(sim, client, &room, &operation);
        else if (id_is_zero(&room))
                return;
        else if (choice < 40)
                client_say_or_alter(sim, client, &room);
        else if (choice < 95)
                change(sim, client, &room, choice - 40);
        else
                change_link(sim, client, &room);
}

void client_leaves(struct sim *sim, struct sim_client *client, const struct id *room)
{
        struct wire_operation operation = {.kind = ROW_LEFT, .subject = client->user->id};

        act(sim, client, room, &operation);
}

/* Of those that he is in, or was: what is pinned there now. */
static void probe_pins(struct sim *sim, struct sim_client *client)
{
        struct core_room_info info;
        struct id room = {0};
        unsigned found = 0;

        for (uint32_t i = 0; core_room_at(client->host.core, i, &info); i++)
                if (info.kind == ROOM_GROUP && sim_below(sim, ++found) == 0)
                        room = info.room;
        if (found > 0)
                sim_note(sim, "looks", finder_pins(sim, client, &room), (struct slice){0});
}

void client_probe_groups(struct sim *sim, struct sim_client *client)
{
        struct id rooms[HISTORY_GROUPS_MAX];
        struct core_room_info info;
        unsigned count = 0;

        for (uint32_t i = 0; core_room_at(client->host.core, i, &info); i++)
                if (info.kind == ROOM_GROUP && !info.left && count < countof(rooms))
                        rooms[count++] = info.room;
        for (unsigned i = 0; i < count; i++) {
                client_say(sim, client, &rooms[i]);
                core_read(client->host.core, &rooms[i], UINT64_MAX, client->host.time);
                core_host_settle(&client->host);
        }
        probe_pins(sim, client);
}
