/*
 * store: what PostgreSQL gives, without a server around it: operations a second, durable, by size of batch, number of rooms and of
 * workers, and what an operation costs in processor time, here and there. On the database that tools/engines names (ENGINES_POSTGRES), whose
 * tables are made anew.
 */
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "crypto/random.h"
#include "driver/store/limit.h"
#include "driver/store/postgres.h"
#include "loop/loop.h"
#include "workload.h"

#define SECONDS 2.0

static const struct trial {
        const char *name, *text;
        size_t rooms, batch, workers, marks_every;
} trials[] = {
        {"batch_100", "messages in 800 rooms, one worker", 800, 100, 1, 0},
        {"batch_1", "the same one at a time", 800, 1, 1, 0},
        {"batch_10", "the same, batches of 10", 800, 10, 1, 0},
        {"batch_400", "the same, batches of 400", 800, 400, 1, 0},
        {"two_workers", "batches of 100 of two workers", 800, 100, 2, 0},
        {"with_marks", "the same, and a mark after each message", 800, 100, 2, 2},
        {"with_marks_10", "the same, batches of 10", 800, 10, 2, 2},
        {"many_rooms", "messages in 20,000 rooms, batches of 100 of two workers", 20000, 100, 2, 0},
};

static void fill(struct random *random, void *bytes, size_t size)
{
        (void)random;
        crypto_random(bytes, size);
}

static void tell(void *owner, const char *line)
{
        (void)owner;
        (void)line;
}

static double seconds_of(const char *path)
{
        unsigned long user = 0, system = 0;
        FILE *file = fopen(path, "r");
        int count =
                file ? fscanf(file, "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) : 0;

        if (file)
                fclose(file);
        return count == 2 ? (double)(user + system) / (double)sysconf(_SC_CLK_TCK) : 0;
}

/* Seconds that the database's processes have worked, on this machine, and this one here. */
static double busy_seconds(const char *uri)
{
        PGconn *pg = PQconnectdb(uri);
        PGresult *result = PQexec(pg, "SELECT pid FROM pg_stat_activity");
        double seconds = seconds_of("/proc/self/stat");
        char path[64];

        for (int row = 0; row < PQntuples(result); row++) {
                snprintf(path, sizeof(path), "/proc/%s/stat", PQgetvalue(result, row, 0));
                seconds += seconds_of(path);
        }
        PQclear(result);
        PQfinish(pg);
        return seconds;
}

static bool make_anew(const struct store_postgres_options *options, char *text)
{
        PGconn *pg = PQconnectdb(options->uri);
        PGresult *result = PQexec(pg, "SET client_min_messages = warning; DROP SCHEMA public CASCADE; CREATE SCHEMA public");
        bool good = PQresultStatus(result) == PGRES_COMMAND_OK;

        PQclear(result);
        PQfinish(pg);
        return good && store_postgres_migrate(options, false, tell, NULL, text) == ERR_OK;
}

static bool measure(struct store_postgres *postgres, const char *uri, const struct trial *trial, bool again,
                    struct report *report)
{
        static double first;
        struct store_load load = {.store_count = trial->workers,
                                  .rooms = trial->rooms,
                                  .batch = trial->batch,
                                  .marks_every = trial->marks_every,
                                  .seconds = 0.3,
                                  .again = again};
        double rate = 0, busy = 0;
        char name[64];

        for (size_t i = 0; i < trial->workers; i++)
                if (store_postgres_open(postgres, &load.stores[i]) != ERR_OK)
                        return false;
        if (store_load_rate(&load) > 0) {
                load.again = true;
                load.seconds = SECONDS;
                busy = busy_seconds(uri);
                rate = store_load_rate(&load);
                busy = busy_seconds(uri) - busy;
        }
        for (size_t i = 0; i < trial->workers; i++)
                load.stores[i]->ops->free(&load.stores[i]);
        if (rate <= 0)
                return false;
        if (first <= 0)
                first = rate;
        snprintf(name, sizeof(name), "store.%s", trial->name);
        report_add(report, name, rate, "operations/s", first, trial->text);
        snprintf(name, sizeof(name), "store.%s_cpu", trial->name);
        report_add(report, name, 1e6 * busy / (rate * SECONDS), "us/operation", 0, "");
        return true;
}

bool workload_store(const struct workload_options *options, struct report *report)
{
        char text[STORE_ERROR_SIZE] = "";
        struct clock clock;
        struct random random = {fill};
        struct store_postgres_options postgres_options = {
                .uri = getenv("ENGINES_POSTGRES"), .clock = &clock, .random = &random};
        struct store_postgres *postgres = NULL;
        bool good = postgres_options.uri != NULL;
        size_t rooms = 0;

        if (!good)
                fprintf(stderr, "store: no ENGINES_POSTGRES: tools/engines run postgres -- tools/bench store\n");
        loop_clock_init(&clock);
        for (size_t i = 0; good && i < countof(trials); i++) {
                bool again = rooms == trials[i].rooms;

                if (options->part && strcmp(options->part, trials[i].name) != 0)
                        continue;
                rooms = trials[i].rooms;
                if (!again) {
                        store_postgres_free(&postgres);
                        good = make_anew(&postgres_options, text) &&
                               store_postgres_new(&postgres_options, &postgres, text) == ERR_OK;
                }
                good = good && measure(postgres, postgres_options.uri, &trials[i], again, report);
        }
        if (!good)
                fprintf(stderr, "store: failed. %s\n", text);
        store_postgres_free(&postgres);
        return good;
}
