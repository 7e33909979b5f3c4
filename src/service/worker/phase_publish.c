/*
 * PUBLISH: everything the batch has to say goes to the bus and is flushed; only when that flush was acknowledged are its records
 * done, and their offsets committed (commit.c). What failed or is uncertain is published again: repeats are harmless, holes are not. After PUBLISH_TRIES
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
