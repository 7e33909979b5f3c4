/*
 * A line editor for a terminal in raw mode: one line of UTF-8 with a cursor, history of what was entered, the usual keys (arrows,
 * Home/End, Ctrl-A/E/U/K/W/L, Backspace, Delete, bracketed paste). It knows no terminal: bytes in, a line and a cursor out.
 * Bytes that make no character are left out, so the line is well-formed always; it is shown with terminal/safe.h, for what is
 * pasted may be anything.
 */
#ifndef GALKA_TERMINAL_LINE_H
#define GALKA_TERMINAL_LINE_H

#include "base/slice.h"

#define LINE_SIZE_MAX    16384
#define LINE_HISTORY_MAX 50

enum line_result {
        LINE_EDITED,  /* draw again */
        LINE_ENTERED, /* line_take gives it */
        LINE_ENDED,   /* Ctrl-D on an empty line, or Ctrl-C */
        LINE_REDRAW   /* Ctrl-L */
};

struct line {
        char text[LINE_SIZE_MAX + 1];
        size_t size, cursor;
        char partial[4]; /* the first bytes of a character */
        size_t partial_size;
        char escape[16]; /* an unfinished escape sequence */
        size_t escape_size;
        bool pasting;
        char *history[LINE_HISTORY_MAX];
        size_t history_count, history_at;
};

struct line *line_new(void);
void line_free(struct line **line);

/* One byte from the keyboard. */
enum line_result line_key(struct line *line, char byte);

/* The entered line moves to the history (or is forgotten, without memory); the editor is empty again. The slice lives until the
 * next line_key. */
struct slice line_take(struct line *line);

#endif
