/*
 * Notes in a small file, which one process writes: "running" or "ended", then the requests that are begun, with how often. It is
 * written whole, by one write, and not synced: a process that crashes leaves it as it was; a machine that ends had no poison.
 *
 *      notes_file_new → … → freed by its `free` (the run ended in order)
 */
#ifndef GALKA_DRIVER_NOTES_FILE_H
#define GALKA_DRIVER_NOTES_FILE_H

#include "seam/notes.h"

/* A file that cannot be read as notes counts as that of a crashed run that noted nothing. NO_MEMORY, SYSTEM. */
must_use enum error notes_file_new(const char *path, struct notes **notes);

#endif
