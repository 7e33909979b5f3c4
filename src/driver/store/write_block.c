/*
 * Blocks: lines of who blocks whom. They are made and looked at under the lock of the two users' personal room (L2), so that a block and
 * a send have an order; here that is the one writer. What rooms in memory know of them is changed with the line.
 */
#include "base/assert.h"
#include "driver/store/accounts.h"
#include "rules/limits.h"
#include "rules/room.h"

bool block_between(struct database *database, uint64_t a, uint64_t b)
{
        return database_has_pair(database, STATEMENT_BLOCK_BETWEEN, a, b);
}

enum error write_forbidden(struct writer *writer, const struct room *room, const struct store_op *op)
{
        uint64_t lower, higher;
        struct id personal;
        bool blocked;

        if (!write_between(op, &personal))
                return ERR_OK;
        check(room_personal_users(&personal, &lower, &higher));
        blocked = room && room->kind == ROOM_PERSONAL ? room->blocked : block_between(&writer->database, lower, higher);
        return blocked ? ERR_NO_USER : ERR_OK;
}

static bool is_blocked(struct writer *writer, uint64_t user, uint64_t peer)
{
        sqlite3_stmt *statement = database_use(&writer->database, STATEMENT_BLOCK_FIND);
        bool found;

        bind_number(statement, 1, user);
        bind_number(statement, 2, peer);
        found = database_row(&writer->database, statement);
        database_end(statement);
        return found;
}

uint64_t count_blocks(struct database *database, uint64_t user)
{
        sqlite3_stmt *statement = database_use(database, STATEMENT_BLOCK_COUNT);
        uint64_t count = 0;

        bind_number(statement, 1, user);
        if (database_row(database, statement))
                count = column_number(statement, 0);
        database_end(statement);
        return count;
}

static enum error judge(struct writer *writer, const struct store_op *op, bool *already)
{
        if (!block_is_lawful(op))
                return ERR_BAD_FIELD;
        if (!writer_knows_user(writer, op->block.peer))
                return ERR_NO_USER;
        *already = is_blocked(writer, op->user, op->block.peer) == op->block.on;
        if (!*already && op->block.on && count_blocks(&writer->database, op->user) >= BLOCKS_MAX)
                return ERR_BLOCK_LIMIT;
        return ERR_OK;
}

static void change(struct writer *writer, const struct store_op *op)
{
        sqlite3_stmt *statement = database_use(&writer->database, op->block.on ? STATEMENT_BLOCK_NEW : STATEMENT_BLOCK_DROP);

        bind_number(statement, 1, op->user);
        bind_number(statement, 2, op->block.peer);
        if (op->block.on)
                bind_number(statement, 3, writer->now_ms);
        (void)database_run(&writer->database, statement);
}

/* What was answered is kept where other requests keep a user: the room's head. */
void write_block(struct writer *writer, const struct store_op *op, struct store_result *result, struct arena *arena)
{
        uint8_t bytes[8];
        struct slice principal = user_principal(op->user, bytes);
        bool already = false;
        struct room *room;
        struct id id;
        uint64_t device;

        (void)arena;
        if (request_find(writer, op, principal, &result->block.head, &device, result))
                return;
        result->status = writer_admit(writer, op);
        if (!result->status)
                result->status = judge(writer, op, &already);
        if (result->status || !database_good(&writer->database))
                return;
        id = room_personal(op->user, op->block.peer);
        room = room_cache_find(&writer->rooms, &writer->database, &id);
        if (!already)
                change(writer, op);
        if (room) {
                room->blocked = op->block.on || block_between(&writer->database, op->user, op->block.peer);
                result->block.head = room->head;
        }
        request_note(writer, op, principal, result->block.head, op->device);
}
