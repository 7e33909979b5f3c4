/* See day.h. */
#include "terminal/day.h"

#include <string.h>
#include <time.h>

#include "base/assert.h"

bool day_parse(const char *word, uint64_t *time_ms)
{
        static const char *const formats[] = {"%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M", "%Y-%m-%d", "%d.%m.%Y %H:%M", "%d.%m.%Y"};

        word += strspn(word, " ");
        for (size_t i = 0; i < countof(formats); i++) {
                struct tm day = {.tm_isdst = -1};
                const char *rest = strptime(word, formats[i], &day);
                int month_day = day.tm_mday, month = day.tm_mon;
                time_t seconds = rest && rest[strspn(rest, " ")] == '\0' ? mktime(&day) : -1;

                if (seconds <= 0 || day.tm_mday != month_day || day.tm_mon != month) /* there is no 31 April */
                        continue;
                *time_ms = (uint64_t)seconds * 1000;
                return true;
        }
        return false;
}
