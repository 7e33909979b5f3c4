/*
 * million: a room with a million messages and a member who was away for a year, on the store alone: what Join, opening the room, a jump
 * to a date and searches cost him, on SQLite and, where tools/engines says how to reach one (ENGINES_POSTGRES), on PostgreSQL, whose
 * tables are made anew. Everything is written as the server writes it. Each question is asked QUESTIONS times, each time for another
 * place or word where there is one; told is the slowest, beside the limit that was promised.
 */
#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/memory.h"
#include "crypto/random.h"
#include "driver/store/postgres.h"
#include "driver/store/sqlite.h"
#include "loop/loop.h"
#include "rules/limits.h"
#include "rules/room.h"
#include "rules/row.h"
#include "workload.h"

#define ROWS       1000000
#define ROOMS      500 /* others that he is in */
#define ROOM_ROWS  20  /* in each of them */
#define BATCH      1000
#define QUESTIONS  20
#define WAIT_MS    60000
#define YEAR_MS    (UINT64_C(365) * 86400000)
#define START_MS   UINT64_C(1750000000000)
#define TEXT_SIZE  160
#define WRITER     1
#define READER     2
#define KNOWN_HEAD 1000 /* what he has of the room */

struct million {
        const char *name;
        struct clock clock;
        uint64_t now_ms;
        struct random random;
        struct store *store;
        struct arena arena;
        struct store_op ops[BATCH];
        struct store_result results[BATCH];
        char texts[BATCH][TEXT_SIZE];
        struct report *report;
};

static const struct arena_source source = {memory_new, memory_free};

/* The year passes as it is written. */
static uint64_t wall_ms(struct clock *clock)
{
        return container_of(clock, struct million, clock)->now_ms;
}

static uint64_t now_us(struct million *million)
{
        return million->clock.monotonic_us(&million->clock);
}

static void fill(struct random *random, void *bytes, size_t size)
{
        (void)random;
        crypto_random(bytes, size);
}

static bool await(struct million *million)
{
        uint64_t until_us = now_us(million) + UINT64_C(1000) * WAIT_MS;
        struct completion completion;

        while (now_us(million) < until_us) {
                struct pollfd ready = {.fd = million->store->ops->fd(million->store), .events = POLLIN};

                if (million->store->ops->poll(million->store, &completion, 1) == 1)
                        return completion.outcome == OUTCOME_OK;
                if (ready.fd >= 0)
                        poll(&ready, 1, 1000);
        }
        return false;
}

static bool apply(struct million *million, size_t count)
{
        arena_reset(&million->arena);
        if (million->store->ops->apply(million->store, million->ops, count, million->results, &million->arena, 1) !=
                    ERR_OK ||
            !await(million))
                return false;
        for (size_t i = 0; i < count; i++)
                if (million->results[i].status != ERR_OK)
                        return false;
        return true;
}

static bool make_users(struct million *million)
{
        size_t count = 0;

        for (uint64_t user = 1; user <= READER + ROOMS; user++, count++) {
                struct store_op *op = &million->ops[count];
                struct slice name = slice_of(million->texts[count], (size_t)snprintf(million->texts[count], TEXT_SIZE,
                                                                                     "u%llu", (unsigned long long)user));

                *op = (struct store_op){.kind = STORE_IMPORT};
                op->import.user_name = op->import.name_folded = op->import.email = op->import.email_folded =
                        op->import.display_name = op->import.device_name = name;
                op->import.password_hash = "";
                op->import.new_user = user;
                op->import.new_device = 1;
        }
        return apply(million, count);
}

static void say(struct million *million, size_t place, struct id room, uint64_t sender)
{
        struct store_op *op = &million->ops[place];
        uint8_t random[10];

        crypto_random(random, sizeof(random));
        *op = (struct store_op){
                .kind = STORE_WRITE, .request = id_uuid7(million->now_ms, random), .user = sender, .device = 1};
        op->write.room = room;
        op->write.row_kind = ROW_TEXT;
        op->write.text = slice_text(million->texts[place]);
}

/* Message number n: a word that stands in all, two that take turns, one in a thousand, one of its own, and what people say. */
static void compose(char text[static TEXT_SIZE], unsigned long n)
{
        snprintf(text, TEXT_SIZE, "everyone %s thousand%lu single%lu said что-то обычное, как люди пишут друг другу",
                 n % 2 ? "odd" : "even", n % 1000, n);
}

static bool write_rooms(struct million *million)
{
        struct id room = room_personal(WRITER, READER);
        bool good = true;

        for (unsigned long other = 0; other < ROOMS * ROOM_ROWS && good; other += BATCH) {
                for (unsigned long i = 0; i < BATCH; i++) {
                        uint64_t peer = READER + 1 + (other + i) / ROOM_ROWS;

                        million->now_ms += YEAR_MS / 100 / (ROOMS * ROOM_ROWS);
                        compose(million->texts[i], 2 * ROWS + other + i);
                        say(million, i, room_personal(peer, READER), peer);
                }
                good = apply(million, BATCH);
        }
        for (unsigned long row = 0; row < ROWS && good; row += BATCH) {
                for (unsigned long i = 0; i < BATCH; i++) {
                        compose(million->texts[i], row + i + 1);
                        say(million, i, room, WRITER);
                }
                million->now_ms += YEAR_MS / (ROWS / BATCH);
                good = apply(million, BATCH);
        }
        return good;
}

/* ---- asking ---- */

enum {
        ASK_JOIN,
        ASK_OPEN,
        ASK_DATE,
        ASK_HIT,
        ASK_COMMON,
        ASK_DEEP,
        ASK_RARE,
        ASK_SINGLE,
        ASK_NEVER,
        ASK_EVERYWHERE,
        ASK_COUNT
};

static const struct question {
        const char *name, *text;
        double limit_ms;
} questions[ASK_COUNT] = {
        [ASK_JOIN] = {"join", "promised: Join after a year", 50},
        [ASK_OPEN] = {"open", "promised: opening the room, its newest page", 100},
        [ASK_DATE] = {"date", "promised: a jump to a date", 100},
        [ASK_HIT] = {"hit", "promised: a jump to a hit", 100},
        [ASK_COMMON] = {"search_common", "promised: a word of every message", 200},
        [ASK_DEEP] = {"search_deep", "promised: the same, a page in the middle", 200},
        [ASK_RARE] = {"search_rare", "promised: a word of one in a thousand, and one of all", 200},
        [ASK_SINGLE] = {"search_single", "promised: a word of one message", 200},
        [ASK_NEVER] = {"search_never", "promised: two common words that never stand together, one answer", 200},
        [ASK_EVERYWHERE] = {"search_everywhere", "promised: a word of every message, in all 501 rooms", 200},
};

static struct store_question question_of(unsigned which, unsigned time, struct id era, char text[static TEXT_SIZE])
{
        static struct store_cursor cursor;
        struct store_question question = {.user = READER, .device = 1, .bytes_max = ANSWER_BYTES_MAX};
        struct id room = room_personal(WRITER, READER);
        unsigned long place = (unsigned long)(time * 49957 + 137) % ROWS + 1;

        cursor = (struct store_cursor){.room = room, .head = KNOWN_HEAD};
        switch (which) {
        case ASK_JOIN:
                question.kind = STORE_ASK_JOIN;
                question.join.era = era;
                question.join.cursors = &cursor;
                question.join.cursor_count = 1;
                question.join.rooms_max = JOIN_ROOMS;
                question.join.rows_max = PAGE_ROWS;
                return question;
        case ASK_OPEN:
                question.kind = STORE_ASK_CHANGES;
                question.changes.room = room;
                question.changes.after = KNOWN_HEAD;
                question.changes.rows_max = CHANGES_MAX;
                return question;
        case ASK_DATE:
        case ASK_HIT:
                question.kind = STORE_ASK_AROUND;
                question.around.room = room;
                question.around.seq = which == ASK_HIT ? place : 0;
                question.around.time_ms = START_MS + YEAR_MS / ROWS * place;
                question.around.rows_max = 100;
                return question;
        default:
                break;
        }
        question.kind = STORE_ASK_SEARCH;
        question.search.rows_max = SEARCH_HITS_MAX;
        if (which != ASK_EVERYWHERE)
                question.search.room = room;
        if (which == ASK_DEEP)
                question.search.before.seq = place;
        if (which == ASK_RARE)
                snprintf(text, TEXT_SIZE, "thousand%u said", time);
        else if (which == ASK_SINGLE)
                snprintf(text, TEXT_SIZE, "single%lu", place);
        else
                snprintf(text, TEXT_SIZE, which == ASK_NEVER ? "odd even" : "everyone said");
        question.search.text = slice_text(text);
        return question;
}

/* Was that what there is? A question that finds nothing is quick. */
static bool is_right(unsigned which, const struct store_answer *answer)
{
        if (answer->status != ERR_OK)
                return false;
        switch (which) {
        case ASK_JOIN:
                return answer->rooms.room_count == JOIN_ROOMS && answer->rooms.rooms[0].row_count == PAGE_ROWS;
        case ASK_OPEN:
                return answer->rows.row_count == CHANGES_MAX && answer->rows.more;
        case ASK_DATE:
        case ASK_HIT:
                return answer->rows.row_count > 50;
        case ASK_SINGLE:
                return answer->search.count == 1 && !answer->search.more;
        case ASK_NEVER:
                return answer->search.count == 0;
        default:
                return answer->search.count == SEARCH_HITS_MAX || which == ASK_DEEP;
        }
}

static bool measure(struct million *million, unsigned which, struct id era)
{
        char name[64], text[TEXT_SIZE];
        uint64_t slowest_us = 0;

        for (unsigned time = 0; time < QUESTIONS; time++) {
                struct store_question question = question_of(which, time, era, text);
                struct store_answer answer;
                uint64_t from_us = now_us(million);

                arena_reset(&million->arena);
                if (million->store->ops->ask(million->store, &question, 1, &answer, &million->arena, 1) != ERR_OK ||
                    !await(million) || !is_right(which, &answer)) {
                        fprintf(stderr, "million: %s: no right answer to %s\n", million->name, questions[which].name);
                        return false;
                }
                slowest_us = max_of(slowest_us, now_us(million) - from_us);
        }
        snprintf(name, sizeof(name), "million.%s_%s", million->name, questions[which].name);
        report_add(million->report, name, (double)slowest_us / 1000, "ms", questions[which].limit_ms, questions[which].text);
        return true;
}

static struct million *million_new(const char *name, struct report *report)
{
        struct million *million = memory_new(sizeof(*million));

        check(million);
        million->name = name;
        million->report = report;
        million->now_ms = START_MS;
        loop_clock_init(&million->clock);
        million->clock.wall_ms = wall_ms;
        million->random = (struct random){fill};
        arena_init(&million->arena, &source, 1u << 20, 1u << 28);
        return million;
}

static bool run(struct million *million, struct id era)
{
        uint64_t from_us = now_us(million);
        bool good = make_users(million) && write_rooms(million);
        char name[64];

        snprintf(name, sizeof(name), "million.%s_filled", million->name);
        if (good)
                report_add(million->report, name, ROWS / ((double)(now_us(million) - from_us) / 1e6), "messages/s", 0, "");
        else
                fprintf(stderr, "million: %s: the room could not be written\n", million->name);
        for (unsigned which = 0; which < ASK_COUNT && good; which++)
                good = measure(million, which, era);
        return good;
}

/* ---- the two stores ---- */

static bool run_sqlite(const char *parent, struct report *report)
{
        static const char *const names[] = {"galka.db", "galka.db-wal", "galka.db-shm", "lock"};
        struct million *million = million_new("sqlite", report);
        char folder[256], path[300], text[STORE_ERROR_SIZE] = "";
        struct store_sqlite_options options = {
                .folder = folder, .threaded = true, .clock = &million->clock, .random = &million->random};
        struct store_sqlite *sqlite = NULL;
        bool good;

        snprintf(folder, sizeof(folder), "%s/million-XXXXXX", parent);
        good = mkdtemp(folder) && store_sqlite_new(&options, &sqlite, text) == ERR_OK &&
               store_sqlite_open(sqlite, &million->store) == ERR_OK;
        if (!good)
                fprintf(stderr, "million: %s: %s\n", folder, text);
        good = good && run(million, store_sqlite_era(sqlite));
        if (million->store)
                million->store->ops->free(&million->store);
        store_sqlite_free(&sqlite);
        for (size_t i = 0; i < countof(names); i++) {
                snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
                unlink(path);
        }
        rmdir(folder);
        arena_finish(&million->arena);
        memory_free(million);
        return good;
}

static void tell(void *owner, const char *line)
{
        (void)owner;
        (void)line;
}

static bool postgres_run(const char *uri, const char *sql)
{
        PGconn *pg = PQconnectdb(uri);
        PGresult *result = PQexec(pg, sql);
        bool good = PQresultStatus(result) == PGRES_COMMAND_OK;

        PQclear(result);
        PQfinish(pg);
        return good;
}

static bool run_postgres(const char *uri, struct report *report)
{
        struct million *million = million_new("postgres", report);
        char text[STORE_ERROR_SIZE] = "";
        struct store_postgres_options options = {
                .uri = uri, .clock = &million->clock, .wall = &million->clock, .random = &million->random};
        struct store_postgres *postgres = NULL;
        bool good =
                postgres_run(uri, "SET client_min_messages = warning; DROP SCHEMA public CASCADE; CREATE SCHEMA public") &&
                store_postgres_migrate(&options, false, tell, NULL, text) == ERR_OK &&
                store_postgres_new(&options, &postgres, text) == ERR_OK &&
                store_postgres_open(postgres, &million->store) == ERR_OK;

        if (!good)
                fprintf(stderr, "million: %s\n", text);
        good = good && run(million, store_postgres_era(postgres));
        if (million->store)
                million->store->ops->free(&million->store);
        store_postgres_free(&postgres);
        arena_finish(&million->arena);
        memory_free(million);
        return good;
}

bool workload_million(const struct workload_options *options, struct report *report)
{
        const char *uri = getenv("ENGINES_POSTGRES");

        if (options->part && strcmp(options->part, "postgres") == 0)
                return uri && run_postgres(uri, report);
        return run_sqlite(options->folder, report) && (!uri || run_postgres(uri, report));
}
