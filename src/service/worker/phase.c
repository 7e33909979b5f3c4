/* The table of phases, how a batch moves through it, and what phases share: tags, pauses, notes. */
#include "service/worker/phase.h"

const struct phase worker_phases[PHASE_COUNT] = {
#define X(name, text, prefix, hook) [PHASE_##name] = {text, prefix##_submit, prefix##_finish, hook},
        WORKER_PHASES(X)
#undef X
};

/* ---- what phases share ---- */

uint64_t phase_tag(struct batch *batch)
{
        phase_tags_begin(batch);
        return phase_tag_more(batch);
}

void phase_tags_begin(struct batch *batch)
{
        batch->progress.tag_first = batch->worker->next_tag;
        batch->progress.tag = batch->progress.tag_first - 1;
}

uint64_t phase_tag_more(struct batch *batch)
{
        check(batch->progress.tag + 1 == batch->worker->next_tag);
        return batch->progress.tag = batch->worker->next_tag++;
}

enum phase_step phase_pause(struct batch *batch, uint64_t pause_ms)
{
        batch->progress.resume_ms = worker_now_ms(batch->worker) + pause_ms;
        return STEP_LATER;
}

enum phase_step phase_full(struct batch *batch)
{
        return phase_pause(batch, FULL_PAUSE_MS);
}

uint64_t phase_pause_ms(unsigned tries)
{
        return min_of((uint64_t)PAUSE_MS_MIN << min_of(tries, 10u), (uint64_t)PAUSE_MS_MAX);
}

enum phase_step phase_retry(struct batch *batch)
{
        batch->worker->counts.retries++;
        return phase_pause(batch, phase_pause_ms(batch->progress.tries++));
}

enum phase_step phase_failed(struct batch *batch, enum outcome outcome)
{
        phase_note(batch, EVENT_WARNING, "worker.retry", outcome);
        return phase_retry(batch);
}

void phase_note(const struct batch *batch, enum event_level level, const char *name, enum outcome outcome)
{
        const struct progress *progress = &batch->progress;

        event_note(batch->worker->seams.events, level, name, NULL, {"service", batch->worker->service->name},
                   {"phase", worker_phases[progress->phase].name},
                   {"outcome", outcome == OUTCOME_UNCERTAIN ? "uncertain" : "failed"}, {"tries", NULL, progress->tries},
                   {"records", NULL, batch->item_count});
}

/* ---- TAKE ---- */

/*
 * A batch leaves TAKE when it is full, or when the one before it has left the store: so what comes meanwhile goes as one. But not
 * sooner than a pace after the one before it did so: a batch costs the engines as much as some twenty of its records. One that
 * nobody waits for (marks alone) stays a little longer: it may share the commit of what comes next, which would else find the store
 * busy with it.
 */
enum phase_step take_submit(struct batch *batch)
{
        struct worker *worker = batch->worker;
        const struct batch *older = batch_older(worker, batch);
        uint64_t now_ms = worker_now_ms(worker), until_ms = worker->taken_ms + pace_ms(&worker->pace);

        check(batch->item_count > 0);
        if (batch_room(batch) > 0) {
                if (older && older->progress.phase <= PHASE_STORE)
                        return STEP_OUT;
                if (!batch->urgent)
                        until_ms = max_of(until_ms, batch->since_ms + worker->seams.patience_ms);
                if (now_ms < until_ms && !worker->draining) {
                        batch->progress.resume_ms = until_ms; /* a record that is not patient ends it: batch_add_record */
                        return STEP_LATER;
                }
        }
        worker->taken_ms = batch->taken_ms = now_ms;
        return STEP_DONE;
}

enum phase_step take_finish(struct batch *batch, const struct completion *completion)
{
        (void)batch;
        (void)completion;
        unreachable(); /* TAKE asks nobody */
}

/* ---- moving on ---- */

static void leave(struct batch *batch)
{
        struct progress *progress = &batch->progress;
        size_t hook = worker_phases[progress->phase].hook;

        if (progress->phase == PHASE_STORE)
                pace_took(&batch->worker->pace, worker_now_ms(batch->worker) - batch->taken_ms);
        if (hook != HOOK_COUNT)
                batch_call(batch, hook);
        progress->phase++;
        progress->prepared = false;
        progress->tries = 0;
        progress->resume_ms = 0;
}

static void go_back(struct batch *batch)
{
        struct progress *progress = &batch->progress;

        check(progress->phase == PHASE_LOST);
        progress->phase = PHASE_PUBLISH;
        progress->prepared = true;
        progress->gives_up = false;
        progress->tries = PUBLISH_TRIES - 2; /* one more chance, then LOST again */
        phase_pause(batch, PAUSE_MS_MAX);
}

static void take_step(struct batch *batch, enum phase_step step)
{
        batch->progress.out = step == STEP_OUT && batch->progress.phase != PHASE_TAKE;
        if (step == STEP_DONE)
                leave(batch);
        else if (step == STEP_BACK)
                go_back(batch);
}

/* Memory ran out: everything again from the records, after a pause. */
static void restart(struct batch *batch)
{
        unsigned tries = batch->progress.restarts;

        phase_note(batch, EVENT_ERROR, "worker.no_memory", OUTCOME_FAILED);
        batch_restart(batch);
        batch->progress.phase = PHASE_NOTE;
        batch->progress.tries = tries;
        phase_retry(batch);
        batch->progress.tries = 0;
}

/* True if it may submit now: nothing is out, its pause is over, and the batch before it is further on. */
static bool may_go(struct batch *batch)
{
        const struct batch *older = batch_older(batch->worker, batch);

        if (batch->progress.out)
                return false;
        if (batch->progress.resume_ms > worker_now_ms(batch->worker))
                return false;
        return !older || older->progress.phase > batch->progress.phase;
}

static bool advance(struct batch *batch)
{
        bool moved = false;

        while (batch->progress.phase < PHASE_COUNT && may_go(batch)) {
                enum phase_step step;

                if (batch->broken) {
                        restart(batch);
                        return true;
                }
                step = worker_phases[batch->progress.phase].submit(batch);
                if (batch->broken && step != STEP_OUT)
                        continue;
                take_step(batch, step);
                if (step == STEP_DONE)
                        moved = true;
                else if (step == STEP_OUT)
                        return moved || batch->progress.out;
        }
        return moved;
}

static void note_done(struct batch *batch)
{
        struct worker *worker = batch->worker;
        struct worker_watch *watch = worker->seams.watch;

        worker->counts.batches++;
        if (watch)
                watch->batch_done(watch, batch->item_count, worker_now_ms(worker) - batch->since_ms);
}

bool phase_advance(struct worker *worker)
{
        bool moved = false;

        list_each(&worker->flight, batch, struct batch, node) {
                moved |= advance(batch);
                if (batch->progress.phase < PHASE_COUNT)
                        continue;
                note_done(batch);
                list_remove(&batch->node);
                batch_reset(batch);
                list_append(&worker->idle, &batch->node);
                moved = true;
        }
        return moved;
}

void phase_complete(struct worker *worker, const struct completion *completion)
{
        list_each(&worker->flight, batch, struct batch, node) {
                struct progress *progress = &batch->progress;

                if (!progress->out || completion->tag < progress->tag_first || completion->tag > progress->tag)
                        continue;
                take_step(batch, worker_phases[progress->phase].finish(batch, completion));
                return;
        }
}
