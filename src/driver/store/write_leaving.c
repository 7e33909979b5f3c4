/*
 * Who is deleted leaves his groups (docs/decisions/0037-leaving.md): a list of those who have not left all of them yet, and their leaves,
 * which are LEFTs as any other but for the device that they have no more.
 *
 *      deleted → on the list → LEAVE of each group, LEAVING as far as they were told → off the list
 */
#include "base/assert.h"
#include "driver/store/writer.h"
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
        database_run(&writer->database, statement);
}
