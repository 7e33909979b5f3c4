/* One list a partition; done entries leave from its front. */
#include "service/worker/offsets.h"

#include "base/memory.h"

enum error offsets_init(struct offsets *offsets, uint32_t partition_count)
{
        *offsets = (struct offsets){.partition_count = partition_count};
        offsets->partitions = memory_new(sizeof(*offsets->partitions) * partition_count);
        if (!offsets->partitions)
                return ERR_NO_MEMORY;
        for (uint32_t i = 0; i < partition_count; i++)
                list_init(&offsets->partitions[i].taken);
        return ERR_OK;
}

void offsets_finish(struct offsets *offsets)
{
        memory_free(offsets->partitions);
        *offsets = (struct offsets){0};
}

static struct offsets_partition *partition_of(const struct offsets *offsets, uint32_t partition)
{
        check(partition < offsets->partition_count);
        return &offsets->partitions[partition];
}

void offsets_reset(struct offsets *offsets, uint32_t partition)
{
        struct offsets_partition *line = partition_of(offsets, partition);

        while (list_pop(&line->taken))
                continue;
        line->next = line->committed = 0;
        line->any = false;
}

void offsets_take(struct offsets *offsets, uint32_t partition, struct offsets_entry *entry, uint64_t offset)
{
        struct offsets_partition *line = partition_of(offsets, partition);

        *entry = (struct offsets_entry){.offset = offset};
        if (line->any && offset <= line->last)
                return;
        line->any = true;
        line->last = offset;
        list_append(&line->taken, &entry->node);
}

void offsets_done(struct offsets *offsets, uint32_t partition, struct offsets_entry *entry)
{
        struct offsets_partition *line = partition_of(offsets, partition);

        if (!list_linked(&entry->node))
                return;
        entry->done = true;
        while (!list_empty(&line->taken)) {
                struct offsets_entry *first = container_of(list_first(&line->taken), struct offsets_entry, node);

                if (!first->done)
                        break;
                line->next = first->offset + 1;
                list_remove(&first->node);
        }
}

bool offsets_next(const struct offsets *offsets, uint32_t partition, uint64_t *next)
{
        const struct offsets_partition *line = partition_of(offsets, partition);

        *next = line->next;
        return line->next > line->committed;
}

void offsets_committed(struct offsets *offsets, uint32_t partition, uint64_t next)
{
        struct offsets_partition *line = partition_of(offsets, partition);

        if (next <= line->next && next > line->committed)
                line->committed = next;
}
