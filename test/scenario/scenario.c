/* The world of a story. See scenario.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// clang-format off
#include <cmocka.h>
// clang-format on
#include "scenario/scenario.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "sim/check.h"
#include "sim/disk.h"

#define SEEDS     20 /* each story is told so many times */
#define DAY_US    (86400 * SIM_SECOND)
#define LOOK_S    5
#define LOOKS_MAX (SIM_REST_MS / 1000 / LOOK_S)

static const struct arena_source heap = {memory_new, memory_free};

void scenario_fails(struct scenario *s, const char *file, int line, const char *format, ...)
{
        char text[SIM_BROKEN_SIZE];
        va_list arguments;

        va_start(arguments, format);
        vsnprintf(text, sizeof(text), format, arguments);
        va_end(arguments);
        print_error("%s (seed %" PRIu64 ", after %" PRIu64 " s)\n", text, s->sim->seed, s->sim->now_us / SIM_SECOND);
        _fail(file, line);
        abort();
}

struct scenario *scenario_new(uint64_t seed)
{
        struct sim_options options = {.told = true, .loud = getenv("GALKA_SCENARIO_LOUD") != NULL};
        struct scenario *s = memory_new(sizeof(*s));

        check(s);
        s->sim = sim_new(seed, &options, NULL);
        for (unsigned i = 0; i < s->sim->roles.frontend_count; i++)
                AWAIT(s, role_serves(s->sim, i), "frontend %u does not serve", i);
        return s;
}

/* A link that is cut stays so, and one that goes to a certain frontend goes there. */
static void rule_line(struct sim *sim, struct person *person)
{
        struct line *line = person->client->line;

        if (line && person->cut && line->state == LINE_OPEN) {
                line_break(sim, line);
        } else if (line && person->cut) {
                line_close(sim, line);
                person->client->owner.closed(sim, &person->client->owner);
        } else if (line && person->frontend >= 0 && line->state == LINE_CONNECTING) {
                line->frontend = (unsigned)person->frontend;
        }
}

bool scenario_step(struct scenario *s, uint64_t until_us)
{
        struct sim *sim = s->sim;

        if (sim->now_us >= until_us)
                return false;
        sim->phase_until_us = until_us;
        sim_step(sim);
        for (unsigned i = 0; i < s->count; i++)
                rule_line(sim, &s->people[i]);
        if (sim->broken.rule)
                scenario_fails(s, __FILE__, __LINE__, "%s: %s", sim->broken.rule, sim->broken.text);
        return true;
}

void scenario_passes(struct scenario *s, unsigned seconds)
{
        uint64_t until_us = s->sim->now_us + seconds * SIM_SECOND;

        while (scenario_step(s, until_us))
                continue;
}

void scenario_kills_server(struct scenario *s)
{
        check(faults_kill_server(s->sim, false));
}

void scenario_kills_workers(struct scenario *s)
{
        for (unsigned i = 0; i < s->sim->roles.worker_count; i++)
                worker_crash(s->sim, &s->sim->roles.workers[i], SIM_SECOND, 2 * SIM_SECOND);
}

void scenario_registers(struct scenario *s, enum registration registration)
{
        s->sim->options.registration = registration;
        scenario_kills_workers(s);
        scenario_passes(s, 10);
}

static void server_is_off_until(struct sim *sim, uint64_t us)
{
        struct roles *roles = &sim->roles;

        check(faults_kill_server(sim, false));
        for (unsigned i = 0; i < roles->frontend_count; i++)
                roles->frontends[i].back_us = us;
        for (unsigned i = 0; i < roles->worker_count; i++)
                roles->workers[i].back_us = us;
        sim->engine.store_back_us = us;
}

void scenario_sleeps(struct scenario *s, unsigned days)
{
        uint64_t until_us = s->sim->now_us + days * DAY_US;
        bool ran[CLIENTS_MAX];

        for (unsigned i = 0; i < s->count; i++) {
                ran[i] = person_runs(&s->people[i]);
                if (ran[i])
                        person_is_killed(&s->people[i]);
        }
        server_is_off_until(s->sim, until_us);
        while (scenario_step(s, until_us))
                continue;
        for (unsigned i = 0; i < s->count; i++)
                if (ran[i])
                        person_starts(&s->people[i]);
}

void scenario_saves_store(struct scenario *s)
{
        disk_save();
        s->image_us = s->sim->now_us;
}

void scenario_restores_store(struct scenario *s)
{
        check(s->image_us && faults_kill_server(s->sim, true));
        s->sim->faults.restored_us = s->sim->now_us;
        history_restored(s->sim, s->image_us);
        clients_restored(s->sim, s->image_us);
}

uint64_t scenario_rows(struct scenario *s)
{
        const struct store_question question = {.kind = STORE_ASK_CHECK};
        struct store_answer answer = {0};
        struct arena arena;

        if (!s->sim->engine.sqlite)
                return 0;
        arena_init(&arena, &heap, 65536, (size_t)1 << 20);
        check(engine_ask(s->sim, &question, &answer, &arena));
        arena_finish(&arena);
        return answer.check.rows;
}

/* Everybody comes back, everything comes to rest, and the checker looks at all there is. */
void scenario_ends(struct scenario **s_p)
{
        struct scenario *s = *s_p;
        struct sim_broken *broken = &s->sim->broken;
        char why[SIM_BROKEN_SIZE] = "";
        bool done = false;

        for (unsigned i = 0; i < s->count; i++) {
                link_mended(&s->people[i]);
                if (!person_runs(&s->people[i]))
                        person_starts(&s->people[i]);
        }
        for (unsigned looks = 0; !done; looks++) {
                scenario_passes(s, LOOK_S);
                done = check_at_rest(s->sim, why);
                if (done)
                        check_all(s->sim);
                if (broken->rule && (looks == LOOKS_MAX || check_repair_ms(broken->rule) == 0))
                        scenario_fails(s, __FILE__, __LINE__, "at the end: %s: %s", broken->rule, broken->text);
                if (!done && looks == LOOKS_MAX)
                        scenario_fails(s, __FILE__, __LINE__, "does not come to rest: %s", why);
                done &= !broken->rule;
                broken->rule = NULL;
        }
        *s_p = NULL;
        sim_free(&s->sim);
        memory_free(s);
}

void scenario_tell(void **state)
{
        story_function *story = (story_function *)*state;

        for (uint64_t seed = 1; seed <= SEEDS; seed++) {
                struct scenario *s = scenario_new(seed);

                story(s);
                scenario_ends(&s);
        }
        disk_finish();
}
