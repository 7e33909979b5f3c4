/* What both store drivers do alike when they search: the words that are asked for, which row is newer, and how far one looks. */
#ifndef GALKA_DRIVER_STORE_SEARCH_H
#define GALKA_DRIVER_STORE_SEARCH_H

#include "driver/store/lexicon.h"
#include "seam/store.h"

#define SEARCH_SPAN   1000000 /* SQLite: numbers of a room that one question looks through at most */
#define SEARCH_LOOKED 5000    /* PostgreSQL: rows of a room with the first word that one question looks at at most */

/* The question's words, the longest first: it is likely the rarest. BAD_FIELD: there is none. TOO_LARGE: too many. NO_MEMORY. */
must_use enum error search_words(struct lexicon *lexicon, const struct store_question *question, struct arena *arena,
                                 struct slice **words, size_t *count);

/* Does a come before b, where the newest is first? */
bool search_newer(const struct store_place *a, const struct store_place *b);

static inline struct store_place search_place(const struct store_hit *hit)
{
        return (struct store_place){hit->room, hit->row.seq, hit->row.time_ms};
}

/* Hits that the question has no place for, by number or by bytes, go, and `more` says so. The first one always stays. */
void search_cut(const struct store_question *question, struct store_answer *answer);

#endif
