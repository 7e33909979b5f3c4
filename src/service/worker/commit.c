/*
 * Commits of offsets, apart from batches. COMMIT only marks a batch's records as done; what may be committed goes to the bus a little
 * later (worker_seams.commit_ms), that of all batches and partitions together: a commit costs the bus as much as a request of
 * records. A crash meanwhile repeats those records, which is harmless. Nobody waits who stops, takes records singly, or
 * is about to lose his partitions (BUS_EVENT_LEAVING).
 *
 * One request of a partition is out at a time. A partition is listed while it has something to commit; so a worker has no more to
 * say when none is listed.
 */
#include "base/memory.h"
#include "service/worker/phase.h"

enum error commits_init(struct worker *worker)
{
        uint32_t count = worker->offsets.partition_count;

        list_init(&worker->committing);
        worker->commits = memory_new(sizeof(*worker->commits) * count);
        if (!worker->commits)
                return ERR_NO_MEMORY;
        for (uint32_t i = 0; i < count; i++)
                worker->commits[i].partition = i;
        return ERR_OK;
}

void commits_finish(struct worker *worker)
{
        memory_free(worker->commits);
}

void commits_forget(struct worker *worker, uint32_t partition)
{
        struct committing *commit = &worker->commits[partition];

        list_remove(&commit->node);
        *commit = (struct committing){.partition = partition};
}

enum phase_step commit_submit(struct batch *batch)
{
        struct worker *worker = batch->worker;

        for (size_t i = 0; i < batch->item_count; i++) {
                struct item *item = &batch->items[i];
                struct committing *commit = &worker->commits[item->partition];

                if (item->state == ITEM_ABANDONED)
                        continue;
                offsets_done(&worker->offsets, commit->partition, &item->offset);
                if (!list_linked(&commit->node))
                        list_append(&worker->committing, &commit->node);
        }
        return STEP_DONE;
}

enum phase_step commit_finish(struct batch *batch, const struct completion *completion)
{
        (void)batch;
        (void)completion;
        unreachable(); /* COMMIT asks nobody */
}

/* Until it is made a crash repeats some records. Who stops does not try for ever. */
static void failed(struct worker *worker, struct committing *commit, enum outcome outcome)
{
        bool gives_up = worker->draining && commit->tries + 1 >= COMMIT_TRIES;

        event_note(worker->seams.events, gives_up ? EVENT_ERROR : EVENT_WARNING,
                   gives_up ? "worker.commit_gave_up" : "worker.retry", NULL, {"service", worker->service->name},
                   {"phase", worker_phases[PHASE_COMMIT].name},
                   {"outcome", outcome == OUTCOME_UNCERTAIN ? "uncertain" : "failed"}, {"tries", NULL, commit->tries},
                   {"partition", NULL, commit->partition});
        if (gives_up) {
                commits_forget(worker, commit->partition);
                return;
        }
        commit->resume_ms = worker_now_ms(worker) + phase_pause_ms(commit->tries++);
        worker->counts.retries++;
}

/* When what is listed goes out. */
static uint64_t due_ms(const struct worker *worker)
{
        return worker->draining || worker->care == NOTES_SINGLY ? 0 : worker->commit_due_ms;
}

/* Hands it to the bus, if there is anything to commit. */
static bool submit(struct worker *worker, struct committing *commit)
{
        struct bus *bus = worker->seams.bus;
        enum error error;

        if (!offsets_next(&worker->offsets, commit->partition, &commit->next)) {
                commits_forget(worker, commit->partition);
                return false;
        }
        commit->tag = worker->next_tag++;
        error = bus->ops->commit(bus, worker->service->topic, (int32_t)commit->partition, commit->next, commit->tag);
        commit->out = error == ERR_OK;
        if (error == ERR_FULL)
                commit->resume_ms = worker_now_ms(worker) + FULL_PAUSE_MS;
        else if (error)
                failed(worker, commit, OUTCOME_FAILED);
        return commit->out;
}

bool commits_advance(struct worker *worker)
{
        uint64_t now_ms = worker_now_ms(worker);
        struct list_node *node = worker->committing.head.next;
        bool moved = false;

        if (due_ms(worker) > now_ms)
                return false;
        while (node != &worker->committing.head) {
                struct committing *commit = container_of(node, struct committing, node);

                node = node->next;
                if (!commit->out && commit->resume_ms <= now_ms)
                        moved |= submit(worker, commit);
        }
        if (moved)
                worker->commit_due_ms = now_ms + worker->seams.commit_ms;
        return moved;
}

void commits_hurry(struct worker *worker)
{
        struct list_node *node = worker->committing.head.next;

        while (node != &worker->committing.head) {
                struct committing *commit = container_of(node, struct committing, node);
                uint64_t next;

                node = node->next;
                /* What is under way is overtaken; its completion has another tag. */
                if (!commit->out || (offsets_next(&worker->offsets, commit->partition, &next) && next > commit->next))
                        (void)submit(worker, commit);
        }
}

void commits_complete(struct worker *worker, const struct completion *completion)
{
        uint64_t next;

        list_each(&worker->committing, commit, struct committing, node) {
                if (!commit->out || commit->tag != completion->tag)
                        continue;
                commit->out = false;
                if (completion->outcome != OUTCOME_OK) {
                        failed(worker, commit, completion->outcome);
                        return;
                }
                commit->tries = 0;
                offsets_committed(&worker->offsets, commit->partition, commit->next);
                if (!offsets_next(&worker->offsets, commit->partition, &next))
                        commits_forget(worker, commit->partition);
                return;
        }
}

uint64_t commits_resume_ms(const struct worker *worker)
{
        uint64_t resume_ms = UINT64_MAX;

        list_each(&worker->committing, commit, struct committing, node) {
                if (!commit->out)
                        resume_ms = min_of(resume_ms, max_of(commit->resume_ms, due_ms(worker)));
        }
        return resume_ms;
}
