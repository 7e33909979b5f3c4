/* Operations on a room's log: messages and marks. */
#include "base/assert.h"
#include "driver/store/group.h"
#include "driver/store/search_index.h"
#include "driver/store/writer.h"
#include "rules/limits.h"
#include "rules/room.h"
#include "rules/row.h"

struct store_row row_read(struct database *database, sqlite3_stmt *statement, struct arena *arena)
{
        return (struct store_row){
                .seq = column_number(statement, 0),
                .changed = column_number(statement, 1),
                .n = column_number(statement, 2),
                .time_ms = column_number(statement, 3),
                .sender = column_number(statement, 4),
                .kind = (uint8_t)column_number(statement, 5),
                .request = column_id(statement, 6),
                .text = column_copy(database, statement, 7, arena),
                .subject = column_number(statement, 8),
                .role = (uint8_t)column_number(statement, 9),
                .heir = column_number(statement, 10),
                .reply_to = column_number(statement, 11),
                .edited_ms = column_number(statement, 12),
                .reactions = column_copy(database, statement, 13, arena),
                .origin = column_copy(database, statement, 14, arena),
                .pinned = column_number(statement, 15),
        };
}

void writer_give_members(struct writer *writer, const struct room *room, uint64_t known, struct store_result *result,
                         struct arena *arena)
{
        uint64_t *users;

        result->members = (struct store_members){.version = room->members_version, .count = room->member_count};
        if (known == room->members_version)
                return;
        users = arena_array(arena, uint64_t, room->member_count + 1);
        if (!users) {
                writer->database.code = SQLITE_NOMEM;
                return;
        }
        for (uint32_t i = 0; i < room->member_count; i++)
                users[i] = room->members[i].user;
        result->members.users = users;
}

void writer_give_uncounted(struct writer *writer, const struct room *room, struct store_result *result, struct arena *arena)
{
        uint64_t *users;
        size_t count = 0;

        for (uint32_t i = 0; i < room->member_count; i++)
                count += !member_counts(&room->members[i]);
        if (count == 0)
                return;
        users = arena_array(arena, uint64_t, count);
        if (!users) {
                writer->database.code = SQLITE_NOMEM;
                return;
        }
        result->members.uncounted = users;
        for (uint32_t i = 0; i < room->member_count; i++)
                if (!member_counts(&room->members[i]))
                        users[result->members.uncounted_count++] = room->members[i].user;
}

void writer_give_old_members(struct writer *writer, const struct room *room, uint64_t known, struct store_result *result,
                             struct arena *arena)
{
        uint64_t *users;
        size_t count = 0;

        for (uint32_t i = 0; i < room->member_count; i++)
                count += group_sees(&room->members[i], result->write.number);
        if (count == room->member_count) {
                writer_give_members(writer, room, known, result, arena);
                return;
        }
        users = arena_array(arena, uint64_t, count + 1);
        if (!users) {
                writer->database.code = SQLITE_NOMEM;
                return;
        }
        result->members = (struct store_members){.users = users};
        for (uint32_t i = 0; i < room->member_count; i++)
                if (group_sees(&room->members[i], result->write.number))
                        users[result->members.count++] = room->members[i].user;
}

/* L1: was it done before? Then the first answer, whatever the rights are now. */
static bool find_repeat(struct writer *writer, const struct room *room, const struct store_op *op,
                        struct store_result *result, struct arena *arena)
{
        sqlite3_stmt *statement = database_use(&writer->database, STATEMENT_MESSAGE_REPEAT);
        bool found;

        bind_id(statement, 1, &op->request);
        bind_number(statement, 2, op->user);
        bind_number(statement, 3, room->number);
        found = database_row(&writer->database, statement);
        if (found) {
                bool same = slice_equal(column_bytes(statement, ROW_COLUMN_COUNT), slice_of(op->digest, STORE_HASH_SIZE));

                result->status = same ? ERR_OK : ERR_REUSED_ID;
                result->repeat = true;
                result->write.room_kind = room->kind;
                if (same)
                        result->write.row = row_read(&writer->database, statement, arena);
                result->write.number = result->write.row.seq;
        }
        database_end(statement);
        if (!found)
                return false;
        if (result->status) {
                writer_give_members(writer, room, op->write.members_known, result, arena);
                return true;
        }
        writer_give_old_members(writer, room, op->write.members_known, result, arena);
        /* Told again: that it moved may have been lost with the first answer. */
        result->write.lowest = room->lowest;
        result->write.lowest_moved = group_moves_members(result->write.row.kind);
        if (result->write.lowest_moved)
                writer_give_uncounted(writer, room, result, arena);
        return true;
}

bool writer_knows_user(struct writer *writer, uint64_t user)
{
        sqlite3_stmt *statement = database_use(&writer->database, STATEMENT_USER_FIND);
        bool known;

        bind_number(statement, 1, user);
        known = database_row(&writer->database, statement);
        database_end(statement);
        return known;
}

/* Personal and self rooms come into being with the first write of one of their users. */
static enum error make_room(struct writer *writer, const struct store_op *op, struct room **room)
{
        uint64_t peer = room_peer(&op->write.room, op->user);
        /* In order, as members are read later: who holds the lowest of two equal marks is then the same. */
        struct member members[] = {
                {.user = min_of(op->user, peer), .joined_seq = 1, .role = ROLE_MEMBER},
                {.user = max_of(op->user, peer), .joined_seq = 1, .role = ROLE_MEMBER},
        };

        if (op->write.row_kind == ROW_CREATED)
                return group_make(writer, op, room);
        if (peer == 0)
                return ERR_NO_ROOM;
        if (!writer_knows_user(writer, peer))
                return ERR_NO_USER;
        for (size_t i = 0; i < countof(members); i++)
                if (user_without_receipts(&writer->database, members[i].user))
                        members[i].counted_from = STORE_UNCOUNTED;
        *room = room_cache_make(&writer->rooms, &writer->database, &op->write.room, members, peer == op->user ? 1 : 2, 1,
                                slice_of(NULL, 0));
        return ERR_OK;
}

static bool insert(struct writer *writer, struct room *room, const struct store_op *op, const struct store_row *row)
{
        sqlite3_stmt *statement = database_use(&writer->database, STATEMENT_MESSAGE_NEW);

        bind_number(statement, 1, room->number);
        bind_number(statement, 2, row->seq);
        bind_number(statement, 3, row->n);
        bind_number(statement, 4, row_countable(row->kind));
        bind_number(statement, 5, row->time_ms);
        bind_number(statement, 6, row->sender);
        bind_number(statement, 7, row->kind);
        bind_id(statement, 8, &op->request);
        bind_bytes(statement, 9, slice_of(op->digest, STORE_HASH_SIZE));
        bind_text(statement, 10, row->text);
        bind_number(statement, 11, row->subject);
        bind_number(statement, 12, row->role);
        bind_number(statement, 13, row->heir);
        bind_number(statement, 14, row->reply_to);
        bind_text(statement, 15, row->origin);
        return database_run(&writer->database, statement);
}

/* One stale member a message: so counting own sends after a restart stays short for everybody. */
static void refresh_one_member(struct writer *writer, struct room *room)
{
        struct member *member;

        if (room->member_count == 0)
                return;
        member = &room->members[room->refresh_at++ % room->member_count];
        if (room->head - member->own_as_of > MEMBER_LAG_MAX && !member_store(&writer->database, room, member))
                return;
}

/* heir: see group_admit. */
static void append(struct writer *writer, struct room *room, const struct store_op *op, uint64_t heir,
                   struct store_result *result, struct arena *arena)
{
        bool counts = row_countable(op->write.row_kind);
        struct store_row row = {
                .seq = room->head + 1,
                .changed = room->head + 1,
                .n = room->n + (counts ? 1 : 0),
                .time_ms = row_time_ms(op->write.row_kind, writer->now_ms, room->time_ms),
                .sender = op->user,
                .kind = op->write.row_kind,
                .role = op->write.role,
                .subject = op->write.subject,
                .heir = heir,
                .reply_to = op->write.target,
                .request = op->request,
                .text = op->write.text,
        };

        if (!arena_copy(arena, op->write.text, &row.text) || !arena_copy(arena, op->write.origin, &row.origin)) {
                writer->database.code = SQLITE_NOMEM;
                return;
        }
        if (!insert(writer, room, op, &row) || !search_index_row(&writer->database, room->number, NULL, &row) ||
            !write_heeds(writer, op))
                return;
        room->head = row.seq;
        room->n = row.n;
        room->time_ms = row.time_ms;
        if (counts)
                room_member(room, op->user)->own_sends++;
        group_change(writer, room, op, &row);
        refresh_one_member(writer, room);
        if (group_moves_members(row.kind) && database_good(&writer->database))
                result->write.lowest_moved = room_lower(&writer->database, room);
        result->status = ERR_OK;
        result->write.room_kind = room->kind;
        result->write.number = row.seq;
        result->write.row = row;
        result->write.lowest = room->lowest;
        writer_give_members(writer, room, op->write.members_known, result, arena);
        if (result->write.lowest_moved)
                writer_give_uncounted(writer, room, result, arena);
}

static void write_operation(struct writer *writer, const struct store_op *op, struct store_result *result,
                            struct arena *arena)
{
        struct room *room = room_cache_find(&writer->rooms, &writer->database, &op->write.room);
        struct store_row target;
        uint64_t heir = 0;
        bool fresh = !room;

        if ((room && find_repeat(writer, room, op, result, arena)) || group_find_refusal(writer, room, op, result))
                return;
        if (row_alters(op->write.row_kind, op->write.target)) {
                write_alteration(writer, room, op, result, arena);
                return;
        }
        result->status = writer_admit(writer, op);
        if (!result->status)
                result->status = content_check(op);
        if (!result->status && room_kind_of(&op->write.room) == ROOM_PERSONAL)
                result->status = write_forbidden(writer, room, op);
        if (!result->status && !room)
                result->status = op->write.target ? ERR_NO_ROW : make_room(writer, op, &room);
        if (!result->status && database_good(&writer->database) && !fresh)
                result->status = group_admit(writer, room, op, &heir);
        if (!result->status && database_good(&writer->database) && op->write.target)
                result->status = writer_target_check(writer, room, op, &target, arena);
        if (!result->status && database_good(&writer->database))
                append(writer, room, op, heir, result, arena);
        else if (database_good(&writer->database))
                group_keep_refusal(writer, room, op, result->status);
}

void write_message(struct writer *writer, const struct store_op *op, struct store_result *result, struct arena *arena)
{
        write_operation(writer, op, result, arena);
        if (result->status == ERR_OK && op_switches_receipts(op) && database_good(&writer->database))
                result->write.receipts_due = user_receipts_due(&writer->database, op->user);
}

/* Counts what makes unread a difference anew after `read` moved up from `before`. Own sends are counted over the shorter way. */
static void count_read(struct writer *writer, struct room *room, struct member *member, uint64_t before)
{
        uint64_t read = member->read;

        if (room->head - read < read - before)
                member->read_own =
                        member->own_sends - count_own(&writer->database, room->number, read, room->head, member->user);
        else
                member->read_own += count_own(&writer->database, room->number, before, read, member->user);
        member->read_n = read < room->head ? n_at(&writer->database, room->number, read) : room->n;
}

static void raise_marks(struct writer *writer, struct room *room, struct member *member, const struct store_op *op,
                        struct store_result *result)
{
        uint64_t read = member->read;

        result->mark.marks_moved = marks_raise(member, op, room->head);
        if (!result->mark.marks_moved)
                return;
        if (member->read > read)
                count_read(writer, room, member, read);
        if (database_good(&writer->database) && member_store(&writer->database, room, member))
                result->mark.lowest_moved = room_lower(&writer->database, room);
}

/* No id tells that a mark was done before: so who is too late, or signed out since, is refused, and learns what is there. */
void write_mark(struct writer *writer, const struct store_op *op, struct store_result *result, struct arena *arena)
{
        struct room *room = room_cache_find(&writer->rooms, &writer->database, &op->mark.room);
        struct member *member = room ? room_member(room, op->user) : NULL;

        result->status = writer_admit(writer, op);
        if (!result->status && !member)
                result->status = ERR_NO_ROOM;
        if (!member || !database_good(&writer->database))
                return;
        if (!result->status)
                raise_marks(writer, room, member, op, result);
        result->mark.marks = member_marks(member, room->n, room->head);
        result->mark.lowest = room->lowest;
        writer_give_members(writer, room, op->mark.members_known, result, arena);
        writer_give_uncounted(writer, room, result, arena);
}
