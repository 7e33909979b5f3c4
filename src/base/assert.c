/* What a failed assertion does: wasm has nowhere to print, so it traps. */
#include "base/assert.h"

#ifdef __wasm__

_Noreturn void assert_failed(const char *expression, const char *file, int line)
{
        (void)expression;
        (void)file;
        (void)line;
        __builtin_trap();
}

#else

#include <stdio.h>
#include <stdlib.h>

_Noreturn void assert_failed(const char *expression, const char *file, int line)
{
        fprintf(stderr, "%s:%d: assertion failed: %s\n", file, line, expression);
        abort();
}

#endif
