/* See run.h. */
#include "frontend/run.h"

#include "frontend/output.h"
#include "wire/envelope.h"

static bool is_wide(const struct wire_post *post)
{
        return wire_post_count(post) >= RUN_CONNECTIONS_MIN && post->effect == WIRE_EFFECT_NONE &&
               id_is_zero(&post->request);
}

static struct run *find(struct runs *runs, struct slice frame)
{
        for (uint32_t i = 0; i < runs->count; i++)
                if (output_same_topic(runs->runs[i].first, frame))
                        return &runs->runs[i];
        return NULL;
}

static void expect(struct runs *runs, struct slice frame)
{
        struct run *run = find(runs, frame);

        if (!run && runs->count < RUNS_MAX) {
                run = &runs->runs[runs->count++];
                *run = (struct run){.first = frame};
        }
        if (!run || frame.size > RUN_SIZE_MAX - run->size)
                return;
        run->size += (uint32_t)frame.size;
        run->posts++;
}

void runs_expect(struct frontend *frontend, const struct bus_event *events, size_t count)
{
        check(frontend->runs.count == 0);
        for (size_t i = 0; count > 1 && i < count; i++) {
                struct slice record = events[i].kind == BUS_EVENT_RECORD ? events[i].record.value : (struct slice){0};
                struct wire_post post;

                if (record.size < RUN_CONNECTIONS_MIN * WIRE_CONNECTION_SIZE || wire_record_code(record) != WIRE_CODE_post)
                        continue;
                if (wire_record_parse(record, WIRE_CODE_post, &post) == ERR_OK && is_wide(&post))
                        expect(&frontend->runs, post.frame);
        }
}

/* One more reference for the caller. */
static struct piece add(struct block *block, struct slice frame)
{
        struct piece piece = {.block = block_hold(block), .from = block->size, .size = (uint32_t)frame.size};

        memcpy(block->bytes + block->size, frame.data, frame.size);
        block->size += (uint32_t)frame.size;
        return piece;
}

struct piece runs_copy(struct frontend *frontend, const struct wire_post *post)
{
        struct run *run = is_wide(post) ? find(&frontend->runs, post->frame) : NULL;
        struct block *block;

        if (run && run->posts > 1) {
                if (!run->block)
                        run->block = block_new(&frontend->blocks, run->size);
                if (run->block && block_room(run->block) - run->block->size >= post->frame.size)
                        return add(run->block, post->frame);
        }
        block = block_copy(&frontend->blocks, post->frame);
        return (struct piece){.block = block, .size = (uint32_t)post->frame.size};
}

void runs_end(struct frontend *frontend)
{
        for (uint32_t i = 0; i < frontend->runs.count; i++)
                block_drop(&frontend->blocks, frontend->runs.runs[i].block);
        frontend->runs.count = 0;
}
