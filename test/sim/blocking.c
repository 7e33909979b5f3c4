/* See blocking.h. */
#include "sim/blocking.h"

#include <inttypes.h>

#include "sim/check.h"

#define FORGOTTEN_US (120 * SIM_SECOND) /* after so long what nobody was answered is not done any more (L8) */

static struct user *user_at(struct sim *sim, unsigned place)
{
        return &sim->clients.users[place];
}

/* USERS_MAX: none of those who behave. */
static unsigned place_of(const struct sim *sim, uint64_t user)
{
        for (unsigned i = 0; i < sim->clients.user_count; i++)
                if (sim->clients.users[i].id == user && user)
                        return i;
        return USERS_MAX;
}

static struct block_pair *pair_of(struct sim *sim, const struct sim_client *client)
{
        return &sim->blocking.pairs[client->user - sim->clients.users][client->block_target - 1];
}

/* ---- what people do ---- */

/* Mostly those are left who are blocked: else nobody would talk in the end. */
static bool wants(struct sim *sim, const struct block_pair *pair, bool *on)
{
        *on = pair->state == BLOCK_NEVER || pair->state == BLOCK_OFF;
        if (pair->state == BLOCK_ASKED || (pair->state == BLOCK_UNKNOWN && sim->now_us < pair->since_us + FORGOTTEN_US))
                return false;
        return !*on || sim_chance(sim, 50);
}

bool blocking_asks(struct sim *sim, struct sim_client *client, const struct user *peer, bool on)
{
        unsigned place = (unsigned)(peer - sim->clients.users);
        struct block_pair *pair = &sim->blocking.pairs[client->user - sim->clients.users][place];

        if (client->signing || client->sign_out_target || client->block_target || peer == client->user || peer->id == 0 ||
            core_block(client->host.core, peer->id, on, client->host.time) != ERR_OK)
                return false;
        sim_tell(sim, "client %u %s user %u", client->number, on ? "blocks" : "unblocks", place);
        pair->before = pair->state;
        pair->state = BLOCK_ASKED;
        client->block_target = place + 1;
        client->blocks_on = on;
        core_host_settle(&client->host);
        return true;
}

void client_blocks(struct sim *sim, struct sim_client *client)
{
        unsigned place = (unsigned)sim_below(sim, sim->clients.user_count);
        bool on;

        if (wants(sim, &sim->blocking.pairs[client->user - sim->clients.users][place], &on))
                (void)blocking_asks(sim, client, user_at(sim, place), on);
}

void blocking_answered(struct sim *sim, struct sim_client *client, enum error error, uint64_t head)
{
        struct block_pair *pair = pair_of(sim, client);

        sim_tell(sim, "client %u's block (%d) of user %u: %s, head %" PRIu64, client->number, client->blocks_on,
                 client->block_target - 1, error_name(error), head);
        if (error == ERR_OK && !client->blocks_on && pair->before == BLOCK_ON && pair->head != head &&
            sim->faults.restored_us == 0)
                sim_break(sim, "7 written in spite of a block", "from %" PRIu64 " on there are %" PRIu64 " operations",
                          pair->head, head - pair->head);
        pair->state = error ? BLOCK_UNKNOWN : client->blocks_on ? BLOCK_ON : BLOCK_OFF;
        pair->since_us = sim->now_us;
        pair->head = head;
        client->block_target = 0;
}

void blocking_lost(struct sim *sim, struct sim_client *client)
{
        struct block_pair *pair;

        if (!client->block_target)
                return;
        pair = pair_of(sim, client);
        pair->state = BLOCK_UNKNOWN;
        pair->since_us = sim->now_us;
        client->block_target = 0;
}

void blocking_restored(struct sim *sim)
{
        for (unsigned i = 0; i < USERS_MAX; i++)
                for (unsigned n = 0; n < USERS_MAX; n++) {
                        struct block_pair *pair = &sim->blocking.pairs[i][n];

                        if (pair->state != BLOCK_NEVER && pair->state != BLOCK_ASKED)
                                pair->state = BLOCK_UNKNOWN;
                        pair->before = BLOCK_UNKNOWN;
                        pair->since_us = sim->now_us;
                }
}

/* ---- what must not be ---- */

/* The one that was acknowledged before all others, of the two; NULL: none is certain. */
static const struct block_pair *certain(const struct sim *sim, uint64_t one, uint64_t other)
{
        unsigned i = place_of(sim, one), n = place_of(sim, other);
        const struct block_pair *pair, *back;

        if (i == USERS_MAX || n == USERS_MAX || i == n || sim->faults.restored_us)
                return NULL;
        pair = &sim->blocking.pairs[i][n];
        back = &sim->blocking.pairs[n][i];
        if (pair->state != BLOCK_ON || (back->state == BLOCK_ON && back->since_us < pair->since_us))
                pair = back;
        return pair->state == BLOCK_ON ? pair : NULL;
}

bool blocking_between(const struct sim *sim, uint64_t one, uint64_t other)
{
        return certain(sim, one, other) != NULL;
}

static bool is_personal(const struct history_room *room)
{
        return !history_is_group(room) && room->users[0] != room->users[1];
}

void blocking_acked(struct sim *sim, const struct message *message)
{
        const struct history_room *room = &sim->history.rooms[message->room];
        const struct block_pair *pair = NULL;

        if (is_personal(room))
                pair = certain(sim, room->users[0], room->users[1]);
        else if (message->brings && message->brings != message->sender)
                pair = certain(sim, message->sender, message->brings);
        if (!pair)
                return;
        if (message->sent_us > pair->since_us)
                sim_break(sim, "7 written in spite of a block", "client %u's message %u was sent after it", message->client,
                          message->number);
        if (is_personal(room) && message->seq > pair->head && !message->forgiven)
                sim_break(sim, "7 written in spite of a block",
                          "client %u's message %u is number %" PRIu64 ", it was at %" PRIu64, message->client,
                          message->number, message->seq, pair->head);
}

void blocking_shown(struct sim *sim, const struct message *message, const struct wire_row *row)
{
        const struct history_room *room = &sim->history.rooms[message->room];
        const struct block_pair *pair = is_personal(room) ? certain(sim, room->users[0], room->users[1]) : NULL;

        if (pair && max_of(row->seq, row->changed) > pair->head)
                sim_break(sim, "7 seen in spite of a block",
                          "number %" PRIu64 " (changed by %" PRIu64 "), it was at %" PRIu64, row->seq, row->changed,
                          pair->head);
}

static bool could_block(const struct block_pair *pair, const struct message *message)
{
        return pair->state != BLOCK_NEVER && (pair->state != BLOCK_OFF || pair->since_us >= message->sent_us);
}

bool blocking_may_refuse(const struct sim *sim, const struct message *message, unsigned error)
{
        const struct history_room *room = &sim->history.rooms[message->room];
        unsigned i = place_of(sim, room->users[0]), n = place_of(sim, room->users[1]);

        return error == ERR_NO_USER && is_personal(room) && i < USERS_MAX && n < USERS_MAX &&
               (could_block(&sim->blocking.pairs[i][n], message) || could_block(&sim->blocking.pairs[n][i], message));
}

void check_blocking(struct sim *sim, const struct check_store *store)
{
        for (unsigned i = 0; i < sim->history.room_count; i++) {
                const struct history_room *room = &sim->history.rooms[i];
                const struct block_pair *pair = is_personal(room) ? certain(sim, room->users[0], room->users[1]) : NULL;

                if (pair && check_head(&store->logs[i]) > pair->head)
                        sim_break(sim, "7 written in spite of a block", "room %u is at %" PRIu64 ", and was at %" PRIu64, i,
                                  check_head(&store->logs[i]), pair->head);
        }
}
