/*
 * A line editor: UTF-8 with a cursor, and a history of what was entered. It knows no terminal. Two ways in: line_key takes bytes of a
 * terminal in raw mode (arrows, Home/End, Ctrl-A/E/U/K/W/L, Backspace, Delete, bracketed paste) and keeps one line; the full screen,
 * which reads keys itself, calls line_do and line_insert, and may keep several lines.
 *
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
        bool several; /* line_insert takes line ends; otherwise they become spaces */
        char *typed;  /* what was there when one went into the history; NULL: nothing */
        char *history[LINE_HISTORY_MAX];
        size_t history_count, history_at;
};

struct line *line_new(void);
void line_free(struct line **line);

/* What may be done to a line. A word ends where a space or a line does. */
enum line_action {
        LINE_LEFT,
        LINE_RIGHT,
        LINE_WORD_LEFT,
        LINE_WORD_RIGHT,
        LINE_HOME, /* of the line that the cursor is in */
        LINE_END,
        LINE_UP, /* among several lines */
        LINE_DOWN,
        LINE_OLDER, /* through the history */
        LINE_NEWER,
        LINE_ERASE_BACK,
        LINE_ERASE,
        LINE_ERASE_WORD_BACK,
        LINE_ERASE_WORD,
        LINE_ERASE_TO_START, /* of the line that the cursor is in */
        LINE_ERASE_TO_END
};

/* False: nothing changed (there is no line above, no older one …). */
bool line_do(struct line *line, enum line_action action);

/* Puts a text in at the cursor, without what is no text and without control characters; what does not fit is left out whole. */
void line_insert(struct line *line, struct slice text);

/* The line becomes that text, the cursor at its end. */
void line_set(struct line *line, struct slice text);

/* Empty, and what was there is overwritten (it may be a password); the history stays. */
void line_clear(struct line *line);

struct slice line_text(const struct line *line);

/* One byte from the keyboard. */
enum line_result line_key(struct line *line, char byte);

/* The entered line moves to the history (or is forgotten, without memory); the editor is empty again. The slice lives until the
 * next line_key. */
struct slice line_take(struct line *line);

#endif
