/*
 * Assertions say what must be true: they catch programmer errors, never bad input, and stay on in release builds.
 * In wasm a failed one traps; elsewhere it prints where and aborts.
 */
#ifndef GALKA_BASE_ASSERT_H
#define GALKA_BASE_ASSERT_H

_Noreturn void assert_failed(const char *expression, const char *file, int line);

#define check(expression) (__builtin_expect(!!(expression), 1) ? (void)0 : assert_failed(#expression, __FILE__, __LINE__))

#define unreachable() assert_failed("unreachable", __FILE__, __LINE__)

#define countof(array) (sizeof(array) / sizeof((array)[0]))

/* The structure that holds `member`, from the member's address. */
#define container_of(pointer, type, member) ((type *)((char *)(pointer) - __builtin_offsetof(type, member)))

#define min_of(a, b) ((a) < (b) ? (a) : (b))
#define max_of(a, b) ((a) > (b) ? (a) : (b))

#endif
