/* See lexicon.h. Characters by utf8proc, stems by Snowball. */
#include "driver/store/lexicon.h"

#include <libstemmer.h>
#include <utf8proc.h>

#include "base/assert.h"

#define CHARACTERS_MAX 32                /* that one character may be decomposed to: 18 in Unicode 14 */
#define SLOTS          (2 * LEXICON_MAX) /* of the table of words; a power of two */

enum { BREVE = 0x306, SMALL_I = 0x438, SMALL_SHORT_I = 0x439 };

struct making {
        struct lexicon *lexicon;
        struct arena *arena;
        struct slice *words;
        size_t count, max;
        uint16_t slots[SLOTS]; /* place + 1 */
        uint8_t word[LEXICON_WORD_MAX];
        size_t size, last;    /* last: where the word's last character begins */
        bool latin, cyrillic; /* it has such letters alone */
        bool cut, failed;
};

void lexicon_finish(struct lexicon *lexicon)
{
        if (lexicon->russian)
                sb_stemmer_delete(lexicon->russian);
        if (lexicon->english)
                sb_stemmer_delete(lexicon->english);
        *lexicon = (struct lexicon){0};
}

/* NULL: no memory. */
static struct sb_stemmer *stemmer_of(struct sb_stemmer **place, const char *language)
{
        if (!*place)
                *place = sb_stemmer_new(language, "UTF_8");
        return *place;
}

/* The word's stem: valid until the next one. */
static struct slice stem(struct making *making)
{
        struct slice word = slice_of(making->word, making->size);
        struct sb_stemmer *stemmer;
        const sb_symbol *found;

        if (making->cut || (!making->latin && !making->cyrillic))
                return word;
        stemmer = making->latin ? stemmer_of(&making->lexicon->english, "english")
                                : stemmer_of(&making->lexicon->russian, "russian");
        found = stemmer ? sb_stemmer_stem(stemmer, word.data, (int)word.size) : NULL;
        making->failed |= !found;
        return found && sb_stemmer_length(stemmer) > 0 ? slice_of(found, (size_t)sb_stemmer_length(stemmer)) : word;
}

static uint32_t hash_of(struct slice word)
{
        uint32_t hash = 2166136261u;

        for (size_t i = 0; i < word.size; i++)
                hash = (hash ^ word.data[i]) * 16777619u;
        return hash;
}

/* Takes the word that was collected, unless it is there already. */
static void end_word(struct making *making)
{
        struct slice word;
        uint32_t slot;

        if (making->size == 0)
                return;
        word = stem(making);
        making->size = 0;
        making->cut = false;
        for (slot = hash_of(word) % SLOTS; making->slots[slot]; slot = (slot + 1) % SLOTS)
                if (slice_equal(making->words[making->slots[slot] - 1], word))
                        return;
        if (making->count == making->max)
                return;
        if (!arena_copy(making->arena, word, &making->words[making->count])) {
                making->failed = true;
                return;
        }
        making->slots[slot] = (uint16_t)++making->count;
}

static void add_character(struct making *making, utf8proc_int32_t character)
{
        uint8_t bytes[4];
        size_t size = (size_t)utf8proc_encode_char(character, bytes);

        if (making->size == 0)
                making->latin = making->cyrillic = true;
        making->latin = making->latin && character >= 'a' && character <= 'z';
        making->cyrillic = making->cyrillic && character >= 0x400 && character <= 0x4ff;
        making->cut |= making->size + size > sizeof(making->word);
        if (making->cut)
                return;
        making->last = making->size;
        memcpy(making->word + making->size, bytes, size);
        making->size += size;
}

/* й is a letter of its own, and no и with an accent. */
static void add_breve(struct making *making)
{
        utf8proc_int32_t before = 0;

        if (making->size == 0 || making->cut ||
            utf8proc_iterate(making->word + making->last, (utf8proc_ssize_t)(making->size - making->last), &before) <= 0 ||
            before != SMALL_I)
                return;
        making->size = making->last;
        add_character(making, SMALL_SHORT_I);
}

/* What is written on, above or below a letter, and does not make another one of it: accents, Hebrew and Arabic vowels. */
static bool is_accent(utf8proc_int32_t character)
{
        return (character >= 0x300 && character <= 0x36f) || (character >= 0x591 && character <= 0x5c7) ||
               (character >= 0x64b && character <= 0x652);
}

/* Chinese characters, and the two alphabets of Japanese: nobody writes spaces there. */
static bool is_word_alone(utf8proc_int32_t character)
{
        return (character >= 0x3040 && character <= 0x30ff) || (character >= 0x3400 && character <= 0x9fff) ||
               (character >= 0xf900 && character <= 0xfaff) || (character >= 0x20000 && character <= 0x3ffff);
}

static void take_folded(struct making *making, utf8proc_int32_t character)
{
        if (is_accent(character)) {
                if (character == BREVE)
                        add_breve(making);
                return;
        }
        switch (utf8proc_category(character)) {
        case UTF8PROC_CATEGORY_LU:
        case UTF8PROC_CATEGORY_LL:
        case UTF8PROC_CATEGORY_LT:
        case UTF8PROC_CATEGORY_LM:
        case UTF8PROC_CATEGORY_LO:
        case UTF8PROC_CATEGORY_ND:
        case UTF8PROC_CATEGORY_NL:
        case UTF8PROC_CATEGORY_NO:
                if (is_word_alone(character))
                        end_word(making);
                add_character(making, character);
                if (is_word_alone(character))
                        end_word(making);
                break;
        case UTF8PROC_CATEGORY_MN:
        case UTF8PROC_CATEGORY_MC:
                if (making->size)
                        add_character(making, character);
                break;
        case UTF8PROC_CATEGORY_SO:
                end_word(making);
                add_character(making, character);
                end_word(making);
                break;
        default:
                end_word(making);
        }
}

bool lexicon_words(struct lexicon *lexicon, struct slice text, size_t max, struct arena *arena, struct slice **words,
                   size_t *count)
{
        static const utf8proc_option_t how = UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT | UTF8PROC_CASEFOLD | UTF8PROC_IGNORE;
        struct making making = {.lexicon = lexicon, .arena = arena, .max = min_of(max, text.size + 1)};
        utf8proc_int32_t folded[CHARACTERS_MAX];
        int boundary = 0;

        check(max > 0 && max <= LEXICON_MAX);
        *count = 0;
        *words = making.words = arena_array(arena, struct slice, making.max);
        if (!making.words)
                return false;
        for (size_t at = 0; at < text.size && !making.failed;) {
                utf8proc_int32_t character;
                utf8proc_ssize_t used =
                        utf8proc_iterate(text.data + at, (utf8proc_ssize_t)min_of(text.size - at, (size_t)4), &character);
                utf8proc_ssize_t parts;

                if (used <= 0) { /* no UTF-8: what stands there ends a word */
                        end_word(&making);
                        at++;
                        continue;
                }
                at += (size_t)used;
                parts = utf8proc_decompose_char(character, folded, CHARACTERS_MAX, how, &boundary);
                for (utf8proc_ssize_t i = 0; i < parts && i < CHARACTERS_MAX; i++)
                        take_folded(&making, folded[i]);
        }
        end_word(&making);
        *count = making.count;
        return !making.failed;
}
