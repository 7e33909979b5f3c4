/* Rule 6: marks and ticks at rest. See check.h. */
#include <inttypes.h>

#include "sim/check.h"

static uint64_t marked(const struct check_store *store, unsigned room, uint64_t user, bool shown)
{
        for (unsigned i = 0; i < store->member_counts[room]; i++)
                if (store->members[room][i].user == user)
                        return shown ? store->members[room][i].shown : store->members[room][i].delivered;
        return 0;
}

/* The ticks of a client's own rows are those that the other one's marks earn him. */
static void check_ticks(struct sim *sim, const struct check_store *store, const struct sim_client *client, unsigned room)
{
        const struct history_room *known = &sim->history.rooms[room];
        const struct check_log *log = &store->logs[room];
        uint64_t user = core_user(client->host.core);
        uint64_t peer = known->users[0] == user ? known->users[1] : known->users[0];

        if (peer == user || (known->users[0] != user && known->users[1] != user))
                return;
        for (size_t i = 0; i < log->count; i++) {
                uint64_t seq = log->rows[i].seq;
                enum core_message_state is, earned = CORE_MESSAGE_SENT;

                if (log->rows[i].sender != user)
                        continue;
                if (marked(store, room, peer, false) >= seq)
                        earned = CORE_MESSAGE_DELIVERED;
                if (marked(store, room, peer, true) >= seq)
                        earned = CORE_MESSAGE_READ;
                is = core_row_state(client->host.core, &known->id, seq, user);
                if (is != earned) {
                        sim_break(sim, is > earned ? "6 a tick nobody earned" : CHECK_TICK_MISSING,
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
        struct core_room_info info;

        for (size_t i = 0; i < log->count; i++)
                if (log->rows[i].sender != user)
                        others = log->rows[i].seq;
        if ((known->users[0] != user && known->users[1] != user) ||
            core_room_info(client->host.core, &known->id, &info) != ERR_OK)
                return;
        for (unsigned i = 0; i < store->member_counts[room]; i++) {
                const struct check_member *member = &store->members[room][i];

                if (member->user == user && (member->delivered < others || member->read < min_of(info.marks.read, others)))
                        sim_break(sim, CHECK_TICK_MISSING,
                                  "client %u, room %u: received %" PRIu64 ", read %" PRIu64 ", marked %" PRIu64 ", %" PRIu64,
                                  client->number, room, others, info.marks.read, member->delivered, member->read);
        }
}

static void check_members(struct sim *sim, const struct check_store *store, unsigned room)
{
        uint64_t head = store->logs[room].count;

        for (unsigned i = 0; i < store->member_counts[room]; i++) {
                const struct check_member *member = &store->members[room][i];

                if (member->shown > member->delivered || member->read > member->delivered || member->delivered > head)
                        sim_break(sim, "6 shown more than delivered",
                                  "room %u: delivered %" PRIu64 ", read %" PRIu64 ", shown %" PRIu64 ", head %" PRIu64, room,
                                  member->delivered, member->read, member->shown, head);
        }
}

void check_marks(struct sim *sim, const struct check_store *store)
{
        for (unsigned room = 0; room < sim->history.room_count && !sim->broken.rule; room++) {
                check_members(sim, store, room);
                for (unsigned i = 0; i < sim->clients.count; i++) {
                        check_marked(sim, store, &sim->clients.all[i], room);
                        check_ticks(sim, store, &sim->clients.all[i], room);
                }
        }
}
