/* See keyring.h. */
#include "server/keyring.h"

#include <stdio.h>
#include <string.h>

static void publish(struct keyring *keyring, const struct token_keys *keys)
{
        pthread_mutex_lock(&keyring->lock);
        keyring->keys = *keys;
        pthread_mutex_unlock(&keyring->lock);
        atomic_fetch_add(&keyring->version, 1);
}

static bool same_keys(const struct token_keys *a, const struct token_keys *b)
{
        return crypto_equal(a->current, b->current, sizeof(a->current)) && a->has_previous == b->has_previous &&
               crypto_equal(a->previous, b->previous, sizeof(a->previous));
}

enum error keyring_open(struct keyring *keyring, const char *path, const char *folder, struct clock *clock,
                        struct event_sink *events, char text[static KEYS_ERROR_SIZE])
{
        struct token_keys keys;
        enum error error;

        keyring->clock = clock;
        keyring->events = events;
        if (*path)
                snprintf(keyring->path, sizeof(keyring->path), "%s", path);
        else
                snprintf(keyring->path, sizeof(keyring->path), "%.4096s/keys", folder);
        pthread_mutex_init(&keyring->lock, NULL);
        error = keys_open(path, folder, &keyring->file, text);
        if (error)
                return error;
        (void)stat(keyring->path, &keyring->seen);
        keys_at(&keyring->file, clock->wall_ms(clock), &keys);
        publish(keyring, &keys);
        crypto_wipe(&keys, sizeof(keys));
        return ERR_OK;
}

/* Every change renames another file to its place; one that is written in its place changes its time. */
static bool has_changed(struct keyring *keyring)
{
        const struct stat before = keyring->seen;

        return stat(keyring->path, &keyring->seen) == 0 &&
               (keyring->seen.st_ino != before.st_ino || keyring->seen.st_mtim.tv_sec != before.st_mtim.tv_sec ||
                keyring->seen.st_mtim.tv_nsec != before.st_mtim.tv_nsec || keyring->seen.st_size != before.st_size);
}

/* What is written just now may be read in halves: it is looked at again in the next second. */
static void read_again(struct keyring *keyring)
{
        char text[KEYS_ERROR_SIZE] = "";
        struct token_keys file;
        enum error error = keys_read(keyring->path, &file, text);
        bool other = !error && !crypto_equal(file.lasting, keyring->file.lasting, sizeof(file.lasting));

        if (error)
                keyring->seen = (struct stat){0};
        if (error)
                event_note(keyring->events, EVENT_WARNING, "keys.unreadable", NULL, {"reason", text});
        else if (other)
                event_note(keyring->events, EVENT_WARNING, "keys.other_lasting", NULL,
                           {"reason", "start again to take them"});
        else
                keyring->file = file;
        crypto_wipe(&file, sizeof(file));
}

void keyring_look(struct keyring *keyring)
{
        struct token_keys keys;

        if (atomic_load(&keyring->version) == 0)
                return;
        if (has_changed(keyring))
                read_again(keyring);
        keys_at(&keyring->file, keyring->clock->wall_ms(keyring->clock), &keys);
        if (!same_keys(&keys, &keyring->keys)) { /* nobody else writes them */
                publish(keyring, &keys);
                event_note(keyring->events, EVENT_INFO, "keys.changed", NULL,
                           {"previous", keys.has_previous ? "good" : "none"});
        }
        crypto_wipe(&keys, sizeof(keys));
}

bool keyring_take(struct keyring *keyring, unsigned *version, struct token_keys *keys)
{
        unsigned now = atomic_load_explicit(&keyring->version, memory_order_acquire);

        if (now == *version)
                return false;
        pthread_mutex_lock(&keyring->lock);
        *keys = keyring->keys;
        pthread_mutex_unlock(&keyring->lock);
        *version = now;
        return true;
}

void keyring_close(struct keyring *keyring)
{
        if (!keyring->clock)
                return;
        pthread_mutex_destroy(&keyring->lock);
        crypto_wipe(&keyring->file, sizeof(keyring->file));
        crypto_wipe(&keyring->keys, sizeof(keyring->keys));
}
