/* Operations on a room's log: messages and marks. */
#include "base/assert.h"
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
        };
}

static void give_members(struct writer *writer, const struct room *room, uint64_t known, struct store_result *result,
                         struct arena *arena)
{
        uint64_t *users;

        result->members = (struct store_members){.version = room->members_version, .count = room->member_count};
        if (known == room->members_version)
                return;
        users = arena_array(arena, uint64_t, room->member_count);
        if (!users) {
                writer->database.code = SQLITE_NOMEM;
                return;
        }
        for (uint32_t i = 0; i < room->member_count; i++)
                users[i] = room->members[i].user;
        result->members.users = users;
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
                bool same = slice_equal(column_bytes(statement, 8), slice_of(op->digest, STORE_HASH_SIZE));

                result->status = same ? ERR_OK : ERR_REUSED_ID;
                result->repeat = true;
                result->write.room_kind = room->kind;
                if (same)
                        result->write.row = row_read(&writer->database, statement, arena);
        }
        database_end(statement);
        if (found)
                give_members(writer, room, op->write.members_known, result, arena);
        return found;
}

/* Personal and self rooms come into being with the first write of one of their users. */
static enum error make_room(struct writer *writer, const struct store_op *op, struct room **room)
{
        uint64_t users[2];
        uint64_t peer = room_peer(&op->write.room, op->user);
        sqlite3_stmt *statement;
        bool known;

        if (peer == 0)
                return ERR_NO_ROOM;
        statement = database_use(&writer->database, STATEMENT_USER_FIND);
        bind_number(statement, 1, peer);
        known = database_row(&writer->database, statement);
        database_end(statement);
        if (!known)
                return ERR_NO_USER;
        /* In order, as members are read later: who holds the lowest of two equal marks is then the same. */
        users[0] = min_of(op->user, peer);
        users[1] = max_of(op->user, peer);
        *room = room_cache_make(&writer->rooms, &writer->database, &op->write.room, users, peer == op->user ? 1 : 2);
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
        return database_run(&writer->database, statement);
}

/* One stale member a message: so counting own sends after a restart stays short for everybody. */
static void refresh_one_member(struct writer *writer, struct room *room)
{
        struct member *member = &room->members[room->refresh_at++ % room->member_count];

        if (room->head - member->own_as_of > MEMBER_LAG_MAX && !member_store(&writer->database, room, member))
                return;
}

static void append(struct writer *writer, struct room *room, struct member *member, const struct store_op *op,
                   struct store_result *result, struct arena *arena)
{
        bool counts = row_countable(op->write.row_kind);
        struct store_row row = {
                .seq = room->head + 1,
                .changed = room->head + 1,
                .n = room->n + (counts ? 1 : 0),
                .time_ms = max_of(writer->now_ms, room->time_ms), /* time in a room never goes back */
                .sender = op->user,
                .kind = op->write.row_kind,
                .request = op->request,
                .text = op->write.text,
        };

        if (!arena_copy(arena, op->write.text, &row.text)) {
                writer->database.code = SQLITE_NOMEM;
                return;
        }
        if (!insert(writer, room, op, &row))
                return;
        room->head = row.seq;
        room->n = row.n;
        room->time_ms = row.time_ms;
        member->own_sends += counts ? 1 : 0;
        refresh_one_member(writer, room);
        result->status = ERR_OK;
        result->write.room_kind = room->kind;
        result->write.row = row;
        give_members(writer, room, op->write.members_known, result, arena);
}

void write_message(struct writer *writer, const struct store_op *op, struct store_result *result, struct arena *arena)
{
        struct room *room = room_cache_find(&writer->rooms, &writer->database, &op->write.room);
        struct member *member;

        if (room && find_repeat(writer, room, op, result, arena))
                return;
        result->status = writer_admit(writer, op);
        if (!result->status)
                result->status = content_check(op);
        if (!result->status && !room)
                result->status = make_room(writer, op, &room);
        if (result->status || !database_good(&writer->database))
                return;
        member = room_member(room, op->user);
        if (!member) {
                result->status = ERR_NO_ROOM;
                return;
        }
        append(writer, room, member, op, result, arena);
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
        give_members(writer, room, op->mark.members_known, result, arena);
}
