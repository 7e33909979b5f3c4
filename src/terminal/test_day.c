/* Days as people write them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
// clang-format off
#include <cmocka.h>
// clang-format on

#include <stdlib.h>
#include <time.h>

#include "base/assert.h"
#include "terminal/day.h"

#define DAY_MS UINT64_C(1777593600000) /* 1 May 2026, 00:00 UTC */

static void days_and_times_in_local_time(void **state)
{
        static const struct {
                const char *word;
                uint64_t time_ms; /* 0: it is none */
        } cases[] = {
                {"2026-05-01", DAY_MS},
                {"01.05.2026", DAY_MS},
                {" 1.5.2026 ", DAY_MS},
                {"2026-05-01 18:30", DAY_MS + (18 * 60 + 30) * 60000},
                {"2026-05-01T18:30", DAY_MS + (18 * 60 + 30) * 60000},
                {"1.5.2026 07:05", DAY_MS + (7 * 60 + 5) * 60000},
                {"", 0},
                {"2026", 0},
                {"2026-05", 0},
                {"2026-05-01 and more", 0},
                {"2026-13-01", 0},
                {"31.04.2026", 0},
                {"29.02.2026", 0},
                {"1969-12-31", 0},
                {"yesterday", 0},
        };

        (void)state;
        for (size_t i = 0; i < countof(cases); i++) {
                uint64_t time_ms = 0;

                assert_int_equal(day_parse(cases[i].word, &time_ms), cases[i].time_ms != 0);
                assert_int_equal(time_ms, cases[i].time_ms);
        }
        setenv("TZ", "UTC-3", 1);
        tzset();
        {
                uint64_t time_ms;

                assert_true(day_parse("2026-05-01", &time_ms));
                assert_int_equal(time_ms, DAY_MS - 3 * 3600000);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(days_and_times_in_local_time)};

        setenv("TZ", "UTC", 1);
        tzset();
        return cmocka_run_group_tests_name("days", tests, NULL, NULL);
}
