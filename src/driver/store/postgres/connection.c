/* See connection.h. */
#include "driver/store/postgres/connection.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/assert.h"

#define TEXT_SIZE 300

/* Settings of every session that is ours alone. A plan for any values is right for all our statements, and is made once: maybe while
 * a table was empty, and the database would look for another only when it next gathers statistics. So it is told not to choose by
 * size: everything goes by an index, one line after the other. */
static const char *const settings[] = {
        "SET statement_timeout = 3000",
        "SET idle_in_transaction_session_timeout = 3000",
        /* What this server has of it. */
        "SELECT set_config(s.name, w.value, false) FROM (VALUES ('plan_cache_mode', 'force_generic_plan'),"
        " ('enable_seqscan', 'off'), ('enable_hashjoin', 'off'), ('enable_mergejoin', 'off'), ('enable_bitmapscan', 'off'),"
        " ('enable_memoize', 'off'), ('enable_material', 'off'), ('enable_incremental_sort', 'off'), ('jit', 'off'))"
        " AS w(name, value) JOIN pg_settings s ON s.name = w.name",
};

const char *connection_setting(size_t place)
{
        return place < countof(settings) ? settings[place] : NULL;
}

_Static_assert(SESSION_STATEMENT_MS == 3000 && SESSION_IDLE_MS == 3000, "see settings");

void connection_init(struct connection *connection, const struct store_postgres_options *options, const char *role,
                     int epoll, const struct connection_user *user, void *owner)
{
        *connection = (struct connection){.options = options,
                                          .role = role,
                                          .epoll = epoll,
                                          .user = user,
                                          .owner = owner,
                                          .watched = -1,
                                          .due_us = 1, /* at once */
                                          .pause_ms = PAUSE_MS_MIN};
}

static uint64_t now_us(const struct connection *connection)
{
        return connection->options->clock->monotonic_us(connection->options->clock);
}

void connection_reason(const PGconn *pg, char *text, size_t size)
{
        const char *message = PQerrorMessage(pg), *from = strstr(message, "FATAL:  "), *end;

        if (!from)
                from = strstr(message, "ERROR:  ");
        message = from ? from + strlen("FATAL:  ") : message;
        end = strchr(message, '\n');
        snprintf(text, size, "%.*s", (int)(end ? end - message : (long)strlen(message)), message);
}

/* ---- descriptor ---- */

static void watch(struct connection *connection, bool wants_out)
{
        struct epoll_event event = {.events = EPOLLIN | (wants_out ? EPOLLOUT : 0), .data.ptr = connection};
        int fd = PQsocket(connection->pg);

        /* While it connects, libpq may have closed one and opened another with the same number. */
        if (connection->state != CONNECTION_CONNECTING && fd == connection->watched && wants_out == connection->wants_out)
                return;
        if (fd >= 0 && epoll_ctl(connection->epoll, EPOLL_CTL_MOD, fd, &event) != 0 && errno == ENOENT &&
            epoll_ctl(connection->epoll, EPOLL_CTL_ADD, fd, &event) != 0)
                event_note(connection->options->events, EVENT_ERROR, "store.descriptor", NULL,
                           {"system", strerror(errno), 0});
        connection->watched = fd;
        connection->wants_out = wants_out;
}

/* ---- the end of a connection ---- */

static void drop(struct connection *connection)
{
        if (connection->pg)
                PQfinish(connection->pg); /* its descriptor leaves epoll with it */
        connection->pg = NULL;
        connection->watched = -1;
        connection->wants_out = false;
}

/* Half to one and a half of the pause, so that many who lost one server do not come back at once. */
static uint64_t jitter(struct connection *connection, uint64_t ms)
{
        return ms / 2 + random_u64(connection->options->random) % (ms + 1);
}

static void lose(struct connection *connection, const char *why)
{
        bool busy = connection->state == CONNECTION_BUSY;
        char reason[TEXT_SIZE];

        snprintf(reason, sizeof(reason), "%s", why);
        if (connection->pg && PQerrorMessage(connection->pg)[0])
                connection_reason(connection->pg, reason, sizeof(reason));
        if (!connection->noted)
                event_note(connection->options->events, EVENT_WARNING, "store.connection_lost", NULL,
                           {"role", connection->role, 0}, {"reason", reason, 0});
        connection->noted = true;
        drop(connection);
        connection->state = CONNECTION_DOWN;
        connection->due_us = now_us(connection) + 1000 * jitter(connection, connection->pause_ms);
        connection->pause_ms = min_of(2 * connection->pause_ms, (uint64_t)PAUSE_MS_MAX);
        if (!busy)
                return;
        connection->trip.end = TRIP_LOST;
        connection->trip.statement = connection->answered;
        connection->user->on_end(connection->owner, &connection->trip);
}

void connection_abandon(struct connection *connection, const char *why)
{
        connection->state = CONNECTION_READY; /* so that nobody is told */
        lose(connection, why);
}

void connection_finish(struct connection *connection)
{
        drop(connection);
        connection->state = CONNECTION_DOWN;
        connection->due_us = 0;
}

/* ---- trips ---- */

static void start_trip(struct connection *connection)
{
        connection->queued = connection->answered = 0;
        connection->trip = (struct trip_result){0};
}

void connection_queue(struct connection *connection, enum sql sql, const struct parameters *parameters)
{
        static const struct parameters none;
        int sent;

        check(connection->state == CONNECTION_READY && connection->queued < STATEMENTS_MAX);
        if (!parameters)
                parameters = &none;
        check(!parameters->failed);
        if (connection->queued++ == 0)
                connection->trip = (struct trip_result){0};
        if (connection->pooled)
                sent = PQsendQueryParams(connection->pg, sql_text(sql), parameters->count, NULL, parameters->values,
                                         parameters->sizes, parameters->formats, 1);
        else
                sent = PQsendQueryPrepared(connection->pg, sql_name(sql), parameters->count, parameters->values,
                                           parameters->sizes, parameters->formats, 1);
        /* What libpq could not take shows when the trip is sent: it then lacks a statement. */
        connection->trip.warned |= !sent;
}

static bool flush(struct connection *connection)
{
        int left = PQflush(connection->pg);

        if (left >= 0)
                watch(connection, left > 0);
        return left >= 0;
}

void connection_send(struct connection *connection, uint64_t due_us)
{
        bool taken = !connection->trip.warned;

        check(connection->state == CONNECTION_READY && connection->queued > 0);
        connection->state = CONNECTION_BUSY;
        connection->due_us = due_us;
        connection->answered = 0;
        connection->failed_send = !taken || !PQpipelineSync(connection->pg) || !flush(connection);
        if (connection->failed_send)
                connection->due_us = 1; /* its end is to be told at once, and not from here */
}

/* An error after which this connection, though alive, is of no use: a server that is going, that only reads (it is a standby now),
 * that forgot our prepared statements, or whose tables are others than when they were made. */
static bool is_spoiled(const char *sqlstate)
{
        static const char *const states[] = {"08", "57P", "25006", "26000", "0A000", "42P01"};

        for (size_t i = 0; i < countof(states); i++)
                if (strncmp(sqlstate, states[i], strlen(states[i])) == 0)
                        return true;
        return false;
}

/* False: the connection is lost. */
static bool take_error(struct connection *connection, const PGresult *result)
{
        const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
        const char *severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);
        const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

        if (connection->trip.end == TRIP_DONE) {
                connection->trip.end = TRIP_REFUSED;
                connection->trip.statement = connection->answered;
                snprintf(connection->trip.sqlstate, SQLSTATE_SIZE, "%.5s", state ? state : "");
                event_note(connection->options->events, EVENT_INFO, "store.statement_failed", NULL,
                           {"sqlstate", connection->trip.sqlstate, 0}, {"reason", message ? message : "", 0});
        }
        return state && severity && strcmp(severity, "ERROR") == 0 && !is_spoiled(state);
}

enum taken { TAKEN_ONE, TAKEN_SYNC, TAKEN_LOST };

static enum taken take(struct connection *connection, PGresult *result)
{
        enum taken taken = TAKEN_ONE;

        switch (PQresultStatus(result)) {
        case PGRES_TUPLES_OK:
        case PGRES_COMMAND_OK:
                if (connection->state == CONNECTION_BUSY)
                        connection->user->on_result(connection->owner, connection->answered, result);
                else if (connection->answered == 0 && PQnfields(result) == 1) /* preparing: its process number */
                        connection->pooled = value_number(result, 0, 0) != (uint64_t)PQbackendPID(connection->pg);
                connection->answered++;
                break;
        case PGRES_PIPELINE_ABORTED:
                break;
        case PGRES_PIPELINE_SYNC:
                taken = TAKEN_SYNC;
                break;
        default:
                taken = take_error(connection, result) ? TAKEN_ONE : TAKEN_LOST;
                break;
        }
        PQclear(result);
        return taken;
}

/* SYNC: the trip has ended. ONE: not yet. */
static enum taken take_answers(struct connection *connection)
{
        unsigned nothing = 0; /* after each statement there is a NULL; never several */

        while (!PQisBusy(connection->pg)) {
                PGresult *result = PQgetResult(connection->pg);
                enum taken taken;

                if (!result) {
                        if (++nothing > 2)
                                return TAKEN_LOST;
                        continue;
                }
                nothing = 0;
                taken = take(connection, result);
                if (taken != TAKEN_ONE)
                        return taken;
        }
        return PQstatus(connection->pg) == CONNECTION_BAD ? TAKEN_LOST : TAKEN_ONE;
}

/* ---- connecting ---- */

struct connect_words connect_words(const struct store_postgres_options *options)
{
        struct connect_words words = {0};
        size_t count = 0;

#define WORD(name, value) (words.names[count] = (name), words.values[count++] = (value))
        /* What stands before the URI it may say otherwise. */
        WORD("application_name", "galka");
        WORD("connect_timeout", "4"); /* where libpq waits itself */
        WORD("keepalives_idle", "10");
        WORD("keepalives_interval", "5");
        WORD("keepalives_count", "3");
        WORD("tcp_user_timeout", "10000");
        WORD("dbname", options->uri);
        WORD("client_encoding", "UTF8");
        if (options->password)
                WORD("password", options->password);
#undef WORD
        check(count < CONNECT_WORDS);
        return words;
}

/* What is said beside answers. A COMMIT with a warning may not be on the standby that it promised to wait for. */
static void on_notice(void *context, const PGresult *notice)
{
        struct connection *connection = context;
        const char *severity = PQresultErrorField(notice, PG_DIAG_SEVERITY_NONLOCALIZED);

        connection->trip.warned |= severity && strcmp(severity, "WARNING") == 0;
}

static void connect_start(struct connection *connection, uint64_t now)
{
        struct connect_words words = connect_words(connection->options);
        size_t count = 0;

        /* Of several servers the primary; of one, whether it is that now: a standby would answer questions, of an older state (L4). */
        while (words.names[count])
                count++;
        check(count + 1 < CONNECT_WORDS);
        words.names[count] = "target_session_attrs";
        words.values[count] = "read-write";
        connection->pg = PQconnectStartParams(words.names, words.values, 1);
        connection->state = CONNECTION_CONNECTING;
        connection->due_us = now + CONNECT_MS * 1000;
        if (!connection->pg || PQstatus(connection->pg) == CONNECTION_BAD) {
                lose(connection, "out of memory");
                return;
        }
        PQsetNoticeReceiver(connection->pg, on_notice, connection);
        watch(connection, true);
}

/* First of all: is it the server itself that answers? */
static void greet(struct connection *connection)
{
        connection->state = CONNECTION_PREPARING;
        start_trip(connection);
        connection->pooled = false;
        if (PQsetnonblocking(connection->pg, 1) != 0 || !PQenterPipelineMode(connection->pg) ||
            !PQsendQueryParams(connection->pg, "SELECT pg_backend_pid()", 0, NULL, NULL, NULL, NULL, 1) ||
            !PQpipelineSync(connection->pg) || !flush(connection))
                lose(connection, "cannot send");
}

static void prepare(struct connection *connection)
{
        bool sent = true;

        start_trip(connection);
        connection->prepared = true;
        connection->answered = 1; /* the first answer is no process number */
        for (size_t i = 0; sent && i < countof(settings); i++)
                sent = PQsendQueryParams(connection->pg, settings[i], 0, NULL, NULL, NULL, NULL, 1);
        for (int i = 0; sent && i < SQL_COUNT; i++)
                sent = PQsendPrepare(connection->pg, sql_name((enum sql)i), sql_text((enum sql)i), 0, NULL);
        if (!sent || !PQpipelineSync(connection->pg) || !flush(connection))
                lose(connection, "cannot send");
}

static void become_ready(struct connection *connection)
{
        if (connection->noted)
                event_note(connection->options->events, EVENT_INFO, "store.connected", NULL, {"role", connection->role, 0});
        connection->noted = false;
        connection->state = CONNECTION_READY;
        connection->due_us = 0;
        connection->pause_ms = PAUSE_MS_MIN;
        start_trip(connection);
}

static void go_on_connecting(struct connection *connection)
{
        struct pollfd ready = {.fd = PQsocket(connection->pg), .events = connection->wants_out ? POLLOUT : POLLIN};

        /* Asked too early, libpq would take a connection that is still being made for one that is there. */
        if (poll(&ready, 1, 0) <= 0)
                return;
        switch (PQconnectPoll(connection->pg)) {
        case PGRES_POLLING_READING:
                watch(connection, false);
                break;
        case PGRES_POLLING_WRITING:
                watch(connection, true);
                break;
        case PGRES_POLLING_OK:
                connection->prepared = false;
                watch(connection, false);
                greet(connection);
                break;
        default:
                lose(connection, "refused");
        }
}

static void end_trip(struct connection *connection)
{
        bool refused = connection->trip.end != TRIP_DONE;
        struct trip_result result = connection->trip;

        if (connection->state == CONNECTION_PREPARING) {
                if (refused)
                        lose(connection, "its tables are not ours");
                else if (connection->pooled || connection->prepared)
                        become_ready(connection);
                else
                        prepare(connection);
                return;
        }
        connection->state = CONNECTION_READY;
        connection->due_us = 0;
        start_trip(connection);
        connection->user->on_end(connection->owner, &result);
}

static void go_on_working(struct connection *connection)
{
        enum taken taken;

        if (connection->failed_send || !PQconsumeInput(connection->pg) || !flush(connection)) {
                /* What came before the end may say why. */
                if (connection->failed_send || take_answers(connection) != TAKEN_SYNC)
                        lose(connection, "closed by the server");
                else
                        end_trip(connection);
                return;
        }
        if (connection->state == CONNECTION_READY) {
                /* Nothing is expected, and yet something is there: mostly its end. */
                if (PQstatus(connection->pg) == CONNECTION_BAD)
                        lose(connection, "closed by the server");
                return;
        }
        taken = take_answers(connection);
        if (taken == TAKEN_SYNC)
                end_trip(connection);
        else if (taken == TAKEN_LOST)
                lose(connection, "closed by the server");
}

void connection_work(struct connection *connection, uint64_t now)
{
        connection->event = false;
        switch (connection->state) {
        case CONNECTION_DOWN:
                if (connection->due_us && now >= connection->due_us)
                        connect_start(connection, now);
                return;
        case CONNECTION_CONNECTING:
                go_on_connecting(connection);
                break;
        case CONNECTION_PREPARING:
        case CONNECTION_READY:
        case CONNECTION_BUSY:
                go_on_working(connection);
                break;
        }
        if (connection->state != CONNECTION_DOWN && connection->due_us && now >= connection->due_us)
                lose(connection, "no answer in time");
}
