/* Drives the inline store with nothing but writes. */
#include "driver/store/limit.h"

#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/memory.h"
#include "crypto/random.h"
#include "driver/store/sqlite.h"
#include "rules/room.h"
#include "rules/row.h"

#define TEXT_SIZE 100

static const struct arena_source heap_source = {memory_new, memory_free};

static uint64_t monotonic_us(struct clock *clock)
{
        struct timespec time;

        (void)clock;
        clock_gettime(CLOCK_MONOTONIC, &time);
        return (uint64_t)time.tv_sec * 1000000 + (uint64_t)time.tv_nsec / 1000;
}

static uint64_t wall_ms(struct clock *clock)
{
        struct timespec time;

        (void)clock;
        clock_gettime(CLOCK_REALTIME, &time);
        return (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000;
}

static void fill(struct random *random, void *bytes, size_t size)
{
        (void)random;
        crypto_random(bytes, size);
}

struct appending {
        struct clock clock;
        struct random random;
        struct store_sqlite *sqlite;
        struct store *store;
        struct arena arena;
        struct store_op ops[STORE_OPS_MAX];
        struct store_result results[STORE_OPS_MAX];
        uint64_t users, device;
};

static bool apply(struct appending *appending, size_t count)
{
        struct completion completion = {.outcome = OUTCOME_FAILED};

        arena_reset(&appending->arena);
        if (appending->store->ops->apply(appending->store, appending->ops, count, appending->results, &appending->arena,
                                         1) != ERR_OK)
                return false;
        return appending->store->ops->poll(appending->store, &completion, 1) == 1 && completion.outcome == OUTCOME_OK &&
               appending->results[0].status == ERR_OK;
}

/* Users 1 … n, each with device 1. Room i is that of users i / 50 and a following one. */
static bool make_users(struct appending *appending)
{
        static char names[STORE_OPS_MAX][32];

        for (uint64_t done = 0; done < appending->users;) {
                size_t count = 0;

                for (; count < 500 && done < appending->users; count++) {
                        struct store_op *op = &appending->ops[count];
                        int size = snprintf(names[count], sizeof(names[0]), "u%llu", (unsigned long long)++done);
                        struct slice name = slice_of(names[count], (size_t)size);

                        *op = (struct store_op){.kind = STORE_IMPORT};
                        op->import.user_name = op->import.name_folded = op->import.email = op->import.email_folded =
                                op->import.display_name = op->import.device_name = name;
                        op->import.password_hash = "";
                        op->import.new_user = done;
                        op->import.new_device = 1;
                }
                if (!apply(appending, count))
                        return false;
        }
        return true;
}

static void plan(struct appending *appending, struct store_op *op, size_t room)
{
        static const uint8_t text[TEXT_SIZE] = "an ordinary message of ordinary length, as people write them to each other";
        uint64_t user = room / 50 % appending->users + 1, peer = (user + room % 50) % appending->users + 1;
        uint8_t random[10];

        crypto_random(random, sizeof(random));
        *op = (struct store_op){.kind = STORE_WRITE, .user = user, .device = 1};
        op->request = id_uuid7(wall_ms(NULL), random);
        op->write.room = room_personal(user, peer);
        op->write.row_kind = ROW_TEXT;
        op->write.text = slice_of(text, strlen((const char *)text));
        op->write.members_known = 1;
}

static double append(struct appending *appending, size_t rooms, size_t batch, double seconds)
{
        uint64_t start_us, end_us, rows = 0;
        size_t room = 0;

        check(rooms > 0);
        /* Every room exists before the clock runs. */
        for (size_t made = 0; made < rooms; made += batch) {
                for (size_t i = 0; i < batch; i++)
                        plan(appending, &appending->ops[i], (made + i) % rooms);
                if (!apply(appending, batch))
                        return 0;
        }
        start_us = monotonic_us(NULL);
        end_us = start_us;
        while ((double)(end_us - start_us) < seconds * 1e6) {
                for (size_t i = 0; i < batch; i++)
                        /* NOLINTNEXTLINE(clang-analyzer-core.DivideZero): it forgets the check above */
                        plan(appending, &appending->ops[i], room++ * 7919 % rooms);
                if (!apply(appending, batch))
                        return 0;
                rows += batch;
                end_us = monotonic_us(NULL);
        }
        return (double)rows * 1e6 / (double)(end_us - start_us);
}

double store_append_limit(const char *folder, size_t rooms, size_t batch, double seconds)
{
        struct appending *appending = memory_new(sizeof(*appending));
        char path[4096], file[4200], text[STORE_ERROR_SIZE];
        static const char *const files[] = {"galka.db", "galka.db-wal", "galka.db-shm", "lock"};
        struct store_sqlite_options options;
        double rate = 0;

        if (!appending)
                return 0;
        check(batch <= STORE_OPS_MAX);
        snprintf(path, sizeof(path), "%.4000s/append-limit", folder);
        mkdir(path, 0700);
        appending->clock = (struct clock){monotonic_us, wall_ms};
        appending->random = (struct random){fill};
        appending->users = rooms / 50 < 100 ? 100 : rooms / 50;
        arena_init(&appending->arena, &heap_source, 1 << 20, 64 << 20);
        options = (struct store_sqlite_options){.folder = path, .clock = &appending->clock, .random = &appending->random};
        if (store_sqlite_new(&options, &appending->sqlite, text) == ERR_OK &&
            store_sqlite_open(appending->sqlite, &appending->store) == ERR_OK && make_users(appending))
                rate = append(appending, rooms, batch, seconds);
        else
                fprintf(stderr, "append limit: %s\n", text);
        if (appending->store)
                appending->store->ops->free(&appending->store);
        store_sqlite_free(&appending->sqlite);
        arena_finish(&appending->arena);
        memory_free(appending);
        for (size_t i = 0; i < countof(files); i++) {
                snprintf(file, sizeof(file), "%s/%s", path, files[i]);
                unlink(file);
        }
        rmdir(path);
        return rate;
}
