/* Random bytes from the operating system, through libsodium. Stateless: any thread, no end of life. */
#ifndef GALKA_DRIVER_RANDOM_SYSTEM_H
#define GALKA_DRIVER_RANDOM_SYSTEM_H

#include "seam/random.h"

struct random *random_system(void);

#endif
