/*
 * The decoder on any bytes, as every structure that there is. Input: one byte that chooses the structure, then a body. What is
 * accepted must be written and read again without loss, and what is refused must be refused for a field that exists.
 */
#include <stdlib.h>

#include "base/assert.h"
#include "fuzz.h"
#include "support/wire_sample.h"
#include "wire/envelope.h"

#define ENCODED_SIZE_MAX (2 * 1024 * 1024)

static const struct wire_structure *choose(uint8_t number)
{
        static size_t count;

        while (sample_structure_at(count))
                count++;
        check(count > 0);
        return sample_structure_at(number % count);
}

static struct slice encode(const struct wire_structure *structure, const void *message, uint8_t *buffer)
{
        uint8_t *at = wire_encode(structure, message, buffer, buffer + ENCODED_SIZE_MAX);

        check(at);
        return slice_of(at, (size_t)(buffer + ENCODED_SIZE_MAX - at));
}

static void check_comes_back(const struct wire_structure *structure, const void *message)
{
        static uint8_t first[ENCODED_SIZE_MAX], second[ENCODED_SIZE_MAX];
        struct slice bytes = encode(structure, message, first);
        union wire_any again;

        check(wire_decode(structure, bytes, &again, NULL) == ERR_OK);
        check(sample_equal(structure, message, &again));
        check(slice_equal(bytes, encode(structure, &again, second)));
}

/* The same bytes as a frame and as a record: both only look. */
static void check_frame(struct slice bytes)
{
        struct wire_frame frame;
        union wire_any message;
        uint8_t code = wire_record_code(bytes);

        if (wire_frame_parse(bytes, &frame) == ERR_OK && frame.message)
                check(frame.body.size + wire_header_size(frame.message->header) + 1 == bytes.size);
        if (code && wire_record_parse(bytes, code, &message) == ERR_OK)
                check_comes_back(wire_message_by_code(code)->structure, &message);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        const struct wire_structure *structure;
        union wire_any message;
        const char *field;
        enum error error;

        if (size == 0)
                return 0;
        structure = choose(data[0]);
        error = wire_decode(structure, slice_of(data + 1, size - 1), &message, &field);
        if (error == ERR_OK)
                check_comes_back(structure, &message);
        else
                check(error == ERR_BAD_FRAME || (error == ERR_BAD_FIELD && field));
        check_frame(slice_of(data, size));
        return 0;
}
