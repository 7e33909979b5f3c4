/* See redis_out.h. */
#include "driver/presence/redis_out.h"

#include <stdio.h>

#include "base/assert.h"

size_t redis_out_room(struct redis_out *out)
{
        check(out->begin <= out->end && out->end <= sizeof(out->bytes));
        if (out->begin > 0) {
                memmove(out->bytes, out->bytes + out->begin, out->end - out->begin);
                out->end -= out->begin;
                out->begin = 0;
        }
        return sizeof(out->bytes) - out->end;
}

static void put_head(struct redis_out *out, char mark, size_t number)
{
        int size = snprintf((char *)out->bytes + out->end, sizeof(out->bytes) - out->end, "%c%zu\r\n", mark, number);

        check(size > 0 && (size_t)size < sizeof(out->bytes) - out->end);
        out->end += (size_t)size;
}

void redis_out_command(struct redis_out *out, size_t count)
{
        put_head(out, '*', count);
}

uint8_t *redis_out_place(struct redis_out *out, size_t size)
{
        uint8_t *place;

        put_head(out, '$', size);
        check(size + 2 <= sizeof(out->bytes) - out->end);
        place = out->bytes + out->end;
        out->end += size;
        memcpy(out->bytes + out->end, "\r\n", 2);
        out->end += 2;
        return place;
}

void redis_out_text(struct redis_out *out, struct slice text)
{
        uint8_t *place = redis_out_place(out, text.size);

        if (text.size > 0)
                memcpy(place, text.data, text.size);
}

void redis_out_sent(struct redis_out *out, size_t size)
{
        check(size <= out->end - out->begin);
        out->begin += size;
        out->sent += size;
}
