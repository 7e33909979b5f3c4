/* See fault.h. */
#include "sim/fault.h"

#include "sim/disk.h"
#include "sim/fault_event.h"
#include "sim/sim.h"

#define DELAY_POLLS_MAX 40
#define RACE_POLLS_MIN  40
#define RACE_POLLS_MAX  150

#define CONFLICT_LOOKS_MAX 12

/* ---- the table ---- */

static const struct class
{
        const char *name, *text;
        bool (*happen)(struct sim *sim); /* EVENT; false: not now */
        unsigned weight;                 /* EVENT */
        enum fault_call call;            /* SEAM */
        enum fault fault;
        unsigned per_mille;
} classes[] = {
#define EVENT(name, text, weight)                {#name, text, do_##name, weight, 0, 0, 0},
#define SEAM(name, text, call, fault, per_mille) {#name, text, NULL, 0, FAULT_##call, FAULT_##fault, per_mille},
#include "sim/faults.def"
#undef EVENT
#undef SEAM
};

const char *fault_class_text(enum fault_class class)
{
        return classes[class].text;
}

enum fault_class fault_class_named(struct slice name)
{
        unsigned class = 0;

        while (class < FAULT_CLASS_COUNT && !slice_equal(slice_text(classes[class].name), name))
                class ++;
        return (enum fault_class) class;
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

/* What takes some polls keeps the clock from jumping. */
static enum fault seam_fault(struct sim *sim, enum fault_class class)
{
        struct faults *faults = &sim->faults;
        enum fault fault = classes[class].fault;

        if (sim->options.without[class])
                return FAULT_NONE;
        fault_happened(sim, class);
        if (class == FAULT_CLASS_APPLY_CONFLICT)
                disk_trouble(DISK_CONFLICT, (unsigned)sim_between(sim, 1, CONFLICT_LOOKS_MAX));
        if (fault == FAULT_DELAY)
                faults->busy_until_step = sim->steps + faults->plan.delay_polls + 2;
        if (fault == FAULT_SPLIT || fault == FAULT_PART)
                faults->busy_until_step = sim->steps + 3ul * (faults->plan.delay_polls + 2);
        return fault;
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
        if (call == FAULT_APPLY && sim->faults.doubt_now) {
                sim->faults.doubt_now = false;
                sim->faults.down_until_us[FAULT_APPLY] = sim->now_us + sim_between(sim, 100, 4000) * 1000;
                fault_happened(sim, FAULT_CLASS_STORE_DOUBT);
                return FAULT_UNCERTAIN;
        }
        plan->delay_polls = (unsigned)sim_between(sim, 1, sim_chance(sim, 80) ? 4 : DELAY_POLLS_MAX);
        dice = sim_below(sim, 1000);
        for (unsigned class = 0; class < FAULT_CLASS_COUNT; class ++) {
                const struct class *one = &classes[class];

                if (one->happen || one->call != call)
                        continue;
                if (dice < one->per_mille)
                        return seam_fault(sim, class);
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

        fault_engine_run(sim);
        if (sim->phase != SIM_FAULTS)
                return;
        if (sim->faults.next_us > sim->now_us)
                return;
        sim->faults.next_us = sim->now_us + sim_below(sim, (uint64_t)2000 * sim->faults.pause_ms);
        for (unsigned i = 0; i < FAULT_CLASS_COUNT; i++)
                weights += classes[i].weight;
        dice = sim_below(sim, weights);
        while (dice >= classes[class].weight)
                dice -= classes[class ++].weight;
        if (!sim->options.without[class] && classes[class].happen(sim))
                fault_happened(sim, class);
}

uint64_t faults_next_us(const struct sim *sim)
{
        const struct faults *faults = &sim->faults;
        uint64_t next_us = UINT64_MAX;

        if (sim->phase == SIM_FAULTS)
                next_us = faults->next_us;
        /* What is due already waits for the store. */
        if (sim->phase == SIM_FAULTS && faults->promote_us > sim->now_us)
                next_us = min_of(next_us, faults->promote_us);
        return faults->told_us > sim->now_us ? min_of(next_us, faults->told_us) : next_us;
}

void faults_heal(struct sim *sim)
{
        disk_trouble(DISK_WELL, 0);
        lines_heal(sim);
        clients_heal(sim);
        roles_heal(sim);
        sim->engine.store_back_us = min_of(sim->engine.store_back_us, sim->now_us);
        sim->faults.told_us = min_of(sim->faults.told_us, sim->now_us);
}
