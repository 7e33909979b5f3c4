/* The worker itself: takes bus events and completions in, lets batches move on, says when it wants to be called again. */
#include "service/worker/worker.h"

#include "base/memory.h"
#include "service/worker/phase.h"

#define COMPLETIONS_MAX 16 /* of one poll of a seam */

static enum error batches_init(struct worker *worker)
{
        worker->batches = memory_new(sizeof(*worker->batches) * WORKER_BATCHES_MAX);
        worker->scratch = memory_new(WIRE_DOWN_SIZE_MAX);
        if (!worker->batches || !worker->scratch)
                return ERR_NO_MEMORY;
        for (size_t i = 0; i < WORKER_BATCHES_MAX; i++) {
                if (batch_init(&worker->batches[i], worker))
                        return ERR_NO_MEMORY;
                list_append(&worker->idle, &worker->batches[i].node);
        }
        return ERR_OK;
}

enum error worker_new(const struct service *service, const struct worker_seams *seams, size_t batch_max,
                      struct worker **worker_p)
{
        struct worker *worker = memory_new(sizeof(*worker));
        enum error error;

        check(service && seams->bus && seams->clock && batch_max <= WORKER_BATCH_MAX);
        *worker_p = NULL;
        if (!worker)
                return ERR_NO_MEMORY;
        worker->service = service;
        worker->seams = *seams;
        worker->pace = pace_init(seams->pace_ms);
        worker->batch_max = batch_max ? min_of(batch_max, service->records_max) : service->records_max;
        worker->next_tag = 1;
        if (seams->notes)
                seams->notes->ops->enter(seams->notes);
        list_init(&worker->idle);
        list_init(&worker->flight);
        error = offsets_init(&worker->offsets, seams->bus->ops->partitions(seams->bus, service->topic));
        if (!error) {
                worker->assigned_ms = memory_new(sizeof(*worker->assigned_ms) * worker->offsets.partition_count);
                error = worker->assigned_ms ? batches_init(worker) : ERR_NO_MEMORY;
        }
        if (!error)
                error = commits_init(worker);
        if (!error && service->start)
                error = service->start(&worker->state);
        if (!error)
                error = seams->bus->ops->subscribe(seams->bus, service->topic);
        if (error)
                worker_free(&worker);
        *worker_p = worker;
        return error;
}

void worker_free(struct worker **worker_p)
{
        struct worker *worker = *worker_p;

        if (!worker)
                return;
        *worker_p = NULL;
        if (worker->state)
                worker->service->stop(&worker->state);
        for (size_t i = 0; worker->batches && i < WORKER_BATCHES_MAX; i++)
                batch_finish(&worker->batches[i]);
        commits_finish(worker);
        offsets_finish(&worker->offsets);
        memory_free(worker->assigned_ms);
        memory_free(worker->batches);
        memory_free(worker->scratch);
        memory_free(worker);
}

/* ---- bus events ---- */

/* All that was taken is done and committed. */
static bool quiet(const struct worker *worker)
{
        return list_empty(&worker->flight) && list_empty(&worker->committing);
}

/* The batch that takes records now, or NULL. */
static struct batch *filling(struct worker *worker)
{
        struct list_node *last = list_last(&worker->flight);
        struct batch *batch = last ? container_of(last, struct batch, node) : NULL;

        return batch && batch->progress.phase == PHASE_TAKE ? batch : NULL;
}

/* How many records may be taken now. */
static size_t room(struct worker *worker)
{
        struct batch *batch = filling(worker);

        if (worker->draining || worker->hold_ms > worker_now_ms(worker) || (batch && batch->broken))
                return 0;
        if (batch && batch->singly)
                return 0;
        if (!batch && worker->care == NOTES_SINGLY)
                return quiet(worker) ? 1 : 0;
        if (!batch && !list_empty(&worker->idle))
                batch = container_of(list_first(&worker->idle), struct batch, node);
        return batch ? batch_room(batch) : 0;
}

/* False: there was no memory for it. */
static bool take_record(struct worker *worker, const struct bus_record *record)
{
        struct batch *batch = filling(worker);
        bool taken;

        if (!batch) {
                check(!list_empty(&worker->idle));
                batch = container_of(list_pop(&worker->idle), struct batch, node);
                list_append(&worker->flight, &batch->node);
                batch->singly = worker->care == NOTES_SINGLY;
        }
        taken = batch_add_record(batch, record);
        if (batch->item_count == 0) {
                list_remove(&batch->node);
                list_prepend(&worker->idle, &batch->node);
                return taken;
        }
        batch->lost_all |= worker->skipped;
        worker->skipped = false;
        return taken;
}

/* No memory for the record at `first`: it and all records after it are to come again, a little later. */
static void put_back(struct worker *worker, const struct bus_event *events, size_t first, size_t count)
{
        struct bus *bus = worker->seams.bus;

        event_note(worker->seams.events, EVENT_ERROR, "worker.no_memory", NULL, {"service", worker->service->name});
        worker->hold_ms = worker_now_ms(worker) + PAUSE_MS_MIN;
        for (size_t i = first; i < count; i++) {
                const struct bus_record *record = &events[i].record;
                size_t earlier = first;

                while (events[earlier].kind != BUS_EVENT_RECORD || events[earlier].record.partition != record->partition)
                        earlier++;
                if (events[i].kind == BUS_EVENT_RECORD && earlier == i &&
                    bus->ops->seek(bus, record->topic, record->partition, record->offset))
                        event_note(worker->seams.events, EVENT_ERROR, "worker.seek_failed", NULL,
                                   {"service", worker->service->name});
        }
}

/* What is under way is done, but its offsets say nothing any more. */
static void forget_offsets(struct worker *worker, int32_t partition)
{
        offsets_reset(&worker->offsets, (uint32_t)partition);
        commits_forget(worker, (uint32_t)partition);
}

static void forget_partition(struct worker *worker, int32_t partition)
{
        forget_offsets(worker, partition);
        list_each(&worker->flight, batch, struct batch, node)
                batch_abandon(batch, partition);
}

static void take_event(struct worker *worker, const struct bus_event *event)
{
        switch (event->kind) {
        case BUS_EVENT_RECORD:
                unreachable(); /* see take_events */
        case BUS_EVENT_FLUSHED:
                phase_complete(worker, &event->completion);
                break;
        case BUS_EVENT_COMMITTED:
                commits_complete(worker, &event->completion);
                break;
        case BUS_EVENT_ASSIGNED:
                forget_partition(worker, event->record.partition);
                worker->assigned_ms[event->record.partition] = worker_now_ms(worker);
                break;
        case BUS_EVENT_LEAVING:
                commits_hurry(worker);
                break;
        case BUS_EVENT_REVOKED:
                event_note(worker->seams.events, EVENT_INFO, "worker.revoked", NULL, {"service", worker->service->name},
                           {"partition", NULL, (uint64_t)event->record.partition});
                forget_partition(worker, event->record.partition);
                break;
        case BUS_EVENT_LOST:
                /* Requests were skipped: their senders hear nothing in time and ask again. But who had the partition before may have done
                 * some, and told nobody (L5). */
                forget_offsets(worker, event->record.partition);
                worker->skipped = worker->seams.presence;
                event_note(worker->seams.events, EVENT_ERROR, "worker.records_lost", NULL,
                           {"service", worker->service->name}, {"partition", NULL, (uint64_t)event->record.partition});
                break;
        }
}

/* How careful to be with records. Care ends with no record noted any more: a crash in a batch would be blamed on it. */
static void look_out(struct worker *worker)
{
        struct notes *notes = worker->seams.notes;
        enum notes_care care = notes ? notes->ops->care(notes) : NOTES_CARELESS;

        if (worker->care == NOTES_SINGLY && !quiet(worker))
                return;
        if ((care == NOTES_SINGLY) != (worker->care == NOTES_SINGLY))
                event_note(worker->seams.events, EVENT_WARNING, "worker.takes_singly", NULL,
                           {"service", worker->service->name}, {"singly", NULL, care == NOTES_SINGLY});
        worker->care = care;
}

/* Returns whether anything came. */
static bool take_events(struct worker *worker)
{
        struct bus *bus = worker->seams.bus;
        struct bus_event events[WORKER_EVENTS_MAX];
        size_t space, count;
        bool full = false;

        look_out(worker);
        space = room(worker);
        if (worker->paused != (space == 0)) {
                worker->paused = space == 0;
                bus->ops->pause(bus, worker->paused);
        }
        count = bus->ops->poll(bus, events, space ? min_of(space, countof(events)) : countof(events));
        for (size_t i = 0; i < count; i++) {
                if (events[i].kind != BUS_EVENT_RECORD)
                        take_event(worker, &events[i]);
                else if (!full && !take_record(worker, &events[i].record)) {
                        full = true;
                        put_back(worker, events, i, count);
                }
        }
        return count > 0;
}

/* ---- stepping ---- */

/* Polls one seam; each has its own type and the same poll. */
#define TAKE_COMPLETIONS(worker, seam, moved)                                                                               \
        do {                                                                                                                \
                struct completion completions[COMPLETIONS_MAX];                                                             \
                size_t count = (seam) ? (seam)->ops->poll(seam, completions, COMPLETIONS_MAX) : 0;                          \
                                                                                                                            \
                for (size_t i = 0; i < count; i++)                                                                          \
                        phase_complete(worker, &completions[i]);                                                            \
                *(moved) |= count > 0;                                                                                      \
        } while (0)

bool worker_step(struct worker *worker)
{
        bool moved = take_events(worker);

        TAKE_COMPLETIONS(worker, worker->seams.notes, &moved);
        TAKE_COMPLETIONS(worker, worker->seams.store, &moved);
        TAKE_COMPLETIONS(worker, worker->seams.presence, &moved);
        TAKE_COMPLETIONS(worker, worker->seams.password, &moved);
        TAKE_COMPLETIONS(worker, worker->seams.mail, &moved);
        moved |= phase_advance(worker);
        return commits_advance(worker) || moved;
}

int worker_wait_ms(const struct worker *worker)
{
        uint64_t now_ms = worker_now_ms(worker);
        uint64_t next_ms = commits_resume_ms(worker);

        if (worker->hold_ms > now_ms)
                next_ms = min_of(next_ms, worker->hold_ms);
        list_each(&worker->flight, batch, struct batch, node) {
                const struct batch *older = batch_older(worker, batch);

                /* One that waits for its turn is woken by what wakes the one before it. */
                if (batch->progress.out || (older && older->progress.phase <= batch->progress.phase))
                        continue;
                if (older && batch->progress.phase == PHASE_TAKE && batch->progress.resume_ms <= now_ms)
                        continue;
                next_ms = min_of(next_ms, max_of(batch->progress.resume_ms, now_ms));
        }
        if (next_ms == UINT64_MAX)
                return -1;
        return (int)min_of(max_of(next_ms, now_ms) - now_ms, (uint64_t)PAUSE_MS_MAX * 60);
}

struct worker_counts worker_counts(const struct worker *worker)
{
        struct worker_counts counts = worker->counts;

        list_each(&worker->flight, batch, struct batch, node)
                counts.in_flight++;
        return counts;
}

bool worker_drain(struct worker *worker)
{
        worker->draining = true;
        return quiet(worker);
}
