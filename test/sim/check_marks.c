/* Rule 6: marks and ticks at rest. See check.h. */
#include <inttypes.h>

#include "rules/row.h"
#include "sim/check.h"

static bool is_present(const struct check_member *member)
{
        return member->left == UINT64_MAX;
}

/* What the others' marks earn a row: the lowest of them, if any of them counts for it (PROTOCOL, Ticks). Who has switched receipts off
 * is no other, and sees none. Who switched them on again holds nobody back by what was there before. */
static enum core_message_state earned_by(const struct check_store *store, unsigned room, uint64_t user, uint64_t seq)
{
        bool delivered = true, shown = true, counted = false;

        if (check_receipts_off(store, user))
                return CORE_MESSAGE_SENT;
        check_each_member(store, room, member)
        {
                bool before = member->counted_from > member->joined && member->counted_from >= seq;

                if (!is_present(member) || member->user == user || check_receipts_off(store, member->user))
                        continue;
                delivered &= before || member->delivered >= seq;
                shown &= before || member->shown >= seq;
                counted |= member->counted_from < seq;
        }
        if (!counted || !delivered)
                return CORE_MESSAGE_SENT;
        return shown ? CORE_MESSAGE_READ : CORE_MESSAGE_DELIVERED;
}

/* Ticks that a member's marks earned go when he switches receipts; who is not told keeps them until he compares. */
static bool somebody_switched(const struct check_store *store, unsigned room)
{
        check_each_member(store, room, member)
        {
                if (is_present(member) && (member->counted_from > member->joined || check_receipts_off(store, member->user)))
                        return true;
        }
        return false;
}

/* The ticks of a client's own rows are those that the others' marks earn him. */
static void check_ticks(struct sim *sim, const struct check_store *store, const struct sim_client *client, unsigned room)
{
        const struct history_room *known = &sim->history.rooms[room];
        const struct check_log *log = &store->logs[room];
        uint64_t user = core_user(client->host.core);
        const struct check_member *stay = check_last_stay(store, room, user);

        if (!stay || !is_present(stay))
                return;
        for (size_t i = 0; i < log->count; i++) {
                uint64_t seq = log->rows[i].seq;
                enum core_message_state is, earned;

                if (log->rows[i].sender != user || !check_sees(store, room, user, seq, seq))
                        continue;
                earned = earned_by(store, room, user, seq);
                is = core_row_state(client->host.core, &known->id, seq, user);
                if (is != earned) {
                        sim_break(sim,
                                  is < earned                      ? CHECK_TICK_MISSING
                                  : somebody_switched(store, room) ? CHECK_TICK_STALE
                                                                   : "6 a tick nobody earned",
                                  "client %u shows number %" PRIu64 " of room %u in state %d, and it is %d", client->number,
                                  seq, room, (int)is, (int)earned);
                        return;
                }
        }
}

/* His device has all there is, and his person has read as far as he says: so the store knows it. Own rows need no mark. */
static void check_marked(struct sim *sim, const struct check_store *store, const struct sim_client *client, unsigned room)
{
        const struct history_room *known = &sim->history.rooms[room];
        const struct check_log *log = &store->logs[room];
        uint64_t user = core_user(client->host.core), others = 0;
        const struct check_member *stay = check_last_stay(store, room, user);
        struct core_room_info info;

        if (!stay || !is_present(stay) || core_room_info(client->host.core, &known->id, &info) != ERR_OK)
                return;
        for (size_t i = 0; i < log->count; i++)
                if (log->rows[i].sender != user && log->rows[i].seq >= stay->joined)
                        others = log->rows[i].seq;
        if (stay->delivered < others || stay->read < min_of(info.marks.read, others))
                sim_break(sim, CHECK_TICK_MISSING,
                          "client %u, room %u: received %" PRIu64 ", read %" PRIu64 ", marked %" PRIu64 ", %" PRIu64,
                          client->number, room, others, info.marks.read, stay->delivered, stay->read);
}

/* His badge: what others wrote after what he has read, and nothing else. */
static void check_unread(struct sim *sim, const struct check_store *store, const struct sim_client *client, unsigned room)
{
        const struct check_log *log = &store->logs[room];
        uint64_t user = core_user(client->host.core), unread = 0;
        const struct check_member *stay = check_last_stay(store, room, user);
        struct core_room_info info;

        if (!stay || !is_present(stay) || core_room_info(client->host.core, &sim->history.rooms[room].id, &info) != ERR_OK)
                return;
        for (size_t i = 0; i < log->count; i++)
                unread += log->rows[i].sender != user && row_countable(log->rows[i].kind) &&
                          log->rows[i].seq > max_of(stay->read, info.marks.read) && log->rows[i].seq >= stay->joined;
        if (info.unread != unread)
                sim_break(sim, CHECK_TICK_MISSING, "client %u, room %u: %" PRIu64 " unread, and it is %" PRIu64,
                          client->number, room, info.unread, unread);
}

static void check_members(struct sim *sim, const struct check_store *store, unsigned room)
{
        uint64_t head = check_head(&store->logs[room]);

        check_each_member(store, room, member)
        {
                if (member->shown > member->delivered || member->read > member->delivered || member->delivered > head)
                        sim_break(sim, "6 shown more than delivered",
                                  "room %u: delivered %" PRIu64 ", read %" PRIu64 ", shown %" PRIu64 ", head %" PRIu64, room,
                                  member->delivered, member->read, member->shown, head);
                if (is_present(member) && check_receipts_off(store, member->user) != (member->counted_from > head))
                        sim_break(sim, "6 counts, or does not, as he did not say", "room %u: from %" PRIu64 " of %" PRIu64,
                                  room, member->counted_from, head);
        }
}

void check_marks(struct sim *sim, const struct check_store *store)
{
        for (unsigned room = 0; room < sim->history.room_count && !sim->broken.rule; room++) {
                check_members(sim, store, room);
                for (unsigned i = 0; i < sim->clients.count; i++) {
                        check_marked(sim, store, &sim->clients.all[i], room);
                        check_unread(sim, store, &sim->clients.all[i], room);
                        check_ticks(sim, store, &sim->clients.all[i], room);
                }
        }
}
