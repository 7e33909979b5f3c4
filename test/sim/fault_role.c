/* Events of those who are there: lines, clients, workers, frontends. See fault_event.h. */
#include "sim/fault_event.h"
#include "sim/sim.h"

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

struct sim_worker *fault_some_worker(struct sim *sim)
{
        return &sim->roles.workers[sim_below(sim, sim->roles.worker_count)];
}

struct sim_frontend *fault_some_frontend(struct sim *sim)
{
        return &sim->roles.frontends[sim_below(sim, sim->roles.frontend_count)];
}

uint64_t fault_some_us(struct sim *sim, uint64_t seconds_max)
{
        return sim_chance(sim, 70) ? sim_below(sim, SIM_SECOND) : sim_below(sim, seconds_max * SIM_SECOND);
}

bool do_LINK_CUT(struct sim *sim)
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
                line_stall(sim, line, up, down, fault_some_us(sim, 40));
        return line;
}

bool do_ONE_WAY_UP(struct sim *sim)
{
        return stall(sim, true, false);
}

bool do_ONE_WAY_DOWN(struct sim *sim)
{
        return stall(sim, false, true);
}

bool do_DELAY(struct sim *sim)
{
        sim->lines.spike_until_us = sim->now_us + fault_some_us(sim, 5);
        return true;
}

bool do_CLIENT_CRASH(struct sim *sim)
{
        struct sim_client *client = some_client(sim);

        if (client)
                client_crash(sim, client, fault_some_us(sim, 20));
        return client;
}

bool do_CLIENT_LATE(struct sim *sim)
{
        struct sim_client *client = some_client(sim);

        if (client)
                client_keep_late(client);
        return client;
}

bool do_CLIENT_CLOCK(struct sim *sim)
{
        struct sim_client *client = some_client(sim);

        if (client)
                client->wall_off_ms = (int64_t)sim_below(sim, 7200000) - 3600000;
        return client;
}

bool do_SIGN_OUT(struct sim *sim)
{
        struct sim_client *client = some_client(sim);

        return client && client_sign_out(sim, client);
}

/* L4: whatever is committed after the store was read for a Join must find the connection in presence. */
bool do_JOIN_RACE(struct sim *sim)
{
        struct line *line = some_line(sim);

        if (line)
                line_break(sim, line);
        sim->faults.races_due += line != NULL;
        return line;
}

void fault_join_asked(struct sim *sim, uint64_t user)
{
        sim->faults.race_now = sim->faults.races_due && sim->phase == SIM_FAULTS && clients_provoke(sim, user);
        sim->faults.races_due -= sim->faults.race_now;
        if (sim->faults.race_now && sim->faults.promote_us)
                sim->faults.promote_us = sim->now_us + sim_between(sim, 10, 150) * 1000;
}

bool do_WORKER_CRASH(struct sim *sim)
{
        struct sim_worker *worker = fault_some_worker(sim);

        if (worker->state != ROLE_RUNS)
                return false;
        worker_crash(sim, worker, fault_some_us(sim, 4), fault_some_us(sim, 6));
        return true;
}

bool do_WORKER_DIES(struct sim *sim)
{
        sim->faults.die_due = true;
        return false; /* when it does */
}

bool do_WORKER_MUTE(struct sim *sim)
{
        sim->faults.mute_due = true;
        return false;
}

bool do_WORKER_ZOMBIE(struct sim *sim)
{
        sim->faults.zombie_due = true;
        return false;
}

bool do_WORKER_STALLS(struct sim *sim)
{
        sim->faults.stall_due = true;
        return false;
}

bool do_WORKER_LEAVES(struct sim *sim)
{
        struct sim_worker *worker = fault_some_worker(sim);

        if (worker->state != ROLE_RUNS || worker->leaving)
                return false;
        worker->leaving = true;
        return true;
}

bool do_WORKER_FROZEN(struct sim *sim)
{
        struct sim_worker *worker = fault_some_worker(sim);
        uint64_t us = fault_some_us(sim, 15);

        if (worker->state != ROLE_RUNS)
                return false;
        worker_freeze(sim, worker, us, sim_below(sim, us + 1));
        return true;
}

bool do_REBALANCE(struct sim *sim)
{
        struct sim_worker *worker = fault_some_worker(sim);

        if (worker->state != ROLE_RUNS)
                return false;
        worker_freeze(sim, worker, 0, 0);
        return true;
}

bool do_FRONTEND_CRASH(struct sim *sim)
{
        struct sim_frontend *frontend = fault_some_frontend(sim);

        if (frontend->state != ROLE_RUNS || sim->roles.starts + 8 > ROLE_RESTARTS_MAX)
                return false;
        frontend_crash(sim, frontend, fault_some_us(sim, 8), sim_chance(sim, 30));
        return true;
}

bool do_FRONTEND_FROZEN(struct sim *sim)
{
        struct sim_frontend *frontend = fault_some_frontend(sim);

        if (frontend->state != ROLE_RUNS)
                return false;
        frontend->frozen_until_us = sim->now_us + fault_some_us(sim, 40);
        return true;
}

/* What presence forgot of a frontend that it never heard, nobody tells it. */
bool do_FRONTEND_DEAF(struct sim *sim)
{
        struct sim_frontend *frontend = fault_some_frontend(sim);

        if (frontend->state != ROLE_RUNS || sim->roles.starts + 8 > ROLE_RESTARTS_MAX)
                return false;
        frontend_crash(sim, frontend, fault_some_us(sim, 2), false);
        frontend->starts_deaf = true;
        return true;
}

bool do_FRONTEND_DRAINS(struct sim *sim)
{
        struct sim_frontend *frontend = fault_some_frontend(sim);

        if (frontend->state != ROLE_RUNS || frontend->draining || sim->roles.starts + 8 > ROLE_RESTARTS_MAX)
                return false;
        frontend_stop(sim, frontend, (uint32_t)sim_below(sim, 5000));
        return true;
}

bool do_FRONTEND_RIVAL(struct sim *sim)
{
        if (sim->roles.starts + 8 > ROLE_RESTARTS_MAX)
                return false;
        frontend_rival(sim, (unsigned)sim_below(sim, sim->roles.frontend_count));
        return true;
}
