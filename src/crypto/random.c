/* libsodium's randombytes_buf needs no set-up and cannot fail. */
#include "crypto/random.h"

#include <sodium.h>

void crypto_random(void *bytes, size_t size)
{
        randombytes_buf(bytes, size);
}
