/*
 * pairs: 400 users in personal rooms. Closed loop: each user keeps one message under way in each of four rooms, and sends the next
 * when it is acknowledged, which is after its commit. Open loop: 1000 messages a second in all, timed from the moment each was due
 * to its arrival at the other user; how late the generator itself was is told beside it. Marks are on: every user reads what
 * arrives.
 *
 * Of a cluster also the instructions a message (instructions.h), in a run of its own with fewer users, since counting is slow.
 *
 * Every message carries its number. At the end each number must have been acknowledged, have arrived exactly once, and lie in the
 * database (galkad check: as many rows as messages, no log with a gap); else there is no figure.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "cluster.h"
#include "histogram.h"
#include "instructions.h"
#include "limit.h"
#include "load.h"
#include "pairs_report.h"
#include "rules/room.h"
#include "workload.h"

#define COUNTED_USERS 80 /* while instructions are counted, which is slow */
#define SLOTS         4  /* messages under way of one user */
#define TEXT_SIZE     100
#define JOIN_SECONDS  20
#define WARM_SECONDS  2.0
#define KAFKA_SECONDS 50.0 /* of a cluster, before all: until Java has compiled what is called often */
#define FEW_SECONDS   8.0
#define MANY_SECONDS  6.0
#define OPEN_SECONDS  6 /* as many turns of a second */
#define OPEN_RATE     1000
#define WARM_BURSTS   3
#define COUNT_BURSTS  25
#define IDLE_SECONDS  8.0
#define MARKS_SECONDS 0.3 /* until the marks of a burst have been taken, too */
#define PAUSE_SECONDS 0.2
#define SYNC_SECONDS  0.33
#define MESSAGES_MAX  4000000
#define NUMBER_AT     20 /* in the text: 20 digits of time, 12 of number */
#define NUMBER_SIZE   12

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
        struct cluster *cluster; /* NULL: the process is the server */
        struct process_user users[PAIRS_USERS];
        struct writer writers[PAIRS_USERS];
        uint32_t user_count;
        uint32_t partners; /* rooms of each user: half of them begun by him */
        bool closed;       /* send again when acknowledged */
        uint64_t sent, acknowledged, delivered, failed;
        uint8_t *arrived; /* by number: how often, up to 255 */
        struct histogram to_ack, to_delivery, late;
        bool timing;
};

static double seconds_now(struct pairs *pairs)
{
        return (double)load_now_us(&pairs->load) / 1e6;
}

/* Seconds of the server so far; of a cluster, by part besides. */
static double server_cpu_s(const struct pairs *pairs, struct cluster_cpu *cpu)
{
        static const struct cluster_cpu none;

        if (!pairs->cluster)
                return process_cpu_s(&pairs->process);
        *cpu = cluster_cpu_now(pairs->cluster);
        return cluster_cpu_of_servers(&none, cpu);
}

/* The text carries when it was due and its number, so that the receiver can tell how long it took and that it is the first. */
static size_t make_text(char text[TEXT_SIZE + 1], uint64_t due_us, uint64_t number)
{
        int size = snprintf(text, TEXT_SIZE + 1, "%020" PRIu64 "%012" PRIu64, due_us, number);

        memset(text + size, '.', (size_t)(TEXT_SIZE - size));
        return TEXT_SIZE;
}

static uint64_t read_number(const uint8_t *digits, size_t size)
{
        char copy[24] = "";

        check(size < sizeof(copy));
        memcpy(copy, digits, size);
        return strtoull(copy, NULL, 10);
}

/* The user's n-th partner: the next ones, then the ones before him. */
static uint32_t partner_of(const struct pairs *pairs, uint32_t index, uint32_t n)
{
        uint32_t half = pairs->partners / 2;

        n %= pairs->partners;
        return n < half ? (index + 1 + n) % pairs->user_count
                        : (index + pairs->user_count - 1 - (n - half)) % pairs->user_count;
}

static void send_one(struct pairs *pairs, uint32_t index, struct slot *slot, uint64_t due_us)
{
        struct writer *writer = &pairs->writers[index];
        uint32_t partner = partner_of(pairs, index, writer->next_partner++);
        struct id room = room_personal(pairs->users[index].user, pairs->users[partner].user);
        char text[TEXT_SIZE + 1];
        struct id id;
        size_t size = make_text(text, due_us, pairs->sent);

        if (pairs->sent == MESSAGES_MAX || load_send(writer->user, &room, slice_of(text, size), &id) != ERR_OK) {
                pairs->failed++;
                return;
        }
        pairs->sent++;
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
        uint64_t due_us, number;

        (void)room;
        if (row->sender == to->user || row->text.size != TEXT_SIZE)
                return;
        pairs->delivered++;
        due_us = read_number(row->text.data, NUMBER_AT);
        number = read_number(row->text.data + NUMBER_AT, NUMBER_SIZE);
        if (number < MESSAGES_MAX && pairs->arrived[number] < UINT8_MAX)
                pairs->arrived[number]++;
        if (pairs->timing)
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

        for (uint32_t i = 0; i < pairs->user_count; i++)
                for (int j = 0; j < SLOTS; j++)
                        if (!pairs->writers[i].slots[j].busy)
                                send_one(pairs, i, &pairs->writers[i].slots[j], now_us);
}

static bool join_all(struct pairs *pairs)
{
        double end;

        for (uint32_t i = 0; i < pairs->user_count; i++) {
                struct process_user *user = &pairs->users[i];

                pairs->writers[i].user = load_add(&pairs->load, user->user, user->device, user->token);
                if (!pairs->writers[i].user)
                        return false;
        }
        end = seconds_now(pairs) + JOIN_SECONDS;
        while (pairs->load.ready_count < pairs->user_count && seconds_now(pairs) < end)
                load_turn(&pairs->load, 10);
        if (pairs->load.ready_count < pairs->user_count)
                fprintf(stderr, "only %u of %u users joined\n", pairs->load.ready_count, pairs->user_count);
        return pairs->load.ready_count == pairs->user_count;
}

static bool all_arrived(const struct pairs *pairs)
{
        return pairs->acknowledged >= pairs->sent && pairs->delivered >= pairs->sent;
}

/* Until everything sent is acknowledged and has arrived. */
static void quiet_down(struct pairs *pairs)
{
        double end = seconds_now(pairs) + 10;

        while (!all_arrived(pairs) && seconds_now(pairs) < end)
                load_turn(&pairs->load, 5);
}

static double quantile_ms(const struct histogram *histogram, double share)
{
        return (double)histogram_quantile(histogram, share) / 1e3;
}

/* Each user writes once in each of his rooms, so that none is new while measuring. */
static void open_rooms(struct pairs *pairs)
{
        for (uint32_t round = 0; round < pairs->partners; round += SLOTS) {
                fill_slots(pairs);
                quiet_down(pairs);
        }
}

/* Returns how long it took. */
static double run_closed(struct pairs *pairs, double seconds)
{
        double start = seconds_now(pairs);

        while (seconds_now(pairs) < start + seconds) {
                fill_slots(pairs);
                load_turn(&pairs->load, 5);
        }
        return seconds_now(pairs) - start;
}

static struct pairs_measured closed_loop(struct pairs *pairs, uint32_t partners, double seconds)
{
        struct pairs_measured measured = {0};
        uint64_t acknowledged, delivered, marks;
        double cpu;

        pairs->partners = partners;
        open_rooms(pairs);
        run_closed(pairs, WARM_SECONDS);
        pairs->to_ack = (struct histogram){0};
        pairs->timing = true;
        acknowledged = pairs->acknowledged;
        delivered = pairs->delivered;
        marks = pairs->load.frames_sent[WIRE_CODE_mark];
        cpu = server_cpu_s(pairs, &measured.cpu[0]);
        seconds = run_closed(pairs, seconds);
        cpu = server_cpu_s(pairs, &measured.cpu[1]) - cpu;
        pairs->timing = false;
        measured.messages = acknowledged = pairs->acknowledged - acknowledged;
        measured.messages_per_second = (double)acknowledged / seconds;
        measured.delivered_per_second = (double)(pairs->delivered - delivered) / seconds;
        measured.marks_per_second = (double)(pairs->load.frames_sent[WIRE_CODE_mark] - marks) / seconds;
        measured.server_cpu_us = cpu * 1e6 / (double)acknowledged;
        measured.ack_p50_ms = quantile_ms(&pairs->to_ack, 0.50);
        measured.ack_p99_ms = quantile_ms(&pairs->to_ack, 0.99);
        quiet_down(pairs);
        return measured;
}

/* OPEN_RATE messages a second in all, each due at its own moment, whatever became of those before; until all have arrived. */
static void run_open(struct pairs *pairs, double seconds)
{
        uint64_t start_us = load_now_us(&pairs->load), now_us, count = 0;

        while ((now_us = load_now_us(&pairs->load)) < start_us + (uint64_t)(seconds * 1e6)) {
                uint64_t due_us = start_us + count * 1000000 / OPEN_RATE;

                if (due_us > now_us) {
                        load_turn_until(&pairs->load, due_us);
                        continue;
                }
                if (pairs->timing)
                        histogram_add(&pairs->late, now_us - due_us);
                send_one(pairs, (uint32_t)(count++ * 7 % pairs->user_count), NULL, due_us);
                load_turn(&pairs->load, 0);
        }
        quiet_down(pairs);
}

static void run_idle(struct pairs *pairs, double seconds)
{
        double end = seconds_now(pairs) + seconds;

        while (seconds_now(pairs) < end)
                load_turn(&pairs->load, 5);
}

/* The limit is measured in turns with the figure: so what else goes on on the machine, or on its host, shows in both. */
static struct pairs_latency open_loop(struct pairs *pairs, unsigned seconds)
{
        struct pairs_latency latency = {.messages = (uint64_t)OPEN_RATE * seconds};
        uint64_t marks;
        double cpu;

        pairs->partners = 2 * PAIRS_FEW_PARTNERS;
        open_rooms(pairs);
        run_open(pairs, WARM_SECONDS);
        pairs->to_delivery = pairs->late = (struct histogram){0};
        pairs->timing = true;
        marks = pairs->load.frames_sent[WIRE_CODE_mark];
        cpu = server_cpu_s(pairs, &latency.cpu[0]);
        for (unsigned i = 0; i < seconds; i++) {
                run_idle(pairs, PAUSE_SECONDS); /* marks that fell due while syncs were measured */
                run_open(pairs, 1);
                latency.syncs_per_second += limit_fdatasync(pairs->process.folder, SYNC_SECONDS, &latency.syncs) / seconds;
        }
        pairs->timing = false;
        latency.server_cpu_us = (server_cpu_s(pairs, &latency.cpu[1]) - cpu) * 1e6 / (double)latency.messages;
        latency.marks_per_second = (double)(pairs->load.frames_sent[WIRE_CODE_mark] - marks) / seconds;
        latency.p50_ms = quantile_ms(&pairs->to_delivery, 0.50);
        latency.p99_ms = quantile_ms(&pairs->to_delivery, 0.99);
        latency.p999_ms = quantile_ms(&pairs->to_delivery, 0.999);
        latency.late_p99_ms = quantile_ms(&pairs->late, 0.99);
        return latency;
}

struct counted {
        struct instructions_count idle, busy;
        uint64_t messages;
        double marks; /* a message */
};

/* Between two counts of frames by code nothing was sent but messages, each once, and marks; so no role had other work than they make.
 * (Pings are answered by frontends; there are few.) False, having said what else there was. */
static bool only_messages(const uint64_t before[256], const uint64_t after[256], uint64_t messages)
{
        bool good = after[WIRE_CODE_write] - before[WIRE_CODE_write] == messages;

        for (int code = 0; code < 256; code++)
                good &= after[code] == before[code] || code == WIRE_CODE_write || code == WIRE_CODE_mark ||
                        code == WIRE_CODE_ping;
        if (!good)
                fprintf(stderr,
                        "while instructions were counted, users sent more than %" PRIu64 " messages and their marks\n",
                        messages);
        return good;
}

/* Each user writes at once to those after him, in the next burst to those before him; the next comes when all have arrived and are
 * marked. So it hardly depends on the speed of a role what it finds together, and each message has its one mark: no reader has written
 * after it himself. False, having said so, if they do not arrive. */
static bool run_bursts(struct pairs *pairs, unsigned bursts)
{
        while (bursts-- > 0 && all_arrived(pairs)) {
                uint64_t now_us = load_now_us(&pairs->load);

                for (uint32_t i = 0; i < pairs->user_count; i++)
                        for (int j = 0; j < PAIRS_FEW_PARTNERS; j++)
                                send_one(pairs, i, NULL, now_us);
                quiet_down(pairs);
                run_idle(pairs, MARKS_SECONDS);
        }
        if (!all_arrived(pairs))
                fprintf(stderr, "while instructions were counted, messages did not arrive\n");
        return all_arrived(pairs);
}

/* Counts while nobody writes, then in bursts. */
static bool count_instructions(struct pairs *pairs, struct counted *counted)
{
        struct instructions instructions;
        struct instructions_count warm;
        uint64_t frames[256], sent;

        pairs->partners = 2 * PAIRS_FEW_PARTNERS;
        open_rooms(pairs);
        if (!instructions_begin(&instructions, pairs->cluster))
                return false;
        if (!run_bursts(pairs, WARM_BURSTS) || !instructions_take(&instructions, &warm))
                return false;
        run_idle(pairs, IDLE_SECONDS);
        if (!instructions_take(&instructions, &counted->idle))
                return false;
        memcpy(frames, pairs->load.frames_sent, sizeof(frames));
        sent = pairs->sent;
        if (!run_bursts(pairs, COUNT_BURSTS) || !instructions_take(&instructions, &counted->busy))
                return false;
        counted->messages = pairs->sent - sent;
        counted->marks =
                (double)(pairs->load.frames_sent[WIRE_CODE_mark] - frames[WIRE_CODE_mark]) / (double)counted->messages;
        return only_messages(frames, pairs->load.frames_sent, counted->messages);
}

static bool start_server(struct pairs *pairs)
{
        static const char *const arguments[] = {"--connection-frames", "100000", "--user-frames", "100000", NULL};

        return process_import(&pairs->process, "pair", pairs->user_count, pairs->users) &&
               process_start(&pairs->process, "127.0.0.1", arguments);
}

static bool find_cluster(struct pairs *pairs)
{
        static struct cluster cluster;

        if (!cluster_init(&cluster))
                return false;
        pairs->cluster = &cluster;
        pairs->process.config = cluster.config;
        return process_import(&pairs->process, "pair", pairs->user_count, pairs->users);
}

static bool begin(struct pairs *pairs, const struct workload_options *options)
{
        static const char *const own_addresses[] = {"127.0.0.1", NULL};
        const char *const *addresses;

        if (!process_init(&pairs->process, options->galkad, options->folder) ||
            !(options->cluster ? find_cluster(pairs) : start_server(pairs)))
                return false;
        pairs->arrived = calloc(MESSAGES_MAX, 1);
        addresses = pairs->cluster ? pairs->cluster->addresses : own_addresses;
        if (!pairs->arrived || load_init(&pairs->load, pairs->user_count, addresses,
                                         pairs->cluster ? pairs->cluster->port : pairs->process.port) != ERR_OK)
                return false;
        pairs->load.listener = (struct load_listener){
                .acknowledged = on_acknowledged, .row = on_row, .failed = on_failed, .context = pairs};
        return join_all(pairs);
}

/* Everything sent was acknowledged, arrived once, and is in the store. */
static bool verify(struct pairs *pairs)
{
        uint64_t missing = 0, doubled = 0, rows = 0;

        for (uint64_t i = 0; i < pairs->sent; i++) {
                missing += pairs->arrived[i] == 0;
                doubled += pairs->arrived[i] > 1;
        }
        if (process_check(&pairs->process, &rows) && rows == pairs->sent && pairs->acknowledged == pairs->sent && !missing &&
            !doubled && !pairs->failed)
                return true;
        fprintf(stderr,
                "pairs: not all is well: sent %" PRIu64 ", acknowledged %" PRIu64 ", failed %" PRIu64
                ", never arrived %" PRIu64 ", arrived twice %" PRIu64 ", rows in the store %" PRIu64 "\n",
                pairs->sent, pairs->acknowledged, pairs->failed, missing, doubled, rows);
        return false;
}

static bool wants(const struct workload_options *options, const char *part)
{
        return !options->part || strstr(options->part, part);
}

/* A cluster's once what the load before has written is on the disk: that takes the disk to itself for a third of a second whenever the
 * kernel comes to it, which belongs to that load. False, having said why. */
static bool measure_latency(struct pairs *pairs, const struct workload_options *options, struct pairs_latency *latency)
{
        if (pairs->cluster && !cluster_settle(pairs->cluster))
                return false;
        *latency = open_loop(pairs, options->seconds ? options->seconds : OPEN_SECONDS);
        return true;
}

static bool measure_speed(struct pairs *pairs, const struct workload_options *options, struct report *report)
{
        struct pairs_measured few = {0}, many = {0};
        const char *folder = pairs->cluster ? NULL : pairs->process.folder;
        static struct pairs_latency latency;
        bool good = true;

        run_closed(pairs, pairs->cluster ? KAFKA_SECONDS : 0);
        if (wants(options, "few"))
                few = closed_loop(pairs, 2 * PAIRS_FEW_PARTNERS, FEW_SECONDS);
        if (wants(options, "latency"))
                good = measure_latency(pairs, options, &latency);
        if (wants(options, "many"))
                many = closed_loop(pairs, 2 * PAIRS_MANY_PARTNERS, MANY_SECONDS);
        if (!good || !(pairs->cluster || process_stop(&pairs->process, SIGTERM) == 0) || !verify(pairs))
                return false;
        if (wants(options, "few"))
                pairs_report_few(report, &few, folder);
        if (wants(options, "many"))
                pairs_report_many(report, &many, folder);
        if (wants(options, "latency"))
                pairs_report_latency(report, &latency);
        if (pairs->cluster)
                pairs_report_cluster(report, pairs->cluster, &few, &latency);
        report_add(report, "pairs.verified", (double)pairs->sent, "", 0, "messages acknowledged, committed, delivered once");
        return true;
}

static bool measure_instructions(struct pairs *pairs, struct report *report)
{
        struct counted counted;

        return count_instructions(pairs, &counted) && verify(pairs) &&
               instructions_report(report, &counted.idle, &counted.busy, counted.messages, counted.marks);
}

bool workload_pairs(const struct workload_options *options, struct report *report)
{
        static struct pairs pairs = {.partners = 2 * PAIRS_FEW_PARTNERS};
        bool counts = options->part && strcmp(options->part, "instructions") == 0, good;

        if (counts && !options->cluster) {
                fprintf(stderr, "instructions are counted in a cluster: make bench CLUSTER=1 WORKLOAD=pairs\n");
                return false;
        }
        pairs.user_count = counts ? COUNTED_USERS : PAIRS_USERS;
        good = begin(&pairs, options) &&
               (counts ? measure_instructions(&pairs, report) : measure_speed(&pairs, options, report));
        if (pairs.load.users)
                load_finish(&pairs.load);
        process_finish(&pairs.process);
        free(pairs.arrived);
        return good;
}
