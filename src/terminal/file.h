/*
 * A profile on disk: a folder with one SQLite file of keys and values (the core's storage) and a lock, both readable by their owner
 * only; the folder too, if it is made here. One process leads a profile: it holds the lock and runs the core. Others read beside it and put messages into the outbox.
 *
 *      file_open → file_lead (or not) → file_apply, file_range … → file_close
 */
#ifndef GALKA_TERMINAL_FILE_H
#define GALKA_TERMINAL_FILE_H

#include "core/core.h"

struct file;

#define FILE_ERROR_SIZE 512

/* Opens or makes the folder and the file. SYSTEM, CORRUPT, NO_MEMORY; text then says what is wrong and what to do. */
must_use enum error file_open(const char *folder, struct file **file, char text[static FILE_ERROR_SIZE]);
void file_close(struct file **file);

/* Takes the profile's lead until file_close. LOCKED: another process has it. */
must_use enum error file_lead(struct file *file);

/* All changes in one durable transaction. SYSTEM: none was done (disk full …). */
must_use enum error file_apply(struct file *file, const struct core_change *changes, size_t count);

/* Calls back with up to `limit` records with key ≤ k < end (an empty end: to the last), in order or backwards. */
must_use enum error file_range(struct file *file, struct slice key, struct slice end, uint32_t limit, bool backwards,
                               void (*each)(void *context, struct slice key, struct slice value), void *context);

/* True if another process changed the file since the last call. */
bool file_changed(struct file *file);

/* Small settings of the terminal itself ("server", "ca"). get: false if not set. */
#define FILE_SETTING_SIZE 256
bool file_get_setting(struct file *file, const char *name, char value[static FILE_SETTING_SIZE]);
must_use enum error file_set_setting(struct file *file, const char *name, const char *value);

#endif
