/*
 * The n-th allocation fails, for n = 1, 2, … until a run needs no n-th. One count a process: inline drivers, one thread.
 */
#ifndef GALKA_TEST_SUPPORT_MEMORY_LOOP_H
#define GALKA_TEST_SUPPORT_MEMORY_LOOP_H

#include <stdbool.h>

#include "base/error.h"

/* Memory fails at most once in all parts of a run between arm and disarm; several such parts make one count. */
void memory_arm(void);
void memory_disarm(void);

/* Runs `once` for rising n, until memory did not fail in it; asserts that it did fail sometimes. `once` says whether it felt it. */
void memory_loop(void (*once)(bool *failed), const char *what);

/* Asserts that the error is one of those that tell a lack of memory. */
void memory_lacks(enum error error, bool *failed);

#endif
