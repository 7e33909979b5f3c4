/* Looks through the whole database for what must always be true. For tests, for galkad check, and after a crash. */
#include <inttypes.h>
#include <stdio.h>

#include "base/assert.h"
#include "driver/store/postgres/asking.h"
#include "driver/store/postgres/read.h"

#define FAULT_SIZE    200
#define COLUMN_MEMBER 7 /* of CHECK_LOWEST */

void ask_check(struct asking *asking, size_t question)
{
        static const enum sql asked[] = {SQL_CHECK_COUNTS,  SQL_CHECK_LOG,    SQL_CHECK_HEADS,
                                         SQL_CHECK_MEMBERS, SQL_CHECK_GROUPS, SQL_CHECK_LOWEST};

        for (size_t i = 0; i < countof(asked); i++)
                asking_queue(asking, question, asked[i], NULL);
}

static void fault(struct asking *asking, struct store_answer *answer, const struct id *room, uint64_t number,
                  const char *what, struct slice why)
{
        char text[FAULT_SIZE], name[ID_TEXT_SIZE];

        if (answer->check.faults++ > 0)
                return;
        id_format(room, name);
        snprintf(text, sizeof(text), "room %s: %s %" PRIu64 " %.*s", name, what, number, (int)why.size,
                 (const char *)why.data);
        asking->failed |= !arena_copy(asking->job.arena, slice_text(text), &answer->check.first_fault);
}

/* Rows of room, number, what is wrong. */
static void take_faults(struct asking *asking, struct store_answer *answer, const char *what, const PGresult *result)
{
        for (int row = 0; row < PQntuples(result); row++) {
                struct id room = value_id(result, row, 0);

                fault(asking, answer, &room, value_number(result, row, 1), what, value_bytes(result, row, 2));
        }
}

/* Members of one room from `row` on. Returns the first row of the next. */
static int check_lowest(struct asking *asking, struct store_answer *answer, const PGresult *result, int row)
{
        struct id room = value_id(result, row, 0);
        struct store_lowest stored, right;
        struct member *members;
        uint64_t left;
        int end = row;

        while (end < PQntuples(result) && slice_equal(value_bytes(result, end, 0), slice_of(room.bytes, sizeof(room.bytes))))
                end++;
        arena_reset(&asking->arena);
        members = arena_array(&asking->arena, struct member, (size_t)(end - row));
        if (!members) {
                asking->failed = true;
                return end;
        }
        for (int i = row; i < end; i++)
                members[i - row] = read_member_columns(result, i, COLUMN_MEMBER, &left);
        right = lowest_of(members, (size_t)(end - row));
        if (!lowest_get(value_bytes(result, row, 6), &stored) || !lowest_equal(&stored, &right))
                fault(asking, answer, &room, (uint64_t)(end - row), "of",
                      SLICE_LITERAL("members has other lowest marks than theirs"));
        return end;
}

void take_check(struct asking *asking, size_t question, enum sql sql, const PGresult *result)
{
        struct store_answer *answer = &asking->job.answers[question];

        if (sql == SQL_CHECK_COUNTS) {
                answer->check.rooms = value_number(result, 0, 0);
                answer->check.rows = value_number(result, 0, 1);
        } else if (sql == SQL_CHECK_LOWEST) {
                for (int row = 0; row < PQntuples(result) && !asking->failed;)
                        row = check_lowest(asking, answer, result, row);
        } else {
                static const char *const what[SQL_COUNT] = {[SQL_CHECK_LOG] = "row",
                                                            [SQL_CHECK_HEADS] = "at head",
                                                            [SQL_CHECK_MEMBERS] = "user",
                                                            [SQL_CHECK_GROUPS] = "its"};

                take_faults(asking, answer, what[sql], result);
        }
}
