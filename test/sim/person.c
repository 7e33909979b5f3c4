/* What the person before a client does: signs up or in, writes, reads, looks around. See client.h. */
#include <inttypes.h>
#include <stdio.h>

#include "rules/room.h"
#include "rules/row.h"
#include "sim/sim.h"

#define SIGN_TRIES_MAX 3

static void fill_secret(struct sim *sim, uint8_t secret[32])
{
        sim_fill(sim, secret, 32);
}

/* Names his next step towards an account. */
void client_sign(struct sim *sim, struct sim_client *client)
{
        struct core *core = client->host.core;
        struct user *user = client->user;
        uint8_t secret[32];
        const char *code;
        enum error error = ERR_OK;

        if (client->signing || core_phase(core) == CORE_LOADING || core_phase(core) >= CORE_OFFLINE)
                return;
        fill_secret(sim, secret);
        switch (client->goal) {
        case CLIENT_ADOPTS:
                error = core_adopt(core, user->id, user->first_device, user->token, client->host.time);
                return;
        case CLIENT_SIGNS_UP:
                code = mailbox_code(sim, user->email);
                if (core_phase(core) == CORE_SIGNED_OUT)
                        error = core_sign_up(core, slice_text(user->email), slice_text(user->name), slice_text(user->name),
                                             slice_text(user->password), slice_text(sim->clients.invite), client->host.time);
                else if (code)
                        error = core_confirm(core, slice_text(code), secret, SLICE_LITERAL("first"), client->host.time);
                else
                        return;
                break;
        case CLIENT_SIGNS_IN:
                error = core_sign_in(core, slice_text(user->name), slice_text(user->password), secret,
                                     SLICE_LITERAL("further"), client->host.time);
                break;
        }
        client->signing = error == ERR_OK;
}

/* Done, it must be: from now on that device hears nothing. */
static void signed_out(struct sim *sim, struct sim_client *client, enum error error)
{
        struct sim_client *other = &sim->clients.all[client->sign_out_target - 1];

        client->sign_out_target = 0;
        sim_tell(sim, "client %u: signing out: %s", client->number, error_name(error));
        if (error != ERR_OK || other == client || other->device != client->sign_out_device)
                return;
        other->revoked = true;
        other->revoked_us = sim->now_us;
}

/* An answer came. Whose account exists already, perhaps by an earlier try that he did not hear of, signs in. */
void client_signed(struct sim *sim, struct sim_client *client, enum error error)
{
        if (client->sign_out_target) {
                signed_out(sim, client, error);
                return;
        }
        sim_tell(sim, "client %u: signing: %s", client->number, error_name(error));
        if (error == ERR_OK || client->goal == CLIENT_ADOPTS)
                return;
        if (++client->sign_tries % SIGN_TRIES_MAX == 0 || error == ERR_NAME_TAKEN)
                client->goal = client->goal == CLIENT_SIGNS_UP ? CLIENT_SIGNS_IN
                               : client->user->imported        ? CLIENT_SIGNS_IN
                                                               : CLIENT_SIGNS_UP;
}

void client_signed_in(struct sim *sim, struct sim_client *client)
{
        const struct core *core = client->host.core;

        if (client->device == core_device(core) && client->device)
                return;
        client->device = core_device(core);
        client->revoked = false;
        if (client->user->id && client->user->id != core_user(core) && sim->faults.restored_us == 0)
                sim_break(sim, "8 two outcomes", "client %u's account was made twice", client->number);
        client->user->id = core_user(core);
        client->goal = CLIENT_SIGNS_IN; /* whenever he has to, again */
        sim_tell(sim, "client %u is signed in", client->number);
}

/* Somebody to write to: himself now and then, and only whose account is known. */
static bool choose_room(struct sim *sim, const struct sim_client *client, struct id *room)
{
        const struct user *peer = client->user;

        if (sim_chance(sim, 40)) /* the first two have much to say to each other */
                peer = &sim->clients.users[client->user == &sim->clients.users[0]];
        else if (!sim_chance(sim, 10))
                peer = &sim->clients.users[sim_below(sim, sim->clients.user_count)];
        if (peer->id == 0)
                return false;
        *room = room_personal(client->user->id, peer->id);
        return true;
}

void client_say(struct sim *sim, struct sim_client *client, const struct id *room)
{
        char text[HISTORY_TEXT_SIZE];
        size_t size = history_text(client->number, client->said, text);
        struct id id;

        if (sim->history.count == HISTORY_MESSAGES_MAX)
                return;
        if (core_send(client->host.core, room, slice_of(text, size), &id, client->host.time) != ERR_OK)
                return;
        (void)history_sent(sim, &id, client->number, client->user->id, room, client->said);
        sim_tell(sim, "client %u says %u into room %u", client->number, client->said++, history_room(sim, room));
        core_host_settle(&client->host);
}

/* A row that he has, if the one chosen is there. */
static bool choose_row(struct sim *sim, const struct sim_client *client, const struct id *room, struct wire_row *row)
{
        struct core_room_info info;
        uint64_t seq;

        if (core_room_info(client->host.core, room, &info) != ERR_OK || info.left || info.head == 0)
                return false;
        seq = info.head - sim_below(sim, min_of(info.head, UINT64_C(12)));
        return core_host_row(&client->host, room, seq, row);
}

/* Edits, deletes, reacts, pins, replies: mostly where he may, and sometimes not. */
static void alter_something(struct sim *sim, struct sim_client *client, const struct id *room)
{
        char text[HISTORY_TEXT_SIZE];
        struct wire_operation operation = {.kind = sim_chance(sim, 70) ? ROW_EDITED : ROW_DELETED};
        struct message *message;
        struct wire_row row;
        struct id id;

        if (sim->history.count == HISTORY_MESSAGES_MAX || !choose_row(sim, client, room, &row))
                return;
        operation.target = row.seq;
        if (row.sender != client->user->id && !sim_chance(sim, 15))
                operation.kind = ROW_TEXT;
        if (sim_chance(sim, 40))
                operation.kind = ROW_REACTED;
        else if (sim_chance(sim, 30))
                operation.kind = ROW_PINNED;
        if (operation.kind == ROW_PINNED)
                operation.off = row.pinned ? sim_chance(sim, 70) : sim_chance(sim, 10);
        if (operation.kind == ROW_TEXT && sim_chance(sim, 30))
                operation.origin = SLICE_LITERAL("somebody");
        if (operation.kind == ROW_REACTED)
                operation.text = slice_text(history_reaction(client->said));
        else if (operation.kind != ROW_DELETED && operation.kind != ROW_PINNED)
                operation.text = slice_of(text, history_text(client->number, client->said, text));
        if (core_write(client->host.core, room, &operation, &id, client->host.time) != ERR_OK)
                return;
        message = history_sent(sim, &id, client->number, client->user->id, room, client->said);
        message->past_row = client->of_the_past;
        if (operation.kind != ROW_TEXT) {
                message->alters = (unsigned)operation.kind;
                message->target = row.seq;
                message->may_fail = true;
                message->reaction = history_reaction(client->said);
                message->off = operation.off;
        }
        sim_tell(sim, "client %u's %u: %s of number %" PRIu64 " of room %u", client->number, client->said++,
                 row_kind_text((unsigned)operation.kind), row.seq, history_room(sim, room));
        core_host_settle(&client->host);
}

void client_say_or_alter(struct sim *sim, struct sim_client *client, const struct id *room)
{
        if (sim_chance(sim, 20))
                alter_something(sim, client, room);
        else
                client_say(sim, client, room);
}

static void read_some(struct sim *sim, struct sim_client *client)
{
        struct core_room_info info;

        if (core_room_at(client->host.core, (uint32_t)sim_below(sim, 4), &info))
                core_read(client->host.core, &info.room, info.head, client->host.time);
}

static void look_around(struct sim *sim, struct sim_client *client)
{
        struct core *core = client->host.core;
        struct core_room_info info;
        enum error error = ERR_OK;
        struct id request;

        switch (sim_below(sim, 9)) {
        case 0:
                error = core_find(core, SLICE_LITERAL("user"), &request, client->host.time);
                break;
        case 1:
                error = core_devices(core, &request, client->host.time);
                break;
        case 2:
                if (core_room_at(core, (uint32_t)sim_below(sim, 4), &info))
                        error = core_around(core, &info.room, 1 + sim_below(sim, info.head + 1), 0, 10, &request,
                                            client->host.time);
                break;
        case 6:
                if (core_room_at(core, (uint32_t)sim_below(sim, 4), &info))
                        error = finder_pins(sim, client, &info.room);
                break;
        case 7:
                if (core_room_at(core, (uint32_t)sim_below(sim, 4), &info))
                        error = finder_reactors(sim, client, &info.room, 1 + sim_below(sim, info.head + 1));
                break;
        case 4:
        case 5:
                error = finder_search(sim, client);
                break;
        case 3:
                if (core_room_at(core, (uint32_t)sim_below(sim, 4), &info))
                        error = core_members(core, &info.room, 0, &request, client->host.time);
                break;
        default:
                if (core_room_at(core, (uint32_t)sim_below(sim, 4), &info))
                        error = core_history(core, &info.room, 0, 30, client->host.time);
        }
        sim_note(sim, "looks", error, (struct slice){0});
}

/* While this user joins, he says something to him, or does something in a group, where they may both be. */
static void provoke(struct sim *sim, struct sim_client *client, uint64_t user, uint64_t at_us)
{
        if (client->start_us || !sim_chance(sim, 40) || !client_group(sim, client, &client->provoked))
                client->provoked = room_personal(client->user->id, user);
        client->act_us = at_us;
}

void client_provoke(struct sim *sim, const struct sim_client *newcomer)
{
        struct sim_client *other = &sim->clients.all[sim_below(sim, sim->clients.count)];

        if (!sim_chance(sim, 40) || other->user == newcomer->user || other->user->id == 0 || newcomer->user->id == 0)
                return;
        provoke(sim, other, newcomer->user->id, sim->now_us + sim_below(sim, 4 * newcomer->line->delay_us + 5000));
}

/* Some other one who is connected; NULL: nobody is. */
static struct sim_client *somebody_else(struct sim *sim, uint64_t user)
{
        unsigned first = (unsigned)sim_below(sim, sim->clients.count);

        for (unsigned i = 0; i < sim->clients.count; i++) {
                struct sim_client *other = &sim->clients.all[(first + i) % sim->clients.count];

                if (other->start_us || !other->user->id || other->user->id == user ||
                    core_phase(other->host.core) != CORE_SYNCED)
                        continue;
                return other;
        }
        return NULL;
}

bool clients_provoke(struct sim *sim, uint64_t user)
{
        struct sim_client *other = somebody_else(sim, user);

        if (!other)
                return false;
        provoke(sim, other, user, sim->now_us);
        return true;
}

bool clients_say_to(struct sim *sim, uint64_t user)
{
        struct sim_client *other = somebody_else(sim, user);
        struct id room;

        if (!other)
                return false;
        room = room_personal(other->user->id, user);
        client_say(sim, other, &room);
        return true;
}

void client_act(struct sim *sim, struct sim_client *client)
{
        uint64_t choice = sim_below(sim, 100);
        struct id room;

        if (core_phase(client->host.core) < CORE_OFFLINE) {
                client_sign(sim, client);
                return;
        }
        if (!client->looks && core_phase(client->host.core) == CORE_SYNCED) {
                client_looks(sim, client);
        } else if (!id_is_zero(&client->provoked)) {
                if (room_kind_of(&client->provoked) == ROOM_GROUP)
                        client_change_group(sim, client, &client->provoked);
                else
                        client_say(sim, client, &client->provoked);
                client->provoked = (struct id){0};
        } else if (choice < 28) {
                client_act_in_group(sim, client);
        } else if (choice < 34) {
                client_sets(sim, client, 3);
        } else if (choice < 75 && choose_room(sim, client, &room)) {
                for (uint64_t n = sim_chance(sim, 15) ? sim_between(sim, 2, 20) : 1; n > 0; n--)
                        client_say_or_alter(sim, client, &room);
        } else if (choice < 92) {
                read_some(sim, client);
        } else if (choice < 94) {
                client_looks(sim, client);
        } else if (choice < 95) {
                client_types(sim, client);
        } else if (choice < 96) {
                client_blocks(sim, client);
        } else {
                look_around(sim, client);
        }
}

void clients_probe(struct sim *sim)
{
        for (unsigned i = 0; i < sim->clients.count; i++) {
                struct sim_client *client = &sim->clients.all[i];

                if (core_phase(client->host.core) < CORE_OFFLINE)
                        continue;
                for (unsigned n = 0; n < sim->clients.user_count; n++) {
                        struct id room;

                        if (sim->clients.users[n].id == 0)
                                continue;
                        room = room_personal(client->user->id, sim->clients.users[n].id);
                        client_say(sim, client, &room);
                        client_sets(sim, client, 1);
                        core_read(client->host.core, &room, UINT64_MAX, client->host.time);
                        core_host_settle(&client->host);
                }
                client_probe_groups(sim, client);
        }
}

bool client_sign_out(struct sim *sim, struct sim_client *client)
{
        struct sim_client *other = &sim->clients.all[sim_below(sim, sim->clients.count)];

        if (core_phase(client->host.core) < CORE_OFFLINE || client->signing || client->sign_out_target ||
            client->block_target)
                return false;
        if (other->user != client->user || other->device == 0 || other->revoked)
                return false;
        if (core_sign_out(client->host.core, other->device, client->host.time) != ERR_OK)
                return false;
        sim_tell(sim, "client %u signs client %u out", client->number, other->number);
        client->sign_out_target = other->number + 1;
        client->sign_out_device = other->device;
        core_host_settle(&client->host);
        return true;
}
