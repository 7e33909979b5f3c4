/*
 * ASK and STORE: what a batch wants of the store, in record order, in one call. A call that keeps failing is made for half of the
 * items, until the culprit is alone and given up; then the rest follows. An uncertain call is made again as it was: everything is
 * idempotent by request id, and nothing is published before the store has answered.
 */
#include "service/worker/phase.h"

/* What is submitted together: the live items of [first, end), gathered without gaps. */
struct range {
        size_t base;  /* where its part of the gathered arrays begins */
        size_t count; /* ops or questions in it */
};

enum want { WANT_EARLY, WANT_OPS, WANT_QUESTION };

static size_t wanted(const struct item *item, enum want want)
{
        switch (want) {
        case WANT_EARLY:
                return item->early ? 1 : 0;
        case WANT_OPS:
                return item->op_count;
        case WANT_QUESTION:
                return item->question ? 1 : 0;
        }
        unreachable();
}

static size_t wanted_before(const struct batch *batch, size_t end, enum want want)
{
        size_t count = 0;

        for (size_t i = 0; i < end; i++)
                count += wanted(&batch->items[i], want);
        return count;
}

/* Arrays for all that the batch wants, once a phase. False if there is no memory, or nothing is wanted. */
static bool prepare(struct batch *batch, enum want want)
{
        struct progress *progress = &batch->progress;
        size_t count = wanted_before(batch, batch->item_count, want);

        progress->first = 0;
        progress->end = batch->item_count;
        progress->prepared = true;
        if (count == 0)
                return false;
        if (want == WANT_OPS) {
                progress->ops = batch_array(batch, struct store_op, count);
                progress->results = batch_array(batch, struct store_result, count);
        } else {
                progress->questions = batch_array(batch, struct store_question, count);
                progress->answers = batch_array(batch, struct store_answer, count);
        }
        return !batch->broken;
}

static struct range gather(struct batch *batch, enum want want)
{
        struct progress *progress = &batch->progress;
        struct range range = {.base = wanted_before(batch, progress->first, want)};

        for (size_t i = progress->first; i < progress->end; i++) {
                struct item *item = &batch->items[i];
                size_t at = range.base + range.count;

                item->sent = item->state == ITEM_LIVE && wanted(item, want) > 0;
                if (!item->sent)
                        continue;
                if (want == WANT_OPS)
                        memcpy(&progress->ops[at], item->ops, sizeof(*item->ops) * item->op_count);
                else
                        progress->questions[at] = want == WANT_EARLY ? *item->early : *item->question;
                range.count += wanted(item, want);
        }
        return range;
}

/* The range is through: the items after it are next. True if there are any. */
static bool next_range(struct batch *batch)
{
        struct progress *progress = &batch->progress;

        progress->first = progress->end;
        progress->end = batch->item_count;
        progress->tries = 0;
        return progress->first < progress->end;
}

static enum phase_step end_of_phase(struct batch *batch)
{
        batch->progress.prepared = false;
        return STEP_DONE;
}

static enum phase_step after_range(struct batch *batch)
{
        if (!next_range(batch))
                return end_of_phase(batch);
        batch->progress.resume_ms = 0;
        return STEP_LATER;
}

static size_t sent_count(const struct batch *batch)
{
        size_t count = 0;

        for (size_t i = batch->progress.first; i < batch->progress.end; i++)
                count += batch->items[i].sent;
        return count;
}

/* Leaves the first half of the sent items in the range. */
static void halve(struct batch *batch, size_t count)
{
        struct progress *progress = &batch->progress;
        size_t seen = 0, end = progress->first;

        while (seen < count / 2)
                seen += batch->items[end++].sent;
        check(end > progress->first && end < progress->end);
        progress->end = end;
        progress->tries = 0;
}

/* The one item that keeps failing. What is uncertain is asked for on, until it is dropped as too late. */
static enum phase_step give_up(struct batch *batch)
{
        for (size_t i = batch->progress.first; i < batch->progress.end; i++) {
                struct item *item = &batch->items[i];

                if (!item->sent || item->state != ITEM_LIVE)
                        continue;
                if (item->uncertain)
                        return phase_retry(batch);
                batch->lost_all |= item->inherited; /* whoever had it before may have done it, and nobody was told */
                event_note(batch->worker->seams.events, EVENT_ERROR, "worker.store_gave_up", &item->frame.request,
                           {"service", batch->worker->service->name});
                if (item->handler->again)
                        batch_publish_again(batch, item);
                batch_refuse(batch, item, ERR_BUSY, NULL, STORE_RETRY_AFTER_MS);
        }
        return after_range(batch);
}

static enum phase_step failed(struct batch *batch, enum want want, enum outcome outcome)
{
        size_t count = sent_count(batch);

        phase_note(batch, EVENT_WARNING, "worker.store_failed", outcome);
        if (outcome == OUTCOME_UNCERTAIN && want == WANT_OPS)
                for (size_t i = batch->progress.first; i < batch->progress.end; i++)
                        batch->items[i].uncertain |= batch->items[i].sent;
        if (batch->progress.tries + 1 < STORE_TRIES)
                return phase_retry(batch);
        if (count <= 1)
                return give_up(batch);
        halve(batch, count);
        return phase_retry(batch);
}

static size_t size_limit(enum want want)
{
        return want == WANT_OPS ? STORE_OPS_MAX : STORE_QUESTIONS_MAX;
}

static enum phase_step submit(struct batch *batch, enum want want)
{
        struct progress *progress = &batch->progress;
        struct store *store = batch->worker->seams.store;
        struct range range;
        enum error error;
        uint64_t tag;

        if (!progress->prepared && !prepare(batch, want))
                return end_of_phase(batch);
        batch_drop_late(batch);
        range = gather(batch, want);
        if (range.count == 0)
                return after_range(batch);
        check(store && range.count <= size_limit(want));
        tag = phase_tag(batch);
        if (want == WANT_OPS) {
                phase_lend(batch);
                error = store->ops->apply(store, progress->ops + range.base, range.count, progress->results + range.base,
                                          &batch->work, tag);
        } else {
                error = store->ops->ask(store, progress->questions + range.base, range.count, progress->answers + range.base,
                                        &batch->work, tag);
        }
        if (!error)
                return STEP_OUT;
        return error == ERR_FULL ? phase_full(batch) : failed(batch, want, OUTCOME_FAILED);
}

/* Tells each item of the range where its part of the results is: in the order in which they were gathered. */
static void hand_out(struct batch *batch, enum want want)
{
        struct progress *progress = &batch->progress;
        size_t at = wanted_before(batch, progress->first, want);

        for (size_t i = progress->first; i < progress->end; i++) {
                struct item *item = &batch->items[i];

                if (!item->sent)
                        continue;
                if (want == WANT_OPS)
                        item->results = progress->results + at;
                else if (want == WANT_EARLY)
                        item->early_answer = progress->answers + at;
                else
                        item->answer = progress->answers + at;
                at += wanted(item, want);
        }
}

static enum phase_step finish(struct batch *batch, enum want want, enum outcome outcome)
{
        if (outcome != OUTCOME_OK)
                return failed(batch, want, outcome);
        hand_out(batch, want);
        return after_range(batch);
}

enum phase_step ask_submit(struct batch *batch)
{
        return submit(batch, WANT_EARLY);
}

enum phase_step ask_finish(struct batch *batch, const struct completion *completion)
{
        return finish(batch, WANT_EARLY, completion->outcome);
}

/* A service's batch either writes or reads here. */
static enum want store_want(const struct batch *batch)
{
        return batch->op_total ? WANT_OPS : WANT_QUESTION;
}

enum phase_step store_submit(struct batch *batch)
{
        return submit(batch, store_want(batch));
}

enum phase_step store_finish(struct batch *batch, const struct completion *completion)
{
        return finish(batch, store_want(batch), completion->outcome);
}
