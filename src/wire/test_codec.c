/* Decoder and encoder against each other, for every structure of messages.def: values, limits, cut and garbled bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/assert.h"
#include "support/wire_sample.h"
#include "wire/scan.h"

#define RANDOM_ROUNDS  30
#define GARBAGE_ROUNDS 300

static uint8_t buffer[SAMPLE_SIZE_MAX];

static struct slice encode(const struct wire_structure *structure, const void *message)
{
        uint8_t *end = buffer + sizeof(buffer);
        uint8_t *at = wire_encode(structure, message, buffer, end);

        assert_non_null(at);
        return slice_of(at, (size_t)(end - at));
}

/* A copy of exactly that size, so that the sanitizer sees a byte read past its end. */
static struct slice copy(struct slice bytes)
{
        uint8_t *block = malloc(bytes.size + (bytes.size == 0));

        assert_non_null(block);
        if (bytes.size > 0)
                memcpy(block, bytes.data, bytes.size);
        return slice_of(block, bytes.size);
}

static void check_round(const struct wire_structure *structure, const void *message)
{
        struct slice bytes = copy(encode(structure, message)), again;
        const char *fault = "not set";
        union wire_any decoded;

        memset(&decoded, 0xa5, sizeof(decoded));
        assert_int_equal(wire_decode(structure, bytes, &decoded, &fault), ERR_OK);
        assert_null(fault);
        assert_true(sample_equal(structure, message, &decoded));
        again = encode(structure, &decoded);
        assert_true(slice_equal(bytes, again));
        free((void *)bytes.data);
}

static void test_every_structure_comes_back(void **state)
{
        const struct wire_structure *structure;
        struct sample sample = {.seed = 1};
        union wire_any message;

        (void)state;
        for (size_t i = 0; (structure = sample_structure_at(i)); i++) {
                memset(&message, 0, sizeof(message));
                check_round(structure, &message);
                assert_int_equal(encode(structure, &message).size, 0);
                for (int kind = 0; kind < SAMPLE_KINDS; kind++) {
                        for (int round = 0; round < (kind == SAMPLE_RANDOM ? RANDOM_ROUNDS : 1); round++) {
                                sample_fill(&sample, structure, kind, &message);
                                check_round(structure, &message);
                                sample_free(&sample);
                        }
                }
        }
}

static void test_every_field_alone_comes_back(void **state)
{
        const struct wire_structure *structure;
        struct sample sample = {.seed = 2};
        union wire_any message;

        (void)state;
        for (size_t i = 0; (structure = sample_structure_at(i)); i++) {
                for (size_t field = 0; field < structure->field_count; field++) {
                        for (int kind = 0; kind < SAMPLE_RANDOM; kind++) {
                                sample_fill_field(&sample, structure, field, kind, &message);
                                check_round(structure, &message);
                                sample_free(&sample);
                        }
                }
        }
}

/* Presence matters only for zero values: a value that is not zero is written without its bit. */
static void test_values_are_written_without_their_bit(void **state)
{
        struct wire_operation operation = {.kind = 7, .text = SLICE_LITERAL("x")}, decoded;
        struct wire_delivery delivery = {.row = {.seq = 1}}, delivered;

        (void)state;
        operation.id.bytes[3] = 1;
        assert_int_equal(
                wire_decode(WIRE_STRUCTURE(operation), encode(WIRE_STRUCTURE(operation), &operation), &decoded, NULL),
                ERR_OK);
        assert_int_equal(decoded.has, WIRE_HAS(operation, id) | WIRE_HAS(operation, kind) | WIRE_HAS(operation, text));
        assert_int_equal(
                wire_decode(WIRE_STRUCTURE(delivery), encode(WIRE_STRUCTURE(delivery), &delivery), &delivered, NULL),
                ERR_OK);
        assert_int_equal(delivered.has, WIRE_HAS(delivery, row));
        assert_int_equal(delivered.row.has, WIRE_HAS(row, seq));
}

/* Writes a field as protobuf has it, whatever messages.def says. Returns its size. */
static size_t put_number(uint8_t *to, uint64_t number)
{
        size_t size = 0;

        for (; number >= 0x80; number >>= 7)
                to[size++] = (uint8_t)(number | 0x80);
        to[size++] = (uint8_t)number;
        return size;
}

static size_t put_field(uint8_t *to, uint32_t tag, enum wire_type type, uint64_t number)
{
        size_t size = put_number(to, (uint64_t)tag << 3 | type);

        if (type != WIRE_FIXED64)
                return size + put_number(to + size, number);
        for (int i = 0; i < 8; i++)
                to[size++] = (uint8_t)(number >> (8 * i));
        return size;
}

static void check_refused(const struct wire_structure *structure, const struct wire_field *field, struct slice bytes,
                          enum error expected)
{
        struct slice exact = copy(bytes);
        const char *fault = NULL;
        union wire_any decoded;

        assert_int_equal(wire_decode(structure, exact, &decoded, &fault), expected);
        assert_non_null(fault);
        if (!field->part)
                assert_string_equal(fault, field->name);
        free((void *)exact.data);
}

/* One more than the limit: of a number, of bytes, of elements. */
static void check_past_limit(const struct wire_structure *structure, const struct wire_field *field)
{
        size_t size = 0;

        switch ((enum wire_kind)field->kind) {
        case WIRE_KIND_U64:
        case WIRE_KIND_FIX64:
                if (field->limit == UINT64_MAX)
                        return;
                size = put_field(buffer, field->tag, field->kind == WIRE_KIND_U64 ? WIRE_VARINT : WIRE_FIXED64,
                                 field->limit + 1);
                break;
        case WIRE_KIND_ID:
        case WIRE_KIND_BYTES:
        case WIRE_KIND_TEXT:
                size = put_field(buffer, field->tag, WIRE_LENGTH, field->limit + 1);
                memset(buffer + size, 'a', field->limit + 1);
                size += field->limit + 1;
                break;
        case WIRE_KIND_ONE:
                return; /* a second one replaces the first: test_list.c */
        case WIRE_KIND_LIST:
                for (uint64_t i = 0; i <= field->limit; i++)
                        size += put_field(buffer + size, field->tag, WIRE_LENGTH, 0);
                break;
        }
        check_refused(structure, field, slice_of(buffer, size), ERR_BAD_FIELD);
}

/* The same tag with each other wire type. */
static void check_other_types(const struct wire_structure *structure, const struct wire_field *field)
{
        static const uint8_t zeros[8];
        bool number = field->kind == WIRE_KIND_U64, fixed = field->kind == WIRE_KIND_FIX64;

        for (unsigned type = 0; type < 8; type++) {
                size_t size = put_number(buffer, (uint64_t)field->tag << 3 | type);

                if (type == (number ? WIRE_VARINT : fixed ? WIRE_FIXED64 : WIRE_LENGTH))
                        continue;
                memcpy(buffer + size, zeros, sizeof(zeros));
                size += type == WIRE_FIXED64 ? 8 : type == WIRE_FIXED32 ? 4 : 1;
                check_refused(structure, field, slice_of(buffer, size), ERR_BAD_FRAME);
        }
}

static void test_limits_and_types_are_kept(void **state)
{
        const struct wire_structure *structure;

        (void)state;
        for (size_t i = 0; (structure = sample_structure_at(i)); i++) {
                for (size_t field = 0; field < structure->field_count; field++) {
                        check_past_limit(structure, &structure->fields[field]);
                        check_other_types(structure, &structure->fields[field]);
                }
        }
}

static void test_ids_have_sixteen_bytes(void **state)
{
        struct wire_cursor cursor;
        const char *fault;

        (void)state;
        for (size_t size = 0; size <= 32; size++) {
                size_t key = put_field(buffer, 1, WIRE_LENGTH, size);

                memset(buffer + key, 1, size);
                assert_int_equal(wire_decode(WIRE_STRUCTURE(cursor), slice_of(buffer, key + size), &cursor, &fault),
                                 size == 16 ? ERR_OK : ERR_BAD_FIELD);
        }
}

static void test_text_is_well_formed(void **state)
{
        static const char *const bad[] = {"\xff", "\xc0\x80", "\xed\xa0\x80", "\xd0", "a\x80", "\xf4\x90\x80\x80"};
        struct wire_find find;
        const char *fault;

        (void)state;
        for (size_t i = 0; i < countof(bad); i++) {
                size_t size = put_field(buffer, 1, WIRE_LENGTH, strlen(bad[i]));

                memcpy(buffer + size, bad[i], strlen(bad[i]));
                assert_int_equal(wire_decode(WIRE_STRUCTURE(find), slice_of(buffer, size + strlen(bad[i])), &find, &fault),
                                 ERR_BAD_FIELD);
                assert_string_equal(fault, "name");
        }
        /* A NUL inside. */
        assert_int_equal(wire_decode(WIRE_STRUCTURE(find), SLICE_LITERAL("\x0a\x01\x00"), &find, &fault), ERR_BAD_FIELD);
}

/* How many fields lie in a row before `size`; SIZE_MAX if `size` is inside one. */
static size_t fields_before(struct slice bytes, size_t size)
{
        struct slice rest = bytes;
        struct wire_scanned scanned;
        size_t count = 0;

        while (rest.size > bytes.size - size) {
                assert_true(wire_scan(&rest, &scanned));
                count++;
        }
        return bytes.size - rest.size == size ? count : SIZE_MAX;
}

static void test_cut_bodies_are_refused(void **state)
{
        const struct wire_structure *structure;
        struct sample sample = {0};
        union wire_any message, decoded;

        (void)state;
        for (size_t i = 0; (structure = sample_structure_at(i)); i++) {
                struct slice whole;

                sample_fill(&sample, structure, SAMPLE_ONE, &message);
                whole = copy(encode(structure, &message));
                for (size_t size = 0; size < whole.size; size++) {
                        struct slice cut = copy(slice_of(whole.data, size));
                        bool between = fields_before(whole, size) != SIZE_MAX;

                        assert_int_equal(wire_decode(structure, cut, &decoded, NULL), between ? ERR_OK : ERR_BAD_FRAME);
                        free((void *)cut.data);
                }
                free((void *)whole.data);
                sample_free(&sample);
        }
}

/* Whatever the bytes are, the decoder ends, and what it accepts comes back. */
static void test_garbage_is_refused_or_read(void **state)
{
        const struct wire_structure *structure;
        struct sample sample = {.seed = 3};
        union wire_any message, decoded;

        (void)state;
        for (size_t i = 0; (structure = sample_structure_at(i)); i++) {
                for (int round = 0; round < GARBAGE_ROUNDS; round++) {
                        uint8_t *bytes;
                        struct slice garbled;

                        sample_fill(&sample, structure, SAMPLE_ONE, &message);
                        garbled = copy(encode(structure, &message));
                        bytes = (uint8_t *)garbled.data;
                        for (int change = 0; change <= round % 4 && garbled.size > 0; change++)
                                bytes[sample_random(&sample) % garbled.size] = (uint8_t)sample_random(&sample);
                        if (wire_decode(structure, garbled, &decoded, NULL) == ERR_OK)
                                check_round(structure, &decoded);
                        free(bytes);
                        sample_free(&sample);
                }
        }
}

/* The encoder writes nothing below `start`, whatever the room, and says so when it does not fit. */
static void test_a_small_buffer_is_left_alone(void **state)
{
        const struct wire_structure *structure;
        struct sample sample = {0};
        union wire_any message;

        (void)state;
        for (size_t i = 0; (structure = sample_structure_at(i)); i++) {
                struct slice whole;

                sample_fill(&sample, structure, SAMPLE_ONE, &message);
                whole = encode(structure, &message);
                for (size_t size = 0; size < whole.size; size++) {
                        uint8_t *block = malloc(size + (size == 0));

                        assert_non_null(block);
                        assert_null(wire_encode(structure, &message, block, block + size));
                        free(block);
                }
                sample_free(&sample);
        }
}

/* By hand, from protobuf's own description, so that both directions cannot be wrong together. */
static void test_known_bytes(void **state)
{
        static const uint8_t expected[] = {0x0a, 0x10, 0,  1,  2,  3,  4,    5,    6,    7, 8,   9,
                                           10,   11,   12, 13, 14, 15, 0x10, 0x01, 0x1a, 2, 'h', 'i'};
        struct wire_operation operation = {.kind = 1, .text = SLICE_LITERAL("hi")};
        struct wire_lowest lowest = {.delivered_first = 300, .delivered_user = 258};
        struct wire_write write = {.operations = {.items = &operation, .count = 1}};
        struct slice bytes;

        (void)state;
        for (uint8_t i = 0; i < 16; i++)
                operation.id.bytes[i] = i;
        assert_true(slice_equal(encode(WIRE_STRUCTURE(operation), &operation), slice_of(expected, sizeof(expected))));
        bytes = encode(WIRE_STRUCTURE(write), &write);
        assert_int_equal(bytes.size, 2 + sizeof(expected));
        assert_int_equal(bytes.data[0], 0x0a);
        assert_int_equal(bytes.data[1], sizeof(expected));
        assert_true(
                slice_equal(encode(WIRE_STRUCTURE(lowest), &lowest), SLICE_LITERAL("\x08\xac\x02\x11\x02\x01\0\0\0\0\0\0")));
}

/* Tags need not follow each other, nor fit one byte with their type: as after a field was retired. */
static void test_tags_with_gaps(void **state)
{
        static const struct wire_field fields[] = {
                {.name = "seq", .tag = 3, .kind = WIRE_KIND_U64, .limit = 9, .offset = offsetof(struct wire_cursor, head)},
                {.name = "room",
                 .tag = 200,
                 .kind = WIRE_KIND_ID,
                 .limit = 16,
                 .offset = offsetof(struct wire_cursor, room)},
        };
        static const struct wire_structure gaps = {
                .name = "gaps", .fields = fields, .size = sizeof(struct wire_cursor), .field_count = countof(fields)};
        struct wire_cursor message = {.has = 3, .head = 9};
        struct slice bytes = encode(&gaps, &message);

        (void)state;
        check_round(&gaps, &message);
        assert_int_equal(bytes.size, 2 + 3 + 16);
        assert_ptr_equal(wire_field_by_tag(&gaps, 200), &fields[1]);
        assert_null(wire_field_by_tag(&gaps, 1));
        assert_null(wire_field_by_tag(&gaps, 2));
        assert_null(wire_field_by_tag(&gaps, 201));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_every_structure_comes_back),
                cmocka_unit_test(test_every_field_alone_comes_back),
                cmocka_unit_test(test_values_are_written_without_their_bit),
                cmocka_unit_test(test_limits_and_types_are_kept),
                cmocka_unit_test(test_ids_have_sixteen_bytes),
                cmocka_unit_test(test_text_is_well_formed),
                cmocka_unit_test(test_cut_bodies_are_refused),
                cmocka_unit_test(test_garbage_is_refused_or_read),
                cmocka_unit_test(test_a_small_buffer_is_left_alone),
                cmocka_unit_test(test_known_bytes),
                cmocka_unit_test(test_tags_with_gaps),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
