/*
 * The splitter: a stream of bytes in pieces gives the same frames, and the same end, however it is cut. Input: one byte that chooses
 * the largest frame, then the stream. It is read whole, byte by byte, and (short streams) cut in two at every place.
 */
#include <stdlib.h>

#include "base/assert.h"
#include "fuzz.h"
#include "wire/wire.h"

#define TWO_PIECES_SIZE_MAX 256

/* What a reader of the stream saw. */
struct seen {
        uint64_t digest; /* of all frames and their borders */
        size_t frames;
        size_t taken; /* bytes of whole frames */
        enum error error;
};

static void seen_frame(struct seen *seen, struct slice frame)
{
        struct wire_frame parsed;
        enum error error = wire_frame_parse(slice_of(frame.data + WIRE_LENGTH_SIZE, frame.size - WIRE_LENGTH_SIZE), &parsed);

        check(frame.size > WIRE_LENGTH_SIZE);
        check(error == ERR_OK || error == ERR_BAD_FRAME);
        seen->digest = (seen->digest ^ frame.size ^ (uint64_t)error << 32) * 0x100000001b3;
        for (size_t i = 0; i < frame.size; i++)
                seen->digest = (seen->digest ^ frame.data[i]) * 0x100000001b3;
        seen->frames++;
        seen->taken += frame.size;
}

/* Takes all whole frames that lie in stream[seen->taken, available). */
static void read_on(struct seen *seen, const uint8_t *stream, size_t available, size_t size_max)
{
        while (seen->error == ERR_OK) {
                size_t size =
                        wire_frame_size(slice_of(stream + seen->taken, available - seen->taken), size_max, &seen->error);

                check(size == 0 || seen->error == ERR_OK);
                check(size <= size_max);
                if (size == 0 || size > available - seen->taken)
                        return;
                seen_frame(seen, slice_of(stream + seen->taken, size));
        }
}

static bool seen_equal(const struct seen *a, const struct seen *b)
{
        return a->digest == b->digest && a->frames == b->frames && a->taken == b->taken && a->error == b->error;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const size_t sizes[] = {5, 64, WIRE_UNVERIFIED_SIZE_MAX, WIRE_UP_SIZE_MAX};
        struct seen whole = {0}, bytewise = {0};
        size_t size_max;

        if (size == 0)
                return 0;
        size_max = sizes[data[0] % countof(sizes)];
        data++;
        size--;
        read_on(&whole, data, size, size_max);
        for (size_t available = 0; available <= size; available++)
                read_on(&bytewise, data, available, size_max);
        check(seen_equal(&whole, &bytewise));
        for (size_t cut = 0; cut <= size && size <= TWO_PIECES_SIZE_MAX; cut++) {
                struct seen pieces = {0};
                uint8_t *first = malloc(cut + (cut == 0));

                /* The first piece in a block of its own: the splitter must not look past it. */
                check(first);
                if (cut > 0)
                        memcpy(first, data, cut);
                read_on(&pieces, first, cut, size_max);
                free(first);
                read_on(&pieces, data, size, size_max);
                check(seen_equal(&whole, &pieces));
        }
        return 0;
}
