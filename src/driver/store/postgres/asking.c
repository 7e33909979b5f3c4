/* See asking.h. */
#include "driver/store/postgres/asking.h"

#include "base/assert.h"
#include "base/memory.h"
#include "driver/store/common.h"

#define ARENA_CHUNK 65536
#define ARENA_MAX   (16u << 20)

static const struct arena_source heap_source = {memory_new, memory_free};

static void on_result(void *owner, size_t statement, const PGresult *result);
static void on_end(void *owner, const struct trip_result *result);
static const struct connection_user user = {on_result, on_end};

void asking_init(struct asking *asking, const struct store_postgres_options *options, int epoll,
                 void (*on_done)(void *owner, struct asking *asking, enum outcome outcome), void *owner)
{
        asking->options = options;
        asking->on_done = on_done;
        asking->owner = owner;
        asking->lexicon = (struct lexicon){0};
        arena_init(&asking->arena, &heap_source, ARENA_CHUNK, ARENA_MAX);
        connection_init(&asking->connection, options, "reader", epoll, &user, asking);
}

void asking_finish(struct asking *asking)
{
        connection_finish(&asking->connection);
        arena_finish(&asking->arena);
        lexicon_finish(&asking->lexicon);
}

static void done(struct asking *asking, enum outcome outcome)
{
        asking->busy = false;
        asking->on_done(asking->owner, asking, outcome);
}

/* ---- asking ---- */

void asking_queue(struct asking *asking, size_t question, enum sql sql, struct parameters *parameters)
{
        asking->failed |= parameters && parameters->failed;
        if (asking->failed)
                return;
        check(asking->sent < countof(asking->list));
        asking->list[asking->sent].sql = sql;
        asking->list[asking->sent++].question = question;
        connection_queue(&asking->connection, sql, parameters);
}

static void ask_devices(struct asking *asking)
{
        struct parameters parameters = parameters_in(&asking->arena);
        struct column users, devices;
        size_t count = 0;

        for (size_t i = 0; i < asking->job.count; i++)
                count += question_needs_device(asking->job.questions[i].kind);
        if (count == 0)
                return;
        users = add_numbers(&parameters, count);
        devices = add_numbers(&parameters, count);
        for (size_t i = 0; i < asking->job.count; i++) {
                if (!question_needs_device(asking->job.questions[i].kind))
                        continue;
                array_number(&users, asking->job.questions[i].user);
                array_number(&devices, asking->job.questions[i].device);
        }
        asking_queue(asking, asking->job.count, SQL_DEVICES, &parameters);
}

static void ask_one(struct asking *asking, size_t place)
{
        const struct store_question *question = &asking->job.questions[place];

        asking->job.answers[place] = (struct store_answer){0};
        asking->live[place] = !question_needs_device(question->kind);
        switch (question->kind) {
        case STORE_ASK_JOIN:
        case STORE_ASK_ROOMS:
                ask_rooms(asking, place);
                break;
        case STORE_ASK_CHANGES:
                ask_changes(asking, place);
                break;
        case STORE_ASK_AROUND:
                ask_around(asking, place);
                break;
        case STORE_ASK_PINS:
                ask_pins(asking, place);
                break;
        case STORE_ASK_SEARCH:
                ask_search(asking, place);
                break;
        case STORE_ASK_FIND:
        case STORE_ASK_PROFILES:
        case STORE_ASK_DEVICES:
        case STORE_ASK_BLOCKS:
        case STORE_ASK_LOGIN:
        case STORE_ASK_USERS:
        case STORE_ASK_PASSWORD:
                ask_people(asking, place);
                break;
        case STORE_ASK_MEMBERS:
                ask_members(asking, place);
                break;
        case STORE_ASK_SHARED:
        case STORE_ASK_AMONG:
                ask_shared(asking, place);
                break;
        case STORE_ASK_RECEIPTS:
                ask_receipts(asking, place);
                break;
        case STORE_ASK_DEVICE: /* all that is asked is asked for everybody */
                break;
        case STORE_ASK_LEAVERS:
        case STORE_ASK_LEAVING:
                ask_leaving(asking, place);
                break;
        case STORE_ASK_CHECK:
                ask_check(asking, place);
                break;
        }
}

static bool has(const struct asking *asking, enum store_question_kind kind)
{
        for (size_t i = 0; i < asking->job.count; i++)
                if (asking->job.questions[i].kind == kind)
                        return true;
        return false;
}

void asking_start(struct asking *asking, const struct asking_job *job)
{
        check(asking_can_start(asking) && job->count > 0 && job->count <= STORE_QUESTIONS_MAX);
        asking->job = *job;
        asking->busy = true;
        asking->failed = false;
        asking->sent = 0;
        asking->now_ms = 0;
        arena_reset(&asking->arena);
        asking_queue(asking, job->count, asking->connection.pooled ? SQL_BEGIN_READ_PRIMARY : SQL_BEGIN_READ, NULL);
        if (has(asking, STORE_ASK_CHECK))
                asking_queue(asking, job->count, SQL_LIMIT_NONE, NULL);
        else if (asking->connection.pooled)
                asking_queue(asking, job->count, SQL_LIMIT_STATEMENT, NULL);
        asking_queue(asking, job->count, SQL_ERA, NULL);
        if (!asking->options->wall && has(asking, STORE_ASK_LOGIN))
                asking_queue(asking, job->count, SQL_NOW, NULL);
        ask_devices(asking);
        for (size_t i = 0; i < job->count && !asking->failed; i++)
                ask_one(asking, i);
        asking_queue(asking, job->count, SQL_COMMIT, NULL);
        if (!asking->failed) {
                connection_send(&asking->connection, job->due_us);
                return;
        }
        connection_abandon(&asking->connection, "out of memory");
        done(asking, OUTCOME_FAILED);
}

/* ---- answers ---- */

static void take_devices(struct asking *asking, const PGresult *result)
{
        for (int row = 0; row < PQntuples(result); row++) {
                uint64_t user_id = value_number(result, row, 0), device = value_number(result, row, 1);

                if (!value_is_null(result, row, 2))
                        continue;
                for (size_t i = 0; i < asking->job.count; i++) {
                        if (asking->job.questions[i].user != user_id || asking->job.questions[i].device != device)
                                continue;
                        asking->live[i] = true;
                        asking->job.answers[i].seen_ms = value_number(result, row, 4);
                }
        }
}

static void take_for_all(struct asking *asking, enum sql sql, const PGresult *result)
{
        if (sql == SQL_DEVICES)
                take_devices(asking, result);
        else if (sql == SQL_ERA)
                asking->era = PQntuples(result) == 1 ? value_id(result, 0, 0) : (struct id){0};
        else if (sql == SQL_NOW && PQntuples(result) == 1)
                asking->now_ms = value_number(result, 0, 0);
}

static void on_result(void *owner, size_t statement, const PGresult *result)
{
        struct asking *asking = owner;
        size_t place;
        enum sql sql;

        check(statement < asking->sent);
        place = asking->list[statement].question;
        sql = asking->list[statement].sql;
        if (place == asking->job.count)
                take_for_all(asking, sql, result);
        else if (!asking->live[place])
                return;
        else if (asking->job.questions[place].kind <= STORE_ASK_ROOMS)
                take_rooms(asking, place, sql, result);
        else if (asking->job.questions[place].kind <= STORE_ASK_PINS)
                take_rows(asking, place, sql, result);
        else if (asking->job.questions[place].kind == STORE_ASK_SEARCH)
                take_search(asking, place, sql, result);
        else if (asking->job.questions[place].kind == STORE_ASK_MEMBERS)
                take_members(asking, place, sql, result);
        else if (asking->job.questions[place].kind == STORE_ASK_SHARED ||
                 asking->job.questions[place].kind == STORE_ASK_AMONG)
                take_shared(asking, place, sql, result);
        else if (asking->job.questions[place].kind == STORE_ASK_LEAVERS ||
                 asking->job.questions[place].kind == STORE_ASK_LEAVING)
                take_leaving(asking, place, sql, result);
        else if (asking->job.questions[place].kind == STORE_ASK_RECEIPTS)
                take_receipts(asking, place, sql, result);
        else if (asking->job.questions[place].kind == STORE_ASK_CHECK)
                take_check(asking, place, sql, result);
        else
                take_people(asking, place, sql, result);
}

/* What could only be said when everything was read. */
static void finish(struct asking *asking)
{
        for (size_t i = 0; i < asking->job.count; i++) {
                struct store_answer *answer = &asking->job.answers[i];

                if (!asking->live[i])
                        *answer = (struct store_answer){.status = ERR_REVOKED};
                answer->era = asking->era;
                if (asking->job.questions[i].kind == STORE_ASK_LOGIN)
                        answer->login.wait_ms -= min_of(answer->login.wait_ms, asking->now_ms);
        }
}

static void on_end(void *owner, const struct trip_result *result)
{
        struct asking *asking = owner;
        bool good = result->end == TRIP_DONE && !asking->failed && !id_is_zero(&asking->era);

        if (result->end ==
            TRIP_REFUSED) /* its transaction is still there, and failed: a connection costs less than a trip more */
                connection_abandon(&asking->connection, "a question failed");
        if (asking->options->wall)
                asking->now_ms = asking->options->wall->wall_ms(asking->options->wall);
        if (good)
                finish(asking);
        else
                event_note(asking->options->events, EVENT_ERROR, "store.question_failed", NULL,
                           {"questions", NULL, asking->job.count}, {"sqlstate", result->sqlstate, 0});
        done(asking, good ? OUTCOME_OK : OUTCOME_FAILED);
}
