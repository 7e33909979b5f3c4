/* A day as people write it. */
#ifndef GALKA_TERMINAL_DAY_H
#define GALKA_TERMINAL_DAY_H

#include <stdbool.h>
#include <stdint.h>

/* "2025-12-31", "31.12.2025", with or without a time ("18:30"), and blanks around: in local time. False: it is none. */
bool day_parse(const char *word, uint64_t *time_ms);

#endif
