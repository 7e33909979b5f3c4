/* See search_index.h. */
#include "driver/store/search_index.h"

#include "base/assert.h"
#include "rules/row.h"

struct slice search_join(struct database *database, const struct slice *words, size_t count, const char *quote,
                         const char *between, struct arena *arena)
{
        const struct slice mark = slice_text(quote), gap = slice_text(between);
        size_t size = 0;
        uint8_t *bytes, *at;

        for (size_t i = 0; i < count; i++)
                size += words[i].size + 2 * mark.size + gap.size;
        at = bytes = arena_take(arena, size + 1);
        if (!bytes) {
                database->code = SQLITE_NOMEM;
                return slice_of(NULL, 0);
        }
        for (size_t i = 0; i < count; i++) {
                const struct slice parts[] = {i ? gap : slice_of(NULL, 0), mark, words[i], mark};

                for (size_t part = 0; part < countof(parts); part++) {
                        if (parts[part].size)
                                memcpy(at, parts[part].data, parts[part].size);
                        at += parts[part].size;
                }
        }
        return slice_of(bytes, (size_t)(at - bytes));
}

static bool tell(struct database *database, enum statement how, uint64_t room, uint64_t seq, struct slice text)
{
        struct arena *arena = &database->scratch;
        sqlite3_stmt *statement;
        struct slice *words, joined;
        size_t count;

        arena_reset(arena);
        if (!lexicon_words(&database->lexicon, text, LEXICON_MAX, arena, &words, &count)) {
                database->code = SQLITE_NOMEM;
                return false;
        }
        if (count == 0 || seq > SEARCH_SEQ_MAX)
                return true;
        joined = search_join(database, words, count, "", " ", arena);
        statement = database_use(database, how);
        bind_number(statement, 1, search_rowid(room, seq));
        bind_text(statement, 2, joined);
        return database_run(database, statement);
}

bool search_index_row(struct database *database, uint64_t room, const struct store_row *before,
                      const struct store_row *after)
{
        bool was = before && before->kind == ROW_TEXT, is = after->kind == ROW_TEXT;

        if (was && is && slice_equal(before->text, after->text))
                return true;
        if (was && !tell(database, STATEMENT_SEARCH_DROP, room, before->seq, before->text))
                return false;
        return !is || tell(database, STATEMENT_SEARCH_NEW, room, after->seq, after->text);
}

void search_index_all(struct database *database)
{
        sqlite3_stmt *statement = database_use(database, STATEMENT_SEARCH_TEXTS);

        while (database_row(database, statement))
                if (!tell(database, STATEMENT_SEARCH_NEW, column_number(statement, 0), column_number(statement, 1),
                          column_bytes(statement, 2)))
                        break;
        database_end(statement);
}
