/* Frames with the header of every code, the splitter at every split, and records of the bus. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/assert.h"
#include "support/wire_sample.h"
#include "wire/envelope.h"

static uint8_t buffer[SAMPLE_SIZE_MAX];

static struct wire_frame header_sample(const struct wire_message *message)
{
        struct wire_frame frame = {.code = message->code, .message = message};

        if (message->header & WIRE_HAS_REQUEST)
                memset(frame.request.bytes, 0x11, sizeof(frame.request.bytes));
        if (message->header & WIRE_HAS_TOKEN) {
                frame.user = 0x2122232425262728;
                memset(frame.mac, 0x33, sizeof(frame.mac));
        }
        if (message->header & WIRE_HAS_DEVICE)
                frame.device = 0x4142434445464748;
        if (message->header & WIRE_HAS_ROOM)
                memset(frame.room.bytes, 0x55, sizeof(frame.room.bytes));
        return frame;
}

static void check_header(const struct wire_frame *expected, const struct wire_frame *frame)
{
        assert_int_equal(frame->code, expected->code);
        assert_ptr_equal(frame->message, expected->message);
        assert_true(id_equal(&frame->request, &expected->request));
        assert_true(frame->user == expected->user);
        assert_memory_equal(frame->mac, expected->mac, sizeof(frame->mac));
        assert_true(frame->device == expected->device);
        assert_true(id_equal(&frame->room, &expected->room));
}

static void test_headers_of_every_code(void **state)
{
        const struct wire_message *message;
        struct sample sample = {0};
        union wire_any body, decoded;

        (void)state;
        for (size_t i = 0; (message = wire_message_at(i)); i++) {
                struct wire_frame expected = header_sample(message), frame;
                struct slice bytes, after;

                sample_fill(&sample, message->structure, SAMPLE_ONE, &body);
                bytes = wire_frame_build(&expected, &body, buffer, buffer + sizeof(buffer));
                assert_true(bytes.size > 0);
                assert_int_equal(be32_get(bytes.data), bytes.size - WIRE_LENGTH_SIZE);
                after = slice_of(bytes.data + WIRE_LENGTH_SIZE, bytes.size - WIRE_LENGTH_SIZE);
                assert_int_equal(wire_frame_parse(after, &frame), ERR_OK);
                check_header(&expected, &frame);
                assert_int_equal(frame.body.size, after.size - 1 - wire_header_size(message->header));
                assert_int_equal(wire_decode(message->structure, frame.body, &decoded, NULL), ERR_OK);
                assert_true(sample_equal(message->structure, &body, &decoded));
                sample_free(&sample);
        }
}

/* A frame of any code that ends inside its header is refused; one that ends with it has an empty body. */
static void test_short_headers_are_refused(void **state)
{
        (void)state;
        for (unsigned code = 0; code < 256; code++) {
                const struct wire_message *message = wire_message_by_code((uint8_t)code);
                size_t header_size = message ? wire_header_size(message->header) : 0;

                for (size_t size = 0; size <= WIRE_HEADER_SIZE_MAX; size++) {
                        uint8_t *bytes = calloc(1, size + (size == 0));
                        struct wire_frame frame;

                        assert_non_null(bytes);
                        bytes[0] = (uint8_t)code;
                        assert_int_equal(wire_frame_parse(slice_of(bytes, size), &frame),
                                         size < 1 + header_size ? ERR_BAD_FRAME : ERR_OK);
                        if (size >= 1 + header_size)
                                assert_int_equal(frame.body.size, size - 1 - header_size);
                        free(bytes);
                }
        }
}

static void test_an_unknown_code_is_not_an_error(void **state)
{
        struct wire_frame frame;

        (void)state;
        assert_null(wire_message_by_code(0x7f));
        assert_int_equal(wire_frame_parse(SLICE_LITERAL("\x7f"
                                                        "abc"),
                                          &frame),
                         ERR_OK);
        assert_int_equal(frame.code, 0x7f);
        assert_null(frame.message);
        assert_int_equal(frame.body.size, 3);
}

/* The layout of PROTOCOL's "Frame", byte by byte: join has every header field but the room. */
static void test_known_frame(void **state)
{
        struct wire_frame frame = {.code = WIRE_CODE_join, .user = 1, .device = 2};
        struct wire_join join = {0};
        uint8_t expected[WIRE_LENGTH_SIZE + 1 + 16 + 40 + 8] = {0, 0, 0, 65, 0x20};
        struct slice bytes;

        (void)state;
        for (uint8_t i = 0; i < 16; i++)
                expected[5 + i] = frame.request.bytes[i] = (uint8_t)(i + 1);
        expected[28] = 1;
        memset(frame.mac, 9, sizeof(frame.mac));
        memset(expected + 29, 9, 32);
        expected[68] = 2;
        bytes = wire_frame_build(&frame, &join, buffer, buffer + sizeof(buffer));
        assert_int_equal(bytes.size, sizeof(expected));
        assert_memory_equal(bytes.data, expected, sizeof(expected));
}

static void test_a_frame_needs_its_room(void **state)
{
        struct wire_frame frame = {.code = WIRE_CODE_write};
        struct wire_operation operation = {.kind = 1, .text = SLICE_LITERAL("hello")};
        struct wire_write write = {.operations = {.items = &operation, .count = 1}};
        size_t whole = wire_frame_build(&frame, &write, buffer, buffer + sizeof(buffer)).size;

        (void)state;
        for (size_t size = 0; size <= whole; size++) {
                uint8_t *block = malloc(size + (size == 0));

                assert_non_null(block);
                assert_int_equal(wire_frame_build(&frame, &write, block, block + size).size, size < whole ? 0 : whole);
                free(block);
        }
}

static void test_frame_size_at_every_split(void **state)
{
        uint8_t frame[WIRE_LENGTH_SIZE + 300] = {0, 0, 1, 44, 0x02};
        enum error error;

        (void)state;
        for (size_t size = 0; size <= sizeof(frame); size++) {
                assert_int_equal(wire_frame_size(slice_of(frame, size), WIRE_UP_SIZE_MAX, &error),
                                 size < WIRE_LENGTH_SIZE ? 0 : sizeof(frame));
                assert_int_equal(error, ERR_OK);
        }
}

static void test_frame_size_limits(void **state)
{
        uint8_t length[WIRE_LENGTH_SIZE];
        enum error error;

        (void)state;
        be32_put(length, 0);
        assert_int_equal(wire_frame_size(slice_of(length, 4), 100, &error), 0);
        assert_int_equal(error, ERR_BAD_FRAME);
        be32_put(length, 1);
        assert_int_equal(wire_frame_size(slice_of(length, 4), 100, &error), 5);
        be32_put(length, 96);
        assert_int_equal(wire_frame_size(slice_of(length, 4), 100, &error), 100);
        be32_put(length, 97);
        assert_int_equal(wire_frame_size(slice_of(length, 4), 100, &error), 0);
        assert_int_equal(error, ERR_TOO_LARGE);
        be32_put(length, UINT32_MAX);
        assert_int_equal(wire_frame_size(slice_of(length, 4), WIRE_DOWN_SIZE_MAX, &error), 0);
        assert_int_equal(error, ERR_TOO_LARGE);
}

static void test_records_come_back(void **state)
{
        const struct wire_message *message;
        struct sample sample = {0};
        union wire_any body, decoded;

        (void)state;
        for (size_t i = 0; (message = wire_message_at(i)); i++) {
                struct slice record;
                uint8_t other = message->code == WIRE_CODE_lost ? WIRE_CODE_mail : WIRE_CODE_lost;

                if (message->direction != WIRE_BUS)
                        continue;
                sample_fill(&sample, message->structure, SAMPLE_LIMIT, &body);
                record = wire_record_build(message->code, &body, buffer, buffer + sizeof(buffer));
                assert_int_equal(wire_record_code(record), message->code);
                assert_int_equal(wire_record_parse(record, message->code, &decoded), ERR_OK);
                assert_true(sample_equal(message->structure, &body, &decoded));
                assert_int_equal(wire_record_parse(record, other, &decoded), ERR_BAD_FRAME);
                assert_int_equal(wire_record_build(message->code, &body, buffer, buffer + record.size - 1).size, 0);
                assert_int_equal(wire_record_build(message->code, &body, buffer, buffer + record.size - 2).size, 0);
                sample_free(&sample);
        }
}

static void test_what_is_no_record(void **state)
{
        static const uint8_t hello[] = {WIRE_CODE_hello}, unknown[] = {0xff}, cut[] = {WIRE_CODE_lost, 0x0a};
        static const uint8_t odd[] = {WIRE_CODE_post, 0x12, 3, 1, 2, 3};
        struct wire_lost lost;
        struct wire_post post;

        (void)state;
        assert_int_equal(wire_record_code((struct slice){0}), WIRE_CODE_none);
        assert_int_equal(wire_record_code(slice_of(hello, 1)), WIRE_CODE_none);
        assert_int_equal(wire_record_code(slice_of(unknown, 1)), WIRE_CODE_none);
        assert_int_equal(wire_record_parse((struct slice){0}, WIRE_CODE_lost, &lost), ERR_BAD_FRAME);
        assert_int_equal(wire_record_parse(slice_of(cut, sizeof(cut)), WIRE_CODE_lost, &lost), ERR_BAD_FRAME);
        assert_int_equal(wire_record_parse(slice_of(odd, sizeof(odd)), WIRE_CODE_post, &post), ERR_BAD_FIELD);
}

static void test_connections_of_a_post(void **state)
{
        uint8_t connections[3 * WIRE_CONNECTION_SIZE];
        struct wire_post post = {.connections = {connections, sizeof(connections)}}, decoded;
        struct slice record;

        (void)state;
        for (size_t i = 0; i < 3; i++)
                be64_put(connections + i * WIRE_CONNECTION_SIZE, 0x100000000 + i);
        record = wire_record_build(WIRE_CODE_post, &post, buffer, buffer + sizeof(buffer));
        assert_int_equal(wire_record_parse(record, WIRE_CODE_post, &decoded), ERR_OK);
        assert_int_equal(wire_post_count(&decoded), 3);
        for (size_t i = 0; i < 3; i++)
                assert_true(wire_post_connection(&decoded, i) == 0x100000000 + i);
}

/* A record is never larger than what it carries and the room that is set aside for all else. */
static void test_record_overhead(void **state)
{
        struct sample sample = {0};
        struct wire_envelope envelope;
        struct wire_post post;
        struct slice record;

        (void)state;
        sample_fill(&sample, WIRE_STRUCTURE(envelope), SAMPLE_LIMIT, &envelope);
        record = wire_record_build(WIRE_CODE_envelope, &envelope, buffer, buffer + sizeof(buffer));
        assert_in_range(record.size, envelope.frame.size, envelope.frame.size + WIRE_RECORD_OVERHEAD_MAX);
        sample_fill(&sample, WIRE_STRUCTURE(post), SAMPLE_LIMIT, &post);
        record = wire_record_build(WIRE_CODE_post, &post, buffer, buffer + sizeof(buffer));
        assert_in_range(record.size, post.frame.size, post.frame.size + post.connections.size + WIRE_RECORD_OVERHEAD_MAX);
        sample_free(&sample);
}

static void test_the_mac_is_hidden(void **state)
{
        const struct wire_message *message;
        uint8_t unknown[100];

        (void)state;
        memset(unknown, 0x7f, sizeof(unknown));
        wire_frame_hide_mac(unknown, sizeof(unknown));
        for (size_t i = 0; i < sizeof(unknown); i++)
                assert_int_equal(unknown[i], 0x7f);
        for (size_t i = 0; (message = wire_message_at(i)); i++) {
                struct wire_frame before = header_sample(message), after;
                union wire_any body;
                struct slice bytes;

                memset(&body, 0, sizeof(body));
                bytes = wire_frame_build(&before, &body, buffer, buffer + sizeof(buffer));
                wire_frame_hide_mac((uint8_t *)bytes.data + WIRE_LENGTH_SIZE, bytes.size - WIRE_LENGTH_SIZE);
                assert_int_equal(wire_frame_parse(slice_of(bytes.data + 4, bytes.size - 4), &after), ERR_OK);
                memset(before.mac, 0, sizeof(before.mac));
                check_header(&before, &after);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_headers_of_every_code),
                cmocka_unit_test(test_short_headers_are_refused),
                cmocka_unit_test(test_an_unknown_code_is_not_an_error),
                cmocka_unit_test(test_known_frame),
                cmocka_unit_test(test_a_frame_needs_its_room),
                cmocka_unit_test(test_frame_size_at_every_split),
                cmocka_unit_test(test_frame_size_limits),
                cmocka_unit_test(test_records_come_back),
                cmocka_unit_test(test_what_is_no_record),
                cmocka_unit_test(test_connections_of_a_post),
                cmocka_unit_test(test_record_overhead),
                cmocka_unit_test(test_the_mac_is_hidden),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
