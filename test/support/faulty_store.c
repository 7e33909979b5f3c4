/* See faulty_store.h. */
#include "support/faulty_store.h"

#include "base/assert.h"
#include "base/memory.h"

/* What a completion is of. The store's own completions do not tell, so tags of both together must differ. */
enum { FAULTY_STORE_SUBMIT };

/* What is applied in parts: each is handed on when the one before it is done, and others may come in between. */
struct parts {
        const struct store_op *ops; /* NULL: nothing is */
        struct store_result *results;
        struct arena *arena;
        uint64_t tag;
        size_t count, end; /* it goes as far as end */
        size_t next, done; /* handed on; completed */
        unsigned polls;    /* until the next one */
        bool doubt;        /* what became of the last one is not known */
};

struct faulty_store {
        struct store store;
        struct store *inner;
        struct fault_queue queue;
        struct parts parts;
};

static struct faulty_store *faulty_of(struct store *store)
{
        return container_of(store, struct faulty_store, store);
}

/* ---- parts ---- */

static void parts_begin(struct faulty_store *faulty, enum fault fault, const struct parts *parts)
{
        faulty->parts = *parts;
        faulty->parts.end = fault == FAULT_SPLIT ? parts->count : parts->count / 2;
        faulty->parts.polls = faulty->queue.plan->delay_polls;
}

static void parts_hand_on(struct faulty_store *faulty)
{
        struct parts *parts = &faulty->parts;
        size_t end = parts->next == 0 ? max_of(parts->count / 2, (size_t)1) : parts->end;

        if (!parts->ops || parts->next > parts->done || parts->next == parts->end)
                return;
        if (parts->polls > 0) {
                parts->polls--;
                return;
        }
        if (faulty->inner->ops->apply(faulty->inner, parts->ops + parts->next, end - parts->next,
                                      parts->results + parts->next, parts->arena, parts->tag) == ERR_OK)
                parts->next = end;
}

/* A completion of the decorated one: true if it is of a part. If it did not go well, nothing more is tried. */
static bool parts_take(struct faulty_store *faulty, const struct completion *completion)
{
        struct parts *parts = &faulty->parts;

        if (!parts->ops || parts->next == parts->done || completion->tag != parts->tag)
                return false;
        if (completion->outcome == OUTCOME_OK)
                parts->done = parts->next;
        else
                parts->next = parts->end = parts->done;
        parts->doubt |= completion->outcome == OUTCOME_UNCERTAIN;
        parts->polls = faulty->queue.plan->delay_polls;
        return true;
}

/* All that was to be done is done, or never will be. */
static bool parts_end(struct faulty_store *faulty, struct completion *completion)
{
        struct parts *parts = &faulty->parts;

        if (!parts->ops || parts->next > parts->done || parts->done < parts->end)
                return false;
        if (parts->done < parts->count && parts->polls > 0) {
                parts->polls--;
                return false;
        }
        completion->tag = parts->tag;
        completion->outcome = parts->done == parts->count   ? OUTCOME_OK
                              : parts->done || parts->doubt ? OUTCOME_UNCERTAIN
                                                            : OUTCOME_FAILED;
        parts->ops = NULL;
        return true;
}

/* ---- calls ---- */

static enum error faulty_apply(struct store *store, const struct store_op *ops, size_t count, struct store_result *results,
                               struct arena *arena, uint64_t tag)
{
        struct faulty_store *faulty = faulty_of(store);
        enum fault fault = fault_choose(&faulty->queue, FAULT_APPLY);
        enum error error = ERR_OK;

        if (fault == FAULT_REFUSE)
                return ERR_FULL;
        if ((fault == FAULT_SPLIT || fault == FAULT_PART) && !faulty->parts.ops) {
                parts_begin(faulty, fault,
                            &(struct parts){.ops = ops, .results = results, .arena = arena, .tag = tag, .count = count});
                return ERR_OK;
        }
        if (fault_hands_on(fault))
                error = faulty->inner->ops->apply(faulty->inner, ops, count, results, arena, tag);
        if (!error)
                fault_note(&faulty->queue, fault, FAULTY_STORE_SUBMIT, tag);
        return error;
}

static enum error faulty_ask(struct store *store, const struct store_question *questions, size_t count,
                             struct store_answer *answers, struct arena *arena, uint64_t tag)
{
        struct faulty_store *faulty = faulty_of(store);
        enum fault fault = fault_choose(&faulty->queue, FAULT_ASK);
        enum error error = ERR_OK;

        if (fault == FAULT_REFUSE)
                return ERR_FULL;
        if (fault == FAULT_UNCERTAIN || fault == FAULT_LOSE || fault == FAULT_LATE)
                fault = FAULT_FAIL;
        if (fault_hands_on(fault))
                error = faulty->inner->ops->ask(faulty->inner, questions, count, answers, arena, tag);
        if (!error)
                fault_note(&faulty->queue, fault, FAULTY_STORE_SUBMIT, tag);
        return error;
}

static size_t faulty_poll(struct store *store, struct completion *completions, size_t max)
{
        struct faulty_store *faulty = faulty_of(store);
        size_t count = 0, got;
        int kind;

        fault_tick(&faulty->queue);
        while (count < max && fault_take(&faulty->queue, &kind, &completions[count]))
                count++;
        if (count < max && parts_end(faulty, &completions[count]))
                count++;
        parts_hand_on(faulty);
        got = faulty->inner->ops->poll(faulty->inner, completions + count, max - count);
        for (size_t i = count, end = count + got; i < end; i++)
                if (!parts_take(faulty, &completions[i]) && fault_pass(&faulty->queue, FAULTY_STORE_SUBMIT, &completions[i]))
                        completions[count++] = completions[i];
        return count;
}

static int faulty_fd(struct store *store)
{
        return faulty_of(store)->inner->ops->fd(faulty_of(store)->inner);
}

static void faulty_free(struct store **store)
{
        struct faulty_store *faulty;

        if (!*store)
                return;
        faulty = faulty_of(*store);
        *store = NULL;
        faulty->inner->ops->free(&faulty->inner);
        memory_free(faulty);
}

static const struct store_ops faulty_ops = {
        .free = faulty_free, .fd = faulty_fd, .apply = faulty_apply, .ask = faulty_ask, .poll = faulty_poll};

enum error faulty_store_new(struct store *inner, struct fault_plan *plan, struct store **store)
{
        struct faulty_store *faulty = memory_new(sizeof(*faulty));

        if (!faulty)
                return ERR_NO_MEMORY;
        faulty->store.ops = &faulty_ops;
        faulty->inner = inner;
        faulty->queue.plan = plan;
        *store = &faulty->store;
        return ERR_OK;
}
