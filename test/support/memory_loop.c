/* The loop, on the hook of base/memory. */
#include "support/memory_loop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// clang-format off
#include <cmocka.h>
// clang-format on

#include <stdio.h>

#include "base/memory.h"

#define NTH_MAX 20000

static unsigned long left;

void memory_arm(void)
{
        memory_fail_at(left);
}

void memory_disarm(void)
{
        unsigned long used = memory_fail_at(0);

        left = used < left ? left - used : 0;
}

void memory_loop(void (*once)(bool *failed), const char *what)
{
        unsigned long failed_runs = 0;

        for (unsigned long nth = 1; nth < NTH_MAX; nth++) {
                bool failed = false;

                left = nth;
                once(&failed);
                failed_runs += failed;
                if (left > 0) {
                        printf("%s: %lu allocations, %lu of them were felt\n", what, nth - 1, failed_runs);
                        assert_false(failed);
                        assert_true(nth > 1);
                        return;
                }
        }
        fail_msg("%s: never without a failure", what);
}

void memory_lacks(enum error error, bool *failed)
{
        if (error != ERR_NO_MEMORY && error != ERR_FULL)
                fail_msg("error %s instead of NO_MEMORY or FULL", error_name(error));
        *failed = true;
}
