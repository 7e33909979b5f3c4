/*
 * SQLite's index of words: a table of FTS5 that holds no text. Its rowid says room and row, so that what one room has lies together and in
 * order: a search walks it from the newest row down, and stops when it has enough, however often the word was written. A word that
 * goes is told to it with the words that the row had, so the words of one text must always be the same (lexicon.h).
 */
#ifndef GALKA_DRIVER_STORE_SEARCH_INDEX_H
#define GALKA_DRIVER_STORE_SEARCH_INDEX_H

#include "driver/store/database.h"
#include "seam/store.h"

#define SEARCH_SEQ_BITS 32
#define SEARCH_SEQ_MAX  UINT32_MAX /* rows beyond it are not found */

static inline uint64_t search_rowid(uint64_t room, uint64_t seq)
{
        return room << SEARCH_SEQ_BITS | seq;
}

/* A row that is new (before NULL), or was altered. False: the database failed. */
bool search_index_row(struct database *database, uint64_t room, const struct store_row *before,
                      const struct store_row *after);

/* All rows there are: for the step of the schema that makes the index. Failure is in database->code. */
void search_index_all(struct database *database);

/* The words with `between` between them, each between `quote`s; empty if there are none. Sets NOMEM on exhaustion. */
struct slice search_join(struct database *database, const struct slice *words, size_t count, const char *quote,
                         const char *between, struct arena *arena);

#endif
