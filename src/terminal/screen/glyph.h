/*
 * What a text looks like on a screen: glyph by glyph, line by line. A glyph is a character with the marks that combine with it; its
 * columns are the same on every terminal, because what terminals disagree about (joined emoji, tones of skin, variants) is taken apart
 * or left out. Everything is safe for a terminal (terminal/safe.h).
 *
 * Right-to-left text stays in the order of its letters: terminals that know it turn it round, others show it letter by letter.
 */
#ifndef GALKA_TERMINAL_SCREEN_GLYPH_H
#define GALKA_TERMINAL_SCREEN_GLYPH_H

#include "base/slice.h"

#define GLYPH_SIZE_MAX  20 /* bytes: a character and four marks */
#define GLYPH_MARKS_MAX 4

struct glyph {
        char shown[GLYPH_SIZE_MAX];
        uint8_t size, columns; /* 1, 2; 4: a tab, shown as spaces */
        size_t taken;          /* bytes of the text */
};

/* The first glyph; text: not empty. */
void glyph_next(struct slice text, struct glyph *glyph);

/* Columns of a text in one line. */
unsigned glyph_columns(struct slice text);

/* As much of the text's beginning as fits. */
struct slice glyph_fitting(struct slice text, unsigned columns);

/* Lines of a text in a given width (at least 2): broken at its own line ends, else at spaces, else anywhere. */
struct wrap {
        struct slice rest;
        unsigned width;
        bool ended;
};

struct wrap wrap_of(struct slice text, unsigned width);

/* The next line (its space at the end included, which may hang over). An empty text has one empty line. False: that was all. */
bool wrap_next(struct wrap *wrap, struct slice *line);

/* How many lines there are, and the widest one's columns. */
unsigned wrap_measure(struct slice text, unsigned width, unsigned *widest);

#endif
