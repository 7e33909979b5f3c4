/* See role.h. */
#include "sim/role.h"

#include <stdio.h>

#include "base/memory.h"
#include "rules/room.h"
#include "service/worker/service.h"
#include "sim/sim.h"
#include "support/faulty_bus.h"
#include "support/faulty_presence.h"
#include "support/password_simulation.h"

#define MACHINE_FIRST 10                /* frontend i has the address 10.0.0.(10 + i) */
#define MUTE_US       (8 * SIM_SECOND)  /* more than a worker's patience with the bus */
#define STALL_FROM_US (65 * SIM_SECOND) /* before that, all that a worker has may be another's work (WORKER_INHERIT_MS) */

static struct fault_plan *plan_of(struct sim *sim)
{
        return &sim->faults.plan;
}

static int64_t clock_off(struct sim *sim)
{
        return (int64_t)sim_below(sim, 2 * ENGINE_CLOCK_OFF_MS + 1) - ENGINE_CLOCK_OFF_MS;
}

static struct bus *bus_open(struct sim *sim)
{
        struct bus *inner = NULL, *bus = NULL;

        check(bus_embedded_open(sim->engine.bus, &inner) == ERR_OK);
        check(faulty_bus_new(inner, plan_of(sim), &bus) == ERR_OK);
        return bus;
}

static struct presence *presence_open(struct sim *sim)
{
        struct presence *inner = NULL, *presence = NULL;

        check(presence_memory_open(sim->engine.presence, &inner) == ERR_OK);
        check(faulty_presence_new(inner, plan_of(sim), &presence) == ERR_OK);
        return presence;
}

/* The group learns of it at at_us. */
static void expel_later(struct sim *sim, uint64_t member, uint64_t at_us)
{
        struct roles *roles = &sim->roles;

        for (size_t i = 0; i < ROLE_EXPELS_MAX; i++)
                if (roles->expels[i].at_us == 0) {
                        roles->expels[i].member = member;
                        roles->expels[i].at_us = max_of(at_us, UINT64_C(1));
                        return;
                }
        bus_embedded_expel(sim->engine.bus, member);
}

/* ---- workers ---- */

static void worker_begin(struct sim *sim, struct sim_worker *worker)
{
        struct worker_seams seams = {.clock = &worker->clock.clock,
                                     .random = sim->engine.server_random,
                                     .events = &sim->engine.events,
                                     .keys = &sim->engine.keys,
                                     .registration = sim->options.registration,
                                     .member_invites = true,
                                     .patience_ms = 4};
        size_t batch_max = sim_chance(sim, 50) ? 1 + sim_below(sim, 6) : 0;

        if (batch_max % 2) { /* as over Kafka */
                seams.pace_ms = 10;
                seams.commit_ms = 100;
        }
        sim_clock_init(&worker->clock, sim, clock_off(sim));
        seams.bus = worker->bus = bus_open(sim);
        if (worker->service != &service_notify)
                seams.store = worker->store = engine_store(sim, plan_of(sim));
        if (worker->service == &service_session || worker->service == &service_query)
                seams.presence = worker->presence = presence_open(sim);
        if (worker->service == &service_auth) {
                check(password_simulation_new(&worker->password) == ERR_OK);
                seams.password = worker->password;
        }
        if (worker->service == &service_notify)
                seams.mail = worker->mail = mailbox_open(sim);
        seams.notes = worker->notes = blame_open(sim, &worker->slot);
        check(worker_new(worker->service, &seams, batch_max, &worker->worker) == ERR_OK);
        worker->state = ROLE_RUNS;
        worker->frozen_until_us = worker->back_us = worker->mute_until_us = 0;
        worker->deaf_until_us = 0;
        worker->dies = worker->leaving = false;
}

static void worker_close(struct sim_worker *worker)
{
        if (worker->store)
                worker->store->ops->free(&worker->store);
        if (worker->presence)
                worker->presence->ops->free(&worker->presence);
        if (worker->password)
                worker->password->ops->free(&worker->password);
        if (worker->mail)
                worker->mail->ops->free(&worker->mail);
        worker->notes->ops->free(&worker->notes);
        worker_free(&worker->worker);
        worker->state = ROLE_CRASHED;
}

/* Its process ends, whatever it was in the middle of. Returns the id by which its groups know it. */
static uint64_t worker_end(struct sim_worker *worker)
{
        struct bus *inner = faulty_bus_drop(&worker->bus);
        uint64_t member = bus_embedded_crash(&inner);

        worker_close(worker);
        return member;
}

/* In good order: its group shares out what it had, at once. */
static void worker_leave(struct sim *sim, struct sim_worker *worker)
{
        worker->bus->ops->free(&worker->bus);
        worker_close(worker);
        blame_gone(sim, &worker->slot, 0);
        worker->back_us = sim->now_us + sim_below(sim, 5 * SIM_SECOND);
        sim_note(sim, "worker leaves", (uint64_t)(worker - sim->roles.workers), (struct slice){0});
}

void worker_crash(struct sim *sim, struct sim_worker *worker, uint64_t down_us, uint64_t expel_us)
{
        if (worker->state != ROLE_RUNS)
                return;
        blame_gone(sim, &worker->slot, sim->blame.met);
        expel_later(sim, worker_end(worker), sim->now_us + expel_us);
        worker->back_us = sim->now_us + down_us;
        sim_note(sim, "worker crash", (uint64_t)(worker - sim->roles.workers), (struct slice){0});
}

void worker_freeze(struct sim *sim, struct sim_worker *worker, uint64_t us, uint64_t expel_us)
{
        if (worker->state != ROLE_RUNS)
                return;
        worker->frozen_until_us = sim->now_us + us;
        expel_later(sim, bus_embedded_member(faulty_bus_inner(worker->bus)), sim->now_us + expel_us);
        sim_note(sim, "worker frozen", us, (struct slice){0});
}

void workers_stop(struct sim *sim, uint64_t back_us)
{
        for (unsigned i = 0; i < sim->roles.worker_count; i++) {
                struct sim_worker *worker = &sim->roles.workers[i];

                worker_crash(sim, worker, 0, sim_below(sim, SIM_SECOND));
                worker->back_us = max_of(worker->back_us, back_us + sim_below(sim, 2 * SIM_SECOND));
        }
}

/* It stands still while its session ends, and then goes on as if nothing had been. */
static void worker_zombify(struct sim *sim, struct sim_worker *worker)
{
        uint64_t late_us = sim->roles.reply_ms * UINT64_C(1000) + sim_below(sim, 2 * SIM_SECOND);
        uint64_t expel_us = sim_chance(sim, 50) ? late_us : sim_below(sim, 500000); /* its heir comes late, or in time */

        worker_freeze(sim, worker, expel_us + sim_below(sim, 4 * SIM_SECOND), expel_us);
        worker->deaf_until_us = worker->frozen_until_us + sim_between(sim, 50, 3000) * 1000;
        faulty_bus_deafen(worker->bus, true);
        sim->faults.zombie_due = false;
        fault_happened(sim, FAULT_CLASS_WORKER_ZOMBIE);
}

/* Nobody takes its partitions: it goes on where it stood, past the deadline of what was done. */
static void worker_stall(struct sim *sim, struct sim_worker *worker)
{
        worker->frozen_until_us = sim->now_us + sim->roles.reply_ms * UINT64_C(1000) + sim_between(sim, 1, 3) * SIM_SECOND;
        sim->faults.stall_due = false;
        fault_happened(sim, FAULT_CLASS_WORKER_STALLS);
}

/* Of what he may do, as far as one can tell: what is refused leaves nothing to be lost. */
static bool writes_for_a_rogue(const struct sim *sim, const struct store_op *ops, size_t count)
{
        for (size_t i = 0; i < count; i++)
                for (unsigned n = 0; n < sim->rogues.count; n++)
                        if (sim->rogues.all[n].user->id == ops[i].user &&
                            (ops[i].kind == STORE_MARK || (ops[i].kind == STORE_WRITE && ops[i].write.target == 0 &&
                                                           room_peer(&ops[i].write.room, ops[i].user) != 0)))
                                return true;
        return false;
}

static void worker_dies_soon(struct sim *sim, struct sim_worker *worker)
{
        worker->dies = true;
        worker->dies_after = sim_chance(sim, 70) ? FAULT_COMMIT : FAULT_FLUSH;
        worker->dies_calls = worker->calls[worker->dies_after];
        sim->faults.die_due = false;
}

static void worker_mute(struct sim *sim, struct sim_worker *worker)
{
        worker->mute_until_us = sim->now_us + MUTE_US;
        if (sim_chance(sim, 60)) /* its heir comes when it is too late to do it (L8) */
                expel_later(sim, bus_embedded_member(faulty_bus_inner(worker->bus)), sim->now_us + sim_below(sim, MUTE_US));
        sim->faults.mute_due = false;
        fault_happened(sim, FAULT_CLASS_WORKER_MUTE);
}

/* Whoever behaves asks again, and his repeat mends what was lost. So the batch must be one in which a rogue writes. */
void worker_applies(struct sim *sim, const struct store_op *ops, size_t count)
{
        struct sim_worker *worker = sim->roles.stepping;
        struct faults *faults = &sim->faults;

        if (sim->phase != SIM_FAULTS || !worker || worker->deaf_until_us || !writes_for_a_rogue(sim, ops, count))
                return;
        if (faults->die_due) {
                worker_dies_soon(sim, worker);
        } else if (faults->mute_due) {
                worker_mute(sim, worker);
        } else if (faults->zombie_due) {
                worker_zombify(sim, worker);
        } else if (faults->stall_due && sim->now_us > STALL_FROM_US) {
                worker_stall(sim, worker);
        } else if (faults->doubt_due) {
                faults->doubt_due = false;
                faults->doubt_now = true;
        }
}

static bool is_dead(const struct sim_worker *worker)
{
        return worker->dies && worker->calls[worker->dies_after] != worker->dies_calls;
}

/* Rule 10: what a zombie commits, whoever has its partitions now has not done. */
static void step_zombie(struct sim *sim, struct sim_worker *worker)
{
        struct bus_log *log = bus_embedded_log(sim->engine.bus);
        enum bus_topic topic = worker->service->topic;
        uint64_t committed[BUS_PARTITIONS_DEFAULT], self = bus_embedded_member(faulty_bus_inner(worker->bus));
        int32_t count = (int32_t)bus_log_partitions(log, topic);

        check(count <= (int32_t)countof(committed));
        for (int32_t i = 0; i < count; i++)
                committed[i] = bus_log_state(log, topic, i).committed;
        sim->roles.moved |= worker_step(worker->worker);
        for (int32_t i = 0; i < count; i++) {
                struct bus_log_state state = bus_log_state(log, topic, i);

                if (state.owner != self && state.committed != committed[i])
                        sim_break(sim, "10 committed by a zombie",
                                  "%s partition %d went to another worker and has %llu committed", bus_topic_name(topic),
                                  (int)i, (unsigned long long)state.committed);
        }
        if (worker->deaf_until_us > sim->now_us)
                return;
        worker->deaf_until_us = 0;
        faulty_bus_deafen(worker->bus, false);
}

static void step_worker(struct sim *sim, struct sim_worker *worker)
{
        worker->steps++;
        sim->roles.stepping = worker;
        if (worker->deaf_until_us)
                step_zombie(sim, worker);
        else
                sim->roles.moved |= worker_step(worker->worker);
        sim->roles.stepping = NULL;
}

static void worker_run(struct sim *sim, struct sim_worker *worker)
{
        if (worker->state == ROLE_CRASHED && worker->back_us <= sim->now_us)
                worker_begin(sim, worker);
        if (worker->state != ROLE_RUNS || worker->frozen_until_us > sim->now_us)
                return;
        if (worker->leaving && worker_drain(worker->worker)) {
                worker_leave(sim, worker);
                return;
        }
        step_worker(sim, worker);
        if (is_dead(worker)) {
                fault_happened(sim, FAULT_CLASS_WORKER_DIES);
                worker_crash(sim, worker, sim_below(sim, SIM_SECOND), sim_below(sim, SIM_SECOND));
                sim->blame.met = 0;
                return;
        }
        if (!sim->blame.met)
                return;
        sim_tell(sim, "a message brings its worker down");
        worker_crash(sim, worker, sim_below(sim, 200000), sim_below(sim, 200000));
        sim->blame.met = 0;
}

/* ---- frontends ---- */

static bool frontend_begin(struct sim *sim, struct sim_frontend *frontend)
{
        struct frontend_options options = {.index = (uint16_t)frontend->index,
                                           .connections_max = 64,
                                           .reply_ms = sim->roles.reply_ms,
                                           .ping_ms = sim->roles.ping_ms,
                                           .claim_wait_ms = sim->roles.claim_wait_ms,
                                           .pending_max = 1000};
        struct frontend_seams seams = {.clock = &frontend->clock.clock,
                                       .random = sim->engine.server_random,
                                       .events = &sim->engine.events,
                                       .keys = &sim->engine.keys};
        unsigned machine = MACHINE_FIRST + frontend->index;
        char address[24];

        if (sim->roles.starts >= ROLE_RESTARTS_MAX)
                return false;
        sim->roles.starts++;
        sim_clock_init(&frontend->clock, sim, clock_off(sim));
        seams.net = frontend->net = fake_world_net(sim->engine.world, (uint8_t)machine);
        seams.bus = frontend->bus = bus_open(sim);
        seams.presence = frontend->presence = presence_open(sim);
        check(frontend->net && frontend_new(&options, &seams, &frontend->frontend) == ERR_OK);
        snprintf(address, sizeof(address), "10.0.0.%u", machine);
        check(frontend_listen(frontend->frontend, address, LINE_PORT, false, NULL) == ERR_OK);
        frontend->state = ROLE_RUNS;
        frontend->draining = false;
        frontend->frozen_until_us = frontend->back_us = 0;
        frontend->deaf_until_us = frontend->starts_deaf ? sim->now_us + sim_between(sim, 1, 5) * SIM_SECOND : 0;
        frontend->starts_deaf = false;
        return true;
}

/* The process is gone, without a word to anybody. */
static void frontend_end(struct sim_frontend *frontend)
{
        struct bus *inner;
        uint64_t member;

        frontend->presence->ops->free(&frontend->presence);
        inner = faulty_bus_drop(&frontend->bus);
        frontend_free(&frontend->frontend);
        member = bus_embedded_crash(&inner);
        (void)member; /* it is in no group */
        frontend->net->ops->free(&frontend->net);
        frontend->state = frontend->rival ? ROLE_ABSENT : ROLE_CRASHED;
}

void frontend_crash(struct sim *sim, struct sim_frontend *frontend, uint64_t down_us, bool silent)
{
        if (frontend->state != ROLE_RUNS)
                return;
        if (!frontend->rival)
                lines_server_gone(sim, frontend->index, silent);
        frontend_end(frontend);
        frontend->back_us = sim->now_us + down_us;
        sim_note(sim, "frontend crash", frontend->index, (struct slice){0});
}

void frontend_stop(struct sim *sim, struct sim_frontend *frontend, uint32_t within_ms)
{
        if (frontend->state != ROLE_RUNS || frontend->draining || frontend->rival)
                return;
        frontend->draining = true;
        frontend_drain(frontend->frontend, within_ms);
        sim_note(sim, "frontend drains", frontend->index, (struct slice){0});
}

/* A second process with the index (and the address) of a living one: by L6 one of them ends. */
void frontend_rival(struct sim *sim, unsigned index)
{
        for (unsigned i = 0; i < ROLE_RIVALS_MAX; i++) {
                struct sim_frontend *rival = &sim->roles.frontends[ENGINE_FRONTENDS_MAX + i];

                if (rival->state != ROLE_ABSENT)
                        continue;
                *rival = (struct sim_frontend){.index = index, .rival = true};
                if (!frontend_begin(sim, rival))
                        rival->state = ROLE_ABSENT;
                return;
        }
}

static uint64_t activity_of(const struct frontend *frontend)
{
        struct frontend_counts counts = frontend_counts(frontend);

        return counts.accepted + counts.closed + counts.frames_in + counts.frames_out + counts.bytes_in + counts.bytes_out +
               counts.posts_unknown + counts.ready + counts.away;
}

/* The rival of that index runs: starting the first one again would only make it end again. */
static bool rival_runs(const struct sim *sim, unsigned index)
{
        for (unsigned i = ENGINE_FRONTENDS_MAX; i < countof(sim->roles.frontends); i++)
                if (sim->roles.frontends[i].state == ROLE_RUNS && sim->roles.frontends[i].index == index)
                        return true;
        return false;
}

static void frontend_restart(struct sim *sim, struct sim_frontend *frontend)
{
        if (frontend->back_us > sim->now_us)
                return;
        if (rival_runs(sim, frontend->index) || !frontend_begin(sim, frontend))
                frontend->back_us = sim->now_us + 10 * SIM_SECOND;
}

static void frontend_run(struct sim *sim, struct sim_frontend *frontend)
{
        uint64_t activity;
        bool on;

        if (frontend->state == ROLE_CRASHED)
                frontend_restart(sim, frontend);
        if (frontend->state != ROLE_RUNS || frontend->frozen_until_us > sim->now_us)
                return;
        if (frontend->deaf_until_us && frontend->deaf_until_us <= sim->now_us) {
                frontend->deaf_until_us = 0;
                if (sim->phase == SIM_FAULTS)
                        presence_memory_forget(sim->engine.presence, PRESENCE_FORGET_ALL);
        }
        sim->roles.turning = frontend;
        on = frontend_turn(frontend->frontend, 0);
        sim->roles.turning = NULL;
        if (!on) { /* drained, or another holds its partition */
                if (!frontend->rival)
                        lines_server_gone(sim, frontend->index, false);
                frontend_end(frontend);
                frontend->back_us = sim->now_us + sim_between(sim, 100, 3000) * 1000;
                sim->roles.moved = true;
                return;
        }
        activity = activity_of(frontend->frontend);
        if (activity != frontend->activity)
                sim->roles.moved = true;
        frontend->activity = activity;
}

bool role_serves(const struct sim *sim, unsigned index)
{
        for (unsigned i = 0; i < countof(sim->roles.frontends); i++) {
                const struct sim_frontend *frontend = &sim->roles.frontends[i];

                if (frontend->index == index && frontend->state == ROLE_RUNS && frontend_serves(frontend->frontend))
                        return true;
        }
        return false;
}

/* ---- all of them ---- */

static void add_worker(struct sim *sim, const struct service *service, unsigned count)
{
        struct roles *roles = &sim->roles;

        for (unsigned i = 0; i < count; i++) {
                check(roles->worker_count < ROLE_WORKERS_MAX);
                roles->workers[roles->worker_count].service = service;
                worker_begin(sim, &roles->workers[roles->worker_count++]);
        }
}

void roles_start(struct sim *sim)
{
        struct roles *roles = &sim->roles;

        roles->reply_ms = (uint32_t)sim_between(sim, 2000, 5000);
        roles->ping_ms = (uint32_t)sim_between(sim, 10000, 30000);
        roles->claim_wait_ms = sim_chance(sim, 50) ? 0 : 2000;
        roles->frontend_count = (unsigned)sim_between(sim, 2, ENGINE_FRONTENDS_MAX);
        add_worker(sim, &service_auth, (unsigned)sim_between(sim, 1, 2));
        add_worker(sim, &service_session, (unsigned)sim_between(sim, 1, 3));
        add_worker(sim, &service_query, (unsigned)sim_between(sim, 1, 2));
        add_worker(sim, &service_notify, 1);
        for (unsigned i = 0; i < roles->frontend_count; i++) {
                roles->frontends[i].index = i;
                check(frontend_begin(sim, &roles->frontends[i]));
        }
}

void roles_finish(struct sim *sim)
{
        struct roles *roles = &sim->roles;

        for (size_t i = 0; i < countof(roles->frontends); i++)
                if (roles->frontends[i].state == ROLE_RUNS)
                        frontend_end(&roles->frontends[i]);
        for (unsigned i = 0; i < roles->worker_count; i++)
                if (roles->workers[i].state == ROLE_RUNS)
                        (void)worker_end(&roles->workers[i]);
}

static void run_expels(struct sim *sim)
{
        for (size_t i = 0; i < ROLE_EXPELS_MAX; i++) {
                uint64_t at_us = sim->roles.expels[i].at_us;

                if (at_us == 0 || at_us > sim->now_us)
                        continue;
                bus_embedded_expel(sim->engine.bus, sim->roles.expels[i].member);
                sim->roles.expels[i].at_us = 0;
                sim->roles.moved = true;
        }
}

void roles_run(struct sim *sim)
{
        struct roles *roles = &sim->roles;
        unsigned frontends = countof(roles->frontends), all = frontends + roles->worker_count;
        unsigned order[countof(roles->frontends) + ROLE_WORKERS_MAX];

        run_expels(sim);
        for (unsigned i = 0; i < all; i++) {
                unsigned other = (unsigned)sim_below(sim, i + 1);

                order[i] = order[other];
                order[other] = i;
        }
        for (unsigned i = 0; i < all; i++) {
                if (order[i] < frontends)
                        frontend_run(sim, &roles->frontends[order[i]]);
                else
                        worker_run(sim, &roles->workers[order[i] - frontends]);
                engine_run(sim);
        }
}

static uint64_t after_ms(const struct sim *sim, int ms)
{
        return ms < 0 ? UINT64_MAX : sim->now_us + max_of((uint64_t)ms * 1000, UINT64_C(500));
}

uint64_t roles_next_us(const struct sim *sim)
{
        const struct roles *roles = &sim->roles;
        uint64_t next_us = sim->engine.sqlite ? UINT64_MAX : sim->engine.store_back_us;

        for (size_t i = 0; i < ROLE_EXPELS_MAX; i++)
                if (roles->expels[i].at_us)
                        next_us = min_of(next_us, roles->expels[i].at_us);
        for (unsigned i = 0; i < roles->worker_count; i++) {
                const struct sim_worker *worker = &roles->workers[i];

                if (worker->state == ROLE_CRASHED)
                        next_us = min_of(next_us, worker->back_us);
                else if (worker->frozen_until_us > sim->now_us)
                        next_us = min_of(next_us, worker->frozen_until_us);
                else if (worker->deaf_until_us > sim->now_us)
                        next_us = min_of(next_us,
                                         min_of(worker->deaf_until_us, after_ms(sim, worker_wait_ms(worker->worker))));
                else
                        next_us = min_of(next_us, after_ms(sim, worker_wait_ms(worker->worker)));
        }
        for (size_t i = 0; i < countof(roles->frontends); i++) {
                const struct sim_frontend *frontend = &roles->frontends[i];

                if (frontend->state == ROLE_CRASHED)
                        next_us = min_of(next_us, frontend->back_us);
                else if (frontend->state == ROLE_RUNS && frontend->frozen_until_us > sim->now_us)
                        next_us = min_of(next_us, frontend->frozen_until_us);
                else if (frontend->state == ROLE_RUNS)
                        next_us = min_of(next_us, after_ms(sim, frontend_wait_ms(frontend->frontend)));
        }
        return next_us;
}

void roles_crash_all(struct sim *sim)
{
        struct roles *roles = &sim->roles;
        uint64_t down_us = sim_between(sim, 100, 4000) * 1000;

        for (size_t i = 0; i < countof(roles->frontends); i++)
                frontend_crash(sim, &roles->frontends[i], down_us, false);
        for (unsigned i = 0; i < roles->worker_count; i++)
                worker_crash(sim, &roles->workers[i], down_us, sim_below(sim, down_us));
}

void roles_heal(struct sim *sim)
{
        struct roles *roles = &sim->roles;

        for (size_t i = 0; i < countof(roles->frontends); i++) {
                roles->frontends[i].frozen_until_us = 0;
                if (roles->frontends[i].state == ROLE_CRASHED)
                        roles->frontends[i].back_us = min_of(roles->frontends[i].back_us, sim->now_us + SIM_SECOND);
        }
        for (unsigned i = 0; i < roles->worker_count; i++) {
                roles->workers[i].frozen_until_us = 0;
                roles->workers[i].deaf_until_us = min_of(roles->workers[i].deaf_until_us, sim->now_us);
                roles->workers[i].back_us = min_of(roles->workers[i].back_us, sim->now_us + SIM_SECOND);
        }
}
