/* What a client has in its storage, and so may show, against the store's logs: rules 1, 4 and 5. See check.h. */
#include <inttypes.h>

#include "rules/room.h"
#include "sim/check.h"

static bool is_member(const struct history_room *room, uint64_t user)
{
        return room->users[0] == user || room->users[1] == user;
}

static void check_rows(struct sim *sim, const struct sim_client *client, unsigned room, const struct check_log *log)
{
        for (size_t i = 0; i < log->count; i++) {
                const struct check_row *is = &log->rows[i];
                struct wire_row row;

                if (!core_host_row(&client->host, &sim->history.rooms[room].id, is->seq, &row)) {
                        sim_break(sim, CHECK_ROWS_MISSING, "client %u lacks number %" PRIu64 " of room %u", client->number,
                                  is->seq, room);
                        return;
                }
                if (!id_equal(&row.request, &is->request) || row.changed != is->changed || row.sender != is->sender ||
                    row.time_ms != is->time_ms || row.n != is->n || !slice_equal(row.text, slice_text(is->text)))
                        sim_break(sim, "4 logs differ",
                                  "client %u shows number %" PRIu64 " of room %u as another than it is", client->number,
                                  is->seq, room);
        }
}

void check_client(struct sim *sim, const struct check_store *store, const struct sim_client *client)
{
        uint64_t user = core_user(client->host.core);

        for (unsigned room = 0; room < sim->history.room_count; room++) {
                const struct history_room *known = &sim->history.rooms[room];
                const struct check_log *log = &store->logs[room];
                struct core_room_info info;
                enum error error = core_room_info(client->host.core, &known->id, &info);

                if (!is_member(known, user)) {
                        if (error == ERR_OK && info.head)
                                sim_break(sim, "7 seen by a stranger", "client %u has room %u", client->number, room);
                        continue;
                }
                if (log->count == 0)
                        continue;
                if (error) {
                        sim_break(sim, CHECK_ROWS_MISSING, "client %u does not know room %u", client->number, room);
                        return;
                }
                if (info.head != log->rows[log->count - 1].changed)
                        sim_break(sim, CHECK_ROWS_MISSING, "client %u has room %u up to %" PRIu64 " of %" PRIu64,
                                  client->number, room, info.head, log->rows[log->count - 1].changed);
                check_rows(sim, client, room, log);
        }
}
