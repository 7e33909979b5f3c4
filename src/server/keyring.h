/*
 * The keys of a running process: its file is looked at every second and taken again when it has changed, so that keys are changed
 * without a restart (galkad keys rotate). Each role has a copy of its own, and takes what is new at a turn of its loop.
 *
 *      keyring_open → keyring_look from the main thread … ; keyring_take from every role's → keyring_close
 */
#ifndef GALKA_SERVER_KEYRING_H
#define GALKA_SERVER_KEYRING_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>

#include "base/event.h"
#include "seam/clock.h"
#include "server/keys.h"

#define KEYRING_PATH_SIZE 4300

struct keyring {
        char path[KEYRING_PATH_SIZE];
        struct clock *clock;
        struct event_sink *events;
        struct token_keys file; /* as it was read last */
        struct stat seen;       /* what it looked like then */
        pthread_mutex_t lock;
        struct token_keys keys; /* under the lock: those of now */
        atomic_uint version;    /* rises with every change of them; 0: nothing is there yet */
};

/* The file at `path`, which is to be there, or if that is "" the folder's, which is made. CONFIG, SYSTEM; text says why. */
must_use enum error keyring_open(struct keyring *keyring, const char *path, const char *folder, struct clock *clock,
                                 struct event_sink *events, char text[static KEYS_ERROR_SIZE]);

/* Has the file changed, or the time come for a new key? What cannot be read is noted, and the keys stay. */
void keyring_look(struct keyring *keyring);

/* The keys of now, if they are others than at *version, which is 0 at first. */
bool keyring_take(struct keyring *keyring, unsigned *version, struct token_keys *keys);

/* Also one that was not opened. */
void keyring_close(struct keyring *keyring);

#endif
