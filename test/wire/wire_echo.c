/*
 * The C side of the proof against an independent protobuf (proof.py). Each question on standard input is a length (4 bytes, network
 * byte order) and as many bytes: the length of a structure's name (1 byte), the name, a body. Each answer on standard output is a
 * length, an error (1 byte, errors.def), and, when that is OK, the body decoded and encoded again.
 *
 * Encoded again means really again: lists are walked and put into items, so nothing is merely copied.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "support/wire_sample.h"

#define QUESTION_SIZE_MAX (4 * 1024 * 1024)

static void copy_lists(struct sample *sample, const struct wire_structure *structure, void *message);

static void copy_list(struct sample *sample, const struct wire_structure *structure, const struct wire_field *field,
                      struct wire_list *list)
{
        uint8_t *items = sample_take(sample, (size_t)list->count * field->part->size);
        struct wire_iterator iterator;
        uint32_t count = 0;

        wire_list_start(&iterator, structure, field->tag, list);
        for (; count < list->count; count++) {
                void *item = items + (size_t)count * field->part->size;

                check(wire_list_next(&iterator, item));
                copy_lists(sample, field->part, item);
        }
        *list = (struct wire_list){.items = items, .count = count};
}

/* Puts every decoded list of the message, at any depth, into items. */
static void copy_lists(struct sample *sample, const struct wire_structure *structure, void *message)
{
        for (size_t i = 0; i < structure->field_count; i++) {
                const struct wire_field *field = &structure->fields[i];
                void *at = (uint8_t *)message + field->offset;

                if (field->kind == WIRE_KIND_LIST && ((struct wire_list *)at)->count > 0)
                        copy_list(sample, structure, field, at);
                else if (field->kind == WIRE_KIND_ONE)
                        copy_lists(sample, field->part, at);
        }
}

static bool read_question(uint8_t *question, size_t *size)
{
        uint8_t length[4];

        if (fread(length, 1, sizeof(length), stdin) != sizeof(length))
                return false;
        *size = be32_get(length);
        check(*size <= QUESTION_SIZE_MAX);
        return fread(question, 1, *size, stdin) == *size;
}

static void write_answer(enum error error, struct slice body)
{
        uint8_t head[5];

        be32_put(head, (uint32_t)body.size + 1);
        head[4] = (uint8_t)error;
        check(fwrite(head, 1, sizeof(head), stdout) == sizeof(head));
        check(fwrite(body.data, 1, body.size, stdout) == body.size);
        check(fflush(stdout) == 0);
}

static void answer(struct slice question)
{
        static uint8_t buffer[QUESTION_SIZE_MAX];
        const struct wire_structure *structure;
        struct sample sample = {0};
        union wire_any message;
        size_t name_size;
        enum error error;
        uint8_t *body = buffer + sizeof(buffer);

        check(question.size > 0);
        name_size = question.data[0];
        check(name_size < question.size);
        structure = wire_structure_by_name(slice_of(question.data + 1, name_size));
        check(structure);
        error = wire_decode(structure, slice_of(question.data + 1 + name_size, question.size - 1 - name_size), &message,
                            NULL);
        if (error == ERR_OK) {
                copy_lists(&sample, structure, &message);
                body = wire_encode(structure, &message, buffer, buffer + sizeof(buffer));
                check(body);
        }
        write_answer(error, slice_of(body, (size_t)(buffer + sizeof(buffer) - body)));
        sample_free(&sample);
}

int main(void)
{
        static uint8_t question[QUESTION_SIZE_MAX];
        size_t size;

        while (read_question(question, &size))
                answer(slice_of(question, size));
        return feof(stdin) ? 0 : 1;
}
