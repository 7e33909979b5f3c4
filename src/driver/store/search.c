/* See search.h. */
#include "driver/store/search.h"

#include <stdlib.h>

#include "base/assert.h"
#include "driver/store/common.h"
#include "rules/limits.h"

static int longest_first(const void *left, const void *right)
{
        const struct slice *a = left, *b = right;

        if (a->size != b->size)
                return a->size < b->size ? 1 : -1;
        return memcmp(a->data, b->data, a->size);
}

enum error search_words(struct lexicon *lexicon, const struct store_question *question, struct arena *arena,
                        struct slice **words, size_t *count)
{
        if (!lexicon_words(lexicon, question->search.text, SEARCH_WORDS_MAX + 1, arena, words, count))
                return ERR_NO_MEMORY;
        if (*count == 0)
                return ERR_BAD_FIELD;
        if (*count > SEARCH_WORDS_MAX)
                return ERR_TOO_LARGE;
        qsort(*words, *count, sizeof(**words), longest_first);
        return ERR_OK;
}

bool search_newer(const struct store_place *a, const struct store_place *b)
{
        int rooms = id_compare(&a->room, &b->room);

        if (a->time_ms != b->time_ms)
                return a->time_ms > b->time_ms;
        return rooms ? rooms > 0 : a->seq > b->seq;
}

void search_cut(const struct store_question *question, struct store_answer *answer)
{
        size_t bytes = question->bytes_max, count = 0;

        while (count < answer->search.count && count < question->search.rows_max) {
                size_t size = row_bytes(&answer->search.hits[count].row);

                if (count > 0 && size > bytes)
                        break;
                bytes -= min_of(bytes, size);
                count++;
        }
        if (count == answer->search.count)
                return;
        answer->search.more = true;
        answer->search.count = count;
        answer->search.next = search_place(&answer->search.hits[count - 1]);
}
