/* The store on SQLite in both of its modes, and which drivers are tried; see store_driver.h. */
#include "contract/store_driver.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/memory.h"
#include "driver/store/sqlite.h"

struct sqlite_world {
        char folder[64];
        struct store_sqlite_options options;
        struct store_sqlite *sqlite;
};

static void sqlite_reopen(void *world_)
{
        struct sqlite_world *world = world_;
        char text[STORE_ERROR_SIZE];

        store_sqlite_free(&world->sqlite);
        if (store_sqlite_new(&world->options, &world->sqlite, text) != ERR_OK) {
                fprintf(stderr, "%s\n", text);
                abort();
        }
}

static uint64_t sqlite_look(void *world_, const char *sql)
{
        struct sqlite_world *world = world_;
        sqlite3_stmt *statement = NULL;
        sqlite3 *database = NULL;
        char path[128];
        uint64_t number;

        store_sqlite_free(&world->sqlite);
        snprintf(path, sizeof(path), "%s/galka.db", world->folder);
        check(sqlite3_open_v2(path, &database, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK);
        check(sqlite3_prepare_v2(database, sql, -1, &statement, NULL) == SQLITE_OK);
        check(sqlite3_step(statement) == SQLITE_ROW);
        number = (uint64_t)sqlite3_column_int64(statement, 0);
        sqlite3_finalize(statement);
        sqlite3_close(database);
        sqlite_reopen(world);
        return number;
}

static void *sqlite_world(struct clock *clock, struct random *random, bool threaded)
{
        struct sqlite_world *world = memory_new(sizeof(*world));

        check(world);
        snprintf(world->folder, sizeof(world->folder), "/tmp/galka-store-XXXXXX");
        check(mkdtemp(world->folder));
        world->options = (struct store_sqlite_options){
                .folder = world->folder, .threaded = threaded, .clock = clock, .random = random};
        sqlite_reopen(world);
        return world;
}

static void *threaded_new(struct clock *clock, struct random *random)
{
        return sqlite_world(clock, random, true);
}

static void *inline_new(struct clock *clock, struct random *random)
{
        return sqlite_world(clock, random, false);
}

static void sqlite_free(void *world_)
{
        static const char *const names[] = {"galka.db", "galka.db-wal", "galka.db-shm", "lock"};
        struct sqlite_world *world = world_;
        char path[128];

        store_sqlite_free(&world->sqlite);
        for (size_t i = 0; i < countof(names); i++) {
                snprintf(path, sizeof(path), "%s/%s", world->folder, names[i]);
                unlink(path);
        }
        check(rmdir(world->folder) == 0);
        memory_free(world);
}

static struct store *sqlite_open(void *world)
{
        struct store *store;

        check(store_sqlite_open(((struct sqlite_world *)world)->sqlite, &store) == ERR_OK);
        return store;
}

#define SQLITE                                                                                                              \
        .world_free = sqlite_free, .open = sqlite_open, .world_reopen = sqlite_reopen, .world_look = sqlite_look,           \
        .words = "SELECT count(*) FROM search WHERE search MATCH 'badger'"

static const struct store_driver sqlite_drivers[] = {
        {.name = "store, SQLite, inline", .world_new = inline_new, SQLITE},
        {.name = "store, SQLite, threaded", .groups = true, .threaded = true, .world_new = threaded_new, SQLITE},
        {0},
};

const struct store_driver *store_drivers(void)
{
        return getenv("ENGINES_POSTGRES") ? postgres_drivers : sqlite_drivers;
}
