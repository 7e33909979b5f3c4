/* See fault.h. */
#include "support/fault.h"

#include <string.h>

#include "base/assert.h"

static enum fault nth_choose(struct fault_plan *plan, enum fault_call call)
{
        struct fault_nth *nth = container_of(plan, struct fault_nth, plan);

        if (call != nth->call)
                return FAULT_NONE;
        return ++nth->seen == nth->nth ? nth->fault : FAULT_NONE;
}

void fault_nth_init(struct fault_nth *nth, enum fault_call call, unsigned long which, enum fault fault)
{
        *nth = (struct fault_nth){
                .plan = {.choose = nth_choose, .delay_polls = 3}, .call = call, .fault = fault, .nth = which};
}

enum fault fault_choose(struct fault_queue *queue, enum fault_call call)
{
        if (!queue->plan || queue->count == FAULT_QUEUE_MAX)
                return FAULT_NONE;
        return queue->plan->choose(queue->plan, call);
}

bool fault_hands_on(enum fault fault)
{
        return fault == FAULT_NONE || fault == FAULT_UNCERTAIN || fault == FAULT_DELAY || fault == FAULT_DUPLICATE ||
               fault == FAULT_SPLIT || fault == FAULT_PART;
}

void fault_note(struct fault_queue *queue, enum fault fault, int kind, uint64_t tag)
{
        struct fault_entry *entry = &queue->entries[queue->count];

        check(fault != FAULT_REFUSE);
        if (fault == FAULT_NONE || fault == FAULT_DUPLICATE || fault == FAULT_SPLIT || fault == FAULT_PART)
                return;
        check(queue->count < FAULT_QUEUE_MAX);
        *entry = (struct fault_entry){.completion = {.tag = tag},
                                      .kind = kind,
                                      .polls = fault == FAULT_DELAY ? queue->plan->delay_polls : 0,
                                      .state = fault_hands_on(fault) ? FAULT_ENTRY_AWAITED : FAULT_ENTRY_HELD,
                                      .fault = fault};
        if (!fault_hands_on(fault))
                entry->completion.outcome = fault == FAULT_FAIL ? OUTCOME_FAILED : OUTCOME_UNCERTAIN;
        queue->count++;
}

static void entry_drop(struct fault_queue *queue, size_t i)
{
        queue->count--;
        memmove(&queue->entries[i], &queue->entries[i + 1], sizeof(queue->entries[0]) * (queue->count - i));
}

bool fault_pass(struct fault_queue *queue, int kind, struct completion *completion)
{
        for (size_t i = 0; i < queue->count; i++) {
                struct fault_entry *entry = &queue->entries[i];

                if (entry->state != FAULT_ENTRY_AWAITED || entry->kind != kind || entry->completion.tag != completion->tag)
                        continue;
                if (entry->fault == FAULT_DELAY) {
                        entry->completion = *completion;
                        entry->state = FAULT_ENTRY_HELD;
                        return false;
                }
                completion->outcome = OUTCOME_UNCERTAIN;
                entry_drop(queue, i);
                return true;
        }
        return true;
}

void fault_tick(struct fault_queue *queue)
{
        for (size_t i = 0; i < queue->count; i++)
                if (queue->entries[i].state == FAULT_ENTRY_HELD && queue->entries[i].polls > 0)
                        queue->entries[i].polls--;
}

bool fault_take(struct fault_queue *queue, int *kind, struct completion *completion)
{
        for (size_t i = 0; i < queue->count; i++) {
                struct fault_entry *entry = &queue->entries[i];

                if (entry->state != FAULT_ENTRY_HELD || entry->polls > 0)
                        continue;
                *kind = entry->kind;
                *completion = entry->completion;
                entry_drop(queue, i);
                return true;
        }
        return false;
}
