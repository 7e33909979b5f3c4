/*
 * A galkad with two bugs: a text with "crash the worker" in it kills the session worker, one with "crash the store" the store's writer.
 * Nothing in the product knows of it: the linker puts these functions in the place of the real ones (-Wl,--wrap).
 */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "driver/store/writer.h"
#include "service/session/session.h"

/* The linker's names. */
void __real_write_plan(struct batch *batch, struct item *item);
void __wrap_write_plan(struct batch *batch, struct item *item);
void __real_write_message(struct writer *writer, const struct store_op *op, struct store_result *result,
                          struct arena *arena);
void __wrap_write_message(struct writer *writer, const struct store_op *op, struct store_result *result,
                          struct arena *arena);

static bool has(struct slice bytes, const char *text)
{
        return bytes.size > 0 && memmem(bytes.data, bytes.size, text, strlen(text));
}

void __wrap_write_plan(struct batch *batch, struct item *item)
{
        check(!has(item->frame.body, "crash the worker"));
        __real_write_plan(batch, item);
}

void __wrap_write_message(struct writer *writer, const struct store_op *op, struct store_result *result, struct arena *arena)
{
        check(!has(op->write.text, "crash the store"));
        __real_write_message(writer, op, result, arena);
}
