/* galka on a terminal: the full screen. */
#ifndef GALKA_TERMINAL_SCREEN_SCREEN_H
#define GALKA_TERMINAL_SCREEN_SCREEN_H

#include "terminal/session.h"

/* Can the full screen be shown here? (Input and output are a terminal, and TERM names one that moves its cursor.) */
bool screen_is_possible(void);

/* Runs until the person leaves; words: a room to open, or none. Returns an exit code. */
int command_screen(struct session *session, int count, char **words);

#endif
