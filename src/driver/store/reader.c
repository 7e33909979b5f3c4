/* One question: snapshot, device check, dispatch. */
#include "driver/store/reader.h"

#include "base/assert.h"

static bool device_live(struct database *database, uint64_t user, uint64_t device, uint64_t *seen_ms)
{
        sqlite3_stmt *statement = database_use(database, STATEMENT_DEVICE_FIND);
        bool live;

        bind_number(statement, 1, user);
        bind_number(statement, 2, device);
        live = database_row(database, statement) && sqlite3_column_type(statement, 0) == SQLITE_NULL;
        if (live)
                *seen_ms = column_number(statement, 2);
        database_end(statement);
        return live;
}

static void dispatch(struct database *database, const struct store_question *question, const struct id *era, uint64_t now_ms,
                     struct store_answer *answer, struct arena *arena)
{
        switch (question->kind) {
        case STORE_ASK_JOIN:
        case STORE_ASK_ROOMS:
                read_rooms_question(database, question, era, answer, arena);
                break;
        case STORE_ASK_CHANGES:
                read_changes_question(database, question, answer, arena);
                break;
        case STORE_ASK_AROUND:
                read_around_question(database, question, answer, arena);
                break;
        case STORE_ASK_PINS:
                read_pins_question(database, question, answer, arena);
                break;
        case STORE_ASK_SEARCH:
                read_search_question(database, question, answer, arena);
                break;
        case STORE_ASK_FIND:
                read_find_question(database, question, answer, arena);
                break;
        case STORE_ASK_BLOCKS:
                read_blocks_question(database, question, answer, arena);
                break;
        case STORE_ASK_PROFILES:
                read_profiles_question(database, question, answer, arena);
                break;
        case STORE_ASK_DEVICES:
                read_devices_question(database, question, answer, arena);
                break;
        case STORE_ASK_MEMBERS:
                read_members_question(database, question, answer, arena);
                break;
        case STORE_ASK_SHARED:
                read_shared_question(database, question, answer, arena);
                break;
        case STORE_ASK_AMONG:
                read_among_question(database, question, answer, arena);
                break;
        case STORE_ASK_RECEIPTS:
                read_receipts_question(database, question, answer, arena);
                break;
        case STORE_ASK_DEVICE: /* checked already */
                break;
        case STORE_ASK_LOGIN:
                read_login_question(database, question, now_ms, answer, arena);
                break;
        case STORE_ASK_PASSWORD:
                read_password_question(database, question, answer, arena);
                break;
        case STORE_ASK_USERS:
                read_users_question(database, question, answer, arena);
                break;
        case STORE_ASK_LEAVERS:
                read_leavers_question(database, question, answer, arena);
                break;
        case STORE_ASK_LEAVING:
                read_leaving_question(database, question, answer);
                break;
        case STORE_ASK_CHECK:
                read_check_question(database, answer, arena);
                break;
        }
}

static void roll_back(struct database *database)
{
        if (!sqlite3_get_autocommit(database->handle))
                sqlite3_exec(database->handle, "ROLLBACK", NULL, NULL, NULL);
}

bool reader_ask(struct database *database, const struct store_question *question, const struct id *era, uint64_t now_ms,
                struct store_answer *answer, struct arena *arena)
{
        bool open = question_needs_device(question->kind);
        bool alone = question->kind == STORE_ASK_DEVICE; /* one statement is a snapshot by itself */
        bool good;

        *answer = (struct store_answer){.era = *era};
        roll_back(database); /* that of the question before may have failed */
        if (!alone && !database_run(database, database_use(database, STATEMENT_BEGIN_READ))) {
                database->code = SQLITE_OK;
                return false;
        }
        if (open && !device_live(database, question->user, question->device, &answer->seen_ms))
                answer->status = ERR_REVOKED;
        else
                dispatch(database, question, era, now_ms, answer, arena);
        good = database_good(database);
        database->code = SQLITE_OK;
        roll_back(database); /* it only read */
        return good;
}
