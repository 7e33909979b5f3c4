/* Rows by the words in them. See search.h. */
#include "base/assert.h"
#include "driver/store/postgres/asking.h"
#include "driver/store/postgres/read.h"
#include "driver/store/search.h"
#include "rules/limits.h"

static void add_words(struct parameters *parameters, const struct slice *words, size_t count)
{
        struct column column;
        size_t bytes = 0;

        for (size_t i = 0; i < count; i++)
                bytes += words[i].size;
        column = add_column(parameters, COLUMN_BYTES, count, bytes);
        for (size_t i = 0; i < count; i++)
                array_bytes(&column, words[i]);
}

/* The first by the index, the others beside it. */
static void add_search(struct parameters *parameters, const struct store_question *question, const struct slice *words,
                       size_t count)
{
        add_bytes(parameters, words[0]);
        if (count > 1)
                add_words(parameters, words + 1, count - 1);
        else
                add_words(parameters, words, 1);
        add_number(parameters, question->search.rows_max + 1);
}

static void ask_room(struct asking *asking, size_t place, const struct slice *words, size_t count)
{
        const struct store_question *question = &asking->job.questions[place];
        uint64_t below = question->search.before.seq ? question->search.before.seq : UINT64_MAX;
        struct parameters there = parameters_in(&asking->arena), rows = there, stopped = there;

        add_number(&there, question->user);
        add_id(&there, &question->search.room);
        rows = stopped = there;
        asking_queue(asking, place, SQL_ASK_WAS_THERE, &there);
        add_search(&rows, question, words, count);
        add_number(&rows, below);
        add_number(&rows, SEARCH_LOOKED);
        asking_queue(asking, place, SQL_ASK_SEARCH, &rows);
        add_bytes(&stopped, words[0]);
        add_number(&stopped, below);
        add_number(&stopped, SEARCH_LOOKED);
        asking_queue(asking, place, SQL_ASK_SEARCH_STOPPED, &stopped);
}

static void ask_all(struct asking *asking, size_t place, const struct slice *words, size_t count)
{
        static const struct id last = {{255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255}};
        const struct store_question *question = &asking->job.questions[place];
        const struct store_place *before = &question->search.before;
        struct parameters parameters = parameters_in(&asking->arena);

        add_number(&parameters, question->user);
        add_number(&parameters, SEARCH_ROOMS_MAX);
        add_search(&parameters, question, words, count);
        add_number(&parameters, before->seq ? min_of(before->time_ms, (uint64_t)INT64_MAX - 1) + 1 : UINT64_MAX);
        add_id(&parameters, before->seq ? &before->room : &last);
        add_number(&parameters, before->seq ? before->seq : UINT64_MAX);
        add_number(&parameters, SEARCH_LOOKED);
        asking_queue(asking, place, SQL_ASK_SEARCH_ALL, &parameters);
}

void ask_search(struct asking *asking, size_t place)
{
        const struct store_question *question = &asking->job.questions[place];
        struct store_answer *answer = &asking->job.answers[place];
        struct slice *words;
        size_t count;

        answer->status = search_words(&asking->lexicon, question, &asking->arena, &words, &count);
        asking->failed |= answer->status == ERR_NO_MEMORY;
        if (answer->status)
                return;
        if (id_is_zero(&question->search.room))
                ask_all(asking, place, words, count);
        else
                ask_room(asking, place, words, count);
}

static void take_hits(struct asking *asking, const struct store_question *question, struct store_answer *answer,
                      const PGresult *result)
{
        bool all = id_is_zero(&question->search.room);
        size_t count = (size_t)PQntuples(result);

        answer->search.hits = arena_array(asking->job.arena, struct store_hit, count + 1);
        asking->failed |= !answer->search.hits;
        for (size_t i = 0; i < count && !asking->failed; i++) {
                struct store_hit *hit = &answer->search.hits[answer->search.count++];

                hit->room = all ? value_id(result, (int)i, 0) : question->search.room;
                asking->failed |= !read_row_columns(result, (int)i, all, asking->job.arena, &hit->row);
        }
        if (all && !asking->failed)
                search_cut(question, answer);
}

/* Below that number one of the stays was not looked through: hits there may have others between them. */
static void take_stopped(const struct store_question *question, struct store_answer *answer, const PGresult *result)
{
        uint64_t seq = PQntuples(result) == 1 ? value_number(result, 0, 0) : 0;

        while (seq && answer->search.count && answer->search.hits[answer->search.count - 1].row.seq < seq)
                answer->search.count--;
        if (seq > 1) {
                answer->search.more = true;
                answer->search.next = (struct store_place){.room = question->search.room, .seq = seq};
        }
        search_cut(question, answer);
}

void take_search(struct asking *asking, size_t place, enum sql sql, const PGresult *result)
{
        const struct store_question *question = &asking->job.questions[place];
        struct store_answer *answer = &asking->job.answers[place];

        if (sql == SQL_ASK_WAS_THERE)
                answer->status = PQntuples(result) ? ERR_OK : ERR_NO_ROOM;
        else if (answer->status || asking->failed)
                return;
        else if (sql == SQL_ASK_SEARCH_STOPPED)
                take_stopped(question, answer, result);
        else
                take_hits(asking, question, answer, result);
}
