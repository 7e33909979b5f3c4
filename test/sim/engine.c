/* See engine.h. Handles of the store are wrapped, so that a crash completes what was out as a client of a database learns it. */
#include <sqlite3.h>
#include <stdio.h>

#include "base/memory.h"
#include "sim/disk.h"
#include "sim/sim.h"
#include "support/faulty_store.h"

#define OUT_MAX    STORE_JOBS_MAX
#define HELD_MAX   (2 * OUT_MAX)
#define PARTITIONS 4
#define FRONTENDS  ENGINE_FRONTENDS_MAX

/* ---- clocks ---- */

static uint64_t monotonic_us(struct clock *clock)
{
        return container_of(clock, struct sim_clock, clock)->sim->now_us;
}

static uint64_t wall_ms(struct clock *clock)
{
        const struct sim_clock *own = container_of(clock, struct sim_clock, clock);

        return (uint64_t)((int64_t)(SIM_WALL_MS + own->sim->now_us / 1000) + own->off_ms);
}

void sim_clock_init(struct sim_clock *clock, struct sim *sim, int64_t off_ms)
{
        *clock = (struct sim_clock){.clock = {monotonic_us, wall_ms}, .sim = sim, .off_ms = off_ms};
}

/* ---- handles of the store ---- */

struct store_handle {
        struct store store;
        struct sim *sim;
        struct fault_plan *plan;
        struct store *inner; /* NULL: the store is down */
        struct {
                uint64_t tag;
                bool asks;
                const struct store_op *ops; /* apply: lie with the worker until it is completed */
                const struct store_result *results;
                size_t count;
                uint64_t wall_ms; /* of the store's machine, when it was submitted */
        } out[OUT_MAX];
        size_t out_count;
        struct completion held[HELD_MAX]; /* made up by a crash */
        size_t held_count;
        size_t place;
};

static struct store_handle *handle_of(struct store *store)
{
        return container_of(store, struct store_handle, store);
}

static void handle_hold(struct store_handle *handle, uint64_t tag, enum outcome outcome)
{
        check(handle->held_count < HELD_MAX);
        handle->held[handle->held_count++] = (struct completion){tag, outcome};
}

static void handle_attach(struct store_handle *handle)
{
        struct store *store = NULL;

        check(store_sqlite_open(handle->sim->engine.sqlite, &store) == ERR_OK);
        check(faulty_store_new(store, handle->plan, &handle->inner) == ERR_OK);
}

/* Nobody can say what became of an operation that was out; a question has simply no answer. */
static void handle_detach(struct store_handle *handle)
{
        if (!handle->inner)
                return;
        for (size_t i = 0; i < handle->out_count; i++)
                handle_hold(handle, handle->out[i].tag, handle->out[i].asks ? OUTCOME_FAILED : OUTCOME_UNCERTAIN);
        handle->out_count = 0;
        handle->inner->ops->free(&handle->inner);
}

static enum error handle_note(struct store_handle *handle, enum error error, uint64_t tag, bool asks)
{
        if (error)
                return error;
        memset(&handle->out[handle->out_count], 0, sizeof(handle->out[0]));
        handle->out[handle->out_count].tag = tag;
        handle->out[handle->out_count++].asks = asks;
        return ERR_OK;
}

static enum error handle_apply(struct store *store, const struct store_op *ops, size_t count, struct store_result *results,
                               struct arena *arena, uint64_t tag)
{
        struct store_handle *handle = handle_of(store);
        struct clock *clock = &handle->sim->engine.clock.clock;
        enum error error;

        if (handle->out_count == OUT_MAX || handle->held_count >= OUT_MAX)
                return ERR_FULL;
        for (size_t i = 0; i < count; i++)
                if (ops[i].kind == STORE_WRITE && handle->sim->blame.met == 0)
                        handle->sim->blame.met = blame_deadly(ops[i].write.text);
        worker_applies(handle->sim, ops, count);
        if (!handle->inner || handle->sim->blame.met) {
                handle_hold(handle, tag, OUTCOME_FAILED);
                return ERR_OK;
        }
        error = handle_note(handle, handle->inner->ops->apply(handle->inner, ops, count, results, arena, tag), tag, false);
        if (error)
                return error;
        handle->out[handle->out_count - 1].ops = ops;
        handle->out[handle->out_count - 1].results = results;
        handle->out[handle->out_count - 1].count = count;
        handle->out[handle->out_count - 1].wall_ms = clock->wall_ms(clock);
        return ERR_OK;
}

static enum error handle_ask(struct store *store, const struct store_question *questions, size_t count,
                             struct store_answer *answers, struct arena *arena, uint64_t tag)
{
        struct store_handle *handle = handle_of(store);

        if (handle->out_count == OUT_MAX || handle->held_count >= OUT_MAX)
                return ERR_FULL;
        if (!handle->inner) {
                handle_hold(handle, tag, OUTCOME_FAILED);
                return ERR_OK;
        }
        for (size_t i = 0; i < count; i++)
                if (questions[i].kind == STORE_ASK_JOIN)
                        fault_join_asked(handle->sim, questions[i].user);
        return handle_note(handle, handle->inner->ops->ask(handle->inner, questions, count, answers, arena, tag), tag, true);
}

/* Rule 2: what was submitted past its deadline is not done (L8). The clock may have been stepped in between. */
static void check_late(struct sim *sim, const struct store_op *op, const struct store_result *result, uint64_t submitted_ms)
{
        struct clock *clock = &sim->engine.clock.clock;

        if (op->not_after_ms && op->not_after_ms < min_of(submitted_ms, clock->wall_ms(clock)) && !result->status &&
            !result->repeat)
                sim_break(sim, "2 done after its deadline", "an operation of kind %d, %llu ms late", (int)op->kind,
                          (unsigned long long)(submitted_ms - op->not_after_ms));
}

static void handle_forget(struct store_handle *handle, const struct completion *completion)
{
        for (size_t i = 0; i < handle->out_count; i++)
                if (handle->out[i].tag == completion->tag) {
                        for (size_t n = 0; n < handle->out[i].count && completion->outcome == OUTCOME_OK; n++)
                                check_late(handle->sim, &handle->out[i].ops[n], &handle->out[i].results[n],
                                           handle->out[i].wall_ms);
                        handle->out[i] = handle->out[--handle->out_count];
                        return;
                }
        unreachable(); /* a completion of nothing */
}

static size_t handle_poll(struct store *store, struct completion *completions, size_t max)
{
        struct store_handle *handle = handle_of(store);
        size_t count = min_of(max, handle->held_count);

        memcpy(completions, handle->held, sizeof(*completions) * count);
        handle->held_count -= count;
        memmove(handle->held, handle->held + count, sizeof(*completions) * handle->held_count);
        if (count < max && handle->inner) {
                size_t got = handle->inner->ops->poll(handle->inner, completions + count, max - count);

                for (size_t i = 0; i < got; i++) {
                        sim_note(handle->sim, "store", completions[count].outcome, (struct slice){0});
                        handle_forget(handle, &completions[count++]);
                }
        }
        return count;
}

static int handle_fd(struct store *store)
{
        (void)store;
        return -1;
}

static void handle_free(struct store **store)
{
        struct store_handle *handle = *store ? handle_of(*store) : NULL;

        if (!handle)
                return;
        *store = NULL;
        handle_detach(handle);
        handle->sim->engine.handles[handle->place] = NULL;
        memory_free(handle);
}

struct store *engine_store(struct sim *sim, struct fault_plan *plan)
{
        static const struct store_ops ops = {handle_free, handle_fd, handle_apply, handle_ask, handle_poll};
        struct store_handle *handle = memory_new(sizeof(*handle));
        size_t place = 0;

        check(handle);
        while (place < ENGINE_HANDLES_MAX && sim->engine.handles[place])
                place++;
        check(place < ENGINE_HANDLES_MAX);
        handle->store.ops = &ops;
        handle->sim = sim;
        handle->plan = plan;
        handle->place = place;
        sim->engine.handles[place] = handle;
        if (sim->engine.sqlite)
                handle_attach(handle);
        return &handle->store;
}

/* ---- the store's own life ---- */

static void store_open(struct sim *sim)
{
        struct engine *engine = &sim->engine;
        char text[STORE_ERROR_SIZE];
        struct store_sqlite_options options = {
                .folder = DISK_DATABASE,
                .vfs = DISK_VFS,
                .clock = &engine->clock.clock,
                .random = engine->server_random,
                .events = &engine->events,
        };
        enum error error = store_sqlite_new(&options, &engine->sqlite, text);

        if (error) {
                sim_break(sim, "1 acknowledged and missing", "the store does not open after a crash: %s: %s",
                          error_name(error), text);
                return;
        }
        engine->store_back_us = 0;
        for (size_t i = 0; i < ENGINE_HANDLES_MAX; i++)
                if (engine->handles[i])
                        handle_attach(engine->handles[i]);
}

void engine_store_close(struct sim *sim)
{
        for (size_t i = 0; i < ENGINE_HANDLES_MAX; i++)
                if (sim->engine.handles[i])
                        handle_detach(sim->engine.handles[i]);
        store_sqlite_free(&sim->engine.sqlite);
}

/* As an operator does it: the copy is opened by itself first and gets a new era. */
static void renew_era(struct sim *sim)
{
        sqlite3 *database = NULL;
        char text[128];
        uint64_t parts[2] = {random_u64(sim->engine.server_random), random_u64(sim->engine.server_random)};

        snprintf(text, sizeof(text), "UPDATE meta SET value = x'%016llx%016llx' WHERE name = 'era'",
                 (unsigned long long)parts[0], (unsigned long long)parts[1]);
        check(sqlite3_open_v2(DISK_DATABASE, &database, SQLITE_OPEN_READWRITE, DISK_VFS) == SQLITE_OK);
        check(sqlite3_exec(database, "PRAGMA locking_mode = EXCLUSIVE", NULL, NULL, NULL) == SQLITE_OK);
        if (sqlite3_exec(database, text, NULL, NULL, NULL) != SQLITE_OK)
                sim_break(sim, "1 acknowledged and missing", "a copy of the store cannot be read: %s",
                          sqlite3_errmsg(database));
        check(sqlite3_close(database) == SQLITE_OK);
}

void engine_store_crash(struct sim *sim, uint64_t down_ms, bool restore)
{
        struct engine *engine = &sim->engine;

        if (!engine->sqlite)
                return;
        /* Closing would tidy up, as a crash does not: so the disk is gone before. */
        disk_die();
        engine_store_close(sim);
        disk_crash(&engine->disk_random.random);
        if (restore && disk_restore())
                renew_era(sim);
        engine->store_crashes++;
        engine->store_back_us = sim->now_us + down_ms * 1000;
        sim_note(sim, "store crash", down_ms, (struct slice){0});
}

void engine_run(struct sim *sim)
{
        struct engine *engine = &sim->engine;

        if (engine->sqlite && disk_is_dead())
                engine_store_crash(sim, sim_between(sim, 1, 3000), false);
        if (!engine->sqlite && engine->store_back_us <= sim->now_us && !sim->broken.rule)
                store_open(sim);
}

/* ---- at once ---- */

static enum outcome await(struct store *store)
{
        struct completion completion;
        size_t polls = 0;

        while (store->ops->poll(store, &completion, 1) == 0)
                check(++polls < 4);
        return completion.outcome;
}

bool engine_ask(struct sim *sim, const struct store_question *question, struct store_answer *answer, struct arena *arena)
{
        struct store *store = NULL;
        enum outcome outcome;

        check(store_sqlite_open(sim->engine.sqlite, &store) == ERR_OK);
        check(store->ops->ask(store, question, 1, answer, arena, 1) == ERR_OK);
        outcome = await(store);
        store->ops->free(&store);
        return outcome == OUTCOME_OK;
}

void engine_apply(struct sim *sim, const struct store_op *op, struct store_result *result, struct arena *arena)
{
        struct store *store = NULL;

        check(store_sqlite_open(sim->engine.sqlite, &store) == ERR_OK);
        check(store->ops->apply(store, op, 1, result, arena, 1) == ERR_OK);
        check(await(store) == OUTCOME_OK);
        store->ops->free(&store);
}

/* ---- life ---- */

static void write_event(struct event_sink *sink, const struct event *event)
{
        struct sim *sim = container_of(sink, struct sim, engine.events);
        char request[ID_TEXT_SIZE];

        if (event->level >= EVENT_INFO) /* the same, whether anybody is told or not */
                sim_note(sim, event->name, event->level,
                         event->request ? slice_of(event->request->bytes, 16) : (struct slice){0});
        if (strcmp(event->name, "worker.commit_gave_up") == 0) /* a zombie's are not missed */
                sim->engine.commit_given_up |= !sim->roles.stepping || !sim->roles.stepping->deaf_until_us;
        if (!sim->options.loud)
                return;
        id_format(event->request ? event->request : &(struct id){0}, request);
        sim_tell(sim, "  %s%s%s by %s %d", event->name, event->request ? " " : "", event->request ? request : "",
                 sim->roles.stepping ? "worker" : "frontend",
                 sim->roles.stepping  ? (int)(sim->roles.stepping - sim->roles.workers)
                 : sim->roles.turning ? (int)(sim->roles.turning - sim->roles.frontends)
                                      : -1);
        for (size_t i = 0; i < event->field_count; i++) {
                const struct event_field *field = &event->fields[i];

                if (field->text)
                        fprintf(stderr, "                  %s=%s\n", field->name, field->text);
                else
                        fprintf(stderr, "                  %s=%llu\n", field->name, (unsigned long long)field->number);
        }
}

void engine_start(struct sim *sim)
{
        struct engine *engine = &sim->engine;
        struct bus_embedded_options bus = {.mode = BUS_EMBEDDED_INLINE, .log.partitions = {[BUS_FRONTENDS] = FRONTENDS}};
        struct presence_memory_options presence = {.mode = PRESENCE_MEMORY_INLINE, .clock = &engine->clock.clock};

        hand_random_init(&engine->random, sim->seed * 3 + 1);
        hand_random_init(&engine->disk_random, sim->seed * 5 + 2);
        engine->server_random = &engine->random.random;
        engine->events =
                (struct event_sink){.write = write_event, .level_min = sim->options.loud ? EVENT_DEBUG : EVENT_INFO};
        sim_clock_init(&engine->clock, sim, 0);
        engine->server_random->fill(engine->server_random, engine->keys.current, sizeof(engine->keys.current));
        engine->server_random->fill(engine->server_random, engine->keys.lasting, sizeof(engine->keys.lasting));
        disk_start(&engine->disk_random.random, &engine->clock.clock);
        for (int topic = 0; topic < BUS_TOPIC_COUNT; topic++)
                if (topic != BUS_FRONTENDS)
                        bus.log.partitions[topic] = PARTITIONS;
        engine->world = fake_world_new(ENGINE_PIPE);
        check(engine->world);
        check(bus_embedded_new(&bus, &engine->bus) == ERR_OK);
        check(presence_memory_new(&presence, &engine->presence) == ERR_OK);
        store_open(sim);
}

void engine_finish(struct sim *sim)
{
        struct engine *engine = &sim->engine;

        engine_store_close(sim);
        presence_memory_free(&engine->presence);
        bus_embedded_free(&engine->bus);
        fake_world_free(&engine->world);
        disk_start(NULL, NULL);
}
