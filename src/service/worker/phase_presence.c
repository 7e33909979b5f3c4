/*
 * PRESENCE_SET, PRESENCE_GET and LOST: what a batch wants of presence. Presence may lie, but it must answer: a Join that could
 * not be entered is refused as busy; deliveries whose recipients could not be looked up are given up only after every frontend
 * was told so, and deliveries that could not be published only after their epochs were marked (L5).
 */
#include "service/worker/output.h"
#include "service/worker/phase.h"

static enum phase_step submit(struct batch *batch, enum phase_name phase)
{
        struct progress *progress = &batch->progress;
        struct presence *presence = batch->worker->seams.presence;
        enum error error;

        check(presence && progress->request_count > 0);
        error = presence->ops->submit(presence, progress->requests, progress->request_count, progress->presence_results,
                                      &batch->work, phase_tag(batch));
        if (!error)
                return STEP_OUT;
        if (error == ERR_FULL)
                return phase_full(batch);
        return worker_phases[phase].finish(batch, &(struct completion){.outcome = OUTCOME_FAILED});
}

/* Room for so many requests. False if there is none. */
static bool requests_new(struct batch *batch, size_t count)
{
        batch->progress.requests = batch_array(batch, struct presence_request, count);
        batch->progress.presence_results = batch_array(batch, struct presence_result, count);
        batch->progress.request_count = 0;
        return !batch->broken;
}

static void request_add(struct batch *batch, const struct presence_request *request)
{
        batch->progress.requests[batch->progress.request_count++] = *request;
}

/* ---- PRESENCE_SET ---- */

enum phase_step presence_set_submit(struct batch *batch)
{
        size_t count = 0;

        batch_drop_late(batch);
        for (size_t i = 0; i < batch->item_count; i++)
                count += batch->items[i].state == ITEM_LIVE && batch->items[i].set;
        if (count == 0)
                return STEP_DONE;
        if (!batch->progress.prepared && !requests_new(batch, batch->item_count))
                return STEP_DONE;
        batch->progress.prepared = true;
        batch->progress.request_count = 0;
        for (size_t i = 0; i < batch->item_count; i++) {
                struct item *item = &batch->items[i];

                item->sent = item->state == ITEM_LIVE && item->set;
                if (item->sent)
                        request_add(batch, item->set);
        }
        return submit(batch, PHASE_PRESENCE_SET);
}

/* The connection that the 17th pushed out gets no deliveries any more: it is closed. */
static void close_replaced(struct batch *batch, struct item *item)
{
        const struct presence_result *result = item->set_result;
        struct bus *bus = batch->worker->seams.bus;
        uint32_t partitions = bus->ops->partitions(bus, BUS_FRONTENDS);

        for (size_t i = 0; i < result->count; i++)
                if (result->entries[i].frontend < partitions)
                        batch_post(batch, item, &result->entries[i], WIRE_EFFECT_REPLACED);
}

enum phase_step presence_set_finish(struct batch *batch, const struct completion *completion)
{
        size_t at = 0;

        if (completion->outcome != OUTCOME_OK && batch->progress.tries + 1 < PRESENCE_TRIES)
                return phase_failed(batch, completion->outcome);
        for (size_t i = 0; i < batch->item_count; i++) {
                struct item *item = &batch->items[i];

                if (!item->sent)
                        continue;
                item->set_result = &batch->progress.presence_results[at++];
                if (completion->outcome == OUTCOME_OK)
                        close_replaced(batch, item);
                else if (item->state == ITEM_LIVE)
                        batch_refuse(batch, item, ERR_BUSY, NULL, PRESENCE_RETRY_AFTER_MS);
        }
        return STEP_DONE;
}

/* ---- PRESENCE_GET ---- */

/*
 * A connection that was entered and then refused for good (revoked) is taken out again. Not one whose Join was busy or came too
 * late: another attempt of it, earlier, later or in this very batch, may have been answered, and nothing would ever be delivered to
 * that client again. The entry does no harm: a frontend delivers to nobody who has not joined, and removes it with the connection.
 */
static bool must_remove(const struct item *item)
{
        return item->set_result && item->set->kind == PRESENCE_SET && item->state == ITEM_REFUSED &&
               error_class(item->refusal) == ERROR_CLASS_REFUSED && item->refusal != ERR_LATE;
}

enum phase_step presence_get_submit(struct batch *batch)
{
        if (!batch->progress.prepared) {
                size_t count = batch->recipient_count;

                for (size_t i = 0; i < batch->item_count; i++)
                        count += must_remove(&batch->items[i]);
                if (count == 0 || !requests_new(batch, count))
                        return STEP_DONE;
                list_each(&batch->named, recipient, struct recipient, line)
                        request_add(batch, &(struct presence_request){.kind = PRESENCE_GET, .entry.user = recipient->user});
                for (size_t i = 0; i < batch->item_count; i++)
                        if (must_remove(&batch->items[i]))
                                request_add(batch, &(struct presence_request){.kind = PRESENCE_REMOVE,
                                                                              .entry = batch->items[i].set->entry});
                batch->progress.prepared = true;
        }
        return submit(batch, PHASE_PRESENCE_GET);
}

enum phase_step presence_get_finish(struct batch *batch, const struct completion *completion)
{
        struct worker *worker = batch->worker;
        unsigned tries_max = worker->presence_down ? 1 : PRESENCE_TRIES;
        const struct presence_result *result = batch->progress.presence_results;

        if (completion->outcome != OUTCOME_OK && batch->progress.tries + 1 < tries_max)
                return phase_failed(batch, completion->outcome);
        worker->presence_down = completion->outcome != OUTCOME_OK;
        if (worker->presence_down) {
                phase_note(batch, EVENT_ERROR, "worker.deliveries_unknown", completion->outcome);
                batch->lost_all |= batch->recipient_count > 0;
                return STEP_DONE;
        }
        list_each(&batch->named, recipient, struct recipient, line)
                recipient->found = result++;
        return STEP_DONE;
}

/* ---- LOST ---- */

static bool is_marked(const struct batch *batch, const struct id *epoch)
{
        for (size_t i = 0; i < batch->progress.request_count; i++)
                if (id_equal(&batch->progress.requests[i].entry.epoch, epoch))
                        return true;
        return false;
}

enum phase_step lost_submit(struct batch *batch)
{
        struct progress *progress = &batch->progress;

        /* A service without presence delivers nothing: what it gives up is replies, which their clients ask for again. */
        if (!progress->gives_up || !batch->worker->seams.presence)
                return STEP_DONE;
        if (progress->marked)
                return submit(batch, PHASE_LOST);
        if (!requests_new(batch, progress->sending_count))
                return STEP_DONE;
        progress->marked = true;
        for (size_t i = 0; i < progress->sending_count; i++) {
                const struct id *epoch = &progress->sendings[i].epoch;

                if (!id_is_zero(epoch) && !is_marked(batch, epoch))
                        request_add(batch, &(struct presence_request){.kind = PRESENCE_MARK_LOST, .entry.epoch = *epoch});
        }
        return progress->request_count ? submit(batch, PHASE_LOST) : STEP_DONE;
}

/* Acknowledged: the deliveries are given up. Else the bus gets another chance, and so on: the batch waits. */
enum phase_step lost_finish(struct batch *batch, const struct completion *completion)
{
        phase_note(batch, EVENT_ERROR, "worker.deliveries_lost", completion->outcome);
        return completion->outcome == OUTCOME_OK ? STEP_DONE : STEP_BACK;
}
