/* The run itself: phases, the loop that steps everybody, the clock that jumps, the running hash. See sim.h. */
#include "sim/sim.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/memory.h"
#include "sim/check.h"

#define QUIET_STEPS 8   /* nothing moved in so many steps: then the clock may jump (more than a decorator's delay_polls) */
#define STEP_US     700 /* from one step to the next while things move */
#define START_US    (30 * SIM_SECOND)
#define FAULTS_US   (25 * SIM_SECOND) /* of one round */
#define ROUNDS_MAX  20
#define PROBE_US    (60 * SIM_SECOND)
#define AWAY_US     (45 * SIM_SECOND) /* longer than it takes to say that somebody is gone */
#define LOOK_US     (5 * SIM_SECOND)  /* how often one looks whether all is at rest */
#define STEPS_MAX   4000000           /* of one run: beyond it, it never rests */

/* ---- for the parts ---- */

static uint64_t draw(struct sim *sim)
{
        return random_u64(&sim->random.random);
}

uint64_t sim_below(struct sim *sim, uint64_t limit)
{
        check(limit > 0);
        return draw(sim) % limit;
}

bool sim_chance(struct sim *sim, unsigned percent)
{
        return sim_below(sim, 100) < percent;
}

uint64_t sim_between(struct sim *sim, uint64_t low, uint64_t high)
{
        check(low <= high);
        return low + sim_below(sim, high - low + 1);
}

void sim_fill(struct sim *sim, void *bytes, size_t size)
{
        sim->random.random.fill(&sim->random.random, bytes, size);
}

static uint64_t mix(uint64_t hash, uint64_t value)
{
        hash = (hash ^ value) * UINT64_C(0x9e3779b97f4a7c15);
        return hash ^ hash >> 29;
}

void sim_note(struct sim *sim, const char *what, uint64_t number, struct slice bytes)
{
        uint64_t hash = mix(mix(sim->hash, sim->now_us), number);

        for (; *what; what++)
                hash = mix(hash, (uint8_t)*what);
        hash = mix(hash, bytes.size);
        for (; bytes.size >= 8; bytes = slice_of(bytes.data + 8, bytes.size - 8))
                hash = mix(hash, be64_get(bytes.data));
        for (size_t i = 0; i < bytes.size; i++)
                hash = mix(hash, bytes.data[i]);
        sim->hash = hash;
}

void sim_break(struct sim *sim, const char *rule, const char *format, ...)
{
        va_list arguments;

        if (sim->broken.rule)
                return;
        sim->broken.rule = rule;
        va_start(arguments, format);
        vsnprintf(sim->broken.text, sizeof(sim->broken.text), format, arguments);
        va_end(arguments);
        sim_tell(sim, "BROKEN: %s: %s", rule, sim->broken.text);
}

void sim_tell(struct sim *sim, const char *format, ...)
{
        va_list arguments;

        if (!sim->options.loud)
                return;
        fprintf(stderr, "%12.6f  ", (double)sim->now_us / 1e6);
        va_start(arguments, format);
        vfprintf(stderr, format, arguments);
        va_end(arguments);
        fputc('\n', stderr);
}

/* ---- phases ---- */

static void enter(struct sim *sim, enum sim_phase phase)
{
        static const char *const names[] = {"start", "faults", "heal", "probe", "away", "rest"};

        sim->phase = phase;
        sim_note(sim, names[phase], 0, (struct slice){0});
        sim_tell(sim, "---- %s", names[phase]);
        switch (phase) {
        case SIM_START:
                sim->phase_until_us = sim->now_us + sim_between(sim, SIM_SECOND, START_US);
                break;
        case SIM_FAULTS:
                sim->phase_until_us = sim->now_us + FAULTS_US;
                break;
        case SIM_HEAL:
                faults_heal(sim);
                sim->phase_until_us = sim->now_us + LOOK_US;
                break;
        case SIM_PROBE:
                clients_probe(sim);
                guest_probe(sim);
                resident_probe(sim);
                sim->phase_until_us = sim->now_us + LOOK_US;
                break;
        case SIM_AWAY:
                clients_reconnect(sim);
                sim->phase_until_us = sim->now_us + AWAY_US;
                break;
        case SIM_REST:
                break;
        }
        sim->phase_began_us = sim->now_us;
}

/* Rounds of faults follow each other until enough has happened for the seed to count. After each all must come to rest, for
 * a delivery that was lost is seen only as long as no later one makes the gap visible. */
static void round_ends(struct sim *sim)
{
        bool enough = sim->history.acked >= SIM_ACKED_MIN && sim->faults.count >= SIM_FAULTS_MIN;

        enter(sim, enough || ++sim->rounds == ROUNDS_MAX ? SIM_PROBE : SIM_FAULTS);
}

/* At rest, or out of patience. What is still missing may be repaired until then; what is wrong stays wrong. */
static void look(struct sim *sim)
{
        char why[SIM_BROKEN_SIZE] = "";
        bool rests = check_at_rest(sim, why);
        uint64_t since_us = sim->now_us - sim->phase_began_us;
        bool late = since_us > SIM_REST_MS * 1000;

        if (!rests && late) {
                check_store_alone(sim); /* who waits for what the store lost is a symptom: name the cause */
                sim_break(sim, "9 not at rest", "%" PRIu64 " s after the heal: %s", SIM_REST_MS / 1000, why);
        }
        if (rests) {
                check_all(sim);
                if (sim->broken.rule && since_us <= check_repair_ms(sim->broken.rule) * 1000) {
                        sim_tell(sim, "%s: %s", sim->broken.rule, sim->broken.text);
                        sim->broken.rule = NULL;
                        rests = false;
                }
        }
        if (rests && sim->phase == SIM_HEAL && !sim->options.calm)
                round_ends(sim);
        else if (rests)
                enter(sim, sim->phase + 1);
        else
                sim->phase_until_us = sim->now_us + LOOK_US;
}

static void phase_run(struct sim *sim)
{
        if (sim->now_us < sim->phase_until_us)
                return;
        if (sim->phase == SIM_START)
                enter(sim, sim->options.calm ? SIM_HEAL : SIM_FAULTS);
        else if (sim->phase == SIM_FAULTS)
                enter(sim, SIM_HEAL);
        else
                look(sim);
}

/* ---- the loop ---- */

static bool step(struct sim *sim)
{
        sim->lines.moved = sim->roles.moved = sim->clients.moved = sim->rogues.moved = false;
        engine_run(sim);
        faults_run(sim);
        lines_run(sim);
        clients_run(sim);
        rogues_run(sim);
        guest_run(sim);
        resident_run(sim);
        roles_run(sim);
        return sim->lines.moved || sim->roles.moved || sim->clients.moved || sim->rogues.moved || sim->guest.moved ||
               sim->resident.moved;
}

static uint64_t next_us(struct sim *sim)
{
        uint64_t next = sim->phase_until_us;

        next = min_of(next, lines_next_us(sim));
        next = min_of(next, clients_next_us(sim));
        next = min_of(next, rogues_next_us(sim));
        next = min_of(next, guest_next_us(sim));
        next = min_of(next, resident_next_us(sim));
        next = min_of(next, roles_next_us(sim));
        next = min_of(next, faults_next_us(sim));
        return max_of(next, sim->now_us + 1);
}

void sim_step(struct sim *sim)
{
        sim->quiet = step(sim) || sim->turn < sim->faults.busy_until_step ? 0 : sim->quiet + 1;
        sim->steps = sim->turn++;
        if (sim->quiet < QUIET_STEPS)
                sim->now_us += 1 + sim_below(sim, 2 * STEP_US);
        else
                sim->now_us = max_of(sim->now_us, next_us(sim));
}

void sim_run(struct sim *sim)
{
        enter(sim, SIM_START);
        while (sim->phase != SIM_REST && !sim->broken.rule) {
                sim_step(sim);
                phase_run(sim);
                if (sim->turn > STEPS_MAX)
                        sim_break(sim, "9 not at rest", "%lu steps", sim->turn);
        }
        sim->steps = sim->turn;
        sim_note(sim, "end", sim->history.acked, (struct slice){0});
}

struct sim *sim_new(uint64_t seed, const struct sim_options *options, struct tally *tally)
{
        struct sim *sim = memory_new(sizeof(*sim));

        check(sim);
        sim->seed = seed;
        sim->options = *options;
        sim->tally = tally;
        sim->now_us = SIM_SECOND;
        hand_random_init(&sim->random, seed);
        engine_start(sim);
        if (!options->told && sim_chance(sim, 50))
                sim->options.registration = REGISTRATION_INVITE;
        history_start(sim);
        faults_start(sim);
        lines_start(sim);
        roles_start(sim);
        guest_start(sim);
        resident_start(sim);
        if (sim->options.told) {
                sim->phase = SIM_REST; /* nothing breaks by itself */
                sim->guest.act_us = UINT64_MAX;
        } else {
                clients_start(sim);
                rogues_start(sim);
        }
        return sim;
}

void sim_free(struct sim **sim_p)
{
        struct sim *sim = *sim_p;

        if (!sim)
                return;
        *sim_p = NULL;
        rogues_finish(sim);
        guest_finish(sim);
        resident_finish(sim);
        clients_finish(sim);
        lines_finish(sim);
        roles_finish(sim);
        engine_finish(sim);
        memory_free(sim);
}
