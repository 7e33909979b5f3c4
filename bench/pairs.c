/*
 * pairs: 400 users in personal rooms. Closed loop: each user keeps one message under way in each of four rooms, and sends the next
 * when it is acknowledged, which is after its commit. Open loop: 1000 messages a second in all, timed from the moment each was due
 * to its arrival at the other user. Marks are on: every user reads what arrives.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "driver/store/limit.h"
#include "histogram.h"
#include "limit.h"
#include "load.h"
#include "rules/room.h"
#include "workload.h"

#define USERS         400
#define SLOTS         4  /* messages under way of one user */
#define FEW_PARTNERS  2  /* each writes to the next two and gets from two: 800 rooms */
#define MANY_PARTNERS 50 /* 20,000 rooms */
#define TEXT_SIZE     100
#define JOIN_SECONDS  20
#define WARM_SECONDS  2.0
#define FEW_SECONDS   8.0
#define MANY_SECONDS  6.0
#define OPEN_SECONDS  6.0
#define OPEN_RATE     1000
#define LIMIT_SECONDS 2.0

struct slot {
        struct id id;
        uint64_t sent_us;
        bool busy;
};

struct writer {
        struct load_user *user;
        struct slot slots[SLOTS];
        uint32_t next_partner;
};

struct pairs {
        struct load load;
        struct process process;
        struct process_user users[USERS];
        struct writer writers[USERS];
        uint32_t partners; /* rooms of each user: half of them begun by him */
        bool closed;       /* send again when acknowledged */
        uint64_t acknowledged, delivered, failed;
        struct histogram to_ack, to_delivery;
        bool timing;
        uint64_t ready_us;
};

static double seconds_now(struct pairs *pairs)
{
        return (double)load_now_us(&pairs->load) / 1e6;
}

/* The text carries when it was due, so that the receiver can tell how long it took. */
static size_t make_text(char text[TEXT_SIZE + 1], uint64_t due_us)
{
        memset(text, '.', TEXT_SIZE);
        snprintf(text, 21, "%020" PRIu64, due_us);
        text[20] = ' ';
        return TEXT_SIZE;
}

/* The user's n-th partner: the next ones, then the ones before him. */
static uint32_t partner_of(const struct pairs *pairs, uint32_t index, uint32_t n)
{
        uint32_t half = pairs->partners / 2;

        n %= pairs->partners;
        return n < half ? (index + 1 + n) % USERS : (index + USERS - 1 - (n - half)) % USERS;
}

static void send_one(struct pairs *pairs, uint32_t index, struct slot *slot, uint64_t due_us)
{
        struct writer *writer = &pairs->writers[index];
        uint32_t partner = partner_of(pairs, index, writer->next_partner++);
        struct id room = room_personal(pairs->users[index].user, pairs->users[partner].user);
        char text[TEXT_SIZE + 1];
        struct id id;
        size_t size = make_text(text, due_us);

        if (load_send(writer->user, &room, slice_of(text, size), &id) != ERR_OK) {
                pairs->failed++;
                return;
        }
        if (slot)
                *slot = (struct slot){id, due_us, true};
}

static void on_acknowledged(void *context, struct load_user *from, const struct id *room, const struct id *id, uint64_t seq)
{
        struct pairs *pairs = context;
        struct writer *writer = &pairs->writers[from->index];

        (void)room, (void)seq;
        pairs->acknowledged++;
        for (int i = 0; i < SLOTS; i++) {
                struct slot *slot = &writer->slots[i];

                if (!slot->busy || !id_equal(&slot->id, id))
                        continue;
                slot->busy = false;
                if (pairs->timing)
                        histogram_add(&pairs->to_ack, load_now_us(&pairs->load) - slot->sent_us);
        }
}

static void on_row(void *context, struct load_user *to, const struct id *room, const struct wire_row *row)
{
        struct pairs *pairs = context;
        char digits[21] = "";
        uint64_t due_us;

        (void)room;
        if (row->sender == to->user || row->text.size != TEXT_SIZE)
                return;
        pairs->delivered++;
        memcpy(digits, row->text.data, 20);
        due_us = strtoull(digits, NULL, 10);
        if (pairs->timing && due_us >= pairs->ready_us)
                histogram_add(&pairs->to_delivery, load_now_us(&pairs->load) - due_us);
}

static void on_failed(void *context, struct load_user *from, const struct id *room, const struct id *id, enum error error)
{
        struct pairs *pairs = context;

        (void)room, (void)id;
        if (pairs->failed++ == 0)
                fprintf(stderr, "user %u: a message failed: %s\n", from->index, error_text(error));
}

/* Every idle slot sends again. */
static void fill_slots(struct pairs *pairs)
{
        uint64_t now_us = load_now_us(&pairs->load);

        for (uint32_t i = 0; i < USERS; i++)
                for (int j = 0; j < SLOTS; j++)
                        if (!pairs->writers[i].slots[j].busy)
                                send_one(pairs, i, &pairs->writers[i].slots[j], now_us);
}

static bool join_all(struct pairs *pairs)
{
        double end;

        for (uint32_t i = 0; i < USERS; i++) {
                struct process_user *user = &pairs->users[i];

                pairs->writers[i].user = load_add(&pairs->load, user->user, user->device, user->token);
                if (!pairs->writers[i].user)
                        return false;
        }
        end = seconds_now(pairs) + JOIN_SECONDS;
        while (pairs->load.ready_count < USERS && seconds_now(pairs) < end)
                load_turn(&pairs->load, 10);
        if (pairs->load.ready_count < USERS)
                fprintf(stderr, "only %u of %u users joined\n", pairs->load.ready_count, USERS);
        return pairs->load.ready_count == USERS;
}

static void quiet_down(struct pairs *pairs)
{
        double end = seconds_now(pairs) + 10;
        bool busy = true;

        while (busy && seconds_now(pairs) < end) {
                load_turn(&pairs->load, 5);
                busy = false;
                for (uint32_t i = 0; i < USERS && !busy; i++)
                        for (int j = 0; j < SLOTS; j++)
                                busy = busy || pairs->writers[i].slots[j].busy;
        }
}

struct measured {
        double messages_per_second, delivered_per_second, ack_p50_ms, ack_p99_ms;
        double server_cpu_us; /* of one message */
};

/* Each user first writes once in each of his rooms, so that none is new while measuring; then the closed loop. */
static struct measured closed_loop(struct pairs *pairs, uint32_t partners, double seconds)
{
        struct measured measured = {0};
        uint64_t acknowledged, delivered;
        double start, cpu;

        pairs->partners = partners;
        for (uint32_t round = 0; round < partners; round += SLOTS) {
                fill_slots(pairs);
                quiet_down(pairs);
        }
        start = seconds_now(pairs);
        while (seconds_now(pairs) < start + WARM_SECONDS) {
                fill_slots(pairs);
                load_turn(&pairs->load, 5);
        }
        acknowledged = pairs->acknowledged;
        delivered = pairs->delivered;
        pairs->to_ack = (struct histogram){0};
        pairs->timing = true;
        cpu = process_cpu_s(&pairs->process);
        start = seconds_now(pairs);
        while (seconds_now(pairs) < start + seconds) {
                fill_slots(pairs);
                load_turn(&pairs->load, 5);
        }
        seconds = seconds_now(pairs) - start;
        pairs->timing = false;
        measured.messages_per_second = (double)(pairs->acknowledged - acknowledged) / seconds;
        measured.delivered_per_second = (double)(pairs->delivered - delivered) / seconds;
        measured.server_cpu_us = (process_cpu_s(&pairs->process) - cpu) * 1e6 / (double)(pairs->acknowledged - acknowledged);
        measured.ack_p50_ms = (double)histogram_quantile(&pairs->to_ack, 0.50) / 1e3;
        measured.ack_p99_ms = (double)histogram_quantile(&pairs->to_ack, 0.99) / 1e3;
        quiet_down(pairs);
        return measured;
}

/* OPEN_RATE messages a second in all, each due at its own moment, whatever became of those before. */
static double open_loop_p99_ms(struct pairs *pairs)
{
        uint64_t start_us = load_now_us(&pairs->load);
        uint64_t sent = 0;

        pairs->partners = 2 * FEW_PARTNERS;
        pairs->to_delivery = (struct histogram){0};
        pairs->ready_us = start_us + (uint64_t)(WARM_SECONDS * 1e6);
        pairs->timing = true;
        while (load_now_us(&pairs->load) < start_us + (uint64_t)((WARM_SECONDS + OPEN_SECONDS) * 1e6)) {
                uint64_t due_us = start_us + sent * 1000000 / OPEN_RATE;

                for (; due_us <= load_now_us(&pairs->load); due_us = start_us + sent * 1000000 / OPEN_RATE)
                        send_one(pairs, (uint32_t)(sent++ * 7 % USERS), NULL, due_us);
                load_turn(&pairs->load, 1);
        }
        for (int i = 0; i < 100; i++)
                load_turn(&pairs->load, 5);
        pairs->timing = false;
        return (double)histogram_quantile(&pairs->to_delivery, 0.99) / 1e3;
}

static bool begin(struct pairs *pairs, const struct workload_options *options)
{
        static const char *const addresses[] = {"127.0.0.1", NULL};
        static const char *const arguments[] = {"--connection-frames", "100000", "--user-frames", "100000", NULL};

        if (!process_init(&pairs->process, options->galkad, options->folder) ||
            !process_import(&pairs->process, "pair", USERS, pairs->users) ||
            !process_start(&pairs->process, "127.0.0.1", arguments))
                return false;
        if (load_init(&pairs->load, USERS, addresses, pairs->process.port) != ERR_OK)
                return false;
        pairs->load.listener = (struct load_listener){
                .acknowledged = on_acknowledged, .row = on_row, .failed = on_failed, .context = pairs};
        return join_all(pairs);
}

static void report_pairs(struct pairs *pairs, struct report *report, const struct measured *few, const struct measured *many,
                         double p99_ms)
{
        static struct histogram syncs;
        double sync_rate, echo, append_few, append_many, sync_p99_ms;

        sync_rate = limit_fdatasync(pairs->process.folder, LIMIT_SECONDS, &syncs);
        sync_p99_ms = (double)histogram_quantile(&syncs, 0.99) / 1e3;
        append_few = store_append_limit(pairs->process.folder, 2 * FEW_PARTNERS * USERS / 2, 400, LIMIT_SECONDS);
        append_many = store_append_limit(pairs->process.folder, MANY_PARTNERS * USERS, 400, LIMIT_SECONDS);
        echo = limit_echo(200, LIMIT_SECONDS);
        report_add(report, "pairs.messages_per_second", few->messages_per_second, "1/s", append_few,
                   "rows/s appended by the same schema, 800 rooms");
        report_add(report, "pairs.messages_per_second_20000_rooms", many->messages_per_second, "1/s", append_many,
                   "rows/s appended by the same schema, 20,000 rooms");
        report_add(report, "pairs.p99_ms_at_1000", p99_ms, "ms", sync_p99_ms, "p99 of one fdatasync");
        report_add(report, "pairs.delivered_per_second", few->delivered_per_second, "1/s", echo,
                   "bare epoll echo round trips/s, 200 connections");
        report_add(report, "pairs.ack_p50_ms", few->ack_p50_ms, "ms", 0, "closed loop, 1600 under way");
        report_add(report, "pairs.ack_p99_ms", few->ack_p99_ms, "ms", 0, "closed loop, 1600 under way");
        report_add(report, "pairs.server_cpu_us_per_message", few->server_cpu_us, "us", 0, "all threads, marks included");
        report_add(report, "pairs.fdatasync_per_second", sync_rate, "1/s", 0, "4 KiB writes in the same folder");
        report_add(report, "pairs.failed", (double)pairs->failed, "", 0, "messages refused or given up");
}

bool workload_pairs(const struct workload_options *options, struct report *report)
{
        static struct pairs pairs;
        struct measured few, many;
        bool good = begin(&pairs, options);

        if (good) {
                double p99_ms;

                few = closed_loop(&pairs, 2 * FEW_PARTNERS, FEW_SECONDS);
                p99_ms = open_loop_p99_ms(&pairs);
                many = closed_loop(&pairs, 2 * MANY_PARTNERS, MANY_SECONDS);
                process_stop(&pairs.process, SIGTERM);
                report_pairs(&pairs, report, &few, &many, p99_ms);
        }
        if (pairs.load.users)
                load_finish(&pairs.load);
        process_finish(&pairs.process);
        return good;
}
