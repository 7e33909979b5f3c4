/*
 * The control socket of galkad all: DATA/control, which only its owner reaches. A command on accounts (user.h) is sent there and done in
 * the running server, on a thread with a handle of its own on store and bus.
 *
 *      control_new → control_free, before the engines go
 */
#ifndef GALKA_SERVER_CONTROL_H
#define GALKA_SERVER_CONTROL_H

#include "server/user.h"

struct control;

/* store and bus are its own from then on, also on error. SYSTEM, NO_MEMORY; text says why. */
must_use enum error control_new(struct server *server, struct store *store, struct bus *bus, struct control **control,
                                char text[static SERVER_ERROR_SIZE]);
void control_free(struct control **control);

/* Asks the server that runs on the folder. Returns the exit code, or -1: none runs there. */
int control_ask(const char *folder, const struct user_request *request, struct page *page);

#endif
