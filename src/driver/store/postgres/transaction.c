/* See transaction.h. */
#include "driver/store/postgres/transaction.h"

#include "base/assert.h"
#include "base/memory.h"

#define ARENA_CHUNK 262144
#define ARENA_MAX   (128u << 20)
#define RELOADS_MAX 8
#define PAUSE_US    500 /* before a conflict is tried again: a random part of this, doubled with each try */
#define PAUSE_STEPS 5

static const struct arena_source heap_source = {memory_new, memory_free};

static void on_result(void *owner, size_t statement, const PGresult *result);
static void on_end(void *owner, const struct trip_result *result);
static const struct connection_user user = {on_result, on_end};

void transaction_init(struct transaction *transaction, const struct store_postgres_options *options, int epoll,
                      void (*on_done)(void *owner, enum outcome outcome), void *owner)
{
        transaction->options = options;
        transaction->on_done = on_done;
        transaction->owner = owner;
        transaction->stage = TRANSACTION_IDLE;
        transaction->lexicon = (struct lexicon){0};
        arena_init(&transaction->arena, &heap_source, ARENA_CHUNK, ARENA_MAX);
        connection_init(&transaction->connection, options, "writer", epoll, &user, transaction);
}

void transaction_finish(struct transaction *transaction)
{
        connection_finish(&transaction->connection);
        arena_finish(&transaction->arena);
        lexicon_finish(&transaction->lexicon);
}

/* ---- how it ends ---- */

static void done(struct transaction *transaction, enum outcome outcome)
{
        transaction->stage = TRANSACTION_IDLE;
        /* Some of it is done for good: only repeating tells what. */
        if (outcome == OUTCOME_FAILED && transaction->partly)
                outcome = OUTCOME_UNCERTAIN;
        transaction->on_done(transaction->owner, outcome);
}

static void out_of_memory(struct transaction *transaction)
{
        event_note(transaction->options->events, EVENT_ERROR, "store.no_memory", NULL,
                   {"operations", NULL, transaction->job.count});
        connection_abandon(&transaction->connection, "out of memory"); /* it is in the middle of something */
        done(transaction, OUTCOME_FAILED);
}

static void note_operation(struct transaction *transaction, const char *name, size_t place, const char *sqlstate)
{
        event_note(transaction->options->events, EVENT_ERROR, name, &transaction->job.ops[place].request,
                   {"sqlstate", sqlstate, 0});
}

static void trace(const struct transaction *transaction)
{
        for (size_t i = transaction->first; i < transaction->end && event_wanted(transaction->options->events, EVENT_DEBUG);
             i++)
                event_note(transaction->options->events, EVENT_DEBUG, "store.committed", &transaction->job.ops[i].request,
                           {"status", error_name(transaction->job.results[i].status)},
                           {"repeat", NULL, transaction->job.results[i].repeat});
}

/* ---- trips ---- */

static void send(struct transaction *transaction, enum transaction_stage stage)
{
        transaction->stage = stage;
        connection_send(&transaction->connection, transaction->job.due_us);
}

static void begin(struct transaction *transaction)
{
        struct connection *connection = &transaction->connection;

        world_queue(connection, &transaction->sent, transaction->options->serializable ? SQL_BEGIN_SERIALIZABLE : SQL_BEGIN,
                    NULL);
        if (!connection->pooled)
                return;
        world_queue(connection, &transaction->sent, SQL_LIMIT_STATEMENT, NULL);
        world_queue(connection, &transaction->sent, SQL_LIMIT_IDLE, NULL);
}

static void load(struct transaction *transaction, bool first)
{
        struct world *world = &transaction->world;

        world->arena = &transaction->arena;
        world->lexicon = &transaction->lexicon;
        world->results = transaction->job.arena;
        world->ops = transaction->job.ops + transaction->first;
        world->results_at = transaction->job.results + transaction->first;
        world->count = transaction->end - transaction->first;
        world->upto = transaction->upto + transaction->first;
        world_begin(world);
        for (size_t i = 0; i < world->count && !world->failed; i++)
                world_want(world, &world->ops[i], i);
        transaction->sent.count = 0;
        if (first)
                begin(transaction);
        if (world->failed || !load_queue(world, &transaction->connection, &transaction->sent)) {
                out_of_memory(transaction);
                return;
        }
        if (!transaction->options->wall)
                world_queue(&transaction->connection, &transaction->sent, SQL_NOW, NULL);
        if (transaction->sent.count > 0)
                send(transaction, TRANSACTION_LOADING);
}

static void try_range(struct transaction *transaction)
{
        transaction->world.all_members = false;
        load(transaction, true);
}

static void save(struct transaction *transaction)
{
        transaction->sent.count = 0;
        transaction->committed = false;
        if (!save_queue(&transaction->world, &transaction->connection, &transaction->sent)) {
                out_of_memory(transaction);
                return;
        }
        world_queue(&transaction->connection, &transaction->sent, SQL_COMMIT, NULL);
        send(transaction, TRANSACTION_SAVING);
}

static void undo(struct transaction *transaction, enum transaction_verdict verdict)
{
        transaction->verdict = verdict;
        transaction->sent.count = 0;
        world_queue(&transaction->connection, &transaction->sent, SQL_ROLLBACK, NULL);
        send(transaction, TRANSACTION_UNDOING);
}

/* ---- ranges ---- */

static void next_range(struct transaction *transaction)
{
        transaction->first = transaction->end;
        transaction->end = transaction->job.count;
        transaction->tries = transaction->reloads = 0;
        transaction->world.insert_rooms = false;
        if (transaction->first < transaction->end)
                try_range(transaction);
        else
                done(transaction, OUTCOME_OK);
}

static bool halve(struct transaction *transaction)
{
        if (transaction->end - transaction->first == 1)
                return false;
        transaction->end = transaction->first + (transaction->end - transaction->first) / 2;
        transaction->tries = 0;
        transaction->halvings++;
        return true;
}

/* The one operation that the database will not have. The rest is done without it. */
static void refuse(struct transaction *transaction)
{
        note_operation(transaction, "store.operation_refused", transaction->first, "");
        transaction->job.results[transaction->first] = (struct store_result){.status = ERR_BAD_FIELD};
        next_range(transaction);
}

static void pause_and_retry(struct transaction *transaction)
{
        struct clock *clock = transaction->options->clock;
        uint64_t part =
                random_u64(transaction->options->random) % ((uint64_t)PAUSE_US << min_of(transaction->tries, PAUSE_STEPS));

        transaction->reloads = 0;
        transaction->resume_us = clock->monotonic_us(clock) + part;
        transaction->stage = TRANSACTION_PAUSING;
}

static unsigned tries_max(const struct transaction *transaction)
{
        return transaction->end - transaction->first > 1 ? CONFLICTS_MAX : CONFLICTS_MAX_ALONE;
}

static void after_undo(struct transaction *transaction)
{
        switch (transaction->verdict) {
        case VERDICT_RELOAD:
                try_range(transaction);
                break;
        case VERDICT_CONFLICT:
                transaction->conflicts++;
                if (++transaction->tries < tries_max(transaction) || halve(transaction))
                        pause_and_retry(transaction);
                else
                        done(transaction, OUTCOME_FAILED);
                break;
        case VERDICT_CULPRIT:
                if (halve(transaction))
                        try_range(transaction);
                else
                        refuse(transaction);
                break;
        case VERDICT_FAILED:
                done(transaction, OUTCOME_FAILED);
                break;
        }
}

void transaction_work(struct transaction *transaction, uint64_t now_us)
{
        if (transaction->stage != TRANSACTION_PAUSING)
                return;
        if (now_us >= transaction->job.due_us || transaction->connection.state == CONNECTION_DOWN)
                done(transaction, OUTCOME_FAILED);
        else if (now_us >= transaction->resume_us && connection_ready(&transaction->connection))
                try_range(transaction);
}

void transaction_start(struct transaction *transaction, const struct transaction_job *job)
{
        check(transaction_can_start(transaction) && job->count > 0 && job->count <= STORE_OPS_MAX);
        transaction->job = *job;
        transaction->first = transaction->end = 0;
        transaction->partly = false;
        memset(transaction->upto, 0, sizeof(transaction->upto[0]) * job->count);
        next_range(transaction);
}

/* ---- answers ---- */

static void on_result(void *owner, size_t statement, const PGresult *result)
{
        struct transaction *transaction = owner;

        check(statement < transaction->sent.count);
        if (transaction->stage == TRANSACTION_LOADING)
                world_take(&transaction->world, transaction->sent.list[statement], result);
        else if (transaction->sent.list[statement] == SQL_COMMIT)
                transaction->committed = strcmp(PQcmdStatus((PGresult *)result), "COMMIT") == 0;
}

/* Is it a conflict with others, an operation that cannot be stored, or the database in trouble? */
static enum transaction_verdict judge(const struct transaction *transaction, const char *sqlstate)
{
        static const char *const conflicts[] = {"40001", "40P01", "55P03"};

        for (size_t i = 0; i < countof(conflicts); i++)
                if (strcmp(sqlstate, conflicts[i]) == 0)
                        return VERDICT_CONFLICT;
        /* Another transaction made the same line at the same time: seen at the next try. If it is still in the way, it is not that. */
        if (strcmp(sqlstate, "23505") == 0 && transaction->tries + 1 < CONFLICTS_MAX)
                return VERDICT_CONFLICT;
        if (strncmp(sqlstate, "22", 2) == 0 || strncmp(sqlstate, "23", 2) == 0 || strncmp(sqlstate, "54", 2) == 0)
                return VERDICT_CULPRIT;
        return VERDICT_FAILED;
}

static void loaded(struct transaction *transaction)
{
        struct world *world = &transaction->world;

        if (transaction->options->wall)
                world->now_ms = transaction->options->wall->wall_ms(transaction->options->wall);
        if (!world->failed)
                plan_operations(world);
        if (world->failed) {
                out_of_memory(transaction);
                return;
        }
        if (!world->wants_rooms && !world->wants_members && !world->wants_counts) {
                save(transaction);
                return;
        }
        if (++transaction->reloads > RELOADS_MAX) {
                undo(transaction, VERDICT_CONFLICT);
                return;
        }
        if (world->wants_rooms) { /* their locks come before those that are held */
                world->insert_rooms = true;
                undo(transaction, VERDICT_RELOAD);
                return;
        }
        world->all_members |= world->wants_members;
        load(transaction, false);
}

static void saved(struct transaction *transaction, bool warned)
{
        if (!transaction->committed || warned) {
                event_note(transaction->options->events, EVENT_WARNING, "store.commit_uncertain", NULL,
                           {"operations", NULL, transaction->end - transaction->first}, {"warned", NULL, warned});
                done(transaction, warned ? OUTCOME_UNCERTAIN : OUTCOME_FAILED);
                return;
        }
        trace(transaction);
        transaction->partly = true;
        next_range(transaction);
}

/* Lost, or the database itself does not know: was COMMIT on its way? An error before it means that it was not executed. */
static void lost(struct transaction *transaction, const struct trip_result *result)
{
        bool before_commit = result->sqlstate[0] && result->statement + 1 < transaction->sent.count;
        bool uncertain = transaction->stage == TRANSACTION_SAVING && !before_commit;

        if (uncertain)
                event_note(transaction->options->events, EVENT_WARNING, "store.commit_uncertain", NULL,
                           {"operations", NULL, transaction->end - transaction->first}, {"sqlstate", result->sqlstate, 0});
        done(transaction, uncertain ? OUTCOME_UNCERTAIN : OUTCOME_FAILED);
}

static void on_end(void *owner, const struct trip_result *result)
{
        struct transaction *transaction = owner;

        if (result->end == TRIP_LOST || strcmp(result->sqlstate, "40003") == 0) {
                lost(transaction, result);
                return;
        }
        if (transaction->stage == TRANSACTION_UNDOING) {
                after_undo(transaction);
                return;
        }
        if (result->end == TRIP_REFUSED)
                undo(transaction, judge(transaction, result->sqlstate));
        else if (transaction->stage == TRANSACTION_LOADING)
                loaded(transaction);
        else
                saved(transaction, result->warned);
}
