/* See fault.h. */
#include "sim/fault.h"

#include "sim/disk.h"
#include "sim/sim.h"

#define DELAY_POLLS_MAX 40
#define RACE_POLLS_MIN  40
#define RACE_POLLS_MAX  150

/* ---- events ---- */

/* Some client's or rogue's open line; NULL if there is none now. */
static struct line *some_line(struct sim *sim)
{
        unsigned first = (unsigned)sim_below(sim, LINES_MAX);

        for (unsigned i = 0; i < LINES_MAX; i++) {
                struct line *line = &sim->lines.all[(first + i) % LINES_MAX];

                if (line->state == LINE_OPEN)
                        return line;
        }
        return NULL;
}

static struct sim_client *some_client(struct sim *sim)
{
        struct sim_client *client = &sim->clients.all[sim_below(sim, sim->clients.count)];

        return client->start_us ? NULL : client;
}

static struct sim_worker *some_worker(struct sim *sim)
{
        return &sim->roles.workers[sim_below(sim, sim->roles.worker_count)];
}

static struct sim_frontend *some_frontend(struct sim *sim)
{
        return &sim->roles.frontends[sim_below(sim, sim->roles.frontend_count)];
}

static uint64_t some_us(struct sim *sim, uint64_t seconds_max)
{
        return sim_chance(sim, 70) ? sim_below(sim, SIM_SECOND) : sim_below(sim, seconds_max * SIM_SECOND);
}

static bool do_LINK_CUT(struct sim *sim)
{
        struct line *line = some_line(sim);

        if (line)
                line_break(sim, line);
        return line;
}

static bool stall(struct sim *sim, bool up, bool down)
{
        struct line *line = some_line(sim);

        if (line)
                line_stall(sim, line, up, down, some_us(sim, 40));
        return line;
}

static bool do_ONE_WAY_UP(struct sim *sim)
{
        return stall(sim, true, false);
}

static bool do_ONE_WAY_DOWN(struct sim *sim)
{
        return stall(sim, false, true);
}

static bool do_DELAY(struct sim *sim)
{
        sim->lines.spike_until_us = sim->now_us + some_us(sim, 5);
        return true;
}

static bool do_CLIENT_CRASH(struct sim *sim)
{
        struct sim_client *client = some_client(sim);

        if (client)
                client_crash(sim, client, some_us(sim, 20));
        return client;
}

static bool do_CLIENT_LATE(struct sim *sim)
{
        struct sim_client *client = some_client(sim);

        if (client)
                client_keep_late(client);
        return client;
}

static bool do_CLIENT_CLOCK(struct sim *sim)
{
        struct sim_client *client = some_client(sim);

        if (client)
                client->wall_off_ms = (int64_t)sim_below(sim, 7200000) - 3600000;
        return client;
}

static bool do_SIGN_OUT(struct sim *sim)
{
        struct sim_client *client = some_client(sim);

        return client && client_sign_out(sim, client);
}

/* L4: whatever is committed after the store was read for a Join must find the connection in presence. */
static bool do_JOIN_RACE(struct sim *sim)
{
        struct line *line = some_line(sim);

        if (line)
                line_break(sim, line);
        sim->faults.race_due |= line != NULL;
        return line;
}

void fault_join_asked(struct sim *sim, uint64_t user)
{
        sim->faults.race_now = sim->faults.race_due && sim->phase == SIM_FAULTS && clients_provoke(sim, user);
        sim->faults.race_due &= !sim->faults.race_now;
}

static bool do_WORKER_CRASH(struct sim *sim)
{
        struct sim_worker *worker = some_worker(sim);

        if (worker->state != ROLE_RUNS)
                return false;
        worker_crash(sim, worker, some_us(sim, 4), some_us(sim, 6));
        return true;
}

static bool do_WORKER_DIES(struct sim *sim)
{
        sim->faults.die_due = true;
        return false; /* when it does */
}

static bool do_WORKER_MUTE(struct sim *sim)
{
        sim->faults.mute_due = true;
        return false;
}

static bool do_WORKER_FROZEN(struct sim *sim)
{
        struct sim_worker *worker = some_worker(sim);
        uint64_t us = some_us(sim, 15);

        if (worker->state != ROLE_RUNS)
                return false;
        worker_freeze(sim, worker, us, sim_below(sim, us + 1));
        return true;
}

static bool do_REBALANCE(struct sim *sim)
{
        struct sim_worker *worker = some_worker(sim);

        if (worker->state != ROLE_RUNS)
                return false;
        worker_freeze(sim, worker, 0, 0);
        return true;
}

static bool do_FRONTEND_CRASH(struct sim *sim)
{
        struct sim_frontend *frontend = some_frontend(sim);

        if (frontend->state != ROLE_RUNS || sim->roles.starts + 8 > ROLE_RESTARTS_MAX)
                return false;
        frontend_crash(sim, frontend, some_us(sim, 8), sim_chance(sim, 30));
        return true;
}

static bool do_FRONTEND_FROZEN(struct sim *sim)
{
        struct sim_frontend *frontend = some_frontend(sim);

        if (frontend->state != ROLE_RUNS)
                return false;
        frontend->frozen_until_us = sim->now_us + some_us(sim, 40);
        return true;
}

/* What presence forgot of a frontend that it never heard, nobody tells it. */
static bool do_FRONTEND_DEAF(struct sim *sim)
{
        struct sim_frontend *frontend = some_frontend(sim);

        if (frontend->state != ROLE_RUNS || sim->roles.starts + 8 > ROLE_RESTARTS_MAX)
                return false;
        frontend_crash(sim, frontend, some_us(sim, 2), false);
        frontend->starts_deaf = true;
        return true;
}

static bool do_FRONTEND_DRAINS(struct sim *sim)
{
        struct sim_frontend *frontend = some_frontend(sim);

        if (frontend->state != ROLE_RUNS || frontend->draining || sim->roles.starts + 8 > ROLE_RESTARTS_MAX)
                return false;
        frontend_stop(sim, frontend, (uint32_t)sim_below(sim, 5000));
        return true;
}

static bool do_FRONTEND_RIVAL(struct sim *sim)
{
        if (sim->roles.starts + 8 > ROLE_RESTARTS_MAX)
                return false;
        frontend_rival(sim, (unsigned)sim_below(sim, sim->roles.frontend_count));
        return true;
}

/* What is forgotten below offset had its reader, or never will. */
void fault_lose_records(struct sim *sim, enum bus_topic topic, int32_t partition)
{
        struct bus_log *log = bus_embedded_log(sim->engine.bus);

        bus_log_lose(log, topic, partition, bus_log_state(log, topic, partition).end);
}

bool faults_kill_server(struct sim *sim, bool restore)
{
        struct bus_log *log = bus_embedded_log(sim->engine.bus);

        if (sim->roles.starts + 8 > ROLE_RESTARTS_MAX)
                return false;
        roles_crash_all(sim);
        engine_store_crash(sim, sim_below(sim, 2000), restore);
        presence_memory_forget(sim->engine.presence, PRESENCE_FORGET_ALL);
        for (int topic = 0; topic < BUS_TOPIC_COUNT; topic++)
                for (int32_t i = 0; i < (int32_t)bus_log_partitions(log, topic); i++)
                        fault_lose_records(sim, topic, i);
        return true;
}

static bool do_PROCESS_CRASH(struct sim *sim)
{
        return faults_kill_server(sim, false);
}

static bool do_STORE_CRASH(struct sim *sim)
{
        if (!sim->engine.sqlite)
                return false;
        engine_store_crash(sim, sim_below(sim, sim_chance(sim, 70) ? 500 : 10000), false);
        return true;
}

static bool trouble(struct sim *sim, enum disk_trouble trouble)
{
        if (!sim->engine.sqlite)
                return false;
        disk_trouble(trouble, 1 + (unsigned)sim_below(sim, 60));
        return true;
}

static bool do_STORE_DIES(struct sim *sim)
{
        return trouble(sim, DISK_DIE);
}

static bool do_SYNC_FAILS(struct sim *sim)
{
        return trouble(sim, DISK_FAIL_SYNC);
}

static bool do_WRITE_FAILS(struct sim *sim)
{
        return trouble(sim, DISK_FAIL_WRITE);
}

static bool do_DISK_FULL(struct sim *sim)
{
        return trouble(sim, DISK_FULL);
}

static bool everybody_has_an_account(const struct sim *sim)
{
        for (unsigned i = 0; i < sim->clients.user_count; i++)
                if (sim->clients.users[i].id == 0)
                        return false;
        return true;
}

/* First an image is made. A while later the server is stopped, its database is replaced by the image, and it is started again.
 * What came between is forgiven, if it is gone. */
static bool do_STORE_RESTORED(struct sim *sim)
{
        struct faults *faults = &sim->faults;

        if (!sim->engine.sqlite || faults->restored_us || (!faults->saved_us && !everybody_has_an_account(sim)))
                return false;
        if (!faults->saved_us) {
                disk_save();
                faults->saved_us = sim->now_us;
                return false;
        }
        if (!faults_kill_server(sim, true))
                return false;
        faults->restored_us = sim->now_us;
        history_restored(sim, faults->saved_us);
        clients_restored(sim, faults->saved_us);
        rogues_restored(sim, faults->saved_us);
        return true;
}

static bool do_PRESENCE_FORGETS(struct sim *sim)
{
        presence_memory_forget(sim->engine.presence, 1 + sim_below(sim, 8));
        return true;
}

static bool do_PRESENCE_LOST(struct sim *sim)
{
        presence_memory_forget(sim->engine.presence, PRESENCE_FORGET_ALL);
        return true;
}

/* Every call fails for a while; some were done all the same. */
static bool outage(struct sim *sim, enum fault_call call)
{
        sim->faults.down_until_us[call] = sim->now_us + some_us(sim, 8);
        return true;
}

static bool do_PRESENCE_OUTAGE(struct sim *sim)
{
        return outage(sim, FAULT_PRESENCE);
}

static bool do_BUS_OUTAGE(struct sim *sim)
{
        return outage(sim, FAULT_FLUSH) && outage(sim, FAULT_COMMIT);
}

static bool do_STORE_OUTAGE(struct sim *sim)
{
        return outage(sim, FAULT_APPLY) && outage(sim, FAULT_ASK);
}

static bool do_SERVER_CLOCK(struct sim *sim)
{
        int64_t off_ms = (int64_t)sim_below(sim, 2 * ENGINE_CLOCK_OFF_MS + 1) - ENGINE_CLOCK_OFF_MS;

        switch (sim_below(sim, 3)) {
        case 0:
                sim->engine.clock.off_ms = off_ms;
                return true;
        case 1:
                some_worker(sim)->clock.off_ms = off_ms;
                return true;
        default:
                some_frontend(sim)->clock.off_ms = off_ms;
                return true;
        }
}

static bool do_RECORDS_LOST(struct sim *sim)
{
        static const enum bus_topic topics[] = {BUS_FRONTENDS, BUS_FRONTENDS, BUS_SESSION, BUS_QUERY};
        struct bus_log *log = bus_embedded_log(sim->engine.bus);
        enum bus_topic topic = topics[sim_below(sim, countof(topics))];

        sim->faults.lose.due = true;
        sim->faults.lose.topic = topic;
        sim->faults.lose.partition = (int32_t)sim_below(sim, bus_log_partitions(log, topic));
        sim->faults.lose.end = bus_log_state(log, topic, sim->faults.lose.partition).end;
        return false; /* when there is something to lose */
}

static void lose_some(struct sim *sim)
{
        struct faults *faults = &sim->faults;
        uint64_t end = bus_log_state(bus_embedded_log(sim->engine.bus), faults->lose.topic, faults->lose.partition).end;

        if (end == faults->lose.end)
                return;
        faults->lose.end = end;
        if (sim_chance(sim, 60)) /* of several records in a row it need not be the first */
                return;
        faults->lose.due = false;
        fault_lose_records(sim, faults->lose.topic, faults->lose.partition);
        fault_happened(sim, FAULT_CLASS_RECORDS_LOST);
}

/* What no frontend would have published: noise, or noise behind the first byte of an envelope. */
static void garble(struct sim *sim, enum bus_topic topic, int32_t partition)
{
        uint8_t bytes[48];

        sim_fill(sim, bytes, sizeof(bytes));
        if (sim_chance(sim, 50))
                bytes[0] = WIRE_CODE_envelope;
        check(bus_log_append(bus_embedded_log(sim->engine.bus), topic, partition, (struct slice){0},
                             slice_of(bytes, sim_below(sim, sizeof(bytes) + 1))) == ERR_OK);
}

static bool do_RECORD_GARBLED(struct sim *sim)
{
        static const enum bus_topic topics[] = {BUS_AUTHENTICATION, BUS_SESSION, BUS_SESSION, BUS_QUERY, BUS_NOTIFY};
        enum bus_topic topic = topics[sim_below(sim, countof(topics))];

        if (topic == BUS_SESSION) /* among others' records */
                sim->faults.garble_due = (unsigned)sim_between(sim, 1, 4);
        else
                garble(sim, topic, (int32_t)sim_below(sim, bus_log_partitions(bus_embedded_log(sim->engine.bus), topic)));
        return true;
}

/* Into a partition where records wait. */
static void garble_some(struct sim *sim)
{
        struct bus_log *log = bus_embedded_log(sim->engine.bus);

        for (int32_t i = 0; i < (int32_t)bus_log_partitions(log, BUS_SESSION) && sim->faults.garble_due; i++) {
                struct bus_log_state state = bus_log_state(log, BUS_SESSION, i);

                if (state.committed >= state.end || !sim_chance(sim, 20))
                        continue;
                garble(sim, BUS_SESSION, i);
                sim->faults.garble_due--;
        }
}

static bool do_RECORD_DEADLY(struct sim *sim)
{
        return rogues_say_deadly(sim);
}

static bool do_KEYS_CHANGE(struct sim *sim)
{
        struct token_keys *keys = &sim->engine.keys;

        if (keys->has_previous)
                return false;
        memcpy(keys->previous, keys->current, sizeof(keys->previous));
        keys->has_previous = true;
        sim->engine.server_random->fill(sim->engine.server_random, keys->current, sizeof(keys->current));
        return true;
}

/* ---- the table ---- */

static const struct class
{
        const char *text;
        bool (*happen)(struct sim *sim); /* EVENT; false: not now */
        unsigned weight;                 /* EVENT */
        enum fault_call call;            /* SEAM */
        enum fault fault;
        unsigned per_mille;
} classes[] = {
#define EVENT(name, text, weight)                {text, do_##name, weight, 0, 0, 0},
#define SEAM(name, text, call, fault, per_mille) {text, NULL, 0, FAULT_##call, FAULT_##fault, per_mille},
#include "sim/faults.def"
#undef EVENT
#undef SEAM
};

const char *fault_class_text(enum fault_class class)
{
        return classes[class].text;
}

void fault_happened(struct sim *sim, enum fault_class class)
{
        bool met[256] = {0};

        sim->faults.count++;
        sim_note(sim, "fault", class, (struct slice){0});
        sim_tell(sim, "fault: %s", classes[class].text);
        if (!sim->tally)
                return;
        sim->tally->by_class[class]++;
        for (unsigned i = 0; i < LINES_MAX; i++)
                for (unsigned n = 0; n < LINE_RECENT_MAX; n++) {
                        const struct line *line = &sim->lines.all[i];

                        if (line->state != LINE_FREE && line->recent[n].code &&
                            line->recent[n].us + LINE_RECENT_US > sim->now_us)
                                met[line->recent[n].code] = true;
                }
        for (unsigned code = 0; code < countof(met); code++)
                sim->tally->pairs[code][class] += met[code];
}

static enum fault choose(struct fault_plan *plan, enum fault_call call)
{
        struct sim *sim = container_of(plan, struct sim, faults.plan);
        struct sim_worker *worker = sim->roles.stepping;
        uint64_t dice;

        if (worker)
                worker->calls[call]++;
        if (sim->phase != SIM_FAULTS)
                return FAULT_NONE;
        if (worker && worker->mute_until_us > sim->now_us && call == FAULT_FLUSH)
                return FAULT_FAIL;
        if (call == FAULT_PRESENCE && sim->roles.turning && sim->roles.turning->deaf_until_us > sim->now_us)
                return FAULT_FAIL;
        if (sim->faults.down_until_us[call] > sim->now_us)
                return sim_chance(sim, 80) ? FAULT_FAIL : sim_chance(sim, 50) ? FAULT_LOSE : FAULT_UNCERTAIN;
        if (call == FAULT_ASK && sim->faults.race_now) {
                sim->faults.race_now = false;
                plan->delay_polls = (unsigned)sim_between(sim, RACE_POLLS_MIN, RACE_POLLS_MAX);
                sim->faults.busy_until_step = sim->steps + plan->delay_polls + 2;
                return FAULT_DELAY;
        }
        plan->delay_polls = (unsigned)sim_between(sim, 1, sim_chance(sim, 80) ? 4 : DELAY_POLLS_MAX);
        dice = sim_below(sim, 1000);
        for (unsigned class = 0; class < FAULT_CLASS_COUNT; class ++) {
                const struct class *one = &classes[class];

                if (one->happen || one->call != call)
                        continue;
                if (dice < one->per_mille) {
                        fault_happened(sim, class);
                        if (one->fault == FAULT_DELAY)
                                sim->faults.busy_until_step = sim->steps + plan->delay_polls + 2;
                        return one->fault;
                }
                dice -= one->per_mille;
        }
        return FAULT_NONE;
}

/* ---- in time ---- */

void faults_start(struct sim *sim)
{
        sim->faults.plan = (struct fault_plan){.choose = choose, .delay_polls = 1};
        sim->faults.pause_ms = (unsigned)sim_between(sim, 500, 8000);
        sim->faults.next_us = 0;
}

void faults_run(struct sim *sim)
{
        unsigned weights = 0, class = 0;
        uint64_t dice;

        if (sim->phase != SIM_FAULTS)
                return;
        if (sim->faults.garble_due)
                garble_some(sim);
        if (sim->faults.lose.due)
                lose_some(sim);
        if (sim->faults.next_us > sim->now_us)
                return;
        sim->faults.next_us = sim->now_us + sim_below(sim, (uint64_t)2000 * sim->faults.pause_ms);
        for (unsigned i = 0; i < FAULT_CLASS_COUNT; i++)
                weights += classes[i].weight;
        dice = sim_below(sim, weights);
        while (dice >= classes[class].weight)
                dice -= classes[class ++].weight;
        if (classes[class].happen(sim))
                fault_happened(sim, class);
}

uint64_t faults_next_us(const struct sim *sim)
{
        return sim->phase == SIM_FAULTS ? sim->faults.next_us : UINT64_MAX;
}

void faults_heal(struct sim *sim)
{
        disk_trouble(DISK_WELL, 0);
        lines_heal(sim);
        clients_heal(sim);
        roles_heal(sim);
        sim->engine.store_back_us = min_of(sim->engine.store_back_us, sim->now_us);
}
