/* The help of galka in Russian; in English it stands in main.c's tables, of which the man page is made. */
#ifndef GALKA_TERMINAL_HELP_H
#define GALKA_TERMINAL_HELP_H

/* What to print of a command ("signup") or a flag ("--json"), or a heading by its English text, in the language that text_choose has
 * chosen: `english` where that is English, or where there is no Russian for it. */
const char *help_of(const char *name, const char *english);

#endif
