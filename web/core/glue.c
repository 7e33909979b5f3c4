/*
 * The module's exports and its memory.
 *
 *      input(size) → the host writes there: size of a slice (4 bytes, little-endian), its bytes, and so on → call(size, now, wall)
 *      → 0: output_at() and output_size() tell where its answer lies; else an error, whose name lies there
 *
 * Memory is taken from the engine by whole pages and never given back: the core recycles its own, and buffers grow by doubling. A failed
 * assertion traps (base/assert.c): the host then throws the module away and begins anew from its storage.
 */
#include "glue.h"

#include "base/assert.h"

#define EXPORT(name) __attribute__((export_name(#name))) export_##name
#define PAGE         65536u
#define BUFFER_FIRST 65536u
#define CHUNK_SIZE   65536u

static struct glue self;
static struct json output;
static struct {
        uint8_t *bytes;
        size_t room;
} input;

/* ---- memory ---- */

/* What is left of the pages taken last. */
static struct {
        uint8_t *at;
        size_t left;
} heap;

static void *take(size_t size)
{
        uint8_t *taken;

        size = (size + 15) & ~(size_t)15;
        if (size > heap.left) {
                size_t pages = (size + PAGE - 1) / PAGE;
                size_t before = __builtin_wasm_memory_grow(0, pages);

                if (before == SIZE_MAX)
                        return NULL;
                /* What is left before new pages is joined to them if nobody else has grown the memory. */
                if (heap.at + heap.left != (uint8_t *)(before * PAGE)) {
                        heap.at = (uint8_t *)(before * PAGE);
                        heap.left = 0;
                }
                heap.left += pages * PAGE;
        }
        taken = heap.at;
        heap.at += size;
        heap.left -= size;
        return taken;
}

/* Chunks of the arena stay until the module goes. */
static void give(void *chunk)
{
        (void)chunk;
}

static size_t doubled(size_t room, size_t size)
{
        room = room ? room : BUFFER_FIRST;
        while (room < size)
                room *= 2;
        return room;
}

static bool grow_output(struct json *json, size_t size)
{
        size_t room = doubled(json->room, size);
        uint8_t *bytes = size <= GLUE_OUTPUT_MAX ? take(room) : NULL;

        if (!bytes)
                return false;
        if (json->size)
                memcpy(bytes, json->bytes, json->size);
        json->bytes = bytes;
        json->room = room;
        return true;
}

/* Where `size` bytes of arguments go; NULL: too many. */
uint8_t *EXPORT(input)(size_t size)
{
        if (size > input.room) {
                size_t room = doubled(input.room, size);
                uint8_t *bytes = size <= GLUE_INPUT_MAX ? take(room) : NULL;

                if (!bytes)
                        return NULL;
                input.bytes = bytes;
                input.room = room;
        }
        return input.bytes;
}

/* ---- calls ---- */

/* now: monotonic, wall: since 1970, both in milliseconds. Returns enum error. */
int EXPORT(call)(size_t size, double now, double wall)
{
        enum error error;

        if (!self.arena.source) {
                static const struct arena_source source = {take, give};

                arena_init(&self.arena, &source, CHUNK_SIZE, GLUE_ARENA_MAX);
        }
        self.time = (struct core_time){now > 0 ? (uint64_t)now : 0, wall > 0 ? (uint64_t)wall : 0};
        output.grow = grow_output;
        error = glue_call(&self, slice_of(input.bytes, min_of(size, input.room)), &output);
        return (int)error;
}

const uint8_t *EXPORT(output_at)(void)
{
        return output.bytes;
}

size_t EXPORT(output_size)(void)
{
        return output.size;
}
