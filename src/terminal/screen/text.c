/* Arrays made from text.def; dates by hand, since the C library's know neither "3 ноября" without a Russian locale nor our short forms. */
#include "terminal/screen/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <wchar.h>
#include <wctype.h>

#include "base/assert.h"
#include "rules/seen.h"

#define DAY_S      86400
#define MONTH_SIZE 24

static const char *const texts[2][TEXT_COUNT] = {
        {
#define X(name, english, russian) english,
                SCREEN_TEXTS(X)
#undef X
        },
        {
#define X(name, english, russian) russian,
                SCREEN_TEXTS(X)
#undef X
        },
};

/* English: one, many, many; Russian: one, few, many. */
static const char *const plurals[2][PLURAL_COUNT][3] = {
        {
#define X(name, one, many, ...) {one, many, many},
                SCREEN_PLURALS(X)
#undef X
        },
        {
#define X(name, english_one, english_many, one, few, many) {one, few, many},
                SCREEN_PLURALS(X)
#undef X
        },
};

static const struct {
        enum error error;
        enum text text;
} errors[] = {
        {ERR_TOO_LARGE, TEXT_ERROR_TOO_LARGE},
        {ERR_NOT_ALLOWED, TEXT_ERROR_NOT_ALLOWED},
        {ERR_NO_ROOM, TEXT_ERROR_NO_ROOM},
        {ERR_NO_USER, TEXT_ERROR_NO_USER},
        {ERR_NAME_TAKEN, TEXT_ERROR_NAME_TAKEN},
        {ERR_BAD_LOGIN, TEXT_ERROR_BAD_LOGIN},
        {ERR_BAD_CODE, TEXT_ERROR_BAD_CODE},
        {ERR_GUESSED, TEXT_ERROR_GUESSED},
        {ERR_LATE, TEXT_ERROR_LATE},
        {ERR_DEVICE_LIMIT, TEXT_ERROR_DEVICES},
        {ERR_BUSY, TEXT_ERROR_BUSY},
        {ERR_RATE, TEXT_ERROR_BUSY},
        {ERR_DRAINING, TEXT_ERROR_BUSY},
        {ERR_UNKNOWN, TEXT_ERROR_UNKNOWN},
        {ERR_UNCERTAIN, TEXT_ERROR_UNKNOWN},
        {ERR_FULL, TEXT_ERROR_FULL},
        {ERR_AGAIN, TEXT_ERROR_NO_LINK},
        {ERR_CLOSED, TEXT_ERROR_NO_LINK},
        {ERR_BAD_FIELD, TEXT_ERROR_FIELD},
        {ERR_ALREADY, TEXT_ERROR_ALREADY},
        {ERR_ROOM_FULL, TEXT_ERROR_ROOM_FULL},
};

static enum language chosen = LANGUAGE_EN;

void text_choose(enum language language)
{
        static const char *const names[] = {"LC_ALL", "LC_MESSAGES", "LANG"};
        const char *value = NULL;

        for (size_t i = 0; language == LANGUAGE_AUTO && i < countof(names) && (!value || !*value); i++)
                value = getenv(names[i]);
        if (language == LANGUAGE_AUTO)
                language = value && strncmp(value, "ru", 2) == 0 ? LANGUAGE_RU : LANGUAGE_EN;
        chosen = language;
}

enum language text_language(void)
{
        return chosen;
}

const char *text_language_code(void)
{
        return chosen == LANGUAGE_RU ? "ru" : "en";
}

const char *text(enum text name)
{
        check(name < TEXT_COUNT);
        return texts[chosen - LANGUAGE_EN][name];
}

/* A cut through a character would leave half of it. */
static void end_whole(char *buffer, size_t size, int wanted)
{
        size_t used = strlen(buffer);

        if (wanted < 0 || (size_t)wanted < size)
                return;
        while (used > 0 && !slice_is_text(slice_of(buffer, used)))
                buffer[--used] = '\0';
}

void text_format(char *buffer, size_t size, enum text name, ...)
{
        va_list arguments;

        va_start(arguments, name);
        end_whole(buffer, size, vsnprintf(buffer, size, text(name), arguments));
        va_end(arguments);
}

/* Which of the three forms. */
static unsigned form_of(uint64_t number)
{
        uint64_t last = number % 10, two = number % 100;

        if (chosen == LANGUAGE_EN)
                return number == 1 ? 0 : 1;
        if (last == 1 && two != 11)
                return 0;
        return last >= 2 && last <= 4 && (two < 12 || two > 14) ? 1 : 2;
}

void text_plural(char *buffer, size_t size, enum text_plural plural, uint64_t number)
{
        check(plural < PLURAL_COUNT);
        end_whole(buffer, size,
                  snprintf(buffer, size, plurals[chosen - LANGUAGE_EN][plural][form_of(number)], (unsigned)number));
}

const char *text_error(enum error error)
{
        for (size_t i = 0; i < countof(errors); i++)
                if (errors[i].error == error)
                        return text(errors[i].text);
        return text(TEXT_ERROR_OTHER);
}

void text_begin(char *said)
{
        mbstate_t state = {0};
        wchar_t letter;
        char bytes[8];
        size_t taken = mbrtowc(&letter, said, strlen(said), &state);

        if (taken == 0 || taken > strlen(said))
                return;
        if (wcrtomb(bytes, (wchar_t)towupper((wint_t)letter), &(mbstate_t){0}) == taken)
                memcpy(said, bytes, taken);
}

void text_fold(struct slice said, char folded[static TEXT_FOLDED_SIZE])
{
        size_t used = 0;

        while (said.size > 0) {
                mbstate_t state = {0};
                char bytes[8];
                wchar_t letter;
                size_t taken = mbrtowc(&letter, (const char *)said.data, said.size, &state), size;

                if (taken == 0 || taken > said.size)
                        break;
                letter = (wchar_t)towlower((wint_t)letter);
                if (letter == L'ё')
                        letter = L'е';
                size = wcrtomb(bytes, letter, &(mbstate_t){0});
                if (size > sizeof(bytes) || used + size >= TEXT_FOLDED_SIZE)
                        break;
                memcpy(folded + used, bytes, size);
                used += size;
                said = slice_of(said.data + taken, said.size - taken);
        }
        folded[used] = '\0';
}

/* ---- dates ---- */

static struct tm local(uint64_t time_ms)
{
        time_t seconds = (time_t)(time_ms / 1000);
        struct tm parts = {0};

        (void)localtime_r(&seconds, &parts); /* a time that it cannot tell is shown as the year 1900 */
        return parts;
}

int64_t text_day_number(uint64_t time_ms)
{
        struct tm parts = local(time_ms);

        parts.tm_hour = parts.tm_min = parts.tm_sec = 0;
        return (int64_t)timegm(&parts) / DAY_S;
}

void text_clock(char buffer[static TEXT_TIME_SIZE], uint64_t time_ms)
{
        struct tm parts = local(time_ms);

        snprintf(buffer, TEXT_TIME_SIZE, "%02d:%02d", parts.tm_hour, parts.tm_min);
}

static const char *weekday(const struct tm *parts, enum text monday)
{
        return text((enum text)(monday + (parts->tm_wday + 6) % 7));
}

/* The month's name, or its first letters. */
static void month(char buffer[static MONTH_SIZE], const struct tm *parts, bool brief)
{
        const char *name = text((enum text)(TEXT_JANUARY + parts->tm_mon));
        size_t letters = text_language() == LANGUAGE_RU ? 6 : 3;

        snprintf(buffer, MONTH_SIZE, "%.*s", (int)(brief ? letters : MONTH_SIZE - 1), name);
}

void text_when(char buffer[static TEXT_TIME_SIZE], uint64_t time_ms, uint64_t now_ms)
{
        struct tm parts = local(time_ms), now = local(now_ms);
        int64_t ago = text_day_number(now_ms) - text_day_number(time_ms);
        char name[MONTH_SIZE];

        month(name, &parts, true);
        if (ago == 0)
                text_clock(buffer, time_ms);
        else if (ago > 0 && ago < 7)
                snprintf(buffer, TEXT_TIME_SIZE, "%s", weekday(&parts, TEXT_SHORT_MONDAY));
        else if (parts.tm_year == now.tm_year)
                snprintf(buffer, TEXT_TIME_SIZE, "%d %s", parts.tm_mday, name);
        else
                snprintf(buffer, TEXT_TIME_SIZE, "%02d.%02d.%02d", parts.tm_mday, parts.tm_mon + 1, parts.tm_year % 100);
}

void text_day(char buffer[static TEXT_TIME_SIZE], uint64_t time_ms, uint64_t now_ms)
{
        struct tm parts = local(time_ms), now = local(now_ms);
        int64_t ago = text_day_number(now_ms) - text_day_number(time_ms);
        char name[MONTH_SIZE];

        month(name, &parts, false);
        if (ago == 0)
                snprintf(buffer, TEXT_TIME_SIZE, "%s", text(TEXT_TODAY));
        else if (ago == 1)
                snprintf(buffer, TEXT_TIME_SIZE, "%s", text(TEXT_YESTERDAY));
        else if (parts.tm_year == now.tm_year)
                snprintf(buffer, TEXT_TIME_SIZE, "%s, %d %s", weekday(&parts, TEXT_MONDAY), parts.tm_mday, name);
        else
                snprintf(buffer, TEXT_TIME_SIZE, "%d %s %d", parts.tm_mday, name, parts.tm_year + 1900);
}

void text_seen(char buffer[static TEXT_SEEN_SIZE], uint64_t seen_ms, uint64_t now_ms)
{
        uint64_t minutes = now_ms > seen_ms ? seen_coarse(now_ms - seen_ms) / 60000 : 0;
        char day[TEXT_TIME_SIZE], clock[TEXT_TIME_SIZE];

        if (minutes == 0) {
                snprintf(buffer, TEXT_SEEN_SIZE, "%s", text(TEXT_SEEN_NOW));
        } else if (minutes < 60) {
                text_plural(buffer, TEXT_SEEN_SIZE, PLURAL_SEEN_MINUTES, (unsigned)minutes);
        } else {
                text_day(day, seen_ms, now_ms);
                text_clock(clock, seen_ms);
                text_format(buffer, TEXT_SEEN_SIZE, TEXT_SEEN_AT, day, clock);
        }
}

const char *text_form(enum language language, unsigned index, unsigned form)
{
        check(language > LANGUAGE_AUTO && language < LANGUAGE_COUNT);
        if (index < TEXT_COUNT)
                return form == 0 ? texts[language - LANGUAGE_EN][index] : "";
        index -= TEXT_COUNT;
        return index < PLURAL_COUNT && form < 3 ? plurals[language - LANGUAGE_EN][index][form] : NULL;
}
