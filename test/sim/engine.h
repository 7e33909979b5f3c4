/*
 * What the roles stand on: the bus's log, presence, the database on its lying disk, keys, the network, and clocks of the
 * machines. The store may crash and come back: handles survive it, as those of a client of a database server do.
 */
#ifndef GALKA_TEST_SIM_ENGINE_H
#define GALKA_TEST_SIM_ENGINE_H

#include "crypto/token.h"
#include "driver/bus/embedded.h"
#include "driver/presence/memory.h"
#include "driver/store/sqlite.h"
#include "support/by_hand.h"
#include "support/fake_net.h"

#define ENGINE_FRONTENDS_MAX 3
#define ENGINE_HANDLES_MAX   24
#define ENGINE_PIPE          65536
#define ENGINE_CLOCK_OFF_MS  900 /* no server's wall clock is off by more: two are within CLOCK_MARGIN_MS */

struct sim;

/* A machine's clock: the run's time, and a wall clock of its own that may step. */
struct sim_clock {
        struct clock clock;
        struct sim *sim;
        int64_t off_ms;
};

struct store_handle;
struct fault_plan;

struct engine {
        struct hand_random random, disk_random;
        struct random *server_random;
        struct sim_clock clock; /* of the store's machine */
        struct event_sink events;
        struct token_keys keys;
        struct fake_world *world;
        struct bus_embedded *bus;
        struct presence_memory *presence;
        struct store_sqlite *sqlite;
        uint64_t store_back_us; /* the store is down until then; 0: it runs */
        struct store_handle *handles[ENGINE_HANDLES_MAX];
        unsigned store_crashes;
        bool commit_given_up; /* a worker leaves a commit to its next batch: offsets may stay behind */
};

void sim_clock_init(struct sim_clock *clock, struct sim *sim, int64_t off_ms);

void engine_start(struct sim *sim);
void engine_finish(struct sim *sim);

/* A handle on the store that survives its crashes. The decorator of its faults is inside. */
struct store *engine_store(struct sim *sim, struct fault_plan *plan);

/* The database dies, now: what was not synced is torn or lost. It comes back after down_ms. restore: as the last image it was, in a new era. */
void engine_store_crash(struct sim *sim, uint64_t down_ms, bool restore);

/* In good order; for whoever reads the database itself. */
void engine_store_close(struct sim *sim);

/* Starts the store again when its time has come; notices that its disk died. */
void engine_run(struct sim *sim);

/* One question or operation at once, past all decorators. False: the store cannot read its own disk; an operation must be done. */
bool engine_ask(struct sim *sim, const struct store_question *question, struct store_answer *answer, struct arena *arena);
void engine_apply(struct sim *sim, const struct store_op *op, struct store_result *result, struct arena *arena);

#endif
