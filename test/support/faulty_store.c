/* See faulty_store.h. */
#include "support/faulty_store.h"

#include "base/assert.h"
#include "base/memory.h"

/* What a completion is of. The store's own completions do not tell, so tags of both together must differ. */
enum { FAULTY_STORE_SUBMIT };

struct faulty_store {
        struct store store;
        struct store *inner;
        struct fault_queue queue;
};

static struct faulty_store *faulty_of(struct store *store)
{
        return container_of(store, struct faulty_store, store);
}

static enum error faulty_apply(struct store *store, const struct store_op *ops, size_t count, struct store_result *results,
                               struct arena *arena, uint64_t tag)
{
        struct faulty_store *faulty = faulty_of(store);
        enum fault fault = fault_choose(&faulty->queue, FAULT_APPLY);
        enum error error = ERR_OK;

        if (fault == FAULT_REFUSE)
                return ERR_FULL;
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
        got = faulty->inner->ops->poll(faulty->inner, completions + count, max - count);
        for (size_t i = count, end = count + got; i < end; i++)
                if (fault_pass(&faulty->queue, FAULTY_STORE_SUBMIT, &completions[i]))
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
