/* The store's logs, read with SQL of the checker's own after the store was closed, and rules 1 to 4 on them. See check.h. */
#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>

#include "base/memory.h"
#include "rules/reaction.h"
#include "rules/room.h"
#include "rules/row.h"
#include "sim/check.h"
#include "sim/disk.h"
#include "sim/finder.h"
#include "sim/leaving.h"

static sqlite3_stmt *prepare(sqlite3 *database, const char *text)
{
        sqlite3_stmt *statement = NULL;

        check(sqlite3_prepare_v2(database, text, -1, &statement, NULL) == SQLITE_OK);
        return statement;
}

static struct id id_at(sqlite3_stmt *statement, int column)
{
        struct id id = {0};

        check(sqlite3_column_bytes(statement, column) == (int)sizeof(id.bytes));
        memcpy(id.bytes, sqlite3_column_blob(statement, column), sizeof(id.bytes));
        return id;
}

static uint64_t number_at(sqlite3_stmt *statement, int column)
{
        return (uint64_t)sqlite3_column_int64(statement, column);
}

static struct slice copy_at(sqlite3_stmt *statement, int column)
{
        size_t size = (size_t)sqlite3_column_bytes(statement, column);
        uint8_t *copy = size ? memory_new(size) : NULL;

        check(!size || copy);
        if (size)
                memcpy(copy, sqlite3_column_blob(statement, column), size);
        return slice_of(copy, size);
}

static void read_rows(sqlite3 *database, struct sim *sim, struct check_store *store)
{
        sqlite3_stmt *statement =
                prepare(database, "SELECT r.id, m.seq, m.changed, m.n, m.time_ms, m.sender, m.request, m.text, m.kind,"
                                  " m.reply_to, m.edited_ms, m.subject, m.role, m.heir, m.reactions, ifnull(m.origin, ''),"
                                  " ifnull(m.pinned, 0)"
                                  " FROM messages m JOIN rooms r USING(room) ORDER BY m.room, m.seq");

        while (sqlite3_step(statement) == SQLITE_ROW) {
                struct id room = id_at(statement, 0);
                struct check_log *log = &store->logs[history_room(sim, &room)];
                struct check_row *row;

                log->rows = memory_resize(log->rows, sizeof(*row) * (log->count + 1));
                check(log->rows);
                row = &log->rows[log->count++];
                *row = (struct check_row){.seq = number_at(statement, 1),
                                          .changed = number_at(statement, 2),
                                          .n = number_at(statement, 3),
                                          .time_ms = number_at(statement, 4),
                                          .sender = number_at(statement, 5),
                                          .request = id_at(statement, 6),
                                          .kind = (unsigned)number_at(statement, 8),
                                          .reply_to = number_at(statement, 9),
                                          .edited_ms = number_at(statement, 10),
                                          .subject = number_at(statement, 11),
                                          .role = (unsigned)number_at(statement, 12),
                                          .heir = number_at(statement, 13),
                                          .pinned = number_at(statement, 16)};
                snprintf(row->text, sizeof(row->text), "%s", (const char *)sqlite3_column_text(statement, 7));
                row->reactions = copy_at(statement, 14);
                snprintf(row->origin, sizeof(row->origin), "%s", (const char *)sqlite3_column_text(statement, 15));
        }
        sqlite3_finalize(statement);
}

static void read_members(sqlite3 *database, struct sim *sim, struct check_store *store)
{
        sqlite3_stmt *statement = prepare(
                database,
                "SELECT r.id, m.user, m.joined_seq, ifnull(m.left_seq, -1), m.delivered, m.read, m.shown, m.counted_from,"
                " m.role FROM members m JOIN rooms r USING(room) ORDER BY m.room, m.user, m.joined_seq");

        while (sqlite3_step(statement) == SQLITE_ROW) {
                struct id room = id_at(statement, 0);
                unsigned number = history_room(sim, &room), count = store->member_counts[number];
                struct check_member *members = store->members[number];

                if (count == 2 && !history_is_group(&sim->history.rooms[number])) {
                        sim_break(sim, "7 seen by a stranger", "a room of two has a third member");
                        break;
                }
                members = memory_resize(members, sizeof(*members) * (count + 1));
                check(members);
                members[count] = (struct check_member){.user = number_at(statement, 1),
                                                       .joined = number_at(statement, 2),
                                                       .left = number_at(statement, 3),
                                                       .delivered = number_at(statement, 4),
                                                       .read = number_at(statement, 5),
                                                       .shown = number_at(statement, 6),
                                                       .counted_from = number_at(statement, 7),
                                                       .role = (unsigned)number_at(statement, 8)};
                store->members[number] = members;
                store->member_counts[number]++;
        }
        sqlite3_finalize(statement);
}

static unsigned read_users(sqlite3 *database, const char *question, uint64_t users[static USERS_MAX])
{
        sqlite3_stmt *statement = prepare(database, question);
        unsigned count = 0;

        while (count < USERS_MAX && sqlite3_step(statement) == SQLITE_ROW)
                users[count++] = number_at(statement, 0);
        sqlite3_finalize(statement);
        return count;
}

static bool is_among(const uint64_t *users, unsigned count, uint64_t user)
{
        for (unsigned i = 0; i < count; i++)
                if (users[i] == user)
                        return true;
        return false;
}

static unsigned count(sqlite3 *database, const char *text)
{
        sqlite3_stmt *statement = prepare(database, text);
        unsigned number;

        check(sqlite3_step(statement) == SQLITE_ROW);
        number = (unsigned)number_at(statement, 0);
        sqlite3_finalize(statement);
        return number;
}

static void read_leaving(sqlite3 *database, struct check_store *store)
{
        store->leavers = count(database, "SELECT count(*) FROM leaving");
        store->ghosts = count(database, "SELECT count(*) FROM members m JOIN users u USING(user) JOIN rooms r USING(room)"
                                        " WHERE u.email = '' AND m.left_seq IS NULL AND r.kind = 1");
        store->notes =
                count(database, "SELECT count(*) FROM messages m JOIN users u ON u.user = m.sender JOIN rooms r USING(room)"
                                " WHERE u.email = '' AND m.kind <> 8 AND r.kind = 3");
}

bool check_hides(const struct check_store *store, uint64_t user)
{
        return is_among(store->hiding, store->hiding_count, user);
}

bool check_receipts_off(const struct check_store *store, uint64_t user)
{
        return is_among(store->unreceipted, store->unreceipted_count, user);
}

uint64_t check_head(const struct check_log *log)
{
        uint64_t head = 0;

        for (size_t i = 0; i < log->count; i++)
                head = max_of(head, log->rows[i].changed);
        return head;
}

bool check_sees(const struct check_store *store, unsigned room, uint64_t user, uint64_t seq, uint64_t changed)
{
        check_each_member(store, room,
                          member) if (member->user == user && seq >= member->joined && changed <= member->left) return true;
        return false;
}

const struct check_member *check_last_stay(const struct check_store *store, unsigned room, uint64_t user)
{
        const struct check_member *last = NULL;

        check_each_member(store, room, member) if (member->user == user) last = member;
        return last;
}

struct check_store *check_store_read(struct sim *sim)
{
        struct check_store *store = memory_new(sizeof(*store));
        sqlite3 *database = NULL;

        check(store);
        engine_store_close(sim);
        check(sqlite3_open_v2(DISK_DATABASE, &database, SQLITE_OPEN_READWRITE, DISK_VFS) == SQLITE_OK);
        check(sqlite3_exec(database, "PRAGMA locking_mode = EXCLUSIVE; PRAGMA temp_store = MEMORY", NULL, NULL, NULL) ==
              SQLITE_OK);
        read_rows(database, sim, store);
        read_members(database, sim, store);
        store->hiding_count = read_users(database, "SELECT user FROM users WHERE hides <> 0", store->hiding);
        store->unreceipted_count =
                read_users(database, "SELECT user FROM users WHERE receipts % 2 <> 0", store->unreceipted);
        read_leaving(database, store);
        finder_check_index(sim, database);
        sqlite3_close(database);
        return store;
}

void check_store_free(struct check_store **store_p)
{
        struct check_store *store = *store_p;

        if (!store)
                return;
        *store_p = NULL;
        for (size_t i = 0; i < HISTORY_ROOMS_MAX; i++) {
                for (size_t row = 0; row < store->logs[i].count; row++)
                        memory_free((void *)(uintptr_t)store->logs[i].rows[row].reactions.data);
                memory_free(store->logs[i].rows);
        }
        for (size_t i = 0; i < HISTORY_ROOMS_MAX; i++)
                memory_free(store->members[i]);
        memory_free(store);
}

/* ---- the rules ---- */

/* A number without a row is that of an alteration: of one that was acknowledged with it, or of one of which nobody knows. */
static void check_gaps(struct sim *sim, unsigned room, const struct check_log *log)
{
        uint64_t numbers = check_head(log) - log->count, known = 0, unknown = 0;

        for (unsigned i = 0; i < sim->history.count; i++) {
                const struct message *message = &sim->history.messages[i];

                if (!message->alters || message->room != room || message->state == MESSAGE_LOST ||
                    message->state == MESSAGE_REFUSED)
                        continue;
                known += message->seq != 0 && !message->forgiven;
                unknown += message->seq == 0 || message->forgiven;
        }
        for (size_t i = 0; i < log->count; i++) /* of settings nobody counts how often they were set */
                if (log->rows[i].kind == ROW_SETTING)
                        unknown = UINT32_MAX;
        if (numbers < known || numbers > known + unknown)
                sim_break(sim, "4 logs differ",
                          "room %u has %" PRIu64 " numbers without a row; %" PRIu64 " to %" PRIu64 " alterations took one",
                          room, numbers, known, known + unknown);
}

/* Who does something to a group is in it then: his coming and his going included. */
static void check_author(struct sim *sim, const struct check_store *store, const struct message *message, uint64_t number)
{
        if (message->in_group && !message->forgiven && sim->faults.restored_us == 0 &&
            !check_sees(store, message->room, message->sender, number, number))
                sim_break(sim, "7 done by a stranger", "client %u's message %u, number %" PRIu64 " of group %u",
                          message->client, message->number, number, message->room);
}

/* Did somebody's reaction to that row get a newer one of his, as far as anybody knows? */
static bool is_reacted_again(const struct sim *sim, const struct message *message)
{
        for (unsigned i = 0; i < sim->history.count; i++) {
                const struct message *other = &sim->history.messages[i];

                if (other != message && other->alters == ROW_REACTED && other->room == message->room &&
                    other->target == message->target && other->sender == message->sender &&
                    other->state != MESSAGE_REFUSED && other->state != MESSAGE_LOST &&
                    (other->seq == 0 || other->seq > message->seq))
                        return true;
        }
        return false;
}

/* An acknowledged reaction that is its sender's last is in the row, unless the row is a tombstone. */
static void check_reaction(struct sim *sim, const struct message *message, const struct check_row *row)
{
        struct slice emoji = slice_text(message->reaction), own = {0};
        struct reactions reactions;
        unsigned kind;

        if (!reactions_read(row->reactions, &reactions))
                sim_break(sim, "4 logs differ", "the reactions to number %" PRIu64 " cannot be read", row->seq);
        kind = reactions_of(&reactions, message->sender);
        if (kind < reactions.count)
                own = reactions.list[kind].emoji;
        if (row->kind == ROW_DELETED ? reactions.count > 0 : !slice_equal(own, emoji) && !is_reacted_again(sim, message))
                sim_break(sim, "1 acknowledged and missing", "client %u's reaction %u to number %" PRIu64 " of room %u",
                          message->client, message->number, row->seq, message->room);
}

/* Was that row pinned or unpinned by a newer operation, as far as anybody knows? */
static bool is_pinned_again(const struct sim *sim, const struct message *message)
{
        for (unsigned i = 0; i < sim->history.count; i++) {
                const struct message *other = &sim->history.messages[i];

                if (other != message && other->alters == ROW_PINNED && other->room == message->room &&
                    other->target == message->target && other->state != MESSAGE_REFUSED && other->state != MESSAGE_LOST &&
                    (other->seq == 0 || other->seq > message->seq))
                        return true;
        }
        return false;
}

/* The last acknowledged one says whether the row is pinned, and since when; a tombstone is not. */
static void check_pin(struct sim *sim, const struct message *message, const struct check_row *row)
{
        uint64_t pinned = message->off || row->kind == ROW_DELETED ? 0 : message->seq;

        if (row->pinned != pinned && (row->kind == ROW_DELETED || !is_pinned_again(sim, message)))
                sim_break(sim, "1 acknowledged and missing",
                          "client %u's pin %u: number %" PRIu64 " of room %u is pinned by %" PRIu64 ", not %" PRIu64,
                          message->client, message->number, row->seq, message->room, row->pinned, pinned);
}

/* What is pinned, somebody pinned by that operation. */
static void check_pinned(struct sim *sim, unsigned room, const struct check_row *row)
{
        if (row->pinned == 0)
                return;
        for (unsigned i = 0; i < sim->history.count; i++) {
                const struct message *message = &sim->history.messages[i];

                if (message->alters == ROW_PINNED && !message->off && message->room == room && message->target == row->seq &&
                    message->state != MESSAGE_REFUSED && message->state != MESSAGE_LOST &&
                    (message->seq == row->pinned || message->seq == 0 || message->forgiven))
                        return;
        }
        sim_break(sim, "2 appears and was never sent", "number %" PRIu64 " of room %u is pinned by %" PRIu64, row->seq, room,
                  row->pinned);
}

/* What was acknowledged is in its row, or something newer is. */
static void check_alteration(struct sim *sim, const struct check_store *store, const struct message *message)
{
        const struct check_log *log = &store->logs[message->room];

        check_author(sim, store, message, message->seq);
        for (size_t i = 0; i < log->count; i++) {
                const struct check_row *row = &log->rows[i];

                if (row->seq == message->seq)
                        sim_break(sim, "4 logs differ", "client %u's alteration %u has the number %" PRIu64 " of a row",
                                  message->client, message->number, row->seq);
                if (row->seq != message->target || row->changed < message->seq ||
                    (message->alters == ROW_DELETED && row->kind != ROW_DELETED))
                        continue;
                if (message->alters == ROW_REACTED)
                        check_reaction(sim, message, row);
                if (message->alters == ROW_PINNED)
                        check_pin(sim, message, row);
                return;
        }
        sim_break(sim, "1 acknowledged and missing", "client %u's alteration %u (number %" PRIu64 " of row %" PRIu64 ")",
                  message->client, message->number, message->seq, message->target);
}

/* What a row of the store must be: somebody's message, in its place, in its sender's order. */
static void check_row(struct sim *sim, unsigned room, const struct check_row *row, unsigned *last_numbers)
{
        struct message *message = history_find(sim, &row->request, row->sender, &sim->history.rooms[room].id);

        if (row->kind == ROW_SETTING) {
                settings_check_row(sim, room, row);
                return;
        }
        if (!message)
                message =
                        leaving_row(sim, &sim->history.rooms[room].id, row->kind, &row->request, row->sender, row->subject);
        if (!message) {
                sim_break(sim, "2 appears and was never sent", "room %u, number %" PRIu64, room, row->seq);
                return;
        }
        if (message->alters)
                sim_break(sim, "4 logs differ", "client %u's alteration %u made a row", message->client, message->number);
        if (!message->rogue && !message->spoken && !message->deed &&
            !history_text_is_right(sim, message, row->seq, row->kind, slice_text(row->text)))
                sim_break(sim, "4 logs differ", "client %u's message %u is in the log with another text", message->client,
                          message->number);
        if (message->state == MESSAGE_REFUSED || message->state == MESSAGE_LOST)
                sim_break(sim, "2 refused and appears", "client %u's message %u is in the log", message->client,
                          message->number);
        if (message->seq && message->seq != row->seq && !message->forgiven)
                sim_break(sim, "3 shown twice", "client %u's message %u was %" PRIu64 " and is %" PRIu64, message->client,
                          message->number, message->seq, row->seq);
        if (message->in_log)
                sim_break(sim, "3 shown twice", "client %u's message %u is twice in the log", message->client,
                          message->number);
        message->in_log = true;
        /* A repeat under way may bring back what was acknowledged before the store went back, in no order. */
        if (message->rogue || message->forgiven)
                return;
        if (message->number < last_numbers[message->client])
                sim_break(sim, "4 out of his order", "client %u's message %u comes after his message %u", message->client,
                          message->number, last_numbers[message->client] - 1);
        last_numbers[message->client] = message->number + 1;
}

void check_logs(struct sim *sim, const struct check_store *store)
{
        for (unsigned i = 0; i < sim->history.count; i++)
                sim->history.messages[i].in_log = false;
        for (unsigned room = 0; room < sim->history.room_count; room++) {
                const struct check_log *log = &store->logs[room];
                unsigned last_numbers[CLIENTS_MAX + 8] = {0};

                for (size_t i = 0; i < log->count; i++) {
                        check_row(sim, room, &log->rows[i], last_numbers);
                        check_pinned(sim, room, &log->rows[i]);
                }
                check_gaps(sim, room, log);
        }
        for (unsigned i = 0; i < sim->history.count; i++) {
                const struct message *message = &sim->history.messages[i];

                if (message->state == MESSAGE_ACKED && !message->alters && message->seq)
                        check_author(sim, store, message, message->seq);
                if (message->state == MESSAGE_ACKED && message->alters && !message->forgiven)
                        check_alteration(sim, store, message);
                if (message->state == MESSAGE_ACKED && !message->alters && !message->in_log && !message->forgiven)
                        sim_break(sim, "1 acknowledged and missing",
                                  "client %u's message %u (number %" PRIu64 ") is not in the log", message->client,
                                  message->number, message->seq);
        }
        for (unsigned i = 0; i < sim->history.shown_count && sim->faults.restored_us == 0; i++) {
                const struct shown *shown = &sim->history.shown[i];

                if (!check_sees(store, shown->room, shown->user, shown->seq, shown->changed))
                        sim_break(sim, "7 seen outside his stay", "a user was shown number %" PRIu64 " of group %u",
                                  shown->seq, shown->room);
        }
}
