/* What a rogue does to rooms that need not be his, and to what others wrote. See rogue.h. */
#include "rules/role.h"
#include "rules/room.h"
#include "rules/row.h"
#include "sim/sim.h"

#define NO_ROW (UINT64_C(1) << 40) /* beyond any room's head */

void rogue_does(struct sim *sim, struct rogue *rogue, const struct id *room, struct wire_operation *operation, bool in_vain)
{
        struct wire_frame frame = rogue_frame(sim, rogue, WIRE_CODE_write, room);
        struct wire_write write = {.operations = {.items = operation, .count = 1}};
        char text[HISTORY_TEXT_SIZE];
        size_t size = history_text(rogue->number, rogue->said, text);
        struct message *message;

        if (id_is_zero(&operation->id))
                operation->id = rogue_new_id(sim);
        if (operation->kind == ROW_TEXT || operation->kind == ROW_EDITED || operation->kind == ROW_TITLE ||
            operation->kind == ROW_CREATED)
                operation->text = slice_of(text, size);
        if (operation->kind == ROW_SETTING)
                operation->text = SLICE_LITERAL("k0 mine");
        if (operation->kind == ROW_JOINED || operation->kind == ROW_CREATED)
                history_met(sim, room, operation->kind == ROW_JOINED ? operation->subject : rogue->user->id);
        message = history_sent(sim, &operation->id, rogue->number, rogue->user->id, room, rogue->said);
        if (!message)
                return;
        message->rogue = message->kept = message->abandoned = true;
        if (row_alters((unsigned)operation->kind, operation->target)) {
                message->alters = (unsigned)operation->kind;
                message->target = operation->target;
                message->off = operation->off;
        }
        if (in_vain)
                message->state = MESSAGE_LOST;
        sim_tell(sim, "rogue %u does %s (%u) in room %u", rogue->number, row_kind_text((unsigned)operation->kind),
                 rogue->said++, history_room(sim, room));
        rogue_send(sim, rogue, &frame, &write, !in_vain);
}

/* The number of a row of the room that somebody has heard of: another's or his own. 0: none was found. */
static uint64_t some_row(struct sim *sim, const struct rogue *rogue, unsigned room, bool own)
{
        const struct history *history = &sim->history;
        unsigned first = (unsigned)sim_below(sim, history->count + 1);

        for (unsigned i = 0; i < history->count; i++) {
                const struct message *message = &history->messages[(first + i) % history->count];

                if (message->room == room && message->seq && !message->alters && !message->forgiven &&
                    (message->sender == rogue->user->id) == own)
                        return message->seq;
        }
        return 0;
}

static uint64_t somebody(struct sim *sim)
{
        return sim->clients.users[sim_below(sim, sim->clients.user_count)].id;
}

/* By the group's link, if somebody has asked for that one to be it; by one that he made up, in vain. */
static void come_by_link(struct sim *sim, struct rogue *rogue, const struct history_room *room)
{
        bool made_up = !room->has_link || sim_chance(sim, 30);
        uint8_t link[LINK_SIZE];
        struct wire_operation operation = {
                .kind = ROW_JOINED, .subject = rogue->user->id, .link = slice_of(link, sizeof(link))};

        if (made_up)
                sim_fill(sim, link, sizeof(link));
        else
                memcpy(link, room->link, sizeof(link));
        rogue_does(sim, rogue, &room->id, &operation, made_up);
}

static void look(struct sim *sim, struct rogue *rogue, const struct id *room)
{
        static const uint8_t codes[] = {WIRE_CODE_mark,  WIRE_CODE_changes, WIRE_CODE_around, WIRE_CODE_members,
                                        WIRE_CODE_watch, WIRE_CODE_typing,  WIRE_CODE_pins,   WIRE_CODE_reactors};
        uint8_t code = codes[sim_below(sim, countof(codes))];
        const struct wire_mark mark = {
                .delivered = sim_below(sim, 60), .read = sim_below(sim, 1000), .shown = sim_below(sim, 1000)};
        const struct wire_changes changes = {.limit = 100};
        const struct wire_around around = {.seq = 1, .limit = 50};
        const struct wire_members members = {.limit = 10};
        const struct wire_pins pins = {.limit = 50};
        const struct wire_reactors reactors = {.seq = ROGUE_REACTORS_SEQ};
        const struct wire_typing typing = {.kind = ROW_TEXT};
        struct wire_user_ref users[USERS_MAX];
        struct wire_watch watch = {.users.items = users};
        struct wire_frame frame = rogue_frame(sim, rogue, code, room);

        rogue_send(sim, rogue, &frame,
                   code == WIRE_CODE_mark       ? (const void *)&mark
                   : code == WIRE_CODE_changes  ? (const void *)&changes
                   : code == WIRE_CODE_around   ? (const void *)&around
                   : code == WIRE_CODE_pins     ? (const void *)&pins
                   : code == WIRE_CODE_reactors ? (const void *)&reactors
                   : code == WIRE_CODE_typing   ? (const void *)&typing
                   : code == WIRE_CODE_watch    ? (const void *)watching_all(sim, &watch, users, room)
                                                : (const void *)&members,
                   false);
}

/* Edits and deletes mostly what he wrote himself, perhaps before he was removed. */
static void act(struct sim *sim, struct rogue *rogue, const struct id *id)
{
        static const uint8_t kinds[] = {ROW_TEXT,    ROW_TEXT,    ROW_TEXT,    ROW_EDITED,  ROW_EDITED,
                                        ROW_DELETED, ROW_DELETED, ROW_TITLE,   ROW_ROLE,    ROW_LINK,
                                        ROW_JOINED,  ROW_LEFT,    ROW_CREATED, ROW_SETTING, ROW_PINNED};
        struct wire_operation operation = {.kind = kinds[sim_below(sim, countof(kinds))]};
        unsigned room = history_room(sim, id);
        bool in_vain = operation.kind == ROW_SETTING; /* in a group there are none */

        if (row_alters((unsigned)operation.kind, 1) || (operation.kind == ROW_TEXT && sim_chance(sim, 20))) {
                in_vain |= sim_chance(sim, 10);
                operation.target = in_vain ? NO_ROW : some_row(sim, rogue, room, sim_chance(sim, 60));
                if (operation.target == 0)
                        return;
        }
        if (operation.kind == ROW_JOINED || operation.kind == ROW_LEFT || operation.kind == ROW_ROLE)
                operation.subject = somebody(sim);
        if ((operation.kind == ROW_JOINED || operation.kind == ROW_LEFT || operation.kind == ROW_ROLE) &&
            operation.subject == 0)
                return;
        if (operation.kind == ROW_PINNED)
                operation.off = sim_chance(sim, 40);
        if (operation.kind == ROW_ROLE)
                operation.role = 1 + sim_below(sim, 3);
        rogue_does(sim, rogue, id, &operation, in_vain);
}

/* Mostly the one that he is in, or was. */
static bool some_group(struct sim *sim, const struct rogue *rogue, struct id *group)
{
        unsigned found = 0;

        *group = rogue->group;
        if (!id_is_zero(group) && sim_chance(sim, 70))
                return true;
        for (unsigned i = 0; i < sim->history.room_count; i++)
                if (history_is_group(&sim->history.rooms[i]) && sim_below(sim, ++found) == 0)
                        *group = sim->history.rooms[i].id;
        return found > 0;
}

void rogue_act_in_group(struct sim *sim, struct rogue *rogue)
{
        struct id group;

        if (!some_group(sim, rogue, &group))
                return;
        for (uint64_t n = sim_between(sim, 1, 4); n > 0; n--)
                if (sim_chance(sim, 10))
                        come_by_link(sim, rogue, &sim->history.rooms[history_room(sim, &group)]);
                else if (sim_chance(sim, 10))
                        look(sim, rogue, &group);
                else
                        act(sim, rogue, &group);
}

void rogue_trespass(struct sim *sim, struct rogue *rogue)
{
        struct wire_operation operation = {.kind = ROW_TEXT};
        uint64_t one = somebody(sim), other = somebody(sim);
        struct id room;

        if (one == 0 || other == 0 || one == rogue->user->id || other == rogue->user->id)
                return;
        room = room_personal(one, other);
        if (sim_chance(sim, 15)) { /* what another has set */
                room = room_personal(one, one);
                operation = (struct wire_operation){.kind = ROW_SETTING, .target = sim_below(sim, 3)};
        }
        if (operation.kind == ROW_SETTING || sim_chance(sim, 20))
                rogue_does(sim, rogue, &room, &operation, true);
        else
                look(sim, rogue, &room);
}

void rogue_forge_alteration(struct sim *sim, struct rogue *rogue)
{
        struct wire_operation operation = {.kind = sim_chance(sim, 50) ? ROW_EDITED : ROW_DELETED};
        uint64_t other = somebody(sim);
        struct id room;

        if (other == 0 || other == rogue->user->id)
                return;
        room = room_personal(rogue->user->id, other);
        operation.target = sim_chance(sim, 15) ? NO_ROW : some_row(sim, rogue, history_room(sim, &room), false);
        if (operation.target)
                rogue_does(sim, rogue, &room, &operation, true);
}
