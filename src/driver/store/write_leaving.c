/*
 * Who is deleted leaves his groups (docs/decisions/0037-leaving.md): a list of those who have not left all of them yet, and their leaves,
 * which are LEFTs as any other but for the device that they have no more. Meanwhile the room that was his alone is emptied.
 *
 *      deleted → on the list → LEAVE of each group, LEAVING as far as they were told → off the list
 */
#include "base/assert.h"
#include "driver/store/search_index.h"
#include "driver/store/writer.h"
#include "rules/room.h"
#include "rules/row.h"

bool writer_is_gone(struct writer *writer, uint64_t user)
{
        sqlite3_stmt *statement = database_use(&writer->database, STATEMENT_USER_FIND);
        bool gone;

        bind_number(statement, 1, user);
        gone = !database_row(&writer->database, statement) || is_gone(column_bytes(statement, 0));
        database_end(statement);
        return gone;
}

void leaving_begin(struct writer *writer, uint64_t user, const struct id *request)
{
        sqlite3_stmt *statement = database_use(&writer->database, STATEMENT_LEAVING_NEW);

        check(!id_is_zero(request));
        bind_number(statement, 1, user);
        bind_id(statement, 2, request);
        bind_number(statement, 3, writer->now_ms);
        database_run(&writer->database, statement);
}

/* Also asked of a repeat: whose account is not deleted has no repeat either. */
void write_leave(struct writer *writer, const struct store_op *op, struct store_result *result, struct arena *arena)
{
        check(op->write.row_kind == ROW_LEFT && op->write.subject == op->user);
        if (writer_is_gone(writer, op->user))
                write_message(writer, op, result, arena);
        else
                result->status = ERR_NOT_ALLOWED;
}

/* The next portion of what he wrote to himself, settings and drafts among it: tombstones from here on, since a room's numbers have no holes. */
static void empty_own_room(struct writer *writer, uint64_t user)
{
        struct database *database = &writer->database;
        const struct store_row after = {.kind = ROW_DELETED};
        const struct id own = room_personal(user, user);
        sqlite3_stmt *statement = database_use(database, STATEMENT_NOTES);
        uint64_t room = 0, last = 0;

        bind_id(statement, 1, &own);
        bind_number(statement, 2, LEAVING_NOTES);
        while (database_row(database, statement)) {
                const struct store_row before = {.seq = column_number(statement, 1),
                                                 .kind = (uint8_t)column_number(statement, 2),
                                                 .text = column_bytes(statement, 3)};

                room = column_number(statement, 0);
                last = before.seq;
                if (!search_index_row(database, room, &before, &after))
                        break;
        }
        database_end(statement);
        if (last == 0 || !database_good(database))
                return;
        statement = database_use(database, STATEMENT_NOTES_EMPTY);
        bind_number(statement, 1, room);
        bind_number(statement, 2, last);
        database_run(database, statement);
}

void write_leaving(struct writer *writer, const struct store_op *op, struct store_result *result, struct arena *arena)
{
        sqlite3_stmt *statement;

        (void)arena;
        result->status = writer_admit(writer, op);
        if (result->status)
                return;
        statement = database_use(&writer->database, op->leaving.done ? STATEMENT_LEAVING_DROP : STATEMENT_LEAVING_TOUCH);
        bind_number(statement, 1, op->user);
        if (!op->leaving.done) {
                bind_id(statement, 2, &op->leaving.after);
                bind_number(statement, 3, writer->now_ms);
        }
        if (database_run(&writer->database, statement) && sqlite3_changes(writer->database.handle) == 1)
                empty_own_room(writer, op->user);
}
