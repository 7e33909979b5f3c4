/* Rows of one room: changes, a window around a place, what is pinned. */
#include "base/assert.h"
#include "driver/store/postgres/asking.h"
#include "driver/store/postgres/read.h"

#define COLUMN_MEMBER 7 /* of ROOM_OF_USER */
#define COLUMN_OWN    (COLUMN_MEMBER + MEMBER_COLUMN_COUNT)
#define COLUMN_LEFT_N (COLUMN_OWN + 3)

/* ---- asking ---- */

static void ask_room(struct asking *asking, size_t place, const struct id *room)
{
        struct parameters parameters = parameters_in(&asking->arena);

        add_number(&parameters, asking->job.questions[place].user);
        add_id(&parameters, room);
        asking_queue(asking, place, SQL_ASK_ROOM, &parameters);
}

void ask_changes(struct asking *asking, size_t place)
{
        const struct store_question *question = &asking->job.questions[place];
        struct parameters parameters = parameters_in(&asking->arena);

        ask_room(asking, place, &question->changes.room);
        add_number(&parameters, question->user);
        add_id(&parameters, &question->changes.room);
        add_number(&parameters, question->changes.after);
        add_number(&parameters, question->changes.before ? question->changes.before : UINT64_MAX);
        add_number(&parameters, question->changes.rows_max + 1);
        asking_queue(asking, place, SQL_ASK_CHANGES, &parameters);
}

void ask_around(struct asking *asking, size_t place)
{
        static const enum sql halves[] = {SQL_ASK_BEFORE, SQL_ASK_FROM};
        const struct store_question *question = &asking->job.questions[place];

        ask_room(asking, place, &question->around.room);
        for (size_t i = 0; i < countof(halves); i++) {
                struct parameters parameters = parameters_in(&asking->arena);

                add_number(&parameters, question->user);
                add_id(&parameters, &question->around.room);
                add_number(&parameters, question->around.seq);
                add_number(&parameters, question->around.time_ms);
                /* How many there are before it is known only then. */
                add_number(&parameters, i == 0 ? question->around.rows_max / 2 : question->around.rows_max);
                asking_queue(asking, place, halves[i], &parameters);
        }
}

void ask_pins(struct asking *asking, size_t place)
{
        const struct store_question *question = &asking->job.questions[place];
        struct parameters parameters = parameters_in(&asking->arena);

        ask_room(asking, place, &question->pins.room);
        add_number(&parameters, question->user);
        add_id(&parameters, &question->pins.room);
        add_number(&parameters, question->pins.before ? question->pins.before : UINT64_MAX);
        add_number(&parameters, question->pins.rows_max + 1);
        asking_queue(asking, place, SQL_ASK_PINS, &parameters);
}

/* ---- answers ---- */

static void take_room(struct asking *asking, struct store_answer *answer, const PGresult *result)
{
        struct member member;
        uint64_t left, n;

        answer->status = ERR_NO_ROOM;
        if (PQntuples(result) == 0)
                return;
        member = read_member_columns(result, 0, COLUMN_MEMBER, &left);
        member.own_sends += value_number(result, 0, COLUMN_OWN);
        answer->rows.head = value_number(result, 0, 2);
        n = value_number(result, 0, 3);
        if (!lowest_get(value_bytes(result, 0, 6), &answer->rows.lowest))
                asking->failed = true;
        if (left != STORE_NONE) { /* who is out sees no change past his leave */
                answer->rows.head = left;
                answer->rows.lowest = lowest_of_none();
                n = value_number(result, 0, COLUMN_LEFT_N);
        }
        answer->rows.lowest = lowest_told(&answer->rows.lowest, &member);
        answer->rows.marks = member_marks(&member, n, answer->rows.head);
        answer->status = ERR_OK;
}

/* Rows into `rows` as long as they fit. How many. */
static size_t take(struct asking *asking, const PGresult *result, struct store_row *rows, size_t rows_max, size_t bytes)
{
        size_t count = 0;

        for (int row = 0; row < PQntuples(result) && count < rows_max; row++) {
                size_t size = read_row_bytes(result, row, 0);

                if (count > 0 && size > bytes)
                        break;
                bytes -= min_of(bytes, size);
                if (!read_row_columns(result, row, 0, asking->job.arena, &rows[count++]))
                        asking->failed = true;
        }
        return count;
}

/* All that was asked for, and one more that says whether there are others. */
static void take_page(struct asking *asking, uint32_t rows_max, size_t bytes, struct store_answer *answer,
                      const PGresult *result)
{
        answer->rows.rows = arena_array(asking->job.arena, struct store_row, rows_max + 1);
        if (!answer->rows.rows) {
                asking->failed = true;
                return;
        }
        answer->rows.row_count = take(asking, result, answer->rows.rows, rows_max, bytes);
        answer->rows.more = (size_t)PQntuples(result) > answer->rows.row_count;
}

static void take_before(struct asking *asking, const struct store_question *question, struct store_answer *answer,
                        const PGresult *result)
{
        struct store_row *rows = arena_array(asking->job.arena, struct store_row, question->around.rows_max + 1);
        size_t count;

        if (!rows) {
                asking->failed = true;
                return;
        }
        count = take(asking, result, rows, question->around.rows_max / 2, question->bytes_max / 2);
        for (size_t i = 0; i < count / 2; i++) {
                struct store_row row = rows[i];

                rows[i] = rows[count - 1 - i];
                rows[count - 1 - i] = row;
        }
        answer->rows.rows = rows;
        answer->rows.row_count = count;
}

static void take_from(struct asking *asking, const struct store_question *question, struct store_answer *answer,
                      const PGresult *result)
{
        size_t before = answer->rows.row_count, bytes = question->bytes_max;

        for (size_t i = 0; i < before; i++)
                bytes -= min_of(bytes, row_bytes(&answer->rows.rows[i]));
        answer->rows.row_count +=
                take(asking, result, answer->rows.rows + before, question->around.rows_max - before, bytes);
}

void take_rows(struct asking *asking, size_t place, enum sql sql, const PGresult *result)
{
        const struct store_question *question = &asking->job.questions[place];
        struct store_answer *answer = &asking->job.answers[place];

        if (sql == SQL_ASK_ROOM)
                take_room(asking, answer, result);
        else if (answer->status)
                return;
        else if (sql == SQL_ASK_CHANGES)
                take_page(asking, question->changes.rows_max, question->bytes_max, answer, result);
        else if (sql == SQL_ASK_PINS)
                take_page(asking, question->pins.rows_max, question->bytes_max, answer, result);
        else if (sql == SQL_ASK_BEFORE)
                take_before(asking, question, answer, result);
        else if (answer->rows.rows)
                take_from(asking, question, answer, result);
}
