/* The index of words of a database that had none: a step of the schema. */
#include "base/assert.h"
#include "base/memory.h"
#include "driver/store/lexicon.h"
#include "driver/store/postgres/plain.h"
#include "driver/store/postgres/sql.h"

#define ROWS_AT_ONCE "1000"
#define ARENA_CHUNK  (1u << 20)
#define ARENA_MAX    (256u << 20)

static const struct arena_source source = {memory_new, memory_free};

struct filling {
        PGconn *pg;
        struct lexicon lexicon;
        struct arena arena; /* of one portion */
};

/* The words of one portion. False: it failed. */
static bool index_rows(struct filling *filling, const PGresult *texts)
{
        size_t rows = (size_t)PQntuples(texts), words = 0, bytes = 0;
        struct slice **found = arena_array(&filling->arena, struct slice *, rows);
        size_t *counts = arena_array(&filling->arena, size_t, rows);
        struct parameters parameters = parameters_in(&filling->arena);
        struct column ids, texts_of, seqs;
        PGresult *result;
        bool good = found && counts;

        for (size_t i = 0; i < rows && good; i++) {
                good = lexicon_words(&filling->lexicon, value_bytes(texts, (int)i, 2), LEXICON_MAX, &filling->arena,
                                     &found[i], &counts[i]);
                for (size_t word = 0; good && word < counts[i]; word++)
                        bytes += found[i][word].size;
                words += good ? counts[i] : 0;
        }
        if (!good || words == 0)
                return good;
        ids = add_ids(&parameters, words);
        texts_of = add_column(&parameters, COLUMN_BYTES, words, bytes);
        seqs = add_numbers(&parameters, words);
        for (size_t i = 0; i < rows; i++) {
                struct id room = value_id(texts, (int)i, 0);

                for (size_t word = 0; word < counts[i]; word++) {
                        array_id(&ids, &room);
                        array_bytes(&texts_of, found[i][word]);
                        array_number(&seqs, value_number(texts, (int)i, 1));
                }
        }
        if (parameters.failed)
                return false;
        result = PQexecParams(filling->pg, sql_text(SQL_SEARCH_NEW), parameters.count, NULL, parameters.values,
                              parameters.sizes, parameters.formats, 1);
        good = PQresultStatus(result) == PGRES_COMMAND_OK;
        PQclear(result);
        return good;
}

bool schema_index_all(PGconn *pg)
{
        struct filling filling = {.pg = pg};
        bool good = plain_run(pg, "DECLARE texts NO SCROLL CURSOR FOR SELECT room, seq, text FROM messages WHERE kind = 1");
        int rows = 1;

        arena_init(&filling.arena, &source, ARENA_CHUNK, ARENA_MAX);
        while (good && rows > 0) {
                PGresult *texts = PQexecParams(pg, "FETCH " ROWS_AT_ONCE " FROM texts", 0, NULL, NULL, NULL, NULL, 1);

                good = PQresultStatus(texts) == PGRES_TUPLES_OK;
                rows = good ? PQntuples(texts) : 0;
                arena_reset(&filling.arena);
                good = good && (rows == 0 || index_rows(&filling, texts));
                PQclear(texts);
        }
        arena_finish(&filling.arena);
        lexicon_finish(&filling.lexicon);
        return good && plain_run(pg, "CLOSE texts");
}
