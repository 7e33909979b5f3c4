/* Transactions of the one writer. */
#include "driver/store/writer.h"

#include "base/assert.h"

typedef void write_function(struct writer *writer, const struct store_op *op, struct store_result *result,
                            struct arena *arena);

static write_function *const functions[] = {
        [STORE_WRITE] = write_message,
        [STORE_MARK] = write_mark,
        [STORE_SIGN_UP] = write_sign_up,
        [STORE_CONFIRM] = write_confirm,
        [STORE_SIGN_IN] = write_sign_in,
        [STORE_GUESS] = write_guess,
        [STORE_RENEW] = write_renew,
        [STORE_SIGN_OUT] = write_sign_out,
        [STORE_RESET] = write_reset,
        [STORE_RESET_CONFIRM] = write_reset_confirm,
        [STORE_PASSWORD] = write_password,
        [STORE_PROFILE] = write_profile,
        [STORE_EMAIL] = write_email,
        [STORE_EMAIL_CONFIRM] = write_email_confirm,
        [STORE_DELETE] = write_delete,
        [STORE_SEEN] = write_seen,
        [STORE_INVITE] = write_invite,
        [STORE_IMPORT] = write_import,
        [STORE_ACCESS] = write_access,
        [STORE_BLOCK] = write_block,
        [STORE_LAST_SEEN] = write_last_seen,
        [STORE_LEAVE] = write_leave,
        [STORE_LEAVING] = write_leaving,
        [STORE_RECEIPTS] = write_receipts,
        [STORE_RECEIPTS_DONE] = write_receipts_done,
};

void writer_forget(struct writer *writer)
{
        room_cache_drop(&writer->rooms);
        memset(writer->devices, 0, sizeof(writer->devices));
}

void writer_finish(struct writer *writer)
{
        room_cache_finish(&writer->rooms);
        database_close(&writer->database);
}

bool writer_device_live(struct writer *writer, uint64_t user, uint64_t device)
{
        uint32_t place = hash_u64(user ^ device) % DEVICES_CACHED;
        sqlite3_stmt *statement;
        bool live;

        if (writer->devices[place].user == user && writer->devices[place].device == device && user != 0)
                return true;
        statement = database_use(&writer->database, STATEMENT_DEVICE_FIND);
        bind_number(statement, 1, user);
        bind_number(statement, 2, device);
        live = database_row(&writer->database, statement) && sqlite3_column_type(statement, 0) == SQLITE_NULL;
        database_end(statement);
        if (live) {
                writer->devices[place].user = user;
                writer->devices[place].device = device;
        }
        return live;
}

enum error writer_admit(struct writer *writer, const struct store_op *op)
{
        if (op_needs_device(op) && !writer_device_live(writer, op->user, op->device))
                return ERR_REVOKED;
        if (!op->not_after_ms)
                return ERR_OK;
        /* L8: by the store's clock, under the lock, at every try. A clock that steps back within a transaction must not refuse an
         * operation as late and then take its follower. */
        writer->now_ms = max_of(writer->now_ms, writer->clock->wall_ms(writer->clock));
        if (writer->now_ms > op->not_after_ms)
                return ERR_LATE;
        return ERR_OK;
}

/* Is the database itself in trouble, or only this operation? */
static bool is_culprit(int code)
{
        switch (code & 0xff) {
        case SQLITE_CONSTRAINT:
        case SQLITE_TOOBIG:
        case SQLITE_MISMATCH:
        case SQLITE_RANGE:
                return true;
        default:
                return false;
        }
}

static void roll_back(struct writer *writer)
{
        if (!sqlite3_get_autocommit(writer->database.handle))
                sqlite3_exec(writer->database.handle, "ROLLBACK", NULL, NULL, NULL);
        writer->database.code = SQLITE_OK;
        writer_forget(writer);
}

static void note_failure(struct writer *writer, const char *name, const struct id *request, int code)
{
        event_note(writer->events, EVENT_ERROR, name, request, {"sqlite", sqlite3_errstr(code), 0},
                   {"code", NULL, (uint64_t)code});
}

/* A rollback may have failed, and a BEGIN that failed may have begun: nothing of the one before may go on in the next. */
static bool begin(struct writer *writer)
{
        int code;

        if (!sqlite3_get_autocommit(writer->database.handle))
                roll_back(writer);
        code = sqlite3_exec(writer->database.handle, "BEGIN IMMEDIATE", NULL, NULL, NULL);
        if (code == SQLITE_OK)
                return true;
        note_failure(writer, "store.failed", NULL, code);
        roll_back(writer);
        return false;
}

enum try_verdict { TRY_DONE, TRY_AGAIN, TRY_FAILED };

/* Applies one job's operations. A culprit is marked by its status so that the next try leaves it out. */
static enum try_verdict apply_job(struct writer *writer, struct write_job *job, bool *refused)
{
        for (size_t i = 0; i < job->count; i++) {
                const struct store_op *op = &job->ops[i];
                struct store_result *result = &job->results[i];
                int code;

                if (refused[i])
                        continue;
                *result = (struct store_result){0};
                check(op->kind < countof(functions));
                functions[op->kind](writer, op, result, job->arena);
                code = writer->database.code;
                if (code == SQLITE_OK)
                        continue;
                note_failure(writer, is_culprit(code) ? "store.operation_refused" : "store.failed", &op->request, code);
                if (!is_culprit(code))
                        return TRY_FAILED;
                *result = (struct store_result){.status = ERR_BAD_FIELD};
                refused[i] = true;
                return TRY_AGAIN;
        }
        return TRY_DONE;
}

static enum outcome commit(struct writer *writer)
{
        int code = sqlite3_exec(writer->database.handle, "COMMIT", NULL, NULL, NULL);

        if (code == SQLITE_OK)
                return OUTCOME_OK;
        /* Its frames may have reached the disk whole or not: nobody knows until the next recovery. */
        note_failure(writer, "store.commit_uncertain", NULL, code);
        roll_back(writer);
        return OUTCOME_UNCERTAIN;
}

/* What became of each operation, once it is on disk. */
static void trace(const struct writer *writer, const struct write_job *job)
{
        for (size_t i = 0; i < job->count && event_wanted(writer->events, EVENT_DEBUG); i++)
                event_note(writer->events, EVENT_DEBUG, "store.committed", &job->ops[i].request,
                           {"status", error_name(job->results[i].status)}, {"repeat", NULL, job->results[i].repeat});
}

static enum outcome commit_and_trace(struct writer *writer, const struct write_job *jobs, size_t count)
{
        enum outcome outcome = commit(writer);

        for (size_t i = 0; i < count && outcome == OUTCOME_OK; i++)
                trace(writer, &jobs[i]);
        return outcome;
}

#define REFUSED_MAX 4096 /* operations of one transaction */

enum outcome writer_apply(struct writer *writer, struct write_job *jobs, size_t count)
{
        bool refused[REFUSED_MAX] = {0};
        size_t operations = 0;

        for (size_t i = 0; i < count; i++)
                operations += jobs[i].count;
        check(operations <= REFUSED_MAX);
        /* Every further try leaves out one operation more. */
        for (size_t tries = 0; tries <= operations; tries++) {
                enum try_verdict verdict = TRY_DONE;
                size_t first = 0;

                if (!begin(writer))
                        return OUTCOME_FAILED;
                writer->now_ms = writer->clock->wall_ms(writer->clock); /* under the lock: waiting for it may take long */
                for (size_t i = 0; i < count && verdict == TRY_DONE; i++) {
                        verdict = apply_job(writer, &jobs[i], refused + first);
                        first += jobs[i].count;
                }
                if (verdict == TRY_DONE)
                        return commit_and_trace(writer, jobs, count);
                roll_back(writer);
                if (verdict == TRY_FAILED)
                        return OUTCOME_FAILED;
        }
        unreachable();
}
