/* Drives a store with nothing but writes, and marks if wanted. */
#include "driver/store/limit.h"

#include <poll.h>
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

/* One store with the batch that it has in flight. */
struct lane {
        struct store *store;
        struct arena arena;
        struct store_op ops[STORE_OPS_MAX];
        struct store_result results[STORE_OPS_MAX];
        size_t count;
        bool out;
};

struct loading {
        const struct store_load *load;
        struct lane lanes[STORE_LANES_MAX];
        uint64_t users;
        size_t room, planned;
};

static bool submit(struct lane *lane, size_t count)
{
        arena_reset(&lane->arena);
        lane->count = count;
        lane->out = lane->store->ops->apply(lane->store, lane->ops, count, lane->results, &lane->arena, 1) == ERR_OK;
        return lane->out;
}

/* True if its batch has come back. Sets *failed if it went wrong. */
static bool take(struct lane *lane, bool *failed)
{
        struct completion completion;

        if (!lane->out || lane->store->ops->poll(lane->store, &completion, 1) == 0)
                return false;
        lane->out = false;
        *failed |= completion.outcome != OUTCOME_OK;
        for (size_t i = 0; i < lane->count && !*failed; i++)
                *failed |= lane->results[i].status != ERR_OK;
        return true;
}

static void wait(struct loading *loading)
{
        struct pollfd waiting[STORE_LANES_MAX];
        nfds_t count = 0;

        for (size_t i = 0; i < loading->load->store_count; i++)
                if (loading->lanes[i].out && loading->lanes[i].store->ops->fd(loading->lanes[i].store) >= 0)
                        waiting[count++] =
                                (struct pollfd){loading->lanes[i].store->ops->fd(loading->lanes[i].store), POLLIN, 0};
        if (count)
                poll(waiting, count, 1000);
}

static bool apply(struct loading *loading, size_t count)
{
        struct lane *lane = &loading->lanes[0];
        bool failed = !submit(lane, count);

        while (!failed && !take(lane, &failed))
                wait(loading);
        return !failed;
}

/* Users 1 … n, each with device 1. Room i is that of users i / 50 and a following one. */
static bool make_users(struct loading *loading)
{
        static char names[STORE_OPS_MAX][32];

        for (uint64_t done = 0; done < loading->users;) {
                size_t count = 0;

                for (; count < 500 && done < loading->users; count++) {
                        struct store_op *op = &loading->lanes[0].ops[count];
                        int size = snprintf(names[count], sizeof(names[0]), "u%llu", (unsigned long long)++done);
                        struct slice name = slice_of(names[count], (size_t)size);

                        *op = (struct store_op){.kind = STORE_IMPORT};
                        op->import.user_name = op->import.name_folded = op->import.email = op->import.email_folded =
                                op->import.display_name = op->import.device_name = name;
                        op->import.password_hash = "";
                        op->import.new_user = done;
                        op->import.new_device = 1;
                }
                if (!apply(loading, count))
                        return false;
        }
        return true;
}

static void plan(struct loading *loading, struct store_op *op, size_t room, bool mark)
{
        static const uint8_t text[TEXT_SIZE] = "an ordinary message of ordinary length, as people write them to each other";
        uint64_t user = room / 50 % loading->users + 1, peer = (user + room % 50) % loading->users + 1;
        uint8_t random[10];

        crypto_random(random, sizeof(random));
        *op = (struct store_op){.kind = mark ? STORE_MARK : STORE_WRITE, .user = mark ? peer : user, .device = 1};
        op->request = id_uuid7(wall_ms(NULL), random);
        if (mark) {
                op->mark.room = room_personal(user, peer);
                op->mark.delivered = op->mark.read = op->mark.shown = UINT64_MAX;
                op->mark.members_known = 1;
                return;
        }
        op->write.room = room_personal(user, peer);
        op->write.row_kind = ROW_TEXT;
        op->write.text = slice_of(text, strlen((const char *)text));
        op->write.members_known = 1;
}

/* Every room exists before the clock runs. */
static bool make_rooms(struct loading *loading)
{
        struct lane *lane = &loading->lanes[0];

        for (size_t made = 0, count; made < loading->load->rooms; made += count) {
                for (count = 0; count < 500 && made + count < loading->load->rooms; count++) {
                        plan(loading, &lane->ops[count], made + count, false);
                        lane->ops[count].write.members_known = 0;
                }
                if (!apply(loading, count))
                        return false;
        }
        return true;
}

static bool go_on(struct loading *loading, struct lane *lane)
{
        const struct store_load *load = loading->load;

        for (size_t i = 0; i < load->batch; i++) {
                bool mark = load->marks_every && ++loading->planned % load->marks_every == 0;

                /* A mark is for the room that was written last. */
                plan(loading, &lane->ops[i], (mark ? loading->room : ++loading->room) * 7919 % load->rooms, mark);
        }
        return submit(lane, load->batch);
}

static double run(struct loading *loading)
{
        uint64_t start_us = monotonic_us(NULL), end_us = start_us, done = 0;
        bool failed = false;

        while ((double)(end_us - start_us) < loading->load->seconds * 1e6 && !failed) {
                bool idle = true;

                for (size_t i = 0; i < loading->load->store_count && !failed; i++) {
                        struct lane *lane = &loading->lanes[i];

                        if (take(lane, &failed)) {
                                done += lane->count;
                                idle = false;
                        }
                        if (!lane->out && !failed)
                                failed = !go_on(loading, lane);
                }
                if (idle)
                        wait(loading);
                end_us = monotonic_us(NULL);
        }
        for (size_t i = 0; i < loading->load->store_count && !failed; i++)
                while (loading->lanes[i].out && !failed && !take(&loading->lanes[i], &failed))
                        wait(loading);
        return failed ? 0 : (double)done * 1e6 / (double)(end_us - start_us);
}

double store_load_rate(const struct store_load *load)
{
        struct loading *loading = memory_new(sizeof(*loading));
        double rate = 0;

        if (!loading)
                return 0;
        check(load->batch > 0 && load->batch <= STORE_OPS_MAX && load->store_count <= STORE_LANES_MAX && load->rooms > 0);
        loading->load = load;
        loading->users = load->rooms / 50 < 100 ? 100 : load->rooms / 50;
        for (size_t i = 0; i < load->store_count; i++) {
                loading->lanes[i].store = load->stores[i];
                arena_init(&loading->lanes[i].arena, &heap_source, 1 << 20, 64 << 20);
        }
        if (load->again || (make_users(loading) && make_rooms(loading)))
                rate = run(loading);
        for (size_t i = 0; i < load->store_count; i++)
                arena_finish(&loading->lanes[i].arena);
        memory_free(loading);
        return rate;
}

double store_append_limit(const char *folder, size_t rooms, size_t batch, double seconds)
{
        static const char *const files[] = {"galka.db", "galka.db-wal", "galka.db-shm", "lock"};
        char path[4096], file[4200], text[STORE_ERROR_SIZE] = "";
        struct clock clock = {monotonic_us, wall_ms};
        struct random random = {fill};
        const struct store_sqlite_options options = {.folder = path, .clock = &clock, .random = &random};
        struct store_load load = {.store_count = 1, .rooms = rooms, .batch = batch, .seconds = seconds};
        struct store_sqlite *sqlite = NULL;
        double rate = 0;

        snprintf(path, sizeof(path), "%.4000s/append-limit", folder);
        mkdir(path, 0700);
        if (store_sqlite_new(&options, &sqlite, text) == ERR_OK && store_sqlite_open(sqlite, &load.stores[0]) == ERR_OK)
                rate = store_load_rate(&load);
        if (rate <= 0)
                fprintf(stderr, "append limit: %s\n", text);
        if (load.stores[0])
                load.stores[0]->ops->free(&load.stores[0]);
        store_sqlite_free(&sqlite);
        for (size_t i = 0; i < countof(files); i++) {
                snprintf(file, sizeof(file), "%s/%s", path, files[i]);
                unlink(file);
        }
        rmdir(path);
        return rate;
}
