/* Lists for machines: libFuzzer's dictionary and the authorisation list. */
#include <inttypes.h>
#include <stdlib.h>

#include "base/assert.h"
#include "wire/print/print.h"

static const uint8_t type_of_kind[] = {
#define X(kind, type, text) [WIRE_KIND_##kind] = type,
        WIRE_KINDS(X)
#undef X
};

/* Numbers that matter to the decoder: keys of fields, limits and their neighbours. Each is printed once. */
#define NUMBERS_MAX 2000

struct numbers {
        uint64_t list[NUMBERS_MAX];
        size_t count;
};

static void numbers_add(struct numbers *numbers, uint64_t number)
{
        for (size_t i = 0; i < numbers->count; i++)
                if (numbers->list[i] == number)
                        return;
        check(numbers->count < NUMBERS_MAX);
        numbers->list[numbers->count++] = number;
}

static void numbers_of_structure(struct numbers *numbers, const struct wire_structure *structure)
{
        for (size_t i = 0; i < structure->field_count; i++) {
                const struct wire_field *field = &structure->fields[i];

                check(field->kind < countof(type_of_kind));
                numbers_add(numbers, (uint64_t)field->tag << 3 | type_of_kind[field->kind]);
                numbers_add(numbers, field->limit);
                numbers_add(numbers, field->limit + 1);
        }
}

static int compare_numbers(const void *a, const void *b)
{
        uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

        return (left > right) - (left < right);
}

static void print_varint(FILE *out, uint64_t number)
{
        fprintf(out, "\"");
        for (; number >= 0x80; number >>= 7)
                fprintf(out, "\\x%02x", (unsigned)(number & 0x7f) | 0x80);
        fprintf(out, "\\x%02x\"\n", (unsigned)number);
}

void print_dictionary(FILE *out, struct slice definitions)
{
        static struct numbers numbers;
        const struct wire_message *message;
        const struct wire_structure *part;

        (void)definitions;
        fputs("# Made from src/wire/messages.def by tools/update-protocol: do not edit.\n# Codes.\n", out);
        for (size_t i = 0; (message = wire_message_at(i)); i++) {
                fprintf(out, "code_%s=\"\\x%02x\"\n", message->name, message->code);
                numbers_of_structure(&numbers, message->structure);
        }
        for (size_t i = 0; (part = wire_part_at(i)); i++)
                numbers_of_structure(&numbers, part);
        qsort(numbers.list, numbers.count, sizeof(numbers.list[0]), compare_numbers);
        fputs("# Keys, limits and the numbers after limits, as protobuf writes them.\n", out);
        for (size_t i = 0; i < numbers.count; i++)
                print_varint(out, numbers.list[i]);
        fputs("# Lengths of frames.\n", out);
        fputs("\"\\x00\\x00\\x00\\x00\"\n\"\\x00\\x00\\x00\\x01\"\n\"\\x00\\x00\\x10\\x00\"\n\"\\x00\\x01\\x00\\x00\"\n"
              "\"\\x00\\x04\\x00\\x00\"\n\"\\xff\\xff\\xff\\xff\"\n",
              out);
}

void print_authorisation(FILE *out, struct slice definitions)
{
        const struct wire_message *message;
        char header[64];

        (void)definitions;
        for (size_t i = 0; (message = wire_message_at(i)); i++) {
                print_header(message, ",", header, sizeof(header));
                fprintf(out, "0x%02x\t%s\t%s\t%s\t%s\n", message->code, message->name, print_direction(message),
                        print_who(message), header);
        }
}
