/* The one door to malloc. The failure counter is atomic: several threads allocate. */
#include "base/memory.h"

#include <stdatomic.h>
#include <stdlib.h>

static atomic_ulong allocations;
static atomic_ulong fail_at;

static int must_fail(void)
{
        unsigned long count = atomic_fetch_add_explicit(&allocations, 1, memory_order_relaxed) + 1;

        return count == atomic_load_explicit(&fail_at, memory_order_relaxed);
}

void *memory_new(size_t size)
{
        return must_fail() ? NULL : calloc(1, size ? size : 1);
}

void *memory_resize(void *block, size_t size)
{
        return must_fail() ? NULL : realloc(block, size ? size : 1);
}

void memory_free(void *block)
{
        free(block);
}

unsigned long memory_fail_at(unsigned long nth)
{
        unsigned long count = atomic_exchange(&allocations, 0);

        atomic_store(&fail_at, nth);
        return count;
}
