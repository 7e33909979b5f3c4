/* See copies.h. */
#include "copies.h"

#include <string.h>

static bool is_kept(const struct copies *copies, uint64_t place)
{
        return place < copies->count && copies->count - place <= COPIES_MAX;
}

const struct copy *copies_match(const struct copies *copies, uint64_t place, struct slice frame)
{
        const struct copy *copy = &copies->latest[place % COPIES_MAX];

        return is_kept(copies, place) && copy->size == frame.size && memcmp(copy->bytes, frame.data, frame.size) == 0 ? copy
                                                                                                                      : NULL;
}

bool copies_note(struct copies *copies, uint64_t message, uint64_t number, struct slice frame, uint64_t *place)
{
        struct copy *copy = &copies->latest[copies->count % COPIES_MAX];

        for (uint64_t i = copies->count; i > 0 && is_kept(copies, i - 1); i--)
                if (copies->latest[(i - 1) % COPIES_MAX].message == message) {
                        *place = i;
                        return copies_match(copies, i - 1, frame);
                }
        if (frame.size > COPY_SIZE_MAX)
                return true;
        copy->message = message;
        copy->number = number;
        copy->size = frame.size;
        memcpy(copy->bytes, frame.data, frame.size);
        *place = ++copies->count;
        return true;
}
