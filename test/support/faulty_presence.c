/* See faulty_presence.h. */
#include "support/faulty_presence.h"

#include "base/assert.h"
#include "base/memory.h"

struct faulty_presence {
        struct presence presence;
        struct presence *inner;
        struct fault_queue queue;
};

static struct faulty_presence *faulty_of(struct presence *presence)
{
        return container_of(presence, struct faulty_presence, presence);
}

static enum error faulty_submit(struct presence *presence, const struct presence_request *requests, size_t count,
                                struct presence_result *results, struct arena *arena, uint64_t tag)
{
        struct faulty_presence *faulty = faulty_of(presence);
        enum fault fault = fault_choose(&faulty->queue, FAULT_PRESENCE);
        enum error error = ERR_OK;

        if (fault == FAULT_REFUSE)
                return ERR_FULL;
        if (fault_hands_on(fault))
                error = faulty->inner->ops->submit(faulty->inner, requests, count, results, arena, tag);
        if (!error)
                fault_note(&faulty->queue, fault, 0, tag);
        return error;
}

static size_t faulty_poll(struct presence *presence, struct completion *completions, size_t max)
{
        struct faulty_presence *faulty = faulty_of(presence);
        size_t count = 0, got;
        int kind;

        fault_tick(&faulty->queue);
        while (count < max && fault_take(&faulty->queue, &kind, &completions[count]))
                count++;
        got = faulty->inner->ops->poll(faulty->inner, completions + count, max - count);
        for (size_t i = count, end = count + got; i < end; i++)
                if (fault_pass(&faulty->queue, 0, &completions[i]))
                        completions[count++] = completions[i];
        return count;
}

static int faulty_fd(struct presence *presence)
{
        return faulty_of(presence)->inner->ops->fd(faulty_of(presence)->inner);
}

static void faulty_free(struct presence **presence)
{
        struct faulty_presence *faulty;

        if (!*presence)
                return;
        faulty = faulty_of(*presence);
        *presence = NULL;
        faulty->inner->ops->free(&faulty->inner);
        memory_free(faulty);
}

static const struct presence_ops faulty_ops = {
        .free = faulty_free, .fd = faulty_fd, .submit = faulty_submit, .poll = faulty_poll};

enum error faulty_presence_new(struct presence *inner, struct fault_plan *plan, struct presence **presence)
{
        struct faulty_presence *faulty = memory_new(sizeof(*faulty));

        if (!faulty)
                return ERR_NO_MEMORY;
        faulty->presence.ops = &faulty_ops;
        faulty->inner = inner;
        faulty->queue.plan = plan;
        *presence = &faulty->presence;
        return ERR_OK;
}
