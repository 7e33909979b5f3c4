/* Random bytes fit for keys, from the operating system through libsodium. Aborts rather than failing. */
#ifndef GALKA_CRYPTO_RANDOM_H
#define GALKA_CRYPTO_RANDOM_H

#include <stddef.h>

void crypto_random(void *bytes, size_t size);

#endif
