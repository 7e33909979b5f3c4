/* The words of what a transaction wrote or altered: by which it is found. */
#include "base/assert.h"
#include "driver/store/postgres/save.h"
#include "rules/row.h"

/* Words of one row. */
struct found {
        const struct id *room;
        uint64_t seq;
        struct slice *words;
        size_t count;
};

struct finding {
        struct saving saving;
        struct found *rows;
        size_t count, word_count, bytes;
};

static struct finding finding_of(struct world *world, struct connection *connection, struct sent *sent, size_t max)
{
        struct finding finding = {.saving = {world, connection, sent},
                                  .rows = arena_array(world->arena, struct found, max + 1)};

        world->failed |= !finding.rows;
        return finding;
}

static void find(struct finding *finding, const struct id *room, uint64_t seq, struct slice text)
{
        struct world *world = finding->saving.world;
        struct found *found = &finding->rows[finding->count];

        if (world->failed)
                return;
        *found = (struct found){.room = room, .seq = seq};
        if (!lexicon_words(world->lexicon, text, LEXICON_MAX, world->arena, &found->words, &found->count)) {
                world->failed = true;
                return;
        }
        finding->count++;
        finding->word_count += found->count;
        for (size_t i = 0; i < found->count; i++)
                finding->bytes += found->words[i].size;
}

static void tell(struct finding *finding, enum sql sql)
{
        struct parameters parameters = parameters_of(&finding->saving);
        struct column rooms, words, seqs;

        if (finding->word_count == 0 || finding->saving.world->failed)
                return;
        rooms = add_ids(&parameters, finding->word_count);
        words = add_column(&parameters, COLUMN_BYTES, finding->word_count, finding->bytes);
        seqs = add_numbers(&parameters, finding->word_count);
        for (const struct found *row = finding->rows; row < finding->rows + finding->count; row++)
                for (size_t i = 0; i < row->count; i++) {
                        array_id(&rooms, row->room);
                        array_bytes(&words, row->words[i]);
                        array_number(&seqs, row->seq);
                }
        write(&finding->saving, sql, &parameters);
}

static bool other_words(const struct world_target *target)
{
        if (target->row.kind == ROW_SETTING)
                return false;
        return target->line.changed && (target->row.kind != ROW_TEXT || !slice_equal(target->row.text, target->text_before));
}

/* A row that was made here, and altered: what it was made with is told, and taken away again. */
void save_search(struct world *world, struct connection *connection, struct sent *sent)
{
        struct finding new = finding_of(world, connection, sent, world->kind_count[LINE_MESSAGE]);
        struct finding old = finding_of(world, connection, sent, world->kind_count[LINE_TARGET]);
        struct finding now = finding_of(world, connection, sent, world->kind_count[LINE_TARGET]);

        world_each(world, LINE_MESSAGE, struct world_message,
                   message) if (message->line.made && message->row.kind == ROW_TEXT)
                find(&new, &message->room->id, message->row.seq, message->row.text);
        tell(&new, SQL_SEARCH_NEW);
        world_each(world, LINE_TARGET, struct world_target, target)
        {
                if (!other_words(target))
                        continue;
                find(&old, &target->room->id, target->row.seq, target->text_before);
                if (target->row.kind == ROW_TEXT)
                        find(&now, &target->room->id, target->row.seq, target->row.text);
        }
        tell(&old, SQL_SEARCH_DROP);
        tell(&now, SQL_SEARCH_NEW);
}
