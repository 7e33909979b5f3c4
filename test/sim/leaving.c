/* See leaving.h. */
#include "sim/leaving.h"

#include <inttypes.h>

#include "rules/room.h"
#include "rules/row.h"

#define FROM_US (20 * SIM_SECOND)
#define ACTS    50 /* percent, each time that he does something */
#define DELETES 40 /* percent of that, once he has groups to leave */

/* Groups of his own, so that there is something to leave, and whoever he brings inherits it; and notes to himself. */
static void gather(struct sim *sim, struct rogue *rogue)
{
        struct rogues *rogues = &sim->rogues;
        struct wire_operation operation = {.kind = ROW_JOINED};
        struct id room = {0};

        if (sim_chance(sim, 20)) {
                operation = (struct wire_operation){.kind = ROW_TEXT};
                room = room_personal(rogue->user->id, rogue->user->id);
        } else if (rogues->left_count < countof(rogues->left) && sim_chance(sim, 50)) {
                operation = (struct wire_operation){.kind = ROW_CREATED, .id = rogue_new_id(sim)};
                rogues->left[rogues->left_count++] = operation.id;
                room = operation.id;
        } else if (rogues->left_count) {
                operation.subject = sim->clients.users[sim_below(sim, sim->clients.user_count)].id;
                room = rogues->left[sim_below(sim, rogues->left_count)];
        }
        if (operation.kind != ROW_JOINED || operation.subject)
                rogue_does(sim, rogue, &room, &operation, false);
}

bool leaving_acts(struct sim *sim, struct rogue *rogue)
{
        const struct wire_delete_account message = {.password = slice_text(rogue->user->password)};
        struct wire_frame frame;

        if (!sim->rogues.invited || rogue != sim->rogues.all + sim->rogues.leaver % ROGUES_MAX ||
            sim->rogues.leaver >= sim->rogues.count || rogue->calm || rogue->signs_out || !sim_chance(sim, ACTS))
                return false;
        if (sim->now_us < FROM_US || sim->rogues.left_count < countof(sim->rogues.left) || !sim_chance(sim, DELETES)) {
                gather(sim, rogue);
                return true;
        }
        frame = rogue_frame(sim, rogue, WIRE_CODE_delete_account, NULL);
        rogue->user->leaves = rogue->signs_out = true;
        rogue->sign_out = frame.request;
        sim_tell(sim, "rogue %u deletes his account", rogue->number);
        rogue_send(sim, rogue, &frame, &message, false);
        return true;
}

static const struct rogue *who_leaves(const struct sim *sim, uint64_t user)
{
        for (unsigned i = 0; i < sim->rogues.count; i++)
                if (sim->rogues.all[i].user->id == user && sim->rogues.all[i].user->leaves)
                        return &sim->rogues.all[i];
        return NULL;
}

struct message *leaving_row(struct sim *sim, const struct id *room, unsigned kind, const struct id *request, uint64_t sender,
                            uint64_t subject)
{
        const struct rogue *rogue = who_leaves(sim, sender);
        struct message *message;

        if (!rogue || kind != ROW_LEFT || subject != sender)
                return NULL;
        message = history_sent(sim, request, rogue->number, sender, room, rogue->said);
        sim_tell(sim, "rogue %u has left group %u by the end of his account", rogue->number, history_room(sim, room));
        if (message)
                message->rogue = message->kept = message->abandoned = message->deed = true;
        return message;
}

void check_leaving(struct sim *sim, const struct check_store *store)
{
        if (store->ghosts)
                sim_break(sim, CHECK_LEAVER_STAYS, "%u memberships of who is deleted", store->ghosts);
        if (store->notes)
                sim_break(sim, CHECK_LEAVER_STAYS, "%u rows of what those who are deleted wrote to themselves",
                          store->notes);
        if (store->leavers)
                sim_break(sim, CHECK_LEAVER_STAYS, "%u who are deleted are listed as leaving still", store->leavers);
}
