/*
 * The roles: frontends and workers, each on seams of its own with decorators that fail, each perhaps frozen, crashed, or started
 * again as a new process.
 */
#ifndef GALKA_TEST_SIM_ROLE_H
#define GALKA_TEST_SIM_ROLE_H

#include "frontend/frontend.h"
#include "service/worker/worker.h"
#include "sim/blame.h"
#include "sim/engine.h"
#include "support/fault.h"

#define ROLE_WORKERS_MAX  10
#define ROLE_EXPELS_MAX   64
#define ROLE_RIVALS_MAX   2
#define ROLE_RESTARTS_MAX 40 /* of frontends in one run: the fake network has so many machines */

enum role_state { ROLE_ABSENT, ROLE_RUNS, ROLE_CRASHED };

struct sim_worker {
        enum role_state state;
        const struct service *service;
        struct worker *worker;
        struct bus *bus;
        struct store *store;
        struct presence *presence;
        struct password *password;
        struct mail *mail;
        struct notes *notes;
        struct blame_slot slot;
        struct sim_clock clock;
        uint64_t frozen_until_us, back_us, steps;
        uint64_t mute_until_us;           /* until then what it publishes fails */
        uint64_t deaf_until_us;           /* until then it does not hear that it was expelled; 0: it hears all */
        bool leaving;                     /* takes nothing more, and leaves its group when all is done */
        unsigned calls[FAULT_CALL_COUNT]; /* of its seams */
        bool dies;                        /* as soon as it has made another call of this kind */
        enum fault_call dies_after;
        unsigned dies_calls;
};

struct sim_frontend {
        enum role_state state;
        struct frontend *frontend;
        struct net *net;
        struct bus *bus;
        struct presence *presence;
        struct sim_clock clock;
        unsigned index;
        bool rival, draining;
        bool starts_deaf;       /* when it starts next, presence does not hear it for a while */
        uint64_t deaf_until_us; /* and has then forgotten all; 0: it hears */
        uint64_t frozen_until_us, back_us, activity;
};

struct roles {
        unsigned frontend_count, worker_count, starts;
        struct sim_frontend frontends[ENGINE_FRONTENDS_MAX + ROLE_RIVALS_MAX];
        struct sim_worker workers[ROLE_WORKERS_MAX];
        struct sim_worker *stepping; /* whose calls of seams are made now */
        struct sim_frontend *turning;
        struct {
                uint64_t member, at_us; /* 0: free */
        } expels[ROLE_EXPELS_MAX];
        uint32_t reply_ms, ping_ms, claim_wait_ms;
        bool moved;
};

void roles_start(struct sim *sim);
void roles_finish(struct sim *sim);

/* Steps every role once in a random order, starts those whose time has come, lets groups expel. */
void roles_run(struct sim *sim);
uint64_t roles_next_us(const struct sim *sim);

/* A worker submits operations: perhaps it is the one that dies over them, or cannot say what came of them. */
void worker_applies(struct sim *sim, const struct store_op *ops, size_t count);

/* The frontend with this index serves clients. */
bool role_serves(const struct sim *sim, unsigned index);

/* ---- faults ---- */

void worker_crash(struct sim *sim, struct sim_worker *worker, uint64_t down_us, uint64_t expel_us);
void worker_freeze(struct sim *sim, struct sim_worker *worker, uint64_t us, uint64_t expel_us);

/* All end, and start again some time after back_us. */
void workers_stop(struct sim *sim, uint64_t back_us);
void frontend_crash(struct sim *sim, struct sim_frontend *frontend, uint64_t down_us, bool silent);
void frontend_stop(struct sim *sim, struct sim_frontend *frontend, uint32_t within_ms);
void frontend_rival(struct sim *sim, unsigned index);
void roles_heal(struct sim *sim);

/* All that runs in one process ends at once: `galkad all`, killed. */
void roles_crash_all(struct sim *sim);

#endif
