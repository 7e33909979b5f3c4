/* Protobuf's fields one by one: numbers of every length, and everything that is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/assert.h"
#include "wire/scan.h"

static void test_numbers_of_every_length(void **state)
{
        (void)state;
        for (unsigned bits = 0; bits <= 64; bits++) {
                uint64_t number = bits == 0 ? 0 : UINT64_MAX >> (64 - bits);
                uint8_t bytes[1 + WIRE_VARINT_SIZE_MAX] = {0x08};
                size_t size = 1;
                struct wire_scanned scanned;
                struct slice rest;
                uint64_t left;

                for (left = number; left >= 0x80; left >>= 7)
                        bytes[size++] = (uint8_t)(left | 0x80);
                bytes[size++] = (uint8_t)left;
                rest = slice_of(bytes, size);
                assert_true(wire_scan(&rest, &scanned));
                assert_int_equal(rest.size, 0);
                assert_int_equal(scanned.tag, 1);
                assert_int_equal(scanned.type, WIRE_VARINT);
                assert_true(scanned.number == number);
                assert_int_equal(scanned.whole.size, size);
        }
}

/* Longer than needed, but no longer than ten bytes: protobuf allows it. */
static void test_padded_numbers_are_read(void **state)
{
        struct slice rest = SLICE_LITERAL("\x88\x80\x00\x85\x80\x80\x80\x80\x80\x80\x80\x80\x00");
        struct wire_scanned scanned;

        (void)state;
        assert_true(wire_scan(&rest, &scanned));
        assert_int_equal(scanned.tag, 1);
        assert_int_equal(scanned.number, 5);
}

static void test_fixed_numbers_are_little_endian(void **state)
{
        struct slice rest = SLICE_LITERAL("\x09\x01\x02\x03\x04\x05\x06\x07\x88\x0d\x01\x02\x03\x84");
        struct wire_scanned scanned;

        (void)state;
        assert_true(wire_scan(&rest, &scanned));
        assert_int_equal(scanned.type, WIRE_FIXED64);
        assert_true(scanned.number == 0x8807060504030201);
        assert_true(wire_scan(&rest, &scanned));
        assert_int_equal(scanned.type, WIRE_FIXED32);
        assert_true(scanned.number == 0x84030201);
        assert_int_equal(rest.size, 0);
}

static void test_what_is_refused(void **state)
{
        static const struct slice bad[] = {
                SLICE_LITERAL("\x08"),                                             /* no value */
                SLICE_LITERAL("\x80"),                                             /* half a key */
                SLICE_LITERAL("\x08\x80"),                                         /* half a number */
                SLICE_LITERAL("\x08\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00"), /* eleven bytes */
                SLICE_LITERAL("\x08\x80\x80\x80\x80\x80\x80\x80\x80\x80\x02"),     /* 65 bits */
                SLICE_LITERAL("\x00\x00"),                                         /* tag 0 */
                SLICE_LITERAL("\x80\x00\x00"),                                     /* tag 0, padded */
                SLICE_LITERAL("\x80\x80\x80\x80\x10\x00"),                         /* tag 2^29 */
                SLICE_LITERAL("\x0b\x0c"),                                         /* a group */
                SLICE_LITERAL("\x0c"),                                             /* a group's end */
                SLICE_LITERAL("\x0e\x00"),
                SLICE_LITERAL("\x0f\x00"),                                     /* no such types */
                SLICE_LITERAL("\x09\x01\x02\x03\x04\x05\x06\x07"),             /* fixed64 of seven bytes */
                SLICE_LITERAL("\x0d\x01\x02\x03"),                             /* fixed32 of three */
                SLICE_LITERAL("\x0a"),                                         /* no length */
                SLICE_LITERAL("\x0a\x01"),                                     /* a byte less than it says */
                SLICE_LITERAL("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), /* 2^64 - 1 bytes */
        };

        (void)state;
        for (size_t i = 0; i < countof(bad); i++) {
                struct slice rest = bad[i];
                struct wire_scanned scanned;

                assert_false(wire_scan(&rest, &scanned));
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_numbers_of_every_length),
                cmocka_unit_test(test_padded_numbers_are_read),
                cmocka_unit_test(test_fixed_numbers_are_little_endian),
                cmocka_unit_test(test_what_is_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
