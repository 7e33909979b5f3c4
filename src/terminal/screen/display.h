/*
 * The terminal: shows a grid with ncurses, and gives the terminal back as it was found, whatever ends the program. One a process.
 *
 *      display_open → (display_show …) → display_close
 */
#ifndef GALKA_TERMINAL_SCREEN_DISPLAY_H
#define GALKA_TERMINAL_SCREEN_DISPLAY_H

#include "terminal/screen/grid.h"

/* False: the terminal cannot do it (TERM is unknown or cannot move its cursor); nothing was changed. */
bool display_open(void);
void display_close(void);

/* Rows and columns now; measured anew after a change of the window. */
void display_size(unsigned *rows, unsigned *columns);

/* light: the ground that GROUND_AUTO stands for. */
void display_colours(enum style_ground ground, enum style_colours colours, bool light);
bool display_colourless(void);

void display_mouse(bool on);
void display_show(const struct grid *grid);

/* Everything is drawn anew with the next display_show. */
void display_redraw(void);

void display_bell(void);

/* The window's title, with how many are unread; 0: without. */
void display_title(uint64_t unread);

/* To the clipboard, where the terminal allows it. */
void display_copy(struct slice text);

/* Stops the program as Ctrl+Z does; returns when it goes on. */
void display_suspend(void);

/* What a signal asked for since the last call. */
enum display_signal { DISPLAY_RESIZED = 1, DISPLAY_END = 2, DISPLAY_STOP = 4 };
unsigned display_signals(void);

#endif
