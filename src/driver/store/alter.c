/* See alter.h. */
#include "driver/store/alter.h"

#include "base/assert.h"
#include "rules/limits.h"
#include "rules/reaction.h"
#include "rules/role.h"
#include "rules/room.h"
#include "rules/setting.h"

struct slice alter_principal(const struct store_op *op, uint8_t bytes[static ALTER_PRINCIPAL_SIZE])
{
        be64_put(bytes, op->user);
        memcpy(bytes + 8, op->write.room.bytes, sizeof(op->write.room.bytes));
        return slice_of(bytes, ALTER_PRINCIPAL_SIZE);
}

/* A setting stays one of the same key. */
static bool same_key(struct slice text, const struct store_row *row)
{
        struct slice key, has, value;

        return row->kind == ROW_SETTING && setting_read(text, &key, &value) && setting_read(row->text, &has, &value) &&
               slice_equal(key, has);
}

enum error alter_check(const struct store_op *op, const struct member *sender, const struct store_row *row,
                       const struct member *author, uint64_t pins)
{
        struct deed deed = {.kind = op->write.row_kind, .sender = sender ? (enum role)sender->role : ROLE_NONE};
        uint8_t bytes[REACTIONS_SIZE_MAX];
        struct slice reactions;
        enum error error;

        if (!sender)
                return ERR_NO_ROOM;
        if (!row || row->seq < sender->joined_seq)
                return ERR_NO_ROW;
        if (!row_alters(op->write.row_kind, op->write.target)) /* to what is deleted meanwhile one may reply */
                return row->kind == ROW_SETTING ? ERR_NO_ROW : ERR_OK;
        if (op->write.row_kind == ROW_SETTING)
                return same_key(op->write.text, row) ? ERR_OK : ERR_NOT_ALLOWED;
        if (row->kind != ROW_TEXT && row->kind != ROW_DELETED)
                return ERR_NOT_ALLOWED;
        deed.self = row->sender == op->user;
        deed.in_group = room_kind_of(&op->write.room) == ROOM_GROUP;
        deed.subject = author ? (enum role)author->role : ROLE_NONE;
        error = role_check(&deed);
        if (!error && op->write.row_kind == ROW_EDITED && row->origin.size > 0) /* another's words */
                error = ERR_NOT_ALLOWED;
        if (!error && row->kind == ROW_DELETED)
                error = op->write.row_kind == ROW_DELETED ? ERR_ALREADY : ERR_NO_ROW;
        if (!error && op->write.row_kind == ROW_REACTED)
                error = reactions_put(row->reactions, op->user, op->write.text, bytes, &reactions);
        if (!error && op->write.row_kind == ROW_PINNED && !op->write.off && !row->pinned && pins >= PINS_MAX)
                error = ERR_ROOM_FULL;
        return error;
}

bool alter_row(const struct store_op *op, uint64_t number, uint64_t time_ms, struct store_row *row, struct arena *arena)
{
        uint8_t bytes[REACTIONS_SIZE_MAX];
        struct slice reactions;

        check(row_alters(op->write.row_kind, op->write.target) && number > row->changed);
        row->changed = number;
        if (op->write.row_kind == ROW_REACTED)
                return reactions_put(row->reactions, op->user, op->write.text, bytes, &reactions) == ERR_OK &&
                       arena_copy(arena, reactions, &row->reactions);
        if (op->write.row_kind == ROW_SETTING)
                return arena_copy(arena, op->write.text, &row->text);
        if (op->write.row_kind == ROW_PINNED) {
                row->pinned = op->write.off ? 0 : number;
                return true;
        }
        if (op->write.row_kind == ROW_EDITED) {
                row->edited_ms = time_ms;
                return arena_copy(arena, op->write.text, &row->text);
        }
        row->kind = ROW_DELETED; /* a tombstone, without content */
        row->reply_to = row->edited_ms = row->pinned = 0;
        row->text = row->reactions = row->origin = (struct slice){0};
        return true;
}
