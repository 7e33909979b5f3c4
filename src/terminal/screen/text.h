/*
 * Every word that the screen says, in English and in Russian: one table, text.def. The language is the process's: it is chosen once and
 * again in the settings.
 */
#ifndef GALKA_TERMINAL_SCREEN_TEXT_H
#define GALKA_TERMINAL_SCREEN_TEXT_H

#include "base/error.h"
#include "base/slice.h"
#include "terminal/screen/text.def"

enum text {
#define X(name, english, russian) TEXT_##name,
        SCREEN_TEXTS(X)
#undef X
                TEXT_COUNT
};

/* Texts that speak of a number: %u (or %llu …) is the number. */
enum text_plural {
#define X(name, ...) PLURAL_##name,
        SCREEN_PLURALS(X)
#undef X
                PLURAL_COUNT
};

enum language { LANGUAGE_AUTO, LANGUAGE_EN, LANGUAGE_RU, LANGUAGE_COUNT };

/* AUTO: by LC_ALL, LC_MESSAGES, LANG. */
void text_choose(enum language language);
enum language text_language(void);

/* "en", "ru" of the one chosen. */
const char *text_language_code(void);

const char *text(enum text text);

/* A text with %s, %u in it; cut to size. */
void text_format(char *buffer, size_t size, enum text text, ...);

/* The form that goes with the number. */
void text_plural(char *buffer, size_t size, enum text_plural plural, uint64_t number);

/* Why something was refused, in words for people. */
const char *text_error(enum error error);

/* Its first letter becomes a capital one: the text stands alone. */
void text_begin(char *said);

/* Small letters, ё as е; cut where it does not fit. For comparing what a person typed. */
#define TEXT_FOLDED_SIZE 2048
void text_fold(struct slice said, char folded[static TEXT_FOLDED_SIZE]);

/* "14:02"; "Tue", "3 Nov", "03.11.25" by how long ago; "Today", "Yesterday", "Tuesday, 3 November" (with the year if another). All local. */
#define TEXT_TIME_SIZE 64
void text_clock(char buffer[static TEXT_TIME_SIZE], uint64_t time_ms);
void text_when(char buffer[static TEXT_TIME_SIZE], uint64_t time_ms, uint64_t now_ms);
void text_day(char buffer[static TEXT_TIME_SIZE], uint64_t time_ms, uint64_t now_ms);

/* "last seen 5 minutes ago", "last seen: Yesterday, 12:30": no finer than it is known (rules/seen.h). */
#define TEXT_SEEN_SIZE 192
void text_seen(char buffer[static TEXT_SEEN_SIZE], uint64_t seen_ms, uint64_t now_ms);

/* A number for the local day: equal on the same day, and one more on the next. */
int64_t text_day_number(uint64_t time_ms);

/* For the test of the table: every form of a text, or NULL past the last. */
const char *text_form(enum language language, unsigned index, unsigned form);

#endif
