/* Messages made from the descriptor tables: see wire_sample.h. */
#include "support/wire_sample.h"

#include <stdlib.h>

#include "base/assert.h"

struct block {
        struct block *next;
        max_align_t bytes[];
};

void *sample_take(struct sample *sample, size_t size)
{
        struct block *block = calloc(1, sizeof(*block) + size);

        check(block);
        block->next = sample->blocks;
        sample->blocks = block;
        return block->bytes;
}

void sample_free(struct sample *sample)
{
        struct block *block = sample->blocks;

        while (block) {
                struct block *next = block->next;

                free(block);
                block = next;
        }
        sample->blocks = NULL;
}

/* splitmix64 (Steele, Lea and Flood, 2014): any seed is good. */
uint64_t sample_random(struct sample *sample)
{
        uint64_t z = sample->seed += 0x9e3779b97f4a7c15;

        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
        z = (z ^ z >> 27) * 0x94d049bb133111eb;
        return z ^ z >> 31;
}

/* 0 … limit, each magnitude as likely as the others. */
static uint64_t random_up_to(struct sample *sample, uint64_t limit)
{
        uint64_t number = sample_random(sample) >> sample_random(sample) % 64;

        return limit == UINT64_MAX ? number : number % (limit + 1);
}

/* The size of a value: a number, bytes or elements. */
static uint64_t measure(struct sample *sample, enum sample_kind kind, uint64_t limit)
{
        switch (kind) {
        case SAMPLE_ZERO:
                return 0;
        case SAMPLE_ONE:
                return 1;
        case SAMPLE_LIMIT:
                return limit;
        default:
                return random_up_to(sample, limit);
        }
}

static void fill_id(struct sample *sample, enum sample_kind kind, struct id *id)
{
        for (size_t i = 0; i < sizeof(id->bytes); i++)
                id->bytes[i] = (uint8_t)(kind == SAMPLE_RANDOM  ? sample_random(sample)
                                         : kind == SAMPLE_LIMIT ? 0xff
                                         : kind == SAMPLE_ONE   ? i == 15
                                                                : 0);
}

static struct slice fill_bytes(struct sample *sample, const struct wire_field *field, enum sample_kind kind)
{
        size_t size = (size_t)measure(sample, kind, field->limit);
        uint8_t *bytes = sample_take(sample, size);

        for (size_t i = 0; i < size; i++)
                bytes[i] = (uint8_t)(field->kind == WIRE_KIND_TEXT ? 'a' + i % 26 : i * 7 + size);
        /* Text has a character of two bytes where one fits. */
        if (field->kind == WIRE_KIND_TEXT && size >= 2)
                memcpy(bytes, "\xd0\xb3", 2);
        return slice_of(bytes, size);
}

static void fill_list(struct sample *sample, const struct wire_field *field, enum sample_kind kind, struct wire_list *list)
{
        uint64_t count = kind == SAMPLE_ZERO ? 1 : measure(sample, kind, field->limit);
        uint8_t *items;

        if (kind == SAMPLE_RANDOM)
                count = min_of(count, 3);
        items = sample_take(sample, (size_t)count * field->part->size);
        for (uint64_t i = 0; i < count; i++)
                sample_fill(sample, field->part, kind == SAMPLE_LIMIT ? SAMPLE_ONE : kind, items + i * field->part->size);
        *list = (struct wire_list){.items = count > 0 ? items : NULL, .count = (uint32_t)count};
}

static void fill_field(struct sample *sample, const struct wire_structure *structure, const struct wire_field *field,
                       enum sample_kind kind, void *message)
{
        void *at = (uint8_t *)message + field->offset;
        bool present = true;

        switch ((enum wire_kind)field->kind) {
        case WIRE_KIND_U64:
        case WIRE_KIND_FIX64:
                *(uint64_t *)at = measure(sample, kind, field->limit);
                break;
        case WIRE_KIND_ID:
                fill_id(sample, kind, at);
                break;
        case WIRE_KIND_BYTES:
        case WIRE_KIND_TEXT:
                *(struct slice *)at = fill_bytes(sample, field, kind);
                break;
        case WIRE_KIND_ONE:
                sample_fill(sample, field->part, kind, at);
                break;
        case WIRE_KIND_LIST:
                fill_list(sample, field, kind, at);
                present = ((struct wire_list *)at)->count > 0;
                break;
        }
        if (present)
                *(uint32_t *)message |= wire_field_bit(structure, field);
}

void sample_fill(struct sample *sample, const struct wire_structure *structure, enum sample_kind kind, void *message)
{
        check(kind < SAMPLE_KINDS);
        memset(message, 0, structure->size);
        for (size_t i = 0; i < structure->field_count; i++)
                if (kind != SAMPLE_RANDOM || sample_random(sample) % 4 != 0)
                        fill_field(sample, structure, &structure->fields[i], kind, message);
}

void sample_fill_field(struct sample *sample, const struct wire_structure *structure, size_t index, enum sample_kind kind,
                       void *message)
{
        check(index < structure->field_count);
        memset(message, 0, structure->size);
        fill_field(sample, structure, &structure->fields[index], kind, message);
}

/* The next element of a list, decoded into `scratch` or as it stands among the items; NULL at the end. */
static const void *element_next(const struct wire_field *field, const struct wire_list *list, uint32_t index,
                                struct wire_iterator *iterator, void *scratch)
{
        if (list->items)
                return index < list->count ? (const uint8_t *)list->items + (size_t)index * field->part->size : NULL;
        return wire_list_next(iterator, scratch) ? scratch : NULL;
}

static bool list_equal(const struct wire_structure *structure, const struct wire_field *field, const struct wire_list *a,
                       const struct wire_list *b)
{
        union wire_any_part scratch_a, scratch_b;
        struct wire_iterator iterator_a, iterator_b;

        if (a->count != b->count)
                return false;
        if (!a->items)
                wire_list_start(&iterator_a, structure, field->tag, a);
        if (!b->items)
                wire_list_start(&iterator_b, structure, field->tag, b);
        for (uint32_t i = 0; i <= a->count; i++) {
                const void *element_a = element_next(field, a, i, &iterator_a, &scratch_a);
                const void *element_b = element_next(field, b, i, &iterator_b, &scratch_b);

                if (!element_a || !element_b)
                        return !element_a && !element_b && i == a->count;
                if (!sample_equal(field->part, element_a, element_b))
                        return false;
        }
        return false; /* more elements than it counts */
}

static bool field_equal(const struct wire_structure *structure, const struct wire_field *field, const void *a, const void *b)
{
        switch ((enum wire_kind)field->kind) {
        case WIRE_KIND_U64:
        case WIRE_KIND_FIX64:
                return *(const uint64_t *)a == *(const uint64_t *)b;
        case WIRE_KIND_ID:
                return id_equal(a, b);
        case WIRE_KIND_BYTES:
        case WIRE_KIND_TEXT:
                return slice_equal(*(const struct slice *)a, *(const struct slice *)b);
        case WIRE_KIND_ONE:
                return sample_equal(field->part, a, b);
        case WIRE_KIND_LIST:
                return list_equal(structure, field, a, b);
        }
        return false;
}

bool sample_equal(const struct wire_structure *structure, const void *a, const void *b)
{
        if (*(const uint32_t *)a != *(const uint32_t *)b)
                return false;
        for (size_t i = 0; i < structure->field_count; i++) {
                const struct wire_field *field = &structure->fields[i];

                if (!field_equal(structure, field, (const uint8_t *)a + field->offset, (const uint8_t *)b + field->offset))
                        return false;
        }
        return true;
}

const struct wire_structure *sample_structure_at(size_t index)
{
        const struct wire_message *message;
        size_t parts = 0;

        while (wire_part_at(parts))
                parts++;
        if (index < parts)
                return wire_part_at(index);
        message = wire_message_at(index - parts);
        return message ? message->structure : NULL;
}
