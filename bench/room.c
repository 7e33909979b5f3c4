/*
 * room: a group of 1000 online members, marks on, on one galkad. One message at a time: the next is sent when the last delivery of
 * the one before has arrived; then 16 under way, each followed by its sender's next when it has arrived everywhere. In turns with
 * both, in the same run, the machine's own limit (limit_fanout.h): a loop that writes the same bytes of a delivery to as many
 * sockets, which the same generator reads, one message or 16 under way. Then a hundred of the members stop reading: the server must
 * go on serving the others, cut the hundred off, and its memory must not grow past a bound.
 *
 * A thousand client cores in the thread that shares two processor cores with the server would be measured instead of it. So
 * SENDERS + LISTENERS members are whole cores (load.h), and the others only take frames apart, check deliveries, and send
 * their marks (crowd.h); the bare loop's readers do all of that but the marks.
 *
 * Every message carries its number. It must arrive exactly once at each member but its sender, who gets its answer, and lie in the
 * database (galkad check); else there is no figure.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/assert.h"
#include "crowd.h"
#include "limit_fanout.h"
#include "rules/row.h"
#include "workload.h"

#define MEMBERS        1000
#define SENDERS        16 /* whole cores; as many as messages under way */
#define LISTENERS      8  /* whole cores that only read */
#define CORES          (SENDERS + LISTENERS)
#define READERS        (MEMBERS - 1) /* of one message */
#define SLOW           100
#define TEXT_SIZE      100
#define SLOW_TEXT_SIZE 8192
#define SLOW_MESSAGES  1600 /* 12.5 MiB for each: more than sockets and queues hold */
#define SLOW_MIB_MAX   64   /* what the server may grow by meanwhile */
#define JOIN_SECONDS   40
#define WARM_SECONDS   1.5
#define TURNS          5
#define TURN_SECONDS   1.6
#define LIMIT_SECONDS  0.8
#define QUIET_SECONDS  10
#define TOGETHER_MIN   64  /* fewer sockets with something to read: it is waited for more, */
#define PAUSE_US       100 /* so long */
#define ROOM_TAG       LOAD_FOREIGN_TAG
#define BARE_TAG       (2 * LOAD_FOREIGN_TAG)

struct room {
        struct load load;
        struct process process;
        struct process_user users[MEMBERS];
        struct load_user *cores[CORES];
        struct crowd crowd, readers; /* of the room; of the bare loop */
        struct ledger ledger, bare;
        struct fanout fanout;
        struct id id;
        uint64_t acknowledged, failed, rows; /* rows: of the group itself */
        uint32_t next_sender;
        size_t came; /* events in the last turn */
};

/* One of the two ways, and its limit. */
struct speed {
        double seconds, limit_seconds, cpu_s;
        uint64_t deliveries, limit_deliveries, messages, marks;
        struct histogram times;
};

static double seconds_now(struct room *room)
{
        return (double)load_now_us(&room->load) / 1e6;
}

/* Who waits in the kernel for a thousand sockets is woken by each write to one of them, and the writer pays for that: on two cores, half
 * of what the write itself costs. Readers on other machines cost a server nothing like it. So while little comes it is read together. */
static void turn(struct room *room, int wait_ms)
{
        static const struct timespec pause = {.tv_nsec = PAUSE_US * 1000};

        if (room->came < TOGETHER_MIN)
                (void)nanosleep(&pause, NULL);
        /* So that a mark is not late: the crowd's own timers are looked at after each turn. */
        room->came = load_turn(&room->load, wait_ms);
        if (room->crowd.count)
                crowd_tick(&room->crowd);
        if (room->readers.count)
                crowd_tick(&room->readers);
}

/* ---- what the cores and sockets say ---- */

static void on_acknowledged(void *context, struct load_user *from, const struct id *id, const struct id *message,
                            uint64_t seq)
{
        struct room *room = context;

        (void)from, (void)id, (void)message, (void)seq;
        room->acknowledged++;
}

static void on_row(void *context, struct load_user *to, const struct id *id, const struct wire_row *row)
{
        struct room *room = context;

        (void)id;
        if (row->kind == ROW_TEXT && row->sender != to->user)
                ledger_arrived(&room->ledger, to->index, ledger_number(row->text), load_now_us(&room->load));
}

static void on_failed(void *context, struct load_user *from, const struct id *id, const struct id *message, enum error error)
{
        struct room *room = context;

        (void)id, (void)message;
        if (room->failed++ == 0)
                fprintf(stderr, "user %u: a message failed: %s\n", from->index, error_text(error));
}

static void on_foreign(void *context, const struct net_event *event)
{
        struct room *room = context;

        crowd_event(event->tag >= BARE_TAG ? &room->readers : &room->crowd, event);
}

/* ---- the group ---- */

static bool await_acknowledged(struct room *room, uint64_t count)
{
        double end = seconds_now(room) + JOIN_SECONDS;

        while (room->acknowledged < count && room->failed == 0 && seconds_now(room) < end)
                turn(room, 10);
        if (room->acknowledged < count)
                fprintf(stderr, "the group was not made: %" PRIu64 " of %" PRIu64 " operations\n", room->acknowledged,
                        count);
        return room->acknowledged >= count;
}

/* The first core makes the group, and brings everybody else in. */
static bool make_group(struct room *room)
{
        struct id id;

        room->cores[0] = load_add(&room->load, room->users[0].user, room->users[0].device, room->users[0].token);
        if (!room->cores[0] || load_create_group(room->cores[0], SLICE_LITERAL("A thousand"), &room->id) != ERR_OK)
                return false;
        room->rows = 1;
        for (uint32_t i = 1; i < MEMBERS; i++, room->rows++) {
                const struct wire_operation operation = {.kind = ROW_JOINED, .subject = room->users[i].user};

                if (i % 128 == 0 && !await_acknowledged(room, room->rows))
                        return false;
                if (load_write(room->cores[0], &room->id, &operation, &id) != ERR_OK)
                        return false;
        }
        return await_acknowledged(room, room->rows);
}

static bool await_ready(struct room *room, const struct crowd *crowd, uint32_t cores)
{
        double end = seconds_now(room) + JOIN_SECONDS;

        while ((crowd->ready < crowd->count || room->load.ready_count < cores) && crowd->failures < 100 &&
               seconds_now(room) < end)
                turn(room, 10);
        if (crowd->ready == crowd->count && room->load.ready_count == cores)
                return true;
        fprintf(stderr, "only %u of %u light members and %u of %u cores joined\n", crowd->ready, crowd->count,
                room->load.ready_count, cores);
        return false;
}

static bool join_all(struct room *room)
{
        room->crowd.room = room->id;
        for (uint32_t i = 1; i < CORES; i++) {
                const struct process_user *user = &room->users[i];

                room->cores[i] = load_add(&room->load, user->user, user->device, user->token);
                if (!room->cores[i])
                        return false;
        }
        for (uint32_t i = CORES; i < MEMBERS; i++)
                crowd_add(&room->crowd, &room->users[i], i);
        return await_ready(room, &room->crowd, CORES);
}

static bool start_bare(struct room *room)
{
        if (!fanout_start(&room->fanout, READERS) ||
            crowd_init(&room->readers, &room->load, &room->bare, READERS, BARE_TAG, room->fanout.port, true) != ERR_OK)
                return false;
        for (uint32_t i = 0; i < READERS; i++)
                crowd_add(&room->readers, NULL, i);
        return await_ready(room, &room->readers, CORES);
}

static bool begin(struct room *room, const struct workload_options *options)
{
        static const char *const arguments[] = {"--connection-frames", "100000", "--user-frames", "100000", NULL};
        static const char *const addresses[] = {"127.0.0.1", NULL};

        if (!ledger_init(&room->ledger) || !ledger_init(&room->bare) ||
            !process_init(&room->process, options->galkad, options->folder) ||
            !process_import(&room->process, "room", MEMBERS, room->users) ||
            !process_start(&room->process, "127.0.0.1", arguments) ||
            load_init(&room->load, CORES, addresses, room->process.port) != ERR_OK)
                return false;
        room->load.listener = (struct load_listener){
                .acknowledged = on_acknowledged, .row = on_row, .failed = on_failed, .foreign = on_foreign, .context = room};
        return crowd_init(&room->crowd, &room->load, &room->ledger, MEMBERS - CORES, ROOM_TAG, room->process.port, false) ==
                       ERR_OK &&
               make_group(room) && join_all(room) && start_bare(room);
}

/* ---- sending ---- */

static void send_one(struct room *room, uint32_t sender, uint32_t expected, size_t size)
{
        static char text[SLOW_TEXT_SIZE];
        struct id id;

        if (!ledger_send(&room->ledger, sender, expected, load_now_us(&room->load), text, size) ||
            load_send(room->cores[sender], &room->id, slice_of(text, size), &id) != ERR_OK)
                room->failed++;
}

static void send_bare(struct room *room)
{
        char text[LEDGER_NUMBER_SIZE + 1];

        if (ledger_send(&room->bare, 0, READERS, load_now_us(&room->load), text, sizeof(text)))
                fanout_send(&room->fanout, (uint32_t)room->bare.sent - 1);
        else
                room->failed++;
}

static bool is_quiet(const struct room *room)
{
        return room->ledger.whole >= room->ledger.sent && room->bare.whole >= room->bare.sent &&
               room->acknowledged >= room->ledger.sent + room->rows;
}

/* Until all that was sent has arrived and is acknowledged. */
static void quiet_down(struct room *room)
{
        double end = seconds_now(room) + QUIET_SECONDS;

        while (!is_quiet(room) && seconds_now(room) < end)
                turn(room, 5);
        room->ledger.ended_count = room->bare.ended_count = 0;
}

/* For so long, with so many messages under way: who has no message on its way any more sends again. Returns how long it took. */
static double run(struct room *room, uint32_t under_way, double seconds)
{
        double start = seconds_now(room);

        for (uint32_t i = 0; i < under_way; i++)
                send_one(room, under_way == 1 ? room->next_sender++ % SENDERS : i, READERS, TEXT_SIZE);
        while (seconds_now(room) < start + seconds && room->failed == 0) {
                turn(room, 5);
                while (room->ledger.ended_count > 0) {
                        uint32_t sender = room->ledger.ended[--room->ledger.ended_count];

                        send_one(room, under_way == 1 ? room->next_sender++ % SENDERS : sender, READERS, TEXT_SIZE);
                }
        }
        seconds = seconds_now(room) - start;
        return seconds;
}

static double run_bare(struct room *room, uint32_t under_way, double seconds)
{
        double start = seconds_now(room);

        for (uint32_t i = 0; i < under_way; i++)
                send_bare(room);
        while (seconds_now(room) < start + seconds && room->failed == 0) {
                turn(room, 5);
                for (; room->bare.ended_count > 0; room->bare.ended_count--)
                        send_bare(room);
        }
        return seconds_now(room) - start;
}

/* The figure and its limit in turns: what else goes on on the machine shows in both. */
static void measure(struct room *room, uint32_t under_way, struct speed *speed)
{
        *speed = (struct speed){0};
        run(room, under_way, WARM_SECONDS);
        quiet_down(room);
        fanout_use(&room->fanout, slice_of(room->crowd.sample, room->crowd.sample_size), room->crowd.sample_text);
        room->ledger.times = (struct histogram){0};
        for (int i = 0; i < TURNS; i++) {
                uint64_t deliveries = room->ledger.deliveries, bare = room->bare.deliveries, sent = room->ledger.sent;
                uint64_t marks = room->crowd.marks + room->load.frames_sent[WIRE_CODE_mark];
                double cpu = process_cpu_s(&room->process);

                room->ledger.timing = true;
                speed->seconds += run(room, under_way, TURN_SECONDS);
                room->ledger.timing = false;
                speed->deliveries += room->ledger.deliveries - deliveries;
                speed->messages += room->ledger.sent - sent;
                speed->marks += room->crowd.marks + room->load.frames_sent[WIRE_CODE_mark] - marks;
                speed->cpu_s += process_cpu_s(&room->process) - cpu;
                quiet_down(room);
                speed->limit_seconds += run_bare(room, under_way, LIMIT_SECONDS);
                speed->limit_deliveries += room->bare.deliveries - bare;
                quiet_down(room);
        }
        speed->times = room->ledger.times;
}

/* ---- slow readers ---- */

struct slow {
        double grown_mib; /* at most */
        uint32_t cut_off;
        uint64_t deliveries; /* to the others meanwhile */
};

/* Large messages to all, of whom SLOW do not read; what the server grows by meanwhile, looked at all along. False: somebody else was
 * not served. */
static bool send_to_slow(struct room *room, struct slow *slow)
{
        uint64_t before = process_private_dirty(&room->process), most = before;
        uint64_t deliveries = room->ledger.deliveries, sent = 0;

        for (uint32_t i = 0; i < SENDERS; i++, sent++)
                send_one(room, i, READERS - SLOW, SLOW_TEXT_SIZE);
        while (room->failed == 0 && !is_quiet(room)) {
                uint64_t whole = room->ledger.whole;
                double end = seconds_now(room) + QUIET_SECONDS;

                while (room->ledger.whole == whole && !is_quiet(room) && seconds_now(room) < end)
                        turn(room, 5);
                if (room->ledger.whole == whole && !is_quiet(room))
                        return false;
                for (; room->ledger.ended_count > 0 && sent < SLOW_MESSAGES; sent++)
                        send_one(room, room->ledger.ended[--room->ledger.ended_count], READERS - SLOW, SLOW_TEXT_SIZE);
                if (sent >= SLOW_MESSAGES)
                        room->ledger.ended_count = 0;
                if (room->ledger.whole % 16 == 0)
                        most = max_of(most, process_private_dirty(&room->process));
        }
        most = max_of(most, process_private_dirty(&room->process));
        slow->grown_mib = (double)(most - before) / (1 << 20);
        slow->deliveries = room->ledger.deliveries - deliveries;
        return room->failed == 0;
}

static bool measure_slow(struct room *room, struct slow *slow)
{
        struct crowd *crowd = &room->crowd;
        double end;

        *slow = (struct slow){0};
        for (uint32_t i = 0; i < SLOW; i++)
                crowd_make_slow(crowd, i);
        if (!await_ready(room, crowd, CORES) || !send_to_slow(room, slow))
                return false;
        for (uint32_t i = 0; i < SLOW; i++)
                crowd_wake(crowd, i);
        end = seconds_now(room) + QUIET_SECONDS;
        while (crowd->closed < SLOW && seconds_now(room) < end)
                turn(room, 10);
        slow->cut_off = crowd->closed;
        if (slow->cut_off == SLOW && slow->grown_mib <= SLOW_MIB_MAX)
                return true;
        fprintf(stderr,
                "room: with %d slow readers the server grew by %.1f MiB (at most %d may be), and %u of them were cut off\n",
                SLOW, slow->grown_mib, SLOW_MIB_MAX, slow->cut_off);
        return false;
}

/* ---- the end ---- */

/* Everything sent was acknowledged, arrived once at each member, and is in the store. */
static bool verify(struct room *room)
{
        uint64_t rows = 0;
        bool good = ledger_is_whole(&room->ledger, "room") && ledger_is_whole(&room->bare, "bare fan-out");

        if (process_check(&room->process, &rows) && rows == room->ledger.sent + room->rows && rows == room->acknowledged &&
            good && room->failed == 0 && room->crowd.failures == 0 && room->readers.failures == 0 &&
            atomic_load(&room->fanout.failures) == 0)
                return true;
        fprintf(stderr,
                "room: not all is well: operations %" PRIu64 ", acknowledged %" PRIu64 ", rows in the store %" PRIu64
                ", failed %" PRIu64 ", failures of light members %" PRIu64 ", of bare readers %" PRIu64 "\n",
                room->ledger.sent + room->rows, room->acknowledged, rows, room->failed, room->crowd.failures,
                room->readers.failures);
        return false;
}

static void report_speed(struct report *report, const struct speed *speed, const char *suffix, const char *what)
{
        double value = (double)speed->deliveries / speed->seconds;
        double limit = (double)speed->limit_deliveries / speed->limit_seconds;
        const struct {
                const char *name, *unit;
                double value;
        } rows[] = {
                {"room.limit_deliveries_per_second", "1/s", limit},
                {"room.messages_per_second", "1/s", (double)speed->messages / speed->seconds},
                {"room.marks_per_second", "1/s", (double)speed->marks / speed->seconds},
                {"room.delivery_p50_ms", "ms", (double)histogram_quantile(&speed->times, 0.50) / 1e3},
                {"room.delivery_p99_ms", "ms", (double)histogram_quantile(&speed->times, 0.99) / 1e3},
                {"room.server_cpu_us_per_delivery", "us", speed->cpu_s * 1e6 / (double)speed->deliveries},
        };
        char name[64];

        snprintf(name, sizeof(name), "room.deliveries_per_second%s", suffix);
        report_add(report, name, value, "1/s", limit, "bare fan-out to as many sockets, in turns with it");
        for (size_t i = 0; i < countof(rows); i++) {
                snprintf(name, sizeof(name), "%s%s", rows[i].name, suffix);
                report_add(report, name, rows[i].value, rows[i].unit, 0, what);
        }
}

static bool wants(const struct workload_options *options, const char *part)
{
        return !options->part || strcmp(options->part, part) == 0;
}

static bool measure_all(struct room *room, const struct workload_options *options, struct report *report)
{
        static struct speed one, sixteen;
        struct slow slow = {0};

        if (wants(options, "one"))
                measure(room, 1, &one);
        if (wants(options, "sixteen"))
                measure(room, SENDERS, &sixteen);
        if (wants(options, "slow") && !measure_slow(room, &slow))
                return false;
        if (process_stop(&room->process, SIGTERM) != 0 || !verify(room))
                return false;
        if (wants(options, "one"))
                report_speed(report, &one, "", "1000 members, one message at a time");
        if (wants(options, "sixteen"))
                report_speed(report, &sixteen, "_w16", "1000 members, 16 messages under way");
        if (wants(options, "slow")) {
                report_add(report, "room.slow_readers_grown_mib", slow.grown_mib, "MiB", SLOW_MIB_MAX,
                           "bound; Private_Dirty, 100 of 1000 do not read");
                report_add(report, "room.slow_readers_cut_off", slow.cut_off, "", 0, "of 100; all others got everything");
        }
        report_add(report, "room.verified", (double)room->ledger.deliveries, "", 0, "deliveries, each once at each member");
        return true;
}

bool workload_room(const struct workload_options *options, struct report *report)
{
        static struct room room;
        bool good = begin(&room, options) && measure_all(&room, options, report);

        fanout_stop(&room.fanout);
        crowd_finish(&room.readers);
        crowd_finish(&room.crowd);
        if (room.load.users)
                load_finish(&room.load);
        process_finish(&room.process);
        ledger_finish(&room.ledger);
        ledger_finish(&room.bare);
        return good;
}
