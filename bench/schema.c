/*
 * schema: the spike behind the schema of the store on SQLite (docs/decisions/0002-sqlite-schema.md). Appends the same messages by
 * several tables, durable (WAL, FULL), in 800 and in 20,000 rooms, and by the chosen one in batches of several sizes. Only the
 * tables are compared: no rights are checked, nothing is looked up, and every candidate begins with one message in each room.
 */
#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/id.h"
#include "base/map.h"
#include "crypto/random.h"
#include "workload.h"

#define TEXT_SIZE   100
#define DIGEST_SIZE 32
#define BATCH       400
#define ROOMS_FEW   800
#define ROOMS_MANY  20000
#define SECONDS     1.0
#define GROWN       300 /* messages in each room before the measuring */
#define GROWN_BATCH 4000
#define READ_ROWS   50

enum { CLUSTERED_AT = 0, ARRIVAL_AT = 5 }; /* places below */

#define COLUMNS                                                                                                             \
        "room INTEGER NOT NULL, seq INTEGER NOT NULL, changed INTEGER NOT NULL, n INTEGER NOT NULL,"                        \
        " time_ms INTEGER NOT NULL, sender INTEGER NOT NULL, request BLOB NOT NULL, digest BLOB NOT NULL,"                  \
        " text TEXT NOT NULL"
#define CLUSTERED "CREATE TABLE messages(" COLUMNS ", PRIMARY KEY(room, seq)) WITHOUT ROWID;"
#define ARRIVAL   "CREATE TABLE messages(id INTEGER PRIMARY KEY, " COLUMNS ");"
#define BY_TIME   "CREATE UNIQUE INDEX by_request ON messages(request, sender, room);"
#define BY_ROOM   "CREATE UNIQUE INDEX by_request ON messages(room, sender, request);"

/* Every candidate: name, tables, whether request ids are random, whether the room's row is written. */
static const struct candidate {
        const char *name, *text, *tables;
        bool random_ids, room_row;
} candidates[] = {
        {"clustered", "clustered, index of requests led by UUIDv7", CLUSTERED BY_TIME, false, false},
        {"room_row", "the same, and the room's row holds its head", CLUSTERED BY_TIME, false, true},
        {"random_ids", "the same as clustered, ids random", CLUSTERED BY_TIME, true, false},
        {"index_by_room", "clustered, index of requests led by the room", CLUSTERED BY_ROOM, false, false},
        {"no_index", "clustered, no index of requests", CLUSTERED, false, false},
        {"arrival", "rows in order of arrival, index by room, index by UUIDv7",
         ARRIVAL BY_TIME "CREATE UNIQUE INDEX by_seq ON messages(room, seq);", false, false},
        {"append", "rows in order of arrival, no index at all", ARRIVAL, false, false},
};

struct trial {
        sqlite3 *database;
        sqlite3_stmt *insert, *update;
        const struct candidate *candidate;
        uint64_t *heads;
        uint32_t rooms;
        uint64_t turn;
};

static double now_s(void)
{
        struct timespec time;

        clock_gettime(CLOCK_MONOTONIC, &time);
        return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static bool execute(struct trial *trial, const char *text)
{
        if (sqlite3_exec(trial->database, text, NULL, NULL, NULL) == SQLITE_OK)
                return true;
        fprintf(stderr, "schema: %s: %s\n", trial->candidate->name, sqlite3_errmsg(trial->database));
        return false;
}

static void new_id(const struct trial *trial, struct id *id)
{
        struct timespec time;
        uint8_t random[10];

        if (trial->candidate->random_ids) {
                crypto_random(id->bytes, sizeof(id->bytes));
                return;
        }
        crypto_random(random, sizeof(random));
        clock_gettime(CLOCK_REALTIME, &time);
        *id = id_uuid7((uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000, random);
}

static bool step(sqlite3_stmt *statement)
{
        bool done = sqlite3_step(statement) == SQLITE_DONE;

        sqlite3_reset(statement);
        return done;
}

static bool append(struct trial *trial, uint32_t room)
{
        static const char text[TEXT_SIZE + 1] =
                "an ordinary message of ordinary length, as people write them to each other ";
        static const uint8_t digest[DIGEST_SIZE] = {1};
        sqlite3_stmt *insert = trial->insert;
        uint64_t seq = ++trial->heads[room];
        struct id id;

        new_id(trial, &id);
        sqlite3_bind_int64(insert, 1, room + 1);
        sqlite3_bind_int64(insert, 2, (sqlite3_int64)seq);
        sqlite3_bind_int64(insert, 3, 1795000000000 + (sqlite3_int64)trial->turn);
        sqlite3_bind_int64(insert, 4, (sqlite3_int64)(hash_u64(room * 2 + seq % 2) + (1ull << 62)));
        sqlite3_bind_blob(insert, 5, id.bytes, sizeof(id.bytes), SQLITE_STATIC);
        sqlite3_bind_blob(insert, 6, digest, sizeof(digest), SQLITE_STATIC);
        sqlite3_bind_text(insert, 7, text, TEXT_SIZE, SQLITE_STATIC);
        if (!step(insert))
                return false;
        if (!trial->candidate->room_row)
                return true;
        sqlite3_bind_int64(trial->update, 1, room + 1);
        sqlite3_bind_int64(trial->update, 2, (sqlite3_int64)seq);
        return step(trial->update);
}

/* Rooms take turns in an order that puts neighbours into different batches. */
static bool batch(struct trial *trial, uint32_t size)
{
        if (!execute(trial, "BEGIN IMMEDIATE"))
                return false;
        for (uint32_t i = 0; i < size; i++)
                if (!append(trial, (uint32_t)(trial->turn++ * 7919 % trial->rooms)))
                        return execute(trial, "ROLLBACK") && false;
        return execute(trial, "COMMIT");
}

static bool begin(struct trial *trial, const char *path)
{
        static const char insert[] = "INSERT INTO messages(room, seq, changed, n, time_ms, sender, request, digest, text)"
                                     " VALUES(?1, ?2, ?2, ?2, ?3, ?4, ?5, ?6, ?7)";

        trial->heads = calloc(trial->rooms, sizeof(*trial->heads));
        if (!trial->heads || sqlite3_open(path, &trial->database) != SQLITE_OK)
                return false;
        return execute(trial,
                       "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -65536;"
                       " PRAGMA wal_autocheckpoint = 4000;"
                       " CREATE TABLE rooms(room INTEGER PRIMARY KEY, head INTEGER NOT NULL, lowest BLOB NOT NULL)") &&
               execute(trial, trial->candidate->tables) &&
               sqlite3_prepare_v2(trial->database, insert, -1, &trial->insert, NULL) == SQLITE_OK &&
               sqlite3_prepare_v2(trial->database,
                                  "INSERT INTO rooms VALUES(?1, ?2, zeroblob(80)) ON CONFLICT(room) DO UPDATE SET head = ?2",
                                  -1, &trial->update, NULL) == SQLITE_OK;
}

static void finish(struct trial *trial, const char *path)
{
        static const char *const endings[] = {"", "-wal", "-shm"};
        char file[4300];

        sqlite3_finalize(trial->insert);
        sqlite3_finalize(trial->update);
        sqlite3_close(trial->database);
        free(trial->heads);
        for (size_t i = 0; i < countof(endings); i++) {
                snprintf(file, sizeof(file), "%s%s", path, endings[i]);
                unlink(file);
        }
}

/* Rooms read to the newest READ_ROWS messages, one after the other: rooms a second. */
static double read_rooms(struct trial *trial)
{
        static const char text[] = "SELECT seq, changed, n, time_ms, sender, request, text FROM messages WHERE room = ?1"
                                   " ORDER BY seq DESC LIMIT ?2";
        double start = now_s(), seconds = 0;
        uint32_t rooms = 0;
        sqlite3_stmt *statement;

        if (sqlite3_prepare_v2(trial->database, text, -1, &statement, NULL) != SQLITE_OK)
                return 0;
        for (; seconds < SECONDS / 2; seconds = now_s() - start, rooms++) {
                sqlite3_bind_int64(statement, 1, rooms * 7919 % trial->rooms + 1);
                sqlite3_bind_int64(statement, 2, READ_ROWS);
                while (sqlite3_step(statement) == SQLITE_ROW)
                        ;
                sqlite3_reset(statement);
        }
        sqlite3_finalize(statement);
        return rooms / seconds;
}

/* What becomes of a candidate when logs are long: rows appended, and rooms read, a second. False on failure. */
static bool measure_grown(const char *folder, const struct candidate *candidate, double *appended, double *read)
{
        struct trial trial = {.candidate = candidate, .rooms = ROOMS_FEW};
        uint64_t rows = 0;
        double start, seconds = 0;
        char path[4200];
        bool good;

        snprintf(path, sizeof(path), "%.4000s/schema.db", folder);
        good = begin(&trial, path);
        while (good && trial.turn < ROOMS_FEW * GROWN)
                good = batch(&trial, GROWN_BATCH);
        for (start = now_s(); good && seconds < SECONDS; seconds = now_s() - start, rows += BATCH)
                good = batch(&trial, BATCH);
        *appended = (double)rows / seconds;
        *read = good ? read_rooms(&trial) : 0;
        finish(&trial, path);
        return good && *read > 0;
}

/* Rows a second; 0 on failure. */
static double measure(const char *folder, const struct candidate *candidate, uint32_t rooms, uint32_t batch_size)
{
        struct trial trial = {.candidate = candidate, .rooms = rooms};
        uint64_t rows = 0;
        double start, seconds = 0;
        char path[4200];
        bool good;

        snprintf(path, sizeof(path), "%.4000s/schema.db", folder);
        good = begin(&trial, path);
        while (good && trial.turn < rooms)
                good = batch(&trial, BATCH);
        for (start = now_s(); good && seconds < SECONDS; seconds = now_s() - start) {
                good = batch(&trial, batch_size);
                rows += batch_size;
        }
        finish(&trial, path);
        return good ? (double)rows / seconds : 0;
}

static bool compare(const char *folder, uint32_t rooms, struct report *report)
{
        double first = 0;

        for (size_t i = 0; i < countof(candidates); i++) {
                double rate = measure(folder, &candidates[i], rooms, BATCH);
                char name[64];

                if (rate <= 0)
                        return false;
                if (i == 0)
                        first = rate;
                snprintf(name, sizeof(name), "schema.%s_%u_rooms", candidates[i].name, rooms);
                report_add(report, name, rate, "rows/s", first, candidates[i].text);
        }
        return true;
}

static bool compare_grown(const char *folder, struct report *report)
{
        static const unsigned compared[] = {CLUSTERED_AT, ARRIVAL_AT};
        double first_appended = 0, first_read = 0;

        for (size_t i = 0; i < countof(compared); i++) {
                const struct candidate *candidate = &candidates[compared[i]];
                double appended, read;
                char name[64];

                if (!measure_grown(folder, candidate, &appended, &read))
                        return false;
                if (i == 0) {
                        first_appended = appended;
                        first_read = read;
                }
                snprintf(name, sizeof(name), "schema.%s_grown", candidate->name);
                report_add(report, name, appended, "rows/s", first_appended, "800 rooms of 300 messages and more");
                snprintf(name, sizeof(name), "schema.%s_grown_read", candidate->name);
                report_add(report, name, read, "rooms/s", first_read, "the newest 50 rows of one room after the other");
        }
        return true;
}

bool workload_schema(const struct workload_options *options, struct report *report)
{
        static const uint32_t sizes[] = {1, 10, 100, 400, 1000};
        struct process process;
        double whole = 0;
        bool good;

        good = process_init(&process, options->galkad, options->folder) && compare(process.folder, ROOMS_FEW, report) &&
               compare(process.folder, ROOMS_MANY, report) && compare_grown(process.folder, report);
        for (size_t i = countof(sizes); good && i-- > 0;) {
                double rate = measure(process.folder, &candidates[0], ROOMS_FEW, sizes[i]);
                char name[64];

                good = rate > 0;
                if (whole <= 0)
                        whole = rate;
                snprintf(name, sizeof(name), "schema.clustered_batch_%u", sizes[i]);
                if (good)
                        report_add(report, name, rate, "rows/s", whole, "800 rooms; beside batches of 1000");
        }
        process_finish(&process);
        return good;
}
