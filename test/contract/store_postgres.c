/* The store on PostgreSQL; see store_driver.h. The first world makes the schema, the later ones empty its tables. */
#include <stdio.h>
#include <stdlib.h>

#include <libpq-fe.h>

#include "base/assert.h"
#include "base/memory.h"
#include "contract/store_driver.h"
#include "driver/store/postgres.h"
#include "loop/loop.h"

struct postgres_world {
        struct store_postgres_options options;
        struct store_postgres *postgres;
};

void postgres_run(const char *sql)
{
        PGconn *pg = PQconnectdb(getenv("ENGINES_POSTGRES"));
        PGresult *result;

        PQclear(PQexec(pg, "SET client_min_messages = warning"));
        result = PQexec(pg, sql);
        if (PQresultStatus(result) != PGRES_COMMAND_OK)
                fprintf(stderr, "%s: %s\n", sql, PQerrorMessage(pg));
        check(PQresultStatus(result) == PGRES_COMMAND_OK);
        PQclear(result);
        PQfinish(pg);
}

static void tell(void *owner, const char *line)
{
        (void)owner;
        (void)line;
}

static void fail_with(const char *text)
{
        fprintf(stderr, "%s\n", text);
        abort();
}

static void make_empty(const struct store_postgres_options *options)
{
        static bool made;
        char text[STORE_ERROR_SIZE];

        if (made) {
                postgres_run(
                        "DELETE FROM messages; DELETE FROM members; DELETE FROM user_rooms; DELETE FROM rooms; DELETE FROM "
                        "words;"
                        "DELETE FROM devices; DELETE FROM users; DELETE FROM pending; DELETE FROM invites; DELETE FROM "
                        "requests; DELETE FROM "
                        "guesses; DELETE FROM refusals; DELETE FROM search; DELETE FROM blocks; DELETE FROM leaving");
                return;
        }
        postgres_run("DROP SCHEMA public CASCADE; CREATE SCHEMA public");
        if (store_postgres_migrate(options, false, tell, NULL, text) != ERR_OK)
                fail_with(text);
        made = true;
}

static void postgres_reopen(void *world_)
{
        struct postgres_world *world = world_;
        char text[STORE_ERROR_SIZE];

        store_postgres_free(&world->postgres);
        if (store_postgres_new(&world->options, &world->postgres, text) != ERR_OK)
                fail_with(text);
}

static uint64_t postgres_look(void *world, const char *sql)
{
        PGconn *pg = PQconnectdb(getenv("ENGINES_POSTGRES"));
        PGresult *result = PQexec(pg, sql);
        uint64_t number;

        check(PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1);
        number = strtoull(PQgetvalue(result, 0, 0), NULL, 10);
        PQclear(result);
        PQfinish(pg);
        postgres_reopen(world);
        return number;
}

struct store_postgres_options postgres_options(struct clock *wall, struct random *random, bool empty)
{
        static struct clock clock;
        struct store_postgres_options options = {
                .uri = getenv("ENGINES_POSTGRES"), .clock = &clock, .wall = wall, .random = random};

        check(options.uri);
        loop_clock_init(&clock);
        if (empty)
                make_empty(&options);
        return options;
}

static void *world_of(struct clock *clock, struct random *random, const char *uri, bool serializable)
{
        struct postgres_world *world = memory_new(sizeof(*world));

        check(world && uri);
        world->options = postgres_options(clock, random, true);
        world->options.uri = uri;
        world->options.serializable = serializable;
        postgres_reopen(world);
        return world;
}

static void *committed_new(struct clock *clock, struct random *random)
{
        return world_of(clock, random, getenv("ENGINES_POSTGRES"), false);
}

static void *serializable_new(struct clock *clock, struct random *random)
{
        return world_of(clock, random, getenv("ENGINES_POSTGRES"), true);
}

static void *pooled_new(struct clock *clock, struct random *random)
{
        return world_of(clock, random, getenv("ENGINES_PGBOUNCER"), false);
}

static void postgres_free(void *world_)
{
        struct postgres_world *world = world_;

        store_postgres_free(&world->postgres);
        memory_free(world);
}

static struct store *postgres_open(void *world)
{
        struct store *store;

        check(store_postgres_open(((struct postgres_world *)world)->postgres, &store) == ERR_OK);
        return store;
}

#define POSTGRES                                                                                                            \
        .threaded = true, .world_free = postgres_free, .open = postgres_open, .world_reopen = postgres_reopen,              \
        .world_look = postgres_look, .words = "SELECT count(*) FROM search WHERE word = 'badger'"

const struct store_driver postgres_drivers[] = {
        {.name = "store, PostgreSQL, read committed", .world_new = committed_new, POSTGRES},
        {.name = "store, PostgreSQL, serializable", .world_new = serializable_new, POSTGRES},
        {.name = "store, PostgreSQL through PgBouncer", .world_new = pooled_new, POSTGRES},
        {0},
};
