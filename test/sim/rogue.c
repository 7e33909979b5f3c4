/* What a rogue does. See rogue.h. */
#include "sim/rogue.h"

#include <stdio.h>

#include "rules/room.h"
#include "rules/row.h"
#include "sim/leaving.h"

#define FRAME_MAX 1024
#define WAITS_MAX 30 /* then a calm one does not wait for an answer any more */

static struct rogue *rogue_of(struct line_owner *owner)
{
        return container_of(owner, struct rogue, owner);
}

static void on_connected(struct sim *sim, struct line_owner *owner)
{
        struct wire_hello hello = {.version_min = 1, .version_max = 1, .client = SLICE_LITERAL("rogue")};
        struct wire_frame frame = {.code = WIRE_CODE_hello};
        struct rogue *rogue = rogue_of(owner);
        uint8_t bytes[FRAME_MAX];

        rogue->state = ROGUE_HELLO;
        rogue->input_size = 0;
        line_send(sim, rogue->line, wire_frame_build(&frame, &hello, bytes, bytes + sizeof(bytes)));
}

static void on_receive(struct sim *sim, struct line_owner *owner, struct slice bytes)
{
        sim->rogues.moved = true;
        rogue_hear(sim, rogue_of(owner), bytes);
}

static void on_closed(struct sim *sim, struct line_owner *owner)
{
        struct rogue *rogue = rogue_of(owner);

        (void)sim;
        rogue->line = NULL;
        rogue->state = ROGUE_AWAY;
}

/* ---- frames ---- */

struct id rogue_new_id(struct sim *sim)
{
        uint8_t random[10];

        sim_fill(sim, random, sizeof(random));
        return id_uuid7(SIM_WALL_MS + sim_now_ms(sim), random);
}

struct wire_frame rogue_frame(struct sim *sim, const struct rogue *rogue, uint8_t code, const struct id *room)
{
        struct wire_frame frame = {
                .code = code, .request = rogue_new_id(sim), .user = rogue->user->id, .device = rogue->user->first_device};

        if (room)
                frame.room = *room;
        memcpy(frame.mac, rogue->user->token + 8, sizeof(frame.mac));
        return frame;
}

void rogue_send(struct sim *sim, struct rogue *rogue, const struct wire_frame *frame, const void *message, bool keep)
{
        uint8_t bytes[FRAME_MAX];
        struct slice built = wire_frame_build(frame, message, bytes, bytes + sizeof(bytes));

        check(built.size > 0);
        if (keep && built.size <= ROGUE_FRAME_SIZE) {
                unsigned place = rogue->frame_next++ % ROGUE_FRAMES_MAX;

                memcpy(rogue->frames[place].bytes, built.data, built.size);
                rogue->frames[place].size = built.size;
        }
        line_send(sim, rogue->line, built);
}

/* A room that he may write to. */
static bool own_room(struct sim *sim, const struct rogue *rogue, struct id *room)
{
        uint64_t peer = sim->clients.users[sim_below(sim, sim->clients.user_count)].id;

        if (peer)
                *room = room_personal(rogue->user->id, peer);
        return peer != 0;
}

/* count operations, the same one each time. What may lawfully come about is put into the history. */
static void write(struct sim *sim, struct rogue *rogue, struct wire_frame *frame, const struct id *id, unsigned count,
                  bool lawful)
{
        struct wire_operation operations[2];
        char text[HISTORY_TEXT_SIZE];
        size_t size = history_text(rogue->number, rogue->said, text);
        struct wire_write message = {.operations = {.items = operations, .count = count}};

        for (unsigned i = 0; i < count; i++)
                operations[i] = (struct wire_operation){.id = *id, .kind = ROW_TEXT, .text = slice_of(text, size)};
        if (lawful && sim->history.count < HISTORY_MESSAGES_MAX && !history_find(sim, id, rogue->user->id, &frame->room)) {
                struct message *sent = history_sent(sim, id, rogue->number, rogue->user->id, &frame->room, rogue->said);

                sent->rogue = sent->kept = sent->abandoned = true;
        } else if (lawful) {
                struct message *again = history_find(sim, id, rogue->user->id, &frame->room);

                if (again)
                        again->changed = true;
        }
        rogue->said++;
        rogue_send(sim, rogue, frame, &message, lawful);
}

/* Whatever he says now must have no effect; unless the store goes back to a time before he was signed out. */
static void write_in_vain(struct sim *sim, struct rogue *rogue)
{
        struct id room, id = rogue_new_id(sim);
        struct wire_frame frame;
        struct message *sent;

        if (!own_room(sim, rogue, &room))
                return;
        frame = rogue_frame(sim, rogue, WIRE_CODE_write, &room);
        sent = history_sent(sim, &id, rogue->number, rogue->user->id, &room, rogue->said);
        write(sim, rogue, &frame, &id, 1, false);
        if (!sent)
                return;
        sent->rogue = sent->kept = sent->abandoned = true;
        sent->state = MESSAGE_LOST;
}

static void never_signed_out(struct sim *sim, const struct rogue *rogue)
{
        for (unsigned i = 0; i < sim->history.count; i++) {
                struct message *message = &sim->history.messages[i];

                if (message->client == rogue->number && message->state == MESSAGE_LOST)
                        message->state = MESSAGE_OPEN;
        }
}

/* ---- deeds ---- */

/* He writes where he may. */
static void do_write(struct sim *sim, struct rogue *rogue)
{
        struct id room, id = rogue_new_id(sim);
        struct wire_frame frame;

        if (!own_room(sim, rogue, &room))
                return;
        frame = rogue_frame(sim, rogue, WIRE_CODE_write, &room);
        write(sim, rogue, &frame, &id, sim_chance(sim, 80) ? 1 : 2, true);
        rogue->last_room = room;
        rogue->last_request = id;
}

/* The same bytes once more, perhaps after a long time, perhaps on another connection. */
static void do_repeat(struct sim *sim, struct rogue *rogue)
{
        unsigned place = (unsigned)sim_below(sim, ROGUE_FRAMES_MAX);

        if (rogue->frames[place].size)
                line_send(sim, rogue->line, slice_of(rogue->frames[place].bytes, rogue->frames[place].size));
}

/* An id that was used, with another content, or in another room. */
static void do_reuse(struct sim *sim, struct rogue *rogue)
{
        struct id room = rogue->last_room;
        struct wire_frame frame;

        if (id_is_zero(&rogue->last_request) || (sim_chance(sim, 40) && !own_room(sim, rogue, &room)))
                return;
        frame = rogue_frame(sim, rogue, WIRE_CODE_write, &room);
        write(sim, rogue, &frame, &rogue->last_request, 1, true);
}

/* The id of somebody else's message to him: theirs must be done in spite of it. */
static void do_steal_id(struct sim *sim, struct rogue *rogue)
{
        const struct history *history = &sim->history;

        for (unsigned i = history->count; i > 0 && i + 60 > history->count; i--) {
                const struct message *message = &history->messages[i - 1], *own;
                const struct history_room *room = &history->rooms[message->room];
                struct wire_frame frame;

                if (message->sender == rogue->user->id ||
                    (room->users[0] != rogue->user->id && room->users[1] != rogue->user->id))
                        continue;
                own = history_find(sim, &message->request, rogue->user->id, &room->id);
                if (own && own->alters) /* another rogue stole it from him, and he meant no message by it */
                        continue;
                frame = rogue_frame(sim, rogue, WIRE_CODE_write, &room->id);
                write(sim, rogue, &frame, &message->request, 1, true);
                return;
        }
}

/* All his rooms, from anywhere. */
static void do_list(struct sim *sim, struct rogue *rogue)
{
        struct wire_rooms rooms = {.limit = 1 + sim_below(sim, 200)};
        struct wire_frame frame = rogue_frame(sim, rogue, WIRE_CODE_rooms, NULL);

        if (sim_chance(sim, 50))
                rooms.after = rogue_new_id(sim);
        rogue_send(sim, rogue, &frame, &rooms, true);
}

/* An account that he has already, a code and a password that are wrong, a secret that is none. */
static void do_account(struct sim *sim, struct rogue *rogue)
{
        static const uint8_t codes[] = {WIRE_CODE_sign_up, WIRE_CODE_confirm, WIRE_CODE_sign_in, WIRE_CODE_renew};
        const struct user *user = rogue->user;
        uint8_t code = codes[sim_below(sim, countof(codes))], secret[32];
        const struct slice name = slice_text(user->name), email = slice_text(user->email), wrong = SLICE_LITERAL("12345678");
        const struct slice device_secret = slice_of(secret, sizeof(secret));
        const struct wire_sign_up sign_up = {.email = email, .user_name = name, .display_name = name, .password = wrong};
        const struct wire_confirm confirm = {
                .email = email, .code = wrong, .device_secret = device_secret, .device_name = name};
        const struct wire_sign_in sign_in = {
                .login = name, .password = wrong, .device_secret = device_secret, .device_name = name};
        const struct wire_renew renew = {.user = user->id, .device = user->first_device, .device_secret = device_secret};
        struct wire_frame frame = rogue_frame(sim, rogue, code, NULL);

        sim_fill(sim, secret, sizeof(secret));
        rogue_send(sim, rogue, &frame,
                   code == WIRE_CODE_sign_up   ? (const void *)&sign_up
                   : code == WIRE_CODE_confirm ? (const void *)&confirm
                   : code == WIRE_CODE_sign_in ? (const void *)&sign_in
                                               : (const void *)&renew,
                   false);
}

/* Marks far beyond what there is, and below what was. */
static void do_mark(struct sim *sim, struct rogue *rogue)
{
        struct wire_mark mark = {
                .delivered = sim_below(sim, 60), .read = sim_below(sim, 1000), .shown = sim_below(sim, 1000)};
        struct id room;
        struct wire_frame frame;

        if (!own_room(sim, rogue, &room))
                return;
        frame = rogue_frame(sim, rogue, WIRE_CODE_mark, &room);
        rogue_send(sim, rogue, &frame, &mark, true);
}

/* In somebody else's name. */
static void do_forge(struct sim *sim, struct rogue *rogue)
{
        const struct user *victim = &sim->clients.users[sim_below(sim, sim->clients.user_count)];
        struct id room, id = rogue_new_id(sim);
        struct wire_frame frame;

        if (victim == rogue->user || victim->id == 0 || !own_room(sim, rogue, &room))
                return;
        frame = rogue_frame(sim, rogue, WIRE_CODE_write, &room);
        frame.user = victim->id;
        if (sim_chance(sim, 50))
                sim_fill(sim, frame.mac, sizeof(frame.mac));
        write(sim, rogue, &frame, &id, 1, false);
}

bool rogues_say_deadly(struct sim *sim)
{
        struct rogue *rogue = &sim->rogues.all[sim_below(sim, sim->rogues.count)];
        struct wire_operation operation = {.id = rogue_new_id(sim), .kind = ROW_TEXT};
        struct wire_write message = {.operations = {.items = &operation, .count = 1}};
        char text[HISTORY_TEXT_SIZE];
        struct wire_frame frame;
        struct id room;

        if (rogue->state != ROGUE_INSIDE || rogue->revoked || sim->blame.said == BLAME_DEADLY_MAX ||
            !own_room(sim, rogue, &room))
                return false;
        operation.text = slice_of(text, (size_t)snprintf(text, sizeof(text), BLAME_DEADLY_TEXT " %u", sim->blame.said++));
        frame = rogue_frame(sim, rogue, WIRE_CODE_write, &room);
        rogue_send(sim, rogue, &frame, &message, true);
        return true;
}

static void do_nonsense(struct sim *sim, struct rogue *rogue)
{
        uint8_t bytes[64];
        size_t size = 1 + sim_below(sim, sizeof(bytes));

        sim_fill(sim, bytes, sizeof(bytes));
        if (sim_chance(sim, 50)) {
                be32_put(bytes, (uint32_t)sim_below(sim, 200));
                bytes[4] = (uint8_t)(sim_chance(sim, 50) ? WIRE_CODE_write : WIRE_CODE_join);
        }
        line_send(sim, rogue->line, slice_of(bytes, size));
}

/* L7: the revoke comes late to the twin's frontend, or is lost there (rogue_hear.c). */
static void freeze_twin(struct sim *sim, const struct rogue *rogue)
{
        const struct line *line = rogue->twin->line;

        if (sim->phase != SIM_FAULTS || !line || line->frontend == rogue->line->frontend)
                return;
        sim->roles.frontends[line->frontend].frozen_until_us = sim->now_us + 2 * SIM_SECOND;
        fault_happened(sim, FAULT_CLASS_FRONTEND_FROZEN);
}

/* A device that is not his, or (one of twins, once) his own. */
static void do_sign_out(struct sim *sim, struct rogue *rogue)
{
        struct wire_sign_out message = {.device = random_id63(&sim->random.random), .has = WIRE_HAS(sign_out, device)};
        struct wire_frame frame = rogue_frame(sim, rogue, WIRE_CODE_sign_out, NULL);
        bool own = rogue->twin && rogue == &sim->rogues.all[0] &&
                   (rogue->calm ? sim->phase == SIM_HEAL : sim->now_us > 60 * SIM_SECOND);

        if (rogue->signs_out)
                return;
        if (own) {
                message.device = sim_chance(sim, 50) ? 0 : rogue->user->first_device;
                rogue->signs_out = true;
                rogue->sign_out = frame.request;
                freeze_twin(sim, rogue);
        } else {
                message.device = sim->clients.users[sim_below(sim, sim->clients.user_count)].first_device;
                if (message.device == rogue->user->first_device || message.device == 0)
                        return;
        }
        rogue_send(sim, rogue, &frame, &message, false);
}

static void do_leave(struct sim *sim, struct rogue *rogue)
{
        line_close(sim, rogue->line);
        rogue->line = NULL;
        rogue->state = ROGUE_AWAY;
}

static void come(struct sim *sim, struct rogue *rogue)
{
        rogue->line = line_open(sim, &rogue->owner);
        if (rogue->line)
                rogue->state = ROGUE_CONNECTING;
}

static void join_with(struct sim *sim, struct rogue *rogue, const struct wire_frame *frame, const struct wire_join *join)
{
        rogue->doomed = rogue->revoked;
        rogue->join = frame->request;
        rogue->state = ROGUE_JOINING;
        rogue_send(sim, rogue, frame, join, !rogue->forged && !rogue->twin);
}

/* Before Join: what needs one, and Joins that cannot be good. */
static void act_outside(struct sim *sim, struct rogue *rogue)
{
        struct wire_frame frame = rogue_frame(sim, rogue, WIRE_CODE_join, NULL);
        struct wire_join join = {0};

        if (sim_chance(sim, 35)) {
                if (sim_chance(sim, 50))
                        rogue_trespass(sim, rogue);
                else
                        do_account(sim, rogue);
                return;
        }
        rogue->forged = sim_chance(sim, 25);
        if (rogue->forged && sim_chance(sim, 50))
                frame.mac[sim_below(sim, sizeof(frame.mac))] ^= 1;
        else if (rogue->forged && sim_chance(sim, 50))
                frame.device ^= 1;
        else if (rogue->forged)
                frame.user = sim->clients.users[0].id;
        join_with(sim, rogue, &frame, &join);
}

/* In peace: both come, and when both are there the first signs them out. */
static void act_calm(struct sim *sim, struct rogue *rogue)
{
        struct wire_frame frame = rogue_frame(sim, rogue, WIRE_CODE_join, NULL);
        struct wire_join join = {0};

        if (rogue->revoked)
                return;
        rogue->act_us = min_of(rogue->act_us, sim->now_us + SIM_SECOND);
        if (rogue->state == ROGUE_AWAY) {
                rogue->waits = 0;
                come(sim, rogue);
        } else if (++rogue->waits > WAITS_MAX) {
                do_leave(sim, rogue);
                rogue->signs_out = false;
        } else if (rogue->state == ROGUE_OUTSIDE) {
                rogue->forged = false;
                join_with(sim, rogue, &frame, &join);
        } else if (rogue->state == ROGUE_INSIDE && rogue->twin->state == ROGUE_INSIDE && rogue == &sim->rogues.all[0]) {
                do_sign_out(sim, rogue);
        }
}

static void act_inside(struct sim *sim, struct rogue *rogue)
{
        static const struct {
                void (*act)(struct sim *sim, struct rogue *rogue);
                unsigned weight;
        } deeds[] = {{do_write, 30},
                     {do_repeat, 15},
                     {do_reuse, 10},
                     {do_steal_id, 8},
                     {rogue_trespass, 10},
                     {do_mark, 8},
                     {do_list, 4},
                     {do_forge, 3},
                     {do_nonsense, 2},
                     {do_sign_out, 4},
                     {do_leave, 4},
                     {rogue_act_in_group, 20},
                     {rogue_forge_alteration, 8}};
        uint64_t dice = sim_below(sim, 126);
        size_t i = 0;

        if (rogue->revoked) {
                write_in_vain(sim, rogue);
                return;
        }
        if (rogue->twin && rogue != &sim->rogues.all[0])
                return; /* he only listens */
        if (leaving_acts(sim, rogue))
                return;
        while (dice >= deeds[i].weight)
                dice -= deeds[i++].weight;
        deeds[i].act(sim, rogue);
}

static void act(struct sim *sim, struct rogue *rogue)
{
        switch (rogue->state) {
        case ROGUE_AWAY:
                come(sim, rogue);
                break;
        case ROGUE_OUTSIDE:
                act_outside(sim, rogue);
                break;
        case ROGUE_INSIDE:
                act_inside(sim, rogue);
                break;
        case ROGUE_CONNECTING:
        case ROGUE_HELLO:
        case ROGUE_JOINING:
                break;
        }
}

/* ---- all of them ---- */

/* Keeps the connection alive: only a server that wants it closed closes it. */
static void ping(struct sim *sim, struct rogue *rogue)
{
        struct wire_frame frame = {.code = WIRE_CODE_ping};
        struct wire_ping message = {.echo = 1};

        if (rogue->state == ROGUE_INSIDE)
                rogue_send(sim, rogue, &frame, &message, false);
}

void rogues_run(struct sim *sim)
{
        for (unsigned i = 0; i < sim->rogues.count; i++) {
                struct rogue *rogue = &sim->rogues.all[i];

                if (rogue->act_us > sim->now_us)
                        continue;
                rogue->act_us = sim->now_us + 1 + sim_below(sim, 2 * rogue->pace_us);
                if (sim->phase <= SIM_FAULTS)
                        act(sim, rogue);
                else if (sim->phase == SIM_HEAL && rogue->calm)
                        act_calm(sim, rogue);
                ping(sim, rogue);
                sim->rogues.moved = true;
        }
}

uint64_t rogues_next_us(const struct sim *sim)
{
        uint64_t next_us = UINT64_MAX;

        for (unsigned i = 0; i < sim->rogues.count; i++)
                next_us = min_of(next_us, sim->rogues.all[i].act_us);
        return next_us;
}

static struct rogue *add(struct sim *sim, struct user *user)
{
        struct rogue *rogue = &sim->rogues.all[sim->rogues.count];

        rogue->owner = (struct line_owner){on_connected, on_receive, on_closed};
        rogue->user = user;
        rogue->number = CLIENTS_MAX + sim->rogues.count++;
        rogue->pace_us = sim_between(sim, 700, 3500) * 1000;
        rogue->act_us = sim->now_us + sim_below(sim, 5 * SIM_SECOND);
        rogue->input = memory_new(ROGUE_INPUT_SIZE);
        check(rogue->input);
        return rogue;
}

void rogues_start(struct sim *sim)
{
        sim->rogues.invited = sim_chance(sim, 60);
        for (unsigned i = 0; i < sim->clients.user_count; i++)
                if (sim->clients.users[i].rogue)
                        (void)add(sim, &sim->clients.users[i]);
        if (sim->rogues.count < ROGUES_MAX && sim_chance(sim, 50)) {
                struct rogue *first = &sim->rogues.all[0], *second = add(sim, first->user);

                first->twin = second;
                second->twin = first;
                first->calm = second->calm = sim_chance(sim, 50);
        }
        sim->rogues.leaver = (unsigned)sim_below(sim, sim->rogues.count + 1);
}

/* Who stays though he was signed out is written to: what he hears of it is worse than that he is there. */
static bool rogue_rests(struct sim *sim, const struct rogue *rogue, char *why, size_t size)
{
        if (rogue->revoked && rogue->state == ROGUE_INSIDE) {
                snprintf(why, size, "rogue %u's device was signed out, and its connection stays", rogue->number);
                if (rogue->calm)
                        (void)clients_say_to(sim, rogue->user->id);
                return false;
        }
        if (rogue->calm && !rogue->revoked && sim->phase == SIM_HEAL) {
                snprintf(why, size, "rogue %u cannot sign out", rogue->number);
                return false;
        }
        return true;
}

bool rogues_rest(struct sim *sim, char *why, size_t size)
{
        for (unsigned i = 0; i < sim->rogues.count; i++)
                if (!rogue_rests(sim, &sim->rogues.all[i], why, size))
                        return false;
        return true;
}

void rogues_finish(struct sim *sim)
{
        for (unsigned i = 0; i < sim->rogues.count; i++)
                memory_free(sim->rogues.all[i].input);
}

void rogues_restored(struct sim *sim, uint64_t since_us)
{
        for (unsigned i = 0; i < sim->rogues.count; i++) {
                struct rogue *rogue = &sim->rogues.all[i];

                rogue->join = rogue->sign_out = (struct id){0}; /* answers that are still on their way speak of what was */
                if (rogue->revoked ? rogue->revoked_us < since_us : !rogue->signs_out)
                        continue;
                rogue->revoked = rogue->doomed = rogue->signs_out = false;
                never_signed_out(sim, rogue);
        }
}
