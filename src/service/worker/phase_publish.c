/*
 * PUBLISH and COMMIT: everything the batch has to say goes to the bus and is flushed; only when that flush was acknowledged are
 * offsets committed. What failed or is uncertain is published again: repeats are harmless, holes are not. After PUBLISH_TRIES
 * deliveries are given up by way of LOST, unless the batch holds records that must arrive.
 */
#include "service/worker/output.h"
#include "service/worker/phase.h"

static enum phase_step again(struct batch *batch, enum outcome outcome)
{
        struct progress *progress = &batch->progress;

        progress->sent = progress->flushed = 0;
        if (progress->tries + 1 >= PUBLISH_TRIES && !batch->must) {
                phase_note(batch, EVENT_ERROR, "worker.publish_gave_up", outcome);
                progress->gives_up = true;
                return STEP_DONE;
        }
        return phase_failed(batch, outcome);
}

/* The bus's buffer is full. What is in it from this batch is flushed before the rest follows; if there is nothing, others
 * filled it, and the batch waits a moment. */
static enum phase_step publish_full(struct batch *batch)
{
        struct bus *bus = batch->worker->seams.bus;

        if (batch->progress.sent == batch->progress.flushed || bus->ops->flush(bus, phase_tag(batch)) != ERR_OK)
                return phase_full(batch);
        return STEP_OUT;
}

enum phase_step publish_submit(struct batch *batch)
{
        struct progress *progress = &batch->progress;
        struct bus *bus = batch->worker->seams.bus;
        enum error error;

        if (!progress->prepared) {
                output_send(batch);
                if (batch->lost_all)
                        output_send_lost(batch);
                progress->prepared = true;
                progress->sent = progress->flushed = 0;
        }
        for (; progress->sent < progress->sending_count; progress->sent++) {
                error = bus->ops->publish(bus, &progress->sendings[progress->sent].message);
                if (error == ERR_FULL)
                        return publish_full(batch);
                if (error == ERR_TOO_LARGE) /* limits are such that it cannot be; better one lost than all waiting */
                        phase_note(batch, EVENT_ERROR, "worker.record_too_large", OUTCOME_FAILED);
                else if (error)
                        return again(batch, OUTCOME_FAILED);
        }
        if (progress->sending_count == 0)
                return STEP_DONE;
        error = bus->ops->flush(bus, phase_tag(batch));
        if (!error)
                return STEP_OUT;
        return error == ERR_FULL ? phase_full(batch) : again(batch, OUTCOME_FAILED);
}

enum phase_step publish_finish(struct batch *batch, const struct completion *completion)
{
        struct progress *progress = &batch->progress;

        if (completion->outcome != OUTCOME_OK)
                return again(batch, completion->outcome);
        progress->flushed = progress->sent;
        if (progress->sent == progress->sending_count)
                return STEP_DONE;
        progress->resume_ms = 0;
        return STEP_LATER;
}

/* ---- COMMIT ---- */

static bool is_listed(const struct batch *batch, uint32_t partition)
{
        for (size_t i = 0; i < batch->progress.commit_count; i++)
                if (batch->commits[i].partition == partition)
                        return true;
        return false;
}

/* Marks the batch's records as done and lists their partitions. */
static void list_commits(struct batch *batch)
{
        struct progress *progress = &batch->progress;

        progress->commit_count = 0;
        for (size_t i = 0; i < batch->item_count; i++) {
                struct item *item = &batch->items[i];
                uint32_t partition = (uint32_t)item->partition;

                if (item->state == ITEM_ABANDONED)
                        continue;
                offsets_done(&batch->worker->offsets, partition, &item->offset);
                if (!is_listed(batch, partition))
                        batch->commits[progress->commit_count++] = (struct committing){.partition = partition};
        }
}

/* A commit that is not made is made up for by the next batch's; until then a crash repeats some records. */
static enum phase_step commit_failed(struct batch *batch, enum outcome outcome)
{
        if (batch->progress.tries + 1 < COMMIT_TRIES)
                return phase_failed(batch, outcome);
        phase_note(batch, EVENT_ERROR, "worker.commit_gave_up", outcome);
        return STEP_DONE;
}

static bool any_commit_out(const struct batch *batch)
{
        for (size_t i = 0; i < batch->progress.commit_count; i++)
                if (batch->commits[i].out)
                        return true;
        return false;
}

enum phase_step commit_submit(struct batch *batch)
{
        struct progress *progress = &batch->progress;
        struct worker *worker = batch->worker;
        struct bus *bus = worker->seams.bus;

        if (!progress->prepared)
                list_commits(batch);
        progress->prepared = true;
        phase_tags_begin(batch);
        for (size_t i = 0; i < progress->commit_count; i++) {
                struct committing *commit = &batch->commits[i];

                if (!offsets_next(&worker->offsets, commit->partition, &commit->next))
                        continue;
                commit->tag = phase_tag_more(batch);
                commit->out = bus->ops->commit(bus, worker->service->topic, (int32_t)commit->partition, commit->next,
                                               commit->tag) == ERR_OK;
                if (!commit->out)
                        return any_commit_out(batch) ? STEP_OUT : commit_failed(batch, OUTCOME_FAILED);
        }
        return any_commit_out(batch) ? STEP_OUT : STEP_DONE;
}

enum phase_step commit_finish(struct batch *batch, const struct completion *completion)
{
        struct progress *progress = &batch->progress;
        struct offsets *offsets = &batch->worker->offsets;
        uint64_t next;

        for (size_t i = 0; i < progress->commit_count; i++) {
                struct committing *commit = &batch->commits[i];

                if (!commit->out || commit->tag != completion->tag)
                        continue;
                commit->out = false;
                if (completion->outcome == OUTCOME_OK)
                        offsets_committed(offsets, commit->partition, commit->next);
        }
        if (any_commit_out(batch))
                return STEP_OUT;
        for (size_t i = 0; i < progress->commit_count; i++)
                if (offsets_next(offsets, batch->commits[i].partition, &next))
                        return commit_failed(batch, completion->outcome);
        return STEP_DONE;
}

void commit_revoked(struct batch *batch, uint32_t partition)
{
        for (size_t i = 0; batch->progress.phase == PHASE_COMMIT && i < batch->progress.commit_count; i++) {
                struct committing *commit = &batch->commits[i];

                if (commit->out && commit->partition == partition)
                        phase_complete(batch->worker, &(struct completion){.tag = commit->tag, .outcome = OUTCOME_OK});
        }
}
