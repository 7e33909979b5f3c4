/* Operations that alter a row of a room's log: edits, deletions, reactions, pins. They take the room's next number and make no row. */
#include "base/assert.h"
#include "driver/store/alter.h"
#include "driver/store/search_index.h"
#include "driver/store/writer.h"
#include "rules/row.h"

bool writer_row(struct writer *writer, const struct room *room, uint64_t seq, struct store_row *row, struct arena *arena)
{
        sqlite3_stmt *statement;
        bool found;

        if (seq > room->head)
                return false;
        statement = database_use(&writer->database, STATEMENT_MESSAGE_AT);
        bind_number(statement, 1, room->number);
        bind_number(statement, 2, seq);
        found = database_row(&writer->database, statement);
        if (found)
                *row = row_read(&writer->database, statement, arena);
        database_end(statement);
        return found;
}

/* Members whose stay began after the row: they may not see it. */
static void give_outside(struct writer *writer, const struct room *room, struct store_result *result, struct arena *arena)
{
        uint64_t seq = result->write.row.seq, *users = NULL;
        size_t count = 0;

        for (uint32_t i = 0; i < room->member_count; i++)
                count += room->members[i].joined_seq > seq;
        if (count == 0)
                return;
        users = arena_array(arena, uint64_t, count);
        if (!users) {
                writer->database.code = SQLITE_NOMEM;
                return;
        }
        result->write.outside = users;
        for (uint32_t i = 0; i < room->member_count; i++)
                if (room->members[i].joined_seq > seq)
                        users[result->write.outside_count++] = room->members[i].user;
}

/* L1. Whether there is still a row is not asked: rows are never taken away. */
static bool find_repeat(struct writer *writer, const struct room *room, const struct store_op *op,
                        struct store_result *result, struct arena *arena)
{
        uint8_t principal[ALTER_PRINCIPAL_SIZE];
        sqlite3_stmt *statement = database_use(&writer->database, STATEMENT_ALTERATION_FIND);
        bool found;

        bind_id(statement, 1, &op->request);
        bind_bytes(statement, 2, alter_principal(op, principal));
        found = database_row(&writer->database, statement);
        if (found) {
                bool same = slice_equal(column_bytes(statement, 0), slice_of(op->digest, STORE_HASH_SIZE));

                result->repeat = true;
                result->write.room_kind = room->kind;
                result->write.number = column_number(statement, 1);
                result->status = same ? ERR_OK : ERR_REUSED_ID;
        }
        database_end(statement);
        if (!found)
                return false;
        if (result->status) {
                writer_give_members(writer, room, op->write.members_known, result, arena);
                return true;
        }
        if (!writer_row(writer, room, op->write.target, &result->write.row, arena)) {
                result->status = ERR_NO_ROW;
                return true;
        }
        result->write.lowest = room->lowest;
        writer_give_old_members(writer, room, op->write.members_known, result, arena);
        give_outside(writer, room, result, arena);
        return true;
}

static bool note(struct writer *writer, const struct store_op *op, uint64_t number)
{
        uint8_t principal[ALTER_PRINCIPAL_SIZE];
        sqlite3_stmt *statement;

        writer_prune(writer);
        statement = database_use(&writer->database, STATEMENT_ALTERATION_NEW);
        bind_id(statement, 1, &op->request);
        bind_bytes(statement, 2, alter_principal(op, principal));
        bind_bytes(statement, 3, slice_of(op->digest, STORE_HASH_SIZE));
        bind_number(statement, 4, op->user);
        bind_number(statement, 5, op->device);
        bind_number(statement, 6, writer->now_ms);
        bind_number(statement, 7, number);
        return database_run(&writer->database, statement);
}

static bool store_row(struct writer *writer, const struct room *room, const struct store_row *row)
{
        sqlite3_stmt *statement = database_use(&writer->database, STATEMENT_MESSAGE_ALTER);

        bind_number(statement, 1, room->number);
        bind_number(statement, 2, row->seq);
        bind_number(statement, 3, row->changed);
        bind_number(statement, 4, row->kind);
        bind_text(statement, 5, row->text);
        bind_number(statement, 6, row->reply_to);
        bind_number(statement, 7, row->edited_ms);
        bind_bytes(statement, 8, row->reactions);
        bind_text(statement, 9, row->origin);
        bind_number(statement, 10, row->pinned);
        return database_run(&writer->database, statement);
}

/* Asked where it decides: at most PINS_MAX entries of an index. */
static uint64_t pins_of(struct writer *writer, const struct room *room, const struct store_op *op)
{
        sqlite3_stmt *statement;
        uint64_t pins = 0;

        if (op->write.row_kind != ROW_PINNED || op->write.off)
                return 0;
        statement = database_use(&writer->database, STATEMENT_PIN_COUNT);
        bind_number(statement, 1, room->number);
        if (database_row(&writer->database, statement))
                pins = column_number(statement, 0);
        database_end(statement);
        return pins;
}

enum error writer_target_check(struct writer *writer, struct room *room, const struct store_op *op, struct store_row *row,
                               struct arena *arena)
{
        const struct member *sender = room_member(room, op->user);
        bool found = sender && writer_row(writer, room, op->write.target, row, arena);

        return alter_check(op, sender, found ? row : NULL, found ? room_member(room, row->sender) : NULL,
                           pins_of(writer, room, op));
}

static void alter(struct writer *writer, struct room *room, const struct store_op *op, struct store_row *row,
                  struct store_result *result, struct arena *arena)
{
        uint64_t number = room->head + 1;
        struct store_row before = *row;

        if (!alter_row(op, number, max_of(writer->now_ms, room->time_ms), row, arena)) {
                writer->database.code = SQLITE_NOMEM;
                return;
        }
        if (!store_row(writer, room, row) || !search_index_row(&writer->database, room->number, &before, row) ||
            !write_heeds(writer, op) || !note(writer, op, number))
                return;
        room->head = number;
        result->write.room_kind = room->kind;
        result->write.number = number;
        result->write.row = *row;
        result->write.lowest = room->lowest;
        writer_give_members(writer, room, op->write.members_known, result, arena);
        give_outside(writer, room, result, arena);
}

void write_alteration(struct writer *writer, struct room *room, const struct store_op *op, struct store_result *result,
                      struct arena *arena)
{
        struct store_row row;

        if (room && find_repeat(writer, room, op, result, arena))
                return;
        result->status = writer_admit(writer, op);
        if (!result->status)
                result->status = content_check(op);
        if (!result->status && room)
                result->status = write_forbidden(writer, room, op);
        if (!result->status)
                result->status = room ? writer_target_check(writer, room, op, &row, arena) : ERR_NO_ROOM;
        if (!result->status && database_good(&writer->database))
                alter(writer, room, op, &row, result, arena);
        else if (room && database_good(&writer->database))
                group_keep_refusal(writer, room, op, result->status);
}
