/* Who is deleted and has not left all his groups yet, and which is the next. */
#include "base/assert.h"
#include "driver/store/reader.h"
#include "rules/room.h"

void read_leavers_question(struct database *database, const struct store_question *question, struct store_answer *answer,
                           struct arena *arena)
{
        size_t max = question->leaving.max, count = 0;
        struct store_leaver *leavers = arena_array(arena, struct store_leaver, max + 1);
        sqlite3_stmt *statement = database_use(database, STATEMENT_ASK_LEAVERS);

        if (!leavers) {
                database->code = SQLITE_NOMEM;
                return;
        }
        bind_number(statement, 1, question->leaving.user);
        bind_number(statement, 2, max + 1);
        for (; count <= max && database_row(database, statement); count++)
                leavers[count] = (struct store_leaver){.user = column_number(statement, 0),
                                                       .after = column_id(statement, 1),
                                                       .touched_ms = column_number(statement, 2)};
        database_end(statement);
        answer->leavers.more = count > max;
        answer->leavers.count = min_of(count, max);
        answer->leavers.leavers = leavers;
}

/* One that he left long ago, too: whether he left it by this, and others were not told of it yet, only a repeat tells. */
static void find_group(struct database *database, const struct store_question *question, struct store_answer *answer)
{
        sqlite3_stmt *statement = database_use(database, STATEMENT_ASK_LEAVING_ROOMS);
        size_t looked_at = 0;

        bind_number(statement, 1, question->leaving.user);
        bind_id(statement, 2, &question->leaving.after);
        bind_number(statement, 3, LEAVING_LOOKED_AT);
        while (id_is_zero(&answer->leaving.group) && database_row(database, statement)) {
                answer->leaving.through = column_id(statement, 0);
                looked_at++;
                if (room_kind_of(&answer->leaving.through) == ROOM_GROUP)
                        answer->leaving.group = answer->leaving.through;
        }
        database_end(statement);
        answer->leaving.more = looked_at == LEAVING_LOOKED_AT || !id_is_zero(&answer->leaving.group);
}

/* More than the next portion takes? */
static bool has_notes(struct database *database, uint64_t user)
{
        const struct id own = room_personal(user, user);
        sqlite3_stmt *statement = database_use(database, STATEMENT_ASK_NOTES);
        bool found;

        bind_id(statement, 1, &own);
        bind_number(statement, 2, LEAVING_NOTES);
        found = database_row(database, statement);
        database_end(statement);
        return found;
}

void read_leaving_question(struct database *database, const struct store_question *question, struct store_answer *answer)
{
        sqlite3_stmt *statement = database_use(database, STATEMENT_ASK_LEAVING);

        bind_number(statement, 1, question->leaving.user);
        answer->leaving.found = database_row(database, statement);
        if (answer->leaving.found)
                answer->leaving.request = column_id(statement, 0);
        database_end(statement);
        answer->leaving.through = question->leaving.after;
        if (!answer->leaving.found)
                return;
        find_group(database, question, answer);
        answer->leaving.more |= has_notes(database, question->leaving.user);
}
