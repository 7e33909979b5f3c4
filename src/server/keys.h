/* The server's keys, in a file of the data folder that only its owner can read: made at the first start, completed if an older
 * version made it. */
#ifndef GALKA_SERVER_KEYS_H
#define GALKA_SERVER_KEYS_H

#include "base/error.h"
#include "crypto/token.h"

#define KEYS_ERROR_SIZE 512

/* Reads FOLDER/keys, or makes it or what it lacks. CONFIG (not such a file), SYSTEM; text says what is wrong. */
must_use enum error keys_load(const char *folder, struct token_keys *keys, char text[static KEYS_ERROR_SIZE]);

#endif
