/*
 * One run of the simulator: the whole messenger in one process and one thread, on a clock that jumps. A seed chooses everything:
 * who there is, what they write, what breaks and when, in which order the parts are stepped. The same seed gives the same run to
 * the last byte, which a running hash over all that happens proves.
 *
 *      sim_new → sim_run → (sim->broken) → sim_free
 *
 * Phases of a run: START (users appear), FAULTS, HEAL (nothing breaks any more, all comes to rest), PROBE (everybody writes once
 * more to everybody), AWAY (some go and come back: nobody may be told), REST; then the checker looks.
 *
 * Who owns what: struct sim owns all; each member belongs to the file of that name.
 */
#ifndef GALKA_TEST_SIM_SIM_H
#define GALKA_TEST_SIM_SIM_H

#include "base/assert.h"
#include "base/memory.h"
#include "sim/blame.h"
#include "sim/blocking.h"
#include "sim/client.h"
#include "sim/engine.h"
#include "sim/fault.h"
#include "sim/guest.h"
#include "sim/history.h"
#include "sim/line.h"
#include "sim/mailbox.h"
#include "sim/resident.h"
#include "sim/rogue.h"
#include "sim/role.h"
#include "sim/settings.h"
#include "sim/tally.h"
#include "support/by_hand.h"

#define SIM_SECOND  UINT64_C(1000000)
#define SIM_WALL_MS UINT64_C(1700000000000) /* when every run begins */
#define SIM_REST_MS UINT64_C(400000)        /* T: so long after the heal everything must be at rest */
#define SIM_REPAIR_MS                                                                                                       \
        UINT64_C(                                                                                                           \
                100000) /* so long after it whoever lacks something has been told to look; what comes later, chance brought */
#define SIM_RENEW_MS    UINT64_C(300000) /* and who watches has asked again who is online: a push may be lost */
#define SIM_ACKED_MIN   200              /* a seed counts only with so many acknowledged sends */
#define SIM_FAULTS_MIN  10
#define SIM_BROKEN_SIZE 400

enum sim_phase { SIM_START, SIM_FAULTS, SIM_HEAL, SIM_PROBE, SIM_AWAY, SIM_REST };

/* The first rule that was broken. */
struct sim_broken {
        const char *rule; /* NULL: none */
        char text[SIM_BROKEN_SIZE];
};

/* What a planted bug or a curious person may want otherwise; zero: as the seed has it. */
struct sim_options {
        bool calm; /* no faults at all */
        bool loud; /* tell what happens, on stderr */
        bool without[FAULT_CLASS_COUNT];
        enum registration registration;
        bool told; /* nobody is there by himself: a scenario brings its people and tells them what to do (test/scenario) */
};

struct sim {
        struct sim_options options;
        uint64_t seed, now_us, hash;
        enum sim_phase phase;
        uint64_t phase_began_us, phase_until_us;
        unsigned long steps, turn; /* turn: the number of the next step */
        unsigned quiet;            /* so many steps ago something moved */
        unsigned rounds;
        struct hand_random random;
        struct engine engine;
        struct roles roles;
        struct lines lines;
        struct mailbox mailbox;
        struct clients clients;
        struct blocking blocking;
        struct rogues rogues;
        struct guest guest;
        struct resident resident;
        struct faults faults;
        struct blame blame;
        struct history history;
        struct sets sets;
        struct tally *tally; /* the caller's: over many seeds */
        struct sim_broken broken;
};

struct sim *sim_new(uint64_t seed, const struct sim_options *options, struct tally *tally);
void sim_free(struct sim **sim);

/* To the end, or to the first rule broken. */
void sim_run(struct sim *sim);

/* Everybody once; then the clock goes on a little, or, when nothing moves, to what is due next, at most to phase_until_us. */
void sim_step(struct sim *sim);

/* ---- for the parts ---- */

static inline uint64_t sim_now_ms(const struct sim *sim)
{
        return sim->now_us / 1000;
}

/* A number below `limit` (> 0); true in `percent` of cases; one from low to high, both included. */
uint64_t sim_below(struct sim *sim, uint64_t limit);
bool sim_chance(struct sim *sim, unsigned percent);
uint64_t sim_between(struct sim *sim, uint64_t low, uint64_t high);

/* Random bytes for whoever needs a seed or an id. */
void sim_fill(struct sim *sim, void *bytes, size_t size);

/* Into the running hash, with the time. */
void sim_note(struct sim *sim, const char *what, uint64_t number, struct slice bytes);

/* The rule was broken: the first one counts. */
void sim_break(struct sim *sim, const char *rule, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* For curious people: only when options.loud. */
void sim_tell(struct sim *sim, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
