/*
 * The server's keys, in a file that only its owner can read. A server that is one process has it in its data folder: made at the first
 * start, completed if an older version made it. The processes of a cluster share one, which is made once and copied to each machine.
 */
#ifndef GALKA_SERVER_KEYS_H
#define GALKA_SERVER_KEYS_H

#include "base/error.h"
#include "crypto/token.h"

#define KEYS_ERROR_SIZE 512
#define KEYS_REST_MS                                                                                                        \
        86400000 /* between two rotations: tokens of the key before are good, those of the one before that are not */

/* Reads FOLDER/keys, or makes it or what it lacks. CONFIG (not such a file), SYSTEM; text says what is wrong. */
must_use enum error keys_load(const char *folder, struct token_keys *keys, char text[static KEYS_ERROR_SIZE]);

/* Reads the file at path, which must be there and whole. CONFIG, SYSTEM; text says what is wrong and what to do. */
must_use enum error keys_read(const char *path, struct token_keys *keys, char text[static KEYS_ERROR_SIZE]);

/* The file at path, or if that is "" the one of the folder. */
must_use enum error keys_open(const char *path, const char *folder, struct token_keys *keys,
                              char text[static KEYS_ERROR_SIZE]);

/* Makes the file at path, which must not be there. CONFIG, SYSTEM. */
must_use enum error keys_make(const char *path, char text[static KEYS_ERROR_SIZE]);

/* Changes the token key of the file at path: current becomes previous, and a new one signs from from_ms on, when every process has the
 * file; 0: at once. leaked: the old one is good no more, at once, so that it is not kept. CONFIG (not such a file; the last change is
 * less than KEYS_REST_MS ago and nothing leaked), SYSTEM; text says why. */
must_use enum error keys_rotate(const char *path, uint64_t now_ms, uint64_t from_ms, bool leaked,
                                char text[static KEYS_ERROR_SIZE]);

/* What signs and what is good at a time, by what the file says. */
void keys_at(const struct token_keys *file, uint64_t now_ms, struct token_keys *keys);

#endif
