/* See alter.h. */
#include "driver/store/alter.h"

#include "base/assert.h"
#include "rules/role.h"

struct slice alter_principal(const struct store_op *op, uint8_t bytes[static ALTER_PRINCIPAL_SIZE])
{
        be64_put(bytes, op->user);
        memcpy(bytes + 8, op->write.room.bytes, sizeof(op->write.room.bytes));
        return slice_of(bytes, ALTER_PRINCIPAL_SIZE);
}

enum error alter_check(const struct store_op *op, const struct member *sender, const struct store_row *row,
                       const struct member *author)
{
        struct deed deed = {.kind = op->write.row_kind, .sender = sender ? (enum role)sender->role : ROLE_NONE};
        enum error error;

        if (!sender)
                return ERR_NO_ROOM;
        if (!row || row->seq < sender->joined_seq)
                return ERR_NO_ROW;
        if (!row_alters(op->write.row_kind)) /* to what is deleted meanwhile one may reply */
                return ERR_OK;
        if (row->kind != ROW_TEXT && row->kind != ROW_DELETED)
                return ERR_NOT_ALLOWED;
        deed.self = row->sender == op->user;
        deed.subject = author ? (enum role)author->role : ROLE_NONE;
        error = role_check(&deed);
        if (!error && row->kind == ROW_DELETED)
                error = op->write.row_kind == ROW_DELETED ? ERR_ALREADY : ERR_NO_ROW;
        return error;
}

void alter_row(const struct store_op *op, uint64_t number, uint64_t time_ms, struct store_row *row)
{
        check(row_alters(op->write.row_kind) && number > row->changed);
        row->changed = number;
        row->text = op->write.text;
        if (op->write.row_kind == ROW_EDITED) {
                row->edited_ms = time_ms;
                return;
        }
        row->kind = ROW_DELETED; /* a tombstone, without content */
        row->reply_to = row->edited_ms = 0;
}
