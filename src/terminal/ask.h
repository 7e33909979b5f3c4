/* Questions to the person at the keyboard: a line, a password without echo. From a pipe they read lines too. */
#ifndef GALKA_TERMINAL_ASK_H
#define GALKA_TERMINAL_ASK_H

#include <stdbool.h>
#include <stddef.h>

/* Prints the question on standard error, reads one line without its end into answer. False at the end of input. */
bool ask_line(const char *question, char *answer, size_t size);

/* The same without echo. The caller wipes the answer. */
bool ask_password(const char *question, char *answer, size_t size);

/* The first line of a file. False, having complained, if it cannot be read. */
bool ask_file(const char *path, char *answer, size_t size);

#endif
