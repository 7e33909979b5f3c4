/*
 * What of a text can be found: its words, folded. Both store drivers index and ask with what this file gives, so they find the same.
 *
 *      text → characters → folded (small letters, compatibility forms, no accents; ё is е, й stays) → words → stems
 *
 * A word is a run of letters, digits and the marks on them. A Chinese or Japanese character is a word of its own, and so is a sign
 * like an emoji. Words of Cyrillic letters alone are cut to their stem by the rules of Russian, those of a to z by the rules of
 * English (Snowball). A word beyond LEXICON_WORD_MAX bytes counts with its beginning.
 *
 * What is stored depends on it: another folding needs a step of the schema that makes the index anew.
 */
#ifndef GALKA_DRIVER_STORE_LEXICON_H
#define GALKA_DRIVER_STORE_LEXICON_H

#include "base/arena.h"
#include "base/error.h"

#define LEXICON_WORD_MAX 64   /* bytes of a word that count */
#define LEXICON_MAX      1024 /* different words of one text that can be found: the first */

/* Zeroed at first; its stemmers are made when first used. One thread at a time. */
struct lexicon {
        struct sb_stemmer *russian, *english;
};

void lexicon_finish(struct lexicon *lexicon);

/* The different words of a text in the order in which they come, at most max (up to LEXICON_MAX), in the arena. False: no memory. */
must_use bool lexicon_words(struct lexicon *lexicon, struct slice text, size_t max, struct arena *arena,
                            struct slice **words, size_t *count);

#endif
