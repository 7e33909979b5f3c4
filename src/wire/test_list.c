/* Lists: walked, split by other fields, nested, copied on; unknown fields; fields that come twice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/assert.h"
#include "support/wire_sample.h"
#include "wire/scan.h"

static uint8_t buffer[65536];

static struct slice encode(const struct wire_structure *structure, const void *message)
{
        uint8_t *end = buffer + sizeof(buffer);
        uint8_t *at = wire_encode(structure, message, buffer, end);

        assert_non_null(at);
        return slice_of(at, (size_t)(end - at));
}

static void test_a_list_is_walked_in_order(void **state)
{
        struct wire_operation operations[16], operation;
        struct wire_write write = {.operations = {.items = operations, .count = countof(operations)}}, decoded;
        struct wire_iterator iterator;
        uint64_t kind = 0;

        (void)state;
        memset(operations, 0, sizeof(operations));
        for (size_t i = 0; i < countof(operations); i++)
                operations[i].kind = i;
        assert_int_equal(wire_decode(WIRE_STRUCTURE(write), encode(WIRE_STRUCTURE(write), &write), &decoded, NULL), ERR_OK);
        assert_int_equal(decoded.operations.count, 16);
        WIRE_LIST_START(&iterator, write, operations, &decoded.operations);
        while (wire_list_next(&iterator, &operation))
                assert_int_equal(operation.kind, kind++);
        assert_int_equal(kind, 16);
        assert_false(wire_list_next(&iterator, &operation));
}

static void test_an_empty_list_has_no_elements(void **state)
{
        struct wire_write decoded;
        struct wire_operation operation;
        struct wire_iterator iterator;

        (void)state;
        assert_int_equal(wire_decode(WIRE_STRUCTURE(write), (struct slice){0}, &decoded, NULL), ERR_OK);
        assert_int_equal(decoded.has, 0);
        WIRE_LIST_START(&iterator, write, operations, &decoded.operations);
        assert_false(wire_list_next(&iterator, &operation));
}

/* user_ref (fixed64) elements of people's neighbour `profiles`, with fields nobody knows between them, of every wire type. */
static const uint8_t split[] = {
        0x78, 0x05,                                                          /* 15: a number */
        0x0a, 9,    0x09, 1,    0,    0,    0,    0,    0,    0,    0,       /* 1: user 1 */
        0x7a, 3,    0x0a, 0x09, 0xff,                                        /* 15: bytes that look like a field */
        0x0a, 9,    0x09, 2,    0,    0,    0,    0,    0,    0,    0,       /* 1: user 2 */
        0x79, 1,    2,    3,    4,    5,    6,    7,    8,                   /* 15: fixed64 */
        0x7d, 1,    2,    3,    4,                                           /* 15: fixed32 */
        0xf8, 0xff, 0xff, 0xff, 0x0f, 0x01,                                  /* the largest field number */
        0x8a, 0x00, 9,    0x09, 3,    0,    0,    0,    0,    0,    0,    0, /* 1, its key in two bytes: user 3 */
        0x78, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01,    /* 15: the largest number */
};

static void walk_users(const struct wire_profiles *profiles, uint64_t count)
{
        struct wire_iterator iterator;
        struct wire_user_ref ref;
        uint64_t user = 0;

        assert_int_equal(profiles->users.count, count);
        WIRE_LIST_START(&iterator, profiles, users, &profiles->users);
        while (wire_list_next(&iterator, &ref))
                assert_int_equal(ref.user, ++user);
        assert_int_equal(user, count);
}

static void test_other_fields_may_split_a_list(void **state)
{
        struct wire_profiles decoded, again;
        struct slice bytes;

        (void)state;
        assert_int_equal(wire_decode(WIRE_STRUCTURE(profiles), slice_of(split, sizeof(split)), &decoded, NULL), ERR_OK);
        walk_users(&decoded, 3);
        /* The span runs from the first element's tag to the last element's end. */
        assert_ptr_equal(decoded.users.raw.data, split + 2);
        assert_ptr_equal(decoded.users.raw.data + decoded.users.raw.size, split + sizeof(split) - 11);
        /* Written again, only the elements go along. */
        bytes = encode(WIRE_STRUCTURE(profiles), &decoded);
        assert_int_equal(bytes.size, 11 + 11 + 12);
        assert_int_equal(wire_decode(WIRE_STRUCTURE(profiles), bytes, &again, NULL), ERR_OK);
        walk_users(&again, 3);
        for (size_t size = 0; size < bytes.size; size++)
                assert_null(wire_encode(WIRE_STRUCTURE(profiles), &decoded, buffer, buffer + size));
}

/* Every structure with an unknown field before, between and after its own: nothing else changes. */
static void test_unknown_fields_change_nothing(void **state)
{
        static const uint8_t unknown[] = {0xfa, 0x7f, 2, 0xff, 0xff}; /* field 2047, bytes */
        static uint8_t woven[65536];
        const struct wire_structure *structure;
        struct sample sample = {.seed = 5};
        union wire_any message, decoded;

        (void)state;
        for (size_t i = 0; (structure = sample_structure_at(i)); i++) {
                struct wire_scanned scanned;
                struct slice rest;
                size_t size = 0;

                sample_fill(&sample, structure, SAMPLE_ONE, &message);
                for (rest = encode(structure, &message); rest.size > 0;) {
                        memcpy(woven + size, unknown, sizeof(unknown));
                        size += sizeof(unknown);
                        assert_true(wire_scan(&rest, &scanned));
                        memcpy(woven + size, scanned.whole.data, scanned.whole.size);
                        size += scanned.whole.size;
                }
                memcpy(woven + size, unknown, sizeof(unknown));
                size += sizeof(unknown);
                assert_int_equal(wire_decode(structure, slice_of(woven, size), &decoded, NULL), ERR_OK);
                assert_true(sample_equal(structure, &message, &decoded));
                sample_free(&sample);
        }
}

static void test_the_last_of_a_repeated_field_wins(void **state)
{
        /* number 1, number 2, row {seq 1}, row {n 3} */
        struct slice bytes = SLICE_LITERAL("\x08\x01\x08\x02\x12\x02\x08\x01\x12\x02\x18\x03");
        struct wire_delivery delivery;

        (void)state;
        assert_int_equal(wire_decode(WIRE_STRUCTURE(delivery), bytes, &delivery, NULL), ERR_OK);
        assert_int_equal(delivery.number, 2);
        assert_int_equal(delivery.row.has, WIRE_HAS(row, n));
        assert_int_equal(delivery.row.seq, 0);
        assert_int_equal(delivery.row.n, 3);
}

/* An element's fault is found when its list is decoded, at any depth, and its own field is named. */
static void test_a_bad_element_is_found_at_once(void **state)
{
        /* joined { rooms { rows { kind: 256 } } } and rooms { rows { text: "\xff" } } and rows cut short */
        static const struct {
                struct slice bytes;
                enum error error;
                const char *field;
        } bad[] = {
                {SLICE_LITERAL("\x2a\x05\x2a\x03\x30\x80\x02"), ERR_BAD_FIELD, "kind"},
                {SLICE_LITERAL("\x2a\x05\x2a\x03\x42\x01\xff"), ERR_BAD_FIELD, "text"},
                {SLICE_LITERAL("\x2a\x05\x2a\x03\x42\x02\x61"), ERR_BAD_FRAME, "text"},
                {SLICE_LITERAL("\x2a\x05\x2a\x04\x42\x01\x61"), ERR_BAD_FRAME, "rows"},
                {SLICE_LITERAL("\x2a\x04\x2a\x02\x42\x80"), ERR_BAD_FRAME, "text"},
        };
        struct wire_joined joined;
        const char *field;

        (void)state;
        for (size_t i = 0; i < countof(bad); i++) {
                assert_int_equal(wire_decode(WIRE_STRUCTURE(joined), bad[i].bytes, &joined, &field), bad[i].error);
                assert_string_equal(field, bad[i].field);
        }
}

static void test_lists_in_lists(void **state)
{
        struct wire_row rows[3] = {{.seq = 1}, {.seq = 2}, {.seq = 3}}, row;
        struct wire_room_state rooms[2] = {{.head = 7, .rows = {.items = rows, .count = 3}}, {.head = 9}}, room;
        struct wire_joined joined = {.rooms = {.items = rooms, .count = 2}, .more = 1}, decoded;
        struct wire_iterator outer, inner;
        uint64_t heads = 0, seqs = 0;

        (void)state;
        assert_int_equal(wire_decode(WIRE_STRUCTURE(joined), encode(WIRE_STRUCTURE(joined), &joined), &decoded, NULL),
                         ERR_OK);
        WIRE_LIST_START(&outer, joined, rooms, &decoded.rooms);
        while (wire_list_next(&outer, &room)) {
                heads = heads * 10 + room.head;
                WIRE_LIST_START(&inner, room_state, rows, &room.rows);
                while (wire_list_next(&inner, &row))
                        seqs = seqs * 10 + row.seq;
        }
        assert_int_equal(heads, 79);
        assert_int_equal(seqs, 123);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_list_is_walked_in_order),
                cmocka_unit_test(test_an_empty_list_has_no_elements),
                cmocka_unit_test(test_other_fields_may_split_a_list),
                cmocka_unit_test(test_unknown_fields_change_nothing),
                cmocka_unit_test(test_the_last_of_a_repeated_field_wins),
                cmocka_unit_test(test_a_bad_element_is_found_at_once),
                cmocka_unit_test(test_lists_in_lists),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
