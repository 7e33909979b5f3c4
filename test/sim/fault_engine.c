/* Events of what they stand on: the process as a whole, the store, presence, the bus, clocks and keys. See fault_event.h. */
#include "sim/disk.h"
#include "sim/fault_event.h"
#include "sim/sim.h"
#include "wire/envelope.h"

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

bool do_PROCESS_CRASH(struct sim *sim)
{
        return faults_kill_server(sim, false);
}

bool do_STORE_CRASH(struct sim *sim)
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

bool do_STORE_DIES(struct sim *sim)
{
        return trouble(sim, DISK_DIE);
}

bool do_SYNC_FAILS(struct sim *sim)
{
        return trouble(sim, DISK_FAIL_SYNC);
}

bool do_WRITE_FAILS(struct sim *sim)
{
        return trouble(sim, DISK_FAIL_WRITE);
}

bool do_DISK_FULL(struct sim *sim)
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

/* First an image is made; a while later it may be put back, once. */
static bool may_go_back(struct sim *sim)
{
        struct faults *faults = &sim->faults;

        if (!sim->engine.sqlite || faults->restored_us || faults->promote_us ||
            (!faults->saved_us && !everybody_has_an_account(sim)))
                return false;
        if (faults->saved_us)
                return true;
        disk_save();
        faults->saved_us = sim->now_us;
        return false;
}

/* What came between is forgiven, if it is gone. */
static void went_back(struct sim *sim)
{
        sim->faults.restored_us = sim->now_us;
        history_restored(sim, sim->faults.saved_us);
        clients_restored(sim, sim->faults.saved_us);
        rogues_restored(sim, sim->faults.saved_us);
}

/* The server is stopped, its database is replaced by the image, and it is started again. */
bool do_STORE_RESTORED(struct sim *sim)
{
        if (!may_go_back(sim) || !faults_kill_server(sim, true))
                return false;
        went_back(sim);
        return true;
}

/* A standby takes over that lacked something. Workers are stopped meanwhile; frontends stay, clients with them, and are told. It
 * comes while some join: what is delivered to them waits behind an answer of another era. */
bool do_STORE_PROMOTED(struct sim *sim)
{
        if (!may_go_back(sim))
                return false;
        for (int i = 0; i < 2; i++)
                (void)do_JOIN_RACE(sim);
        sim->faults.promote_us = sim->now_us + 5 * SIM_SECOND; /* at most: fault_join_asked */
        return false;
}

static void promote(struct sim *sim)
{
        uint64_t down_ms = sim_below(sim, 2000);

        sim->faults.promote_us = 0;
        sim->faults.told_us = sim->now_us + down_ms * 1000 + sim_below(sim, SIM_SECOND);
        sim->faults.races_due = 12;
        workers_stop(sim, sim->faults.told_us);
        engine_store_crash(sim, down_ms, true);
        went_back(sim);
        fault_happened(sim, FAULT_CLASS_STORE_PROMOTED);
}

/* As `galkad restored` does it: who holds a partition is to let his clients join again (L5, L9). */
static void tell_frontends(struct sim *sim)
{
        struct bus_log *log = bus_embedded_log(sim->engine.bus);
        uint8_t bytes[64];
        struct wire_lost lost = {0};
        struct slice record = wire_record_build(WIRE_CODE_lost, &lost, bytes, bytes + sizeof(bytes));

        if (!sim->engine.sqlite)
                return;
        for (int32_t i = 0; i < (int32_t)bus_log_partitions(log, BUS_FRONTENDS); i++)
                check(bus_log_append(log, BUS_FRONTENDS, i, (struct slice){0}, record) == ERR_OK);
        sim->faults.told_us = 0;
}

bool do_PRESENCE_FORGETS(struct sim *sim)
{
        presence_memory_forget(sim->engine.presence, 1 + sim_below(sim, 8));
        return true;
}

/* An image is made, and a while later it is what there is. */
bool do_PRESENCE_OLDER(struct sim *sim)
{
        bool kept = sim->faults.presence_kept;

        sim->faults.presence_kept = !kept;
        if (kept)
                presence_memory_fail_over(sim->engine.presence);
        else
                check(presence_memory_keep(sim->engine.presence) == ERR_OK);
        return kept;
}

bool do_PRESENCE_LOST(struct sim *sim)
{
        presence_memory_forget(sim->engine.presence, PRESENCE_FORGET_ALL);
        return true;
}

/* Every call fails for a while; some were done all the same. */
static bool outage(struct sim *sim, enum fault_call call)
{
        sim->faults.down_until_us[call] = sim->now_us + fault_some_us(sim, 8);
        return true;
}

bool do_PRESENCE_OUTAGE(struct sim *sim)
{
        return outage(sim, FAULT_PRESENCE);
}

bool do_BUS_OUTAGE(struct sim *sim)
{
        return outage(sim, FAULT_FLUSH) && outage(sim, FAULT_COMMIT);
}

bool do_STORE_DOUBT(struct sim *sim)
{
        sim->faults.doubt_due = true;
        return false;
}

bool do_STORE_OUTAGE(struct sim *sim)
{
        return outage(sim, FAULT_APPLY) && outage(sim, FAULT_ASK);
}

bool do_SERVER_CLOCK(struct sim *sim)
{
        int64_t off_ms = (int64_t)sim_below(sim, 2 * ENGINE_CLOCK_OFF_MS + 1) - ENGINE_CLOCK_OFF_MS;

        switch (sim_below(sim, 3)) {
        case 0:
                sim->engine.clock.off_ms = off_ms;
                return true;
        case 1:
                fault_some_worker(sim)->clock.off_ms = off_ms;
                return true;
        default:
                fault_some_frontend(sim)->clock.off_ms = off_ms;
                return true;
        }
}

bool do_RECORDS_LOST(struct sim *sim)
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
        struct bus_log_state state =
                bus_log_state(bus_embedded_log(sim->engine.bus), faults->lose.topic, faults->lose.partition);
        uint64_t done = state.committed == BUS_LOG_NONE ? state.first : state.committed;

        if (state.end == faults->lose.end)
                return;
        faults->lose.end = state.end;
        if (sim_chance(sim, 60)) /* of several records in a row it need not be the first */
                return;
        if (faults->lose.topic != BUS_FRONTENDS &&
            state.read > done) /* whoever is at it may die over it: that is another fault */
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

bool do_RECORD_GARBLED(struct sim *sim)
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

bool do_RECORD_DEADLY(struct sim *sim)
{
        return rogues_say_deadly(sim);
}

bool do_KEYS_CHANGE(struct sim *sim)
{
        struct token_keys *keys = &sim->engine.keys;

        if (keys->has_previous)
                return false;
        memcpy(keys->previous, keys->current, sizeof(keys->previous));
        keys->has_previous = true;
        sim->engine.server_random->fill(sim->engine.server_random, keys->current, sizeof(keys->current));
        return true;
}

/* ---- when there is an occasion ---- */

void fault_engine_run(struct sim *sim)
{
        if (sim->faults.told_us && sim->faults.told_us <= sim->now_us)
                tell_frontends(sim);
        if (sim->phase != SIM_FAULTS)
                return;
        if (sim->faults.promote_us && sim->faults.promote_us <= sim->now_us && sim->engine.sqlite)
                promote(sim);
        if (sim->faults.garble_due)
                garble_some(sim);
        if (sim->faults.lose.due)
                lose_some(sim);
}
