/* What a client has in its storage, and so may show, against the store's logs: rules 1, 4, 5 and 7. See check.h. */
#include <inttypes.h>

#include "rules/reaction.h"
#include "rules/role.h"
#include "rules/room.h"
#include "rules/row.h"
#include "sim/check.h"

static bool is_member(const struct check_store *store, const struct history_room *room, unsigned number, uint64_t user)
{
        if (history_is_group(room))
                return check_last_stay(store, number, user) != NULL;
        return room->users[0] == user || room->users[1] == user;
}

/* A personal room's rows are his, whatever the checker's table of members says. */
static bool may_see(const struct sim *sim, const struct check_store *store, unsigned room, uint64_t user, uint64_t seq,
                    uint64_t changed)
{
        return !history_is_group(&sim->history.rooms[room]) || check_sees(store, room, user, seq, changed);
}

/* Counted as the store has them, with his own. */
static bool has_reactions(const struct wire_row *row, const struct check_row *is, uint64_t user)
{
        struct wire_iterator iterator;
        struct wire_reaction has;
        struct reactions reactions;
        unsigned count = 0, own;

        (void)reactions_read(is->reactions, &reactions);
        own = reactions_of(&reactions, user);
        WIRE_LIST_START(&iterator, row, reactions, &row->reactions);
        while (wire_list_next(&iterator, &has)) {
                if (count == reactions.count || !slice_equal(has.emoji, reactions.list[count].emoji) ||
                    has.people != reactions.list[count].people)
                        return false;
                count++;
        }
        return count == reactions.count &&
               slice_equal(row->reacted, own < reactions.count ? reactions.list[own].emoji : (struct slice){0});
}

static void check_rows(struct sim *sim, const struct check_store *store, const struct sim_client *client, unsigned room)
{
        uint64_t user = core_user(client->host.core);
        const struct check_log *log = &store->logs[room];

        for (size_t i = 0; i < log->count; i++) {
                const struct check_row *is = &log->rows[i];
                bool seen = may_see(sim, store, room, user, is->seq, is->changed);
                struct wire_row row;
                bool has = core_host_row(&client->host, &sim->history.rooms[room].id, is->seq, &row);

                if (is->kind == ROW_SETTING) { /* settings.c looks at what comes of it */
                        if (has)
                                sim_break(sim, "4 logs differ", "client %u shows a setting as a row", client->number);
                        continue;
                }
                /* What was altered after he left stays as he has it, or as he does not. */
                if (has && !seen && may_see(sim, store, room, user, row.seq, row.changed) && row.changed < is->changed)
                        continue;
                if (has && !seen)
                        sim_break(sim, "7 seen outside his stay", "client %u has number %" PRIu64 " of group %u",
                                  client->number, is->seq, room);
                if (!has && seen) {
                        sim_break(sim, CHECK_ROWS_MISSING, "client %u lacks number %" PRIu64 " of room %u", client->number,
                                  is->seq, room);
                        return;
                }
                if (has && (!id_equal(&row.request, &is->request) || row.changed != is->changed ||
                            row.sender != is->sender || row.time_ms != is->time_ms || row.n != is->n ||
                            row.kind != is->kind || row.reply_to != is->reply_to || row.edited_ms != is->edited_ms ||
                            !slice_equal(row.text, slice_text(is->text)) || row.pinned != is->pinned ||
                            !slice_equal(row.origin, slice_text(is->origin)) || !has_reactions(&row, is, user)))
                        sim_break(sim, "4 logs differ",
                                  "client %u shows number %" PRIu64 " of room %u as another than it is", client->number,
                                  is->seq, room);
        }
}

/* Title, own role, how many there are: as of the head, or of his leaving. */
static void check_group(struct sim *sim, const struct check_store *store, const struct sim_client *client, unsigned room,
                        const struct core_room_info *info)
{
        const struct check_member *stay = check_last_stay(store, room, core_user(client->host.core));
        const struct check_log *log = &store->logs[room];
        bool left = stay->left != UINT64_MAX;
        const char *title = "";
        unsigned members = 0;

        for (size_t i = 0; i < log->count && log->rows[i].seq <= stay->left; i++)
                if (log->rows[i].kind == ROW_CREATED || log->rows[i].kind == ROW_TITLE)
                        title = log->rows[i].text;
        check_each_member(store, room, member) members += member->left == UINT64_MAX;
        if (info->left != left || !slice_equal(info->title, slice_text(title)) || info->role != (left ? 0 : stay->role) ||
            info->members != (left ? 0 : members))
                sim_break(sim, CHECK_GROUP_STALE,
                          "client %u has group %u as \"%.*s\", role %u, %" PRIu64
                          " members, left %d: it is \"%s\", %u, %u, %d",
                          client->number, room, (int)info->title.size, (const char *)info->title.data, info->role,
                          info->members, info->left, title, left ? 0 : stay->role, left ? 0 : members, left);
}

void check_client(struct sim *sim, const struct check_store *store, const struct sim_client *client)
{
        uint64_t user = core_user(client->host.core);

        for (unsigned room = 0; room < sim->history.room_count; room++) {
                const struct history_room *known = &sim->history.rooms[room];
                const struct check_log *log = &store->logs[room];
                struct core_room_info info;
                enum error error = core_room_info(client->host.core, &known->id, &info);
                uint64_t head;

                if (!is_member(store, known, room, user)) {
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
                head = check_head(log);
                if (history_is_group(known))
                        head = min_of(head, check_last_stay(store, room, user)->left);
                if (info.head != head)
                        sim_break(sim, CHECK_ROWS_MISSING, "client %u has room %u up to %" PRIu64 " of %" PRIu64,
                                  client->number, room, info.head, head);
                check_rows(sim, store, client, room);
                if (history_is_group(known) && !sim->broken.rule)
                        check_group(sim, store, client, room, &info);
        }
}
