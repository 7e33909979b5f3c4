/* See history.h. */
#include "sim/history.h"

#include <inttypes.h>
#include <stdio.h>

#include "rules/room.h"
#include "rules/row.h"
#include "sim/leaving.h"

void history_start(struct sim *sim)
{
        map_init(&sim->history.map, sim->history.buckets, countof(sim->history.buckets));
}

unsigned history_room(struct sim *sim, const struct id *room)
{
        struct history *history = &sim->history;

        for (unsigned i = 0; i < history->room_count; i++)
                if (id_equal(&history->rooms[i].id, room))
                        return i;
        check(history->room_count < HISTORY_ROOMS_MAX);
        history->rooms[history->room_count].id = *room;
        check(room_personal_users(room, &history->rooms[history->room_count].users[0],
                                  &history->rooms[history->room_count].users[1]) ||
              room_kind_of(room) == ROOM_GROUP);
        return history->room_count++;
}

bool history_is_group(const struct history_room *room)
{
        return room->users[0] == 0;
}

static uint32_t hash_of(const struct id *request)
{
        return hash_bytes(slice_of(request->bytes, sizeof(request->bytes)));
}

struct message *history_find(const struct sim *sim, const struct id *request, uint64_t sender, const struct id *room)
{
        uint32_t hash = hash_of(request);

        for (struct map_node *node = map_first(&sim->history.map, hash); node; node = map_next(node, hash)) {
                struct message *message = container_of(node, struct message, node);

                if (id_equal(&message->request, request) && message->sender == sender &&
                    id_equal(&sim->history.rooms[message->room].id, room))
                        return message;
        }
        return NULL;
}

struct message *history_sent(struct sim *sim, const struct id *request, unsigned client, uint64_t sender,
                             const struct id *room, unsigned number)
{
        struct history *history = &sim->history;
        struct message *message;

        if (history->count == HISTORY_MESSAGES_MAX)
                return NULL;
        message = &history->messages[history->count++];
        *message = (struct message){.request = *request,
                                    .room = history_room(sim, room),
                                    .client = client,
                                    .number = number,
                                    .sender = sender,
                                    .sent_us = sim->now_us};
        message->in_group = history_is_group(&history->rooms[message->room]);
        map_insert(&history->map, &message->node, hash_of(request));
        return message;
}

static void set_seq(struct sim *sim, struct message *message, uint64_t seq, const char *by)
{
        if (message->seq == 0)
                message->seq = seq;
        else if (message->seq != seq && !message->forgiven)
                sim_break(sim, "3 shown twice", "client %u's message %u has number %" PRIu64 " and, by %s, %" PRIu64,
                          message->client, message->number, message->seq, by, seq);
}

void history_acked(struct sim *sim, struct message *message, uint64_t seq)
{
        if (message->state == MESSAGE_REFUSED)
                sim_break(sim, "8 two outcomes", "client %u's message %u was refused and is now acknowledged",
                          message->client, message->number);
        if (message->state == MESSAGE_OPEN) {
                message->state = MESSAGE_ACKED;
                message->acked_us = sim->now_us;
                sim->history.acked++;
        }
        set_seq(sim, message, seq, "acknowledgement");
        blocking_acked(sim, message);
}

void history_refused(struct sim *sim, struct message *message, unsigned error)
{
        if (message->state == MESSAGE_ACKED && !message->forgiven)
                sim_break(sim, "8 two outcomes", "client %u's message %u was acknowledged and is now refused: %s",
                          message->client, message->number, error_name(error));
        if (message->state != MESSAGE_OPEN)
                return;
        if (message->forgiven) { /* perhaps by the store that went back since, and what the one of before refused, this one may do */
                message->abandoned = true;
                return;
        }
        /* Whoever behaves has every right to what he does, unless the store forgot him. */
        if (!message->rogue && !message->in_group && !message->may_fail && sim->faults.restored_us == 0 &&
            !blocking_may_refuse(sim, message, error))
                sim_break(sim, "8 refused without a reason", "client %u's message %u: %s", message->client, message->number,
                          error_name(error));
        message->state = MESSAGE_REFUSED;
        message->acked_us = sim->now_us;
        message->error = (uint8_t)error;
        sim->history.refused++;
}

void history_restored(struct sim *sim, uint64_t since_us)
{
        settings_restored(sim, since_us);
        blocking_restored(sim);
        sim->history.shown_count = HISTORY_SHOWN_MAX; /* what was lawful once need not be by the stays that are left */
        for (unsigned i = 0; i < sim->history.count; i++) {
                struct message *message = &sim->history.messages[i];
                bool told = message->state == MESSAGE_ACKED || message->state == MESSAGE_REFUSED;

                if (told && message->acked_us < since_us)
                        continue;
                /* The store forgot that it refused: a record that is done again, or a rogue's repeat, may fare better, in rooms
                 * whose numbers are other rows. */
                if (message->state == MESSAGE_REFUSED) {
                        message->state = MESSAGE_OPEN;
                        message->abandoned = true;
                } else if (message->rogue && message->state == MESSAGE_LOST && message->alters) {
                        message->state = MESSAGE_OPEN;
                }
                message->forgiven = true;
                message->seq = 0;
        }
}

/* By whom, and of whose text: rule 2. */
static bool may_alter(const struct message *alteration, const struct message *message, unsigned kind)
{
        if (alteration->state == MESSAGE_REFUSED || alteration->state == MESSAGE_LOST)
                return false;
        return alteration->sender == message->sender || (kind == ROW_DELETED && message->in_group);
}

bool history_text_is_right(const struct sim *sim, const struct message *message, uint64_t seq, unsigned kind,
                           struct slice text)
{
        unsigned client = 0, number = 0;
        bool deleted = kind == ROW_DELETED;

        if (deleted ? text.size > 0 : !history_text_read(text, &client, &number))
                return false;
        if (!deleted && client == message->client && number == message->number)
                return true;
        for (unsigned i = 0; i < sim->history.count; i++) {
                const struct message *other = &sim->history.messages[i];

                if (other->alters == (deleted ? ROW_DELETED : ROW_EDITED) && other->room == message->room &&
                    other->target == seq && (deleted || (other->client == client && other->number == number)) &&
                    may_alter(other, message, kind))
                        return true;
        }
        return false;
}

bool history_saw(struct sim *sim, uint64_t user, const struct id *room, uint64_t seq, uint64_t changed)
{
        struct history *history = &sim->history;
        uint64_t lower, higher;

        if (room_kind_of(room) == ROOM_GROUP) {
                if (history->shown_count < HISTORY_SHOWN_MAX)
                        history->shown[history->shown_count++] = (struct shown){user, seq, changed, history_room(sim, room)};
        } else if (!room_personal_users(room, &lower, &higher) || (user != lower && user != higher)) {
                sim_break(sim, "7 seen by a stranger", "a user saw number %" PRIu64 " of a room that he is not in", seq);
                return false;
        }
        return true;
}

bool history_has_reaction(const struct sim *sim, unsigned room, uint64_t seq, uint64_t user, struct slice emoji)
{
        for (unsigned i = 0; i < sim->history.count; i++) {
                const struct message *message = &sim->history.messages[i];

                if (message->alters == ROW_REACTED && message->room == room && message->target == seq &&
                    message->sender == user && message->reaction && slice_equal(slice_text(message->reaction), emoji))
                        return true;
        }
        return false;
}

void history_shown(struct sim *sim, uint64_t user, const struct id *room, const struct wire_row *row, bool of_the_past)
{
        struct message *message;

        if (!history_saw(sim, user, room, row->seq, row->changed))
                return;
        message = history_find(sim, &row->request, row->sender, room);
        if (!message)
                message = leaving_row(sim, room, (unsigned)row->kind, &row->request, row->sender, row->subject);
        if (!message) {
                sim_break(sim, "2 appears and was never sent", "number %" PRIu64 " of a room is nobody's message", row->seq);
                return;
        }
        if (message->state == MESSAGE_LOST)
                sim_break(sim, "2 appears and was lost", "client %u's message %u was not kept, and is shown",
                          message->client, message->number);
        if (message->state == MESSAGE_REFUSED && !(of_the_past && message->forgiven))
                sim_break(sim, "2 refused and appears", "client %u's message %u was refused (%s), and is shown",
                          message->client, message->number, error_name(message->error));
        if (!message->rogue && !message->spoken && !message->deed &&
            !history_text_is_right(sim, message, row->seq, (unsigned)row->kind, row->text))
                sim_break(sim, "4 logs differ", "client %u's message %u is shown with another text", message->client,
                          message->number);
        set_seq(sim, message, row->seq, "a row");
        blocking_shown(sim, message, row);
}

size_t history_text(unsigned client, unsigned number, char text[static HISTORY_TEXT_SIZE])
{
        return (size_t)snprintf(text, HISTORY_TEXT_SIZE, "%u %06u", client, number);
}

const char *history_reaction(unsigned number)
{
        static const char *const reactions[] = {"👍", "❤️", "+1", "", "🎉"};

        return reactions[number % countof(reactions)];
}

bool history_text_read(struct slice text, unsigned *client, unsigned *number)
{
        char copy[HISTORY_TEXT_SIZE];

        if (text.size >= sizeof(copy))
                return false;
        if (text.size > 0) /* else data may be NULL */
                memcpy(copy, text.data, text.size);
        copy[text.size] = '\0';
        return sscanf(copy, "%u %u", client, number) == 2;
}
