/* Commands on their way to Redis: RESP arrays of bulk strings in a buffer of fixed size. Who writes asks for room first. */
#ifndef GALKA_DRIVER_PRESENCE_REDIS_OUT_H
#define GALKA_DRIVER_PRESENCE_REDIS_OUT_H

#include "base/slice.h"

#define REDIS_OUT_SIZE      32768
#define REDIS_OUT_TEXT_SIZE 24 /* what a text costs beyond itself, at most */

struct redis_out {
        uint8_t bytes[REDIS_OUT_SIZE];
        size_t begin, end; /* what was not sent yet */
        uint64_t sent;     /* bytes since the connection began */
};

/* Moves what is left to the front. The bytes that fit now. */
size_t redis_out_room(struct redis_out *out);

/* A command of so many texts, which follow. */
void redis_out_command(struct redis_out *out, size_t count);
void redis_out_text(struct redis_out *out, struct slice text);

/* A text of so many bytes, for the caller to fill. */
uint8_t *redis_out_place(struct redis_out *out, size_t size);

/* So much of it was sent. */
void redis_out_sent(struct redis_out *out, size_t size);

#endif
