/* See system.h. */
#include "driver/random/system.h"

#include "crypto/random.h"

static void system_fill(struct random *random, void *bytes, size_t size)
{
        (void)random;
        crypto_random(bytes, size);
}

struct random *random_system(void)
{
        static struct random system = {.fill = system_fill};

        return &system;
}
