/* WebSocket's frames, whole and in parts, right and wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/assert.h"
#include "base/memory.h"
#include "frontend/framing.h"

#define ROOM 300000

enum { CONTINUED = 0x00, TEXT = 0x01, BINARY = 0x02, CLOSE = 0x08, PING = 0x09, PONG = 0x0a, LAST = 0x80 };

static struct framing *framing;
static struct framing_rest rest;

/* What was sent so far, and what came out. */
static uint8_t sent[ROOM], plain[ROOM], pinged[1000];
static size_t sent_size, plain_size, pinged_size;
static unsigned pings;
static uint16_t closed, bad;

static int begin(void **state)
{
        (void)state;
        framing_free(&framing); /* of the round before */
        memset(&rest, 0, sizeof(rest));
        sent_size = plain_size = pinged_size = pings = closed = bad = 0;
        return framing_new(&framing) == ERR_OK ? 0 : -1;
}

static int end(void **state)
{
        (void)state;
        framing_free(&framing);
        return 0;
}

static void put(uint8_t byte)
{
        check(sent_size < ROOM);
        sent[sent_size++] = byte;
}

/* A header with a size in so many bytes: 0, 2 or 8. */
static void put_header(uint8_t first, uint64_t size, int wide, bool masked)
{
        put(first);
        put((uint8_t)((masked ? 0x80 : 0) | (wide == 0 ? size : wide == 2 ? 126 : 127)));
        for (int i = wide - 1; i >= 0; i--)
                put((uint8_t)(size >> 8 * i));
}

static void put_frame(uint8_t first, const void *bytes, size_t size)
{
        const uint8_t mask[4] = {0x12, (uint8_t)(0x34 + sent_size), 0x56, (uint8_t)size};

        put_header(first, size, size < 126 ? 0 : size < 65536 ? 2 : 8, true);
        for (int i = 0; i < 4; i++)
                put(mask[i]);
        for (size_t i = 0; i < size; i++)
                put(((const uint8_t *)bytes)[i] ^ mask[i % 4]);
}

static void take(const struct framing_event *event)
{
        assert_true(closed == 0 && bad == 0);
        switch (event->kind) {
        case FRAMING_BYTES:
                assert_true(event->size > 0 && plain_size + event->size <= ROOM);
                memcpy(plain + plain_size, event->bytes, event->size);
                plain_size += event->size;
                break;
        case FRAMING_PING:
                assert_true(pinged_size + event->size <= sizeof(pinged));
                if (event->size > 0)
                        memcpy(pinged + pinged_size, event->bytes, event->size);
                pinged_size += event->size;
                pings++;
                break;
        case FRAMING_CLOSE:
                closed = event->code;
                break;
        case FRAMING_BAD:
                bad = event->code;
                break;
        case FRAMING_NOTHING:
                break;
        }
}

/* Sends from..to in parts of that size. */
static void feed(size_t from, size_t to, size_t step)
{
        while (from < to && !closed && !bad) {
                size_t size = min_of(step, to - from);
                uint8_t *bytes = memory_new(size); /* so that a sanitizer sees what goes beyond it */
                struct framing_event event;

                assert_non_null(bytes);
                memcpy(bytes, sent + from, size);
                assert_int_equal(framing_begin(framing, &rest, bytes, size), ERR_OK);
                do {
                        framing_next(framing, &event);
                        take(&event);
                } while (event.kind != FRAMING_NOTHING && event.kind != FRAMING_CLOSE && event.kind != FRAMING_BAD);
                framing_end(framing, &rest);
                memory_free(bytes);
                from += size;
        }
}

static void fill(uint8_t *bytes, size_t size)
{
        for (size_t i = 0; i < size; i++)
                bytes[i] = (uint8_t)(i * 7 + i / 251);
}

static void test_messages_become_one_stream_however_they_are_cut(void **state)
{
        static uint8_t bytes[FRAMING_MESSAGE_MAX];
        static const size_t steps[] = {1, 2, 3, 5, 13, 100, 4095, 4096, 4097, ROOM};

        fill(bytes, sizeof(bytes));
        for (size_t i = 0; i < countof(steps); i++) {
                begin(state);
                put_frame(BINARY | LAST, bytes, 5);
                put_frame(PING | LAST, "hello", 5);
                put_frame(BINARY, bytes + 5, 200);
                put_frame(PING | LAST, bytes, FRAMING_CONTROL_MAX);
                put_frame(CONTINUED, bytes + 205, 0);
                put_frame(PONG | LAST, "unasked", 7);
                put_frame(CONTINUED | LAST, bytes + 205, 10000);
                put_frame(PING | LAST, NULL, 0);
                put_frame(BINARY | LAST, bytes + 10205, 50000);
                put_frame(BINARY | LAST, bytes, 0);
                put_frame(BINARY | LAST, bytes, FRAMING_MESSAGE_MAX);
                put_frame(CLOSE | LAST, "\x03\xe9gone", 6);
                feed(0, sent_size, steps[i]);
                assert_int_equal(plain_size, 60205 + FRAMING_MESSAGE_MAX);
                assert_memory_equal(plain, bytes, 60205);
                assert_memory_equal(plain + 60205, bytes, FRAMING_MESSAGE_MAX);
                assert_int_equal(pings, 3);
                assert_int_equal(pinged_size, 5 + FRAMING_CONTROL_MAX);
                assert_memory_equal(pinged, "hello", 5);
                assert_memory_equal(pinged + 5, bytes, FRAMING_CONTROL_MAX);
                assert_int_equal(closed, 1001);
                end(state);
        }
        begin(state);
}

static void test_nothing_is_left_of_whole_frames(void **state)
{
        (void)state;
        put_frame(BINARY | LAST, "abc", 3);
        feed(0, sent_size - 1, ROOM);
        assert_false(framing_is_clean(&rest));
        assert_int_equal(rest.left, 1);
        feed(sent_size - 1, sent_size, ROOM);
        assert_true(framing_is_clean(&rest));
        put_frame(BINARY, "abc", 3); /* its message is not whole */
        feed(sent_size - 9, sent_size, ROOM);
        assert_false(framing_is_clean(&rest));
        assert_memory_equal(plain, "abcabc", 6);
}

static void test_nothing_is_held_back(void **state)
{
        uint8_t bytes[300];

        fill(bytes, sizeof(bytes));
        for (size_t cut = 1; cut < 308; cut++) {
                begin(state);
                put_frame(BINARY | LAST, bytes, sizeof(bytes));
                feed(0, cut, ROOM);
                assert_int_equal(plain_size, cut <= 8 ? 0 : cut - 8);
                feed(cut, sent_size, ROOM);
                assert_int_equal(plain_size, sizeof(bytes));
                assert_memory_equal(plain, bytes, sizeof(bytes));
                assert_true(framing_is_clean(&rest));
                end(state);
        }
        begin(state);
}

/* Two connections on one loop: what is left of one is nothing to the other. */
static void test_connections_do_not_mix(void **state)
{
        struct framing_rest other = {0}, mine;
        size_t half;

        (void)state;
        put_frame(BINARY | LAST, "abcdefgh", 8);
        half = sent_size - 4;
        feed(0, half, ROOM);
        mine = rest;
        rest = other;
        feed(0, half, ROOM);
        other = rest;
        rest = mine;
        feed(half, sent_size, 1);
        rest = other;
        feed(half, sent_size, ROOM);
        assert_int_equal(plain_size, 16);
        assert_memory_equal(plain, "abcdabcdefghefgh", 16);
}

struct wrong {
        const char *bytes;
        size_t size;
        uint16_t bad, closed;
};

#define WRONG(text, ...)                                                                                                    \
        {                                                                                                                   \
                text, sizeof(text) - 1, __VA_ARGS__                                                                         \
        }
#define MASK "\x00\x00\x00\x00"

static void test_what_breaks_the_rules_is_told_with_its_code(void **state)
{
        static const struct wrong wrongs[] = {
                WRONG("\x82\x01!", FRAMING_PROTOCOL, 0),         /* not masked */
                WRONG("\xc2\x81" MASK "!", FRAMING_PROTOCOL, 0), /* a reserved bit */
                WRONG("\x83\x81" MASK "!", FRAMING_PROTOCOL, 0), /* no such code */
                WRONG("\x8b\x81" MASK "!", FRAMING_PROTOCOL, 0),
                WRONG("\x80\x81" MASK "!", FRAMING_PROTOCOL, 0),                  /* goes on with nothing */
                WRONG("\x02\x81" MASK "!\x82\x81" MASK "!", FRAMING_PROTOCOL, 0), /* begins within a message */
                WRONG("\x09\x81" MASK "!", FRAMING_PROTOCOL, 0),                  /* a ping in parts */
                WRONG("\x89\xfe\x00\x7e" MASK, FRAMING_PROTOCOL, 0),              /* a long one */
                WRONG("\x82\xfe\x00\x05" MASK "!!!!!", FRAMING_PROTOCOL, 0),      /* a small size in two bytes */
                WRONG("\x82\xff\x00\x00\x00\x00\x00\x00\x00\x05" MASK "!!!!!", FRAMING_PROTOCOL, 0),
                WRONG("\x82\xff\x80\x00\x00\x00\x00\x00\x00\x05" MASK "!!!!!", FRAMING_PROTOCOL, 0),
                WRONG("\x81\x81" MASK "!", FRAMING_UNSUPPORTED, 0), /* text */
                WRONG("\x82\xff\x00\x00\x00\x00\x00\x01\x04\x01" MASK "!", FRAMING_TOO_BIG, 0),
                WRONG("\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff" MASK "!", FRAMING_TOO_BIG, 0),
                WRONG("\x88\x80" MASK, 0, FRAMING_NO_CODE),
                WRONG("\x88\x81" MASK "\x03", 0, FRAMING_PROTOCOL),     /* half a code */
                WRONG("\x88\x82" MASK "\x03\xed", 0, FRAMING_PROTOCOL), /* one that is never sent */
                WRONG("\x88\x82" MASK "\x00\x01", 0, FRAMING_PROTOCOL),
                WRONG("\x88\x83" MASK "\x03\xe8\xff", 0, FRAMING_NOT_TEXT),
                WRONG("\x88\x82" MASK "\x0f\xa0", 0, 4000),
        };

        for (size_t i = 0; i < countof(wrongs); i++)
                for (size_t step = 1; step < 30; step += 28) {
                        begin(state);
                        put_frame(BINARY | LAST, "before", 6);
                        for (size_t at = 0; at < wrongs[i].size; at++)
                                put((uint8_t)wrongs[i].bytes[at]);
                        feed(0, sent_size, step);
                        assert_int_equal(bad, wrongs[i].bad);
                        assert_int_equal(closed, wrongs[i].closed);
                        assert_true(plain_size >= 6); /* what came before it is told */
                        assert_memory_equal(plain, "before", 6);
                        end(state);
                }
        begin(state);
}

static void test_a_message_in_parts_is_not_larger_than_one(void **state)
{
        static uint8_t bytes[FRAMING_MESSAGE_MAX];

        (void)state;
        put_frame(BINARY, bytes, 60000);
        put_frame(CONTINUED, bytes, FRAMING_MESSAGE_MAX - 60000);
        put_frame(CONTINUED | LAST, bytes, 1);
        feed(0, sent_size, 1000);
        assert_int_equal(bad, FRAMING_TOO_BIG);
        assert_int_equal(plain_size, FRAMING_MESSAGE_MAX);
}

static void test_heads_are_as_short_as_they_may_be(void **state)
{
        uint8_t head[FRAMING_HEAD_MAX], control[FRAMING_CONTROL_SIZE];

        (void)state;
        assert_int_equal(framing_head(head, 125), 2);
        assert_memory_equal(head, "\x82\x7d", 2);
        assert_int_equal(framing_head(head, 126), 4);
        assert_memory_equal(head, "\x82\x7e\x00\x7e", 4);
        assert_int_equal(framing_head(head, 65536), 10);
        assert_memory_equal(head, "\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00", 10);
        assert_int_equal(framing_pong(control, SLICE_LITERAL("hi")), 4);
        assert_memory_equal(control, "\x8a\x02hi", 4);
        assert_int_equal(framing_close(control, 1001), 4);
        assert_memory_equal(control, "\x88\x02\x03\xe9", 4);
        assert_int_equal(framing_close(control, FRAMING_NO_CODE), 2);
        assert_memory_equal(control, "\x88\x00", 2);
}

static void test_without_memory_there_is_none(void **state)
{
        struct framing *none = NULL;

        (void)state;
        (void)memory_fail_at(1);
        assert_int_equal(framing_new(&none), ERR_NO_MEMORY);
        (void)memory_fail_at(0);
        assert_null(none);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_messages_become_one_stream_however_they_are_cut, begin, end),
                cmocka_unit_test_setup_teardown(test_nothing_is_left_of_whole_frames, begin, end),
                cmocka_unit_test_setup_teardown(test_nothing_is_held_back, begin, end),
                cmocka_unit_test_setup_teardown(test_connections_do_not_mix, begin, end),
                cmocka_unit_test_setup_teardown(test_what_breaks_the_rules_is_told_with_its_code, begin, end),
                cmocka_unit_test_setup_teardown(test_a_message_in_parts_is_not_larger_than_one, begin, end),
                cmocka_unit_test_setup_teardown(test_heads_are_as_short_as_they_may_be, begin, end),
                cmocka_unit_test_setup_teardown(test_without_memory_there_is_none, begin, end),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
